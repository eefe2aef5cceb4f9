"""Whether ranks are uniform: the ECDF of ranks within a band that holds all of it at once.

    F(z) = share of n ranks in 0..L with (rank + 1) / (L + 1) <= z    n F(z) ~ Binomial(n, z) where they are uniform
    band: the central interval of that binomial with both tails gamma / 2, at each of K points z
    gamma: the level at which 1 - level of all uniform samples leave the band somewhere, by simulation

Säilynoja, Bürkner and Vehtari, Graphical test for discrete uniformity, arXiv:2103.10522, sections 2 and 3, whose gamma
is by simulation too.
"""

import numpy as np

_SIMULATIONS = 2000
_MOST_POINTS = 100


class Band:
    """The simultaneous band of the ECDF of uniform ranks.

    Args:
        n: int, how many ranks there are.
        num_samples: int L, the largest rank.
        level: float in (0, 1), the share of uniform samples whose ECDF lies within.
        seed: int, of the simulation.

    Attributes:
        points: array (K,), the z.
        low, high: arrays (K,), of F.

    Example:
        >>> from tfp_flows.inference.uniformity import Band
        >>> band = Band(n=100, num_samples=9, level=0.95)
        >>> band.points.round(1).tolist()[:3], bool((band.low <= band.points).all())
        ([0.1, 0.2, 0.3], True)
        >>> band.holds(np.repeat(np.arange(10), 10)), band.holds(np.repeat([4, 5], 50))
        (True, False)
    """

    def __init__(self, n, num_samples, level=0.95, seed=0):
        self._ranks = np.unique(np.linspace(0, num_samples - 1, min(num_samples, _MOST_POINTS)).astype(int))
        self.points = (self._ranks + 1) / (num_samples + 1)
        cdf = np.array([_binomial_cdf(n, z) for z in self.points])  # (K, n + 1)
        random = np.random.default_rng(seed)
        shares = np.diff([0.0, *self.points, 1.0])
        counts = np.cumsum(random.multinomial(n, shares, _SIMULATIONS), axis=1)[:, :-1]  # (simulations, K)
        k = np.arange(len(self.points))
        below = cdf[k, counts]
        above = 1 - np.where(counts > 0, cdf[k, np.maximum(counts - 1, 0)], 0.0)
        least = 2 * np.minimum(below, above).min(1)
        gamma = np.quantile(least, 1 - level, method="lower")
        # The counts whose tails are no less likely than gamma.
        self.low = np.array([np.searchsorted(row, gamma / 2) for row in cdf]) / n
        self.high = np.array([np.searchsorted(row, 1 - gamma / 2) for row in cdf]) / n

    def ecdf(self, ranks):
        """F at the points, (K,), of ranks (n,)."""
        return (np.asarray(ranks)[:, None] <= self._ranks).mean(0)

    def holds(self, ranks):
        """Whether all of the ECDF of ranks (n,) lies within."""
        share = self.ecdf(ranks)
        return bool(((share >= self.low - 1e-12) & (share <= self.high + 1e-12)).all())


def _binomial_cdf(n, z):
    """P(count <= k) for k = 0..n."""
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    k = np.arange(n + 1)
    log_p = log_factorial[n] - log_factorial[k] - log_factorial[n - k] + k * np.log(z) + (n - k) * np.log1p(-z)
    return np.minimum(np.cumsum(np.exp(log_p)), 1.0)
