"""What all conditioners ask of a context: its shape when they are made, its presence when they are called."""

from tfp_flows.tensors import check_shape


def check_context_shape(context_shape):
    """None, or the shape (n,) as a tuple of one int.

    Args:
        context_shape: None, tuple or list.

    Raises:
        ValueError: for anything else.

    Example:
        >>> from tfp_flows.networks import conditioning
        >>> conditioning.check_context_shape([3])
        (3,)
    """
    shape = None if context_shape is None else check_shape(context_shape, "context_shape")
    if shape is not None and len(shape) != 1:
        raise ValueError(f"Expected context_shape (n,); got {shape}.")
    return shape


def require_context(context, context_shape):
    """Refuses a context that is missing or not wanted.

    Args:
        context: tensor or None.
        context_shape: what `check_context_shape` gave.

    Raises:
        ValueError: where only one of the two is None.

    Example:
        >>> from tfp_flows.networks import conditioning
        >>> conditioning.require_context(None, (3,))
        Traceback (most recent call last):
        ValueError: Expected a context of shape (batch, 3); got none.
    """
    if (context is None) != (context_shape is None):
        wanted = "no context" if context_shape is None else f"a context of shape (batch, {context_shape[0]})"
        raise ValueError(f"Expected {wanted}; got {'none' if context is None else 'one'}.")
