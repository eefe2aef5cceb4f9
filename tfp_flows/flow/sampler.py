"""How events of a flow are drawn: by its distribution, or by a sampler that a model brings beside it.

    default    z ~ base, scaled about its location by the temperature; x = bijector.forward(z)

A model whose samples are no single pass of a bijector (the solver of a differential equation, Langevin dynamics) gives
`Flow` a sampler of its own: `Flow.sample`, pictures and the served `sample` all ask it.
"""

from __future__ import annotations

import abc
import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import tensorflow as tf

from tfp_flows.bijectors import solving
from tfp_flows.flow import sharing
from tfp_flows.flow import temperature as temperatures
from tfp_flows.numerics import sentences
from tfp_flows.numerics.in_parts import in_parts

if TYPE_CHECKING:
    from tfp_flows.flow import Flow

_KIND = "sampling"
# Some tens of megabytes of a network's activations: of convolutions, whose maps are as large as the events, and of
# wide layers over events of few numbers.
SERVED_AT_ONCE, _ROWS_AT_ONCE = 2**20, 2**14


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

    def for_serving(self) -> Sampler:
        """The sampler of a served graph, which clients ask for any number of events; by default this one."""
        return self


class DistributionSampler(Sampler):
    """The distribution's own samples: of a transformed one, the base's at the temperature, pushed through the bijector.

    Args:
        numbers_at_once: int, of events' elements that go through the bijector together, for its networks' memory; None
            for all. What is drawn is the same.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.Flow(tfd.MultivariateNormalDiag([5.0, 0.0], [1.0, 1.0]))
        >>> flow.sample(1, seed=0, temperature=0.0).numpy().tolist()
        [[5.0, 0.0]]
    """

    def __init__(self, numbers_at_once: int | None = None):
        self.numbers_at_once = numbers_at_once

    def for_serving(self) -> Sampler:
        return DistributionSampler(SERVED_AT_ONCE) if self.numbers_at_once is None else self

    def __call__(self, flow: Flow, n: int, seed: tf.Tensor, temperature: float, context: tf.Tensor | None) -> tf.Tensor:
        z = temperatures.draw(flow.base, n, seed, temperature, context)
        if not flow.can_encode:
            return z
        push = functools.partial(sharing.push, flow)
        with solving(log_det=False, failure=_KIND):
            return push_in_parts(push, z, n, context, flow, self.numbers_at_once)


def push_in_parts(
    push: Callable, z: tf.Tensor, n: int, context: tf.Tensor | None, flow: Flow, numbers_at_once: int | None
) -> tf.Tensor:
    """Events of latents, no more of them at once than their elements are a number.

    Args:
        push: function of z (m, *latent_shape) and of a context (m, *context_shape), where there is one.
        z: tensor (n, *latent_shape).
        n: int tensor.
        context: tensor (n, *context_shape), or one for all, or None.
        flow: `tfp_flows.Flow`.
        numbers_at_once: int, or None for all.

    Returns:
        tensor (n, *event_shape).
    """
    if numbers_at_once is None:
        return push(z, *([] if context is None else [context]))
    given = [z]
    if context is not None:
        given.append(tf.broadcast_to(context, tf.concat([[n], tf.shape(context)[1:]], 0)))
    size = rows_at_once(flow, numbers_at_once)
    return tf.ensure_shape(in_parts(push, given, size), [None, *flow.event_shape])


def rows_at_once(flow, numbers_at_once=SERVED_AT_ONCE):
    """How many events go through a flow's networks together where memory is to be spared.

    Args:
        flow: `tfp_flows.Flow`.
        numbers_at_once: int, of events' elements.

    Example:
        >>> import tfp_flows
        >>> from tfp_flows.flow.sampler import rows_at_once
        >>> images = tfd.Sample(tfd.Normal(0.0, 1.0), (32, 32, 3))
        >>> rows_at_once(tfp_flows.Flow(images)), rows_at_once(tfp_flows.Flow(tfd.MultivariateNormalDiag([0.0, 0.0])))
        (341, 16384)
    """
    return min(max(numbers_at_once // math.prod(flow.event_shape), 1), _ROWS_AT_ONCE)


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
    return sentences.require(condition, sentence, values, _KIND)


def failures_in_a_sentence():
    """A context that turns what `require` raises into a `SamplingError`; it leaves every other error as it is."""
    return sentences.raising(SamplingError, _KIND)
