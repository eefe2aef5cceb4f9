"""The class of TFP's transformed distributions whose bijector is no composite tensor: it has no public name."""

import tensorflow_probability as tfp

# What `tfd.TransformedDistribution` makes around a bijector of ours, and what is to be subclassed for one.
PlainTransformedDistribution = tfp.distributions.TransformedDistribution.__bases__[0]
