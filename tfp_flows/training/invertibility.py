"""A callback that checks that the flow is still a bijection: round-trip error and consistency of the log_dets."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows.bridge.traces import traced
from tfp_flows.flow import Flow
from tfp_flows.flow import context as contexts


class InvertibilityCheck(keras.callbacks.Callback):
    """Every n epochs adds to the log how far the two directions are from being each other's inverses.

    * `round_trip_error`: the largest |decode(encode(x)) - x| / max(1, |x|);
    * `log_det_error`: the largest |log_det(forward) + log_det(inverse)| / max(1, |log_det|).

    TFP's cache would answer both without computing anything: tensor identity is broken between the directions.

    Args:
        x: array of events (batch, *event_shape), integers for a flow that dequantizes.
        every: int, epochs between checks.
        tolerance: float or None: training stops where an error is above it or is NaN.
        context: of those events, where the flow is conditional, as in `Flow.log_prob`.

    Raises:
        ValueError: where every is no positive integer.

    Example:
        >>> from tfp_flows.training import InvertibilityCheck
        >>> callback = InvertibilityCheck(np.zeros([8, 2], "float32"), every=5, tolerance=1e-3)
    """

    def __init__(self, x: ArrayLike, every: int = 1, tolerance: float | None = None, context: ArrayLike | None = None):
        super().__init__()
        if not isinstance(every, int) or every < 1:
            raise ValueError(f"Expected every to be a positive integer; got {every!r}.")
        self.x, self.every, self.tolerance, self.context = x, every, tolerance, context

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if (epoch + 1) % self.every:
            return
        errors = invertibility_errors(self.model, self.x, self.context)
        if logs is not None:
            logs.update(errors)
        if self.tolerance is not None and not all(error <= self.tolerance for error in errors.values()):
            print(f"Epoch {epoch + 1}: the flow is no longer invertible within {self.tolerance}: {errors}; stopping.")
            self.model.stop_training = True


def invertibility_errors(model: Flow, x: ArrayLike, context: ArrayLike | None = None) -> dict[str, float]:
    """The two errors of `InvertibilityCheck` on events x, given their context, as a dict of floats.

    Raises:
        ValueError: where the distribution has no bijector.
    """
    z = model.encode(x, context=context)
    given = contexts.check(model, context, len(x))
    bijector = model.distribution.bijector
    ndims = len(model.event_shape)

    # Traced: inside a function each argument is a tensor of its own, unknown to the cache.
    @traced
    def both_ways(z):
        kwargs = model.bijector_options(*(given or [None]))
        back = bijector.forward(tf.identity(z), **kwargs)
        forward = bijector.forward_log_det_jacobian(tf.identity(z), event_ndims=len(model.latent_shape), **kwargs)
        inverse = bijector.inverse_log_det_jacobian(tf.stop_gradient(tf.identity(back)), event_ndims=ndims, **kwargs)
        return back, forward, inverse

    back, forward, inverse = (np.asarray(t, np.float64) for t in both_ways(z))
    events = np.asarray(x, np.float64)
    if np.issubdtype(np.asarray(x).dtype, np.integer):
        events = np.asarray(model.dequantization.centre(x), np.float64)
    return {
        "round_trip_error": float(np.max(np.abs(back - events) / np.maximum(1, np.abs(events)))),
        "log_det_error": float(np.max(np.abs(forward + inverse) / np.maximum(1, np.abs(forward)))),
    }
