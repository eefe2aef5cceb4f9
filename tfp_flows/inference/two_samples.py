"""The classifier two-sample test: how well a classifier tells samples of one distribution from those of another.

    C2ST = mean accuracy of a network on held-out samples     1/2 where both are the same, 1 where they do not overlap

Lopez-Paz and Oquab, Revisiting classifier two-sample tests, arXiv:1610.06545; with the network and the folds of
Lueckmann et al., Benchmarking simulation-based inference, arXiv:2101.04653: two hidden layers of 10 units a dimension,
five-fold cross-validation, both samples in the standard units of the first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def c2st(reference: ArrayLike, samples: ArrayLike, seed: int = 1, num_folds: int = 5) -> float:
    """Accuracy of a classifier between two samples.

    Args:
        reference: array (n, d), of the distribution that is known.
        samples: array (m, d), of the other; as many of them, for 1/2 to be chance.
        seed: int, of the folds and of the classifier's weights.
        num_folds: int of at least 2.

    Returns:
        float: 0.5 where they cannot be told apart, 1 where they always can.

    Raises:
        ImportError: where scikit-learn is missing.
        ValueError: where they are not two lists of finite vectors of one size, as many as each other and as the folds.

    Example:
        >>> import numpy as np
        >>> from tfp_flows import inference
        >>> random = np.random.default_rng(0)
        >>> x, y = random.normal(size=(2, 200, 1))
        >>> inference.c2st(x, y + 20.0)
        1.0
        >>> abs(inference.c2st(x, y) - 0.5) < 0.1
        True
    """
    from sklearn.model_selection import KFold, cross_val_score
    from sklearn.neural_network import MLPClassifier

    reference, samples = np.asarray(reference, np.float64), np.asarray(samples, np.float64)
    if reference.ndim != 2 or samples.shape != reference.shape or not reference.size:
        raise ValueError(
            f"Expected two samples of one shape (n, d); got {reference.shape} and {samples.shape} "
            "(of more, take as many as there are of the other)."
        )
    if not (np.isfinite(reference).all() and np.isfinite(samples).all()):
        raise ValueError("Expected finite samples; got NaN or infinite ones.")
    if (
        isinstance(num_folds, bool)
        or not isinstance(num_folds, (int, np.integer))
        or not 2 <= num_folds <= len(samples)
    ):
        raise ValueError(f"Expected num_folds to be an integer from 2 to {len(samples)}; got {num_folds!r}.")
    mean, std = reference.mean(0), reference.std(0)
    std = np.where(std > 0, std, 1.0)
    # Half the time of float64.
    x = ((np.concatenate([reference, samples]) - mean) / std).astype(np.float32)
    y = np.repeat([0, 1], [len(reference), len(samples)])
    units = 10 * x.shape[1]
    classifier = MLPClassifier((units, units), max_iter=10_000, random_state=seed)
    folds = KFold(num_folds, shuffle=True, random_state=seed)
    return float(cross_val_score(classifier, x, y, cv=folds, scoring="accuracy").mean())
