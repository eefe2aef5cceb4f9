"""The process of one contestant: reads commands, one JSON line each, and answers each with one JSON line.

    {"do": "build"}                               -> parameters, versions, note, ...; everything is warm after it
    {"do": "train" | "log_prob" | "sample", "steps": 20}  -> {"ms": milliseconds of a step}
    {"do": "nll"}                                -> {"nll": nats per event}
    {"do": "first_step", "optimizer": "adam"}    -> {"seconds": ...}; instead of "build"
    anything that fails                          -> {"error": ..., "absent": name of the missing module or None}

A process apiece keeps the thread pools of TensorFlow, PyTorch and JAX apart; between commands it waits in a read
and uses no processor time. It ends when its input ends.

Run by `benchmark.py` as `python -m benchmarks.worker NAME SETTINGS THREADS`.
"""

import importlib
import json
import os
import sys

from benchmarks import CONTESTANTS, TASKS

METHODS = dict(zip(TASKS, ("train_step", "log_prob", "sample")))


def main(name, settings, threads):
    # What the libraries print goes to stderr; the answers have a stream of their own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    use_threads(int(threads))
    contestant = None
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if contestant is None:
                contestant = construct(name, json.loads(settings))
            answer = obey(contestant, command)
        except ModuleNotFoundError as error:
            answer = {"error": str(error), "absent": error.name}
        except Exception as error:  # whatever a library raises is reported in the table's footer
            import traceback

            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:300], "absent": None}
        answers.write(json.dumps(answer) + "\n")


def use_threads(num_threads):
    """Confines the process to as many processors: every library sizes its thread pools by that."""
    os.environ["OMP_NUM_THREADS"] = str(num_threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:num_threads])


def construct(name, settings):
    from benchmarks.contestant import SETTINGS

    settings = dict(settings)
    system = settings.pop("system")
    module, cls, options = CONTESTANTS[system][name]
    if "hidden" in settings:
        settings["hidden"] = tuple(settings["hidden"])
    settings = SETTINGS[system](**settings)
    return getattr(importlib.import_module(f"benchmarks.{module}"), cls)(settings, **options)


def obey(contestant, command):
    do = command["do"]
    if do == "build":
        contestant.nll()  # the first check of shapes and finiteness, on the untrained flow
        for task in TASKS:
            getattr(contestant, METHODS[task])(1)
        return {
            "parameters": contestant.num_parameters,
            "versions": contestant.versions,
            "note": contestant.note,
            "is_density": contestant.is_density,
            "entropy": contestant.settings.entropy,
            "settings": contestant.settings.describe(),
            "batch": contestant.settings.batch,
        }
    if do in TASKS:
        seconds = getattr(contestant, METHODS[do])(command["steps"])
        return {"ms": 1000 * seconds / command["steps"]}
    if do == "nll":
        return {"nll": contestant.nll()}
    if do == "first_step":
        return {"seconds": contestant.first_step(command["optimizer"])}
    raise ValueError(f"Expected a command of this module's docstring; got {command!r}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
