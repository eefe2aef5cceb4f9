"""What `StopOnNaN` says of a NaN: the innermost bijector that made it, whatever holds that bijector."""

import re

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.distributions import coupling, data, pushed
from tfp_flows import bijectors, objectives
from tfp_flows.bijectors.parts import visit_innermost
from tfp_flows.networks import ConvNet
from tfp_flows.training.stop_on_nan import find_culprit, find_culprit_of_samples

pytestmark = pytest.mark.usefixtures("untraced")

tfb, tfd = tfp.bijectors, tfp.distributions


class Broken(bijectors.Bijector):
    """NaN in one direction, or a log_det that is."""

    def __init__(self, ndims=1, value=np.nan, log_det=0.0, name="broken"):
        super().__init__(event_ndims=ndims, name=name)
        self.value, self.log_det = value, log_det
        self.w = tf.Variable(1.0)

    def _forward_and_log_det(self, x):
        return x * self.value * self.w, tf.constant(self.log_det)

    _inverse_and_log_det = _forward_and_log_det


def image_flow(levels, priors=None):
    scales = bijectors.MultiScale(levels, (4, 4, 1), priors=priors)
    chain = bijectors.Chain([tfb.Scale(tf.Variable(2.0)), scales])
    base = tfd.Independent(tfd.Normal(tf.zeros([16]), 1.0), 1)
    return tfp_flows.Flow(tfd.TransformedDistribution(base, chain))


def level(*parts):
    return bijectors.Chain([bijectors.Squeeze(), *parts])


BROKEN, NORM = lambda **options: Broken(3, **options), lambda n: bijectors.ActNorm(n, event_ndims=3)
WHERE = {
    "the first level": (
        lambda: image_flow([level(NORM(4), BROKEN()), level(NORM(8))]),
        r"output of bijector 3 \('broken'\), counted from the data, in part 2 of 'chain', level 0 of 'multi_scale'",
    ),
    "the second level": (
        lambda: image_flow([level(NORM(4)), level(NORM(8), BROKEN())]),
        r"output of bijector 5 \('broken'\), .* in part 2 of 'chain', level 1 of 'multi_scale', part 1 of 'chain', is",
    ),
    "the last level, which is no chain": (
        lambda: image_flow([level(NORM(4)), BROKEN()]),
        r"output of bijector 3 \('broken'\), .* level 1 of 'multi_scale'",
    ),
    "an Invert in a level": (
        lambda: image_flow([level(tfb.Invert(bijectors.Chain([NORM(4), BROKEN(name="inner")]))), level()]),
        r"output of bijector 2 \('inner'\), .* in part 1 of 'chain', the inside of 'invert_chain', part 1 of 'chain'",
    ),
    "a log_det": (
        lambda: image_flow([level(BROKEN(value=1.0, log_det=np.inf)), level()]),
        r"log_det of bijector 2 \('broken'\), .* level 0 of 'multi_scale'",
    ),
    "Invert": (lambda: tfp_flows.Flow(pushed(tfb.Invert(tfb.Invert(Broken())))), r"bijector 0 \('broken'\)"),
    "tfb.Chain in a Chain": (
        lambda: tfp_flows.Flow(pushed(coupling(), tfb.Chain([tfb.Scale(2.0), tfb.Chain([coupling(), Broken()])]))),
        r"output of bijector 3 \('broken'\), .* in part 1 of 'chain_of_.*', part 1 of 'chain_of_scale_.*', part 1 of",
    ),
    "Blockwise": (
        lambda: tfp_flows.Flow(
            pushed(coupling(), tfb.Blockwise([tfb.Exp(), Broken()], [1, 1]), tfb.Scale(tf.Variable(2.0)))
        ),
        r"output of bijector 3 \('broken'\), .* in part 1 of 'jointmap', a part of 'blockwise_of_exp_and_broken', part",
    ),
}  # fmt: skip


