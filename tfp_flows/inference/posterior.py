"""What every check of a posterior does: pairs of parameters and observations looked at, samples drawn part by part."""

import numpy as np

from tfp_flows.numerics.tensors import is_positive_integer

# Samples of all observations of a part together.
_AT_ONCE = 50_000


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
