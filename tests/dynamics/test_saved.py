"""A solution at several times is that of one way, and an event that failed stays where it was."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import dynamics
from tfp_flows.bridge.traces import traced
from tfp_flows.dynamics import Solver, solve, solve_at

Y = tf.constant([[1.0, -2.0], [0.5, 3.0]], tf.float64)


def spiral(t, y):
    return tf.stack([-0.3 * y[:, 0] - y[:, 1], y[:, 0] - 0.3 * y[:, 1]], 1), (tf.reduce_sum(y, 1),)


@pytest.mark.parametrize("times", [[0.0, 0.4, 1.0, 2.5], [1.0, 0.5, -1.0]])
def test_it_is_the_solution_at_each_time(times):
    solver = Solver(rtol=1e-9, atol=1e-9)
    found = traced(lambda y: solve_at(spiral, y, times, solver, num_integrals=1))(Y)
    for k, t in enumerate(times):
        d = t - times[0]
        turn = np.exp(-0.3 * d) * np.array([[np.cos(d), np.sin(d)], [-np.sin(d), np.cos(d)]])
        np.testing.assert_allclose(found.y[k], Y.numpy() @ turn, atol=1e-7)
    whole = solve(spiral, Y, times[0], times[-1], solver, num_integrals=1)
    np.testing.assert_allclose(found.integrals[0][-1], whole.integrals[0], atol=1e-7)
    np.testing.assert_array_equal(found.integrals[0][0], 0)
    assert (found.status.numpy() == 0).all() and int(found.num_evaluations) > int(whole.num_evaluations)
    np.testing.assert_allclose(found.time, np.tile(np.array(times)[:, None], 2))


def test_an_event_that_failed_stays_and_the_others_go_on():
    """dy/dt = y^2 from 1 has no value at 1 and beyond; from -1 it has."""
    found = solve_at(lambda t, y: y**2, tf.constant([[1.0], [-1.0]]), [0.0, 0.5, 2.0, 3.0])
    assert found.status.numpy().tolist()[0] > 0 and found.status.numpy()[1] == 0
    np.testing.assert_allclose(found.y[:, 1, 0], [-1, -1 / 1.5, -1 / 3, -1 / 4], rtol=1e-4)
    np.testing.assert_allclose(found.y[1, 0], 2.0, rtol=1e-3)
    np.testing.assert_array_equal(found.y[3, 0], found.y[2, 0])
    assert 0.9 < float(found.time[3, 0]) <= 1.01 and np.isfinite(found.y).all()


@pytest.mark.parametrize("times", [[0.0], [0.0, 0.0], [0.0, 1.0, 0.5], [0.0, float("inf")]])
def test_other_times_are_refused(times):
    with pytest.raises(ValueError, match="Expected at least two finite times, all rising or all falling; got "):
        dynamics.solve_at(lambda t, y: y, Y, times)
