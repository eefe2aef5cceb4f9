"""A data set: three splits of events, the events leading, checked once so that nothing downstream has to."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tfp_flows.data import checks, pipeline
from tfp_flows.data.labels import Labels
from tfp_flows.data.tables.schema import Schema

if TYPE_CHECKING:
    import tensorflow as tf

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Data:
    """Events in three splits, with what is known about them.

    Attributes:
        name: str.
        train, validation, test: arrays (num_events,) + event_shape of one dtype, integer or floating.
        labels: None, or a dict from split to an integer array (num_events,) of the classes 0..n-1. Given without
            `class_labels` they may be of any values, see `Labels`, and are mapped: labels from 1, or text.
        class_labels: None, or the `Labels` that say what stands for each class; those of the labels by default.
        num_bins: int, the number of levels 0..num_bins-1 of integer data; None for continuous data.
        density: None, or the density that the events were drawn from: `log_prob(x)` and `entropy`, in nats.
        description: str, one line.
        sample_rate: int, audio samples a second where events are windows of audio; None for anything else.
        contexts: None, or a dict from split to an array (num_events, size) of reals that the events are learned given.
        table: None, or what is known of the columns of a table, `tfp_flows.data.tables.schema.Schema`.
        is_conditional: bool, whether the events are to be learned given their labels or contexts.

    Raises:
        ValueError: where a split is empty or holds anything but finite numbers, where the splits or the labels do not
            fit each other, and where integers lie outside of [0, num_bins).

    Example:
        >>> from tfp_flows import data
        >>> moons = data.load("moons", num_train=1000)
        >>> moons.train.shape, moons.event_shape, round(moons.density.entropy, 3)
        ((1000, 2), (2,), 2.394)
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    labels: dict | None = None
    num_bins: int | None = None
    density: object | None = None
    description: str = ""
    sample_rate: int | None = None
    class_labels: Labels | None = None
    contexts: dict | None = None
    table: Schema | None = None
    is_conditional: bool = False

    def __post_init__(self):
        for split in SPLITS:
            events, where = getattr(self, split), f"{split} of {self.name}"
            check_events(events, where)
            if events.shape[1:] != self.event_shape or events.dtype != self.train.dtype:
                raise ValueError(
                    f"Expected {where} to hold events like those of train, {self.train.dtype} {self.event_shape}; "
                    f"got {events.dtype} {events.shape[1:]}."
                )
            _check_levels(events, self.num_bins, where)
        if self.labels is not None:
            labels, classes = _encode_labels(self)
            # Past what freezes a dataclass.
            object.__setattr__(self, "labels", labels)
            object.__setattr__(self, "class_labels", classes)
        elif self.class_labels is not None:
            raise ValueError(f"Expected class_labels with labels only; got them without any for {self.name}.")
        if self.contexts is not None:
            _check_contexts(self)

    def __repr__(self):
        sizes = ", ".join(f"{split}={len(getattr(self, split))}" for split in SPLITS)
        levels = "" if self.num_bins is None else f", num_bins={self.num_bins}"
        return f"Data({self.name!r}, {sizes}, event_shape={self.event_shape}, dtype={self.train.dtype}{levels})"

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Tuple of ints, the shape of one event."""
        return self.train.shape[1:]

    @property
    def kind(self) -> str | None:
        """What an event is: "audio", "vectors", "images", (height, width, channels); None for anything else."""
        if self.sample_rate is not None:
            return "audio"
        return {1: "vectors", 3: "images"}.get(len(self.event_shape))

    def batches(
        self,
        split: str,
        batch_size: int,
        *,
        shuffle: bool | None = None,
        seed: int = 0,
        with_labels: bool = False,
        drop_remainder: bool = False,
    ) -> tf.data.Dataset:
        """The batches of one split, as `tfp_flows.data.batches` makes them.

        Args:
            split: "train", "validation" or "test".
            batch_size: int >= 1.
            shuffle: bool; by default True for train only.
            seed: int >= 0, of the order.
            with_labels: whether each batch is the pair (events, labels).
            drop_remainder: whether an incomplete last batch is left out.

        Returns:
            tf.data.Dataset of events (batch_size,) + event_shape, or of pairs of them with labels (batch_size,).

        Raises:
            ValueError: for an unknown split, for labels where there are none, and as `tfp_flows.data.batches` does.
        """
        if split not in SPLITS:
            raise ValueError(f"Expected split to be one of {', '.join(SPLITS)}; got {split!r}.")
        if with_labels and self.labels is None:
            raise ValueError(f"Expected data with labels for with_labels=True; got {self.name}, which has none.")
        events = getattr(self, split)
        shuffle = split == "train" if shuffle is None else shuffle
        arrays = (events, self.labels[split]) if with_labels else events
        return pipeline.batches(arrays, batch_size, shuffle=shuffle, seed=seed, drop_remainder=drop_remainder)


def check_events(events, where):
    """Refuses anything but a non-empty array of finite integers or floats, events leading.

    Args:
        events: array.
        where: str, what the array is, for the error.

    Raises:
        ValueError: in one sentence.
    """
    if not isinstance(events, np.ndarray) or events.dtype.kind not in "iuf":
        kind = events.dtype if isinstance(events, np.ndarray) else type(events).__name__
        raise ValueError(f"Expected an array of integers or floats in {where}; got {kind}.")
    if events.ndim == 0 or events.size == 0:
        raise ValueError(f"Expected at least one event in {where}; got an array of shape {events.shape}.")
    if events.dtype.kind == "f" and not np.isfinite(events).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(events))[0])
        raise ValueError(f"Expected finite numbers in {where}; got {events[index]} at index {index}.")


def _check_levels(events, num_bins, where):
    if events.dtype.kind == "f":
        if num_bins is not None:
            raise ValueError(f"Expected num_bins with integers only; got num_bins={num_bins!r} and {where} of floats.")
        return
    checks.integer(f"num_bins, the number of levels of {where},", num_bins, 2)
    low, high = int(events.min()), int(events.max())
    if low < 0 or high >= num_bins:
        raise ValueError(f"Expected integers in [0, {num_bins}) in {where}; got {low if low < 0 else high}.")


def _check_contexts(data):
    for split in SPLITS:
        found, where = data.contexts.get(split), f"the contexts of {split} of {data.name}"
        check_events(found, where)
        if found.ndim != 2 or len(found) != len(getattr(data, split)):
            raise ValueError(f"Expected a vector for each of the events in {where}; got shape {found.shape}.")


def _encode_labels(data):
    """The labels as classes, by split, and what stands for these."""
    if sorted(data.labels) != sorted(SPLITS):
        raise ValueError(f"Expected labels for {', '.join(SPLITS)} of {data.name}; got {sorted(data.labels)}.")
    where = {split: f"the labels of {split} of {data.name}" for split in SPLITS}
    classes = data.class_labels
    if classes is None:
        found = [Labels.of(data.labels[split], where=where[split]) for split in SPLITS]
        classes = Labels.of(*(part.values for part in found), where=f"the labels of {data.name}")
    indices = classes if data.class_labels is None else Labels(range(len(classes)))
    encoded = {split: indices.encode(data.labels[split], where[split]) for split in SPLITS}
    for split, labels in encoded.items():
        if len(labels) != len(getattr(data, split)):
            raise ValueError(
                f"Expected one label for each of the {len(getattr(data, split))} events in {split} of {data.name}; "
                f"got {len(labels)}."
            )
    # As they came, where they are the classes already.
    same = all(
        isinstance(labels, np.ndarray) and labels.dtype.kind in "iu" and np.array_equal(labels, encoded[split])
        for split, labels in data.labels.items()
    )
    return data.labels if same else encoded, classes
