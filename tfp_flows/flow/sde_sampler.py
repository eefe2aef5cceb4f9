"""Samples of a score model through its diffusion, in standard units, then brought to the data's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfp_flows.dynamics import diffusion
from tfp_flows.flow import temperature as temperatures
from tfp_flows.flow.guidance import check_guidance, guided
from tfp_flows.flow.sampler import Sampler
from tfp_flows.numerics.tensors import is_positive_integer

if TYPE_CHECKING:
    from tfp_flows.flow import Flow


class SDESampler(Sampler):
    """The reverse stochastic differential equation of `ScoreSDE` or `NCSN`, with correctors or without noise if asked.

    Args:
        num_steps: int, predictor steps, of equal time.
        predictor: "ancestral", or "euler_maruyama", see `tfp_flows.dynamics.diffusion`.
        noise: float from 0 to 1, how much of the diffusion's noise: 1 for its equation, DDPM's sampler; 0 with
            "ancestral" for DDIM's, which is deterministic and best in few steps.
        corrector_steps: int, Langevin steps after each predictor step.
        corrector_ratio: float in (0, 1), of their change to their noise.
        denoise: bool, whether the last noise is taken out.
        guidance: float >= 0, of a model of classes, see `tfp_flows.flow.guidance`; 1 for none.

    Raises:
        ValueError: where num_steps is not a positive integer, for a bad guidance, or for the others as
            `tfp_flows.dynamics.diffusion.check`.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.ScoreSDE((2,), hidden_units=16)
        >>> flow.sampler = tfp_flows.flow.SDESampler(num_steps=20, corrector_steps=1)
        >>> flow.sample(3, seed=0).shape.as_list()
        [3, 2]
    """

    def __init__(
        self, num_steps: int = 200, predictor: str = "ancestral", noise: float = 1.0, corrector_steps: int = 0,
        corrector_ratio: float = 0.16, denoise: bool = True, guidance: float = 1.0,
    ):  # fmt: skip
        if not is_positive_integer(num_steps):
            raise ValueError(f"Expected num_steps to be a positive integer; got {num_steps!r}.")
        diffusion.check(predictor, noise, corrector_steps, corrector_ratio)
        check_guidance(guidance)
        self.num_steps, self.denoise, self.guidance = num_steps, denoise, guidance
        self._options = dict(
            predictor=predictor, noise=noise, corrector_steps=corrector_steps, corrector_ratio=corrector_ratio
        )

    def can_scale_temperature(self, flow: Flow) -> bool:
        return True

    def __call__(self, flow: Flow, n: int, seed: tf.Tensor, temperature: float, context: tf.Tensor | None) -> tf.Tensor:
        continuous = getattr(flow, "continuous", None)
        network = getattr(continuous, "network", None)
        if not hasattr(network, "noise"):
            raise ValueError(f"Expected a model that predicts noise, as ScoreSDE and NCSN; got {type(flow).__name__}.")
        seeds = tf.random.experimental.stateless_split(seed, 2)
        eps = guided(network.noise, flow, flow.context_at_the_field(context), self.guidance)
        start = temperatures.draw(flow.base, n, seeds[0], temperature, None)
        x = diffusion.reverse_diffusion(
            eps, network.schedule, start, np.linspace(*continuous.times, self.num_steps + 1), seeds[1],
            temperature=temperature, denoise=self.denoise, **self._options,
        )  # fmt: skip
        return flow.from_the_field(tf.ensure_shape(x, [None, *flow.event_shape]))
