"""How time and memory grow with the dimension, the depth, the batch and the image, for every model.

    COMMAND   python examples/growth.py                                  all of it
              python examples/growth.py --models maf,glow --axes depth,pixels
    RESULT    a table, a row for each model and axis: milliseconds of a training step, of log_prob and of a sample and
              MiB of a training step at each size, with the exponent between the two largest sizes: 1 is linear, 0 flat;
              growth.json and growth.png in --to, a panel for each axis and quantity
    TIME      50 minutes on two CPU cores; 1 minute for a model of vectors, 3 for one of images

All sizes but the one that grows are small (16 dimensions, 8x8 pixels, 2 or 4 layers, batches of 100 or 32, networks of
64 units or 32 channels), the ends of an axis two decades apart. At small sizes the price of calling an operation hides
what it costs, so that exponents are told between the two largest. A size whose first calls take longer than --patience
seconds is the last of its row.

MiB are what one training step needs beyond weights, slots and gradients: activations and scratch memory, as
examples/memory.py measures them. Each row is measured in a process of its own. Linux with glibc, on the processor.
"""

import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import time

from benchmarks.resident import AT_ONCE, MIB, USUAL, forget_peak, resident, take_from_system

ROOT = pathlib.Path(__file__).resolve().parent.parent
TASKS = ("step", "log_prob", "sample", "memory")
# Of a row about so much time for each task of a size, in seconds, beyond the first calls.
SHARE = 1.0

_UNITS, _LAYERS = dict(hidden_units=(64, 64)), lambda n: dict(num_layers=n)
_FIELD = dict(hidden_units=(64, 64), solver="rk4")
_TOKENS = dict(patch_size=2, channels=32, num_layers=1, num_heads=2)
_UNET = dict(hidden_channels=32, multipliers=(1, 2), num_blocks=1, patch_size=2, solver="rk4", num_steps=2)
# name -> (model, arguments, function of a depth to the arguments that it means)
VECTORS = {
    "nice": ("NICE", _UNITS, _LAYERS),
    "realnvp": ("RealNVP", _UNITS, _LAYERS),
    "maf": ("MAF", _UNITS, _LAYERS),
    "iaf": ("IAF", _UNITS, _LAYERS),
    "nsf": ("NSF", _UNITS, _LAYERS),
    "nsf_autoregressive": ("NSF", dict(_UNITS, scheme="autoregressive"), _LAYERS),
    "planar_flow": ("PlanarFlow", {}, _LAYERS),
    "gaussianization": ("Gaussianization", dict(num_components=8), _LAYERS),
    # Of the continuous ones the depth is the number of steps.
    "cnf": ("CNF", _FIELD, lambda n: dict(num_steps=n, training_steps=n)),
    "flow_matching": ("FlowMatching", _FIELD, lambda n: dict(num_steps=n)),
    "score_sde": ("ScoreSDE", _FIELD, lambda n: dict(num_steps=n)),
    "ncsn": ("NCSN", _FIELD, lambda n: dict(num_steps=n)),
}
IMAGES = {
    "glow": ("Glow", dict(num_levels=1, hidden_channels=32), lambda n: dict(num_steps=n)),
    "glow_reversible": ("Glow", dict(num_levels=1, hidden_channels=32, reversible=True), lambda n: dict(num_steps=n)),
    "realnvp_image": ("RealNVP", dict(num_scales=1, hidden_channels=32), lambda n: dict(num_blocks=n)),
    "maf_image": ("MAF", dict(hidden_channels=32, num_blocks=1), _LAYERS),
    "flowpp": (
        "FlowPP", dict(hidden_channels=32, num_components=4, num_blocks=1, dropout=0.0, dequantization="uniform"),
        lambda n: dict(num_couplings=(n, n, n)),
    ),
    "tarflow": ("TarFlow", _TOKENS, lambda n: dict(num_blocks=n)),
    "jet": ("Jet", _TOKENS, lambda n: dict(num_couplings=n)),
    "jet_reversible": ("Jet", dict(_TOKENS, reversible=True), lambda n: dict(num_couplings=n)),
    "flow_matching_unet": ("FlowMatching", _UNET, None),
}  # fmt: skip
# axis -> (sizes for vectors, sizes for images)
AXES = {
    "dimension": ((4, 40, 400), None),
    "depth": ((1, 10, 100), (1, 10, 50)),
    "batch": ((40, 400, 4000), (10, 100, 1000)),
    "pixels": (None, (16, 144, 1600)),
}


