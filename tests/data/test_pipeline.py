"""Batches: the order is a function of (seed, epoch) only, by itself, under Keras' fit and under a strategy."""

import contextlib
import gc
import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import data

ROOT = pathlib.Path(__file__).resolve().parents[2]
NUM_EXAMPLES, BATCH_SIZE, SEED = 10, 4, 3
EVENTS = np.arange(NUM_EXAMPLES)


@pytest.fixture(autouse=True)
def outside_of_fit():
    yield
    data.set_epoch(None)


def shuffled(seed=SEED, **options):
    return data.batches(EVENTS, BATCH_SIZE, shuffle=True, seed=seed, **options)


def flat(dataset):
    return [int(i) for batch in dataset for i in np.ravel(batch)]


def order(epoch, seed=SEED):
    """What a fresh data set gives in one epoch of a fit."""
    data.set_epoch(epoch)
    try:
        return flat(shuffled(seed))
    finally:
        data.set_epoch(None)


class Clock(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        data.set_epoch(epoch)

    def on_train_end(self, logs=None):
        data.set_epoch(None)


class Recorder(keras.layers.Layer):
    """Passes its input on, and writes down what it saw."""

    def __init__(self, seen):
        super().__init__()
        self.write_down = seen.extend  # a list itself would be copied by Keras

    def call(self, x):
        def write(x):
            self.write_down(int(i) for i in x.ravel())
            return np.float32(0)

        return x + tf.ensure_shape(tf.numpy_function(write, [x], tf.float32), [])


def fit(callbacks=(), scope=None, compile_options=None, **options):
    """Trains a small model on a fresh shuffled data set; returns all the events it saw."""
    seen = []
    events = EVENTS.astype(np.float32)[:, None]
    with scope or contextlib.nullcontext():
        model = keras.Sequential([keras.Input((1,)), Recorder(seen), keras.layers.Dense(1)])
        model.compile("sgd", "mse", **(compile_options or {}))
        dataset = data.batches((events, events), BATCH_SIZE, shuffle=True, seed=SEED)
    model.fit(dataset, shuffle=False, verbose=0, callbacks=[Clock(), *callbacks], **options)
    return seen


def test_every_example_once_an_epoch():
    dataset = shuffled()
    for _ in range(3):
        assert sorted(flat(dataset)) == EVENTS.tolist()


def test_epochs_and_seeds_differ():
    dataset = shuffled()
    epochs = [flat(dataset) for _ in range(4)]
    assert len({tuple(epoch) for epoch in [*epochs, flat(shuffled(seed=SEED + 1))]}) == 5


def test_the_order_is_a_function_of_seed_and_epoch():
    counted = shuffled()
    for epoch in range(3):
        assert flat(counted) == order(epoch) == order(epoch)


def test_a_running_epoch_beats_the_count():
    dataset = shuffled()
    data.set_epoch(7)
    assert flat(dataset) == flat(dataset) == order(7)
    data.set_epoch(None)
    assert flat(dataset) == order(0)  # what fit drew was not counted


def test_the_epoch_is_asked_for_when_the_first_batch_is_drawn():
    iterator = iter(shuffled().map(lambda x: x + 1).prefetch(2))
    data.set_epoch(5)
    first = next(iterator)
    data.set_epoch(6)
    assert [int(i) - 1 for batch in [first, *iterator] for i in batch] == order(5)


def test_iterators_are_independent():
    dataset = shuffled()
    one, other = iter(dataset), iter(dataset)
    both = [(next(one), next(other)) for _ in range(3)]
    assert flat(pair[0] for pair in both) == order(0)
    assert flat(pair[1] for pair in both) == order(1)


def test_a_derived_data_set_outlives_its_source():
    dataset = shuffled().map(lambda x: x).prefetch(1)
    gc.collect()
    assert flat(dataset) == order(0)


def test_unshuffled_is_the_given_order():
    dataset = data.batches(EVENTS, BATCH_SIZE)
    assert flat(dataset) == flat(dataset) == EVENTS.tolist()


@pytest.mark.parametrize("drop_remainder, sizes", [(False, [4, 4, 2]), (True, [4, 4])])
def test_sizes_and_cardinality(drop_remainder, sizes):
    dataset = shuffled(drop_remainder=drop_remainder)
    assert [len(batch) for batch in dataset] == sizes
    assert int(dataset.cardinality()) == len(sizes)
    assert dataset.element_spec.shape[0] == (BATCH_SIZE if drop_remainder else None)
    assert data.batches(EVENTS, 5).element_spec.shape == (5,)  # static wherever every batch is full


def test_structure_and_dtypes_are_kept():
    pixels, labels = np.zeros((6, 2, 3), np.uint8), np.arange(6)
    batch = next(iter(data.batches((pixels, labels), 6, shuffle=True)))
    assert isinstance(batch, tuple) and [(part.shape, part.dtype) for part in batch] == [
        ((6, 2, 3), tf.uint8),
        ((6,), tf.int64),
    ]
    pair = next(iter(data.batches((EVENTS, 10 * EVENTS), BATCH_SIZE, shuffle=True)))
    np.testing.assert_array_equal(pair[1], 10 * pair[0])
    assert len(next(iter(data.batches((EVENTS,), BATCH_SIZE)))) == 1


def test_arrays_are_copied():
    array = np.arange(4)
    dataset = data.batches(array, 4)
    array[:] = 0
    assert flat(dataset) == [0, 1, 2, 3]


def test_options_of_distribution_and_order():
    options = shuffled().options()
    assert options.experimental_distribute.auto_shard_policy is tf.data.experimental.AutoShardPolicy.DATA
    assert options.deterministic is True


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compile_options": {"run_eagerly": True}},
        {"compile_options": {"steps_per_execution": 2}},
        {"steps_per_epoch": 3},  # Keras makes the iterator of the next epoch when one ends
    ],
)
def test_fit(options):
    assert fit(epochs=2, **options) == order(0) + order(1)


