"""Backwards through a diffusion: samples from a prediction of the noise, by steps that add noise and take it out again.

    x_t = a(t) x + s(t) z,   eps(x_t, t) ~ E[z given x_t],   x0 = (x_t - s eps) / a,   t from 0, the noise, to the data

One predictor step from t to u > t, with z ~ N(0, I) and the noise n from 0, deterministic, to 1, the diffusion's own:

    ancestral        x_u = a_u x0 + sqrt(s_u^2 - v) eps + sqrt(v) z,   v = n^2 s_u^2 (1 - (s_u a_t / (s_t a_u))^2)
    euler_maruyama   x_u = x_t + (u - t) ((a'/a) x_t - (1 + n^2) / (2 s) g^2 eps) + n sqrt((u - t) g^2) z
                     g^2 = 2 s (s a'/a - s')

The first one is exact where the noise's prediction does not change within the step; with n = 0 it is that of DDIM, the
probability-flow equation in coordinates in which it is straight for data of one point. A corrector step after it is one
of Langevin dynamics at the time's own level, of the size that makes its change r times its noise:

    x <- x - (e / s) eps + sqrt(2 e) z,   e = 2 (r s)^2

where the published one measures both norms on the batch, so that an event would depend on those drawn beside it; these
are their expectations.

Song et al., Score-Based Generative Modeling through Stochastic Differential Equations, arXiv:2011.13456, section 4 and
appendix G; Ho, Jain and Abbeel, arXiv:2006.11239, algorithm 2; Song, Meng and Ermon, Denoising Diffusion Implicit
Models, arXiv:2010.02502, equation 12.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real

import tensorflow as tf

from tfp_flows.numerics.tensors import is_positive_integer

PREDICTORS = ("ancestral", "euler_maruyama")


def check(predictor: str, noise: float, corrector_steps: int, corrector_ratio: float) -> None:
    """Refuses what `reverse_diffusion` cannot do.

    Raises:
        ValueError: for an unknown predictor, noise below 0, a number of corrector steps below 0, or a ratio that is not
            positive.

    Example:
        >>> from tfp_flows.dynamics import diffusion
        >>> diffusion.check("heun", 1.0, 0, 0.16)
        Traceback (most recent call last):
        ValueError: Expected predictor to be one of ['ancestral', 'euler_maruyama']; got 'heun'.
    """
    if predictor not in PREDICTORS:
        raise ValueError(f"Expected predictor to be one of {list(PREDICTORS)}; got {predictor!r}.")
    most = 1.0 if predictor == "ancestral" else math.inf
    if isinstance(noise, bool) or not isinstance(noise, Real) or not 0 <= noise < math.inf or noise > most:
        raise ValueError(f"Expected noise from 0 to {most:g} with {predictor!r}; got {noise!r}.")
    if corrector_steps != 0 and not is_positive_integer(corrector_steps):
        raise ValueError(f"Expected corrector_steps to be an integer of at least 0; got {corrector_steps!r}.")
    if isinstance(corrector_ratio, bool) or not isinstance(corrector_ratio, Real) or not 0 < corrector_ratio < 1:
        raise ValueError(f"Expected corrector_ratio between 0 and 1; got {corrector_ratio!r}.")


def reverse_diffusion(
    eps: Callable, path: Callable, x: tf.Tensor, times: Sequence[float], seed: tf.Tensor,
    predictor: str = "ancestral", noise: float = 1.0, corrector_steps: int = 0, corrector_ratio: float = 0.16,
    temperature: float = 1.0, denoise: bool = True,
) -> tf.Tensor:  # fmt: skip
    """Carries events from the first to the last of the times, in one loop of the graph.

    Args:
        eps: function (x (batch, *event), t (batch,)) -> the noise in x, of its shape.
        path: of `tfp_flows.dynamics.paths`, with a(t) > 0.
        x: floating tensor (batch, *event), at the first of the times.
        times: floats, rising, of at least two.
        seed: int32 tensor [2].
        predictor: "ancestral" or "euler_maruyama".
        noise: float >= 0, n above; of "ancestral" at most 1.
        corrector_steps: int, after each predictor step but the last.
        corrector_ratio: float in (0, 1), r above.
        temperature: float tensor or number >= 0, scales the noise.
        denoise: bool, whether the noise that is left at the last time is taken out: x0 in the place of x.

    Returns:
        tensor (batch, *event).

    Raises:
        ValueError: for times that do not rise, or as `check`.

    Example:
        >>> from tfp_flows.dynamics import diffusion, paths
        >>> path = paths.VarianceExploding(0.01, 10.0)
        >>> def eps(x, t):  # of a standard normal
        ...     s = path(t).s[:, None]
        ...     return s * x / (1 + s**2)
        >>> x = 10.05 * tf.random.stateless_normal([4000, 1], [0, 1])
        >>> drawn = diffusion.reverse_diffusion(eps, path, x, np.linspace(0, 1, 101), [0, 2])
        >>> bool(0.9 < tf.math.reduce_variance(drawn) < 1.1)
        True
    """
    check(predictor, noise, corrector_steps, corrector_ratio)
    values = [float(t) for t in times]
    if len(values) < 2 or not all(a < b for a, b in zip(values, values[1:])):
        raise ValueError(f"Expected at least two rising times; got {values}.")
    dtype, total = x.dtype, len(values) - 1
    times = tf.constant(values, dtype)
    scale = tf.cast(temperature, dtype) if tf.is_tensor(temperature) else tf.constant(temperature, dtype)
    step = _ancestral if predictor == "ancestral" else _euler_maruyama
    at = lambda t: tf.fill(tf.shape(x)[:1], t)
    shapes = tf.shape(x)

    def normal(k, j):
        own = tf.random.experimental.stateless_fold_in(tf.random.experimental.stateless_fold_in(seed, k), j)
        return scale * tf.random.stateless_normal(shapes, own, dtype=dtype)

    def body(k, x):
        t, u = tf.gather(times, k), tf.gather(times, k + 1)
        x = step(x, eps(x, at(t)), path(t), path(u), u - t, noise, normal(k, 0) if noise else 0.0)
        if corrector_steps:
            x = tf.cond(k + 1 < total, lambda: correct(k, u, x), lambda: x)
        return k + 1, x

    def correct(k, u, x):
        s = path(u).s
        size = 2 * (corrector_ratio * s) ** 2
        for j in range(corrector_steps):
            x = x - size / s * eps(x, at(u)) + tf.sqrt(2 * size) * normal(k, j + 1)
        return x

    _, x = tf.while_loop(lambda k, x: k < total, body, (0, x), maximum_iterations=total, parallel_iterations=1)
    if denoise:
        end = path(times[-1])
        x = (x - end.s * eps(x, at(times[-1]))) / end.a
    return x


def _ancestral(x, eps, here, there, _, noise, z):
    clean = (x - here.s * eps) / here.a
    variance = noise**2 * there.s**2 * (1 - (there.s * here.a / (here.s * there.a)) ** 2)
    return there.a * clean + tf.sqrt(there.s**2 - variance) * eps + tf.sqrt(variance) * z


def _euler_maruyama(x, eps, here, _, length, noise, z):
    of_x = here.da / here.a
    rate = 2 * here.s * (here.s * of_x - here.ds)
    drift = of_x * x - (1 + noise**2) / (2 * here.s) * rate * eps
    return x + length * drift + noise * tf.sqrt(length * rate) * z
