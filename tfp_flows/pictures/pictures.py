"""Pictures: grids of image samples, clouds of 2-D samples, curves of a training. Needs the extra `plots`.

Every function writes a PNG beside its place and moves it there, and returns the path.
"""

import math

import numpy as np

from tfp_flows.files import replacing

_DPI = 110


def samples(events, path, reference=None, levels=None, title=None):
    """Draws events as what they are: images as a grid, points of the plane as a cloud, other vectors as histograms.

    Args:
        events: array (n, *event_shape). Vectors whose length is a square of at least 4 x 4 are drawn as images.
        path: str, the PNG to write.
        reference: array (m, *event_shape) of data to draw beside, for clouds and histograms, or None.
        levels: int, levels of integer data: images are drawn from 0 (black) to levels - 1 (white).
        title: str or None.

    Returns:
        path.

    Raises:
        ImportError: where matplotlib is missing, naming the extra.
        ValueError: where there are no events, or they are of a rank that no picture has.
    """
    events = np.asarray(events)
    if events.ndim < 2 or len(events) == 0:
        raise ValueError(f"Expected events of shape (n, *event_shape) with n >= 1; got {events.shape}.")
    images = as_images(events)
    if images is not None:
        return _grid(images, path, levels, title)
    if events.ndim != 2:
        raise ValueError(f"Expected images, points or vectors; got events of shape {events.shape[1:]}.")
    return (
        _cloud(events, reference, path, title) if events.shape[1] == 2 else _histograms(events, reference, path, title)
    )


def rows(events, names, path, levels=None, title=None):
    """Draws images in rows with a name before each: a class, a temperature, the way from one image to another.

    Args:
        events: array (num_rows, num_columns, *event_shape) of images, or vectors that are drawn as images.
        names: sequence of num_rows strings.
        path: str, the PNG to write.
        levels: int, levels of integer data, drawn from 0 (black) to levels - 1 (white).
        title: str or None.

    Returns:
        path.

    Raises:
        ImportError: where matplotlib is missing, naming the extra.
        ValueError: where there is nothing to draw, the events are no images, or the names are not one for each row.
    """
    events = np.asarray(events)
    if events.ndim < 3 or 0 in events.shape[:2]:
        raise ValueError(
            f"Expected events of shape (num_rows, num_columns, *event_shape), one at least; got {events.shape}."
        )
    if len(names) != len(events):
        raise ValueError(f"Expected one name for each of {len(events)} rows; got {len(names)}.")
    images = as_images(events.reshape(-1, *events.shape[2:]))
    if images is None:
        raise ValueError(f"Expected images, or vectors of a square of at least 16; got events {events.shape[2:]}.")
    canvas = _canvas(images, events.shape[1], levels)
    plt = _pyplot()
    height, width = canvas.shape[:2]
    # Whole pixels a pixel, so that all come out equally large, and no row lower than its name.
    row_height = images.shape[1] + 1
    scale = max(1, round(min(800 / width, 1000 / height)), math.ceil(14 / row_height))
    figure = plt.figure(figsize=(width * scale / _DPI, height * scale / _DPI))
    axes = figure.add_axes((0, 0, 1, 1))
    _show(axes, canvas)
    for i, name in enumerate(names):
        axes.annotate(
            name, (-0.5, (i + 0.5) * row_height), xytext=(-6, 0), textcoords="offset points", ha="right", va="center",
            fontsize=9, annotation_clip=False,
        )  # fmt: skip
    if title:
        axes.set_title(title, fontsize=10)
    # Tight: the names and the title stand outside of the axes.
    return _save(figure, path, bbox_inches="tight", pad_inches=0.08)


def spectrograms(recordings, sample_rate, path, names=None, title=None):
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
    plt = _pyplot()
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
            ax.set_title(names[i], fontsize=8)
    for ax in axes[:, 0]:
        ax.set_ylabel("kHz", fontsize=8)
    for ax in axes[-1]:
        ax.set_xlabel("seconds", fontsize=8)
    figure.colorbar(picture, ax=axes, label="dB", pad=0.01)
    if title:
        figure.suptitle(title, fontsize=10)
    return _save(figure, path)


