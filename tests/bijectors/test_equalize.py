"""Histogram equalization: from the data, once, and as good as their histogram says."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows import bijectors
from tfp_flows.models.blocks.preprocessing import to_reals

SHARES = np.array([0.3, 0.02, 0.02, 0.4, 0.06, 0.1, 0.0, 0.1])
LEVELS = np.random.default_rng(0).choice(8, size=(4000, 5), p=SHARES)
DATA = tf.constant(LEVELS + np.random.default_rng(1).uniform(size=LEVELS.shape))


def initialized(edges=None):
    equalize = bijectors.Equalize(8, edges, dtype="float64")
    with bijectors.initializing():
        equalize.inverse(tf.identity(DATA))
    return equalize


def test_the_density_is_that_of_the_histogram():
    """In nats an element, against the entropy of the levels; a uniform latent side adds log 8."""
    equalize = initialized()
    log_det = equalize.inverse_log_det_jacobian(tf.identity(DATA), event_ndims=1).numpy().mean() / 5
    counts = np.bincount(LEVELS.ravel(), minlength=8) / LEVELS.size
    entropy = -sum(share * np.log(share) for share in counts if share)
    assert 0 <= np.log(8) - log_det - entropy < 0.01
    x = equalize.inverse(tf.identity(DATA)).numpy().ravel()
    assert np.abs(np.histogram(x, 40, (0, 8))[0] / x.size - 1 / 40).max() < 0.004


def test_edges_stay_where_they_are_and_the_map_is_continuous():
    edges = (0, 1, 8)
    equalize = initialized(edges)
    at = tf.constant(edges, tf.float64)
    np.testing.assert_allclose(equalize.inverse(at), at, atol=1e-12)
    ticks = tf.range(0, 9, dtype=tf.float64)
    np.testing.assert_allclose(equalize.inverse(ticks - 1e-9), equalize.inverse(ticks + 1e-9), atol=1e-7)
    assert (np.diff(equalize.inverse(tf.constant(np.linspace(-1, 9, 1001)))) > 0).all()


def test_it_initialises_once_and_only_there():
    equalize = bijectors.Equalize(8, dtype="float64")
    equalize.inverse(DATA), equalize.forward(DATA)
    assert equalize.needs_initialization and not equalize.logits.numpy().any()
    with bijectors.initializing():
        equalize.inverse(tf.identity(DATA))
        before = equalize.logits.numpy()
        equalize.inverse(tf.identity(DATA[:10]))
    assert not equalize.needs_initialization
    np.testing.assert_array_equal(equalize.logits, before)


def test_base_samples_leave_it_the_identity():
    equalize = bijectors.Equalize(8, dtype="float64")
    with bijectors.initializing():
        equalize.forward(tf.identity(DATA))
    assert not equalize.needs_initialization and not equalize.logits.numpy().any()


def test_it_learns_and_is_saved(tmp_path):
    images = np.random.default_rng(2).choice(17, size=(64, 4, 4, 1), p=np.r_[0.5, np.full(16, 0.5 / 16)])
    flow = tfp_flows.Glow((4, 4, 1), 17, 1, 1, 4, kernel_sizes=(3, 3, 1), edges=(0, 1, 17), equalize=True)
    flow.compile("adam")
    flow.initialize(images)
    equalize = flow.distribution.bijector.bijectors[0]
    assert isinstance(equalize, bijectors.Equalize)
    before = equalize.logits.numpy()
    assert before.any()
    flow.fit(images, epochs=1, batch_size=16, verbose=0)
    assert (equalize.logits.numpy() != before)[1:].all()
    flow.save(tmp_path / "flow.keras")
    again = keras.saving.load_model(tmp_path / "flow.keras")
    x = tf.constant(images + 0.25, tf.float32)
    np.testing.assert_array_equal(again.distribution.bijector.inverse(x), flow.distribution.bijector.inverse(x))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: bijectors.Equalize(1), "Expected num_bins to be an integer of at least 2; got 1"),
        (lambda: bijectors.Equalize(8, (0, 4)), r"Expected edges from 0 to num_bins=8; got \(0, 4\)"),
        (lambda: bijectors.Equalize(8, (0, 4, 4, 8)), "Expected edges as increasing integers"),
        (
            lambda: to_reals((2,), None, equalize=True),
            "Expected num_bins beside equalize=True, which is of integer data",
        ),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
