"""Distils a MAF into an IAF on points of the plane, and says how far both are from the density that is known.

    COMMAND   python3 examples/distillation.py
    EXPECTED  a table of divergences in nats, before and after; run directories in runs/
    TIME      7 minutes on two CPU cores

Needs Python 3.11 with venv and pip; makes its own environment. It runs `tfp-flows train maf --data moons` and
`tfp-flows distill` of it; the rest is measured here, by samples of each density.
"""

import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment

_FLOW = "--set hidden_units=64,64 --set transform=spline --set num_components=16 --set num_layers=6"


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="moons", help="a toy whose density is known (default: moons)")
    parser.add_argument("--epochs", type=int, default=30, help="of the teacher and of the student (default: 30)")
    parser.add_argument("--out", default="runs", help="(default: runs)")
    options = parser.parse_args(argv)

    import numpy as np
    import tensorflow as tf

    from tfp_flows import cli, training

    teacher, student = (str(pathlib.Path(options.out) / f"{name}-{options.data}") for name in ("maf", "iaf"))
    common = ["--epochs", str(options.epochs), "--batch-size", "500", "--learning-rate", "3e-3", *_FLOW.split()]
    for command in (
        ["train", "maf", "--data", options.data, "--out", teacher, *common],
        ["distill", teacher, "--out", student, *common],
    ):
        status = cli.main(command)
        if status:
            return status
    dataset = training.Run(teacher).load_data()
    density, random = dataset.density, tf.constant([1, 2])
    print("\n| p, q | KL from p to q, nats | +- 2 standard errors |\n| --- | ---: | ---: |")
    found = json.loads(pathlib.Path(student, "metrics.json").read_text())["distillation"]
    for when in ("before", "after"):
        row = found[when]
        for key, pair in (("reverse_kl", "student, teacher"), ("forward_kl", "teacher, student")):
            print(f"| {pair} {when} | {row[key]:.4f} | {2 * row[key + '_standard_error']:.4f} |")
    for name, path in (("teacher", teacher), ("student", student)):
        flow = training.Run(path).load_model()
        x, log_q = flow.sample_and_log_prob(20_000, seed=random)
        rows = [
            (f"{name}, exact", log_q.numpy() - density.log_prob(x.numpy())),
            (f"exact, {name}", density.log_prob(dataset.test) - flow.predict(dataset.test, verbose=0)),
        ]
        for pair, values in rows:
            error = 2 * np.std(values, ddof=1) / np.sqrt(len(values))
            print(f"| {pair} | {np.mean(values):.4f} | {error:.4f} |")
    return 0


if __name__ == "__main__":
    if not environment.is_entered():
        environment.enter(__file__, sys.argv[1:])
    sys.exit(main(sys.argv[1:]))
