"""Audio samples a second: WaveNet step by step, with and without its cache, and Parallel WaveNet in one pass.

    COMMAND   python3 examples/streaming.py
    EXPECTED  a table: audio samples a second of each way, one second of 8 kHz audio at a time, median of --rounds
    TIME      2 minutes on two CPU cores

Needs Python 3.11 with venv and pip; makes its own environment. Weights are random: they do not change the time. The
naive way runs the whole network over the second for each audio sample; 20 of its 8,000 passes are timed. The cached one
is timed with a receptive field four times as long, too: its price is the same.
"""

import argparse
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment

_PASSES = 20


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="(default: 3)")
    parser.add_argument("--length", type=int, default=8000, help="audio samples of a second (default: 8000)")
    parser.add_argument("--batch", type=int, default=1, help="how many seconds at once (default: 1)")
    options = parser.parse_args(argv)

    import tensorflow as tf

    import tfp_flows
    from tfp_flows.models.blocks.wavenet_flow import DILATIONS

    n, batch = options.length, options.batch
    z = tf.random.stateless_normal([batch, n], [0, 1])
    teacher = tfp_flows.WaveNet((n,))
    far = tfp_flows.WaveNet((n,), dilations=[4 * d for d in DILATIONS])
    student = tfp_flows.ParallelWaveNet((n,))
    for flow in (teacher, far, student):
        for k, weight in enumerate(flow.trainable_weights):
            weight.assign_add(0.05 * tf.random.stateless_normal(weight.shape, [k, 2]))

    def passes(z):
        y = z
        for _ in tf.range(_PASSES):
            y = teacher.distribution.bijector.inverse(tf.identity(y))
        return y

    def decode(flow):
        return lambda z: flow.distribution.bijector.forward(tf.identity(z))

    ways = [
        ("WaveNet, naive", tf.function(passes), n / _PASSES),
        ("WaveNet, cached", tf.function(decode(teacher)), 1),
        ("WaveNet, cached, dilations 4 to 2048", tf.function(decode(far)), 1),
        ("WaveNet, cached, XLA", tf.function(decode(teacher), jit_compile=True), 1),
        ("Parallel WaveNet, 4 flows", tf.function(decode(student)), 1),
        ("Parallel WaveNet, 4 flows, XLA", tf.function(decode(student), jit_compile=True), 1),
    ]
    for _, run, _ in ways:
        run(z)
    seconds = {name: [] for name, *_ in ways}
    for _ in range(options.rounds):
        for name, run, share in ways:
            start = time.perf_counter()
            run(z).numpy()
            seconds[name].append((time.perf_counter() - start) * share)
    print("| way | audio samples a second | x naive |\n| --- | ---: | ---: |")
    naive = statistics.median(seconds["WaveNet, naive"])
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"| {name} | {batch * n / median:,.0f} | {naive / median:,.0f} |")
    return 0


if __name__ == "__main__":
    if not environment.is_entered():
        environment.enter(__file__, sys.argv[1:])
    sys.exit(main(sys.argv[1:]))
