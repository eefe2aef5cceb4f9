"""Dequantization: noise from a flow gives an honest bound, is trained with the model, and survives saving."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import special, stats

import tfp_flows
from tfp_flows import bijectors, data, masks, serving, transforms
from tfp_flows.dequantization import Uniform, Variational
from tfp_flows.flow.signatures import signatures, variables
from tfp_flows.models.blocks import noise
from tfp_flows.networks import MLP, ConvNet
from tfp_flows.training import scoring
from tfp_flows.training.stop_on_nan import find_culprit

pytestmark = pytest.mark.usefixtures("untraced")

tfb, tfd = tfp.bijectors, tfp.distributions

NUM_BINS, LOC, SCALE = 4, np.array([1.2, 2.4]), np.array([0.35, 0.6])
LATTICE = np.stack(np.meshgrid(range(NUM_BINS), range(NUM_BINS)), -1).reshape(-1, 2)


def log_probability(x):
    """log P(x) of the integers x under the density of `gaussian`, exactly."""
    upper, lower = (stats.norm.cdf((x + edge - LOC) / SCALE) for edge in (1, 0))
    return np.log(upper - lower).sum(-1)


def gaussian(dequantization):
    """A fixed density on the plane, with P(x) known: only the noise is there to be trained."""
    distribution = tfd.Independent(tfd.Normal(tf.constant(LOC), SCALE), 1)
    return tfp_flows.Flow(distribution, dequantization=dequantization)


class Posterior(bijectors.Bijector):
    """Uniform (0, 1) -> u given x of `gaussian`: the normal density cut to the bin of x, by its quantiles."""

    takes_context = True

    def __init__(self):
        super().__init__(1, dtype=tf.float64)
        self.normal = tfd.Normal(tf.constant(LOC), SCALE)

    def _forward_and_log_det(self, x, context):
        low = (context + 0.5) * NUM_BINS - 0.5
        below, above = self.normal.cdf(low), self.normal.cdf(low + 1)
        u = self.normal.quantile(below + x * (above - below)) - low
        return u, tf.reduce_sum(tf.math.log(above - below) - self.normal.log_prob(low + u), -1)


def posterior():
    base = tfd.Independent(tfd.Uniform(tf.zeros(2, tf.float64), tf.ones([], tf.float64)), 1)
    return Variational(NUM_BINS, tfd.TransformedDistribution(base, Posterior()))


def logistic(shape, dtype="float64"):
    return tfd.Independent(tfd.Logistic(tf.zeros(shape, dtype), tf.ones([], dtype)), len(shape))


def plane_noise(dtype="float64", shaken=True, make=MLP, extra=(), **options):
    """Noise for `gaussian`: two couplings that see x."""
    keras.utils.set_random_seed(0)
    nets = [make(2, (16,), context_shape=(2,), dtype=dtype, **options) for _ in range(2)]
    couplings = [
        bijectors.AffineCoupling(m, net, dtype=dtype) for m, net in zip(masks.alternating([True, False], 2), nets)
    ]
    chain = bijectors.Chain([bijectors.Sigmoid(dtype=dtype), *extra, *couplings])
    result = Variational(NUM_BINS, tfd.TransformedDistribution(logistic((2,), dtype), chain))
    return shake(result) if shaken else result


def image_noise(features=None, dtype="float64"):
    """Noise for images of 4 x 4: a checkerboard, and after a squeeze the halves of the channels."""
    context_shape = (4, 4, 1 if features is None else 3)

    def coupling(mask, num_outputs):
        net = ConvNet(num_outputs, 5, activation="tanh", context_shape=context_shape, dtype=dtype)
        return bijectors.AffineCoupling(mask, net, dtype=dtype)

    squeezed = [bijectors.Squeeze(), coupling(masks.channels((2, 2, 4)), 4), coupling(~masks.channels((2, 2, 4)), 4)]
    chain = bijectors.Chain([
        bijectors.Sigmoid(event_ndims=3, dtype=dtype), coupling(masks.checkerboard((4, 4, 1)), 2), *squeezed,
        tfb.Invert(bijectors.Squeeze()),
    ])  # fmt: skip
    return shake(Variational(17, tfd.TransformedDistribution(logistic((4, 4, 1), dtype), chain), features), 0.1)


def shake(module, scale=0.3):
    random = np.random.default_rng(1)
    for variable in module.trainable_variables:
        variable.assign_add(random.normal(scale=scale, size=variable.shape).astype(variable.dtype.as_numpy_dtype))
    return module


def images(n=6, seed=0):
    return np.random.default_rng(seed).integers(0, 17, (n, 4, 4, 1))


class TestBound:
    def test_is_tight_where_the_noise_is_the_posterior(self):
        """Equality for every single draw, not in the mean only."""
        flow = gaussian(posterior())
        for seed in range(3):
            nll = scoring.nll_per_event(flow, LATTICE, seed=seed)
            np.testing.assert_allclose(-nll, log_probability(LATTICE), rtol=1e-9, atol=1e-9)

    @pytest.mark.parametrize("make", [lambda: Uniform(NUM_BINS), plane_noise], ids=["uniform", "variational"])
    def test_weights_average_to_the_probability(self, make):
        """E_q [p(x + u) / q(u|x)] = P(x): so the mean of its logarithm is a bound, and one that is not trivial."""
        flow, n = gaussian(make()), 40_000
        for x in ([1, 2], [0, 3], [2, 2]):
            log_w = -scoring.nll_per_event(flow, np.tile(x, (n, 1)), batch_size=n)
            p = np.exp(log_probability(np.array(x)))
            w = np.exp(log_w)
            assert abs(w.mean() - p) < 5 * w.std() / np.sqrt(n)
            assert log_w.mean() + 5 * log_w.std() / np.sqrt(n) < np.log(p)

    def test_uniform_slack_is_its_divergence(self):
        """KL(uniform | posterior), by quadrature: what variational noise has to win."""
        x, n = np.array([1, 2]), 40_000
        nll = scoring.nll_per_event(gaussian(Uniform(NUM_BINS)), np.tile(x, (n, 1)), batch_size=n)
        u = (np.arange(1000) + 0.5) / 1000
        density = stats.norm.pdf(x[:, None] + u, LOC[:, None], SCALE[:, None])
        slack = log_probability(x) - np.log(density).mean(1).sum()
        assert slack > 0.1
        assert abs(nll.mean() + log_probability(x) - slack) < 5 * nll.std() / np.sqrt(n)

    def test_more_samples_tighten_it(self):
        flow, x = gaussian(Uniform(NUM_BINS)), np.tile(LATTICE, (200, 1))
        exact = -log_probability(LATTICE).mean()
        scores = {k: scoring.nll_per_event(flow, x, batch_size=len(x), num_samples=k) for k in (1, 2, 8, 32)}
        means = [score.mean() for score in scores.values()]
        assert all(score.shape == (len(x),) and score.dtype == np.float64 for score in scores.values())
        assert all(np.diff(means) < [-0.1, -0.1, 0.0])
        error = scores[32].std() / np.sqrt(len(x))
        assert exact - 5 * error < means[3] < exact + 0.15

    def test_posterior_needs_one_sample(self):
        flow = gaussian(posterior())
        nll = scoring.nll_per_event(flow, LATTICE, num_samples=3)
        np.testing.assert_allclose(-nll, log_probability(LATTICE), rtol=1e-9, atol=1e-9)

    def test_samples_of_an_event_are_averaged(self):
        """Over batches of which the last one is smaller; the first sample is that of num_samples=1."""
        flow, x = gaussian(plane_noise()), np.tile(LATTICE, (2, 1))
        got = scoring.nll_per_event(flow, x, batch_size=12, seed=7, num_samples=3)
        for i in range(3):
            seeds = [[7, i], *(tf.random.experimental.stateless_fold_in(tf.constant([7, i]), k) for k in (1, 2))]
            batch = tf.constant(x[12 * i : 12 * i + 12])
            log_w = np.stack([flow(batch, seed=tf.constant(seed)) for seed in seeds])
            expected = np.log(3) - special.logsumexp(log_w, axis=0)
            np.testing.assert_allclose(got[12 * i : 12 * i + 12], expected, rtol=1e-9)
        assert len(got) == 32

    @pytest.mark.parametrize("num_samples", [0, 2.0, True])
    def test_bad_numbers_of_samples(self, num_samples):
        with pytest.raises(ValueError, match="Expected num_samples to be a positive integer; got"):
            scoring.nll_per_event(gaussian(Uniform(NUM_BINS)), LATTICE, num_samples=num_samples)

    def test_samples_of_exact_densities_are_refused(self):
        with pytest.raises(ValueError, match="Expected num_samples=1 for a flow without dequantization, .*; got 2"):
            scoring.nll_per_event(gaussian(None), LATTICE + 0.5, num_samples=2)


class TestNoise:
    @pytest.mark.parametrize("with_features", [False, True])
    def test_log_q_is_that_of_the_inverse(self, with_features):
        keras.utils.set_random_seed(0)
        net = ConvNet(3, 5, output_initializer="glorot_uniform", dtype="float64") if with_features else None
        dequantization, x = image_noise(net), images()
        y, log_q = dequantization(x, seed=[3, 4], dtype=tf.float64)
        u = y.numpy() - x
        assert log_q.shape == (6,) and 0 < u.min() and u.max() < 1 and np.abs(log_q).max() > 1
        context = (x + 0.5) / 17 - 0.5
        assert -0.5 < context.min() and context.max() < 0.5
        context = tf.constant(context) if net is None else net(tf.constant(context))
        expected = dequantization.flow.log_prob(tf.constant(u), bijector_kwargs={"context": context})
        np.testing.assert_allclose(log_q, expected, rtol=1e-7, atol=1e-7)

    def test_is_a_function_of_seed_and_event(self):
        dequantization, x = image_noise(), images()
        y, log_q = dequantization(x, seed=[3, 4])
        again = tf.function(dequantization)(tf.constant(x), tf.constant([3, 4]))
        np.testing.assert_allclose(y, again[0], rtol=1e-6)
        np.testing.assert_array_equal(y, dequantization(x, seed=[3, 4])[0])
        assert np.abs(y - dequantization(x, seed=[3, 5])[0]).max() > 0.1
        other = (x + 5) % 17
        assert np.abs((y - x) - (dequantization(other, seed=[3, 4])[0] - other)).max() > 1e-3
        np.testing.assert_array_equal(dequantization.quantize(y), x)

    @pytest.mark.parametrize("num_components", [None, 4])
    def test_is_about_uniform_at_the_start(self, num_components):
        keras.utils.set_random_seed(0)
        dequantization = noise.for_images((6, 4, 3), 256, hidden_channels=8, num_components=num_components)
        x = np.random.default_rng(0).integers(0, 256, (200, 6, 4, 3))
        y, log_q = dequantization(x, seed=[0, 1])
        # Affine couplings begin as the identity; mixtures within 0.06 of it.
        assert abs(np.mean(log_q)) < (1e-4 if num_components is None else 0.02 * 72)
        u = (y.numpy().astype(float) - x).ravel()
        assert stats.kstest(u, "uniform").statistic < (0.015 if num_components is None else 0.03)

    def test_the_networks_run_once(self):
        calls = []

        class Counting(MLP):
            def call(self, x, context=None):
                calls.append(1)
                return super().call(x, context)

        flow = gaussian(plane_noise(make=Counting))
        flow.compile("adam")
        for run in (
            lambda: flow.dequantization(LATTICE, seed=[0, 1]),
            lambda: flow.fit(LATTICE, batch_size=16, verbose=0),
            lambda: flow.evaluate(LATTICE, batch_size=16, verbose=0),
        ):
            calls.clear()
            run()
            assert len(calls) == 2  # one for each of the two couplings, traced in one place of the graph

    def test_training_reaches_the_networks(self):
        seen = []

        class Watching(MLP):
            def call(self, x, context=None, training=None):
                seen.append(training)
                return super().call(x, context)

        flow = gaussian(plane_noise(make=Watching))
        flow.compile("adam")
        for run, expected in ((flow.fit, True), (flow.evaluate, False)):
            seen.clear()
            run(LATTICE, verbose=0)
            assert set(seen) == {expected}

    def test_gradients_are_finite_far_out(self):
        """Where tfb.Sigmoid's are NaN."""
        x = tf.Variable([-200.0, -90.0, 0.0, 90.0, 200.0])
        with tf.GradientTape() as tape:
            y, log_det = bijectors.Sigmoid()._forward_and_log_det(tf.identity(x))
            total = tf.reduce_sum(y) + tf.reduce_sum(log_det)
        np.testing.assert_allclose(tape.gradient(total, x), [1, 1, 0.25, -1, -1])

    def test_low_precision_stays_in_the_networks(self):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            dequantization = noise.for_images((4, 4, 1), 17, num_couplings=2, hidden_channels=8)
        finally:
            keras.config.set_dtype_policy("float32")
        shake(dequantization)
        y, log_q = dequantization(images(), seed=[0, 1])
        assert y.dtype == log_q.dtype == tf.float32 and log_q.shape == (6,)
        assert dequantization.features(tf.zeros([1, 4, 4, 1])).dtype == tf.bfloat16
        # The sum of many terms of bfloat16 would be a multiple of 2 ** -8 of its size.
        assert np.any(tf.cast(tf.cast(log_q, tf.bfloat16), tf.float32) != log_q)

    def test_float64(self):
        y, log_q = plane_noise("float32")(LATTICE, seed=[0, 1], dtype=tf.float64)
        assert y.dtype == log_q.dtype == tf.float64


