"""The potential's field: its closed forms are the derivatives of the potential, written down once more here."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows.networks import PotentialField

X, T = tf.random.stateless_normal([5, 3], [0, 1], dtype=tf.float64), tf.constant([0.0, 0.2, 0.5, 0.9, 1.0], tf.float64)


def shaken(**options):
    net = PotentialField(3, 7, 2, dtype="float64", **options)
    net.build((None, 3))
    for k, weight in enumerate(net.trainable_weights):
        weight.assign(0.6 * tf.random.stateless_normal(weight.shape, [k, 1], dtype=tf.float64))
    return net


def potential(net, x, t, context=None):
    """As the equations have it."""
    first, b0, second, b1, w, a, b = (tf.convert_to_tensor(weight.value) for weight in net.weights)
    s = tf.concat([x, t[:, None]], 1)
    given = s if context is None else tf.concat([s, context], 1)
    sigma = lambda q: tf.math.log(2 * tf.cosh(q))
    u = sigma(given @ first + b0)
    network = u + sigma(u @ second + b1)
    return tf.linalg.matvec(network, w) + tf.reduce_sum((s @ tf.transpose(a)) ** 2, 1) / 2 + tf.linalg.matvec(s, b)


@pytest.mark.parametrize("context", [None, tf.random.stateless_normal([5, 2], [0, 2], dtype=tf.float64)])
def test_it_is_minus_the_gradient_and_its_jacobian(context):
    net = shaken(context_shape=None if context is None else (2,))
    with tf.GradientTape() as outer:
        outer.watch(X)
        with tf.GradientTape() as tape:
            tape.watch([X, T])
            phi = potential(net, X, T, context)
        by_x, by_t = tape.gradient(phi, [X, T])
        velocity = -by_x
    given = {} if context is None else {"context": context}
    np.testing.assert_allclose(net(X, T, **given), velocity, rtol=1e-10, atol=1e-12)
    jacobian = outer.batch_jacobian(velocity, X)
    tangents = tf.random.stateless_normal([4, 5, 3], [0, 3], dtype=tf.float64)
    value, products = net.jvp(X, T, tangents, **given)
    np.testing.assert_allclose(value, velocity, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(products, tf.einsum("bij,kbj->kbi", jacobian, tangents), rtol=1e-9, atol=1e-11)
    wanted = np.abs(by_t - tf.reduce_sum(by_x**2, 1) / 2)
    np.testing.assert_allclose(net.hamilton_jacobi(X, T, context), wanted, rtol=1e-9)


def test_far_from_the_data_it_is_finite():
    assert np.isfinite(shaken()(1e4 * X, T)).all()


def test_a_flow_of_it_learns_with_the_costs_of_its_way():
    """The cost of the equation is measured along the way, and training makes it small."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(512, 2)) @ np.array([[1.0, 0.8], [0.0, 0.3]]) + [2.0, -1.0]
    x = np.where(np.random.default_rng(1).random(512)[:, None] < 0.5, x, -x).astype("float32")
    flow = tfp_flows.CNF((2,), field="potential", hidden_units=16, training_steps=4, hamilton_jacobi=0.1)
    flow.compile(tfp_flows.training.FusedAdam(2e-2))
    history = flow.fit(x, batch_size=128, epochs=25, verbose=0).history["nll"]
    assert history[-1] < history[0] - 0.4
    y = flow.at_the_field(tf.constant(x[:64]), None, tf.constant([0, 0]))[0]
    costs = flow.continuous.inverse_and_costs(y)[2]
    assert costs.hamilton_jacobi.shape == (64,) and 0 < float(tf.reduce_mean(costs.hamilton_jacobi)) < 1
    # By hand, on a fine grid of the way.
    solution = tfp_flows.dynamics.solve_at(
        lambda t, y: flow.continuous.velocity(y, t), y[:3], np.linspace(1, 0, 21), tfp_flows.dynamics.Solver("rk4", 1)
    )
    net = flow.continuous.network
    values = np.stack([net.hamilton_jacobi(s, tf.fill([3], 1 - k / 20)) for k, s in enumerate(solution.y)])
    np.testing.assert_allclose(np.trapezoid(values, dx=1 / 20, axis=0), costs.hamilton_jacobi[:3], rtol=2e-2)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: PotentialField(0), "Expected num_features to be a positive integer; got 0"),
        (lambda: PotentialField(2, (8, 8)), r"Expected hidden_units to be a positive integer; got \(8, 8\)"),
        (lambda: tfp_flows.CNF((2,), field="energy"), "Expected field to be one of .*; got 'energy'"),
        (lambda: tfp_flows.CNF((8, 8, 1), field="potential"), "Expected field='network' for images; got 'potential'"),
        (lambda: tfp_flows.CNF((2,), field="potential", activation="tanh"), "Expected, for field='potential', options"),
        (lambda: tfp_flows.CNF((2,), hamilton_jacobi=0.1), "Expected field='potential' beside hamilton_jacobi"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
