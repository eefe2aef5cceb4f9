"""Multi-scale architecture: after each level half of the channels are done, the other half goes on.

    inverse (data -> latent)      h_0 = y
        h_i' = levels[i](h_{i-1})                       (height, width, channels)
        keep_i, z_i = halves of the channels of h_i'    z_i is factored out
        h_i = keep_i                                    the last level factors out all
    x = (z_1, ..., z_L), each flat in the order (height, width, channels): the finest scale comes first

The whole is one bijector from images to flat vectors, so that the base is any distribution on vectors. With `priors`,
what is factored out is standardised first, z_i = (z_i' - mean(keep_i)) / std(keep_i): a Gaussian prior conditioned on
what stays, written as a bijector under a standard normal base.

Dinh, Sohl-Dickstein and Bengio, RealNVP, arXiv:1605.08803, section 3.6; the learned prior is that of Kingma and
Dhariwal's Glow, arXiv:1807.03039 (in its published code).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import masks
from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.chain import Chain
from tfp_flows.bijectors.coupling import Coupling
from tfp_flows.bijectors.routing import takes_context
from tfp_flows.numerics.tensors import require_event_shape, split_event_shape, with_event_shape
from tfp_flows.transforms import Affine

if TYPE_CHECKING:
    import keras

tfb = tfp.bijectors


class MultiScale(Bijector):
    """Levels of bijectors on images, with channels factored out between them.

    Args:
        levels: sequence of `tfb.Bijector`, data -> latent order, each from images to images.
        event_shape: tuple (height, width, channels), of the data.
        priors: None for none, or a sequence of conditioners, one a level but the last: networks from the channels
            that stay to 2 numbers for each that is factored out.
        log_scale_bound: float, of the priors' standard deviations, see `transforms.Affine`.
        name: str or None.

    Attributes:
        latent_shapes: tuple of tuples (height, width, channels), of z_1, ..., z_L.

    Raises:
        ValueError: where levels or priors are none or too many, or a level leaves a single channel to split.

    Example:
        >>> from tfp_flows import bijectors
        >>> scales = bijectors.MultiScale([bijectors.Squeeze(), bijectors.Squeeze()], event_shape=(4, 4, 1))
        >>> scales.latent_shapes, scales.inverse(tf.ones([3, 4, 4, 1])).shape.as_list()
        (((2, 2, 2), (1, 1, 8)), [3, 16])
    """

    def __init__(
        self,
        levels: Sequence[tfb.Bijector],
        event_shape: tuple[int, int, int],
        priors: Sequence[keras.layers.Layer] | None = None,
        log_scale_bound: float = 5.0,
        name: str | None = None,
    ):
        levels = list(levels)
        if not levels or not all(isinstance(level, tfb.Bijector) for level in levels):
            raise ValueError(
                f"Expected a non-empty sequence of tfb.Bijector; got {[type(b).__name__ for b in levels]}."
            )
        priors = None if priors is None else list(priors)
        if priors is not None and len(priors) != len(levels) - 1:
            raise ValueError(f"Expected a prior for each level but the last, {len(levels) - 1}; got {len(priors)}.")
        shape = masks.image_shape(event_shape)
        steps, latent_shapes, self._kept = [], [], []
        for i, level in enumerate(levels):
            height, width, channels = shape = masks.image_shape(level.inverse_event_shape(shape).as_list())
            is_last = i == len(levels) - 1
            if not is_last and priors is not None:
                mask, dtype = masks.channels(shape), priors[i].variable_dtype
                prior = Coupling(mask, priors[i], Affine(log_scale_bound), dtype=dtype, name="prior")
                level = Chain([level, prior])
            elif not isinstance(level, Bijector):
                level = Chain([level])
            steps.append(level)
            kept = 0 if is_last else _split(shape)
            self._kept.append(kept)
            latent_shapes.append((height, width, channels - kept))
            shape = (height, width, kept)
        dtypes = {tf.as_dtype(step.dtype) for step in steps if step.dtype is not None}
        if len(dtypes) > 1:
            raise ValueError(f"Expected levels of one dtype; got {sorted(d.name for d in dtypes)}.")
        super().__init__(
            event_ndims=1,
            inverse_event_ndims=3,
            dtype=dtypes.pop() if dtypes else None,
            is_constant_jacobian=all(step.is_constant_jacobian for step in steps),
            name=name,
        )
        self.levels = steps
        # A tuple: a list would be wrapped for checkpoints.
        self.latent_shapes = tuple(latent_shapes)
        self.event_shape = masks.image_shape(event_shape)
        self.latent_sizes = [math.prod(shape) for shape in self.latent_shapes]

    @property
    def takes_context(self) -> bool:
        return any(takes_context(level) for level in self.levels)

    def _inverse_and_log_det(self, y, **kwargs):
        log_dets = []

        def step(level, way, place, y, **options):
            y, log_det = level._inverse_and_log_det(y, **options)
            log_dets.append(log_det)
            return y

        return self.walk_parts("inverse", step, y, **kwargs), sum(log_dets)

    def _forward_and_log_det(self, x, **kwargs):
        log_dets = []

        def step(level, way, place, y, **options):
            y, log_det = level._forward_and_log_det(y, **options)
            log_dets.append(log_det)
            return y

        return self.walk_parts("forward", step, x, **kwargs), sum(log_dets)

    def walk_parts(self, way: str, step: Callable, value: tf.Tensor, /, **kwargs) -> tf.Tensor | None:
        levels = [
            (functools.partial(step, level, way, f"level {i} of {self.name!r}", **self._options(level, kwargs)), *sizes)
            for i, (level, *sizes) in enumerate(zip(self.levels, self._kept, self.latent_shapes))
        ]
        return self._inverse_walk(levels, value) if way == "inverse" else self._forward_walk(levels, value)

    def _inverse_walk(self, levels, y):
        require_event_shape(y, self.event_shape, repr(self.name))
        y = with_event_shape(y, self.event_shape)
        latents = []
        for level, kept, shape in levels:
            z = y = level(y)
            if kept:
                y, z = tf.split(y, [kept, shape[-1]], axis=-1)
            latents.append(_reshape(z, 3, [math.prod(shape)]))
        return tf.concat(latents, axis=-1)

    def _forward_walk(self, levels, x):
        require_event_shape(x, (sum(self.latent_sizes),), repr(self.name))
        y = None
        for (level, _, shape), z in reversed(list(zip(levels, tf.split(x, self.latent_sizes, axis=-1)))):
            z = _reshape(z, 1, shape)
            y = level(z if y is None else tf.concat([y, z], axis=-1))
        return y

    def _options(self, level, kwargs):
        unknown = set(kwargs) - {"context"}
        if unknown or (kwargs and not self.takes_context):
            raise ValueError(f"Expected {'only' if self.takes_context else 'no'} context; got {sorted(kwargs)}.")
        return kwargs if takes_context(level) else {}

    def _inverse_event_shape(self, shape):
        return self._leading(shape, self.event_shape) + [sum(self.latent_sizes)]

    def _forward_event_shape(self, shape):
        return self._leading(shape, (sum(self.latent_sizes),)) + self.event_shape

    def _inverse_event_shape_tensor(self, shape):
        return tf.concat([shape[:-3], [sum(self.latent_sizes)]], axis=0)

    def _forward_event_shape_tensor(self, shape):
        return tf.concat([shape[:-1], self.event_shape], axis=0)

    def _leading(self, shape, expected):
        """The axes of an event before those that are expected."""
        leading, last = split_event_shape(shape, len(expected))
        if last is None or not last.is_compatible_with(expected):
            raise ValueError(f"Expected events of shape {expected} in {self.name!r}; got shape {shape}.")
        return leading


def _split(shape):
    """How many channels stay: half, the larger one of an odd number."""
    if shape[-1] < 2:
        raise ValueError(f"Expected at least 2 channels to factor out half of them; got shape {shape}.")
    return (shape[-1] + 1) // 2


def _reshape(x, ndims, shape):
    """(..., *event of rank ndims) -> (..., *shape)"""
    y = tf.reshape(x, tf.concat([tf.shape(x)[:-ndims], list(shape)], axis=0))
    y.set_shape([*x.shape[:-ndims], *shape])
    return y