def work(name, axis, size):
    """The row of one size: milliseconds and MiB, and seconds that the first calls took."""
    import keras
    import numpy as np

    import tfp_flows

    is_image = name in IMAGES
    model, arguments, of_depth = (IMAGES if is_image else VECTORS)[name]
    given = dict(depth=2 if is_image else 4, batch=32 if is_image else 100, dimension=16, pixels=64) | {axis: size}
    side = math.isqrt(given["pixels"])
    shape = (side, side, 1) if is_image else (given["dimension"],)
    arguments = {**arguments, **(of_depth(given["depth"]) if of_depth else {})}
    if is_image:
        arguments["num_bins"] = 256
    flow = getattr(tfp_flows, model)(shape, **arguments)
    # Slowly: what is deep and fed with noise diverges at the usual rate, and that is not what is measured.
    flow.compile(keras.optimizers.Adam(1e-6), jit_compile=False)
    random, batch = np.random.default_rng(0), given["batch"]
    x = random.integers(0, 256, (batch, *shape)) if is_image else random.normal(size=(batch, *shape))
    x = x.astype("int32" if is_image else "float32")
    tasks = {
        "step": lambda: flow.train_on_batch(x),
        "log_prob": lambda: flow.log_prob(x),
        "sample": lambda: flow.sample(batch, seed=1),
    }
    begin = time.perf_counter()
    flow.initialize(x)
    row = {}
    for task, call in tasks.items():
        call(), call()
        if task == "step":
            row["memory"] = step_memory(flow, call)
        calls, start = [], time.perf_counter()
        while len(calls) < 3 or (time.perf_counter() - start < SHARE and len(calls) < 200):
            calls.append(-time.perf_counter())
            call()
            calls[-1] += time.perf_counter()
        row[task] = 1e3 * statistics.median(calls)
    return {**row, "seconds": time.perf_counter() - begin}


def step_memory(flow, step):
    take_from_system(AT_ONCE)
    before = resident()
    forget_peak()
    step(), step()
    peak = resident("VmHWM")
    take_from_system(USUAL)
    gradients = sum(4 * math.prod(w.shape) for w in flow.trainable_weights)  # float32
    return max(peak - before - gradients, 0) / MIB


def ask(name, axis, size):
    """What a fresh process says of one size."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT), "TF_ENABLE_ONEDNN_OPTS": "0"}
    result = subprocess.run(
        [sys.executable, __file__, "--worker", json.dumps([name, axis, size])], env={**os.environ, **quiet},
        capture_output=True, text=True,
    )  # fmt: skip
    if result.returncode:
        sys.exit(f"The worker of {name}, {axis} {size}, failed:\n{result.stderr[-3000:]}")
    return json.loads(result.stdout.splitlines()[-1])


def exponent(sizes, values):
    """Of the power law through the last two."""
    if len(values) < 2 or min(values[-2:]) <= 0:
        return None
    return math.log(values[-1] / values[-2]) / math.log(sizes[-1] / sizes[-2])


def cell(sizes, values):
    slope = exponent(sizes, values)
    return " / ".join(f"{value:.3g}" for value in values) + (f" ({slope:.2f})" if slope is not None else "")


def picture(rows, path):
    import matplotlib.pyplot as plt

    axes = [axis for axis in AXES if any(row["axis"] == axis for row in rows)]
    figure, panels = plt.subplots(len(axes), len(TASKS), figsize=(16, 3.6 * len(axes)), squeeze=False)
    names = list(dict.fromkeys(row["model"] for row in rows))
    colours = {name: plt.colormaps["tab20"](k % 20) for k, name in enumerate(names)}
    for axis, line in zip(axes, panels):
        for task, panel in zip(TASKS, line):
            for row in rows:
                if row["axis"] == axis:
                    style = dict(color=colours[row["model"]], marker="os^"[names.index(row["model"]) // 20], ms=3)
                    panel.loglog(row["sizes"], row[task], label=row["model"], **style)
            panel.set(xlabel=axis, title="MiB of a step" if task == "memory" else f"{task}, milliseconds")
    handles = {label: handle for p in panels.flat for handle, label in zip(*p.get_legend_handles_labels())}
    figure.tight_layout(rect=(0, 0, 0.87, 1))
    figure.legend(handles.values(), handles.keys(), loc="center right", frameon=False)
    figure.savefig(path, dpi=100)


def main(args):
    print("| model | axis | sizes | step, ms | log_prob, ms | sample, ms | step, MiB |\n|" + " --- |" * 7, flush=True)
    rows = []
    for name in args.models:
        for axis in args.axes:
            sizes = AXES[axis][name in IMAGES]
            if sizes is None or (axis == "depth" and {**VECTORS, **IMAGES}[name][2] is None):
                continue
            row = {"model": name, "axis": axis, "sizes": [], **{task: [] for task in TASKS}}
            for size in sizes:
                found = ask(name, axis, size)
                row["sizes"].append(size)
                for task in TASKS:
                    row[task].append(found[task])
                if found["seconds"] > args.patience:
                    break
            rows.append(row)
            cells = [cell(row["sizes"], row[task]) for task in TASKS]
            print(f"| {name} | {axis} | {' / '.join(map(str, row['sizes']))} | {' | '.join(cells)} |", flush=True)
    args.to.mkdir(parents=True, exist_ok=True)
    (args.to / "growth.json").write_text(json.dumps(rows))
    picture(rows, args.to / "growth.png")
    print(f"\n{args.to / 'growth.png'}")


def some_of(known):
    def names(text):
        found = text.split(",")
        if unknown := [name for name in found if name not in known]:
            raise argparse.ArgumentTypeError(f"expected some of {', '.join(known)}; got {unknown[0]}")
        return found

    return names


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*VECTORS, *IMAGES]
    parser.add_argument("--models", type=some_of(known), default=known, help="names with commas between: all")
    parser.add_argument("--axes", type=some_of(AXES), default=list(AXES), help="names with commas between: all")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds of a size's calls: 60")
    parser.add_argument("--to", type=pathlib.Path, default=pathlib.Path("growth"), help="a folder: growth")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(work(*json.loads(given.worker))))
    else:
        main(given)
