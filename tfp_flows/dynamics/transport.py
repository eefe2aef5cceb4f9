"""Optimal transport within a batch: which latent goes with which event, so that the ways between them do not cross.

    minimise over permutations p    sum_i |x_i - z_p(i)|^2,   p(i) and i of the same class

Within a class alone, for a latent that was chosen by the class of its event would not be normal given the class. By the
assignment of SciPy, on the host: a step waits for it, and XLA cannot compile it.
Tong et al., Improving and Generalizing Flow-Based Generative Models with Minibatch Optimal Transport, arXiv:2302.00482,
section 4.1; Pooladian et al., arXiv:2304.14772.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def require_scipy() -> None:
    """Refuses where SciPy is missing.

    Raises:
        ImportError: naming the extra.
    """
    try:
        import scipy.optimize  # noqa: F401
    except ImportError as error:
        raise ImportError('Expected SciPy for pairs by transport; got none: pip install "tfp_flows[data]".') from error


def paired(x: tf.Tensor, z: tf.Tensor, classes: tf.Tensor | None = None) -> tf.Tensor:
    """z in the order that goes best with x.

    Args:
        x, z: tensors (batch, *event).
        classes: tensor (batch, k), equal rows for events of one class; None for no classes.

    Returns:
        tensor (batch, *event), the rows of z.

    Raises:
        ImportError: where SciPy is missing.

    Example:
        >>> from tfp_flows.dynamics import transport
        >>> transport.paired(tf.constant([[5.0], [-3.0]]), tf.constant([[-1.0], [1.0]])).numpy().tolist()
        [[1.0], [-1.0]]
    """
    require_scipy()
    given = [x, z] if classes is None else [x, z, classes]
    order = tf.numpy_function(_assignment, given, tf.int32, stateful=False)
    return tf.gather(z, tf.ensure_shape(order, [None]))


def _assignment(x, z, classes=None):
    from scipy.optimize import linear_sum_assignment

    order = np.arange(len(x), dtype=np.int32)
    groups = np.zeros(len(x), int) if classes is None else np.unique(classes, axis=0, return_inverse=True)[1].ravel()
    x, z = (np.asarray(v, np.float64).reshape(len(v), -1) for v in (x, z))
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        # |x|^2 and |z|^2 are the same for all permutations.
        order[rows] = rows[linear_sum_assignment(-(x[rows] @ z[rows].T))[1]]
    return order
