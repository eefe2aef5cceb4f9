"""The class labels of a data set as what a class-conditional flow, p(x given class), is trained on."""

import numpy as np

from tfp_flows.data.dataset import SPLITS


def num_classes(dataset):
    """The classes of a data set: one more than its largest label.

    Args:
        dataset: `tfp_flows.data.Data`.

    Raises:
        ValueError: where it has no labels, or negative ones.

    Example:
        >>> from tfp_flows import data
        >>> from tfp_flows.runs import labels
        >>> labels.num_classes(data.load("digits"))
        10
    """
    if dataset.labels is None:
        raise ValueError(f"Expected data with labels for a class-conditional model; got {dataset.name}, without any.")
    found = np.concatenate([dataset.labels[split] for split in SPLITS])
    if found.min() < 0:
        raise ValueError(f"Expected labels from 0 in {dataset.name} for a class-conditional model; got {found.min()}.")
    return int(found.max()) + 1


def check(dataset, classes):
    """Refuses data that a model of so many classes cannot be trained on or scored with.

    Args:
        dataset: `tfp_flows.data.Data`.
        classes: int, the model's num_classes, or None, which any data suit.

    Raises:
        ValueError: where the data have no labels, or labels beyond these classes.
    """
    if classes is None:
        return
    needed = num_classes(dataset)
    if isinstance(classes, int) and needed > classes:
        raise ValueError(
            f"Expected num_classes of at least {needed} for the labels of {dataset.name}, 0..{needed - 1}; "
            f"got {classes}."
        )


def context(model, dataset, split):
    """What a model is given beside the events of a split.

    Args:
        model: `tfp_flows.Flow`.
        dataset: `tfp_flows.data.Data`.
        split: "train", "validation" or "test".

    Returns:
        int32 array (num_events,), the labels; None for a model that is not class-conditional.

    Raises:
        ValueError: as `check`.
    """
    check(dataset, model.num_classes)
    return None if model.num_classes is None else dataset.labels[split].astype(np.int32)
