"""The distribution of every autoregressive model: the same layers, taken in one direction or in the other.

data -> to reals -> (ActNorm -> autoregressive) x num_layers -> standard normal
"""

import tensorflow_probability as tfp

from tfp_flows.bijectors import ActNorm, Autoregressive, Chain
from tfp_flows.models.blocks.conditioning import networks_context_shape, standardized
from tfp_flows.numerics.tensors import is_positive_integer

tfb, tfd = tfp.bijectors, tfp.distributions


def check_layers(num_layers, context_shape, num_classes, context_network=None):
    """Refuses what no autoregressive model takes, before anything is built.

    Raises:
        ValueError: where num_layers is no positive integer, a context's shape is none, or there are two kinds of it.
    """
    networks_context_shape(context_shape, num_classes, context_network)
    if not is_positive_integer(num_layers):
        raise ValueError(f"Expected num_layers to be a positive integer; got {num_layers!r}.")


def distribution(
    base,
    first,
    num_layers,
    make_network,
    transform,
    actnorm,
    inverted,
    dtype="float32",
    context_shape=None,
    context_network=None,
):
    """A base distribution pushed through the layers.

    Args:
        base: `tfd.Distribution`, of the event's shape.
        first: list of bijectors, data -> latent, before the layers.
        num_layers: int.
        make_network: function of a layer's number that gives its conditioner.
        transform: `tfp_flows.transforms.Transform`.
        actnorm: None, "channels" for an ActNorm of the last axis before each layer, or "event" for one whose scale and
            shift all elements share, which does not depend on their number.
        inverted: bool, whether a layer's parallel direction is that of samples.
        dtype: str, of the bijectors and the base.
        context_shape: tuple (m,) of a context whose columns are taken in standard units, or None.
        context_network: Keras layer that makes a vector of it, or None.

    Returns:
        `tfd.TransformedDistribution`.
    """
    layers, shape = [], tuple(base.event_shape)
    for k in range(num_layers):
        if actnorm == "channels":
            layers.append(ActNorm(shape[-1], event_ndims=len(shape), dtype=dtype))
        elif actnorm == "event":
            column = tfb.Reshape(event_shape_in=(*shape, 1), event_shape_out=shape)
            layers += [column, ActNorm(1, event_ndims=len(shape) + 1, dtype=dtype), tfb.Invert(column)]
        layer = Autoregressive(shape, make_network(k), transform, dtype=dtype)
        layers.append(tfb.Invert(layer) if inverted else layer)
    if context_shape is not None:
        layers = [standardized(Chain(layers), context_shape, context_network)]
    return tfd.TransformedDistribution(base, Chain([*first, *layers]))
