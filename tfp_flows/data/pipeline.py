"""Batches of arrays for `fit`, in an order that is a function of (seed, epoch) only.

    order(epoch) = the permutation that a fresh generator seeded by (seed, epoch) draws

No generator lives from one epoch to the next, so a training that is resumed at epoch k, in a new process even, sees
the very batches that an uninterrupted one saw at epoch k.

Which epoch runs cannot be counted by iterations: Keras makes more iterators than epochs, and `BackupAndRestore`
learns the first epoch only inside `fit`. So a callback says it, by `set_epoch` in its `on_epoch_begin`, and every
iterator of a shuffled data set asks for it when its first batch is drawn. Outside of `fit` a data set counts its own
iterations.

One iterator must be one epoch. With `.repeat()`, or with a `steps_per_epoch` other than the number of batches, one
iterator runs through several: every example still comes once a pass, but the order is no longer that of the contract.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tfp_flows.data import checks

if TYPE_CHECKING:
    import tensorflow as tf

_running_epoch = None  # of the fit that runs in this process; None outside of any


def set_epoch(epoch: int | None) -> None:
    """Says which epoch of `fit` runs now; for a callback's `on_epoch_begin`, and with None for its end.

    A fit that ends in an exception must call `set_epoch(None)` too, or later iterations repeat its last order.

    Args:
        epoch: int >= 0, or None outside of any fit.

    Raises:
        ValueError: for anything else.

    Example:
        >>> from tfp_flows import data
        >>> data.set_epoch(3)
        >>> data.set_epoch(None)
    """
    global _running_epoch
    _running_epoch = None if epoch is None else checks.integer("epoch", epoch, 0)


def batches(
    arrays: ArrayLike | tuple[ArrayLike, ...],
    batch_size: int,
    *,
    shuffle: bool = False,
    seed: int = 0,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """A `tf.data.Dataset` of batches, whose number of steps is known.

    Args:
        arrays: an array (num_examples, ...), or a tuple of arrays of one length. They are copied.
        batch_size: int >= 1.
        shuffle: whether every epoch has an order of its own; without it the order is that of the arrays.
        seed: int >= 0, of the order.
        drop_remainder: whether an incomplete last batch is left out.

    Returns:
        tf.data.Dataset of arrays (batch_size, ...), or of tuples of them where a tuple was given; dtypes are kept.

    Raises:
        ValueError: for arrays that are empty or of unequal lengths or hold no numbers, for a batch size or a seed
            that is no such integer, and where `drop_remainder` leaves no batch at all.

    Example:
        >>> import numpy as np
        >>> from tfp_flows import data
        >>> [batch.numpy().tolist() for batch in data.batches(np.arange(5), 2)]
        [[0, 1], [2, 3], [4]]
    """
    components = _check_arrays(arrays)
    batch_size = checks.integer("batch_size", batch_size, 1)
    seed = checks.integer("seed", seed, 0)
    num_examples = len(components[0])
    num_full = num_examples // batch_size
    if drop_remainder and not num_full:
        raise ValueError(
            f"Expected a batch_size of at most {num_examples} examples with drop_remainder; got {batch_size}."
        )
    num_batches = num_full if drop_remainder else -(-num_examples // batch_size)

    import tensorflow as tf

    # On a machine with a GPU a constant would go there, only to be copied back by tf.data.
    with tf.device("CPU:0"):
        tensors = tuple(tf.constant(component) for component in components)

    def indices(order):
        return tf.data.Dataset.range(num_batches).map(lambda i: order[i * batch_size : (i + 1) * batch_size])

    def gather(i):
        if num_batches == num_full:  # all batches are complete, and XLA compiles once
            i = tf.ensure_shape(i, [batch_size])
        batch = tuple(tf.gather(tensor, i) for tensor in tensors)
        return batch if isinstance(arrays, tuple) else batch[0]

    orders = _shuffled_order(num_examples, seed) if shuffle else tf.data.Dataset.from_tensors(tf.range(num_examples))
    dataset = orders.flat_map(indices).map(gather, num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(num_batches)).prefetch(tf.data.AUTOTUNE)
    options = tf.data.Options()
    options.deterministic = True
    # There is nothing here to fuse, and the optimizer would copy the arrays once more for every new data set.
    options.experimental_optimization.apply_default_optimizations = False
    # The workers of a MultiWorkerMirroredStrategy hold the same arrays: each takes its part of every batch.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options)


def _shuffled_order(num_examples, seed):
    """A data set of one element, the order of this iteration; Python is asked when the iterator draws it."""
    import tensorflow as tf

    iterations = itertools.count()

    def order():
        epoch = next(iterations) if _running_epoch is None else _running_epoch
        return np.random.default_rng([seed, epoch]).permutation(num_examples)

    def draw(_):
        return tf.ensure_shape(tf.numpy_function(order, [], tf.int64), [num_examples])

    return tf.data.Dataset.from_tensors(0).map(draw)


def _check_arrays(arrays):
    components = [np.asarray(array) for array in (arrays if isinstance(arrays, tuple) else (arrays,))]
    lengths = [len(component) if component.ndim else 0 for component in components]
    if not components or min(lengths) == 0:
        raise ValueError(f"Expected arrays of at least one example; got shapes {[c.shape for c in components]}.")
    if len(set(lengths)) > 1:
        raise ValueError(f"Expected arrays with the same number of examples; got {lengths}.")
    for component in components:
        if component.dtype.kind not in "biufc":
            raise ValueError(f"Expected arrays of numbers; got dtype {component.dtype}.")
    return components
