"""Products of Householder reflections, I - 2 v v^T / |v|^2, applied without the matrix."""

import tensorflow as tf


def reflect(x, vectors, back=False):
    """x (..., n) reflected by the last of the vectors (..., K, n) first; with `back` by the first of them first.

    One is the inverse of the other.

    Example:
        >>> from tfp_flows.numerics.reflections import reflect
        >>> reflect(tf.constant([1.0, 2.0]), tf.constant([[0.0, 3.0]])).numpy().tolist()
        [1.0, -2.0]
    """
    vectors = tf.unstack(vectors, axis=-2)
    for v in vectors if back else reversed(vectors):
        # A vector that has become 0 reflects nothing.
        square = tf.maximum(tf.reduce_sum(v**2, -1, keepdims=True), 1e-12)
        x = x - 2 * v * (tf.reduce_sum(v * x, -1, keepdims=True) / square)
    return x
