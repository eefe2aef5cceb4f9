"""Dequantization: integer data made continuous, so that a density on it is a bound on their probability.

    x integer in 0..num_bins-1,  u in [0, 1),  y = x + u
    log P(x) = log int p(x + u) du  >=  E_q(u|x) [ log p(x + u) - log q(u|x) ]

Bins have width 1: scaling to [0, 1] or to logits is a bijector in the chain, whose log_det counts, so that
bits per dimension are those of the data as it comes.
Uria, Murray and Larochelle, RNADE, arXiv:1306.0186; Theis et al., arXiv:1511.01844, section 3.1.
"""

import tensorflow as tf


class Uniform:
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

    def __init__(self, num_bins):
        if isinstance(num_bins, bool) or not isinstance(num_bins, int) or num_bins < 2:
            raise ValueError(f"Expected num_bins to be an integer of at least 2; got {num_bins!r}.")
        self.num_bins = num_bins

    def __call__(self, x, seed, dtype=tf.float32):
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

    def centre(self, x, dtype=tf.float32):
        """The middle of each bin, x + 1/2: where a density scores integers without noise."""
        return tf.cast(x, dtype) + tf.constant(0.5, dtype)

    def quantize(self, y):
        """Continuous events back to integers: floor, clipped to 0..num_bins-1, int32."""
        return tf.cast(tf.clip_by_value(tf.floor(y), 0, self.num_bins - 1), tf.int32)

    def get_config(self):
        return {"num_bins": self.num_bins}
