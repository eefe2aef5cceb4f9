"""Flow refuses bad input, bad models and nothing to train in one sentence each."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.distributions import coupling, data, normal, ours

tfb, tfd = tfp.bijectors, tfp.distributions


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda f: f.log_prob(np.zeros([4, 3], "float32")), r"Expected x of shape \(batch, 2\); got \(4, 3\)"),
        (lambda f: f.log_prob(np.zeros([3], "float32")), r"Expected x of shape \(batch, 2\); got \(3\)"),
        (lambda f: f.log_prob(np.zeros([4, 2], int)), "Expected floating-point events in x, .* got int64"),
        (lambda f: f.log_prob(np.array([["a", "b"]])), "Expected numbers in x; got"),
        (lambda f: f.log_prob(np.array([[np.nan, 0.0]])), "Expected finite numbers in x; got 1 NaN or infinite"),
        (lambda f: f.log_prob(np.zeros([0, 2], "float32")), "Expected x to hold at least one event"),
        (lambda f: f.encode(np.array([[np.inf, 0.0]])), "Expected finite numbers in x"),
        (lambda f: f.decode(np.zeros([4, 3], "float32")), r"Expected z of shape \(batch, 2\)"),
        (lambda f: f.sample(0), "Expected n to be a positive integer; got 0"),
        (lambda f: f.sample(2.5), "Expected n to be a positive integer; got 2.5"),
        (lambda f: f.sample(2, temperature=-1.0), "Expected temperature to be a finite number of at least 0; got -1.0"),
        (lambda f: f.sample(2, temperature=np.nan), "Expected temperature to be a finite number"),
        (lambda f: f.sample(2, seed="a"), "Expected seed to be an integer"),
        (lambda f: f.fit(np.zeros([4, 3], "float32")), r"Expected x of shape \(batch, 2\); got \(4, 3\)"),
        (lambda f: f.fit(np.full([4, 2], np.nan)), "Expected finite numbers in x; got 8"),
        (lambda f: f.fit(np.zeros([0, 2], "float32")), "Expected x to hold at least one event"),
        (lambda f: f.fit(tf.data.Dataset.from_tensors(np.zeros([4, 3], "float32"))), r"Expected x of shape"),
        (lambda f: f.fit(tf.data.Dataset.from_tensors(data(4)).take(0)), "Expected a data set with at least one batch"),
        (lambda f: f.fit(data(8), validation_data=(np.zeros([4, 3], "float32"),)), "Expected validation_data of shape"),
        (lambda f: f.evaluate(np.full([4, 2], np.nan)), "Expected finite numbers"),
        (lambda f: f.predict(np.full([4, 2], np.nan)), "Expected finite numbers"),
        (lambda f: f.compile("adam", loss="mse"), "Expected an objective of tfp_flows.objectives as loss; got 'mse'"),
        (lambda f: f.compile("adam", metrics=["mae"]), "Expected no metrics"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, message):
    flow = tfp_flows.Flow(ours())
    flow.compile("adam")
    with pytest.raises(ValueError, match=message):
        call(flow)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: tfp_flows.Flow("normal"), "Expected a tfd.Distribution; got str"),
        (lambda: tfp_flows.Flow(tfd.Normal([0.0, 1.0], 1.0)), r"Expected a distribution with batch shape \(\)"),
        (
            lambda: tfp_flows.Flow(tfd.TransformedDistribution(normal(3), coupling(2))),
            r"Expected events of shape \(2,\) in a coupling with this mask; got a tensor of shape \(2, 3\)",
        ),
        (lambda: tfp_flows.NICE(event_shape=(1,)), r"Expected event_shape \(n,\) with n >= 2"),
        (lambda: tfp_flows.RealNVP(event_shape=(4,), mask="third"), "Expected mask to be one of"),
        (lambda: tfp_flows.NICE(event_shape=(4,), prior="cauchy"), "Expected prior to be one of"),
        (lambda: tfp_flows.RealNVP(event_shape=(4,), num_bins=1), "Expected num_bins to be an integer of at least 2"),
    ],
)
def test_bad_models_are_refused(make, message):
    with pytest.raises(Exception, match=message):
        flow = make()
        flow.log_prob(np.zeros([2, *flow.event_shape], "float32"))


def test_nothing_to_train_is_refused():
    flow = tfp_flows.Flow(tfd.TransformedDistribution(normal(), tfb.Scale(2.0)))
    flow.compile("adam")
    with pytest.raises(
        ValueError, match="Expected a distribution with at least one trainable variable to fit; got none"
    ):
        flow.fit(data())
