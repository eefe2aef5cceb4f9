"""Given: a conditional bijector with its context, whose batch shape is that of the contexts.

    forward:  y = f(x; context)         inverse and log_det likewise

Events and contexts are broadcast together, both ways. As cheap as f.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.around import Around
from tfp_flows.bijectors.around_context import AroundContext
from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.routing import context_options, takes_context
from tfp_flows.bijectors.step import Step, walk

tfb = tfp.bijectors


class Given(Around, Bijector):
    """A bijector that is given its context once and for all.

    Args:
        bijector: `tfb.Bijector` that takes a context.
        context: floating tensor (*batch, *context_shape).
        context_ndims: int, rank of one context.
        is_valid: bool tensor (*batch,), False where what comes of a context is to be NaN; None where all are valid.
        name: str or None.

    Raises:
        ValueError: where the bijector takes no context, or the events' batch does not go with that of the contexts.

    Example:
        >>> from tfp_flows import bijectors, masks, networks
        >>> coupling = bijectors.AffineCoupling(masks.half(4), networks.MLP(4, context_shape=(3,)))
        >>> given = bijectors.Given(coupling, tf.ones([5, 3]))
        >>> given.forward(tf.ones([4])).shape.as_list(), given.experimental_batch_shape()
        ([5, 4], TensorShape([5]))
    """

    overrides = ("_batch_shape", "_batch_shape_tensor", "_parameter_properties")

    def __init__(
        self,
        bijector: tfb.Bijector,
        context: tf.Tensor,
        context_ndims: int = 1,
        is_valid: tf.Tensor | None = None,
        name: str | None = None,
    ):
        if not takes_context(bijector):
            raise ValueError(f"Expected a bijector that takes a context; got {type(bijector).__name__}.")
        super().__init__(
            event_ndims=bijector.forward_min_event_ndims,
            inverse_event_ndims=bijector.inverse_min_event_ndims,
            dtype=bijector.dtype,
            name=name,
        )
        self.bijector = bijector
        self.context = tf.convert_to_tensor(context)
        self.context_ndims = context_ndims
        self.is_valid = is_valid

    def _forward_and_log_det(self, x, **kwargs):
        return self._joint("forward", x, kwargs)

    def _inverse_and_log_det(self, y, **kwargs):
        return self._joint("inverse", y, kwargs)

    def _joint(self, way, value, kwargs):
        ndims = getattr(self, f"{way}_min_event_ndims")
        value, batch = self._for_each(value, ndims)
        bijector, context, rank = self.bijector, self.context, self.context_ndims
        while isinstance(bijector, AroundContext):
            # What is made of a context is made of each once, however many events there are.
            seen = bijector.seen(context)
            bijector, context, rank = bijector.bijector, seen, rank + seen.shape.rank - context.shape.rank
        one = context.shape[context.shape.rank - rank :]
        context = tf.broadcast_to(context, tf.concat([batch, tf.shape(context)[context.shape.rank - rank :]], 0))
        # A static shape, where it is known, that the sum of shapes lost.
        context.set_shape([*value.shape[: value.shape.rank - ndims], *one])
        options = {**context_options(bijector, context), **kwargs}
        image, log_det = walk([Step(bijector, way, ndims)], value, {bijector.name: options})
        if self.is_valid is None:
            return image, log_det
        nan = lambda v: tf.constant(float("nan"), v.dtype)
        beside = tf.reshape(self.is_valid, tf.concat([tf.shape(self.is_valid), [1] * self._image_ndims(way)], 0))
        return tf.where(beside, image, nan(image)), tf.where(self.is_valid, log_det, nan(log_det))

    def _image_ndims(self, way):
        return self.inverse_min_event_ndims if way == "forward" else self.forward_min_event_ndims

    def _for_each(self, value, ndims):
        """The events, one for each of both batches broadcast together, and the shape of that."""
        own, static = tf.shape(value), value.shape
        batch, event = own[: static.rank - ndims], own[static.rank - ndims :]
        others = self.experimental_batch_shape()
        try:
            known = tf.broadcast_static_shape(static[: static.rank - ndims], others)
        except ValueError:
            raise ValueError(
                f"Expected events whose batch shape goes with that of the contexts, {tuple(others)}; got "
                f"{tuple(static[: static.rank - ndims])}."
            ) from None
        if known.is_fully_defined() and known == static[: static.rank - ndims]:
            return value, tf.constant(known.as_list(), tf.int32)
        batch = tf.broadcast_dynamic_shape(batch, self.experimental_batch_shape_tensor())
        value = tf.broadcast_to(value, tf.concat([batch, event], 0))
        value.set_shape([*known, *static[static.rank - ndims :]])
        return value, batch

    @classmethod
    def _parameter_properties(cls, dtype):
        # What a slice of a batch of contexts is cut from.
        return {
            "context": tfp.util.ParameterProperties(event_ndims=lambda self, x_event_ndims: self.context_ndims),
            "is_valid": tfp.util.ParameterProperties(event_ndims=0),
        }

    def _batch_shape(self, x_event_ndims):
        return self.context.shape[: self.context.shape.rank - self.context_ndims]

    def _batch_shape_tensor(self, x_event_ndims):
        return tf.shape(self.context)[: self.context.shape.rank - self.context_ndims]
