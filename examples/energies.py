"""Flows fitted to densities that are known but for their integral: the four energies of the paper of planar flows.

    COMMAND   python3 examples/energies.py                      20 fits of 4,000 steps
              python3 examples/energies.py --steps 500 --flows planar-2,iaf
    EXPECTED  a table: KL(q || p) in nats with two standard errors, of planar flows of 2, 8 and 32 layers, an IAF and an
              IAF of splines; runs/energies/energies.png, the densities beside the truth; energies.json with the same
    TIME      20 minutes on two CPU cores

    U_1   1/2 ((|z| - 2) / 0.4)^2 - log(exp(-1/2 ((z_1 - 2) / 0.6)^2) + exp(-1/2 ((z_1 + 2) / 0.6)^2))
    U_2   1/2 ((z_2 - w_1) / 0.4)^2
    U_3   -log(exp(-1/2 ((z_2 - w_1) / 0.35)^2) + exp(-1/2 ((z_2 - w_1 + w_2) / 0.35)^2))
    U_4   -log(exp(-1/2 ((z_2 - w_1) / 0.4)^2) + exp(-1/2 ((z_2 - w_1 + w_3) / 0.35)^2))
    w_1 = sin(pi z_1 / 2),   w_2 = 3 exp(-1/2 ((z_1 - 1) / 0.6)^2),   w_3 = 3 sigmoid((z_1 - 1) / 0.3)

Rezende and Mohamed, arXiv:1505.05770, table 1. The last three do not end: as the paper draws them within a square, a
wall, 50 (|z_1| - 4)^2 beyond 4, makes each a density. Its integral is that of a grid of step 0.01.

Needs Python 3.11 with venv and pip; makes its own environment.
"""

import argparse
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment

FLOWS = ("planar-2", "planar-8", "planar-32", "iaf", "iaf-spline")
_SIDE = 5.5


def energies():
    import tensorflow as tf

    def gauss(x, scale):
        return -0.5 * (x / scale) ** 2

    def waves(z):
        first = z[..., 0]
        w_1 = tf.sin(0.5 * 3.141592653589793 * first)
        return z[..., 1] - w_1, 3 * tf.exp(gauss(first - 1, 0.6)), 3 * tf.sigmoid((first - 1) / 0.3)

    def either(a, b):
        return tf.math.log(tf.exp(a - tf.maximum(a, b)) + tf.exp(b - tf.maximum(a, b))) + tf.maximum(a, b)

    def ring(z):
        first, r = z[..., 0], tf.sqrt(tf.reduce_sum(z**2, -1) + 1e-12)
        return gauss(r - 2, 0.4) + either(gauss(first - 2, 0.6), gauss(first + 2, 0.6))

    def wave(z):
        return gauss(waves(z)[0], 0.4) - wall(z)

    def split(z):
        d, w_2, _ = waves(z)
        return either(gauss(d, 0.35), gauss(d + w_2, 0.35)) - wall(z)

    def fork(z):
        d, _, w_3 = waves(z)
        return either(gauss(d, 0.4), gauss(d + w_3, 0.35)) - wall(z)

    def wall(z):
        return 50 * tf.nn.relu(tf.abs(z[..., 0]) - 4) ** 2

    return {"U1": ring, "U2": wave, "U3": split, "U4": fork}


def make(name, seed):
    import tfp_flows

    if name.startswith("planar-"):
        return tfp_flows.PlanarFlow((2,), num_layers=int(name.partition("-")[2]), actnorm=False, seed=seed)
    spline = dict(transform="spline") if name == "iaf-spline" else {}
    return tfp_flows.IAF((2,), num_layers=3 if spline else 8, hidden_units=(64, 64), seed=seed, **spline)


def grid(step):
    import numpy as np

    side = np.arange(-_SIDE, _SIDE, step, dtype="float32")
    return np.stack(np.meshgrid(side, side), -1), (-_SIDE, _SIDE)


def picture(found, names, flows, path):
    """The truth and the densities, a row an energy."""
    from matplotlib import pyplot

    columns = ["truth", *flows]
    figure, axes = pyplot.subplots(
        len(names), len(columns), figsize=(2 * len(columns), 2.1 * len(names)), squeeze=False, layout="constrained"
    )
    for row, name in zip(axes, names):
        for ax, column in zip(row, columns):
            ax.imshow(found[name, column], origin="lower", extent=[-_SIDE, _SIDE] * 2, cmap="magma")
            ax.set(xticks=[], yticks=[])
            if name == names[0]:
                ax.set_title(column, fontsize=10)
        row[0].set_ylabel(name)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def run(argv):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--flows", default=",".join(FLOWS), help="planar-K, iaf, iaf-spline (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=4000, help="of each fit, of 500 samples (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="runs/energies", help="folder of the results (default: %(default)s)")
    args = parser.parse_args(argv)
    flows, out = args.flows.split(","), pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)

    import keras
    import numpy as np
    import tensorflow as tf

    from tfp_flows.objectives import ReverseKL
    from tfp_flows.optimizers import RELATIVE_CLIPNORM, FusedAdam, WarmupCosine

    known, rows, found = energies(), [], {}
    fine, coarse = grid(0.01)[0], grid(0.08)[0]
    print(
        "| energy | flow | KL(q, p), nats, +- 2 standard errors | parameters |\n| --- | --- | ---: | ---: |", flush=True
    )
    for name, log_p in known.items():
        values = log_p(tf.constant(fine)).numpy().astype("float64")
        log_integral = np.log(np.exp(values).sum() * 0.01**2)
        found[name, "truth"] = np.exp(log_p(tf.constant(coarse)).numpy())
        for kind in flows:
            keras.utils.set_random_seed(args.seed)
            flow = make(kind, args.seed)
            optimizer = FusedAdam(WarmupCosine(5e-3, args.steps, 100), relative_clipnorm=RELATIVE_CLIPNORM)
            flow.compile(optimizer, loss=ReverseKL(log_p))
            flow.fit(steps_per_epoch=args.steps, batch_size=500, verbose=0)
            x, log_q = flow.sample_and_log_prob(50_000, seed=1)
            each = (log_q - log_p(x)).numpy() + log_integral
            density = np.exp(flow.log_prob(coarse.reshape(-1, 2)).numpy())
            found[name, kind] = density.reshape(coarse.shape[:2])
            row = dict(
                energy=name, flow=kind, kl=float(each.mean()), standard_error=float(each.std() / len(each) ** 0.5),
                parameters=sum(int(np.prod(w.shape)) for w in flow.trainable_weights),
            )  # fmt: skip
            rows.append(row)
            print(
                f"| {name} | {kind} | {row['kl']:.3f} +- {2 * row['standard_error']:.3f} | {row['parameters']:,} |",
                flush=True,
            )
    (out / "energies.json").write_text(json.dumps(rows, indent=2))
    picture(found, list(known), flows, out / "energies.png")
    print(out / "energies.png")
    return 0


if __name__ == "__main__":
    if not environment.is_entered():
        environment.enter(__file__, sys.argv[1:])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(run(sys.argv[1:]))
