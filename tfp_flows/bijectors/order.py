"""Whether a conditioner is autoregressive: its Jacobian, at random points, is strictly triangular in some order."""

import tensorflow as tf


def require_order(layer, seed=0):
    """Refuses a conditioner whose Jacobian at random points is not strictly triangular in any order.

    Args:
        layer: `tfp_flows.bijectors.Autoregressive`.
        seed: int, of the points.

    Raises:
        ValueError: naming a pair of elements that depend on each other, or one that depends on itself.
    """
    n = layer.num_elements
    # Several: at a single one a unit that rectifies may hide what depends on it.
    points = 8
    y = tf.random.stateless_normal([points, *layer.event_shape], [seed, 1], dtype=layer.dtype)
    context = None
    if layer.takes_context:
        shape = [points, *layer.conditioner.context_shape]
        context = tf.random.stateless_normal(shape, [seed, 2], dtype=layer.dtype)
    # A network that is zero at the start depends on nothing yet: it is probed with other weights, which are put back.
    variables = list(layer.trainable_variables)
    kept = [tf.identity(v) for v in variables]
    try:
        for i, v in enumerate(variables):
            v.assign_add(0.1 * tf.cast(tf.random.stateless_normal(v.shape, [seed, 3 + i]), v.dtype))
            # What is masked by a constraint is so after each step of an optimizer.
            constraint = getattr(v, "constraint", None)
            if constraint is not None:
                v.assign(constraint(tf.convert_to_tensor(v)))
        with tf.GradientTape() as tape:
            tape.watch(y)
            raw = tf.reduce_sum(tf.cast(layer._raw(y, context), layer.dtype) * _weights(layer, seed), axis=-1)
        jacobian = tape.batch_jacobian(raw, y, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        depends = (jacobian.numpy().reshape(points, n, n) != 0).any(axis=0)
    finally:
        for v, value in zip(variables, kept):
            v.assign(value)
    # Elements whose parameters depend on none of the rest go first, then those that depend on these, and so on.
    left = list(range(n))
    while left:
        free = [i for i in left if not depends[i, left].any()]
        if not free:
            i = left[0]
            j = next(j for j in left if depends[i, j])
            raise ValueError(
                f"Expected an autoregressive conditioner in {layer.name!r}; got parameters of element {i} that depend "
                f"on element {j}, in a circle."
            )
        left = [i for i in left if i not in free]


def _weights(layer, seed):
    shape = [*layer.event_shape, layer.transform.num_params]
    return tf.random.stateless_normal(shape, [seed, 0], dtype=layer.dtype)
