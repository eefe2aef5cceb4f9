"""On what a run is trained: this device, all of this host's, or those of several hosts.

    mirrored      tf.distribute.MirroredStrategy: a copy of the model on each GPU, or logical device, of this host
    multiworker   tf.distribute.MultiWorkerMirroredStrategy: of several hosts, which the environment's TF_CONFIG lists

It is no part of a run's config: a batch is split over the devices, a step is that of the whole batch, and a run that
was begun on one number of devices goes on on another. Of several workers each keeps a run directory, since each needs
its own checkpoint to go on from; the first one's is the run. Read without TensorFlow.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os

NAMES = ("mirrored", "multiworker")


def check(name: str | None, epochs: int | None, minutes: float | None) -> None:
    """Refuses a strategy that cannot be.

    Args:
        name: one of `NAMES`, or None.
        epochs, minutes: of the training.

    Raises:
        ValueError: for another name; of several workers without a cluster in TF_CONFIG, or with an end that each
            would decide by its own clock.
    """
    if name is not None and name not in NAMES:
        raise ValueError(f"Expected strategy among {', '.join(NAMES)}; got {name!r}.")
    if name == "multiworker":
        _task()
        if epochs is None or minutes is not None:
            given = "no epochs" if epochs is None else f"minutes={minutes:g}"
            raise ValueError(f"Expected epochs alone to end a training of several workers; got {given}.")


def worker(name: str | None) -> int:
    """The number of this process among those that train, from 0.

    Example:
        >>> from tfp_flows.runs import strategies
        >>> strategies.worker("mirrored")
        0
    """
    return _task() if name == "multiworker" else 0


def own_folder(out: str, name: str | None) -> str:
    """The run directory of this process: that of workers after the first is beside the run's.

    Example:
        >>> from tfp_flows.runs import strategies
        >>> strategies.own_folder("runs/maf", "mirrored")
        'runs/maf'
    """
    number = worker(name)
    return f"{os.fspath(out).rstrip('/')}-worker{number}" if number else out


def scope(name: str | None) -> contextlib.AbstractContextManager:
    """The context in which a model is built, compiled and fitted. The first thing that TensorFlow is asked for.

    Args:
        name: one of `NAMES`, or None.
    """
    return contextlib.nullcontext() if name is None else made(name).scope()


@functools.cache
def made(name):
    """The `tf.distribute.Strategy` of a name, one in a process: two over the same devices mix up their reductions."""
    import tensorflow as tf

    if name == "multiworker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = tf.config.list_logical_devices("GPU")
    # Without GPUs, the logical devices of the processor: one, where a program has made no others.
    devices = [device.name for device in gpus or tf.config.list_logical_devices("CPU")]
    return tf.distribute.MirroredStrategy(devices)


def _task():
    """The number of this worker, from TF_CONFIG."""
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        number = int(task["index"])
        if task["type"] == "worker" and 0 <= number < len(workers):
            return number
    except (ValueError, KeyError, TypeError):
        pass
    raise ValueError(
        'Expected TF_CONFIG such as {"cluster": {"worker": ["host1:12345", "host2:12345"]}, "task": {"type": "worker", '
        f'"index": 0}}}} in the environment of each worker; got {text or "none"}.'
    )
