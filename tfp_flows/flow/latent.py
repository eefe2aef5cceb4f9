"""Using the latent space: between two events, and along an attribute.

    linear       z(t) = (1 - t) z_0 + t z_1
    spherical    z(t) = (sin((1 - t) w) z_0 + sin(t w) z_1) / sin w,   w the angle between z_0 and z_1

In many dimensions a Gaussian's samples lie near a sphere: the straight line leaves it, the great circle stays. Between
two contexts the way is straight, between two classes that between their one-hot vectors.
Glow, arXiv:1807.03039, section 6 (linear; attributes); White, arXiv:1609.04468, section 2.1 (spherical); between
classes as BigGAN, arXiv:1809.11096, figure 8.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows.bijectors.routing import context_options
from tfp_flows.bridge.traces import traced
from tfp_flows.flow import context as contexts
from tfp_flows.flow.flow import Flow
from tfp_flows.numerics.tensors import is_positive_integer

PATHS = ("spherical", "linear")


def interpolate(
    flow: Flow,
    x0: ArrayLike,
    x1: ArrayLike,
    steps: int = 8,
    path: str = "spherical",
    context: ArrayLike | None = None,
    context1: ArrayLike | None = None,
) -> tf.Tensor:
    """Events between two events, by the latent space; the first and the last are x0 and x1 again.

    Args:
        flow: `tfp_flows.Flow` that can encode.
        x0, x1: one event each (*event_shape), or batches (batch, *event_shape) of them; integers where the flow
            dequantizes.
        steps: int >= 2, events along the way, both ends included.
        path: "spherical" or "linear".
        context: of x0 as in `Flow.encode`, (batch, ...), and the same all along the way but for `context1`.
        context1: of x1, where it is another; the context then goes from the one to the other along the way.

    Returns:
        tensor (steps, *event_shape), or (batch, steps, *event_shape) for batches.

    Raises:
        ValueError: for unlike shapes, steps below 2, an unknown path, a bad context, or a flow without a latent.

    Example:
        >>> import tfp_flows
        >>> from tfp_flows.flow import latent
        >>> flow = tfp_flows.RealNVP(event_shape=(2,), num_layers=2, hidden_units=(8,))
        >>> latent.interpolate(flow, [0.0, 1.0], [2.0, 1.0], steps=3, path="linear").numpy().round(3).tolist()
        [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]]
    """
    if not is_positive_integer(steps) or steps < 2:
        raise ValueError(f"Expected steps to be an integer of at least 2; got {steps!r}.")
    if path not in PATHS:
        raise ValueError(f"Expected path to be one of {list(PATHS)}; got {path!r}.")
    (x0, is_single), (x1, _) = _as_batch(flow, x0), _as_batch(flow, x1)
    if x0.shape != x1.shape:
        raise ValueError(f"Expected two events or batches of one shape; got {x0.shape} and {x1.shape}.")
    is_moving = context1 is not None
    z0, z1 = flow.encode(x0, context=context), flow.encode(x1, context=context1 if is_moving else context)
    batch, latent = len(x0), flow.latent_shape
    z = _between(z0[:, None], z1[:, None], _times(steps, z0), path)
    z = tf.reshape(z, [batch * steps, *latent])
    if is_moving:
        x = _decode_on_the_way(flow, z, context, context1, batch, steps)
    else:
        # A label for all needs no repeating.
        x = flow.decode(z, context=context if np.ndim(context) == 0 else tf.repeat(context, steps, axis=0))
    x = tf.reshape(x, [batch, steps, *flow.event_shape])
    return x[0] if is_single else x


def attribute_direction(
    flow: Flow,
    with_attribute: ArrayLike,
    without: ArrayLike,
    context: ArrayLike | None = None,
    context_without: ArrayLike | None = None,
    batch_size: int = 500,
) -> tf.Tensor:
    """The latent direction of an attribute: mean of z with it minus mean of z without.

    Args:
        flow: `tfp_flows.Flow` that can encode.
        with_attribute, without: events (n, *event_shape) and (m, *event_shape).
        context, context_without: of the two, as in `Flow.encode`. The attribute is then what the context does not say.
        batch_size: int, events encoded at a time.

    Returns:
        tensor (*latent_shape); `flow.decode(flow.encode(x) + strength * direction)` gives x more of the attribute.

    Raises:
        ValueError: for bad events, or a flow without a latent.

    Example:
        >>> import tfp_flows
        >>> from tfp_flows.flow import latent
        >>> flow = tfp_flows.RealNVP(event_shape=(2,), num_layers=2, hidden_units=(8,))
        >>> latent.attribute_direction(flow, [[1.0, 2.0]], [[0.0, 2.0]]).shape.as_list()
        [2]
    """
    if not is_positive_integer(batch_size):
        raise ValueError(f"Expected batch_size to be a positive integer; got {batch_size!r}.")
    return _mean_latent(flow, with_attribute, context, batch_size) - _mean_latent(
        flow, without, context_without, batch_size
    )


def _mean_latent(flow, x, context, batch_size):
    x, total = np.asarray(x), 0.0
    for i in range(0, max(1, len(x)), batch_size):
        part = context if np.ndim(context) == 0 else context[i : i + batch_size]
        total += tf.reduce_sum(flow.encode(x[i : i + batch_size], context=part), axis=0)
    return total / len(x)


def _decode_on_the_way(flow, z, context0, context1, batch, steps):
    """Events of latents (batch * steps, ...), each context between those of the two ends."""
    c0, c1 = (
        tf.cast(contexts.features(flow, *contexts.check(flow, c, batch)), flow.variable_dtype)
        for c in (context0, context1)
    )
    c = _between(c0[:, None], c1[:, None], _times(steps, c0), "linear")
    c = tf.reshape(c, [batch * steps, *c0.shape[1:]])
    bijector = flow.distribution.bijector
    return traced(bijector.forward)(z, **context_options(bijector, c))


def _as_batch(flow, x):
    x = np.asarray(x)
    is_single = x.ndim == len(flow.event_shape)
    return (x[None] if is_single else x), is_single


def _times(steps, like):
    """From 0 to 1, shaped (1, steps, 1, ...), for tensors of the rank and dtype of `like` (batch, ...)."""
    t = tf.linspace(tf.zeros([], like.dtype), tf.ones([], like.dtype), steps)
    return tf.reshape(t, [1, steps, *[1] * (like.shape.rank - 1)])


def _between(z0, z1, t, path):
    if path == "linear":
        return (1 - t) * z0 + t * z1
    axes = list(range(2, z0.shape.rank))

    def norm(z):
        return tf.sqrt(tf.reduce_sum(tf.square(z), axes, keepdims=True))

    cosine = tf.reduce_sum(z0 * z1, axes, keepdims=True) / tf.maximum(norm(z0) * norm(z1), 1e-12)
    angle = tf.acos(tf.clip_by_value(cosine, -1.0, 1.0))
    sine = tf.sin(angle)
    # Parallel or opposite latents have no one great circle: the straight line then.
    is_flat = tf.abs(sine) < 1e-4
    safe = tf.where(is_flat, tf.ones_like(sine), sine)
    great_circle = (tf.sin((1 - t) * angle) * z0 + tf.sin(t * angle) * z1) / safe
    return tf.where(is_flat, (1 - t) * z0 + t * z1, great_circle)
