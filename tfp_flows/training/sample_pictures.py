"""Samples as data and as pictures, drawn every n epochs: what a flow has learned is seen before it is measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import ArrayLike

from tfp_flows import pictures, wav
from tfp_flows.optimizers import averaged

if TYPE_CHECKING:
    from tfp_flows.flow import Flow

# Of a flow with more classes a picture shows the first ones, so many of each.
_MOST_CLASSES, _EACH = 20, 10
# Spectrograms are few and large.
_SPECTROGRAMS, _EACH_SPECTROGRAM = 16, 2
# Of points, which want a density.
_CLOUD = 10_000


class SamplePictures(keras.callbacks.Callback):
    """Writes `folder/epoch_0010.png` every n epochs, always from the same seed, so that pictures can be compared.

    Of a class-conditional flow each picture has a row for each class, of 10 samples, for 20 classes at most.

    Args:
        folder: str.
        every: int, epochs between pictures.
        n: int, samples a picture; more are drawn for points of the plane, which want a density.
        reference: array of data to draw beside, or None.
        temperature: float.
        seed: int.
        names: list of str, the columns' of a table, whose picture is a corner plot; None for what is none.
        context: array, of a table what each event of reference is given: samples are given the same; None for none.

    Raises:
        ValueError: where every or n is no positive integer.

    Example:
        >>> from tfp_flows.training import SamplePictures
        >>> callback = SamplePictures("pictures", every=10)
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        every: int = 10,
        n: int = 64,
        reference: ArrayLike | None = None,
        temperature: float = 1.0,
        seed: int = 0,
        names: Sequence[str] | None = None,
        context: ArrayLike | None = None,
    ):
        super().__init__()
        for key, value in (("every", every), ("n", n)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
        self.folder, self.every, self.n = folder, every, n
        self.reference, self.temperature, self.seed = reference, temperature, seed
        self.names, self.context = names, context

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if (epoch + 1) % self.every == 0:
            path = os.path.join(self.folder, f"epoch_{epoch + 1:04d}.png")
            with averaged(self.model):
                title = f"epoch {epoch + 1}"
                own = (self.temperature, self.seed, title, self.names, self.context)
                draw_samples(self.model, path, self.n, self.reference, *own)


def sample_events(
    model: Flow, n: int, seed: int = 0, temperature: float = 1.0, context: ArrayLike | None = None
) -> np.ndarray:
    """Samples of a flow as its data are: integers where it was trained on integers.

    Args:
        model: `tfp_flows.Flow`.
        n, seed, temperature, context: as `Flow.sample`.

    Returns:
        array (n, *event_shape).
    """
    events = model.sample(n, seed=seed, temperature=temperature, context=context)
    return np.asarray(events if model.dequantization is None else model.dequantization.quantize(events))


def sample_classes(model: Flow, n: int, classes: Sequence[int], seed: int = 0, temperature: float = 1.0) -> np.ndarray:
    """n samples of each of some classes; those of a class do not depend on which others are asked for.

    Args:
        model: `tfp_flows.Flow` with num_classes.
        n: int.
        classes: sequence of ints.
        seed: int.
        temperature: float.

    Returns:
        array (len(classes), n, *event_shape).
    """
    return np.stack([sample_events(model, n, (k + 1, seed), temperature, context=k) for k in map(int, classes)])


def draw_samples(
    model: Flow,
    path: str | os.PathLike,
    n: int = 64,
    reference: ArrayLike | None = None,
    temperature: float = 1.0,
    seed: int = 0,
    title: str | None = None,
    names: Sequence[str] | None = None,
    context: ArrayLike | None = None,
) -> str:
    """Samples a flow and draws the samples, integer data as integers.

    Images are a grid of n, or one row for each class of a class-conditional flow; points are a cloud, of all
    classes together, which the title names; audio (a flow
    with a sample rate) are 16 spectrograms, or two for each class.

    Args:
        model: `tfp_flows.Flow`.
        path: str, the PNG to write.
        n, reference, temperature, seed, title, names, context: as `SamplePictures`.

    Returns:
        path.
    """
    if names is not None:
        n = max(n, _CLOUD) if context is None else min(len(context), _CLOUD)
        events = sample_events(model, n, seed, temperature, None if context is None else context[:n])
        return pictures.corner(events, None if reference is None else reference[: 2 * _CLOUD], path, names, title)
    kind = kind_of(model)
    if kind is pictures.Kind.AUDIO:
        return _draw_audio(model, path, temperature, seed, title)
    is_image = kind is pictures.Kind.IMAGE
    if not is_image:
        n, reference = max(n, _CLOUD), None if reference is None else reference[: 2 * _CLOUD]
    if model.num_classes is None:
        return pictures.samples(sample_events(model, n, seed, temperature), path, reference, model.num_bins, title)
    classes = range(min(model.num_classes, _MOST_CLASSES))
    events = sample_classes(model, _EACH if is_image else n // len(classes), classes, seed, temperature)
    if is_image:
        return pictures.rows(events, [model.class_title(k) for k in classes], path, model.num_bins, title)
    named = titles([model.class_title(k) for k in classes])
    title = named if title is None else f"{title}: {named}"
    return pictures.samples(events.reshape(-1, *model.event_shape), path, reference, model.num_bins, title)


def titles(names):
    """The names of classes that are drawn together, as a title: the first six."""
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")


def sample_rate(model):
    """Audio samples a second of a flow whose events are audio; None for any other."""
    return getattr(model, "sample_rate", None)


def kind_of(model):
    """What the events of a flow are to a picture, a `tfp_flows.pictures.Kind`."""
    return pictures.kind_of(model.event_shape, sample_rate(model))


def _draw_audio(model, path, temperature, seed, title):
    names = None
    if model.num_classes is None:
        events = sample_events(model, _SPECTROGRAMS, seed, temperature)
    else:
        classes = range(min(model.num_classes, _MOST_CLASSES // _EACH_SPECTROGRAM))
        events = np.concatenate(sample_classes(model, _EACH_SPECTROGRAM, classes, seed, temperature))
        names = [model.class_title(k) for k in np.repeat(classes, _EACH_SPECTROGRAM)]
    return pictures.spectrograms(wav.from_events(events, model.num_bins), sample_rate(model), path, names, title)
