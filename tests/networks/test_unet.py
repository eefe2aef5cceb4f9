"""The U-Net: zero at the start, sees the time, the context and every pixel, of parts that do what they say."""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.networks import UNet, unet
from tfp_flows.networks.unet_blocks import Attention, norm

SHAPE = (8, 4, 2)
SMALL = dict(hidden_channels=8, multipliers=(1, 2), num_blocks=1, num_heads=2)
X = tf.random.stateless_normal([3, *SHAPE], [0, 1])
T = tf.constant([0.1, 0.5, 0.9])


def shaken(**options):
    keras.utils.set_random_seed(0)
    network = UNet(SHAPE, **SMALL | options)
    network.build((None, *SHAPE))
    for k, weight in enumerate(network.trainable_weights):
        weight.assign_add(0.2 * tf.random.stateless_normal(weight.shape, [k, 1], dtype=weight.dtype))
    return network


def test_it_is_zero_at_the_start_and_sees_every_weight():
    network = UNet(SHAPE, **SMALL, attention_levels=(0,))
    assert not np.any(network(X, T))
    network = shaken(attention_levels=(0,), context_shape=(2,), patch_size=2)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(X, T, context=tf.ones([3, 2])) ** 2)
    for weight, gradient in zip(network.trainable_weights, tape.gradient(loss, network.trainable_weights), strict=True):
        # Of a time that is not seen, or a bias before a mean, nothing would come.
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 1e-7 or weight.path.endswith("qkv/bias"), weight.path


def test_every_pixel_depends_on_all():
    """Through the middle's attention."""
    network = shaken()
    with tf.GradientTape() as tape:
        tape.watch(X)
        corner = network(X, T)[:, 0, 0, 0]
    assert (np.abs(tape.gradient(corner, X)) > 0).all()


def test_time_and_context_are_seen_by_their_own_event():
    network = shaken(context_shape=(2,))
    c = tf.constant([[0.0, 1.0], [1.0, 0.0], [2.0, 3.0]])
    out = network(X, T, context=c).numpy()
    for other in (network(X, T + [0.2, 0, 0], context=c), network(X, T, context=c + [[1.0], [0], [0]])):
        changed = np.abs(other - out).max((1, 2, 3))
        assert changed[0] > 1e-3 and (changed[1:] == 0).all()
    with pytest.raises(ValueError, match=r"Expected a context of shape \(batch, 2\); got none"):
        network(X, T)


def test_patches_are_channels_and_pixels_again():
    x = tf.random.stateless_normal([2, 6, 12, 3], [0, 1])
    patches = unet._squeezed(x, 3)
    np.testing.assert_array_equal(patches, tf.nn.space_to_depth(x, 3))
    np.testing.assert_array_equal(unet._unsqueezed(patches, 3), x)


def test_attention_is_that_of_the_formula():
    layer, h = Attention(2, "float64", "attention"), tf.random.stateless_normal([2, 3, 2, 8], [0, 1], dtype=tf.float64)
    layer.build(h.shape)
    for k, weight in enumerate(layer.weights):
        weight.assign(tf.random.stateless_normal(weight.shape, [k, 2], dtype=tf.float64))
    normed = layer._norm(h).numpy().reshape(2, 6, 8)
    kernel, bias, out, out_bias = (np.asarray(w.value) for w in layer.weights[-4:])
    q, k, v = np.split(normed @ kernel + bias, 3, axis=-1)
    heads = []
    for part in (slice(0, 4), slice(4, 8)):
        scores = np.exp(q[..., part] @ k[..., part].transpose(0, 2, 1) / 2)
        heads.append(scores / scores.sum(-1, keepdims=True) @ v[..., part])
    wanted = h + (np.concatenate(heads, -1) @ out + out_bias).reshape(h.shape)
    np.testing.assert_allclose(layer(h), wanted, rtol=1e-9)


@pytest.mark.parametrize("channels, groups", [(128, 32), (32, 8), (8, 2), (6, 1), (4, 1), (1, 1)])
def test_groups_have_four_channels_at_least(channels, groups):
    assert norm(channels, "float32", "norm").groups == groups


def test_config_graphs_and_precision():
    options = dict(
        attention_levels=(0,),
        multipliers=(1,),
        context_shape=(2,),
        patch_size=2,
        dropout=0.1,
        dtype="float64",
        name="net",
    )
    network = shaken(**options)
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(network))))
    assert again.get_config() == network.get_config()
    arguments = set(inspect.signature(UNet).parameters) - {"kwargs"}
    assert arguments | {"name", "trainable"} == set(network.get_config())
    again.set_weights(network.get_weights())
    given = tf.cast(X, tf.float64), tf.cast(T, tf.float64), tf.ones([3, 2], tf.float64)
    out = network(given[0], given[1], context=given[2])
    assert out.dtype == tf.float64 and out.shape == network.compute_output_shape(X.shape) == X.shape
    np.testing.assert_array_equal(again(given[0], given[1], context=given[2]), out)
    specs = [tf.TensorSpec([None, *v.shape[1:]], v.dtype) for v in given]
    for compiled in (False, True):
        call = tf.function(lambda x, t, c: network(x, t, context=c), input_signature=specs, jit_compile=compiled)
        np.testing.assert_allclose(call(*given), out, rtol=1e-8, atol=1e-10)
    low = UNet(SHAPE, **SMALL, dtype="mixed_bfloat16")
    assert low(X, T).dtype == tf.bfloat16 and low.trainable_weights[0].dtype == "float32"


def test_dropout_in_training_only():
    network = shaken(dropout=0.5)
    np.testing.assert_array_equal(network(X, T), network(X, T, training=False))
    assert np.abs(network(X, T, training=True) - network(X, T)).max() > 1e-3


@pytest.mark.parametrize(
    "shape, options, message",
    [
        ((8, 6, 1), dict(multipliers=(1, 1, 1)), "multiples of 4, for 3 levels and patches of 1; got 8 x 6"),
        ((7, 7, 1), {}, "multiples of 2, for 2 levels"),
        ((8, 8, 1), dict(patch_size=3), "multiples of 6, for 2 levels and patches of 3"),
        ((8, 8), {}, r"Expected image_shape \(height, width, channels\); got \(8, 8\)"),
        ((8, 8, 1), dict(hidden_channels=0), "Expected hidden_channels to be a positive integer; got 0"),
        ((8, 8, 1), dict(multipliers=()), r"Expected multipliers to be positive integers; got \(\)"),
        ((8, 8, 1), dict(attention_levels=(2,)), r"Expected attention_levels from 0 to 1; got \(2,\)"),
        ((8, 8, 1), dict(num_heads=3), "Expected channels that are a multiple of num_heads=3; got 16"),
        ((8, 8, 1), dict(dropout=1.0), "Expected dropout of at least 0 and below 1; got 1.0"),
    ],
)
def test_bad_arguments_are_refused(shape, options, message):
    with pytest.raises(ValueError, match=message):
        UNet(shape, **SMALL | options)


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"Expected images of shape \(8, 4, 2\) in 'u_net"):
        UNet(SHAPE, **SMALL)(tf.zeros([1, 8, 8, 2]), tf.zeros([1]))
