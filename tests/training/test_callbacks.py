"""Keras' callbacks work unchanged, ours do what they say, and a resumed fit ends in the same weights, to the bit."""

import os
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.distributions import coupling, data, made, ours, pushed
from tfp_flows import bijectors, masks, training
from tfp_flows.networks import MLP
from tfp_flows.training.stop_on_nan import StopOnNaN, find_culprit_of_samples

pytestmark = pytest.mark.usefixtures("untraced")

tfb, tfd = tfp.bijectors, tfp.distributions


def flow_with_dropout():
    keras.utils.set_random_seed(0)
    flow = tfp_flows.RealNVP(event_shape=(4,), num_bins=17, num_layers=2, hidden_units=(16,), dropout=0.2)
    flow.compile(keras.optimizers.Adam(1e-2))
    return flow


def integers(n=200):
    return np.random.default_rng(0).integers(0, 17, (n, 4))


def same_weights(a, b):
    return all(np.array_equal(v.numpy(), w.numpy()) for v, w in zip(a.weights, b.weights))


class Interrupt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def test_interrupted_and_resumed_is_uninterrupted_to_the_bit(tmp_path):
    """Dropout, dequantization noise and data order included, with Keras' own BackupAndRestore."""
    whole = flow_with_dropout()
    whole.fit(integers(), epochs=4, batch_size=32, verbose=0)
    parts = flow_with_dropout()
    with pytest.raises(KeyboardInterrupt):
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"), delete_checkpoint=False)
        parts.fit(integers(), epochs=4, batch_size=32, verbose=0, callbacks=[backup, Interrupt(2)])
    assert not same_weights(whole, parts)
    keras.utils.set_random_seed(77)
    resumed = tfp_flows.RealNVP(event_shape=(4,), num_bins=17, num_layers=2, hidden_units=(16,), dropout=0.2)
    resumed.compile(keras.optimizers.Adam(1e-2))
    backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"), delete_checkpoint=False)
    history = resumed.fit(integers(), epochs=4, batch_size=32, verbose=0, callbacks=[backup])
    assert history.epoch == [2, 3]
    assert same_weights(whole, resumed)


def test_another_seed_gives_another_training():
    flows = []
    for seed in (0, 1):
        keras.utils.set_random_seed(0)
        flow = tfp_flows.RealNVP(event_shape=(4,), num_bins=17, num_layers=2, hidden_units=(16,), seed=seed)
        flow.compile("adam")
        flow.fit(integers(), batch_size=32, verbose=0)
        flows.append(flow)
    assert not same_weights(*flows)


def test_standard_callbacks_work_unchanged(tmp_path):
    flow = flow_with_dropout()
    rates = []
    callbacks = [
        keras.callbacks.ModelCheckpoint(str(tmp_path / "best.keras"), monitor="val_nll", save_best_only=True),
        keras.callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.weights.h5"), save_weights_only=True),
        keras.callbacks.EarlyStopping("val_bits_per_dim", patience=1, min_delta=100.0, restore_best_weights=True),
        keras.callbacks.TensorBoard(str(tmp_path / "board"), histogram_freq=1),
        keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rates.append(rate) or rate * 0.5),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.ReduceLROnPlateau("nll"),
    ]
    history = flow.fit(
        integers(), epochs=5, batch_size=50, validation_data=(integers(40),), verbose=0, callbacks=callbacks
    )
    assert len(history.epoch) == 2  # nothing improves by 100 bits: stopped
    assert rates == pytest.approx([1e-2, 5e-3])
    assert {"1.weights.h5", "2.weights.h5", "best.keras", "log.csv", "board"} <= set(os.listdir(tmp_path))
    header = (tmp_path / "log.csv").read_text().splitlines()[0].split(",")
    assert {"loss", "nll", "bits_per_dim", "val_nll", "val_bits_per_dim"} <= set(header)
    best = keras.models.load_model(tmp_path / "best.keras")
    np.testing.assert_array_equal(best.log_prob(integers(5)).shape, (5,))


