"""RealNVP, Glow and Flow++ at their papers' sizes, on 32x32 colour images: number of weights, and one training step.

COMMAND   python3 examples/paper_sizes.py
EXPECTED  a table: weights, the count from the layers that the paper states, seconds to build and for the first step
TIME      6 minutes on two CPU cores, most of it for tracing graphs of 100 networks

Flow++'s code counts 31,443,440 (arXiv:1902.00275); the other papers print no count. Of the sizes they state, RealNVP
(arXiv:1605.08803, section 4.1, CIFAR-10): 2 scales, 8 residual blocks, 64 feature maps that double where the image is
squeezed; Glow (arXiv:1807.03039, table 4, CIFAR-10): 3 levels of 32 steps, 512 channels. `count` adds up their
convolutions by hand, without this package.
"""

import argparse
import gc
import pathlib
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))


def realnvp_count(channels=3, blocks=8, width=64):
    """Kernels of the residual networks alone: 3x3 in, blocks of two 3x3, 1x1 skips of the input and each block, out."""

    def network(inputs, outputs, width):
        return 9 * inputs * width + blocks * 2 * 9 * width**2 + (blocks + 1) * width**2 + width * outputs

    checkerboards = 3 * network(channels, 2 * channels, width)
    by_channel = 3 * network(2 * channels, 4 * channels, 2 * width)
    return checkerboards + by_channel + 4 * network(2 * channels, 4 * channels, 2 * width)


def glow_count(channels=3, levels=3, steps=32, width=512):
    """Kernels of the coupling networks, 1x1 convolutions, ActNorms and learned priors."""
    total = 0
    for level in range(levels):
        channels *= 4
        half = channels // 2
        network = 9 * half * width + width**2 + 9 * width * channels
        total += steps * (network + channels**2 + 2 * channels)
        if level < levels - 1:
            channels = half
            total += 9 * half * channels * 2
    return total


def flowpp_count(channels=3, width=96, blocks=10, components=32, side=32, features=32):
    """Kernels and positions of the networks, ten blocks in each coupling's and two in each of the noise's."""

    def network(inputs, outputs, pixels, blocks):
        conv = 9 * 2 * width * width + 2 * width * 2 * width
        mixing = 3 * width * width + width * 2 * width
        return 9 * width * (inputs + outputs) + pixels * width + blocks * (conv + mixing)

    params = 3 * components + 2
    total = 4 * network(channels, channels * params, side**2 // 2, blocks)
    total += 2 * network(2 * channels, 2 * channels * params, side**2 // 4, blocks)
    total += 3 * network(4 * channels, 4 * channels * params, side**2 // 8, blocks)
    return total + 4 * network(channels + features, channels * params, side**2, 2)


def measure(name, make, count, batch_size):
    import keras

    from tfp_flows.training import FusedAdam

    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).integers(0, 256, (batch_size, 32, 32, 3)).astype("uint8")
    start = time.monotonic()
    flow = make()
    built = time.monotonic()
    flow.compile(FusedAdam(1e-3))
    history = flow.fit(x, batch_size=batch_size, epochs=1, verbose=0).history
    stepped = time.monotonic()
    weights = sum(int(np.prod(v.shape)) for v in flow.trainable_variables)
    nll = history["bits_per_dim"][0]
    assert np.isfinite(nll) and all(np.isfinite(v.numpy()).all() for v in flow.trainable_variables)
    print(
        f"{name:28} {weights:>12,} {count:>12,} {built - start:>8.0f} {stepped - built:>12.0f} {nll:>12.3f}", flush=True
    )
    keras.backend.clear_session()
    gc.collect()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("realnvp", "glow", "flowpp"), help="one of them (default: all)")
    parser.add_argument("--batch-size", type=int, default=8, help="of the training step, on noise (default: 8)")
    options = parser.parse_args()

    import tfp_flows

    shape = dict(event_shape=(32, 32, 3), num_bins=256)
    print(f"{'':28} {'weights':>12} {'by hand':>12} {'build, s':>8} {'first step, s':>12} {'bits/dim':>12}")
    if options.only in (None, "realnvp"):
        sizes = dict(num_scales=2, num_blocks=8, hidden_channels=64)
        make = lambda: tfp_flows.RealNVP(**shape, **sizes)
        measure("RealNVP, CIFAR-10", make, realnvp_count(), options.batch_size)
    if options.only in (None, "glow"):
        make = lambda: tfp_flows.Glow(**shape, num_levels=3, num_steps=32, hidden_channels=512)
        measure("Glow, CIFAR-10", make, glow_count(), options.batch_size)
    if options.only in (None, "flowpp"):
        measure("Flow++, CIFAR-10", lambda: tfp_flows.FlowPP(**shape), flowpp_count(), options.batch_size)


if __name__ == "__main__":
    main()
