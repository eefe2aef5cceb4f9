"""One table of bijectors: every generic check runs over all of them. A new bijector is one entry here."""

import dataclasses
import functools
import typing

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, masks, transforms
from tfp_flows.dynamics import Solver
from tfp_flows.networks import MADE, MLP, CausalTransformer, ConvNet, PixelCNN, ResNet, TimeMLP, Transformer, WaveNet

tfb = tfp.bijectors


@dataclasses.dataclass(frozen=True)
class Case:
    """One bijector.

    Attributes:
        make: dtype (str) -> bijector, with fresh weights.
        event_shape: of the data side.
        latent_shape: of the latent side, where it differs.
        constant: whether its Jacobian does not depend on its input.
        any_shape: whether it takes events of any shape.
        data: numpy generator, shape -> events of the data side.
    """

    make: typing.Callable
    event_shape: tuple
    latent_shape: tuple | None = None
    constant: bool = False
    any_shape: bool = False
    data: typing.Callable = lambda random, shape: random.normal(size=shape)


def mlp(mask, transform, dtype, **options):
    return MLP(int((~mask).sum()) * transform.num_params, (8,), activation="tanh", dtype=dtype, **options)


def coupling(mask, transform):
    return lambda dtype: bijectors.Coupling(mask, mlp(mask, transform, dtype), transform, dtype=dtype)


def chain(dtype):
    mask = masks.odd_even(4)
    return bijectors.Chain(
        [
            tfb.Scale(tf.constant(2.0, dtype)),
            bijectors.ActNorm(4, dtype=dtype),
            coupling(mask, transforms.Affine())(dtype),
            bijectors.Permutation.random(4, seed=1),
            tfb.Shift(tf.Variable(tf.zeros(4, dtype))),
            coupling(~mask, transforms.Shift())(dtype),
        ]
    )


def constant_chain(dtype):
    """Every log_det is a scalar, whatever the batch."""
    mask = masks.half(4)
    return bijectors.Chain(
        [
            coupling(mask, transforms.Shift())(dtype),
            bijectors.Permutation.reverse(4),
            bijectors.ActNorm(4, dtype=dtype),
            tfb.Scale(tf.constant(0.5, dtype)),
        ]
    )


def nested_chain(dtype):
    """A chain and an inverted coupling in a chain, and one conditioner that two couplings share."""
    mask = masks.half(4)
    shared = mlp(mask, transforms.Affine(), dtype)
    couplings = [bijectors.AffineCoupling(m, shared, dtype=dtype) for m in masks.alternating(mask, 2)]
    outer = coupling(masks.odd_even(5), transforms.Affine())(dtype)
    inner = tfb.Blockwise([bijectors.Chain(couplings), bijectors.Rescale((1,), dtype=dtype)], block_sizes=[4, 1])
    return bijectors.Chain([tfb.Invert(outer), inner, bijectors.Permutation.reverse(5)])


def reversible_chain(dtype):
    """Gradients by reconstruction, through a chain of its own kind as one of its parts."""
    mask = masks.channels((2, 2, 4))
    inner = bijectors.Chain([image_coupling(mask, transforms.Affine())(dtype)], reversible=True)
    return bijectors.Chain(
        [
            tfb.Scale(tf.constant(2.0, dtype)),
            bijectors.Squeeze(),
            bijectors.ActNorm(4, event_ndims=3, dtype=dtype),
            bijectors.InvertibleConv1x1(4, dtype=dtype),
            inner,
            image_coupling(~mask, transforms.Shift())(dtype),
        ],
        reversible=True,
    )


def autoregressive(transform, **options):
    def make(dtype):
        options.setdefault("hidden_units", 6)
        made = MADE(4, transform.num_params, activation="tanh", dtype=dtype, **options)
        return bijectors.Autoregressive(4, made, transform, dtype=dtype)

    return make


