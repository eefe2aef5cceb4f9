"""A conditional distribution: TFP's, whose methods take `context=`, and which given its context has a batch shape.

p(x given context): `given(context)` is a `tfd.TransformedDistribution` of as many densities as there are contexts.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import ArrayLike

from tfp_flows.bijectors import Chain, Given, takes_context
from tfp_flows.bijectors.around_context import AroundContext
from tfp_flows.bridge.distributions import PlainTransformedDistribution, refuse_context
from tfp_flows.flow import context as contexts
from tfp_flows.flow.context import options

tfb, tfd = tfp.bijectors, tfp.distributions


class HasContext:
    """The part of a flow that hands a context on."""

    @property
    def takes_context(self) -> bool:
        """Whether the density is conditional, p(x given context)."""
        return self._takes_context

    def given(self, context: ArrayLike) -> tfd.Distribution:
        """p(x given context) as a `tfd.Distribution`, whose batch shape is that of the contexts.

        Of one, too, that holds the flow's weights: for `tfd.JointDistribution...`, `tfp.vi` and `tfp.mcmc`.

        Args:
            context: (*batch, *context_shape), or labels (*batch,), for a conditional flow.

        Raises:
            ValueError: where the flow is not conditional, or the context is not as it wants it.
        """
        if not self.takes_context:
            raise ValueError("Expected a conditional flow to be given a context; got one without a context.")
        return _given_checked(self, self.distribution, context)

    def features(self, context: tf.Tensor) -> tf.Tensor:
        """What the networks see of a context (batch, ...): labels as one-hot vectors, others unchanged."""
        return contexts.features(self, context)

    def options(self, context: tf.Tensor | None, seed: tf.Tensor | None = None, training: bool = False) -> dict:
        """The keyword arguments of the distribution's methods for a context (batch, ...) or None.

        With a seed and in training, without the labels that the model leaves out there.
        """
        if context is None:
            return {}
        features = self.features(context)
        if seed is not None and training:
            # Of its own: that of the noise draws numbers that would be the same.
            seed = tf.random.experimental.stateless_fold_in(seed, 1)
            features = self.with_labels_left_out(features, seed, training)
        # TFP's TransformedDistribution hands these to its bijector; a plain distribution takes none.
        return options(self.distribution, features)

    # The share of labels that training leaves out, so that samples can be guided.
    label_dropout = 0.0

    def with_labels_left_out(self, context: tf.Tensor | None, seed: tf.Tensor, training: bool) -> tf.Tensor | None:
        """One-hot labels (batch, num_classes), in training a share of them left out: of a model that wants that."""
        return context

    def bijector_options(self, context: tf.Tensor | None) -> dict:
        """The keyword arguments of the bijector's methods for a context (batch, ...) or None."""
        return self.options(context).get("bijector_kwargs", {})


