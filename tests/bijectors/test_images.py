"""What is special of image flows: orders of pixels and channels, networks that see what passes, latents by scale."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tfp_flows import bijectors, masks
from tfp_flows.bijectors.image_partition import ImagePartition
from tfp_flows.networks import ConvNet

tfb = tfp.bijectors
MASKS = {
    "channels": (masks.channels((3, 2, 5)), "channels"),
    "other_channels": (~masks.channels((3, 2, 5)), "channels"),
    "mixed_channels": (np.broadcast_to([True, False, False, True], (2, 2, 4)), "channels"),
    "checkerboard": (masks.checkerboard((3, 4, 2)), "checkerboard"),
    "other_checkerboard": (~masks.checkerboard((3, 4, 2)), "checkerboard"),
    "odd_width": (masks.checkerboard((3, 3, 2)), "any"),
}


def image(shape, n=2):
    return tf.reshape(tf.range(1.0, n * float(np.prod(shape)) + 1), [n, *shape])


@pytest.mark.parametrize("name", MASKS)
def test_the_network_sees_what_passes_and_nothing_else(name):
    mask, kind = MASKS[name]
    partition = ImagePartition(mask)
    assert partition.kind == kind
    event = image(mask.shape)
    other = tf.where(mask, event, -event)
    np.testing.assert_array_equal(partition.split(event)[0], partition.split(other)[0])
    passed = partition.split(event)[0].numpy()
    assert sorted(passed[passed != 0]) == sorted(event.numpy()[:, mask].ravel())


@pytest.mark.parametrize("name", MASKS)
def test_what_moves_is_moved_once_and_put_back_in_its_place(name):
    mask, _ = MASKS[name]
    partition = ImagePartition(mask)
    event = image(mask.shape)
    passed, moved = partition.split(event)
    joined = partition.join(passed, -moved, event).numpy()
    np.testing.assert_array_equal(joined, np.where(mask, event, -event))
    num_moved = partition.moved_only(tf.ones_like(moved)).numpy().sum()
    assert num_moved == 2 * (~mask).sum()


@pytest.mark.parametrize("name", MASKS)
def test_each_moved_element_gets_the_parameters_of_its_own_place(name):
    """A network that returns its place's number everywhere shifts exactly the moved elements by it."""
    mask, _ = MASKS[name]
    partition = ImagePartition(mask)
    places = image(mask.shape, 1)
    output = partition.split(places)[1] if partition.kind == "channels" else places
    raw = partition.parameters(tf.identity(output), 1)
    event = tf.zeros_like(places)
    passed, moved = partition.split(event)
    joined = partition.join(passed, moved + raw[..., 0], event).numpy()
    np.testing.assert_array_equal(joined, np.where(mask, 0.0, places))


def test_squeeze_is_space_to_depth_and_the_checkerboard_order_keeps_a_checkerboard_first():
    event = image((4, 6, 3))
    np.testing.assert_array_equal(bijectors.Squeeze().inverse(event), tf.nn.space_to_depth(event, 2))
    squeezed = bijectors.Squeeze(order="checkerboard").inverse(event).numpy()
    board = masks.checkerboard((4, 6, 3))
    assert sorted(squeezed[..., :6].ravel()) == sorted(event.numpy()[:, board].ravel())
    assert sorted(squeezed[..., 6:].ravel()) == sorted(event.numpy()[:, ~board].ravel())


def test_latents_come_in_the_documented_order():
    """Nothing but squeezes: every latent is a pixel, and which one is known."""
    scales = bijectors.MultiScale([bijectors.Squeeze()] * 2, (4, 4, 1))
    event = image((4, 4, 1), 1)
    level = tf.nn.space_to_depth(event, 2)
    expected = tf.concat(
        [tf.reshape(level[..., 2:], [-1]), tf.reshape(tf.nn.space_to_depth(level[..., :2], 2), [-1])], 0
    )
    np.testing.assert_array_equal(scales.inverse(event)[0], expected)


