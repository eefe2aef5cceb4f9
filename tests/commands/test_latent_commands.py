"""The commands that show the latent space: what is drawn is what they say."""

import os
import re

import numpy as np
import pytest

from tfp_flows import cli, data, pictures, training

pytest.importorskip("sklearn", reason="the extra `data` is not installed")
pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn, beside the picture."""
    calls, rows = [], pictures.rows

    def spy(events, names, path, levels=None, title=None):
        calls.append((np.asarray(events), list(names)))
        return rows(events, names, path, levels, title)

    monkeypatch.setattr(pictures, "rows", spy)
    return calls


def test_ways_begin_and_end_at_the_examples(conditional_run, drawn, tmp_path, capsys):
    to = str(tmp_path / "ways")
    assert cli.main(["interpolate", conditional_run, "--pairs", "0,3", "5,5", "--steps", "5", "--to", to]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == to + ".png" and os.listdir(tmp_path) == ["ways.png"]
    assert float(re.search(r"examples: (\S+) of 17 levels", out)[1]) < 0.01
    digits = data.load("digits", flatten=False)
    (events, names), labels = drawn[0], digits.labels["test"]
    np.testing.assert_array_equal(events[:, [0, -1]], digits.test[[[0, 3], [5, 5]]])
    assert (events[1] == events[1, 0]).all() and (events[0, 2] != events[0, [0, -1]]).any()
    assert names == [f"{i} (class {labels[i]}) → {j} (class {labels[j]})" for i, j in ((0, 3), (5, 5))]


def test_pairs_are_drawn_by_the_seed(conditional_run, drawn, tmp_path):
    for seed in ("1", "1", "2"):
        argv = ["--n", "3", "--seed", seed, "--path", "linear", "--steps", "2", "--to", str(tmp_path / "x.png")]
        assert cli.main(["interpolate", conditional_run, *argv]) == 0
    names = [names for _, names in drawn]
    assert names[0] == names[1] != names[2] and len(names[0]) == 3


def test_reconstructions_stand_below_the_examples(conditional_run, drawn, tmp_path, capsys, monkeypatch):
    argv = ["reconstruct", conditional_run, "--n", "4", "--to", str(tmp_path / "r.png")]
    assert cli.main(argv) == 0
    error = float(re.search(r"reconstructions: (\S+) of 17 levels", capsys.readouterr().out)[1])
    events, names = drawn[0]
    chosen = np.random.default_rng(0).permutation(250)[:4]
    np.testing.assert_array_equal(events[0], data.load("digits", flatten=False).test[chosen])
    np.testing.assert_allclose(events[1], events[0], atol=0.01)
    assert error == pytest.approx(np.abs(events[1] - events[0]).max(), rel=0.01) and names == ["examples", "decoded"]
    # An inverse that is none is seen, in the figure and in the picture.
    load = training.Run.load_model

    def broken(self):
        model = load(self)
        decode = model.decode
        model.decode = lambda z, context=None: decode(z, context=context) + 3
        return model

    monkeypatch.setattr(training.Run, "load_model", broken)
    assert cli.main(argv) == 0
    assert "reconstructions: 3 of 17 levels" in capsys.readouterr().out
    np.testing.assert_allclose(drawn[1][0][1], events[1] + 3, atol=1e-3)


@pytest.mark.parametrize(
    "argv, message",
    [
        (["interpolate", "--pairs", "0,250"], "Expected indices of the test split, 0..249; got 250"),
        (["interpolate", "--pairs=-1,2"], "Expected indices of the test split, 0..249; got -1"),
        (["interpolate", "--pairs", "0,1,2"], "Expected each of --pairs as two indices, such as 0,1; got '0,1,2'"),
        (["interpolate", "--pairs", "a,b"], "Expected each of --pairs to be an integer, or several"),
        (["interpolate", "--steps", "1"], "Expected --steps to be at least 2, both ends; got 1"),
        (["interpolate", "--n", "126"], "Expected --n to be within 1..125; got 126"),
        (["interpolate", "--seed", "-1"], "Expected --seed to be at least 0; got -1"),
        (["reconstruct", "--n", "0"], "Expected --n to be a positive integer; got 0"),
        (["reconstruct", "--n", "251"], "Expected --n to be within 1..250; got 251"),
    ],
)
def test_bad_options_write_nothing(argv, message, conditional_run, capsys):
    before = sorted(os.listdir(conditional_run))
    assert cli.main([argv[0], conditional_run, *argv[1:]]) == 2
    assert message in capsys.readouterr().err
    assert sorted(os.listdir(conditional_run)) == before


def test_points_are_measured_but_not_drawn(tmp_path, capsys):
    config = dict(
        model="realnvp", arguments=dict(event_shape=[2], num_layers=2, hidden_units=[8]), data="moons",
        data_options=dict(num_train=100), training={},
    )  # fmt: skip
    run = training.Run.create(tmp_path / "run", config)
    flow = run.build_model()
    flow.initialize(run.load_data().train)
    run.save_best(flow)
    before = sorted(os.listdir(run.path))
    assert cli.main(["reconstruct", str(run.path)]) == 0
    assert float(capsys.readouterr().out.split()[-1]) < 1e-4
    for argv in (["interpolate", str(run.path)], ["sample", str(run.path), "--temperatures", "0.5,1"]):
        assert cli.main(argv) == 2
        assert "images" in capsys.readouterr().err
    assert sorted(os.listdir(run.path)) == before
    assert cli.main(["sample", str(run.path), "--n", "7", "--seed", "4", "--temperature", "0.5"]) == 0
    np.testing.assert_array_equal(np.load(run.path / "samples-4-0.5.npy"), flow.sample(7, seed=4, temperature=0.5))
    assert sorted(os.listdir(run.path)) == sorted([*before, "samples-4-0.5.npy", "samples-4-0.5.png"])
