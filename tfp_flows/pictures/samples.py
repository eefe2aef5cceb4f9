"""Samples drawn as what they are, whatever they are."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import ArrayLike

from tfp_flows.pictures.images import as_images, grid
from tfp_flows.pictures.kind import Kind, kind_of
from tfp_flows.pictures.points import cloud, histograms


def samples(
    events: ArrayLike,
    path: str | os.PathLike,
    reference: ArrayLike | None = None,
    levels: int | None = None,
    title: str | None = None,
) -> str:
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
        ValueError: where there are no events, or they are of a shape that no picture has.

    Example:
        >>> from tfp_flows import pictures
        >>> pictures.samples(np.random.default_rng(0).integers(0, 17, [9, 64]), "digits.png", levels=17)
        'digits.png'
    """
    events = np.asarray(events)
    if events.ndim < 2 or len(events) == 0:
        raise ValueError(f"Expected events of shape (n, *event_shape) with n >= 1; got {events.shape}.")
    kind = kind_of(events.shape[1:])
    if kind is Kind.IMAGE:
        return grid(as_images(events), path, levels, title)
    if kind is Kind.POINTS:
        return cloud(events, reference, path, title)
    if kind is Kind.VECTORS:
        return histograms(events, reference, path, title)
    raise ValueError(f"Expected images, points or vectors; got events of shape {events.shape[1:]}.")
