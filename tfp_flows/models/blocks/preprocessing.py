"""What stands between the data and the first layer, as bijectors whose log_det counts: data in standard units, and
integers on their bins to reals.

standard  y -> (y - mean) / standard deviation, of continuous data (see `bijectors.Standardize`)
quantiles y -> each column of a vector by its quantiles to a standard normal (see `bijectors.QuantileMap`)
auto      y -> the columns that this suits better by their quantiles, the others in standard units
bijector  y -> inverse(y) in standard units, of events with bounds: of a prior, by the bijector that constrains to it
logit     y in (0, num_bins) -> logit of alpha + (1 - 2 alpha) y / num_bins    (RealNVP, arXiv:1605.08803, section 4.1)
centred   y -> y / num_bins - 1/2                                              (Glow's published code)
equalize  y -> levels as wide as they are common, before any of the others    (see `bijectors.Equalize`)
probit    y in [edge_k, edge_k+1) -> a normal of its own                       (see `bijectors.PiecewiseProbit`)
"""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors import Equalize, Logit, PiecewiseProbit, QuantileMap, Standardize
from tfp_flows.bijectors.equalize import check_edges

tfb = tfp.bijectors


# Of continuous data.
KINDS = ("standard", "quantiles", "auto")


def to_reals(
    event_shape,
    num_bins,
    alpha=None,
    edges=None,
    equalize=False,
    dtype="float32",
    per_feature=True,
    kind="standard",
):
    """Bijectors in data -> latent order.

    Args:
        event_shape: tuple, of an event.
        num_bins: int, levels of integer data, or None.
        alpha: float in (0, 0.5), of `Logit`; None for centring.
        edges: None, or increasing ints from 0 to num_bins, of `PiecewiseProbit`; alpha is then not used.
        equalize: bool, whether levels are first equalized, between the edges where there are any.
        dtype: str, of the bijectors.
        per_feature: bool, whether the columns of a vector, or the channels of an image, of continuous data have a mean
            and a standard deviation of their own; otherwise all elements have one.
        kind: "standard", or of vectors of continuous data "quantiles", "auto" or a `tfb.Bijector` without variables
            whose forward takes real vectors to where events lie.

    Raises:
        ValueError: where a bijector changes the shape, is of another dtype or has variables, edges are not increasing
            integers from 0 to num_bins, or edges or equalize are given for continuous data.
    """
    is_bijector = isinstance(kind, tfb.Bijector)
    if not is_bijector and kind not in KINDS:
        raise ValueError(f"Expected preprocessing to be one of {list(KINDS)} or a tfb.Bijector; got {kind!r}.")
    if (is_bijector or kind != "standard") and (num_bins is not None or len(event_shape) != 1):
        got = f"num_bins={num_bins}" if num_bins is not None else f"event_shape={tuple(event_shape)}"
        what = kind.name if is_bijector else kind
        raise ValueError(f"Expected preprocessing={what!r} with vectors of continuous data; got it with {got}.")
    if edges is not None:
        if num_bins is None:
            raise ValueError(f"Expected num_bins beside edges, which are of integer data; got edges={edges!r}.")
        edges = check_edges(edges, num_bins)
    if num_bins is None:
        if equalize:
            raise ValueError("Expected num_bins beside equalize=True, which is of integer data; got None.")
        first = [Standardize(event_shape[-1:] if per_feature else (), len(event_shape), dtype=dtype)]
        if is_bijector:
            return [_checked(kind, event_shape, dtype), *first]
        return (
            first if kind == "standard" else [*first, QuantileMap(*event_shape, is_chosen=kind == "auto", dtype=dtype)]
        )
    first = [Equalize(num_bins, edges, dtype=dtype)] if equalize else []
    if edges is not None:
        return [*first, PiecewiseProbit(edges, dtype=dtype)]
    if alpha is None:
        return [*first, tfb.Scale(tf.constant(num_bins, dtype)), tfb.Shift(tf.constant(0.5, dtype))]
    return [*first, Logit(0.0, float(num_bins), alpha=alpha, dtype=dtype)]


def _checked(bijector, event_shape, dtype):
    """A bijector of the user's that leads a chain."""
    shape = tf.TensorShape(event_shape)
    try:
        there = bijector.inverse_event_shape(shape)
    except ValueError:
        there = None
    if there != shape or bijector.inverse_min_event_ndims > 1:
        raise ValueError(
            f"Expected preprocessing by a bijector of vectors {tuple(event_shape)} that keeps their shape; got "
            f"{bijector.name!r}, which gives {there}."
        )
    if bijector.dtype is not None and tf.as_dtype(bijector.dtype) != tf.as_dtype(dtype):
        got = tf.as_dtype(bijector.dtype).name
        raise ValueError(f"Expected preprocessing by a bijector of dtype {dtype}; got {bijector.name!r} of {got}.")
    if bijector.variables:
        raise ValueError(f"Expected preprocessing by a bijector without variables; got {bijector.name!r}, which has.")
    return bijector
