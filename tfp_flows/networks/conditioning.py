"""What all conditioners ask of a context: its shape when they are made, its presence when they are called."""

import tensorflow as tf

from tfp_flows.numerics.tensors import check_shape


def check_context_shape(context_shape, images=False):
    """None, or the shape (n,) as a tuple of one int; (height, width, channels) too where images are taken.

    Args:
        context_shape: None, tuple or list.
        images: bool.

    Raises:
        ValueError: for anything else.

    Example:
        >>> from tfp_flows.networks import conditioning
        >>> conditioning.check_context_shape([3])
        (3,)
        >>> conditioning.check_context_shape([8, 8, 1], images=True)
        (8, 8, 1)
    """
    shape = None if context_shape is None else check_shape(context_shape, "context_shape")
    if shape is not None and len(shape) not in ((1, 3) if images else (1,)):
        raise ValueError(
            f"Expected context_shape (n,){' or (height, width, channels)' if images else ''}; got {shape}."
        )
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
        shape = "" if context_shape is None else ", ".join(map(str, ("batch", *context_shape)))
        wanted = f"a context of shape ({shape})" if shape else "no context"
        raise ValueError(f"Expected {wanted}; got {'none' if context is None else 'one'}.")


def squeeze_factor(image_shape, context_shape):
    """By how much a context image is larger than the image that it goes with: blocks of its pixels become channels.

    Args:
        image_shape, context_shape: tuples (height, width, channels).

    Raises:
        ValueError: where it is not the same whole number in height and width.

    Example:
        >>> from tfp_flows.networks import conditioning
        >>> conditioning.squeeze_factor((4, 6, 8), (8, 12, 1))
        2
    """
    (height, width, _), (context_height, context_width, _) = image_shape, context_shape
    factor = context_height // height if height and width else 0
    if factor < 1 or (context_height, context_width) != (factor * height, factor * width):
        raise ValueError(
            f"Expected a context image of {height} x {width} pixels, or of the same multiple of both; "
            f"got {context_height} x {context_width}."
        )
    return factor


def beside(image, context, factor):
    """An image with its context as further channels.

    Args:
        image: tensor (batch, height, width, channels).
        context: tensor (batch, factor height, factor width, context_channels).
        factor: int, see `squeeze_factor`.

    Returns:
        tensor (batch, height, width, channels + factor^2 context_channels).

    Example:
        >>> from tfp_flows.networks import conditioning
        >>> conditioning.beside(tf.ones([5, 2, 2, 3]), tf.ones([5, 4, 4, 1]), 2).shape.as_list()
        [5, 2, 2, 7]
    """
    context = context if factor == 1 else tf.nn.space_to_depth(context, factor)
    return tf.concat([image, context], axis=-1)
