"""Explicit and sliced score matching: the divergence's value, and denoising's minimum."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows.objectives import DenoisingScoreMatching, ImplicitScoreMatching
from tfp_flows.objectives.denoising_score_matching import along, noised

KINDS = {"NCSN": {}, "ScoreSDE": {}, "exploding": dict(kind="variance_exploding", s_max=3.0)}


def shaken(kind, **options):
    name = "ScoreSDE" if kind == "exploding" else kind
    flow = getattr(tfp_flows, name)((3,), hidden_units=8, dtype="float64", **KINDS[kind], **options)
    for k, weight in enumerate(flow.trainable_weights):
        weight.assign(0.4 * tf.random.stateless_normal(weight.shape, [k, 1], dtype=tf.float64))
    return flow


X = tf.random.stateless_normal([4000, 3], [0, 7], dtype=tf.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_the_divergence_is_that_of_the_jacobian(kind):
    flow = shaken(kind)
    x, z, t, _ = noised(flow, X[:20], None, tf.constant([0, 1]), True)
    network, mixed = flow.continuous.network, along(flow, x, z, t)
    with tf.GradientTape() as tape:
        tape.watch(mixed)
        eps = network.noise(mixed, t)
    trace = np.trace(tape.batch_jacobian(eps, mixed), axis1=1, axis2=2)
    wanted = (np.square(eps).sum(1) / 2 - network.schedule(t).s * trace) / 3
    explicit = ImplicitScoreMatching()(flow, X[:20], None, tf.constant([0, 1]), True)
    np.testing.assert_allclose(explicit, wanted, rtol=1e-9)
    # Directions of -1 and 1 leave the diagonal: what they scatter by falls as they become many.
    far, near = (
        np.abs(ImplicitScoreMatching(n)(flow, X[:20], None, tf.constant([0, 1]), True) - wanted).mean()
        for n in (1, 1024)
    )
    assert 0 < near < far / 16


@pytest.mark.parametrize("kind", KINDS)
def test_its_mean_is_half_of_denoisings(kind):
    flow, differences = shaken(kind), []
    for k in range(10):
        seed = tf.constant([0, k])
        ours = ImplicitScoreMatching(num_directions=2)(flow, X, None, seed, True)
        differences.append(ours - (DenoisingScoreMatching()(flow, X, None, seed, True) - 1) / 2)
    values = np.concatenate(differences)
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values)) and values.std() > 0.01


def test_one_level_is_one_time():
    flow, seed = shaken("NCSN", s_max=4.0), tf.constant([0, 1])
    x, z, t, _ = noised(flow, X[:9], None, seed, True)
    t = tf.zeros_like(t) + 0.25
    network = flow.continuous.network
    eps = network.noise(along(flow, x, z, t), t)
    level = float(network.schedule(t).s[0])
    assert level == pytest.approx(4.0 * (0.01 / 4.0) ** 0.25)
    found = ImplicitScoreMatching(level=0.25)(flow, X[:9], None, seed, True)
    with tf.GradientTape() as tape:
        mixed = along(flow, x, z, t)
        tape.watch(mixed)
        predicted = network.noise(mixed, t)
    trace = np.trace(tape.batch_jacobian(predicted, mixed), axis1=1, axis2=2)
    np.testing.assert_allclose(found, (np.square(eps).sum(1) / 2 - level * trace) / 3, rtol=1e-9)


def test_it_is_trained_by():
    flow = tfp_flows.NCSN((2,), hidden_units=16)
    flow.compile(tfp_flows.training.FusedAdam(1e-2), loss=ImplicitScoreMatching(num_directions=1))
    x = np.random.default_rng(0).normal(size=(512, 2)).astype("float32")
    history = flow.fit(x, batch_size=128, epochs=8, verbose=0).history["score_error"]
    # Of nothing learned it is 0; of a normal that is known, minus half of what the noise can be told by.
    assert history[-1] < -0.1 and abs(history[0]) < 0.2


def test_times_of_the_likelihood_are_those_of_the_path():
    flow, seed = shaken("ScoreSDE", times="likelihood"), tf.constant([0, 1])
    x, z, t, _ = noised(flow, X[:40], None, seed, True, "likelihood")
    ratio = np.sort(np.log(flow.continuous.network.schedule(t).s / flow.continuous.network.schedule(t).a))
    # One in each of 40 equal parts.
    assert np.diff(ratio).max() < 2.01 * np.ptp(ratio) / 39 and np.ptp(ratio) > 8
    wanted = np.square(flow.continuous.network.noise(along(flow, x, z, t), t) - z).mean(1)
    np.testing.assert_allclose(flow.default_objective()(flow, X[:40], None, seed, True), wanted, rtol=1e-9)
    with pytest.raises(ValueError, match="Expected times to be one of .*; got 'early'"):
        DenoisingScoreMatching("early")


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(num_directions=0), "Expected num_directions to be a positive integer or None; got 0"),
        (dict(level=1.5), "Expected level from 0 to 1, or None; got 1.5"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ImplicitScoreMatching(**options)
    with pytest.raises(ValueError, match="Expected a model that predicts noise, .*; got FlowMatching"):
        tfp_flows.FlowMatching((2,), hidden_units=4).compile("adam", loss=ImplicitScoreMatching())
