"""A model's own sampler is what `sample`, pictures and the served `sample` ask; what fails in it reaches the user."""

import inspect
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests import c_api, checks
from tfp_flows import cli, training
from tfp_flows.flow import DistributionSampler, Sampler, SamplingError, named_sampler
from tfp_flows.flow.sampler import require

tfb, tfd = tfp.bijectors, tfp.distributions


class Doubling(Sampler):
    """Twice a normal sample, after as many halvings as its tolerance takes: a solver that may not converge."""

    def __init__(self, max_steps=50):
        self.max_steps = max_steps

    def __call__(self, flow, n, seed, temperature, context):
        unfinished = lambda k, rest: (rest > 1e-3) & (k < self.max_steps)
        steps, rest = tf.while_loop(unfinished, lambda k, rest: (k + 1, rest / 2), (0, 1.0))
        with tf.control_dependencies(
            [require(rest <= 1e-3, "Expected the solver to converge; got {} left after {} steps.", [rest, steps])]
        ):
            return 2.0 * tf.random.stateless_normal([n, *flow.event_shape], seed)

    def can_scale_temperature(self, flow):
        return False


def flow_with(sampler, loc=0.0):
    base = tfd.MultivariateNormalDiag(tf.zeros(2), tf.ones(2))
    return tfp_flows.Flow(tfd.TransformedDistribution(base, tfb.Shift(tf.Variable([loc, loc]))), sampler=sampler)


EXPECTED = 2.0 * np.asarray(tf.random.stateless_normal([16, 2], [0, 3]))


def test_every_way_to_samples_asks_it(tmp_path, monkeypatch):
    flow = flow_with(Doubling())
    np.testing.assert_array_equal(flow.sample(16, seed=3), EXPECTED)
    np.testing.assert_array_equal(training.sample_events(flow, 16, seed=3), EXPECTED)
    version = tfp_flows.serving.export(flow, tmp_path / "served", warmup=False)
    served = tfp_flows.serving.load(version)
    np.testing.assert_allclose(served.sample(16, seed=[0, 3]), EXPECTED, rtol=1e-6)
    assert not flow.can_scale_temperature and "temperature" in served.card["left_out"]
    with pytest.raises(ValueError, match="Expected temperature 1"):
        flow.sample(1, temperature=0.5)
    ours = c_api.run(pathlib.Path(version), [("sample", {"n": np.int32(16), "seed": np.array([0, 3], np.int32)})])
    np.testing.assert_allclose(next(iter(ours))["x"], EXPECTED, rtol=1e-6)


