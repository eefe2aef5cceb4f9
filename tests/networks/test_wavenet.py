"""WaveNet: causal, of the receptive field that its dilations say. (What it draws: test_solvers.py.)"""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.networks import WaveNet


def normal(shape, *seed, dtype="float64"):
    return tf.random.stateless_normal(shape, seed, dtype=dtype)


def randomised(net):
    net.build()
    for k, weight in enumerate(net.weights):
        weight.assign(normal(weight.shape, k, 7, dtype=net.compute_dtype) / np.sqrt(weight.shape[0]))
    return net


def test_a_step_sees_as_far_back_as_the_dilations_say_and_nothing_after():
    net = randomised(WaveNet(3, (1, 2, 4), 4, 5, (2,), dtype="float64"))
    x, context = normal([2, 14], 0, 1), normal([2, 2], 3, 4)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, context])
        raw = net(x, context=context)
    depends = np.abs(tape.batch_jacobian(raw, x)).max(0) > 0  # (t, num_params, t)
    rows, columns = np.indices([14, 14])
    seen = (columns < rows) & (rows - columns <= 1 + 1 + 2 + 4)
    for p in range(3):
        np.testing.assert_array_equal(depends[:, p], seen)
    assert (np.abs(tape.batch_jacobian(raw, context)).max((0, -1)) > 0).all()


def test_samples_in_eager_code_raise_no_warning_of_retracing(caplog):
    net = randomised(WaveNet(2, (1, 2), 4, 5))
    # As many calls as TensorFlow waits for, of one new function each.
    for seed in range(6):
        net.solve(lambda z, raw: z + raw[..., 0], normal([2, 4], seed, 1, dtype="float32"))
    assert "retracing" not in caplog.text


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
