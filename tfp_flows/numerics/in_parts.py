"""A function of a large batch, some rows at a time: its memory is that of the part."""

import tensorflow as tf


def in_parts(function, arrays, size, dtype=None):
    """function(*arrays), of which no more than some rows are computed at once.

    Args:
        function: takes tensors (m, ...) and gives one (m, ...), row by row.
        arrays: list of tensors (n, ...).
        size: int, the rows of a part.
        dtype: of the result; None for that of the first array.

    Returns:
        tensor (n, ...).

    Example:
        >>> from tfp_flows.numerics.in_parts import in_parts
        >>> in_parts(lambda x: 2 * x, [tf.range(5)], 2).numpy().tolist()
        [0, 2, 4, 6, 8]
    """
    return in_numbered_parts(lambda number, *parts: function(*parts), arrays, size, dtype)


def in_numbered_parts(function, arrays, size, dtype=None):
    """As `in_parts`, of a function that takes the number of the part first, for a seed of its own for example.

    Example:
        >>> from tfp_flows.numerics.in_parts import in_numbered_parts
        >>> in_numbered_parts(lambda number, x: x + 10 * number, [tf.range(5)], 2).numpy().tolist()
        [0, 1, 12, 13, 24]
    """
    # One of no rows where there are none: what is made of them has a shape too.
    count = tf.maximum(-(-tf.shape(arrays[0])[0] // size), 1)

    def body(i, parts):
        return i + 1, parts.write(i, function(i, *(array[i * size : (i + 1) * size] for array in arrays)))

    parts = tf.TensorArray(arrays[0].dtype if dtype is None else dtype, size=count, infer_shape=False)
    # One part after the other: together they would take the memory that is to be spared.
    parts = tf.while_loop(lambda i, parts: i < count, body, (0, parts), parallel_iterations=1)[1]
    return parts.concat()
