"""Copies, slices, deep copies and pickles: the same class from the same arguments, with the same numbers."""

import copy
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.cases import CASES, build, events, latents
from tfp_flows import bijectors, masks, transforms
from tfp_flows.networks import MLP

tfb, tfd = tfp.bijectors, tfp.distributions


def around(bijector, name, *batch):
    base = tfd.Normal(tf.zeros(batch, tf.float64), tf.ones([], tf.float64))
    return tfd.TransformedDistribution(tfd.Sample(base, latents(name).shape[1:]), bijector)


# (bijector, name of its case) -> another one.
SHARING = {
    "copy": lambda b, name: b.copy(name="copied"),
    "copy.copy": lambda b, name: copy.copy(b),
    "[...]": lambda b, name: b[...],
    "[newaxis]": lambda b, name: b[tf.newaxis],
    "distribution[newaxis]": lambda b, name: around(b, name)[tf.newaxis].bijector,
    "distribution[1]": lambda b, name: around(b, name, 3)[1].bijector,
}
OF_ITS_OWN = {
    "deepcopy": lambda b, name: copy.deepcopy(b),
    "pickle": lambda b, name: pickle.loads(pickle.dumps(b)),
}


@pytest.mark.parametrize("name", CASES)
def test_another_has_the_same_numbers_and_no_shared_cache(name):
    bijector, y = build(name), events(name)
    expected, weights = numbers(bijector, y), bijector.variables
    for way, make in {**SHARING, **OF_ITS_OWN}.items():
        other = make(bijector, name)
        assert type(other) is type(bijector), way
        shared = [mine is theirs for mine, theirs in zip(other.variables, weights, strict=True)]
        assert all(shared) if way in SHARING else not any(shared), way
        assert len(other.trainable_variables) == len(bijector.trainable_variables), way
        for actual, one in zip(numbers(other, y), expected):
            np.testing.assert_array_equal(actual, one, err_msg=way)
    copied = bijector.copy(name="copied")
    assert copied.name == "copied" and copied != bijector
    assert copied.experimental_batch_shape() == bijector.experimental_batch_shape()


def numbers(bijector, y):
    """Of the same tensor object each time: TFP's cache must not mix bijectors up."""
    ndims = bijector.inverse_min_event_ndims
    return bijector.inverse(y), bijector.inverse_log_det_jacobian(y, event_ndims=ndims)


@pytest.mark.parametrize("name", ["affine_half", "nested_chain", "batch_norm"])
def test_a_distribution_is_copied_with_its_bijector(name):
    flow, y = around(build(name), name), events(name)
    for other in (copy.deepcopy(flow), pickle.loads(pickle.dumps(flow))):
        np.testing.assert_array_equal(other.log_prob(y + 0.0), flow.log_prob(y + 0.0))
        assert len(other.trainable_variables) == len(flow.trainable_variables)
        assert not {id(v) for v in other.variables} & {id(v) for v in flow.variables}


def test_weights_are_shared_or_of_its_own():
    norm = build("actnorm")
    x, before = tf.ones([2, 3], tf.float64), norm.loc.numpy()
    norm.copy().loc.assign_add([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(norm.forward(x + 0.0), norm[...].forward(x + 0.0))
    np.testing.assert_allclose(norm.loc, before + [1, 2, 3])
    deep = copy.deepcopy(norm)
    deep.loc.assign_add([1.0, 2.0, 3.0])
    np.testing.assert_allclose(norm.loc, before + [1, 2, 3])
    # Nothing of it looks at the original's: what training sees is the copy's.
    assert {id(v) for v in deep.trainable_variables} == {id(deep.loc), id(deep.log_scale)}
    # A conditioner that two parts share is one in their copies.
    net = MLP(4, (8,))
    chain = tfb.Chain([bijectors.AffineCoupling(m, net) for m in masks.alternating(masks.half(4), 2)])
    for other in (copy.deepcopy(chain), pickle.loads(pickle.dumps(chain))):
        first, second = other.bijectors
        assert first.conditioner is second.conditioner and first.conditioner is not net


def test_what_is_frozen_stays_so():
    for freeze in (lambda net: net, lambda net: net.layers[0] if hasattr(net, "layers") else net):
        net = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(4)])
        coupling = bijectors.Coupling(masks.half(4), net, transforms.Affine())
        freeze(net).trainable = False
        whole = tfb.Invert(bijectors.Chain([coupling, build("affine_half").copy(dtype="float32")]))
        counts = len(whole.trainable_variables), len(whole.variables)
        for other in (copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))):
            assert (len(other.trainable_variables), len(other.variables)) == counts
    frozen = build("affine_half")
    frozen.conditioner.trainable = False
    assert copy.deepcopy(frozen).trainable_variables == pickle.loads(pickle.dumps(frozen)).trainable_variables == ()