class TestTraining:
    def test_keras_and_tfp_see_its_weights_and_all_get_gradients(self):
        keras.utils.set_random_seed(0)
        dequantization = image_noise(ConvNet(3, 5, output_initializer="glorot_uniform", dtype="float64"))
        base = tfd.Independent(tfd.Normal(tf.zeros([4, 4, 1], tf.float64), 5.0), 3)
        scaled = tfd.TransformedDistribution(base, tfb.Scale(tf.Variable(3.0, dtype=tf.float64)))
        flow = tfp_flows.Flow(scaled, dequantization=dequantization)
        weights = flow.trainable_variables
        own = {id(v) for v in dequantization.trainable_variables}
        assert len(own) == 3 * 6 + 6 and len(weights) == len(own) + 1
        assert own < {id(w._value) for w in weights}
        flow.compile(keras.optimizers.Adam(1e-2))
        before = [w.numpy().copy() for w in weights]
        flow.fit(images(64), batch_size=32, verbose=0)
        assert all(not np.array_equal(a, w.numpy()) for a, w in zip(before, weights))

    @pytest.mark.parametrize("jit", [False, True])
    def test_fit_closes_the_gap(self, jit):
        """The density is fixed and its P(x) known: what is won is won by the noise, and the bound stays one."""
        flow = gaussian(plane_noise(shaken=False))
        p = np.exp(log_probability(LATTICE))
        x = LATTICE[np.random.default_rng(0).choice(len(p), 4000, p=p / p.sum())]
        exact = -log_probability(x).mean()
        slack = scoring.nll_per_event(flow, x).mean() - exact
        assert slack > 0.3
        flow.compile(keras.optimizers.Adam(1e-2), jit_compile=jit)
        flow.fit(x, epochs=5, batch_size=100, verbose=0)
        nll = scoring.nll_per_event(flow, np.tile(x, (5, 1)), batch_size=20_000)
        error = nll.std() / np.sqrt(len(nll))
        assert -5 * error < nll.mean() - exact < 0.15 * slack

    def test_digits_gain_where_uniform_noise_must_lose(self):
        """A pixel black or white has 1 bit; a Gaussian needs 1.25 with uniform noise: log2(2 pi e / 3) / 2."""
        digits, scores = data.load("digits", flatten=False), {}
        for kind in ("uniform", "variational"):
            keras.utils.set_random_seed(0)
            dequantization = Uniform(2)
            if kind == "variational":
                dequantization = noise.for_images((8, 8, 1), 2, num_couplings=2, hidden_channels=16, num_features=8)
            base = tfd.Independent(tfd.Normal(tf.zeros([8, 8, 1]), 1.0), 3)
            scale = bijectors.Elementwise(transforms.Affine(), (8, 8, 1))
            flow = tfp_flows.Flow(tfd.TransformedDistribution(base, scale), dequantization=dequantization)
            flow.compile(keras.optimizers.Adam(2e-2))
            flow.fit(digits.train // 9, epochs=10, batch_size=100, verbose=0)
            scores[kind] = scoring.nll_per_event(flow, digits.test // 9)
        gain = scores["uniform"] - scores["variational"]
        assert gain.mean() - 5 * gain.std() / np.sqrt(len(gain)) > 3.0

    def test_actnorm_in_it_is_initialised_by_fit_and_by_nothing_else(self):
        norm = bijectors.ActNorm(2, dtype=tf.float64)
        flow = gaussian(plane_noise(shaken=False, extra=[norm]))
        flow.compile(keras.optimizers.SGD(0.0))
        flow.evaluate(LATTICE, verbose=0), flow.log_prob(LATTICE), flow.sample(3)
        assert not flow.is_initialized and not norm.log_scale.numpy().any()
        flow.fit(LATTICE, batch_size=16, verbose=0)
        assert flow.is_initialized
        # Noise comes in, so what leaves it is standardised on the first batch, whose order the seed decides.
        outputs = []
        forward = norm._forward_and_log_det
        norm._forward_and_log_det = lambda x: outputs.append(forward(x)) or outputs[-1]
        flow.dequantization(np.tile(LATTICE, (1000, 1)), seed=[0, 1])
        np.testing.assert_allclose(outputs[0][0].numpy().std(0), 1, rtol=0.5)


@pytest.fixture(scope="module")
def glow():
    keras.utils.set_random_seed(0)
    small = dict(num_bins=17, num_levels=1, num_steps=1, hidden_channels=8, dequantization="variational")
    flow = tfp_flows.Glow((4, 4, 1), **small)
    shake(flow.dequantization, 0.02)
    flow.compile(keras.optimizers.Adam(3e-3))
    flow.fit(images(64), batch_size=32, verbose=0)
    return flow


class TestSaving:
    def test_keras_file_and_weights(self, glow, tmp_path):
        x, seed = tf.constant(images(32, seed=1)), tf.constant([0, 1])
        expected = glow(x, seed=seed)
        assert np.isfinite(expected).all()
        glow.save(tmp_path / "glow.keras")
        glow.save_weights(tmp_path / "glow.weights.h5")
        tf.train.Checkpoint(model=glow).write(str(tmp_path / "checkpoint"))
        again = keras.saving.load_model(tmp_path / "glow.keras")
        assert again.get_config() == glow.get_config() and again.get_config()["dequantization"] == "variational"
        np.testing.assert_array_equal(again(x, seed=seed), expected)
        for load in (
            lambda flow: flow.load_weights(tmp_path / "glow.weights.h5"),
            lambda flow: tf.train.Checkpoint(model=flow).read(str(tmp_path / "checkpoint")).expect_partial(),
        ):
            fresh = tfp_flows.Glow.from_config(glow.get_config())
            assert not np.array_equal(fresh(x, seed=seed), expected)
            load(fresh)
            np.testing.assert_array_equal(fresh(x, seed=seed), expected)
        losses = [flow.fit(images(32), batch_size=16, verbose=0).history["loss"] for flow in (again, glow)]
        assert np.isfinite(losses[0]).all() and losses[0] == losses[1]

    def test_log_prob_is_deterministic_and_knows_no_noise(self, glow):
        x = images()
        np.testing.assert_array_equal(glow.log_prob(x), glow.log_prob(x + np.float32(0.5)))
        np.testing.assert_allclose(glow.predict(x, verbose=0), glow.log_prob(x), rtol=1e-5)

    def test_what_is_served_leaves_it_out(self, tmp_path):
        keras.utils.set_random_seed(0)
        layers = bijectors.Chain([bijectors.ActNorm(2)])
        base = tfd.Independent(tfd.Normal(tf.zeros([2]), 1.0), 1)
        flow = tfp_flows.Flow(tfd.TransformedDistribution(base, layers), dequantization=plane_noise("float32"))
        version = serving.export(flow, tmp_path, warmup=False)
        x = LATTICE.astype("float32") + 0.5
        np.testing.assert_allclose(serving.load(version).log_prob(x), flow.log_prob(x), rtol=1e-5)
        saved = tf.train.load_checkpoint(f"{version}/variables/variables").get_variable_to_shape_map()
        functions = signatures(flow)[0]
        of_integers = [functions.pop(name) for name in list(functions) if name.startswith("score")]
        assert len(variables(functions.values(), flow)) == len(layers.trainable_variables) + 2 == 4
        # The bound of integers alone reads the noise's own weights.
        read = variables([*functions.values(), *of_integers], flow)
        assert sum(name.startswith("variables_read") for name in saved) == len(read) > 4


def test_a_culprit_in_the_noise_is_named():
    flow = gaussian(plane_noise())
    flow.dequantization.flow.bijector.bijectors[1].transform.log_scale_bound = float("nan")
    assert find_culprit(flow, LATTICE) == (
        "the noise of the dequantization or its log q is the first value that is not finite"
    )
