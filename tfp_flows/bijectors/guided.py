"""Latent -> data through autoregressive layers whose parameters are guided: moved away from those of another context.

    y = f(x; other + w (own - other)),   layer by layer

Of w other than 1 it is no bijection of a density: samples only.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.routing import takes_context

tfb = tfp.bijectors


def forward_guided(
    bijector: tfb.Bijector, x: tf.Tensor, context: tf.Tensor, other: tf.Tensor, guidance: float
) -> tf.Tensor:
    """The image of latents, every layer that takes the context guided.

    Args:
        bijector: `tfp_flows.bijectors.Autoregressive`, or a `Chain` of such and of bijectors without a context.
        x: tensor (batch, *latent).
        context, other: tensors (batch, *context_shape), what samples are to be more of, and less.
        guidance: float, w of the last element of each layer, see `Autoregressive.forward_guided`.

    Returns:
        tensor (batch, *event).

    Raises:
        ValueError: where another bijector than these takes the context.

    Example:
        >>> from tfp_flows import bijectors, networks, transforms
        >>> made = networks.MADE(2, 1, 4, context_shape=(3,), output_initializer="ones")
        >>> layer = bijectors.Autoregressive(2, made, transforms.Shift())
        >>> x, own, other = tf.zeros([1, 2]), tf.ones([1, 3]), -tf.ones([1, 3])
        >>> plain = bijectors.forward_guided(layer, x, own, other, guidance=1.0)
        >>> bool(tf.reduce_all(tf.abs(plain - layer.forward(x, context=own)) < 1e-6))
        True
    """

    def step(part, way, place, value, **_):
        if not takes_context(part):
            return part.forward(value)
        if hasattr(part, "forward_guided"):
            return part.forward_guided(value, context, other, guidance)
        walked = part.walk_parts(way, step, value, context=context) if hasattr(part, "walk_parts") else None
        if walked is None:
            raise ValueError(f"Expected autoregressive layers alone to take the context that guides; got {place}.")
        return walked

    return step(bijector, "forward", f"{bijector.name!r}", x)
