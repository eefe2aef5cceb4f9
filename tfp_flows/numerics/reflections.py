"""Products of Householder reflections, H_1 ... H_K with H_k = I - 2 u_k u_k^T and |u_k| = 1, all of them at once.

    H_1 ... H_K = I - U T^-1 U^T,    U = (u_1 .. u_K),    T = 1/2 I + the part of U^T U above its diagonal

Two products and the solution of a triangular system of K numbers, where one reflection after the other is K steps that
a GPU waits for. Joffrain et al., Accumulating Householder transformations, revisited, ACM TOMS 32 (2006), section 3.
"""

import numpy as np
import tensorflow as tf


def reflect(x, vectors, back=False):
    """x (..., n) reflected by the last of the vectors (..., K, n) first; with `back` by the first of them first.

    One is the inverse of the other.

    Example:
        >>> from tfp_flows.numerics.reflections import reflect
        >>> reflect(tf.constant([1.0, 2.0]), tf.constant([[0.0, 3.0]])).numpy().tolist()
        [1.0, -2.0]
    """
    # A vector that has become 0 reflects nothing.
    u = vectors * tf.math.rsqrt(tf.maximum(tf.reduce_sum(vectors**2, -1, keepdims=True), 1e-12))
    # In float64, K^2 n of it and no more: with a GPU's TF32 the way back would be another map.
    wide = tf.cast(u, tf.float64)
    products = tf.cast(tf.matmul(wide, wide, transpose_b=True), u.dtype)
    above = tf.linalg.band_part(products, 0, -1) - tf.linalg.band_part(products, 0, 0)
    triangle = above + tf.eye(vectors.shape[-2], dtype=u.dtype) / 2
    if vectors.shape.rank == 2:
        rows = tf.reshape(x, [-1, vectors.shape[-1]])
        projections = tf.matmul(u, rows, transpose_b=True)  # (K, rows)
        solved = tf.linalg.triangular_solve(triangle, projections, lower=False, adjoint=back)
        return x - tf.reshape(tf.matmul(solved, u, transpose_a=True), tf.shape(x))
    projections = tf.matmul(u, x[..., tf.newaxis])
    solved = tf.linalg.triangular_solve(triangle, projections, lower=False, adjoint=back)
    return x - tf.squeeze(tf.matmul(u, solved, transpose_a=True), -1)


def reflections_of(matrix):
    """Vectors (n, n) whose product H_1 ... H_n has the columns of an orthogonal matrix (n, n), each up to its sign.

    Example:
        >>> from tfp_flows.numerics.reflections import reflections_of
        >>> vectors = reflections_of(np.array([[0.6, -0.8], [0.8, 0.6]]))
        >>> reflect(tf.constant([1.0, 0.0], tf.float64), tf.constant(vectors)).numpy().round(6).tolist()
        [-0.6, -0.8]
    """
    rest = np.array(matrix, np.float64)
    n = len(rest)
    vectors = np.zeros((n, n))
    for k in range(n):
        column = rest[k:, k]
        # Away from the axis, for there is no loss of digits then: the column comes out as minus or plus it.
        v = column.copy()
        v[0] += np.copysign(np.linalg.norm(column), column[0])
        vectors[k, k:] = v / np.linalg.norm(v)
        rest[k:] -= 2 * np.outer(vectors[k, k:], vectors[k, k:] @ rest[k:])
    return vectors
