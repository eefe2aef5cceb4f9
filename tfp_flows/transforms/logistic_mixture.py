"""A mixture of logistics as a monotone map, with an affine map after it: the transform of Flow++'s coupling.

    u_k = (x - mu_k) exp(-s_k)
    y = logit(sum_k pi_k sigmoid(u_k))                     in (-inf, inf), as x
    inverse:  z = y exp(a) + b        log_det = log dy/dx + a
    forward:  y = (z - b) exp(-a), and x from y by Newton's method, kept between bounds that close in
    dy/dx = sum_k pi_k sigmoid(u_k) sigmoid(-u_k) exp(-s_k) / (F (1 - F))       F = sum_k pi_k sigmoid(u_k)
    raw = (log pi_1 .. log pi_K, mu_1 .. mu_K, s_1 .. s_K, a, b), with what is fixed below added to it

Data -> latent is explicit: the direction of training costs no more than its exponentials. Latent -> data takes six or
seven evaluations, more where components are narrow and far apart; its gradients come from the implicit function
theorem, dx = (dy - (dy/draw) draw) / (dy/dx), so that reverse KL trains it too. F lies near 0 or 1 for most x: both F
and 1 - F are kept as logarithms.

Why the components do not start alike: a mixture of logistics is the identity only where all of them are the same, and
then all have the same gradient and stay the same for ever. At raw = 0 they sit `spread` to both sides of 0, with scales
such that the mixture has a logistic's variance: for spread = 1 and K = 4 within 0.06 of the identity on [-3, 3].
Ho, Chen, Srinivas, Duan and Abbeel, Flow++, arXiv:1902.00275, section 3.2.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from tfp_flows.numerics.roots import root_of_increasing
from tfp_flows.numerics.tensors import is_positive_integer
from tfp_flows.transforms.affine import Affine
from tfp_flows.transforms.transform import Transform


class LogisticMixture(Transform):
    """z = logit(sum_k pi_k sigmoid((x - mu_k) exp(-s_k))) exp(a) + b, invertible for all parameters.

    Where two components are far apart for their scales, z hardly depends on x between them: there x comes back from z
    with few digits, and its gradient with respect to z is cut at 1 / epsilon of the dtype.

    Args:
        num_components: int > 1, K.
        spread: float >= 0, below 1.8: how far to each side of 0 the outermost components sit at raw = 0. With 0
            raw = 0 is the identity exactly and the components, all alike, never separate by training.
        component_log_scale_bound: float > 0, the largest change of s_k; 5 lets a component be as narrow as 0.007.
        log_scale_bound: float > 0, the largest |a|, as in `Affine`.

    Raises:
        ValueError: where an argument is outside its range.

    Example:
        >>> from tfp_flows import transforms
        >>> mixture = transforms.LogisticMixture(num_components=4)
        >>> x, raw = tf.constant([-1.0, 0.0, 20.0]), tf.fill([3, mixture.num_params], 0.3)
        >>> z, log_det = mixture.inverse_and_log_det(x, raw)
        >>> bool(tf.reduce_all(tf.abs(mixture.forward_and_log_det(z, raw)[0] - x) < 1e-4))
        True
    """

    size_argument = "num_components"
    is_increasing = True

    def __init__(
        self,
        num_components: int = 4,
        spread: float = 1.0,
        component_log_scale_bound: float = 5.0,
        log_scale_bound: float = 2.0,
    ):
        # One component would be an affine map: that is `Affine`.
        if not (is_positive_integer(num_components) and num_components > 1):
            raise ValueError(f"Expected num_components to be an integer above 1; got {num_components!r}.")
        # Two components at +-pi / sqrt(3) = +-1.81 have a logistic's variance with no width of their own left.
        if not (isinstance(spread, (int, float)) and 0 <= spread < 1.8):
            raise ValueError(f"Expected spread from 0 to less than 1.8; got {spread!r}.")
        bound = component_log_scale_bound
        if not (isinstance(bound, (int, float)) and 0 < bound < math.inf):
            raise ValueError(f"Expected component_log_scale_bound to be a positive finite number; got {bound!r}.")
        self.num_components = int(num_components)
        self.spread = float(spread)
        self.component_log_scale_bound = float(bound)
        self.log_scale_bound = float(log_scale_bound)
        self.num_params = 3 * self.num_components + 2
        self._affine = Affine(log_scale_bound)
        self._mu = self.spread * np.linspace(-1, 1, self.num_components)
        self._s = 0.5 * math.log(1 - 3 * self._mu.var() / math.pi**2)

    def forward_and_log_det(self, z: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        z, raw = _broadcast(z, raw)
        *mixture, affine = self._parameters(raw)
        y, log_det = self._affine.inverse_and_log_det(z, affine)
        x = _root(y, *mixture)
        return x, log_det - _logit_of_mixture(x, *mixture)[1]

    def inverse_and_log_det(self, x: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x, raw = _broadcast(x, raw)
        *mixture, affine = self._parameters(raw)
        y, log_slope = _logit_of_mixture(x, *mixture)
        z, log_det = self._affine.forward_and_log_det(y, affine)
        return z, log_slope + log_det

    def _parameters(self, raw):
        """raw (..., 3K + 2) -> log pi up to a constant, mu and s (..., K), and the affine part (..., 2)."""
        K, bound = self.num_components, self.component_log_scale_bound
        log_pi, mu, s, affine = tf.split(raw, [K, K, K, 2], axis=-1)
        return log_pi, mu + tf.constant(self._mu, raw.dtype), bound * tf.tanh(s / bound) + self._s, affine


def _broadcast(x, raw):
    """x (..., n) and raw (..., n, p) with the same batch axes: gradients written by hand do not add up over others."""
    if x.shape.is_fully_defined() and x.shape == raw.shape[:-1]:
        return x, raw
    shape = tf.broadcast_dynamic_shape(tf.shape(x), tf.shape(raw)[:-1])
    return tf.broadcast_to(x, shape), tf.broadcast_to(raw, tf.concat([shape, tf.shape(raw)[-1:]], axis=0))


@tf.custom_gradient
def _logit_of_mixture(x, log_pi, mu, s):
    """x (..., n), the others (..., n, K) -> y (..., n), log dy/dx (..., n).

    The gradients need nothing but the shares of the components, which are known here: by hand they cost some passes
    over (..., n, K) where automatic differentiation goes through every logarithm and exponential again.
    """
    w = tf.exp(-s)
    v = (mu - x[..., tf.newaxis]) * w  # -u
    log_f, log_g, y = _logits(v, log_pi)
    log_pdf = _LogSumExp(log_f.terms + log_g.terms - log_pi - s)
    log_1 = _LogSumExp(log_pi)
    log_slope = log_pdf.value - log_f.log_sum - log_g.log_sum + log_1.value

    def gradient(dy, dl):
        dy, dl = dy[..., tf.newaxis], dl[..., tf.newaxis]
        f, g, pdf = log_f.shares(dy - dl), log_g.shares(dy + dl), log_pdf.shares(dl)
        positive = f + pdf
        # With q = sigmoid(-u): d/du of log f, log g and log pdf is q, q - 1 and 2q - 1.
        du = (positive + pdf - g) * tf.sigmoid(v) + (g - pdf)
        dx = du * w
        return tf.reduce_sum(dx, -1), positive - g + log_1.shares(dl), -dx, du * v - pdf

    return (tf.squeeze(y, -1), tf.squeeze(log_slope, -1)), gradient


def _logits(v, log_pi):
    """-u and log pi -> log F and log(1 - F) as sums over components, the latter up to a constant, and y (..., 1)."""
    v_1 = v[..., :1]
    log_pi_sigmoid = log_pi - tf.nn.softplus(v)
    log_f = _LogSumExp(log_pi_sigmoid)
    # log sigmoid(-u) = log sigmoid(u) - u. Less u_1, so that y = u_1 + a difference that rounding leaves small in
    # the far tails, and that is 0 exactly where the components are all alike.
    log_g = _LogSumExp(log_pi_sigmoid + (v - v_1))
    y = (log_f.maximum - log_g.maximum) + (log_f.log_sum - log_g.log_sum) - v_1
    return log_f, log_g, y


class _LogSumExp:
    """log sum_k exp(a_k) with its parts: the largest a_k, the terms relative to it, the logarithm of their sum."""

    def __init__(self, a):
        self.maximum = tf.stop_gradient(tf.reduce_max(a, -1, keepdims=True))
        self.terms = a - self.maximum
        self.exp = tf.exp(self.terms)
        self.sum = tf.reduce_sum(self.exp, -1, keepdims=True)
        self.log_sum = tf.math.log(self.sum)

    @property
    def value(self):
        return self.maximum + self.log_sum

    def shares(self, scale):
        """Softmax of a, times a scale (..., 1)."""
        return self.exp * (scale / self.sum)


def _root(y, log_pi, mu, s):
    """x with logit of mixture (x) = y, differentiable in y and in the parameters."""
    return _attach(_solve(*map(tf.stop_gradient, (y, log_pi, mu, s))), y, log_pi, mu, s)


@tf.custom_gradient
def _attach(root, y, log_pi, mu, s):
    """The root as it is, with its gradients by the implicit function theorem."""

    def gradient(dx):
        # The root is attached again, so that this gradient can itself be differentiated.
        x = _attach(root, y, log_pi, mu, s)
        with tf.GradientTape() as tape:
            tape.watch((log_pi, mu, s))
            value, log_slope = _logit_of_mixture(x, log_pi, mu, s)
        dy = dx * tf.exp(-tf.maximum(log_slope, math.log(_epsilon(y))))
        return (None, dy, *tape.gradient(value, (log_pi, mu, s), output_gradients=-dy))

    return tf.identity(root), gradient


def _solve(y, log_pi, mu, s):
    """A mixture's quantile, which lies between those of its components, x_k = mu_k + y exp(s_k)."""
    w = tf.exp(-s)
    quantiles = mu + y[..., tf.newaxis] / w
    low, high = tf.reduce_min(quantiles, -1), tf.reduce_max(quantiles, -1)
    start = tf.clip_by_value(tf.reduce_sum(tf.nn.softmax(log_pi) * quantiles, -1), low, high)

    def value_and_slope(x):
        v = (mu - x[..., tf.newaxis]) * w
        log_f, log_g, value = _logits(v, log_pi)
        slope = tf.reduce_sum((log_f.shares(1.0) * tf.sigmoid(v) + log_g.shares(1.0) * tf.sigmoid(-v)) * w, -1)
        return tf.squeeze(value, -1), slope

    return root_of_increasing(value_and_slope, y, low, high, start)


def _epsilon(x):
    return float(np.finfo(x.dtype.as_numpy_dtype).eps)