def test_a_learned_prior_is_a_gaussian_given_what_stays():
    net = keras.Sequential([keras.Input((2, 2, 2)), keras.layers.Conv2D(4, 3, padding="same")])
    plain = bijectors.MultiScale([bijectors.Squeeze(), bijectors.Squeeze()], (4, 4, 1))
    learned = bijectors.MultiScale([bijectors.Squeeze(), bijectors.Squeeze()], (4, 4, 1), priors=[net])
    event = tf.random.stateless_normal([3, 4, 4, 1], [0, 1])
    z, standard = plain.inverse(tf.identity(event)).numpy(), learned.inverse(tf.identity(event)).numpy()
    kept = tf.nn.space_to_depth(event, 2)[..., :2]
    raw = net(kept).numpy().reshape(3, 2, 2, 2, 2)
    log_std, mean = 5 * np.tanh(raw[..., 0] / 5), raw[..., 1]
    # Coupling's inverse is x_b exp(-s) - t exp(-s): standardised by the mean t and the standard deviation exp(s).
    expected = (z[:, :8].reshape(3, 2, 2, 2) - mean) * np.exp(-log_std)
    np.testing.assert_allclose(standard[:, :8].reshape(3, 2, 2, 2), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(standard[:, 8:], z[:, 8:])
    log_det = learned.inverse_log_det_jacobian(tf.identity(event), event_ndims=3)
    np.testing.assert_allclose(log_det, -log_std.sum((1, 2, 3)), rtol=1e-5, atol=1e-5)


def test_the_two_parametrizations_begin_as_the_same_rotation():
    y = tf.random.stateless_normal([2, 3, 3, 5], [0, 1])
    plain, plu = (bijectors.InvertibleConv1x1(5, kind, seed=3) for kind in ("plain", "plu"))
    np.testing.assert_allclose(plain.inverse(tf.identity(y)), plu.inverse(tf.identity(y)), atol=1e-5)
    np.testing.assert_allclose(tf.norm(plu.inverse(tf.identity(y)), axis=-1), tf.norm(y, axis=-1), rtol=1e-5)
    assert abs(float(plu.inverse_log_det_jacobian(tf.identity(y), event_ndims=3))) < 1e-5


@pytest.mark.parametrize("kind", ["plain", "plu"])
def test_it_can_begin_as_a_permutation(kind):
    y = tf.random.stateless_normal([2, 3, 3, 4], [0, 1])
    layer = bijectors.InvertibleConv1x1(4, kind, permutation=[2, 0, 3, 1])
    np.testing.assert_array_equal(layer.inverse(tf.identity(y)), tf.gather(y, [2, 0, 3, 1], axis=-1))
    assert float(layer.inverse_log_det_jacobian(tf.identity(y), event_ndims=3)) == 0
    assert len(layer.trainable_variables) == (1 if kind == "plain" else 3)


def test_a_permuting_glow_couples_both_halves_in_turn():
    flow = tfp_flows.Glow((4, 4, 1), num_levels=1, num_steps=4, hidden_channels=4, mixing="permutation")
    convolutions = [b for b in flow.distribution.bijector.submodules if isinstance(b, bijectors.InvertibleConv1x1)]
    x, orders = tf.reshape(tf.range(4.0), [1, 1, 1, 4]), []
    for convolution in sorted(convolutions, key=lambda b: b.seed):
        orders.append(convolution.inverse(tf.identity(x)).numpy().astype(int).ravel().tolist())
    assert len(orders) == 4 and orders[1] == orders[3] == [2, 3, 0, 1] and orders[0] != orders[2]
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)


