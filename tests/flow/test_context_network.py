"""A network of the user's that makes a vector of each context: trained with the flow, run once, saved and served."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tests.checks import passes

RANDOM = np.random.default_rng(0)
SETS = (6, 1)
# The centre of a set of draws, which only the network sees whole.
PARAMETERS = RANDOM.normal(size=(512, 2)).astype("float32")
OBSERVED = (PARAMETERS[:, :1, None] + 0.3 * RANDOM.normal(size=(512, *SETS))).astype("float32")


@keras.saving.register_keras_serializable(package="tests")
class Pooled(keras.layers.Layer):
    """Deep sets, unbuilt until it is called, which counts its calls of rows."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.member, self.features = keras.layers.Dense(16, "tanh"), keras.layers.Dense(3)
        self.drop = keras.layers.Dropout(0.1)
        self.rows = []

    def call(self, x, training=None):
        self.rows.append((x.shape[0], training))
        return self.features(self.drop(keras.ops.mean(self.member(x), axis=1), training=training))


@pytest.fixture(scope="module")
def trained():
    network = Pooled()
    flow = tfp_flows.RealNVP((2,), num_layers=4, hidden_units=(16,), context_shape=SETS, context_network=network)
    network.rows.clear()
    before = [w.copy() for w in network.get_weights()]
    flow.compile(tfp_flows.training.FusedAdam(1e-2))
    flow.fit(*passes(40, PARAMETERS, OBSERVED), batch_size=128, verbose=0)
    return flow, network, before


def test_it_is_trained_with_the_flow_and_learns_what_it_must(trained):
    flow, network, before = trained
    assert all(np.abs(new - old).max() > 1e-3 for new, old in zip(network.get_weights(), before))
    drawn = flow.sample((300,), seed=0, context=OBSERVED[:20]).numpy().mean(0)
    assert np.corrcoef(drawn[:, 0], PARAMETERS[:20, 0])[0, 1] > 0.9
    assert any(training is True for _, training in network.rows), "no dropout in training"


def test_it_runs_once_and_on_one_row_for_one_observation(trained, monkeypatch):
    flow, network, _ = trained
    tf.config.run_functions_eagerly(True)
    try:
        for ask, rows in (
            (lambda: flow.log_prob(PARAMETERS[:5], OBSERVED[:5]), 5),
            (lambda: flow.log_prob(PARAMETERS[:5], OBSERVED[0]), 1),
            (lambda: flow.sample(7, context=OBSERVED[0], seed=0), 1),
            (lambda: flow.sample((7,), context=OBSERVED[0], seed=0), 1),
            (lambda: flow.sample_and_log_prob(4, OBSERVED[:4], seed=0), 4),
            (lambda: flow.given(OBSERVED[0]).sample(7), 1),
            (lambda: flow.given(OBSERVED[0]).log_prob(PARAMETERS[:5]), 1),
            (lambda: flow.given(OBSERVED[:3]).sample((4,)), 3),
            (lambda: flow.given(OBSERVED[:3])[1].sample((4,)), 1),
        ):
            network.rows.clear()
            ask()
            assert [n for n, training in network.rows if not training] == [rows] == [n for n, _ in network.rows]
    finally:
        tf.config.run_functions_eagerly(False)


def test_one_observation_is_as_that_many_of_it(trained):
    flow = trained[0]
    np.testing.assert_allclose(
        flow.sample((5,), seed=3, context=OBSERVED[0]),
        flow.sample(5, seed=3, context=np.repeat(OBSERVED[:1], 5, 0)),
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip
    expected = flow.log_prob(PARAMETERS[:4], OBSERVED[:4])
    np.testing.assert_allclose(flow.given(OBSERVED[:4]).log_prob(PARAMETERS[:4]), expected, rtol=1e-4, atol=1e-5)


def test_it_comes_back_from_every_kind_of_file(trained, tmp_path):
    flow, _, _ = trained
    expected = flow.log_prob(PARAMETERS[:4], OBSERVED[:4]).numpy()
    flow.save(tmp_path / "flow.keras")
    again = keras.saving.load_model(tmp_path / "flow.keras")
    np.testing.assert_array_equal(again.log_prob(PARAMETERS[:4], OBSERVED[:4]), expected)
    flow.save_weights(tmp_path / "flow.weights.h5")
    for weight in again.weights:
        weight.assign(tf.zeros_like(weight))
    again.load_weights(tmp_path / "flow.weights.h5")
    np.testing.assert_array_equal(again.log_prob(PARAMETERS[:4], OBSERVED[:4]), expected)
    flow.export(tmp_path / "served")
    served = tf.saved_model.load(tmp_path / "served").signatures["log_prob"]
    keys = served.structured_input_signature[1]
    given = {key: OBSERVED[:4] if spec.shape.rank == 3 else PARAMETERS[:4] for key, spec in keys.items()}
    (value,) = served(**{key: tf.constant(array) for key, array in given.items()}).values()
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-5)


