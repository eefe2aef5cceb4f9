"""A flow that knows what stands for its classes: by text in Python, by whatever the data have where it is served."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows import data, serving
from tfp_flows.flow.signatures import inputs, signatures

pytestmark = pytest.mark.usefixtures("untraced")

X = np.random.default_rng(0).normal(size=(12, 2)).astype("float32")
CLASSES = np.arange(12) % 3
TEXT = data.Labels(("cat", "dog", "emu, wild"))
INTEGERS = data.Labels((-4, 10**6, 2**40))
# Served as these -> the dtype that the signatures take.
SERVED = {"text": (TEXT, tf.string), "integers": (INTEGERS, tf.int64)}


def build(class_labels=None, num_classes=3):
    """Another density for each class."""
    flow = tfp_flows.MAF((2,), num_layers=1, hidden_units=8, num_classes=num_classes, seed=1)
    flow.class_labels = class_labels
    random = np.random.default_rng(1)
    for weight in flow.trainable_variables:
        weight.assign(0.3 * random.normal(size=weight.shape))
    return flow


@pytest.mark.parametrize("kind", SERVED)
def test_the_served_signatures_take_the_labels_of_the_data(kind, tmp_path):
    labels, dtype = SERVED[kind]
    flow = build(labels)
    own = labels.decode(CLASSES)
    functions, _ = signatures(flow)
    assert {inputs(function)["context"].dtype for function in functions.values()} == {dtype}
    path = serving.export(flow, tmp_path / "served")
    served = serving.load(path)
    expected = flow.log_prob(X, context=CLASSES)
    assert np.ptp([flow.log_prob(X[:1], context=k)[0] for k in range(3)]) > 0.1
    np.testing.assert_allclose(served.log_prob(X, context=own), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        served.sample(12, seed=[0, 5], context=own), flow.sample(12, seed=5, context=CLASSES), rtol=1e-4, atol=1e-5
    )
    z = served.encode(X, context=own)
    np.testing.assert_allclose(served.decode(z, context=own), X, rtol=1e-4, atol=1e-4)
    assert data.Labels.from_dict(served.card["class_labels"]) == labels
    assert "one of " + labels.listing() in served.card["signatures"]["log_prob"]["inputs"]["context"]["meaning"]
    # By name, on this side and in the graph itself, as a server's client is told.
    wrong = np.array(["dog", "cow"]) if kind == "text" else np.array([10**6, 5])
    with pytest.raises(ValueError, match=f"Expected labels among .* in context; got {wrong.tolist()[1]!r}"):
        served.log_prob(X[:2], context=wrong)
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        tf.saved_model.load(path).signatures["log_prob"](x=tf.constant(X[:2]), context=tf.constant(wrong))
    among = {"text": "cat, dog, emu, wild", "integers": "-4, 1000000, 1099511627776"}[kind]
    assert f"Expected context among {among}; got {wrong[1]}.]" in str(error.value)


def test_tensorflow_alone_scores_with_text(tmp_path):
    flow = build(TEXT)
    flow.export(tmp_path / "model")
    np.save(tmp_path / "x.npy", X)
    code = f"""
