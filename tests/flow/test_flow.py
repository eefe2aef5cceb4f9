"""Flow around any distribution: Keras and TFP see the same weights, fit trains them all, files bring them back."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.distributions import DISTRIBUTIONS, coupling, data, made, mixture, normal, ours, pushed
from tfp_flows import bijectors, masks
from tfp_flows.bijectors.initialization import Measured
from tfp_flows.flow import fitting
from tfp_flows.networks import MLP

tfb, tfd = tfp.bijectors, tfp.distributions


def build(name):
    keras.utils.set_random_seed(0)
    return tfp_flows.Flow(DISTRIBUTIONS[name][0]())


def shake(flow, scale=0.1):
    """Moves every weight off its initial value, so that nothing is the identity by accident."""
    random = np.random.default_rng(1)
    for weight in flow.trainable_variables:
        weight.assign_add(random.normal(scale=scale, size=weight.shape))


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_keras_and_tfp_see_the_same_weights(name):
    flow = build(name)
    with tf.GradientTape() as tape:
        flow.distribution.log_prob(tf.constant(data(4)))
    watched = {id(v) for v in tape.watched_variables()}
    seen = [id(w._value) for w in flow.trainable_variables]
    assert len(seen) == len(set(seen)) == DISTRIBUTIONS[name][1]
    assert set(seen) == watched
    if name not in ("realnvp_template", "owners_picture"):  # TFP itself does not see into Python closures
        trainable = {id(v) for v in flow.distribution.trainable_variables}
        assert trainable == watched


def fixed(flow):
    """What no training changes: neither trained, nor set by its first batch."""
    measured = [part for part in flow.distribution.submodules if isinstance(part, Measured)]
    statistics = {id(v) for part in measured for v in part.variables} - {id(w._value) for w in flow.trainable_variables}
    return [w for w in flow.non_trainable_variables if id(w._value) not in statistics]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_fit_moves_every_weight_and_lowers_the_loss(name):
    flow = build(name)
    shake(flow)
    flow.compile(keras.optimizers.Adam(1e-2))
    before = flow.evaluate(data(), verbose=0, return_dict=True)["nll"]
    start = [w.numpy().copy() for w in flow.trainable_variables]
    still = [w.numpy().copy() for w in fixed(flow)]
    flow.fit(data(), epochs=5, batch_size=64, verbose=0)
    assert flow.evaluate(data(), verbose=0, return_dict=True)["nll"] < before - 0.02
    moved = [not np.array_equal(a, w.numpy()) for a, w in zip(start, flow.trainable_variables)]
    assert all(moved), [w.path for w, m in zip(flow.trainable_variables, moved) if not m]
    assert all(np.array_equal(a, w.numpy()) for a, w in zip(still, fixed(flow), strict=True))


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_weights_come_back_to_the_bit(name, tmp_path):
    flow = build(name)
    shake(flow, 0.3)
    flow.save_weights(tmp_path / "w.weights.h5")
    x = data(16)
    expected = flow.log_prob(x).numpy()
    again = build(name)
    assert not np.array_equal(again.log_prob(x), expected)
    again.load_weights(tmp_path / "w.weights.h5")
    for a, b in zip(flow.weights, again.weights):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    np.testing.assert_array_equal(again.log_prob(x), expected)
    again = build(name)
    tf.train.Checkpoint(model=flow).write(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(model=again).read(str(tmp_path / "checkpoint")).assert_existing_objects_matched()
    np.testing.assert_array_equal(again.log_prob(x), expected)


def test_trained_maf_is_still_a_density():
    """TFP masks its network by constraint: trained without it, the function integrates to far more than 1."""
    flow = build("maf")
    flow.compile(keras.optimizers.Adam(1e-2))
    flow.fit(data(), epochs=5, batch_size=64, verbose=0)
    axis = np.linspace(-12, 12, 600, dtype="float32")
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    density = np.exp(flow.predict(grid, batch_size=40_000, verbose=0).astype(float))
    assert abs(density.sum() * (axis[1] - axis[0]) ** 2 - 1) < 1e-2


def test_no_stale_answers_after_a_training_step():
    flow = tfp_flows.Flow(ours())
    flow.compile(keras.optimizers.Adam(0.1))
    x = tf.constant(data(64))
    flow.initialize(x)
    before = [flow.encode(x).numpy(), flow.log_prob(x).numpy(), flow.decode(x).numpy(), flow.sample(4, seed=1).numpy()]
    kept = flow.encode(x)
    flow.train_on_batch(x)
    after = [flow.encode(x).numpy(), flow.log_prob(x).numpy(), flow.decode(x).numpy(), flow.sample(4, seed=1).numpy()]
    for a, b in zip(before, after):
        assert np.abs(a - b).max() > 1e-3
    np.testing.assert_allclose(flow.decode(kept), flow.decode(kept.numpy()), rtol=1e-6)
    np.testing.assert_allclose(flow.decode(flow.encode(x)), x, atol=1e-5)


def test_sample_is_a_function_of_the_seed():
    flow = build("ours")
    shake(flow)
    a = flow.sample(100, seed=3)
    np.testing.assert_array_equal(a, flow.sample(100, seed=3))
    np.testing.assert_array_equal(a, flow.sample(100, seed=[0, 3]))
    assert np.abs(a - flow.sample(100, seed=4)).max() > 0.1
    assert np.abs(flow.sample(100) - flow.sample(100)).max() > 0.1


def test_temperature_scales_the_latent():
    flow = build("ours")
    shake(flow)
    hot, cold, mode = (flow.encode(flow.sample(500, seed=3, temperature=t)) for t in (1.0, 0.5, 0.0))
    np.testing.assert_allclose(cold, 0.5 * hot, atol=1e-4)
    np.testing.assert_allclose(mode, np.zeros([500, 2]), atol=1e-5)


def test_samples_follow_the_density():
    """Monte Carlo estimate of the entropy from samples against the exact one of a Gaussian flow."""
    flow = build("gaussian")
    shake(flow, 0.3)
    entropy = float(flow.distribution.entropy())
    log_prob = flow.log_prob(flow.sample(20_000, seed=0)).numpy()
    assert abs(-log_prob.mean() - entropy) < 5 * log_prob.std() / np.sqrt(20_000)


def test_predict_is_log_prob():
    flow = build("ours")
    shake(flow)
    np.testing.assert_allclose(flow.predict(data(70), batch_size=32, verbose=0), flow.log_prob(data(70)), rtol=1e-5)


def test_one_batch_is_predicted_without_a_data_set(monkeypatch):
    class Doubled(tfp_flows.Flow):
        def call(self, x, context=None, training=None, seed=None):
            return 2 * super().call(x, context, training=training, seed=seed)

    flow, doubled = build("gaussian"), Doubled(DISTRIBUTIONS["gaussian"][0]())
    shake(flow)
    shake(doubled)
    # With a callback it goes Keras' way.
    callbacks = [keras.callbacks.Callback()]
    expected = flow.predict(data(33), batch_size=40, verbose=0, callbacks=callbacks)
    # What a subclass answers is asked.
    np.testing.assert_allclose(doubled.predict(data(33), batch_size=40, verbose=0), 2 * expected, rtol=1e-5)
    monkeypatch.setattr(fitting, "array_batches", None)
    for x in (data(33), tf.constant(data(33))):
        found = flow.predict(x, batch_size=33, verbose=0)
        assert isinstance(found, np.ndarray) and found.shape == (33,)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    for options in (dict(batch_size=32), dict(batch_size=40, callbacks=callbacks), {}):
        with pytest.raises(TypeError, match="'NoneType' object is not callable"):
            flow.predict(data(33), verbose=0, **options)


def test_what_a_mixture_cannot_do_is_refused():
    flow = tfp_flows.Flow(mixture())
    assert not flow.can_encode and not flow.can_scale_temperature
    assert flow.sample(5, seed=0).shape == (5, 2)
    for call in (flow.encode, flow.decode):
        with pytest.raises(ValueError, match="Expected a tfd.TransformedDistribution to"):
            call(data(3))
    with pytest.raises(ValueError, match="Expected temperature 1, .* no location-scale base; got 0.5"):
        flow.sample(5, temperature=0.5)


def test_context_reaches_the_conditioners_and_is_trained_on():
    """p(x given c) of two classes far apart: given its class, a point is likely; given the other's, it is not."""
    keras.utils.set_random_seed(0)
    layers = [bijectors.ActNorm(2), coupling(context_shape=(2,)), coupling(flip=True, context_shape=(2,))] * 1
    flow = tfp_flows.Flow(tfd.TransformedDistribution(normal(), bijectors.Chain(layers)))
    assert flow.takes_context
    random = np.random.default_rng(0)
    label = random.integers(0, 2, 1024)
    x = (0.3 * random.normal(size=(1024, 2)) + np.where(label, 2.0, -2.0)[:, None]).astype("float32")
    context = np.eye(2, dtype="float32")[label]
    flow.compile(keras.optimizers.Adam(1e-2))
    flow.fit(x, context, epochs=15, batch_size=64, verbose=0)
    right, wrong = flow.log_prob(x, context=context), flow.log_prob(x, context=1 - context)
    assert np.mean(right > wrong + 2) > 0.95
    wanted = np.eye(2, dtype="float32")[np.repeat([0, 1], 50)]
    samples = flow.sample(100, seed=0, context=wanted).numpy()
    assert np.mean(samples[:50].mean(1) < 0) > 0.9 and np.mean(samples[50:].mean(1) > 0) > 0.9
    z = flow.encode(x[:20], context=context[:20])
    np.testing.assert_allclose(flow.decode(z, context=context[:20]), x[:20], atol=1e-4)
    batches = tf.data.Dataset.from_tensor_slices((x, context)).batch(100)
    np.testing.assert_allclose(flow.predict(batches, verbose=0), right, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="Expected a context, for the flow is conditional; got none"):
        flow.log_prob(x)
    with pytest.raises(ValueError, match="Expected no context; got one"):
        tfp_flows.Flow(ours()).log_prob(x, context=context)


