"""What several signatures of a SavedModel have in common, traced once and called by each of them.

    density   log_prob, score, score_with_noise      the distribution's log_prob
    push      sample, decode                         the bijector's forward

Without it each has its own copy of the networks: exports take longer, files are larger, and a server holds all copies.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import TYPE_CHECKING

import tensorflow as tf

from tfp_flows.bijectors import Continuous
from tfp_flows.bijectors.routing import context_options
from tfp_flows.bijectors.solving import current
from tfp_flows.bridge.traces import traced

if TYPE_CHECKING:
    from tfp_flows.flow import Flow

_shared = contextvars.ContextVar("tfp_flows_shared", default=None)


@contextlib.contextmanager
def shared(flow: Flow) -> Iterator[None]:
    """Within it, what is traced of a flow calls one function for its density and one for the way from the latent.

    Args:
        flow: `tfp_flows.Flow`.
    """
    token = _shared.set((flow, {}))
    try:
        yield
    finally:
        _shared.reset(token)


def density(
    flow: Flow, x: tf.Tensor, context: tf.Tensor | None = None, seed: tf.Tensor | None = None, training: bool = False
) -> tf.Tensor:
    """The distribution's log_prob of reals x (batch, *event_shape) and contexts, (batch,), nats.

    Args:
        seed, training: as of `Flow.options`. What is training is never shared.
    """

    def compute(x, context=None):
        return flow.distribution.log_prob(tf.identity(x), **flow.options(context, seed, training))

    if training:
        return compute(x, context)
    return _function(flow, "density", compute)(x, *([] if context is None else [context]))


def push(flow: Flow, z: tf.Tensor, features: tf.Tensor | None = None) -> tf.Tensor:
    """The bijector's image (batch, *event_shape) of latents and of what the networks see of contexts."""
    bijector = flow.distribution.bijector

    def compute(z, features=None):
        return bijector.forward(tf.identity(z), **({} if features is None else context_options(bijector, features)))

    return _function(flow, "push", compute)(z, *([] if features is None else [features]))


def _function(flow, name, compute):
    owner, functions = _shared.get() or (None, None)
    if owner is not flow:
        return compute
    # How a differential equation is solved is asked where it is traced.
    is_solved = any(isinstance(part, Continuous) for part in flow.distribution.submodules)
    key = name, current() if is_solved else None
    if key not in functions:
        functions[key] = traced(compute, reduce_retracing=True)
    return functions[key]
