"""MAF and IAF as models: they learn, condition, are saved, and are each other's inverse."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tests.checks import passes
from tfp_flows import bijectors

pytestmark = pytest.mark.usefixtures("untraced")

RANDOM = np.random.default_rng(0)
# The second feature is a parabola of the first: no Gaussian, and the conditional of one order only is simple.
FIRST = RANDOM.normal(size=(2000, 1))
PARABOLA = np.concatenate([FIRST, FIRST**2 + 0.3 * RANDOM.normal(size=FIRST.shape)], 1).astype("float32")
ENTROPY = 2 * 0.5 * np.log(2 * np.pi * np.e) + np.log(0.3)
MODELS = {"MAF": tfp_flows.MAF, "IAF": tfp_flows.IAF}


def test_maf_learns_what_it_can_express():
    keras.utils.set_random_seed(1)
    flow = tfp_flows.MAF((2,), num_layers=3, hidden_units=(64, 64))
    flow.compile(tfp_flows.training.FusedAdam(3e-3))
    flow.fit(*passes(30, PARABOLA), batch_size=100, verbose=0)
    assert flow.evaluate(PARABOLA, verbose=0, return_dict=True)["nll"] - ENTROPY < 0.1
    x = flow.sample(4000, seed=1).numpy()
    assert abs(np.mean(x[:, 1] - x[:, 0] ** 2)) < 0.1 and np.std(x[:, 1] - x[:, 0] ** 2) < 0.6


def test_it_is_trained_and_saved_and_comes_back(tmp_path):
    """An IAF of splines; others are cases of the generic checks."""
    flow = tfp_flows.IAF((2,), num_layers=1, hidden_units=8, transform="spline", order="random", residual=True)
    flow.compile(tfp_flows.training.FusedAdam(1e-2))
    losses = flow.fit(PARABOLA[:500], epochs=3, batch_size=50, verbose=0).history["nll"]
    assert losses[-1] < losses[0]
    flow.save(tmp_path / "flow.keras")
    again = keras.saving.load_model(tmp_path / "flow.keras")
    np.testing.assert_array_equal(again.log_prob(PARABOLA[:9]), flow.log_prob(PARABOLA[:9]))
    np.testing.assert_allclose(flow.decode(flow.encode(PARABOLA[:9])), PARABOLA[:9], atol=1e-4)


@pytest.mark.parametrize("options", [dict(context_shape=(3,)), dict(num_classes=3)])
@pytest.mark.parametrize("name", MODELS)
def test_it_is_given_what_it_is_conditioned_on(name, options):
    """The data's mean is the context's: a flow that does not see it cannot know."""
    labels = RANDOM.integers(0, 3, 600)
    means = np.array([[-4.0, 2.0], [0.0, 0.0], [4.0, -2.0]])
    x = (means[labels] + RANDOM.normal(size=(600, 2))).astype("float32")
    context = labels if "num_classes" in options else np.eye(3, dtype="float32")[labels]
    flow = MODELS[name]((2,), num_layers=1, hidden_units=16, **options)
    flow.compile(tfp_flows.training.FusedAdam(1e-2))
    flow.fit(*passes(25, x, context), batch_size=50, verbose=0)
    for k in range(3):
        given = k if "num_classes" in options else np.eye(3, dtype="float32")[k]
        samples = flow.sample(500, seed=2, context=given).numpy()
        np.testing.assert_allclose(samples.mean(0), means[k], atol=0.5)


def test_orders_alternate_and_iaf_inverts():
    layers = [b for b in tfp_flows.MAF((4,), hidden_units=8).distribution.bijector.bijectors]
    mades = [b.conditioner for b in layers if isinstance(b, bijectors.Autoregressive)]
    assert [m.order for m in mades] == ["left_to_right", "reversed"] * 2 + ["left_to_right"]
    maf, iaf = (make((4,), num_layers=1, hidden_units=8, actnorm=False) for make in MODELS.values())
    for flow in (maf, iaf):
        for k, weight in enumerate(flow.trainable_weights):
            weight.assign(tf.random.stateless_normal(weight.shape, [k, 3]))
    v = tf.random.stateless_normal([5, 4], [0, 1])
    np.testing.assert_allclose(maf.encode(v), iaf.decode(v), atol=1e-5)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(event_shape=(2, 2)), r"Expected event_shape \(n,\) or \(height, width, channels\); got \(2, 2\)"),
        (dict(event_shape=(2,), kernel_size=3), "Expected, for vectors, options among .*; got 'kernel_size'"),
        (dict(event_shape=(4, 4, 1), hidden_units=3), "Expected, for images, options among .*; got 'hidden_units'"),
        (dict(event_shape=(2,), num_layers=0), "Expected num_layers to be a positive integer; got 0"),
        (dict(event_shape=(2,), order="odd"), "Expected order to be one of .*; got 'odd'"),
        (dict(event_shape=(2,), transform="cubic"), "Expected transform to be one of .*; got 'cubic'"),
        (dict(event_shape=(9,), hidden_units=1, num_classes=2), "Expected at least 2 hidden units"),
        (dict(event_shape=(2,), context_shape=(1,), num_classes=2), "Expected context_shape or num_classes; got both"),
        (dict(event_shape=(2,), context_shape=1), "Expected context_shape"),
        (dict(event_shape=(2,), num_classes=2.5), "Expected num_classes to be a positive integer or None; got 2.5"),
        (dict(event_shape=(2,), num_bins=8, edges=5), r"Expected edges from 0 to num_bins=8; got \(5,\)"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        tfp_flows.MAF(**options)
