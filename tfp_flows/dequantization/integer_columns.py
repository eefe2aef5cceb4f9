"""Uniform dequantization of some columns of a table of reals: those that hold whole numbers.

    y_j = x_j + u_j,  u_j uniform on [-1/2, 1/2) in the columns of whole numbers, 0 in the others;  log q(u|x) = 0

A density on whole numbers grows without bound as training goes on; with the noise of their bins it is a bound of their
probability, and of the density of the others. The bins are centred, so that a whole number is its bin's centre.
Uria, Murray and Larochelle, RNADE, arXiv:1306.0186; Theis et al., arXiv:1511.01844, section 3.1.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


class IntegerColumns:
    """Noise of the bins of whole numbers in a table whose events are floats.

    Args:
        columns: sequence of ints, from 0, each once: the columns of whole numbers.
        num_columns: int, of the table.

    Raises:
        ValueError: where the columns are none, come twice, or are not those of a table of so many.

    Example:
        >>> from tfp_flows.dequantization import IntegerColumns
        >>> noise = IntegerColumns([1], num_columns=2)
        >>> y, log_q = noise(tf.constant([[0.25, 3.0]]), seed=[0, 1])
        >>> float(y[0, 0]), noise.quantize(y).numpy().tolist()
        (0.25, [[0.25, 3.0]])
    """

    # The events are floats: there is no number of levels of all of them, and no bits per dimension.
    num_bins = None

    def __init__(self, columns: Sequence[int], num_columns: int):
        given = np.atleast_1d(np.asarray(columns)).tolist()
        whole = all(isinstance(j, int) and not isinstance(j, bool) for j in given)
        if not given or not whole or len(set(given)) < len(given) or min(given) < 0 or max(given) >= num_columns:
            raise ValueError(
                f"Expected integer_columns as different integers 0..{num_columns - 1}, columns of the table; "
                f"got {columns!r}."
            )
        self.columns = tuple(sorted(given))
        self._is_integer = np.isin(np.arange(num_columns), self.columns)

    def __call__(
        self, x: tf.Tensor, seed: tf.Tensor, dtype: tf.DType | str = tf.float32
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Adds the noise.

        Args:
            x: floating tensor (batch, num_columns).
            seed: int32 tensor [2]; the noise is a function of it and of the shape.
            dtype: floating dtype of the result.

        Returns:
            y (batch, num_columns), and log_q in nats, a scalar.
        """
        u = tf.random.stateless_uniform(tf.shape(x), seed, -0.5, 0.5, dtype=dtype)
        return tf.cast(x, dtype) + tf.where(self._is_integer, u, tf.zeros([], dtype)), tf.zeros([], dtype)

    def quantize(self, y: tf.Tensor) -> tf.Tensor:
        """Events with the columns of whole numbers rounded to these, floats as before."""
        return tf.where(self._is_integer, tf.round(y), y)
