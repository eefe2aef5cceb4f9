"""Planar flow: events are pushed along one direction, by how far they are along another.

    forward:  y = x + u' tanh(a + b),   a = w.x                  log_det = log(1 + m (1 - tanh^2(a + b)))
              u' = u + (m - w.u) w / |w|^2,   m = w.u' = softplus(w.u + log(e - 1)) - 1 > -1, kept 1e-3 away from it
    inverse:  a + m tanh(a + b) = w.y for a, then x = y - u' tanh(a + b)

Forward and log_det are O(n). The inverse searches the root of one number an event, kept between w.y - |m| and w.y +
|m|; its gradients are the implicit function theorem's.
Rezende and Mohamed, Variational inference with normalizing flows, arXiv:1505.05770, section 4.1 and appendix A.1.
"""

from __future__ import annotations

import math

import keras
import tensorflow as tf

from tfp_flows.bijectors.parametrized import Parametrized, check_sizes
from tfp_flows.numerics.tanh_root import slope_of_tanh, tanh_root

# How near to folding space the map may come: the least slope along w.
_LEAST = 1e-3
_SHIFT = math.log(math.e - 1)


class Planar(Parametrized):
    """z + u tanh(w.z + b), kept invertible.

    Args:
        num_features: int, n.
        conditioner: None for weights of its own; or a Keras layer with a context_shape, of 2 n + 1 outputs, for
            parameters from a context: `networks.OfContext(networks.MLP(2 * n + 1), (m,))`.
        seed: int, of where the parameters begin.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where num_features is no positive integer, or the conditioner is no such layer.

    Example:
        >>> from tfp_flows import bijectors
        >>> planar = bijectors.Planar(3)
        >>> y = planar.forward(tf.ones([2, 3]))
        >>> bool(tf.reduce_max(tf.abs(planar.inverse(tf.identity(y)) - 1.0)) < 1e-5)
        True
    """

    def __init__(
        self,
        num_features: int,
        conditioner: keras.layers.Layer | None = None,
        seed: int = 0,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        check_sizes(num_features=num_features)
        shapes = {"w": (num_features,), "u": (num_features,), "b": ()}
        super().__init__(num_features, shapes, conditioner, seed, dtype, name)

    def _forward_and_log_det(self, x, context=None):
        w, u, b, m = self._constrained(x, context)
        h = tf.reduce_sum(w * x, -1) + b
        return x + u * tf.tanh(h)[..., tf.newaxis], tf.math.log1p(m * slope_of_tanh(h))

    def _inverse_and_log_det(self, y, context=None):
        w, u, b, m = self._constrained(y, context)
        h = tanh_root(tf.reduce_sum(w * y, -1), m, tf.ones_like(m), b) + b
        return y - u * tf.tanh(h)[..., tf.newaxis], -tf.math.log1p(m * slope_of_tanh(h))

    def _constrained(self, values, context):
        """w, u', b and w.u'."""
        given = self._given_by(values, context)
        w, u, b = (given[key] for key in "wub")
        along = tf.reduce_sum(w * u, -1)
        m = (1 - _LEAST) * (tf.nn.softplus(along + _SHIFT) - 1)
        square = tf.maximum(tf.reduce_sum(w**2, -1), 1e-12)
        return w, u + ((m - along) / square)[..., tf.newaxis] * w, b, m
