"""A reversible chain has the ordinary gradients, in every mode and both directions, and stores nothing on its way."""

import gc
import json
import os
import pathlib
import subprocess
import sys
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.bijectors.test_coupling import conditional
from tests.cases import CASES, build, coupling, events, latents
from tfp_flows import bijectors, masks, serving, transforms
from tfp_flows.networks import MLP, ResNet

pytestmark = pytest.mark.usefixtures("untraced")

tfb, tfd = tfp.bijectors, tfp.distributions
X = tf.random.stateless_normal([6, 4], [0, 1])
CONTEXT = tf.random.stateless_normal([6, 3], [0, 2])
WAYS = ["inverse", "forward"]
OUTSIDE = "a tape outside of the graph"
REFUSED = {name for name in CASES if name.startswith(("batch_norm", "conv_resnet"))}


def twins(parts):
    """An ordinary and a reversible chain of the same parts, with the same weights."""
    return bijectors.Chain(parts), bijectors.Chain(parts, reversible=True)


def gradients(chain, way, value, mode="eager", **context):
    """Of a loss of both the value and the log_det: by the value, the context and every weight."""

    def evaluate(value, context):
        # Another tensor than all before, which TFP's cache does not know.
        value, ndims = tf.identity(value), getattr(chain, f"{way}_min_event_ndims")
        image = getattr(chain, way)(value, **context)
        log_det = getattr(chain, f"{way}_log_det_jacobian")(value, event_ndims=ndims, **context)
        # Not the plain sum of squares, which an orthogonal part leaves as it is.
        weights = 1 + 0.2 * tf.cast(tf.range(tf.shape(image)[-1]), image.dtype)
        return tf.reduce_sum(weights * image**2) - 0.3 * tf.reduce_sum(tf.sin(log_det))

    def differentiate(value, context, evaluate=evaluate):
        with tf.GradientTape() as tape:
            tape.watch((value, context))
            loss = evaluate(value, context)
        found = tape.gradient(loss, [value, *tf.nest.flatten(context), *chain.trainable_variables])
        return [tf.convert_to_tensor(g) for g in found]

    if mode == OUTSIDE:
        return differentiate(value, context, tf.function(evaluate))
    if mode in ("graph", "xla"):
        differentiate = tf.function(differentiate, jit_compile=mode == "xla")
    return differentiate(value, context)


def same(actual, expected, tolerance):
    """Each gradient, relative to its largest component."""
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected):
        assert a.shape == e.shape and np.abs(e).max() > 0
        assert np.abs(a - e).max() <= tolerance * np.abs(e).max()


@pytest.mark.parametrize("name", [name for name in CASES if name not in REFUSED])
def test_every_bijector_can_be_a_part(name):
    scales = [tfb.Scale(tf.Variable(tf.constant(s, tf.float64))) for s in (1.0, 0.5)]
    ordinary, reversible = twins([scales[0], build(name), scales[1]])
    y = events(name, 8)
    for way, value in (("inverse", y), ("forward", ordinary.inverse(y))):
        same(gradients(reversible, way, value), gradients(ordinary, way, value), 1e-6)


@pytest.mark.parametrize("mode", ["graph", "xla", OUTSIDE])
@pytest.mark.parametrize(
    "name, way, dtype, tolerance",
    [("nested_chain", "inverse", "float32", 1e-3), ("image_chain", "forward", "float64", 1e-6)],
)
def test_gradients_are_the_ordinary_ones_in_every_mode(name, way, dtype, tolerance, mode):
    """Of chains with a network that parts share and with parts of TFP's and of several event ranks."""
    ordinary, reversible = twins(list(build(name, dtype).bijectors))
    value = events(name, 8, dtype) if way == "inverse" else latents(name, 8, dtype)
    same(gradients(reversible, way, value, mode), gradients(ordinary, way, value), tolerance)


@pytest.mark.parametrize(
    "mode, way",
    [("eager", "inverse"), ("eager", "forward"), ("graph", "inverse"), ("xla", "forward"), (OUTSIDE, "inverse")],
)
def test_the_context_gets_its_gradient(mode, way):
    """Through an inverted part, and through two parts that share a network."""
    one = conditional()
    two = bijectors.AffineCoupling(~masks.half(4), one.conditioner)
    ordinary, reversible = twins([bijectors.ActNorm(4), one, tfb.Scale(2.0), two, tfb.Invert(conditional())])
    for context in (CONTEXT, CONTEXT[0]) if mode == "eager" else (CONTEXT,):
        expected = gradients(ordinary, way, X, context=context)
        same(gradients(reversible, way, X, mode, context=context), expected, 1e-4)


