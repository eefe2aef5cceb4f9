"""The functions of a flow, traced once each.

A traced function has a tensor of its own for each argument, so that TFP's cache, which goes by tensor identity, can
never answer from before a training step.
"""

import functools

import keras
import tensorflow as tf

from tfp_flows.bijectors import solving
from tfp_flows.bridge.traces import traced
from tfp_flows.flow import sharing, support
from tfp_flows.flow.context import void_unknown


class CompiledFunctions:
    """log_prob, sample, encode and decode of a flow, each a `tf.function`.

    Args:
        flow: `tfp_flows.Flow`.
    """

    def __init__(self, flow):
        @functools.partial(traced, reduce_retracing=True)
        def log_prob(x, context=None):
            density = lambda x: sharing.density(flow, x, context)
            return void_unknown(flow, context, support.on_support(flow, x, context, density))

        @functools.partial(traced, reduce_retracing=True)
        def sample(n, seed, t, context=None):
            return draw(flow, flow.sampler, n, seed, t, context)

        @functools.partial(traced, reduce_retracing=True)
        def encode(x, context=None):
            with solving(log_det=False):
                z = flow.distribution.bijector.inverse(tf.identity(x), **flow.bijector_options(context))
            return void_unknown(flow, context, z)

        @functools.partial(traced, reduce_retracing=True)
        def decode(z, context=None):
            with solving(log_det=False):
                x = sharing.push(flow, z, None if context is None else flow.features(context))
            return void_unknown(flow, context, x)

        self.log_prob, self.sample, self.encode, self.decode = log_prob, sample, encode, decode


def draw(flow, sampler, n, seed, temperature, context=None):
    """Events of a sampler, those of integers within their bins; NaN of labels that are none of the classes'."""
    x = sampler(flow, n, seed, temperature, None if context is None else flow.features(context))
    return void_unknown(flow, context, support.within_bins(flow, x))


class Draw(keras.layers.Layer):
    """A call of a flow's networks that draws where the flow's own call scores.

    As a Keras layer around the flow: `training` reaches its networks, and what they add as losses is that of this call.

    Args:
        flow: `tfp_flows.Flow`.
    """

    def __init__(self, flow):
        super().__init__(dtype=flow.variable_dtype, autocast=False, name="draw")
        self.flow = flow
        self.built = True

    def call(self, n, seed, context=None, training=None):
        """(events, their log_prob), from a seed."""
        options = self.flow.options(context)
        drawn = self.flow.distribution.experimental_sample_and_log_prob(n, seed=seed, **options)
        return tuple(void_unknown(self.flow, context, values) for values in drawn)
