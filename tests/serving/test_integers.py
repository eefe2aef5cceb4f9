"""Integers are scored as the integers they are, and drawn within their range, in Python and served alike."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows import serving
from tfp_flows.flow import DistributionSampler, sampler
from tfp_flows.flow.signatures import signatures

SHAPE, BINS = (4, 4, 1), 17


def noisy():
    return tfp_flows.Glow(SHAPE, BINS, dequantization="variational", num_levels=1, num_steps=1, hidden_channels=4)


def by_class():
    return tfp_flows.MAF((6,), BINS, num_layers=2, hidden_units=8, num_classes=3)


@pytest.fixture(scope="module", params=[noisy, by_class])
def both(request, tmp_path_factory):
    """A flow of integers, trained a little, what is served of it, events and labels or nothing."""
    keras.utils.set_random_seed(0)
    flow = request.param()
    random = np.random.default_rng(0)
    x = random.integers(0, BINS, (40, *flow.event_shape))
    context = random.integers(0, 3, 40) if flow.takes_context else None
    flow.compile(keras.optimizers.Adam(1e-2))
    flow.fit(x, context, verbose=0)
    served = serving.load(serving.export(flow, tmp_path_factory.mktemp("served")))
    return flow, served, x[:5], None if context is None else context[:5]


def test_the_same_integers_have_the_same_score(both):
    flow, served, x, context = both
    expected = flow.log_prob(x, context).numpy()
    answer = served.score(x, context=context)
    np.testing.assert_allclose(answer["log_prob"], expected, rtol=1e-5)
    bits = -expected / (math.prod(flow.event_shape) * math.log(2))
    np.testing.assert_allclose(answer["bits_per_dim"], bits, rtol=1e-5)
    # As reals they stand at the centres of their bins.
    np.testing.assert_allclose(served.log_prob(x + np.float32(0.5), context), expected, rtol=1e-5)


def test_the_bound_is_a_function_of_the_seed(both):
    flow, served, x, context = both
    first, again, other = (served.score(x, seed=seed, context=context) for seed in ([1, 2], [1, 2], [1, 3]))
    np.testing.assert_array_equal(first["log_prob"], again["log_prob"])
    assert np.abs(first["log_prob"] - other["log_prob"]).max() > 1e-3
    options = {} if context is None else {"context": tf.constant(context, tf.int32)}
    expected = flow(tf.constant(x, tf.int32), seed=tf.constant([1, 2]), **options)
    np.testing.assert_allclose(first["log_prob"], expected, rtol=1e-4)


def test_bytes_have_the_same_score(both):
    """Of images as they are stored, and by the signature of bytes."""
    _, served, x, context = both
    asked, call = [], served._answer
    served._answer = lambda signature, arrays: asked.append((signature, arrays["x"].dtype)) or call(signature, arrays)
    try:
        for seed in (None, [3, 4]):
            of_bytes, answer = (served.score(each, seed, context) for each in (x.astype(np.uint8), x))
            for name, values in answer.items():
                np.testing.assert_array_equal(of_bytes[name], values)
    finally:
        del served._answer
    names = ["score_uint8", "score", "score_with_noise_uint8", "score_with_noise"]
    assert asked == list(zip(names, [np.uint8, np.int32] * 2))


@pytest.mark.parametrize("both", [by_class], indirect=True)
def test_a_huge_batch_is_scored_some_at_a_time(both, monkeypatch):
    """The same values, whatever the size of the parts; the noise of each part has a seed of its own."""
    flow, served, x, context = both
    monkeypatch.setattr(sampler, "rows_at_once", lambda *given: 2)
    functions = signatures(flow)[0]
    x, labels = np.concatenate([x[:1]] * 5), tf.constant(context, tf.int32)
    z = served.encode(x + 0.5, context)
    ask = lambda name, **inputs: functions[name](context=labels[: len(next(iter(inputs.values())))], **inputs)
    for name, values, expected in (
        ("log_prob", {"x": tf.constant(x + 0.5, tf.float32)}, {"log_prob": served.log_prob(x + 0.5, context)}),
        ("encode", {"x": tf.constant(x + 0.5, tf.float32)}, {"z": z}),
        ("decode", {"z": tf.constant(z)}, {"x": served.decode(z, context)}),
        ("score", {"x": tf.constant(x, tf.int32)}, served.score(x, context=context)),
        ("score_uint8", {"x": tf.constant(x, tf.uint8)}, served.score(x, context=context)),
    ):
        got = ask(name, **values)
        for key, value in expected.items():
            np.testing.assert_allclose(got[key], value, rtol=1e-5, atol=1e-5)
        # No rows are a part too.
        (key, of_none), *_ = ask(name, **{key: value[:0] for key, value in values.items()}).items()
        assert of_none.shape == (0, *expected[key].shape[1:])
    seeded = lambda x, seed: ask("score_with_noise", x=tf.constant(x, tf.int32), seed=tf.constant(seed))["log_prob"]
    labels = tf.zeros(5, tf.int32)
    noisy = seeded(x, [1, 2]).numpy()
    np.testing.assert_allclose(noisy[:2], served.score(x[:2], [1, 2], np.zeros(2, int))["log_prob"], rtol=1e-5)
    assert len(np.unique(noisy)) == 5


@pytest.mark.parametrize("temperature", [0.0, 1.0, 30.0])
def test_samples_are_within_their_range(both, temperature):
    _, served, _, context = both
    x = served.sample(60, [3, 4], temperature, None if context is None else np.arange(60) % 3)
    assert np.isfinite(x).all() and x.min() >= 0 and np.floor(x).max() <= BINS - 1


def test_beyond_the_bins_there_is_nothing(both):
    _, served, x, context = both
    x = x.copy()
    x[1].flat[2], x[3].flat[0] = BINS, -1
    for seed in (None, [0, 1]):
        answer = served.score(x, seed, context)["log_prob"]
        np.testing.assert_array_equal(np.isneginf(answer), [0, 1, 0, 1, 0])


@pytest.mark.parametrize("n, temperature, message", [
    (0, 1.0, "Expected n to be a positive integer; got 0"),
    (-3, 1.0, "Expected n to be a positive integer; got -3"),
    (2, -0.5, "Expected temperature to be a finite number of at least 0; got -0.5"),
    (2, np.nan, "Expected temperature to be a finite number"),
    (2, np.inf, "Expected temperature to be a finite number"),
])  # fmt: skip
def test_a_client_is_told_what_is_wrong(both, n, temperature, message):
    """By the graph, which is all that a server has."""
    _, served, _, context = both
    sample = tf.saved_model.load(served.path).signatures["sample"]
    given = {"n": tf.constant(n), "seed": tf.constant([1, 2]), "temperature": tf.constant(temperature, tf.float32)}
    if context is not None:
        given["context"] = tf.zeros([max(n, 0)], tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        sample(**given)


def test_reals_are_no_integers(both):
    _, served, x, context = both
    with pytest.raises(ValueError, match="Expected integers in x; got float64"):
        served.score(x + 0.5, context=context)


def test_continuous_data_have_no_score(tmp_path):
    flow = tfp_flows.MAF((2,), num_layers=1, hidden_units=4)
    served = serving.load(serving.export(flow, tmp_path, warmup=False))
    assert served.signatures == ("decode", "encode", "log_prob", "sample", "serving_default")
    with pytest.raises(ValueError, match="Expected a model that serves score; got one that serves"):
        served.score(np.zeros((1, 2), int))


def test_any_number_of_events_is_drawn_some_at_a_time(both, monkeypatch):
    flow, _, _, context = both
    labels = None if context is None else np.arange(23) % 3
    expected = flow.sample(23, seed=[5, 6], context=labels).numpy()
    n, seed, t = tf.constant(23), tf.constant([5, 6]), tf.constant(1.0)
    features = None if labels is None else flow.features(tf.constant(labels, tf.int32))
    sampler = DistributionSampler(7 * math.prod(flow.event_shape))
    sizes, forward = [], flow.distribution.bijector.forward

    def watched(z, **context):
        sizes.append(len(z))
        return forward(z, **context)

    monkeypatch.setattr(flow.distribution.bijector, "forward", watched)
    x = sampler(flow, n, seed, t, features).numpy()
    assert sizes == [7, 7, 7, 2]
    np.testing.assert_allclose(np.clip(x, 0, np.nextafter(np.float32(BINS), np.float32(0))), expected, atol=1e-3)
