"""Glow: learns real images, alone and given their class; what it gives survives saving and serving."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows import data, serving
from tfp_flows.flow import latent

pytestmark = pytest.mark.usefixtures("untraced")


def build(**options):
    keras.utils.set_random_seed(0)
    small = dict(num_bins=17, num_levels=2, num_steps=1, hidden_channels=16, alpha=1e-3)
    flow = tfp_flows.Glow((8, 8, 1), **{**small, **options})
    flow.compile(tfp_flows.training.FusedAdam(3e-3))
    return flow


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", flatten=False)


@pytest.fixture(scope="module")
def conditional(digits):
    flow = build(num_classes=10)
    flow.fit(digits.train, digits.labels["train"], epochs=12, batch_size=64, verbose=0)
    return flow


@pytest.mark.parametrize(
    "options",
    [
        dict(coupling="additive", learned_prior=False, parametrization="plain", alpha=None),
        dict(coupling="mixture", alpha=None, edges=(0, 1, 17)),
        dict(coupling="spline", num_components=4),
    ],
)
def test_it_learns_and_comes_back(options, digits, tmp_path):
    flow = build(**options)
    flow.initialize(digits.train)
    before = flow.evaluate(digits.test, verbose=0, return_dict=True)["bits_per_dim"]
    flow.fit(digits.train, epochs=4, batch_size=64, verbose=0)
    after = flow.evaluate(digits.test, verbose=0, return_dict=True)["bits_per_dim"]
    assert after < before - 0.3
    z = flow.encode(digits.test[:9])
    np.testing.assert_allclose(flow.decode(z), digits.test[:9] + 0.5, atol=1e-2)
    flow.save(tmp_path / "glow.keras")
    again = keras.saving.load_model(tmp_path / "glow.keras")
    np.testing.assert_array_equal(again.log_prob(digits.test[:9]), flow.log_prob(digits.test[:9]))


def test_a_class_is_drawn_and_recognised(conditional, digits):
    """The likelihood given each class names the right one far more often than chance, and samples look like it."""
    x, labels = digits.test, digits.labels["test"]
    scores = np.stack([conditional.log_prob(x, context=k) for k in range(10)], axis=1)
    assert (scores.argmax(1) == labels).mean() > 0.6
    drawn = conditional.sample(50, seed=0, context=np.repeat(np.arange(10), 5)).numpy()
    assert drawn.shape == (50, 8, 8, 1)
    means = np.stack([digits.train[digits.labels["train"] == k].mean(0) for k in range(10)])
    own = ((drawn - 0.5 - np.repeat(means, 5, axis=0)) ** 2).mean()
    others = ((drawn - 0.5 - np.repeat(np.roll(means, 1, axis=0), 5, axis=0)) ** 2).mean()
    assert own < others


def test_labels_are_an_input_of_the_served_signatures(conditional, digits, tmp_path):
    served = serving.load(serving.export(conditional, tmp_path / "glow"))
    x, labels = digits.test[:6].astype("float32") + 0.5, digits.labels["test"][:6]
    np.testing.assert_allclose(
        served.log_prob(x, context=labels), conditional.log_prob(x, context=labels), rtol=1e-5, atol=1e-3
    )
    drawn = served.sample(3, seed=[1, 2], context=[7, 7, 7])
    np.testing.assert_allclose(drawn, conditional.sample(3, seed=[1, 2], context=7), atol=1e-3)
    # Nothing can be raised in a graph: what comes of a class that is none is NaN, all of it and no other event's.
    wrong = [3, 11, -1, 0]
    z = served.encode(x[:4], context=labels[:4])
    for got in (
        served.log_prob(x[:4], context=wrong),
        served.sample(4, seed=[1, 2], context=wrong),
        served.encode(x[:4], context=wrong),
        served.decode(z, context=wrong),
        *tf.function(conditional.sample_and_log_prob)(4, tf.constant(wrong), [1, 2]),
        tf.function(conditional)(x[:4], tf.constant(wrong)),
    ):
        is_nan = np.isnan(np.reshape(got, [4, -1]))
        assert is_nan.all(1).tolist() == is_nan.any(1).tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda flow, x: flow.log_prob(x), "Expected a context, for the flow is conditional; got none"),
        (lambda flow, x: flow.log_prob(x, context=10), r"Expected class labels as integers 0..9, one an event; got 10"),
        (lambda flow, x: flow.sample(2, context=[0.5, 1.0]), "Expected class labels as integers 0..9, .*; got float64"),
        (lambda flow, x: flow.fit(x, np.full(len(x), -1)), "Expected class labels as integers 0..9, .*; got -1"),
        (lambda flow, x: flow.fit(x), "context"),
        (lambda flow, x: flow.fit(x + 0.5, np.zeros(len(x), int)), "Expected integers 0..16 in x"),
        (lambda flow, x: build().log_prob(x, context=1), "Expected no context; got one"),
        (lambda flow, x: build().fit(x, np.zeros(len(x), int), verbose=0), "Expected no context; got one"),
    ],
)
def test_bad_contexts_are_refused(call, message, conditional, digits):
    with pytest.raises(ValueError, match=message):
        call(conditional, digits.test[:4])


def test_interpolation_begins_and_ends_where_it_should(conditional, digits):
    x0, x1 = digits.test[0], digits.test[1]
    labels = digits.labels["test"][:2]
    for path in ("linear", "spherical"):
        way = latent.interpolate(conditional, x0, x1, steps=5, path=path, context=int(labels[0])).numpy()
        assert way.shape == (5, 8, 8, 1)
        np.testing.assert_allclose(way[0], x0 + 0.5, atol=2e-2)
        np.testing.assert_allclose(way[-1], x1 + 0.5, atol=2e-2)
    z = conditional.encode(digits.test[:2], context=3).numpy()
    halfway = conditional.encode(
        latent.interpolate(conditional, x0, x1, steps=3, context=3)[1:2], context=3
    ).numpy()[0]  # fmt: skip
    angle = np.arccos(z[0] @ z[1] / np.linalg.norm(z[0]) / np.linalg.norm(z[1]))
    np.testing.assert_allclose(halfway, np.sin(angle / 2) / np.sin(angle) * (z[0] + z[1]), rtol=1e-2, atol=1e-2)
    both = latent.interpolate(conditional, digits.test[:2], digits.test[2:4], steps=3, context=labels)
    one = latent.interpolate(conditional, digits.test[1], digits.test[3], steps=3, context=int(labels[1]))
    np.testing.assert_allclose(both[1], one, atol=1e-2)


def test_interpolation_between_classes_takes_the_context_along(conditional, digits):
    """Both ends are exact with their own labels, and half of the way has half of both one-hot vectors."""
    pairs, labels = digits.test[:4].reshape(2, 2, 8, 8, 1), digits.labels["test"][:4].reshape(2, 2)
    assert (labels[:, 0] != labels[:, 1]).any()
    way = latent.interpolate(
        conditional, pairs[:, 0], pairs[:, 1], steps=3, path="linear", context=labels[:, 0], context1=labels[:, 1]
    )
    np.testing.assert_allclose(way.numpy()[:, [0, 2]], pairs + 0.5, atol=2e-2)
    z = [conditional.encode(pairs[:, i], context=labels[:, i]) for i in (0, 1)]
    halves = (np.eye(10)[labels[:, 0]] + np.eye(10)[labels[:, 1]]).astype("float32") / 2
    middle = conditional.distribution.bijector.forward((z[0] + z[1]) / 2, context=tf.constant(halves))
    np.testing.assert_allclose(way[:, 1], middle, atol=2e-2)
    same = latent.interpolate(conditional, *pairs[0], steps=3, context=3, context1=3)
    np.testing.assert_allclose(same, latent.interpolate(conditional, *pairs[0], steps=3, context=3), atol=2e-2)
    for context, context1 in ((3, 10), (None, 3)):
        with pytest.raises(ValueError, match="Expected (class labels as integers 0..9|a context)"):
            latent.interpolate(conditional, *pairs[0], context=context, context1=context1)


def test_an_attribute_moves_images_along():
    """Of a flow without classes: zeros and the direction from zeros to ones give images that are nearer to ones."""
    digits = data.load("digits", flatten=False)
    flow, labels = build(), digits.labels["train"]
    flow.fit(digits.train, epochs=4, batch_size=64, verbose=0)
    ones, zeros = (digits.train[labels == k] for k in (1, 0))
    direction = latent.attribute_direction(flow, ones, zeros, batch_size=50)
    np.testing.assert_allclose(direction, latent.attribute_direction(flow, ones, zeros), atol=1e-4)
    held_out = digits.test[digits.labels["test"] == 0]
    moved = flow.decode(flow.encode(held_out) + direction).numpy() - 0.5

    def is_one(x):
        distance = [np.square(x - mean).sum((1, 2, 3)) for mean in (ones.mean(0), zeros.mean(0))]
        return (distance[0] < distance[1]).mean()

    assert is_one(held_out) == 0 and is_one(moved) > 0.8
    with pytest.raises(ValueError, match="Expected batch_size to be a positive integer; got 0"):
        latent.attribute_direction(flow, ones, zeros, batch_size=0)


def test_an_attribute_direction_is_the_difference_of_means(conditional, digits):
    ones, zeros = (digits.train[digits.labels["train"] == k][:50] for k in (1, 0))
    direction = latent.attribute_direction(conditional, ones, zeros, context=1, context_without=0)
    z = conditional.encode(ones, context=1).numpy().mean(0) - conditional.encode(zeros, context=0).numpy().mean(0)
    np.testing.assert_allclose(direction, z, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(steps=1), "Expected steps to be an integer of at least 2; got 1"),
        (dict(path="curved"), "Expected path to be one of .*; got 'curved'"),
    ],
)
def test_bad_interpolations_are_refused(options, message, conditional, digits):
    with pytest.raises(ValueError, match=message):
        latent.interpolate(conditional, digits.test[0], digits.test[1], context=1, **options)
    with pytest.raises(ValueError, match="Expected two events or batches of one shape"):
        latent.interpolate(conditional, digits.test[0], digits.test[:2], context=1)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_networks_in_low_precision_under_a_float32_flow(policy, digits):
    """Networks compute in it; densities, latents and the way back do not."""
    keras.config.set_dtype_policy(policy)
    try:
        flow = build(coupling="mixture")
    finally:
        keras.config.set_dtype_policy("float32")
    step = flow.distribution.bijector.bijectors[-1].levels[0].bijectors[-2].bijectors[-1]
    assert step.conditioner(tf.zeros([1, 4, 4, 2])).dtype == policy.removeprefix("mixed_")
    history = flow.fit(digits.train, epochs=4, batch_size=64, verbose=0).history["bits_per_dim"]
    assert history[-1] < history[0] - 0.3
    x = digits.test[:50]
    score = flow.log_prob(x)
    assert score.dtype == tf.float32 and flow.encode(x).dtype == tf.float32
    back = flow.decode(flow.encode(x))
    np.testing.assert_array_equal(flow.dequantization.quantize(back), x)
    # Only where the last bit of a network's input is another is its output one step of its own precision away.
    assert np.quantile(np.abs(back - x - 0.5), 0.9) < 1e-3
    keras.utils.set_random_seed(0)
    exact = build(coupling="mixture")
    for ours, theirs in zip(exact.variables, flow.variables):
        ours.assign(theirs)
    np.testing.assert_allclose(exact.log_prob(x), score, rtol=0.02)
    assert np.abs(exact.log_prob(x) - score).max() > 1e-3


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(coupling="cubic"), "Expected coupling to be one of .*; got 'cubic'"),
        (dict(coupling=["affine"]), r"Expected coupling to be one of .*; got \['affine'\]"),
        (dict(num_components=4), "Expected num_components=None with affine couplings; got 4"),
        (dict(coupling="mixture", num_components=1), "Expected num_components to be an integer above 1; got 1"),
        (dict(coupling="mixture", num_components=0), "Expected num_components to be an integer above 1; got 0"),
        (dict(coupling="spline", num_components=0), "Expected num_bins to be an integer above 1; got 0"),
        (dict(num_steps=0), "Expected num_steps to be a positive integer; got 0"),
        (dict(num_levels=4), "Expected height and width that are multiples of 2 to squeeze"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


@pytest.mark.parametrize("shape, expected", [((32, 32, 3), 3), ((28, 28, 1), 2), ((64, 64, 3), 3), ((8, 6, 1), 1)])
def test_there_are_as_many_levels_as_the_image_can_be_halved(shape, expected):
    flow = tfp_flows.Glow(shape, num_steps=1, hidden_channels=2)
    assert flow.get_config()["num_levels"] == expected
    flow.log_prob(np.zeros([1, *shape], "float32"))


@pytest.mark.parametrize("output_scale, rise", [(0.1, 0.05), (1.0, None)])
def test_the_first_step_of_adam_moves_it_little(output_scale, rise, digits):
    """Without a warm-up; the outputs as they come are moved so far that the bits rise by more."""
    keras.utils.set_random_seed(0)
    flow = tfp_flows.Glow(
        (8, 8, 1), 17, num_levels=2, num_steps=4, hidden_channels=64, output_scale=output_scale, alpha=1e-3
    )
    flow.compile(tfp_flows.training.FusedAdam(1e-2))
    flow.initialize(digits.train)
    before = flow.evaluate(digits.test, verbose=0, return_dict=True)["bits_per_dim"]
    flow.fit(digits.train[:256], batch_size=256, epochs=1, verbose=0)
    after = flow.evaluate(digits.test, verbose=0, return_dict=True)["bits_per_dim"]
    assert after - before > 0.2 if rise is None else after - before < rise


def test_xla_trains_to_the_same_losses(digits):
    """Eighty steps, on continuous data: TensorFlow's random numbers are others under XLA and noise too."""
    noise = np.random.default_rng(0).random((256, 8, 8, 1))
    x = ((digits.train[:256] + noise) / 8 - 1).astype("float32")
    losses = []
    for jit in (False, True):
        flow = build(num_bins=None, alpha=None)
        flow.compile(keras.optimizers.SGD(1e-4), jit_compile=jit)
        losses.append(flow.fit(x, epochs=20, batch_size=64, verbose=0).history["nll"])
    assert losses[0][-1] < losses[0][0] - 1
    np.testing.assert_allclose(*losses, rtol=1e-4)
