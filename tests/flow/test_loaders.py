"""Whatever gives batches is trained on whole, and refused in a sentence before its first wrong step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows import data

pytestmark = pytest.mark.usefixtures("untraced")

X = np.random.default_rng(0).normal(2.0, 1.0, (60, 2)).astype("float32")
C = np.random.default_rng(1).normal(size=(60, 3)).astype("float32")
LABELS = np.arange(60) % 4


def made(optimizer="adam", **options):
    flow = tfp_flows.MAF((2,), num_layers=1, hidden_units=8, **options)
    flow.compile(optimizer)
    return flow


class Loader:
    """As a torch DataLoader: begun anew by each `iter`, lists of arrays of its own kind."""

    def __init__(self, *arrays, size=7):
        self.arrays, self.size = arrays, size

    def __iter__(self):
        for i in range(0, len(self.arrays[0]), self.size):
            batch = [array[i : i + self.size] for array in self.arrays]
            yield batch if len(batch) > 1 else batch[0]


class SizedLoader(Loader):
    def __len__(self):
        return -(-len(self.arrays[0]) // self.size)


@pytest.mark.parametrize("kind", [Loader, SizedLoader])
@pytest.mark.parametrize("is_conditional", [True, False])
def test_a_loader_is_begun_anew_each_epoch(is_conditional, kind):
    options, arrays = (dict(context_shape=(3,)), (X, C)) if is_conditional else ({}, (X,))
    keras.utils.set_random_seed(0)
    flow = made(**options)
    loader = kind(*arrays)
    history = flow.fit(loader, epochs=3, verbose=0, validation_data=kind(*arrays, size=20))
    assert flow.optimizer.iterations == 3 * 9 and len(history.history["val_nll"]) == 3
    keras.utils.set_random_seed(0)
    same = made(**options)
    same.fit(tf.data.Dataset.from_tensor_slices(arrays if is_conditional else X).batch(7), epochs=3, verbose=0)
    for a, b in zip(flow.weights, same.weights):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    expected = -same.predict(X, verbose=0, context=C if is_conditional else None)
    assert flow.evaluate(loader, verbose=0, return_dict=True)["nll"] == pytest.approx(expected.mean(), rel=1e-5)
    np.testing.assert_allclose(flow.predict(loader, verbose=0), -expected, rtol=1e-5)


def test_a_generator_of_bare_arrays_loses_nothing():
    flow = made()
    for _ in range(2):
        flow.fit((x for x in X.reshape(6, 10, 2)), steps_per_epoch=6, verbose=0)
    assert flow.optimizer.iterations == 12


def of(*shape_and_dtypes, batches):
    """A data set that knows nothing of its shapes but what is given."""
    specs = tuple(tf.TensorSpec(*spec) for spec in shape_and_dtypes)
    dataset = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=specs)
    return dataset if len(specs) > 1 else dataset.map(lambda x: x)


@pytest.mark.parametrize("shape", [None, [None, None], [None, 2]])
def test_shapes_that_a_data_set_does_not_know_are_the_flows(shape):
    flow = made(context_shape=(3,))
    dataset = of((shape, tf.float32), (None, tf.float32), batches=[(X[:30], C[:30]), (X[30:], C[30:])])
    flow.fit(dataset, epochs=2, verbose=0)
    scores = flow.predict(dataset, verbose=0)
    np.testing.assert_allclose(scores, flow.predict((X, C), verbose=0), rtol=1e-5)
    np.testing.assert_allclose(scores, flow.log_prob(X, C), rtol=1e-5)


def wrong(array, value, at=-1):
    array = array.copy()
    array.flat[at] = value
    return array


def batched(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0]).batch(20)


COLUMN = np.ones((60, 1), "float32")
PAIRS = [
    (dict(), lambda: batched({"x": X, "y": C}), r"Expected batches of x as events.*got a dict of 'x', 'y'"),
    (dict(), lambda: batched(X, LABELS), r"for the flow is not conditional; got pairs, the second int64 \(None,\)"),
    (dict(), lambda: (X, LABELS), "Expected no context; got one"),
    (dict(), lambda: batched(wrong(X, np.nan)), "Expected finite numbers in x; got 1 NaN or infinite"),
    (dict(), lambda: batched(X, C, COLUMN, COLUMN), "got 4 parts"),
    (dict(context_shape=(3,)), lambda: batched(X), "Expected a context, for the flow is conditional; got none"),
    (dict(context_shape=(3,)), lambda: batched(X, C[:, :1]), r"Expected a context of shape \(n, 3\) of numbers; got"),
    (dict(context_shape=(3,)), lambda: (X, C[:, :2]), r"Expected a context of shape \(n, 3\) of numbers; got"),
    (dict(context_shape=(3,)), lambda: (X, C[:, :1]), r"Expected a context of shape \(n, 3\) of numbers; got"),
    (dict(context_shape=(3,)), lambda: (X, wrong(C, np.nan)), "Expected finite numbers in the context; got 1 NaN"),
    (dict(context_shape=(3,)), lambda: batched(X, wrong(C, np.inf)), "Expected finite numbers in the context; got 1"),
    (dict(num_classes=4), lambda: batched(X, wrong(LABELS, 4)), r"Expected integers 0..3 in the class labels; got"),
    (dict(num_classes=4), lambda: batched(X, wrong(LABELS, -1, 0)), r"Expected integers 0..3 in the class labels"),
    (dict(num_classes=4), lambda: batched(X, LABELS + 0.0), r"Expected class labels as integers 0..3, one an event"),
    (dict(num_classes=4), lambda: batched(X, np.eye(4)[LABELS]), r"Expected class labels as integers 0..3"),
    (dict(), lambda: Loader(X[:0]), "Expected x to give at least one batch; got an empty Loader"),
    (dict(), lambda: 3.5, "Expected x to be an array of events, a tf.data.Dataset.*got 3.5"),
    (dict(), lambda: dict(x=X), "Expected x to be an array of events.*got a dict of 'x'"),
]


@pytest.mark.parametrize("options, make, message", PAIRS)
def test_what_does_not_suit_is_refused(options, make, message):
    flow, given = made(**options), make()
    before = [w.numpy() for w in flow.trainable_variables]
    arguments = given if isinstance(given, tuple) else (given,)
    with pytest.raises(ValueError, match=message):
        flow.fit(*arguments, verbose=0)
    with pytest.raises(ValueError, match=message):
        flow.evaluate(*arguments, verbose=0)
    if "NaN" not in message and "labels" not in message and "finite" not in message:
        assert all(np.array_equal(a, w.numpy()) for a, w in zip(before, flow.trainable_variables))
    # The flow is as good as new.
    fine = {"context_shape": (X, C), "num_classes": (X, LABELS)}.get(next(iter(options), None), (X,))
    assert np.isfinite(flow.fit(*fine, verbose=0).history["nll"]).all()


def test_integers_out_of_range_are_refused_when_they_come():
    flow = tfp_flows.MAF((2,), 17, num_layers=1, hidden_units=8)
    flow.compile("adam")
    x = np.random.default_rng(0).integers(0, 17, (60, 2)).astype("uint8")
    flow.fit(data.batches(x, 20), verbose=0)
    with pytest.raises(ValueError, match=r"Expected integers 0..16 in x; got \d+..17"):
        flow.fit(batched(wrong(x, 17)), verbose=0)
    with pytest.raises(ValueError, match=r"Expected integers 0..16 in validation_data; got \d+..200"):
        flow.fit(batched(x), validation_data=batched(wrong(x, 200)), verbose=0)


class TestWeights:
    weights = np.random.default_rng(2).uniform(0, 3, 60).astype("float32")

    @pytest.fixture(scope="class")
    def flow(self):
        flow = made(keras.optimizers.SGD(0.0))
        flow.fit(X, verbose=0)
        return flow

    def test_a_column_of_them_is_one_each(self, flow):
        expected = (self.weights * -flow.log_prob(X).numpy()).mean()
        for weight in (self.weights, self.weights[:, None]):
            loss = flow.evaluate(X, sample_weight=weight, verbose=0, return_dict=True)["loss"]
            assert loss == pytest.approx(expected, rel=1e-5)
            gives = batched(X, np.zeros(60), weight).map(lambda x, _, weight: (x, None, weight))
            loss = flow.evaluate(gives, verbose=0, return_dict=True)["loss"]
            assert loss == pytest.approx(expected, rel=1e-5)
            assert flow.train_on_batch(X, sample_weight=weight)[0] == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize("weight, message", [
        (np.ones((60, 2)), r"Expected one sample_weight for each of 60 events; got \(60, 2\)"),
        (np.ones(59), r"Expected one sample_weight for each of 60 events; got \(59,\)"),
        (np.full(60, np.nan), "Expected finite numbers in sample_weight; got 60 NaN or infinite"),
        (np.full(60, -2.0), "Expected sample_weight of at least 0; got -2.0"),
        (np.full(60, "a"), "Expected numbers in sample_weight; got"),
    ])  # fmt: skip
    def test_others_are_refused(self, flow, weight, message):
        for call in (flow.fit, flow.evaluate):
            with pytest.raises(ValueError, match=message):
                call(X, sample_weight=weight, verbose=0)

    def test_others_are_refused_in_a_data_set(self, flow):
        for value, message in [(np.nan, "Expected finite numbers"), (-1.0, "Expected sample_weight of at least 0")]:
            with pytest.raises(ValueError, match=message):
                flow.fit(batched(X, X, wrong(self.weights, value)).map(lambda x, _, w: (x, None, w)), verbose=0)
        with pytest.raises(ValueError, match=r"Expected one sample_weight for each of the events; got \(None, 2\)"):
            flow.fit(batched(X, X, X).map(lambda x, _, w: (x, None, w)), verbose=0)
