"""WAV files, read as 16-bit audio and written as 16-bit PCM, which every player and every speech corpus has.

Other encodings than 16-bit PCM are decoded by soundfile, the extra `audio`.
"""

from __future__ import annotations

import io
import os
import struct
import wave

import numpy as np
from numpy.typing import ArrayLike

from tfp_flows import riff
from tfp_flows.files import replacing

# Of 16-bit audio: levels 0..NUM_BINS-1, silence at ZERO.
NUM_BINS, ZERO = 65536, 32768


def read(path: str | os.PathLike) -> tuple[np.ndarray, int]:
    """One recording.

    Args:
        path: str or path, of a WAV file: of 16-bit PCM, or of anything that soundfile decodes, which is rounded to 16
            bits. Reals are full scale at 1, and clipped beyond. Of several channels the mean is taken.

    Returns:
        audio, sample_rate: int16 array (num_samples,), and audio samples a second.

    Raises:
        ValueError: where it is no such file, or cut short, or has reals that are not finite or beyond 2.
        ImportError: where soundfile is needed and not installed.
        OSError: where it cannot be read.
    """
    with open(path, "rb") as file:
        head = riff.read(file, path)
        file.seek(head.start)
        content = file.read(head.length)
    if head.encoding == "PCM" and head.frame_bytes == 2 * head.num_channels:
        audio = np.frombuffer(content, f"{head.byte_order}i2").reshape(-1, head.num_channels)
        audio = (audio[:, 0] if head.num_channels == 1 else np.rint(audio.mean(1))).astype(np.int16)
    else:
        audio = from_events(_decode(head, content, path).mean(1))
    return audio, head.sample_rate


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


def _decode(head, content, path):
    """Reals (num_samples, num_channels), full scale at 1."""
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: its library of C is missing
        raise ImportError(
            f'Expected soundfile, to decode {path}; got none, and {head}: pip install "tfp_flows[audio]".'
        ) from error
    # What the samples are and the samples, under a head that has their length: no other chunk is trusted.
    chunks = [(b"fmt ", head.fmt), (b"data", content)]
    order = head.byte_order
    body = b"WAVE" + b"".join(
        struct.pack(f"{order}4sI", name, len(chunk)) + chunk + bytes(len(chunk) % 2)
        for name, chunk in chunks
        if chunk is not None
    )
    name = b"RIFF" if order == "<" else b"RIFX"
    try:
        audio, _ = soundfile.read(
            io.BytesIO(struct.pack(f"{order}4sI", name, len(body)) + body), dtype="float64", always_2d=True
        )
    except (soundfile.LibsndfileError, struct.error) as error:
        raise ValueError(f"Expected audio that soundfile decodes in {path}; got {head} ({error}).") from error
    if head.num_frames is None:
        # The last block is filled up: what is beyond the recording's end is none of it.
        in_block = len(audio) // max(1, head.length // head.frame_bytes)
        audio = audio[: head.fact] if len(audio) - in_block < head.fact else audio
    elif len(audio) != head.num_frames:
        raise ValueError(f"Expected {head.num_frames} audio samples of {head} in {path}; got {len(audio)}.")
    peak = np.abs(audio).max(initial=0)
    if not peak <= 2:  # or NaN
        raise ValueError(f"Expected {head} audio within [-1, 1] in {path}; got a peak of {peak:.6g}.")
    return audio
