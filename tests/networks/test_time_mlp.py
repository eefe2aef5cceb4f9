"""A network of an event and a time sees waves of both, of the frequencies that it says."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.networks import TimeMLP


@pytest.mark.parametrize("num_octaves, period", [(1, 2 * np.pi), (3, 2 * np.pi)])
def test_octaves_are_waves_of_the_elements(num_octaves, period):
    keras.utils.set_random_seed(0)
    net = TimeMLP(2, 8, num_octaves=num_octaves, output_initializer="glorot_uniform", dtype="float64")
    x, t = tf.constant(np.random.default_rng(0).normal(size=(5, 2))), tf.fill([5], tf.constant(0.3, tf.float64))
    first = net(x, t)
    shifted = lambda by: np.abs(net(x + by, t) - net(x, t)).max()
    assert shifted(period) > 1e-2
    # Without the elements themselves only waves are left, of the slowest's period and of no shorter one.
    kernel = next(w for w in net.weights if w.shape == (2 * (1 + 2 * num_octaves), 8))
    kernel.assign(tf.concat([tf.zeros([2, 8], tf.float64), kernel[2:]], 0))
    assert np.abs(net(x, t) - first).max() > 1e-2
    assert shifted(period) < 1e-12 < 1e-2 < shifted(period / 2)
    # The fastest alone: 2^(n - 1) radians a unit.
    rows = np.zeros((2 * (1 + 2 * num_octaves), 1))
    rows[[2 * num_octaves, 2 * num_octaves + 1]] = rows[-2:] = 1.0
    kernel.assign(kernel * rows)
    assert shifted(period / 2 ** (num_octaves - 1)) < 1e-12 < 1e-3 < shifted(period / 2**num_octaves)


def test_bad_counts_are_refused():
    for options in (dict(num_octaves=-1), dict(num_octaves=1.5), dict(num_octaves=True), dict(num_frequencies="3")):
        (name, value) = next(iter(options.items()))
        with pytest.raises(ValueError, match=f"Expected {name} to be an integer of at least 0; got {value!r}"):
            TimeMLP(2, 8, **options)
