"""The four functions of a flow, traced once each.

A traced function has a tensor of its own for each argument, so that TFP's cache, which goes by tensor identity, can
never answer from before a training step.
"""

import tensorflow as tf

from tfp_flows.flow import temperature


class CompiledFunctions:
    """log_prob, sample, encode and decode of a flow, each a `tf.function`.

    Args:
        flow: `tfp_flows.Flow`.
    """

    def __init__(self, flow):
        @tf.function(reduce_retracing=True)
        def log_prob(x, context=None):
            return flow.distribution.log_prob(tf.identity(x), **flow._kwargs(context))

        @tf.function(reduce_retracing=True)
        def sample(n, seed, t, context=None):
            if not flow.can_encode:
                return temper(flow.distribution.sample(n, seed=seed), t)
            z = temper(flow.distribution.distribution.sample(n, seed=seed), t)
            return flow.distribution.bijector.forward(z, **bijector_kwargs(context))

        @tf.function(reduce_retracing=True)
        def encode(x, context=None):
            return flow.distribution.bijector.inverse(tf.identity(x), **bijector_kwargs(context))

        @tf.function(reduce_retracing=True)
        def decode(z, context=None):
            return flow.distribution.bijector.forward(tf.identity(z), **bijector_kwargs(context))

        def temper(z, t):
            return temperature.scale(flow._base, z, t) if flow.can_scale_temperature else z

        def bijector_kwargs(context):
            return flow._kwargs(context).get("bijector_kwargs", {})

        self.log_prob, self.sample, self.encode, self.decode = log_prob, sample, encode, decode
