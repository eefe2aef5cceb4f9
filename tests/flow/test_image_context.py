"""Images as context: convolutional conditioners see them as further channels, brought to size where they are larger."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tfp_flows import bijectors, masks
from tfp_flows.networks import MLP, ConvNet

pytestmark = pytest.mark.usefixtures("untraced")

tfb, tfd = tfp.bijectors, tfp.distributions

X = tf.random.stateless_normal([5, 4, 2, 3], [0, 1])


def network(context_shape, **options):
    net = ConvNet(4, 6, context_shape=context_shape, output_initializer="glorot_uniform", **options)
    net(X, context=tf.zeros([5, *context_shape]))
    return net


@pytest.mark.parametrize("factor", [1, 2])
def test_it_is_convolved_beside_the_image(factor):
    context = tf.random.stateless_normal([5, 4 * factor, 2 * factor, 2], [2, 3])
    net = network((4 * factor, 2 * factor, 2))
    plain = ConvNet(4, 6)
    channels = context if factor == 1 else bijectors.Squeeze().inverse(context)
    joined = tf.concat([X, channels], -1)
    plain(joined)
    plain.set_weights(net.get_weights())
    np.testing.assert_allclose(net(X, context=context), plain(joined), rtol=1e-6)
    assert np.abs(net(X, context=context) - net(X, context=0 * context)).max() > 1e-3


def test_config_round_trip():
    net = network((4, 2, np.int64(1)))
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(net))))
    assert again.get_config() == net.get_config() and again.context_shape == (4, 2, 1)
    context = tf.ones([5, 4, 2, 1])
    again(X, context=context)
    again.set_weights(net.get_weights())
    np.testing.assert_array_equal(again(X, context=context), net(X, context=context))


@pytest.mark.parametrize("make, message", [
    (lambda: ConvNet(4, context_shape=(4, 2)), r"Expected context_shape \(n,\) or \(height, width, channels\); got"),
    (lambda: MLP(4, context_shape=(4, 2, 1)), r"Expected context_shape \(n,\); got \(4, 2, 1\)"),
    (lambda: network((4, 4, 1)), "Expected a context image of 4 x 2 pixels, or of the same multiple .*; got 4 x 4"),
    (lambda: network((2, 1, 1)), "Expected a context image of 4 x 2 pixels, .*; got 2 x 1"),
    (lambda: network((4, 2, 1))(X), r"Expected a context of shape \(batch, 4, 2, 1\); got none"),
])  # fmt: skip
def test_bad_contexts_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_flow_of_images_given_images():
    """The image is the context plus a little noise: given its own context an event is likely, given another not."""
    keras.utils.set_random_seed(0)
    couplings = [
        bijectors.AffineCoupling(mask, ConvNet(2, 8, context_shape=(4, 4, 1)))
        for mask in masks.alternating(masks.checkerboard((4, 4, 1)), 2)
    ]
    base = tfd.Independent(tfd.Normal(tf.zeros([4, 4, 1]), 1.0), 3)
    flow = tfp_flows.Flow(tfd.TransformedDistribution(base, bijectors.Chain(couplings)))
    random = np.random.default_rng(0)
    context = random.normal(size=(512, 4, 4, 1)).astype("float32")
    x = (context + 0.2 * random.normal(size=context.shape)).astype("float32")
    flow.compile(keras.optimizers.Adam(1e-2))
    flow.fit(x, context, epochs=10, batch_size=32, verbose=0)
    right, wrong = flow.log_prob(x, context=context), flow.log_prob(x, context=context[::-1])
    assert np.mean(right > wrong + 5) > 0.95
    drawn = flow.sample(512, seed=0, context=context).numpy()
    assert np.square(drawn - context).mean() < 0.3 < np.square(drawn - context[::-1]).mean()
    z = flow.encode(x[:9], context=context[:9])
    np.testing.assert_allclose(flow.decode(z, context=context[:9]), x[:9], atol=1e-4)


def test_outputs_are_scaled():
    net, plain = (ConvNet(4, 6, output_initializer="glorot_uniform", output_scale=scale) for scale in (0.25, 1.0))
    net(X), plain(X)
    net.set_weights(plain.get_weights())
    np.testing.assert_allclose(net(X), 0.25 * plain(X), rtol=1e-6)
    assert ConvNet.from_config(net.get_config()).output_scale == 0.25
