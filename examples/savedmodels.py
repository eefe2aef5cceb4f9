"""Makes the models of savedmodels/ again: trains each, exports it with its card, keeps its picture, writes the table.

    COMMAND   python3 examples/savedmodels.py --only digits-jet,checkerboard-nsf     some of them
              python3 examples/savedmodels.py                                        those that are not in --to yet
    EXPECTED  for each a folder in --to (default: savedmodels), a numbered version and samples.png; README.md's table
    TIME      2 to 6 minutes each on two CPU cores, those of mnist and speech 25 to 40

Needs Python 3.11 with venv and pip; makes its own environment. A training that was interrupted goes on.
"""

import argparse
import json
import pathlib
import shlex
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment

_GLOW = (
    "--epochs 5 --batch-size 16 --learning-rate 5e-3 --set num_levels=2 --set num_steps=4 --set hidden_channels=96 "
    "--set kernel_sizes=3,3,1 --set coupling=mixture --set num_components=8 --set mixing=permutation "
    "--set edges=0,1,256 --set equalize=true"
)
_VECTORS, _IMAGES = "--data digits", "--data digits --data-set flatten=False"
_REALNVP = "--epochs 2 --learning-rate 3e-3 --set num_blocks=1 --set hidden_channels=16"
_MNIST = "--data mnist --data-set flatten=False --batch-size 16 --set edges=0,1,256 --set equalize=true"
# name -> what `tfp-flows` is told, without --out
COMMANDS = {
    "digits": f"train realnvp {_VECTORS} --epochs 90 --set dropout=0.2",
    "digits-nice": f"train nice {_VECTORS} --epochs 150 --batch-size 50",
    "digits-flow-matching": f"train flow_matching {_IMAGES} --conditional --epochs 20",
    "digits-flowpp": f"train flowpp {_IMAGES} --epochs 30",
    "digits-tarflow": f"train tarflow {_IMAGES} --conditional --epochs 60 --set channels=64 --set num_layers=2",
    "digits-jet": f"train jet {_IMAGES} --epochs 40 --set channels=64 --set num_couplings=8",
    "checkerboard-nsf": "train nsf --data checkerboard --epochs 30",
    "checkerboard-gaussianization": "train gaussianization --data checkerboard --epochs 20",
    "spirals-maf": "train maf --data spirals --epochs 25",
    "moons-iaf": "train iaf --data moons --epochs 20",
    "eight-gaussians-cnf": "train cnf --data eight_gaussians --epochs 12",
    "moons-score-sde": "train score_sde --data moons --epochs 100",
    "moons-ncsn": "train ncsn --data moons --epochs 100",
    "moons-planar": "train planar_flow --data moons --epochs 30",
    "mnist-glow": f"train glow --data mnist {_GLOW}",
    "mnist-realnvp": f"train realnvp {_MNIST} {_REALNVP}",
    "mnist-maf": f"train maf {_MNIST} --epochs 4 --learning-rate 4e-3 --set transform=mixture --set num_components=8",
    "speech-wavenet": "train wavenet --data recordings --conditional --epochs 5",
}


def make(name, runs, to):
    """Trains one, or goes on with it, and exports it; the status of the command line."""
    from tfp_flows import cli

    run, command = runs / name, shlex.split(COMMANDS[name])
    if not (run / "metrics.json").is_file():
        if (run / "config.json").is_file():
            model = json.loads((run / "config.json").read_text())["model"]
            command = ["train", model, "--resume"]
        if status := cli.main([*command, "--out", str(run), "--no-export"]):
            return status
    if status := cli.main(["export", str(run), "--to", str(to / name)]):
        return status
    shutil.copyfile(run / "samples.png", to / name / "samples.png")
    return 0


def figure(metrics):
    """What a card's metrics say of the test split, in words."""
    if "bits_per_dim" in metrics:
        return f"{metrics['bits_per_dim']:.3f} +- {metrics['bits_per_dim_standard_error']:.3f} bits per dimension"
    text = f"{metrics['nll']:.3f} +- {metrics['nll_standard_error']:.3f} nats"
    return f"{text} (entropy {metrics['entropy']:.3f})" if "entropy" in metrics else text


def table(to):
    """The rows of README.md: each model of `to` with the figure of its newest version's card."""
    rows = [
        "| name | data | held-out events, with standard error | weights | picture |",
        "| --- | --- | --- | ---: | --- |",
    ]
    for name in sorted(COMMANDS):
        versions = sorted((path for path in (to / name).glob("*") if path.name.isdigit()), key=lambda p: int(p.name))
        if versions:
            card = json.loads((versions[-1] / "model_card.json").read_text())
            picture = f"[samples]({name}/samples.png)" if (to / name / "samples.png").is_file() else ""
            data = str(card["data"]).rpartition("/")[2]
            rows.append(f"| `{name}` | {data} | {figure(card['metrics'])} | {card['num_parameters']:,} | {picture} |")
    return "\n".join(rows)


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", help="names, with commas between (default: all that are not there)")
    parser.add_argument("--runs", default="runs/savedmodels", help="(default: runs/savedmodels)")
    parser.add_argument("--to", default="savedmodels", help="(default: savedmodels)")
    options = parser.parse_args(argv)
    runs, to = pathlib.Path(options.runs), pathlib.Path(options.to)
    names = options.only.split(",") if options.only else [name for name in COMMANDS if not (to / name).is_dir()]
    if unknown := set(names) - set(COMMANDS):
        parser.error(f"Expected names among {', '.join(COMMANDS)}; got {', '.join(sorted(unknown))}")
    for name in names:
        if status := make(name, runs, to):
            return status
    readme = to / "README.md"
    if readme.is_file():
        lines = readme.read_text().split("\n")
        of_table = [i for i, line in enumerate(lines) if line.startswith("|")]
        if of_table:
            lines[of_table[0] : of_table[-1] + 1] = table(to).split("\n")
            readme.write_text("\n".join(lines))
    print(table(to))
    return 0


if __name__ == "__main__":
    if not environment.is_entered():
        environment.enter(__file__, sys.argv[1:])
    sys.exit(main(sys.argv[1:]))
