"""tf.distribute: two devices, or two workers, train as one."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import pytest

VECTORS = """
import numpy as np, keras, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
import tfp_flows, tfp_flows.runs.strategies
from tests.distributions import data, ours
from tests.spared import spare

spare()

def train(strategy, x, make, optimizer, **options):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        flow = make()
        flow.compile(optimizer(), **options)
    logs = flow.fit(x, batch_size=64, epochs=2, verbose=0, validation_data=(x[:128],)).history
    scores = flow.predict(x[:128], verbose=0)
    # Keras does not gather what a strategy predicts in pieces: compare the model's own answer too.
    return flow, logs, scores

# The one that the command line trains with below.
strategy = tfp_flows.runs.strategies.made("mirrored")
assert strategy.num_replicas_in_sync == 2
# SGD: Adam divides by the size of a gradient, and makes steps of the rounding errors of small ones.
sgd = lambda: keras.optimizers.SGD(0.02)
one, logs_one, scores_one = train(tf.distribute.get_strategy(), data(512), lambda: tfp_flows.Flow(ours()), sgd)
two, logs_two, scores_two = train(strategy, data(512), lambda: tfp_flows.Flow(ours()), sgd)
assert two.is_initialized
for a, b in zip(one.weights, two.weights):
    np.testing.assert_allclose(a.numpy(), b.numpy(), atol=2e-6)
for key in ("loss", "nll", "val_nll"):
    np.testing.assert_allclose(logs_one[key], logs_two[key], rtol=1e-5)
np.testing.assert_allclose(scores_one, scores_two, rtol=1e-4, atol=1e-4)
np.testing.assert_allclose(one.log_prob(data(8)), two.log_prob(data(8)), rtol=1e-4, atol=1e-4)
np.testing.assert_allclose(one.sample(8, seed=1), two.sample(8, seed=1), rtol=1e-3, atol=1e-4)
two.save_weights("two.weights.h5")
back = tfp_flows.Flow(ours())
back.load_weights("two.weights.h5")
np.testing.assert_allclose(back.log_prob(data(8)), two.log_prob(data(8)), rtol=1e-6)

# What is clipped is the gradient of all replicas, and each takes its share of a batch in parts.
clipping = lambda **options: tfp_flows.training.FusedAdam(1e-2, relative_clipnorm=0.5, epsilon=1e-2, **options)
one, _, _ = train(tf.distribute.get_strategy(), data(512), lambda: tfp_flows.Flow(ours()), clipping)
two, _, _ = train(strategy, data(512), lambda: tfp_flows.Flow(ours()), clipping, microbatches=2)
for a, b in zip(one.weights, two.weights):
    np.testing.assert_allclose(a.numpy(), b.numpy(), atol=2e-5)
try:
    train(strategy, data(64), lambda: tfp_flows.Flow(ours()), lambda: clipping(gradient_accumulation_steps=4))
except ValueError as error:
    assert "without gradient_accumulation_steps on several devices" in str(error), error
else:
    raise AssertionError("it was not refused")

# Integers: each replica draws its own noise, and the bound is that of one device in expectation.
make = lambda: tfp_flows.RealNVP(event_shape=(4,), num_bins=17, num_layers=1, hidden_units=(16,))
x = np.random.default_rng(0).integers(0, 17, (2048, 4))
adam = lambda: tfp_flows.training.FusedAdam(1e-2)
_, logs_one, _ = train(tf.distribute.get_strategy(), x, make, adam)
_, logs_two, _ = train(strategy, x, make, adam)
np.testing.assert_allclose(logs_one["bits_per_dim"], logs_two["bits_per_dim"], rtol=5e-3)
print("same vectors")

# From the command line: begun on two devices, gone on with on one, as if it had been one all along; not by XLA.
import json, os, pathlib
from tfp_flows import cli

