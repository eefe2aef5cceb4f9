"""BatchNorm: statistics of the batch in training, running ones otherwise, and a state that only training changes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.bijectors.test_actnorm import X, standard
from tests.checks import close
from tfp_flows import bijectors, masks, serving
from tfp_flows.bijectors.batch_norm import BatchNorm
from tfp_flows.networks import MLP

pytestmark = pytest.mark.usefixtures("untraced")

tfb, tfd = tfp.bijectors, tfp.distributions
F64 = tf.cast(X, tf.float64)


class InTraining(keras.layers.Layer):
    """Calls a bijector's inverse as a model does, so that Keras tells the layers within whether it trains."""

    def __init__(self, bijector):
        super().__init__(dtype="float64")
        self.bijector = bijector

    def call(self, y, training=None):
        y = tf.identity(y)
        ndims = self.bijector.inverse_min_event_ndims
        return self.bijector.inverse(y), self.bijector.inverse_log_det_jacobian(y, event_ndims=ndims)


def shaken(num_features=4, **options):
    norm = BatchNorm(num_features, dtype="float64", **options)
    random = np.random.default_rng(1)
    norm.running_mean.assign(random.normal(size=num_features))
    norm.running_variance.assign(random.uniform(0.5, 3, num_features))
    return norm


def state(norm):
    return [norm.running_mean.numpy(), norm.running_variance.numpy(), norm.initialized.numpy()]


def make_flow(dims=4, dtype="float32", **options):
    mask = masks.half(dims)
    parts = [
        bijectors.AffineCoupling(m, MLP(dims, (8,), "tanh", dtype=dtype, output_initializer="he_normal"), dtype=dtype)
        for m in masks.alternating(mask, 2)
    ]
    norms = [BatchNorm(dims, dtype=dtype, name=f"norm_{i}", **options) for i in range(2)]
    chain = bijectors.Chain([norms[0], parts[0], norms[1], parts[1]])
    base = tfd.Sample(tfd.Normal(tf.zeros([], dtype), 1.0), dims)
    return tfp_flows.Flow(tfd.TransformedDistribution(base, chain)), norms


@pytest.mark.parametrize("shape", [(500, 4), (20, 5, 5, 4)])
def test_training_normalises_by_the_batch(shape):
    norm = shaken(event_ndims=len(shape) - 1, epsilon=0.01)
    y = tf.reshape(F64, shape)
    mean, variance = X.numpy().astype("float64").mean(0), X.numpy().astype("float64").var(0)
    x, log_det = InTraining(norm)(y, training=True)
    close(x, (y - mean) / np.sqrt(variance + 0.01), 1e-12)
    positions = int(np.prod(shape[1:-1]))
    close(log_det, -0.5 * positions * np.log(variance + 0.01).sum(), 1e-12)


@pytest.mark.parametrize("shape", [(500, 4), (20, 5, 5, 4)])
def test_otherwise_by_the_running_statistics(shape):
    norm = shaken(event_ndims=len(shape) - 1, epsilon=0.01)
    mean, variance, _ = state(norm)
    y = tf.reshape(F64, shape)
    expected = (y.numpy() - mean) / np.sqrt(variance + 0.01)
    log_det = -0.5 * int(np.prod(shape[1:-1])) * np.log(variance + 0.01).sum()
    for x, found in (InTraining(norm)(y), InTraining(norm)(y, training=False)):
        close(x, expected, 1e-12)
        close(found, log_det, 1e-12)
    close(norm.forward(tf.identity(expected)), y, 1e-12)
    close(norm.forward_log_det_jacobian(tf.identity(expected), event_ndims=len(shape) - 1), -log_det, 1e-12)


def test_the_forward_direction_never_takes_the_batch():
    norm = shaken()
    before = state(norm)
    x, _ = InTraining(tfb.Invert(norm))(F64, training=True)
    close(x, norm.forward(tf.identity(F64)), 0)
    np.testing.assert_equal(state(norm), before)


def test_a_layer_of_low_precision_around_it_rounds_nothing():
    norm = shaken()
    found = []

    def both(_):
        found.extend([norm.forward(tf.identity(F64)), norm.inverse(tf.identity(F64))])
        return _

    keras.layers.Lambda(both, dtype="mixed_bfloat16")(tf.ones([1, 1]))
    close(found[0], norm.forward(tf.identity(F64)), 0)
    close(found[1], norm.inverse(tf.identity(F64)), 0)


def test_running_statistics_are_a_moving_average():
    norm = shaken(momentum=0.9)
    mean, variance, _ = state(norm)
    layer = InTraining(norm)
    for i in range(3):
        y = F64[100 * i : 100 * (i + 1)]
        layer(y, training=True)
        mean = 0.9 * mean + 0.1 * y.numpy().mean(0)
        variance = 0.9 * variance + 0.1 * y.numpy().var(0)
    close(norm.running_mean.numpy(), mean, 1e-12)
    close(norm.running_variance.numpy(), variance, 1e-12)


