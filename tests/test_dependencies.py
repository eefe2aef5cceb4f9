"""The ranges of pyproject.toml, the tested set of .constraints.txt, and what users put beside a flow of TFP's own."""

import importlib.metadata
import pathlib
import tomllib

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import checks
from tfp_flows import bijectors, masks, networks

tfb, tfd = tfp.bijectors, tfp.distributions
ROOT = pathlib.Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TESTED = dict(line.split("==") for line in (ROOT / ".constraints.txt").read_text().split())
TESTED = {canonicalize_name(name): version for name, version in TESTED.items()}
RANGES = [Requirement(text) for text in sum(PROJECT["optional-dependencies"].values(), PROJECT["dependencies"])]
RANGES = {canonicalize_name(r.name): r.specifier for r in RANGES if r.name != PROJECT["name"]}


@pytest.mark.parametrize("name", RANGES)
def test_the_tested_version_is_within_the_range(name):
    assert RANGES[name].contains(TESTED[name]), f"{name} {TESTED[name]} is not {RANGES[name]}"


def test_the_range_of_numpy_ends_where_tfp_breaks():
    """NumPy 2.4 took away reshape's `newshape`, with which TFP 0.25 makes `tfb.Pad` and all that is made of it."""
    assert RANGES["numpy"].contains("2.3.5") and not RANGES["numpy"].contains("2.4.0")


# name -> bijector of TFP's own, as users put them behind a flow, and what holds of its images.
PARTS = {
    "softmax_centered": (tfb.SoftmaxCentered, lambda y: tf.reduce_sum(y, -1)),
    "iterated_sigmoid_centered": (tfb.IteratedSigmoidCentered, lambda y: tf.reduce_sum(y, -1)),
    "unit_vector": (tfb.UnitVector, lambda y: tf.norm(y, axis=-1)),
    "correlation_cholesky": (tfb.CorrelationCholesky, lambda y: tf.norm(y, axis=-1)),
    "ascending": (tfb.Ascending, lambda y: tf.reduce_min(tf.sign(y[..., 1:] - y[..., :-1]), -1)),
    "pad": (lambda: tfb.Pad([[0, 1]], constant_values=1.0), lambda y: y[..., -1]),
    "fill_scale_tril": (tfb.FillScaleTriL, lambda y: tf.reduce_min(tf.sign(tf.linalg.diag_part(y)), -1)),
    "fill_triangular": (lambda: tfb.Chain([tfb.Exp(), tfb.FillTriangular()]), lambda y: y[..., 0, 1]),
}


@pytest.mark.skipif(
    not RANGES["numpy"].contains(importlib.metadata.version("numpy")),
    reason="the NumPy that is installed is beyond the range of pyproject.toml: TFP 0.25 fails on it",
)
@pytest.mark.parametrize("name", PARTS)
def test_tfps_own_parts_beside_a_flow(name):
    make, ones = PARTS[name]
    coupling = bijectors.AffineCoupling(masks.half(3), networks.MLP(2, (4,), output_initializer="random_normal"))
    base = tfd.Sample(tfd.Normal(0.0, 1.0), [3])
    chains = [kind([make(), coupling, bijectors.ActNorm(3)]) for kind in (tfb.Chain, bijectors.Chain)]
    y = tfd.TransformedDistribution(base, chains[0]).sample(5, seed=[0, 1])
    checks.close(ones(y), np.ones(ones(y).shape), 1e-5)
    x = chains[0].inverse(y + 0.0)
    checks.close(chains[0].forward(x + 0.0), y, 1e-4)
    found = [tfd.TransformedDistribution(base, chain).log_prob(y + 0.0) for chain in chains]
    assert np.isfinite(found[0]).all() and len(chains[1].trainable_variables) == 6
    checks.close(found[1], found[0], 1e-4)
