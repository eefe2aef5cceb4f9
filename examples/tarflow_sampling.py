"""Samples of TarFlow with the keys and values of earlier patches kept, beside one whole pass a patch.

COMMAND   python examples/tarflow_sampling.py                         28x28, patches of 4: 49 patches
          python examples/tarflow_sampling.py --side 32 --colours 3 --patch 2 --channels 256 --batch 16 --repeats 1
                                                                      CIFAR-10's size: 256 patches
          python examples/tarflow_sampling.py --xla                   both compiled by XLA
EXPECTED  a table: images a second of both ways, their ratio, and how far their images are apart, which is rounding:
          20.1 and 1.7, a ratio of 11.8, on two CPU cores with other work beside it
TIME      3 minutes; larger images longer, a pass a patch by the square of their patches and more

Weights are those of the start but for the last kernels, which are zero there: small random numbers take their place.
Both ways are one traced function each, run in turn in one process; the medians of the runs after the first count.
"""

import argparse
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=28, help="height and width (default: 28)")
    parser.add_argument("--colours", type=int, default=1, help="channels of the images (default: 1)")
    parser.add_argument("--patch", type=int, default=4, help="patch_size (default: 4)")
    parser.add_argument("--channels", type=int, default=128, help="of the transformers (default: 128)")
    parser.add_argument("--blocks", type=int, default=4, help="num_blocks (default: 4)")
    parser.add_argument("--layers", type=int, default=4, help="num_layers of each (default: 4)")
    parser.add_argument("--batch", type=int, default=64, help="images at once (default: 64)")
    parser.add_argument("--repeats", type=int, default=3, help="runs that count (default: 3)")
    parser.add_argument("--xla", action="store_true", help="compile both by XLA")
    return parser.parse_args()


def build(options):
    """The model, with weights that change what passes."""
    import tensorflow as tf

    import tfp_flows

    shape = (options.side, options.side, options.colours)
    flow = tfp_flows.TarFlow(
        shape, patch_size=options.patch, channels=options.channels, num_blocks=options.blocks,
        num_layers=options.layers,
    )  # fmt: skip
    for k, weight in enumerate(flow.trainable_weights):
        if "output" in weight.path:
            weight.assign(0.02 * tf.random.stateless_normal(weight.shape, [k, 0]))
    return flow


def ways(flow):
    """name -> function from latents to events: by the networks' own solver, and by a pass a patch."""
    from tfp_flows.bijectors import Autoregressive

    parts = flow.distribution.bijector.submodules
    layers = [part for part in parts if isinstance(part, Autoregressive)]

    def through(solver):
        def run(z):
            for layer in reversed(layers):
                z = solver(layer)(layer._step, z, None)
            return z

        return run

    return {
        "cached": through(lambda layer: layer.conditioner.solve),
        "a pass a patch": through(lambda layer: layer._solve),
    }


def main():
    options = parse()
    import numpy as np
    import tensorflow as tf

    flow = build(options)
    z = flow.base.sample(options.batch, seed=(0, 1))
    size = sum(int(np.prod(weight.shape)) for weight in flow.trainable_weights)
    print(f"{size:,} weights, {z.shape[1]} patches of {z.shape[2]} numbers, batches of {options.batch}")
    compiled = {
        name: tf.function(run, jit_compile=options.xla, autograph=False).get_concrete_function(z)
        for name, run in ways(flow).items()
    }
    seconds, drawn = {name: [] for name in compiled}, {}
    for repeat in range(options.repeats + 1):
        for name, run in compiled.items():
            start = time.perf_counter()
            drawn[name] = run(z).numpy()
            if repeat:
                seconds[name].append(time.perf_counter() - start)
    rates = {name: options.batch / statistics.median(values) for name, values in seconds.items()}
    for name, rate in rates.items():
        print(f"{name:>16}  {rate:10.2f} images a second")
    fast, slow = rates.values()
    apart = np.abs(np.subtract(*drawn.values())).max()
    print(f"{'ratio':>16}  {fast / slow:10.1f}     largest difference {apart:.1e} of values up to "
          f"{np.abs(drawn['cached']).max():.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
