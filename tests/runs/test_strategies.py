"""What is trained on several hosts is told by TF_CONFIG, and refused in a sentence where that or the end lacks."""

import json

import pytest

from tfp_flows.runs import strategies, train

CLUSTER = {"cluster": {"worker": ["a:1", "b:1"]}}


def task(index, kind="worker"):
    return json.dumps({**CLUSTER, "task": {"type": kind, "index": index}})


def test_each_worker_has_a_directory_of_its_own(monkeypatch):
    for index, folder in ((0, "runs/maf"), (1, "runs/maf-worker1")):
        monkeypatch.setenv("TF_CONFIG", task(index))
        strategies.check("multiworker", 3, None)
        assert strategies.worker("multiworker") == index
        assert strategies.own_folder("runs/maf", "multiworker") == folder
        # Whoever trains alone, or on this host, does not ask.
        assert strategies.own_folder("runs/maf", "mirrored") == strategies.own_folder("runs/maf", None) == "runs/maf"


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps(CLUSTER), task(2), task(0, "chief"), task(-1), task("x")])
def test_a_bad_cluster_is_refused(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=r'^Expected TF_CONFIG such as \{"cluster": .*"index": 0\}\} in the .*; got '):
        strategies.check("multiworker", 3, None)


@pytest.mark.parametrize(("epochs", "minutes", "given"), [(None, None, "no epochs"), (3, 2.0, "minutes=2")])
def test_several_workers_end_together(monkeypatch, tmp_path, epochs, minutes, given):
    monkeypatch.setenv("TF_CONFIG", task(0))
    options = dict(epochs=epochs, minutes=minutes, strategy="multiworker")
    with pytest.raises(ValueError, match=f"Expected epochs alone to end a training of several workers; got {given}"):
        train("maf", "moons", tmp_path / "run", **options)
    with pytest.raises(ValueError, match="Expected strategy among mirrored, multiworker; got 'tpu'"):
        train("maf", "moons", tmp_path / "run", strategy="tpu")
    assert not any(tmp_path.iterdir())