begin = dict(batch_size=64, learning_rate=1e-3, jit_compile=False, picture_every=0, verbose=0, minutes=5)
begin |= dict(data_options={"num_train": 512, "num_test": 64}, arguments={"num_layers": 2, "hidden_units": [8]})
tfp_flows.runs.train("realnvp", "rings", "one", epochs=1, **begin)
run = ["--quiet", "--no-export", "--picture-every", "0"]
asked = ["--data", "rings", "--data-set", "num_train=512", "--data-set", "num_test=64", "--batch-size", "64"]
asked += ["--jit", "off", "--learning-rate", "1e-3", "--minutes", "5", "--set", "num_layers=2"]
asked += ["--set", "hidden_units=8,", "--strategy", "mirrored"]
assert cli.main(["train", "realnvp", *asked, *run, "--out", "two", "--epochs", "1"]) == 0
assert "mirrored" not in pathlib.Path("two", "config.json").read_text()
# Each goes on on the other number of devices.
go_on = ["--resume", "--out", "one", "--epochs", "2", "--strategy", "mirrored"]
assert cli.main(["train", "realnvp", *go_on, *run]) == 0
tfp_flows.runs.train("realnvp", None, "two", epochs=2, resume=True, picture_every=0, verbose=0)
logs = [tfp_flows.runs.Run(out).read_log() for out in ("one", "two")]
for key in ("nll", "val_nll"):
    np.testing.assert_allclose(logs[0][key], logs[1][key], rtol=1e-4)
assert logs[0]["nll"][1] < logs[0]["nll"][0] - 2e-3
# A student of a teacher: each device draws samples of its own, so that no losses are to be compared with.
teacher = pathlib.Path(os.environ["PYTHONPATH"], "tests", "fixtures", "run")
tiny = dict(batch_size=50, jit_compile=False, picture_every=0, verbose=0)
log = tfp_flows.runs.distill(teacher, "student", epochs=3, strategy="mirrored", **tiny).read_log()
assert log["step"] == [4, 8, 12] and log["val_reverse_kl"][2] < log["val_reverse_kl"][0], log
print("same runs")
"""

IMAGES = """
import tensorflow_probability as tfp
x = np.random.default_rng(0).normal(size=(256, 8, 8, 2)).cumsum(axis=1).astype("float32")
batches = lambda size: tfp_flows.data.batches(x, size)

def train(strategy, make, epochs):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        flow = make()
        flow.compile(keras.optimizers.SGD(1e-5))
    start = []
    keep = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: start.extend(w.numpy() for w in flow.weights))
    stop = tfp_flows.training.StopOnNaN(x[:8])
    # Within the scope, as the README has it; the vectors outside of it.
    with strategy.scope():
        logs = flow.fit(batches(64), epochs=epochs, verbose=0, callbacks=[keep, stop]).history["nll"]
    return flow, start, logs

# ActNorm: one device and two are the same, from the initialisation on.
make = lambda: tfp_flows.Glow((8, 8, 2), num_levels=2, num_steps=1, hidden_channels=8)
one, start_one, logs_one = train(tf.distribute.get_strategy(), make, 3)
two, start_two, logs_two = train(strategy, make, 3)
assert one.is_initialized and two.is_initialized
fresh = [v.numpy() for v in make().weights]
assert any(np.abs(a - b).max() > 0.1 for a, b in zip(start_one, fresh)), "nothing was initialised from data"
for a, b in zip(start_one, start_two):
    np.testing.assert_allclose(a, b, atol=1e-5)
for a, b in zip(one.weights, two.weights):
    np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-4)
np.testing.assert_allclose(logs_one, logs_two, rtol=1e-4)
with strategy.scope():
    two.save("two.keras")

# Rebuilt activations: the same weights on two devices as with stored ones on one.
make = lambda: tfp_flows.Glow((8, 8, 2), num_levels=2, num_steps=1, hidden_channels=8, reversible=True)
rebuilt, _, logs_rebuilt = train(strategy, make, 3)
for a, b in zip(one.weights, rebuilt.weights):
    np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-4)
