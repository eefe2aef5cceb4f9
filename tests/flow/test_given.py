"""A flow given its context is a distribution of the contexts' batch shape, a citizen of TFP with the flow's weights."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.cases import build
from tests.flow.test_batches import BROADCAST, RANDOM, contexts, flow
from tests.flow.test_tfp_contexts import flow as of_tfp
from tfp_flows import bijectors

tfb, tfd = tfp.bijectors, tfp.distributions


@pytest.mark.parametrize(
    "kind, batch, others",
    [
        *(("vectors", *shapes) for shapes in BROADCAST),
        ("labels", (), (5,)),
        ("labels", (2, 1), ()),
        ("images", (2, 1), (3,)),
    ],
)
def test_it_scores_and_draws_as_the_flow_does(kind, batch, others):
    model, c = flow(kind), contexts(kind, *others)
    given = model.given(c)
    assert given.batch_shape == others and given.event_shape == model.event_shape
    x = RANDOM.normal(size=(*batch, *model.event_shape)).astype("float32")
    np.testing.assert_allclose(given.log_prob(x), model.log_prob(x, c), rtol=1e-4, atol=1e-5)
    drawn = given.sample((2,), seed=[0, 4])
    np.testing.assert_allclose(drawn, model.sample((2,), seed=4, context=c), rtol=1e-4, atol=1e-5)
    again, log_prob = given.experimental_sample_and_log_prob((2,), seed=[0, 4])
    np.testing.assert_allclose(again, drawn, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(log_prob, model.log_prob(drawn, c), rtol=1e-3, atol=1e-3)
    assert len(given.trainable_variables) == len(model.trainable_variables)


@pytest.mark.parametrize("kind", ["alone", "in_ours"])
def test_of_tfps_networks(kind):
    model, c = of_tfp(kind), RANDOM.normal(size=(4, 3)).astype("float32")
    x = RANDOM.normal(size=(5, 1, 2)).astype("float32")
    np.testing.assert_allclose(model.given(c).log_prob(x), model.log_prob(x, c), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.given(c).sample(2, seed=[0, 1]), model.sample((2,), 1, context=c), rtol=1e-4)


def test_a_distribution_takes_its_context_by_name():
    model, c = flow("vectors"), contexts("vectors", 5)
    x = RANDOM.normal(size=(4, 1, 3)).astype("float32")
    distribution = model.distribution
    np.testing.assert_allclose(distribution.log_prob(x, context=c), model.log_prob(x, c), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        distribution.unnormalized_log_prob(x, context=c), model.log_prob(x, c), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(distribution.prob(x, context=c), tf.exp(model.log_prob(x, c)), rtol=1e-4)
    np.testing.assert_allclose(
        distribution.sample(7, seed=[0, 1], context=c), model.sample((7,), seed=1, context=c), rtol=1e-5, atol=1e-6
    )
    assert distribution.experimental_sample_and_log_prob(2, context=c)[1].shape == (2, 5)
    # As before, and as of a copy.
    old = distribution.copy(name="again").log_prob(x[:, 0], bijector_kwargs={"context": c[:4]})
    np.testing.assert_allclose(old, model.log_prob(x[:, 0], c[:4]), rtol=1e-5)
    for ask in (lambda c: distribution.sample(7, bijector_kwargs={"context": c}),
                lambda c: distribution.log_prob(x[0, 0], bijector_kwargs={"context": c})):  # fmt: skip
        with pytest.raises(ValueError, match=r"Expected contexts for a batch .*; got contexts \(5, 2\) \(flow.given"):
            ask(c)


def test_a_distribution_takes_labels_as_its_flow_does():
    """As many as there are classes, too, which are no one-hot vector."""
    model = flow("labels")
    x = RANDOM.normal(size=(4, 3)).astype("float32")
    for distribution in (model.distribution, model.distribution.copy()):
        np.testing.assert_allclose(
            distribution.log_prob(x, context=[0, 1, 2, 3]), model.log_prob(x, [0, 1, 2, 3]), rtol=1e-4, atol=1e-5
        )
    assert model.distribution.sample(2, context=[3, 0], seed=1).shape == (2, 2, 3)


def plain():
    return tfp_flows.RealNVP((2,), num_layers=1, hidden_units=(4,))


def test_a_slice_is_of_the_contexts_too():
    for kind in ("vectors", "labels", "images"):
        model, c = flow(kind), contexts(kind, 4, 3)
        x = RANDOM.normal(size=(*model.event_shape,)).astype("float32")
        whole = model.given(c).log_prob(x).numpy()
        assert len(np.unique(whole)) > 3
        for cut in (1, np.s_[:2], np.s_[..., 2], np.s_[1:, ::2], np.s_[0, np.newaxis]):
            part = model.given(c)[cut]
            assert part.batch_shape == whole[cut].shape, kind
            np.testing.assert_allclose(part.log_prob(tf.identity(x)), whole[cut], rtol=1e-5, atol=1e-5)
            assert len(part.trainable_variables) == len(model.trainable_variables)


def test_in_joint_distributions():
    model, labelled = flow("vectors"), flow("labels")
    c = tfd.MultivariateNormalDiag([0.0, 1.0], [1.0, 1.0])
    joint = tfd.JointDistributionSequential([c, lambda c: model.given(c)])
    context, x = joint.sample(6, seed=[0, 3])
    expected = c.log_prob(context) + model.log_prob(x, context)
    np.testing.assert_allclose(joint.log_prob([tf.identity(context), tf.identity(x)]), expected, rtol=1e-4)
    fixed = model.given([[0.0, 1.0], [2.0, 3.0]])
    named = tfd.JointDistributionNamed(dict(x=fixed, y=lambda x: tfd.Independent(tfd.Normal(x, 1.0), 1)))
    assert len(named.trainable_variables) == len(model.trainable_variables)
    drawn = named.sample(3, seed=[0, 1])
    assert drawn["x"].shape == (3, 2, 3)
    expected = fixed.log_prob(drawn["x"]) + tfd.Independent(tfd.Normal(drawn["x"], 1.0), 1).log_prob(drawn["y"])
    np.testing.assert_allclose(named.log_prob({k: tf.identity(v) for k, v in drawn.items()}), expected, rtol=1e-4)
    classes = tfd.JointDistributionSequential([tfd.Categorical(tf.zeros(4)), lambda k: labelled.given(k)])
    k, x = classes.sample(5, seed=[0, 2])
    np.testing.assert_allclose(
        classes.log_prob([k, tf.identity(x)]), np.log(1 / 4) + labelled.log_prob(x, k), rtol=1e-3, atol=1e-3
    )


def test_it_stands_in_an_auto_batched_program():
    """As people write models, for one draw at a time; TFP makes many of it."""
    model = flow("vectors")
    (width,) = model.known_context_shape

    def program():
        c = yield tfd.Sample(tfd.Normal(0.0, 1.0), width, name="c")
        x = yield model.given(c)
        yield tfd.Independent(tfd.Normal(x, 0.1), 1, name="y")

    joint = tfd.JointDistributionCoroutineAutoBatched(program)
    c, x, y = drawn = joint.sample(4, seed=3)
    wanted = tf.reduce_sum(tfd.Normal(0.0, 1.0).log_prob(c), -1) + model.log_prob(x, c)
    wanted += tf.reduce_sum(tfd.Normal(x, 0.1).log_prob(y), -1)
    np.testing.assert_allclose(joint.log_prob(drawn), wanted, rtol=1e-4)
    pinned = joint.experimental_pin(y=y[0]).unnormalized_log_prob(c[0], x[0])
    np.testing.assert_allclose(pinned, wanted[0], rtol=1e-4)


def test_in_a_graph_of_unknown_sizes_a_label_that_is_none_is_nan():
    model = flow("labels")

    @tf.function(input_signature=[tf.TensorSpec([None, 3]), tf.TensorSpec([None], tf.int32)])
    def log_prob(x, labels):
        return model.given(labels).log_prob(x)

    x, labels = RANDOM.normal(size=(4, 3)).astype("float32"), [3, 4, -1, 0]
    found = log_prob(x, labels).numpy()
    np.testing.assert_allclose(found[[0, 3]], model.log_prob(x, 3 * np.array([1, 1, 1, 0]))[::3], rtol=1e-3)
    assert np.isnan(found).tolist() == [False, True, True, False]


@pytest.mark.parametrize("call, message", [
    (lambda: tfp_flows.Flow(tfd.TransformedDistribution(tfd.Normal(0.0, 1.0), tfb.Scale(tf.Variable(2.0)))).given(1.0),
     "Expected a conditional flow to be given a context; got one without"),
    (lambda: flow("vectors").given(np.zeros((5, 3))), r"Expected a context of shape \(n, 2\).*got float64 \(5, 3\)"),
    (lambda: flow("labels").given([0, 4]), r"Expected class labels as integers 0\.\.3.*got 4"),
    (lambda: flow("vectors").distribution.log_prob(np.zeros((5, 3), "float32"), context=np.zeros((5, 3))),
     r"Expected a context of shape \(n, 2\).*got float64 \(5, 3\)"),
    (lambda: flow("labels").distribution.sample(2, context=[0, 4]), r"Expected class labels as integers 0\.\.3.*got 4"),
    (lambda: flow("vectors").given(contexts("vectors", 5)).log_prob(np.zeros((4, 3), "float32")),
     r"Expected events whose batch shape goes with that of the contexts, \(5,\); got \(4,\)"),
    (lambda: plain().distribution.log_prob(np.zeros((4, 2), "float32"), context=np.zeros((4, 3))),
     "Expected no context, for the distribution is not conditional; got one"),
    (lambda: plain().distribution.sample(4, context=np.zeros((4, 3))), "Expected no context, for the distribution is"),
    (lambda: bijectors.Given(build("actnorm"), [[1.0]]), "Expected a bijector that takes a context; got ActNorm"),
])  # fmt: skip
def test_what_cannot_be_given_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
