"""Classifier-free guidance: labels left out in training, both predictions at sampling, in every sampler."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tests.checks import passes
from tfp_flows import dynamics, serving
from tfp_flows.dynamics import paths
from tfp_flows.flow import AnnealedLangevin, ODESampler, SDESampler, named_sampler
from tfp_flows.flow.guidance import guided


def shaken(model, **options):
    flow = getattr(tfp_flows, model)((2,), hidden_units=8, num_classes=3, **options)
    for k, weight in enumerate(flow.trainable_weights):
        weight.assign(0.5 * tf.random.stateless_normal(weight.shape, [k, 1]))
    return flow


def test_the_formula():
    flow, context = shaken("FlowMatching"), tf.one_hot([2, 0], 3)
    function = lambda x, t, c: x + t[:, None] + tf.reduce_sum(c * [1.0, 10.0, 100.0], 1)[:, None]
    x, t = tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([0.5, 0.25])
    plain = np.float32([[1.5, 2.5], [3.25, 4.25]])
    for weight in (0.0, 1.0, 2.5):
        got = guided(function, flow, context, weight)(x, t)
        np.testing.assert_allclose(got, plain + weight * np.float32([[100.0], [1.0]]), rtol=1e-6)
    np.testing.assert_allclose(guided(function, flow, context[:1], 2.0)(x, t), plain + 200.0, rtol=1e-6)


def test_the_equation_is_solved_with_it():
    """One step of Euler's method, by hand."""
    flow = shaken("FlowMatching")
    flow.sampler = ODESampler(dynamics.Solver("euler", num_steps=1))
    plain = flow.sample(4, context=1, seed=3)
    flow.sampler = ODESampler(dynamics.Solver("euler", num_steps=1), guidance=1.0)
    np.testing.assert_array_equal(flow.sample(4, context=1, seed=3), plain)
    flow.sampler = ODESampler(dynamics.Solver("euler", num_steps=1), guidance=3.0)
    z, t = flow.base.sample(4, seed=(0, 3)), tf.zeros([4])
    own = flow.continuous.velocity(z, t, tf.one_hot([1] * 4, 3))
    free = flow.continuous.velocity(z, t, tf.zeros([4, 3]))
    np.testing.assert_allclose(flow.sample(4, context=1, seed=3), z + free + 3 * (own - free), rtol=1e-4, atol=1e-5)
    assert np.abs(own - free).max() > 0.05


@pytest.mark.parametrize(
    "make",
    [
        lambda w: SDESampler(5, guidance=w),
        lambda w: AnnealedLangevin(3, 2, guidance=w),
        lambda w: ODESampler(guidance=w),
    ],
)
def test_every_sampler_has_it_and_is_served_with_it(make, tmp_path):
    flow = shaken("ScoreSDE", kind="variance_exploding", s_max=3.0)
    drawn = {}
    for weight in (1.0, 1.0 + 1e-6, 2.0):
        flow.sampler = make(weight)
        drawn[weight] = flow.sample(3, context=[0, 1, 2], seed=1).numpy()
    np.testing.assert_allclose(drawn[1.0 + 1e-6], drawn[1.0], atol=2e-3)
    assert np.abs(drawn[2.0] - drawn[1.0]).max() > 0.01
    served = serving.load(serving.export(flow, tmp_path, warmup=False))
    np.testing.assert_allclose(served.sample(3, [0, 1], context=[0, 1, 2]), drawn[2.0], rtol=1e-3, atol=1e-3)


def test_labels_are_left_out_in_training_alone():
    flow, labels = shaken("FlowMatching", label_dropout=0.3), tf.one_hot(tf.range(5000) % 3, 3)
    assert flow.with_labels_left_out(labels, [0, 1], training=False) is labels
    kept = flow.with_labels_left_out(labels, [0, 1], training=True).numpy()
    gone = kept.sum(1) == 0
    assert abs(gone.mean() - 0.3) < 0.02
    np.testing.assert_array_equal(kept[~gone], labels.numpy()[~gone])
    assert shaken("NCSN").label_dropout == 0.1 and tfp_flows.NCSN((2,)).label_dropout == 0.0
    assert tfp_flows.FlowMatching.from_config(flow.get_config()).label_dropout == 0.3


def test_training_sees_the_data_of_all_classes():
    """Classes at -2 and 2: a flow guided with weight 0 draws from both."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 2000)
    x = (0.1 * random.normal(size=(2000, 2)) + 4 * labels[:, None] - 2).astype("float32")
    flow = tfp_flows.FlowMatching((2,), hidden_units=(64, 64), num_classes=2, label_dropout=0.5)
    flow.compile(tfp_flows.training.FusedAdam(5e-3))
    flow.fit(*passes(40, x, labels), batch_size=250, verbose=0)
    means = {}
    for weight in (0.0, 1.0):
        flow.sampler = ODESampler(dynamics.Solver("heun", num_steps=20), guidance=weight)
        means[weight] = np.sign(flow.sample(400, context=1, seed=0).numpy()[:, 0]).mean()
    assert means[1.0] > 0.98 and abs(means[0.0]) < 0.25


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ODESampler(guidance=-1.0), "Expected guidance to be a finite number of at least 0; got -1.0"),
        (lambda: SDESampler(guidance=float("nan")), "Expected guidance to be a finite number"),
        (
            lambda: AnnealedLangevin(guidance="much"),
            "Expected guidance to be a finite number .*; got 'much'",
        ),
        (lambda: tfp_flows.FlowMatching((2,), label_dropout=0.1), "Expected num_classes beside label_dropout"),
        (
            lambda: tfp_flows.FlowMatching((2,), num_classes=2, label_dropout=1.0),
            "Expected label_dropout of at least",
        ),
        (lambda: named_sampler("heun"), "Expected num_steps for 'heun', which takes steps of one length; got None"),
        (lambda: named_sampler("verlet"), "Expected a sampler among .*; got 'verlet'"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("options", [{}, dict(num_classes=2, label_dropout=0.0), dict(context_shape=(1,))])
def test_models_that_cannot_be_guided_refuse(options):
    flow = tfp_flows.FlowMatching((2,), hidden_units=4, **options)
    flow.sampler = ODESampler(guidance=2.0)
    context = None if not options else (1 if "num_classes" in options else np.ones([2, 1], "float32"))
    with pytest.raises(ValueError, match="Expected guidance 1 of a model without classes, .*; got 2.0"):
        flow.sample(2, context=context, seed=0)


def test_names_are_samplers():
    flow = shaken("ScoreSDE")
    for name, steps in (("ancestral", 7), ("ddim", 7), ("euler_maruyama", 7), ("predictor_corrector", 7), ("rk4", 3)):
        sampler = named_sampler(name, steps, 1.5)
        flow.sampler = sampler
        assert np.isfinite(flow.sample(2, context=0, seed=0)).all()
        assert sampler.guidance == 1.5
        assert (sampler.solver.num_steps if name == "rk4" else sampler.num_steps) == steps
    langevin = named_sampler("langevin", 4)
    assert isinstance(langevin, AnnealedLangevin) and langevin.num_steps == 4
    assert named_sampler("dormand_prince").solver.is_adaptive
    assert paths.VariancePreserving() == flow.continuous.network.schedule
