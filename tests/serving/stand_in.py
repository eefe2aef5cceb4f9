"""A stand-in for TensorFlow Serving: its REST and gRPC interfaces over an exported SavedModel, within this process.

It is not TensorFlow Serving. It speaks as its documentation has it: JSON with bare NaN and Infinity, one output without
its name, errors as {"error": ...} with the status of TensorFlow's error, gRPC's own codes. What it computes is the
SavedModel's. The tests against the real binary are in test_model_server.py.
"""

import concurrent.futures
import http.server
import json
import re
import threading
import time

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

PREDICT = "tensorflow/serving/predict"
STATUS = {"INVALID_ARGUMENT": 400, "NOT_FOUND": 404, "UNAVAILABLE": 503}


class Refusal(Exception):
    """What the server answers instead: the name of a code of TensorFlow's, and a message."""


class Model:
    """The signatures of a SavedModel, as a server knows them.

    Args:
        path: the version's folder.
    """

    def __init__(self, path):
        self._model = tf.saved_model.load(str(path))
        self.specs = {name: f.structured_input_signature[1] for name, f in self._model.signatures.items()}
        self.outputs = {name: f.structured_outputs for name, f in self._model.signatures.items()}
        self.requests = []  # (interface, signature, name -> array) of each that was answered
        self.delay = 0

    def find(self, name, version):
        if name != "flow" or version not in (None, 1):
            raise Refusal("NOT_FOUND", f"Servable not found for request: Specific({name}, {version})")

    def predict(self, interface, signature, inputs):
        time.sleep(self.delay)
        specs = self.specs[signature]
        if specs.keys() != inputs.keys():
            raise Refusal("INVALID_ARGUMENT", f"input keys {sorted(inputs)} do not match {sorted(specs)}")
        for name, array in inputs.items():
            if array.dtype != specs[name].dtype.as_numpy_dtype or not specs[name].shape.is_compatible_with(array.shape):
                raise Refusal("INVALID_ARGUMENT", f"{name} is {array.dtype} {array.shape}\n\t [[{{{{node {name}}}}}]]")
        self.requests.append((interface, signature, inputs))
        try:
            answer = self._model.signatures[signature](**{name: tf.constant(value) for name, value in inputs.items()})
        except tf.errors.InvalidArgumentError as error:
            raise Refusal("INVALID_ARGUMENT", error.message) from error
        return {name: tensor.numpy() for name, tensor in answer.items()}


def rest(model):
    """A running REST interface; `server_port` is its port, `shutdown` ends it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            self._answer(lambda: {"model_spec": {"name": "flow"}, "metadata": {"signature_def": _metadata(model)}})

        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(lambda: self._predict(json.loads(content)))

        def _predict(self, body):
            signature = body["signature_name"]
            inputs = {name: _from_json(value, model.specs[signature][name]) for name, value in body["inputs"].items()}
            outputs = {name: _to_json(array) for name, array in model.predict("REST", signature, inputs).items()}
            return {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}

        def _answer(self, make):
            status = 200
            try:
                name, version = re.match(r"/v1/models/([^/:]+)(?:/versions/(\d+))?[:/]", self.path).groups()
                model.find(name, version and int(version))
                answer = make()
            except Refusal as refusal:
                status, answer = STATUS[refusal.args[0]], {"error": refusal.args[1]}
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def grpc_server(model):
    """A running gRPC interface and its port; `stop` ends it."""
    import grpc
    from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def GetModelMetadata(self, request, context):
            self._find(request, context)
            named = get_model_metadata_pb2.SignatureDefMap()
            for name, specs in model.specs.items():
                for into, tensors in (
                    (named.signature_def[name].inputs, specs),
                    (named.signature_def[name].outputs, model.outputs[name]),
                ):
                    for key, tensor in tensors.items():
                        into[key].dtype = tensor.dtype.as_datatype_enum
                        into[key].tensor_shape.CopyFrom(tensor.shape.as_proto())
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            response.metadata["signature_def"].Pack(named)
            return response

        def Predict(self, request, context):
            self._find(request, context)
            inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
            try:
                answer = model.predict("gRPC", request.model_spec.signature_name, inputs)
            except Refusal as refusal:
                context.abort(grpc.StatusCode[refusal.args[0]], refusal.args[1])
            response = predict_pb2.PredictResponse()
            for name, array in answer.items():
                response.outputs[name].CopyFrom(tf.make_tensor_proto(array))
            return response

        def _find(self, request, context):
            spec = request.model_spec
            try:
                model.find(spec.name, spec.version.value if spec.HasField("version") else None)
            except Refusal as refusal:
                context.abort(grpc.StatusCode[refusal.args[0]], refusal.args[1])

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def _metadata(model):
    """As the server prints its protos: sizes are text, -1 where they are free."""

    def infos(tensors):
        return {
            name: {
                "dtype": types_pb2.DataType.Name(tensor.dtype.as_datatype_enum),
                "tensor_shape": {
                    "dim": [{"size": str(-1 if size is None else size), "name": ""} for size in tensor.shape],
                    "unknown_rank": False,
                },
                "name": f"{name}:0",
            }
            for name, tensor in tensors.items()
        }

    found = {
        name: {"inputs": infos(specs), "outputs": infos(model.outputs[name]), "method_name": PREDICT}
        for name, specs in model.specs.items()
    }
    initialize = {"inputs": {}, "outputs": {"__saved_model_init_op": {"dtype": "DT_INVALID", "name": "NoOp"}}}
    return {"signature_def": {**found, "__saved_model_init_op": {**initialize, "method_name": ""}}}


def _from_json(value, spec):
    array = np.array(value)
    if spec.dtype.is_integer and array.dtype.kind == "f":
        raise Refusal("INVALID_ARGUMENT", f"JSON Value: {value} Type: Number is not of type: {spec.dtype.name}")
    return array.astype(spec.dtype.as_numpy_dtype)


def _to_json(array):
    """Of float32 the shortest text that means the same number, as the server writes it."""
    if array.dtype == np.float32:
        array = np.vectorize(lambda number: float(str(number)), otypes=[float])(array)
    return array.tolist()
