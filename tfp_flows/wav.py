"""WAV files of 16-bit PCM, the format that every player and every speech corpus has."""

from __future__ import annotations

import os
import wave

import numpy as np
from numpy.typing import ArrayLike

from tfp_flows.files import replacing

# Of 16-bit audio: levels 0..NUM_BINS-1, silence at ZERO.
NUM_BINS, ZERO = 65536, 32768


def read(path: str | os.PathLike) -> tuple[np.ndarray, int]:
    """One recording.

    Args:
        path: str or path, of a WAV file of 16-bit PCM; of several channels the mean is taken.

    Returns:
        audio, sample_rate: int16 array (num_samples,), and audio samples a second.

    Raises:
        ValueError: where it is no such file, or cut short.
        OSError: where it cannot be read.
    """
    with open(path, "rb") as file:
        try:
            with wave.open(file) as recording:
                width, channels, rate = recording.getsampwidth(), recording.getnchannels(), recording.getframerate()
                announced, frames = recording.getnframes(), recording.readframes(recording.getnframes())
        except (wave.Error, EOFError) as error:
            raise ValueError(
                f"Expected a WAV file of 16-bit PCM at {path}; got {str(error) or 'an empty file'}."
            ) from error
    if rate < 1:
        raise ValueError(f"Expected a positive sample rate in {path}; got {rate}.")
    if width != 2:
        raise ValueError(f"Expected 16 bits an audio sample in {path}; got {8 * width}.")
    if len(frames) != 2 * channels * announced:
        raise ValueError(
            f"Expected {announced} audio samples in {path}, as its head says; got {len(frames) // (2 * channels)}."
        )
    audio = np.frombuffer(frames, "<i2").reshape(-1, channels)
    return (audio[:, 0] if channels == 1 else np.rint(audio.mean(1))).astype(np.int16), rate


def write(path: str | os.PathLike, audio: np.ndarray, sample_rate: int) -> str:
    """Writes one recording.

    Args:
        path: str or path.
        audio: int16 array (num_samples,).
        sample_rate: int, audio samples a second.

    Returns:
        path, as a str.

    Raises:
        ValueError: where the audio is no vector of int16.

    Example:
        >>> import os, tempfile
        >>> from tfp_flows import wav
        >>> path = wav.write(os.path.join(tempfile.mkdtemp(), "beep.wav"), np.arange(5, dtype="int16"), 8000)
        >>> wav.read(path)[0].tolist()
        [0, 1, 2, 3, 4]
    """
    audio = np.asarray(audio)
    if audio.ndim != 1 or audio.dtype != np.int16:
        raise ValueError(f"Expected audio as a vector of int16; got {audio.dtype} {audio.shape}.")
    with replacing(path) as part, wave.open(str(part), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(sample_rate)
        recording.writeframes(audio.astype("<i2").tobytes())
    return str(path)


def to_levels(audio: ArrayLike) -> np.ndarray:
    """int16 audio as levels 0..65535, uint16: what a flow of integer data is trained on."""
    return (np.asarray(audio, np.int32) + ZERO).astype(np.uint16)


def from_events(events: ArrayLike, num_bins: int | None = None) -> np.ndarray:
    """Events of a flow as int16 audio.

    Args:
        events: array of levels 0..num_bins-1, or of reals in [-1, 1], beyond which they are clipped.
        num_bins: int, or None for reals.

    Returns:
        int16 array of the same shape.

    Example:
        >>> from tfp_flows import wav
        >>> wav.from_events(np.array([0, 32768, 65535]), 65536).tolist()
        [-32768, 0, 32767]
        >>> wav.from_events(np.array([-2.0, 0.5])).tolist()
        [-32768, 16384]
    """
    events = np.asarray(events, np.float64)
    scaled = events * ZERO if num_bins is None else events * (NUM_BINS / num_bins) - ZERO
    return np.clip(np.rint(scaled), -ZERO, ZERO - 1).astype(np.int16)