def test_what_is_not_finite_does_not_spoil_them():
    norm = shaken()
    before = state(norm)
    InTraining(norm)(tf.concat([F64[:, :3], tf.fill([500, 1], tf.constant(np.nan, tf.float64))], 1), training=True)
    for old, new in zip(before[:2], state(norm)):
        assert (new[:3] != old[:3]).all() and new[3] == old[3]


def test_a_frozen_one_keeps_its_statistics():
    flow, norms = make_flow()
    flow.initialize(2 * X + 1)
    before = [state(norm) for norm in norms]
    for norm in norms:
        norm._statistics.trainable = False
    x = flow(tf.identity(X), training=True)
    np.testing.assert_equal([state(norm) for norm in norms], before)
    close(x, flow(tf.identity(X), training=False), 0)


def loss_of(flow):
    # Not the mean of log_prob alone: a mean that is blind to a mistake in one event is no check.
    weights = tf.constant(np.random.default_rng(3).uniform(0.1, 2, 16))
    return lambda y: tf.reduce_mean(weights * flow(tf.identity(y), training=True))


def test_gradients_flow_through_the_statistics():
    """Against central differences, in data and weights; the statistics held fixed would give another gradient."""
    flow, _ = make_flow(dtype="float64")
    loss = loss_of(flow)
    y = F64[:16] / [1.0, 2.0, 0.1, 5.0]
    with tf.GradientTape() as tape:
        tape.watch(y)
        value = loss(y)
    kernels = [weight._value for weight in flow.trainable_variables if len(weight.shape) == 2]
    gradients = tape.gradient(value, [y, *kernels])
    step = 1e-5

    def difference(move):
        return (move(step) - move(-step)) / (2 * step)

    for index in ((0, 0), (3, 1), (15, 2), (7, 3)):
        at = np.zeros(y.shape)
        at[index] = 1
        close(gradients[0][index], difference(lambda h: loss(y + h * at)), 1e-8)
    for kernel, gradient in zip(kernels, gradients[1:]):
        at = np.zeros(kernel.shape)
        at[0, 1] = 1
        start = kernel.numpy()

        def move(h):
            kernel.assign(start + h * at)
            return loss(y)

        found = difference(move)
        kernel.assign(start)
        close(gradient[0, 1], found, 1e-8)
    held = tf.GradientTape()
    with held:
        held.watch(y)
        value = tf.reduce_mean(flow(tf.identity(y), training=False))
    assert np.abs(held.gradient(value, y) - gradients[0]).max() > 1e-3


def test_second_derivatives_flow_through_the_statistics():
    norm, y = shaken(), F64[:5]
    layer = InTraining(norm)

    def slope(y):
        with tf.GradientTape() as tape:
            tape.watch(y)
            x, log_det = layer(y, training=True)
            value = log_det + tf.reduce_sum(x**3)
        return tape.gradient(value, y)

    with tf.GradientTape() as tape:
        tape.watch(y)
        first = slope(y)[0, 1]
    at = np.zeros(y.shape)
    at[2, 1] = 1e-5
    close(tape.gradient(first, y)[2, 1], (slope(y + at) - slope(y - at))[0, 1] / 2e-5, 1e-7)


def test_a_scale_before_it_changes_nothing_in_training():
    """What the scaling takes, the variance of the batch gives back: the gradient is 0 but for epsilon."""
    scale = tf.Variable(tf.ones([], tf.float64) * 1.7)
    base = tfd.Sample(tfd.Normal(tf.zeros([], tf.float64), 1.0), 4)
    chain = bijectors.Chain([tfb.Scale(scale), BatchNorm(4, dtype="float64", epsilon=1e-12)])
    flow = tfp_flows.Flow(tfd.TransformedDistribution(base, chain))
    flow.initialize(3 * F64)
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(flow(tf.identity(F64), training=True))
    assert abs(tape.gradient(value, scale)) < 1e-8
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(flow(tf.identity(F64), training=False))
    assert abs(tape.gradient(value, scale)) > 0.1


@pytest.mark.parametrize("jit_compile", [False, True])
def test_eager_graph_and_xla_agree_in_training(jit_compile):
    results = []
    for wrap in (lambda f: f, lambda f: tf.function(f, jit_compile=jit_compile)):
        norm = shaken()
        layer = InTraining(norm)
        call = wrap(lambda y: layer(y, training=True))
        results.append([*call(F64), *call(2 * F64), *state(norm)[:2]])
    for actual, expected in zip(*results):
        close(actual, expected, 1e-10)


