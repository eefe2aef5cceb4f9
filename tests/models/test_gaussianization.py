"""Gaussianization: what the data set by themselves, from as many events as are asked for, and what training adds."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests import checks
from tfp_flows import bijectors
from tfp_flows.numerics.reflections import reflect, reflections_of

tfd = tfp.distributions


def mixed(n=3000, seed=0):
    """Two independent columns that are not normal, turned by 30 degrees, in units that are not 1."""
    random = np.random.default_rng(seed)
    sources = np.stack([random.exponential(size=n), random.uniform(-1, 1, n)], 1) / [1, np.sqrt(1 / 3)]
    turn = np.array([[np.sqrt(3), 1], [-1, np.sqrt(3)]]) / 2
    return sources @ turn * 5.0 + 100.0, 1.0 + np.log(2 * np.sqrt(3)) + 2 * np.log(5.0)


def test_reflections_at_once_are_those_one_after_the_other():
    random = np.random.default_rng(0)
    vectors, x = random.normal(size=(3, 5)), random.normal(size=(2, 5))
    vectors[1] = 0
    want = np.copy(x)
    for v in vectors[::-1]:
        want -= 2 * np.outer(want @ v, v) / max(v @ v, 1e-12)
    checks.close(reflect(tf.constant(x), tf.constant(vectors)), want, 1e-14)
    checks.close(reflect(tf.constant(want), tf.constant(vectors), back=True), x, 1e-14)
    each = np.stack([vectors, random.normal(size=(3, 5))])
    rows = [reflect(tf.constant(row), tf.constant(own)) for row, own in zip(x, each)]
    checks.close(reflect(tf.constant(x), tf.constant(each)), rows, 1e-14)


@pytest.mark.parametrize("n", [1, 2, 6])
def test_any_orthogonal_matrix_is_a_product_of_reflections(n):
    matrix = np.linalg.qr(np.random.default_rng(n).normal(size=(n, n)))[0]
    product = reflect(tf.eye(n, dtype=tf.float64), tf.constant(reflections_of(matrix))).numpy().T
    checks.close(np.abs(np.sum(product * matrix, 0)), np.ones(n), 1e-12)


def test_rotations_begin_along_principal_and_independent_components():
    x, _ = mixed()
    rotation = bijectors.DataRotation(2, "pca", dtype="float64")
    with bijectors.initializing():
        z = rotation.inverse(tf.constant(x)).numpy()
    variances = np.linalg.eigvalsh(np.cov(x.T))
    checks.close(np.cov(z.T), np.diag(variances[::-1]), 1e-9)
    white = (x - x.mean(0)) @ np.linalg.cholesky(np.linalg.inv(np.cov(x.T)))
    rotation = bijectors.DataRotation(2, "ica", dtype="float64")
    with bijectors.initializing():
        z = rotation.inverse(tf.constant(white)).numpy()
    random = np.random.default_rng(0)
    sources = np.stack([random.exponential(size=len(x)), random.uniform(-1, 1, len(x))])
    matches = np.abs(np.corrcoef(z.T, sources)[:2, 2:])
    assert sorted(matches.max(1))[0] > 0.995 and set(matches.argmax(1)) == {0, 1}
    # Samples say nothing of the data.
    fresh = bijectors.DataRotation(2)
    with bijectors.initializing():
        fresh.forward(tf.ones([3, 2]))
    assert not fresh.needs_initialization and np.array_equal(fresh.vectors, bijectors.DataRotation(2).vectors)


def test_marginals_begin_as_kernels_at_quantiles_and_keep_their_tails():
    random = np.random.default_rng(0)
    x = np.stack([random.exponential(size=4000), random.normal(size=4000)], 1) * [1e-6, 1e6] + [1e-4, -3e7]
    layer = bijectors.MarginalGaussianization((2,), num_components=32, dtype="float64")
    with bijectors.initializing():
        layer.inverse(tf.constant(x[:2000]))
    z = layer.inverse(tf.constant(x[2000:]))
    log_det = layer.inverse_log_det_jacobian(tf.constant(x[2000:]), event_ndims=1)
    score = np.mean(log_det - tf.reduce_sum(z**2, -1) / 2) - np.log(2 * np.pi)
    truth = -1.0 - np.log(1e-6) - 0.5 * np.log(2 * np.pi * np.e) - np.log(1e6)
    assert truth - 0.1 < score < truth + 0.03
    checks.close(np.mean(z**2, 0), [1, 1], 0.1)


def test_without_a_gradient_it_is_fitted_by_the_data_alone_from_more_than_a_batch():
    x, entropy = mixed()
    flow = tfp_flows.Gaussianization(
        (2,), num_layers=3, num_components=24, rotation="ica", is_trained=False, num_events=2000
    )
    flow.compile("adam")
    # Batches in an order of which the first says nothing of the rest.
    x = x[np.argsort(x[:, 0])]
    held_out, _ = mixed(seed=1)
    history = flow.fit(tf.data.Dataset.from_tensor_slices(x.astype("float32")).batch(50).repeat(1), verbose=0)
    layers = [part for part in flow.distribution.submodules if isinstance(part, bijectors.MarginalGaussianization)]
    assert len(layers) == 3 and not flow.trainable_variables
    assert all(part.num_initial_events == 2000 and not part.needs_initialization for part in layers)
    # Of 2,000 of 3,000 sorted ones: what it has seen is fitted.
    seen = x[:2000].astype("float32")
    assert -np.mean(flow.log_prob(seen)) < entropy and np.isfinite(history.history["nll"][-1])
    again = tfp_flows.Gaussianization((2,), num_layers=3, num_components=24, rotation="ica", is_trained=False)
    again.compile("adam")
    again.fit(np.random.default_rng(0).permutation(x).astype("float32"), batch_size=50, verbose=0)
    assert entropy - 0.05 < -np.mean(again.log_prob(held_out.astype("float32"))) < entropy + 0.25
    checks.close(np.std(again.encode(held_out.astype("float32")), 0), [1, 1], 0.05)


def test_a_generator_loses_none_of_the_batches_that_the_start_takes():
    x = mixed(200)[0].astype("float32")
    flow = tfp_flows.Gaussianization((2,), num_layers=1, num_components=4, num_events=120)
    flow.compile("adam")
    seen = []
    flow.fit((seen.append(i) or x[50 * i : 50 * i + 50] for i in range(4)), verbose=0)
    assert seen == [0, 1, 2, 3] and int(flow.optimizer.iterations) == 4


def test_weights_beside_no_contexts_start_from_many_batches_too():
    x = mixed(200)[0].astype("float32")
    flow = tfp_flows.Gaussianization((2,), num_layers=1, num_components=4, num_events=120)
    flow.compile("adam")
    flow.fit(x, sample_weight=np.ones(200), batch_size=50, verbose=0)
    assert flow.is_initialized and int(flow.optimizer.iterations) == 4


def test_an_objective_without_data_asks_for_none():
    target = tfd.MultivariateNormalDiag([1.0, 2.0], [0.5, 3.0])
    flow = tfp_flows.Gaussianization((2,), num_layers=2, num_components=4)
    flow.compile("adam", loss=tfp_flows.objectives.ReverseKL(target))
    flow.fit(steps_per_epoch=3, batch_size=20, verbose=0)
    assert flow.is_initialized and int(flow.optimizer.iterations) == 3


def test_what_is_trained_elsewhere_and_frozen_here_is_refused():
    flow = tfp_flows.Gaussianization((2,), num_layers=2, num_components=4)
    flow.trainable = False
    flow.compile("adam")
    with pytest.raises(ValueError, match="Expected a distribution with at least one trainable variable to fit"):
        flow.fit(mixed(100)[0].astype("float32"), verbose=0)


def test_patches_are_the_largest_where_none_is_small():
    flow = tfp_flows.Gaussianization((11, 22, 1), num_layers=1, num_components=2)
    assert flow.get_config()["patch_sizes"] == (11,)


@pytest.mark.parametrize(
    "shape, arguments, message",
    [
        ((4,), dict(rotation="svd"), r"Expected rotation to be one of \['pca', 'ica', 'random'\]; got 'svd'"),
        ((4,), dict(patch_sizes=2), r"Expected patch_sizes of images alone; got 2 for events of shape \(4,\)"),
        ((4, 6, 1), dict(patch_sizes=(2, 3)), r"Expected patch_sizes to be .* that divide 4 and 6; got \[2, 3\]"),
        ((4, 6, 1), dict(patch_sizes=()), "Expected at least one of patch_sizes; got none"),
        ((4, 9, 1), {}, "Expected height and width with a common divisor, for patches; got 4 x 9"),
        ((4, 6), {}, r"Expected event_shape \(n,\) or \(height, width, channels\); got \(4, 6\)"),
        ((4,), dict(num_layers=0), "Expected num_layers to be a positive integer; got 0"),
        ((4,), dict(num_components=1), "Expected num_components to be an integer above 1; got 1"),
        ((4,), dict(num_events=0), "Expected num_events to be a positive integer; got 0"),
    ],
)
def test_bad_arguments_are_refused(shape, arguments, message):
    with pytest.raises(ValueError, match=message):
        tfp_flows.Gaussianization(shape, **arguments)


def test_a_start_of_another_name_is_refused():
    with pytest.raises(ValueError, match=r"Expected start to be one of \['pca', 'ica', 'random'\]; got 'lda'"):
        bijectors.DataRotation(3, "lda")
