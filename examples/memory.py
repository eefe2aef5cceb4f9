"""Memory and time of a training step of Glow, ordinary and reversible, as the flow gets deeper.

    COMMAND   python examples/memory.py                            8, 32 and 64 steps of flow on images 32x32x3
              python examples/memory.py --mode xla                 the same, compiled by XLA
              python examples/memory.py --steps 4 --channels 16    one small pair
    RESULT    a table: MiB that one training step needs beyond weights, optimizer slots and gradients, and its seconds.
              The ordinary column grows with the steps of flow, the reversible one does not, or hardly.
    TIME      10 minutes on two cores, with XLA 15, most of it TensorFlow's tracing of the deep flows.

What is measured, each row and column in a process of its own that has run two training steps already (so that weights,
slots and the traced graph are there): the process's peak of resident memory over the next steps (VmHWM, set back by
/proc/self/clear_refs) less its resident memory before them, less the size of the gradients, of which every trainable
weight has one. What is left are the activations and the scratch memory of the operations. "process" is the highest
resident memory of the whole process from its start, Python, TensorFlow and the tracing included. While memory is
measured, and not while time is, the C library gives large blocks back at once; old peaks would else hide new ones. For
the same reason oneDNN, which TensorFlow turns on for some processors and whose allocator gives nothing back, is off.

Linux with glibc only, on the processor. Gomez et al., arXiv:1707.04585, section 3.
"""

import argparse
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

from benchmarks.resident import AT_ONCE, MIB, USUAL, forget_peak, resident, take_from_system

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODES = ("graph", "xla", "eager")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    number = dict(type=positive, metavar="N")
    parser.add_argument("--steps", nargs="+", default=[8, 32, 64], help="steps of flow a level: 8 32 64", **number)
    parser.add_argument("--levels", default=1, help="levels: 1", **number)
    parser.add_argument("--size", default=32, help="height and width of the images, in pixels: 32", **number)
    parser.add_argument("--image-channels", default=3, help="channels of the images: 3", **number)
    parser.add_argument("--batch", default=32, help="images in a batch: 32", **number)
    parser.add_argument("--channels", default=64, help="hidden channels of each coupling's network: 64", **number)
    parser.add_argument("--mode", choices=MODES, default="graph", help="how Keras runs the step: graph")
    parser.add_argument("--repeats", default=5, help="timed training steps, of which the median is shown: 5", **number)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.size % 2**args.levels:
        parser.error(f"expected --size to be a multiple of 2 ** levels = {2**args.levels}; got {args.size}")
    return args


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a positive integer; got {text}")
    return value


def main(args):
    if platform.system() != "Linux":
        sys.exit(f"Expected Linux, whose /proc tells a process's memory; got {platform.system()}.")
    print(
        f"Glow, {args.levels} level(s), images {args.size}x{args.size}x{args.image_channels}, batch {args.batch}, "
        f"{args.channels} hidden channels, {args.mode}\n\n"
        "steps of flow   weights    ordinary                        reversible\n"
        "                    MiB    step MiB  seconds  process MiB  step MiB  seconds  process MiB    memory   time"
    )
    for steps in args.steps:
        ordinary, reversible = (measure(args, steps, way) for way in (False, True))
        rows = [f"{way['step']:8.0f} {way['seconds']:8.2f} {way['process']:12.0f}" for way in (ordinary, reversible)]
        memory, seconds = (reversible[key] / ordinary[key] for key in ("step", "seconds"))
        print(
            f"{steps * args.levels:13d} {ordinary['weights']:9.1f}    {'  '.join(rows)} {memory:8.0%} {seconds:7.2f}x"
        )
        sys.stdout.flush()


def measure(args, steps, reversible):
    """What a fresh process says of itself: weights, step and process in MiB, and seconds."""
    task = json.dumps({**vars(args), "steps": steps, "reversible": reversible})
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT), "TF_ENABLE_ONEDNN_OPTS": "0"}
    result = subprocess.run(
        [sys.executable, __file__, "--worker", task], env={**os.environ, **quiet}, capture_output=True, text=True
    )
    if result.returncode:
        sys.exit(f"The worker of {steps} steps, {reversible=}, failed:\n{result.stderr[-3000:]}")
    return json.loads(result.stdout.splitlines()[-1])


def work(steps, levels, size, image_channels, batch, channels, mode, repeats, reversible, **_):
    take_from_system(AT_ONCE)
    import keras
    import numpy as np

    import tfp_flows

    flow = tfp_flows.Glow(
        (size, size, image_channels), num_bins=256, num_levels=levels, num_steps=steps, hidden_channels=channels,
        reversible=reversible,
    )  # fmt: skip
    # Slowly: deep flows of noise diverge at the usual rate, and that is not what is measured here.
    flow.compile(keras.optimizers.Adam(1e-5), jit_compile=mode == "xla", run_eagerly=mode == "eager")
    x = np.random.default_rng(0).integers(0, 256, (batch, size, size, image_channels)).astype("int32")
    flow.initialize(x)
    for _ in range(2):
        flow.train_on_batch(x)
    before, process = resident("VmRSS"), resident("VmHWM")
    forget_peak()
    for _ in range(2):
        flow.train_on_batch(x)
    peak = resident("VmHWM")
    take_from_system(USUAL)
    seconds = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        loss = flow.train_on_batch(x)
        seconds.append(time.perf_counter() - start)
    if not np.isfinite(loss).all():
        raise ValueError(f"Expected a finite loss; got {loss}.")
    weights = sum(4 * math.prod(w.shape) for w in flow.trainable_weights)  # float32
    return {
        "weights": weights / MIB,
        "step": (peak - before - weights) / MIB,
        "process": max(peak, process) / MIB,
        "seconds": statistics.median(seconds[2:]),
    }


if __name__ == "__main__":
    given = parse()
    if given.worker:
        print(json.dumps(work(**json.loads(given.worker))))
    else:
        main(given)
