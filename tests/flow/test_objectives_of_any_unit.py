"""An objective of another unit is logged, monitored and drawn by its own name; a model may state its default."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tfp_flows.objectives import MaximumLikelihood, Objective, ReverseKL
from tfp_flows.pictures import curve
from tfp_flows.runs import Run, RunLog

tfb, tfd = tfp.bijectors, tfp.distributions
X = np.random.default_rng(0).normal(2.0, 1.0, (64, 2)).astype("float32")


class VelocityError(Objective):
    """The squared distance of the shift from the events: no density's, of the unit of the data."""

    unit = "mean squared error"

    def __call__(self, flow, x, context, seed, training):
        return tf.reduce_sum((tf.cast(x, tf.float32) - flow.distribution.bijector.shift) ** 2, -1)


class Shifted(tfp_flows.Flow):
    """A model whose default is not maximum likelihood."""

    def __init__(self, size=2, scale=1.0, name=None):
        base = tfd.MultivariateNormalDiag(tf.zeros(size), scale * tf.ones(size))
        super().__init__(tfd.TransformedDistribution(base, tfb.Shift(tf.Variable(tf.zeros(size)))), name=name)

    def default_objective(self):
        return VelocityError()


class Likely(Shifted):
    def default_objective(self):
        return MaximumLikelihood()


def test_its_name_is_what_is_logged_and_its_values_are_right():
    flow = Shifted()
    flow.compile("sgd")
    found = flow.evaluate(X, verbose=0, return_dict=True)
    assert set(found) == {"loss", "velocity_error"}
    assert found["velocity_error"] == pytest.approx((X**2).sum(-1).mean(), rel=1e-5)
    history = flow.fit(X, validation_data=(X,), epochs=2, verbose=0).history
    assert set(history) == {"loss", "velocity_error", "val_loss", "val_velocity_error"}
    assert history["velocity_error"][1] < history["velocity_error"][0]


def test_integers_have_no_bits_of_what_is_no_likelihood():
    base = tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), 1)
    distribution = tfd.TransformedDistribution(base, tfb.Shift(tf.Variable([0.0, 0.0])))
    flow = tfp_flows.Flow(distribution, dequantization=tfp_flows.Uniform(4))
    flow.compile("sgd", loss=VelocityError())
    events = np.ones([8, 2], "uint8")
    assert set(flow.fit(events, verbose=0).history) == {"loss", "velocity_error"}
    # Compiled anew, what the former objective logged is gone, and its own is right.
    flow.compile("sgd")
    found = flow.evaluate(events, verbose=0, return_dict=True)
    assert set(found) == {"loss", "nll", "bits_per_dim"}
    assert found["bits_per_dim"] == pytest.approx(found["nll"] / (2 * np.log(2)), rel=1e-5)


@pytest.mark.parametrize("objective", [MaximumLikelihood(), VelocityError(), ReverseKL(lambda x: -(x[:, 0] ** 2))])
def test_what_is_logged_is_what_it_says(objective):
    flow = Shifted()
    flow.compile("sgd", loss=objective)
    history = flow.fit(X, verbose=0).history
    assert list(history) == ["loss", *(metric.name for metric in objective.metrics(flow))]
    assert set(objective.units) >= set(history) - {"loss"} and all(objective.units.values())


def test_callbacks_are_told_that_less_is_better():
    flow = Shifted()
    flow.compile("sgd")
    stop = keras.callbacks.EarlyStopping("velocity_error", patience=1, min_delta=1e9)
    assert len(flow.fit(X, epochs=9, callbacks=[stop], verbose=0).history["loss"]) == 2


def test_the_log_of_a_run_goes_by_it(tmp_path):
    """Best weights are those of the least value, also where it is of another unit."""
    config = dict(model="realnvp", arguments=dict(event_shape=[2]), data="moons", data_options={}, training={})
    run = Run.create(tmp_path / "run", config)
    flow = Shifted()
    # Away from the minimum: the first epoch is the best one.
    flow.compile(keras.optimizers.SGD(-0.05))
    flow.fit(X, epochs=3, callbacks=[RunLog(run)], verbose=0)
    assert list(run.read_log()) == ["epoch", "loss", "velocity_error", "seconds"]
    best = Shifted()
    best.load_weights(tmp_path / "run" / "best.weights.h5")
    assert np.abs(best.weights[0]).max() < np.abs(flow.weights[0]).max()
    curve(run.read_log(), tmp_path / "curve.png", units=VelocityError.units)
    with pytest.raises(ValueError, match="velocity_error"):
        curve({"nll": [1.0]}, tmp_path / "other.png", units=VelocityError.units)


def test_a_file_compiles_with_the_default_and_with_nothing_else(tmp_path):
    for kind, objective, comes_back in (
        (Shifted, None, True), (Shifted, MaximumLikelihood(), False),
        (Likely, None, True), (Likely, VelocityError(), False),
    ):  # fmt: skip
        flow = kind(scale=2.0)
        flow.compile("sgd", loss=objective)
        flow.save(tmp_path / "flow.keras")
        loaded = keras.models.load_model(tmp_path / "flow.keras", custom_objects={kind.__name__: kind})
        assert loaded.compiled == comes_back
        if comes_back:
            assert type(loaded.objective) is type(flow.objective)


class TestSubclasses:
    """A subclass of a user's saves whole where its arguments are plain, as Keras' own models do."""

    def test_it_comes_back_with_its_arguments(self, tmp_path):
        flow = Shifted(3, scale=0.5, name="shifted")
        flow.weights[0].assign([1.0, 2.0, 3.0])
        flow.save(tmp_path / "flow.keras")
        loaded = keras.models.load_model(tmp_path / "flow.keras", custom_objects={"Shifted": Shifted})
        assert loaded.name == "shifted"
        x = np.random.default_rng(1).normal(size=(5, 3)).astype("float32")
        np.testing.assert_array_equal(loaded.log_prob(x), flow.log_prob(x))

    def test_of_a_named_model(self, tmp_path):
        class Small(tfp_flows.RealNVP):
            def __init__(self, width, event_shape=(2,), **kwargs):
                super().__init__(event_shape, hidden_units=(width,), num_layers=2, **kwargs)

        flow = Small(5, name="small")
        flow.save(tmp_path / "flow.keras")
        loaded = keras.models.load_model(tmp_path / "flow.keras", custom_objects={"Small": Small})
        np.testing.assert_array_equal(loaded.log_prob(X), flow.log_prob(X))

    def test_without_arguments_of_its_own(self, tmp_path):
        class Plain(tfp_flows.RealNVP):
            pass

        flow = Plain((2,), num_layers=2, hidden_units=(5,))
        flow.save(tmp_path / "flow.keras")
        loaded = keras.models.load_model(tmp_path / "flow.keras", custom_objects={"Plain": Plain})
        np.testing.assert_array_equal(loaded.log_prob(X), flow.log_prob(X))

    def test_what_holds_more_is_refused(self, tmp_path):
        class Wrapping(tfp_flows.Flow):
            def __init__(self, distribution, factor=2):
                super().__init__(distribution)

        flow = Wrapping(Shifted().distribution)
        with pytest.raises(ValueError, match="get_config or with plain arguments.*; got Wrapping, whose"):
            flow.save(tmp_path / "flow.keras")
        with pytest.raises(ValueError, match="got a plain Flow"):
            tfp_flows.Flow(Shifted().distribution).save(tmp_path / "flow.keras")
