"""Flow++: what its networks see, what dropout does and when, and its refusals. The rest is in the generic checks."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows import bijectors
from tfp_flows.networks import GatedAttention


@pytest.fixture(scope="module")
def network():
    return GatedAttention(2, 8, num_blocks=1, num_heads=2, dropout=0.5, output_initializer="glorot_uniform")


def test_attention_sees_all_pixels_and_where_they_are(network):
    """Convolutions alone, three of 3x3, reach three pixels far."""
    x = tf.constant(np.random.default_rng(0).normal(size=(1, 12, 12, 1)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        corner = network(x)[0, 0, 0, 0]
    assert np.abs(tape.gradient(corner, x)[0, 11, 11, 0]) > 1e-8
    # Shifted along a torus without positions all values would be the same but at the edges.
    flat = network(tf.ones([1, 12, 12, 1])).numpy()[0, 4:8, 4:8]
    assert np.ptp(flat, axis=(0, 1)).min() > 1e-5


def test_dropout_is_of_training_alone(network):
    x = tf.ones([1, 12, 12, 1])
    np.testing.assert_array_equal(network(x), network(x))
    assert np.abs(network(x, training=True) - network(x, training=True)).max() > 1e-3


def test_a_checkerboards_colours_are_halves_of_the_channels():
    image = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype("float32")
    split = bijectors.CheckerboardSplit().inverse(image).numpy()
    rows, columns = np.indices((4, 6))
    for half, colour in ((split[..., :3], 0), (split[..., 3:], 1)):
        chosen = image[:, (rows + columns) % 2 == colour]
        np.testing.assert_array_equal(half.reshape(2, -1, 3), chosen)
    odd = tf.ones([1, 2, 3, 1])
    with pytest.raises(ValueError, match=r"Expected an even width to split as a checkerboard; got \(2, 3, 1\)"):
        bijectors.CheckerboardSplit().inverse(odd)
    with pytest.raises(ValueError, match=r"Expected an even number of channels to join; got \(2, 3, 1\)"):
        bijectors.CheckerboardSplit().forward(odd)


def test_its_noise_is_a_flow_with_its_networks():
    flow = tfp_flows.FlowPP(
        (2, 4, 1), 5, (1, 1, 1), num_components=2, hidden_channels=4, num_blocks=1, num_heads=1, dropout=0.0
    )
    nets = [part for part in flow.dequantization.submodules if isinstance(part, bijectors.Coupling)]
    assert len(nets) == 4 and all(isinstance(part.conditioner, GatedAttention) for part in nets)
    x = np.random.default_rng(0).integers(0, 5, (6, 2, 4, 1)).astype("uint8")
    with tf.GradientTape() as tape:
        y, log_q = flow.dequantization(x, seed=[0, 1])
    gradients = tape.gradient(log_q, flow.dequantization.trainable_variables)
    assert all(g is not None and np.isfinite(tf.convert_to_tensor(g)).all() for g in gradients)
    assert sum(np.abs(tf.convert_to_tensor(g)).max() > 1e-6 for g in gradients) >= 8
    assert np.all((y >= x) & (y <= x + 1))
    # Of two components apart it begins near uniform noise and not at it.
    assert 0 < np.abs(log_q).max() < 2
    assert tfp_flows.FlowPP((2, 4, 1), None, (1, 1, 1), 2, 4, 1, 1).dequantization is None


@pytest.mark.parametrize(
    "shape, arguments, message",
    [
        ((4, 6, 1), {}, r"Expected images of an even height and a width that is a multiple of 4; got \(4, 6, 1\)"),
        ((4, 4, 1), dict(num_couplings=(4, 2)), r"Expected num_couplings to be three positive integers; got \[4, 2\]"),
        ((4, 4, 1), dict(reversible=True), "Expected dropout=0 with reversible=True; got 0.2"),
        ((4, 4, 1), dict(num_heads=5), "Expected num_heads to divide 96 channels; got 5"),
        ((4, 4, 1), dict(num_blocks=0), "Expected num_blocks to be a positive integer; got 0"),
        ((4, 4, 1), dict(dropout=1.0), r"Expected dropout in \[0, 1\); got 1.0"),
        ((4, 4, 1), dict(dequantization="gauss"), "Expected dequantization to be one of"),
    ],
)
def test_bad_arguments_are_refused(shape, arguments, message):
    with pytest.raises(ValueError, match=message):
        tfp_flows.FlowPP(shape, 17, **arguments)
