"""Runs by the commands that are sampled in more than one way: of continuous time, by the solver that is asked for, with
pictures of their ways; of classes, guided."""

import numpy as np
import pytest

from tfp_flows import cli, flow, runs, training

pytest.importorskip("sklearn", reason="the extra `data` is not installed")
pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")


def test_samples_by_a_solver_with_guidance_and_their_ways(tmp_path, capsys):
    out = str(tmp_path / "run")
    sizes = ["--set", "hidden_channels=4", "--set", "multipliers=1,", "--set", "solver=rk4", "--set", "num_steps=2"]
    quick = ["--epochs", "1", "--minutes", "1e-9", "--quiet", "--no-export", "--picture-every", "0", *sizes]
    data = ["--data", "digits", "--data-set", "flatten=no", "--data-set", "num_test=20", "--conditional"]
    assert cli.main(["train", "flow_matching", *data, "--out", out, *quick]) == 0
    model = runs.Run(out).load_model()
    assert model.event_shape == (8, 8, 1) and model.num_classes == 10 and model.label_dropout == 0.1
    capsys.readouterr()
    for arguments, sampler in (
        (["--solver", "heun", "--steps", "3", "--guidance", "2"], flow.named_sampler("heun", 3, 2.0)),
        (["--steps", "2"], flow.named_sampler("heun", 2)),
    ):
        assert cli.main(["sample", out, "--n", "2", "--class", "1,7", "--seed", "4", *arguments]) == 0
        array, labels, picture = capsys.readouterr().out.split()
        model.sampler = sampler
        wanted = training.sample_classes(model, 2, [1, 7], 4).reshape(4, 8, 8, 1)
        np.testing.assert_array_equal(np.load(array), wanted)
        assert np.load(labels).tolist() == [1, 1, 7, 7] and picture.endswith(".png")
    assert "samples-4-1-2-class-1-7" in array
    assert cli.main(["trajectories", out, "--n", "3", "--times", "3", "--class", "7", "--seed", "5"]) == 0
    array, picture = capsys.readouterr().out.split()
    np.testing.assert_allclose(np.load(array), training.trajectories(model, 3, 3, 5, 7)[1], rtol=1e-5, atol=1e-4)
    assert (tmp_path / "run" / "trajectories-5-class-7.png").stat().st_size > 1000


def test_samples_of_patches_with_guidance(tmp_path, capsys):
    out = str(tmp_path / "run")
    sizes = ["channels=4", "num_blocks=1", "num_layers=1", "dequantization=gaussian"]
    quick = ["--epochs", "1", "--quiet", "--no-export", "--picture-every", "0"]
    data = ["--data", "digits", "--data-set", "flatten=no", "--data-set", "num_test=20", "--conditional"]
    given = [part for size in sizes for part in ("--set", size)]
    assert cli.main(["train", "tarflow", *data, "--out", out, *quick, *given]) == 0
    # The likelihood of noisy images has no bits, and is compared with none of the data.
    printed = capsys.readouterr().out
    assert "flow " in printed and "bits" not in printed and "Gaussian" not in printed
    model = runs.Run(out).load_model()
    assert model.num_classes == 10 and model.dequantization.scale == 0.1 * 17 / 2
    assert cli.main(["sample", out, "--n", "2", "--class", "1,7", "--seed", "4", "--guidance", "2"]) == 0
    array, *_ = capsys.readouterr().out.split()
    model.sampler = flow.AutoregressiveSampler(2.0)
    np.testing.assert_array_equal(np.load(array), training.sample_classes(model, 2, [1, 7], 4).reshape(4, 8, 8, 1))
