"""Warm-up requests: TensorFlow Serving answers them while it loads a version, before the first client waits.

The first request to a signature pays for what TensorFlow sets up late. `assets.extra/tf_serving_warmup_requests` is a
TFRecord file with one `PredictionLog` a signature; the server replays it, and does not load a version of which one
request fails.
"""

import pathlib

import numpy as np
import tensorflow as tf

from tfp_flows.flow import column_signature
from tfp_flows.flow.signatures import inputs

FILE = pathlib.PurePath("assets.extra", "tf_serving_warmup_requests")


def examples(functions, default, labels=None):
    """Makes one small request for each signature, on an event of the model's own, and answers it.

    That there was an answer means that no request fails when the server loads.

    Args:
        functions: dictionary from the signature's name to its traced function, as `signatures` gave it.
        default: name of the function behind `serving_default`, which is a signature of its own to the server.
        labels: array (1,) of a class label that is served; None for a model without classes.

    Returns:
        Dictionary from the signature's name to a dictionary of arrays, the named inputs.
    """
    known = {"n": np.int32(1), "seed": np.zeros(2, np.int32), "temperature": np.float32(1)}
    if labels is not None:
        known["context"] = labels
    requests = {}
    for name in ("sample", "encode", "decode", "log_prob"):  # each gives what the next ones take
        if name in functions:
            request = {key: known.get(key, _zeros(spec)) for key, spec in inputs(functions[name]).items()}
            answer = functions[name](**{key: tf.constant(array) for key, array in request.items()})
            known.update({key: tensor.numpy() for key, tensor in answer.items()})
            requests[name] = request
    for name in functions.keys() - requests.keys():
        specs = inputs(functions[name])
        if name == column_signature.NAME:  # its columns may be called as anything above
            requests[name] = {key: _zeros(spec) if spec.dtype.is_floating else labels for key, spec in specs.items()}
        else:  # those of integers
            dtype = specs["x"].dtype.as_numpy_dtype
            event = np.floor(known["x"]).astype(dtype) if "x" in known else _zeros(specs["x"])
            requests[name] = {key: known.get(key, _zeros(spec)) for key, spec in specs.items()} | {"x": event}
        functions[name](**{key: tf.constant(array) for key, array in requests[name].items()})
    return {**requests, "serving_default": requests[default]}


def write_warmup(requests, folder):
    """Writes requests into the folder of a version.

    Args:
        requests: what `examples` returned.
        folder: the version's folder, `pathlib.Path`.

    Raises:
        ImportError: if tensorflow-serving-api, which knows the format, is not installed.
    """
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2  # here: an extra that not everybody needs

    (folder / FILE).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
        for name, inputs in requests.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.signature_name = name
            for key, array in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(array))
            log = prediction_log_pb2.PredictLog(request=request)
            writer.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())


def _zeros(spec):
    """A batch of one: for a context that is no label, and for events of a flow that cannot draw any."""
    return np.zeros([1 if size is None else size for size in spec.shape], spec.dtype.as_numpy_dtype)
