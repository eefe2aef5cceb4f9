"""Coupling: one part of the event passes unchanged and drives the transform of the other.

    y = (x_a, f(x_b; net(x_a)))                 forward, latent -> data
    x = (y_a, f^-1(y_b; net(y_a)))              inverse, data -> latent
    log_det = sum over b of the transform's

where a is where the mask is True. Both directions cost one pass of the network.
NICE, arXiv:1410.8516, section 3.2; RealNVP, arXiv:1605.08803, section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector, context_rows
from tfp_flows.bijectors.image_partition import ImagePartition
from tfp_flows.bijectors.partition import Partition
from tfp_flows.numerics.tensors import floatx
from tfp_flows.transforms import Affine, Shift, Transform

if TYPE_CHECKING:
    import numpy as np


class Coupling(Bijector):
    """A coupling layer over any mask, conditioner and transform.

    Args:
        mask: bool array of the event's shape; True passes through unchanged and is what the conditioner sees.
        conditioner: Keras layer, `(batch, n_passed) -> (batch, n_moved * num_params)`, or one for images, known by an
            attribute `event_ndims = 3` or by an input of rank 4: `(batch, height, width, channels) -> (batch, height,
            width, channels moved * num_params)`, which for a mask of channels sees those that pass, and for any other
            mask the image with zeros where it is moved. With a `context_shape` that is not None it is called as
            `conditioner(h, context=context)`. An unbuilt one is built here.
        transform: `tfp_flows.transforms.Transform`.
        dtype: floating dtype of the events. The conditioner may work in a lower precision; its output is cast.
        name: str or None.

    Raises:
        ValueError: where the mask is not boolean or passes all or nothing, the conditioner returns another
            number of parameters than the transform needs, or a context is missing or not wanted.

    Example:
        >>> import keras
        >>> from tfp_flows import bijectors, masks, transforms
        >>> net = keras.Sequential([keras.layers.Dense(8, "relu"), keras.layers.Dense(4)])
        >>> layer = bijectors.Coupling(masks.half(4), net, transforms.Affine())
        >>> layer.forward(tf.ones([5, 4])).shape.as_list()
        [5, 4]
    """

    def __init__(
        self,
        mask: np.ndarray,
        conditioner: keras.layers.Layer | Callable,
        transform: Transform,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        dtype = floatx(dtype)
        if not isinstance(transform, Transform):
            raise ValueError(f"Expected a tfp_flows.transforms.Transform; got {type(transform).__name__}.")
        partition = ImagePartition(mask) if _is_for_images(conditioner) else Partition(mask)
        super().__init__(
            partition.mask.ndim, dtype=dtype, is_constant_jacobian=transform.is_volume_preserving, name=name
        )
        self.mask = partition.mask
        self.transform = transform
        self._partition = partition
        self._axes = list(range(-len(partition.moved_shape), 0))
        self.conditioner = conditioner
        self._build()

    @property
    def takes_context(self) -> bool:
        return getattr(self.conditioner, "context_shape", None) is not None

    def _forward_and_log_det(self, x, context=None):
        passed, moved = self._partition.split(x)
        moved, log_det = self.transform.forward_and_log_det(moved, self._raw(passed, context))
        return self._partition.join(passed, moved, x), self._sum(log_det)

    def _inverse_and_log_det(self, y, context=None):
        passed, moved = self._partition.split(y)
        moved, log_det = self.transform.inverse_and_log_det(moved, self._raw(passed, context))
        return self._partition.join(passed, moved, y), self._sum(log_det)

    def rebuild(self, way: str, image: tf.Tensor, tape: tf.GradientTape, context: tf.Tensor | None = None):
        """See `tfp_flows.bijectors.step.Step.rebuild`: what passes is known, so that the network runs but once."""
        run, undo = self.transform.forward_and_log_det, self.transform.inverse_and_log_det
        if way == "inverse":
            run, undo = undo, run
        # In place of the value itself, of which this much is known.
        known = tf.identity(image)
        tape.watch(known)
        passed, moved = self._partition.split(known)
        raw = self._raw(passed, context)
        with tape.stop_recording():
            moved = undo(moved, raw)[0]
            value = self._partition.join(passed, moved, image)
        tape.watch(moved)
        again, log_det = run(moved, raw)

        def combine(g_known, g_moved):
            return self._partition.join(self._partition.split(g_known)[0], g_moved, g_known)

        image = self._partition.join(passed, again, known)
        return value, [known, moved], image, self._sum(log_det), combine

    def _raw(self, passed, context):
        shape = self._partition.passed_shape
        # TFP's batches have any rank, 0 included; Keras' layers want one axis of them.
        is_flat = passed.shape.rank == len(shape) + 1
        batch = None if is_flat and context is None else tf.shape(passed)[: -len(shape)]
        options = context_rows(self.name, self.conditioner, context, batch)
        rows = passed if is_flat else tf.reshape(passed, [-1, *shape])
        output = tf.cast(self.conditioner(rows, **options), passed.dtype)
        raw = self._partition.parameters(output, self.transform.num_params)
        return raw if is_flat else tf.reshape(raw, tf.concat([batch, tf.shape(raw)[1:]], axis=0))

    def _sum(self, log_det):
        # A scalar zero and not a batch of them: nothing is added up for a volume-preserving layer.
        if self.is_constant_jacobian:
            return tf.zeros([], log_det.dtype)
        return tf.reduce_sum(self._partition.moved_only(log_det), self._axes)

    def _build(self):
        """Builds the conditioner where it is not built, and holds its output against what the transform needs."""
        options = {}
        if self.takes_context:
            options["context"] = tf.zeros([1, *self.conditioner.context_shape], self.dtype)
        with tf.init_scope():
            size = self.conditioner(tf.zeros([1, *self._partition.passed_shape], self.dtype), **options).shape[-1]
        num_params = self.transform.num_params
        expected = self._partition.num_outputs(num_params)
        if size != expected:
            raise ValueError(
                f"Expected the conditioner to return {expected} numbers {self._partition.what} "
                f"({expected // num_params} elements x {num_params} parameters); got {size}."
            )


def _is_for_images(conditioner):
    """Whether a conditioner takes images and not flat vectors."""
    known = getattr(conditioner, "event_ndims", None)
    if known is not None:
        return known == 3
    # Keras' own: a convolution says it by its input's rank, a built model by its input's shape.
    layers = getattr(conditioner, "layers", None)
    if layers and isinstance(conditioner, keras.Sequential):
        return _is_for_images(layers[0])
    spec = getattr(conditioner, "input_spec", None)
    if isinstance(spec, keras.InputSpec) and 4 in (spec.ndim, spec.min_ndim):
        return True
    shape = getattr(conditioner, "input_shape", None) if isinstance(conditioner, keras.Model) else None
    return isinstance(shape, tuple) and len(shape) == 4


def AdditiveCoupling(
    mask: np.ndarray,
    conditioner: keras.layers.Layer | Callable,
    dtype: tf.DType | str | None = None,
    name: str | None = None,
) -> Coupling:
    """NICE's additive coupling, y_b = x_b + net(x_a): `Coupling` with `transforms.Shift`. Its log_det is exactly 0.

    Example:
        >>> from tfp_flows import bijectors, masks, networks
        >>> layer = bijectors.AdditiveCoupling(masks.half(4), networks.MLP(2))
        >>> layer.forward_log_det_jacobian(tf.ones([5, 4]), event_ndims=1).numpy().item()
        0.0
    """
    return Coupling(mask, conditioner, Shift(), dtype=dtype, name=name or "additive_coupling")


def AffineCoupling(
    mask: np.ndarray,
    conditioner: keras.layers.Layer | Callable,
    log_scale_bound: float = 2.0,
    dtype: tf.DType | str | None = None,
    name: str | None = None,
) -> Coupling:
    """RealNVP's affine coupling, y_b = x_b exp(s) + t: `Coupling` with `transforms.Affine`, |s| < log_scale_bound.

    Example:
        >>> from tfp_flows import bijectors, masks, networks
        >>> layer = bijectors.AffineCoupling(masks.half(4), networks.MLP(2 * 2), log_scale_bound=1.0)
        >>> layer.forward_log_det_jacobian(tf.ones([5, 4]), event_ndims=1).shape.as_list()
        [5]
    """
    return Coupling(mask, conditioner, Affine(log_scale_bound), dtype=dtype, name=name or "affine_coupling")
