"""How the samples of a model of continuous time come about: where they are at times between the latent and the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows.bridge.traces import traced
from tfp_flows.dynamics import Solver, langevin, solve_at
from tfp_flows.flow import AnnealedLangevin
from tfp_flows.flow import context as contexts
from tfp_flows.flow.events import stateless_seed
from tfp_flows.numerics.tensors import is_positive_integer

if TYPE_CHECKING:
    from tfp_flows.flow import Flow

# Of Runge and Kutta's method, over all of the way at least: for pictures.
_STEPS = 64


def trajectories(
    model: Flow, n: int, num_times: int = 9, seed: int = 0, context: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Samples on their way along the velocity field, or of a model whose sampler is Langevin's from level to level.

    Args:
        model: `tfp_flows.CNF`, `FlowMatching`, `ScoreSDE` or `NCSN`.
        n: int, how many.
        num_times: int of at least 2, the first and the last included.
        seed: int, or pair of ints.
        context: as `Flow.sample`.

    Returns:
        times: array (num_times,), from 0 to 1 along the field, or the noise levels that were just left, the first one
            being where the chains begin.
        x: array (num_times, n, *event_shape), in the data's units.

    Raises:
        ValueError: for a model without a field, or numbers that are too small.

    Example:
        >>> import tfp_flows
        >>> from tfp_flows import training
        >>> flow = tfp_flows.FlowMatching((2,), hidden_units=8)
        >>> times, x = training.trajectories(flow, 5, num_times=3)
        >>> times.tolist(), x.shape
        ([0.0, 0.5, 1.0], (3, 5, 2))
    """
    require_field(model)
    if not is_positive_integer(n):
        raise ValueError(f"Expected n to be a positive integer; got {n!r}.")
    if not is_positive_integer(num_times) or num_times < 2:
        raise ValueError(f"Expected num_times to be an integer of at least 2; got {num_times!r}.")
    given = contexts.check(model, context, n)
    c = model.context_at_the_field(model.features(given[0])) if given else None
    seeds = tf.random.experimental.stateless_split(stateless_seed(seed), 2)
    walk = _chains if isinstance(model.sampler, AnnealedLangevin) else _field
    times, states = walk(model, n, num_times, seeds, c)
    return np.asarray(times), np.stack([np.asarray(model.from_the_field(x)) for x in states])


def require_field(model: Flow) -> None:
    """Refuses a model that has no velocity field.

    Raises:
        ValueError: naming its class.
    """
    if not hasattr(model, "continuous"):
        raise ValueError(f"Expected a model of continuous time, as FlowMatching; got {type(model).__name__}.")


def _field(model, n, num_times, seeds, context):
    times = np.linspace(*model.continuous.times, num_times)
    solver = Solver("rk4", max(_STEPS // (num_times - 1), 4))
    velocity = traced(lambda x, t: model.continuous.velocity(x, t, context))
    z = model.base.sample(n, seed=seeds[0])
    return times, list(solve_at(lambda t, x: velocity(x, t), z, times, solver).y)


def _chains(model, n, num_times, seeds, context):
    sampler, network = model.sampler, model.continuous.network
    levels = sampler.levels(model)
    num_steps, step = sampler.steps(model)
    dtype = tf.as_dtype(model.variable_dtype)
    score = traced(lambda x, t: network.score(x, t, context))
    states = [levels[0] * tf.random.stateless_normal([n, *model.event_shape], seeds[0], dtype=dtype)]
    shown = np.unique(np.linspace(0, len(levels) - 1, num_times - 1).round().astype(int))
    x, times = states[0], np.linspace(0, 1, len(levels))
    for i, level in enumerate(levels):
        at = tf.fill([n], tf.constant(times[i], dtype))
        x = langevin.annealed_langevin(
            lambda x, _: score(x, at), x, [level], step * (level / levels[-1]) ** 2,
            num_steps, tf.random.experimental.stateless_fold_in(seeds[1], i), denoise=level == levels[-1],
        )  # fmt: skip
        if i in shown:
            states.append(x)
    return [levels[0], *(levels[i] for i in shown)], states
