"""StandardizedContext: what a bijector is conditioned on, in standard units.

    forward:  y = f(x; (context - centre) exp(-log_unit))        inverse and log_det likewise

As cheap as f. Networks that see a context of scale 1e4 beside events of scale 1 see nothing else.
"""

from collections.abc import Sequence

import tensorflow as tf

from tfp_flows.bijectors.around_context import AroundContext
from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.initialization import Measured
from tfp_flows.numerics.tensors import check_shape


class StandardizedContext(Measured, AroundContext):
    """A bijector that is given its context in standard units.

    Its statistics are set as those of `Standardize`: by `Flow.fit` from all contexts that are trained on, or inside
    `tfp_flows.bijectors.initializing()` from those of the batch, in either direction.

    Args:
        bijector: `tfb.Bijector` that takes a context.
        context_shape: tuple (m,), of the context's last axes, whose elements have statistics of their own.
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

    _flag = "measured"

    def __init__(self, bijector: Bijector, context_shape: Sequence[int], name: str | None = None):
        shape = check_shape(context_shape, "context_shape")
        super().__init__(bijector, name=name)
        self._await_statistics(shape, bijector.dtype)

    def standardized(self, context: tf.Tensor) -> tf.Tensor:
        """A context (..., m) in standard units."""
        context = tf.cast(context, self.dtype)
        if self._is_due():
            self.measure(context)
        return (context - self.centre) * tf.exp(-self.log_unit)

    seen = standardized