np.testing.assert_allclose(logs_one, logs_rebuilt, rtol=1e-4)

# BatchNorm: initialised alike; then each replica has its own batch, and the running statistics are their average.
def make():
    parts, shape = [], (8, 8, 2)
    for mask in tfp_flows.masks.alternating(tfp_flows.masks.checkerboard(shape), 2):
        net = tfp_flows.networks.ResNet(4, hidden_channels=4, num_blocks=1, batch_norm=True, weight_norm=True)
        parts += [tfp_flows.bijectors.AffineCoupling(mask, net), tfp_flows.bijectors.BatchNorm(2, event_ndims=3)]
    base = tfp.distributions.Sample(tfp.distributions.Normal(0.0, 1.0), shape)
    return tfp_flows.Flow(tfp.distributions.TransformedDistribution(base, tfp_flows.bijectors.Chain(parts)))

one, start_one, logs_one = train(tf.distribute.get_strategy(), make, 3)
two, start_two, logs_two = train(strategy, make, 3)
for a, b in zip(start_one, start_two):
    np.testing.assert_allclose(a, b, atol=1e-5)
np.testing.assert_allclose(logs_one, logs_two, rtol=0.05)
averages = [v for v in two.non_trainable_weights if v.path.startswith("statistics")]
assert len(averages) == 4, [v.path for v in two.non_trainable_weights]
for v in averages:
    on_devices = [replica.numpy() for replica in v.value.values]
    np.testing.assert_array_equal(*on_devices)
state = [w.numpy() for w in two.weights]
with strategy.scope():
    inside = [two.log_prob(x[:4]), two.sample(3, seed=0), two.encode(x[:4])]
    two.evaluate(batches(64), verbose=0)
for a, b in zip(inside, [two.log_prob(x[:4]), two.sample(3, seed=0), two.encode(x[:4])], strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4)
for now, then in zip(two.weights, state):
    np.testing.assert_array_equal(now.numpy(), then)
print("same images")
"""

LAYERS = """
from tfp_flows import bijectors, masks
tfd = tfp.distributions

# ActNorm initialises alike on each device.
x = tf.constant(np.random.default_rng(0).normal(3.0, 2.0, (64, 4)), tf.float32)
with strategy.scope():
    norm = bijectors.ActNorm(4)
one = bijectors.ActNorm(4)
for layer in (norm, one):
    with bijectors.initializing():
        layer.inverse(tf.identity(x))
assert not norm.needs_initialization
for variable, single in ((norm.loc, one.loc), (norm.log_scale, one.log_scale), (norm.initialized, one.initialized)):
    replicas = strategy.experimental_local_results(variable)
    assert len(replicas) == 2
    for replica in replicas:
        np.testing.assert_array_equal(replica, single)
each = strategy.run(tf.function(norm.inverse), args=(x,))
for result in strategy.experimental_local_results(each):
    np.testing.assert_allclose(result, one.inverse(tf.identity(x)), rtol=1e-5, atol=1e-5)

# BatchNorm's running statistics are the average over the devices of those of their halves.
x = np.random.default_rng(0).normal(3.0, 2.0, (64, 4, 4, 2)).astype("float32")
x[1::2] *= 3
with strategy.scope():
    norm = bijectors.BatchNorm(2, event_ndims=3, momentum=0.75)
    coupling = bijectors.AffineCoupling(masks.checkerboard((4, 4, 2)), tfp_flows.networks.ResNet(4, 4, num_blocks=1))
    base = tfd.Sample(tfd.Normal(0.0, 1.0), [4, 4, 2])
    flow = tfp_flows.Flow(tfd.TransformedDistribution(base, bijectors.Chain([norm, coupling])))
    flow.compile(keras.optimizers.SGD(1e-3))
