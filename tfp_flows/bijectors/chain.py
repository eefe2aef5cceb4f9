"""A composition of bijectors, ours and TFP's, evaluated jointly, that carries `context` to all who want it.

    x = x_n -> bijectors[-1].forward -> ... -> bijectors[0].forward -> y          (forward, latent -> data)
    y = y_0 -> bijectors[0].inverse  -> ... -> bijectors[-1].inverse -> x         (inverse, data -> latent)
    log_det = sum_i log_det_i

Written in data -> latent order, as the papers' figures and as `tfb.Chain`. As cheap as its parts. A reversible one
trains in memory that does not grow with the number of parts, see `tfp_flows.bijectors.reversible`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.reversible import require_repeatable, walk_reversibly
from tfp_flows.bijectors.routing import takes_context
from tfp_flows.bijectors.step import Step, walk
from tfp_flows.bridge.monotone import is_increasing

tfb = tfp.bijectors


class Chain(Bijector):
    """Like `tfb.Chain`, in one joint walk, with `context` routed.

    Args:
        bijectors: sequence of `tfb.Bijector`, data -> latent order: the first one touches the data.
        reversible: bool, whether gradients are computed from activations that are rebuilt by the other direction and
            not stored (arXiv:1707.04585, section 3): training takes the memory of the largest part instead of all of
            them, and about half as much time again (examples/memory.py). A chain within the chain is one part.
        name: str or None.

    Raises:
        ValueError: where it is empty, holds something that is no bijector or one of several tensors, mixes dtypes,
            or is called with a context that nobody takes or a name that nobody has; where it is reversible and holds
            a layer that does not do the same twice in training (batch normalisation, dropout), or one that adds
            losses of its own; and where second derivatives of a reversible one are asked for.

    Example:
        >>> from tfp_flows import bijectors
        >>> chain = bijectors.Chain([bijectors.ActNorm(3), tfb.Scale(2.0), bijectors.Permutation([2, 0, 1])])
        >>> chain.forward(tf.constant([[1.0, 2.0, 3.0]])).numpy().tolist()
        [[6.0, 2.0, 4.0]]
        >>> deep = bijectors.Chain([bijectors.ActNorm(3), tfb.Scale(2.0)] * 20, reversible=True)
        >>> with tf.GradientTape() as tape:
        ...     log_det = deep.inverse_log_det_jacobian(tf.ones([5, 3]), event_ndims=1)
        >>> tape.gradient(log_det, deep.bijectors[0].log_scale).numpy().tolist()
        [-20.0, -20.0, -20.0]
    """

    overrides = ("_parameter_properties",)

    def __init__(self, bijectors: Sequence[tfb.Bijector], reversible: bool = False, name: str | None = None):
        if not isinstance(reversible, bool):
            raise ValueError(f"Expected reversible to be True or False; got {reversible!r}.")
        bijectors = list(bijectors)
        if not bijectors or not all(isinstance(b, tfb.Bijector) for b in bijectors):
            kinds = [type(b).__name__ for b in bijectors]
            raise ValueError(f"Expected a non-empty sequence of tfb.Bijector; got {kinds}.")
        if any(map(_is_multipart, bijectors)):
            kinds = [type(b).__name__ for b in bijectors if _is_multipart(b)]
            raise ValueError(f"Expected bijectors from one tensor to one, multipart ones in a tfb.Chain; got {kinds}.")
        self._is_repeatable = not reversible or require_repeatable(bijectors)
        data_ndims, latent_ndims = _event_ndims(bijectors)
        dtypes = {tf.as_dtype(b.dtype) for b in bijectors if b.dtype is not None}
        if len(dtypes) > 1:
            raise ValueError(f"Expected bijectors of one dtype; got {sorted(d.name for d in dtypes)}.")
        super().__init__(
            event_ndims=latent_ndims,
            inverse_event_ndims=data_ndims,
            dtype=dtypes.pop() if dtypes else None,
            is_constant_jacobian=all(b.is_constant_jacobian for b in bijectors),
            name=name,
        )
        self.bijectors = bijectors
        self.reversible = reversible

    @property
    def takes_context(self) -> bool:
        return any(takes_context(b) for b in self.bijectors)

    def _forward_and_log_det(self, x, **kwargs):
        return self._walk("forward", x, kwargs)

    def _inverse_and_log_det(self, y, **kwargs):
        return self._walk("inverse", y, kwargs)

    def _walk(self, way, value, kwargs):
        self._check_options(kwargs)
        steps = self._steps(way)
        if not self.reversible:
            return walk(steps, value, kwargs)
        if not self._is_repeatable:
            # Networks that were not built when the chain was.
            self._is_repeatable = require_repeatable(self.bijectors)
        return walk_reversibly(steps, value, kwargs)

    def walk_parts(self, way: str, step: Callable, value: tf.Tensor, /, **kwargs) -> tf.Tensor | None:
        places = [f"part {i} of {self.name!r}" for i in range(len(self.bijectors))]
        for part, place in zip(self._steps(way), places if way == "inverse" else places[::-1]):
            value = step(part.bijector, way, place, value, **part.options(kwargs))
        return value

    def _steps(self, way):
        steps, ndims = [], getattr(self, f"{way}_min_event_ndims")
        for bijector in self.bijectors if way == "inverse" else reversed(self.bijectors):
            steps.append(Step(bijector, way, ndims))
            ndims = getattr(bijector, f"{way}_event_ndims")(ndims)
        return steps

    def _check_options(self, kwargs):
        names = [b.name for b in self.bijectors]
        known = {*names, "context"} if self.takes_context else {*names}
        if not known.issuperset(kwargs):
            context = "a context, or " if self.takes_context else "no context, only "
            raise ValueError(f"Expected {context}options by the name of a bijector, of {names}; got {sorted(kwargs)}.")

    def _forward_event_shape(self, shape):
        for bijector in reversed(self.bijectors):
            shape = bijector.forward_event_shape(shape)
        return shape

    def _inverse_event_shape(self, shape):
        for bijector in self.bijectors:
            shape = bijector.inverse_event_shape(shape)
        return shape

    def _forward_event_shape_tensor(self, shape):
        for bijector in reversed(self.bijectors):
            shape = bijector.forward_event_shape_tensor(shape)
        return shape

    def _inverse_event_shape_tensor(self, shape):
        for bijector in self.bijectors:
            shape = bijector.inverse_event_shape_tensor(shape)
        return shape

    def _is_increasing(self, **kwargs):
        increasing = True
        for step in self._steps("forward"):
            increasing = tf.equal(increasing, is_increasing(step.bijector, **step.options(kwargs)))
        return increasing

    @classmethod
    def _parameter_properties(cls, dtype):
        # By which TFP knows the batch shape, and slices a batch.
        return {"bijectors": tfp.util.BatchedComponentProperties(event_ndims=cls._event_ndims_of_parts)}

    def _event_ndims_of_parts(self, x_event_ndims):
        ndims = []
        for bijector in reversed(self.bijectors):
            ndims.insert(0, x_event_ndims)
            x_event_ndims = bijector.forward_event_ndims(x_event_ndims)
        return ndims


def _is_multipart(bijector):
    return tf.nest.is_nested(bijector.forward_min_event_ndims) or tf.nest.is_nested(bijector.inverse_min_event_ndims)


def _event_ndims(bijectors):
    """The smallest event ranks (data side, latent side) with which every part can work."""
    shift, data_ndims = 0, 0
    for bijector in bijectors:
        data_ndims = max(data_ndims, bijector.inverse_min_event_ndims - shift)
        shift += bijector.forward_min_event_ndims - bijector.inverse_min_event_ndims
    return data_ndims, data_ndims + shift
