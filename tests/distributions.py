"""One table of distributions that `Flow` is tried on: ours, TFP's own, and both in one chain."""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, masks
from tfp_flows.networks import MLP

tfb, tfd = tfp.bijectors, tfp.distributions


def normal(dims=2):
    return tfd.Independent(tfd.Normal(tf.zeros([dims]), 1.0), 1)


def pushed(*chain, dims=2):
    return tfd.TransformedDistribution(normal(dims), tfb.Chain(list(chain)))


def coupling(dims=2, flip=False, **options):
    mask = ~masks.half(dims) if flip else masks.half(dims)
    return bijectors.AffineCoupling(mask, MLP(2 * int((~mask).sum()), (16,), **options))


def made(dims=2):
    return tfb.AutoregressiveNetwork(params=2, event_shape=[dims], hidden_units=[16, 16], activation="relu")


def ours():
    layers = [bijectors.ActNorm(2), coupling(), bijectors.ActNorm(2), coupling(flip=True)]
    return tfd.TransformedDistribution(normal(), bijectors.Chain(layers))


def owners_picture():
    """Our coupling, our ActNorm and TFP's MAF and RealNVP in one tfb.Chain."""
    net = keras.Sequential([keras.layers.Dense(16, "relu"), keras.layers.Dense(2)])
    net.build((None, 1))

    def shift_and_log_scale(x, output_units):
        shift, raw = tf.split(net(x), 2, axis=-1)
        return shift, tf.tanh(raw)

    return pushed(
        coupling(),
        bijectors.ActNorm(2),
        tfb.MaskedAutoregressiveFlow(made()),
        tfb.RealNVP(num_masked=1, shift_and_log_scale_fn=shift_and_log_scale),
    )


def met_twice():
    net = MLP(2, (16,))
    mask = masks.half(2)
    return pushed(
        bijectors.AffineCoupling(mask, net), bijectors.AffineCoupling(~mask, net), tfb.Scale(tf.Variable(1.5))
    )


def frozen():
    layer = coupling()
    layer.conditioner.trainable = False
    return pushed(layer, bijectors.ActNorm(2))


class Late(bijectors.Bijector):
    """A bijector whose Keras layer is built by its first call only."""

    def __init__(self):
        super().__init__(event_ndims=1)
        self.net = keras.layers.Dense(1)

    def _move(self, x, sign):
        first, second = tf.split(x, 2, axis=-1)
        return tf.concat([first, second + sign * self.net(first)], -1), tf.zeros([])

    def _forward_and_log_det(self, x):
        return self._move(x, 1.0)

    def _inverse_and_log_det(self, y):
        return self._move(y, -1.0)


def mixture():
    logits = tf.Variable([0.1, -0.2], name="logits")
    loc = tf.Variable([[0.0, 1.0], [2.0, 0.5]], name="loc")
    return tfd.MixtureSameFamily(tfd.Categorical(logits=logits), tfd.MultivariateNormalDiag(loc, [0.5, 0.5]))


# name -> (constructor, number of trainable variables)
DISTRIBUTIONS = {
    "ours": (ours, 12),
    "maf": (lambda: pushed(tfb.MaskedAutoregressiveFlow(made())), 6),
    "realnvp_template": (
        lambda: pushed(tfb.RealNVP(num_masked=1, shift_and_log_scale_fn=tfb.real_nvp_default_template([8]))), 4,
    ),
    "scale": (lambda: pushed(tfb.Scale(tf.Variable([1.0, 2.0])), tfb.Shift(tf.Variable([0.0, 1.0]))), 2),
    "transformed_variable": (
        lambda: pushed(tfb.Scale(tfp.util.TransformedVariable([1.0, 2.0], tfb.Softplus()))), 1,
    ),
    "owners_picture": (owners_picture, 4 + 2 + 6 + 4),
    "met_twice": (met_twice, 5),
    "frozen": (frozen, 2),
    "unbuilt": (lambda: pushed(Late(), tfb.Scale(tf.Variable([1.0, 2.0]))), 3),
    "mixture": (mixture, 2),
    "gaussian": (
        lambda: tfd.MultivariateNormalTriL(
            tf.Variable([0.0, 0.0]), tfp.util.TransformedVariable(np.eye(2, dtype="float32"), tfb.FillScaleTriL())
        ),
        2,
    ),
}  # fmt: skip


def data(n=512, seed=0):
    """A sheared, shifted cloud, float32 (n, 2)."""
    z = np.random.default_rng(seed).normal(size=(n, 2))
    return (z @ [[1.0, 0.8], [0.0, 0.5]] + [0.5, -1.0]).astype("float32")
