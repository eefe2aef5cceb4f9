"""One piece of a rational quadratic spline, both ways: what fixed and learned splines have in common.

From (x_k, y_k) to (x_k + w, y_k + h) with slopes d and d_next at the ends, s = h / w and t = (x - x_k) / w:

    inverse:  z = y_k + h (s t^2 + d t (1 - t)) / q         q = s + (d_next + d - 2 s) t (1 - t)
              log_det = log(s^2 (d_next t^2 + 2 s t (1 - t) + d (1 - t)^2) / q^2)
    forward:  t = 2 c / (-b - sqrt(b^2 - 4 a c)), the root of a t^2 + b t + c = 0, x = x_k + w t
              a = h (s - d) + m    b = h d - m    c = -s (z - y_k)    m = (z - y_k) (d_next + d - 2 s)

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
    return z, log_slope(t, s, d, d_next)


def forward_and_log_det(z, x_k, y_k, w, h, d, d_next):
    """Latent z within the piece -> x, log dx/dz.

    Example:
        >>> from tfp_flows.transforms import rational_quadratic
        >>> piece = [tf.constant(v) for v in (0.0, 0.0, 2.0, 4.0, 2.0, 2.0)]
        >>> float(rational_quadratic.forward_and_log_det(tf.constant(1.0), *piece)[0])
        0.5
    """
    s, rise = h / w, z - y_k
    curve = d + d_next - 2 * s
    b = h * d - rise * curve
    a = h * s - b
    c = -s * rise
    # Never negative but by rounding, and never so near 0 that its root's gradient matters.
    root = tf.sqrt(tf.maximum(b * b - 4 * a * c, 1e-30))
    t = _within(2 * c / (-b - root))
    x = z + (x_k - y_k) + (w * t - rise)
    return x, -log_slope(t, s, d, d_next)


def _within(t):
    """t between 0 and 1, which rounding leaves next to a knot: where the slope changes much, log_det would be NaN."""
    return tf.clip_by_value(t, 0, 1)


def log_slope(t, s, d, d_next):
    """log dz/dx where t of the piece is passed."""
    r = t * (1 - t)
    slope = d_next * t * t + 2 * s * r + d * (1 - t) * (1 - t)
    return 2 * (tf.math.log(s) - tf.math.log(s + (d + d_next - 2 * s) * r)) + tf.math.log(slope)
