"""Reverse Kullback-Leibler divergence: a flow q is fitted to a density p that can be evaluated, by q's own samples.

    KL(q || p) = E_z [log q(x) - log p(x)],   x = forward(z), z from the base

log q(x) of a sample is known from its z: nothing is inverted. The gradient goes through the samples. With a trained
flow as p, the teacher, and an IAF as q, the student, this is the density distillation of Parallel WaveNet; with the
joint density of data and latents as p it is variational inference: p need not be normalised, and the values are then KL
minus the log of its integral (minus the evidence lower bound).

Network passes: one of q's forward direction and one of p, in its direction of densities.
Van den Oord et al., Parallel WaveNet, arXiv:1711.10433, section 4; Rezende and Mohamed, arXiv:1505.05770, section 2.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from numbers import Real

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import ArrayLike

from tfp_flows.objectives.objective import Objective

tfd = tfp.distributions


class ReverseKL(Objective):
    """KL(q || p) of the flow q that is compiled with it, by samples of q; logged as `reverse_kl`.

    `fit` needs no data: `flow.fit(steps_per_epoch=100, batch_size=500)` draws 500 samples a step. A conditional flow is
    given the contexts to draw for as y. Events given as x are not fitted; they set the number of samples, and `penalty`
    is given them.

    Args:
        target_log_prob: p. A function x (batch, *event) -> (batch,), nats, which may take `context=` too; a
            `tfp_flows.Flow`, the teacher, whose weights stay as they are and whose networks run as in inference; or a
            `tfd.Distribution`.
        temperature: float > 0, p is flattened to p^(1 / temperature): above 1 for a gentler start.
        penalty: None, or a function (samples, events) -> (batch,) that is added, in nats; events are the x of `fit`, or
            None. Parallel WaveNet adds a loss of spectral power, without which the student whispers.

    Raises:
        ValueError: where the target is nothing of the above, its event shape is another than the flow's, the
            temperature is no positive number, samples of the flow have no gradient, or, before the first step, the
            target's values have a wrong shape or are not finite.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.IAF((2,), num_layers=2, hidden_units=8)
        >>> target = tfd.MultivariateNormalDiag([1.0, -1.0], [0.5, 2.0])
        >>> flow.compile("adam", loss=tfp_flows.objectives.ReverseKL(target))
        >>> list(flow.fit(steps_per_epoch=5, batch_size=50, verbose=0).history)
        ['loss', 'reverse_kl']
    """

    name = "reverse_kl"
    unit = "reverse KL, nats per event"
    needs_data = False

    def __init__(
        self,
        target_log_prob: Callable | keras.Model | tfd.Distribution,
        temperature: float = 1.0,
        penalty: Callable | None = None,
    ):
        if not callable(target_log_prob) and not isinstance(target_log_prob, tfd.Distribution):
            raise ValueError(
                f"Expected target_log_prob to be a function, a Flow or a tfd.Distribution; got {target_log_prob!r}."
            )
        if isinstance(temperature, bool) or not isinstance(temperature, Real) or not 0 < temperature < np.inf:
            raise ValueError(f"Expected temperature to be a positive finite number; got {temperature!r}.")
        if penalty is not None and not callable(penalty):
            raise ValueError(f"Expected penalty to be a function of samples and events, or None; got {penalty!r}.")
        self.target_log_prob = target_log_prob
        self.temperature = float(temperature)
        self.penalty = penalty

    def __call__(
        self,
        flow: keras.Model,
        x: tf.Tensor | None,
        context: tf.Tensor | None,
        seed: tf.Tensor,
        training: bool,
        num_samples: int | None = None,
    ) -> tf.Tensor:
        n = tf.shape(x)[0] if num_samples is None else num_samples
        samples, log_q = flow.sample_and_log_prob(n, context, seed, training)
        log_p, extra = self._scores(samples, x, context)
        values = log_q - tf.cast(log_p, log_q.dtype) / self.temperature
        return values if extra is None else values + tf.cast(extra, values.dtype)

    def _scores(self, samples, x, context):
        """The target's log-density of the samples and their penalty, or None: (batch,) each."""
        log_p = _checked(self._target(samples, context), samples, "target_log_prob")
        if self.penalty is None:
            return log_p, None
        return log_p, _checked(self.penalty(samples, x), samples, "penalty")

    def check(self, flow: keras.Model) -> None:
        if flow.distribution.reparameterization_type != tfd.FULLY_REPARAMETERIZED:
            raise ValueError(
                "Expected a flow whose samples have a gradient, such as a base pushed through a bijector; "
                f"got {type(flow.distribution).__name__}."
            )
        shape = getattr(self.target_log_prob, "event_shape", None)
        if shape is not None and tuple(shape) != flow.event_shape:
            raise ValueError(f"Expected a target of the flow's event shape {flow.event_shape}; got {tuple(shape)}.")
        takes = getattr(self.target_log_prob, "takes_context", False)
        if takes and not flow.takes_context:
            raise ValueError("Expected a conditional flow for a conditional target; got one without a context.")
        classes = [getattr(one, "num_classes", None) for one in (self.target_log_prob, flow)]
        if takes and classes[0] != classes[1]:
            raise ValueError(f"Expected a flow of the target's classes, {classes[0]}; got {classes[1]}.")

    def try_out(self, flow: keras.Model, x: ArrayLike | None, context: ArrayLike | None, num_samples: int) -> None:
        """One evaluation in eager code, where a bad value can be named.

        Raises:
            ValueError: where the target or the penalty returns a wrong shape or numbers that are not finite, or the
                target has no gradient.
        """
        samples, _ = flow.sample_and_log_prob(num_samples, context, seed=(flow.seed, 0))
        # A new tensor: of the flow's own TFP's cache would give what layers that both have in common computed before.
        samples = tf.identity(samples)
        with tf.GradientTape() as tape:
            tape.watch(samples)
            scores = self._scores(samples, x, context)
        for name, values in zip(("target_log_prob", "penalty"), scores):
            if values is not None and not np.isfinite(values).all():
                bad = int((~np.isfinite(values)).sum())
                raise ValueError(f"Expected finite values of {name}; got {bad} of {len(values)} NaN or infinite.")
        if tape.gradient(scores[0], samples) is None:
            raise ValueError("Expected target_log_prob to be computed by TensorFlow; got one without a gradient in x.")

    def get_config(self) -> dict:
        return {"temperature": self.temperature}

    def _target(self, samples, context):
        target = self.target_log_prob
        if isinstance(target, keras.Model):
            # Called by itself, after the student: its networks run as in inference, whatever the student's do.
            return target(samples, context=context, training=False)
        if isinstance(target, tfd.Distribution):
            return target.log_prob(samples)
        options = {"context": context} if "context" in inspect.signature(target).parameters else {}
        return target(samples, **options)


def _checked(values, samples, name):
    """Values of a shape that is known to be wrong are refused."""
    values = tf.convert_to_tensor(values)
    if not values.shape.is_compatible_with(samples.shape[:1]):
        raise ValueError(f"Expected {name} to return shape (batch,) = {samples.shape[:1]}; got {values.shape}.")
    return values
