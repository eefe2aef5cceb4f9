"""ReverseKL: its values are the divergence, its gradient goes through the samples, and the teacher stays as it is."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tfp_flows import bijectors, masks, networks, transforms
from tfp_flows.networks import MADE
from tfp_flows.objectives import ReverseKL

pytestmark = pytest.mark.usefixtures("untraced")

tfb, tfd = tfp.bijectors, tfp.distributions
TARGET = tfd.MultivariateNormalTriL([1.0, -2.0], [[0.5, 0.0], [0.4, 1.5]])


def gaussian(n=2, loc=0.0, scale=1.0):
    """A flow that any Gaussian of independent elements is one of."""
    bijector = tfb.Chain([tfb.Shift(tf.Variable([loc] * n)), tfb.Scale(tf.Variable([scale] * n))])
    return tfp_flows.Flow(tfd.TransformedDistribution(tfd.Independent(tfd.Normal(tf.zeros(n), 1.0), 1), bijector))


def test_its_value_is_the_divergence():
    flow = gaussian(loc=0.3, scale=0.7)
    target = tfd.MultivariateNormalDiag([1.0, -1.0], [0.5, 2.0])
    flow.compile("sgd", loss=ReverseKL(target))
    found = flow.evaluate(steps=50, batch_size=2000, verbose=0, return_dict=True)
    exact = tfd.kl_divergence(tfd.MultivariateNormalDiag([0.3, 0.3], [0.7, 0.7]), target).numpy()
    assert set(found) == {"loss", "reverse_kl"}
    assert abs(found["reverse_kl"] - exact) < 0.02 and abs(found["loss"] - exact) < 0.02


@pytest.mark.parametrize("temperature, expected", [(1.0, 1.0), (4.0, 2.0)])
def test_it_finds_the_density_or_the_flattened_one(temperature, expected):
    flow = gaussian(loc=2.0, scale=0.2)
    # Not normalised, and a plain function.
    flow.compile(keras.optimizers.Adam(0.05), loss=ReverseKL(lambda x: 7.0 - tf.reduce_sum(x**2, -1) / 2, temperature))
    flow.fit(steps_per_epoch=300, batch_size=200, verbose=0)
    x = flow.sample(20000, seed=1).numpy()
    np.testing.assert_allclose(x.mean(0), 0.0, atol=0.08)
    np.testing.assert_allclose(x.std(0), expected, rtol=0.05)


def test_the_gradient_is_that_of_the_divergence():
    """Of a loss of fixed noise, against differences."""
    keras.utils.set_random_seed(3)
    flow = tfp_flows.IAF((2,), num_layers=2, hidden_units=8, actnorm=False)
    for k, weight in enumerate(flow.trainable_weights):
        weight.assign(0.5 * tf.random.stateless_normal(weight.shape, [k, 3]))
    objective, x, seed = ReverseKL(TARGET), tf.zeros([64, 0]), tf.constant([1, 2])

    def loss():
        return tf.reduce_mean(objective(flow, x, None, seed, True))

    with tf.GradientTape() as tape:
        value = loss()
    for weight, gradient in zip(
        flow.trainable_variables, tape.gradient(value, [w.value for w in flow.trainable_variables])
    ):
        kept, norm = tf.identity(weight.value), tf.norm(gradient)
        if not norm > 0:
            continue
        step = 1e-2 * gradient / norm
        weight.assign(kept + step)
        above = loss()
        weight.assign(kept - step)
        below = loss()
        weight.assign(kept)
        np.testing.assert_allclose((above - below) / 2e-2, norm, rtol=0.02)


class Counting(MADE):
    passes, solutions = 0, 0

    def call(self, x, context=None):
        type(self).passes += 1
        return super().call(x, context)

    def solve(self, *args):
        type(self).solutions += 1
        return super().solve(*args)


def test_the_student_runs_once_and_nothing_is_inverted():
    layers = [tfb.Invert(bijectors.Autoregressive(2, Counting(2, 2, 4), transforms.Affine())) for _ in range(3)]
    base = tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), 1)
    student = tfp_flows.Flow(tfd.TransformedDistribution(base, bijectors.Chain(layers)))
    Counting.passes = Counting.solutions = 0
    ReverseKL(TARGET)(student, tf.zeros([5, 0]), None, tf.constant([0, 1]), True)
    assert (Counting.passes, Counting.solutions) == (3, 0)


def test_the_teacher_stays_as_it_is_and_runs_as_in_inference():
    mask = masks.half(2)
    base = tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), 1)
    chain = bijectors.Chain(
        [
            bijectors.BatchNorm(2),
            bijectors.AffineCoupling(mask, networks.MLP(2, (8,), dropout=0.5, output_initializer="glorot_uniform")),
            bijectors.ActNorm(2),
        ]
    )
    teacher = tfp_flows.Flow(tfd.TransformedDistribution(base, chain))
    teacher.initialize(np.random.default_rng(0).normal(size=(50, 2)).astype("float32"))
    before = [np.array(w) for w in teacher.weights]
    student = tfp_flows.IAF((2,), num_layers=2, hidden_units=8)
    student.compile(keras.optimizers.Adam(1e-2), loss=ReverseKL(teacher))
    held = {id(w) for w in student.weights}
    assert not held & {id(w) for w in teacher.weights}
    first = student.fit(steps_per_epoch=100, epochs=4, batch_size=100, verbose=0).history["reverse_kl"]
    assert first[-1] < first[0]
    for now, then in zip(teacher.weights, before):
        np.testing.assert_array_equal(now, then)


def test_an_iaf_learns_what_a_maf_knows():
    keras.utils.set_random_seed(0)
    teacher = tfp_flows.MAF((2,), num_layers=1, hidden_units=16, actnorm=False)
    for k, weight in enumerate(teacher.trainable_weights):
        weight.assign(0.45 * tf.random.stateless_normal(weight.shape, [k, 5]))
    student = tfp_flows.IAF((2,), num_layers=3, hidden_units=32)
    student.compile(keras.optimizers.Adam(3e-3), loss=ReverseKL(teacher))
    history = student.fit(steps_per_epoch=200, epochs=6, batch_size=200, verbose=0).history["reverse_kl"]
    x = teacher.sample(4000, seed=1)
    forward = np.mean(teacher.log_prob(x) - student.log_prob(x))
    assert history[0] > 0.1 and history[-1] < 0.03 and forward < 0.03


def test_a_student_is_distilled_for_each_context():
    means = np.array([[-3.0, 1.0], [3.0, -1.0]], "float32")

    def target(x, context):
        return tfd.MultivariateNormalDiag(context @ means, [0.5, 0.5]).log_prob(x)

    student = tfp_flows.IAF((2,), num_layers=1, hidden_units=16, context_shape=(2,))
    student.compile(keras.optimizers.Adam(1e-2), loss=ReverseKL(target))
    contexts = np.eye(2, dtype="float32")[np.arange(400) % 2]
    student.fit(y=contexts, epochs=60, batch_size=50, verbose=0)
    for k in range(2):
        x = student.sample(1000, seed=1, context=contexts[k]).numpy()
        np.testing.assert_allclose(x.mean(0), means[k], atol=0.2)
        np.testing.assert_allclose(x.std(0), 0.5, atol=0.1)


def test_actnorm_is_set_from_base_samples():
    made = MADE(2, 2, 8, "tanh", output_initializer="glorot_uniform")
    chain = bijectors.Chain(
        [
            bijectors.ActNorm(2),
            tfb.Scale(tf.Variable(30.0)),
            tfb.Invert(bijectors.Autoregressive(2, made, transforms.Affine())),
        ]
    )
    flow = tfp_flows.Flow(tfd.TransformedDistribution(tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), 1), chain))
    flow.compile(keras.optimizers.SGD(0.0), loss=ReverseKL(TARGET))
    assert not flow.is_initialized
    flow.fit(steps_per_epoch=1, batch_size=2000, verbose=0)
    assert flow.is_initialized
    x = flow.sample(5000, seed=3).numpy()
    np.testing.assert_allclose([x.mean(0), x.std(0)], [[0, 0], [1, 1]], atol=0.1)


def test_a_penalty_is_added_and_is_given_the_events():
    seen = []

    def penalty(samples, events):
        seen.append(None if events is None else tuple(events.shape[1:]))
        return tf.fill([tf.shape(samples)[0]], 3.0)

    flow = gaussian()
    flow.compile("sgd", loss=ReverseKL(tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0]), penalty=penalty))
    assert abs(flow.evaluate(steps=2, batch_size=10, verbose=0, return_dict=True)["reverse_kl"] - 3.0) < 1e-5
    flow.evaluate(np.zeros([20, 2], "float32"), batch_size=10, verbose=0)
    assert None in seen and (2,) in seen


def test_the_samples_are_a_function_of_seed_and_step():
    def losses():
        flow = gaussian(loc=1.0)
        flow.compile(keras.optimizers.SGD(0.01), loss=ReverseKL(TARGET))
        return flow.fit(steps_per_epoch=3, epochs=2, batch_size=7, verbose=0).history["loss"]

    np.testing.assert_array_equal(losses(), losses())


def mixture():
    parts = tfd.Independent(tfd.Normal(tf.Variable(tf.zeros([2, 2])), 1.0), 1)
    return tfp_flows.Flow(tfd.MixtureSameFamily(tfd.Categorical(logits=[0.0, 0.0]), parts))


def trained(target, flow=None, **options):
    flow = gaussian() if flow is None else flow
    flow.compile("sgd", loss=ReverseKL(target))
    flow.fit(batch_size=4, verbose=0, **{"steps_per_epoch": 1, **options})


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ReverseKL(3), "Expected target_log_prob to be a function, a Flow or a tfd.Distribution; got 3"),
        (lambda: ReverseKL(TARGET, temperature=0), "Expected temperature to be a positive finite number; got 0"),
        (lambda: ReverseKL(TARGET, penalty=1.0), "Expected penalty to be a function of samples and events, or None"),
        (lambda: trained(lambda x: x), r"Expected target_log_prob to return shape \(batch,\)"),
        (
            lambda: trained(lambda x: x[:, 0] * np.nan),
            "Expected finite values of target_log_prob; got 4 of 4 NaN or inf",
        ),
        (
            lambda: trained(lambda x: tf.numpy_function(lambda v: -(v**2).sum(-1), [x], tf.float32)),
            "Expected target_log_prob to be computed by TensorFlow; got one without a gradient",
        ),
        (
            lambda: compiled(gaussian(), ReverseKL(tfp_flows.MAF((2,), hidden_units=4, num_classes=3))),
            "Expected a conditional flow for a conditional target",
        ),
        (
            lambda: compiled(
                tfp_flows.IAF((2,), hidden_units=4, num_classes=2),
                ReverseKL(tfp_flows.MAF((2,), hidden_units=4, num_classes=3)),
            ),
            "Expected a flow of the target's classes, 3; got 2",
        ),
        (lambda: trained(gaussian(3)), r"Expected a target of the flow's event shape \(2,\); got \(3,\)"),
        (lambda: trained(TARGET, mixture()), "Expected a flow whose samples have a gradient"),
        (lambda: trained(TARGET, steps_per_epoch=None), "Expected the number of steps"),
        (
            lambda: gaussian().compile("sgd", loss=lambda *_: 0.0),
            "Expected an objective of tfp_flows.objectives as loss",
        ),
        (lambda: compiled(gaussian()).fit(), "Expected x, the events to fit or to evaluate; got None"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def compiled(flow, loss=None):
    flow.compile("sgd", loss=loss)
    return flow


def test_a_file_does_not_come_back_with_another_objective(tmp_path):
    flow = compiled(tfp_flows.IAF((2,), num_layers=1, hidden_units=4), ReverseKL(TARGET, temperature=np.float32(2.0)))
    flow.fit(steps_per_epoch=2, batch_size=8, verbose=0)
    flow.save(tmp_path / "flow.keras")
    again = keras.saving.load_model(tmp_path / "flow.keras")
    x = tf.ones([3, 2])
    np.testing.assert_array_equal(again.log_prob(x), flow.log_prob(x))
    assert not again.compiled
