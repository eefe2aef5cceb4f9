"""Handwritten digits of 8 x 8 pixels, 17 levels, that ship with scikit-learn: the smallest real images.

The 1797 images are the test set of the UCI "Optical Recognition of Handwritten Digits".
"""

import numpy as np

from tfp_flows.data import splits
from tfp_flows.data.dataset import Data

DESCRIPTION = "handwritten digits, 8 x 8 pixels of 17 levels, with labels (scikit-learn)"


def load(seed=0, *, flatten: bool = True):
    """The digits, cut by `seed` into 1297 for train, 250 for validation and 250 for test.

    Args:
        seed: int >= 0.
        flatten: whether events are vectors (64,); images (8, 8, 1) otherwise.

    Returns:
        Data, uint8 with num_bins 17 and labels 0..9.

    Raises:
        ImportError: without scikit-learn.

    Example:
        >>> from tfp_flows import data
        >>> data.load("digits")
        Data('digits', train=1297, validation=250, test=250, event_shape=(64,), dtype=uint8, num_bins=17)
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            'Expected scikit-learn, which holds the digits; install it with: pip install "tfp_flows[data]".'
        ) from error
    images, labels = load_digits(return_X_y=True)
    events = images.astype(np.uint8).reshape((-1, 64) if flatten else (-1, 8, 8, 1))
    events, labels = splits.cut(events, labels, num_validation=250, num_test=250, seed=seed)
    return Data("digits", **events, labels=labels, num_bins=17, description=DESCRIPTION)
