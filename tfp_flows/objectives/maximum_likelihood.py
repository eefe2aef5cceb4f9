"""Maximum likelihood: the average of -log p(x), in nats an event.

    continuous data   -log p(x)
    integer data      -log p(x + u) + log q(u | x)      an upper bound of -log P(x), in expectation
    Gaussian noise    -log p(x + noise)                 of the noisy data; no bound, and no bits

Network passes: one of the flow's inverse direction, and one of the noise's own flow where it has one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tfp_flows.metrics import BitsPerDim
from tfp_flows.objectives.objective import Objective

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


class MaximumLikelihood(Objective):
    """Negative log-likelihood in nats per event; the default of `Flow.compile`.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.RealNVP(event_shape=(2,), num_layers=2, hidden_units=(8,))
        >>> flow.compile("adam", loss=tfp_flows.objectives.MaximumLikelihood())
    """

    name = "nll"
    unit = "nats per event"
    units = {"bits_per_dim": "bits per dimension", "nll": unit}

    def __call__(
        self, flow: keras.Model, x: tf.Tensor, context: tf.Tensor | None, seed: tf.Tensor, training: bool
    ) -> tf.Tensor:
        # With the seed integers are scored by the bound. In the flow's call, so that the networks of the noise, where
        # it has any, know of `training` too.
        options = {} if flow.dequantization is None and not flow.label_dropout else {"seed": seed}
        return -flow(x, context=context, training=training, **options)

    def metrics(self, flow: keras.Model) -> list[keras.Metric]:
        if flow.scored_bins is None:
            return super().metrics(flow)
        return [*super().metrics(flow), BitsPerDim(math.prod(flow.event_shape))]
