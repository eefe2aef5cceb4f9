"""Weight-normalised convolutions and RealNVP's residual network of them."""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import bijectors, masks
from tfp_flows.networks.resnet import ResNet
from tfp_flows.networks.weight_norm import WeightNormConv2D

X = tf.random.stateless_normal([5, 6, 4, 3], [0, 1])


def shake(layer, scale=0.3):
    """Every trainable weight, and batch norm's running statistics, moved off their initial values."""
    random = np.random.default_rng(7)
    for weight in layer.weights:
        weight.assign(weight + abs(random.normal(scale=scale, size=weight.shape)))
    return layer


def resnet(num_outputs=4, **options):
    network = ResNet(num_outputs, **{"hidden_channels": 6, "num_blocks": 2, **options})
    context = {} if network.context_shape is None else {"context": tf.zeros([1, *network.context_shape])}
    network(X[:1], **context)
    return shake(network)


# Weight normalisation


@pytest.mark.parametrize("kernel_size, use_bias", [(3, True), (1, True), (2, False)])
def test_weight_norm_is_a_convolution_with_a_normalised_kernel(kernel_size, use_bias):
    layer = WeightNormConv2D(4, kernel_size, use_bias, dtype="float64")
    x = tf.cast(X, tf.float64)
    layer(x)
    shake(layer)
    plain = keras.layers.Conv2D(4, kernel_size, padding="same", use_bias=use_bias, dtype="float64")
    plain.build(X.shape)
    v, g = layer.v.numpy(), layer.g.numpy()
    kernel = np.stack([g[c] * v[..., c] / np.linalg.norm(v[..., c]) for c in range(4)], -1)
    plain.set_weights([kernel, layer.bias.numpy()] if use_bias else [kernel])
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-10, atol=1e-12)
    assert layer(x).shape == layer.compute_output_shape(x.shape)
    np.testing.assert_allclose(np.sqrt(np.sum(np.square(layer.kernel), (0, 1, 2))), g, rtol=1e-12)


def test_weight_norm_gradients_are_the_papers():
    """Equation 3: dL/dg = dL/dw . v / ||v||, and dL/dv is orthogonal to v (so that ||v|| can only grow)."""
    layer = WeightNormConv2D(4, dtype="float64")
    x = tf.cast(X, tf.float64)
    layer(x)
    shake(layer)
    plain = keras.layers.Conv2D(4, 3, padding="same", dtype="float64")
    plain.build(X.shape)
    plain.set_weights([layer.kernel.numpy(), layer.bias.numpy()])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(layer(x)))
    dv, dg = tape.gradient(loss, [layer.v._value, layer.g._value])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(plain(x)))
    dw = tape.gradient(loss, plain.kernel._value)
    v, g = layer.v.numpy(), layer.g.numpy()
    length = np.sqrt(np.sum(v**2, (0, 1, 2)))
    np.testing.assert_allclose(dg, np.sum(dw * v, (0, 1, 2)) / length, rtol=1e-10)
    np.testing.assert_allclose(dv, g / length * dw - g * dg / length**2 * v, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.sum(dv * v, (0, 1, 2)), 0, atol=1e-10)


def test_weight_norm_starts_at_hes_size_or_at_zero():
    layer = WeightNormConv2D(64)
    x = tf.nn.relu(tf.random.stateless_normal([4, 16, 16, 32], [1, 2]))
    assert 0.7 < np.mean(np.square(layer(x)[:, 1:-1, 1:-1])) < 1.4
    assert 0.8 < np.std(layer.v) * np.sqrt(9 * 32 / 2) < 1.2
    zero = WeightNormConv2D(4, zero_init=True)
    assert not np.any(zero(X)) and np.any(zero.v)


class Watched(WeightNormConv2D):
    """Keeps the kernel that a call sees, inside Keras' casting of variables."""

    def call(self, x):
        self.seen = self.kernel.numpy()
        return super().call(x)


def test_weight_norm_is_computed_in_float32_and_used_in_low_precision():
    layer = Watched(4, dtype="mixed_bfloat16")
    assert layer(X).dtype == tf.bfloat16
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    assert layer.seen.dtype == "float32"
    np.testing.assert_array_equal(layer.seen, layer.kernel)
    precise = WeightNormConv2D(4, dtype="float32")
    precise(X)
    precise.set_weights(layer.get_weights())
    np.testing.assert_allclose(tf.cast(layer(X), tf.float32), precise(X), atol=0.1)


