"""EmbeddedContext: what a bijector is conditioned on, by a network that makes a vector of it.

    forward:  y = f(x; h(context))        inverse and log_det likewise

h runs once, however many layers f has. Where the context is an observation of any shape, h is what inference from
simulations calls a summary network, trained with f: Radev et al., BayesFlow, arXiv:2003.06281, section II.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfp_flows.bijectors.around_context import AroundContext
from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.numerics.tensors import check_shape


class EmbeddedContext(AroundContext):
    """A bijector that is given what a network makes of its context.

    Args:
        bijector: `tfb.Bijector` that takes a context (m,).
        network: Keras layer or model, (rows, *context_shape) -> (rows, m), built or not.
        context_shape: tuple of any rank, of one context.
        name: str or None.

    Raises:
        ValueError: where the bijector takes no context, the shape is none of positive integers, or the network is no
            Keras layer that makes vectors of such contexts.

    Example:
        >>> import keras
        >>> from tfp_flows import bijectors, masks, networks
        >>> coupling = bijectors.AffineCoupling(masks.half(4), networks.MLP(4, context_shape=(3,)))
        >>> summary = keras.Sequential([keras.layers.Conv1D(8, 3), keras.layers.GlobalAveragePooling1D(),
        ...                             keras.layers.Dense(3)])
        >>> given = bijectors.EmbeddedContext(coupling, summary, (10, 2))
        >>> given.forward(tf.ones([5, 4]), context=tf.ones([5, 10, 2])).shape.as_list()
        [5, 4]
    """

    def __init__(
        self, bijector: Bijector, network: keras.layers.Layer, context_shape: Sequence[int], name: str | None = None
    ):
        self.embedded_shape(network, context_shape)
        super().__init__(bijector, name=name)
        self.network, self.context_shape = network, check_shape(context_shape, "context_shape")

    @staticmethod
    def embedded_shape(network: keras.layers.Layer, context_shape: Sequence[int]) -> tuple[int]:
        """The shape (m,) of what a network makes of one context; builds it where it is not built.

        Raises:
            ValueError: as the constructor.
        """
        shape = check_shape(context_shape, "context_shape")
        if not isinstance(network, keras.layers.Layer):
            raise ValueError(f"Expected a Keras layer or model as context_network; got {network!r}.")
        try:
            features = network(tf.zeros([2, *shape], network.compute_dtype))
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(f"Expected a context_network of contexts (n, *{shape}); got {reason}") from None
        got = getattr(features, "shape", None)
        if got is None or len(got) != 2 or got[0] != 2:
            what = type(features).__name__ if got is None else tuple(got)
            raise ValueError(f"Expected a context_network that makes vectors (n, m) of n contexts; got {what} of 2.")
        return (int(got[1]),)

    def seen(self, context: tf.Tensor) -> tf.Tensor:
        """The vectors (*batch, m) of contexts (*batch, *context_shape)."""
        context = tf.cast(context, self.network.compute_dtype)
        ndims = len(self.context_shape)
        batch = tf.shape(context)[: context.shape.rank - ndims]
        features = self.network(tf.reshape(context, [-1, *self.context_shape]))
        features = tf.cast(features, self.dtype)
        restored = tf.reshape(features, tf.concat([batch, tf.shape(features)[1:]], 0))
        restored.set_shape([*context.shape[: context.shape.rank - ndims], features.shape[-1]])
        return restored
