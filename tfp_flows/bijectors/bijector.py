"""The base class of our bijectors: one joint method a direction, and weights that everyone sees.

    y = forward(x)            log_det = log |det dy/dx|     latent -> data
    x = inverse(y)            log_det = log |det dx/dy|     data -> latent

A subclass writes `_forward_and_log_det(x)` and `_inverse_and_log_det(y)`. TFP's four methods are derived from
them and share one evaluation, so that inside `tfb.Chain`, `tfb.Invert` and `tfd.TransformedDistribution` each
conditioner runs once for one `log_prob`, and once for one `sample` with its `log_prob`.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.copies import Copies
from tfp_flows.bridge.cache import EvaluatedOnce
from tfp_flows.bridge.keras_weights import KerasWeights
from tfp_flows.numerics.tensors import floatx, is_positive_integer

tfb = tfp.bijectors


class Bijector(Copies, EvaluatedOnce, tfb.Bijector):
    """A `tfb.Bijector` written as two joint methods, whose Keras layers `tf.Module` sees.

    Subclasses implement

    * `_forward_and_log_det(x, **kwargs) -> (y, log_det)` and
    * `_inverse_and_log_det(y, **kwargs) -> (x, log_det)`,

    each log_det being that of its own direction, in nats, one value per event (or a scalar where it is constant).
    In eager code ask for the value before its log_det, as TFP's distributions do: the second is then known, while
    TFP's cache forgets a value that nobody holds.

    Keras layers and `keras.Variable`s held as attributes (or in lists, tuples and dicts) are found by
    `trainable_variables` and `tf.train.Checkpoint`, also those built, added or frozen later.

    Args:
        event_ndims: int, rank of the events in both directions.
        inverse_event_ndims: int, rank of the data-side events where it differs.
        dtype: floating dtype of the events, by default Keras' `floatx`, or None for any.
        is_constant_jacobian: bool, whether log_det depends on the parameters only.
        name: str or None.

    Raises:
        ValueError: where a rank is no integer of at least 0.

    Example:
        >>> from tfp_flows import bijectors
        >>> class Doubling(bijectors.Bijector):
        ...     def _forward_and_log_det(self, x):
        ...         return 2.0 * x, x.shape[-1] * tf.math.log(2.0)
        ...     def _inverse_and_log_det(self, y):
        ...         return y / 2.0, -y.shape[-1] * tf.math.log(2.0)
        >>> Doubling(is_constant_jacobian=True).inverse(tf.constant([2.0, 4.0])).numpy().tolist()
        [1.0, 2.0]
    """

    # Whether `context=` is to be handed to this bijector (see `Chain`).
    takes_context = False
    # Whether it waits for a batch to initialise from (see `initializing`).
    needs_initialization = False
    # Why it does not do the same when it is evaluated again in training, as "is another function of each batch", or
    # None: a reversible `Chain` refuses it with these words.
    unrepeatable = None

    def __init__(
        self,
        event_ndims: int = 1,
        inverse_event_ndims: int | None = None,
        dtype: tf.DType | str | None = "floatx",
        is_constant_jacobian: bool = False,
        name: str | None = None,
    ):
        for rank in (event_ndims, inverse_event_ndims):
            if rank is not None and rank != 0 and not is_positive_integer(rank):
                raise ValueError(f"Expected event_ndims to be an integer of at least 0; got {rank!r}.")
        super().__init__(
            forward_min_event_ndims=event_ndims,
            inverse_min_event_ndims=event_ndims if inverse_event_ndims is None else inverse_event_ndims,
            # TFP takes a name of a dtype here and fails on it later.
            dtype=None if dtype is None else floatx(None if dtype == "floatx" else dtype),
            is_constant_jacobian=is_constant_jacobian,
            # Not None: TFP infers batch shapes from it, and `TransformedDistribution.batch_shape` needs one.
            parameters={},
            name=name,
        )
        self._keras_weights = KerasWeights(self)

    def walk_parts(self, way: str, step: Callable, value: tf.Tensor, /, **kwargs) -> tf.Tensor | None:
        """Hands a value from part to part; a container of bijectors writes it, so that others need not know it.

        Args:
            way: "forward" or "inverse".
            step: function of (part, way, place, value, **kwargs of the part) that gives the part's image of the value;
                place says in words which part it is, as "part 2 of 'chain'".
            value: tensor (*batch, *event).
            **kwargs: those of the whole.

        Returns:
            the image of the value under the whole, or None where it has no parts.
        """
        return None

    def rebuild(self, way: str, image: tf.Tensor, tape: tf.GradientTape, **kwargs):
        """For a reversible `Chain`: as `tfp_flows.bijectors.step.Step.rebuild`, by less than the other direction.

        Returns:
            None where nothing is known that would save work: the other direction is then evaluated.
        """
        return None

    def _forward(self, x, **kwargs):
        return self._forward_and_log_det(x, **kwargs)[0]

    def _inverse(self, y, **kwargs):
        return self._inverse_and_log_det(y, **kwargs)[0]


def context_rows(name, conditioner, context, batch):
    """What a conditioner is called with beside its input: its context, one row for each event of a batch of any rank.

    Args:
        name: str, the bijector's, for the sentence.
        conditioner: Keras layer, with a `context_shape` that is not None where it takes one.
        context: tensor that broadcasts to (*batch, *context_shape), or None.
        batch: int tensor, the shape of the batch.

    Returns:
        dict: "context" (rows, *context_shape), or nothing.

    Raises:
        ValueError: where a context is missing or not wanted, or there are more contexts than events.

    Example:
        >>> from tfp_flows import networks
        >>> from tfp_flows.bijectors.bijector import context_rows
        >>> context_rows("layer", networks.MLP(2, context_shape=(3,)), tf.ones([3]), [5, 2])["context"].shape.as_list()
        [10, 3]
    """
    shape = getattr(conditioner, "context_shape", None)
    if (shape is None) != (context is None):
        wanted = "no context" if shape is None else f"a context of shape {shape}"
        raise ValueError(f"Expected {wanted} in {name!r}; got {'none' if context is None else 'one'}.")
    if context is None:
        return {}
    context = tf.convert_to_tensor(context)
    known = tf.get_static_value(batch)
    others = context.shape[: None if context.shape.rank is None else max(context.shape.rank - len(shape), 0)]
    if known is not None and others.is_fully_defined() and not _goes_with(tuple(others), tuple(known)):
        raise ValueError(
            f"Expected contexts for a batch of events of shape {tuple(map(int, known))} in {name!r}; got contexts "
            f"{tuple(context.shape)} (flow.given(context) is a distribution of their batch shape)."
        )
    context = tf.broadcast_to(context, tf.concat([batch, shape], axis=0))
    return {"context": tf.reshape(context, [-1, *shape])}


def _goes_with(others, batch):
    """Whether a shape broadcasts to another that stays as it is."""
    return len(others) <= len(batch) and all(n in (1, m) for n, m in zip(others[::-1], batch[::-1]))
