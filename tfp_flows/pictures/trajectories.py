"""The plane while samples come about: their ways, where they are at some times, and the field that carries them."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tfp_flows.pictures.figure import pyplot, save

_MOST_LINES = 200


def trajectories(
    x: ArrayLike, titles: Sequence[str], path: str | os.PathLike, arrows: Sequence | None = None,
    title: str | None = None,
) -> str:  # fmt: skip
    """Draws points of the plane at some times, with the field there where it is given, and the lines between them.

    Args:
        x: array (num_times, n, 2), the last ones the samples.
        titles: str for each time.
        path: str, the PNG to write.
        arrows: for each time a pair of arrays (m, 2), where arrows begin and what they show; None for none.
        title: str or None.

    Returns:
        path.

    Raises:
        ImportError: where matplotlib is missing, naming the extra.
        ValueError: where x is not of that shape, or there are not as many titles or arrows as times.

    Example:
        >>> from tfp_flows import pictures
        >>> pictures.trajectories(np.zeros([2, 5, 2]), ["t = 0", "t = 1"], "trajectories.png")
        'trajectories.png'
    """
    x = np.asarray(x, float)
    if x.ndim != 3 or x.shape[2] != 2 or len(x) < 2:
        raise ValueError(f"Expected x of shape (num_times, n, 2), of at least two times; got {x.shape}.")
    for name, values in (("titles", titles), ("arrows", arrows)):
        if values is not None and len(values) != len(x):
            raise ValueError(f"Expected {len(x)} {name}, one a time; got {len(values)}.")
    plt = pyplot()
    columns = min(len(x) + 1, 5)
    rows = -(-(len(x) + 1) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.7 * columns, 2.9 * rows), squeeze=False, layout="constrained")
    low, high = np.quantile(x[-1], [0.002, 0.998], axis=0)
    margin = 0.25 * (high - low) + 1e-6
    window = dict(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
    for i, (ax, points) in enumerate(zip(axes.flat, x)):
        ax.plot(*points.T, ".", color="#24478f", markersize=2, alpha=0.5)
        if arrows is not None:
            begin, along = (np.asarray(values, float) for values in arrows[i])
            # A field that is 0 everywhere has no longest arrow.
            if along.any():
                ax.quiver(*begin.T, *along.T, angles="xy", color="#b5432a", width=4e-3)
        ax.set_title(titles[i], fontsize=9)
    lines = axes.flat[len(x)]
    shown = x[:, :_MOST_LINES]
    lines.plot(shown[..., 0], shown[..., 1], color="0.6", linewidth=0.5)
    lines.plot(*shown[-1].T, ".", color="#24478f", markersize=3)
    lines.set_title("their ways", fontsize=9)
    for i, ax in enumerate(axes.flat):
        if i > len(x):
            ax.set_axis_off()
        else:
            ax.set(aspect="equal", **window)
            ax.tick_params(labelsize=7)
    if title:
        figure.suptitle(title, fontsize=10, parse_math=False)
    return save(figure, path)