def test_a_singular_weight_is_refused_and_plu_cannot_become_one():
    plain = bijectors.InvertibleConv1x1(2, "plain")
    plain.weight.assign([[1.0, 2.0], [2.0, 4.0]])
    with pytest.raises(ValueError, match="Expected an invertible weight matrix in .*; got a singular one"):
        plain.forward(tf.ones([1, 2, 2, 2]))
    plu = bijectors.InvertibleConv1x1(2)
    for weight in plu.trainable_variables:
        weight.assign(tf.zeros_like(weight))
    y = tf.random.stateless_normal([1, 2, 2, 2], [0, 1])
    np.testing.assert_allclose(plu.forward(tf.identity(plu.inverse(tf.identity(y)))), y, atol=1e-6)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: bijectors.Squeeze(1), "Expected factor to be an integer of at least 2; got 1"),
        (lambda: bijectors.Squeeze(order="columns"), "Expected order to be one of .*; got 'columns'"),
        (lambda: bijectors.Squeeze().inverse(tf.ones([1, 3, 4, 1])), r"multiples of 2 to squeeze; got \(3, 4, 1\)"),
        (lambda: bijectors.Squeeze().forward(tf.ones([1, 2, 2, 6])), "Expected a multiple of 4 channels .*; got 6"),
        (lambda: bijectors.InvertibleConv1x1(0), "Expected num_channels to be a positive integer; got 0"),
        (lambda: bijectors.InvertibleConv1x1(2, "qr"), "Expected parametrization to be one of .*; got 'qr'"),
        (lambda: bijectors.InvertibleConv1x1(2, permutation=[0, 2]), r"a permutation of range\(2\); got \[0, 2\]"),
        (lambda: tfp_flows.Glow((4, 4, 1), mixing="none"), "Expected mixing to be one of .*; got 'none'"),
        (lambda: bijectors.MultiScale([], (4, 4, 1)), "Expected a non-empty sequence"),
        (lambda: bijectors.MultiScale([bijectors.Squeeze()], (4, 4, 1), priors=[None]), "a prior for each level but"),
        (lambda: bijectors.MultiScale([tfb.Scale(2.0)] * 2, (4, 4, 1)), "at least 2 channels to factor out half"),
        (
            lambda: bijectors.AffineCoupling(masks.half(4), ConvNet(4, 4)),
            r"Expected a mask \(height, width, channels\)",
        ),
        (
            lambda: bijectors.AffineCoupling(masks.channels((2, 2, 4)), ConvNet(3, 4)),
            "return 4 numbers a pixel .* got 3",
        ),
        (lambda: masks.channels((4, 4, 1)), "at least 2 channels to split"),
        (lambda: masks.checkerboard((4, 4)), r"Expected event_shape \(height, width, channels\)"),
        (
            lambda: ConvNet(4, kernel_sizes=(3,)),
            r"Expected kernel_sizes to be at least two odd positive integers; got \(3,\)",
        ),
        (lambda: ConvNet(4, kernel_sizes=(3, 2)), "Expected kernel_sizes to be at least two odd"),
        (lambda: ConvNet(4, output_scale=0), "Expected output_scale to be a positive finite number; got 0"),
        (lambda: ConvNet(4)(tf.ones([1, 4, 4, 2]), context=tf.ones([1, 3])), "Expected no context; got one"),
        (lambda: tfp_flows.Glow((6, 6, 1), num_levels=2, num_steps=1), "multiples of 2 to squeeze"),
        (lambda: tfp_flows.Glow((4, 4, 1), coupling="cubic"), "Expected coupling to be one of .*; got 'cubic'"),
        (lambda: tfp_flows.Glow((4, 4, 1), num_levels=0), "Expected num_levels to be a positive integer; got 0"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_haar_is_averages_and_differences():
    """Of two channels apart, averages of both first; orthogonal, and its own known values."""
    image = np.random.default_rng(0).normal(size=(1, 4, 2, 2)).astype("float32")
    x = bijectors.Haar().inverse(tf.constant(image)).numpy()
    assert x.shape == (1, 2, 1, 8)
    a, b, c, d = image[0, 0, 0], image[0, 0, 1], image[0, 1, 0], image[0, 1, 1]
    wanted = np.concatenate([a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d]) / 2
    np.testing.assert_allclose(x[0, 0, 0], wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose((x**2).sum(), (image**2).sum(), rtol=1e-5)
