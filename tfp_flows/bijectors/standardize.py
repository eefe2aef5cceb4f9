"""Standardize: the data's own mean and standard deviation taken out, once and for all. Nothing of it is trained.

    forward:  y = x exp(log_unit) + centre
    inverse:  x = (y - centre) exp(-log_unit)
    log_det (forward) = (number of positions) sum log_unit

What follows it learns in standard units, whatever the unit of the data. Both directions are cheap. What
Papamakarios, Pavlakou and Murray, arXiv:1705.07057, do to data beforehand (appendix D), as a bijector: densities stay
those of the data as they come.
"""

from collections.abc import Sequence

import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.increasing import Increasing
from tfp_flows.bijectors.initialization import Measured
from tfp_flows.numerics.tensors import check_shape, floatx, is_positive_integer, require_event_shape, size_of


class Standardize(Increasing, Measured, Bijector):
    """Fixed statistics of the data, the first bijector of every named model of continuous data.

    The identity at first. `Flow.fit` sets it, where it stands first in the flow's bijector, from all of the data that
    are trained on, in float64; inside `tfp_flows.bijectors.initializing()` it sets itself, once, from the batch that
    passes towards the latent. In the other direction, where samples say nothing of the data, it stays the identity.
    A feature that is constant is centred and keeps its unit.

    Args:
        shape: tuple of ints, the last axes of the event that have statistics of their own: (n,) for the columns of a
            table, (channels,) for images, () for one mean and one standard deviation of all.
        event_ndims: int, 1 for vectors, 3 for images; at least the rank of `shape`.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where the shape or event_ndims is not of positive integers, or the shape is of more axes.

    Example:
        >>> from tfp_flows import bijectors
        >>> standardize = bijectors.Standardize((2,))
        >>> with bijectors.initializing():
        ...     z = standardize.inverse(tf.constant([[1e6, 1e-6], [3e6, 5e-6]]))
        >>> z.numpy().round(3).tolist()
        [[-1.0, -1.0], [1.0, 1.0]]
    """

    _flag = "measured"

    def __init__(
        self,
        shape: Sequence[int],
        event_ndims: int = 1,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        dtype = floatx(dtype)
        shape = check_shape(shape, "shape")
        if not is_positive_integer(event_ndims):
            raise ValueError(f"Expected event_ndims to be a positive integer; got {event_ndims!r}.")
        if len(shape) > event_ndims:
            raise ValueError(f"Expected shape to be of at most event_ndims={event_ndims} axes; got {shape}.")
        super().__init__(event_ndims, dtype=dtype, is_constant_jacobian=True, name=name)
        self._await_statistics(shape, dtype)

    def _forward_and_log_det(self, x):
        self._require_shape(x)
        if self._is_due():
            self.set_statistics(self.centre, self.log_unit)
        return x * tf.exp(self.log_unit) + self.centre, self._log_det(x)

    def _inverse_and_log_det(self, y):
        self._require_shape(y)
        if self._is_due():
            self.measure(y)
        return (y - self.centre) * tf.exp(-self.log_unit), -self._log_det(y)

    def _require_shape(self, values):
        if self.shape:
            require_event_shape(values, self.shape, f"the last axes of {self.name!r}")

    def _log_det(self, x):
        end = x.shape.rank - len(self.shape)
        return size_of(x, x.shape.rank - self.forward_min_event_ndims, end) * tf.reduce_sum(self.log_unit)
