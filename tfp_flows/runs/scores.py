"""The column of a log by which weights are the best, and how long none has been better. Read without TensorFlow."""

import numpy as np


def scores_of(log, name):
    """The column of a log by which weights are the best: the validation's where there is one.

    Args:
        log: dict name -> list of floats, one an epoch.
        name: str, what the objective's values are logged as.

    Raises:
        ValueError: where the log has neither.
    """
    for key in (f"val_{name}", name):
        if key in log:
            return log[key]
    raise ValueError(f"Expected {name} in the log; got {sorted(log)}.")


def best_of(scores):
    """The index of the best score and how many came after it; where none is finite None, and all but the first.

    Example:
        >>> from tfp_flows.runs import scores
        >>> scores.best_of([3.0, 1.0, float("nan"), 2.0])
        (1, 2)
    """
    scores = np.where(np.isfinite(scores), scores, np.inf)
    if not np.isfinite(scores).any():
        return None, len(scores) - 1
    best = int(np.argmin(scores))
    return best, len(scores) - 1 - best
