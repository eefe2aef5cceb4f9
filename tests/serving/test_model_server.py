"""The exported SavedModel in TensorFlow's model server itself, over REST and gRPC, where its binary is on PATH."""

import json
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import tensorflow as tf

from tests.served import assert_close, exported, gaussian
from tfp_flows import serving

BINARY = shutil.which("tensorflow_model_server")
SIGNATURES = ("log_prob", "encode", "decode", "sample", "serving_default")

pytestmark = pytest.mark.skipif(BINARY is None, reason="tensorflow_model_server is not on PATH")


class Server:
    """A model server on two free ports of the loopback interface."""

    def __init__(self, base, log):
        self.grpc_port, self.rest_port = _free_ports(2)
        self._log = log
        with log.open("w") as file:
            self._process = subprocess.Popen(
                [
                    BINARY,
                    f"--port={self.grpc_port}",
                    f"--rest_api_port={self.rest_port}",
                    "--model_name=flow",
                    f"--model_base_path={base}",
                    "--file_system_poll_wait_seconds=1",
                ],
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def wait_for(self, version, seconds=60):
        """Waits until the server serves a version; its warm-up requests have been answered then."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            if self._state(version) == "AVAILABLE":
                return
            time.sleep(0.2)
        raise AssertionError(f"The server did not load version {version}:\n{self._log.read_text()}")

    def rest(self, path, body=None):
        """GETs or POSTs JSON and returns JSON."""
        data = None if body is None else json.dumps(body).encode()
        address = f"http://127.0.0.1:{self.rest_port}/v1/models/flow{path}"
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(urllib.request.Request(address, data), timeout=30) as response:
            return json.load(response)

    def stop(self):
        self._process.terminate()
        self._process.wait(30)

    def _state(self, version):
        try:
            status = self.rest("")["model_version_status"]
        except (urllib.error.URLError, ConnectionError):  # not listening yet, or the model not known yet
            return None
        return {entry["version"]: entry["state"] for entry in status}.get(str(version))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    _, version, _, _ = exported()
    folder = tmp_path_factory.mktemp("server")
    shutil.copytree(version, folder / "flow" / "1")
    running = Server(folder / "flow", folder / "log.txt")
    try:
        running.wait_for(1)
        running.base = folder / "flow"
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize("signature", SIGNATURES)
def test_rest_agrees_with_the_model(server, signature):
    _, _, requests, answers = exported()
    inputs = {name: np.asarray(value).tolist() for name, value in requests[signature].items()}
    outputs = server.rest("/versions/1:predict", {"signature_name": signature, "inputs": inputs})["outputs"]
    (name,) = answers[signature]  # the server leaves the name out where there is one output
    assert_close({name: np.array(outputs, np.float32)}, answers[signature])


@pytest.mark.parametrize("signature", SIGNATURES)
def test_grpc_agrees_with_the_model(server, signature):
    grpc = pytest.importorskip("grpc")
    predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
    service = pytest.importorskip("tensorflow_serving.apis.prediction_service_pb2_grpc")
    _, _, requests, answers = exported()
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "flow", signature
    request.model_spec.version.value = 1
    for name, value in requests[signature].items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    address, direct = f"127.0.0.1:{server.grpc_port}", [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(address, options=direct) as channel:
        response = service.PredictionServiceStub(channel).Predict(request, timeout=30)
    assert_close({name: tf.make_ndarray(value) for name, value in response.outputs.items()}, answers[signature])


@pytest.mark.parametrize("interface", ["REST", "gRPC"])
def test_the_client_agrees_with_the_model(server, interface):
    if interface == "gRPC":
        pytest.importorskip("tensorflow_serving", reason="the extra `serving` is not installed")
    address = f"http://127.0.0.1:{server.rest_port}" if interface == "REST" else f"127.0.0.1:{server.grpc_port}"
    _, _, requests, answers = exported()
    x, z = requests["log_prob"]["x"], requests["decode"]["z"]
    with serving.Client(address, "flow", version=1, rows_at_once=2) as client:
        assert set(client.signatures) == set(SIGNATURES)
        for got, name in (
            (client.log_prob(x.astype(float)), "log_prob"),
            (client.encode(x), "encode"),
            (client.decode(z), "decode"),
            (client.sample(6, seed=[5, -9], temperature=0.7), "sample"),
        ):
            (expected,) = answers[name].values()
            assert_close({"": got}, {"": expected})
        odd = np.where(np.arange(4) == 1, np.nan, x[:2])
        assert np.isnan(client.log_prob(odd)).all()
        # Past the client's own checks: what the graph says at the server.
        arrays = {"n": np.int32(-1), "seed": np.zeros(2, np.int32), "temperature": np.float32(1)}
        with pytest.raises(ValueError, match="^Expected n to be a positive integer; got -1"):
            client._server.predict("sample", arrays, {"x": None})
    with pytest.raises(serving.ServerError, match="Expected a server of model 'other'"):
        serving.Client(address, "other")


def test_wrong_shape_is_an_error_of_the_client(server):
    with pytest.raises(urllib.error.HTTPError, match="400"):
        server.rest("/versions/1:predict", {"inputs": {"x": [[0.0, 1.0]]}})


def test_new_version_is_picked_up(server):
    # Last in the file: the server drops version 1 once it serves version 2.
    version = pathlib.Path(serving.export(gaussian(), server.base))
    server.wait_for(int(version.name))
    outputs = server.rest(":predict", {"inputs": {"x": [[0.0, 1.0]]}})["outputs"]
    assert_close({"": np.array(outputs, np.float32)}, {"": gaussian().log_prob(np.array([[0.0, 1.0]])).numpy()})


def _free_ports(number):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
