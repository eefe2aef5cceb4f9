"""The models of continuous time: a network for vectors and one for images, each with its own options."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tests.checks import eagerly, passes
from tfp_flows import serving
from tfp_flows.networks import TimeMLP, UNet

KINDS = ("CNF", "FlowMatching", "ScoreSDE", "NCSN")


def network_of(flow):
    return getattr(flow.continuous.network, "network", flow.continuous.network)


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_and_images_have_networks_of_their_own(kind):
    make = getattr(tfp_flows, kind)
    of_vectors, of_images = make((3,)), make((4, 4, 1), hidden_channels=8, patch_size=2, multipliers=(1, 2))
    assert type(network_of(of_vectors)) is TimeMLP and type(network_of(of_images)) is UNet
    assert make((101,)).continuous.trace == "rademacher"
    assert of_vectors.continuous.trace == "exact" and of_images.continuous.trace == "rademacher"
    assert network_of(of_images).multipliers == (1, 2) and network_of(of_images).num_blocks == 1
    again = make.from_config(of_images.get_config())
    assert network_of(again).get_config() | {"name": 0} == network_of(of_images).get_config() | {"name": 0}


def test_a_divergence_by_probes_is_near_the_exact_one():
    """Of an image by a U-Net, whose Jacobian no closed form gives."""
    options = dict(hidden_channels=4, multipliers=(1,), solver="midpoint", num_steps=2, seed=1)
    exact, probed = (
        tfp_flows.FlowMatching((2, 2, 1), trace=trace, num_probes=probes, **options)
        for trace, probes in (("exact", 1), ("rademacher", 256))
    )
    for k, (weight, other) in enumerate(zip(exact.trainable_weights, probed.trainable_weights, strict=True)):
        weight.assign_add(0.1 * tf.random.stateless_normal(weight.shape, [k, 1]))
        other.assign(weight.value)
    x = np.random.default_rng(0).normal(size=(6, 2, 2, 1)).astype("float32")
    with eagerly():
        first, second = exact.log_prob(x).numpy(), probed.log_prob(x).numpy()
    # Probes are what they are: near, and not the same.
    assert 1e-4 < np.abs(second - first).max() < 0.15


@pytest.mark.parametrize("kind, options", [("FlowMatching", {}), ("ScoreSDE", dict(times="likelihood"))])
def test_a_learned_density_is_one_over_the_plane(kind, options):
    """Whatever was learned, and however well: what the equation gives is a density."""
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, 2000)
    ring = 3 * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.5 * random.normal(size=(2000, 2))
    flow = getattr(tfp_flows, kind)((2,), hidden_units=(32, 32), **options)
    flow.compile(tfp_flows.training.FusedAdam(1e-2))
    flow.fit(*passes(50, ring.astype("float32")), batch_size=200, verbose=0)
    side = np.linspace(-8, 8, 161, dtype="float32")
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    density = np.exp(flow.log_prob(grid).numpy().astype("float64"))
    assert abs(density.sum() * (side[1] - side[0]) ** 2 - 1) < 1e-2
    # Empty within, dense on the ring.
    radius = np.linalg.norm(grid, axis=1)
    assert density[np.abs(radius - 3) < 0.2].mean() > 2 * density[radius < 0.5].mean()


def test_images_are_learned_kept_and_served(tmp_path):
    """In two steps of Heun's method, by one probe: the generic checks of all models take vectors."""
    keras.utils.set_random_seed(0)
    options = dict(hidden_channels=8, multipliers=(1,), solver="heun", num_steps=2, num_bins=17, num_classes=2)
    flow = tfp_flows.FlowMatching((4, 4, 1), **options)
    flow.compile(tfp_flows.training.FusedAdam(1e-2))
    labels = np.arange(256) % 2
    bars = np.zeros((256, 4, 4, 1), "uint8")
    bars[labels == 0, :2], bars[labels == 1, :, :2] = 15, 15
    losses = flow.fit(bars, labels, batch_size=64, epochs=8, verbose=0).history["velocity_error"]
    assert losses[-1] < 0.6 * losses[0]
    flow.save(tmp_path / "flow.keras")
    again = keras.models.load_model(tmp_path / "flow.keras")
    with eagerly():
        log_prob, drawn = flow.log_prob(bars[:5], labels[:5]).numpy(), flow.sample(6, context=1, seed=1).numpy()
        np.testing.assert_array_equal(again.log_prob(bars[:5], labels[:5]), log_prob)
    served = serving.load(serving.export(flow, tmp_path / "served", warmup=False))
    np.testing.assert_allclose(served.log_prob(bars[:5] + 0.5, context=labels[:5]), log_prob, rtol=1e-4)
    np.testing.assert_allclose(served.sample(6, [0, 1], context=[1] * 6), drawn, atol=1e-2)
    # A bar on the left, as its class has it.
    assert drawn[:, :, :2].mean() > drawn[:, :, 2:].mean() + 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "shape, options, message",
    [
        (
            (2,),
            dict(hidden_channels=8),
            "Expected, for vectors, options of the network among .*; got 'hidden_channels'",
        ),
        ((8, 8, 1), dict(hidden_units=8), "Expected, for images, options of the network among .*; got 'hidden_units'"),
        ((8, 8), {}, r"Expected event_shape \(n,\) or \(height, width, channels\); got \(8, 8\)"),
        ((7, 7, 1), {}, "Expected height and width that are multiples of 4, for 3 levels"),
    ],
)
def test_options_of_the_other_kind_are_refused(kind, shape, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(tfp_flows, kind)(shape, **options)