class ConditionalDistribution(PlainTransformedDistribution):
    """A transformed distribution whose densities and samples take `context=`, as its flow does.

    Args:
        distribution: `tfd.Distribution`, the base.
        bijector: `tfb.Bijector` that takes a context.
        context_shape: tuple, static shape of one context; None for a vector of which no more is known.
        num_classes: int where the contexts are class labels 0..num_classes-1; None where they are vectors.
        kwargs_split_fn, validate_args, name: as `tfd.TransformedDistribution`.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.MAF((2,), num_layers=1, hidden_units=8, context_shape=(3,))
        >>> flow.distribution.log_prob(tf.zeros([4, 1, 2]), context=tf.zeros([5, 3])).shape.as_list()
        [4, 5]
        >>> flow.distribution.sample(7, context=tf.zeros([5, 3])).shape.as_list()
        [7, 5, 2]
    """

    def __init__(
        self,
        distribution: tfd.Distribution,
        bijector: tfb.Bijector,
        context_shape: tuple[int, ...] | None = None,
        num_classes: int | None = None,
        name: str | None = None,
        **kwargs,
    ):
        own = dict(context_shape=context_shape, num_classes=num_classes, name=name)
        parameters = dict(distribution=distribution, bijector=bijector, **own, **kwargs)
        super().__init__(distribution, bijector, name=name, parameters=parameters, **kwargs)
        # By the names of a flow's own, for the same checks.
        self.known_context_shape, self.num_classes = context_shape, num_classes
        self.takes_context, self.class_labels, self.variable_dtype = True, None, self.dtype

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        # Those of the class above; TFP warns of a constructor of our own that does not say so.
        return super()._parameter_properties(dtype, num_classes)

    def given(self, context: ArrayLike) -> tfd.Distribution:
        """The distribution of contexts (*batch, *context_shape), or labels (*batch,): its batch shape is theirs.

        Raises:
            ValueError: where the context is not as the networks want it.
        """
        return _given_checked(self, self, context)

    def log_prob(
        self, value: ArrayLike, name: str = "log_prob", context: ArrayLike | None = None, **kwargs
    ) -> tf.Tensor:
        """As TFP's, nats; events and contexts are broadcast together."""
        return super().log_prob(value, name, **kwargs) if context is None else self.given(context).log_prob(value, name)

    def unnormalized_log_prob(
        self, value: ArrayLike, name: str = "unnormalized_log_prob", context: ArrayLike | None = None, **kwargs
    ) -> tf.Tensor:
        """As `log_prob`."""
        if context is None:
            return super().unnormalized_log_prob(value, name, **kwargs)
        return self.given(context).unnormalized_log_prob(value, name)

    def prob(self, value: ArrayLike, name: str = "prob", context: ArrayLike | None = None, **kwargs) -> tf.Tensor:
        """As TFP's; events and contexts are broadcast together."""
        return super().prob(value, name, **kwargs) if context is None else self.given(context).prob(value, name)

    def sample(
        self,
        sample_shape: ArrayLike = (),
        seed: ArrayLike | None = None,
        name: str = "sample",
        context: ArrayLike | None = None,
        **kwargs,
    ) -> tf.Tensor:
        """As TFP's: (*sample_shape, *batch of the contexts, *event_shape)."""
        if context is None:
            return super().sample(sample_shape, seed, name, **kwargs)
        return self.given(context).sample(sample_shape, seed, name)

    def experimental_sample_and_log_prob(
        self,
        sample_shape: ArrayLike = (),
        seed: ArrayLike | None = None,
        name: str = "sample_and_log_prob",
        context: ArrayLike | None = None,
        **kwargs,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As TFP's: samples as of `sample`, and their log_prob."""
        if context is None:
            return super().experimental_sample_and_log_prob(sample_shape, seed, name, **kwargs)
        return self.given(context).experimental_sample_and_log_prob(sample_shape, seed, name)


def conditional(distribution, context_shape, num_classes):
    """A conditional distribution whose methods take `context=`; one of a class of the user's as it is.

    Of one that is not conditional they refuse it from now on.
    """
    if not options(distribution, None):
        refuse_context(distribution)
        return distribution
    if type(distribution) is not PlainTransformedDistribution:
        return distribution
    kept = {k: v for k, v in distribution.parameters.items() if k in ("kwargs_split_fn", "validate_args")}
    return ConditionalDistribution(
        distribution.distribution, distribution.bijector, context_shape, num_classes, name=distribution.name, **kept
    )


def _given_checked(flow, distribution, context):
    """The distribution of contexts as users give them; `flow`: what the checks ask, a Flow or the distribution."""
    (context,) = contexts.check(flow, context, any_rank=True)
    if flow.num_classes is None:
        context = tf.cast(context, flow.variable_dtype)
        return given(distribution, context, len(contexts.shape_of_one(flow)))
    features = contexts.features(flow, tf.reshape(context, [-1]))
    features = tf.reshape(features, tf.concat([tf.shape(context), [flow.num_classes]], 0))
    features.set_shape([*context.shape, flow.num_classes])
    # Those of eager code were looked at.
    is_valid = None if hasattr(context, "numpy") else (context >= 0) & (context < flow.num_classes)
    return given(distribution, features, 1, is_valid)


def given(distribution, context, context_ndims=1, is_valid=None):
    """The distribution of contexts, at every level that takes one.

    Args:
        distribution: transformed distribution that takes a context.
        context: floating tensor (*batch, *context_shape), what the networks are given.
        context_ndims: int.
        is_valid: as of `tfp_flows.bijectors.Given`.
    """
    base, bijector = distribution.distribution, distribution.bijector
    context = tf.convert_to_tensor(context, None if tf.is_tensor(context) else distribution.dtype)
    if options(base, None):
        base = given(base, context, context_ndims, is_valid)
    return tfd.TransformedDistribution(base, _given_bijector(bijector, context, context_ndims, is_valid))


def _given_bijector(bijector, *context):
    if not takes_context(bijector):
        return bijector
    if type(bijector) is Chain and any(isinstance(part, AroundContext) for part in bijector.bijectors):
        # Each part by itself: one that makes something of a context is to meet it before events multiply it.
        return Chain([_given_bijector(part, *context) for part in bijector.bijectors], name=bijector.name)
    return Given(bijector, *context)
