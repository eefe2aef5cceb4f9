"""Scores of a flow on a data set, one an event, with their mean, standard error and bits per dimension."""

from __future__ import annotations

import functools
import math

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows.bridge.traces import traced
from tfp_flows.dequantization import is_bound
from tfp_flows.flow import Flow
from tfp_flows.flow import context as contexts
from tfp_flows.flow.events import check_training_events
from tfp_flows.metrics import bits_per_dim
from tfp_flows.numerics.tensors import is_positive_integer
from tfp_flows.objectives import MaximumLikelihood


def nll_per_event(
    model: Flow,
    x: ArrayLike,
    context: ArrayLike | None = None,
    batch_size: int = 500,
    seed: int = 0,
    num_samples: int = 1,
) -> np.ndarray:
    """Negative log-likelihood of each event, in nats; for integer data a bound of it, with noise drawn from the seed.

    With K samples of the noise the bound is the importance-weighted one, -log 1/K sum_k p(x + u_k) / q(u_k | x). In
    expectation it is an upper bound of -log P(x) for any K, tighter the larger K is, and it takes K passes.
    Hoogeboom, Cohen and Tomczak, arXiv:2001.11235, section 3; Burda et al., arXiv:1509.00519, theorem 1.

    Args:
        model: `tfp_flows.Flow`.
        x: array (n, *event_shape).
        context: for a conditional flow, array (n, *context_shape), labels (n,) or one label for all; else None.
        batch_size: int.
        seed: int.
        num_samples: int, K; above 1 for flows that dequantize only.

    Returns:
        array (n,), float64.

    Raises:
        ValueError: for bad events or contexts, or a number of samples that is no positive integer, or above 1 where
            there is no noise to sample.
    """
    context = next(iter(contexts.check(model, context, len(x))), None)
    if context is not None and len(context) != len(x):
        raise ValueError(f"Expected one context for each of {len(x)} events; got {len(context)}.")
    return _scorer(model, x, batch_size, seed, num_samples)(context)


def marginal_nll(
    model: Flow, x: ArrayLike, class_weights: ArrayLike, batch_size: int = 500, seed: int = 0, num_samples: int = 1
) -> np.ndarray:
    """-log p(x) of each event under a class-conditional flow whose classes are summed over, in nats.

        p(x) = sum_k p(class k) p(x given class k)

    What an event without a label, or with one of another data set, can be scored by. Takes a pass for each class.

    Args:
        model: `tfp_flows.Flow` with num_classes.
        x: array (n, *event_shape).
        class_weights: array (num_classes,) of p(class k), or of how often each class occurs.
        batch_size, seed, num_samples: as `nll_per_event`; integer data have the same noise for every class.

    Returns:
        array (n,), float64.

    Raises:
        ValueError: as `nll_per_event`, and where the flow has no classes or the weights are not one for each of them.
    """
    weights = np.asarray(class_weights, np.float64)
    if model.num_classes is None:
        raise ValueError("Expected a class-conditional flow, with num_classes; got one without.")
    if (
        weights.shape != (model.num_classes,)
        or not np.isfinite(weights).all()
        or weights.min() < 0
        or not weights.any()
    ):
        raise ValueError(f"Expected {model.num_classes} class weights of at least 0; got {weights.tolist()}.")
    known = np.flatnonzero(weights)
    score = _scorer(model, x, batch_size, seed, num_samples)
    scores = [-score(np.full(len(x), k, np.int32)) for k in known]
    share = weights[known] / weights.sum()
    return -_log_mean_exp(np.asarray(scores) + np.log(share * len(known))[:, None])


def summarize(nll: ArrayLike, event_shape: tuple[int, ...], num_bins: int | None = None) -> dict[str, float]:
    """Mean nll with its standard error, and for integer data what papers quote.

    Args:
        nll: array (n,), nats.
        event_shape: tuple of ints.
        num_bins: int or None.

    Returns:
        dict of floats: nll, nll_standard_error, num_events; for integer data bits_per_dim, its standard error, and
        log_likelihood_unit_interval, -nll + D ln num_bins, the nats on [0, 1] that NICE quotes.
    """
    size = int(np.prod(event_shape))
    error = float(np.std(nll, ddof=1) / math.sqrt(len(nll))) if len(nll) > 1 else float("nan")
    summary = {"nll": float(np.mean(nll)), "nll_standard_error": error, "num_events": len(nll)}
    if num_bins is not None:
        summary["bits_per_dim"] = bits_per_dim(summary["nll"], size)
        summary["bits_per_dim_standard_error"] = bits_per_dim(error, size)
        summary["log_likelihood_unit_interval"] = -summary["nll"] + size * math.log(num_bins)
    return summary