class TestPrecision:
    def test_conditioners_in_bfloat16_under_a_float32_flow(self):
        keras.utils.set_random_seed(0)
        flow = tfp_flows.Flow(pushed(coupling(dtype="mixed_bfloat16"), coupling(flip=True, dtype="mixed_bfloat16")))
        shake(flow)
        assert flow.distribution.bijector.bijectors[0].conditioner(tf.zeros([1, 1])).dtype == tf.bfloat16
        assert flow.log_prob(data(4)).dtype == tf.float32
        np.testing.assert_allclose(flow.decode(flow.encode(data(64))), data(64), atol=1e-5)
        flow.compile(keras.optimizers.Adam(1e-2))
        history = flow.fit(data(), epochs=3, verbose=0).history["nll"]
        assert history[-1] < history[0]

    def test_a_global_low_precision_policy_leaves_the_flow_alone(self):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            flow = tfp_flows.RealNVP(event_shape=(2,), num_layers=2, hidden_units=(8,))
        finally:
            keras.config.set_dtype_policy("float32")
        assert flow.log_prob(data(4)).dtype == tf.float32 and flow.variable_dtype == "float32"
        np.testing.assert_allclose(flow.decode(flow.encode(data(64))), data(64), atol=1e-5)

    def test_float64(self):
        mask = masks.half(2)
        layers = [
            bijectors.ActNorm(2, dtype=tf.float64),
            bijectors.AffineCoupling(mask, MLP(2, (8,), dtype="float64"), dtype=tf.float64),
        ]
        base = tfd.Independent(tfd.Normal(tf.zeros([2], tf.float64), tf.ones([], tf.float64)), 1)
        flow = tfp_flows.Flow(tfd.TransformedDistribution(base, bijectors.Chain(layers)))
        x = data().astype("float64")
        flow.compile("adam")
        flow.fit(x, verbose=0)
        assert flow.log_prob(x).dtype == tf.float64
        np.testing.assert_allclose(flow.decode(flow.encode(x)), x, rtol=1e-12, atol=1e-12)


