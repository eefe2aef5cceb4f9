"""Pareto k: how heavy the tail of importance weights is, and so whether their means can be trusted.

    tail:  the M = min(n / 5, 3 sqrt(n)) largest weights, less the next one:  ~ generalized Pareto(k, sigma)

Fitted by the posterior mean of Zhang and Stephens. The variance of a mean is finite below 1/2; in practice estimates
are good up to 0.7.
Vehtari et al., Pareto smoothed importance sampling, arXiv:1507.02646, sections 3 and 4 and appendix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def pareto_k(log_weights: ArrayLike) -> np.ndarray:
    """The shape k of the tail of weights.

    Args:
        log_weights: (n, *batch), n at least 25, nats, up to a constant.

    Returns:
        float64 array (*batch,): above 0.7 an estimate by these weights is not to be relied on; -inf where the largest
        weights are all the same; NaN where a weight is NaN.

    Raises:
        ValueError: for less than 25 weights.

    Example:
        >>> exact = np.random.default_rng(0).pareto(2.0, size=100_000) + 1.0  # k = 1 / 2
        >>> bool(abs(pareto_k(np.log(exact)) - 0.5) < 0.1)
        True
    """
    log_weights = np.asarray(log_weights, np.float64)
    n = len(log_weights) if log_weights.ndim else 0
    if n < 25:
        raise ValueError(f"Expected at least 25 weights; got {n}.")
    return np.apply_along_axis(_one, 0, log_weights)


def _one(log_weights):
    n = len(log_weights)
    if np.isnan(log_weights).any():
        return np.nan
    size = int(np.ceil(min(0.2 * n, 3 * np.sqrt(n))))
    ordered = np.exp(np.sort(log_weights)[-size - 1 :] - log_weights.max())
    excess = ordered[1:] - ordered[0]
    return _fit(excess) if excess[-1] > 0 else -np.inf


def _fit(x):
    """The shape of excesses (n,), in rising order: the mean of a profile posterior over theta = -k / sigma."""
    n = len(x)
    j = np.arange(1, 31 + int(np.sqrt(n)))
    quartile = max(x[int(n / 4 + 0.5) - 1], np.finfo(np.float64).tiny)
    theta = 1 / x[-1] + (1 - np.sqrt((len(j) + 0.5) / (j - 0.5))) / (3 * quartile)
    # Each theta's own shape, and its likelihood with the scale that goes with it.
    k = np.mean(np.log1p(-theta[:, np.newaxis] * x), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_likelihood = n * (np.log(-theta / k) - k - 1)
    log_likelihood = np.where(np.isnan(log_likelihood), -np.inf, log_likelihood)
    weights = np.exp(log_likelihood - log_likelihood.max())
    theta = np.sum(weights * theta) / weights.sum()
    k = np.mean(np.log1p(-theta * x))
    # A weak prior at 1/2, worth ten observations.
    return (n * k + 5) / (n + 10)
