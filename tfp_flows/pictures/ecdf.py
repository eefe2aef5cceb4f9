"""Lines of shares over a band in which they are to lie: empirical distribution functions, coverages."""

from __future__ import annotations

import os

import numpy as np

from tfp_flows.pictures.figure import pyplot, save


def ecdf(
    points: np.ndarray, lines: dict[str, np.ndarray], low: np.ndarray, high: np.ndarray, path: str | os.PathLike,
    title: str | None = None, xlabel: str = "", ylabel: str = "", label: str = "band",
) -> str:  # fmt: skip
    """Draws lines over a band, those that leave it in thick strokes.

    Args:
        points: array (K,).
        lines: dict name -> array (K,).
        low, high: arrays (K,), of the band.
        path: str, the PNG to write.
        title: str or None.
        xlabel, ylabel, label: str, of the axes and of the band.

    Returns:
        path.

    Raises:
        ImportError: where matplotlib is missing, naming the extra.

    Example:
        >>> import numpy as np
        >>> from tfp_flows import pictures
        >>> z = np.linspace(0.1, 0.9, 9)
        >>> pictures.ecdf(z, {"a": z**2}, z - 0.1, z + 0.1, "ecdf.png", "a share")
        'ecdf.png'
    """
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(7, 4.2), constrained_layout=True)
    axes.fill_between(points, low, high, color="0.85", label=label)
    axes.plot(points, (low + high) / 2, color="0.6", linewidth=0.8)
    for name, values in lines.items():
        is_outside = bool(((values < low) | (values > high)).any())
        axes.plot(
            points, values, linewidth=2.2 if is_outside else 1.1, label=name + (" (outside)" if is_outside else "")
        )
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title, xlim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", ncols=2 if len(lines) > 6 else 1)
    return save(figure, path)
