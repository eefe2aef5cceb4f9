"""Coupling: one part of the event passes unchanged and drives the transform of the other.

    y = (x_a, f(x_b; net(x_a)))                 forward, latent -> data
    x = (y_a, f^-1(y_b; net(y_a)))              inverse, data -> latent
    log_det = sum over b of the transform's

where a is where the mask is True. Both directions cost one pass of the network.
NICE, arXiv:1410.8516, section 3.2; RealNVP, arXiv:1605.08803, section 3.2.
"""

import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.partition import Partition
from tfp_flows.transforms import Affine, Shift, Transform


class Coupling(Bijector):
    """A coupling layer over any mask, conditioner and transform.

    Args:
        mask: bool array of the event's shape; True passes through unchanged and is what the conditioner sees.
        conditioner: Keras layer, `(batch, n_passed) -> (batch, n_moved * num_params)`; with a `context_shape` that is
            not None it is called as `conditioner(h, context=context)`. An unbuilt one is built here.
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

    def __init__(self, mask, conditioner, transform, dtype=tf.float32, name=None):
        if not isinstance(transform, Transform):
            raise ValueError(f"Expected a tfp_flows.transforms.Transform; got {type(transform).__name__}.")
        partition = Partition(mask)
        super().__init__(
            partition.mask.ndim, dtype=dtype, is_constant_jacobian=transform.is_volume_preserving, name=name
        )
        self.mask = partition.mask
        self.transform = transform
        self._partition = partition
        self.conditioner = conditioner
        self._build()

    @property
    def takes_context(self):
        return getattr(self.conditioner, "context_shape", None) is not None

    def _forward_and_log_det(self, x, context=None):
        passed, moved = self._partition.split(x)
        moved, log_det = self.transform.forward_and_log_det(moved, self._raw(passed, context))
        return self._partition.join(passed, moved, x), self._sum(log_det)

    def _inverse_and_log_det(self, y, context=None):
        passed, moved = self._partition.split(y)
        moved, log_det = self.transform.inverse_and_log_det(moved, self._raw(passed, context))
        return self._partition.join(passed, moved, y), self._sum(log_det)

    def _raw(self, passed, context):
        if self.takes_context != (context is not None):
            wanted = f"a context of shape {self.conditioner.context_shape}" if self.takes_context else "no context"
            raise ValueError(f"Expected {wanted} in {self.name!r}; got {'none' if context is None else 'one'}.")
        batch = tf.shape(passed)[:-1]
        options = {}
        if self.takes_context:
            shape = self.conditioner.context_shape
            context = tf.broadcast_to(context, tf.concat([batch, shape], axis=0))
            options["context"] = tf.reshape(context, [-1, *shape])
        # TFP's batches have any rank, 0 included; Keras' layers want one axis of them.
        rows = passed if passed.shape.rank == 2 else tf.reshape(passed, [-1, self._partition.num_passed])
        raw = tf.cast(self.conditioner(rows, **options), passed.dtype)
        return tf.reshape(raw, tf.concat([batch, [self._partition.num_moved, self.transform.num_params]], axis=0))

    def _sum(self, log_det):
        # A scalar zero and not a batch of them: nothing is added up for a volume-preserving layer.
        return tf.zeros([], log_det.dtype) if self.is_constant_jacobian else tf.reduce_sum(log_det, axis=-1)

    def _build(self):
        """Builds the conditioner where it is not built, and holds its output against what the transform needs."""
        options = {}
        if self.takes_context:
            options["context"] = tf.zeros([1, *self.conditioner.context_shape], self.dtype)
        with tf.init_scope():
            size = self.conditioner(tf.zeros([1, self._partition.num_passed], self.dtype), **options).shape[-1]
        moved, num_params = self._partition.num_moved, self.transform.num_params
        if size != moved * num_params:
            raise ValueError(
                f"Expected the conditioner to return {moved * num_params} numbers an event "
                f"({moved} elements moved x {num_params} parameters); got {size}."
            )


def AdditiveCoupling(mask, conditioner, dtype=tf.float32, name=None):
    """NICE's additive coupling, y_b = x_b + net(x_a): `Coupling` with `transforms.Shift`. Its log_det is exactly 0.

    Example:
        >>> from tfp_flows import bijectors, masks, networks
        >>> layer = bijectors.AdditiveCoupling(masks.half(4), networks.MLP(2))
        >>> layer.forward_log_det_jacobian(tf.ones([5, 4]), event_ndims=1).numpy().item()
        0.0
    """
    return Coupling(mask, conditioner, Shift(), dtype=dtype, name=name or "additive_coupling")


def AffineCoupling(mask, conditioner, log_scale_bound=2.0, dtype=tf.float32, name=None):
    """RealNVP's affine coupling, y_b = x_b exp(s) + t: `Coupling` with `transforms.Affine`, |s| < log_scale_bound.

    Example:
        >>> from tfp_flows import bijectors, masks, networks
        >>> layer = bijectors.AffineCoupling(masks.half(4), networks.MLP(2 * 2), log_scale_bound=1.0)
        >>> layer.forward_log_det_jacobian(tf.ones([5, 4]), event_ndims=1).shape.as_list()
        [5]
    """
    return Coupling(mask, conditioner, Affine(log_scale_bound), dtype=dtype, name=name or "affine_coupling")
