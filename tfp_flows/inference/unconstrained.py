"""Unconstrained: a posterior of many named, constrained parameters as a density of one vector of reals.

    theta = b(parts(v))          b: the target's default event space bijector, parts: v cut and reshaped
    log p(v) = log p(theta, y) + log |det db / d parts|

A flow, HMC and importance sampling all want a vector without borders; the integral over v is that over theta, so that
evidence is that of the model. TFP's log_det of a simplex of k shares is that of its surface, log(k) / 2 larger than
that of k - 1 shares, of which its densities are: taken off here.
Kucukelbir et al., Automatic differentiation variational inference, arXiv:1603.00788, section 2.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import ArrayLike

tfb, tfd = tfp.bijectors, tfp.distributions


class Unconstrained:
    """A density of vectors (n,), callable: what `objectives.ReverseKL`, `tfp.mcmc` and `importance_sample` take.

    Of unit vectors and whole correlation matrices (`tfd.LKJ`; `tfd.CholeskyLKJ` is none) TFP has log_dets that go with
    their densities up to a constant alone: chains and moments are right, evidence is not.

    Args:
        target: a joint distribution with its data pinned, `joint.experimental_pin(y=y)`; or any object with
            `unnormalized_log_prob`, `event_shape`, `dtype` and `experimental_default_event_space_bijector()` or
            `default_event_space_bijector`: every `tfd.Distribution`, and the models of inference-gym.

    Attributes:
        event_shape: tuple (n,), of all parameters without constraints.
        dtype: `tf.DType`.

    Raises:
        ValueError: where the target is nothing of the above, has a batch shape, a parameter is discrete, dtypes differ,
            or the values of its density have not the batch's shape.

    Example:
        >>> model = tfd.JointDistributionNamed(dict(
        ...     scale=tfd.Exponential(1.0), y=lambda scale: tfd.Normal(0.0, scale)))
        >>> target = Unconstrained(model.experimental_pin(y=0.5))
        >>> target.event_shape, target(tf.zeros([5, 1])).shape.as_list()
        ((1,), [5])
        >>> list(target.parameters(tf.zeros([5, 1])))
        ['scale']
    """

    def __init__(self, target: Any):
        if not all(hasattr(target, name) for name in ("unnormalized_log_prob", "event_shape", "dtype")):
            raise ValueError(
                "Expected a joint distribution with its data pinned (joint.experimental_pin(y=y)), or what has "
                f"unnormalized_log_prob, event_shape and dtype; got {target!r}."
            )
        batch = [shape for shape in tf.nest.flatten(_shapes(getattr(target, "batch_shape", ()))) if shape.rank]
        if batch:
            raise ValueError(
                f"Expected a target without a batch shape, such as a ...AutoBatched joint distribution; got {batch[0]}."
            )
        self.target = target
        names = [str(name) for name in _names(target.event_shape)]
        dtypes = [tf.as_dtype(dtype) for dtype in tf.nest.flatten(target.dtype)]
        if len(set(dtypes)) != 1 or not dtypes[0].is_floating:
            got = ", ".join(f"{name} {dtype.name}" for name, dtype in zip(names, dtypes))
            raise ValueError(f"Expected parameters of one floating dtype, for gradients move them; got {got}.")
        self.dtype = dtypes[0]
        shapes = _shapes(target.event_shape)
        self._bijector = _event_space_bijector(target)
        shapes = _shapes(self._bijector.inverse_event_shape(shapes))
        self._structure, self._shapes = shapes, [tuple(shape) for shape in tf.nest.flatten(shapes)]
        if not all(tf.TensorShape(shape).is_fully_defined() for shape in self._shapes):
            raise ValueError(f"Expected parameters of known shapes; got {self._shapes}.")
        self._sizes = [int(np.prod(shape)) for shape in self._shapes]
        self._ndims = tf.nest.pack_sequence_as(shapes, [len(shape) for shape in self._shapes])
        self.event_shape = (sum(self._sizes),)
        at_zero = tf.nest.flatten(self._bijector.forward(self._parts(tf.zeros(self.event_shape, self.dtype))))
        self._surfaces = sum(_log_surface(one.numpy(), shape) for one, shape in zip(at_zero, self._shapes))

    def __call__(self, v: ArrayLike) -> tf.Tensor:
        """log p of vectors (*batch, n), up to the target's constant: (*batch,), nats."""
        parts = self._parts(v)
        theta = self._bijector.forward(parts)
        log_prob = self.target.unnormalized_log_prob(theta)
        batch = tf.nest.flatten(parts)[0].shape[: -len(self._shapes[0]) or None]
        if not log_prob.shape.is_compatible_with(batch):
            raise ValueError(
                f"Expected a density of shape {tuple(batch)}, one value for each vector; got {tuple(log_prob.shape)}: "
                "a joint distribution that is written for one draw is to be a ...AutoBatched one."
            )
        log_det = self._bijector.forward_log_det_jacobian(parts, event_ndims=self._ndims)
        return log_prob + log_det - tf.constant(self._surfaces, self.dtype)

    def parameters(self, v: ArrayLike) -> Any:
        """The target's parameters, in its structure and within their constraints, of vectors (*batch, n)."""
        return self._bijector.forward(self._parts(v))

    def vector(self, parameters: Any) -> tf.Tensor:
        """The vector (*batch, n) of parameters in the target's structure: a start for chains, say."""
        parts = tf.nest.flatten(self._bijector.inverse(tf.nest.map_structure(tf.identity, parameters)))
        batch = [tf.shape(part)[: tf.rank(part) - len(shape)] for part, shape in zip(parts, self._shapes)]
        return tf.concat([tf.reshape(x, tf.concat([b, [n]], 0)) for x, b, n in zip(parts, batch, self._sizes)], -1)

    def _parts(self, v):
        v = tf.convert_to_tensor(v, None if tf.is_tensor(v) else self.dtype)
        if v.shape[-1:] != self.event_shape:
            raise ValueError(f"Expected vectors of shape (*batch, {self.event_shape[0]}); got {tuple(v.shape)}.")
        parts = []
        for part, shape in zip(tf.split(v, self._sizes, -1), self._shapes):
            whole = tf.reshape(part, tf.concat([tf.shape(v)[:-1], np.array(shape, np.int32)], 0))
            whole.set_shape([*v.shape[:-1], *shape])
            parts.append(whole)
        return tf.nest.pack_sequence_as(self._structure, parts)


