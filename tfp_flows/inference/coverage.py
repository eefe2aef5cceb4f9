"""Expected coverage and contraction: how often a posterior's regions hold the truth, and how much it has learned.

    coverage of credibility c = share of simulations whose true parameters lie in the region of highest density that
                                holds a share c of q(. | x)          c where q is right, less where it is overconfident
    contraction               = 1 - Var[p | x] / Var[p]              0 where x says nothing, near 1 where it says all

Hermans et al., A trust crisis in simulation-based inference?, arXiv:2110.06581, section 3; Schad, Betancourt and
Vasishth, arXiv:1904.12765, section 3 (contraction).
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfp_flows.inference.calibration import DENSITY, simulation_based_calibration
from tfp_flows.inference.posterior import check_pairs, check_size, drawn
from tfp_flows.inference.uniformity import Band
from tfp_flows.pictures import ecdf


@dataclasses.dataclass(frozen=True)
class Coverage:
    """Attributes:
    credibility: array (K,), increasing, in (0, 1).
    coverage: array (K,), the share of simulations whose truth lies in the region of that credibility.
    low, high: arrays (K,), between which all of it lies for 95 % of right posteriors.
    """

    credibility: np.ndarray
    coverage: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def is_calibrated(self) -> bool:
        """Whether all of it lies within."""
        return bool(((self.coverage >= self.low - 1e-12) & (self.coverage <= self.high + 1e-12)).all())

    @property
    def error(self) -> float:
        """Mean of coverage minus credibility: below 0 where the posterior is overconfident."""
        return float((self.coverage - self.credibility).mean())

    def picture(self, path: str | os.PathLike, title: str | None = None) -> str:
        """Draws coverage over credibility with the band, a PNG at path; returns the path. Below: overconfident."""
        return ecdf(
            self.credibility, {"coverage": self.coverage}, self.low, self.high, path, title, xlabel="credibility",
            ylabel="expected coverage", label="95% of right posteriors",
        )  # fmt: skip


def expected_coverage(
    flow: Any, parameters: ArrayLike, observations: ArrayLike, num_samples: int = 200, seed: int = 0
) -> Coverage:
    """Coverage of the regions of highest density, over fresh simulations.

    Args:
        flow, parameters, observations, num_samples, seed: as `simulation_based_calibration`.

    Raises:
        ValueError: as there.

    Example:
        >>> import tfp_flows
        >>> from tfp_flows import inference
        >>> flow = tfp_flows.MAF((2,), num_layers=1, hidden_units=8, context_shape=(2,))
        >>> p = np.random.default_rng(0).normal(size=(200, 2)).astype("float32")
        >>> coverage = inference.expected_coverage(flow, p, p)  # a standard normal at first, as the prior
        >>> coverage.is_calibrated, abs(coverage.error) < 0.05
        (True, True)
    """
    found = simulation_based_calibration(flow, parameters, observations, num_samples, seed=seed)
    # As many samples are denser than the truth as its region of highest density holds.
    denser = num_samples - found.ranks[DENSITY]
    band = Band(len(denser), num_samples)
    return Coverage(band.points, band.ecdf(denser), band.low, band.high)


def posterior_contraction(
    flow: Any, parameters: ArrayLike, observations: ArrayLike, num_samples: int = 200, seed: int = 0
) -> np.ndarray:
    """How much narrower than the prior the posterior of each observation is.

    Args:
        flow, parameters, observations, num_samples, seed: as `simulation_based_calibration`; the prior's variance is
            that of the parameters.

    Returns:
        array (n, d), at most 1; below 0 where a posterior is wider than the prior.

    Raises:
        ValueError: where parameters and observations are no pairs or num_samples is no positive integer.

    Example:
        >>> import tfp_flows
        >>> from tfp_flows import inference
        >>> flow = tfp_flows.MAF((2,), num_layers=1, hidden_units=8, context_shape=(2,))
        >>> p = np.random.default_rng(0).normal(size=(50, 2)).astype("float32")
        >>> inference.posterior_contraction(flow, 10 * p, p).shape
        (50, 2)
    """
    parameters, observations = check_pairs(parameters, observations)
    check_size("num_samples", num_samples)
    variances = [samples.var(0) for _, samples in drawn(flow, observations, num_samples, seed)]
    return 1 - np.concatenate(variances) / parameters.astype(np.float64).var(0)
