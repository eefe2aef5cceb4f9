"""A bijector whose parameters are weights of its own, or what a network makes of the context: amortised.

    raw = start + weights                   one for all events
    raw = start + network(context)          one for each event, as an encoder gives them (arXiv:1803.05649, section 3.4)

start is a fixed draw of small numbers: where all parameters are 0 most of these maps have no gradient to leave by.
"""

from __future__ import annotations

import math

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector, context_rows
from tfp_flows.numerics.tensors import floatx, is_positive_integer, require_event_shape


class Parametrized(Bijector):
    """Abstract: a subclass says the shapes of its parameters, and reads them by `_given_by`.

    Args:
        num_features: int, n.
        shapes: dict, name -> shape of each parameter.
        conditioner: None, or a Keras layer with a `context_shape` that gives (rows, num_params), called with zeros
            (rows, 1) and the context: a `networks.OfContext`.
        seed: int, of the start.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.
    """

    def __init__(self, num_features, shapes, conditioner, seed, dtype, name):
        dtype = floatx(dtype)
        super().__init__(1, dtype=dtype, name=name)
        self.num_features, self.conditioner = int(num_features), conditioner
        self._shapes = {key: tuple(map(int, shape)) for key, shape in shapes.items()}
        start = np.random.default_rng(seed).normal(size=self.num_params) / math.sqrt(num_features)
        self._start = tf.constant(start, dtype)
        if conditioner is None:
            self.raw = tf.Variable(tf.zeros([self.num_params], dtype), name="parameters")
        else:
            self._check_conditioner()

    @property
    def num_params(self) -> int:
        """How many numbers a conditioner gives for an event."""
        return sum(map(math.prod, self._shapes.values()))

    @property
    def takes_context(self) -> bool:
        return self.conditioner is not None

    def _check_conditioner(self):
        shape = getattr(self.conditioner, "context_shape", None)
        if not isinstance(self.conditioner, keras.layers.Layer) or shape is None:
            raise ValueError(f"Expected a Keras layer with a context_shape as conditioner; got {self.conditioner!r}.")
        with tf.init_scope():
            given = self.conditioner(tf.zeros([1, 1], self.dtype), context=tf.zeros([1, *shape], self.dtype)).shape
        if given.rank != 2 or given[-1] != self.num_params:
            raise ValueError(f"Expected the conditioner to return {self.num_params} numbers an event; got {given[1:]}.")

    def _given_by(self, values, context):
        """The parameters by name, each (..., *shape), of events (*batch, n)."""
        require_event_shape(values, (self.num_features,), f"the last axis of {self.name!r}")
        raw = self._start
        if self.conditioner is None:
            if context is not None:
                raise ValueError(f"Expected no context in {self.name!r}; got one.")
            raw = raw + self.raw
        else:
            batch = tf.shape(values)[:-1]
            rows = context_rows(self.name, self.conditioner, context, batch)
            zeros = tf.zeros([tf.reduce_prod(batch), 1], values.dtype)
            given = tf.cast(self.conditioner(zeros, **rows), raw.dtype)
            raw = raw + tf.reshape(given, tf.concat([batch, [self.num_params]], 0))
        parts = tf.split(raw, [math.prod(shape) for shape in self._shapes.values()], axis=-1)
        lead = tf.shape(raw)[:-1]
        return {
            key: tf.reshape(part, tf.concat([lead, shape], 0) if shape else lead)
            for part, (key, shape) in zip(parts, self._shapes.items())
        }


def check_sizes(**sizes):
    """Refuses sizes that are no positive integers, by name."""
    for key, value in sizes.items():
        if not is_positive_integer(value):
            raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
