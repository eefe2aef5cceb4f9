"""What the models of continuous time share: a velocity field in standard units, and what trains it.

data -> standard units -> Continuous(velocity network) -> normal
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors import Chain, Continuous, Standardize
from tfp_flows.dynamics import Solver
from tfp_flows.flow.context import void_unknown
from tfp_flows.flow.flow import Flow
from tfp_flows.models.blocks import noise
from tfp_flows.models.blocks.conditioning import networks_context_shape, standardized
from tfp_flows.models.blocks.precision import choose_dtype, of_networks
from tfp_flows.models.blocks.preprocessing import to_reals
from tfp_flows.networks import TimeMLP
from tfp_flows.numerics.tensors import as_tuple, check_shape

tfd = tfp.distributions

# Arguments that are sequences of ints, or one int.
_SEQUENCES = ("event_shape", "hidden_units", "context_shape", "integer_columns")


class ContinuousFlow(Flow):
    """A normal pushed along a velocity field. Abstract: see `tfp_flows.CNF`, `FlowMatching` and `ScoreSDE`.

    These are the arguments that all of them take.

    Args:
        event_shape: tuple (n,).
        num_bins: int, levels of integer data, which is dequantized uniformly; None for continuous data.
        hidden_units: sequence of ints, or one, of the `networks.TimeMLP`.
        activation: "swish", "tanh" or "softplus".
        num_frequencies: int, sines and cosines of the time that the network sees.
        context_shape: tuple (m,) for p(x given a vector), which is the context; None for none.
        num_classes: int for p(x given class), whose labels are the context; None for none.
        solver: "dormand_prince", or with num_steps "euler", "midpoint", "heun" or "rk4".
        num_steps: int, of one length; None for steps by tolerance.
        rtol, atol: floats > 0, the tolerances.
        trace: "exact", or "rademacher" or "gaussian" for Hutchinson's estimate of the divergence.
        num_probes: int, of the estimate.
        integer_columns: ints, from 0, the columns of continuous data that hold whole numbers, see
            `dequantization.IntegerColumns`; None for none.
        preprocessing: "standard", "quantiles" or "auto", see `tfp_flows.MAF`.
        seed: int, also of the probes.
        name: str or None.
        dtype: "float32" or "float64", what all is computed in; None for Keras' `floatx`.

    Raises:
        ValueError: for an event shape that is no vector's, sizes that are no positive integers, an unknown solver,
            activation or trace, or both a context_shape and num_classes.
    """

    def __init__(self, given: dict, wrap=lambda network: network, base_scale=1.0, times=(0.0, 1.0), sampler=None):
        name = given["name"]
        given = {key: value for key, value in given.items() if key not in ("self", "__class__", "name")}
        given |= {key: as_tuple(given[key]) for key in _SEQUENCES if given[key] is not None}
        shape = check_shape(given["event_shape"])
        if len(shape) != 1:
            raise ValueError(f"Expected event_shape (n,); got {shape}.")
        dtype = given["dtype"] = choose_dtype(given["dtype"])
        context_shape, num_classes, num_bins = given["context_shape"], given["num_classes"], given["num_bins"]
        network = TimeMLP(
            *shape, given["hidden_units"], given["activation"], given["num_frequencies"],
            context_shape=networks_context_shape(context_shape, num_classes), dtype=of_networks(dtype),
        )  # fmt: skip
        if num_bins is None:
            first = to_reals(shape, None, dtype=dtype, kind=given["preprocessing"])
        else:
            # The levels of all elements are one scale.
            first = [Standardize((), len(shape), dtype=dtype)]
        solver = Solver(given["solver"], given["num_steps"], given["rtol"], given["atol"])
        continuous = Continuous(
            wrap(network), shape, solver, given["trace"], given["num_probes"], given["seed"], times, dtype
        )
        inner = continuous if context_shape is None else standardized(continuous, context_shape)
        first = Chain(first)
        base = tfd.Independent(tfd.Normal(tf.zeros(shape, dtype), tf.constant(base_scale, dtype)), len(shape))
        super().__init__(
            tfd.TransformedDistribution(base, Chain([first, inner])),
            dequantization=noise.uniform(shape, num_bins, given["integer_columns"]),
            seed=given["seed"],
            num_classes=num_classes,
            name=name,
            sampler=sampler,
        )
        self._first, self._inner, self.continuous = first, inner, continuous
        self._arguments = given

    def at_the_field(
        self, x: tf.Tensor, context: tf.Tensor | None, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Events and contexts as the velocity field meets them: with noise, in standard units.

        Args:
            x: events (batch, *event_shape), integers where the flow dequantizes.
            context: what the flow is conditioned on, or None.
            seed: int32 tensor [2], of the noise.
        """
        _, (x, _), context = self.scored_at_the_field(x, context, seed)
        return x, context

    def scored_at_the_field(
        self, x: tf.Tensor, context: tf.Tensor | None, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor], tf.Tensor | None]:
        """As `at_the_field`, with the noise's log q, (batch,) or 0, and the log_det of the way there."""
        x, log_q = self.dequantized(x, seed)
        # A new tensor: TFP answers from its cache for one that it has met.
        x = tf.identity(void_unknown(self, context, x))
        y = self._first.inverse(x)
        log_det = self._first.inverse_log_det_jacobian(x, event_ndims=len(self.event_shape))
        return log_q, (y, log_det), self.context_at_the_field(None if context is None else self.features(context))

    def context_at_the_field(self, context: tf.Tensor | None) -> tf.Tensor | None:
        """What the network sees of a context, vectors or one-hot labels: in standard units where it is a vector."""
        is_plain = context is None or self._inner is self.continuous
        return context if is_plain else self._inner.standardized(context)

    def from_the_field(self, x: tf.Tensor) -> tf.Tensor:
        """Events (batch, *event_shape) in standard units as they are in the data's."""
        return self._first.forward(tf.identity(x))
