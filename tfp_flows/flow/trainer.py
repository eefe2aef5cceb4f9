"""The Keras half of a flow: compile, fit, evaluate, predict, the steps and their metrics, and what a file holds.

    x -> dequantize -> distribution.log_prob -> objective -> loss -> gradients -> optimizer

What is logged is the loss and what the objective calls its values; it may be of any unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows.bridge.names import counted_by_nothing
from tfp_flows.bridge.optimizers import accumulated_batches, batches_taken
from tfp_flows.bridge.traces import owned_by_its_graph
from tfp_flows.bridge.trainer import BuiltByConstructor
from tfp_flows.flow import events, fitting, loaders, microbatching, no_data, start, train_step
from tfp_flows.flow.class_labels import HasClassLabels
from tfp_flows.flow.column_titles import HasColumnTitles
from tfp_flows.flow.keras_files import KerasFiles
from tfp_flows.flow.meters import Meters
from tfp_flows.objectives import MaximumLikelihood, Objective
from tfp_flows.optimizers import RELATIVE_CLIPNORM, FusedAdam


class FlowTrainer(KerasFiles, HasClassLabels, HasColumnTitles, BuiltByConstructor, keras.Model):
    """Trains by an objective what a subclass, `tfp_flows.Flow`, makes a density of. Abstract."""

    # In how many parts a batch is trained on; `compile` sets it.
    microbatches = 1

    def default_objective(self) -> Objective:
        """What `compile` takes where it is given no objective: maximum likelihood. A model may state another."""
        return MaximumLikelihood()

    @property
    def metrics(self) -> list[keras.Metric]:
        """list of `keras.metrics.Metric`: the loss, those of the objective, and those that a subclass holds."""
        own = [] if self._meters is None else self._meters.all
        # Keras has a tracker of the loss of its own, which the steps here do not feed.
        return [*own, *(metric for metric in super().metrics if metric.name != "loss")]

    def compile(
        self,
        optimizer: str | keras.Optimizer = "adam",
        loss: Objective | None = None,
        *,
        microbatches: int = 1,
        **kwargs,
    ) -> None:
        """As Keras' compile; `loss` is an objective (`tfp_flows.objectives`), by default the model's own.

        "adam" is `tfp_flows.training.FusedAdam` with its own clipping of gradients that are far longer than usual; an
        optimizer, or another name, is taken as it is: `keras.optimizers.Adam()` clips nothing.

        With `microbatches` each batch goes through the networks in so many parts, in the memory of one: the same step,
        see `tfp_flows.flow.microbatching`. With the optimizer's own `gradient_accumulation_steps` so many batches of
        `fit` make a step.

        Raises:
            ValueError: where the loss is no objective or does not suit the flow, or Keras metrics of (y_true, y_pred)
                are given; where microbatches is no positive integer; for `gradient_accumulation_steps` on several
                devices.
        """
        loss = self.default_objective() if loss is None else loss
        if not isinstance(loss, Objective):
            raise ValueError(f"Expected an objective of tfp_flows.objectives as loss; got {loss!r}.")
        loss.check(self)
        if kwargs.get("metrics") or kwargs.get("weighted_metrics"):
            raise ValueError(
                "Expected no metrics, for a density has no y_true and y_pred: the objective's are logged; got some."
            )
        microbatching.check(microbatches)
        accumulated = accumulated_batches(optimizer)
        if accumulated > 1 and self.distribute_strategy.num_replicas_in_sync > 1:
            raise ValueError(
                "Expected an optimizer without gradient_accumulation_steps on several devices, where Keras' fails; got "
                f"{accumulated}: compile(microbatches={accumulated}) takes batches that are as much larger in parts."
            )
        if isinstance(optimizer, str) and optimizer.lower() == "adam":
            optimizer = FusedAdam(relative_clipnorm=RELATIVE_CLIPNORM)
        self.microbatches = microbatches
        self.objective = loss
        self._meters = Meters(loss, self)
        super().compile(optimizer=optimizer, loss=None, **kwargs)
        if not self.optimizer.built:
            # Keras would build its slots inside the traced step, and so trace the step twice; and a weights file loaded
            # before the first step would lose the optimizer's part.
            with counted_by_nothing(), self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def fit(
        self,
        x: ArrayLike | Iterable | None = None,
        y: ArrayLike | Iterable | None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: tuple | Iterable | None = None,
        shuffle: bool = True,
        class_weight: dict | None = None,
        sample_weight: ArrayLike | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> keras.callbacks.History:
        """As Keras' fit: x are events (arrays, `tf.data.Dataset`, generator), y the context of a conditional flow.

        An objective that draws its own samples takes no x: `fit(steps_per_epoch=100, batch_size=500)`, or with y = the
        contexts that the samples are drawn for.

        Layers that initialise from data do so from the first batch, which is trained on as well. Arrays are shuffled
        in an order that the flow's seed and the epoch decide, so that a resumed run repeats an uninterrupted one.

        Returns:
            `keras.callbacks.History` with loss and what the objective logs: nll and, for integer data, bits_per_dim.

        Raises:
            ValueError: for bad events, an empty data set, x missing, class weights, or a distribution without trainable
                variables.
        """
        self._assert_compiled("fit")
        fitting.refuse_class_weight(class_weight)
        if not (self.trainable_variables or start.is_set_by_data(self)):
            raise ValueError("Expected a distribution with at least one trainable variable to fit; got none.")
        validation_batch_size = validation_batch_size or batch_size
        given = self, x, y, sample_weight, batch_size
        split = validation_split if validation_data is None else 0.0
        x, y, sample_weight, held_out = fitting.batches(*given, shuffle, split, steps_per_epoch)
        validation_data = held_out if validation_data is None else validation_data
        validation_data = fitting.validation_batches(self, validation_data, validation_batch_size)
        if isinstance(x, tf.data.Dataset):
            # Keras warns of shuffle=True, its own default, for a data set that is in the order it shall have.
            batch_size, shuffle = None, False
        callbacks = fitting.with_clock(callbacks, [metric.name for metric in self._meters.shown])
        fitting.pipeline.set_epoch(initial_epoch)
        try:
            with loaders.refusals_in_a_sentence():
                x = start.prepare(self, x, steps_per_epoch)
                return super().fit(
                    x=x,
                    y=y,
                    batch_size=batch_size,
                    epochs=epochs,
                    verbose=verbose,
                    callbacks=callbacks,
                    validation_data=validation_data,
                    shuffle=shuffle,
                    sample_weight=sample_weight,
                    initial_epoch=initial_epoch,
                    steps_per_epoch=steps_per_epoch,
                    validation_steps=validation_steps,
                    validation_freq=validation_freq,
                )
        finally:
            fitting.pipeline.set_epoch(None)

    def evaluate(
        self,
        x: ArrayLike | Iterable | None = None,
        y: ArrayLike | Iterable | None = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: ArrayLike | None = None,
        steps: int | None = None,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        return_dict: bool = False,
        **kwargs,
    ) -> float | list[float] | dict[str, float]:
        """As Keras' evaluate: the loss and what the objective logs (bits_per_dim is a bound; noise from the seed)."""
        given = self, x, y, sample_weight, batch_size
        x, y, sample_weight, _ = fitting.batches(*given, shuffle=False, steps=steps)
        batch_size = None if isinstance(x, tf.data.Dataset) else batch_size
        with loaders.refusals_in_a_sentence():
            return super().evaluate(
                x, y, batch_size, verbose, sample_weight, steps, callbacks, return_dict=return_dict, **kwargs
            )

    def predict(
        self,
        x: ArrayLike | Iterable,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        context: ArrayLike | None = None,
    ) -> np.ndarray:
        """log_prob of a whole data set, in batches: an array (n,), nats per event.

        Args:
            x: events, a pair of events and contexts, or what gives batches of either.
            batch_size, verbose, steps, callbacks: as Keras' predict.
            context: of a conditional flow, beside arrays of events: as in `log_prob`.

        Raises:
            ValueError: for bad events or contexts.
        """
        if not (verbose or steps or callbacks) and fitting.is_one_batch(self, x, batch_size):
            # Keras would make a data set and an iterator of it, which takes a hundred times as long.
            return np.asarray(self._compiled.log_prob(*fitting.scored_arrays(self, x, context)))
        x = fitting.scored_batches(self, x, context, batch_size)
        with loaders.refusals_in_a_sentence():
            return super().predict(x, None, verbose, steps, callbacks)

    def train_on_batch(
        self,
        x: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: dict | None = None,
        return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]:
        """As Keras' train_on_batch; layers that initialise from data do so from this batch, where they still wait."""
        self._assert_compiled("train_on_batch")
        fitting.refuse_class_weight(class_weight)
        x, y, sample_weight = fitting.one_batch(self, x, y, sample_weight)
        return super().train_on_batch(x, y, sample_weight, return_dict=return_dict)

    @owned_by_its_graph()
    def train_step(self, data: tuple | tf.Tensor) -> dict[str, tf.Tensor]:
        data = keras.utils.unpack_x_y_sample_weight(data)
        weights, weight = self.trainable_weights, data[2]
        # By batches, of which several may make a step: each has its own noise.
        seed = train_step.step_seed(self.seed, batches_taken(self.optimizer))

        def differentiated(data, seed):
            x, context, weight = data
            with tf.GradientTape() as tape:
                values = self._objective_values(x, context, seed, training=True)
                loss = train_step.total_loss(values, weight, self.losses)
                scaled = self.optimizer.scale_loss(loss / self.distribute_strategy.num_replicas_in_sync)
            return loss, values, tape.gradient(scaled, weights)

        loss, values, gradients = microbatching.in_parts(
            differentiated, data, seed, self.microbatches, weights, self.dtype
        )
        if not weights:
            # All of it is set by data before the first step.
            return self._update_metrics(loss, values, weight)
        if self.keep_weights_finite:
            gradients, loss = train_step.withhold_non_finite(gradients, loss)
        train_step.apply_gradients(self.optimizer, gradients, weights, after=loss)
        return self._update_metrics(loss, values, weight)

    @owned_by_its_graph()
    def test_step(self, data: tuple | tf.Tensor) -> dict[str, tf.Tensor]:
        x, context, weight = keras.utils.unpack_x_y_sample_weight(data)
        # Reset with the metrics, so that every evaluation draws the same noise for the same data.
        seed = train_step.step_seed(self.seed, self._meters.count)
        values = self._objective_values(x, context, seed, training=False)
        return self._update_metrics(train_step.total_loss(values, weight, self.losses), values, weight)

    @owned_by_its_graph()
    def predict_step(self, data: tuple | tf.Tensor) -> tf.Tensor:
        x, context, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self(x, context=context, training=False)

    def _objective_values(self, x, context, seed, training):
        """The objective's values of a batch, (batch,), whose shape and dtype are checked before."""
        x, count = no_data.events_and_count(x)
        if x is not None:
            events.check_spec(x.shape, x.dtype, self.event_shape, self.num_bins)
            if self.num_bins is not None:
                events.check_integers(x.dtype, self.num_bins)
        elif self.objective.needs_data:
            raise ValueError(f"Expected events for {type(self.objective).__name__}; got a batch without.")
        options = {} if self.objective.needs_data else {"num_samples": count}
        return self.objective(self, x, context, seed=seed, training=training, **options)

    def _update_metrics(self, loss, values, weight):
        self._meters.update(loss, values, weight)
        return train_step.reducible(self.get_metrics_result(), self.distribute_strategy)

    def _assert_compiled(self, what):
        if not self.compiled:
            raise ValueError(f"Expected a compiled flow to {what}, flow.compile(optimizer); got one that is not.")
