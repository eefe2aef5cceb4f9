"""Second derivatives through the sequential direction, MAF's samples and IAF's densities: those of all the passes."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows import bijectors, transforms
from tfp_flows.networks import MADE, PixelCNN

TRANSFORMS = dict(
    affine=transforms.Affine(), mixture=transforms.LogisticMixture(2), spline=transforms.RationalQuadraticSpline(3)
)


def layer(transform, images=False):
    family = TRANSFORMS[transform]
    options = dict(context_shape=(2,), dtype="float64", activation="softplus")
    if images:
        shape, net = (2, 2, 1), PixelCNN((2, 2, 1), family.num_params, 4, 1, 3, **options)
    else:
        shape, net = (3,), MADE(3, family.num_params, 8, order="random", **options)
    net.build()
    for k, weight in enumerate(net.weights):
        weight.assign(0.7 * tf.random.stateless_normal(weight.shape, [k, 7], dtype=tf.float64))
    return bijectors.Autoregressive(shape, net, family, dtype="float64")


def by_passes(layer, x, context):
    """All that is recorded of as many passes as there are elements."""
    y = tf.zeros_like(x)
    for _ in range(layer.num_elements):
        y, log_det = layer.transform.forward_and_log_det(x, layer.conditioner(y, context=context))
    return y, tf.reduce_sum(log_det, list(range(1, x.shape.rank)))


def by_layer(layer, x, context):
    y = layer.forward(x, context=context)
    return y, layer.forward_log_det_jacobian(x, event_ndims=x.shape.rank - 1, context=context)


def seconds(layer, function, x, context):
    """Gradients of the square of gradients, by x, the context and all weights."""
    variables = [v.value for v in layer.conditioner.trainable_variables]
    with tf.GradientTape() as outer:
        outer.watch([x, context])
        with tf.GradientTape() as inner:
            inner.watch([x, context])
            y, log_det = function(layer, x, context)
            value = tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(log_det**2)
        first = inner.gradient(value, [x, context, *variables])
        square = tf.add_n([tf.reduce_sum(g**2) for g in first])
    return outer.gradient(square, [x, context, *variables], unconnected_gradients="zero")


@pytest.mark.parametrize(
    "transform, images, mode",
    [("affine", False, mode) for mode in ("eager", "graph", "traced", "xla")]
    + [("mixture", False, "eager"), ("spline", False, "eager"), ("affine", True, "eager")],
)  # fmt: skip
def test_they_are_those_of_all_passes(transform, images, mode):
    made = layer(transform, images)
    x = tf.random.stateless_normal([2, *made.event_shape], [0, 1], dtype=tf.float64)
    context = tf.random.stateless_normal([2, 2], [0, 2], dtype=tf.float64)
    run = seconds if mode in ("eager", "traced") else tf.function(seconds, jit_compile=mode == "xla", autograph=False)
    expected = seconds(made, by_passes, x, context)
    # Traced: the tapes are outside of the graph, as around `Flow.log_prob`.
    ours = tf.function(lambda x, c: by_layer(made, x, c)) if mode == "traced" else None
    found = run(made, by_layer if ours is None else lambda _, *given: ours(*given), x, context)
    for found, wanted in zip(found, expected):
        # Of a mixture they are so large that a last place of x is worth more than this.
        atol = 1e-12 * np.abs(wanted).max() if transform == "mixture" else 1e-8
        np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=max(atol, 1e-8))
    assert np.abs(expected[0]).max() > 0.1 and np.abs(expected[-1]).max() > 1e-3


def test_the_hessian_of_an_iafs_density_is_that_of_differences():
    flow = tfp_flows.IAF((2,), num_layers=1, hidden_units=6, activation="tanh", dtype="float64")
    for k, weight in enumerate(flow.trainable_weights):
        weight.assign(0.5 * tf.random.stateless_normal(weight.shape, [k, 7], dtype=tf.float64))
    x = tf.constant([[0.3, -0.8], [1.1, 0.4]], tf.float64)

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            log_prob = flow.distribution.log_prob(tf.identity(x))
        return tape.gradient(log_prob, x)

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        first = gradient(x)
    hessian = tape.batch_jacobian(first, x, experimental_use_pfor=False)
    for i, step in enumerate(1e-5 * np.eye(2)):
        np.testing.assert_allclose(
            hessian[..., i], (gradient(x + step) - gradient(x - step)) / 2e-5, rtol=1e-6, atol=1e-7
        )