def test_sample_pictures(tmp_path):
    pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")
    flow = flow_with_dropout()
    pictures = training.SamplePictures(str(tmp_path), every=2, n=9, reference=integers())
    flow.fit(integers(), epochs=4, verbose=0, callbacks=[pictures])
    assert sorted(os.listdir(tmp_path)) == ["epoch_0002.png", "epoch_0004.png"]
    from matplotlib import image

    assert image.imread(tmp_path / "epoch_0004.png")[..., :3].std() > 0.05
    with pytest.raises(ValueError, match="Expected every to be a positive integer; got 0"):
        training.SamplePictures("x", every=0)


class NotInverse(bijectors.Bijector):
    """forward and inverse that are off by a little, with log_dets that do not agree."""

    def __init__(self, error=0.0, log_det_error=0.0):
        super().__init__(event_ndims=1)
        self.error, self.log_det_error = error, log_det_error
        self.w = tf.Variable(0.0)

    def _forward_and_log_det(self, x):
        return x + self.w + self.error, tf.constant(self.log_det_error)

    def _inverse_and_log_det(self, y):
        return y - self.w, tf.zeros([])


def test_invertibility_check_passes_a_flow_and_catches_what_is_none():
    flow = tfp_flows.Flow(ours())
    flow.initialize(data())
    errors = training.invertibility_errors(flow, data())
    assert 0 <= errors["round_trip_error"] < 1e-5 and 0 <= errors["log_det_error"] < 1e-5
    for broken, key in ((NotInverse(error=0.1), "round_trip_error"), (NotInverse(log_det_error=0.1), "log_det_error")):
        errors = training.invertibility_errors(tfp_flows.Flow(pushed(broken)), data())
        assert errors[key] == pytest.approx(0.1, rel=0.2) or errors[key] > 0.05


def test_invertibility_check_logs_and_stops(capsys):
    flow = tfp_flows.Flow(pushed(NotInverse(error=0.1)))
    flow.compile("adam")
    check = training.InvertibilityCheck(data(16), tolerance=1e-3)
    history = flow.fit(data(), epochs=3, verbose=0, callbacks=[check])
    assert len(history.epoch) == 1 and history.history["round_trip_error"][0] > 1e-3
    assert "no longer invertible" in capsys.readouterr().out


class Explodes(bijectors.Bijector):
    """NaN as soon as its weight is above its limit; the weight is pulled up by the log_det."""

    def __init__(self, limit=0.05, name="explodes"):
        super().__init__(event_ndims=1, name=name)
        self.w = tf.Variable(0.0)
        self.limit = limit

    def _scale(self):
        return self.w + tf.math.log(tf.where(self.w > self.limit, -1.0, 1.0))

    def _forward_and_log_det(self, x):
        return x * tf.exp(-self._scale()), -2 * self._scale()

    def _inverse_and_log_det(self, y):
        return y * tf.exp(self._scale()), 2 * self._scale()


def test_stop_on_nan_names_the_bijector_and_keeps_the_weights(capsys):
    x = 0.1 * data()
    flow = tfp_flows.Flow(pushed(tfb.Shift(tf.Variable(0.0)), Explodes(), tfb.Scale(tf.Variable(1.0))))
    flow.compile(keras.optimizers.SGD(0.01))
    stop = training.StopOnNaN(x[:16])
    history = flow.fit(x, epochs=20, batch_size=64, verbose=0, callbacks=[stop])
    assert len(history.epoch) < 20
    assert "output of bijector 1 ('explodes')" in stop.culprit
    assert all(np.isfinite(w.numpy()).all() for w in flow.weights)
    assert "Stopped at batch" in capsys.readouterr().out


