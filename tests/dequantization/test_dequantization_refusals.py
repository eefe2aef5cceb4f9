"""What a dequantization refuses, each in one sentence."""

import pytest
import tensorflow_probability as tfp

import tfp_flows
from tests.dequantization.test_dequantization import gaussian, image_noise, logistic, plane_noise
from tfp_flows import bijectors
from tfp_flows.dequantization import Variational
from tfp_flows.models.blocks import noise
from tfp_flows.networks import MLP

tfb, tfd = tfp.bijectors, tfp.distributions


def two(bijector=None):
    return tfd.TransformedDistribution(logistic((2,), "float32"), bijectors.Sigmoid() if bijector is None else bijector)


def narrow():
    """A bijector of the right events with a context of other ones."""
    return bijectors.AffineCoupling([True, False], MLP(2, (4,), context_shape=(3,)))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Variational(1, two()), "Expected num_bins to be an integer of at least 2; got 1"),
        (lambda: Variational(4, "uniform"), "Expected flow to be a tfd.Distribution; got str"),
        (lambda: Variational(4, tfd.Uniform([0.0, 0.0], 1.0)), r"Expected a flow with batch shape \(\); got \(2,\)"),
        (lambda: Variational(4, two(tfb.Identity())), r"Expected a flow whose samples lie in \(0, 1\), .*; got -"),
        (lambda: Variational(4, two(), MLP(2)), "Expected a conditional flow, .* to use features; got none"),
        (
            lambda: Variational(4, two(narrow())),
            r"Expected a flow that takes events of shape \(2,\), or what features make of them, as its context; got",
        ),
        (lambda: plane_noise().get_config(), "Expected a dequantization that plain values describe; got Variational"),
        (lambda: gaussian(image_noise()), r"Expected dequantization of events of shape \(2,\); got one of \(4, 4, 1\)"),
        (lambda: noise.choose("gaussian", (4, 4, 1), 17), "Expected dequantization to be one of .*; got 'gaussian'"),
        (lambda: noise.choose("variational", (4, 4, 1), None), "Expected num_bins, .* with variational .*; got None"),
        (lambda: noise.choose("variational", (16,), 17), r"Expected event_shape \(height, width, channels\), .*; got"),
        (lambda: noise.for_images((4, 4, 1), 17, num_couplings=0), "Expected num_couplings to be a positive integer"),
        (lambda: tfp_flows.Glow((4, 4, 1), 17, 1, 1, 4, dequantization="some"), "Expected dequantization to be one of"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