def as_images(events):
    """events as (n, height, width, channels) where they are images or squares laid out as vectors, else None."""
    if events.ndim == 4 and events.shape[-1] in (1, 3):
        return events
    if events.ndim == 3:
        return events[..., None]
    side = math.isqrt(events.shape[-1])
    if events.ndim == 2 and side >= 4 and side * side == events.shape[-1]:
        return events.reshape(-1, side, side, 1)
    return None


def curve(log, path, title=None, units=None):
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
    plt = _pyplot()
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
    return _save(figure, path)


def _units(log):
    """The units of a log whose objective is not known."""
    known = {"bits_per_dim": "bits per dimension", "nll": "nats per event", "reverse_kl": "reverse KL, nats per event"}
    if not known.keys() & log.keys():
        # `loss` is the objective's own values under another name, which says less.
        other = [key for key in log if not key.startswith("val_") and key not in ("seconds", "loss")]
        known |= {key: key for key in [*other, "loss"]}
    return known


def _grid(images, path, levels, title):
    plt = _pyplot()
    canvas = _canvas(images, math.ceil(math.sqrt(len(images))), levels)
    size = 7.0 / max(canvas.shape[:2])
    figure, axes = plt.subplots(figsize=(canvas.shape[1] * size, canvas.shape[0] * size + (0.3 if title else 0)))
    _show(axes, canvas)
    if title:
        axes.set_title(title, fontsize=10)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.94 if title else 0.99)
    return _save(figure, path)


def _canvas(images, columns, levels):
    """One image of all, row by row, with values in [0, 1]: (height, width, channels)."""
    low, high = (0, levels - 1) if levels else (images.min(), images.max())
    unit = np.clip((images.astype(float) - low) / max(high - low, 1e-12), 0, 1)
    _, height, width, channels = unit.shape
    num_rows = math.ceil(len(images) / columns)
    # One pixel of grey between the images, so that dark ones do not run into each other.
    canvas = np.full((num_rows * (height + 1) + 1, columns * (width + 1) + 1, channels), 0.35)
    for i, image in enumerate(unit):
        top, left = (i // columns) * (height + 1) + 1, (i % columns) * (width + 1) + 1
        canvas[top : top + height, left : left + width] = image
    return canvas


def _show(axes, canvas):
    canvas = canvas.squeeze(-1) if canvas.shape[-1] == 1 else canvas
    axes.imshow(canvas, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()


def _cloud(events, reference, path, title):
    plt = _pyplot()
    clouds = [("samples", events)] if reference is None else [("data", np.asarray(reference)), ("samples", events)]
    window = np.concatenate([cloud for _, cloud in clouds[:1]])
    low, high = np.quantile(window, 0.001, axis=0), np.quantile(window, 0.999, axis=0)
    margin = 0.08 * (high - low) + 1e-6
    figure, axes = plt.subplots(1, len(clouds), figsize=(4.2 * len(clouds), 4.4), squeeze=False, layout="constrained")
    for ax, (name, cloud) in zip(axes[0], clouds):
        extent = (low[0] - margin[0], high[0] + margin[0], low[1] - margin[1], high[1] + margin[1])
        bins = int(np.clip(math.sqrt(len(cloud)) / 1.5, 20, 120))
        ax.hist2d(cloud[:, 0], cloud[:, 1], bins=bins, range=[extent[:2], extent[2:]], cmap="magma")
        ax.set(title=f"{name} ({len(cloud)})", aspect="equal")
    if title:
        figure.suptitle(title, fontsize=10)
    return _save(figure, path)


def _histograms(events, reference, path, title):
    plt = _pyplot()
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
        figure.suptitle(title, fontsize=10)
    return _save(figure, path)


def _pyplot():
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError('Expected matplotlib for pictures; got none: pip install "tfp_flows[plots]".') from error
    # Drawn into files only, also where there is no screen.
    from matplotlib import pyplot

    matplotlib.use("Agg")
    return pyplot


def _save(figure, path, **options):
    try:
        with replacing(path) as part:
            figure.savefig(part, dpi=_DPI, **options)
    finally:
        _pyplot().close(figure)
    return str(path)