import sys, numpy as np, tensorflow as tf
served = tf.saved_model.load({str(tmp_path / "model")!r})
x = tf.constant(np.load({str(tmp_path / "x.npy")!r}))
scores = served.signatures["log_prob"](x=x, context=tf.constant(["cat", "dog", "emu, wild"] * 4))["log_prob"]
assert not {{"tensorflow_probability", "tfp_flows"}} & set(sys.modules)
print(*scores.numpy().tolist())
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    found = np.array(result.stdout.split(), float)
    np.testing.assert_allclose(found, flow.log_prob(X, context=CLASSES), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("labels", [None, data.Labels(range(3)), data.Labels(range(3), ("a", "b", "c"))])
def test_classes_that_are_the_labels_are_served_as_before(labels):
    functions, _ = signatures(build(labels))
    spec = inputs(functions["log_prob"])["context"]
    assert (spec.dtype, spec.shape.as_list()) == (tf.int32, [None])
    # Nothing is looked up: one that is out of range leads to NaN, and to no error.
    scores = functions["log_prob"](x=tf.constant(X[:2]), context=tf.constant([1, 3]))["log_prob"].numpy()
    assert np.isfinite(scores[0]) and np.isnan(scores[1])


def test_booleans_are_served():
    flow = build(data.Labels((False, True)), num_classes=2)
    functions, _ = signatures(flow)
    found = functions["log_prob"](x=tf.constant(X), context=tf.constant(CLASSES == 1))["log_prob"]
    np.testing.assert_allclose(found, flow.log_prob(X, context=(CLASSES == 1).astype(int)), rtol=1e-5, atol=1e-6)


def test_text_is_taken_in_python_too():
    flow = build(TEXT)
    own = TEXT.decode(CLASSES)
    for given in (own, own.tolist(), own.astype(object), tf.constant(own)):
        np.testing.assert_array_equal(flow.log_prob(X, context=given), flow.log_prob(X, context=CLASSES))
    np.testing.assert_array_equal(flow.sample(4, seed=0, context="dog"), flow.sample(4, seed=0, context=1))
    with pytest.raises(ValueError, match="Expected labels among 'cat', .*; got 'cow'"):
        flow.sample(4, context="cow")
    weights = []
    for given in (own, CLASSES):
        flow = build(TEXT)
        flow.compile("sgd")
        flow.fit(X, given, validation_data=(X, given), batch_size=4, epochs=2, verbose=0)
        weights.append([variable.numpy() for variable in flow.trainable_variables])
    for one, other in zip(*weights):
        np.testing.assert_array_equal(one, other)


def test_what_stands_for_the_classes_is_saved(tmp_path):
    flow = build(TEXT)
    flow.save(tmp_path / "flow.keras")
    import keras

    again = keras.saving.load_model(tmp_path / "flow.keras")
    assert again.class_labels == TEXT
    np.testing.assert_array_equal(again.log_prob(X, context="dog"), flow.log_prob(X, context="dog"))
    assert "class_labels" not in build().get_config()


def test_bad_class_labels_are_refused():
    flow = build()
    for bad, message in (
        (data.Labels(("a", "b")), "class_labels for a flow with num_classes=3; got 2"),
        (["a", "b", "c"], "class_labels to be a tfp_flows.data.Labels or None; got"),
    ):
        with pytest.raises(ValueError, match=message):
            flow.class_labels = bad
    assert flow.class_labels is None
    with pytest.raises(ValueError, match="Expected class_labels for a flow with no num_classes; got 3"):
        tfp_flows.MAF((2,), num_layers=1, hidden_units=8).class_labels = TEXT


@pytest.mark.parametrize(
    "context, got",
    [
        (["cat"] * 12, "string"),
        (CLASSES + 1.0, "float64"),
        (np.eye(3, dtype=int)[CLASSES], r"int64 \(12, 3\)"),
        (CLASSES[:, None], r"int64 \(12, 1\)"),
        (CLASSES + 1, "3"),
        (CLASSES == 1, "bool"),
    ],
)
def test_labels_that_are_no_classes_are_refused_with_the_way_to_map_them(context, got):
    flow = build()
    flow.compile("sgd")
    for ask in (lambda: flow.fit(X, context, verbose=0), lambda: flow.log_prob(X, context=context)):
        with pytest.raises(ValueError, match=rf"integers 0\.\.2, one an event; got {got}.*data.Labels makes them"):
            ask()


@pytest.mark.parametrize("labels", [CLASSES, TEXT.decode(CLASSES), CLASSES == 1], ids=["integers", "text", "booleans"])
def test_labels_are_no_context_of_numbers(labels):
    flow = tfp_flows.MAF((2,), num_layers=1, hidden_units=8, context_shape=(3,))
    flow.compile("sgd")
    for ask in (lambda: flow.fit(X, labels, verbose=0), lambda: flow.log_prob(X, context=labels)):
        with pytest.raises(ValueError, match=r"a context of shape \(n, 3\) of numbers; got .* flow with num_classes"):
            ask()
