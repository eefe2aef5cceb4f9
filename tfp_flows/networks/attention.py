"""Self-attention of several heads, over a whole sequence at once or one row after another.

    q_i, k_i, v_i   the three thirds of a row of `qkv`, each cut into heads of d = channels / num_heads
    mixed_i = sum_j softmax_j(q_i . k_j / sqrt(d)) v_j          over all j, or causally over j <= i alone

The sequential way keeps the k_j and v_j of the rows before, so that a row costs one query and not a whole sequence.
Vaswani et al., Attention Is All You Need, arXiv:1706.03762, section 3.2.
"""

import tensorflow as tf


def attend(qkv, num_heads, is_causal=False):
    """Every row mixed with the others.

    Args:
        qkv: tensor (batch, length, 3 * channels).
        num_heads: int, which divides the channels.
        is_causal: bool, whether a row sees itself and those before it alone.

    Returns:
        tensor (batch, length, channels).

    Example:
        >>> from tfp_flows.networks import attention
        >>> qkv = tf.constant([[[0.0, 0.0, 1.0], [0.0, 0.0, 3.0]]])
        >>> attention.attend(qkv, 1).numpy().ravel().tolist()
        [2.0, 2.0]
        >>> attention.attend(qkv, 1, is_causal=True).numpy().ravel().tolist()
        [1.0, 2.0]
    """
    length, channels = tf.shape(qkv)[1], qkv.shape[-1] // 3
    rows = tf.reshape(qkv, [-1, length, 3, num_heads, channels // num_heads])
    q, k, v = tf.unstack(tf.transpose(rows, [2, 0, 3, 1, 4]))  # (batch, num_heads, length, d) each
    mask = tf.linalg.band_part(tf.ones([length, length], tf.bool), -1, 0) if is_causal else None
    mixed = tf.transpose(tf.matmul(_weights(tf.matmul(q, k, transpose_b=True), mask, q), v), [0, 2, 1, 3])
    return tf.reshape(mixed, [-1, length, channels])


def empty_cache(batch, length, channels, num_heads, dtype):
    """The keys and values that `attend_next` keeps, of no row yet: (batch * num_heads, length, d) each.

    Args:
        batch: int or int tensor.
        length: int, the rows that there will be.
        channels, num_heads: ints.
        dtype: of the rows.
    """
    zeros = tf.zeros([batch * num_heads, length, channels // num_heads], dtype)
    return zeros, zeros


def attend_next(qkv, t, cache, num_heads):
    """Row t mixed with those before it and itself.

    Args:
        qkv: tensor (batch, 3 * channels), of row t.
        t: int32 tensor.
        cache: pair of tensors (batch * num_heads, length, d), of `empty_cache` or of the row before.
        num_heads: int.

    Returns:
        tensor (batch, channels), and the cache with row t in it.

    Example:
        >>> from tfp_flows.networks import attention
        >>> cache = attention.empty_cache(1, 2, 1, 1, tf.float32)
        >>> _, cache = attention.attend_next(tf.constant([[0.0, 0.0, 1.0]]), 0, cache, 1)
        >>> attention.attend_next(tf.constant([[0.0, 0.0, 3.0]]), 1, cache, 1)[0].numpy().ravel().tolist()
        [2.0]
    """
    channels = qkv.shape[-1] // 3
    q, k, v = (tf.reshape(part, [-1, channels // num_heads]) for part in tf.split(qkv, 3, axis=-1))
    count, length = tf.shape(q)[0], cache[0].shape[1]
    # Written where it lies: a cache that is put together anew costs as much as reading it.
    places = tf.stack([tf.range(count), tf.fill([count], t)], axis=1)
    keys, values = (tf.tensor_scatter_nd_update(kept, places, row) for kept, row in zip(cache, (k, v)))
    logits = tf.matmul(q[:, tf.newaxis], keys, transpose_b=True)
    mixed = tf.matmul(_weights(logits, tf.range(length) <= t, q), values)
    return tf.reshape(mixed, [-1, channels]), (keys, values)


def _weights(logits, mask, q):
    """Softmax of the scaled products of queries and keys, (..., length), where the mask, if any, is True.

    In float32 at least; the scale is a number of Python's, so that nothing is rounded to less than the dtype.
    """
    logits = tf.cast(logits, tf.float64 if q.dtype == tf.float64 else tf.float32) * q.shape[-1] ** -0.5
    if mask is not None:
        logits = tf.where(mask, logits, logits.dtype.min)
    return tf.cast(tf.nn.softmax(logits), q.dtype)
