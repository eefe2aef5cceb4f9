"""Masks, and the tensor operations that partitions and permutations are made of."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import masks
from tfp_flows.numerics import tensors


def test_alternating_masks_take_turns():
    first, second, third = masks.alternating([True, False, True], 3)
    np.testing.assert_array_equal(first, third)
    np.testing.assert_array_equal(second, [False, True, False])


@pytest.mark.parametrize("call, message", [
    (lambda: masks.half(1), "Expected at least 2 features to split; got 1"),
    (lambda: masks.odd_even(2.0), "Expected at least 2 features to split; got 2.0"),
    (lambda: masks.alternating([1, 0], 2),
     r"Expected a mask as a boolean array of the event's shape; got int64 \(2,\)"),
    (lambda: masks.check(True), r"Expected a mask as a boolean array of the event's shape; got bool \(\)"),
    (lambda: masks.check([True, True]), "Expected a mask with at least one True and one False; got all True"),
    (lambda: masks.stripes((2, 2, 1), 2), "Expected axis 0, of rows, or 1, of columns; got 2"),
    (lambda: masks.stripes((2, 1, 1), 1), r"Expected at least two columns to split by stripes; got \(2, 1, 1\)"),
    (lambda: masks.vector_shape((2, 2)), r"Expected event_shape \(n,\) with n >= 2, .*; got \(2, 2\)"),
    (lambda: tensors.check_shape(3, "this"), "Expected this as a tuple of positive integers; got 3"),
    (lambda: tensors.check_shape((3, True)), r"Expected event_shape as a tuple .* got \(3, True\)"),
    (lambda: tensors.require_event_shape(tf.ones([5]), (2, 5), "it"), r"Expected events of shape \(2, 5\) in it"),
])  # fmt: skip
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_shapes_are_given_back_as_python_ints():
    for shape in ((np.int64(2), 3), [2, 3], tf.TensorShape([2, 3])):
        assert tensors.check_shape(shape) == (2, 3)
        assert all(type(n) is int for n in tensors.check_shape(shape))
    tensors.require_event_shape(tf.ones([5]), (), "an event of rank 0")


@pytest.mark.parametrize("permutation", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]])
def test_permute_is_a_gather_with_the_gradients_of_one(permutation):
    x = tf.random.stateless_normal([3, 4], [0, 1])
    weights = tf.random.stateless_normal([3, 4], [0, 2])

    def derivatives(function):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(weights * function(x) ** 3)
            first = inner.gradient(loss, x)
            summed = tf.reduce_sum(first * weights)
        return function(x), first, outer.gradient(summed, x)

    for ours, theirs in zip(
        derivatives(lambda x: tensors.permute(x, permutation)),
        derivatives(lambda x: tf.gather(x, permutation, axis=-1)),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_permute_differentiates_forwards_too():
    x, tangent = tf.random.stateless_normal([4], [0, 1]), tf.random.stateless_normal([4], [0, 2])
    with tf.autodiff.ForwardAccumulator(x, tangent) as accumulator:
        y = tensors.permute(x, [2, 0, 3, 1])
    np.testing.assert_allclose(accumulator.jvp(y), tf.gather(tangent, [2, 0, 3, 1]))
