"""The client over REST and gRPC, against the stand-in of stand_in.py: it answers as the exported model does."""

import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import tfp_flows
from tests.serving import stand_in
from tfp_flows import serving
from tfp_flows.data.labels import Labels
from tfp_flows.serving import Client, ServerError
from tfp_flows.serving.client import _seed_of_part

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINS, EVENT = 17, 6
TITLES = ["n", "seed", "x", "z", "context", "Größe", "the kind"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A class-conditional flow of integers whose classes have names, and its version."""
    flow = tfp_flows.MAF((EVENT,), BINS, num_layers=1, hidden_units=8, num_classes=3)
    flow.class_labels = Labels(["cat", "dog", "it's"])
    return flow, serving.export(flow, tmp_path_factory.mktemp("digits"), warmup=False, columns=TITLES)


@pytest.fixture(scope="module")
def over_rest(digits):
    """A stand-in's model, and its address for REST."""
    model = stand_in.Model(digits[1])
    server = stand_in.rest(model)
    yield model, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module", params=["REST", "gRPC"])
def both(request, digits, over_rest):
    """A stand-in's model, its address, a client of it, and the same version in this process."""
    model, address = over_rest
    if request.param == "gRPC":
        pytest.importorskip("tensorflow_serving", reason="the extra `serving` is not installed")
        server, port = stand_in.grpc_server(model)
        address = f"127.0.0.1:{port}"
    with Client(address, "flow", rows_at_once=4) as client:
        yield model, address, client, serving.load(digits[1])
    if request.param == "gRPC":
        server.stop(None)


def same(got, expected):
    assert got.dtype == np.float32 and got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_it_answers_as_the_model_does(both, digits):
    _, _, client, served = both
    assert client.signatures == served.signatures and {"score", "sample", "encode"} < set(client.signatures)
    x, names = np.random.default_rng(0).uniform(0, BINS, (5, EVENT)), ["cat", "dog", "it's", "dog", "cat"]
    same(client.log_prob(x, names), served.log_prob(x, names))
    same(client.log_prob(x.astype(np.float32).tolist(), names), served.log_prob(x, names))
    z = client.encode(x, names)
    same(z, served.encode(x, names))
    same(client.decode(z, np.array(names, object)), served.decode(z, names))
    for temperature in (1, 0.7):
        same(client.sample(5, [5, -9], temperature, names), served.sample(5, [5, -9], temperature, names))
    # Nothing is asked for nothing, and not-a-number comes through both ways.
    assert client.encode(np.zeros((0, EVENT)), np.zeros(0, str)).shape == (0, EVENT)
    odd = np.full((2, EVENT), 0.5)
    odd[1, 2] = np.nan
    np.testing.assert_array_equal(np.isnan(client.encode(odd, names[:2])), np.isnan(served.encode(odd, names[:2])))
    assert np.isnan(client.encode(odd, names[:2])).any()


def test_integers_go_in_parts_by_name(both, digits):
    model, _, client, served = both
    x = np.random.default_rng(0).integers(0, BINS, (10, EVENT))
    x[3, 0] = BINS  # beyond the bins
    names = np.array(["cat", "dog", "it's", "dog", "cat"] * 2)
    expected = served.score(x, context=names)
    model.requests.clear()
    answer = client.score(x, context=names)
    assert [len(inputs["x"]) for _, _, inputs in model.requests] == [4, 4, 2]
    assert np.isneginf(answer["log_prob"][3])
    for name in ("log_prob", "bits_per_dim"):
        same(answer[name], expected[name])
    labels = np.unique(names, return_inverse=True)[1]
    same(answer["log_prob"][:3], digits[0].log_prob(x[:3], labels[:3]).numpy())


def test_columns_go_in_parts_by_name(both, digits):
    model, _, client, served = both
    x, names = np.random.default_rng(0).integers(0, BINS, (10, EVENT)).astype(float), ["cat", "dog"] * 5
    x[3, 2], x[4, 0] = BINS, 2.3
    rows = dict(zip(TITLES, x.T), **{"the kind": names})
    model.requests.clear()
    answer = client.log_prob_columns(rows)
    assert [len(inputs["Grosse"]) for _, _, inputs in model.requests] == [4, 4, 2]
    same(answer, served.log_prob_columns(rows))
    same(answer, served.score(np.round(x).astype(int), context=names)["log_prob"])
    assert np.isneginf(answer[3]) and np.isfinite(answer).sum() == 9
    with pytest.raises(ValueError, match="Expected text in the_kind; got int64"):
        client.log_prob_columns({**rows, "the kind": [1] * 10})
    with pytest.raises(ValueError, match="Expected labels among 'cat', 'dog', \"it's\" in the_kind; got 'cow'"):
        served.log_prob_columns({**rows, "the kind": ["cow"] * 10})


def test_the_noise_of_parts_is_not_the_same(both):
    model, _, client, served = both
    x, names = np.full((8, EVENT), 3), np.array(["dog"] * 8)
    answer = client.score(x, seed=[7, -1], context=names)["log_prob"]
    seeds = [tuple(inputs["seed"]) for _, _, inputs in model.requests[-2:]]
    assert seeds[0] == (7, -1) != seeds[1]
    first, second = (served.score(x[:4], seed=seed, context=names[:4])["log_prob"] for seed in seeds)
    np.testing.assert_allclose(answer, [*first, *second], rtol=1e-5)
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_array_equal(answer, client.score(x, seed=[7, -1], context=names)["log_prob"])
    parts = [_seed_of_part(np.array([1, 2], np.int32), number) for number in range(1000)]
    assert len({tuple(seed) for seed in parts}) == 1000 and parts[5].dtype == np.int32


def test_a_version_is_asked_for_by_number(both):
    _, address, client, _ = both
    x = np.zeros((1, EVENT))
    one = Client(address, "flow", version=1)
    np.testing.assert_array_equal(one.log_prob(x, ["dog"]), client.log_prob(x, ["dog"]))
    for options, message in (({"version": 7}, "flow.*, version 7 at "), ({"model": "cats"}, "model 'cats' at ")):
        with pytest.raises(ServerError, match=f"^Expected a server of .*{message}.*; got: Servable not found"):
            Client(address, **{"model": "flow", **options})


@pytest.mark.parametrize(("call", "message"), [
    (lambda client: client.log_prob(np.zeros((2, 5)), ["cat"] * 2), r"Expected x of shape \(batch, 6\); got \(2, 5\)"),
    (lambda client: client.encode(np.zeros((1, 6), "u1"), ["cat"]), "Expected floating-point numbers in x; got uint8"),
    (lambda client: client.score(np.zeros((1, 6)), context=["cat"]), "Expected integers in x; got float64"),
    (lambda client: client.score([[2**31] * 6], context=["cat"]), r"Expected integers in -2\S+ in x; got 2147483648"),
    (lambda client: client.score([[0] * 6]), "Expected a context for this model's score; got None"),
    (lambda client: client.score([[0] * 6], context=[1]), "Expected text in context; got int64"),
    (lambda client: client.score([[0] * 6] * 3, context=["cat"] * 2),
     "Expected one context for each event; got 3 in x, 2 in context"),
    (lambda client: client.sample(3, [0, 1], context=["cat"]),
     "Expected one context for each event; got 1 in context, 3 in n"),
    (lambda client: client.sample(0, [0, 1], context=["cat"]), "Expected n to be a positive integer; got 0"),
    # By the graph at the server, as one sentence.
    (lambda client: client.score([[0] * 6] * 2, context=["cat", "cow"]), r"^Expected context among .*; got cow\.$"),
])  # fmt: skip
def test_it_refuses_in_one_sentence(both, call, message):
    with pytest.raises(ValueError, match=message):
        call(both[2])


@pytest.mark.parametrize(("arguments", "message"), [
    (("localhost", "flow"), r"Expected an address such as .*; got 'localhost'"),
    (("ftp://localhost:1", "flow"), "Expected an address such as"),
    (("http://", "flow"), "Expected an address such as"),
    ((None, "flow"), "Expected an address such as .*; got None"),
    (("http://localhost:1", ""), "Expected model to be its name on the server; got ''"),
    (("localhost:1", "flow", {"version": "1"}), "Expected version to be a number, or None for the latest; got '1'"),
    (("localhost:1", "flow", {"timeout": 0}), "Expected timeout to be a positive finite number of seconds; got 0"),
    (("localhost:1", "flow", {"rows_at_once": 0}), "Expected rows_at_once to be a positive integer; got 0"),
])  # fmt: skip
def test_bad_arguments(arguments, message):
    address, model, *options = arguments
    with pytest.raises(ValueError, match=message):
        Client(address, model, **(options[0] if options else {}))


def test_servers_that_do_not_answer(both):
    model, address, _, _ = both
    slow = Client(address, "flow", timeout=0.5)
    ask = lambda: slow.score([[0] * 6], context=["cat"])
    assert ask()["log_prob"].shape == (1,)
    model.delay = 1
    try:
        with pytest.raises(ServerError, match=r"^Expected an answer from \S+ within 0\.5 s; got none\.$"):
            ask()
    finally:
        model.delay = 0
    assert ask()["log_prob"].shape == (1,)  # and goes on
    nobody = address.rstrip("/").rpartition(":")[0] + ":1"
    with pytest.raises(ServerError, match=r"^Expected an? (model server|answer).*; got .*(refused|UNAVAILABLE)"):
        Client(nobody, "flow", timeout=5)


def test_a_bad_gateway_and_a_web_site(monkeypatch, over_rest):
    model, address = over_rest
    client = Client(address, "flow")
    ask = lambda: client.score(np.zeros((1, EVENT), int), context=["cat"])
    assert math.isfinite(ask()["log_prob"][0])

    def overloaded(*args):
        raise stand_in.Refusal("UNAVAILABLE", "overloaded")

    monkeypatch.setattr(model, "predict", overloaded)
    with pytest.raises(ServerError, match=r"^Expected an answer from \S+; got status 503: overloaded$"):
        ask()
    monkeypatch.setattr(stand_in.json, "dumps", lambda answer: "<html>")
    with pytest.raises(ServerError, match="got status 200 and no JSON: <html>"):
        Client(address, "flow")


def test_over_rest_it_needs_no_tensorflow(over_rest):
    code = f"""
import sys
sys.modules.update(dict.fromkeys(["tensorflow", "keras", "tensorflow_probability", "grpc", "requests"]))
from tfp_flows.serving.client import Client
answer = Client({over_rest[1]!r}, "flow").score([[1, 2, 3, 4, 5, 16]], context=["dog"])
assert answer["bits_per_dim"].shape == (1,) and answer["bits_per_dim"].dtype == "float32", answer
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_grpc_without_its_extra_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    with pytest.raises(ImportError, match="Expected tensorflow-serving-api for a client over gRPC; pip install"):
        Client("localhost:8500", "flow")
