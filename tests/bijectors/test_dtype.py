"""With nothing said bijectors and networks are of Keras' floatx, so that a chain of them is of one dtype."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tfp_flows import bijectors, masks, transforms
from tfp_flows.networks import MADE, MLP, ConvNet

tfb, tfd = tfp.bijectors, tfp.distributions


@pytest.fixture
def float64():
    # Keras keeps the policy of the first layer that was made, whatever floatx is later.
    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)


def test_a_chain_without_a_dtype_is_float64_where_keras_is(float64):
    mask = masks.half(4)
    chain = bijectors.Chain([
        bijectors.Standardize((4,)),
        bijectors.ActNorm(4),
        bijectors.AffineCoupling(mask, MLP(4, (8,))),
        bijectors.Permutation.reverse(4),
        bijectors.Autoregressive((4,), MADE(4, 2, (8,)), transforms.Affine()),
        bijectors.BatchNorm(4),
        bijectors.Elementwise(transforms.Affine(), (4,)),
        bijectors.Rescale((4,)),
    ])  # fmt: skip
    assert chain.dtype == tf.float64
    base = tfd.Independent(tfd.Normal(tf.zeros(4, tf.float64), tf.ones([], tf.float64)), 1)
    flow = tfp_flows.Flow(tfd.TransformedDistribution(base, chain))
    assert {w.dtype for w in flow.weights if w.dtype.startswith("float")} == {"float64"}
    flow.compile("adam")
    x = np.random.default_rng(0).normal(1e9, 1.0, (64, 4))
    flow.fit(x, epochs=1, verbose=0)
    np.testing.assert_allclose(flow.decode(flow.encode(x)) - 1e9, x - 1e9, atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda **dtype: bijectors.InvertibleConv1x1(2, **dtype),
        lambda **dtype: bijectors.EmergingConv((2, 2, 1), **dtype),
        lambda **dtype: bijectors.Equalize(8, **dtype),
        lambda **dtype: bijectors.PiecewiseProbit((0, 4), **dtype),
        lambda **dtype: bijectors.Logit(0.0, 1.0, **dtype),
        lambda **dtype: bijectors.Sigmoid(**dtype),
        lambda **dtype: bijectors.QuantileMap(2, **dtype),
        lambda **dtype: bijectors.Coupling(masks.channels((2, 2, 2)), ConvNet(1, 2), transforms.Shift(), **dtype),
    ],
)
def test_what_is_said_counts_more(make, float64):
    assert make().dtype == tf.float64 and make(dtype="float32").dtype == make(dtype=tf.float32).dtype == tf.float32
    keras.config.set_floatx("float32")
    assert make().dtype == tf.float32 and make(dtype="float64").dtype == tf.float64
