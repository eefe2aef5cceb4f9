"""Distillation: divergences are what they are called, the student comes near, the teacher stays, audio stays loud."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tfp_flows import data, training, wav
from tfp_flows.cli import main
from tfp_flows.objectives import SpectralPower
from tfp_flows.runs import compare

tfb, tfd = tfp.bijectors, tfp.distributions
TOY = ["--data-set", "num_train=600", "--data-set", "num_validation=100", "--data-set", "num_test=100"]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def gaussian(loc, scale):
    bijector = tfb.Chain([tfb.Shift(tf.Variable(loc)), tfb.Scale(tf.Variable(scale))])
    return tfp_flows.Flow(tfd.TransformedDistribution(tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), 1), bijector))


def test_compare_gives_both_divergences():
    p, q = gaussian([0.3, 0.0], [0.7, 1.0]), gaussian([0.0, 0.5], [1.0, 2.0])
    exact = [
        tfd.MultivariateNormalDiag(*map(tf.constant, a)) for a in (([0.3, 0.0], [0.7, 1.0]), ([0.0, 0.5], [1.0, 2.0]))
    ]
    found = compare(p, q, data.load("moons", num_train=10, num_validation=5, num_test=5), n=20000)
    for key, pair in (("reverse_kl", exact[::-1]), ("forward_kl", exact)):
        expected = float(tfd.kl_divergence(*pair))
        assert abs(found[key] - expected) < 5 * found[f"{key}_standard_error"] < 0.1


# A step is that of batches of 50.
IN_PARTS = ["--batch-size", "25", "--accumulate", "2"]


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A MAF of two moons, and an IAF distilled from it: of one layer, which an IAF can be as well."""
    folder = tmp_path_factory.mktemp("toy")
    train = ["train", "maf", "--data", "moons", *TOY, "--out", str(folder / "t"), "--quiet", "--no-export"]
    assert main([*train, "--epochs", "15", "--set", "num_layers=1", "--set", "hidden_units=16,16"]) == 0
    before = contents(folder / "t")
    distill = ["distill", str(folder / "t"), "--epochs", "25", *IN_PARTS, "--quiet", "--picture-every", "0"]
    assert main([*distill, "--set", "num_layers=3"]) == 0
    assert contents(folder / "t") == before
    return folder


def test_the_student_comes_near_its_teacher(toy):
    run = training.Run(toy / "t-student")
    assert run.config.model == "iaf"
    assert run.config.arguments["hidden_units"] == [16, 16] and run.config.arguments["num_layers"] == 3
    assert (run.config.training.batch_size, run.config.training.accumulate) == (25, 2)
    assert run.read_log()["step"][0] == len(run.load_data().train) // 50
    found = json.loads((run.path / "metrics.json").read_text())["distillation"]
    for key in ("reverse_kl", "forward_kl"):
        assert found["before"][key] > 0.03
        assert -0.002 < found["after"][key] < 0.01
    assert set(run.read_log()) >= {"reverse_kl", "val_reverse_kl"} and "nll" not in run.read_log()
    for name in ("samples.png", "curve.png", "savedmodel/1/saved_model.pb"):
        assert (run.path / name).is_file()


