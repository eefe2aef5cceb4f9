"""What transforms by mixtures of logistics share: parameters, the logit of the distribution function, the way back.

    u_k = (x - mu_k) exp(-s_k),     F = sum_k pi_k sigmoid(u_k)
    y = logit(F)                                           in (-inf, inf), as x
    dy/dx = sum_k pi_k sigmoid(u_k) sigmoid(-u_k) exp(-s_k) / (F (1 - F))

F lies near 0 or 1 for most x: both F and 1 - F are kept as logarithms. x from y by Newton's method, kept between bounds
that close in; its gradients come from the implicit function theorem, dx = (dy - (dy/draw) draw) / (dy/dx).
Ho, Chen, Srinivas, Duan and Abbeel, Flow++, arXiv:1902.00275, section 3.2.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from tfp_flows.numerics.roots import root_of_increasing
from tfp_flows.numerics.tensors import is_positive_integer
from tfp_flows.transforms.transform import Transform


class Components(Transform):
    """Abstract: a transform that is driven by the components of a mixture of logistics.

    raw = (log pi_1 .. log pi_K, mu_1 .. mu_K, s_1 .. s_K, the numbers of a subclass), with what is fixed added to it:
    at raw = 0 the components sit `spread` to both sides of 0, with scales such that the mixture has a given variance.

    Args:
        num_components: int > 1, K.
        spread: float >= 0, below the square root of the variance.
        component_log_scale_bound: float > 0, the largest change of s_k.
        variance: float, of the mixture at raw = 0.
        num_more: int, further numbers of a subclass.
    """

    size_argument = "num_components"
    is_increasing = True

    def __init__(self, num_components, spread, component_log_scale_bound, variance, num_more=0):
        # One component would be an affine map: that is `Affine`.
        if not (is_positive_integer(num_components) and num_components > 1):
            raise ValueError(f"Expected num_components to be an integer above 1; got {num_components!r}.")
        # Two components at +-sqrt(variance), for a logistic's +-1.81, have it with no width of their own left.
        most = math.floor(10 * math.sqrt(variance)) / 10
        if not (isinstance(spread, (int, float)) and 0 <= spread < most):
            raise ValueError(f"Expected spread from 0 to less than {most:g}; got {spread!r}.")
        bound = component_log_scale_bound
        if not (isinstance(bound, (int, float)) and 0 < bound < math.inf):
            raise ValueError(f"Expected component_log_scale_bound to be a positive finite number; got {bound!r}.")
        self.num_components = int(num_components)
        self.spread = float(spread)
        self.component_log_scale_bound = float(bound)
        self.num_params = 3 * self.num_components + num_more
        self._mu = self.spread * np.linspace(-1, 1, self.num_components)
        self._s = 0.5 * math.log((variance - self._mu.var()) / (math.pi**2 / 3))

    def raw_of(self, locations: np.ndarray, log_scales: np.ndarray) -> np.ndarray:
        """raw (..., 3 K) of components of equal weights, with locations and log scales (..., K).

        Log scales are taken as near as the bound allows.
        """
        bound = self.component_log_scale_bound
        share = np.clip((log_scales - self._s) / bound, -0.99, 0.99)
        return np.concatenate([np.zeros_like(locations), locations - self._mu, bound * np.arctanh(share)], -1)

    def _split(self, raw):
        """raw (..., num_params) -> log pi up to a constant, mu and s (..., K), and the numbers of a subclass."""
        K, bound = self.num_components, self.component_log_scale_bound
        log_pi, mu, s, more = tf.split(raw, [K, K, K, self.num_params - 3 * K], axis=-1)
        return log_pi, mu + tf.constant(self._mu, raw.dtype), bound * tf.tanh(s / bound) + self._s, more


def broadcast(x, raw):
    """x (..., n) and raw (..., n, p) with the same batch axes: gradients written by hand do not add up over others."""
    if x.shape.is_fully_defined() and x.shape == raw.shape[:-1]:
        return x, raw
    shape = tf.broadcast_dynamic_shape(tf.shape(x), tf.shape(raw)[:-1])
    return tf.broadcast_to(x, shape), tf.broadcast_to(raw, tf.concat([shape, tf.shape(raw)[-1:]], axis=0))


@tf.custom_gradient
def logit_of_mixture(x, log_pi, mu, s):
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
    size = tf.abs(v)
    # Nothing depends on which it is, but for rounding: gradients through it would be that alone.
    nearest = tf.stop_gradient(tf.sign(v[..., :1]) * tf.reduce_min(size, -1, keepdims=True))
    # log sigmoid(u) and log sigmoid(-u), each as a sum of numbers of one sign: of a component far from x no difference
    # of large numbers is left. The latter less the u that is nearest to 0, so that y = u + a difference that is small
    # in the far tails, and 0 exactly where the components are all alike.
    both = log_pi - tf.nn.softplus(-size)
    log_f = _LogSumExp(both - tf.maximum(v, 0))
    log_g = _LogSumExp(both + (tf.minimum(v, 0) - nearest))
    y = (log_f.maximum - log_g.maximum) + (log_f.log_sum - log_g.log_sum) - nearest
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


def root(y, log_pi, mu, s):
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
            value, log_slope = logit_of_mixture(x, log_pi, mu, s)
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
