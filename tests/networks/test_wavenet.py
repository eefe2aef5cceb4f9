"""WaveNet: causal, of the receptive field that its dilations say, and its cached sequential direction is exact."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import bijectors, transforms
from tfp_flows.networks import WaveNet


def normal(shape, *seed, dtype="float64"):
    return tf.random.stateless_normal(shape, seed, dtype=dtype)


def randomised(net):
    net.build()
    for k, weight in enumerate(net.weights):
        weight.assign(normal(weight.shape, k, 7, dtype=net.compute_dtype) / np.sqrt(weight.shape[0]))
    return net


@pytest.mark.parametrize("context_shape", [None, (2,)])
def test_a_step_sees_as_far_back_as_the_dilations_say_and_nothing_after(context_shape):
    net = randomised(WaveNet(3, (1, 2, 4), 4, 5, context_shape, dtype="float64"))
    x = normal([2, 14], 0, 1)
    options = {} if context_shape is None else {"context": normal([2, *context_shape], 3, 4)}
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, *options.values()])
        raw = net(x, **options)
    depends = np.abs(tape.batch_jacobian(raw, x)).max(0) > 0  # (t, num_params, t)
    rows, columns = np.indices([14, 14])
    seen = (columns < rows) & (rows - columns <= 1 + 1 + 2 + 4)
    for p in range(3):
        np.testing.assert_array_equal(depends[:, p], seen)
    if options:
        assert (np.abs(tape.batch_jacobian(raw, options["context"])).max((0, -1)) > 0).all()


@pytest.mark.parametrize("context_shape", [None, (2,)])
@pytest.mark.parametrize("length", [1, 2, 17])
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-9), ("float32", 1e-4)])
def test_the_cached_steps_are_as_good_as_passes_of_the_whole(length, context_shape, dtype, tolerance):
    transform = transforms.RationalQuadraticSpline(2)
    net = randomised(WaveNet(transform.num_params, (1, 2, 4), 4, 5, context_shape, dtype=dtype))
    layer = bijectors.Autoregressive(length, net, transform, dtype=dtype)
    x = normal([3, length], 0, 1, dtype=dtype)
    context = None if context_shape is None else normal([3, *context_shape], 3, 4, dtype=dtype)
    options = {} if context is None else {"context": context}
    naive = layer._solve(lambda a, raw: transform.forward_and_log_det(a, raw)[0], x, context)
    y = layer.forward(tf.identity(x), **options)
    np.testing.assert_allclose(y, naive, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(layer.inverse(tf.identity(y), **options), x, rtol=tolerance, atol=tolerance)
    assert np.abs(y - x).max() > 0.01


def test_samples_in_eager_code_raise_no_warning_of_retracing(caplog):
    net = randomised(WaveNet(2, (1, 2), 4, 5))
    # As many calls as TensorFlow waits for, of one new function each.
    for seed in range(6):
        net.solve(lambda z, raw: z + raw[..., 0], normal([2, 4], seed, 1, dtype="float32"))
    assert "retracing" not in caplog.text


@pytest.mark.parametrize("jit_compile", [False, True])
def test_it_runs_in_graphs_of_any_batch_and_in_xla(jit_compile):
    layer = bijectors.Autoregressive(9, randomised(WaveNet(2, (1, 2), 4, 5)), transforms.Affine())
    x = normal([6, 9], 0, 1, dtype="float32")
    expected = layer.forward(tf.identity(x))
    run = tf.function(layer.forward, input_signature=[tf.TensorSpec([None, 9], tf.float32)], jit_compile=jit_compile)
    for n in (6, 2):
        np.testing.assert_allclose(run(x[:n]), expected[:n], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: WaveNet(0), "Expected positive integers for num_params, hidden_channels, skip_channels and dilations"),
        (lambda: WaveNet(dilations=()), "Expected positive integers for num_params"),
        (lambda: WaveNet(dilations=(1, 0)), "Expected positive integers for num_params"),
        (lambda: WaveNet(context_shape=(2,))(tf.ones([1, 4])), "Expected a context of shape"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
