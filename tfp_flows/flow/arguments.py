"""What a flow was made with, so that a `.keras` file can make it again: the arguments of its constructor, where plain.

Keras records a layer's arguments by itself, but not a model's.
"""

import inspect

import tensorflow_probability as tfp

# TFP says of neither what would build it again.
_NOT_IN_A_FILE = (tfp.distributions.Distribution, tfp.bijectors.Bijector)
_PLAIN = (str, int, float, bool, type(None))


def record(kind, args, kwargs):
    """The arguments by name, defaults included; None where some are more than numbers, strings and containers of them.

    Args:
        kind: class.
        args, kwargs: what its constructor is called with.

    Example:
        >>> from tfp_flows.flow import arguments
        >>> class Pair:
        ...     def __init__(self, first, second=(1, 2), **rest):
        ...         pass
        >>> arguments.record(Pair, ("a",), dict(third=3.0))
        {'first': 'a', 'second': (1, 2), 'third': 3.0}
        >>> arguments.record(Pair, (len,), {}) is None
        True
    """
    signature = inspect.signature(kind.__init__)
    try:
        bound = signature.bind(None, *args, **kwargs)
    except TypeError:
        return None
    bound.apply_defaults()
    found = {}
    for name, parameter in list(signature.parameters.items())[1:]:
        value = bound.arguments[name]
        if parameter.kind == parameter.VAR_KEYWORD:
            found.update(value)
        elif parameter.kind == parameter.VAR_POSITIONAL or parameter.kind == parameter.POSITIONAL_ONLY:
            if value != ():
                # No configuration by name can give it back.
                return None
        else:
            found[name] = value
    return found if _is_plain(found) else None


def constructor_arguments(flow, of_ours):
    """What builds a flow again, or None where that is not known.

    Args:
        flow: `tfp_flows.Flow`, made by `record`ing its arguments as `recorded_arguments`.
        of_ours: function, whether a class is one of the package: these say their arguments themselves.
    """
    made_by = next(kind for kind in type(flow).__mro__ if "__init__" in vars(kind))
    if of_ours(made_by):
        given = getattr(flow, "_arguments", None)
        if given is None or any(isinstance(value, _NOT_IN_A_FILE) for value in given.values()):
            return None
        return {"name": flow.name, **given}
    recorded = flow.recorded_arguments
    if recorded is None:
        return None
    parameters = inspect.signature(made_by.__init__).parameters
    takes_name = "name" in parameters or any(p.kind == p.VAR_KEYWORD for p in parameters.values())
    rest = {key: value for key, value in recorded.items() if key != "name"}
    return {"name": flow.name, **rest} if takes_name else rest


def _is_plain(value):
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(member) for key, member in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)