def autoregressive_image(event_shape, transform, **options):
    def make(dtype):
        net = PixelCNN(event_shape, transform.num_params, num_blocks=1, activation="tanh", dtype=dtype, **options)
        return bijectors.Autoregressive(event_shape, net, transform, dtype=dtype)

    return make


def autoregressive_audio(dtype):
    transform = transforms.LogisticMixture(2)
    net = WaveNet(transform.num_params, (1, 2), hidden_channels=3, skip_channels=4, dtype=dtype)
    return bijectors.Autoregressive(6, net, transform, dtype=dtype)


def tokens_coupling(dtype):
    """Half of the patches, taken as halves of all."""
    transform = transforms.SigmoidAffine()
    net = Transformer((4, 1), transform.num_params, 4, num_layers=1, num_heads=2, dtype=dtype)
    return bijectors.Coupling(masks.stripes((2, 2, 2), axis=1), net, transform, dtype=dtype)


def autoregressive_tokens(dtype):
    """In the order from the last token to the first."""
    transform = transforms.Affine()
    net = CausalTransformer((3, 2), transform.num_params, 4, num_layers=1, num_heads=2, reverse=True, dtype=dtype)
    return bijectors.Autoregressive((3, 2), net, transform, dtype=dtype)


def image_chain(dtype):
    """Parts of event ranks 3, 1 and 0, joined by a reshape, ours after TFP's."""
    return bijectors.Chain(
        [
            tfb.Softplus(),
            bijectors.ActNorm(2, event_ndims=3, dtype=dtype),
            coupling(masks.half(2), transforms.Affine())(dtype),
            tfb.Reshape(event_shape_out=[2, 3, 2], event_shape_in=[12]),
            coupling(masks.odd_even(12), transforms.Affine())(dtype),
        ]
    )


def image_coupling(mask, transform):
    """By a convolutional network, which sees an image."""

    def make(dtype):
        net = ConvNet(masks.num_moved_channels(mask) * transform.num_params, 5, activation="tanh", dtype=dtype)
        return bijectors.Coupling(mask, net, transform, dtype=dtype)

    return make


def multiscale(dtype, learned_prior=False):
    """Two levels, the first of TFP's parts only."""
    first = tfb.Chain([bijectors.Squeeze(), tfb.Scale(tf.constant(0.5, dtype))])
    mask = masks.channels((1, 2, 8))
    second = bijectors.Chain([
        bijectors.Squeeze(), bijectors.InvertibleConv1x1(8, dtype=dtype),
        image_coupling(mask, transforms.Affine())(dtype),
    ])  # fmt: skip
    priors = [ConvNet(4, 5, activation="tanh", dtype=dtype)] if learned_prior else None
    return bijectors.MultiScale([first, second], (4, 8, 1), priors=priors)


def given(dtype):
    mask, transform = masks.half(5), transforms.Affine()
    layer = bijectors.Coupling(mask, mlp(mask, transform, dtype, context_shape=(2,)), transform, dtype=dtype)
    return bijectors.Given(layer, tf.constant([0.5, -2.0], dtype))


def batch_norm(num_features, event_ndims):
    """With running statistics that are not the identity."""

    def make(dtype):
        norm = bijectors.BatchNorm(num_features, event_ndims, dtype=dtype)
        norm.running_mean.assign(np.linspace(-1, 2, num_features))
        norm.running_variance.assign(np.linspace(0.3, 3, num_features))
        return norm

    return make


def measured(make):
    """With statistics that are not the identity."""

    def make_measured(dtype):
        bijector = make(dtype)
        bijector.set_statistics(
            np.full(bijector.shape, -1.3),
            np.linspace(-0.5, 1.2, bijector.log_unit.shape.num_elements()).reshape(bijector.shape),
        )
        return bijector

    return make_measured


