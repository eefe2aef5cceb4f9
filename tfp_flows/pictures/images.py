"""Images: as they are, in a grid or in rows with a name before each."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tfp_flows.pictures.figure import DPI, pyplot, save
from tfp_flows.pictures.kind import image_shape


def rows(
    events: ArrayLike,
    names: Sequence[str],
    path: str | os.PathLike,
    levels: int | None = None,
    title: str | None = None,
) -> str:
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

    Example:
        >>> from tfp_flows import pictures
        >>> pictures.rows(np.random.default_rng(0).random([2, 5, 8, 8]), ["class 0", "class 1"], "rows.png")
        'rows.png'
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
    plt = pyplot()
    height, width = canvas.shape[:2]
    # Whole pixels a pixel, so that all come out equally large, and no row lower than its name.
    row_height = images.shape[1] + 1
    scale = max(1, round(min(800 / width, 1000 / height)), math.ceil(14 / row_height))
    figure = plt.figure(figsize=(width * scale / DPI, height * scale / DPI))
    axes = figure.add_axes((0, 0, 1, 1))
    _show(axes, canvas)
    for i, name in enumerate(names):
        axes.annotate(
            name, (-0.5, (i + 0.5) * row_height), xytext=(-6, 0), textcoords="offset points", ha="right", va="center",
            fontsize=9, annotation_clip=False, parse_math=False,
        )  # fmt: skip
    if title:
        axes.set_title(title, fontsize=10, parse_math=False)
    # Tight: the names and the title stand outside of the axes.
    return save(figure, path, bbox_inches="tight", pad_inches=0.08)


def as_images(events: ArrayLike) -> np.ndarray | None:
    """Events as images.

    Args:
        events: array (n, *event_shape).

    Returns:
        array (n, height, width, channels) where they are images or squares laid out as vectors, else None.

    Example:
        >>> from tfp_flows import pictures
        >>> pictures.as_images(np.zeros([3, 64])).shape, pictures.as_images(np.zeros([3, 2]))
        ((3, 8, 8, 1), None)
    """
    shape = image_shape(events.shape[1:])
    return None if shape is None else events.reshape(len(events), *shape)


def grid(images, path, levels, title):
    """Draws images (n, height, width, channels) in about as many rows as columns."""
    plt = pyplot()
    canvas = _canvas(images, math.ceil(math.sqrt(len(images))), levels)
    size = 7.0 / max(canvas.shape[:2])
    figure, axes = plt.subplots(figsize=(canvas.shape[1] * size, canvas.shape[0] * size + (0.3 if title else 0)))
    _show(axes, canvas)
    if title:
        axes.set_title(title, fontsize=10)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.94 if title else 0.99)
    return save(figure, path)


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
