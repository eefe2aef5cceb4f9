"""PixelCNN, the wavefront and emerging convolutions: nothing sees what comes after, what is inverted is exact."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows import bijectors, data, transforms
from tfp_flows.networks import PixelCNN
from tfp_flows.numerics import wavefront
from tfp_flows.numerics.wavefront import Wavefront

pytestmark = pytest.mark.usefixtures("untraced")

SIZES = [(5, 7, 1), (7, 4, 1), (2, 9, 2), (6, 1, 1), (1, 5, 2), (4, 4, 2)]


def normal(shape, *seed, dtype="float64"):
    return tf.random.stateless_normal(shape, seed, dtype=dtype)


def randomised(net):
    net.build()
    for k, weight in enumerate(net.weights):
        weight.assign(normal(weight.shape, k, 7) / np.sqrt(max(np.prod(weight.shape[:-1]), 1)))
    return net


@pytest.mark.parametrize("height, width, reach", SIZES)
def test_columns_are_images_in_another_order(height, width, reach):
    front = Wavefront(height, width, reach)
    image = normal([2, height, width, 3], 0, 1)
    columns = front.columns(image)
    assert columns.shape == (front.num_steps, 2, front.num_slots, 3)
    np.testing.assert_array_equal(front.image(columns), image)
    # Each pixel once, and zeros.
    np.testing.assert_allclose(tf.reduce_sum(columns), tf.reduce_sum(image))


@pytest.mark.parametrize("height, width, reach", SIZES)
def test_step_by_step_is_the_convolution(height, width, reach):
    front = Wavefront(height, width, reach)
    image = normal([2, height, width, 3], 0, 1)
    kernel = normal([reach + 1, 2 * reach + 1, 3, 4], 0, 2) * wavefront.raster_mask(reach, np.ones([3, 4]))
    before, centre = wavefront.parts(kernel)
    seen = front.is_seen(reach).astype("float64")
    history, found = front.start(2, 3, tf.float64), []
    for column, mask in zip(front.columns(image), seen):
        found.append(front.neighbours(history, mask, reach) @ before + column @ centre)
        history = front.push(history, column)
    np.testing.assert_allclose(front.image(tf.stack(found)), wavefront.convolve(image, kernel), atol=1e-12)


@pytest.mark.parametrize("context_shape", [None, (2,)])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("channels, hidden_channels", [(1, 4), (2, 5), (3, 3), (5, 3), (3, 1)])
def test_the_jacobian_is_strictly_triangular_in_raster_order(channels, hidden_channels, reverse, context_shape):
    shape = (3, 4, channels)
    net = PixelCNN(
        shape, 2, hidden_channels, 2, 3, "tanh", reverse, context_shape, dtype="float64"
    )  # fmt: skip
    randomised(net)
    x = normal([2, *shape], 0, 1)
    options = {} if context_shape is None else {"context": normal([2, *context_shape], 3, 4)}
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, *options.values()])
        raw = net(x, **options)
    n = int(np.prod(shape))
    jacobian = np.abs(tape.batch_jacobian(raw, x)).max(0).reshape(n, 2, n).min(1)
    depends = jacobian > 0
    if reverse:
        depends = depends[::-1, ::-1]
    assert not np.triu(depends).any()
    depends = depends.reshape(shape + shape)
    # Its own pixel's earlier channels, the pixel to the left, and the three above.
    for c in range(channels):
        # Where there are fewer hidden channels than the event has, a channel sees those up to a degree before it.
        own = c if hidden_channels >= channels else max(d for d in net.degrees if d <= c)
        assert depends[2, 2, c, 2, 2, :own].all()
        for i, j in ((2, 1), (1, 1), (1, 2), (1, 3), (0, 2)):
            assert depends[2, 2, c, i, j].all()
    if options:
        assert (np.abs(tape.batch_jacobian(raw, options["context"])).max((0, -1)) > 0).all()


def test_the_fixed_point_takes_as_many_steps_as_the_conditioner_says(monkeypatch):
    shape, transform = (3, 6, 1), transforms.Affine()
    net = randomised(PixelCNN(shape, 2, 4, 1, 3, "softplus", dtype="float64"))
    assert net.num_sequential_steps == 10
    layer = bijectors.Autoregressive(shape, net, transform, dtype="float64")
    x = normal([2, *shape], 3, 4)

    def naive(x):
        return layer._solve(lambda a, raw: transform.forward_and_log_det(a, raw)[0], x, None)

    def values_and_gradients(function):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(tf.identity(x))
            loss = tf.reduce_sum(y**2)
        return y, *tape.gradient(loss, [x, *net.trainable_variables])

    fixed, unrolled = values_and_gradients(layer.forward), values_and_gradients(naive)
    for a, b in zip(fixed, unrolled):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    for fewer in (9, 18):
        monkeypatch.setattr(PixelCNN, "num_sequential_steps", fewer)
        assert np.allclose(naive(x), unrolled[0], 1e-12, 1e-12) == (fewer == 18)
        gradient = values_and_gradients(layer.forward)[1]
        assert np.allclose(gradient, unrolled[1], 1e-9, 1e-9) == (fewer == 18)


def test_an_emerging_convolution_sees_all_around_a_pixel():
    layer = bijectors.EmergingConv((5, 5, 2), dtype="float64")
    for k, kernel in enumerate(layer.kernels):
        kernel.assign(normal(kernel.shape, k, 7))
    y = normal([1, 5, 5, 2], 0, 1)
    with tf.GradientTape() as tape:
        tape.watch(y)
        x = layer.inverse(y)[:, 2, 2]
    depends = np.abs(tape.jacobian(x, y)).max((0, 1, 2)) > 0
    assert depends[1:4, 1:4].all()
    np.testing.assert_allclose(layer.forward(layer.inverse(tf.identity(y))), y, atol=1e-9)


def test_an_image_maf_learns_digits_and_draws_them_by_class(tmp_path):
    digits = data.load("digits", flatten=False)
    keras.utils.set_random_seed(0)
    flow = tfp_flows.MAF(
        digits.event_shape, digits.num_bins, num_layers=1, hidden_channels=16, num_blocks=2, kernel_size=3,
        transform="mixture", num_components=4, num_classes=10, alpha=0.01,
    )  # fmt: skip
    flow.compile(keras.optimizers.Adam(5e-3))
    labels = digits.labels
    flow.fit(digits.train, labels["train"], epochs=12, batch_size=50, verbose=0)
    bits = flow.evaluate(digits.test, labels["test"], verbose=0, return_dict=True)["bits_per_dim"]
    wrong = flow.evaluate(digits.test, (labels["test"] + 1) % 10, verbose=0, return_dict=True)["bits_per_dim"]
    # A Gaussian of full covariance has 2.98.
    assert bits < 2.5 and wrong > bits + 0.05
    # What is drawn for a class is likelier given it, and as likely as the data are.
    classes = np.arange(300) % 10
    drawn = flow.sample(300, seed=1, context=classes)
    own, other = flow.log_prob(drawn, context=classes), flow.log_prob(drawn, context=(classes + 1) % 10)
    assert np.mean(own - other) > 2
    real = flow.log_prob(digits.test, context=labels["test"])
    assert abs(np.mean(own) - np.mean(real)) < 0.15 * 64
    flow.save(tmp_path / "maf.keras")
    again = keras.saving.load_model(tmp_path / "maf.keras")
    x = digits.test[:5]
    for now, then in zip(again.weights, flow.weights):
        np.testing.assert_array_equal(now, then)
    # One is traced for any batch by now, the other for batches of 5.
    np.testing.assert_allclose(again.log_prob(x, context=3), flow.log_prob(x, context=3), rtol=1e-5)
    np.testing.assert_allclose(flow.decode(flow.encode(x, context=3), context=3), x + 0.5, atol=1e-3)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: PixelCNN((4,)), r"Expected event_shape \(height, width, channels\); got \(4,\)"),
        (lambda: PixelCNN((4, 4, 1), num_blocks=0), "Expected positive integers for num_params, hidden_channels and"),
        (lambda: PixelCNN((4, 4, 3), hidden_channels=0), "Expected positive integers for num_params, hidden_channels"),
        (lambda: PixelCNN((4, 4, 1), kernel_size=4), "Expected kernel_size to be an odd integer of at least 3; got 4"),
        (lambda: PixelCNN((4, 4, 1), context_shape=(2,))(tf.ones([1, 4, 4, 1])), "Expected a context of shape"),
        (lambda: bijectors.EmergingConv(2), "Expected event_shape as a tuple of positive integers; got 2"),
        (lambda: bijectors.EmergingConv((4,)), r"Expected event_shape \(height, width, channels\); got \(4,\)"),
        (
            lambda: bijectors.EmergingConv((4, 4, 1), 1),
            "Expected kernel_size to be an odd integer of at least 3; got 1",
        ),
        (lambda: bijectors.EmergingConv((4, 4, 2)).inverse(tf.ones([1, 4, 4, 1])), "Expected events of shape .*2"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
