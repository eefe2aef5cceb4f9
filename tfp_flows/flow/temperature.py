"""Temperature: the base's samples drawn closer to its centre, z -> loc + temperature (z - loc).

Parmar et al. and Glow, arXiv:1807.03039, section 6, sample so, by p(z)^(1/T^2) of a Gaussian base. It means something
only for a base with a location and a scale.
"""

import tensorflow_probability as tfp

from tfp_flows.bijectors.routing import context_options

tfd = tfp.distributions

_LOCATION_SCALE = (
    tfd.Normal, tfd.Logistic, tfd.Laplace, tfd.StudentT, tfd.Cauchy, tfd.MultivariateNormalDiag,
    tfd.MultivariateNormalTriL, tfd.MultivariateNormalLinearOperator,
)  # fmt: skip


def has_location_scale(base):
    """Whether samples can be scaled about a location: those of a location-scale family, of independent copies of one,
    or of what is pushed from either by bijectors, whose own base is then scaled."""
    return has_location_scale(base.distribution) if _is_pushed(base) else _is_location_scale(base)


def draw(base, n, seed, temperature, context=None):
    """Samples (n, *event) of a base at a temperature; where it has no location and scale at 1.

    Args:
        base: `tfd.Distribution`, itself pushed by bijectors or not.
        n: int or int tensor.
        seed: int32 tensor [2].
        temperature: scalar tensor of the base's dtype.
        context: what the networks of its bijectors are given, for n rows, or None.
    """
    if _is_pushed(base):
        z = draw(base.distribution, n, seed, temperature, context)
        return base.bijector.forward(z, **({} if context is None else context_options(base.bijector, context)))
    z = base.sample(n, seed=seed)
    if not _is_location_scale(base):
        return z
    # Heavy tails may have no mean.
    loc = base.mode()
    return loc + temperature * (z - loc)


def _is_pushed(base):
    # By its parts: TFP makes another class of it around a bijector that is no composite tensor. Multivariate normals
    # have the same parts.
    return hasattr(base, "bijector") and hasattr(base, "distribution") and not isinstance(base, _LOCATION_SCALE)


def _is_location_scale(base):
    # By name: TFP makes Independent and Sample of a class of its own where a part is no composite tensor.
    if type(base).__name__.lstrip("_") in ("Independent", "Sample"):
        return _is_location_scale(base.distribution)
    return isinstance(base, _LOCATION_SCALE)
