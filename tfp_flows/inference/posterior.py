"""What is done with every posterior from simulations: what it is of is looked at, samples are drawn part by part."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.numerics.tensors import is_positive_integer

tfd = tfp.distributions

# Samples of all observations of a part together.
_AT_ONCE = 50_000


def check_prior(prior):
    """Refuses what is no distribution of vectors.

    Raises:
        ValueError: saying what it is.
    """
    if not isinstance(prior, tfd.Distribution):
        raise ValueError(f"Expected prior to be a tfd.Distribution; got {prior!r}.")
    if not isinstance(prior.event_shape, tf.TensorShape) or prior.event_shape.rank != 1 or prior.batch_shape.rank:
        raise ValueError(
            f"Expected a prior of vectors (d,), as tfd.Independent(..., 1) and tfd.Blockwise make them; got event "
            f"shape {prior.event_shape} and batch shape {prior.batch_shape}."
        )


def check_pairs(parameters, observations):
    """Both as arrays.

    Raises:
        ValueError: where parameters are no list of finite vectors, or there are not as many observations.
    """
    parameters, observations = np.asarray(parameters), np.asarray(observations)
    if parameters.ndim != 2 or not parameters.size or parameters.dtype.kind != "f":
        raise ValueError(f"Expected parameters (n, d), floats; got {parameters.dtype} {parameters.shape}.")
    if observations.ndim < 1 or len(observations) != len(parameters):
        raise ValueError(
            f"Expected {len(parameters)} observations, one a vector of parameters; got {observations.shape}."
        )
    if not np.isfinite(parameters).all():
        raise ValueError("Expected finite parameters; got NaN or infinite ones.")
    return parameters, observations


def check_size(name, value):
    """The value, where it is a positive integer."""
    if not is_positive_integer(value):
        raise ValueError(f"Expected {name} to be a positive integer; got {value!r}.")
    return value


def drawn(flow, observations, num_samples, seed):
    """(slice of observations, samples (num_samples, m, d) of their posteriors), part after part.

    Args:
        flow: as `tfp_flows.Flow`.
        observations: array (n, *observation_shape).
        num_samples: int.
        seed: int.
    """
    size = max(_AT_ONCE // num_samples, 1)
    for k, start in enumerate(range(0, len(observations), size)):
        rows = slice(start, start + size)
        yield rows, np.asarray(flow.sample((num_samples,), seed=[seed, k], context=observations[rows]))