def test_a_context_has_the_units_of_its_last_axis():
    flow = tfp_flows.MAF((2,), num_layers=1, hidden_units=8, context_shape=SETS, context_network=Pooled())
    flow.compile("adam")
    flow.fit(PARAMETERS[:64], 1e6 + 1e3 * OBSERVED[:64], epochs=1, verbose=0)
    (part,) = [p for p in flow.distribution.submodules if isinstance(p, tfp_flows.bijectors.StandardizedContext)]
    assert part.shape == (1,)
    np.testing.assert_allclose(part.standardized(1e6 + 1e3 * OBSERVED[:64]).numpy().std(), 1.0, rtol=1e-2)


TOKENS = dict(patch_size=2, channels=8, num_layers=1, num_heads=2)
SMALL = {
    "MAF": dict(num_layers=1, hidden_units=8), "NICE": dict(num_layers=2, hidden_units=(8,)),
    "NSF": dict(num_layers=1, hidden_units=(8, 8)), "PlanarFlow": dict(num_layers=1),
    "FlowMatching": dict(hidden_units=8), "TarFlow": dict(num_blocks=1, **TOKENS),
    "WaveNet": dict(num_layers=1, dilations=(1, 2), hidden_channels=4, skip_channels=4),
    "Jet": dict(num_bins=17, num_couplings=1, **TOKENS),
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_every_conditional_model_takes_one(name):
    shape = (4, 4, 1) if name == "Jet" else (4,)
    flow = getattr(tfp_flows, name)(shape, context_shape=SETS, context_network=Pooled(), **SMALL[name])
    assert flow.takes_context and flow.known_context_shape == SETS
    weight = flow.get_config()
    assert weight["context_network"]["class_name"] == "Pooled" and weight["context_shape"] == SETS
    for k, variable in enumerate(flow.trainable_weights):
        variable.assign_add(0.3 * tf.random.stateless_normal(variable.shape, [k, 7]))
    context = tf.constant(OBSERVED[:2])
    with tf.GradientTape() as tape:
        tape.watch(context)
        if name == "FlowMatching":
            value = tf.reduce_sum(flow.context_at_the_field(context))
        else:
            value = tf.reduce_sum(flow.distribution.log_prob(tf.ones([2, *shape]), **flow.options(context)))
    assert np.abs(tape.gradient(value, context)).max() > 1e-6


of_five = keras.Sequential([keras.Input((5, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])


@pytest.mark.parametrize("arguments, message", [
    (dict(context_network=Pooled()), "Expected a context_shape beside context_network, the shape of one context"),
    (dict(context_network=3, context_shape=SETS), "Expected a Keras layer or model as context_network; got 3"),
    (dict(context_network=keras.layers.Dense(3), context_shape=SETS),
     r"Expected a context_network that makes vectors \(n, m\) of n contexts; got \(2, 6, 3\) of 2"),
    (dict(context_network=of_five, context_shape=SETS),
     r"Expected a context_network of contexts \(n, \*\(6, 1\)\); got "),
    (dict(context_network=Pooled(), context_shape=SETS, num_classes=3), "Expected context_shape or num_classes"),
])  # fmt: skip
def test_what_is_no_such_network_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        tfp_flows.MAF((2,), num_layers=1, hidden_units=8, **arguments)
