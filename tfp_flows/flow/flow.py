"""Flow: a `keras.Model` around any TFP distribution.

    train    x -> dequantize -> distribution.log_prob -> objective -> fit
    sample   base.sample(seed) -> temperature -> bijector.forward
    serve    log_prob, sample, encode, decode

Keras sees every weight that TFP sees, and the other way round: fit, optimizers, callbacks and weight files work on
our bijectors and on TFP's own.
"""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors import Bijector, initializing, takes_context
from tfp_flows.flow import adoption, events, fitting, train_step
from tfp_flows.flow import context as contexts
from tfp_flows.flow.functions import CompiledFunctions
from tfp_flows.flow.temperature import has_location_scale
from tfp_flows.metrics import BitsPerDim
from tfp_flows.objectives import MaximumLikelihood, Objective

tfd = tfp.distributions


class Flow(keras.Model):
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

    Raises:
        ValueError: where the distribution is none, has a batch shape, or holds a layer that cannot be built.

    Example:
        >>> import tfp_flows
        >>> distribution = tfd.TransformedDistribution(tfd.Normal(0.0, 1.0), tfb.Scale(tf.Variable(2.0)))
        >>> flow = tfp_flows.Flow(distribution)
        >>> flow.compile("adam")
        >>> history = flow.fit(np.random.default_rng(0).normal(size=64).astype("float32"), verbose=0)
        >>> flow.log_prob(tf.zeros([3])).shape.as_list()
        [3]
    """

    def __init__(self, distribution, dequantization=None, seed=0, num_classes=None, name=None):
        if not isinstance(distribution, tfd.Distribution):
            raise ValueError(f"Expected a tfd.Distribution; got {type(distribution).__name__}.")
        if not isinstance(distribution.event_shape, tf.TensorShape) or not distribution.event_shape.is_fully_defined():
            raise ValueError(f"Expected a distribution of one static event shape; got {distribution.event_shape}.")
        if distribution.batch_shape != tf.TensorShape([]):
            raise ValueError(f"Expected a distribution with batch shape (); got {distribution.batch_shape}.")
        # The model itself never computes in low precision, whatever the global policy: its conditioners may.
        super().__init__(name=name, dtype=tf.as_dtype(distribution.dtype).name)
        self.distribution = distribution
        self.dequantization = dequantization
        self.seed = int(seed)
        self.num_classes = num_classes
        self.objective = MaximumLikelihood()
        self.event_shape = tuple(distribution.event_shape)
        self.conditioners, self.adopted = adoption.adopt_weights(distribution)
        self.noise_layers, self.noise_adopted = adoption.adopt_dequantization(dequantization, self.event_shape)
        # Set by `training.StopOnNaN`: gradients that are not finite are withheld, and the loss then shown as NaN.
        self.keep_weights_finite = False
        self._nll = keras.metrics.Mean(name="nll")
        self._bits_per_dim = None if dequantization is None else BitsPerDim(int(np.prod(self.event_shape)))
        # Keras' lists of layers are invisible to tf.train.Checkpoint: it finds every weight here.
        self._for_checkpoints = tf.Module()
        self._for_checkpoints.held = [weight._value for weight in self.weights]
        self.built = True
        self._compiled = CompiledFunctions(self)

    @property
    def num_bins(self):
        """int, the levels of the integer data, or None for continuous data."""
        return None if self.dequantization is None else self.dequantization.num_bins

    @property
    def can_encode(self):
        """Whether events have one latent: the distribution is a base pushed through a bijector."""
        # By its parts: TFP makes another class of it around a bijector that is no composite tensor.
        return hasattr(self.distribution, "bijector") and hasattr(self.distribution, "distribution")

    @property
    def can_scale_temperature(self):
        """Whether samples can be drawn at a temperature: the base has a location and a scale."""
        return has_location_scale(self._base)

    @property
    def latent_shape(self):
        """tuple of ints, the event shape of the base; that of the data where there is none."""
        return tuple(self._base.event_shape)

    @property
    def takes_context(self):
        """Whether the density is conditional, p(x given context)."""
        return self.can_encode and takes_context(self.distribution.bijector)

    def log_prob(self, x, context=None):
        """The continuous log density, deterministic.

        Args:
            x: events (batch, *event_shape); integers, where the flow dequantizes, are scored at their bins' centres.
            context: (batch, *context_shape), or labels (batch,) or one for all, for a conditional flow.

        Returns:
            tensor (batch,), nats per event.

        Raises:
            ValueError: for another shape, NaN, infinite or out-of-range values, integers without dequantization.
        """
        x = self._events(x)
        return self._compiled.log_prob(x, *contexts.check(self, context, tf.shape(x)[0]))

    def sample(self, n, seed=None, temperature=1.0, context=None):
        """Draws events.

        Args:
            n: int, how many.
            seed: int, pair of ints or int32 tensor [2]: the samples are a function of it; None for fresh ones.
            temperature: float >= 0, scales the base's samples about its location.
            context: (n, *context_shape), or labels (n,) or one for all, for a conditional flow.

        Returns:
            tensor (n, *event_shape).

        Raises:
            ValueError: where n < 1, the temperature is negative or NaN, or the base has no temperature to scale.
        """
        n, seed = events.check_count(n), events.stateless_seed(seed)
        temperature = events.check_temperature(temperature)
        if not self.can_scale_temperature and (tf.is_tensor(temperature) or temperature != 1.0):
            raise ValueError(
                f"Expected temperature 1, for {self._base.name!r} is no location-scale base; got {temperature!r}."
            )
        temperature = tf.cast(temperature, self.variable_dtype)
        n = tf.convert_to_tensor(n, tf.int32)
        return self._compiled.sample(n, seed, temperature, *contexts.check(self, context, n))

    def encode(self, x, context=None):
        """Data to latent: the bijector's inverse. x (batch, *event_shape) -> z (batch, *latent_shape).

        Raises:
            ValueError: for bad events, or where the distribution is no transformed base.
        """
        self._require_bijector("encode")
        x = self._events(x)
        return self._compiled.encode(x, *contexts.check(self, context, tf.shape(x)[0]))

    def decode(self, z, context=None):
        """Latent to data: the bijector's forward. z (batch, *latent_shape) -> x (batch, *event_shape).

        Raises:
            ValueError: for a bad latent, or where the distribution is no transformed base.
        """
        self._require_bijector("decode")
        z = events.check_events(z, self.latent_shape, None, "z")
        return self._compiled.decode(tf.cast(z, self.variable_dtype), *contexts.check(self, context, tf.shape(z)[0]))

    def initialize(self, x, context=None, seed=None):
        """Lets every layer that initialises from data do so, once, in data -> latent order.

        `fit` does it by itself before its first step, from its first batch.

        Args:
            x: events (batch, *event_shape), integers where the flow dequantizes; or an int, of samples to draw, from
                which layers initialise in latent -> data order: for an objective without data.
            context: as in `log_prob`.
            seed: int32 [2] of the noise or the samples; None for that of the first training step.
        """
        seed = train_step.step_seed(self.seed, 0) if seed is None else seed
        with initializing():
            if isinstance(x, (int, np.integer)):
                self(tf.zeros([events.check_count(x), 0]), context=context, seed=seed, draw=True)
            else:
                x = tf.convert_to_tensor(events.check_events(x, self.event_shape, self.num_bins))
                # A new tensor object: TFP answers from its cache for one that it has met.
                self._score(tf.identity(x), context, seed)

    @property
    def is_initialized(self):
        """Whether no layer waits for data to initialise from."""
        parts = (*self.distribution.submodules, *getattr(self.dequantization, "submodules", ()))
        return not any(part.needs_initialization for part in parts if isinstance(part, Bijector))

    def call(self, x, context=None, training=None, seed=None, draw=False):
        """log_prob of a batch, (batch,), nats; of integers at the centres of their bins, or with a seed (int32 [2]) the
        bound, with noise drawn from it. With draw as many samples as x has rows, (batch, *event_shape), from the seed,
        and their log_prob. Keras carries `training` to the conditioners through TFP."""
        if draw:
            return self.distribution.experimental_sample_and_log_prob(
                tf.shape(x)[0], seed=seed, **self._kwargs(context)
            )
        if x.dtype.is_integer:
            events.check_spec(x.shape, x.dtype, self.event_shape, self.num_bins)
        return self._score(x, context, seed)

    def compile(self, optimizer="adam", loss=None, **kwargs):
        """As Keras' compile; `loss` is an objective (`tfp_flows.objectives`), by default maximum likelihood.

        Raises:
            ValueError: where the loss is no objective or does not suit the flow, or Keras metrics of (y_true, y_pred)
                are given.
        """
        loss = MaximumLikelihood() if loss is None else loss
        if not isinstance(loss, Objective):
            raise ValueError(f"Expected an objective of tfp_flows.objectives as loss; got {loss!r}.")
        loss.check(self)
        if kwargs.get("metrics") or kwargs.get("weighted_metrics"):
            raise ValueError("Expected no metrics, for a density has no y_true and y_pred: nll is logged; got some.")
        self.objective = loss
        super().compile(optimizer=optimizer, loss=None, **kwargs)
        if not self.optimizer.built:
            # Keras would build its slots inside the traced step, and so trace the step twice; and a weights file loaded
            # before the first step would lose the optimizer's part.
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        sample_weight=None,
        initial_epoch=0,
        **kwargs,
    ):
        """As Keras' fit: x are events (arrays, `tf.data.Dataset`, generator), y the context of a conditional flow.

        An objective that draws its own samples takes no x: `fit(steps_per_epoch=100, batch_size=500)`, or with y = the
        contexts that the samples are drawn for.

        Layers that initialise from data do so from the first batch, which is trained on as well. Arrays are shuffled
        in an order that the flow's seed and the epoch decide, so that a resumed run repeats an uninterrupted one.

        Returns:
            `keras.callbacks.History` with loss, nll (or what the objective calls it) and, for integer data,
            bits_per_dim.

        Raises:
            ValueError: for bad events, an empty data set, x missing, or a distribution without trainable variables.
        """
        self._assert_compile_called("fit")
        if not self.trainable_variables:
            raise ValueError("Expected a distribution with at least one trainable variable to fit; got none.")
        validation_batch_size = kwargs.pop("validation_batch_size", None) or batch_size
        given = self, x, y, sample_weight, batch_size
        split = validation_split if validation_data is None else 0.0
        x, y, sample_weight, held_out = fitting.batches(*given, shuffle, split, kwargs.get("steps_per_epoch"))
        validation_data = held_out if validation_data is None else validation_data
        validation_data = fitting.validation_batches(self, validation_data, validation_batch_size)
        if isinstance(x, tf.data.Dataset):
            # Keras warns of shuffle=True, its own default, for a data set that is in the order it shall have.
            batch_size, shuffle = None, False
        callbacks = fitting.with_clock(callbacks, self.objective.name)
        fitting.pipeline.set_epoch(initial_epoch)
        try:
            x = fitting.prepare(self, x)
            return super().fit(
                x=x,
                y=y,
                batch_size=batch_size,
                callbacks=callbacks,
                validation_data=validation_data,
                shuffle=shuffle,
                sample_weight=sample_weight,
                initial_epoch=initial_epoch,
                **kwargs,
            )
        finally:
            fitting.pipeline.set_epoch(None)

    def evaluate(self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, **kwargs):
        """As Keras' evaluate: loss, nll and, for integer data, bits_per_dim (a bound; noise from the flow's seed)."""
        given = self, x, y, sample_weight, batch_size
        x, y, sample_weight, _ = fitting.batches(*given, shuffle=False, steps=kwargs.get("steps"))
        batch_size = None if isinstance(x, tf.data.Dataset) else batch_size
        return super().evaluate(x, y, batch_size=batch_size, verbose=verbose, sample_weight=sample_weight, **kwargs)

    def predict(self, x, *args, **kwargs):
        """log_prob of a whole data set, in batches: an array (n,), nats per event. Context as the y of a data set."""
        return super().predict(self._events(x) if fitting.is_array(x) else x, *args, **kwargs)

    def train_step(self, data):
        x, context, weight = keras.utils.unpack_x_y_sample_weight(data)
        self._check_training_spec(x)
        with tf.GradientTape() as tape:
            nll = self.objective(
                self, x, context, seed=train_step.step_seed(self.seed, self.optimizer.iterations), training=True
            )
            loss = train_step.total_loss(nll, weight, self.losses)
            scaled = self.optimizer.scale_loss(loss / self.distribute_strategy.num_replicas_in_sync)
        weights = self.trainable_weights
        gradients = tape.gradient(scaled, weights)
        if self.keep_weights_finite:
            gradients, loss = train_step.withhold_non_finite(gradients, loss)
        train_step.apply_gradients(self.optimizer, gradients, weights, after=loss)
        return self._update_metrics(loss, nll, weight)

    def test_step(self, data):
        x, context, weight = keras.utils.unpack_x_y_sample_weight(data)
        self._check_training_spec(x)
        # Reset with the metrics, so that every evaluation draws the same noise for the same data.
        seed = train_step.step_seed(self.seed, self._nll.count)
        nll = self.objective(self, x, context, seed=seed, training=False)
        return self._update_metrics(train_step.total_loss(nll, weight, self.losses), nll, weight)

    def get_metrics_result(self):
        # Keras asks for them at several places; the objective says what they are.
        return self.objective.logs(super().get_metrics_result())

    def predict_step(self, data):
        x, context, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self(x, context=context, training=False)

    def get_config(self):
        if type(self) is Flow:
            raise ValueError(
                "Expected a named model (tfp_flows.NICE, tfp_flows.RealNVP, ...) to save whole, for a distribution "
                "cannot be rebuilt from a file; got a plain Flow. Save its weights (.weights.h5), or use "
                "tfp_flows.serving.export."
            )
        return {"name": self.name, **getattr(self, "_arguments", {})}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def build_from_config(self, config):
        """Nothing: a flow is built by its constructor."""

    def get_compile_config(self):
        # Another objective is no part of a file: what comes back is compiled again, and not with maximum likelihood.
        if not self.compiled or type(self.objective) is not MaximumLikelihood:
            return {}
        config = super().get_compile_config()
        return {key: config.get(key) for key in ("optimizer", "jit_compile", "run_eagerly", "steps_per_execution")}

    def compile_from_config(self, config):
        if config:
            self.compile(**keras.saving.deserialize_keras_object(config))

    def _maybe_symbolic_build(self, *args, **kwargs):
        # A flow is built by its constructor. Keras would average a batch over the replicas to learn its shape, which
        # fails for integers, and for several workers altogether.
        pass

    @property
    def _base(self):
        return self.distribution.distribution if self.can_encode else self.distribution

    def _events(self, x):
        x = events.check_events(x, self.event_shape, self.num_bins)
        if tf.as_dtype(x.dtype).is_integer:
            return self.dequantization.centre(x, dtype=self.variable_dtype)
        return tf.cast(x, self.variable_dtype)

    def _check_training_spec(self, x):
        if events.is_empty(x.shape) and not self.objective.needs_data:
            return
        events.check_spec(x.shape, x.dtype, self.event_shape, self.num_bins)
        if self.dequantization is not None:
            events.check_integers(x.dtype, self.num_bins)

    def _score(self, x, context, seed):
        log_q = 0.0
        if x.dtype.is_integer and seed is not None:
            x, log_q = self.dequantization(x, seed, dtype=self.variable_dtype)
        elif x.dtype.is_integer:
            x = self.dequantization.centre(x, dtype=self.variable_dtype)
        return self.distribution.log_prob(tf.cast(x, self.variable_dtype), **self._kwargs(context)) - log_q

    def _kwargs(self, context):
        # TFP's TransformedDistribution hands these to its bijector; a plain distribution takes none.
        return {} if context is None else {"bijector_kwargs": {"context": contexts.features(self, context)}}

    def _require_bijector(self, what):
        if not self.can_encode:
            raise ValueError(
                f"Expected a tfd.TransformedDistribution to {what}, a base pushed through a bijector; "
                f"got {type(self.distribution).__name__}."
            )

    def _update_metrics(self, loss, nll, weight):
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(nll)[0])
        self._nll.update_state(nll, sample_weight=weight)
        if self._bits_per_dim is not None:
            self._bits_per_dim.update_state(nll, sample_weight=weight)
        return train_step.reducible(self.get_metrics_result(), self.distribute_strategy)
