"""Spectral power loss: samples of audio that are as loud in every band as the data are.

    P_f(x) = mean over events and frames of |STFT(x)|^2
    penalty = weight length mean_f (log P_f(samples) - log P_f(data))^2

The divergence alone is content with a student that whispers: where the teacher is flat, it does not mind how loud a
sample is. Averaged over a batch nothing is asked of a single sample, so that no mode is lost. With logarithms quiet
bands count as loud ones do.
Van den Oord et al., Parallel WaveNet, arXiv:1711.10433, section 4.1, the power loss.
"""

from __future__ import annotations

from numbers import Real

import tensorflow as tf

from tfp_flows.numerics.tensors import is_positive_integer


class SpectralPower:
    """A penalty of `objectives.ReverseKL`, for events of audio: it compares the samples with the events of `fit`.

    Args:
        weight: float > 0, nats an audio sample for each squared difference of log powers.
        frame_length: int, audio samples a frame (Hann window); frames are a quarter of it apart.
        floor: float > 0, the standard deviation of white noise, in levels or reals as the events are, whose power is
            added to both: differences below it do not count.

    Raises:
        ValueError: where a number is not positive, `fit` is given no events, or they are shorter than a frame.

    Example:
        >>> from tfp_flows.objectives import SpectralPower
        >>> noise = tf.random.stateless_normal([4, 1000], [0, 1])
        >>> penalty = SpectralPower(weight=0.1, frame_length=64)
        >>> float(penalty(noise, noise)[0]), bool(penalty(noise, 2 * noise)[0] > 50)
        (0.0, True)
    """

    def __init__(self, weight: float = 0.1, frame_length: int = 256, floor: float = 1.0):
        for name, value in (("weight", weight), ("floor", floor)):
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < float("inf"):
                raise ValueError(f"Expected {name} to be a positive finite number; got {value!r}.")
        if not is_positive_integer(frame_length) or frame_length < 4:
            raise ValueError(f"Expected frame_length to be an integer of at least 4; got {frame_length!r}.")
        self.weight, self.frame_length, self.floor = float(weight), int(frame_length), float(floor)

    def __call__(self, samples: tf.Tensor, events: tf.Tensor) -> tf.Tensor:
        """The penalty in nats, the same for each sample, (batch,)."""
        if events is None:
            raise ValueError("Expected events in `fit`, whose power the samples shall have; got none.")
        length = samples.shape[-1]
        if length < self.frame_length:
            raise ValueError(f"Expected events of at least a frame, {self.frame_length}; got {length} audio samples.")
        difference = self._log_power(samples) - self._log_power(tf.cast(events, samples.dtype))
        penalty = self.weight * length * tf.reduce_mean(difference**2)
        return tf.fill(tf.shape(samples)[:1], penalty)

    def _log_power(self, audio):
        # Silence of 16-bit audio is a large number, and no sound.
        audio = audio - tf.reduce_mean(audio, axis=-1, keepdims=True)
        frames = tf.signal.stft(audio, self.frame_length, self.frame_length // 4, self.frame_length)
        # Of white noise: the variance times the sum of the squared window, 3/8 of a frame for Hann's.
        floor = self.floor**2 * 0.375 * self.frame_length
        power = tf.math.real(frames) ** 2 + tf.math.imag(frames) ** 2
        return tf.math.log(tf.reduce_mean(power, axis=[0, 1]) + floor)
