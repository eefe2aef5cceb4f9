"""StandardizedContext: what a bijector is conditioned on, in standard units.

    forward:  y = f(x; (context - centre) exp(-log_unit))        inverse and log_det likewise

As cheap as f. Networks that see a context of scale 1e4 beside events of scale 1 see nothing else.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.around import Around
from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.initialization import Measured
from tfp_flows.bijectors.routing import takes_context
from tfp_flows.bijectors.step import Step, walk
from tfp_flows.bridge.monotone import is_increasing
from tfp_flows.numerics.tensors import check_shape


class StandardizedContext(Around, Measured, Bijector):
    """A bijector that is given its context in standard units.

    Its statistics are set as those of `Standardize`: by `Flow.fit` from all contexts that are trained on, or inside
    `tfp_flows.bijectors.initializing()` from those of the batch, in either direction.

    Args:
        bijector: `tfb.Bijector` that takes a context.
        context_shape: tuple (m,) of the context, whose columns have statistics of their own.
        name: str or None.

    Raises:
        ValueError: where the bijector takes no context or the shape is none of positive integers.

    Example:
        >>> from tfp_flows import bijectors, masks, networks
        >>> coupling = bijectors.AffineCoupling(masks.half(4), networks.MLP(4, context_shape=(1,)))
        >>> given = bijectors.StandardizedContext(coupling, (1,))
        >>> with bijectors.initializing():
        ...     z = given.inverse(tf.ones([2, 4]), context=tf.constant([[1e4], [3e4]]))
        >>> given.standardized(tf.constant([[1e4], [3e4]])).numpy().round(3).tolist()
        [[-1.0], [1.0]]
    """

    overrides = ("_parameter_properties",)
    _flag = "measured"
    takes_context = True

    def __init__(self, bijector: Bijector, context_shape: Sequence[int], name: str | None = None):
        shape = check_shape(context_shape, "context_shape")
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
        self._await_statistics(shape, bijector.dtype)

    def standardized(self, context: tf.Tensor) -> tf.Tensor:
        """A context (..., m) in standard units."""
        context = tf.cast(context, self.dtype)
        if self._is_due():
            self.measure(context)
        return (context - self.centre) * tf.exp(-self.log_unit)

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
        return {} if context is None else {"context": self.standardized(context)}
