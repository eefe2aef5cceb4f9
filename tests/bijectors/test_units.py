"""What is learned is learned in standard units: after ActNorm, and in every bijector that initialises from data."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests import quick
from tests.cases import CASES
from tfp_flows import bijectors

tfb, tfd = tfp.bijectors, tfp.distributions
# One of each kind; of bounded events, whose unit is given, none.
KINDS = set(quick.CASES) - {"logit", "sigmoid", "equalize"}
WEIGHTED = [
    name
    for name, case in CASES.items()
    if case.make("float64").trainable_variables and name in KINDS and case.latent_shape is None
]


def first_moments(make, x):
    """Scores and their gradients by the trainable weights, after initialisation, the weights moved by 1e-2."""
    keras.utils.set_random_seed(0)
    bijector = make()
    with bijectors.initializing():
        bijector.inverse(tf.constant(x))
    weights = bijector.trainable_variables
    for k, weight in enumerate(weights):
        weight.assign_add(1e-2 * tf.random.stateless_normal(weight.shape, [k, 1], dtype=weight.dtype))
    with tf.GradientTape() as tape:
        z = bijector.inverse(tf.constant(x))
        ndims = bijector.inverse_min_event_ndims
        score = -0.5 * tf.reduce_sum(z**2, list(range(1, z.shape.rank)))
        score += bijector.inverse_log_det_jacobian(tf.constant(x), event_ndims=ndims)
    return score.numpy(), [tf.convert_to_tensor(g).numpy() for g in tape.gradient(score, weights)]


@pytest.mark.parametrize("name", WEIGHTED)
def test_behind_an_actnorm(name):
    case = CASES[name]

    def make():
        norm = bijectors.ActNorm(case.event_shape[-1], len(case.event_shape), dtype="float64")
        return bijectors.Chain([norm, case.make("float64")])

    random = np.random.default_rng(0)
    x = random.normal(size=(64, *case.event_shape)) * np.linspace(0.5, 2, case.event_shape[-1]) + 1.0
    scores, gradients = first_moments(make, x)
    assert max(np.abs(g).max() for g in gradients) > 1e-3
    for a, b in ((1e9, 0.0), (1e-6, 1e3)):
        found, others = first_moments(make, a * (x + b))
        np.testing.assert_allclose(found + np.prod(case.event_shape) * np.log(a), scores, rtol=1e-6, atol=1e-5)
        for one, other in zip(gradients, others, strict=True):
            np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5 * (1 + np.abs(one).max()))


@pytest.mark.parametrize("epsilon", [1e-5, 0.3])
def test_the_epsilon_of_batch_norm_is_in_shares_of_the_variance(epsilon):
    x = np.random.default_rng(0).normal(2.0, 3.0, (64, 2))
    z = []
    for a, b in ((1.0, 0.0), (1e-9, 0.0), (1e8, 5e9)):
        norm = bijectors.BatchNorm(2, epsilon=epsilon, dtype="float64")
        with bijectors.initializing():
            norm.inverse(tf.constant(a * x + b))
        z.append(norm.inverse(tf.constant(a * x + b)).numpy())
        np.testing.assert_allclose(norm.forward(tf.constant(z[-1])), a * x + b, rtol=1e-12)
        np.testing.assert_allclose(z[-1].std(0), (1 + epsilon) ** -0.5, rtol=1e-6)
    np.testing.assert_allclose(z[1], z[0], atol=1e-9)
    np.testing.assert_allclose(z[2], z[0], atol=1e-6)


def test_rescale_knows_no_unit():
    x = np.random.default_rng(0).normal(0.0, 3.0, (64, 2))
    for a in (1e-9, 1e30):
        scale = bijectors.Rescale((2,), dtype="float64")
        with bijectors.initializing():
            z = scale.inverse(tf.constant(a * x))
        np.testing.assert_allclose(z, x / x.std(0), rtol=1e-9)


def test_a_step_of_adam_is_as_long_in_every_unit():
    """The weights of ActNorm after a step do not depend on the unit, and neither does what they do to an event."""
    x = np.random.default_rng(0).normal(1.0, 2.0, (64, 3)).astype("float32")
    ends = []
    for a, b in ((1.0, 0.0), (1e-6, 0.0), (1e6, 2e8)):
        norm, optimizer = bijectors.ActNorm(3), tf.keras.optimizers.Adam(0.1)
        with bijectors.initializing():
            norm.inverse(tf.constant(a * x + np.float32(b)))
        with tf.GradientTape() as tape:
            z = norm.inverse(tf.constant(a * x + np.float32(b)))
            loss = tf.reduce_mean(tf.abs(z - 1.0))
        optimizer.apply_gradients(zip(tape.gradient(loss, norm.trainable_variables), norm.trainable_variables))
        ends.append([v.numpy() for v in norm.trainable_variables])
    assert np.abs(ends[0]).max() > 0.05
    np.testing.assert_allclose(ends[1], ends[0], atol=1e-3)
    np.testing.assert_allclose(ends[2], ends[0], atol=1e-3)
