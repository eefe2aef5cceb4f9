"""Fewer events: a part of each split, for a quick try on any data.

Which of them is drawn by the seed, for files and recordings are often sorted; they stay in the order of the data.
"""

import dataclasses

import numpy as np

from tfp_flows.data import checks
from tfp_flows.data.dataset import SPLITS

# What the numbers are called, as where the toys have them.
NAMES = tuple(f"num_{split}" for split in SPLITS)


def draw(data, numbers, seed):
    """The data with so many events in their splits.

    Args:
        data: Data.
        numbers: dict from some of `NAMES` to ints >= 1; None is all.
        seed: int >= 0.

    Returns:
        Data.

    Raises:
        ValueError: for a number that is no such integer, or larger than that of the events there are.

    Example:
        >>> from tfp_flows import data
        >>> from tfp_flows.data import fewer
        >>> fewer.draw(data.load("digits"), {"num_train": 100}, seed=0)
        Data('digits', train=100, validation=250, test=250, event_shape=(64,), dtype=uint8, num_bins=17)
    """
    events = {split: getattr(data, split) for split in SPLITS}
    labels, contexts = dict(data.labels or {}), dict(data.contexts or {})
    for i, (split, name) in enumerate(zip(SPLITS, NAMES)):
        number, size = numbers.get(name), len(events[split])
        if number is None:
            continue
        if checks.integer(name, number, 1) > size:
            raise ValueError(f"Expected {name} of at most {size}, the events in {split} of {data.name}; got {number}.")
        chosen = np.sort(np.random.default_rng([seed, i]).permutation(size)[:number])
        events[split] = events[split][chosen]
        for beside in (labels, contexts):
            if beside:
                beside[split] = beside[split][chosen]
    return dataclasses.replace(data, **events, labels=labels or None, contexts=contexts or None)
