"""What every conditional model is given: a vector as context, or a class label, and how its layers see it."""

from tfp_flows.bijectors import StandardizedContext
from tfp_flows.networks.conditioning import check_context_shape
from tfp_flows.numerics.tensors import is_positive_integer


def networks_context_shape(context_shape, num_classes):
    """The shape of what the networks of a model are given: a vector (m,), a one-hot label, or None.

    Args:
        context_shape: tuple (m,) or None.
        num_classes: int or None.

    Raises:
        ValueError: where one is no such thing, or both are given.

    Example:
        >>> from tfp_flows.models.blocks import conditioning
        >>> conditioning.networks_context_shape((3,), None), conditioning.networks_context_shape(None, 10)
        ((3,), (10,))
    """
    shape = check_context_shape(context_shape)
    if num_classes is not None and not is_positive_integer(num_classes):
        raise ValueError(f"Expected num_classes to be a positive integer or None; got {num_classes!r}.")
    if shape is not None and num_classes is not None:
        raise ValueError(f"Expected context_shape or num_classes; got both, {context_shape!r} and {num_classes!r}.")
    return shape if num_classes is None else (int(num_classes),)


def standardized(bijector, context_shape):
    """The layers of a model, which see a vector's columns in standard units; one-hot labels as they are.

    Args:
        bijector: `tfp_flows.bijectors.Bijector`.
        context_shape: tuple (m,), or None where there is no vector.
    """
    return bijector if context_shape is None else StandardizedContext(bijector, context_shape)
