"""The standard normal's distribution function by its logit, to the far tails: l = logit(Phi(z)) and back.

    R(z) = Phi(-z) / phi(z)                           Mills' ratio, for z >= 0
    log R = log(1/2 erfc(z / sqrt 2)) + z^2 / 2 + 1/2 log 2 pi, and beyond some z by its asymptotic series
          = -log z + log(1 - z^-2 + 3 z^-4 - 15 z^-6 + 105 z^-8 - 945 z^-10)
    l  = log Phi(z) - log Phi(-z),   log Phi(-z) = log R(z) - z^2 / 2 - 1/2 log 2 pi,   and mirrored for z < 0
    log dz/dl = log R(|z|) + log Phi(|z|)

Of operations that every device has in one piece, a dozen of them: TFP's scaled erfc takes some sixty, and the quantile
of a probability that is rounded to 0 is none. Abramowitz and Stegun, 26.2.12 and 26.2.23.
"""

import math

import tensorflow as tf

# By dtype: -log Phi(-z) beyond which the series has all digits, and z there.
_FAR = {tf.float32: (40.0, 8.5), tf.float64: (600.0, 34.4)}
_ROUNDS = 5


def normal_of_logit(logit: tf.Tensor) -> tf.Tensor:
    """z with Phi(z) = sigmoid(l), elementwise; differentiable as often as wanted.

    Example:
        >>> from tfp_flows.numerics.normal import normal_of_logit
        >>> normal_of_logit(tf.constant(-800.0)).numpy().round(2)
        np.float32(-39.88)
    """
    return _normal_of_logit(logit)


def logit_of_normal(z: tf.Tensor) -> tf.Tensor:
    """l with sigmoid(l) = Phi(z), elementwise."""
    sign = _sign(z)
    upper = _log_upper(sign * z)
    return sign * (_log1mexp(upper) - upper)


def log_slope(z: tf.Tensor) -> tf.Tensor:
    """log dz/dl, elementwise; none of its terms grows with z but as its logarithm."""
    tail = _sign(z) * z
    return _log_mills(tail) + _log1mexp(_log_upper(tail))


def _sign(z):
    # Of 0 too: tf.abs has no slope there.
    return tf.where(z < 0, -tf.ones_like(z), tf.ones_like(z))


def _log1mexp(upper):
    return tf.math.log1p(-tf.exp(upper))


def _log_upper(tail):
    """log Phi(-z), z >= 0."""
    return _log_mills(tail) - tail**2 / 2 - 0.5 * math.log(2 * math.pi)


@tf.custom_gradient
def _log_mills(tail):
    far = _FAR[tail.dtype.base_dtype][1]
    near = tf.minimum(tail, far)
    value = tf.math.log(tf.math.erfc(near * math.sqrt(0.5)) / 2) + near**2 / 2 + 0.5 * math.log(2 * math.pi)
    distant = tf.maximum(tail, far)
    value = tf.where(tail < far, value, _series(distant) - tf.math.log(distant))

    def gradient(d):
        # R' = z R - 1. Asked again, so that this can itself be differentiated.
        return d * (tail - tf.exp(-_log_mills(tail)))

    return value, gradient


def _series(z):
    u = 1 / z**2
    return tf.math.log1p(-u * (1 - 3 * u * (1 - 5 * u * (1 - 7 * u * (1 - 9 * u)))))


@tf.custom_gradient
def _normal_of_logit(logit):
    most = _FAR[logit.dtype.base_dtype][0]
    depth = tf.nn.softplus(tf.abs(logit))
    near = -tf.math.ndtri(tf.exp(-tf.minimum(depth, most)))
    # depth = z^2 / 2 + log z + 1/2 log 2 pi - log of the series, as a fixed point that comes nearer by z^2 a round.
    square = 2 * tf.maximum(depth, most) - math.log(2 * math.pi)
    far = tf.sqrt(square)
    for _ in range(_ROUNDS):
        far = tf.sqrt(square - 2 * (tf.math.log(far) - _series(far)))
    z = _sign(logit) * tf.where(depth < most, near, far)

    def gradient(dz):
        return dz * tf.exp(log_slope(_normal_of_logit(logit)))

    return z, gradient
