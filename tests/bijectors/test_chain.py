"""What is special of the chain: ranks, shapes, dtypes, batch shapes, and the way of the context."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests import checks
from tests.bijectors.test_coupling import conditional
from tests.cases import build, coupling, events, latents
from tfp_flows import bijectors, masks, transforms

tfb, tfd = tfp.bijectors, tfp.distributions
X = tf.random.stateless_normal([6, 4], [0, 1])
CONTEXT = tf.random.stateless_normal([6, 3], [0, 2])

PARTS = {
    "one rank": lambda: [tfb.Scale(2.0), bijectors.ActNorm(4), tfb.Exp()],
    "a higher rank first": lambda: [bijectors.ActNorm(2, event_ndims=3), bijectors.Permutation.reverse(2), tfb.Exp()],
    "a higher rank last": lambda: [tfb.Exp(), bijectors.Permutation.reverse(2), bijectors.ActNorm(2, event_ndims=3)],
    "a reshape": lambda: [
        tfb.Exp(), bijectors.ActNorm(2, event_ndims=3), tfb.Reshape([3, 2, 2], [12]), bijectors.ActNorm(12),
    ],
    "a reshape between rank 1": lambda: [bijectors.ActNorm(2), tfb.Reshape([2, 2], [4]), bijectors.ActNorm(4)],
    "a reshape upwards": lambda: [bijectors.ActNorm(4), tfb.Reshape([4], [2, 2]), bijectors.ActNorm(2, event_ndims=3)],
    "an inverted reshape": lambda: [tfb.Invert(tfb.Reshape([12], [3, 2, 2])), bijectors.ActNorm(12)],
    "a chain": lambda: [tfb.Chain([tfb.Reshape([2, 2], [4]), tfb.Exp()]), bijectors.ActNorm(4)],
    "a multipart whole": lambda: [tfb.Blockwise([tfb.Exp(), tfb.Scale(2.0)], [1, 3]), tfb.Exp()],
}  # fmt: skip


@pytest.mark.parametrize("parts", PARTS)
def test_event_ranks_are_those_of_tfp(parts):
    ours, theirs = bijectors.Chain(PARTS[parts]()), tfb.Chain(PARTS[parts]())
    assert checks.ranks(ours) == checks.ranks(theirs)
    assert bool(ours.is_constant_jacobian) == bool(theirs.is_constant_jacobian)
    for more in (0, 1):
        x_ndims = ours.forward_min_event_ndims + more
        assert ours.forward_event_ndims(x_ndims) == theirs.forward_event_ndims(x_ndims)
        y_ndims = ours.inverse_min_event_ndims + more
        assert ours.inverse_event_ndims(y_ndims) == theirs.inverse_event_ndims(y_ndims)


@pytest.mark.parametrize("name, more", [("chain", 0), ("chain", 1), ("image_chain", 0), ("constant_chain", 2)])
def test_values_are_those_of_tfp(name, more):
    """With further event axes, too, over which each part's log_det is summed, constant ones included."""
    ours = build(name)
    theirs = tfb.Chain(list(ours.bijectors))
    for way, argument in (("forward", latents(name, 8)), ("inverse", events(name, 8))):
        argument = tf.reshape(argument, [2, 2, 2, *argument.shape[1:]])
        ndims = getattr(ours, f"{way}_min_event_ndims") + more
        fresh = tf.identity
        checks.close(getattr(ours, way)(fresh(argument)), getattr(theirs, way)(fresh(argument)), 1e-12)
        one, two = (getattr(c, f"{way}_log_det_jacobian")(fresh(argument), event_ndims=ndims) for c in (ours, theirs))
        checks.close(*(tf.broadcast_to(v, [2, 2, 2][: 3 - more]) for v in (one, two)), 1e-10)


def test_a_flow_of_constant_log_dets_scores_every_event():
    base = tfd.Sample(tfd.Normal(tf.zeros([], tf.float64), 1.0), 4)
    flow = tfd.TransformedDistribution(base, build("constant_chain"))
    y = tf.random.stateless_normal([2, 3, 4], [0, 1], dtype=tf.float64)
    scores = flow.log_prob(y)
    assert scores.shape == (2, 3)
    checks.close(scores[1], flow.log_prob(y[1]), 1e-12)


def test_batched_parts_of_tfp():
    scale = tf.constant([[1.0], [2.0], [3.0]])
    chain = bijectors.Chain([tfb.Scale(scale), bijectors.ActNorm(4), tfb.Shift(tf.ones([2, 1, 4]))])
    assert chain.experimental_batch_shape() == (2, 3)
    assert chain.experimental_batch_shape_tensor(x_event_ndims=2).numpy().tolist() == [2]
    flow = tfd.TransformedDistribution(tfd.Sample(tfd.Normal(0.0, 1.0), 4), chain)
    assert flow.batch_shape == (2, 3) and flow.sample(5, seed=[0, 1]).shape == (5, 2, 3, 4)
    theirs = tfd.TransformedDistribution(tfd.Sample(tfd.Normal(0.0, 1.0), 4), tfb.Chain(list(chain.bijectors)))
    checks.close(flow.log_prob(X[:, None, None]), theirs.log_prob(X[:, None, None]), 1e-5)