def test_a_slice_of_a_batch_takes_its_part():
    """Of parts with a batch shape, as TFP's own chain; ours beside them keep their weights."""
    chain = bijectors.Chain([tfb.Scale(tf.constant([[1.0], [2.0], [4.0]])), bijectors.Rescale((2,))])
    chain.bijectors[1].s.assign([0.3, -0.2])
    given = bijectors.StandardizedContext(
        bijectors.Chain([bijectors.AffineCoupling(masks.half(2), MLP(2, (4,), context_shape=(1,))), chain]), (1,)
    )
    x, context = tf.constant([0.3, -0.4]), tf.ones([1])
    for bijector, options in ((chain, {}), (given, {"bijector_kwargs": {"context": context}})):
        whole = tfd.TransformedDistribution(tfd.Sample(tfd.Normal(0.0, 1.0), [2]), bijector)
        expected = whole.log_prob(x + 0.0, **options)
        assert expected.shape == (3,) and whole[1].batch_shape == () and whole[::2].batch_shape == (2,)
        for i in range(3):
            np.testing.assert_allclose(whole[i].log_prob(x + 0.0, **options), expected[i], rtol=1e-6)
        assert {id(v) for v in whole[2].variables} == {id(v) for v in bijector.variables}


def doubled(h):
    return tf.concat([h, h], -1)


class Unregistered(keras.layers.Layer):
    """A layer as users write it, that Keras does not find by itself."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units, self.dense = units, keras.layers.Dense(units)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, h):
        return self.dense(h)


class WithoutBuild(Unregistered):
    build = keras.layers.Layer.build


def test_any_conditioner_that_can_be_made_again():
    x = tf.constant([[0.5, -1.0, 2.0, 0.1]])
    for net in (doubled, Unregistered(4), keras.Sequential([Unregistered(3), keras.layers.Dense(4)])):
        coupling = bijectors.Coupling(masks.half(4), net, transforms.Affine())
        for other in (copy.deepcopy(coupling), pickle.loads(pickle.dumps(coupling))):
            np.testing.assert_array_equal(other.forward(x + 0.0), coupling.forward(x + 0.0))


@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_made_again_is_said_in_a_sentence():
    unbuilt, lambdas = WithoutBuild(4), keras.Sequential([keras.layers.Dense(4, activation=lambda h: 2 * h)])
    for net in (unbuilt, lambdas):
        chain = bijectors.Chain([bijectors.Coupling(masks.half(4), net, transforms.Affine(), name="mine")])
        for make in (copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="^Expected parts of 'mine' that Keras makes again .* got <[^\n]*$"):
                make(chain)
    local = bijectors.Coupling(masks.half(4), lambda h: tf.concat([h, h], -1), transforms.Affine())
    assert copy.deepcopy(local).conditioner is local.conditioner
    with pytest.raises(TypeError, match="^Expected parts of 'coupling' that can be pickled, no lambda; got [^\n]*$"):
        pickle.dumps(local)


def test_an_iterator_is_recorded_by_what_it_gave():
    parts = [bijectors.Rescale((2,)), tfb.Scale(2.0)]
    assert bijectors.Chain(iter(parts)).copy().bijectors == parts


def test_an_override_changes_its_argument():
    x = tf.ones([2, 4])
    assert bijectors.Permutation.reverse(4).copy(permutation=[1, 0, 2, 3]).permutation == (1, 0, 2, 3)
    mixing = bijectors.InvertibleConv1x1(4, event_ndims=1)
    np.testing.assert_array_equal(
        mixing.copy(seed=3).forward(x), bijectors.InvertibleConv1x1(4, event_ndims=1, seed=3).forward(x)
    )
    chain = bijectors.Chain([mixing])
    assert chain.copy(bijectors=[mixing, mixing]).bijectors == [mixing, mixing]
    norm = bijectors.BatchNorm(3)
    norm.running_mean.assign([1.0, 2.0, 3.0])
    # What the argument does not concern is shared, in another dtype of equal value.
    other = norm.copy(momentum=0.5)
    assert other.running_mean is norm.running_mean and (other.momentum, norm.momentum) == (0.5, 0.99)
    np.testing.assert_array_equal(norm.copy(dtype=tf.float64, event_ndims=2).running_mean, [1.0, 2.0, 3.0])
    assert norm.copy(dtype=tf.float64).dtype == tf.float64
    assert bijectors.Logit(0.0, 256.0).copy(alpha=0.1).high == 256 and bijectors.Squeeze(3).copy(name="s").factor == 3
    np.testing.assert_array_equal(norm.copy(num_features=2).running_mean, [0.0, 0.0])
    with pytest.raises(TypeError):
        chain.copy(unknown=1)
