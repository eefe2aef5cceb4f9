"""The class labels of a data set as what a class-conditional flow, p(x given class), is trained on.

What stands for the classes is decided when a run begins, and kept in its config: data that are read again later are
brought to it, and a label that it does not know is refused by name. Runs of former versions know none: their classes
are the integers of the data.
"""

import numpy as np

from tfp_flows.data.dataset import SPLITS
from tfp_flows.data.labels import Labels


def of(dataset, num_classes=None):
    """What is to stand for the classes of a model that is trained on a data set.

    Args:
        dataset: `tfp_flows.data.Data`.
        num_classes: int, of the model, where it is given: integers 0..num_classes-1 are then the classes, seen or not.

    Returns:
        `tfp_flows.data.Labels`.

    Raises:
        ValueError: where the data have no labels, or more than num_classes different ones, or so many that there are
            too few events of each, or some in validation or test only.

    Example:
        >>> from tfp_flows import data
        >>> from tfp_flows.runs import labels
        >>> len(labels.of(data.load("digits")))
        10
    """
    _require(dataset)
    found = dataset.class_labels
    if isinstance(num_classes, int) and not isinstance(num_classes, bool):
        if found.kind == "i" and 0 <= min(found.values) and max(found.values) < num_classes:
            return found if len(found) == num_classes else Labels(range(num_classes))
        if num_classes != len(found):
            least = "of at least" if found.kind == "i" else "to be"
            raise ValueError(
                f"Expected num_classes {least} {len(found)} for the labels of {dataset.name}, {found.listing()}; "
                f"got {num_classes}."
            )
    _check_number(dataset)
    _check_seen(dataset)
    return found


def check(dataset, config):
    """Refuses data that a run cannot be trained on.

    Args:
        dataset: `tfp_flows.data.Data`.
        config: `tfp_flows.runs.Config`.

    Raises:
        ValueError: where its model knows classes and the data have no labels, or others.
    """
    size = (config.arguments.get("context_shape") or [None])[0]
    found = None if dataset.contexts is None else dataset.contexts["train"].shape[1]
    if size is not None and size != found:
        raise ValueError(f"Expected a context of {size} columns in {dataset.name}; got {found or 'none'}.")
    classes = config.arguments.get("num_classes")
    if classes is not None:
        known = None if config.class_labels is None else Labels.from_dict(config.class_labels)
        for split in SPLITS:
            _encode(dataset, split, known, classes)


def context(model, dataset, split):
    """What a model is given beside the events of a split.

    Args:
        model: `tfp_flows.Flow`.
        dataset: `tfp_flows.data.Data`.
        split: "train", "validation" or "test".

    Returns:
        int32 array (num_events,), the classes; floats (num_events, size), the context of a model that takes vectors;
        None for a model that is given nothing.

    Raises:
        ValueError: where the data have no labels, or others than the model knows.
    """
    if model.num_classes is not None:
        return _encode(dataset, split, model.class_labels, model.num_classes)
    if not model.takes_context:
        return None
    if dataset.contexts is None:
        raise ValueError(f"Expected data with a context (context= of a table); got {dataset.name}, without one.")
    return dataset.contexts[split]


def _require(dataset):
    if dataset.labels is None:
        raise ValueError(
            f"Expected data with labels for a class-conditional model; got {dataset.name}, without any (of a file, "
            "label= says where they are)."
        )


def _encode(dataset, split, known, num_classes):
    """The labels of a split as a model knows them, int32."""
    _require(dataset)
    found, classes = dataset.class_labels, dataset.labels[split]
    if known is not None:
        if known.values == found.values:
            return classes.astype(np.int32)
        return known.encode(found.decode(classes), f"the labels of {split} of {dataset.name}")
    # As former versions had it: integers as they are, text by its order.
    values = found.decode(classes) if found.kind == "i" else classes
    least, needed = int(values.min()), int(values.max()) + 1
    if least < 0:
        raise ValueError(f"Expected labels from 0 in {dataset.name} for a class-conditional model; got {least}.")
    if isinstance(num_classes, int) and needed > num_classes:
        raise ValueError(
            f"Expected num_classes of at least {needed} for the labels of {dataset.name}, {found.listing()}; "
            f"got {num_classes}."
        )
    return values.astype(np.int32)


def _check_number(dataset):
    """Refuses what is no class but an identifier: almost as many different labels as events."""
    found, num_events = len(dataset.class_labels), len(dataset.train)
    # Two of each at least, and ten of each where there are very many.
    most = max(2, num_events // 10, min(num_events // 2, 100))
    if found > most:
        raise ValueError(
            f"Expected at most {most} classes for the {num_events} events of train in {dataset.name}, so that there "
            f"are several of each; got {found} different labels, {dataset.class_labels.listing()}."
        )


def _check_seen(dataset):
    """Refuses classes that are scored and were never trained."""
    size = len(dataset.class_labels)
    seen = np.bincount(dataset.labels["train"], minlength=size) > 0
    for split in SPLITS[1:]:
        count = np.bincount(dataset.labels[split], minlength=size)
        unseen = np.flatnonzero((count > 0) & ~seen)
        if unseen.size:
            values = ", ".join(map(repr, dataset.class_labels.decode(unseen[:10]).tolist()))
            more = f" and {unseen.size - 10} more" if unseen.size > 10 else ""
            raise ValueError(
                f"Expected the labels of {split} among those of train in {dataset.name} (splits that are drawn are "
                f"others with another seed); got {values}{more}, of {count[unseen].sum()} events, in {split} only."
            )
