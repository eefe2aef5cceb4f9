"""What Keras' users do by habit: positional arguments, class weights, `model.export`, files of models of their own."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows

X = np.random.default_rng(0).normal(2.0, 1.0, (50, 2)).astype("float32")


def realnvp():
    flow = tfp_flows.RealNVP((2,), num_layers=2, hidden_units=(4,))
    flow.compile("adam")
    return flow


def test_fit_evaluate_and_predict_take_keras_positional_order():
    flow = realnvp()
    # x, y, batch_size, epochs, verbose, callbacks, validation_split
    history = flow.fit(X, None, 10, 3, 0, None, 0.2)
    assert history.epoch == [0, 1, 2] and flow.optimizer.iterations == 3 * 4 and "val_nll" in history.history
    loss, nll = flow.evaluate(X, None, 25, 0, None, None)
    assert loss == pytest.approx(nll)
    assert nll == pytest.approx(-flow.predict(X, 7, 0).mean(), rel=1e-5)
    with pytest.raises(ValueError, match=r"Expected class_weight=None.*got \{0: 1.0\}"):
        flow.fit(X, class_weight={0: 1.0})
    with pytest.raises(ValueError, match="Expected a compiled flow to fit"):
        tfp_flows.RealNVP((2,), num_layers=2, hidden_units=(4,)).fit(X)


def test_a_metric_that_a_subclass_holds_is_logged_and_reset():
    class Counting(tfp_flows.RealNVP):
        def __init__(self, **arguments):
            super().__init__((2,), num_layers=2, hidden_units=(4,), **arguments)
            self.steps = keras.metrics.Sum(name="steps")

        def train_step(self, data):
            self.steps.update_state(1.0)
            return super().train_step(data)

    flow = Counting()
    flow.compile("adam")
    history = flow.fit(X, batch_size=10, epochs=2, verbose=0).history
    assert set(history) == {"loss", "nll", "steps"} and history["steps"] == [5.0, 5.0]


class TestExport:
    def test_it_is_our_signatures(self, tmp_path):
        flow = realnvp()
        flow.fit(X, verbose=0)
        flow.export(tmp_path / "model")
        served = tf.saved_model.load(str(tmp_path / "model")).signatures
        assert set(served) == {"log_prob", "sample", "encode", "decode", "serving_default"}
        np.testing.assert_allclose(served["log_prob"](x=tf.constant(X))["log_prob"], flow.log_prob(X), rtol=1e-5)
        z = served["encode"](x=tf.constant(X))["z"]
        np.testing.assert_allclose(served["decode"](z=z)["x"], X, atol=1e-5)

    def test_a_model_is_replaced_and_nothing_else_is(self, tmp_path):
        flow, path = realnvp(), tmp_path / "model"
        flow.export(path)
        before = flow.log_prob(X).numpy()
        flow.fit(X, epochs=2, verbose=0)
        flow.export(str(path))
        after = tf.saved_model.load(str(path)).signatures["log_prob"](x=tf.constant(X))["log_prob"]
        np.testing.assert_allclose(after, flow.log_prob(X), rtol=1e-5)
        assert np.abs(after - before).max() > 1e-3 and os.listdir(tmp_path) == ["model"]
        (tmp_path / "notes").mkdir()
        (tmp_path / "notes" / "mine.txt").write_text("kept")
        for wrong in (tmp_path / "notes", tmp_path / "notes" / "mine.txt"):
            with pytest.raises(ValueError, match="Expected a new or empty folder, or a SavedModel's; got "):
                flow.export(wrong)
        assert (tmp_path / "notes" / "mine.txt").read_text() == "kept"

    def test_a_failure_leaves_the_former_one(self, tmp_path):
        flow = realnvp()
        flow.export(tmp_path / "model")
        size = (tmp_path / "model" / "saved_model.pb").stat().st_size

        class OfPython(tfp_flows.flow.Sampler):
            def __call__(self, flow, n, seed, temperature, context):
                return tf.numpy_function(lambda n: np.zeros([n, 2], "float32"), [n], tf.float32)

        wrong = tfp_flows.Flow(flow.distribution, sampler=OfPython())
        with pytest.raises(ValueError, match="Expected a flow of TensorFlow ops alone"):
            wrong.export(tmp_path / "model")
        assert os.listdir(tmp_path) == ["model"] and (tmp_path / "model" / "saved_model.pb").stat().st_size == size

    @pytest.mark.parametrize("options, got", [(dict(format="onnx"), "format='onnx'"), (dict(opset=3), "opset")])
    def test_other_formats_are_refused(self, options, got, tmp_path):
        with pytest.raises(ValueError, match=f"Expected format='tf_saved_model'.*got {got}"):
            realnvp().export(tmp_path / "model", **options)
        assert not os.listdir(tmp_path)


@pytest.mark.parametrize("has_model", [True, False])
def test_a_callback_list_is_taken(has_model):
    flow, seen = realnvp(), []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["nll"]))
    callbacks = keras.callbacks.CallbackList([callback], **({"model": flow, "add_history": True} if has_model else {}))
    history = flow.fit(X, epochs=2, verbose=0, callbacks=callbacks)
    assert history.history["nll"] == seen and len(seen) == 2


@pytest.mark.parametrize("name", ["m.h5", "m.hdf5", "m", "m.weights.h5"])
def test_other_files_than_keras_are_refused(name, tmp_path):
    with pytest.raises(ValueError, match=f"Expected a path that ends in .keras; got '.*{name}'"):
        realnvp().save(tmp_path / name)
    assert not os.listdir(tmp_path)


def test_predict_takes_a_context():
    flow = tfp_flows.MAF((2,), num_layers=1, hidden_units=4, num_classes=3)
    labels = np.arange(50) % 3
    expected = flow.log_prob(X, labels).numpy()
    for got in (flow.predict(X, 7, 0, context=labels), flow.predict((X, labels), verbose=0)):
        np.testing.assert_allclose(got, expected, rtol=1e-5)
    np.testing.assert_allclose(flow.predict(X, verbose=0, context=1), flow.log_prob(X, 1), rtol=1e-5)
    with pytest.raises(ValueError, match="Expected a context, for the flow is conditional; got none"):
        flow.predict(X, verbose=0)
    with pytest.raises(ValueError, match="Expected one context for each of 50 events; got 7"):
        flow.predict(X, verbose=0, context=labels[:7])
