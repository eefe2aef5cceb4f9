"""TarFlow: what a patch depends on, exact densities, cached samples, noise that is taken out, guidance, refusals."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests import checks
from tests.checks import eagerly
from tfp_flows import serving
from tfp_flows.dequantization import Gaussian
from tfp_flows.flow import AutoregressiveSampler, named_sampler
from tfp_flows.flow.autoregressive_sampler import denoised

tfd = tfp.distributions
# What is traced has tests of its own: of the solver, and of every model.
untraced = pytest.mark.usefixtures("untraced")
TINY = dict(patch_size=2, channels=8, num_blocks=2, num_layers=1, num_heads=2)


def shaken(event_shape=(4, 6, 1), dtype="float64", scale=0.3, **options):
    """With weights that are not what they start as, where every block is the identity."""
    flow = tfp_flows.TarFlow(event_shape, dtype=dtype, **{**TINY, **options})
    for k, weight in enumerate(flow.trainable_weights):
        weight.assign_add(scale * tf.random.stateless_normal(weight.shape, [k, 1], dtype=weight.dtype))
    return flow


@functools.cache
def by_class(**options):
    return shaken((4, 4, 1), num_classes=3, **options)


def blocks(flow):
    return [
        part for part in flow.distribution.bijector.submodules if isinstance(part, tfp_flows.bijectors.Autoregressive)
    ]


def test_a_patch_depends_on_those_before_it_in_orders_that_alternate():
    layers = blocks(shaken())
    assert [layer.conditioner.reverse for layer in layers] == [False, True]
    for layer in layers:
        x = tf.random.stateless_normal([1, *layer.event_shape], [0, 1], dtype=tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(x)
            raw = tf.reduce_sum(layer.conditioner(x) ** 2, axis=(2, 3))
        depends = np.abs(tape.batch_jacobian(raw, x).numpy()[0]).sum(-1) > 0
        lower = np.tril(np.ones((6, 6), bool), -1)
        np.testing.assert_array_equal(depends, lower.T if layer.conditioner.reverse else lower)


def test_positions_belong_to_places_of_the_event():
    """Whatever the order: the last one's is of no patch's parameters."""
    for layer in blocks(shaken()):
        net, x = layer.conditioner, tf.random.stateless_normal([1, *layer.event_shape], [0, 1], dtype=tf.float64)
        for place in (0, 2, 5):
            moved = np.zeros(net.trunk.positions.shape)
            moved[place] = 1.0
            before = net(x)
            net.trunk.positions.assign_add(moved)
            changed = np.abs(net(x) - before).max((0, 2, 3)) > 0
            net.trunk.positions.assign_sub(moved)
            places = np.arange(6)
            np.testing.assert_array_equal(changed, places < place if net.reverse else places > place)


@untraced
def test_the_density_is_exact():
    flow = shaken((2, 4, 1), num_bins=7, edges=(0, 1, 7), equalize=True)
    x = tf.random.stateless_uniform([3, 2, 4, 1], [0, 1], 0, 7, dtype=tf.float64)
    bijector = flow.distribution.bijector
    z = bijector.inverse(tf.identity(x))
    jacobian = checks.jacobian_log_det(lambda x: tf.reshape(bijector.inverse(x), [-1, 8]), x)
    wanted = tf.reduce_sum(tfd.Normal(tf.zeros([], tf.float64), 1.0).log_prob(z), axis=(1, 2)) + jacobian
    checks.close(flow.log_prob(x), wanted, 1e-8)
    assert np.abs(z - tf.reshape(x, z.shape)).max() > 0.1
    checks.close(bijector.forward(tf.identity(z)), x, 1e-9)


@untraced
def test_a_block_is_the_papers_equation_and_integers_are_on_minus_1_to_1():
    """By hand from the two networks, patches taken by slices."""
    flow = shaken((2, 4, 1), num_bins=16)
    x = np.random.default_rng(0).uniform(0, 16, (3, 2, 4, 1))
    units = x / 8 - 1
    z = tf.stack([units[:, :, :2].reshape(3, 4), units[:, :, 2:].reshape(3, 4)], axis=1)
    for layer in blocks(flow):
        raw = layer.conditioner(z)
        a = 5 * tf.tanh(raw[..., 0] / 5)
        z = (z - raw[..., 1]) * tf.exp(-a)
    checks.close(flow.encode(x), z, 1e-9)


@untraced
@pytest.mark.parametrize("patch_size, event_shape", [(1, (2, 3, 2)), (3, (3, 6, 1)), (2, (6,))])
def test_cached_samples_are_those_of_whole_passes(patch_size, event_shape):
    flow = shaken(event_shape, patch_size=patch_size)
    drawn = flow.sample(3, seed=1)
    y = flow.base.sample(3, seed=(0, 1))
    for layer in reversed(blocks(flow)):
        y, x = layer._solve(layer._step, y, None), y
        assert np.abs(y - x).max() > 0.01
    first = tfp_flows.bijectors.Chain(flow.distribution.bijector.bijectors[:-1])
    checks.close(drawn, first.forward(y), 1e-9)


def test_classes_that_are_left_out_are_the_mean_of_all():
    flow = by_class()
    net = blocks(flow)[0].conditioner
    labels = tf.eye(3, dtype=tf.float64)
    mean = tf.reduce_mean(net.trunk.embedded_context(labels), axis=0)
    checks.close(net.trunk.embedded_context(flow.no_label(labels[:1]))[0], mean, 1e-12)
    assert flow.label_dropout == 0.1 and shaken().label_dropout == 0.0


@pytest.mark.parametrize("dequantization", ["uniform", "gaussian"])
def test_training_leaves_labels_out_and_scores_do_not(dequantization):
    """The loss of a batch, with the labels that the seed leaves out replaced by hand."""
    flow = by_class(num_bins=8, label_dropout=0.5, dequantization=dequantization)
    x = np.random.default_rng(0).integers(0, 8, (40, 4, 4, 1))
    labels, seed = np.arange(40) % 3, tf.constant([3, 4])
    with eagerly():
        given = tf.one_hot(labels, 3, dtype=tf.float64)
        left = flow.with_labels_left_out(given, tf.random.experimental.stateless_fold_in(seed, 1), True)
        noisy = flow.dequantization(x, seed, dtype=tf.float64)[0]
        gone = np.ptp(left, axis=1) == 0
        assert 8 < gone.sum() < 32 and (gone != (np.asarray(noisy)[:, 0, 0, 0] % 1 < 0.5)).any()
        for training, features in ((True, left), (False, given)):
            wanted = flow.distribution.log_prob(tf.identity(noisy), bijector_kwargs={"context": features})
            got = -flow.objective(flow, tf.constant(x), tf.constant(labels), seed=seed, training=training)
            checks.close(got, wanted, 1e-9)


@untraced
def test_noise_is_taken_out_as_of_a_normal_whose_score_is_known():
    """x ~ N(m, s^2) with noise of sigma: the mean of x given x + noise is x + noise pulled towards m."""
    flow = tfp_flows.TarFlow((4,), patch_size=2, channels=8, num_blocks=1, num_layers=1, dequantization="gaussian",
                             noise_scale=0.5, dtype="float64")  # fmt: skip
    standardize = flow.distribution.bijector.bijectors[0]
    # Fitted to noisy data exactly: the blocks are the identity.
    standardize.set_statistics(np.full(4, 3.0), np.full(4, np.log(np.hypot(2.0, 0.5))))
    drawn = {}
    for denoise in (True, False):
        flow.sampler = AutoregressiveSampler(denoise=denoise)
        drawn[denoise] = flow.sample(2000, seed=0)
    share = 0.25 / 4.25
    checks.close(drawn[True], drawn[False] * (1 - share) + 3.0 * share, 1e-9)
    assert abs(np.std(drawn[False]) - 4.25**0.5) < 0.05


@untraced
def test_the_noise_is_in_the_unit_of_levels_between_minus_1_and_1():
    """Samples lose it about their own levels, those within the bins."""
    flow = shaken((2, 4, 1), num_bins=256, dequantization="gaussian", noise_scale=0.05, scale=0.02)
    assert flow.dequantization.scale == 6.4 and flow.dequantization.num_bins == 256
    flow.sampler = AutoregressiveSampler(denoise=False)
    noisy = flow.sample(20, seed=2, temperature=0.3)
    flow.sampler = AutoregressiveSampler()
    clean = flow.sample(20, seed=2, temperature=0.3)
    wanted = denoised(flow, noisy, None, 6.4)
    inside = np.all((noisy > 0) & (noisy < 255) & (wanted > 0) & (wanted < 255), axis=(1, 2, 3))
    assert inside.sum() > 5 and np.abs(wanted - noisy)[inside].max() > 0.1
    checks.close(clean[inside], wanted[inside], 1e-9)


@untraced
def test_noisy_data_have_no_bits():
    """Nor is a density beyond the bins zero: noise goes there."""
    x = np.random.default_rng(0).integers(0, 8, (32, 4, 4, 1)).astype("uint8")
    for dequantization, names in (("uniform", {"loss", "nll", "bits_per_dim"}), ("gaussian", {"loss", "nll"})):
        flow = shaken((4, 4, 1), dtype="float32", num_bins=8, dequantization=dequantization, scale=0.0)
        flow.compile("adam")
        assert set(flow.evaluate(x, verbose=0, return_dict=True)) == names
        if dequantization == "gaussian":
            with pytest.raises(ValueError, match="Expected num_samples=1 for a flow of noisy data, .*; got 2"):
                tfp_flows.training.nll_per_event(flow, x, num_samples=2)
        beyond = flow.log_prob(np.full([1, 4, 4, 1], -0.5, "float32"))
        assert np.isfinite(beyond).all() == (dequantization == "gaussian")


@untraced
def test_guidance_is_what_it_says():
    """Weight 1 is plain sampling; another is, layer by layer, the equation with parameters of two whole passes."""
    flow = by_class()
    drawn = {}
    for weight in (None, 1.0, 1.0 + 1e-9, 3.0):
        flow.sampler = AutoregressiveSampler(1.0 if weight is None else weight)
        drawn[weight] = flow.sample(4, seed=5, context=[0, 1, 2, 0])
    np.testing.assert_array_equal(drawn[1.0], drawn[None])
    checks.close(drawn[1.0 + 1e-9], drawn[1.0], 1e-6)
    own = tf.one_hot([0, 1, 2, 0], 3, dtype=tf.float64)
    y = flow.base.sample(4, seed=(0, 5))
    for layer in reversed(blocks(flow)):
        z, net = y, layer.conditioner
        place = np.arange(4)[::-1] if net.reverse else np.arange(4)
        w = (1 + 2 * place / 3)[:, None, None]
        for _ in range(4):
            free = net(y, context=flow.no_label(own))
            raw = free + w * (net(y, context=own) - free)
            y = layer._step(z, raw)
    first = tfp_flows.bijectors.Chain(flow.distribution.bijector.bijectors[:-1])
    checks.close(drawn[3.0], first.forward(y), 1e-9)
    assert np.abs(drawn[3.0] - drawn[1.0]).max() > 0.01


def test_it_is_served_guided_and_denoised(tmp_path):
    flow = shaken((4, 4, 1), "float32", num_bins=8, num_classes=3, dequantization="gaussian", scale=0.1)
    flow.sampler = named_sampler("autoregressive", guidance=2.0)
    drawn = flow.sample(3, context=[0, 1, 2], seed=1)
    served = serving.load(serving.export(flow, tmp_path, warmup=False))
    np.testing.assert_allclose(served.sample(3, [0, 1], context=[0, 1, 2]), drawn, rtol=1e-3, atol=1e-3)
    x, labels = np.zeros([2, 4, 4, 1], np.int32), [0, 1]
    for seed in (None, [0, 1]):
        (answer,) = served.score(x, seed=seed, context=labels).items()
        assert answer[0] == "log_prob" and np.isfinite(answer[1]).all()
    flow.sampler = AutoregressiveSampler(2.0, denoise=False)
    assert np.abs(flow.sample(3, context=[0, 1, 2], seed=1) - drawn).max() > 1e-3


def test_bayes_rule_tells_classes_apart():
    """argmax over labels of p(x given label): as many densities as there are classes."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    x = (random.normal(size=(400, 4)) + 3 * labels[:, None] * [1, -1, 1, -1]).astype("float32")
    flow = tfp_flows.TarFlow((4,), num_classes=2, **TINY)
    flow.compile(tfp_flows.training.FusedAdam(1e-2))
    flow.fit(x, labels, batch_size=100, epochs=10, verbose=0)
    scores = np.stack([flow.log_prob(x, context=k) for k in range(2)])
    assert (scores.argmax(0) == labels).mean() > 0.97


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: shaken((4, 5, 1)), "Expected a patch_size that divides 4 and 5; got 2"),
        (lambda: shaken((5,)), "Expected a patch_size that divides 5; got 2"),
        (lambda: shaken((2, 2, 1)), r"Expected a patch_size that leaves two patches at least; got 2 of \(2, 2, 1\)"),
        (lambda: shaken(patch_size=0), "Expected patch_size to be a positive integer; got 0"),
        (lambda: shaken((4, 4)), r"Expected event_shape \(n,\) or \(height, width, channels\); got \(4, 4\)"),
        (lambda: shaken(num_heads=3), "Expected channels that are a multiple of num_heads=3; got 8"),
        (lambda: shaken(num_layers=0), "Expected num_layers to be a positive integer; got 0"),
        (lambda: shaken(num_blocks=1.5), "Expected num_blocks to be a positive integer; got 1.5"),
        (lambda: shaken(dequantization="gauss"), r"Expected dequantization to be one of \['uniform', .*'gaussian'\]"),
        (lambda: shaken(dequantization="gaussian", noise_scale=-1), "Expected noise_scale to be a positive finite"),
        (
            lambda: shaken((4,), dequantization="gaussian", integer_columns=[0]),
            r"Expected uniform dequantization with integer_columns=\[0\]; got 'gaussian'",
        ),
        (
            lambda: shaken((4,), integer_columns=[4]),
            r"Expected integer_columns as different .*; got \[4\]",
        ),
        (
            lambda: shaken(preprocessing="quantiles"),
            "Expected preprocessing='quantiles' with vectors",
        ),
        (lambda: shaken(label_dropout=0.1), "Expected num_classes beside label_dropout; got label_dropout=0.1"),
        (lambda: shaken(num_classes=2, context_shape=(1,)), "Expected context_shape or num_classes; got both"),
        (lambda: AutoregressiveSampler(-1.0), "Expected guidance to be a finite number of at least 0; got -1.0"),
        (lambda: AutoregressiveSampler(denoise="no"), "Expected denoise to be True or False; got 'no'"),
        (lambda: named_sampler("autoregressive", 3), "Expected num_steps=None for 'autoregressive'.*; got 3"),
        (lambda: Gaussian(0.0), "Expected scale to be a positive finite number; got 0.0"),
        (lambda: Gaussian(1.0, 1), "Expected num_bins to be an integer of at least 2; got 1"),
        (lambda: tfp_flows.networks.CausalTransformer((1, 4)), r"Expected at least two tokens, .*; got \(1, 4\)"),
        (lambda: tfp_flows.networks.CausalTransformer((4,)), r"Expected event_shape \(length, size\), .*; got \(4,\)"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_models_that_cannot_be_guided_refuse():
    for options, context in (({}, None), (dict(num_classes=3, label_dropout=0.0), 1)):
        flow = shaken((4, 4, 1), **options)
        flow.sampler = AutoregressiveSampler(2.0)
        with pytest.raises(ValueError, match="Expected guidance 1 of a model without classes, .*; got 2.0"):
            flow.sample(2, context=context, seed=0)
    mixture = tfd.MixtureSameFamily(tfd.Categorical([0.5, 0.5]), tfd.MultivariateNormalDiag(tf.zeros([2, 2])))
    with pytest.raises(ValueError, match="Expected a base pushed through a bijector; got MixtureSameFamily"):
        tfp_flows.Flow(mixture, sampler=AutoregressiveSampler()).sample(2, seed=0)
    coupling = tfp_flows.bijectors.AffineCoupling(
        tfp_flows.masks.half(2), tfp_flows.networks.MLP(2, context_shape=(3,))
    )
    with pytest.raises(ValueError, match="Expected autoregressive layers alone to take the context .*; got 'affine"):
        x, context = tf.zeros([1, 2]), tf.zeros([1, 3])
        tfp_flows.bijectors.forward_guided(coupling, x, context, context, 2.0)