def test_a_context_by_the_name_of_a_part_gets_its_gradient():
    parts = [conditional(), conditional()]
    for i, part in enumerate(parts):
        part._name = f"part_{i}"
    both = {"part_0": {"context": CONTEXT}, "part_1": {"context": 2 * CONTEXT}}
    ordinary, reversible = twins(parts)
    same(gradients(reversible, "inverse", X, **both), gradients(ordinary, "inverse", X, **both), 1e-4)


@pytest.mark.parametrize("way", WAYS)
def test_parts_with_a_batch_shape_of_their_own(way):
    ordinary, reversible = twins(
        [tfb.Scale(tf.constant([[1.0], [2.0], [3.0]])), bijectors.ActNorm(4), tfb.Shift(tf.ones([2, 1, 4]))]
    )
    value = X[:, None, None]
    same(gradients(reversible, way, value), gradients(ordinary, way, value), 1e-4)


def test_a_deep_chain_in_float32_and_a_tape_that_watches_the_events_only():
    random, parts = np.random.default_rng(0), []
    for mask in masks.alternating(masks.half(6), 24):
        parts += [bijectors.ActNorm(6), coupling(mask, transforms.Affine())("float32")]
    for part in parts:
        for variable in part.trainable_variables:
            variable.assign_add(random.normal(scale=0.1, size=variable.shape))
    ordinary, reversible = twins(parts)
    y = tf.constant(random.normal(size=(16, 6)), tf.float32)
    expected = gradients(ordinary, "inverse", y)
    same(gradients(reversible, "inverse", y), expected, 1e-3)
    scores = []
    for chain in (ordinary, reversible):
        flow = tfd.TransformedDistribution(tfd.Sample(tfd.Normal(0.0, 1.0), 6), chain)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(y)
            log_prob = flow.log_prob(tf.identity(y))
        scores.append(tape.gradient(log_prob, y))
    same(scores[1:], scores[:1], 1e-3)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_networks_of_mixed_precision(policy):
    nets = [MLP(4, (8,), "tanh", 0.0, (3,), "glorot_uniform", dtype=policy) for _ in range(2)]
    assert nets[0].compute_dtype == policy.removeprefix("mixed_")
    one, two = (bijectors.AffineCoupling(masks.half(4), net) for net in nets)
    ordinary, reversible = twins([one, bijectors.Permutation.reverse(4), two])
    pairs = [gradients(c, "inverse", X, "graph", context=CONTEXT) for c in (reversible, ordinary)]
    assert all(g.dtype == tf.float32 for g in pairs[0])
    same(*pairs, 3e-2)


class TrainingScale(keras.layers.Layer):
    """A network that is another function in training."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(2,), initializer="ones")

    def call(self, x, training=None):
        return x * self.scale * (3.0 if training else 1.0)


@pytest.mark.parametrize("training", [True, False])
def test_what_is_rebuilt_is_in_the_mode_of_keras_that_it_was_in(training):
    parts = [
        bijectors.AdditiveCoupling(mask, TrainingScale()) for mask in (masks.half(4), ~masks.half(4), masks.half(4))
    ]
    found = []
    for chain in twins(parts):
        flow = tfp_flows.Flow(tfd.TransformedDistribution(tfd.Sample(tfd.Normal(0.0, 1.0), 4), chain))
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(flow(X, training=training))
        found.append(tape.gradient(loss, chain.trainable_variables))
    same(found[1], found[0], 1e-4)


IMAGES = np.random.default_rng(0).normal(size=(32, 8, 8, 1)).astype("float32")


def glow(**options):
    """Without dequantization, for XLA's noise is another."""
    keras.utils.set_random_seed(0)
    return tfp_flows.Glow((8, 8, 1), num_levels=2, num_steps=1, hidden_channels=8, **options)


