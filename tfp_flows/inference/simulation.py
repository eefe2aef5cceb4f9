"""A simulator as training data: pairs of parameters, drawn from a prior, and what it makes of them.

    p ~ prior, x ~ simulator(p)        (p, x) = (event, context) of a flow of parameters given an observation

Kept in arrays (`simulate`) where a simulation is dear, drawn anew for every step (`simulations`) where it is cheap.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.inference.posterior import check_prior, check_size

tfd = tfp.distributions

# Draws, each as many as are asked for, before a prior or a simulator is given up.
_TRIES = 100


def simulate(
    prior: tfd.Distribution, simulator: Callable, num_simulations: int, batch_size: int | None = None,
    seed: int = 0, verbose: int = 1,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Runs a simulator on draws of the prior, with a progress bar, and keeps what comes of it.

    Args:
        prior: `tfd.Distribution` of vectors (d,): `tfd.Independent(tfd.Uniform(low, high), 1)`, or `tfd.Blockwise` of
            parameters of several kinds.
        simulator: function of parameters, an array (n, d), and optionally of a seed, a pair of ints, that gives
            observations (n, *observation_shape): `numpy.random.default_rng(seed)` and TensorFlow's stateless functions
            take it, and the same seed then gives the same simulations.
        num_simulations: int.
        batch_size: int, the parameters of one call; None for 1000 at most. 1 for a simulator of one at a time, which is
            still given (1, d) and gives (1, *observation_shape).
        seed: int.
        verbose: 1 for a progress bar, 0 for none.

    Returns:
        parameters (num_simulations, d) and observations (num_simulations, *observation_shape), arrays of the prior's
        dtype, without those of which the simulator gave NaN or infinite numbers: a warning says how many.

    Raises:
        ValueError: where the prior is none of vectors, the simulator gives another number of observations, or nothing
            but NaN.

    Example:
        >>> from tfp_flows import inference
        >>> prior = tfd.Independent(tfd.Uniform([0.0, -1.0], [2.0, 1.0]), 1)
        >>> def simulator(p, seed):
        ...     return p + 0.1 * np.random.default_rng(seed).normal(size=p.shape)
        >>> p, x = inference.simulate(prior, simulator, 500, verbose=0)
        >>> p.shape, x.shape, x.dtype, bool(abs(x - p).max() < 0.6)
        ((500, 2), (500, 2), dtype('float32'), True)
    """
    source = _Source(prior, simulator)
    check_size("num_simulations", num_simulations)
    size = min(num_simulations, 1000) if batch_size is None else check_size("batch_size", batch_size)
    bar = keras.utils.Progbar(num_simulations, verbose=verbose, unit_name="simulation")
    parts, done = [], 0
    for k in range(-(-num_simulations // size)):
        n = min(size, num_simulations - done)
        parts.append(source(n, (seed, k)))
        done += n
        bar.update(done)
    parameters, observations = (np.concatenate(values) for values in zip(*parts))
    if not len(parameters):
        raise ValueError(f"Expected finite observations of the simulator; got {done} of {done} with NaN or infinity.")
    if len(parameters) < done:
        warnings.warn(
            f"Left out {done - len(parameters)} of {done} simulations, which gave NaN or infinity: what is "
            "learned is the posterior of simulations that succeed.",
            stacklevel=2,
        )
    return parameters, observations


def simulations(
    prior: tfd.Distribution, simulator: Callable, batch_size: int = 128, num_batches: int | None = None, seed: int = 0
) -> tf.data.Dataset:
    """Simulations drawn on the fly, for `fit`: no pair is seen twice, so that nothing is overfitted.

    Args:
        prior, simulator, seed: as `simulate`. TensorFlow's operations in the simulator run eagerly unless it is a
            `tf.function`.
        batch_size: int.
        num_batches: int, then the data set ends and each pass has the same simulations; None for one without end, which
            `fit` wants steps_per_epoch for.

    Returns:
        `tf.data.Dataset` of (parameters (batch_size, d), observations (batch_size, *observation_shape)). Simulations of
        NaN or infinite numbers are drawn again.

    Raises:
        ValueError: as `simulate`; within `fit` as TensorFlow's error with the sentence.

    Example:
        >>> from tfp_flows import inference
        >>> prior = tfd.MultivariateNormalDiag([0.0, 0.0])
        >>> data = inference.simulations(prior, lambda p, seed: p + tf.random.stateless_normal(p.shape, seed), 64, 10)
        >>> import tfp_flows
        >>> flow = tfp_flows.MAF((2,), num_layers=1, hidden_units=8, context_shape=(2,))
        >>> flow.compile("adam")
        >>> history = flow.fit(data, epochs=2, verbose=0)
        >>> flow.sample(5, context=[0.5, -0.5], seed=0).shape.as_list()
        [5, 2]
    """
    source = _Source(prior, simulator)
    check_size("batch_size", batch_size)
    if num_batches is not None:
        check_size("num_batches", num_batches)
    parameters, observations = source.filled(batch_size, (seed, 0))

    def batches():
        k = 0
        while num_batches is None or k < num_batches:
            yield source.filled(batch_size, (seed, k))
            k += 1

    signature = tuple(tf.TensorSpec(values.shape, values.dtype) for values in (parameters, observations))
    data = tf.data.Dataset.from_generator(batches, output_signature=signature)
    cardinality = tf.data.INFINITE_CARDINALITY if num_batches is None else num_batches
    return data.apply(tf.data.experimental.assert_cardinality(cardinality)).prefetch(tf.data.AUTOTUNE)


class _Source:
    """n simulations of a seed."""

    def __init__(self, prior, simulator):
        check_prior(prior)
        if not callable(simulator):
            raise ValueError(f"Expected simulator to be a function of parameters (n, d); got {simulator!r}.")
        self.prior, self.simulator, self.takes_seed = prior, simulator, _takes_seed(simulator)
        self.bijector = prior.experimental_default_event_space_bijector()

    def __call__(self, n, seed):
        """Parameters and observations, arrays, of which those that are finite are left."""
        parameters = self._parameters(n, seed)
        given = [_pair(seed, 1)] if self.takes_seed else []
        observations = np.asarray(self.simulator(parameters, *given))
        if observations.ndim < 1 or len(observations) != n:
            raise ValueError(f"Expected {n} observations of the simulator; got an array of shape {observations.shape}.")
        if observations.ndim == 1:
            # One number each.
            observations = observations[:, None]
        observations = observations.astype(parameters.dtype)
        is_finite = np.isfinite(observations).all(tuple(range(1, observations.ndim)))
        return parameters[is_finite], observations[is_finite]

    def filled(self, n, seed):
        """As many as n, drawn again in the place of those that are not finite."""
        parts, count = [], 0
        for attempt in range(_TRIES):
            parts.append(self(n, (*seed, attempt) if attempt else seed))
            count += len(parts[-1][0])
            if count >= n:
                return tuple(np.concatenate(values)[:n] for values in zip(*parts))
        raise ValueError(f"Expected finite observations of the simulator; got {count} of {n * _TRIES}.")

    def _parameters(self, n, seed):
        """Draws of the prior, drawn again where they lie on its bounds: their logits are infinite."""
        drawn = self.prior.sample(n, seed=_pair(seed, 0)).numpy()
        for attempt in range(_TRIES):
            inside = np.isfinite(self.bijector.inverse(tf.constant(drawn)).numpy()).all(-1)
            if inside.all():
                return drawn
            again = self.prior.sample(n, seed=_pair((*seed, attempt), 2)).numpy()
            drawn = np.where(inside[:, None], drawn, again)
        raise ValueError("Expected a prior whose draws lie within its own bounds; got others.")


def _pair(seed, what):
    """A seed of its own for each draw, two ints, as NumPy and TensorFlow's stateless functions take them."""
    return np.random.SeedSequence([*seed, what]).generate_state(2).astype(np.int64) % (2**31 - 1)


def _takes_seed(simulator):
    """Whether a second argument is for the seed."""
    simulator = getattr(simulator, "python_function", simulator)
    try:
        parameters = inspect.signature(simulator).parameters.values()
    except (TypeError, ValueError):
        return False
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return len([p for p in parameters if p.kind in kinds and (p.default is p.empty or p.name == "seed")]) > 1
