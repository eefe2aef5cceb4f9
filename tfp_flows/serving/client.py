"""Client: a flow that a TensorFlow Serving server serves, as if it were here.

    from tfp_flows.serving.client import Client

    digits = Client("http://localhost:8501", "digits")      REST, by the standard library; imports no TensorFlow
    digits = Client("localhost:8500", "digits")             gRPC, by tensorflow-serving-api; faster for images
    digits.score(images)["bits_per_dim"], digits.sample(16, seed=[0, 1])

What the signatures are called, take and give is read once, from the server. Names, casts and checks are the client's.
"""

from __future__ import annotations

import re

import numpy as np

from tfp_flows.serving.face import Served
from tfp_flows.serving.server_error import ServerError

__all__ = ["Client", "ServerError"]

_HOST_AND_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s/:]+):\d+")


class Client(Served):
    """log_prob, score, sample, encode and decode of a served model, on arrays.

    Batches of more than `rows_at_once` events go in several requests, one after the other; `sample` goes in one, since
    its events are a function of n and the seed. Of `score` with a seed, each request after the first has a seed of its
    own, drawn from the one given: what comes out is a function of the seed and `rows_at_once`.

    Several threads may share a client.

    Args:
        address: str: "http://host:8501" or "https://host" for REST, where a gateway's path may follow;
            "grpc://host:8500", or "host:8500", for gRPC without encryption. Proxies of the environment are not asked.
        model: str, the model's name on the server.
        version: int, of the model; None for the server's latest.
        timeout: float, seconds in which a request has to be answered.
        rows_at_once: int, events of a request.

    Attributes:
        signatures: names of what is served, a tuple.

    Raises:
        ValueError: if an argument is out of range; later, of what is wrong with a request, by the client or the server.
        ServerError: if there is no such server or model; later, if a request fails at the server or takes too long.
        ImportError: over gRPC, where tensorflow-serving-api is not installed.

    Example:
        >>> from tfp_flows.serving.client import Client, ServerError
        >>> try:
        ...     Client("http://127.0.0.1:1", "digits")
        ... except ServerError as error:
        ...     print(error)
        Expected a model server at http://127.0.0.1:1; got ConnectionRefusedError: [Errno 111] Connection refused.
    """

    def __init__(
        self, address: str, model: str, *, version: int | None = None, timeout: float = 60.0, rows_at_once: int = 1024
    ):
        if not isinstance(model, str) or not model or "/" in model:
            raise ValueError(f"Expected model to be its name on the server; got {model!r}.")
        if version is not None and (isinstance(version, bool) or not isinstance(version, int) or version < 0):
            raise ValueError(f"Expected version to be a number, or None for the latest; got {version!r}.")
        if not 0 < timeout < float("inf"):
            raise ValueError(f"Expected timeout to be a positive finite number of seconds; got {timeout!r}.")
        if isinstance(rows_at_once, bool) or not isinstance(rows_at_once, int) or rows_at_once < 1:
            raise ValueError(f"Expected rows_at_once to be a positive integer; got {rows_at_once!r}.")
        self.address, self.model, self.version = address, model, version
        self.timeout, self.rows_at_once = timeout, rows_at_once
        self._server = _interface(address)(model, version, timeout)
        self._signatures = self._server.signatures()
        self.signatures = tuple(sorted(self._signatures))

    def __repr__(self):
        return f"Client({self.address!r}, {self.model!r}, signatures={self.signatures})"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self) -> None:
        """Closes what is open to the server."""
        self._server.close()

    def _specs(self, signature):
        return self._signatures[signature][0]

    def _answer(self, signature, arrays):
        specs, outputs = self._signatures[signature]
        batches = {name: array for name, array in arrays.items() if specs[name].is_batch}
        sizes = {name: len(array) for name, array in batches.items()}
        if signature == "sample":
            sizes["n"] = int(arrays["n"])
        if len(set(sizes.values())) > 1:
            given = ", ".join(f"{size} in {name}" for name, size in sizes.items())
            raise ValueError(f"Expected one context for each event; got {given}.")
        (size,) = set(sizes.values())
        if not size:
            return {name: np.zeros([0, *spec.shape[1:]], spec.dtype) for name, spec in outputs.items()}
        if signature == "sample":
            return self._server.predict(signature, arrays, outputs)
        answers = []
        for number, start in enumerate(range(0, size, self.rows_at_once)):
            part = {name: array[start : start + self.rows_at_once] for name, array in batches.items()}
            if "seed" in arrays.keys() - batches.keys():
                part["seed"] = _seed_of_part(arrays["seed"], number)
            answers.append(self._server.predict(signature, part, outputs))
        return {name: np.concatenate([answer[name] for answer in answers]) for name in outputs}


def _seed_of_part(seed, number):
    """The seed of a part of a batch: with the same one, the noise of all parts would be the same."""
    if number == 0:
        return seed
    words = np.random.SeedSequence([*seed.view(np.uint32).tolist(), number]).generate_state(2)
    return words.view(np.int32).astype(seed.dtype)


def _interface(address):
    """Function of (model, version, timeout), by the beginning of the address."""
    text = address if isinstance(address, str) else ""
    if text.startswith(("http://", "https://")) and text.partition("://")[2].strip("/"):
        from tfp_flows.serving.rest import Rest

        return lambda *args: Rest(text.rstrip("/"), *args)
    host = text.removeprefix("grpc://")
    if not _HOST_AND_PORT.fullmatch(host):
        raise ValueError(
            f"Expected an address such as 'http://localhost:8501' (REST) or 'localhost:8500' (gRPC); got {address!r}."
        )
    from tfp_flows.serving.grpc_channel import GrpcChannel

    return lambda *args: GrpcChannel(host, *args)
