"""The divergence of a velocity field, tr(dv/dx), which is the rate of a log-determinant along it.

    exact        sum_i e_i . (dv/dx) e_i                     D products of the Jacobian with a vector
    hutchinson   mean over probes e of e . (dv/dx) e         unbiased for E[e e^T] = I, one product a probe

A network that knows its own derivative computes the products beside its value; of any other they are taken by
automatic differentiation, on as many copies of the batch as there are vectors.

Grathwohl et al., FFJORD, arXiv:1810.01367, section 3.1; Hutchinson, Comm. Stat. Simul. Comput. 18 (1989).
"""

import math

import tensorflow as tf

PROBES = ("rademacher", "gaussian")


def probes(kind, num_probes, shape, seed, dtype):
    """Random vectors of mean 0 and covariance I.

    Args:
        kind: "rademacher", of -1 and 1, the least variance, or "gaussian".
        num_probes: int.
        shape: int tensor (batch, *event).
        seed: int32 tensor [2].
        dtype: floating dtype.

    Returns:
        tensor (num_probes, batch, *event).

    Example:
        >>> from tfp_flows.dynamics import divergence
        >>> e = divergence.probes("rademacher", 3, [4, 2], [0, 1], tf.float32)
        >>> e.shape.as_list(), bool(tf.reduce_all(tf.abs(e) == 1.0))
        ([3, 4, 2], True)
    """
    shape = tf.concat([[num_probes], shape], 0)
    if kind == "gaussian":
        return tf.random.stateless_normal(shape, seed, dtype=dtype)
    return 2 * tf.cast(tf.random.stateless_uniform(shape, seed, 0, 2, tf.int32), dtype) - 1


def basis(x):
    """The unit vectors of an event of known shape, (D, 1, *event)."""
    event = x.shape[1:]
    return tf.reshape(tf.eye(math.prod(event), dtype=x.dtype), [-1, 1, *event])


def value_and_divergence(velocity, x, vectors):
    """The field and its divergence as the vectors show it.

    Args:
        velocity: function of x (n, *event) -> (n, *event); one with an attribute `jvp` is asked by it:
            (x, tangents (k, n, *event)) -> (velocity (n, *event), products (k, n, *event)).
        x: tensor (n, *event).
        vectors: tensor (k, n, *event) of probes; None for the exact divergence.

    Returns:
        velocity: tensor (n, *event).
        divergence: tensor (n,); of probes their mean.
        products: tensor (k, n, *event), each the Jacobian or its transpose times a vector.

    Example:
        >>> from tfp_flows.dynamics import divergence
        >>> v, trace, _ = divergence.value_and_divergence(lambda x: x**2, tf.constant([[1.0, 2.0]]), None)
        >>> v.numpy().tolist(), trace.numpy().tolist()
        ([[1.0, 4.0]], [6.0])
    """
    exact = vectors is None
    if exact:
        vectors = tf.broadcast_to(basis(x), tf.concat([[math.prod(x.shape[1:])], tf.shape(x)], 0))
    jvp = getattr(velocity, "jvp", None)
    value, products = (_vjp(velocity) if jvp is None else jvp)(x, vectors)
    axes = list(range(2, vectors.shape.rank))
    each = tf.reduce_sum(vectors * products, axes)
    return value, tf.reduce_sum(each, 0) if exact else tf.reduce_mean(each, 0), products


def _vjp(velocity):
    """Products with the transpose, by one pass back on copies of the batch."""

    def run(x, vectors):
        count = vectors.shape[0]
        with tf.GradientTape() as tape:
            copies = tf.tile(x, [count, *[1] * (x.shape.rank - 1)])
            tape.watch(copies)
            values = velocity(copies)
        cotangents = tf.reshape(vectors, tf.shape(copies))
        found = tape.gradient(values, copies, cotangents, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        value = values[: tf.shape(x)[0]]
        return tf.ensure_shape(value, x.shape), tf.reshape(found, tf.shape(vectors))

    return run
