"""One exported flow for all tests of serving, and what they compare with."""

import functools
import pathlib
import tempfile

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import Flow, bijectors, masks, serving
from tfp_flows.networks import MLP

tfd, tfb = tfp.distributions, tfp.bijectors
FEATURES = 4
# What the arguments are called -> titles; the first two are names of other inputs.
COLUMNS = {"x": "x", "seed": "seed", "Hohe_m": "Höhe (m)", "class_": "class"}
CARD = {"data": "two blobs", "metrics": {"nll": np.float32(1.5), "worst": float("nan")}, "seed": 3, "owner": "tests"}


def randomize(flow, scale=0.2):
    """Moves every weight away from where a flow is the identity."""
    for number, weight in enumerate(flow.trainable_variables):
        noise = tf.random.stateless_normal(weight.shape, seed=[7, number], dtype=weight.dtype)
        moved = weight + scale * noise
        weight.assign(moved if weight.constraint is None else weight.constraint(moved))


@functools.cache
def exported():
    """A flow of our bijectors and TFP's own in TFP's chain, trained for one step and exported once for all tests.

    Returns:
        flow, the version's folder, requests (signature -> inputs) and the flow's own answers (signature -> outputs).
    """
    half = masks.half(FEATURES)
    flow = Flow(
        tfd.TransformedDistribution(
            tfd.MultivariateNormalDiag(tf.zeros(FEATURES), tf.ones(FEATURES)),
            tfb.Chain(
                [
                    bijectors.ActNorm(FEATURES),
                    bijectors.AffineCoupling(half, MLP(2 * int((~half).sum()), hidden_units=(8,))),
                    tfb.MaskedAutoregressiveFlow(
                        tfb.AutoregressiveNetwork(params=2, event_shape=[FEATURES], hidden_units=[8], activation="tanh")
                    ),
                    tfb.RealNVP(num_masked=2, shift_and_log_scale_fn=tfb.real_nvp_default_template([8])),
                ]
            ),
        )
    )
    flow.compile("adam")
    flow.fit(np.random.default_rng(0).normal(size=(32, FEATURES)).astype("float32"), batch_size=32, verbose=0)
    randomize(flow)

    x = np.random.default_rng(1).normal(size=(5, FEATURES)).astype("float32")
    z = np.random.default_rng(2).normal(size=(3, FEATURES)).astype("float32")
    draw = {"n": np.int32(6), "seed": np.array([5, -9], np.int32), "temperature": np.float32(0.7)}
    requests = {"log_prob": {"x": x}, "encode": {"x": x}, "decode": {"z": z}, "sample": draw}
    requests["serving_default"] = requests["log_prob"]
    requests["log_prob_columns"] = dict(zip(COLUMNS, x.T))
    answers = {
        "log_prob": {"log_prob": flow.log_prob(x).numpy()},
        "encode": {"z": flow.encode(x).numpy()},
        "decode": {"x": flow.decode(z).numpy()},
        "sample": {"x": flow.sample(6, seed=[5, -9], temperature=0.7).numpy()},
    }
    answers["serving_default"] = answers["log_prob_columns"] = answers["log_prob"]
    before = [weight.numpy() for weight in flow.variables]
    folder = tempfile.TemporaryDirectory()
    version = serving.export(flow, pathlib.Path(folder.name) / "flow", card=CARD, columns=list(COLUMNS.values()))
    assert all(np.array_equal(old, weight.numpy()) for old, weight in zip(before, flow.variables))
    exported.folder = folder  # held as long as the process lives
    return flow, pathlib.Path(version), requests, answers


@functools.cache
def gaussian():
    """The smallest flow, for tests about files: two weights, exported in well under a second."""
    loc, scale = tf.Variable([0.0, 1.0]), tf.Variable([1.0, 2.0])
    return Flow(tfd.MultivariateNormalDiag(loc, scale))


served_flow = functools.cache(serving.load)


def assert_close(got, expected):
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert got[name].dtype == np.float32 and got[name].shape == value.shape
        assert np.abs(got[name] - value).max() <= 1e-5 * max(1, np.abs(value).max())


def contents(folder):
    """Every file below a folder and its bytes."""
    folder = pathlib.Path(folder)
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
