"""Temperature: the base's samples drawn closer to its centre, z -> loc + temperature (z - loc).

Parmar et al. and Glow, arXiv:1807.03039, section 6, sample so, by p(z)^(1/T^2) of a Gaussian base. It means something
only for a base with a location and a scale.
"""

import tensorflow_probability as tfp

tfd = tfp.distributions

_LOCATION_SCALE = (
    tfd.Normal, tfd.Logistic, tfd.Laplace, tfd.MultivariateNormalDiag, tfd.MultivariateNormalTriL,
    tfd.MultivariateNormalLinearOperator,
)  # fmt: skip


def has_location_scale(base):
    """Whether a distribution is a location-scale family, or independent copies of one."""
    # By name: TFP makes Independent and Sample of a class of its own where a part is no composite tensor.
    if type(base).__name__.lstrip("_") in ("Independent", "Sample"):
        return has_location_scale(base.distribution)
    return isinstance(base, _LOCATION_SCALE)


def scale(base, z, temperature):
    """z (n, *event) drawn from the base -> z at the temperature."""
    loc = base.mean()
    return loc + temperature * (z - loc)