def _event_space_bijector(target):
    """TFP's map from reals to the target's parameters, of their structure."""
    if hasattr(target, "experimental_default_event_space_bijector"):
        found = target.experimental_default_event_space_bijector()
    else:
        found = getattr(target, "default_event_space_bijector", None)
    if found is None:
        raise ValueError(f"Expected a target that knows the space of its events; got {target!r}, which says None.")
    return found if isinstance(found, tfb.Bijector) else tfb.JointMap(found)


def _log_surface(at_zero, shape):
    """What TFP's log_det of a parameter's simplices is too large by; 0 of one that has none."""
    k = at_zero.shape[-1] if at_zero.ndim else 0
    is_simplex = k > 1 and at_zero.shape == (*shape[:-1], shape[-1] + 1) and np.allclose(at_zero, 1 / k)
    return 0.5 * np.log(k) * np.prod(shape[:-1]) if is_simplex else 0.0


def _shapes(structure):
    """The structure of shapes, each a `tf.TensorShape`."""
    return tf.nest.map_structure(tf.TensorShape, structure)


def _names(structure):
    """Names of the parameters, in the order of their leaves."""
    if hasattr(structure, "_fields"):
        return structure._fields
    return sorted(structure) if isinstance(structure, dict) else range(len(tf.nest.flatten(structure)))
