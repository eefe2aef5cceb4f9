"""Vectors: points of the plane as a cloud, others as a histogram for each feature, beside those of the data."""

import math

import numpy as np

from tfp_flows.pictures.figure import pyplot, save


def cloud(events, reference, path, title):
    """Draws points (n, 2), beside those of the data where there are any, in one window."""
    plt = pyplot()
    clouds = [("samples", events)] if reference is None else [("data", np.asarray(reference)), ("samples", events)]
    low, high = np.quantile(clouds[0][1], [0.001, 0.999], axis=0)
    margin = 0.08 * (high - low) + 1e-6
    figure, axes = plt.subplots(1, len(clouds), figsize=(4.2 * len(clouds), 4.4), squeeze=False, layout="constrained")
    for ax, (name, points) in zip(axes[0], clouds):
        extent = (low[0] - margin[0], high[0] + margin[0], low[1] - margin[1], high[1] + margin[1])
        bins = int(np.clip(math.sqrt(len(points)) / 1.5, 20, 120))
        ax.hist2d(points[:, 0], points[:, 1], bins=bins, range=[extent[:2], extent[2:]], cmap="magma")
        ax.set(title=f"{name} ({len(points)})", aspect="equal")
    if title:
        figure.suptitle(title, fontsize=10, parse_math=False)
    return save(figure, path)


def histograms(events, reference, path, title):
    """Draws a histogram of each of the first 16 features of vectors (n, size)."""
    plt = pyplot()
    shown = min(events.shape[1], 16)
    columns = min(shown, 4)
    rows = math.ceil(shown / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.4 * columns, 1.8 * rows), squeeze=False, layout="constrained")
    for i, ax in enumerate(axes.flat):
        if i >= shown:
            ax.set_axis_off()
            continue
        window = events[:, i] if reference is None else np.asarray(reference)[:, i]
        bins = np.linspace(*np.quantile(window, [0.002, 0.998]) + [-1e-6, 1e-6], 40)
        if reference is not None:
            ax.hist(window, bins=bins, density=True, alpha=0.5, label="data")
        ax.hist(events[:, i], bins=bins, density=True, histtype="step", color="k", label="samples")
        ax.set_title(f"feature {i}", fontsize=8)
        ax.tick_params(labelsize=7)
    axes.flat[0].legend(fontsize=7)
    if title:
        figure.suptitle(title, fontsize=10, parse_math=False)
    return save(figure, path)
