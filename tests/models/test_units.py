"""The unit of the data does not matter: fitted on a x + b, every model ends where it ends on x, but for log |a|."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tests.models.cases import CASES
from tfp_flows.flow import standardization

pytestmark = pytest.mark.usefixtures("untraced")

UNITS = [(2e-9, -3.0), (1e20, 700.0)]
# Each model once, and RealNVP, which is two.
NAMES = ["nice", "realnvp", "realnvp_image", "glow", "maf_conditional", "iaf", "wavenet", "parallel_wavenet"]


def build(name, **arguments):
    """The model of a case on continuous data, with weights that are not those of the start."""
    case = CASES[name]
    arguments = {key: value for key, value in case.arguments.items() if key != "num_bins"} | arguments
    keras.utils.set_random_seed(0)
    model = getattr(tfp_flows, tfp_flows.catalog.MODELS[case.model].home.partition(":")[2])
    return model(case.event_shape, seed=3, **arguments)


def data(name, n=200):
    """x, context: per column of a vector, or channel, a unit of its own will be taken; None without a context."""
    case, random = CASES[name], np.random.default_rng(1)
    x = random.normal(size=(n, *case.event_shape)).cumsum(axis=1) + random.exponential(size=(n, *case.event_shape))
    context = random.normal(size=(n, *case.arguments["context_shape"])) if "context_shape" in case.arguments else None
    return x, context


def in_unit(values, a, b):
    """a (x + b standard deviations), in float64."""
    return None if values is None else a * (values + b * values.std())


def scores_and_gradients(model, start, x, context):
    """Of the first events, by a model as it was built, measured and initialised on all, its weights then moved."""
    for variable, value in zip(model.variables, start):
        variable.assign(value)
    standardization.measure(model, (x, context))
    assert all(np.isfinite(w).all() for w in model.get_weights())
    model.initialize(x[:64], None if context is None else context[:64])
    for k, weight in enumerate(model.trainable_variables):
        weight.assign_add(0.02 * tf.random.stateless_normal(weight.shape, [k, 1], dtype=tf.float64))
    with tf.GradientTape() as tape:
        log_prob = model.log_prob(x[:20], None if context is None else context[:20])
    gradients = tape.gradient(log_prob, [weight.value for weight in model.trainable_variables])
    return log_prob.numpy(), [g.numpy() for g in gradients]


@pytest.mark.parametrize("name", NAMES)
def test_scores_and_gradients_are_those_of_standard_units(name):
    """The same gradient in every unit is the same training, step for step."""
    x, context = data(name)
    model = build(name, dtype="float64")
    start = [variable.numpy() for variable in model.variables]
    scores, gradients = scores_and_gradients(model, start, x, context)
    assert max(np.abs(g).max() for g in gradients) > 1e-3
    size = np.prod(CASES[name].event_shape)
    for a, b in UNITS:
        given = in_unit(x, a, b), in_unit(context, 1 / a, b)
        found, others = scores_and_gradients(model, start, *given)
        np.testing.assert_allclose(found + size * np.log(a), scores, rtol=1e-6, atol=1e-6)
        for one, other in zip(gradients, others):
            np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["nice", "realnvp", "maf_conditional"])
def test_fit_ends_at_the_same_loss(name):
    """In float32, each column in a unit of its own, from the arrays to the last epoch; samples are in the unit too."""
    x, context = data(name, 600)
    model = build(name)
    model.compile(tfp_flows.training.FusedAdam(1e-2))
    variables = [*model.variables, *model.optimizer.variables]
    start = [variable.numpy() for variable in variables]
    a, b = np.array([1e9, 1e-9, 30.0, 1e-4]), np.array([0.0, 0.0, 1e3, -500.0])
    ends = []
    for unit, shift in ((np.ones(4), np.zeros(4)), (a, b)):
        for variable, value in zip(variables, start):
            variable.assign(value)
        y, given = unit * (x + shift), None if context is None else 1e4 * unit[:3] * context
        losses = model.fit(y, given, epochs=4, batch_size=50, verbose=0).history["nll"]
        ends.append(losses[-1] - np.log(unit).sum())
        z = (model.sample(500, seed=2, context=None if given is None else given[:500]) / unit - shift).numpy()
        np.testing.assert_allclose(np.median(z, 0), np.median(x, 0), atol=0.5 * x.std(0).max())
    assert abs(ends[1] - ends[0]) < 0.02 and ends[0] < losses[0] - np.log(unit).sum() - 0.05


def test_statistics_are_of_all_data_in_float64_and_no_weights():
    random = np.random.default_rng(0)
    x = random.normal([5.0, -3e-7], [2.0, 1e-7], (5000, 2))
    model = tfp_flows.RealNVP((2,), num_layers=1, hidden_units=4)
    model.compile("adam")
    model.fit(x, epochs=1, batch_size=500, verbose=0)
    first = model.distribution.bijector.bijectors[0]
    np.testing.assert_allclose(first.centre, x.mean(0), rtol=1e-6)
    np.testing.assert_allclose(np.exp(first.log_unit), x.std(0), rtol=1e-5)
    assert not any(w is v for w in (first.centre, first.log_unit) for v in model.distribution.trainable_variables)
    before = first.centre.numpy()
    model.fit(x + 7, epochs=1, batch_size=500, verbose=0)
    np.testing.assert_array_equal(first.centre, before)


@pytest.mark.parametrize("kind", ["dataset", "endless", "sequence", "generator"])
def test_every_kind_of_data_is_measured(kind):
    """All of what can be gone through twice; of a generator, which cannot, the first batch."""
    x = np.random.default_rng(0).normal(1e5, 30.0, (400, 2)) + np.linspace(0, 1000, 400)[:, None]
    batches, steps, expected = tf.data.Dataset.from_tensor_slices(x).batch(40), None, x
    if kind == "endless":
        batches, steps, expected = batches.repeat(), 5, x[:200]
    elif kind == "sequence":
        batches = Sequence(x)
    elif kind == "generator":
        batches, steps, expected = ((x[i : i + 40],) for i in range(0, 400, 40)), 10, x[:40]
    model = tfp_flows.MAF((2,), num_layers=1, hidden_units=4)
    model.compile("adam")
    model.fit(batches, epochs=1, steps_per_epoch=steps, verbose=0)
    first = model.distribution.bijector.bijectors[0]
    np.testing.assert_allclose(first.centre, expected.mean(0), rtol=1e-6)
    np.testing.assert_allclose(np.exp(first.log_unit), expected.std(0), rtol=1e-3)


class Sequence(keras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return (self.x[40 * index : 40 * index + 40],)


def test_a_flow_that_only_samples_keeps_the_unit_of_its_base():
    model = tfp_flows.IAF((2,), num_layers=1, hidden_units=4)
    model.initialize(100)
    assert model.is_initialized
    np.testing.assert_array_equal(model.distribution.bijector.bijectors[0].log_unit, [0, 0])
