"""What is special to the flow of a differential equation: its networks, its probes, its costs, and how it fails."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests import checks
from tfp_flows import bijectors, dynamics, networks
from tfp_flows.bijectors import Continuous, solving
from tfp_flows.bridge.traces import traced
from tfp_flows.dynamics import Solver

tfd = tfp.distributions
FINE = Solver(rtol=1e-10, atol=1e-10)


def time_mlp(**options):
    keras.utils.set_random_seed(0)
    return networks.TimeMLP(2, (6,), activation="tanh", output_initializer="glorot_uniform", dtype="float64", **options)


def data(n=5):
    return tf.constant(np.random.default_rng(0).normal(size=(n, 2)))


def as_keras_model(net):
    """The same function as a plain Keras model of two inputs, which knows nothing of its derivative."""
    inputs = keras.Input((2,), dtype="float64"), keras.Input((1,), dtype="float64")
    time = keras.layers.Reshape((), dtype="float64")(inputs[1])
    return keras.Model(inputs, net(inputs[0], time))


def scored(bijector, y):
    run = traced(lambda y: (bijector.inverse(y), bijector.inverse_log_det_jacobian(y, event_ndims=1)))
    return run(tf.identity(y))


def test_a_plain_keras_model_is_a_velocity():
    net, y = time_mlp(), data()
    expected = scored(Continuous(net, (2,), FINE, dtype="float64"), y)
    plain = Continuous(as_keras_model(net), (2,), FINE, dtype="float64")
    for one, other in zip(scored(plain, y), expected):
        checks.close(one, other, 1e-9)
    assert plain.trainable_variables and np.abs(expected[1]).max() > 0.05


def test_the_log_det_is_that_of_the_solution():
    bijector, y = Continuous(time_mlp(), (2,), FINE, dtype="float64"), data()
    # In a graph: checks.jacobian_log_det asks for each row of the Jacobian at once.
    inverse = traced(lambda y: bijector.inverse(y))
    checks.close(scored(bijector, y)[1], checks.jacobian_log_det(inverse, y), 1e-8)


@pytest.mark.parametrize("trace", ["rademacher", "gaussian"])
def test_probes_estimate_the_log_det_without_bias(trace):
    net, y = time_mlp(), tf.repeat(data(1), 1000, axis=0)
    exact = scored(Continuous(net, (2,), Solver("rk4", 8), dtype="float64"), y[:1])[1]
    x, each = scored(Continuous(net, (2,), Solver("rk4", 8), trace, seed=4, dtype="float64"), y)
    assert np.ptp(x, axis=0).max() < 1e-12
    assert abs(np.mean(each) - exact[0]) < 3 * np.std(each) / math.sqrt(1000) and np.std(each) > 1e-3
    other = scored(Continuous(net, (2,), Solver("rk4", 8), trace, seed=5, dtype="float64"), y)[1]
    assert (other != each).numpy().any()


def test_a_gaussian_without_a_network_has_its_density():
    """The exact score of noised Gaussian data, as the network: both diffusions give the density of the data back."""

    class Exact(keras.layers.Layer):
        def __init__(self, mean, covariance, path):
            super().__init__(dtype="float64")
            self.mean, self.covariance, self.schedule = tf.constant(mean), tf.constant(covariance), path

        def call(self, x, t):
            a, s, da, ds = (v[:, None] for v in self.schedule(t))
            inverse = tf.linalg.inv(
                a[:, :, None] ** 2 * self.covariance + s[:, :, None] ** 2 * tf.eye(2, dtype=x.dtype)
            )
            noise = s * tf.linalg.matvec(inverse, x - a * self.mean)
            return da / a * x + (ds - s * da / a) * noise

    mean, covariance = np.array([0.3, -0.5]), np.array([[0.9, 0.4], [0.4, 0.7]])
    for path, scale, end in (
        (dynamics.paths.VariancePreserving(), 1.0, 1 - 1e-5),
        (dynamics.paths.VarianceExploding(1e-3, 200.0), 200.0, 1.0),
    ):
        field = Continuous(Exact(mean, covariance, path), (2,), FINE, times=(0.0, end), dtype="float64")
        base = tfd.MultivariateNormalDiag(tf.zeros(2, tf.float64), scale * tf.ones(2, tf.float64))
        flow = tfd.TransformedDistribution(base, field)
        y = data() * 0.8
        exact = tfd.MultivariateNormalFullCovariance(mean, covariance).log_prob(y)
        # What is left is the path's own: it does not begin at a standard normal, nor end at the data, exactly.
        checks.close(traced(flow.log_prob)(y), exact, 5e-3)


def test_costs_are_those_of_the_way():
    """Along a linear field dx/dt = A x all is known."""

    class Linear(keras.layers.Layer):
        def call(self, x, t):
            return x * tf.constant([0.5, -1.0], x.dtype)

    bijector, y = Continuous(Linear(dtype="float64"), (2,), FINE, dtype="float64"), data()
    x, log_det, costs = traced(lambda y: bijector.inverse_and_costs(y))(y)
    start = y.numpy() * np.exp([-0.5, 1.0])
    checks.close(x, start, 1e-9)
    checks.close(log_det, np.full(5, 0.5), 1e-9)
    checks.close(costs.kinetic, (start**2 * np.array([0.25, 1.0]) * [np.e - 1, (1 - np.exp(-2)) / 2]).sum(1), 1e-8)
    checks.close(costs.jacobian, np.full(5, 1.25), 1e-9)


@pytest.mark.parametrize("mode", ["eager", "traced"])
def test_a_field_of_zeros_as_training_begins_with_has_a_gradient(mode):
    """Of steps by tolerance, whose error is exactly zero there: that of many steps of one length."""
    # Without waves of time: steps are chosen by the state, and here one does for all of the way.
    net, y = networks.TimeMLP(2, (8,), num_frequencies=0, dtype="float64"), data(6)
    both = [Continuous(net, (2,), solver, dtype="float64") for solver in (Solver(), Solver("rk4", 20))]

    def gradients(bijector):
        with tf.GradientTape() as tape:
            again = tf.identity(y)
            log_det = bijector.inverse_log_det_jacobian(again, event_ndims=1)
            loss = tf.reduce_sum(bijector.inverse(again) ** 2) + 3 * tf.reduce_sum(log_det)
        return tape.gradient(loss, [weight.value for weight in net.trainable_weights])

    found = traced(lambda: gradients(both[0]))() if mode == "traced" else gradients(both[0])
    for one, wanted in zip(found, gradients(both[1]), strict=True):
        checks.close(one, wanted, 1e-4)
    assert max(float(tf.reduce_max(tf.abs(one))) for one in found) > 1


def test_an_event_that_is_not_solved_has_no_density():
    class Explodes(keras.layers.Layer):
        def call(self, x, t):
            return -(x**3)

    bijector = Continuous(Explodes(dtype="float64"), (2,), Solver(max_steps=200), dtype="float64")
    flow = tfd.TransformedDistribution(tfd.Sample(tfd.Normal(np.float64(0), 1.0), 2), bijector)
    y = tf.constant([[0.1, 0.2], [5.0, 0.0]], tf.float64)
    log_prob = traced(flow.log_prob)(y).numpy()
    assert np.isfinite(log_prob[0]) and log_prob[1] == -np.inf
    with pytest.raises(dynamics.SolverError, match="event 1 of 2 stays at t = 0"):
        bijector.inverse(y)


def test_a_block_has_another_solver_and_no_log_det():
    net, y = time_mlp(), data()
    bijector = Continuous(net, (2,), FINE, dtype="float64")
    for run in (lambda f: f, traced):
        with solving(Solver("euler", num_steps=1), log_det=False):
            stepped = run(lambda y: bijector.inverse(tf.identity(y)))(y)
        checks.close(stepped, y - net(y, tf.ones(5, tf.float64)), 1e-12)
    checks.close(bijector.inverse(tf.identity(y)), scored(bijector, y)[0], 1e-12)


def test_contexts_reach_the_network_and_joint_distributions_hold_it():
    net, y = time_mlp(context_shape=(3,)), data()
    context = tf.constant(np.random.default_rng(1).normal(size=(5, 3)))
    bijector = Continuous(net, (2,), dtype="float64")
    both = traced(lambda y, c: bijector.inverse(y, context=c))(y, context)
    one = traced(lambda y, c: bijector.inverse(y, context=c))(y[3:4], context[3:4])
    checks.close(both[3:4], one, 1e-12)
    assert np.abs(both - traced(lambda y, c: bijector.inverse(y, context=c))(y, 0 * context)).max() > 1e-3
    base = tfd.MultivariateNormalDiag(tf.zeros(2, tf.float64), tf.ones(2, tf.float64))
    free = tfd.TransformedDistribution(base, Continuous(time_mlp(), (2,), Solver("heun", 4), dtype="float64"))
    joint = tfd.JointDistributionSequential([free, lambda z: tfd.Normal(z[..., 0], tf.ones([], tf.float64))])
    drawn = joint.sample(3, seed=[0, 1])
    assert joint.log_prob(drawn).shape == (3,) and len(joint.trainable_variables) == len(free.trainable_variables) > 0


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Continuous("net", (2,)), "Expected network to be a Keras layer or model; got str"),
        (lambda: Continuous(time_mlp(), (2,), "rk4"), "Expected solver to be a tfp_flows.dynamics.Solver or None"),
        (lambda: Continuous(time_mlp(), (2,), trace="full"), "Expected trace to be one of .*; got 'full'"),
        (lambda: Continuous(time_mlp(), (2,), num_probes=0), "Expected num_probes to be a positive integer; got 0"),
        (lambda: Continuous(time_mlp(), (2,), times=(1.0, 1.0)), "Expected times of the latent and of the data"),
        (
            lambda: Continuous(networks.TimeMLP(3, 4), (2,)),
            r"return velocities of the events' shape \(2,\); got \(3,\)",
        ),
        (
            lambda: Continuous(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]), (2,)),
            "Expected a network of an event and a time; got .* of 1 inputs",
        ),
    ],
)
def test_what_is_no_velocity_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_copy_and_a_pickle_are_solved_anew():
    import copy
    import pickle

    bijector, y = Continuous(time_mlp(), (2,), Solver("rk4", 6), dtype="float64"), data()
    expected = bijector.inverse(tf.identity(y))
    for again in (bijector.copy(), copy.deepcopy(bijector), pickle.loads(pickle.dumps(bijector))):
        checks.close(again.inverse(tf.identity(y)), expected, 1e-12)
    assert bijectors.takes_context(Continuous(time_mlp(context_shape=(3,)), (2,), dtype="float64"))