@pytest.mark.parametrize("make, message", [
    (lambda: WeightNormConv2D(0), "Expected filters to be a positive integer; got 0"),
    (lambda: WeightNormConv2D(2, 3.0), "Expected kernel_size to be a positive integer; got 3.0"),
    (lambda: WeightNormConv2D(2)(tf.ones([3, 4])), r"Expected images \(batch, height, width, channels\) in"),
    (lambda: ResNet(0), "Expected num_outputs to be a positive integer; got 0"),
    (lambda: ResNet(2, hidden_channels=2.0), "Expected hidden_channels to be a positive integer; got 2.0"),
    (lambda: ResNet(2, num_blocks=0), "Expected num_blocks to be a positive integer; got 0"),
    (lambda: ResNet(2, kernel_size=(3, 3)), r"Expected kernel_size to be a positive integer; got \(3, 3\)"),
    (lambda: ResNet(2, context_shape=3), "Expected context_shape as a tuple of positive integers; got 3"),
    (lambda: ResNet(2, context_shape=(2, 2)), r"Expected context_shape \(n,\); got \(2, 2\)"),
    (lambda: ResNet(2)(tf.ones([3, 4])), r"Expected images \(batch, height, width, channels\) in"),
])  # fmt: skip
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# The residual network

both = pytest.mark.parametrize("batch_norm", [True, False])
either = pytest.mark.parametrize("weight_norm", [True, False])


@both
@either
def test_it_is_the_papers_network(batch_norm, weight_norm):
    """Against the equations of the module's docstring, written with Keras' own convolutions."""
    network = resnet(batch_norm=batch_norm, weight_norm=weight_norm, context_shape=(2,), dtype="float64")
    x, context = tf.cast(X, tf.float64), tf.random.stateless_normal([5, 2], [2, 3], dtype=tf.float64)

    def conv(layer, h):
        h = tf.nn.conv2d(h, tf.convert_to_tensor(layer.kernel), 1, "SAME")
        return h if layer.bias is None else h + tf.convert_to_tensor(layer.bias)

    def rectified(norm, h):
        if norm is None:
            return tf.nn.relu(h)
        mean, variance, gamma, beta = (
            w.numpy() for w in (norm.moving_mean, norm.moving_variance, norm.gamma, norm.beta)
        )
        return tf.nn.relu((h - mean) / np.sqrt(variance + norm.epsilon) * gamma + beta)

    h = conv(network._first, x) + (context @ tf.convert_to_tensor(network._context.kernel))[:, None, None]
    total = conv(network._skips[0], h)
    for block, skip in zip(network._blocks, network._skips[1:]):
        r = conv(block._convs[0], rectified(block._norms[0], h))
        h = h + conv(block._convs[1], rectified(block._norms[1], r))
        total += conv(skip, h)
    expected = conv(network._output, rectified(network._norm, total))
    np.testing.assert_allclose(network(x, context=context), expected, rtol=1e-9, atol=1e-10)
    assert network(x, context=context).shape == network.compute_output_shape(x.shape)
    kinds = {type(layer) for layer in network._flatten_layers()}
    assert (keras.layers.BatchNormalization in kinds) == batch_norm
    assert (WeightNormConv2D in kinds) == weight_norm and (keras.layers.Conv2D in kinds) != weight_norm


@either
def test_the_last_layer_is_zero_at_the_start(weight_norm):
    network = ResNet(4, 6, 1, weight_norm=weight_norm)
    assert not np.any(network(X)) and not np.any(network(X, training=True)) and np.any(resnet()(X))


@both
@either
def test_every_weight_gets_a_gradient_in_training(batch_norm, weight_norm):
    """No bias stands before a batch norm, where it would be idle."""
    network = resnet(batch_norm=batch_norm, weight_norm=weight_norm, context_shape=(2,), dtype="float64")
    context = tf.random.stateless_normal([5, 2], [2, 3], dtype=tf.float64)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(network(tf.cast(X, tf.float64), context=context, training=True)))
    weights = network.trainable_weights
    for weight, gradient in zip(weights, tape.gradient(loss, [w._value for w in weights])):
        assert gradient is not None and np.isfinite(gradient).all() and np.abs(gradient).max() > 1e-9, weight.path


def test_batch_norm_follows_kerass_training():
    network = resnet()
    moving = [w for w in network.non_trainable_weights if "moving" in w.name]
    before = [w.numpy() for w in moving]
    np.testing.assert_array_equal(network(X), network(X, training=False))
    np.testing.assert_equal([w.numpy() for w in moving], before)
    outer = keras.Sequential([network])
    trained = outer(X, training=True)
    assert np.abs(trained - network(X)).max() > 1e-3
    assert all((w.numpy() != old).any() for w, old in zip(moving, before)) and len(moving) == 2 * (2 * 2 + 1)


