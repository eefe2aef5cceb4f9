"""Generic checks of a bijector; each raises AssertionError for a wrong one (tests/test_checks.py sees that they do).

TFP answers from its cache for a tensor object that it has met: every tensor goes through tf.identity first.
"""

import contextlib

import numpy as np
import tensorflow as tf


@contextlib.contextmanager
def eagerly():
    """Functions run as they are written: to trace one that is called once takes a hundred times as long."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def passes(n, *arrays):
    """n passes over arrays as one epoch: one of few steps is mostly the making of its iterators. None stays None."""
    return [None if array is None else np.concatenate([array] * n) for array in arrays]


def ranks(bijector):
    return bijector.forward_min_event_ndims, bijector.inverse_min_event_ndims


def close(actual, expected, tolerance):
    """|actual - expected| <= tolerance * max(1, |expected|), elementwise."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    error = np.abs(actual - expected) / np.maximum(1, np.abs(expected))
    assert error.max() <= tolerance, f"error {error.max():.2e} > {tolerance:.0e}"


def round_trip(bijector, x, y, tolerance):
    """inverse(forward(x)) = x and forward(inverse(y)) = y."""
    fresh = tf.identity
    close(bijector.inverse(fresh(bijector.forward(fresh(x)))), x, tolerance)
    close(bijector.forward(fresh(bijector.inverse(fresh(y)))), y, tolerance)


def log_dets(bijector, x, y, tolerance):
    """Each log_det against the Jacobian by automatic differentiation, and the two of one event against each other."""
    ndims_x, ndims_y = ranks(bijector)
    forward = bijector.forward_log_det_jacobian(tf.identity(x), event_ndims=ndims_x)
    close(tf.broadcast_to(forward, [len(x)]), jacobian_log_det(bijector.forward, x), tolerance)
    inverse = bijector.inverse_log_det_jacobian(tf.identity(y), event_ndims=ndims_y)
    close(tf.broadcast_to(inverse, [len(y)]), jacobian_log_det(bijector.inverse, y), tolerance)
    back = bijector.inverse_log_det_jacobian(tf.identity(bijector.forward(tf.identity(x))), event_ndims=ndims_y)
    close(-back, forward, tolerance)


def jacobian_log_det(function, x):
    """log |det d function / dx| of each event, by automatic differentiation.

    One pass gives all rows: an event is repeated for each of its components, and each repetition asks for another one.
    """
    n, size = len(x), int(np.prod(x.shape[1:]))
    with tf.GradientTape() as tape:
        repeated = tf.repeat(x, size, axis=0)
        tape.watch(repeated)
        rows = tf.reshape(function(repeated), [n, size, size])
        components = tf.linalg.diag_part(rows)
    jacobian = tape.gradient(components, repeated)
    return np.linalg.slogdet(jacobian.numpy().astype(np.float64).reshape(n, size, size))[1]


def constant_jacobian(bijector, y, other, is_constant):
    """is_constant_jacobian tells the truth."""
    ndims = bijector.inverse_min_event_ndims
    values = [
        np.broadcast_to(bijector.inverse_log_det_jacobian(tf.identity(t), event_ndims=ndims), [len(t)])
        for t in (y, other)
    ]
    assert bool(bijector.is_constant_jacobian) == is_constant
    assert (np.ptp(np.concatenate(values)) < 1e-12) == is_constant


def gradients(bijector, x, y):
    """tf.Module lists exactly the weights that are used, each with a finite gradient that is not zero, both ways."""
    for value, way in ((y, "inverse"), (x, "forward")):
        ndims = getattr(bijector, f"{way}_min_event_ndims")
        with tf.GradientTape() as tape:
            image = getattr(bijector, way)(tf.identity(value))
            log_det = getattr(bijector, f"{way}_log_det_jacobian")(tf.identity(value), event_ndims=ndims)
            loss = tf.reduce_sum(image**2) + tf.reduce_sum(image) - 0.3 * tf.reduce_sum(log_det)
        listed = bijector.trainable_variables
        assert {id(v) for v in listed} == {id(v) for v in tape.watched_variables()}
        for variable, gradient in zip(listed, tape.gradient(loss, listed)):
            assert gradient is not None, variable.name
            number = tf.convert_to_tensor(gradient).numpy()
            assert np.isfinite(number).all() and np.abs(number).max() > 0, variable.name


def functions(bijector):
    """Both ways of a bijector, uncached: a function of one tensor -> value and log_det, and whether it takes data."""
    ndims_x, ndims_y = ranks(bijector)

    def forward(x):
        x = tf.identity(x)
        return bijector.forward(x), bijector.forward_log_det_jacobian(x, event_ndims=ndims_x)

    def inverse(y):
        y = tf.identity(y)
        return bijector.inverse(y), bijector.inverse_log_det_jacobian(y, event_ndims=ndims_y)

    return (forward, False), (inverse, True)
