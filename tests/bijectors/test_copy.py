"""`copy()` as TFP promises it: the same class from the same arguments, with the same numbers."""

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import CASES, build, events, latents
from tfp_flows import bijectors


@pytest.mark.parametrize("name", CASES)
def test_a_copy_has_the_same_numbers_and_no_shared_cache(name):
    bijector, x, y = build(name), latents(name), events(name)
    copied = bijector.copy(name="copied")
    assert type(copied) is type(bijector) and copied.name == "copied" and copied != bijector
    for way, value in (("forward", x), ("inverse", y)):
        ndims = getattr(bijector, f"{way}_min_event_ndims")
        # The same tensor object: TFP's cache must not mix them up.
        images = [getattr(b, way)(value) for b in (bijector, copied)]
        np.testing.assert_array_equal(*images)
        np.testing.assert_array_equal(
            *(getattr(b, f"{way}_log_det_jacobian")(value, event_ndims=ndims) for b in (bijector, copied))
        )
    assert len(copied.trainable_variables) == len(bijector.trainable_variables)
    assert copied.experimental_batch_shape() == bijector.experimental_batch_shape()


def test_arguments_are_shared_and_what_is_made_is_not():
    coupling = build("affine_half")
    assert coupling.copy().conditioner is coupling.conditioner
    norm = build("actnorm")
    copied = norm.copy()
    copied.loc.assign_add([1.0, 2.0, 3.0])
    x = tf.ones([2, 3], tf.float64)
    assert np.abs(copied.forward(x) - norm.forward(x)).max() > 0.5


def test_an_override_changes_its_argument():
    x = tf.ones([2, 4])
    assert bijectors.Permutation.reverse(4).copy(permutation=[1, 0, 2, 3]).permutation == (1, 0, 2, 3)
    mixing = bijectors.InvertibleConv1x1(4, event_ndims=1)
    np.testing.assert_array_equal(
        mixing.copy(seed=3).forward(x), bijectors.InvertibleConv1x1(4, event_ndims=1, seed=3).forward(x)
    )
    chain = bijectors.Chain([mixing])
    assert chain.copy(bijectors=[mixing, mixing]).bijectors == [mixing, mixing]
    assert bijectors.ActNorm(3).copy(dtype=tf.float64).dtype == tf.float64
    with pytest.raises(TypeError):
        chain.copy(unknown=1)
