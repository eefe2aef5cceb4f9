"""Cuts one array of events into train, validation and test, by a seed."""

import numpy as np


def cut(events, labels, num_validation, num_test, seed):
    """Draws the test and the validation events without replacement; the rest, in the drawn order, is train.

    Args:
        events: array (num_events, ...).
        labels: array (num_events,), or None.
        num_validation: int, how many events go to validation.
        num_test: int, how many go to test; at least one event must be left for train.
        seed: int >= 0.

    Returns:
        dict from split to events, and a dict from split to labels (None where `labels` is None).
    """
    order = np.random.default_rng(seed).permutation(len(events))
    test, validation, train = np.split(order, [num_test, num_test + num_validation])
    rows = {"train": train, "validation": validation, "test": test}
    pick = lambda array: {split: array[i] for split, i in rows.items()}  # noqa: E731
    return pick(events), None if labels is None else pick(labels)
