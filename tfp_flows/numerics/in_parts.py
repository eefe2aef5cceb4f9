"""A function of a large batch, some rows at a time: its memory is that of the part."""

import tensorflow as tf


def in_parts(function, arrays, size):
    """function(*arrays), of which no more than some rows are computed at once.

    Args:
        function: takes tensors (m, ...) and gives one (m, ...), row by row.
        arrays: list of tensors (n, ...), n >= 1.
        size: int, the rows of a part.

    Returns:
        tensor (n, ...).

    Example:
        >>> from tfp_flows.numerics.in_parts import in_parts
        >>> in_parts(lambda x: 2 * x, [tf.range(5)], 2).numpy().tolist()
        [0, 2, 4, 6, 8]
    """
    count = -(-tf.shape(arrays[0])[0] // size)

    def body(i, parts):
        return i + 1, parts.write(i, function(*(array[i * size : (i + 1) * size] for array in arrays)))

    dtype = arrays[0].dtype
    parts = tf.TensorArray(dtype, size=count, infer_shape=False)
    # One part after the other: together they would take the memory that is to be spared.
    parts = tf.while_loop(lambda i, parts: i < count, body, (0, parts), parallel_iterations=1)[1]
    return parts.concat()
