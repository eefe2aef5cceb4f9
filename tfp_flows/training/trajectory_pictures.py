"""Pictures of how samples come about: of the plane their ways and the field, of images one row a sample."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows import pictures
from tfp_flows.flow import AnnealedLangevin
from tfp_flows.flow import context as contexts
from tfp_flows.training.trajectories import require_field, trajectories

if TYPE_CHECKING:
    from tfp_flows.flow import Flow

_POINTS, _IMAGES, _ARROWS = 1000, 8, 20


def draw_trajectories(
    model: Flow, path: str | os.PathLike, num_times: int = 9, n: int | None = None, seed: int = 0,
    context: ArrayLike | None = None, title: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Draws samples on their way from the latent, with the velocity field, or with Langevin's sampler the score.

    Args:
        model: a flow of continuous time, of points of the plane or of images.
        path: str, the PNG to write.
        num_times: int of at least 2.
        n: int, how many samples; None for 1,000 points or 8 images.
        seed: int.
        context: as `Flow.sample`, one for all.
        title: str or None.

    Returns:
        times, x: what was drawn, as `trajectories` gives it.

    Raises:
        ValueError: for a model without a field, or events that are neither points of the plane nor images.
        ImportError: where matplotlib is missing.

    Example:
        >>> import tfp_flows
        >>> from tfp_flows import training
        >>> flow = tfp_flows.FlowMatching((2,), hidden_units=8)
        >>> times, x = training.draw_trajectories(flow, "trajectories.png", num_times=3, n=50)
        >>> x.shape
        (3, 50, 2)
    """
    require_field(model)
    kind = pictures.kind_of(model.event_shape)
    is_image = kind is pictures.Kind.IMAGE
    if not is_image and kind is not pictures.Kind.POINTS:
        raise ValueError(f"Expected points of the plane or images; got events of shape {model.event_shape}.")
    n = (_IMAGES if is_image else _POINTS) if n is None else n
    times, x = trajectories(model, n, num_times, seed, context)
    is_chain = isinstance(model.sampler, AnnealedLangevin)
    named = [f"noise {value:.2g}" if is_chain else f"t = {value:.2g}" for value in times]
    if is_image:
        # Noise is wider than the data: what is beyond a pixel's range is drawn as its end.
        levels = model.num_bins or None
        shown = np.moveaxis(x, 0, 1) if levels is None else np.clip(np.moveaxis(x, 0, 1) - 0.5, 0, levels - 1)
        across = ", ".join(named)
        pictures.rows(shown, [""] * n, path, levels, across if title is None else f"{title}: {across}")
    else:
        arrows = [_arrows(model, x[-1], t, is_chain, context) for t in times]
        pictures.trajectories(x, named, path, arrows, title)
    return times, x


def _arrows(model, samples, time, is_chain, context):
    """Where they begin, on a grid about the samples, and the field there, both in the data's units."""
    low, high = np.quantile(samples, [0.002, 0.998], axis=0)
    sides = [np.linspace(a - 0.2 * (b - a), b + 0.2 * (b - a), _ARROWS) for a, b in zip(low, high)]
    grid = np.stack(np.meshgrid(*sides), -1).reshape(-1, 2)
    dtype = tf.as_dtype(model.variable_dtype)
    x, _ = model.at_the_field(tf.constant(grid, dtype), None, tf.constant([0, 0]))
    given = contexts.check(model, context, len(grid))
    c = model.context_at_the_field(model.features(given[0])) if given else None
    if is_chain:
        levels = model.sampler.levels(model)
        t = np.log(levels[0] / time) / np.log(levels[0] / levels[-1])
        along = model.continuous.network.score(x, tf.fill([len(grid)], tf.constant(t, dtype)), c)
        # Of unlike lengths over the levels: their directions are what is seen.
        along = along / (tf.norm(along, axis=1, keepdims=True) + 1e-9)
    else:
        along = model.continuous.velocity(x, tf.fill([len(grid)], tf.constant(time, dtype)), c)
    return grid, np.asarray(model.from_the_field(x + along) - model.from_the_field(x))
