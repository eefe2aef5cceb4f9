"""Importance sampling: what an unnormalised density integrates to, and its means, by samples of a flow near it.

    w_i = p(x_i) / q(x_i),   x_i ~ q             log Z ~ log mean w,   E_p[f] ~ sum w_i f(x_i) / sum w_i
    effective samples  (sum w)^2 / sum w^2       standard error of log Z ~ sqrt(1 / effective - 1 / n)

With p(theta, y) as p, Z is the evidence p(y). q is sampled and scored in one pass: the cheap direction of an IAF. A q
narrower than p has weights whose variance does not exist, which their own error cannot tell: the Pareto shape can.
Owen, Monte Carlo theory, methods and examples, chapter 9; Vehtari et al., arXiv:1507.02646.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.flow.flow import Flow
from tfp_flows.inference.pareto import pareto_k
from tfp_flows.inference.posterior import check_size
from tfp_flows.inference.proposals import distribution_of

tfd = tfp.distributions


@dataclasses.dataclass(frozen=True)
class Weighted:
    """Samples of a proposal with the weights that make them samples of a target.

    Args:
        samples: array (n, *batch, *event_shape).
        log_weights: float64 array (n, *batch), nats.

    Example:
        >>> found = Weighted(np.arange(64.0), np.zeros(64))
        >>> float(found.effective_sample_size), float(found.log_evidence), float(found.mean())
        (64.0, 0.0, 31.5)
    """

    samples: np.ndarray
    log_weights: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """(n, *batch), of sum 1."""
        weights = np.exp(self.log_weights - self.log_weights.max(0))
        return weights / weights.sum(0)

    @property
    def log_evidence(self) -> np.ndarray:
        """log of the target's integral, (*batch,), nats."""
        largest = self.log_weights.max(0)
        return largest + np.log(np.mean(np.exp(self.log_weights - largest), 0))

    @property
    def effective_sample_size(self) -> np.ndarray:
        """As many samples of the target itself would do as well, (*batch,): at most n."""
        return 1 / np.sum(self.weights**2, 0)

    @property
    def standard_error(self) -> np.ndarray:
        """Of `log_evidence`, (*batch,), nats; to be relied on where `pareto_k` is below 0.7."""
        return np.sqrt(np.maximum(1 / self.effective_sample_size - 1 / len(self.log_weights), 0))

    @property
    def pareto_k(self) -> np.ndarray:
        """(*batch,), see `tfp_flows.inference.pareto_k`: above 0.7 none of the others is to be relied on."""
        return pareto_k(self.log_weights)

    def mean(self, function: Callable | None = None) -> Any:
        """The target's mean of a function.

        Args:
            function: of samples, to an array (n, *batch, ...); None for the samples themselves.

        Returns:
            array (*batch, ...), float64.
        """
        values = np.asarray(self.samples if function is None else function(self.samples), np.float64)
        weights = self.weights.reshape(self.weights.shape + (1,) * (values.ndim - self.weights.ndim))
        return np.sum(weights * values, 0)

    def resample(self, n: int, seed: int = 0) -> np.ndarray:
        """Draws n samples with replacement by their weights: about samples of the target, of one batch.

        Raises:
            ValueError: where there is a batch of targets.
        """
        if self.log_weights.ndim > 1:
            raise ValueError(f"Expected weights of one target to draw by; got shape {self.log_weights.shape}.")
        return self.samples[np.random.default_rng(seed).choice(len(self.samples), n, p=self.weights)]


def importance_sample(
    target_log_prob: Callable | tfd.Distribution,
    proposal: Flow | tfd.Distribution,
    num_samples: int = 10_000,
    batch_size: int = 10_000,
    seed: int = 0,
) -> Weighted:
    """Samples of the proposal, weighted for the target.

    Args:
        target_log_prob: function (n, *batch, *event_shape) -> (n, *batch), nats, not normalised: an `Unconstrained`
            posterior, say; or a `tfd.Distribution`.
        proposal: `tfp_flows.Flow` fitted to it, or a `tfd.Distribution`: `flow.given(context)`.
        num_samples: int.
        batch_size: int, samples at a time.
        seed: int.

    Raises:
        ValueError: for a proposal that is none, conditional, of integers or not fitted, numbers below 1, values of
            another shape, or a target without a finite value anywhere.

    Example:
        >>> found = importance_sample(lambda x: 2.0 - x**2 / 2, tfd.Normal(0.0, 1.2), 10_000)
        >>> exact = 2.0 + math.log(2 * math.pi) / 2
        >>> bool(abs(found.log_evidence - exact) < 4 * found.standard_error)
        True
    """
    if isinstance(target_log_prob, tfd.Distribution):
        target_log_prob = target_log_prob.log_prob
    if not callable(target_log_prob):
        raise ValueError(f"Expected target_log_prob to be a function or a tfd.Distribution; got {target_log_prob!r}.")
    check_size("num_samples", num_samples)
    check_size("batch_size", batch_size)
    distribution = distribution_of(proposal, "a proposal")

    @tf.function(autograph=False)
    def draw(seed):
        x, log_q = distribution.experimental_sample_and_log_prob(min(batch_size, num_samples), seed=seed)
        log_p = tf.convert_to_tensor(target_log_prob(tf.identity(x)))
        if not log_p.shape.is_compatible_with(log_q.shape):
            raise ValueError(f"Expected target_log_prob to return shape {log_q.shape}; got {log_p.shape}.")
        # In float64: a difference of large numbers.
        return x, tf.cast(log_p, tf.float64) - tf.cast(log_q, tf.float64)

    drawn = [draw(tf.constant([seed, k])) for k in range(-(-num_samples // batch_size))]
    x, log_weights = (np.concatenate([np.asarray(part) for part in parts])[:num_samples] for parts in zip(*drawn))
    log_weights = np.where(np.isnan(log_weights), -np.inf, log_weights)
    if not np.isfinite(log_weights.max(0)).all():
        raise ValueError("Expected a target with finite values at the proposal's samples; got none.")
    return Weighted(x, log_weights)