def test_a_resumed_fit_sees_what_an_uninterrupted_one_saw(tmp_path):
    class Interruption(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise InterruptedError

    backup = lambda: keras.callbacks.BackupAndRestore(tmp_path / "backup")  # noqa: E731
    with pytest.raises(InterruptedError):
        fit(epochs=4, callbacks=[backup(), Interruption()])
    data.set_epoch(None)
    assert fit(epochs=4, callbacks=[backup()]) == order(2) + order(3)
    assert fit(epochs=4, initial_epoch=3) == order(3)


MIRRORED = """
import json, sys
import tensorflow as tf
cpu = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [cpu, cpu])
sys.path.insert(0, {root!r})
from tests.data import test_pipeline
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
print(json.dumps(test_pipeline.fit(scope=strategy.scope(), epochs=3, initial_epoch=1)))
"""


def test_two_replicas_in_a_new_process():
    script = MIRRORED.format(root=str(ROOT))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    # The replicas run side by side: the order within a batch is open, that of the batches is not.
    pieces = (
        lambda events: [  # noqa: E731
            sorted(epoch[i : i + BATCH_SIZE])
            for epoch in (events[:NUM_EXAMPLES], events[NUM_EXAMPLES:])
            for i in range(0, NUM_EXAMPLES, BATCH_SIZE)
        ]
    )
    assert pieces(seen) == pieces(order(1) + order(2))


@pytest.mark.parametrize(
    "arrays, batch_size, options, message",
    [
        (EVENTS, 0, {}, "batch_size to be an integer of at least 1; got 0"),
        (EVENTS, -1, {}, "at least 1; got -1"),
        (EVENTS, 2.0, {}, "got 2.0"),
        (EVENTS, True, {}, "got True"),
        (EVENTS, None, {}, "got None"),
        (EVENTS, 2, {"seed": -1}, "seed to be an integer of at least 0; got -1"),
        (EVENTS, 2, {"seed": None}, "got None"),
        (EVENTS, 11, {"drop_remainder": True}, "at most 10 examples with drop_remainder; got 11"),
        (EVENTS[:0], 2, {}, "at least one example"),
        (np.float32(1), 2, {}, "at least one example"),
        ((), 2, {}, "at least one example"),
        ((EVENTS, EVENTS[:3]), 2, {}, r"same number of examples; got \[10, 3\]"),
        (np.array(["a"]), 2, {}, "arrays of numbers; got dtype <U1"),
        (np.array([None, 1]), 2, {}, "arrays of numbers; got dtype object"),
    ],
)
def test_refusals(arrays, batch_size, options, message):
    with pytest.raises(ValueError, match=f"Expected.*{message}"):
        data.batches(arrays, batch_size, **options)


@pytest.mark.parametrize("epoch", [-1, 1.0, "1", True])
def test_refused_epochs(epoch):
    with pytest.raises(ValueError, match="Expected epoch to be an integer of at least 0; got"):
        data.set_epoch(epoch)
