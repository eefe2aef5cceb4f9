"""Annealed Langevin dynamics: samples from scores alone, of one noise level after the other.

    for s in levels, from the largest:    alpha = step s^2 / s_last^2
        repeat steps times:               x <- x + alpha score(x, s) + sqrt(2 alpha) z
    x <- x + s_last^2 score(x, s_last)                                              the last denoising

    levels     geometric, each s_{i-1} / s_i = gamma with
               Phi(sqrt(2 D) (gamma - 1) + 3 gamma) - Phi(sqrt(2 D) (gamma - 1) - 3 gamma) = 0.567
    step       such that at each level the variance comes nearest to the level's own:  q^T and r^T about 1 of
               (1 - e/s^2)^2T (gamma^2 - 2 e / (s^2 - s^2 (1 - e/s^2)^2)) + 2 e / (s^2 - s^2 (1 - e/s^2)^2)

Song and Ermon, Generative Modeling by Estimating Gradients of the Data Distribution, arXiv:1907.05600, section 4.3 and
algorithm 1; levels and step: Improved Techniques for Training Score-Based Generative Models, arXiv:2006.09011,
techniques 2 and 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfp_flows.numerics.tensors import is_positive_integer

# "About 0.5" in the text; with this the four published numbers of levels come out.
_OVERLAP = 0.567


def num_levels(s_min: float, s_max: float, num_features: int) -> int:
    """How many geometric levels the second technique asks for, s_min and s_max included.

    Args:
        s_min, s_max: floats, 0 < s_min < s_max.
        num_features: int, elements of an event.

    Raises:
        ValueError: where the levels are not positive and different.

    Example:
        >>> from tfp_flows.dynamics import langevin
        >>> langevin.num_levels(0.01, 50.0, 3072)
        232
    """
    check_levels([s_max, s_min])
    low, high = 1.0, 10.0
    overlap = lambda g: (
        _phi(math.sqrt(2 * num_features) * (g - 1) + 3 * g) - _phi(math.sqrt(2 * num_features) * (g - 1) - 3 * g)
    )
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if overlap(middle) > _OVERLAP else (low, middle)
    return max(2, round(math.log(s_max / s_min) / math.log(low)) + 1)


def best_step(s_min: float, gamma: float, num_steps: int) -> float:
    """The step at the last level with which `num_steps` leave the variance of every level nearest to its own.

    Args:
        s_min: float, the last level.
        gamma: float > 1, the ratio of two levels.
        num_steps: int, at each level.

    Example:
        >>> from tfp_flows.dynamics import langevin
        >>> step = langevin.best_step(0.01, 5000 ** (1 / 231), 5)
        >>> bool(5.5e-6 < step < 7e-6)  # the published one is 6.2e-6
        True
    """
    e = s_min**2 * np.geomspace(1e-6, 0.999, 100_000)
    rest = (1 - e / s_min**2) ** 2
    noise = 2 * e / (s_min**2 - s_min**2 * rest)
    ratio = rest**num_steps * (gamma**2 - noise) + noise
    return float(e[np.argmin(np.abs(ratio - 1))])


def check_levels(levels: Sequence[float]) -> None:
    """Refuses noise levels that are not positive and decreasing.

    Raises:
        ValueError: naming them.

    Example:
        >>> from tfp_flows.dynamics import langevin
        >>> langevin.check_levels([1.0, 1.0])
        Traceback (most recent call last):
        ValueError: Expected positive, decreasing noise levels; got [1.0, 1.0].
    """
    values = [float(level) for level in levels]
    falls = all(a > b for a, b in zip(values, values[1:]))
    if not values or not falls or not all(0 < v < math.inf for v in values):
        raise ValueError(f"Expected positive, decreasing noise levels; got {values}.")


def annealed_langevin(
    score: Callable, x: tf.Tensor, levels: Sequence[float], step: float, num_steps: int, seed: tf.Tensor,
    temperature: float = 1.0, denoise: bool = True,
) -> tf.Tensor:  # fmt: skip
    """Runs the chains of a batch through all levels, in one loop of the graph.

    Args:
        score: function (x (batch, *event), i int32 ()) -> (batch, *event), of the i-th level.
        x: tensor (batch, *event), where they begin.
        levels: floats, positive and decreasing.
        step: float > 0, at the last level.
        num_steps: int, at each level.
        seed: int32 tensor [2].
        temperature: float tensor or number >= 0, scales the noise.
        denoise: bool, whether the last noise is taken out.

    Returns:
        tensor (batch, *event).

    Raises:
        ValueError: for bad levels, step or num_steps.

    Example:
        >>> from tfp_flows.dynamics import langevin
        >>> levels = [3.0, 1.5, 0.75, 0.4]
        >>> exact = lambda x, i: -x / (1 + tf.gather(tf.constant(levels), i) ** 2)  # of a standard normal
        >>> x = langevin.annealed_langevin(exact, tf.zeros([2000, 1]), levels, 0.02, 100, [0, 1], denoise=False)
        >>> bool(0.9 < tf.math.reduce_variance(x) < 1.3)
        True
    """
    check_levels(levels)
    if not 0 < step < math.inf:
        raise ValueError(f"Expected step to be a positive finite number; got {step!r}.")
    if not is_positive_integer(num_steps):
        raise ValueError(f"Expected num_steps to be a positive integer; got {num_steps!r}.")
    dtype = x.dtype
    alphas = tf.constant(step * (np.asarray(levels) / levels[-1]) ** 2, dtype)
    scale = tf.cast(temperature, dtype) if tf.is_tensor(temperature) else tf.constant(temperature, dtype)

    def body(k, x):
        i = k // num_steps
        alpha = tf.gather(alphas, i)
        z = tf.random.stateless_normal(tf.shape(x), tf.random.experimental.stateless_fold_in(seed, k), dtype=dtype)
        return k + 1, x + alpha * score(x, i) + tf.sqrt(2 * alpha) * scale * z

    total = len(levels) * num_steps
    _, x = tf.while_loop(lambda k, x: k < total, body, (0, x), maximum_iterations=total, parallel_iterations=1)
    if denoise:
        x += tf.constant(levels[-1] ** 2, dtype) * score(x, tf.constant(len(levels) - 1))
    return x


def _phi(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))
