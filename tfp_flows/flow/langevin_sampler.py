"""Samples of a score model by annealed Langevin dynamics, in standard units, then brought to the data's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import tensorflow as tf

from tfp_flows.dynamics import langevin
from tfp_flows.flow.guidance import check_guidance, guided
from tfp_flows.flow.sampler import Sampler
from tfp_flows.numerics.tensors import is_positive_integer

if TYPE_CHECKING:
    from tfp_flows.flow import Flow


_MOST_RATIO, _SMALL, _STEPS, _FEW_STEPS = 1.1, 100, 10, 5


class AnnealedLangevin(Sampler):
    """Langevin steps at noise levels that fall geometrically; the sampler of `NCSN`.

    Args:
        num_levels: int; None for as many as arXiv:2006.09011, technique 2, asks for, and for none that is less than
            the next by more than a factor of 1.1: of events of few elements, whose noises overlap from afar, the
            technique asks for too few to follow.
        num_steps: int, at each level; None for 5, as published, and for 10 of events of at most 100 elements.
        step: float > 0, at the last level, in squared standard deviations of the data; None for that of technique 4.
        denoise: bool, whether the last noise is taken out.
        guidance: float >= 0, of a model of classes, see `tfp_flows.flow.guidance`; 1 for none.

    Raises:
        ValueError: where a number is not positive.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.NCSN((2,), hidden_units=16)
        >>> flow.sampler = tfp_flows.flow.AnnealedLangevin(num_levels=5, num_steps=10)
        >>> flow.sample(3, seed=0).shape.as_list()
        [3, 2]
    """

    def __init__(
        self, num_levels: int | None = None, num_steps: int | None = None, step: float | None = None,
        denoise: bool = True,
        guidance: float = 1.0,
    ):  # fmt: skip
        for name, value in (("num_levels", num_levels), ("num_steps", num_steps)):
            if value is not None and not is_positive_integer(value):
                raise ValueError(f"Expected {name} to be a positive integer or None; got {value!r}.")
        if num_levels is not None and num_levels < 2:
            raise ValueError(f"Expected num_levels to be at least 2; got {num_levels!r}.")
        if step is not None and not 0 < step < float("inf"):
            raise ValueError(f"Expected step to be a positive finite number or None; got {step!r}.")
        check_guidance(guidance)
        self.num_levels, self.num_steps, self.step, self.denoise = num_levels, num_steps, step, denoise
        self.guidance = guidance

    def levels(self, flow: Flow) -> list[float]:
        """The noise levels, falling, in standard deviations of the data.

        Raises:
            ValueError: of a flow that has none.
        """
        path = getattr(getattr(getattr(flow, "continuous", None), "network", None), "schedule", None)
        if not hasattr(path, "s_min"):
            raise ValueError(f"Expected a model of exploding noise levels, as NCSN; got {type(flow).__name__}.")
        published = langevin.num_levels(path.s_min, path.s_max, math.prod(flow.event_shape))
        least = math.ceil(math.log(path.s_max / path.s_min) / math.log(_MOST_RATIO)) + 1
        count = self.num_levels or max(published, least)
        ratio = path.s_min / path.s_max
        return [path.s_max * ratio ** (i / (count - 1)) for i in range(count)]

    def steps(self, flow: Flow) -> tuple[int, float]:
        """How many steps are taken at each level, and their size at the last one."""
        levels, count = self.levels(flow), self.num_steps
        if count is None:
            count = _FEW_STEPS if math.prod(flow.event_shape) > _SMALL else _STEPS
        return count, self.step or langevin.best_step(levels[-1], levels[0] / levels[1], count)

    def can_scale_temperature(self, flow: Flow) -> bool:
        return True

    def __call__(self, flow: Flow, n: int, seed: tf.Tensor, temperature: float, context: tf.Tensor | None) -> tf.Tensor:
        levels = self.levels(flow)
        num_steps, step = self.steps(flow)
        network, dtype = flow.continuous.network, tf.as_dtype(flow.variable_dtype)
        seeds = tf.random.experimental.stateless_split(seed, 2)
        predict = guided(network.score, flow, flow.context_at_the_field(context), self.guidance)
        start = levels[0] * tf.random.stateless_normal([n, *flow.event_shape], seeds[0], dtype=dtype)
        times = tf.linspace(tf.zeros([], dtype), tf.ones([], dtype), len(levels))

        def score(x, i):
            t = tf.fill(tf.shape(x)[:1], tf.gather(times, i))
            return predict(x, t)

        temperature = tf.cast(temperature, dtype)
        x = langevin.annealed_langevin(
            score, temperature * start, levels, step, num_steps, seeds[1], temperature, self.denoise
        )
        return flow.from_the_field(tf.ensure_shape(x, [None, *flow.event_shape]))