def test_a_student_is_resumed(toy, capsys):
    epochs = len(training.Run(toy / "t-student").read_log()["loss"])
    assert (
        main(["train", "iaf", "--out", str(toy / "t-student"), "--resume", "--epochs", str(epochs + 1), "--quiet"]) == 0
    )
    log = training.Run(toy / "t-student").read_log()
    assert len(log["reverse_kl"]) == epochs + 1 and log["reverse_kl"][-1] < log["reverse_kl"][0]
    assert "KL(student || teacher)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options, message",
    [
        (["--set", "num_layers=0"], "Expected num_layers to be a positive integer"),
        (["--temperature", "0"], "Expected temperature to be a positive finite number"),
        (["--power-weight", "1"], "Expected power_weight=0 for events that are no audio"),
        (["--power-weight", "-1"], "Expected power_weight to be a finite number of at least 0"),
        (["--epochs", "0"], "Expected epochs to be a positive integer"),
        (["--minutes", "-1"], "Expected minutes to be a positive finite number"),
        (["--picture-every", "-1"], "Expected picture_every to be an integer of at least 0"),
        (["--set", "num_classes=2"], "Expected data with labels"),
    ],
)
def test_bad_options_leave_nothing(toy, options, message, capsys, tmp_path):
    out = tmp_path / "student"
    assert main(["distill", str(toy / "t"), "--out", str(out), "--quiet", *options]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_a_refused_fit_leaves_nothing_new(toy, tmp_path, capsys):
    # Contexts that no run can give.
    options = ["--set", "num_layers=1", "--set", "hidden_units=4", "--set", "context_shape=3,", "--quiet"]
    assert main(["train", "maf", "--data", "moons", *TOY, "--out", str(tmp_path / "run"), *options]) == 2
    assert "Expected arguments of maf without context_shape" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    # A run that was there, of which that is noticed where training begins, stays, though it has nothing but its config.
    config = json.loads((toy / "t" / "config.json").read_text())
    config["arguments"]["context_shape"] = [3]
    training.Run.create(tmp_path / "old", config)
    assert main(["train", "maf", "--out", str(tmp_path / "old"), "--resume", "--quiet"]) == 2
    assert "Expected a context" in capsys.readouterr().err
    assert json.loads((tmp_path / "old" / "config.json").read_text()) == config
    # A student whose teacher is gone.
    student = tmp_path / "student"
    shutil.copytree(toy / "t-student", student)
    config = json.loads((student / "config.json").read_text())
    config["objective"]["teacher"] = str(tmp_path / "gone")
    (student / "config.json").write_text(json.dumps(config))
    before = contents(student)
    assert main(["train", "iaf", "--out", str(student), "--resume", "--epochs", "99", "--quiet"]) == 2
    assert "Expected a run directory with a config.json; got" in capsys.readouterr().err
    assert contents(student) == before


def test_another_event_shape_is_refused(toy, tmp_path):
    with pytest.raises(ValueError, match=r"Expected arguments of iaf without event_shape, .*; got \(3,\)"):
        training.distill(toy / "t", tmp_path / "student", arguments={"event_shape": (3,)})
    flow = training.Run(toy / "t").load_model()
    with pytest.raises(ValueError, match=r"Expected flows of one event shape; got \(2,\) and \(3,\)"):
        compare(flow, tfp_flows.MAF((3,), num_layers=1, hidden_units=4), None)
    with pytest.raises(ValueError, match="Expected n to be a positive integer; got 0"):
        compare(flow, flow, None, n=0)
    assert not (tmp_path / "student").exists()


def test_runs_without_a_student_and_students_on_data_are_refused(toy, tmp_path, capsys):
    assert main(["distill", str(toy / "t-student"), "--out", str(tmp_path / "x")]) == 2
    assert "Expected a run of a model with a student, maf or wavenet; got one of 'iaf'" in capsys.readouterr().err
    assert main(["train", "parallel_wavenet", "--data", "moons", "--out", str(tmp_path / "x")]) == 2
    assert "which `tfp-flows distill` makes of a run of wavenet" in capsys.readouterr().err


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """Tones of two pitches, one for each digit, a WaveNet of them, given the digit, and its student."""
    folder = tmp_path_factory.mktemp("speech")
    random = np.random.default_rng(0)
    for digit, pitch in ((0, 500.0), (1, 1500.0)):
        for index in range(20):
            phase = 2 * np.pi * (pitch * np.arange(600) / 8000 + random.random())
            audio = 3000 * np.sin(phase) + 200 * random.normal(size=600)
            wav.write(folder / f"wavs/{digit}_ann_{index}.wav", audio.astype(np.int16), 8000)
    small = ["--set", "dilations=1,2", "--set", "hidden_channels=8", "--set", "skip_channels=8", "--quiet"]
    quick = ["--no-export", "--picture-every", "0"]
    train = ["train", "wavenet", "--data", str(folder / "wavs"), "--data-set", "length=150", "--conditional", *small]
    assert main([*train, "--out", str(folder / "t"), "--epochs", "15", *quick]) == 0
    distill = ["distill", str(folder / "t"), "--out", str(folder / "s"), "--quiet", "--epochs", "3", *quick]
    assert main([*distill, "--set", "num_layers=2", "--power-weight", "0.05"]) == 0
    return folder


@pytest.mark.parametrize("name", ["t", "s"])
def test_speech_is_sampled_into_wav_files_of_any_length(speech, name, tmp_path, capsys):
    options = ["--class", "1,0", "--seconds", "0.05", "--n", "2", "--to", str(tmp_path / "x")]
    assert main(["sample", str(speech / name), *options]) == 0
    assert (tmp_path / "x.png").is_file()
    for k in range(4):
        audio, rate = wav.read(tmp_path / f"x-{k:03d}.wav")
        assert audio.shape == (400,) and rate == 8000
        np.testing.assert_array_equal(audio, wav.from_events(np.load(tmp_path / "x.npy")[k], 65536))
    assert np.load(tmp_path / "x-labels.npy").tolist() == [1, 1, 0, 0]
    assert len(np.unique(np.load(tmp_path / "x.npy")[0])) > 100
    assert str(tmp_path / "x-003.wav") in capsys.readouterr().out


def test_the_teacher_of_speech_has_learned_and_the_student_follows(speech):
    teacher, student = (json.loads((speech / name / "metrics.json").read_text()) for name in "ts")
    assert teacher["bits_per_dim"] < teacher["gaussian"]["bits_per_dim"] - 0.5
    found = student["distillation"]
    assert found["after"]["reverse_kl"] < found["before"]["reverse_kl"] - 10
    assert found["teacher_nll"] == pytest.approx(teacher["nll"], rel=1e-4)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_bad_seconds_are_refused(speech, toy, seconds, capsys):
    assert main(["sample", str(speech / "t"), "--seconds", seconds]) == 2
    assert "Expected --seconds to be above 0 and below 3600" in capsys.readouterr().err
    assert main(["sample", str(toy / "t"), "--seconds", "1"]) == 2
    assert "Expected --seconds with a run on audio only" in capsys.readouterr().err


def test_spectral_power_is_that_of_the_spectra():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 3, 256)).astype("float32")
    y *= 3.0
    window = np.sin(np.pi * np.arange(64) / 64) ** 2

    def log_power(audio):
        audio = audio - audio.mean(1, keepdims=True)
        frames = np.stack([audio[:, i : i + 64] * window for i in range(0, 256 - 63, 16)], 1)
        return np.log((np.abs(np.fft.rfft(frames)) ** 2).mean((0, 1)) + 0.25 * 0.375 * 64)

    expected = 0.2 * 256 * np.mean((log_power(x) - log_power(y)) ** 2)
    found = SpectralPower(weight=0.2, frame_length=64, floor=0.5)(tf.constant(x), tf.constant(y))
    np.testing.assert_allclose(found, [expected] * 3, rtol=1e-4)


@pytest.mark.parametrize(
    "ask, message",
    [
        (lambda: SpectralPower(weight=0), "Expected weight to be a positive finite number; got 0"),
        (lambda: SpectralPower(frame_length=2), "Expected frame_length to be an integer of at least 4; got 2"),
        (lambda: SpectralPower(floor=float("nan")), "Expected floor to be a positive finite number; got nan"),
        (lambda: SpectralPower()(tf.zeros([2, 300]), None), "Expected events in `fit`"),
        (lambda: SpectralPower()(tf.zeros([2, 30]), tf.zeros([2, 30])), "Expected events of at least a frame, 256"),
    ],
)
def test_spectral_power_refuses(ask, message):
    with pytest.raises(ValueError, match=message):
        ask()
