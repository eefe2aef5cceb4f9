"""What every conditional model is given: a vector, what a network makes one of, or a class label; how layers see it."""

from tfp_flows.bijectors import EmbeddedContext, StandardizedContext
from tfp_flows.networks.conditioning import check_context_shape
from tfp_flows.numerics.tensors import check_shape, is_positive_integer


def networks_context_shape(context_shape, num_classes, context_network=None):
    """The shape of what the networks of a model are given: a vector (m,), a one-hot label, or None.

    Args:
        context_shape: tuple (m,), of any rank beside a network, or None.
        num_classes: int or None.
        context_network: Keras layer, (rows, *context_shape) -> (rows, m), or None.

    Raises:
        ValueError: where one is no such thing, both of the first are given, or a network without a context_shape.

    Example:
        >>> from tfp_flows.models.blocks import conditioning
        >>> conditioning.networks_context_shape((3,), None), conditioning.networks_context_shape(None, 10)
        ((3,), (10,))
    """
    if context_network is not None and context_shape is None:
        raise ValueError("Expected a context_shape beside context_network, the shape of one context; got None.")
    shape = (
        check_context_shape(context_shape) if context_network is None else check_shape(context_shape, "context_shape")
    )
    if num_classes is not None and not is_positive_integer(num_classes):
        raise ValueError(f"Expected num_classes to be a positive integer or None; got {num_classes!r}.")
    if shape is not None and num_classes is not None:
        raise ValueError(f"Expected context_shape or num_classes; got both, {context_shape!r} and {num_classes!r}.")
    if context_network is not None:
        return EmbeddedContext.embedded_shape(context_network, shape)
    return shape if num_classes is None else (int(num_classes),)


def standardized(bijector, context_shape, context_network=None):
    """The layers of a model, which see a vector's columns in standard units; one-hot labels as they are.

    A network sees its contexts' last axis in standard units, so that places, times and members of a set are alike.

    Args:
        bijector: `tfp_flows.bijectors.Bijector`.
        context_shape: tuple (m,), of any rank beside a network, or None where there is no vector.
        context_network: Keras layer that makes the vector, or None.
    """
    if context_shape is None:
        return bijector
    if context_network is not None:
        bijector = EmbeddedContext(bijector, context_network, context_shape)
    return StandardizedContext(bijector, tuple(context_shape)[-1:])
