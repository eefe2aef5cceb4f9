"""A callback that stops on a NaN, before it reaches the weights, and says in which layer it first appears."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows.bijectors.parts import visit_innermost
from tfp_flows.flow import context as contexts
from tfp_flows.numerics.tensors import as_array


class StopOnNaN(keras.callbacks.Callback):
    """Stops training at the first loss or gradient that is not finite, and names where it comes from.

    The flow is told to withhold updates from gradients that are not finite (`Flow.keep_weights_finite`), so that the
    weights are still those that produced the NaN when it is looked for: bijector by bijector on the events x, in
    data -> latent order, the innermost ones of whatever holds them, and then in the gradients. `culprit` keeps the
    sentence.

    Args:
        x: array of events (batch, *event_shape) to look with; None for samples of the flow itself.
        context: of those events or samples, where the flow is conditional: as in `Flow.log_prob`, for 64 samples.

    Example:
        >>> from tfp_flows.training import StopOnNaN
        >>> callback = StopOnNaN()
    """

    def __init__(self, x: ArrayLike | None = None, context: ArrayLike | None = None):
        super().__init__()
        self.x, self.context = x, context
        self.culprit = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        # A context that is missing would be found out only when it is needed, by an error in the place of the culprit.
        contexts.check(self.model, self.context)
        if not self.model.keep_weights_finite:
            self.model.keep_weights_finite = True
            # A step that is traced already would not know of it.
            self.model.make_train_function(force=True)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not np.isfinite(float(loss)):
            if self.model.objective.needs_data:
                x = self.model.sample(64, seed=0, context=self.context) if self.x is None else self.x
                self.culprit = find_culprit(self.model, x, self.context)
            else:
                self.culprit = find_culprit_of_samples(self.model, self.x, self.context)
            print(f"\nStopped at batch {batch}, for the loss or a gradient is not finite: {self.culprit}.")
            self.model.stop_training = True


def find_culprit(model, x, context=None):
    """One sentence that names the first weight, bijector or gradient that is not finite, with events x.

    Args:
        model: `tfp_flows.Flow`.
        x: events (batch, *event_shape).
        context: as in `Flow.log_prob`.
    """
    given = contexts.check(model, context, len(x))
    features = model.bijector_options(*(given or [None]))
    if (weight := _bad_weight(model)) is not None:
        return weight
    is_integer = tf.convert_to_tensor(x).dtype.is_integer
    if is_integer and not all(map(_is_finite, model.dequantization(x, seed=[0, 0], dtype=model.variable_dtype))):
        return "the noise of the dequantization or its log q is the first value that is not finite"
    y = _as_continuous(model, x)
    if model.can_encode and (bijector := _bad_bijector(model, "inverse", y, features)) is not None:
        return bijector
    with tf.GradientTape() as tape:
        nll = -tf.reduce_mean(model(_as_continuous(model, x), *(given or [None]), training=False))
    if not _is_finite(nll):
        return "every bijector is finite; the base's log_prob is not"
    return _bad_gradient(model, tape, nll) or (
        "everything is finite on the events that were tried; the batch itself holds what is not"
    )


def find_culprit_of_samples(model, x=None, context=None):
    """One sentence that names the first weight, sample, term of the objective or gradient that is not finite.

    Args:
        model: `tfp_flows.Flow`, compiled with an objective that draws its own samples.
        x: events that the objective compares samples with (batch, *event_shape); None for 64 samples without.
        context: as in `Flow.log_prob`, for as many samples.
    """
    if (weight := _bad_weight(model)) is not None:
        return weight
    n = 64 if x is None else len(x)
    x = None if x is None else tf.convert_to_tensor(x)
    given = next(iter(contexts.check(model, context, n)), None)
    seed = tf.constant([0, 0])
    with tf.GradientTape() as tape:
        samples, log_q = model.sample_and_log_prob(n, given, seed)
        for what, value in (("a sample", samples), ("the log_prob of a sample", log_q)):
            if not _is_finite(value):
                return _bad_sample(model, n, seed, given) or f"{what} is the first value that is not finite"
        try:
            model.objective.try_out(model, x, given, n)
        except ValueError as error:
            return str(error).rstrip(".")
        loss = tf.reduce_mean(model.objective(model, x, given, seed, training=False, num_samples=n))
    return _bad_gradient(model, tape, loss) or "everything is finite on the samples that were tried"


class _Found(Exception):
    """The search is over; its message is the sentence."""


def _bad_bijector(model, way, value, kwargs):
    """The first of the innermost bijectors whose output or log_det is not finite, in one sentence, or None."""
    side = "data" if way == "inverse" else "latent"

    def visit(number, bijector, places, image, log_det):
        # Of a chain's own parts the number says it all.
        places = "" if len(places) < 2 else f" in {', '.join(places)},"
        for what, values in (("output", image), ("log_det", log_det)):
            if not all(map(_is_finite, tf.nest.flatten(values))):
                where = f"of bijector {number} ({bijector.name!r}), counted from the {side},{places}"
                raise _Found(f"the {what} {where} is the first value that is not finite")

    try:
        visit_innermost(model.distribution.bijector, way, visit, value, **kwargs)
    except _Found as found:
        return str(found)
    return None


def _bad_sample(model, n, seed, context):
    """The same for samples, from the base to the data."""
    if not model.can_encode:
        return None
    features = model.bijector_options(context)
    return _bad_bijector(model, "forward", model.distribution.distribution.sample(n, seed=seed), features)


def _bad_weight(model):
    for weight in model.weights:
        if not _is_finite(weight):
            return f"weight {weight.path!r} is not finite"
    return None


def _bad_gradient(model, tape, loss):
    for weight, gradient in zip(model.trainable_variables, tape.gradient(loss, model.trainable_variables)):
        if gradient is not None and not _is_finite(gradient):
            return f"the gradient of weight {weight.path!r} is the first that is not finite"
    return None


def _as_continuous(model, x):
    x = tf.convert_to_tensor(x)
    return (
        model.dequantization.centre(x, dtype=model.variable_dtype)
        if x.dtype.is_integer
        else tf.cast(x, model.variable_dtype)
    )


def _is_finite(value):
    value = as_array(value)
    return value.dtype.kind != "f" or bool(np.isfinite(value).all())
