"""Where a flow has no density: log_prob is -inf there and never NaN, and no other event of the batch is changed by it.

    integer data     an event with an element outside [0, num_bins), whose floor is none of the levels; what little the
                     distribution itself has there is the price of its shape (see `Logit`, or a Gaussian on [-1/2, 1/2])
    any other        where log_prob is NaN, of an event and a context that are none, under weights that are finite: what
                     a bijector or a base says beyond its bounds, or infinity minus infinity on one of them

NaN stays what it is for NaN events and contexts, and where a weight is NaN or infinite.
Training sees the distribution as it is: noise keeps integers in their bins, and a student may leave them for a while.
"""

import numpy as np
import tensorflow as tf


def on_support(flow, x, context, log_prob):
    """log_prob of events, -inf where the flow has no density.

    Args:
        flow: `tfp_flows.Flow`.
        x: tensor (batch, *event), integers or floats.
        context: tensor (batch, ...), or None.
        log_prob: function of x that gives its log density (batch,).

    Returns:
        tensor (batch,), nats.
    """
    # Gaussian noise knows no bounds.
    bins = flow.scored_bins if x.dtype.is_floating else flow.num_bins
    if bins is None:
        return _without_nan(flow, x, context, log_prob(x))
    # Written so that NaN is not outside; and in integers that hold the number of levels: 256 is 0 in uint8.
    values = x if x.dtype.is_floating else tf.cast(x, tf.int64)
    outside = tf.reduce_any((values < 0) | (values >= tf.cast(bins, values.dtype)), axis=_event_axes(flow))
    # What would be NaN is not even computed: an event of zeros takes its place, and gradients stay finite.
    kept = tf.where(_beside(outside, flow), tf.zeros_like(x), x)
    values = _without_nan(flow, kept, context, log_prob(kept))
    return tf.where(outside, tf.constant(-np.inf, values.dtype), values)


def within_bins(flow, x):
    """Samples of a flow of integers, those beyond the first or last level moved onto it; of others as they are.

    Args:
        flow: `tfp_flows.Flow`.
        x: floating tensor (n, *event).
    """
    if flow.num_bins is None:
        return x
    # The last number below in float32, which is what is served: its floor is the highest level.
    top = np.nextafter(np.float32(flow.num_bins), np.float32(0))
    return tf.clip_by_value(x, tf.zeros([], x.dtype), tf.constant(top, x.dtype))


def _without_nan(flow, x, context, values):
    nan = tf.math.is_nan(values)
    if x.dtype.is_floating:
        nan &= ~tf.reduce_any(tf.math.is_nan(x), axis=_event_axes(flow))
    if context is not None and context.dtype.is_floating:
        nan &= ~tf.reduce_any(tf.math.is_nan(context), axis=list(range(1, context.shape.rank)))
    # The weights are read only where there is a NaN to explain.
    empty = tf.cond(tf.reduce_any(nan), lambda: nan & _has_finite_weights(flow), lambda: nan)
    return tf.where(empty, tf.constant(-np.inf, values.dtype), values)


def _has_finite_weights(flow):
    variables = [v for v in flow.distribution.variables if v.dtype.is_floating]
    return tf.reduce_all([tf.reduce_all(tf.math.is_finite(v)) for v in variables] or [True])


def _event_axes(flow):
    return list(range(1, 1 + len(flow.event_shape)))


def _beside(rows, flow):
    return tf.reshape(rows, [-1] + [1] * len(flow.event_shape))
