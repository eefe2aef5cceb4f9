"""A model server's REST interface, by the standard library: one connection a thread, kept open between requests.

    GET   /v1/models/MODEL[/versions/N]/metadata   -> the signatures
    POST  /v1/models/MODEL[/versions/N]:predict    {"signature_name": ..., "inputs": {name: nested lists}}
                                                   -> {"outputs": nested lists, by name where there are several}

Whole batches by name ("inputs", not "instances"), since `sample` has scalars beside a seed. Not-a-numbers and
infinities are bare tokens, NaN, Infinity and -Infinity, in what is sent and what comes back.
"""

import http.client
import json
import threading
import urllib.parse

import numpy as np

from tfp_flows.serving import server_error
from tfp_flows.serving.face import Spec

_DTYPES = {
    "DT_FLOAT": np.float32, "DT_DOUBLE": np.float64, "DT_INT32": np.int32, "DT_INT64": np.int64, "DT_UINT8": np.uint8,
    "DT_BOOL": np.bool_, "DT_STRING": np.object_,
}  # fmt: skip
# What a server answers that closed a connection which had been idle for long: the request is sent once more.
_STALE = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)


class Rest:
    """The REST interface of one model.

    Args:
        address: str, "http://host:port" or "https://...", with the path of a gateway where there is one.
        model: str.
        version: int, or None for the server's latest.
        timeout: float, seconds without a byte after which a request fails.
    """

    def __init__(self, address, model, version, timeout):
        parts = urllib.parse.urlsplit(address)
        self._connection_class = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._address, self._timeout = parts.netloc, address, timeout
        at = "" if version is None else f"/versions/{version}"
        self._path = f"{parts.path.rstrip('/')}/v1/models/{urllib.parse.quote(model)}{at}"
        self._what = f"model {model!r}" + ("" if version is None else f", version {version}")
        self._own = threading.local()

    def signatures(self):
        """Name of a signature -> what it takes and what it gives, each name -> `Spec`.

        Raises:
            ServerError: where the server does not answer, or does not serve the model.
        """
        answer = self._ask("GET", "/metadata", None, "metadata")
        try:
            found = answer["metadata"]["signature_def"]["signature_def"]
            return {
                name: (_specs(signature.get("inputs", {})), _specs(signature.get("outputs", {})))
                for name, signature in found.items()
                if not name.startswith("__")  # what TensorFlow runs as the model is loaded
            }
        except (KeyError, TypeError) as error:
            raise server_error.failed(self._address, "no metadata of a model", repr(answer)[:200]) from error

    def predict(self, signature, arrays, outputs):
        """Answers of a signature.

        Args:
            signature: str.
            arrays: name -> array.
            outputs: name -> `Spec`.

        Returns:
            name -> array.

        Raises:
            ValueError: what the server says is wrong with the request.
            ServerError: where the server does not answer.
        """
        inputs = {name: array.tolist() for name, array in arrays.items()}
        given = self._ask("POST", ":predict", {"signature_name": signature, "inputs": inputs}, signature)["outputs"]
        # The server leaves the name out where there is one output.
        named = {next(iter(outputs)): given} if len(outputs) == 1 else given
        return {name: np.array(named[name], spec.dtype) for name, spec in outputs.items()}

    def close(self):
        """Closes the connection of this thread; those of others close with their threads."""
        connection = vars(self._own).pop("connection", None)
        if connection is not None:
            connection.close()

    def _ask(self, method, path, body, signature):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        status, content = self._send(method, self._path + path, data, headers)
        text = content.decode("utf-8", "replace")
        try:
            answer = json.loads(text)
        except ValueError:
            raise server_error.failed(self._address, f"status {status} and no JSON", text[:200]) from None
        if status == 200:
            return answer
        message = str(answer.get("error", text)) if isinstance(answer, dict) else text
        if status == 400:
            raise server_error.refused(signature, message)
        if status == 404:
            raise server_error.unknown(self._address, self._what, message)
        raise server_error.failed(self._address, f"status {status}", message)

    def _send(self, *request):
        """Status and content of the answer."""
        is_kept = hasattr(self._own, "connection")
        if not is_kept:
            self._own.connection = self._connection_class(self._host, timeout=self._timeout)
        try:
            self._own.connection.request(*request)
            response = self._own.connection.getresponse()
            return response.status, response.read()
        except TimeoutError as error:
            self.close()
            raise server_error.too_slow(self._address, self._timeout) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if is_kept and isinstance(error, _STALE):
                return self._send(*request)
            raise server_error.unreachable(self._address, error) from error


def _specs(tensors):
    """Name -> `Spec` of the JSON of a map of TensorInfo; sizes are strings there, -1 where they are free."""
    found = {}
    for name, info in tensors.items():
        sizes = [int(dim["size"]) for dim in info.get("tensor_shape", {}).get("dim", [])]
        found[name] = Spec(tuple(None if size < 0 else size for size in sizes), np.dtype(_DTYPES[info["dtype"]]))
    return found