def test_stop_on_nan_names_a_weight_a_gradient_and_the_batch():
    flow = tfp_flows.Flow(pushed(tfb.Scale(tf.Variable([1.0, 1.0])), coupling()))
    flow.weights[-1].assign([np.nan] * flow.weights[-1].shape[0])
    assert "weight" in training.stop_on_nan.find_culprit(flow, data(4)) and "is not finite" in (
        training.stop_on_nan.find_culprit(flow, data(4))
    )

    class Root(bijectors.Bijector):
        def __init__(self):
            super().__init__(event_ndims=1)
            self.w = tf.Variable(0.0)

        def _forward_and_log_det(self, x):
            return x + tf.sqrt(self.w), tf.zeros([])  # finite, with an infinite gradient

        def _inverse_and_log_det(self, y):
            return y - tf.sqrt(self.w), tf.zeros([])

    flow = tfp_flows.Flow(pushed(Root()))
    flow.compile("sgd")
    stop = training.StopOnNaN(data(4))
    flow.fit(data(64), epochs=3, verbose=0, callbacks=[stop])
    assert "the gradient of weight" in stop.culprit
    flow = tfp_flows.Flow(pushed(tfb.Scale(tf.Variable(1.0))))
    flow.compile("sgd")
    stop = training.StopOnNaN(data(4))

    class Bad(keras.utils.PyDataset):
        """Its first batch, which is looked at beforehand, is fine."""

        def __len__(self):
            return 2

        def __getitem__(self, i):
            return np.full([4, 2], np.nan if i else 0.5, "float32")

    flow.fit(Bad(), epochs=3, verbose=0, callbacks=[stop])
    assert "the batch itself" in stop.culprit and np.isfinite(flow.weights[0].numpy())


def test_maf_and_tfp_realnvp_resume_too(tmp_path):
    def build():
        keras.utils.set_random_seed(0)
        flow = tfp_flows.Flow(pushed(tfb.MaskedAutoregressiveFlow(made()), bijectors.ActNorm(2)))
        flow.compile(keras.optimizers.Adam(1e-2))
        return flow

    whole, parts = build(), build()
    whole.fit(data(), epochs=3, verbose=0)
    parts.fit(data(), epochs=2, verbose=0)
    parts.save_weights(tmp_path / "w.weights.h5")
    resumed = build()
    resumed.load_weights(tmp_path / "w.weights.h5")
    resumed.fit(data(), epochs=3, initial_epoch=2, verbose=0)
    assert same_weights(whole, resumed)
    network = MLP(2, (4,))
    assert tfp_flows.Flow(pushed(bijectors.AffineCoupling(masks.half(2), network))).conditioners == [network]


def sampled(target):
    flow = tfp_flows.IAF((2,), num_layers=1, hidden_units=4)
    flow.compile(keras.optimizers.Adam(1e-2), loss=tfp_flows.objectives.ReverseKL(target))
    flow.initialize(16)
    return flow


@pytest.mark.parametrize(
    "target, message",
    [
        (lambda x: x[:, 0] * np.nan, "Expected finite values of target_log_prob; got 64 of 64 NaN or infinite"),
        # Finite, and its slope at 0 is not.
        (lambda x: tf.sqrt(tf.nn.relu(x[:, 0] - 100.0)), "the gradient of weight '.*' is the first that is not finite"),
        (lambda x: -tf.reduce_sum(x**2, -1), "everything is finite on the samples that were tried"),
    ],
)
def test_the_culprit_of_an_objective_without_data_is_looked_for_among_samples(target, message):
    flow = sampled(target)
    assert re.search(message, find_culprit_of_samples(flow))
    flow.trainable_weights[-1].assign(np.nan * flow.trainable_weights[-1])
    assert re.search("weight '.*' is not finite", find_culprit_of_samples(flow))


def test_training_by_samples_stops_before_a_nan_reaches_the_weights():
    flow = sampled(lambda x: tf.sqrt(tf.nn.relu(x[:, 0] - 100.0)))
    callback = StopOnNaN()
    history = flow.fit(steps_per_epoch=5, batch_size=8, epochs=3, callbacks=[callback], verbose=0)
    assert len(history.history["loss"]) == 1 and "gradient of weight" in callback.culprit
    assert all(np.isfinite(weight).all() for weight in flow.get_weights())
