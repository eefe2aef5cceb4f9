"""Recordings as spectrograms: time against frequency, power as colour."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tfp_flows.pictures.figure import pyplot, save


def spectrograms(
    recordings: ArrayLike,
    sample_rate: int | None,
    path: str | os.PathLike,
    names: Sequence[str] | None = None,
    title: str | None = None,
) -> str:
    """Draws recordings as their spectrograms, time against frequency, eight in a row and 24 at most.

    Power in decibels below the loudest of all, in windows of 16 ms (Hann), a quarter of one apart.

    Args:
        recordings: array (n, num_samples) of audio, of any scale.
        sample_rate: int, audio samples a second.
        path: str, the PNG to write.
        names: sequence of n strings, or None.
        title: str or None.

    Returns:
        path.

    Raises:
        ImportError: where matplotlib is missing, naming the extra.
        ValueError: where there are no recordings, or the names are not one for each.

    Example:
        >>> from tfp_flows import pictures
        >>> tones = np.sin(np.outer([0.2, 0.4], np.arange(2000)))
        >>> pictures.spectrograms(tones, 8000, "tones.png", ["255 Hz", "509 Hz"])
        'tones.png'
    """
    recordings = np.asarray(recordings, float)
    if recordings.ndim != 2 or 0 in recordings.shape:
        raise ValueError(f"Expected recordings of shape (n, num_samples); got {recordings.shape}.")
    if names is not None and len(names) != len(recordings):
        raise ValueError(f"Expected one name for each of {len(recordings)} recordings; got {len(names)}.")
    recordings = recordings[:24]
    frame = min(max(8, round(0.016 * sample_rate)), recordings.shape[1])
    frames = np.lib.stride_tricks.sliding_window_view(recordings, frame, axis=1)[:, :: max(1, frame // 4)]
    power = np.abs(np.fft.rfft(frames * np.hanning(frame + 2)[1:-1])) ** 2
    decibels = 10 * np.log10(power / max(power.max(), 1e-30) + 1e-8)
    plt = pyplot()
    columns = min(8, len(recordings))
    num_rows = math.ceil(len(recordings) / columns)
    size = (1.5 * columns + 1.2, 1.5 * num_rows + 0.6)
    figure, axes = plt.subplots(
        num_rows, columns, figsize=size, squeeze=False, layout="constrained", sharex=True, sharey=True
    )
    extent = (0, recordings.shape[1] / sample_rate, 0, sample_rate / 2000)
    for i, ax in enumerate(axes.flat):
        if i >= len(recordings):
            ax.set_axis_off()
            continue
        picture = ax.imshow(decibels[i].T, origin="lower", aspect="auto", extent=extent, vmin=-70, vmax=0, cmap="magma")
        ax.tick_params(labelsize=7)
        if names is not None:
            ax.set_title(names[i], fontsize=8, parse_math=False)
    for ax in axes[:, 0]:
        ax.set_ylabel("kHz", fontsize=8)
    for ax in axes[-1]:
        ax.set_xlabel("seconds", fontsize=8)
    figure.colorbar(picture, ax=axes, label="dB", pad=0.01)
    if title:
        figure.suptitle(title, fontsize=10)
    return save(figure, path)