flow.initialize(x)
mean, std = x.mean((0, 1, 2)), x.std((0, 1, 2))
np.testing.assert_allclose(norm.centre.numpy(), mean, rtol=1e-4)
np.testing.assert_allclose(np.exp(norm.log_unit.numpy()), std, rtol=1e-4)
before = [norm.running_mean.numpy(), norm.running_variance.numpy()]
halved = tf.data.Dataset.from_tensor_slices(x).batch(64)
options = tf.data.Options()
options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
flow.fit(halved.with_options(options), verbose=0)
halves = [(half - mean) / std for half in (x[:32], x[32:])]
batch = [np.mean([h.mean((0, 1, 2)) for h in halves], 0), np.mean([h.var((0, 1, 2)) for h in halves], 0)]
for variable, old, new in zip((norm.running_mean, norm.running_variance), before, batch):
    replicas = [v.numpy() for v in strategy.experimental_local_results(variable._value)]
    assert len(replicas) == 2
    for replica in replicas:
        np.testing.assert_allclose(replica, 0.75 * old + 0.25 * new, rtol=1e-4, atol=1e-5)
moving = [w for w in flow.weights if w.name == "moving_variance"]
assert moving and all(np.ptp(w.numpy()) > 0 and np.isfinite(w.numpy()).all() for w in moving)
assert np.isfinite(flow.evaluate(x, batch_size=32, verbose=0)).all()
print("same layers")

from tests.examples.test_notebooks import run

history = run("several_devices", strategy=strategy, epochs=2)["history"]
assert history["nll"][1] < history["nll"][0]
print("same example")
"""

WORKER = """
import json, os, sys
import numpy as np, keras, tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
import tfp_flows
from tests.distributions import data, ours
from tests.spared import spare
spare()
keras.utils.set_random_seed(0)
with strategy.scope():
    flow = tfp_flows.Flow(ours())
    flow.compile(keras.optimizers.Adam(1e-2))
batches = tfp_flows.data.batches(data(512), 64, shuffle=True)
with strategy.scope():
    history = flow.fit(batches, epochs=2, verbose=0, validation_data=tfp_flows.data.batches(data(128), 64)).history
print("RESULT", json.dumps({"nll": history["nll"], "val_nll": history["val_nll"],
                            "weights": [float(np.sum(np.abs(w.numpy()))) for w in flow.weights]}))
"""


def environment(**extra):
    root = str(pathlib.Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": root, "TF_CPP_MIN_LOG_LEVEL": "3", **extra}


def test_two_devices_train_as_one(tmp_path):
    """Vectors, images and layers in one process: most of the time of a small one is TensorFlow's import."""
    result = subprocess.run(
        [sys.executable, "-c", VECTORS + IMAGES + LAYERS],
        capture_output=True, text=True, env=environment(), cwd=tmp_path, timeout=600,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    said = [line for line in result.stdout.splitlines() if line.startswith("same")]
    assert said == ["same vectors", "same runs", "same images", "same layers", "same example"]


def test_two_workers_train_as_one(tmp_path):
    with socket.socket() as a, socket.socket() as b:
        for s in (a, b):
            s.bind(("127.0.0.1", 0))
        hosts = [f"127.0.0.1:{s.getsockname()[1]}" for s in (a, b)]
    cluster = {"cluster": {"worker": hosts}}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
            env=environment(TF_CONFIG=json.dumps({**cluster, "task": {"type": "worker", "index": i}})),
        )
        for i in range(2)
    ]  # fmt: skip
    try:
        outputs = [worker.communicate(timeout=300) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    results = []
    for worker, (out, err) in zip(workers, outputs):
        assert worker.returncode == 0, err[-3000:]
        results.append(json.loads(out.split("RESULT", 1)[1]))
    assert results[0]["weights"] == pytest.approx(results[1]["weights"], rel=1e-6)
    assert results[0]["nll"] == pytest.approx(results[1]["nll"], rel=1e-5)
    assert results[0]["nll"][1] < results[0]["nll"][0]
