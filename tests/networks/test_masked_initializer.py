"""Initial values under a mask: each connection's variance is what its family says of the connections that are there."""

import keras
import numpy as np
import pytest

from tfp_flows.networks import MADE, PixelCNN
from tfp_flows.networks.masked_initializer import masked_initializer

RANDOM = np.random.default_rng(0)
MASKS = {
    "triangle": np.triu(np.ones([30, 4000])) > 0,
    "sparse": RANDOM.random([50, 3000]) < 0.1,
    "all": np.ones([20, 3000], bool),
    "convolution": RANDOM.random([3, 5, 6, 1000]) < 0.4,
    "nothing_seen": np.arange(12)[:, np.newaxis] < np.arange(4000) % 13,
}
# Name: the scale, and the number of connections that each one's variance is divided by.
FAMILIES = {
    "he_normal": (2.0, lambda fan_in, fan_out: fan_in),
    "lecun_uniform": (1.0, lambda fan_in, fan_out: fan_in),
    "glorot_normal": (1.0, lambda fan_in, fan_out: (fan_in + fan_out) / 2),
    "glorot_uniform": (1.0, lambda fan_in, fan_out: (fan_in + fan_out) / 2),
}


def fans(mask):
    taps = tuple(range(mask.ndim - 2))
    return mask.sum((*taps, -2)), mask.sum((*taps, -1))[:, np.newaxis]


def assert_variances(kernel, mask, scale, count):
    """By groups of connections that are divided by about the same number: the variance of w sqrt(count) is the scale's,
    within five standard errors (of a normal; a uniform's is less)."""
    count = np.broadcast_to(count, mask.shape)[mask]
    values = np.asarray(kernel, "float64")[mask]
    for group in np.array_split(np.argsort(count, kind="stable"), 8):
        found = values[group] ** 2 * count[group]
        assert abs(found.mean() / scale - 1) < 5 * np.sqrt(2 / len(group)), (found.mean(), scale)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("mask", MASKS)
def test_the_variance_counts_what_is_there(mask, name):
    scale, count = FAMILIES[name]
    mask = MASKS[mask]
    keras.utils.set_random_seed(1)
    kernel = masked_initializer(name, mask)(mask.shape, dtype="float32")
    assert kernel.dtype.name == "float32" and np.isfinite(kernel).all()
    assert_variances(kernel, mask, scale, count(*fans(mask)))


def test_fan_out_and_inputs_of_another_kernel_are_counted():
    mask, more = MASKS["sparse"], RANDOM.integers(0, 40, 3000)
    fan_in, fan_out = fans(mask)
    keras.utils.set_random_seed(1)
    kernel = masked_initializer(keras.initializers.VarianceScaling(0.7, "fan_out"), mask)(mask.shape)
    assert_variances(kernel, mask, 0.7, fan_out)
    kernel = masked_initializer("lecun_normal", mask, more)(mask.shape)
    assert_variances(kernel, mask, 1.0, np.maximum(fan_in + more, 1))


@pytest.mark.parametrize("name", ["zeros", "random_normal", "orthogonal"])
def test_what_does_not_scale_with_the_fans_is_left_alone(name):
    mask = MASKS["sparse"]
    assert type(masked_initializer(name, mask)) is type(keras.initializers.get(name))


@pytest.mark.parametrize("n, hidden_units, context", [(43, (200, 90), 0), (7, (500,), 0), (30, (300, 300), 24)])
def test_the_kernels_of_a_made_begin_uniform_by_all_inputs(n, hidden_units, context):
    """Within 1 / sqrt(inputs), those that a mask forbids and the context's counted too, and no two alike."""
    keras.utils.set_random_seed(4)
    net = MADE(n, 2, hidden_units, context_shape=(context,) if context else None)
    net.build()
    *kernels, output = [np.asarray(kernel) for kernel, _ in net.kernels_and_masks()]
    kernels[0] = np.concatenate([kernels[0], *([net.context_kernel()] if context else [])])
    assert not output.any()
    for kernel in kernels:
        bound = len(kernel) ** -0.5
        assert 0.99 * bound < np.abs(kernel).max() <= bound
        # The variance of a uniform's square is 4/45 of the bound's fourth power.
        assert abs((kernel**2).mean() / bound**2 - 1 / 3) < 5 * np.sqrt(4 / 45 / kernel.size)
    assert len(np.unique(np.concatenate([kernel.ravel() for kernel in kernels]))) > 0.99 * sum(k.size for k in kernels)


def test_a_made_takes_another_initializer_and_keeps_it():
    made = MADE(60, 1, (900, 400, 400, 400), initializer="he_normal")
    for net in (made, MADE.from_config(made.get_config())):
        net.build()
        for kernel, _ in net.kernels_and_masks()[:-1]:
            assert np.var(kernel) == pytest.approx(2 / len(kernel), rel=0.05)
        assert not np.array_equal(*[kernel for kernel, _ in net.kernels_and_masks()[2:4]])


@pytest.mark.parametrize("channels, hidden_channels, context_shape", [(1, 900, None), (9, 900, (5,)), (9, 300, None)])
def test_the_convolutions_of_a_pixelcnn_begin_as_he_et_al_say(channels, hidden_channels, context_shape):
    keras.utils.set_random_seed(3)
    net = PixelCNN((4, 4, channels), 1, hidden_channels, 1, 3, context_shape=context_shape)
    net.build()
    kernels = [kernel for kernel, _ in net.layers(None)[0]]
    assert len(kernels) == 4
    for k, kernel in enumerate(kernels[:-1]):
        kernel = kernel.numpy()
        mask = kernel != 0
        more = 5 if context_shape and k == 0 else 0
        assert_variances(kernel, mask, 2.0, fans(mask)[0] + more)