def test_its_failure_is_a_sentence(tmp_path):
    flow = flow_with(Doubling(max_steps=4))
    for seed in (1, None):
        with pytest.raises(SamplingError) as caught:
            flow.sample(2, seed=seed)
        assert str(caught.value) == "Expected the solver to converge; got 0.0625 left after 4 steps."
    # Nothing else of the flow is touched by it.
    assert np.isfinite(flow.log_prob(np.zeros([1, 2], "float32"))).all()
    version = tfp_flows.serving.export(flow_with(Doubling(max_steps=9)), tmp_path, warmup=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected the solver to converge; got 0.0019.* after 9"):
        tfp_flows.serving.load(version).sample(2, seed=[0, 1])


@pytest.mark.parametrize("sampler", [None, named_sampler("heun", 2, guidance=2.0)], ids=["its own", "guided"])
def test_users_compile_it_by_xla(sampler):
    flow = tfp_flows.FlowMatching((2,), num_classes=2, hidden_units=8, solver="rk4", num_steps=3)
    flow.sampler = flow.sampler if sampler is None else sampler
    for weight in flow.trainable_weights:
        weight.assign(0.3 * tf.random.stateless_normal(weight.shape, [1, 2]))
    # Without noise: XLA's random numbers are others than TensorFlow's.
    drawn = lambda seed, temperature: flow.sample(5, seed, temperature, context=1)
    compiled = tf.function(drawn, jit_compile=True)
    with checks.eagerly():
        wanted = drawn((1, 2), 0.0)
    assert np.abs(wanted).max() > 0.01
    np.testing.assert_allclose(compiled(tf.constant([1, 2]), 0.0), wanted, rtol=1e-3, atol=1e-4)
    assert np.ptp(compiled(tf.constant([1, 2]), 1.0)) > 0.1


def test_the_command_line_says_it_in_one_line(monkeypatch, capsys):
    def command(run):
        add = lambda commands: commands.add_parser("list").set_defaults(run=run)
        monkeypatch.setattr("tfp_flows.commands.listing.add", add)
        return cli.main(["list"])

    def fault(options):
        raise RuntimeError("a fault")

    assert command(lambda options: flow_with(Doubling(max_steps=4)).sample(2, seed=1)) == 2
    said = capsys.readouterr().err
    assert said == "tfp-flows: error: Expected the solver to converge; got 0.0625 left after 4 steps.\n"
    with pytest.raises(RuntimeError, match="a fault"):
        command(fault)


def test_other_errors_stay_as_they_are():
    class Wrong(Sampler):
        def __call__(self, flow, n, seed, temperature, context):
            return tf.reshape(tf.random.stateless_normal([n, 3], seed), [n, *flow.event_shape])

    with pytest.raises(tf.errors.InvalidArgumentError, match="reshape"):
        flow_with(Wrong()).sample(2, seed=1)
    with pytest.raises(ValueError, match="Expected sampler to be a tfp_flows.flow.Sampler or None; got 3"):
        flow_with(3)


def test_the_default_is_the_distribution_at_a_temperature():
    flow = flow_with(DistributionSampler(), loc=5.0)
    x, cold = flow.sample(16, seed=3), flow.sample(16, seed=3, temperature=0.5)
    np.testing.assert_allclose(cold - 5.0, (x - 5.0) / 2, atol=1e-6)


class TestSampleAndLogProb:
    def test_events_are_those_of_the_seed_and_scored_right(self):
        flow = tfp_flows.MAF((3,), num_layers=2, hidden_units=8)
        for k, weight in enumerate(flow.trainable_weights):
            weight.assign(0.3 * tf.random.stateless_normal(weight.shape, [k, 1]))
        x, log_prob = flow.sample_and_log_prob(7, seed=(2, 5))
        again, _ = flow.sample_and_log_prob(tf.constant(7), seed=(2, 5))
        np.testing.assert_array_equal(x, again)
        np.testing.assert_allclose(log_prob, flow.log_prob(x.numpy()), rtol=1e-4)
        assert np.abs(flow.sample_and_log_prob(7, seed=(2, 6))[0] - x).max() > 0.1

    def test_training_reaches_the_networks_and_losses_are_those_of_the_call(self):
        class Loud(keras.layers.Layer):
            def call(self, x, training=None):
                self.add_loss(tf.constant(3.0 if training else 1.0))
                return 0.0 * x

        bijector = tfp_flows.bijectors.AdditiveCoupling(tfp_flows.masks.half(2), Loud())
        flow = tfp_flows.Flow(tfd.TransformedDistribution(tfd.MultivariateNormalDiag([0.0, 0.0]), bijector))
        for training_, expected in ((True, 3.0), (False, 1.0), (True, 3.0)):
            flow.sample_and_log_prob(2, seed=0, training=training_)
            assert [float(loss) for loss in flow.losses] == [expected]

    def test_labels_and_refusals(self):
        flow = tfp_flows.IAF((2,), num_layers=1, hidden_units=8, num_classes=3)
        x, log_prob = flow.sample_and_log_prob(4, context=2, seed=1)
        np.testing.assert_allclose(log_prob, flow.log_prob(x.numpy(), 2), rtol=1e-4)
        for call, match in (
            (lambda: flow.sample_and_log_prob(0, context=1), "Expected n to be a positive integer; got 0"),
            (lambda: flow.sample_and_log_prob(2), "Expected a context"),
            (lambda: flow.sample_and_log_prob(2, context=3), r"Expected class labels as integers 0\.\.2"),
            (lambda: flow.sample_and_log_prob(2, context=1, seed="a"), "Expected seed"),
        ):
            with pytest.raises(ValueError, match=match):
                call()

    def test_the_call_is_log_prob_again(self):
        assert list(inspect.signature(tfp_flows.Flow.call).parameters) == ["self", "x", "context", "training", "seed"]