@pytest.mark.parametrize("policy, compute, variable", [
    ("float64", "float64", "float64"),
    ("mixed_bfloat16", "bfloat16", "float32"),
    ("mixed_float16", "float16", "float32"),
])  # fmt: skip
@either
def test_precision_reaches_every_layer(policy, compute, variable, weight_norm):
    network = resnet(dtype=policy, context_shape=(2,), weight_norm=weight_norm)
    for training in (False, True):
        assert network(X, context=tf.ones([5, 2]), training=training).dtype.name == compute
    assert {w.dtype for w in network.weights} == {variable}
    assert all(layer.compute_dtype == compute for layer in network._flatten_layers())


@pytest.mark.parametrize("make", [
    lambda: resnet(context_shape=(2,), dtype="float64", name="net", kernel_size=np.int64(2), weight_norm=False),
    lambda: resnet(context_shape=(2,), batch_norm=False, trainable=False),
])  # fmt: skip
def test_config_round_trip(make):
    network = make()
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(network))))
    assert again.get_config() == network.get_config()
    arguments = set(inspect.signature(ResNet).parameters) - {"kwargs"}
    assert arguments | {"name", "trainable"} == set(network.get_config())
    context = tf.ones([5, 2])
    again(X, context=context)
    again.set_weights(network.get_weights())
    np.testing.assert_array_equal(again(X, context=context), network(X, context=context))


def test_weight_norm_config_round_trip():
    layer = WeightNormConv2D(np.int64(4), 2, use_bias=False, zero_init=True, dtype="float64", name="conv")
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(layer))))
    assert again.get_config() == layer.get_config()
    arguments = set(inspect.signature(WeightNormConv2D).parameters) - {"kwargs"}
    assert arguments | {"name", "trainable"} == set(layer.get_config())
    assert (again.filters, again.kernel_size, again.use_bias, again.zero_init) == (4, 2, False, True)


def test_a_keras_model_of_it_is_saved_whole(tmp_path):
    inputs, context = keras.Input((6, 4, 3)), keras.Input((2,))
    model = keras.Model([inputs, context], resnet(context_shape=(2,))(inputs, context=context))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again([X, tf.ones([5, 2])]), model([X, tf.ones([5, 2])]))
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = keras.Model([inputs, context], ResNet(4, 6, 2, context_shape=(2,))(inputs, context=context))
    fresh.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(fresh([X, tf.ones([5, 2])]), model([X, tf.ones([5, 2])]))


def test_context_is_used_and_required():
    network = resnet(context_shape=(2,))
    assert np.abs(network(X, context=tf.zeros([5, 2])) - network(X, context=tf.ones([5, 2]))).max() > 1e-3
    with pytest.raises(ValueError, match=r"Expected a context of shape \(batch, 2\); got none"):
        network(X)
    with pytest.raises(ValueError, match="Expected no context; got one"):
        resnet()(X, context=tf.zeros([5, 2]))


@pytest.mark.parametrize("training", [False, True])
def test_eager_graph_and_xla_agree(training):
    network = resnet(dtype="float64")
    x = tf.cast(X, tf.float64)
    unknown = [tf.TensorSpec([None, None, None, 3], tf.float64)]

    def call(x):
        return network(x, training=training)

    for options in (dict(input_signature=unknown), dict(jit_compile=True)):
        np.testing.assert_allclose(tf.function(call, **options)(x), call(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mask", [masks.checkerboard((6, 4, 2)), masks.channels((6, 4, 2))], ids=["board", "channels"])
def test_a_coupling_takes_it(mask):
    num_outputs = 2 * (2 if mask[0, 0].all() != mask[0, 1].all() else 1)
    layer = bijectors.AffineCoupling(mask, ResNet(num_outputs, 6, 1, dtype="float64"), dtype="float64")
    y = tf.random.stateless_normal([3, 6, 4, 2], [4, 5], dtype=tf.float64)
    np.testing.assert_array_equal(layer.inverse(tf.identity(y)), y)
    shake(layer.conditioner)
    x = layer.inverse(tf.identity(y))
    assert np.abs(x - y).max() > 1e-3
    np.testing.assert_allclose(layer.forward(tf.identity(x)), y, rtol=1e-9, atol=1e-9)
