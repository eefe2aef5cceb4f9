"""Variational dequantization: noise from a flow that sees the image, trained with the model's own.

    context = features((x + 1/2) / num_bins - 1/2)        in [-1/2, 1/2] without features
    eps ~ base,  u = f(eps; context) in (0, 1),  y = x + u
    log q(u|x) = log base(eps) - log_det(f; eps)
    log P(x) >= E_q [ log p(x + u) - log q(u|x) ],   with equality where q(u|x) = p(x + u) / P(x)

The slack is KL(q(u|x) | p(x + u) / P(x)): uniform noise asks of p to be flat in every bin, this noise goes where p is.
One pass of f, latent -> data; nothing is inverted.
Ho, Chen, Srinivas, Duan and Abbeel, Flow++, arXiv:1902.00275, section 3.1; Hoogeboom, Cohen and Tomczak,
arXiv:2001.11235, section 3 (the family of such bounds, and that of several samples: `scoring.nll_per_event`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import ArrayLike

from tfp_flows.bijectors.routing import context_options, takes_context
from tfp_flows.bridge.keras_weights import KerasWeights
from tfp_flows.dequantization.bins import Bins

if TYPE_CHECKING:
    import keras

tfd = tfp.distributions

# Enough that a flow whose noise leaves (0, 1) is found out, few enough to cost nothing.
_NUM_TRIALS = 16


class Variational(Bins, tf.Module):
    """y = x + u with u from a conditional flow q(u given x), whose weights `Flow.fit` trains with the density's.

    `tfp_flows.models.blocks.noise.for_images` builds one that is about uniform at the start.

    Args:
        num_bins: int >= 2, the number of levels of the data.
        flow: `tfd.Distribution` over noise (*event) in (0, 1), for example a `tfd.TransformedDistribution` by a
            `tfp_flows.bijectors.Chain` whose first part is a `Sigmoid`. Where its bijector takes a context, that is
            the event, centred and scaled to [-1/2, 1/2], of the flow's dtype.
        features: None, or a Keras layer (batch, *event) -> (batch, *context), through which the context goes first,
            once for all the parts of the flow.

    Raises:
        ValueError: where num_bins is no integer above 1, the flow no distribution of one static event shape without a
            batch, its context another than the event (or than what `features` gives), or its noise outside of (0, 1).

    Example:
        >>> from tfp_flows import bijectors, masks, networks
        >>> from tfp_flows.dequantization import Variational
        >>> net = networks.MLP(4, hidden_units=(8,), context_shape=(4,))
        >>> chain = bijectors.Chain([bijectors.Sigmoid(), bijectors.AffineCoupling(masks.half(4), net)])
        >>> base = tfd.Independent(tfd.Logistic(tf.zeros(4), 1.0), 1)
        >>> noise = Variational(17, tfd.TransformedDistribution(base, chain))
        >>> y, log_q = noise(tf.constant([[3, 16, 0, 1]]), seed=[0, 1])
        >>> np.floor(y.numpy()).tolist(), log_q.shape.as_list()
        ([[3.0, 16.0, 0.0, 1.0]], [1])
    """

    def __init__(self, num_bins: int, flow: tfd.Distribution, features: keras.layers.Layer | None = None):
        tf.Module.__init__(self)
        Bins.__init__(self, num_bins)
        if not isinstance(flow, tfd.Distribution):
            raise ValueError(f"Expected flow to be a tfd.Distribution; got {type(flow).__name__}.")
        if not (isinstance(flow.event_shape, tf.TensorShape) and flow.event_shape.is_fully_defined()):
            raise ValueError(f"Expected a flow of one static event shape; got {flow.event_shape}.")
        if flow.batch_shape != tf.TensorShape([]):
            raise ValueError(f"Expected a flow with batch shape (); got {flow.batch_shape}.")
        self.flow = flow
        self.features = features
        bijector = getattr(flow, "bijector", None)
        self._takes_context = bijector is not None and takes_context(bijector)
        if features is not None and not self._takes_context:
            raise ValueError("Expected a conditional flow, whose bijector takes a context, to use features; got none.")
        self._try()
        # tf.Module does not see the weights of Keras layers by itself.
        self._keras_weights = KerasWeights(self)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Tuple of ints, of the events that it dequantizes."""
        return tuple(self.flow.event_shape)

    def __call__(
        self, x: ArrayLike, seed: ArrayLike, dtype: tf.DType | str = tf.float32
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Adds the noise.

        Args:
            x: integer tensor (batch, *event).
            seed: int32 tensor [2]; the noise is a function of it, of x and of the weights.
            dtype: floating dtype of the result.

        Returns:
            y (batch, *event) and log_q (batch,) in nats.
        """
        u, log_q = self._sample(x, tf.convert_to_tensor(seed, tf.int32))
        return tf.cast(x, dtype) + tf.cast(u, dtype), tf.cast(log_q, dtype)

    def get_config(self) -> dict:
        """Refuses: a flow of any distribution cannot be rebuilt from plain values.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "Expected a dequantization that plain values describe; got Variational, whose flow they do not: name it in "
            "the model's arguments (dequantization='variational'), or save weights."
        )

    def _sample(self, x, seed):
        options = {}
        if self._takes_context:
            context = (self.centre(x, self.flow.dtype)) / self.num_bins - 0.5
            if self.features is not None:
                # The network may work in a lower precision; the noise and its log_q do not.
                context = tf.cast(self.features(context), self.flow.dtype)
            options["bijector_kwargs"] = context_options(self.flow.bijector, context)
        return self.flow.experimental_sample_and_log_prob(tf.shape(x)[:1], seed=seed, **options)

    def _try(self):
        """Builds what is not built, and finds out a flow that gives no noise."""
        x = tf.zeros([_NUM_TRIALS, *self.event_shape], tf.int32)
        try:
            u, log_q = self._sample(x, tf.constant([0, 0]))
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            raise ValueError(
                f"Expected a flow that takes events of shape {self.event_shape}, or what features make of them, as its "
                f"context; got {' '.join(str(error).split())}"
            ) from error
        inside = tf.reduce_all((u >= 0) & (u <= 1))
        if not inside or not tf.reduce_all(tf.math.is_finite(log_q)):
            low, high = float(tf.reduce_min(u)), float(tf.reduce_max(u))
            raise ValueError(
                f"Expected a flow whose samples lie in (0, 1), such as one that ends in a sigmoid; got {low}..{high}."
            )