@pytest.mark.parametrize("where", WHERE)
def test_the_innermost_bijector_is_named(where):
    make, sentence = WHERE[where]
    flow = make()
    x = np.random.default_rng(0).normal(size=(4, *flow.event_shape)).astype("float32")
    # tfb.Exp's inverse takes positive numbers.
    said = find_culprit(flow, np.abs(x))
    assert re.search(sentence, said), said


@pytest.fixture(scope="module")
def glow():
    flow = tfp_flows.Glow((4, 4, 1), num_bins=17, num_levels=2, num_steps=2, hidden_channels=8)
    flow.initialize(np.random.default_rng(0).integers(0, 17, (16, 4, 4, 1)))
    return flow


def innermost(flow):
    """(innermost bijector, its places) of every one that a flow's data meet."""
    found = []
    y = tf.zeros([1, *flow.event_shape])
    visit_innermost(flow.distribution.bijector, "inverse", lambda n, part, places, *_: found.append((part, places)), y)
    return found


@pytest.mark.parametrize("way", ["inverse", "forward"])
def test_every_part_of_a_glow_is_named(glow, way, monkeypatch):
    x = np.random.default_rng(1).integers(0, 17, (4, 4, 4, 1))
    parts = innermost(glow)
    names = [part.name for part, _ in parts]
    assert {"act_norm", "coupling", "prior", "squeeze"} <= set(names)
    for number, (part, places) in enumerate(parts):
        if not isinstance(part, bijectors.Bijector):
            continue
        with monkeypatch.context() as patch:
            patch.setattr(part, f"_{way}_and_log_det", nan_of(getattr(part, f"_{way}_and_log_det")))
            if way == "inverse":
                said, number = find_culprit(glow, x), f"bijector {number} "
            else:
                said, number = culprit_of_samples(glow), f"bijector {len(parts) - 1 - number} "
        assert number in said and f"({part.name!r})" in said, said
        assert all(place in said for place in places if len(places) > 1), said
        assert sum("level" in place for place in places) == ("level" in said), said


def nan_of(method):
    def broken(value):
        image, log_det = method(value)
        return image * np.nan, log_det

    return broken


def culprit_of_samples(flow):
    flow.compile("adam", loss=objectives.ReverseKL(lambda x: -tf.reduce_sum(x**2, [1, 2, 3])))
    return find_culprit_of_samples(flow)


def test_a_prior_is_named():
    """By the network that gives its parameters, whose output is infinite."""
    flow = image_flow([level(), level()], priors=[ConvNet(4, 5)])
    flow.distribution.bijector.bijectors[1].levels[0].bijectors[1].transform = Infinite()
    said = find_culprit(flow, np.ones([4, 4, 4, 1], "float32"))
    assert "('prior')" in said and "part 1 of 'chain', level 0 of 'multi_scale'" in said


class Infinite(tfp_flows.transforms.Transform):
    num_params = 2

    def inverse_and_log_det(self, x, raw):
        return x / 0.0, tf.zeros_like(x)

    forward_and_log_det = inverse_and_log_det


def test_innermost_bijectors_make_up_the_whole():
    flow = image_flow([level(NORM(4), tfb.Invert(NORM(4))), level(NORM(8))], priors=[ConvNet(4, 5)])
    bijector, x = flow.distribution.bijector, tf.constant(np.random.default_rng(0).normal(size=(3, 4, 4, 1)), "float32")
    for way, value in (("inverse", x), ("forward", bijector.inverse(x))):
        seen = []
        image = visit_innermost(bijector, way, lambda n, part, *_: seen.append(n), tf.identity(value))
        np.testing.assert_array_equal(image, getattr(bijector, way)(tf.identity(value)))
        assert seen == list(range(7))


def test_finite_ones_are_not_named():
    flow = tfp_flows.Flow(pushed(coupling(), tfb.Scale(tf.Variable([1.0, 1.0]))))
    assert "everything is finite on the events" in find_culprit(flow, data(4))