def quantile_map(dtype):
    """Of a column of heavy tails, a skewed one, and one of few values, which stays."""
    random = np.random.default_rng(0)
    columns = random.standard_t(2, 600), np.exp(random.normal(size=600)), random.choice([0.0, 1.0], 600)
    bijector = bijectors.QuantileMap(3, num_knots=9, dtype=dtype)
    bijector.measure(np.stack(columns, axis=1))
    return bijector


def resnet_coupling(dtype):
    mask = masks.checkerboard((2, 4, 2))
    return bijectors.AffineCoupling(mask, ResNet(4, 3, num_blocks=1, dtype=dtype), dtype=dtype)


def continuous(dtype):
    """By the exact trace, of a network that knows its own derivative, in steps of one length; those by tolerance, which
    take long to trace, are in tests/bijectors/test_continuous.py and tests/dynamics."""
    net = TimeMLP(3, (6,), activation="tanh", dtype=dtype)
    return bijectors.Continuous(net, (3,), Solver("dormand_prince", num_steps=64), dtype=dtype)


ARBITRARY = np.array([True, False, False, True, True, False, True])
EVERY_OTHER_CHANNEL = np.broadcast_to([True, False, True, False], (2, 2, 4))
IMAGE = np.arange(16).reshape(4, 4, 1) // 2 % 2 == 0

