"""Uniform dequantization: noise that knows nothing of the image.

    y = x + u,  u uniform on [0, 1),  log q(u|x) = 0

Uria, Murray and Larochelle, RNADE, arXiv:1306.0186; Theis et al., arXiv:1511.01844, section 3.1.
"""

from __future__ import annotations

import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows.dequantization.bins import Bins


class Uniform(Bins):
    """y = x + u with u uniform on [0, 1): log q = 0.

    Args:
        num_bins: int >= 2, the number of levels of the data: 256 for 8-bit pixels, 17 for scikit-learn's digits.

    Raises:
        ValueError: where num_bins is no integer above 1.

    Example:
        >>> from tfp_flows.dequantization import Uniform
        >>> y, log_q = Uniform(num_bins=17)(tf.constant([[3, 16]]), seed=[0, 1])
        >>> np.floor(y.numpy()).tolist()
        [[3.0, 16.0]]
    """

    def __call__(
        self, x: ArrayLike, seed: ArrayLike, dtype: tf.DType | str = tf.float32
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Adds the noise.

        Args:
            x: integer tensor (batch, *event).
            seed: int32 tensor [2]; the noise is a function of it and of the shape.
            dtype: floating dtype of the result.

        Returns:
            y (batch, *event) and log_q in nats: (batch,), or a scalar where it is constant.
        """
        u = tf.random.stateless_uniform(tf.shape(x), seed, dtype=dtype)
        return tf.cast(x, dtype) + u, tf.zeros([], dtype)

    def get_config(self) -> dict:
        return {"num_bins": self.num_bins}
