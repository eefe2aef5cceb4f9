"""What TFP makes where it slices a bijector, `bijector[...]` and `distribution[0]`: one from the same arguments."""

from tensorflow_probability.python.internal import slicing

from tfp_flows.bridge.overrides import Overrides

# Where a slice keeps what it was cut from, and how; TFP sets it on each that it has made.
_PROVENANCE = slicing.PROVENANCE_ATTR


class Sliced(Overrides):
    """Mix-in for a `tfb.Bijector`: `self._take_over(origin)` is called on each slice once it is made.

    A bijector of parts names them in `_parameter_properties`, as TFP's compositions do: they are sliced where one of
    them has a batch shape.
    """

    overrides = ("_broadcast_parameters_with_batch_shape",)

    def _broadcast_parameters_with_batch_shape(self, batch_shape, x_event_ndims):
        # Of a batch of distributions around one bijector each has that bijector, with its variables and no copies.
        if self.experimental_batch_shape(x_event_ndims=x_event_ndims).rank == 0:
            return self
        return super()._broadcast_parameters_with_batch_shape(batch_shape, x_event_ndims)


def _set(self, provenance):
    object.__setattr__(self, "_cut_from", provenance)
    self._take_over(provenance[0])


def _get(self):
    return self._cut_from


setattr(Sliced, _PROVENANCE, property(_get, _set))
