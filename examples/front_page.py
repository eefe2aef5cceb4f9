"""Draws the picture of the front page from the models in savedmodels/: densities on the plane, digits by class.

    COMMAND   python3 examples/front_page.py
    EXPECTED  examples/guides/pictures/front.png: four densities of the plane, and digits by class
    TIME      a minute on two CPU cores

Nothing is trained, and TensorFlow alone computes. Needs Python 3.11 with venv and pip; makes its own environment.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment

ROOT = pathlib.Path(__file__).resolve().parent.parent

# name in savedmodels/, its title, half of the side of the window
PLANE = (
    ("eight-gaussians-cnf", "CNF", 4.5), ("checkerboard-nsf", "NSF", 4.2), ("spirals-maf", "MAF, splines", 3.6),
    ("moons-iaf", "IAF, splines", 3.0),
)  # fmt: skip
# name, its title, whether it is given the class
DIGITS = (("mnist-glow", "Glow: MNIST", False), ("digits-flow-matching", "FlowMatching: digits by class", True))
_SIDE = 160


def density(served, half, centre):
    """The density over a square window, (side, side), lowest row first."""
    import numpy as np

    axis = np.linspace(-half, half, _SIDE, dtype="float32")
    points = np.stack(np.meshgrid(axis + centre[0], axis + centre[1]), -1).reshape(-1, 2).astype("float32")
    scores = [served.log_prob(part) for part in np.array_split(points, 16)]
    return np.exp(np.concatenate(scores)).reshape(_SIDE, _SIDE)


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", default=str(ROOT / "savedmodels"), help="(default: savedmodels)")
    parser.add_argument("--out", default=str(ROOT / "examples" / "guides" / "pictures" / "front.png"))
    options = parser.parse_args(argv)

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    from tfp_flows import serving

    figure = plt.figure(figsize=(9.6, 4.6), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[1, 0.92])
    for axes, (name, title, half) in zip(upper.subplots(1, 4), PLANE):
        served = serving.load(pathlib.Path(options.models) / name)
        samples = served.sample(2000, seed=[0, 0])
        centre = np.quantile(samples, [0.01, 0.99], axis=0).mean(0)
        axes.imshow(density(served, half, centre), origin="lower", cmap="magma")
        axes.set_title(f"{title}: {served.card['data']}".replace("_", " "), fontsize=9)
        axes.set_axis_off()
    for part, (name, title, by_class) in zip(lower.subfigures(1, 2), DIGITS):
        served = serving.load(pathlib.Path(options.models) / name)
        context = {"context": np.tile(np.arange(10), 4)} if by_class else {}
        images = served.sample(40, seed=[0, 1], temperature=0.8, **context)[..., 0]
        images = np.pad(images / (served.card["num_bins"] - 1), [(0, 0), (1, 1), (1, 1)], constant_values=0.35)
        rows = images.reshape(4, 10, *images.shape[1:]).transpose(0, 2, 1, 3)
        axes = part.subplots()
        axes.imshow(rows.reshape(4 * images.shape[1], -1), cmap="gray", vmin=0, vmax=1)
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    pathlib.Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out, dpi=110)
    print(options.out)
    return 0


if __name__ == "__main__":
    if not environment.is_entered():
        environment.enter(__file__, sys.argv[1:])
    sys.exit(main(sys.argv[1:]))
