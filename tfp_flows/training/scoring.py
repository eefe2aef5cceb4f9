"""Scores of a flow on a data set, one an event, with their mean, standard error and bits per dimension."""

import math

import numpy as np
import tensorflow as tf

from tfp_flows.metrics import bits_per_dim
from tfp_flows.objectives import MaximumLikelihood


def nll_per_event(model, x, context=None, batch_size=500, seed=0):
    """Negative log-likelihood of each event, in nats; for integer data the bound, with noise drawn from the seed.

    Args:
        model: `tfp_flows.Flow`.
        x: array (n, *event_shape).
        context: array (n, *context_shape) or None.
        batch_size: int.
        seed: int.

    Returns:
        array (n,), float64.
    """
    objective = MaximumLikelihood()

    @tf.function(reduce_retracing=True)
    def score(x, context, seed):
        return objective(model, x, context, seed=seed, training=False)

    x = model._training_events(x)
    scores = []
    for i in range(0, len(x), batch_size):
        part = None if context is None else tf.convert_to_tensor(context[i : i + batch_size])
        batch_seed = tf.constant([seed, i // batch_size], tf.int32)
        scores.append(np.asarray(score(tf.convert_to_tensor(x[i : i + batch_size]), part, batch_seed)))
    return np.concatenate(scores).astype(np.float64)


def summarize(nll, event_shape, num_bins=None):
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


def gaussian_nll(train, test, num_bins=None, seed=0):
    """Nats per event of a full-covariance Gaussian fitted to `train`: what any flow has to beat.

    Integer data are dequantized by uniform noise from the seed, as the flow's are.

    Args:
        train, test: arrays (n, *event_shape).
        num_bins: int for integer data, or None.
        seed: int.

    Returns:
        array (len(test),), float64.
    """
    random = np.random.default_rng(seed)

    def flat(x):
        noise = random.random((len(x), int(np.prod(x.shape[1:])))) if num_bins is not None else 0.0
        return x.reshape(len(x), -1).astype(np.float64) + noise

    train, test = flat(train), flat(test)
    mean = train.mean(0)
    covariance = np.atleast_2d(np.cov(train, rowvar=False))
    # The ridge matters only where a feature is constant or there are fewer events than features.
    covariance += 1e-6 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, (test - mean).T)
    log_det = np.log(np.diag(factor)).sum()
    return 0.5 * (white**2).sum(0) + log_det + 0.5 * len(mean) * math.log(2 * math.pi)
