"""Emerging convolution: an invertible k x k convolution, made of two masked ones whose Jacobians are triangular.

    inverse (data -> latent):  x = R K_2 R K_1 y     K_1, K_2 convolutions in raster order, R turns an image round
    forward:                   y = K_1^-1 R K_2^-1 R x
    log_det (inverse) = height width (sum log_diagonal_1 + sum log_diagonal_2)

The first sees what comes before a pixel and the second, in the turned image, what comes after it: together a full
receptive field. The centre mixes channels by a triangular matrix with the diagonal exp(log_diagonal), which no
optimizer makes singular. The inverse direction is two convolutions; the forward one solves two triangular systems
exactly, pixel after pixel, as wavefronts (`numerics.wavefront`). Its gradient solves them once more, transposed, and
stores no step of the way. Large weights away from the centre make the solution grow from pixel to pixel: exact in
theory, not in float32.
Hoogeboom, van den Berg and Welling, Emerging convolutions, arXiv:1901.11137, section 3; triangular masks of this kind
are MintNet's too: Song, Meng and Ermon, arXiv:1907.07945, section 3.1.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.numerics.tensors import (
    check_shape,
    floatx,
    is_positive_integer,
    once_only,
    require_event_shape,
    reshape_like,
)
from tfp_flows.numerics.wavefront import Wavefront, convolve, parts, raster_mask


class EmergingConv(Bijector):
    """A trainable invertible convolution of images (height, width, channels), padded with zeros, near the identity.

    Args:
        event_shape: tuple (height, width, channels).
        kernel_size: int, odd and at least 3.
        seed: int, of the kernels that it begins with.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where event_shape is no image's, or the kernel size is even or less than 3.

    Example:
        >>> from tfp_flows import bijectors
        >>> layer = bijectors.EmergingConv((8, 8, 2))
        >>> x = tf.random.stateless_normal([3, 8, 8, 2], seed=[0, 1])
        >>> y = layer.forward(x)
        >>> bool(np.abs(layer.inverse(tf.identity(y)) - x).max() < 1e-4)
        True
    """

    def __init__(
        self,
        event_shape: tuple[int, int, int],
        kernel_size: int = 3,
        seed: int = 0,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        dtype = floatx(dtype)
        shape = check_shape(event_shape)
        if len(shape) != 3:
            raise ValueError(f"Expected event_shape (height, width, channels); got {event_shape!r}.")
        if not is_positive_integer(kernel_size) or kernel_size % 2 == 0 or kernel_size < 3:
            raise ValueError(f"Expected kernel_size to be an odd integer of at least 3; got {kernel_size!r}.")
        super().__init__(3, dtype=dtype, is_constant_jacobian=True, name=name)
        self.event_shape, self.kernel_size, self.seed = shape, int(kernel_size), seed
        num_channels = shape[-1]
        self._reach = self.kernel_size // 2
        self._mask = raster_mask(self._reach, np.triu(np.ones([num_channels, num_channels]), 1))
        random = np.random.default_rng(seed)
        deviation = 0.05 / np.sqrt(self._mask[..., 0].sum())
        self.kernels, self.log_diagonals = [], []
        for name in ("first", "second"):
            start = random.normal(scale=deviation, size=self._mask.shape) * self._mask
            self.kernels.append(tf.Variable(tf.constant(start, dtype), name=f"{name}_kernel"))
            self.log_diagonals.append(tf.Variable(tf.zeros([num_channels], dtype), name=f"{name}_log_diagonal"))

    def _inverse_and_log_det(self, y):
        first, second = self._masked_kernels()
        images = _turned(convolve(_turned(convolve(self._images(y), first)), second))
        return reshape_like(images, y), self._log_det()

    def _forward_and_log_det(self, x):
        first, second = self._masked_kernels()
        images = _solve(_turned(_solve(_turned(self._images(x)), second)), first)
        return reshape_like(images, x), -self._log_det()

    def _images(self, values):
        require_event_shape(values, self.event_shape, self.name)
        return tf.reshape(values, [-1, *self.event_shape])

    def _log_det(self):
        height, width, _ = self.event_shape
        return height * width * tf.add_n([tf.reduce_sum(log_diagonal) for log_diagonal in self.log_diagonals])

    def _masked_kernels(self):
        """Both kernels as they are used, whatever has been written to where they are masked."""
        diagonal = np.zeros([self._reach + 1, self.kernel_size, 1, 1])
        diagonal[-1, self._reach] = 1.0
        for kernel, log_diagonal in zip(self.kernels, self.log_diagonals):
            yield kernel * tf.constant(self._mask, self.dtype) + diagonal * tf.linalg.diag(tf.exp(log_diagonal))


def _turned(images):
    return tf.reverse(images, [1, 2, 3])


def _solve(images, kernel):
    """The images whose convolution by a raster kernel is given; gradients by the transposed system."""

    @tf.custom_gradient
    def run(images, kernel):
        solution = _substitute(images, kernel)

        def gradient(g):
            # The transposed convolution of an image is that by the kernel with its channels swapped, of the turned one.
            pulled = tf.reverse(_substitute(tf.reverse(g, [1, 2]), tf.transpose(kernel, [0, 1, 3, 2])), [1, 2])
            with tf.GradientTape() as tape:
                tape.watch(kernel)
                image = convolve(solution, kernel)
            weights = -tape.gradient(image, kernel, pulled)
            return [once_only(value, "the solution of a triangular system") for value in (pulled, weights)]

        return solution, gradient

    return run(images, kernel)


def _substitute(images, kernel):
    """Substitution, pixel after pixel: its centre's matrix, triangular, is inverted once."""
    reach, channels = kernel.shape[0] - 1, kernel.shape[-1]
    front = Wavefront(*images.shape[1:3], reach)
    before, centre = parts(kernel)
    inverse = tf.linalg.inv(centre)
    columns, seen = front.columns(images), tf.constant(front.is_seen(reach), images.dtype)
    batch = images.shape[0]

    def body(t, history, written):
        known = tf.matmul(front.neighbours(history, seen[t], reach), before)
        column = tf.matmul(columns[t] - known, inverse)
        return t + 1, front.push(history, column), written.write(t, column)

    written = tf.TensorArray(images.dtype, front.num_steps, element_shape=[batch, front.num_slots, channels])
    history = front.start(tf.shape(images)[0], channels, images.dtype)
    written = tf.while_loop(
        lambda t, *_: t < front.num_steps, body, (0, history, written), maximum_iterations=front.num_steps
    )[2]  # fmt: skip
    return tf.ensure_shape(front.image(written.stack()), images.shape)
