"""Flow on integer data, and layers that initialise from the first batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.distributions import data, normal, ours
from tfp_flows import bijectors
from tfp_flows.dequantization import Uniform

pytestmark = pytest.mark.usefixtures("untraced")

tfb, tfd = tfp.bijectors, tfp.distributions


class TestIntegers:
    """Integer data: bins of width 1, noise added in training and evaluation only."""

    def flow(self):
        box = tfd.Independent(tfd.Uniform(tf.zeros([3]), 4.0), 1)
        return tfp_flows.Flow(tfd.TransformedDistribution(box, tfb.Scale(tf.Variable(1.0))), dequantization=Uniform(4))

    def test_units(self):
        """The uniform density on [0, 4) has 2 bits per dimension, whatever the noise."""
        flow = self.flow()
        flow.compile("adam")
        x = np.random.default_rng(0).integers(0, 4, (100, 3))
        logs = flow.evaluate(x, verbose=0, return_dict=True)
        assert logs["bits_per_dim"] == pytest.approx(2.0, abs=1e-6)
        assert logs["nll"] == pytest.approx(3 * np.log(4), rel=1e-6)

    def test_log_prob_is_at_the_centre_of_the_bin(self):
        layer = bijectors.Logit(0.0, 4.0)
        flow = tfp_flows.Flow(tfd.TransformedDistribution(normal(3), layer), dequantization=Uniform(4))
        x = np.array([[0, 1, 3], [2, 2, 2]])
        np.testing.assert_array_equal(flow.log_prob(x), flow.log_prob(x + np.float32(0.5)))
        np.testing.assert_allclose(flow.predict(x, verbose=0), flow.log_prob(x), rtol=1e-5)

    def test_evaluate_draws_the_same_noise_each_time(self):
        flow = tfp_flows.Flow(tfd.TransformedDistribution(normal(3), tfb.Scale(tf.Variable(1.0))), Uniform(4))
        flow.compile("adam")
        x = np.random.default_rng(0).integers(0, 4, (100, 3))
        first = flow.evaluate(x, verbose=0)
        assert first == flow.evaluate(x, verbose=0)
        constant = np.full((4000, 3), 2)
        # With noise E (2 + u)^2 = 4 + 2 + 1/3, without it 4.
        nll = flow.evaluate(constant, verbose=0, return_dict=True)["nll"]
        assert nll == pytest.approx(1.5 * np.log(2 * np.pi) + 1.5 * (6 + 1 / 3), rel=5e-3)

    def test_noise_is_uniform_and_another_one_each_step(self):
        noise = Uniform(4)
        x = tf.zeros([20_000, 1], tf.int32)
        a, log_q = noise(x, tf.constant([0, 1]))
        b, _ = noise(x, tf.constant([0, 2]))
        assert float(log_q) == 0.0
        assert 0 <= a.numpy().min() < 1e-3 and 0.999 < a.numpy().max() < 1
        assert abs(a.numpy().mean() - 0.5) < 0.01 and abs(np.corrcoef(a[:, 0], b[:, 0])[0, 1]) < 0.03
        np.testing.assert_array_equal(noise.quantize(a + 3.0), np.full([20_000, 1], 3))

    def test_floats_and_out_of_range_are_refused(self):
        flow = self.flow()
        flow.compile("adam")
        with pytest.raises(ValueError, match=r"Expected integers 0..3 in x, for this flow adds .* noise; got float32"):
            flow.fit(np.zeros([4, 3], "float32"))
        with pytest.raises(ValueError, match=r"Expected integers 0..3 in x, for this flow adds .* noise; got float32"):
            flow.fit(tf.data.Dataset.from_tensors(np.zeros([4, 3], "float32")), verbose=0)
        for bad in (4, -1):
            with pytest.raises(ValueError, match=r"Expected integers in 0..3 in x; got"):
                flow.log_prob(np.full([4, 3], bad))


class TestInitialization:
    def test_fit_initialises_from_its_first_batch_before_its_first_step(self):
        flow = tfp_flows.Flow(ours())
        assert not flow.is_initialized
        flow.compile(keras.optimizers.SGD(0.0))
        batches = tf.data.Dataset.from_tensor_slices(data(96)).batch(32)
        flow.fit(batches, verbose=0)
        assert flow.is_initialized
        z = flow.encode(data(96)[:32]).numpy()
        np.testing.assert_allclose(z.mean(0), 0, atol=1e-4)
        np.testing.assert_allclose(z.std(0), 1, atol=1e-3)

    def test_a_generator_loses_no_batch(self):
        seen = []

        def batches():
            for i in range(4):
                seen.append(i)
                yield (data(8, seed=i),)

        flow = tfp_flows.Flow(ours())
        flow.compile("sgd")
        flow.fit(batches(), steps_per_epoch=4, verbose=0)
        assert seen == [0, 1, 2, 3] and int(flow.optimizer.iterations) == 4

    def test_happens_once_and_is_saved(self, tmp_path):
        flow = tfp_flows.Flow(ours())
        flow.initialize(data())
        weights = [w.numpy().copy() for w in flow.weights]
        flow.initialize(10 * data() + 3)
        assert all(np.array_equal(a, b.numpy()) for a, b in zip(weights, flow.weights))
        flow.save_weights(tmp_path / "w.weights.h5")
        again = tfp_flows.Flow(ours())
        again.load_weights(tmp_path / "w.weights.h5")
        assert again.is_initialized

    def test_scoring_and_sampling_change_nothing(self):
        flow = tfp_flows.Flow(ours())
        flow.compile("adam")
        before = [w.numpy().copy() for w in flow.weights]
        flow.log_prob(data()), flow.sample(8), flow.encode(data()), flow.decode(data())
        flow.evaluate(data(), verbose=0), flow.predict(data(), verbose=0)
        assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, flow.weights)) and not flow.is_initialized

    def test_integers_are_dequantized_first(self):
        layers = [tfb.Scale(4.0), bijectors.ActNorm(2)]
        flow = tfp_flows.Flow(tfd.TransformedDistribution(normal(), bijectors.Chain(layers)), Uniform(4))
        x = np.random.default_rng(0).integers(0, 4, (4000, 2))
        flow.initialize(x)
        # (x + u) / 4 is uniform on [0, 1]: mean 1/2, variance 1/12.
        np.testing.assert_allclose(layers[1].centre, [0.5, 0.5], atol=0.02)
        np.testing.assert_allclose(np.exp(layers[1].log_unit) ** 2, [1 / 12, 1 / 12], rtol=0.05)
