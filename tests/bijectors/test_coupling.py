"""What is special of couplings: masks, the conditioner's weights, context, precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests import checks
from tests.cases import ARBITRARY, IMAGE, build, events
from tfp_flows import bijectors, masks, transforms
from tfp_flows.bijectors.partition import Partition
from tfp_flows.networks import MLP

tfb, tfd = tfp.bijectors, tfp.distributions
MASKS = {
    "pair": masks.half(2),
    "half": masks.half(5),
    "second_half": ~masks.half(5),
    "odd_even": masks.odd_even(6),
    "even_odd_uneven": ~masks.odd_even(5),
    "arbitrary": ARBITRARY,
    "image": IMAGE,
    "image_halves": np.arange(8).reshape(2, 2, 2) < 3,
}


def conditional(n=4, dims=3, **options):
    mask = masks.half(n)
    net = MLP(
        2 * int((~mask).sum()), (8,), "tanh", context_shape=(dims,), output_initializer="glorot_uniform", **options
    )
    return bijectors.AffineCoupling(mask, net, dtype=options.get("dtype", "float32"))


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("batch", [(), (3,), (2, 3), (0,)])
def test_a_partition_splits_by_its_mask_and_joins_again(name, batch):
    mask = MASKS[name]
    event = tf.reshape(tf.range(float(np.prod(batch) * mask.size)), [*batch, *mask.shape])
    passed, moved = Partition(mask).split(event)
    np.testing.assert_array_equal(passed, event.numpy()[..., mask])
    np.testing.assert_array_equal(moved, event.numpy()[..., ~mask])
    np.testing.assert_array_equal(Partition(mask).join(passed, moved, event), event)


@pytest.mark.parametrize("name", MASKS)
def test_what_the_mask_passes_is_untouched_and_all_else_moves(name):
    mask = MASKS[name]
    net = MLP(2 * int((~mask).sum()), (8,), output_initializer=keras.initializers.RandomNormal(stddev=1.0))
    x = tf.random.stateless_normal([3, *mask.shape], [0, 1])
    y = bijectors.AffineCoupling(mask, net).forward(x).numpy()
    np.testing.assert_array_equal(y[:, mask], x.numpy()[:, mask])
    assert np.abs(y - x)[:, ~mask].min() > 0


@pytest.mark.parametrize("name", ["affine_half", "affine_odd_even_uneven", "affine_arbitrary", "affine_image"])
def test_events_of_unknown_rank(name):
    bijector, y = build(name), events(name)
    unknown = tf.function(bijector.inverse, input_signature=[tf.TensorSpec(None, y.dtype)])
    checks.close(unknown(y), bijector.inverse(tf.identity(y)), 1e-12)


def test_additive_coupling_is_volume_preserving_exactly():
    bijector, y = build("additive_half"), events("additive_half")
    assert bijector.is_constant_jacobian
    assert np.all(np.asarray(bijector.inverse_log_det_jacobian(y, event_ndims=1)) == 0.0)
    assert np.abs(bijector.inverse(tf.identity(y)) - y).max() > 0.01


def test_thin_names_fix_the_transform():
    mask = masks.half(4)
    assert isinstance(bijectors.AdditiveCoupling(mask, MLP(2, (4,))).transform, transforms.Shift)
    affine = bijectors.AffineCoupling(mask, MLP(4, (4,)), log_scale_bound=1.5).transform
    assert isinstance(affine, transforms.Affine) and affine.log_scale_bound == 1.5


def test_a_frozen_layer_is_not_trainable_for_tfp_either():
    bijector = build("affine_half")
    assert len(bijector.trainable_variables) == 4
    bijector.conditioner.trainable = False
    assert len(bijector.trainable_variables) == 0 and len(bijector.variables) == 4
    bijector.conditioner.trainable = True
    assert len(tfb.Chain([bijector]).trainable_variables) == 4


class Holder(bijectors.Bijector):
    """Holds Keras layers and variables in every way that a bijector may."""

    def __init__(self):
        super().__init__()
        self.parts = {"layers": [keras.layers.Dense(2)], "variable": keras.Variable(tf.zeros([2]))}
        self.more = []
        self.other = MLP(1, (2,))


def test_layers_are_seen_however_they_are_held():
    holder = Holder()
    assert len(holder.trainable_variables) == 1
    holder.parts["layers"][0].build((None, 3))
    holder.other(tf.zeros([1, 2]))
    assert len(holder.trainable_variables) == 1 + 2 + 4
    holder.more.append(keras.layers.Dense(1, use_bias=False))
    holder.more[0].build((None, 2))
    assert len(holder.trainable_variables) == 1 + 2 + 4 + 1
    holder.other = None
    assert len(holder.trainable_variables) == 1 + 2 + 1


def test_any_keras_layer_or_plain_function_is_a_conditioner():
    mask, x = masks.half(4), tf.random.stateless_normal([3, 4], [0, 1])
    sequential = keras.Sequential([keras.layers.Dense(8, "relu"), keras.layers.Dense(4)])
    inputs = keras.Input((2,))
    functional = keras.Model(inputs, keras.layers.Dense(4)(inputs))
    for net, num_weights in ((sequential, 4), (functional, 2), (lambda h: tf.concat([h, h], -1), 0)):
        layer = bijectors.AffineCoupling(mask, net)
        checks.round_trip(layer, x, x, 1e-5)
        assert len(layer.trainable_variables) == num_weights


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_the_conditioner_may_work_in_lower_precision(policy):
    net = MLP(4, (8,), output_initializer="glorot_uniform", dtype=policy)
    layer = bijectors.AffineCoupling(masks.half(4), net)
    x = tf.random.stateless_normal([3, 4], [0, 1])
    assert net(x[:, :2]).dtype != tf.float32 and layer.forward(x).dtype == tf.float32
    checks.round_trip(layer, x, x, 1e-4)


def test_context_reaches_the_conditioner():
    layer = conditional(dtype="float64")
    x = tf.random.stateless_normal([5, 4], [0, 1], dtype=tf.float64)
    context = tf.random.stateless_normal([5, 3], [0, 2], dtype=tf.float64)
    y = layer.forward(x, context=context)
    checks.close(layer.inverse(tf.identity(y), context=context), x, 1e-9)
    assert np.abs(layer.forward(x, context=context + 1.0) - y).max() > 1e-3
    log_det = layer.forward_log_det_jacobian(tf.identity(x), event_ndims=1, context=context)
    one = [checks.jacobian_log_det(lambda v: layer.forward(v, context=c[None]), v[None]) for v, c in zip(x, context)]
    checks.close(log_det, np.concatenate(one), 1e-8)


def test_one_context_serves_every_batch_shape():
    layer = conditional()
    context = tf.random.stateless_normal([5, 3], [0, 2])
    x = tf.random.stateless_normal([7, 5, 4], [0, 1])
    y = layer.forward(x, context=context)
    for i in (0, 6):
        checks.close(layer.forward(x[i], context=context), y[i], 1e-6)
    single = layer.forward(x[0, 0], context=context[0])
    checks.close(single, y[0, 0], 1e-6)
    checks.close(layer.forward(x[0], context=context[:1])[0], y[0, 0], 1e-6)


@pytest.mark.parametrize("call, message", [
    (lambda: conditional().forward(tf.ones([2, 4])),
     r"Expected a context of shape \(3,\) in 'affine_coupling'; got none"),
    (lambda: build("affine_half", "float32").forward(tf.ones([2, 5]), context=tf.ones([2, 3])),
     "Expected no context in 'coupling'; got one"),
    (lambda: build("affine_half", "float32").forward(tf.ones([2, 6])),
     r"Expected events of shape \(5,\) in a coupling"),
    (lambda: build("affine_image", "float32").forward(tf.ones([2, 2, 8, 1])), r"Expected events of shape \(4, 4, 1\)"),
])  # fmt: skip
def test_bad_calls_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
