"""The base class of transforms: stateless, elementwise families that couplings and others drive by parameters.

    x = f(z; raw)         log_det = log |dx/dz|, elementwise

z and x have the event's shape (..., n), raw has (..., n, num_params). The transform alone turns raw numbers, as a
network gives them, into valid parameters; raw = 0 is the identity.
"""

from __future__ import annotations

import abc

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.transforms.scalar import Scalar

tfb = tfp.bijectors


class Transform(abc.ABC):
    """A stateless elementwise family. Subclasses set `num_params` and write the two joint methods.

    Attributes:
        num_params: int, raw numbers an element.
        is_volume_preserving: bool, whether log_det is 0 whatever the parameters.
        is_affine: bool, whether log_det depends on the parameters alone and not on z.
        is_increasing: bool, whether x increases with z (True) or decreases (False), whatever the parameters; None where
            nothing is said, which is refused where it matters: `cdf`, `survival_function` and `quantile`.
        size_argument: str, the constructor's argument that named models call num_components: how many pieces it is
            made of; None where it has none.

    Example:
        >>> from tfp_flows import transforms
        >>> class Scale(transforms.Transform):
        ...     num_params = 1
        ...     is_affine = True
        ...     def forward_and_log_det(self, z, raw):
        ...         return z * tf.exp(raw[..., 0]), raw[..., 0]
        ...     def inverse_and_log_det(self, x, raw):
        ...         return x * tf.exp(-raw[..., 0]), -raw[..., 0]
        >>> Scale().inverse_and_log_det(tf.constant([3.0]), tf.zeros([1, 1]))[0].numpy().tolist()
        [3.0]
    """

    num_params = 1
    is_volume_preserving = False
    is_affine = False
    is_increasing = None
    size_argument = None

    @abc.abstractmethod
    def forward_and_log_det(self, z: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """z (..., n), raw (..., n, num_params) -> x (..., n), log_det (..., n) of dx/dz."""

    @abc.abstractmethod
    def inverse_and_log_det(self, x: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """x (..., n), raw (..., n, num_params) -> z (..., n), log_det (..., n) of dz/dx."""

    def as_bijector(self, raw: tf.Tensor) -> tfb.Bijector:
        """The transform with its parameters fixed, as a scalar `tfb.Bijector`: what TFP's `bijector_fn` wants.

        Args:
            raw: tensor (..., n, num_params).

        Returns:
            `tfb.Bijector` of event_ndims 0, whose batch shape is (..., n).

        Example:
            >>> import tensorflow_probability as tfp
            >>> from tfp_flows import transforms
            >>> scaled = transforms.Affine().as_bijector(tf.constant([0.0, 3.0]))
            >>> tfp.distributions.TransformedDistribution(tfp.distributions.Normal(0.0, 1.0), scaled).cdf(3.0).numpy()
            np.float32(0.5)
        """
        if not isinstance(raw, tf.Variable):
            raw = tf.convert_to_tensor(raw)
        return Scalar(self, raw, name=type(self).__name__.lower())

    def require_monotone(self) -> bool:
        """`is_increasing`, where it is said.

        Raises:
            NotImplementedError: where it is None.
        """
        if self.is_increasing is None:
            raise NotImplementedError(
                f"Expected {type(self).__name__} to say whether it is increasing, by `is_increasing = True` or False "
                "of its class; got None."
            )
        return self.is_increasing


def elements(raw, num_params):
    """raw (..., n, num_params) -> num_params tensors (..., n)."""
    return tf.unstack(raw, num=num_params, axis=-1)
