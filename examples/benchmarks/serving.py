"""What an exported SavedModel answers in a second, how late at the latest, and what stays in memory.

Through TensorFlow's C API, the loader and session that TensorFlow Serving uses, without TensorFlow's Python: several
threads, each of which sends its next request when the last is answered. ctypes lets go of Python's lock meanwhile, so
that the threads compute side by side. What a server adds, the network, its protocol and its batching of requests, is
not measured here.

The events that are scored are the model's own: `sample` draws them. Resident memory is Linux' VmRSS, of the process
with Python, NumPy and TensorFlow's library in it; a peak is its VmHWM, set back by /proc/self/clear_refs.
"""

import concurrent.futures
import ctypes
import pathlib
import re
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCHES = (1, 32, 256)
SIGNATURES = ("log_prob", "sample")
MIB = 2**20


class Load:
    """Requests to one SavedModel.

    Args:
        path: the version's folder, or the model's, of which the highest version is taken.
    """

    def __init__(self, path):
        sys.path.insert(0, str(ROOT))
        from tests import c_api

        path = pathlib.Path(path)
        versions = sorted((int(entry.name), entry) for entry in path.glob("[0-9]*"))
        self.path = versions[-1][1] if versions else path
        self._model = c_api.SavedModel(self.path)
        assert "tensorflow" not in sys.modules
        if not {"log_prob", "sample"} <= self._model.signatures.keys():
            raise SystemExit(f"Expected a model that serves log_prob and sample; got {sorted(self._model.signatures)}.")
        self._context = "context" in self._model.signatures["log_prob"][0]
        if self._context:
            raise SystemExit("Expected a model without a context, for there is none to send; got one that takes it.")
        self._asked = self._model.signatures["sample"][0].keys()
        self.x = self.ask("sample", max(BATCHES), 0)["x"]

    def ask(self, signature, batch, number):
        """The answer to a request of a number."""
        if signature == "sample":
            known = {"n": np.int32(batch), "seed": np.array([number, batch], np.int32), "temperature": np.float32(1)}
            return self._model.run("sample", {name: known[name] for name in self._asked})
        return self._model.run(signature, {"x": self.x[:batch]})

    def score(self, x):
        return self._model.run("log_prob", {"x": x})["log_prob"]

    def latencies(self, signature, batch, threads, seconds):
        """Seconds of each request, of all threads, and how long all of it took."""

        def client(thread):
            taken, now = [], time.perf_counter()
            while now < end:
                self.ask(signature, batch, thread)
                last, now = now, time.perf_counter()
                taken.append(now - last)
            return taken

        for thread in range(2):  # what TensorFlow does at a first request of a kind
            self.ask(signature, batch, thread)
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            start = time.perf_counter()
            end = start + seconds
            taken = list(pool.map(client, range(threads)))
            return np.concatenate(taken), time.perf_counter() - start

    def soak(self, threads, seconds):
        """Requests of all kinds in turns, from all threads: how many, and resident memory at a tenth and the end."""

        def client(thread):
            number = 0
            while time.perf_counter() < end:
                kind = (number + thread) % (len(BATCHES) * len(SIGNATURES))
                self.ask(SIGNATURES[kind % 2], BATCHES[kind // 2], number)
                number += 1
            return number

        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            end = time.perf_counter() + seconds
            running = [pool.submit(client, thread) for thread in range(threads)]
            time.sleep(seconds / 10)
            early = status("VmRSS")
            requests = sum(each.result() for each in running)
            return requests, early, status("VmRSS")


def status(field):
    """MiB of a field of /proc/self/status."""
    return int(re.search(rf"{field}:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) / 1024


def peak(load, rows):
    """MiB above what is resident before, at the peak of one log_prob of so many events; seconds; MiB of the events."""
    x = np.resize(load.x, (rows, *load.x.shape[1:]))
    load.score(x[:2])
    give_back()
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before, start = status("VmRSS"), time.perf_counter()
    values = load.score(x)
    seconds = time.perf_counter() - start
    # The same events come again and again, in whatever part: so do their densities.
    np.testing.assert_allclose(values[:: len(load.x)], values[0], rtol=1e-4)
    return status("VmHWM") - before, seconds, x.nbytes / MIB


def give_back():
    """Has the C library give free memory back, so that a former peak hides no new one."""
    ctypes.CDLL(None).malloc_trim(0)


def run(path, threads, seconds, soak, rows):
    """Measures all of it.

    Returns:
        rows of a table, lines below it.
    """
    start = time.perf_counter()
    load = Load(path)
    lines = [f"{load.path}: loaded and first sample of {max(BATCHES)} in {time.perf_counter() - start:.1f} s"]
    table = [["request", "batch", "threads", "requests/s", "events/s", "p50 ms", "p99 ms", "max ms"]]
    for signature in SIGNATURES:
        for batch in BATCHES:
            for count in sorted({1, threads}):
                taken, wall = load.latencies(signature, batch, count, seconds)
                late = [f"{1e3 * np.percentile(taken, q):.2f}" for q in (50, 99, 100)]
                rate = len(taken) / wall
                table.append([signature, str(batch), str(count), f"{rate:.0f}", f"{batch * rate:.0f}", *late])
                print(" ".join(table[-1]), file=sys.stderr, flush=True)
    if rows:
        above, took, of_x = peak(load, rows)
        lines.append(
            f"one log_prob of {rows:,} events ({of_x:.0f} MiB): {above:.0f} MiB above what was resident, {took:.1f} s"
        )
    if soak:
        requests, early, end = load.soak(threads, soak)
        lines.append(
            f"soak: {requests:,} requests of all kinds from {threads} threads in {soak:g} s; resident at a tenth "
            f"{early:.1f} MiB, at the end {end:.1f} MiB: {end - early:+.1f} MiB"
        )
    return table, lines
