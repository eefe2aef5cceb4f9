"""The exported SavedModel in TensorFlow's C API, the nearest thing to TensorFlow Serving that a wheel holds."""

import numpy as np
import pytest
import tensorflow as tf

from tests import c_api
from tests.served import assert_close, exported


def test_every_signature_agrees_with_the_model():
    _, version, requests, answers = exported()
    got = c_api.run(version, requests.items())
    for outputs, expected in zip(got, answers.values(), strict=True):
        assert_close(outputs, expected)


def test_batch_size_is_free():
    flow, version, _, _ = exported()
    calls = [("log_prob", {"x": np.full((size, 4), 0.5, np.float32)}) for size in (1, 7)]
    for outputs, (_, inputs) in zip(c_api.run(version, calls), calls, strict=True):
        assert_close(outputs, {"log_prob": flow.log_prob(inputs["x"]).numpy()})


def test_warmup_requests_are_answered():
    prediction_log_pb2 = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    _, version, requests, _ = exported()
    records = tf.data.TFRecordDataset(str(version / "assets.extra" / "tf_serving_warmup_requests"))
    calls = []
    for record in records.as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        calls.append((request.model_spec.signature_name, inputs))
    assert {signature for signature, _ in calls} == requests.keys() and len(calls) == len(requests)
    for outputs in c_api.run(version, calls):
        assert all(np.isfinite(value).all() for value in outputs.values())


def test_unknown_signature_and_missing_input_are_errors():
    _, version, requests, _ = exported()
    with pytest.raises(RuntimeError, match="KeyError: 'score'"):
        c_api.run(version, [("score", requests["log_prob"])])
    with pytest.raises(RuntimeError, match=r"Expected the inputs \['x'\]; got \[\]"):
        c_api.run(version, [("log_prob", {})])


# Controls: what a server cannot run fails here too, so that the tests above prove something.


@pytest.mark.parametrize(("function", "message"), [
    (tf.function(tf.sin, jit_compile=True), "XLA compilation disabled"),
    (lambda x: tf.ensure_shape(tf.numpy_function(np.sin, [x], tf.float32), [None]),
     "No OpKernel was registered to support Op 'PyFunc'"),
])  # fmt: skip
def test_what_a_server_cannot_run_fails(tmp_path, function, message):
    root = tf.Module()
    root.served = tf.function(lambda x: {"y": function(x)}, input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    tf.saved_model.save(root, str(tmp_path), signatures=root.served)
    with pytest.raises(RuntimeError, match=message):
        c_api.run(tmp_path, [("serving_default", {"x": np.ones(2, np.float32)})])
