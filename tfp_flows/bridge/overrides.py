"""Mix-ins that override private methods of a library refuse to, once the library no longer has those methods.

An override of a method that is gone is called by nobody: it fails in silence. Here the class statement fails instead.
"""


class Overrides:
    """Base of mix-ins that come before a library's class and override methods of it that are private.

    A mix-in names them in `overrides`. A class that is made of it is refused where none of its other bases has them.

    Raises:
        ImportError: when such a class is defined, and hence imported, over a library without the method.

    Example:
        >>> from tfp_flows.bridge.overrides import Overrides
        >>> class Quiet(Overrides):
        ...     overrides = ("_speak",)
        ...     def _speak(self):
        ...         pass
        >>> class Silent(Quiet, dict):
        ...     pass
        Traceback (most recent call last):
        ImportError: Expected a method '_speak' of dict to override by Quiet; got a release of it without.
    """

    # str, each the name of a method.
    overrides = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for mixin in cls.__mro__:
            for name in vars(mixin).get("overrides", ()) if issubclass(mixin, Overrides) else ():
                _require(cls, mixin, name)


def _require(cls, mixin, name):
    bases = cls.__mro__[cls.__mro__.index(mixin) + 1 :]
    others = [base for base in bases if not issubclass(base, Overrides) and base is not object]
    # The mix-in itself, which stands on nothing yet.
    if others and not any(name in vars(base) for base in others):
        raise ImportError(
            f"Expected a method {name!r} of {others[0].__name__} to override by {mixin.__name__}; "
            "got a release of it without."
        )
