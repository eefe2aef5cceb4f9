"""What stays in a process that makes model after model, or that calls one again and again: seconds, memory, graphs.

    COMMAND   python examples/endurance.py                       thirty models each, then ten thousand calls of each
              python examples/endurance.py --calls 0             the models alone
              python examples/endurance.py --models 0 --calls 1000
    RESULT    a table: a model built, compiled, fitted for one epoch and let go of, ours (RealNVP, 4 couplings of 2x32)
              beside its networks alone in a plain keras.Model: seconds of each, and MiB that each leaves behind;
              a table: functions of one flow, their calls, MiB and graphs alive after the first tenth and at the end.
    TIME      4 minutes for the models, 20 for the calls, on two cores

Each in a process of its own. What a model leaves behind is the slope of resident memory over the second half of them,
after Python has looked for garbage. A call of `fit` is one epoch of two steps; `fit` and `evaluate` make a data
pipeline each time, and are called a tenth as often.

Linux only, on the processor.
"""

import argparse
import gc
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from benchmarks.resident import MIB, resident

ROOT = pathlib.Path(__file__).resolve().parent.parent


def networks_alone():
    """The networks of the flow, each fed by the one before it, as Keras users write them."""
    import keras

    inputs = keras.Input((2,))
    h = inputs[:, :1]
    for _ in range(4):
        for units in (32, 32):
            h = keras.layers.Dense(units, "relu")(h)
        h = keras.layers.Dense(2)(h)[:, :1]
    model = keras.Model(inputs, h)
    model.compile("adam", "mse")
    return model


def flow():
    import tfp_flows

    model = tfp_flows.RealNVP((2,), num_layers=4, hidden_units=(32, 32))
    model.compile("adam")
    return model


def work_models(make, count):
    import numpy as np

    x = np.random.default_rng(0).normal(size=(2000, 2)).astype("float32")
    seconds, memory = [], []
    for _ in range(count):
        start = time.perf_counter()
        model = make()
        model.fit(x, x[:, :1] if make is networks_alone else None, batch_size=500, epochs=1, verbose=0)
        seconds.append(time.perf_counter() - start)
        del model
        gc.collect(), gc.collect()
        memory.append(resident() / MIB)
    half = count // 2
    return dict(
        seconds=statistics.median(seconds[half:]), first=seconds[0],
        mib=float(np.polyfit(np.arange(half, count), memory[half:], 1)[0]),
    )  # fmt: skip


def work_calls(name, count):
    import numpy as np
    import tensorflow as tf

    from tfp_flows import training

    model, x = flow(), np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    model.initialize(x)
    functions = {
        "log_prob": lambda: model.log_prob(x),
        "sample": lambda: model.sample(64, seed=1),
        "encode": lambda: model.encode(x),
        "decode": lambda: model.decode(x),
        "call": lambda: model(x),
        "sample_and_log_prob": lambda: model.sample_and_log_prob(64, seed=1),
        "predict": lambda: model.predict(x, verbose=0),
        "evaluate": lambda: model.evaluate(x, verbose=0),
        "fit": lambda: model.fit(x, batch_size=32, verbose=0),
        "train_on_batch": lambda: model.train_on_batch(x),
        "nll_per_event": lambda: training.nll_per_event(model, x),
        "compile": lambda: model.compile("adam"),
    }
    rows = []
    for k in range(count):
        functions[name]()
        if k + 1 in (max(count // 10, 1), count):
            gc.collect(), gc.collect()
            graphs = sum(isinstance(part, tf.__internal__.FuncGraph) for part in gc.get_objects())
            rows.append((k + 1, resident() / MIB, graphs))
    return rows


CALLS = {
    "log_prob": 1, "sample": 1, "encode": 1, "decode": 1, "call": 0.1, "sample_and_log_prob": 0.1, "predict": 0.1,
    "train_on_batch": 1, "nll_per_event": 0.1, "evaluate": 0.1, "fit": 0.1, "compile": 0.1,
}  # fmt: skip


def ask(*task):
    """What a fresh process says."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, __file__, "--worker", json.dumps(task)], env={**os.environ, **quiet},
        capture_output=True, text=True,
    )  # fmt: skip
    if result.returncode:
        sys.exit(f"The worker of {task} failed:\n{result.stderr[-3000:]}")
    return json.loads(result.stdout.splitlines()[-1])


def main(args):
    if args.models:
        print("| model after model | first, s | each, s | each leaves, MiB |\n| --- | ---: | ---: | ---: |", flush=True)
        for name in ("plain Keras", "tfp_flows"):
            row = ask("models", name, args.models)
            print(f"| {name} | {row['first']:.2f} | {row['seconds']:.2f} | {row['mib']:.2f} |", flush=True)
    if args.calls:
        print("\n| function | calls | MiB | graphs | calls | MiB | graphs |\n|" + " --- |" * 7, flush=True)
        for name, share in CALLS.items():
            rows = ask("calls", name, max(int(args.calls * share), 10))
            cells = [f"{calls:,} | {mib:.1f} | {graphs}" for calls, mib, graphs in rows]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=30, help="0 for none, at least 4: 30")
    parser.add_argument("--calls", type=int, default=10_000, help="of the functions that are called most: 10000")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        kind, name, count = json.loads(given.worker)
        if kind == "models":
            print(json.dumps(work_models(networks_alone if name == "plain Keras" else flow, count)))
        else:
            print(json.dumps(work_calls(name, count)))
    else:
        main(given)