def test_glow_is_trained_the_same_saved_and_served(tmp_path):
    """From the same initialisation by data to the same weights, whatever runs the step."""
    trained = {}
    for mode in ("ordinary", "graph", "eager", "xla"):
        flow = glow(reversible=mode != "ordinary", num_classes=3)
        flow.compile(keras.optimizers.SGD(1e-4), jit_compile=mode == "xla", run_eagerly=mode == "eager")
        flow.fit(IMAGES, np.arange(32) % 3, batch_size=16, shuffle=False, verbose=0)
        trained[mode] = flow
    scores = {mode: flow.log_prob(IMAGES[:4], context=1).numpy() for mode, flow in trained.items()}
    for mode in ("graph", "eager", "xla"):
        np.testing.assert_allclose(scores[mode], scores["ordinary"], rtol=1e-4)
    flow = trained["graph"]
    flow.save(tmp_path / "glow.keras")
    again = keras.saving.load_model(tmp_path / "glow.keras")
    assert again.get_config()["reversible"] and not trained["ordinary"].get_config()["reversible"]
    np.testing.assert_array_equal(again.log_prob(IMAGES[:4], context=1), scores["graph"])
    served = serving.load(serving.export(flow, tmp_path / "served"))
    np.testing.assert_allclose(served.log_prob(IMAGES[:4], context=[1] * 4), scores["graph"], rtol=1e-5)
    drawn = served.sample(3, seed=[1, 2], context=[1] * 3)
    np.testing.assert_allclose(drawn, flow.sample(3, seed=[1, 2], context=1), atol=1e-3)


def test_initialisation_by_data_happens_once_and_under_a_tape_too():
    y = 3 * X + 1
    norms = []
    for reversible in (False, True):
        chain = bijectors.Chain([bijectors.ActNorm(4), tfb.Scale(2.0), bijectors.ActNorm(4)], reversible=reversible)
        with tf.GradientTape(), bijectors.initializing():
            x = chain.inverse(tf.identity(y))
        np.testing.assert_allclose(x.numpy().std(0), 1, rtol=1e-4)
        gradients(chain, "inverse", 2 * y)
        norms.append([v.numpy() for v in chain.trainable_variables])
    np.testing.assert_array_equal(*norms)


class Watched(MLP):
    """Tells whether what it has computed is still there."""

    def call(self, x, context=None):
        self.hidden = []
        for i, layer in enumerate(self._hidden):
            x = self.activation(layer(x))
            self.hidden.append(weakref.ref(x))
        return self._output(x)


@pytest.mark.parametrize("reversible", [False, True])
def test_no_activation_is_stored_in_eager_code(reversible):
    nets = [Watched(4, (8,)) for _ in range(3)]
    parts = [bijectors.AffineCoupling(m, net) for m, net in zip(masks.alternating(masks.half(4), 3), nets)]
    chain = bijectors.Chain(parts, reversible=reversible)
    with tf.GradientTape(persistent=True) as tape:
        x = chain.inverse(tf.identity(X))
    gc.collect()
    stored = [hidden() is not None for net in nets for hidden in net.hidden]
    assert stored == [not reversible] * 3
    del tape, x


