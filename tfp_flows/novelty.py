"""Out-of-distribution scores: is an event of the kind that a flow was trained on?

    likelihood    nll(x)                                  large: unlikely
    typicality    |mean of nll over a batch - entropy|    large: not typical, too unlikely or too likely

The entropy is estimated by the mean nll of training events. A flow may find simple events of another kind more likely
than those it was trained on: the likelihood then calls them familiar, typicality does not. The threshold of the test is
a quantile of the same statistic over batches drawn with replacement from validation events, those that no weight saw.
Nalisnick, Matsukawa, Teh and Lakshminarayanan, arXiv:1906.02994, algorithm 1; on the failure of the likelihood
arXiv:1810.09136.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


class Typicality:
    """The typicality test, on scores that a flow has given (`training.nll_per_event`, nats per event).

    Args:
        train_nll: array (n,), of events that the flow was trained on: their mean estimates the entropy.
        validation_nll: array (m,), of events of the same kind that it was not trained on: they set the threshold.
        num_bootstrap: int, batches drawn for a threshold.
        seed: int, of those batches.

    Attributes:
        entropy: float, nats per event.

    Raises:
        ValueError: where scores are no vector of finite numbers or empty, or num_bootstrap is no positive integer.

    Example:
        >>> from tfp_flows.novelty import Typicality
        >>> random = np.random.default_rng(0)
        >>> known = random.normal(size=(3, 2000))  # nll of training, validation and test events
        >>> test = Typicality(known[0], known[1])
        >>> round(float(np.mean(test.statistic(known[2]) > test.threshold(level=0.95))), 2)
        0.05
        >>> float(np.mean(test.statistic(known[2] - 1, batch_size=50) > test.threshold(batch_size=50)))
        1.0
    """

    def __init__(self, train_nll: ArrayLike, validation_nll: ArrayLike, num_bootstrap: int = 10_000, seed: int = 0):
        self.train_nll = _finite(_scores(train_nll, "train_nll"), "train_nll")
        self.validation_nll = _finite(_scores(validation_nll, "validation_nll"), "validation_nll")
        self.num_bootstrap = _positive(num_bootstrap, "num_bootstrap")
        self.seed = seed
        self.entropy = float(self.train_nll.mean())

    def statistic(self, nll: ArrayLike, batch_size: int = 1) -> np.ndarray:
        """|mean nll - entropy| of each event, or of each batch of successive events; what is left over is left out.

        Args:
            nll: array (n,), nats per event.
            batch_size: int <= n.

        Returns:
            array (n // batch_size,), nats per event.

        Raises:
            ValueError: for no scores, or a batch size that is no positive integer or leaves no batch.
        """
        nll, size = _scores(nll, "nll"), _positive(batch_size, "batch_size")
        if size > len(nll):
            raise ValueError(f"Expected batch_size to be at most the number of events, {len(nll)}; got {size}.")
        return np.abs(nll[: len(nll) // size * size].reshape(-1, size).mean(1) - self.entropy)

    def threshold(self, batch_size: int = 1, level: float = 0.99) -> float:
        """The statistic that a fraction `level` of batches of known events stays below: above it a batch is novel.

        Args:
            batch_size: int.
            level: float in (0, 1).

        Returns:
            float, nats per event.

        Raises:
            ValueError: for a batch size that is no positive integer, or a level outside of (0, 1).
        """
        size = _positive(batch_size, "batch_size")
        if not isinstance(level, (int, float)) or not 0 < level < 1:
            raise ValueError(f"Expected level to be between 0 and 1; got {level!r}.")
        random = np.random.default_rng(self.seed)
        # Batch by batch: all of them at once may not fit in memory.
        means = [random.choice(self.validation_nll, size).mean() for _ in range(self.num_bootstrap)]
        return float(np.quantile(np.abs(np.asarray(means) - self.entropy), level))


def auroc(known: ArrayLike, novel: ArrayLike) -> float:
    """Area under the ROC curve: how often a novel event's score is above a known one's, ties counted as a half.

    Args:
        known, novel: arrays (n,) and (m,) of scores, large for what is taken to be novel.

    Returns:
        float: 1 where every novel score is above every known one, 0.5 for a score that knows nothing.

    Raises:
        ValueError: where scores are no vectors of numbers or empty.

    Example:
        >>> from tfp_flows.novelty import auroc
        >>> auroc([0.0, 1.0, 2.0, 3.0], [3.0, 4.0])
        0.9375
    """
    known, novel = np.sort(_scores(known, "known")), _scores(novel, "novel")
    below, up_to = (np.searchsorted(known, novel, side) for side in ("left", "right"))
    return float((below + up_to).mean() / 2 / len(known))


def _scores(values, name):
    values = np.asarray(values)
    if values.ndim != 1 or values.dtype.kind not in "iuf" or len(values) == 0 or np.isnan(values).any():
        raise ValueError(f"Expected {name} as a vector of at least one number; got {_describe(values)}.")
    return values.astype(np.float64)


def _finite(values, name):
    # One event that the flow calls impossible makes the entropy infinite and the test void.
    if not np.isfinite(values).all():
        raise ValueError(f"Expected finite numbers in {name}; got {int((~np.isfinite(values)).sum())} infinite.")
    return values


def _describe(values):
    nans = int(np.isnan(values).sum()) if values.dtype.kind == "f" else 0
    return f"{nans} NaN" if nans else f"{values.dtype.name} {values.shape}"


def _positive(value, name):
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"Expected {name} to be a positive integer; got {value!r}.")
    return int(value)
