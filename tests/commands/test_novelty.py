"""The typicality test against what is known of it, and the command on real digits beside images that are none."""

import json
import os

import numpy as np
import pytest

from tfp_flows import cli
from tfp_flows.novelty import Typicality, auroc


def normal_nll(n, dimensions, scale, seed):
    """nll under a standard normal of events drawn with another scale."""
    x = scale * np.random.default_rng(seed).normal(size=(n, dimensions))
    return 0.5 * np.square(x).sum(1) + 0.5 * dimensions * np.log(2 * np.pi)


def test_the_entropy_and_the_threshold_are_those_of_the_normal():
    test = Typicality(normal_nll(50_000, 100, 1, 0), normal_nll(50_000, 100, 1, 1))
    assert test.entropy == pytest.approx(50 * np.log(2 * np.pi * np.e), abs=0.15)
    # Half of a chi-square of 100 M degrees of freedom, divided by M: about normal, of variance 50 / M.
    for size in (10, 100):
        assert test.threshold(size, 0.95) == pytest.approx(1.96 * np.sqrt(50 / size), rel=0.05)
    known = test.statistic(normal_nll(20_000, 100, 1, 2))
    assert (known > test.threshold(level=0.99)).mean() == pytest.approx(0.01, abs=0.003)


def test_what_is_too_likely_is_found_by_typicality_alone():
    test = Typicality(normal_nll(5000, 100, 1, 0), normal_nll(5000, 100, 1, 1))
    known, likely = normal_nll(2000, 100, 1, 2), normal_nll(2000, 100, 0.8, 3)
    assert auroc(known, likely) < 0.02
    assert auroc(test.statistic(known), test.statistic(likely)) > 0.95
    assert auroc(test.statistic(known, 10), test.statistic(likely, 10)) == 1
    slightly = normal_nll(2000, 100, 0.97, 4)
    single, batches = (auroc(test.statistic(known, size), test.statistic(slightly, size)) for size in (1, 50))
    assert single < 0.65 and batches > 0.95


def test_batches_are_of_successive_events():
    test = Typicality([1.0, 3.0], [2.0])
    np.testing.assert_allclose(test.statistic([2.0, 4.0, 0.0, 6.0, 9.0], 2), [1.0, 1.0])
    np.testing.assert_allclose(test.statistic([2.0, 4.0, 0.0]), [0.0, 2.0, 2.0])
    assert test.threshold(3, 0.5) == 0.0


def test_auroc_counts_pairs():
    random = np.random.default_rng(0)
    known, novel = random.integers(0, 6, 50), random.integers(2, 8, 70)
    pairs = (novel[:, None] > known).mean() + 0.5 * (novel[:, None] == known).mean()
    assert auroc(known, novel) == pytest.approx(pairs, abs=1e-12) and 0.6 < pairs < 0.95
    assert auroc([0.0, 1.0], [-np.inf, np.inf]) == 0.5


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Typicality([], [1.0]), r"Expected train_nll as a vector of at least one number; got float64 \(0,\)"),
        (lambda: Typicality([1.0], [np.nan]), "Expected validation_nll as a vector .*; got 1 NaN"),
        (lambda: Typicality([1.0, np.inf], [1.0]), "Expected finite numbers in train_nll; got 1 infinite"),
        (lambda: Typicality([1.0], [1.0], num_bootstrap=0), "Expected num_bootstrap to be a positive integer; got 0"),
        (lambda: Typicality([1.0], [1.0]).statistic([1.0], 2), "Expected batch_size to be at most .*, 1; got 2"),
        (lambda: Typicality([1.0], [1.0]).statistic([[1.0]]), r"Expected nll as a vector .*; got float64 \(1, 1\)"),
        (lambda: Typicality([1.0], [1.0]).threshold(0), "Expected batch_size to be a positive integer; got 0"),
        (lambda: Typicality([1.0], [1.0]).threshold(1, 1.0), "Expected level to be between 0 and 1; got 1.0"),
        (lambda: auroc([1.0], ["a"]), r"Expected novel as a vector of at least one number; got str32"),
    ],
)
def test_bad_scores_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def images(path, values):
    np.savez(path, x=values.astype("uint8"))
    return str(path)


def test_the_command_tells_digits_from_noise_and_from_nothing(conditional_run, tmp_path, capsys):
    random = np.random.default_rng(0)
    noise = images(tmp_path / "noise.npz", random.integers(0, 17, (500, 8, 8, 1)))
    dark = images(
        tmp_path / "dark.npz", random.integers(0, 2, (500, 8, 8, 1)) * (random.random((500, 8, 8, 1)) < 0.005)
    )
    reports = {}
    for path in (noise, dark):
        to = path.removesuffix(".npz") + "-scores"
        argv = [
            "novelty",
            conditional_run,
            "--data",
            path,
            "--data-set",
            "num_bins=17",
            "--n",
            "100",
            "--batch-size",
            "5",
            "--to",
            to,
        ]
        assert cli.main(argv) == 0
        table = capsys.readouterr().out
        reports[path] = report = json.load(open(to + ".json"))
        scores = np.load(to + ".npz")
        assert {len(scores[f"{name}_nll"]) for name in ("train", "validation", "test")} == {100}
        assert len(scores["other_nll"]) == 50
        for name in ("test", "other"):
            assert scores[f"{name}_bits_per_dim"].mean() == pytest.approx(report[name]["bits_per_dim"], rel=1e-9)
        np.testing.assert_allclose(scores["other_nll"], scores["other_bits_per_dim"] * 64 * np.log(2))
        assert report["entropy"] == pytest.approx(scores["train_nll"].mean())
        assert report["auroc_nll"] == pytest.approx(auroc(scores["test_nll"], scores["other_nll"]))
        assert f"{report['other']['bits_per_dim']:.3f}" in table and f"{report['auroc_nll']:.4f}" in table
        assert [test["batch_size"] for test in report["typicality"]] == [1, 5]
    assert reports[noise]["auroc_nll"] == 1 and reports[noise]["typicality"][1]["other_beyond"] == 1
    # Nearly black images are likelier than any digit: the log-likelihood takes them for familiar.
    single, batches = reports[dark]["typicality"]
    assert reports[dark]["auroc_nll"] < 0.1 and single["auroc"] > 0.75 and batches["auroc"] > 0.95
    assert single["test_beyond"] < 0.1


@pytest.mark.parametrize(
    "options, message",
    [
        (["--data", "moons"], "Expected events of shape (8, 8, 1) in moons, as those of digits on which the run was"),
        (["--data", "x.npz"], "Expected events with a number of levels of 17 in x.npz"),
        (["--data", "digitz"], "did you mean 'digits'"),
        (["--data", "digits", "--n", "0"], "Expected --n to be a positive integer; got 0"),
        (
            ["--data", "digits", "--batch-size", "300"],
            "Expected --batch-size to be within 1..250, the events scored; got",
        ),
        (["--data", "digits", "--level", "1"], "Expected --level to be between 0 and 1; got 1.0"),
        (["--data", "digits", "--seed", "-1"], "seed"),
    ],
)
def test_bad_options_write_nothing(options, message, conditional_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    images(tmp_path / "x.npz", np.full((30, 8, 8, 1), 200))
    before = sorted(os.listdir(conditional_run))
    assert cli.main(["novelty", conditional_run, *options]) == 2
    assert message in capsys.readouterr().err
    assert sorted(os.listdir(conditional_run)) == before and os.listdir(tmp_path) == ["x.npz"]