def test_jit_and_no_jit_train_alike():
    losses = []
    for jit in (False, True):
        keras.utils.set_random_seed(0)
        flow = tfp_flows.Flow(ours())
        # Of standardised values some first gradients are zero but for rounding, whose sign Adam would follow.
        flow.compile(keras.optimizers.Adam(1e-2, epsilon=1e-3), jit_compile=jit)
        losses.append(flow.fit(data(), epochs=3, batch_size=64, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_sample_weight_regularisers_and_accumulated_steps():
    flow = build("scale")
    flow.compile("adam", steps_per_execution=4)
    x, weight = data(256), np.r_[np.zeros(128), np.full(128, 2.0)].astype("float32")
    nll = -flow.log_prob(x[128:]).numpy().mean()
    logs = flow.evaluate(x, sample_weight=weight, verbose=0, return_dict=True, batch_size=64)
    assert logs["nll"] == pytest.approx(nll, rel=1e-5) and logs["loss"] == pytest.approx(nll, rel=1e-5)
    flow.fit(x, sample_weight=weight, validation_split=0.25, batch_size=48, verbose=0)
    layer = bijectors.AffineCoupling(masks.half(2), keras.Sequential([keras.layers.Dense(2, kernel_regularizer="l2")]))
    flow = tfp_flows.Flow(pushed(layer))
    flow.compile("adam")
    logs = flow.evaluate(x, verbose=0, return_dict=True)
    penalty = 0.01 * np.square(layer.conditioner.layers[0].kernel.numpy()).sum()
    assert penalty > 1e-6 and logs["loss"] == pytest.approx(logs["nll"] + penalty, rel=1e-5)


def test_keras_files(tmp_path):
    keras.utils.set_random_seed(0)
    for flow in (
        tfp_flows.RealNVP(
            event_shape=(4,), num_bins=17, num_layers=2, hidden_units=(8,), name="mine", activation="tanh"
        ),
        tfp_flows.NICE(event_shape=(4,), num_layers=2, hidden_units=(8,), prior="gaussian"),
    ):
        x = np.random.default_rng(0).integers(0, 17, (64, 4)) if flow.num_bins else data(128).reshape(64, 4)
        flow.compile(keras.optimizers.Adam(3e-3))
        flow.fit(x, verbose=0)
        flow.save(tmp_path / "flow.keras")
        again = keras.models.load_model(tmp_path / "flow.keras")
        assert type(again) is type(flow) and again.get_config() == flow.get_config() and again.name == flow.name
        np.testing.assert_array_equal(flow.log_prob(x), again.log_prob(x))
        assert int(again.optimizer.iterations) == int(flow.optimizer.iterations)
        histories = [model.fit(x, epochs=2, verbose=0).history["loss"] for model in (flow, again)]
        assert histories[0] == histories[1]
        networks = [layer for layer in again._flatten_layers() if isinstance(layer, MLP)]
        assert {layer.activation.__name__ for layer in networks} == {"tanh" if flow.num_bins else "relu"}
    with pytest.raises(ValueError, match="Expected a named model .* got a plain Flow"):
        tfp_flows.Flow(ours()).save(tmp_path / "plain.keras")


def test_tfp_machinery_trains_the_same_weights():
    """The flow as a surrogate posterior: tfp.vi finds and moves every weight of our bijectors."""
    keras.utils.set_random_seed(0)
    surrogate = ours()
    for part in surrogate.submodules:
        if isinstance(part, bijectors.ActNorm):
            part.initialized.assign(True)
    target = tfd.MultivariateNormalTriL([1.0, -1.0], [[1.0, 0.0], [0.8, 0.5]])
    losses = tfp.vi.fit_surrogate_posterior(
        target.log_prob, surrogate, optimizer=keras.optimizers.Adam(1e-2), num_steps=200, sample_size=32, seed=1
    )
    assert np.mean(losses[-20:]) < 0.5 * np.mean(losses[:5])


def test_density_network_is_called_once_a_step():
    calls = []

    class Counting(MLP):
        def call(self, x, context=None):
            calls.append(1)
            return super().call(x, context)

    layer = bijectors.AffineCoupling(masks.half(2), Counting(2, (8,)))
    flow = tfp_flows.Flow(pushed(layer, tfb.MaskedAutoregressiveFlow(made())))
    flow.compile("adam")
    for run in (lambda: flow.fit(data(32), batch_size=32, verbose=0), lambda: flow.log_prob(data(32))):
        calls.clear()
        run()
        assert len(calls) == 1  # traced once, in one place of the graph
