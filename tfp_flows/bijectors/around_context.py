"""Bijectors around another one, which change what it is conditioned on and nothing else."""

import abc
from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.around import Around
from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.routing import takes_context
from tfp_flows.bijectors.step import Step, walk
from tfp_flows.bridge.monotone import is_increasing


class AroundContext(Around, Bijector):
    """The base class: y = f(x; seen(context)).

    Args:
        bijector: `tfb.Bijector` that takes a context.
        name: str or None.

    Raises:
        ValueError: where the bijector takes no context.
    """

    overrides = ("_parameter_properties",)
    takes_context = True

    def __init__(self, bijector: Bijector, name: str | None = None):
        if not takes_context(bijector):
            raise ValueError(f"Expected a bijector that takes a context; got {type(bijector).__name__}.")
        super().__init__(
            event_ndims=bijector.forward_min_event_ndims,
            inverse_event_ndims=bijector.inverse_min_event_ndims,
            dtype=bijector.dtype,
            is_constant_jacobian=bijector.is_constant_jacobian,
            name=name,
        )
        self.bijector = bijector

    @abc.abstractmethod
    def seen(self, context: tf.Tensor) -> tf.Tensor:
        """What the bijector is given for a context (*batch, *context_shape)."""

    def walk_parts(
        self, way: str, step: Callable, value: tf.Tensor, /, context: tf.Tensor | None = None, **kwargs
    ) -> tf.Tensor | None:
        return step(self.bijector, way, f"the inside of {self.name!r}", value, **self._options(context), **kwargs)

    def _forward_and_log_det(self, x, context=None, **kwargs):
        return self._joint("forward", x, context, kwargs)

    def _inverse_and_log_det(self, y, context=None, **kwargs):
        return self._joint("inverse", y, context, kwargs)

    def _joint(self, way, value, context, kwargs):
        step = Step(self.bijector, way, getattr(self, f"{way}_min_event_ndims"))
        return walk([step], value, {**self._options(context), **kwargs})

    def _is_increasing(self, context=None, **kwargs):
        return is_increasing(self.bijector, **self._options(context), **kwargs)

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"bijector": tfp.util.BatchedComponentProperties(event_ndims=lambda self, x_event_ndims: x_event_ndims)}

    def _options(self, context):
        return {} if context is None else {"context": self.seen(context)}
