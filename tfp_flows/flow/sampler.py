"""How events of a flow are drawn: by its distribution, or by a sampler that a model brings beside it.

    default    z ~ base, scaled about its location by the temperature; x = bijector.forward(z)

A model whose samples are no single pass of a bijector (the solver of a differential equation, Langevin dynamics) gives
`Flow` a sampler of its own: `Flow.sample`, pictures and the served `sample` all ask it.
"""

from __future__ import annotations

import abc
import contextlib
from typing import TYPE_CHECKING

import tensorflow as tf

from tfp_flows.flow import temperature as temperatures

if TYPE_CHECKING:
    from tfp_flows.flow import Flow

# What tells a sampler's own failure from others in TensorFlow's message, which is full of names of ops.
_OPEN, _CLOSE = "<sampling> ", " </sampling>"


class SamplingError(RuntimeError):
    """A sampler failed while it ran: its solver did not converge, for example. The sentence says what was expected."""


class Sampler(abc.ABC):
    """Draws events of a flow, in TensorFlow's operations, as a function of the seed.

    Example:
        >>> import tfp_flows
        >>> class Clipped(tfp_flows.flow.Sampler):
        ...     def __call__(self, flow, n, seed, temperature, context):
        ...         x = tfp_flows.flow.DistributionSampler()(flow, n, seed, temperature, context)
        ...         return tf.clip_by_value(x, -1.0, 1.0)
        >>> base = tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
        >>> bool(tf.reduce_max(tfp_flows.Flow(base, sampler=Clipped()).sample(100, seed=0)) == 1.0)
        True
    """

    @abc.abstractmethod
    def __call__(self, flow: Flow, n: int, seed: tf.Tensor, temperature: float, context: tf.Tensor | None) -> tf.Tensor:
        """Events (n, *event_shape).

        Args:
            flow: `tfp_flows.Flow`.
            n: int tensor.
            seed: int32 tensor [2].
            temperature: scalar tensor of the flow's dtype; 1 where the sampler cannot scale it.
            context: what the networks are given, (n, *context_shape) or None.
        """

    def can_scale_temperature(self, flow: Flow) -> bool:
        """Whether it draws at other temperatures than 1."""
        return flow.has_location_scale_base


class DistributionSampler(Sampler):
    """The distribution's own samples: of a transformed one, the base's at the temperature, pushed through the bijector.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.Flow(tfd.MultivariateNormalDiag([5.0, 0.0], [1.0, 1.0]))
        >>> flow.sample(1, seed=0, temperature=0.0).numpy().tolist()
        [[5.0, 0.0]]
    """

    def __call__(self, flow: Flow, n: int, seed: tf.Tensor, temperature: float, context: tf.Tensor | None) -> tf.Tensor:
        z = flow.base.sample(n, seed=seed)
        if flow.has_location_scale_base:
            z = temperatures.scale(flow.base, z, temperature)
        if not flow.can_encode:
            return z
        return flow.distribution.bijector.forward(z, **({} if context is None else {"context": context}))


def require(condition, sentence, values=()):
    """Lets sampling fail with a sentence where a condition does not hold, in eager code, in graphs and when served.

    XLA ignores it on devices that cannot stop.

    Args:
        condition: scalar bool tensor.
        sentence: str, "Expected ...; got {}.", with a pair of braces for each value.
        values: sequence of tensors.

    Returns:
        The operation, for `tf.control_dependencies`; in eager code it has run.

    Raises:
        SamplingError: out of `Flow.sample`, with the sentence.

    Example:
        >>> from tfp_flows.flow import sampler
        >>> sampler.require(tf.constant(True), "Expected at most {} steps; got more.", [100])
    """
    return tf.debugging.Assert(condition, [tf.strings.format(_OPEN + sentence + _CLOSE, tuple(values))], summarize=1)


@contextlib.contextmanager
def failures_in_a_sentence():
    """Turns what `require` raises into a `SamplingError` with its sentence; leaves every other error as it is."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        _, found, rest = error.message.partition(_OPEN)
        if not found:
            raise
        raise SamplingError(rest.partition(_CLOSE)[0]) from error
