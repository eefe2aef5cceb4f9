"""The density that a flow stands for, or one sentence of why it cannot stand for one here."""

from __future__ import annotations

import tensorflow_probability as tfp

from tfp_flows.flow.flow import Flow

tfd = tfp.distributions


def distribution_of(flow, what="a flow"):
    """The `tfd.Distribution` of a flow or of itself.

    Args:
        flow: `tfp_flows.Flow` without a context, or `tfd.Distribution`: `flow.given(context)` of one with a context.
        what: str, of the sentence.

    Raises:
        ValueError: for anything else, a flow of integers, or one whose layers wait for their first training step.
    """
    if not isinstance(flow, Flow):
        if not isinstance(flow, tfd.Distribution):
            raise ValueError(f"Expected {what} to be a tfp_flows.Flow or a tfd.Distribution; got {flow!r}.")
        return flow
    if flow.takes_context:
        raise ValueError(f"Expected {what} given its context, flow.given(context); got a conditional flow.")
    if flow.dequantization is not None:
        raise ValueError(f"Expected {what} of continuous events; got one with {flow.dequantization!r}.")
    if not flow.is_initialized:
        raise ValueError(f"Expected {what} that was fitted; got one whose layers wait to be initialised.")
    return flow.distribution
