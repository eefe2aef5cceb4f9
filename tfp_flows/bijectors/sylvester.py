"""Sylvester flow: a planar flow of several directions at once, which do not get into each other's way.

    forward:  y = x + Q R_1 tanh(R_2 Q^T x + b)
              log_det = sum_i log(1 + (1 - tanh^2(h_i)) r_1,ii r_2,ii),   h = R_2 Q^T x + b
    inverse:  s + R_1 tanh(R_2 s + b) = Q^T y for s, from the last row to the first, one root each; then
              x = y - Q R_1 tanh(R_2 s + b)

    Q   n x M, orthonormal columns: the first of a product of Householder reflections I - 2 v v^T / |v|^2,
        or those of the identity, or of the identity reversed
    R   M x M, upper triangular, diagonals tanh of the parameters, their products kept above -1

Forward and log_det are O(n M) and a pass, the inverse is M searches, one after the other.
Van den Berg, Hasenclever, Tomczak and Welling, Sylvester normalizing flows, arXiv:1803.05649, section 3.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from tfp_flows.bijectors.parametrized import Parametrized, check_sizes
from tfp_flows.numerics.reflections import reflect
from tfp_flows.numerics.tanh_root import slope_of_tanh, tanh_root

ORTHOGONALS = ("householder", "identity", "reversed")
_MOST = 8
# How near to folding space the map may come.
_LEAST = 1e-3


class Sylvester(Parametrized):
    """x + Q R_1 tanh(R_2 Q^T x + b).

    Args:
        num_features: int, n.
        num_hidden: int, M, from 1 to n; None for n, and 8 at most.
        orthogonal: "householder", or "identity" and "reversed" in turn for the triangular kind of the paper.
        num_reflections: int, of Householder's; None for as many as hidden units.
        conditioner: None for weights of its own; or a Keras layer with a context_shape, of `num_params` outputs, for
            parameters from a context, see `networks.OfContext`.
        seed: int, of where the parameters begin.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where a size is no positive integer, num_hidden is above n, orthogonal is another word, reflections
            are asked of another kind, or the conditioner is no such layer.

    Example:
        >>> from tfp_flows import bijectors
        >>> sylvester = bijectors.Sylvester(3, num_hidden=2)
        >>> y = sylvester.forward(tf.ones([2, 3]))
        >>> bool(tf.reduce_max(tf.abs(sylvester.inverse(tf.identity(y)) - 1.0)) < 1e-5)
        True
    """

    def __init__(
        self,
        num_features: int,
        num_hidden: int | None = None,
        orthogonal: str = "householder",
        num_reflections: int | None = None,
        conditioner: keras.layers.Layer | None = None,
        seed: int = 0,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        check_sizes(num_features=num_features)
        num_hidden = min(num_features, _MOST) if num_hidden is None else num_hidden
        check_sizes(num_hidden=num_hidden)
        if num_hidden > num_features:
            raise ValueError(f"Expected num_hidden of at most num_features={num_features}; got {num_hidden}.")
        if orthogonal not in ORTHOGONALS:
            raise ValueError(f"Expected orthogonal to be one of {list(ORTHOGONALS)}; got {orthogonal!r}.")
        if orthogonal != "householder" and num_reflections is not None:
            raise ValueError(f"Expected num_reflections of orthogonal='householder' alone; got {orthogonal!r}.")
        num_reflections = num_hidden if num_reflections is None else num_reflections
        check_sizes(num_reflections=num_reflections)
        self.num_hidden, self.orthogonal = int(num_hidden), orthogonal
        square = (num_hidden, num_hidden)
        shapes = {"r_1": square, "r_2": square, "b": (num_hidden,)}
        if orthogonal == "householder":
            shapes["v"] = (num_reflections, num_features)
        super().__init__(num_features, shapes, conditioner, seed, dtype, name)

    def _forward_and_log_det(self, x, context=None):
        given = self._constrained(x, context)
        h = _times(given["r_2"], self._turn(x, given)[..., : self.num_hidden]) + given["b"]
        return x + self._pushed(h, given), self._log_det(h, given)

    def _inverse_and_log_det(self, y, context=None):
        given = self._constrained(y, context)
        r_1, r_2, b = (given[key] for key in ("r_1", "r_2", "b"))
        turned = self._turn(y, given)
        found, hidden = [], []
        for i in reversed(range(self.num_hidden)):
            # What the rows below it, which are known by now, add to this one.
            beside = sum((r_2[..., i, j] * s for j, s in found), b[..., i])
            target = turned[..., i] - sum(r_1[..., i, j] * t for j, t in hidden)
            s = tanh_root(target, r_1[..., i, i], r_2[..., i, i], beside)
            found.append((i, s))
            hidden.append((i, tf.tanh(r_2[..., i, i] * s + beside)))
        h = _times(r_2, tf.stack([s for _, s in reversed(found)], -1)) + b
        return y - self._pushed(h, given), -self._log_det(h, given)

    def _pushed(self, h, given):
        """Q R_1 tanh(h), (..., n)."""
        push = _times(given["r_1"], tf.tanh(h))
        rest = [[0, 0]] * (push.shape.rank - 1) + [[0, self.num_features - self.num_hidden]]
        return self._turn(tf.pad(push, rest), given, back=True)

    def _log_det(self, h, given):
        diagonal = tf.linalg.diag_part(given["r_1"]) * tf.linalg.diag_part(given["r_2"])
        return tf.reduce_sum(tf.math.log1p(diagonal * slope_of_tanh(h)), -1)

    def _turn(self, x, given, back=False):
        """Q^T x of all n rows, or Q x."""
        if self.orthogonal != "householder":
            return x if self.orthogonal == "identity" else tf.reverse(x, [-1])
        return reflect(x, given["v"], back)

    def _constrained(self, values, context):
        given = self._given_by(values, context)
        for key, most in (("r_1", 1.0), ("r_2", 1 - _LEAST)):
            upper = tf.linalg.band_part(given[key], 0, -1)
            given[key] = tf.linalg.set_diag(upper, most * tf.tanh(tf.linalg.diag_part(upper)))
        return given


def _times(matrix, vector):
    return tf.squeeze(tf.matmul(matrix, vector[..., tf.newaxis]), -1)
