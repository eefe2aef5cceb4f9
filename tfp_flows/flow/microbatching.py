"""A training step in parts: each batch through the networks a part at a time, one step with the mean of the gradients.

    gradient = sum_k share_k gradient_k,  loss = sum_k share_k loss_k,  share_k = events of part k / events of the batch

The step is the one of the whole batch, to rounding, in the memory of a part: what a network keeps for its gradient goes
before the next part comes. Noise is drawn for each part by a seed of its own, and layers with statistics of a batch see
a part's. The parts are as large as each other, the last may be smaller; of replicas each takes its own share in parts.
"""

import tensorflow as tf

from tfp_flows.bridge.traces import owned_by_its_graph


def check(number):
    """Refuses what is no number of parts.

    Raises:
        ValueError: where it is no positive integer.
    """
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f"Expected microbatches to be a positive integer; got {number!r}.")


def in_parts(step, data, seed, number, weights, dtype):
    """A step of a batch, from those of its parts.

    Args:
        step: function of (data, seed) to (loss, values (events,), gradients, a list of tensors or None).
        data: structure of tensors (batch, ...), None among them.
        seed: int32 tensor [2].
        number: int, of the parts at most: fewer where there are fewer events.
        weights: list of `keras.Variable`, in the order of the gradients.
        dtype: of the loss and the values.

    Returns:
        loss, values (batch,), gradients, as `step`.
    """
    if number == 1:
        return step(data, seed)
    tensors = tf.nest.flatten(data)
    batch = next(tensor for tensor in tensors if tensor is not None)
    whole = tf.shape(batch)[0] if batch.shape[0] is None else batch.shape[0]
    size = -(-whole // number)
    count = -(-whole // size)
    # XLA takes parts of one shape alone.
    are_known = all(tensor is None or tensor.shape.is_fully_defined() for tensor in tensors)
    is_even = are_known and whole % size == 0
    has_gradient = [False] * len(weights)

    def part(tensor, k):
        if tensor is None or not is_even:
            return None if tensor is None else tensor[k * size : k * size + size]
        return tf.reshape(tensor, [count, size, *tensor.shape[1:]])[k]

    @owned_by_its_graph()
    def body(k, loss, gradients, values):
        one = tf.nest.pack_sequence_as(data, [part(tensor, k) for tensor in tensors])
        its_loss, its_values, its_gradients = step(one, tf.random.experimental.stateless_fold_in(seed, k))
        has_gradient[:] = [gradient is not None for gradient in its_gradients]
        share = tf.cast(tf.shape(its_values)[0] / whole, dtype)
        gradients = [
            total if own is None else total + tf.cast(share, total.dtype) * tf.convert_to_tensor(own)
            for total, own in zip(gradients, its_gradients)
        ]
        loss = loss + share * tf.cast(its_loss, dtype)
        return k + 1, loss, gradients, values.write(k, tf.cast(its_values, dtype))

    values = tf.TensorArray(dtype, size=count, infer_shape=is_even)
    zeros = [tf.zeros(weight.shape, weight.dtype) for weight in weights]
    start = tf.constant(0), tf.zeros([], dtype), zeros, values
    # One part after the other: together they would take the memory that is to be spared.
    loop = tf.while_loop(lambda k, *_: k < count, body, start, maximum_iterations=count, parallel_iterations=1)
    _, loss, gradients, values = loop
    values = tf.reshape(values.stack(), [-1]) if is_even else tf.ensure_shape(values.concat(), [None])
    return loss, values, [gradient if found else None for gradient, found in zip(gradients, has_gradient)]
