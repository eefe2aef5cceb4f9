"""One piece of a rational quadratic spline, both ways: what fixed and learned splines have in common.

From (x_k, y_k) to (x_k + w, y_k + h) with slopes d and d_next at the ends, s = h / w and t = (x - x_k) / w:

    inverse:  z = y_k + h (s t^2 + d t (1 - t)) / q         q = s + (d_next + d - 2 s) t (1 - t)
              log_det = log(s^2 (d_next t^2 + 2 s t (1 - t) + d (1 - t)^2) / q^2)
    forward:  t = 2 s m / (b + r),  1 - t = 2 s (h - m) / (2 h s - b + r),  x = x_k + w t          m = z - y_k
              b = h d - m (d_next + d - 2 s)          r = sqrt(b^2 + 4 s m (h s - b))

Of the two t and 1 - t one at least is without cancellation, and gives the other: where b < 0, as near a steep end, the
first would be a small difference of large numbers, and its x out by 1e-3 in float32.

Gregory and Delbourgo, Piecewise rational quadratic interpolation to monotonic data, IMA Journal of Numerical Analysis
2 (1982), section 2; Durkan et al., Neural spline flows, arXiv:1906.04032, section 3.1.
"""

import tensorflow as tf


def inverse_and_log_det(x, x_k, y_k, w, h, d, d_next):
    """Data x within the piece -> z, log dz/dx; all arguments are tensors of one shape, or broadcast.

    Example:
        >>> from tfp_flows.transforms import rational_quadratic
        >>> piece = [tf.constant(v) for v in (0.0, 0.0, 2.0, 4.0, 2.0, 2.0)]
        >>> z, log_slope = rational_quadratic.inverse_and_log_det(tf.constant(0.5), *piece)
        >>> float(z), round(float(tf.exp(log_slope)), 4)
        (1.0, 2.0)
    """
    s, run = h / w, x - x_k
    t = _within(run / w)
    q = s + (d + d_next - 2 * s) * t * (1 - t)
    # x plus a correction, not y_k plus a part of h: less is lost to rounding where the spline is the identity.
    z = x + (y_k - x_k) + (h * t * (s * t + d * (1 - t)) / q - run)
    return z, log_slope(t, 1 - t, s, d, d_next)


def forward_and_log_det(z, x_k, y_k, w, h, d, d_next):
    """Latent z within the piece -> x, log dx/dz.

    Example:
        >>> from tfp_flows.transforms import rational_quadratic
        >>> piece = [tf.constant(v) for v in (0.0, 0.0, 2.0, 4.0, 2.0, 2.0)]
        >>> float(rational_quadratic.forward_and_log_det(tf.constant(1.0), *piece)[0])
        0.5
    """
    s, rise = h / w, z - y_k
    t, rest = root(rise, h, s, d, d_next)
    x = z + (x_k - y_k) + (w * t - rise)
    return x, -log_slope(t, rest, s, d, d_next)


def root(rise, h, s, d, d_next):
    """Where z - y_k is `rise`: t, what of the piece is passed, and 1 - t, each as exact as its size allows."""
    b = h * d - rise * (d + d_next - 2 * s)
    mirrored = 2 * h * s - b
    # Never negative but by rounding, and never so near 0 that its root's gradient matters.
    r = tf.sqrt(tf.maximum(b * b + 4 * s * rise * (h * s - b), 1e-30))
    # What is not taken is finite too: a gradient that is not would come through tf.where.
    from_below = 2 * s * rise / (tf.maximum(b, 0) + r)
    from_above = 2 * s * (h - rise) / (tf.maximum(mirrored, 0) + r)
    t = tf.where(b >= 0, from_below, 1 - from_above)
    rest = tf.where(mirrored >= 0, from_above, 1 - from_below)
    return _within(t), _within(rest)


def _within(t):
    """t between 0 and 1, which rounding leaves next to a knot: where the slope changes much, log_det would be NaN."""
    return tf.clip_by_value(t, 0, 1)


def log_slope(t, rest, s, d, d_next):
    """log dz/dx where t of the piece is passed, and the rest, 1 - t, is left."""
    r = t * rest
    slope = d_next * t * t + 2 * s * r + d * rest * rest
    return 2 * (tf.math.log(s) - tf.math.log(s + (d + d_next - 2 * s) * r)) + tf.math.log(slope)
