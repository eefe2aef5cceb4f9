"""What is written is there whole or not at all: full disks end in a sentence, and what was killed is cleared away."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from tfp_flows import files, locks

SENTENCE = "Expected room on the disk to write '.*there.*'; got none"


def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


class ResourceExhaustedError(Exception):
    """As TensorFlow's, which is no OSError."""


@pytest.mark.parametrize("error", [
    OSError(errno.ENOSPC, "no room"), OSError(errno.EFBIG, "File too large"),
    OSError("Can't write data (file write failed: errno = 28, error message = 'No space left on device')"),
    ResourceExhaustedError("part-00000-of-00001; No space left on device [Op:SaveV2]"),
])  # fmt: skip
def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(error, tmp_path):
    path = tmp_path / "there.txt"
    path.write_text("before")
    with pytest.raises(OSError, match=SENTENCE) as caught:
        with files.replacing(path) as part:
            part.write_text("half")
            raise error
    assert caught.value.errno == errno.ENOSPC and "\n" not in str(caught.value)
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["there.txt"]


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), RuntimeError("other"), ValueError("no")])
def test_other_errors_stay_what_they_are(error, tmp_path):
    with pytest.raises(type(error), match=str(error.args[-1])):
        with files.replacing(tmp_path / "there.txt"):
            raise error


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no room is reserved on this system")
def test_what_does_not_fit_is_refused_whoever_writes(tmp_path):
    """A limit of file sizes, as a disk that is full: numpy says how many numbers it has written, HDF5 is not begun."""
    code = """
import resource, sys
import numpy as np
from tfp_flows import files
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
for write in (lambda part: np.save(part, np.zeros(10_000)), lambda part: files.require_room(part, 5001)):
    try:
        with files.replacing(sys.argv[1]) as part:
            files.require_room(part, 4999)
            write(part)
    except OSError as error:
        print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "there.npy"], capture_output=True, text=True, env={**os.environ}
    )
    said = result.stdout.splitlines()
    assert len(said) == 2 and all(line.startswith("Expected room on the disk") for line in said), result
    assert result.stderr == "" and os.listdir(tmp_path) == []


def test_room_is_reserved(tmp_path):
    files.require_room(tmp_path / "part", 12345)
    assert (tmp_path / "part").stat().st_size in (0, 12345)


@pytest.mark.parametrize("when", ["config.json", "best.weights.h5", "log.csv"])
def test_a_new_run_on_a_full_disk_leaves_nothing(when, tmp_path, monkeypatch):
    import tfp_flows
    from tfp_flows import runs
    from tfp_flows.runs import training

    model = tfp_flows.RealNVP((2,), num_layers=1, hidden_units=(4,))

    def fit(run, *args):
        (run.path / "samples").mkdir()
        run.save_best(model)
        run.write_log({"nll": [1.0]})

    replace = os.replace
    monkeypatch.setattr(files.os, "replace", lambda a, b: full() if b.name == when else replace(a, b))
    monkeypatch.setattr(training, "fit_run", fit)
    with pytest.raises(OSError, match=f"Expected room on the disk to write '.*{when}'"):
        runs.train("realnvp", "moons", tmp_path / "new" / "there", epochs=1, data_options=dict(num_train=64),
                   arguments=dict(num_layers=1, hidden_units=4))  # fmt: skip
    assert not (tmp_path / "new" / "there").exists()


def test_weights_are_not_begun_where_they_do_not_fit(tmp_path, monkeypatch):
    import tfp_flows
    from tfp_flows import runs

    config = dict(model="realnvp", arguments=dict(event_shape=[2]), data="moons", data_options={}, training={})
    run = runs.Run.create(tmp_path / "there", config)
    model = tfp_flows.RealNVP((2,), num_layers=1, hidden_units=(4,))
    asked = []
    monkeypatch.setattr("tfp_flows.runs.run.require_room", lambda part, size: asked.append(size) or full())
    monkeypatch.setattr(model, "save_weights", None)
    with pytest.raises(OSError, match=SENTENCE):
        run.save_best(model)
    numbers = sum(int(np.prod(v.shape)) for v in model.weights)
    assert 4 * numbers < asked[0] < 4 * numbers + 4096 * len(model.weights)
    assert os.listdir(run.path) == ["config.json"]


WRITER = """
import pathlib, sys, time
from tfp_flows import files
with files.scratch_folder(pathlib.Path(sys.argv[1]), "unpublished-") as folder:
    (folder / "half").write_text("half")
    print(folder.name, flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(locks.fcntl is None, reason="no locks of folders on this system")
def test_folders_of_writers_that_were_killed_are_removed_and_of_others_stay(tmp_path):
    def start():
        writer = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True)
        return writer, writer.stdout.readline().strip()

    (tmp_path / "published").mkdir()
    killed, abandoned = start()
    killed.kill()
    killed.wait()
    assert (tmp_path / abandoned / "half").exists()
    writing, kept = start()
    try:
        assert not (tmp_path / abandoned).exists()
        with files.scratch_folder(tmp_path, "unpublished-") as own:
            assert sorted(os.listdir(tmp_path)) == sorted(["published", kept, own.name])
            assert (tmp_path / kept / "half").exists()
    finally:
        writing.kill()
        writing.wait()
    with files.scratch_folder(tmp_path, "unpublished-"):
        pass
    assert os.listdir(tmp_path) == ["published"]


def test_parts_of_files_of_processes_that_were_killed_are_removed(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    mine, others = f".{os.getpid()}.log.csv", [".hidden", ".1a.log.csv", "log.csv", f"{gone.pid}.csv"]
    for name in (f".{gone.pid}.best.weights.h5", mine, *others):
        (tmp_path / name).write_text("half")
    files.clear_abandoned_parts(tmp_path)
    assert set(os.listdir(tmp_path)) == {mine, *others}
