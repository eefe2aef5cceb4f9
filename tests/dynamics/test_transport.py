"""Pairs by optimal transport: the least sum, within classes alone, and ways that are straighter."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tests.checks import passes
from tfp_flows.dynamics import transport
from tfp_flows.objectives import ConditionalFlowMatching

pytest.importorskip("scipy", reason="the extra `data` is not installed")


def test_no_permutation_costs_less():
    random = np.random.default_rng(0)
    x, z = random.normal(size=(6, 2, 2)), random.normal(size=(6, 2, 2))
    cost = lambda z: np.square(x - z).sum()
    best = min(cost(z[list(order)]) for order in itertools.permutations(range(6)))
    assert cost(transport.paired(tf.constant(x), tf.constant(z)).numpy()) == pytest.approx(best)
    assert cost(z) > best


def test_latents_stay_within_their_class():
    random = np.random.default_rng(1)
    labels = random.integers(0, 3, 60)
    x, z = random.normal(size=(60, 2)) + 10 * labels[:, None], random.normal(size=(60, 2))
    paired = transport.paired(tf.constant(x), tf.constant(z), tf.one_hot(labels, 3)).numpy()
    for k in range(3):
        rows = labels == k
        assert {tuple(row) for row in paired[rows]} == {tuple(row) for row in z[rows]}
        alone = transport.paired(tf.constant(x[rows]), tf.constant(z[rows])).numpy()
        np.testing.assert_array_equal(paired[rows], alone)


def test_it_straightens_what_is_learned():
    """Two points: one step of Euler's method is enough, where independent pairs meet in the middle."""
    x = np.repeat([[-2.0, 0.0], [2.0, 0.0]], 500, axis=0).astype("float32")
    x += 0.05 * np.random.default_rng(0).normal(size=x.shape).astype("float32")
    far = {}
    for pairing in ("independent", "optimal"):
        flow = tfp_flows.FlowMatching((2,), hidden_units=(32, 32), pairing=pairing)
        flow.compile(tfp_flows.training.FusedAdam(1e-2))
        flow.fit(*passes(40, x), batch_size=200, verbose=0)
        flow.sampler = tfp_flows.flow.named_sampler("euler", 1)
        far[pairing] = np.abs(np.abs(flow.sample(500, seed=0)[:, 0]) - 2.0).mean()
    assert far["optimal"] < 0.5 < 1.0 < far["independent"]


def test_what_cannot_be_paired_is_refused():
    with pytest.raises(ValueError, match="Expected pairing to be one of .*; got 'sinkhorn'"):
        tfp_flows.FlowMatching((2,), pairing="sinkhorn")
    flow = tfp_flows.FlowMatching((2,), hidden_units=4, context_shape=(1,))
    with pytest.raises(ValueError, match="Expected pairing='independent' for a model that is given vectors"):
        flow.compile("adam", loss=ConditionalFlowMatching(pairing="optimal"))
    assert tfp_flows.FlowMatching((2,), num_classes=2, pairing="optimal").default_objective().pairing == "optimal"
