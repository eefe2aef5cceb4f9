"""Radial flow: events are drawn towards a centre, or pushed away from it.

    forward:  y = c + d (1 + (beta - alpha) / (alpha + r)) = c + d (r + beta) / (alpha + r),   d = x - c,   r = |d|
              alpha, beta > 0: beta < alpha draws in, beta > alpha pushes away
              log_det = (n - 1) log((r + beta) / (alpha + r)) + log((r^2 + 2 alpha r + alpha beta) / (alpha + r)^2)
    inverse:  r^2 + (beta - r') r - alpha r' = 0 for r, of r' = |y - c|, then x = c + (y - c) (alpha + r) / (r + beta)

Both directions are closed, and O(n). beta is the paper's alpha + beta.
Rezende and Mohamed, Variational inference with normalizing flows, arXiv:1505.05770, section 4.1 and appendix A.2.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from tfp_flows.bijectors.parametrized import Parametrized, check_sizes

# What alpha and beta stay above.
_LEAST = 1e-3


class Radial(Parametrized):
    """c + d (r + beta) / (alpha + r).

    Args:
        num_features: int, n.
        conditioner: None for weights of its own; or a Keras layer with a context_shape, of n + 2 outputs, for
            parameters from a context, see `networks.OfContext`.
        seed: int, of where the parameters begin.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where num_features is no positive integer, or the conditioner is no such layer.

    Example:
        >>> from tfp_flows import bijectors
        >>> radial = bijectors.Radial(3)
        >>> y = radial.forward(tf.ones([2, 3]))
        >>> bool(tf.reduce_max(tf.abs(radial.inverse(tf.identity(y)) - 1.0)) < 1e-5)
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
        shapes = {"centre": (num_features,), "alpha": (), "beta": ()}
        super().__init__(num_features, shapes, conditioner, seed, dtype, name)

    def _forward_and_log_det(self, x, context=None):
        centre, alpha, beta = self._constrained(x, context)
        d = x - centre
        r = _norm(d)
        return centre + d * ((r + beta) / (alpha + r))[..., tf.newaxis], self._log_det(r, alpha, beta)

    def _inverse_and_log_det(self, y, context=None):
        centre, alpha, beta = self._constrained(y, context)
        d = y - centre
        far = _norm(d)
        q = far - beta
        root = tf.sqrt(q**2 + 4 * alpha * far)
        # Of the two forms of the root the one that subtracts nothing.
        is_far = q >= 0
        r = tf.where(is_far, (q + root) / 2, 2 * alpha * far / (root - tf.where(is_far, -tf.ones_like(q), q)))
        return centre + d * ((alpha + r) / (r + beta))[..., tf.newaxis], -self._log_det(r, alpha, beta)

    def _log_det(self, r, alpha, beta):
        tangential = tf.math.log(r + beta) - tf.math.log(alpha + r)
        radial = tf.math.log(r**2 + 2 * alpha * r + alpha * beta) - 2 * tf.math.log(alpha + r)
        return (self.num_features - 1) * tangential + radial

    def _constrained(self, values, context):
        given = self._given_by(values, context)
        return given["centre"], *(_LEAST + tf.nn.softplus(given[key]) for key in ("alpha", "beta"))


def _norm(d):
    """|d|, whose gradient at 0 is 0."""
    return tf.sqrt(tf.maximum(tf.reduce_sum(d**2, -1), 1e-30))
