"""A corner plot: each column's histogram, and each pair's density, of data and of samples.

On the diagonal the histograms of both; below it the data's pairs as a density, the samples' as contours around 39 %,
68 % and 95 % of them; of a column of few values the other's histogram beside each. Above it stands nothing, but for
the legend: a pair is drawn once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tfp_flows.pictures.figure import pyplot, save

# More are too small to be read.
MOST_COLUMNS = 8
# So many values have no contours.
_FEW = 5
_SHARES = (0.95, 0.68, 0.39)
_DATA, _SAMPLES = "#3b6ea8", "#c8501e"


def corner(
    events: ArrayLike,
    reference: ArrayLike | None,
    path: str | os.PathLike,
    names: Sequence[str],
    title: str | None = None,
) -> str:
    """Draws the samples of a table, over its data where there are any.

    Args:
        events: array (n, columns), the samples.
        reference: array (m, columns), the data, or None.
        path: str, the PNG to write.
        names: list of str, what the columns are called. The first 8 are drawn.
        title: str or None.

    Returns:
        path.

    Raises:
        ImportError: where matplotlib is missing, naming the extra.
        ValueError: where there are no events, or not as many names as columns.

    Example:
        >>> from tfp_flows import pictures
        >>> x = np.random.default_rng(0).normal(size=(500, 2))
        >>> pictures.corner(x, x + 0.1, "corner.png", ["height", "weight"])
        'corner.png'
    """
    events = np.asarray(events, np.float64)
    if events.ndim != 2 or len(events) == 0 or events.shape[1] != len(names):
        raise ValueError(f"Expected events (n, {len(names)}), a column for each name; got {events.shape}.")
    plt = pyplot()
    shown = min(len(names), MOST_COLUMNS)
    # A sample that is lost far out would leave nothing to be seen of the others.
    reference = None if reference is None else np.asarray(reference, np.float64)[:, :shown]
    events = events[:, :shown]
    edges = [_edges((events if reference is None else reference)[:, j]) for j in range(shown)]
    size = 1.6 * shown + 1.2
    figure, axes = plt.subplots(shown, shown, figsize=(size, size), squeeze=False, layout="constrained")
    for i in range(shown):
        for j in range(shown):
            ax = axes[i, j]
            if j > i:
                ax.set_axis_off()
                continue
            if i == j:
                _histograms(ax, events[:, i], None if reference is None else reference[:, i], edges[i])
            else:
                _pair(ax, events[:, [j, i]], None if reference is None else reference[:, [j, i]], edges[j], edges[i])
            _label(ax, i, j, shown, names)
    _legend(figure, axes, reference is not None)
    more = f" (the first {shown} of {len(names)} columns)" if len(names) > shown else ""
    if title or more:
        figure.suptitle(f"{title or ''}{more}", fontsize=10, parse_math=False)
    return save(figure, path)


def _edges(column):
    """Edges of bins around all but a thousandth at either end; of few whole numbers a bin for each."""
    low, high = np.quantile(column, [0.001, 0.999])
    if (column == np.round(column)).all() and high - low <= 40:
        return np.arange(low - 0.5, high + 1.0)
    margin = 0.03 * (high - low) + 1e-9 * max(1.0, abs(low))
    return np.linspace(low - margin, high + margin, int(np.clip(np.sqrt(len(column)) / 2, 12, 50)) + 1)


def _histograms(ax, events, reference, edges):
    options = dict(bins=edges, density=True)
    if reference is not None:
        ax.hist(reference, color=_DATA, alpha=0.45, **options)
    ax.hist(events, histtype="step", color=_SAMPLES, linewidth=1.4, **options)
    ax.set_yticks([])
    ax.set_xlim(edges[0], edges[-1])


def _pair(ax, events, reference, x, y):
    if reference is not None:
        counts = np.histogram2d(*reference.T, bins=(x, y))[0]
        # The root: where few events are is seen too.
        ax.pcolormesh(x, y, np.sqrt(counts).T, cmap="Blues", rasterized=True)
    counts = np.histogram2d(*events.T, bins=(x, y))[0]
    middles = [0.5 * (edges[:-1] + edges[1:]) for edges in (x, y)]
    if min(counts.shape) > _FEW:
        # Contours want smoother counts than pixels do.
        counts = _smooth(counts)
        levels = _levels(counts)
        if levels:
            ax.contour(*middles, counts.T, levels, colors=_SAMPLES, linewidths=0.9)
    elif max(counts.shape) > _FEW:
        _ridges(ax, counts, middles)
    else:
        dots = np.array([(a, b, counts[i, j]) for i, a in enumerate(middles[0]) for j, b in enumerate(middles[1])])
        ax.scatter(*dots[:, :2].T, s=400 * dots[:, 2] / counts.max(), facecolors="none", edgecolors=_SAMPLES)
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(y[0], y[-1])


def _ridges(ax, counts, middles):
    """Of a column of few values, the other's histogram beside each of them."""
    few = int(counts.shape[1] <= counts.shape[0])
    counts = counts if few else counts.T
    for k, value in enumerate(middles[few]):
        heights = value - 0.45 + 0.85 * counts[:, k] / counts.max()
        line = (middles[1 - few], heights) if few else (heights, middles[1 - few])
        ax.plot(*line, color=_SAMPLES, linewidth=0.9)


def _smooth(counts):
    """Means over a cell and its neighbours, by 1 2 1, twice, along axes that are long enough to be cut finely."""
    for axis in (0, 1):
        if counts.shape[axis] < 12:
            continue
        for _ in range(2):
            padded = np.moveaxis(np.pad(counts, [(1, 1) if a == axis else (0, 0) for a in (0, 1)], "edge"), axis, 0)
            counts = np.moveaxis((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4, 0, axis)
    return counts


def _levels(counts):
    """The densities above which shares of all lie, rising and different."""
    ordered = np.sort(counts.ravel())[::-1]
    total = np.cumsum(ordered)
    if total[-1] == 0:
        return []
    found = [ordered[min(np.searchsorted(total, share * total[-1]), len(ordered) - 1)] for share in _SHARES]
    return sorted({level for level in found if 0 < level < ordered[0]})


def _label(ax, i, j, shown, names):
    ax.tick_params(labelsize=6, length=2)
    ax.locator_params(nbins=4, axis="x")
    if i != j:
        ax.locator_params(nbins=4, axis="y")
    short = lambda name: name if len(name) <= 22 else f"{name[:20]}..."
    if i < shown - 1:
        ax.set_xticklabels([])
    else:
        ax.set_xlabel(short(names[j]), fontsize=8, parse_math=False)
        ax.tick_params(axis="x", rotation=45)
    if j > 0 or i == 0:
        if i != j:
            ax.set_yticklabels([])
    else:
        ax.set_ylabel(short(names[i]), fontsize=8, parse_math=False)


def _legend(figure, axes, has_reference):
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [Line2D([], [], color=_SAMPLES, label="samples (39, 68, 95 %)")]
    if has_reference:
        handles.insert(0, Patch(color=_DATA, alpha=0.45, label="data"))
    if len(axes) == 1:
        axes[0, 0].legend(handles=handles, fontsize=7)
    else:
        axes[0, -1].legend(handles=handles, fontsize=8, loc="upper right", frameon=False)
