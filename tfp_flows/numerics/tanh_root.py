"""The root of s + r tanh(q s + b) = v, of planar and Sylvester flows, with its gradients."""

import tensorflow as tf

from tfp_flows.numerics.roots import root_of_increasing


def slope_of_tanh(h):
    """1 - tanh(h)^2, without the difference of like numbers."""
    e = tf.exp(-2 * tf.abs(h))
    return 4 * e / (1 + e) ** 2


def tanh_root(v, r, q, b):
    """s, elementwise, where r q > -1; differentiable twice in all four.

    Two steps of Newton's method from the root leave it where it is and have the derivatives of the implicit function
    theorem: each step doubles the order to which they are exact.

    Args:
        v, r, q, b: floating tensors of shapes that broadcast.

    Example:
        >>> from tfp_flows.numerics.tanh_root import tanh_root
        >>> s = tanh_root(tf.constant([0.5]), tf.constant([2.0]), tf.constant([1.5]), tf.constant([0.3]))
        >>> abs(float(s[0] + 2.0 * tf.tanh(1.5 * s[0] + 0.3) - 0.5)) < 1e-6
        True
    """
    shape = tf.broadcast_dynamic_shape(tf.shape(v), tf.shape(r))
    v, r, q, b = (tf.broadcast_to(value, shape) for value in (v, r, q, b))

    def function(s, r=r, q=q, b=b):
        h = q * s + b
        return s + r * tf.tanh(h), 1 + r * q * slope_of_tanh(h)

    fixed = [tf.stop_gradient(value) for value in (v, r, q, b)]
    bound = tf.abs(fixed[1])
    s = root_of_increasing(lambda s: function(s, *fixed[1:]), fixed[0], fixed[0] - bound, fixed[0] + bound)
    s = tf.stop_gradient(s)
    for _ in range(2):
        value, slope = function(s)
        s = s - (value - v) / slope
    return s
