"""Models on data of the plane whose entropy is known: nats above it, minutes, samples and densities in one picture.

    COMMAND   python3 examples/toys.py                                    48 trainings, in turns, by their recipes
              ... --models cnf --toys moons,spirals --minutes 0.5         some of them, shorter
              ... --models cnf,flow_matching --within 0.1                 how long each takes to that likelihood
    EXPECTED  a table: nats above the exact entropy with two standard errors, minutes of training, and what is logged of
              each; runs/toys/toys.json with the same; runs/toys/toys.png, two rows for each toy: data and samples, and
              below them the densities, the true one first
    TIME      80 minutes on two CPU cores

With --within each is trained for 4 seconds, and anew for twice as long until it ends so many nats or less above the
entropy, or takes its recipe's time: what is told is the last, its schedule of the learning rate included.

Needs Python 3.11 with venv and pip; makes its own environment.
"""

import argparse
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment

MODELS = (
    "nice", "realnvp", "maf", "iaf", "nsf", "gaussianization", "planar_flow", "tarflow",
    "cnf", "flow_matching", "score_sde", "ncsn",
)  # fmt: skip
TOYS = ("eight_gaussians", "checkerboard", "moons", "spirals")
_POINTS = 20_000
# Of a side of the grid of densities, and points of it that are scored at once.
_GRID, _AT_ONCE = 100, 2000


def window(events):
    """What is drawn of a toy: ((low, high), (low, high))."""
    import numpy as np

    low, high = np.quantile(events, [0.0005, 0.9995], axis=0)
    margin = 0.08 * (high - low)
    return [(low[k] - margin[k], high[k] + margin[k]) for k in range(2)]


def density(log_prob, inside):
    """exp(log_prob) on a grid of a window (_GRID, _GRID), rows from below."""
    import numpy as np

    x, y = np.meshgrid(*(np.linspace(*side, _GRID) for side in inside))
    points = np.stack([x.ravel(), y.ravel()], 1).astype("float32")
    parts = [np.asarray(log_prob(points[i : i + _AT_ONCE])) for i in range(0, len(points), _AT_ONCE)]
    return np.exp(np.concatenate(parts)).reshape(_GRID, _GRID)


def picture(found, models, toys, path):
    """Two rows a toy, of one window and, for the densities, of one scale: events, and densities."""
    from matplotlib import pyplot

    columns = ["data", *models]
    figure, axes = pyplot.subplots(
        2 * len(toys), len(columns), figsize=(2.1 * len(columns), 4.3 * len(toys)), squeeze=False, layout="constrained"
    )
    for k, toy in enumerate(toys):
        inside = window(found[toy, "data"][0])
        for ax, below, name in zip(*axes[2 * k : 2 * k + 2], columns):
            events, values = found[toy, name]
            ax.hist2d(*events.T, bins=90, range=inside, cmap="magma")
            most = found[toy, "data"][1].max()
            below.imshow(
                values, origin="lower", extent=(*inside[0], *inside[1]), cmap="magma", vmin=0, vmax=most, aspect="auto"
            )
            for one in (ax, below):
                one.set(xticks=[], yticks=[], box_aspect=1)
            if k == 0:
                ax.set_title(name, fontsize=10)
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def lengths(model, args):
    """Minutes of the trainings of one model on one toy, of which the first that will do is the last."""
    from tfp_flows.runs.recipe import recipe_for

    if args.within is None:
        return [args.minutes]
    most = args.minutes or recipe_for(model, _POINTS, (2,))["minutes"]
    return [4 / 60 * 2**k for k in range(20) if 4 / 60 * 2**k < most] + [most]


def run(argv):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", default=",".join(MODELS), help="names of `tfp-flows list` (default: %(default)s)")
    parser.add_argument("--toys", default=",".join(TOYS), help="names of data of the plane (default: %(default)s)")
    parser.add_argument("--minutes", type=float, help="of each training (default: the recipe's)")
    parser.add_argument("--within", type=float, metavar="NATS", help="train as long as this takes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="runs/toys", help="folder of the runs (default: %(default)s)")
    args = parser.parse_args(argv)
    models, toys, out = args.models.split(","), args.toys.split(","), pathlib.Path(args.out)

    import numpy as np

    from tfp_flows import data, files, training

    rows, found = [], {}
    print("| data | model | nats above the entropy, +- 2 standard errors | minutes | steps |", flush=True)
    print("| --- | --- | ---: | ---: | ---: |", flush=True)
    for toy in toys:
        truth = data.load(toy)
        events = np.asarray(truth.train[:_POINTS])
        inside = window(events)
        found[toy, "data"] = events, density(truth.density.log_prob, inside)
        for model in models:
            for minutes in lengths(model, args):
                name = f"{model}-{toy}" if args.within is None else f"{model}-{toy}-{60 * minutes:.0f}s"
                run = training.train(
                    model, toy, out / name, minutes=minutes, seed=args.seed, picture_every=0, verbose=0
                )
                _, metrics = training.finish(run)
                if args.within is not None and metrics["nll_minus_entropy"] <= args.within:
                    break
            row = dict(
                data=toy, model=model, above=metrics["nll_minus_entropy"], standard_error=metrics["nll_standard_error"],
                **{key: metrics["training"][key] for key in ("seconds", "steps")},
            )  # fmt: skip
            rows.append(row)
            flow = run.load_model()
            found[toy, model] = np.asarray(flow.sample(_POINTS, seed=1)), density(flow.log_prob, inside)
            print(
                f"| {toy} | {model} | {row['above']:.3f} +- {2 * row['standard_error']:.3f} "
                f"| {row['seconds'] / 60:.2f} | {row['steps']:,} |",
                flush=True,
            )
            with files.replacing(out / "toys.json") as part:
                pathlib.Path(part).write_text(json.dumps(rows, indent=2))
    picture(found, models, toys, out / "toys.png")
    print(out / "toys.png")
    return 0


if __name__ == "__main__":
    if not environment.is_entered():
        environment.enter(__file__, sys.argv[1:])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(run(sys.argv[1:]))