def test_batch_shapes_through_a_change_of_rank():
    scale, shift = tfb.Scale(tf.ones([3, 1, 1])), tfb.Shift(tf.ones([2, 1, 4]))
    parts = [scale, tfb.Reshape([2, 2], [4]), shift, bijectors.ActNorm(4)]
    ours, theirs = bijectors.Chain(parts), tfb.Chain(parts)
    assert ours.experimental_batch_shape() == theirs.experimental_batch_shape() == (2, 3)
    assert ours.experimental_batch_shape(y_event_ndims=3) == theirs.experimental_batch_shape(y_event_ndims=3)
    assert ours.experimental_batch_shape_tensor(x_event_ndims=1).numpy().tolist() == [2, 3]


def test_batch_shapes_that_are_known_at_run_time_only():
    @tf.function(input_signature=[tf.TensorSpec([None, 1])])
    def score(scale):
        return bijectors.Chain([tfb.Scale(scale), bijectors.Permutation.reverse(4)]).experimental_batch_shape_tensor()

    assert score(tf.ones([3, 1])).numpy().tolist() == [3]


CONDITIONAL = {
    "alone": lambda: [conditional()],
    "beside those that take none": lambda: [bijectors.ActNorm(4), conditional(), tfb.Scale(2.0), conditional()],
    "inverted": lambda: [tfb.Invert(conditional()), bijectors.ActNorm(4)],
    "inverted twice": lambda: [tfb.Invert(tfb.Invert(conditional()))],
    "nested": lambda: [bijectors.Chain([conditional()]), tfb.Invert(bijectors.Chain([tfb.Exp(), conditional()]))],
}


@pytest.mark.parametrize("parts", CONDITIONAL)
def test_context_reaches_all_who_want_it(parts):
    chain = bijectors.Chain(CONDITIONAL[parts]())
    assert chain.takes_context and bijectors.takes_context(tfb.Invert(chain))
    y = X if parts != "nested" else tf.exp(0.1 * X)
    y = chain.forward(y, context=CONTEXT)
    x = chain.inverse(tf.identity(y), context=CONTEXT)
    checks.close(chain.forward(tf.identity(x), context=CONTEXT), y, 1e-5)
    assert np.abs(chain.inverse(tf.identity(y), context=CONTEXT + 1.0) - x).max() > 1e-3
    flow = tfd.TransformedDistribution(
        tfd.Sample(tfd.Normal(0.0, 1.0), 4), chain, kwargs_split_fn=lambda kwargs: ({}, kwargs)
    )
    samples = flow.sample(6, seed=[0, 1], context=CONTEXT)
    assert samples.shape == (6, 4)
    scores = [flow.log_prob(y[i], context=CONTEXT[i]) for i in (0, 5)]
    checks.close(tf.gather(flow.log_prob(tf.identity(y), context=CONTEXT), [0, 5]), scores, 1e-4)


def test_options_by_name_as_in_tfp():
    one, two = conditional(), conditional()
    one._name, two._name = "one", "two"
    chain = bijectors.Chain([one, two])
    both = chain.forward(X, one={"context": CONTEXT}, two={"context": 2 * CONTEXT})
    checks.close(one.forward(two.forward(X, context=2 * CONTEXT), context=CONTEXT), both, 1e-6)


@pytest.mark.parametrize("call, message", [
    (lambda: bijectors.Chain([]), r"Expected a non-empty sequence of tfb.Bijector; got \[\]"),
    (lambda: bijectors.Chain(["a"]), r"Expected a non-empty sequence of tfb.Bijector; got \['str'\]"),
    (lambda: bijectors.Chain([build("rescale"), build("rescale", "float32")]),
     r"Expected bijectors of one dtype; got \['float32', 'float64'\]"),
    (lambda: bijectors.Chain([tfb.Exp(), tfb.Split(2)]),
     r"Expected bijectors from one tensor to one, multipart ones in a tfb.Chain; got \['Split'\]"),
    (lambda: bijectors.Chain([bijectors.ActNorm(4)]).forward(X, context=CONTEXT),
     r"Expected no context, only options by the name of a bijector, of \['act_norm'\]; got \['context'\]"),
    (lambda: bijectors.Chain([conditional()]).inverse(X, contxt=CONTEXT),
     r"Expected a context, or options by the name of a bijector, of \['affine_coupling'\]; got \['contxt'\]"),
    (lambda: bijectors.Chain([conditional()]).inverse(X), r"Expected a context of shape \(3,\) in .*; got none"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_parts_without_a_dtype_take_that_of_the_others():
    chain = bijectors.Chain([bijectors.Permutation.reverse(4), coupling(masks.half(4), transforms.Affine())("float64")])
    assert chain.dtype == tf.float64 and bijectors.Chain([bijectors.Permutation.reverse(4)]).dtype is None
    assert chain.forward(np.ones((2, 4))).dtype == tf.float64