def test_only_training_changes_its_state(tmp_path):
    flow, norms = make_flow()
    flow.compile(keras.optimizers.SGD(0.0))
    before = [state(norm) for norm in norms]
    flow.log_prob(X), flow.sample(3), flow.encode(X), flow.decode(X), flow.predict(X, verbose=0)
    flow(tf.identity(X)), flow(tf.identity(X), training=False), flow.evaluate(X, verbose=0)
    flow.distribution.log_prob(tf.identity(X)), tf.function(flow.distribution.log_prob)(X)
    served = serving.load(serving.export(flow, tmp_path))
    close(served.log_prob(X[:5]), flow.log_prob(X[:5]), 1e-5)
    np.testing.assert_equal([state(norm) for norm in norms], before)
    assert not flow.is_initialized
    flow.fit(X, epochs=1, verbose=0)
    assert all((new != old).any() for norm, olds in zip(norms, before) for new, old in zip(state(norm)[:2], olds))
    assert served.log_prob(X[:5]).shape == (5,)


def test_one_step_of_fit_updates_once_and_nothing_is_trained():
    flow, norms = make_flow(momentum=0.75)
    flow.initialize(X[:100])
    flow.compile(keras.optimizers.SGD(0.0))
    assert not any("statistics" in weight.path for weight in flow.trainable_variables)
    mean, variance, _ = state(norms[0])
    flow.fit(X[100:200], batch_size=100, verbose=0)
    u = (X[100:200].numpy() - X[:100].numpy().mean(0)) / X[:100].numpy().std(0)
    np.testing.assert_allclose(state(norms[0])[0], 0.75 * mean + 0.25 * u.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(state(norms[0])[1], 0.75 * variance + 0.25 * u.var(0), rtol=1e-4)


@pytest.mark.parametrize("way", ["forward", "inverse"])
@pytest.mark.parametrize("wrap", [lambda b: b, tfb.Invert, lambda b: bijectors.Chain([b])])
def test_the_first_batch_initialises_it(wrap, way):
    norm = BatchNorm(4, epsilon=1e-9)
    run = getattr(wrap(norm), way)
    assert norm.needs_initialization
    with bijectors.initializing():
        standard(run(tf.identity(X)))
    assert not norm.needs_initialization
    standard(run(tf.identity(X)))
    before = state(norm)
    with bijectors.initializing():
        run(5 * X)
    np.testing.assert_equal(state(norm), before)


def test_a_constant_feature_stays_finite():
    norm = BatchNorm(4)
    x = tf.concat([X[:, :3], tf.fill([500, 1], 7.0)], axis=1)
    with bijectors.initializing():
        norm.inverse(tf.identity(x))
    np.testing.assert_allclose(norm.running_variance[3], 1)
    np.testing.assert_allclose(norm.log_unit[3], 0)
    trained, log_det = InTraining(BatchNorm(4, dtype="float64"))(tf.cast(x, tf.float64), training=True)
    assert np.isfinite(trained).all() and np.isfinite(log_det)


def test_weights_bring_it_back(tmp_path):
    flow, norms = make_flow()
    flow.compile("adam")
    flow.fit(X, epochs=2, verbose=0)
    flow.save_weights(tmp_path / "flow.weights.h5")
    again, others = make_flow()
    again.load_weights(tmp_path / "flow.weights.h5")
    np.testing.assert_equal([state(norm) for norm in others], [state(norm) for norm in norms])
    np.testing.assert_array_equal(again.log_prob(X), flow.log_prob(X))
    tf.train.Checkpoint(b=flow.distribution.bijector).write(str(tmp_path / "checkpoint"))
    last, others = make_flow()
    tf.train.Checkpoint(b=last.distribution.bijector).read(str(tmp_path / "checkpoint")).assert_consumed()
    np.testing.assert_equal([state(norm) for norm in others], [state(norm) for norm in norms])


def test_it_trains():
    flow, _ = make_flow(momentum=0.9)
    flow.compile(keras.optimizers.Adam(1e-2))
    history = flow.fit(X, epochs=10, batch_size=50, verbose=0, validation_data=(X,)).history
    # Scored by the running statistics it is as good as in training: they have followed.
    assert history["val_nll"][-1] < history["val_nll"][0] and history["nll"][-1] < history["nll"][0]
    assert abs(history["val_nll"][-1] - history["nll"][-1]) < 0.2


@pytest.mark.parametrize("make, message", [
    (lambda: BatchNorm(0), "Expected num_features to be a positive integer; got 0"),
    (lambda: BatchNorm(2, event_ndims=1.0), "Expected event_ndims to be a positive integer; got 1.0"),
    (lambda: BatchNorm(2, momentum=1.0), r"Expected momentum in \[0, 1\); got 1.0"),
    (lambda: BatchNorm(2, epsilon=0), "Expected epsilon > 0; got 0"),
    (lambda: BatchNorm(2).inverse(tf.ones([3, 4])), "Expected events of shape"),
])  # fmt: skip
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
