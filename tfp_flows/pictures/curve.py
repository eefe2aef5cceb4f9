"""The curve of a training: what it was trained by over the epochs, of training and validation."""

from __future__ import annotations

import os

import numpy as np

from tfp_flows.pictures.figure import pyplot, save


def curve(log: dict, path: str | os.PathLike, title: str | None = None, units: dict[str, str] | None = None) -> str:
    """Draws a training's curve, training and validation, over epochs, with minutes above where the log knows them.

    Args:
        log: dict name -> list of floats, one an epoch: the columns that `units` names, each with `val_` before its
            name too where there is validation, and "seconds", the epoch's own.
        path: str, the PNG to write.
        title: str or None.
        units: dict name of a column -> its unit, the first that the log has is drawn; None for bits_per_dim, nll or
            reverse_kl, else the first column of the log.

    Returns:
        path.

    Raises:
        ImportError: where matplotlib is missing, naming the extra.
        ValueError: where the log has no epoch of any of them.

    Example:
        >>> from tfp_flows import pictures
        >>> pictures.curve({"nll": [3.0, 2.0, 1.5], "val_nll": [3.1, 2.2, 1.9]}, "curve.png", "a training")
        'curve.png'
    """
    wanted = "nll, reverse_kl or another loss" if units is None else " or ".join(units)
    units = _units(log) if units is None else units
    key = next((key for key in units if len(log.get(key, ()))), None)
    if key is None:
        raise ValueError(f"Expected a log with at least one epoch of {wanted}; got {sorted(log)}.")
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(7, 4.2), constrained_layout=True)
    epochs = np.arange(1, len(log[key]) + 1)
    marker = "o" if len(epochs) == 1 else None
    axes.plot(epochs, log[key], label="training", marker=marker)
    shown = np.asarray(log[key], float)
    if len(log.get(f"val_{key}", ())):
        validation = np.asarray(log[f"val_{key}"], float)
        axes.plot(epochs, validation, label="validation", marker=marker)
        shown = np.concatenate([shown, validation])
        best = int(np.nanargmin(validation))
        axes.plot(epochs[best], validation[best], "k.", label=f"best: {validation[best]:.3f}, epoch {best + 1}")
    # The first epochs of a flow are far off and would flatten everything after them.
    finite = shown[np.isfinite(shown)]
    if len(epochs) > 4 and finite.size:
        low, high = finite.min(), np.quantile(finite, 0.97)
        axes.set_ylim(low - 0.05 * (high - low), high + 0.1 * (high - low))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlabel="epoch", ylabel=units[key], title=title)
    minutes = np.cumsum(log.get("seconds", ())) / 60
    if len(minutes) == len(epochs) and np.isfinite(minutes).all() and (np.diff(minutes, prepend=0) > 0).all():
        at, ends = np.r_[0, epochs], np.r_[0, minutes]
        # Straight beyond both ends, where the margins of the axes are.
        there = lambda e: np.interp(e, at, ends) + (e - np.clip(e, 0, at[-1])) * ends[-1] / at[-1]
        back = lambda m: np.interp(m, ends, at) + (m - np.clip(m, 0, ends[-1])) * at[-1] / ends[-1]
        top = axes.secondary_xaxis("top", functions=(there, back), xlabel="minutes")
        # Epochs take unlike times (the first one is traced), so that even steps of minutes may lie upon each other.
        ticks = [0.0]
        for tick in plt.MaxNLocator(8).tick_values(0, ends[-1]):
            if tick <= ends[-1] and back(tick) - back(ticks[-1]) > 0.07 * at[-1]:
                ticks.append(tick)
        top.set_xticks(ticks)
    axes.grid(alpha=0.3)
    axes.legend()
    return save(figure, path)


# Of a log: where it is, and `loss`, the objective's own values under another name, which says less.
_NO_LOSS = ("epoch", "step", "seconds", "loss")


def _units(log):
    """The units of a log whose objective is not known."""
    known = {"bits_per_dim": "bits per dimension", "nll": "nats per event", "reverse_kl": "reverse KL, nats per event"}
    if not known.keys() & log.keys():
        other = [key for key in log if not key.startswith("val_") and key not in _NO_LOSS]
        known |= {key: key for key in [*other, "loss"]}
    return known
