"""How samples come about: the ways of a model end where its samples are, and the pictures show them."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows import pictures, training
from tfp_flows.dynamics import Solver
from tfp_flows.flow import AnnealedLangevin, ODESampler


def shaken(kind, shape=(2,), **options):
    flow = getattr(tfp_flows, kind)(shape, **options)
    for k, weight in enumerate(flow.trainable_weights):
        weight.assign_add(0.2 * tf.random.stateless_normal(weight.shape, [k, 1]))
    x = np.random.default_rng(0).normal(3.0, 2.0, size=(500, *shape))
    x = np.clip(x.round(), 0, flow.num_bins - 1).astype("uint8") if flow.num_bins else x.astype("float32")
    context = np.arange(500) % 2 if flow.num_classes else None
    flow.initialize(x, **({} if context is None else {"context": context}))
    return flow


def test_ways_end_where_the_field_leads_and_begin_at_the_latent():
    flow = shaken("FlowMatching", hidden_units=8, num_classes=2)
    times, x = training.trajectories(flow, 6, num_times=5, seed=4, context=1)
    assert times.tolist() == [0, 0.25, 0.5, 0.75, 1] and x.shape == (5, 6, 2)
    z = (x[0] - x[0].mean(0)) / x[0].std(0)
    latent = flow.encode(x[-1], 1).numpy()
    np.testing.assert_allclose((latent - latent.mean(0)) / latent.std(0), z, atol=1e-2)
    # Half of the way is the way of half of the time.
    fine = training.trajectories(flow, 6, num_times=3, seed=4, context=1)[1]
    np.testing.assert_allclose(x[2], fine[1], atol=1e-3)
    assert np.abs(training.trajectories(flow, 6, num_times=2, seed=4, context=0)[1][-1] - x[-1]).max() > 1e-2


def test_chains_are_shown_level_by_level():
    flow = shaken("NCSN", hidden_units=8, s_max=4.0)
    flow.sampler = AnnealedLangevin(num_levels=6, num_steps=3)
    levels, x = training.trajectories(flow, 400, num_times=4)
    np.testing.assert_allclose(levels, np.array(flow.sampler.levels(flow))[[0, 0, 2, 5]])
    # What they begin as is as wide as the largest level, in the data's units.
    assert abs(x[0].std() / (4.0 * 2.0) - 1) < 0.15 and x.shape == (4, 400, 2)


@pytest.mark.parametrize(
    "make, given, message",
    [
        (
            lambda: tfp_flows.MAF((2,), num_layers=1, hidden_units=4),
            {},
            "Expected a model of continuous time, .*; got M",
        ),
        (lambda: shaken("CNF", hidden_units=4), dict(num_times=1), "Expected num_times to be an integer of at least 2"),
        (lambda: shaken("CNF", hidden_units=4), dict(n=0), "Expected n to be a positive integer; got 0"),
        (lambda: shaken("CNF", hidden_units=4), dict(context=1), "Expected no context; got one"),
    ],
)
def test_what_cannot_be_is_refused(make, given, message):
    with pytest.raises(ValueError, match=message):
        training.trajectories(make(), **{"n": 3, **given})


class TestPictures:
    def test_of_the_plane_and_of_images(self, tmp_path):
        pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")
        drawn = []
        for name, flow in {
            "field": shaken("CNF", hidden_units=4),
            "chains": shaken("NCSN", hidden_units=4),
            "images": shaken("FlowMatching", (4, 4, 1), hidden_channels=4, multipliers=(1,), num_bins=17),
        }.items():
            if name == "chains":
                flow.sampler = AnnealedLangevin(num_levels=4, num_steps=2)
            times, x = training.draw_trajectories(flow, tmp_path / f"{name}.png", num_times=3, n=5)
            assert len(times) == len(x) == 3 and x.shape[1] == 5
            drawn.append((tmp_path / f"{name}.png").read_bytes())
        assert len(set(drawn)) == 3
        with pytest.raises(ValueError, match=r"Expected points of the plane or images; got events of shape \(3,\)"):
            training.draw_trajectories(shaken("CNF", (3,), hidden_units=4), tmp_path / "none.png")
        assert not (tmp_path / "none.png").exists()

    @pytest.mark.parametrize(
        "x, titles, arrows, message",
        [
            (np.zeros([1, 5, 2]), ["a"], None, r"Expected x of shape \(num_times, n, 2\), of at least two times"),
            (np.zeros([2, 5, 3]), ["a", "b"], None, "Expected x of shape"),
            (np.zeros([2, 5, 2]), ["a"], None, "Expected 2 titles, one a time; got 1"),
            (np.zeros([2, 5, 2]), ["a", "b"], [], "Expected 2 arrows, one a time; got 0"),
        ],
    )
    def test_bad_arguments_are_refused(self, x, titles, arrows, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            pictures.trajectories(x, titles, tmp_path / "a.png", arrows)


def test_a_sampler_of_few_steps_is_near_the_field():
    flow = shaken("CNF", hidden_units=8)
    flow.sampler = ODESampler(Solver("rk4", num_steps=16))
    few = flow.sample(5, seed=2)
    flow.sampler = ODESampler()
    np.testing.assert_allclose(few, flow.sample(5, seed=2), atol=1e-3)
