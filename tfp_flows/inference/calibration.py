"""Simulation-based calibration: whether a posterior is as wide as it should be, over all that the prior may draw.

    p* ~ prior, x ~ simulator(p*), p_1..p_L ~ q(. | x)
    rank of f = number of the f(p_l, x) below f(p*, x)          uniform on 0..L where q is the posterior

f is each parameter in turn, and the log density log q(p | x), which sees what the parameters do together. Its ranks are
those of coverage by highest density: the region of credibility c holds p* in c of all simulations, where q is right.
Talts et al., arXiv:1804.06788, algorithm 1; Modrak et al., arXiv:2211.02383, section 4 (the density); Hermans et al.,
arXiv:2110.06581, section 3 (coverage).
"""

from __future__ import annotations

import dataclasses
import functools
import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfp_flows.inference.posterior import check_pairs, check_size, drawn
from tfp_flows.inference.uniformity import Band
from tfp_flows.pictures import ecdf

DENSITY = "log density"


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Ranks of true parameters among a posterior's samples, and whether they are uniform.

    Attributes:
        ranks: dict name -> int array (n,) of ranks in 0..num_samples: of each parameter, and of "log density".
        num_samples: int, L.
        level: float, the share of right posteriors that `is_calibrated`.
    """

    ranks: dict[str, np.ndarray]
    num_samples: int
    level: float

    @functools.cached_property
    def band(self) -> Band:
        """The band of one quantity's ECDF, wide enough for all of them to lie within at once with the level."""
        n = len(next(iter(self.ranks.values())))
        return Band(n, self.num_samples, 1 - (1 - self.level) / len(self.ranks))

    @property
    def outside(self) -> list[str]:
        """Names of the quantities whose ranks are not uniform."""
        return [name for name, ranks in self.ranks.items() if not self.band.holds(ranks)]

    @property
    def is_calibrated(self) -> bool:
        """Whether none is."""
        return not self.outside

    def picture(self, path: str | os.PathLike, title: str | None = None) -> str:
        """Draws ECDF minus uniform of each quantity with the band, a PNG at path; returns the path.

        Above 0 at the left and below at the right: narrower than it should be (overconfident). The other way round:
        wider. Above or below throughout: shifted.
        """
        lines = {name: self.band.ecdf(ranks) - self.band.points for name, ranks in self.ranks.items()}
        low, high = self.band.low - self.band.points, self.band.high - self.band.points
        return ecdf(
            self.band.points, lines, low, high, path, title, xlabel="rank / (number of samples + 1)",
            ylabel="ECDF - uniform", label=f"{self.level:.0%} of right posteriors",
        )  # fmt: skip


def simulation_based_calibration(
    flow: Any, parameters: ArrayLike, observations: ArrayLike, num_samples: int = 200, names: list[str] | None = None,
    level: float = 0.95, with_density: bool = True, seed: int = 0,
) -> Calibration:  # fmt: skip
    """Ranks of the parameters of fresh simulations among samples of their posteriors.

    Args:
        flow: `tfp_flows.Flow` of parameters given an observation, or anything with its `sample` and `log_prob`.
        parameters: array (n, d), draws of the prior that training has not seen: some hundreds.
        observations: array (n, *observation_shape), of the simulator.
        num_samples: int L, of each posterior.
        names: list of d strings; None for "parameter 0", ...
        level: float in (0, 1), see `Calibration`.
        with_density: bool, whether the log density is ranked too, which costs one for each sample.
        seed: int, of the samples.

    Raises:
        ValueError: where parameters and observations are no pairs, names are not d, or a number is no positive one.

    Example:
        >>> from tfp_flows import inference
        >>> class Exact:  # of p ~ N(0, 1), x ~ N(p, 1): p given x ~ N(x / 2, 1 / 2)
        ...     def __init__(self, scale):
        ...         self.given = lambda x: tfd.MultivariateNormalDiag(x / 2, [scale])
        ...     def sample(self, shape, seed, context):
        ...         return self.given(context).sample(shape, seed=seed)
        ...     def log_prob(self, p, context):
        ...         return self.given(context).log_prob(p)
        >>> p, noise = np.random.default_rng(0).normal(size=(2, 300, 1)).astype("float32")
        >>> inference.simulation_based_calibration(Exact(0.5**0.5), p, p + noise).is_calibrated
        True
        >>> inference.simulation_based_calibration(Exact(0.4), p, p + noise).outside
        ['parameter 0', 'log density']
    """
    parameters, observations = check_pairs(parameters, observations)
    check_size("num_samples", num_samples)
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
        raise ValueError(f"Expected level between 0 and 1; got {level!r}.")
    n, d = parameters.shape
    names = [f"parameter {i}" for i in range(d)] if names is None else list(names)
    if len(names) != d or len({*names, DENSITY}) != d + 1:
        raise ValueError(f"Expected {d} different names of parameters; got {names}.")
    ranks, of_density = [], []
    for rows, samples in drawn(flow, observations, num_samples, seed):
        ranks.append((samples < parameters[rows]).sum(0))
        if with_density:
            # The true ones beside the samples, in one call.
            both = np.concatenate([parameters[rows][None], samples]).astype(samples.dtype)
            log_prob = np.asarray(flow.log_prob(both, context=observations[rows]))
            of_density.append((log_prob[1:] < log_prob[0]).sum(0))
    ranks = dict(zip(names, np.concatenate(ranks).T))
    if with_density:
        ranks[DENSITY] = np.concatenate(of_density)
    return Calibration(ranks, num_samples, float(level))
