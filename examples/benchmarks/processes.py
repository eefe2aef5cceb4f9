"""The benchmark's side of its workers: starts them, asks them, and watches who else uses the processors."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent


class WorkerFailed(Exception):
    """A contestant cannot go on; `absent` is the module that is not installed, if that is why."""

    def __init__(self, message, absent=None):
        super().__init__(message)
        self.absent = absent


class Worker:
    """The process of one contestant; see `benchmarks/worker.py` for what it understands.

    Args:
        name: A key of `CONTESTANTS`.
        settings: dict, the arguments of `benchmarks.contestant.Settings`.
        threads: Number of processors that it may use.
    """

    def __init__(self, name, settings, threads):
        self.name = name
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name, json.dumps(settings), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=EXAMPLES,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(EXAMPLES), str(EXAMPLES.parent), os.environ.get("PYTHONPATH", "")]),
                "CUDA_VISIBLE_DEVICES": "-1",
                "JAX_PLATFORMS": "cpu",
                "KERAS_BACKEND": "tensorflow",
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
        )

    @property
    def pid(self):
        return self._process.pid

    @property
    def alive(self):
        return self._process.poll() is None

    def ask(self, do, **arguments):
        """The answer to one command.

        Raises:
            WorkerFailed: If the contestant answers with an error, or its process has died.
        """
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerFailed(f"the process died with status {self._process.wait()}; it said: {self._last_words()}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerFailed(answer["error"], answer["absent"])
        return answer

    def close(self):
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def _last_words(self):
        self._log.seek(0)
        lines = [line.strip() for line in self._log if line.strip()]
        return lines[-1][:300] if lines else "nothing"


class OtherPrograms:
    """The share of the machine's processor time that goes to other programs than the workers, from now on.

    Args:
        workers: list of `Worker`.
    """

    def __init__(self, workers):
        self._workers = workers
        self._start = self._times()

    def share(self):
        """Between 0 and 1; None where the system has no /proc."""
        if self._start is None:
            return None
        total, idle, own = (now - then for now, then in zip(self._times(), self._start))
        return max(0.0, total - idle - own) / max(total, 1)

    def _times(self):
        """Clock ticks so far: all processors' in total, those they were idle, and those of the workers."""
        try:
            ticks = [int(field) for field in pathlib.Path("/proc/stat").read_text().split()[1:9]]
            stats = [pathlib.Path(f"/proc/{worker.pid}/stat").read_text() for worker in self._workers if worker.alive]
        except OSError:
            return None
        own = sum(sum(map(int, stat.rpartition(")")[2].split()[11:13])) for stat in stats)
        return sum(ticks), ticks[3] + ticks[4], own
