"""Flow: a `keras.Model` around any TFP distribution.

    train    x -> dequantize -> distribution.log_prob -> objective -> fit
    sample   base.sample(seed) -> temperature -> bijector.forward
    serve    log_prob, sample, encode, decode

Keras sees every weight that TFP sees, and the other way round: fit, optimizers, callbacks and weight files work on
our bijectors and on TFP's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import ArrayLike

from tfp_flows.bijectors import Bijector, initializing
from tfp_flows.bridge.variables import tf_variable
from tfp_flows.dequantization import Gaussian, IntegerColumns, Uniform, Variational, is_bound
from tfp_flows.flow import adoption, batches, conditional, events, sharing, start, support, train_step
from tfp_flows.flow import context as contexts
from tfp_flows.flow.functions import CompiledFunctions, Draw
from tfp_flows.flow.sampler import DistributionSampler, Sampler, failures_in_a_sentence
from tfp_flows.flow.temperature import has_location_scale
from tfp_flows.flow.trainer import FlowTrainer


class Flow(conditional.HasContext, FlowTrainer):
    """Trains, evaluates, samples and saves any `tfd.Distribution` with Keras.

    Args:
        distribution: `tfd.Distribution` with an empty batch shape, usually a `tfd.TransformedDistribution`.
        dequantization: None for continuous data, or `tfp_flows.dequantization.Uniform(num_bins)` or `Variational` for
            integer data: `fit` and `evaluate` then take integers and add noise, and `log_prob` stays the continuous
            density.
        seed: int, of dequantization, dropout and data order.
        num_classes: int where the contexts of a conditional flow are class labels 0..num_classes-1, which its networks
            get as one-hot vectors; None where they are vectors.
        name: str or None.
        sampler: `tfp_flows.flow.Sampler` that `sample`, pictures and the served `sample` ask; None for samples of the
            distribution.

    Raises:
        ValueError: where the distribution is none, has a batch shape, or holds a layer that cannot be built, or the
            sampler is none.

    Example:
        >>> import tfp_flows
        >>> distribution = tfd.TransformedDistribution(tfd.Normal(0.0, 1.0), tfb.Scale(tf.Variable(2.0)))
        >>> flow = tfp_flows.Flow(distribution)
        >>> flow.compile("adam")
        >>> history = flow.fit(np.random.default_rng(0).normal(size=64).astype("float32"), verbose=0)
        >>> flow.log_prob(tf.zeros([3])).shape.as_list()
        [3]
    """

    def __init__(
        self, distribution: tfp.distributions.Distribution,
        dequantization: Gaussian | IntegerColumns | Uniform | Variational | None = None, seed: int = 0,
        num_classes: int | None = None, name: str | None = None, sampler: Sampler | None = None,
    ):  # fmt: skip
        adoption.check_distribution(distribution)
        if sampler is not None and not isinstance(sampler, Sampler):
            raise ValueError(f"Expected sampler to be a tfp_flows.flow.Sampler or None; got {sampler!r}.")
        # The model itself never computes in low precision, whatever the global policy: its conditioners may.
        super().__init__(name=name, dtype=tf.as_dtype(distribution.dtype).name)
        self.distribution, self.dequantization = distribution, dequantization
        self.seed, self.num_classes = int(seed), num_classes
        self._sampler = DistributionSampler() if sampler is None else sampler
        self.objective, self._meters = self.default_objective(), None
        self.event_shape = tuple(distribution.event_shape)
        self.conditioners, self.adopted = adoption.adopt_weights(distribution)
        self.known_context_shape = adoption.known_context_shape(distribution, self.conditioners)
        self._takes_context = bool(contexts.options(distribution, None))
        self.distribution = conditional.conditional(distribution, self.known_context_shape, num_classes)
        noise = adoption.adopt_dequantization(dequantization, self.event_shape, self.variable_dtype)
        self.noise_layers, self.noise_adopted = noise
        # Set by `training.StopOnNaN`: gradients that are not finite are withheld, the loss then NaN.
        self.keep_weights_finite = False
        # Whether all layers are known to be initialised, so that a call need not ask each.
        self.has_started = False
        # Keras' lists of layers are invisible to tf.train.Checkpoint: it finds every weight here.
        self._for_checkpoints = tf.Module()
        self._for_checkpoints.held = [tf_variable(weight) for weight in self.weights]
        self.built, self._compiled = True, CompiledFunctions(self)

    @property
    def sampler(self) -> Sampler:
        """`tfp_flows.flow.Sampler` that `sample`, pictures and the served `sample` ask; may be set to another one."""
        return self._sampler

    @sampler.setter
    def sampler(self, sampler: Sampler) -> None:
        if not isinstance(sampler, Sampler):
            raise ValueError(f"Expected sampler to be a tfp_flows.flow.Sampler; got {sampler!r}.")
        self._sampler, self._compiled = sampler, CompiledFunctions(self)

    @property
    def num_bins(self) -> int | None:
        """int, the levels of the integer data, or None for continuous data."""
        return None if self.dequantization is None else self.dequantization.num_bins

    @property
    def scored_bins(self) -> int | None:
        """`num_bins` where the density bounds the integers' probability, so that it has bits per dimension, or None."""
        return self.num_bins if is_bound(self.dequantization) else None

    @property
    def can_encode(self) -> bool:
        """Whether events have one latent: the distribution is a base pushed through a bijector."""
        # By its parts: TFP makes another class of it around a bijector that is no composite tensor.
        return hasattr(self.distribution, "bijector") and hasattr(self.distribution, "distribution")

    @property
    def can_scale_temperature(self) -> bool:
        """Whether samples can be drawn at a temperature, as the sampler says."""
        return self.sampler.can_scale_temperature(self)

    @property
    def base(self) -> tfp.distributions.Distribution:
        """The latent `tfd.Distribution`; the distribution itself where it is no transformed one."""
        return self.distribution.distribution if self.can_encode else self.distribution

    @property
    def has_location_scale_base(self) -> bool:
        """Whether the base has a location and a scale."""
        return has_location_scale(self.base)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """tuple of ints, the event shape of the base; that of the data where there is none."""
        return tuple(self.base.event_shape)

    def log_prob(self, x: ArrayLike, context: ArrayLike | None = None) -> tf.Tensor:
        """The continuous log density, deterministic.

        Args:
            x: events (*batch, *event_shape); integers, where the flow dequantizes, are scored at their bins' centres.
            context: (*batch, *context_shape), or labels (*batch,), for a conditional flow: one for all, one for each,
                or any that broadcast with the events.

        Returns:
            tensor (*batch,), nats per event; -inf where there is no density: of integers, outside [0, num_bins).

        Raises:
            ValueError: for another shape, NaN, infinite or out-of-range values, integers without dequantization.
        """
        x, given, restore = batches.joined(self, x, self.event_shape, context, self.as_reals)
        return restore(self._compiled.log_prob(x, *given))

    def sample(
        self,
        n: int | Sequence[int],
        seed: ArrayLike | None = None,
        temperature: float = 1.0,
        context: ArrayLike | None = None,
    ) -> tf.Tensor:
        """Draws events.

        Args:
            n: int, how many; or a sample shape as TFP's, (k,) or (3, 4): so many of each context.
            seed: int, pair of ints or int32 tensor [2]: the samples are a function of it; None for fresh ones.
            temperature: float >= 0, scales the base's samples about its location.
            context: for a conditional flow: beside an int one for each sample, (n, *context_shape), or labels (n,), or
                one for all; beside a sample shape any number, (*contexts, *context_shape), or labels (*contexts,).

        Returns:
            tensor (n, *event_shape), or (*sample_shape, *contexts, *event_shape); of integers within [0, num_bins):
            what falls beside moves to the nearest level.

        Raises:
            ValueError: where n < 1, the temperature is negative or NaN, or the base has no temperature to scale.
            SamplingError: where the flow's sampler fails, with its sentence.
        """
        seed, temperature = events.stateless_seed(seed), events.check_temperature(temperature)
        if not self.can_scale_temperature and (tf.is_tensor(temperature) or temperature != 1.0):
            raise ValueError(
                f"Expected temperature 1, for {self.base.name!r} is no location-scale base; got {temperature!r}."
            )
        n, given, restore = batches.asked(self, n, context)
        with failures_in_a_sentence():
            return restore(self._compiled.sample(n, seed, tf.cast(temperature, self.variable_dtype), *given))

    def sample_and_log_prob(
        self, n: int | Sequence[int], context: ArrayLike | None = None, seed: ArrayLike | None = None,
        training: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor]:  # fmt: skip
        """Draws events of the distribution and scores them in one pass: nothing is inverted. Gradients go through both.

        Args:
            n, context, seed: as `sample`.
            training: bool, handed to the flow's networks.

        Returns:
            tensor of events as `sample` gives them, and their log_prob, (n,) or (*sample_shape, *contexts), nats.

        Raises:
            ValueError: where n < 1, or the context is not as the flow wants it.
        """
        n, given, restore = batches.asked(self, n, context)
        return tuple(map(restore, Draw(self)(n, events.stateless_seed(seed), *given, training=training)))

    def encode(self, x: ArrayLike, context: ArrayLike | None = None) -> tf.Tensor:
        """Data to latent: the bijector's inverse. x (*batch, *event_shape) -> z (*batch, *latent_shape).

        Raises:
            ValueError: for bad events, or where the distribution is no transformed base.
        """
        self._require_bijector("encode")
        x, given, restore = batches.joined(self, x, self.event_shape, context, self.as_reals)
        return restore(self._compiled.encode(x, *given))

    def decode(self, z: ArrayLike, context: ArrayLike | None = None) -> tf.Tensor:
        """Latent to data: the bijector's forward. z (*batch, *latent_shape) -> x (*batch, *event_shape).

        Raises:
            ValueError: for a bad latent, or where the distribution is no transformed base.
        """
        self._require_bijector("decode")
        check = lambda z: tf.cast(events.check_events(z, self.latent_shape, None, "z"), self.variable_dtype)
        z, given, restore = batches.joined(self, z, self.latent_shape, context, check)
        return restore(self._compiled.decode(z, *given))

    def initialize(self, x: ArrayLike | int, context: ArrayLike | None = None, seed: ArrayLike | None = None) -> None:
        """Lets every layer that initialises from data do so, once, in data -> latent order; `fit` does, first.

        Args:
            x: events (batch, *event_shape), integers where the flow dequantizes; or an int, of samples to draw, from
                which layers initialise in latent -> data order: for an objective without data.
            context: as in `log_prob`.
            seed: int32 [2] of the noise or the samples; None for that of the first training step.
        """
        seed = train_step.step_seed(self.seed, 0) if seed is None else seed
        with initializing():
            if isinstance(x, (int, np.integer)):
                self.sample_and_log_prob(x, context, seed)
            else:
                x = tf.convert_to_tensor(events.check_events(x, self.event_shape, self.num_bins))
                # A new tensor object: TFP answers from its cache for one that it has met.
                self._score(tf.identity(x), context, seed)

    @property
    def is_initialized(self) -> bool:
        """Whether no layer waits for data to initialise from."""
        parts = (*self.distribution.submodules, *getattr(self.dequantization, "submodules", ()))
        return not any(part.needs_initialization for part in parts if isinstance(part, Bijector))

    def call(
        self, x: tf.Tensor, context: tf.Tensor | None = None, training: bool | None = None,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:  # fmt: skip
        """log_prob of a batch, (batch,), nats; of integers at the centres of their bins, or with a seed (int32 [2]) the
        bound, with noise drawn from it. Keras carries `training` to the conditioners through TFP."""
        if x.dtype.is_integer:
            events.check_spec(x.shape, x.dtype, self.event_shape, self.num_bins)
        if training and not self.has_started:
            start.initialize_where_training_starts(self, x, context)
        density = lambda x: self._score(x, context, seed, training)
        # Training sees the distribution as it is.
        if training:
            return density(x)
        return contexts.void_unknown(self, context, support.on_support(self, x, context, density))

    def as_reals(self, x: ArrayLike) -> tf.Tensor:
        """Events as the continuous density takes them: floats of the flow's dtype, integers at their bins' centres.

        Args:
            x: array or tensor (batch, *event_shape).

        Raises:
            ValueError: for another shape, NaN, infinite or out-of-range values, integers without dequantization.
        """
        x = events.check_events(x, self.event_shape, self.num_bins)
        if tf.as_dtype(x.dtype).is_integer:
            return self.dequantization.centre(x, dtype=self.variable_dtype)
        return tf.cast(x, self.variable_dtype)

    def dequantized(self, x: tf.Tensor, seed: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor | float]:
        """Events as floats, with noise drawn from the seed where there is any to add, and its log q, (batch,) or 0."""
        log_q = 0.0
        if seed is not None and self.dequantization is not None and (x.dtype.is_integer or self.num_bins is None):
            x, log_q = self.dequantization(x, seed, dtype=self.variable_dtype)
        elif x.dtype.is_integer:
            x = self.dequantization.centre(x, dtype=self.variable_dtype)
        return tf.cast(x, self.variable_dtype), log_q

    def _score(self, x, context, seed, training=False):
        x, log_q = self.dequantized(x, seed)
        log_prob = sharing.density(self, x, context, seed, training)
        return contexts.void_unknown(self, context, log_prob - log_q)

    def _require_bijector(self, what):
        if not self.can_encode:
            raise ValueError(
                f"Expected a tfd.TransformedDistribution to {what}, a base pushed through a bijector; "
                f"got {type(self.distribution).__name__}."
            )
