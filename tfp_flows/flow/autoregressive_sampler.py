"""Samples of a flow of autoregressive layers: guided by their class, and without the noise that was added in training.

    guided     raw_i <- raw_i(all) + w_i (raw_i(class) - raw_i(all)),   w_i = 1 + (w - 1) i / last of elements 0..last
    denoised   x + sigma^2 grad log p(x),   where training adds noise of N(0, sigma^2)

raw_i are the parameters of an element, as the networks give them; those that depend on little are guided little. The
second is Tweedie's formula, the mean of what the noise was added to; it costs one density and its gradient.
Zhai et al., TarFlow, arXiv:2412.06329, sections 3.4 and 3.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from tfp_flows.bijectors import forward_guided
from tfp_flows.bijectors.initialization import untrained
from tfp_flows.flow import sharing
from tfp_flows.flow import temperature as temperatures
from tfp_flows.flow.context import options
from tfp_flows.flow.guidance import check_guidance, require_labels_left_out
from tfp_flows.flow.sampler import SERVED_AT_ONCE, Sampler, push_in_parts

if TYPE_CHECKING:
    from tfp_flows.flow import Flow


class AutoregressiveSampler(Sampler):
    """z ~ base, at the temperature, pushed through the layers; the sampler of `TarFlow`.

    Args:
        guidance: float >= 0, of a model of classes, see `tfp_flows.flow.guidance`; 1 for none.
        denoise: bool, whether noise of `dequantization.Gaussian`, where the flow has it, is taken out.
        numbers_at_once: int, as of `DistributionSampler`.

    Raises:
        ValueError: for a bad guidance, or a denoise that is no bool.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.TarFlow((4, 4, 1), patch_size=2, channels=8, num_blocks=2, num_layers=1, num_classes=3)
        >>> flow.sampler = tfp_flows.flow.AutoregressiveSampler(guidance=2.0)
        >>> flow.sample(5, context=1, seed=0).shape.as_list()
        [5, 4, 4, 1]
    """

    def __init__(self, guidance: float = 1.0, denoise: bool = True, numbers_at_once: int | None = None):
        check_guidance(guidance)
        if not isinstance(denoise, bool):
            raise ValueError(f"Expected denoise to be True or False; got {denoise!r}.")
        self.guidance, self.denoise, self.numbers_at_once = guidance, denoise, numbers_at_once

    def for_serving(self) -> Sampler:
        return AutoregressiveSampler(self.guidance, self.denoise, self.numbers_at_once or SERVED_AT_ONCE)

    def __call__(self, flow: Flow, n: int, seed: tf.Tensor, temperature: float, context: tf.Tensor | None) -> tf.Tensor:
        require_labels_left_out(flow, self.guidance)
        if not flow.can_encode:
            raise ValueError(f"Expected a base pushed through a bijector; got {type(flow.distribution).__name__}.")
        bijector = flow.distribution.bijector
        scale = getattr(flow.dequantization, "scale", None)

        def push(z, context=None):
            if self.guidance == 1:
                x = sharing.push(flow, z, context)
            else:
                x = forward_guided(bijector, z, context, flow.no_label(context), self.guidance)
            return denoised(flow, x, context, scale) if self.denoise and scale is not None else x

        z = temperatures.draw(flow.base, n, seed, temperature, context)
        return push_in_parts(push, z, n, context, flow, self.numbers_at_once)


def denoised(flow: Flow, x: tf.Tensor, context: tf.Tensor | None, scale: float) -> tf.Tensor:
    """The mean of events below noise of N(0, scale^2), by the flow's density of noisy ones.

    Args:
        flow: `tfp_flows.Flow`.
        x: tensor (n, *event_shape).
        context: what the networks are given, (n, *context_shape), or None.
        scale: float, in the unit of the data.

    Returns:
        tensor (n, *event_shape).

    Example:
        >>> import tfp_flows
        >>> from tfp_flows.flow.autoregressive_sampler import denoised
        >>> flow = tfp_flows.Flow(tfd.MultivariateNormalDiag([0.0], [2.0]))
        >>> denoised(flow, tf.constant([[1.0]]), None, scale=1.0).numpy().tolist()
        [[0.75]]
    """
    x = tf.identity(x)
    with untrained(), tf.GradientTape() as tape:
        tape.watch(x)
        given = {} if context is None else options(flow.distribution, context)
        log_prob = flow.distribution.log_prob(x, **given)
    return x + scale**2 * tape.gradient(log_prob, x)
