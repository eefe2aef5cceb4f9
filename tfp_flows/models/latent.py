"""Using the latent space: between two events, and along an attribute.

    linear       z(t) = (1 - t) z_0 + t z_1
    spherical    z(t) = (sin((1 - t) w) z_0 + sin(t w) z_1) / sin w,   w the angle between z_0 and z_1

In many dimensions a Gaussian's samples lie near a sphere: the straight line leaves it, the great circle stays.
Glow, arXiv:1807.03039, section 6 (linear; attributes); White, arXiv:1609.04468, section 2.1 (spherical).
"""

import numpy as np
import tensorflow as tf

from tfp_flows.tensors import is_positive_integer

_PATHS = ("linear", "spherical")


def interpolate(flow, x0, x1, steps=8, path="spherical", context=None):
    """Events between two events, by the latent space; the first and the last are x0 and x1 again.

    Args:
        flow: `tfp_flows.Flow` that can encode.
        x0, x1: one event each (*event_shape), or batches (batch, *event_shape) of them; integers where the flow
            dequantizes.
        steps: int >= 2, events along the way, both ends included.
        path: "spherical" or "linear".
        context: as in `Flow.encode`, (batch, ...), the same all along the way.

    Returns:
        tensor (steps, *event_shape), or (batch, steps, *event_shape) for batches.

    Raises:
        ValueError: for unlike shapes, steps below 2, an unknown path, or a flow without a latent.

    Example:
        >>> import tfp_flows
        >>> from tfp_flows.models import latent
        >>> flow = tfp_flows.RealNVP(event_shape=(2,), num_layers=2, hidden_units=(8,))
        >>> latent.interpolate(flow, [0.0, 1.0], [2.0, 1.0], steps=3, path="linear").numpy().round(3).tolist()
        [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]]
    """
    if not is_positive_integer(steps) or steps < 2:
        raise ValueError(f"Expected steps to be an integer of at least 2; got {steps!r}.")
    if path not in _PATHS:
        raise ValueError(f"Expected path to be one of {list(_PATHS)}; got {path!r}.")
    (x0, is_single), (x1, _) = _as_batch(flow, x0), _as_batch(flow, x1)
    if x0.shape != x1.shape:
        raise ValueError(f"Expected two events or batches of one shape; got {x0.shape} and {x1.shape}.")
    z0, z1 = flow.encode(x0, context=context), flow.encode(x1, context=context)
    batch, latent = len(x0), flow.latent_shape
    t = tf.reshape(tf.linspace(tf.zeros([], z0.dtype), tf.ones([], z0.dtype), steps), [1, steps, *[1] * len(latent)])
    z = tf.reshape(_between(z0[:, None], z1[:, None], t, path), [batch * steps, *latent])
    # A label for all needs no repeating.
    repeated = context if context is None or np.ndim(context) == 0 else tf.repeat(context, steps, axis=0)
    x = tf.reshape(flow.decode(z, context=repeated), [batch, steps, *flow.event_shape])
    return x[0] if is_single else x


def attribute_direction(flow, with_attribute, without, context=None, context_without=None):
    """The latent direction of an attribute: mean of z with it minus mean of z without.

    Args:
        flow: `tfp_flows.Flow` that can encode.
        with_attribute, without: events (n, *event_shape) and (m, *event_shape).
        context, context_without: of the two, as in `Flow.encode`.

    Returns:
        tensor (*latent_shape); `flow.decode(flow.encode(x) + strength * direction)` gives x more of the attribute.

    Raises:
        ValueError: for bad events, or a flow without a latent.

    Example:
        >>> import tfp_flows
        >>> from tfp_flows.models import latent
        >>> flow = tfp_flows.RealNVP(event_shape=(2,), num_layers=2, hidden_units=(8,))
        >>> latent.attribute_direction(flow, [[1.0, 2.0]], [[0.0, 2.0]]).shape.as_list()
        [2]
    """
    means = [
        tf.reduce_mean(flow.encode(np.asarray(x), context=c), axis=0)
        for x, c in ((with_attribute, context), (without, context_without))
    ]
    return means[0] - means[1]


def _as_batch(flow, x):
    x = np.asarray(x)
    is_single = x.ndim == len(flow.event_shape)
    return (x[None] if is_single else x), is_single


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