def gaussian_nll(
    train: np.ndarray,
    test: np.ndarray,
    num_bins: int | None = None,
    seed: int = 0,
    integer_columns: tuple[int, ...] = (),
    given: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Nats per event of a full-covariance Gaussian fitted to `train`: what any flow has to beat.

    Integer data are dequantized by uniform noise from the seed, as the flow's are. Of no more events than features
    the covariance is singular: what is added to its diagonal is then chosen by the likelihood of a half of the events.

    Args:
        train, test: arrays (n, *event_shape).
        num_bins: int for integer data, or None.
        seed: int.
        integer_columns: of a table of reals, those that are dequantized.
        given: contexts (n, size) of both, for p(x given context): that of both less that of the contexts.

    Returns:
        array (len(test),), float64.
    """
    if given is not None:
        beside = [np.concatenate([x, context], axis=1) for x, context in zip((train, test), given)]
        both = gaussian_nll(*beside, None, seed, tuple(range(train.shape[1])) if num_bins else integer_columns)
        return both - gaussian_nll(*given, None, seed)
    random = np.random.default_rng(seed)

    def flat(x):
        x = x.reshape(len(x), -1).astype(np.float64)
        is_integer = np.isin(np.arange(x.shape[1]), integer_columns) | (num_bins is not None)
        return x + is_integer * random.random(x.shape)

    train, test = flat(train), flat(test)
    # In standard units, so that no column's unit says what is small beside another's.
    mean, std = train.mean(0), train.std(0)
    std = np.where(std > 0, std, 1.0)
    train, test = (train - mean) / std, (test - mean) / std
    covariance = np.atleast_2d(np.cov(train, rowvar=False))
    few = 4 <= len(train) <= len(mean)
    factor = _cholesky(covariance, [_best_ridge(*np.array_split(random.permutation(train), 2))] if few else _RIDGES)
    white = np.linalg.solve(factor, test.T)
    log_det = np.log(np.diag(factor)).sum() + np.log(std).sum()
    return 0.5 * (white**2).sum(0) + log_det + 0.5 * len(mean) * math.log(2 * math.pi)


# What is added to the diagonal, of about 1: as little as makes the matrix one of a density.
_RIDGES = (0.0, 1e-12, 1e-9, 1e-6)


def _cholesky(covariance, ridges):
    diagonal = max(np.diag(covariance).mean(), 1e-3) * np.eye(len(covariance))
    for ridge in ridges:
        try:
            return np.linalg.cholesky(covariance + ridge * diagonal)
        except np.linalg.LinAlgError:
            continue
    raise ValueError("Expected finite events to fit a Gaussian to; got others.")


def _best_ridge(fitted, held_out):
    """The share of the mean variance that, added to the diagonal of the first's covariance, suits the second best."""
    values, vectors = np.linalg.eigh(np.cov(fitted, rowvar=False))
    squares = (((held_out - fitted.mean(0)) @ vectors) ** 2).mean(0)
    ridges = 10.0 ** np.arange(-6, 2)
    variances = np.maximum(values, 0.0) + ridges[:, np.newaxis] * values.mean()
    return ridges[np.argmin((squares / variances + np.log(variances)).sum(-1))]


def _scorer(model, x, batch_size, seed, num_samples):
    """Checks the events; a function from their contexts, (n, ...) or None, to their nll, traced once for all."""
    if not is_positive_integer(num_samples):
        raise ValueError(f"Expected num_samples to be a positive integer; got {num_samples!r}.")
    if num_samples > 1 and model.dequantization is None:
        raise ValueError(
            f"Expected num_samples=1 for a flow without dequantization, whose nll is exact; got {num_samples}."
        )
    if num_samples > 1 and not is_bound(model.dequantization):
        raise ValueError(f"Expected num_samples=1 for a flow of noisy data, whose nll is no bound; got {num_samples}.")
    x = check_training_events(model, x)
    objective = MaximumLikelihood()

    @functools.partial(traced, reduce_retracing=True)
    def score_batch(x, context, seed):
        return objective(model, x, context, seed=seed, training=False)

    def score(context):
        scores = []
        for i in range(0, len(x), batch_size):
            batch = tf.convert_to_tensor(x[i : i + batch_size])
            part = None if context is None else tf.convert_to_tensor(context[i : i + batch_size])
            # One sample after the other: memory stays that of one pass.
            samples = [score_batch(batch, part, _noise_seed(seed, i // batch_size, k)) for k in range(num_samples)]
            scores.append(-_log_mean_exp(-np.asarray(samples, np.float64)))
        return np.concatenate(scores)

    return score


def _noise_seed(seed, batch, sample):
    pair = tf.constant([seed, batch], tf.int32)
    return pair if sample == 0 else tf.random.experimental.stateless_fold_in(pair, sample)


def _log_mean_exp(values):
    """log of the mean of exp over the first axis; of a single row that row, to the bit."""
    largest = values.max(0)
    # Where all are -inf so is the result, and not NaN.
    shift = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore"):
        return shift + np.log(np.exp(values - shift).mean(0))
