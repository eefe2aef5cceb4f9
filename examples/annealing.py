"""Why Langevin dynamics is annealed: two modes of unlike weights, sampled with their exact score.

    COMMAND   python3 examples/annealing.py
    EXPECTED  the share of the heavier mode, 0.8 in truth: about 0.5 by Langevin dynamics at one noise level, about 0.8
              annealed; runs/annealing.png, exact samples, both and the annealed chains after some levels
    TIME      1 minute on two CPU cores

The figure of Song and Ermon, arXiv:1907.05600, section 3.2.2: the score between two modes does not know their weights,
and a chain that begins on one side stays there. At a large noise level there is one mode, and the weights come with the
levels that fall. 0.2 N((-5, -5), I) + 0.8 N((5, 5), I), chains from the uniform distribution on [-8, 8]^2, of step 0.1,
1,000 of them at one level; annealed, 10 levels from 20 to 1 with 100 each.

Needs Python 3.11 with venv and pip; makes its own environment.
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment

N = 2000
SHOWN = (0, 3, 6, 9)


def run():
    import numpy as np
    import tensorflow as tf
    from matplotlib import pyplot

    from tfp_flows.dynamics import langevin

    centre = tf.constant([5.0, 5.0])

    def score_at(level):
        """The score of the mixture with noise of a level."""
        variance = 1 + level**2

        def score(x, _):
            # The weight of the heavier mode at x.
            share = tf.sigmoid(np.log(4.0) + 2 * tf.reduce_sum(x * centre, 1) / variance)[:, None]
            return (share * (centre - x) - (1 - share) * (centre + x)) / variance

        return score

    random = np.random.default_rng(0)
    is_heavy = random.random(N) < 0.8
    exact = random.normal(size=(N, 2)) + np.where(is_heavy, 5.0, -5.0)[:, None]
    begin = tf.constant(random.uniform(-8, 8, size=(N, 2)), tf.float32)
    plain = langevin.annealed_langevin(score_at(0.0), begin, [1.0], 0.1, 1000, [0, 1], denoise=False).numpy()
    levels, x, chains = np.geomspace(20.0, 1.0, 10), begin, []
    for i, level in enumerate(levels):
        # The noise of the last level is 1, as the paper's: each mode is of variance 2 then, and the last steps are
        # those of the mixture itself.
        noise = level if i < len(levels) - 1 else 0.0
        step = 0.1 * float(level) ** 2
        x = langevin.annealed_langevin(score_at(noise), x, [1.0], step, 100, [1, i], denoise=False)
        chains.append(x.numpy())
    shown = {"exact samples": exact, "Langevin, one level": plain, "annealed Langevin": chains[-1]}
    for name, points in shown.items():
        print(f"{name}: {(points.sum(1) > 0).mean():.2f} in the heavier mode")
    shown |= {f"annealed, after noise {levels[i]:.2g}": chains[i] for i in SHOWN[:-1]}
    figure, axes = pyplot.subplots(2, 3, figsize=(9, 6.2), layout="constrained")
    for ax, (name, points) in zip(axes.flat, shown.items()):
        ax.plot(*points.T, ".", color="#24478f", markersize=2, alpha=0.5)
        ax.set(title=name, aspect="equal", xlim=(-12, 12), ylim=(-12, 12))
    path = pathlib.Path("runs") / "annealing.png"
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)
    print(path)
    return 0


if __name__ == "__main__":
    if not environment.is_entered():
        environment.enter(__file__, sys.argv[1:])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(run())
