"""Models on data of the plane whose entropy is known: nats above it, minutes, and all samples in one picture.

    COMMAND   python3 examples/toys.py                                    16 trainings, in turns, by their recipes
              ... --models cnf --toys moons,spirals --minutes 0.5         some of them, shorter
    EXPECTED  a table: nats above the exact entropy with two standard errors, minutes of training, and what is logged of
              each; runs/toys/toys.json with the same; runs/toys/toys.png, data and samples side by side
    TIME      40 minutes on two CPU cores

Needs Python 3.11 with venv and pip; makes its own environment.
"""

import argparse
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment

MODELS = ("cnf", "flow_matching", "score_sde", "ncsn")
TOYS = ("eight_gaussians", "checkerboard", "moons", "spirals")
_POINTS = 20_000


def picture(found, models, toys, path):
    """Data and samples as histograms of one window a row."""
    import numpy as np
    from matplotlib import pyplot

    columns = ["data", *models]
    figure, axes = pyplot.subplots(
        len(toys), len(columns), figsize=(2.3 * len(columns), 2.4 * len(toys)), squeeze=False, layout="constrained"
    )
    for row, toy in zip(axes, toys):
        low, high = np.quantile(found[toy, "data"], [0.0005, 0.9995], axis=0)
        margin = 0.08 * (high - low)
        window = [(low[k] - margin[k], high[k] + margin[k]) for k in range(2)]
        for ax, name in zip(row, columns):
            ax.hist2d(*found[toy, name].T, bins=90, range=window, cmap="magma")
            ax.set(xticks=[], yticks=[], aspect="equal")
            if toy == toys[0]:
                ax.set_title(name, fontsize=10)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def run(argv):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", default=",".join(MODELS), help="names of `tfp-flows list` (default: %(default)s)")
    parser.add_argument("--toys", default=",".join(TOYS), help="names of data of the plane (default: %(default)s)")
    parser.add_argument("--minutes", type=float, help="of each training (default: the recipe's)")
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
        found[toy, "data"] = np.asarray(data.load(toy).train[:_POINTS])
        for model in models:
            run = training.train(
                model, toy, out / f"{model}-{toy}", minutes=args.minutes, seed=args.seed, picture_every=0, verbose=0
            )
            _, metrics = training.finish(run)
            row = dict(
                data=toy, model=model, above=metrics["nll_minus_entropy"], standard_error=metrics["nll_standard_error"],
                **{key: metrics["training"][key] for key in ("seconds", "steps")},
            )  # fmt: skip
            rows.append(row)
            found[toy, model] = np.asarray(run.load_model().sample(_POINTS, seed=1))
            print(
                f"| {toy} | {model} | {row['above']:.3f} +- {2 * row['standard_error']:.3f} "
                f"| {row['seconds'] / 60:.1f} | {row['steps']:,} |",
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
