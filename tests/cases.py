"""One table of bijectors: every generic check runs over all of them. A new bijector is one entry here."""

import dataclasses
import typing

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, masks, transforms
from tfp_flows.networks import MLP

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


ARBITRARY = np.array([True, False, False, True, True, False, True])
IMAGE = np.arange(16).reshape(4, 4, 1) // 2 % 2 == 0

CASES = {
    "additive_half": Case(coupling(masks.half(4), transforms.Shift()), (4,), constant=True),
    "affine_half": Case(coupling(masks.half(5), transforms.Affine()), (5,)),
    "affine_second_half": Case(coupling(~masks.half(5), transforms.Affine(1.0)), (5,)),
    "affine_odd_even": Case(coupling(masks.odd_even(6), transforms.Affine()), (6,)),
    "affine_even_odd_uneven": Case(coupling(~masks.odd_even(5), transforms.Affine()), (5,)),
    "affine_odd_even_uneven": Case(coupling(masks.odd_even(5), transforms.Affine()), (5,)),
    "affine_arbitrary": Case(coupling(ARBITRARY, transforms.Affine()), (7,)),
    "affine_image": Case(coupling(IMAGE, transforms.Affine()), (4, 4, 1)),
    "actnorm": Case(lambda dtype: bijectors.ActNorm(3, dtype=dtype), (3,), constant=True),
    "actnorm_image": Case(lambda dtype: bijectors.ActNorm(2, event_ndims=3, dtype=dtype), (3, 2, 2), constant=True),
    "reverse": Case(lambda dtype: bijectors.Permutation.reverse(4), (4,), constant=True),
    "random_permutation": Case(lambda dtype: bijectors.Permutation.random(6, seed=3), (6,), constant=True),
    "rescale": Case(lambda dtype: bijectors.Rescale((3,), dtype=dtype), (3,), constant=True),
    "logit": Case(
        lambda dtype: bijectors.Logit(-1.0, 3.0, alpha=0.05, dtype=dtype), (3,), any_shape=True,
        data=lambda r, s: r.uniform(-1, 3, s),
    ),
    "elementwise_affine": Case(
        lambda dtype: bijectors.Elementwise(transforms.Affine(), (2, 3), dtype=dtype), (2, 3), constant=True
    ),
    "elementwise_shift": Case(
        lambda dtype: bijectors.Elementwise(transforms.Shift(), (4,), dtype=dtype), (4,), constant=True
    ),
    "chain": Case(chain, (4,)),
    "constant_chain": Case(constant_chain, (4,), constant=True),
    "nested_chain": Case(nested_chain, (5,)),
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
    return tf.constant(build(name, dtype).inverse(events(name, n, dtype, seed + 100)).numpy())