MEMORY = """
import json, pathlib, re, sys
import tensorflow as tf
from tfp_flows import bijectors, masks
from tfp_flows.networks import MLP

def resident(key):
    return 1024 * int(re.search(rf"{key}:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])

def peak(chain, y, xla):
    # Bytes that the second gradient by the weights needs beyond what there was before it.
    @tf.function(jit_compile=xla)
    def gradient(y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(chain.inverse(tf.identity(y)) ** 2)
        return tape.gradient(loss, chain.trainable_variables)

    gradient(y)
    before = resident("VmRSS")
    # Sets the peak back to what is resident now.
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    gradient(y)
    return resident("VmHWM") - before

y = tf.random.stateless_normal([2**14, 8], [0, 1])
parts = [bijectors.AffineCoupling(m, MLP(8, (512,))) for m in masks.alternating(masks.half(8), 8)]
deep, shallow = (bijectors.Chain(parts[:n], reversible=True) for n in (8, 4))
print(json.dumps([[peak(chain, y, xla) for chain in (bijectors.Chain(parts), deep, shallow)] for xla in (False, True)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells a process's memory on Linux only")
def test_memory_does_not_grow_with_depth():
    """Activations of 32 MiB, blocks that the C library asks of the system and gives back at once; without and with XLA.

    In a process of its own, whose heap is that of this test alone, and without oneDNN, which TensorFlow turns on for
    some processors: its allocator keeps for itself what it once had.
    """
    root = pathlib.Path(__file__).resolve().parents[2]
    quiet = {"PYTHONPATH": str(root), "TF_ENABLE_ONEDNN_OPTS": "0", "MALLOC_MMAP_THRESHOLD_": str(2**22)}
    run = subprocess.run(
        [sys.executable, "-c", MEMORY], env={**os.environ, **quiet}, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr[-3000:]
    for stored, rebuilt, half in json.loads(run.stdout.splitlines()[-1]):
        assert stored > 2**27 and rebuilt < 0.5 * stored
        # Ordinarily by 2**27, and either is out by a block or two, as operations happen to meet.
        assert rebuilt < half + 2**26


def conditioned_by(*layers):
    return lambda: bijectors.AffineCoupling(masks.half(4), keras.Sequential([*layers, keras.layers.Dense(4)]))


class WithLoss(keras.layers.Dense):
    def call(self, x, training=None):
        self.add_loss(keras.ops.sum(x))
        return super().call(x)


@pytest.mark.parametrize("make, message", [
    (lambda: bijectors.BatchNorm(4), "'batch_norm' .BatchNorm. is another function of each batch"),
    (lambda: tfb.Invert(bijectors.Chain([bijectors.BatchNorm(4)])), "'batch_norm' .BatchNorm. is another function"),
    (conditioned_by(keras.layers.Dropout(0.1)), r"\(Dropout\) draws random numbers in training"),
    (conditioned_by(keras.layers.GaussianNoise(0.1)), r"\(GaussianNoise\) draws random numbers in training"),
    (conditioned_by(keras.layers.BatchNormalization()), r"\(BatchNormalization\) changes its state in training"),
    (conditioned_by(keras.layers.SpectralNormalization(keras.layers.Dense(3))), r"\(SpectralNormalization\) changes"),
    (conditioned_by(keras.layers.Dense(3, activity_regularizer="l2")), r"\(Dense\) adds a loss of its own"),
    (conditioned_by(WithLoss(3)), r"\(WithLoss\) adds a loss of its own"),
    (lambda: bijectors.AffineCoupling(masks.half(4), MLP(4, (8,), dropout=0.2)), "Expected parts that do the same"),
    (lambda: bijectors.AffineCoupling(masks.checkerboard((2, 2, 1)), ResNet(2, 3, 1)), "BatchNormalization"),
])  # fmt: skip
def test_parts_that_cannot_be_evaluated_twice_are_refused(make, message):
    with pytest.raises(ValueError, match=f"Expected parts that do the same .*; got .*{message}|^{message}"):
        bijectors.Chain([bijectors.ActNorm(4), make()], reversible=True)


def test_a_network_that_is_built_late_is_refused_when_it_is():
    class Late(keras.layers.Layer):
        def build(self, input_shape):
            self.dropout, self.dense = keras.layers.Dropout(0.1), keras.layers.Dense(4)

        def call(self, x):
            return self.dense(self.dropout(x))

    late = Late()
    part = tfb.Inline(forward_fn=lambda x: x + late(x), inverse_fn=lambda y: y, forward_min_event_ndims=1, name="late")
    part.network = late
    chain = bijectors.Chain([part], reversible=True)
    late(X)
    with pytest.raises(ValueError, match="Expected parts that do the same .*; got 'late', .* draws random numbers"):
        chain.inverse(X)


def test_dropout_of_rate_zero_frozen_statistics_and_fixed_weights_are_no_hindrance():
    norm = keras.layers.BatchNormalization()
    norm.trainable = False
    fixed = keras.layers.Dense(3)
    part = conditioned_by(keras.layers.Dropout(0.0), norm, fixed)()
    fixed.kernel.trainable = False
    ordinary, reversible = twins([part, bijectors.ActNorm(4)])
    same(gradients(reversible, "inverse", X)[:2], gradients(ordinary, "inverse", X)[:2], 1e-4)


@pytest.mark.parametrize("make, message", [
    (lambda: bijectors.Chain([tfb.Exp()], reversible="yes"), "Expected reversible to be True or False; got 'yes'"),
    (lambda: glow(reversible=1), "Expected reversible to be True or False; got 1"),
])  # fmt: skip
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_second_derivatives_are_refused(mode):
    chain = bijectors.Chain([conditional(), tfb.Exp()], reversible=True)

    def second(x, context):
        with tf.GradientTape() as outer:
            outer.watch(x)
            (first, *_) = gradients(chain, "forward", x, context=context)
        return outer.gradient(first, x)

    with pytest.raises(ValueError, match="Expected first derivatives of a reversible chain, .*; got a second one"):
        (second if mode == "eager" else tf.function(second))(X, CONTEXT)