CASES = {
    "additive_half": Case(coupling(masks.half(4), transforms.Shift()), (4,), constant=True),
    "affine_half": Case(coupling(masks.half(5), transforms.Affine()), (5,)),
    "given": Case(given, (5,)),
    "affine_second_half": Case(coupling(~masks.half(5), transforms.Affine(1.0)), (5,)),
    "affine_odd_even": Case(coupling(masks.odd_even(6), transforms.Affine()), (6,)),
    "affine_even_odd_uneven": Case(coupling(~masks.odd_even(5), transforms.Affine()), (5,)),
    "affine_odd_even_uneven": Case(coupling(masks.odd_even(5), transforms.Affine()), (5,)),
    "affine_arbitrary": Case(coupling(ARBITRARY, transforms.Affine()), (7,)),
    "affine_image": Case(coupling(IMAGE, transforms.Affine()), (4, 4, 1)),
    "conv_channels": Case(image_coupling(masks.channels((3, 2, 4)), transforms.Affine()), (3, 2, 4)),
    "conv_other_channels": Case(image_coupling(~masks.channels((3, 2, 5)), transforms.Affine()), (3, 2, 5)),
    "conv_odd_channels": Case(image_coupling(EVERY_OTHER_CHANNEL, transforms.Shift()), (2, 2, 4), constant=True),
    "conv_checkerboard": Case(image_coupling(masks.checkerboard((3, 4, 2)), transforms.Affine()), (3, 4, 2)),
    "conv_other_checkerboard": Case(image_coupling(~masks.checkerboard((2, 4, 1)), transforms.Affine()), (2, 4, 1)),
    "conv_odd_checkerboard": Case(image_coupling(masks.checkerboard((2, 3, 2)), transforms.Affine()), (2, 3, 2)),
    "conv_arbitrary": Case(image_coupling(IMAGE, transforms.Affine()), (4, 4, 1)),
    "squeeze": Case(
        lambda dtype: bijectors.Squeeze(), (4, 2, 3), latent_shape=(2, 1, 12), constant=True, any_shape=True
    ),
    "squeeze_by_three": Case(
        lambda dtype: bijectors.Squeeze(3), (3, 6, 2), latent_shape=(1, 2, 18), constant=True, any_shape=True
    ),
    "squeeze_checkerboard": Case(
        lambda dtype: bijectors.Squeeze(order="checkerboard"), (4, 2, 3), latent_shape=(2, 1, 12), constant=True,
        any_shape=True,
    ),
    "checkerboard_split": Case(
        lambda dtype: bijectors.CheckerboardSplit(), (3, 4, 2), latent_shape=(3, 2, 4), constant=True, any_shape=True
    ),
    "haar": Case(
        lambda dtype: bijectors.Haar(), (4, 2, 3), latent_shape=(2, 1, 12), constant=True, any_shape=True
    ),
    "householder": Case(lambda dtype: bijectors.Householder(4, 3, dtype=dtype), (4,), constant=True),
    "data_rotation": Case(lambda dtype: bijectors.DataRotation(3, "ica", 3, dtype=dtype), (2, 2, 3), constant=True),
    "marginal_gaussianization": Case(lambda dtype: bijectors.MarginalGaussianization((2, 2), 3, dtype=dtype), (2, 2)),
    "conv1x1_plu": Case(lambda dtype: bijectors.InvertibleConv1x1(4, dtype=dtype), (3, 2, 4), constant=True),
    "conv1x1_plain": Case(
        lambda dtype: bijectors.InvertibleConv1x1(4, "plain", event_ndims=1, dtype=dtype), (4,), constant=True
    ),
    "multiscale": Case(multiscale, (4, 8, 1), latent_shape=(32,)),
    "multiscale_learned_prior": Case(lambda dtype: multiscale(dtype, True), (4, 8, 1), latent_shape=(32,)),
    "mixture_half": Case(coupling(masks.half(5), transforms.LogisticMixture()), (5,)),
    "mixture_channels": Case(image_coupling(masks.channels((3, 2, 4)), transforms.LogisticMixture(3)), (3, 2, 4)),
    "spline_odd_even": Case(coupling(masks.odd_even(5), transforms.RationalQuadraticSpline()), (5,)),
    "elementwise_mixture": Case(
        lambda dtype: bijectors.Elementwise(transforms.LogisticMixture(), (2, 3), dtype=dtype), (2, 3)
    ),
    "autoregressive": Case(autoregressive(transforms.Affine(), order="random", seed=2), (4,)),
    "autoregressive_residual": Case(
        autoregressive(transforms.RationalQuadraticSpline(3), hidden_units=(6, 6, 6), residual=True), (4,)
    ),
    "autoregressive_image": Case(
        autoregressive_image((2, 3, 2), transforms.Affine(), hidden_channels=4, kernel_size=3), (2, 3, 2)
    ),
    "autoregressive_image_reverse": Case(
        autoregressive_image((3, 2, 1), transforms.Affine(), hidden_channels=3, kernel_size=5, reverse=True), (3, 2, 1)
    ),
    "tokens_coupling": Case(tokens_coupling, (2, 2, 2)),
    "autoregressive_tokens": Case(autoregressive_tokens, (3, 2)),
    "autoregressive_audio": Case(autoregressive_audio, (6,)),
    "emerging_conv": Case(lambda dtype: bijectors.EmergingConv((3, 4, 2), dtype=dtype), (3, 4, 2), constant=True),
    "emerging_conv_wide": Case(
        lambda dtype: bijectors.EmergingConv((4, 3, 1), 5, dtype=dtype), (4, 3, 1), constant=True
    ),
    "conv_resnet": Case(resnet_coupling, (2, 4, 2)),
    "batch_norm": Case(batch_norm(3, 1), (3,), constant=True),
    "batch_norm_image": Case(batch_norm(2, 3), (3, 2, 2), constant=True),
    "actnorm": Case(lambda dtype: bijectors.ActNorm(3, dtype=dtype), (3,), constant=True),
    "actnorm_image": Case(lambda dtype: bijectors.ActNorm(2, event_ndims=3, dtype=dtype), (3, 2, 2), constant=True),
    "standardize": Case(measured(lambda dtype: bijectors.Standardize((3,), dtype=dtype)), (3,), constant=True),
    "standardize_image": Case(
        measured(lambda dtype: bijectors.Standardize((2,), event_ndims=3, dtype=dtype)), (3, 2, 2), constant=True
    ),
    "standardize_audio": Case(
        measured(lambda dtype: bijectors.Standardize((), dtype=dtype)), (6,), constant=True, any_shape=True
    ),
    "quantile_map": Case(quantile_map, (3,)),
    "reverse": Case(lambda dtype: bijectors.Permutation.reverse(4), (4,), constant=True),
    "random_permutation": Case(lambda dtype: bijectors.Permutation.random(6, seed=3), (6,), constant=True),
    "rescale": Case(lambda dtype: bijectors.Rescale((3,), dtype=dtype), (3,), constant=True),
    "logit": Case(
        lambda dtype: bijectors.Logit(-1.0, 3.0, alpha=0.05, event_ndims=1, dtype=dtype), (3,), any_shape=True,
        data=lambda r, s: r.uniform(-1, 3, s),
    ),
    "equalize": Case(
        lambda dtype: bijectors.Equalize(8, (0, 3, 8), event_ndims=1, dtype=dtype), (6,), any_shape=True,
        data=lambda r, s: r.uniform(-1, 9, s),
    ),
    "piecewise_probit": Case(
        lambda dtype: bijectors.PiecewiseProbit((-1.0, 0.0, 3.0), event_ndims=1, dtype=dtype), (6,), any_shape=True,
        data=lambda r, s: r.uniform(-1, 3, s),
    ),
    "sigmoid": Case(
        lambda dtype: bijectors.Sigmoid(event_ndims=1, dtype=dtype), (3,), any_shape=True,
        data=lambda r, s: r.uniform(0.02, 0.98, s),
    ),
    "sigmoid_between": Case(
        lambda dtype: bijectors.Sigmoid(-2.0, np.array([3.0, 5.0, 9.0]), event_ndims=1, dtype=dtype), (3,),
        any_shape=True, data=lambda r, s: r.uniform(-1.9, 2.9, s),
    ),
    "elementwise_affine": Case(
        lambda dtype: bijectors.Elementwise(transforms.Affine(), (2, 3), dtype=dtype), (2, 3), constant=True
    ),
    "elementwise_shift": Case(
        lambda dtype: bijectors.Elementwise(transforms.Shift(), (4,), dtype=dtype), (4,), constant=True
    ),
    "continuous": Case(continuous, (3,)),
    "planar": Case(lambda dtype: bijectors.Planar(3, dtype=dtype), (3,)),
    "radial": Case(lambda dtype: bijectors.Radial(3, dtype=dtype), (3,)),
    "sylvester": Case(lambda dtype: bijectors.Sylvester(4, 3, num_reflections=2, dtype=dtype), (4,)),
    "chain": Case(chain, (4,)),
    "constant_chain": Case(constant_chain, (4,), constant=True),
    "nested_chain": Case(nested_chain, (5,)),
    "reversible_chain": Case(reversible_chain, (4, 4, 1), latent_shape=(2, 2, 4)),
    "image_chain": Case(image_chain, (2, 3, 2), latent_shape=(12,), data=lambda r, s: r.uniform(0.5, 3, s)),
}  # fmt: skip


def build(name, dtype="float64"):
    """The bijector of a case, every weight moved off its initial value so that nothing is the identity."""
    keras.utils.set_random_seed(0)
    bijector = CASES[name].make(dtype)
    random = np.random.default_rng(7)
    for variable in bijector.trainable_variables:
        variable.assign_add(random.normal(scale=0.3, size=variable.shape).astype(variable.dtype.as_numpy_dtype))
    return bijector


def events(name, n=3, dtype="float64", seed=0):
    """n events of the data side."""
    case = CASES[name]
    return tf.constant(case.data(np.random.default_rng(seed), (n, *case.event_shape)), dtype)


def latents(name, n=3, dtype="float64", seed=0):
    """n events of the latent side: images of data, so that they are in the bijector's range."""
    return tf.constant(_latents(name, n, dtype, seed))


@functools.cache
def _latents(name, n, dtype, seed):
    return build(name, dtype).inverse(events(name, n, dtype, seed + 100)).numpy()
