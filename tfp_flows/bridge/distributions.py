"""TFP's transformed distributions: the class whose bijector is no composite tensor, which has no public name, and what
becomes of arguments that they do not know."""

import tensorflow_probability as tfp
from tensorflow_probability.python.distributions import transformed_distribution

# What `tfd.TransformedDistribution` makes around a bijector of ours, and what is to be subclassed for one.
PlainTransformedDistribution = tfp.distributions.TransformedDistribution.__bases__[0]
_DEFAULT = transformed_distribution._default_kwargs_split_fn


def refuse_context(distribution):
    """Lets a transformed distribution that takes no context refuse `context=`, which TFP ignores without a word.

    Args:
        distribution: `tfd.Distribution`; one that is not transformed, or sorts its arguments by itself, stays as it is.

    Example:
        >>> from tfp_flows.bridge.distributions import refuse_context
        >>> normal = tfp.distributions.Normal(0.0, 1.0)
        >>> distribution = tfp.distributions.TransformedDistribution(normal, tfp.bijectors.Scale(2.0))
        >>> float(distribution.log_prob(0.0, context=3.0)) == float(distribution.log_prob(0.0))
        True
        >>> refuse_context(distribution)
        >>> distribution.log_prob(0.0, context=3.0)
        Traceback (most recent call last):
        ValueError: Expected no context, for the distribution is not conditional; got one.
    """
    if isinstance(distribution, PlainTransformedDistribution) and distribution._kwargs_split_fn is _DEFAULT:
        distribution._kwargs_split_fn = _without_context


def _without_context(kwargs):
    if kwargs.get("context") is not None:
        raise ValueError("Expected no context, for the distribution is not conditional; got one.")
    return _DEFAULT(kwargs)
