"""tfp-flows train: a named model on a data set, from nothing to a run directory with everything in it."""

import os
import pathlib
import sys

from tfp_flows import model_options
from tfp_flows.catalog import MODELS
from tfp_flows.commands import directory, texts
from tfp_flows.commands.export import write_export

# What is there at the end, in the order in which it is worth a look.
_RESULTS = (
    ("samples.png", "samples"), ("curve.png", "loss curve"), ("metrics.json", "metrics"), ("log.csv", "log"),
    ("best.weights.h5", "weights"), ("config.json", "config"),
)  # fmt: skip
# --jit: what Keras takes for it.
JIT = {"auto": "auto", "on": True, "off": False}


def add(commands):
    """Adds the command to the parser's."""
    command = commands.add_parser(
        "train",
        help="train a model on a data set and leave a run directory",
        description="Trains a model; leaves a run directory: config, weights, log, pictures, metrics, SavedModel.",
    )
    command.add_argument("model", metavar="MODEL", help=f"one of: {', '.join(sorted(MODELS))}")
    command.add_argument(
        "--data",
        metavar="NAME_OR_PATH",
        help="a name of `tfp-flows list`, a .npz, .npy or .csv file, or recordings (.wav, a folder of them)",
    )
    command.add_argument(
        "--conditional", action="store_true",
        help="learn p(x given class) from the data's labels: samples can then be asked for by class",
    )  # fmt: skip
    command.add_argument("--out", metavar="DIR", help="the run directory, new or empty (default: runs/MODEL-DATA)")
    command.add_argument("--epochs", type=int, help="passes over the training split (default: the model's recipe)")
    command.add_argument("--batch-size", type=int, help="events a step (default: the model's recipe)")
    command.add_argument(
        "--learning-rate", type=float, help="of Adam, at its peak; falls by a cosine (default: recipe)"
    )
    command.add_argument("--seed", type=int, default=0, help="of weights, split, order and noise (default: 0)")
    command.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="an argument of the model, such as num_layers=8 or hidden_units=128,128; may be repeated",
    )  # fmt: skip
    command.add_argument(
        "--data-set", action="append", default=[], metavar="NAME=VALUE",
        help="an option of the data's loader, such as num_bins=256; may be repeated",
    )  # fmt: skip
    command.add_argument("--resume", action="store_true", help="go on with the run in --out, with its own options")
    add_options_of_fit(command)
    command.set_defaults(check=check, run=run)


def add_options_of_fit(command):
    """The options of whatever is fitted: when it stops, what it draws and writes, and how it is compiled."""
    command.add_argument(
        "--patience", type=int, metavar="EPOCHS", help="stop after so many without a better validation"
    )
    command.add_argument("--minutes", type=float, help="be done in so many: the learning rate ends with them")
    command.add_argument("--picture-every", type=int, default=10, metavar="EPOCHS", help="0 for none (default: 10)")
    command.add_argument("--jit", choices=tuple(JIT), default="auto", help="XLA (default: on for GPUs only)")
    command.add_argument("--no-export", action="store_true", help="write no SavedModel at the end")
    command.add_argument("--quiet", action="store_true", help="no progress bars")


def check(options):
    """Refuses what lacks where to begin, or to go on, from, and what the model does not take."""
    options.model = model_options.find_model(options.model)
    model_options.check(options.model, texts.assignments(options.set, "--set"))
    if options.resume:
        if options.out is None:
            raise ValueError("Expected --out DIR, the run to go on with; got none.")
        directory.check(options.out)
    elif options.data is None:
        raise ValueError("Expected --data NAME_OR_PATH; got none (tfp-flows list shows the names).")


def run(options):
    """Trains, scores, draws and exports; prints what came out and where it is."""
    from tfp_flows import runs

    if options.resume:
        run = runs.train(
            options.model, None, options.out, epochs=options.epochs, minutes=options.minutes,
            picture_every=options.picture_every, conditional=options.conditional, resume=True,
            verbose=verbosity(options),
        )  # fmt: skip
    else:
        data_name = pathlib.PurePath(options.data).stem
        run = runs.train(
            options.model,
            options.data,
            options.out or os.path.join("runs", f"{options.model}-{data_name}"),
            epochs=options.epochs,
            batch_size=options.batch_size,
            learning_rate=options.learning_rate,
            seed=options.seed,
            arguments=texts.assignments(options.set, "--set"),
            data_options=texts.assignments(options.data_set, "--data-set"),
            conditional=options.conditional,
            patience=options.patience,
            minutes=options.minutes,
            picture_every=options.picture_every,
            jit_compile=JIT[options.jit],
            verbose=verbosity(options),
        )
    leave_results(run, None if options.no_export else options.command_line)


def leave_results(run, command_line):
    """Scores, draws and exports a trained run; prints what came out and where it is.

    Args:
        run: `tfp_flows.training.Run`.
        command_line: str, for the model card; None to write no SavedModel.
    """
    from tfp_flows import runs

    model, metrics = runs.finish(run)
    _print_metrics(metrics)
    version = None
    if command_line is not None:
        version = write_export(run, model, metrics, run.path / "savedmodel", command_line)
    print(f"\nrun directory  {run.path}")
    for name, what in _RESULTS:
        if (run.path / name).exists():
            print(f"  {what:13}{run.path / name}")
    if version:
        print(f"  {'SavedModel':13}{version}")


def _print_metrics(metrics):
    given = ", given each event's class" if "num_classes" in metrics else ""
    print(
        f"\n{metrics['split']} split, {metrics['num_events']} events, {metrics['num_parameters']:,} parameters{given}:"
    )
    rows = [("flow", metrics)]
    if "gaussian" in metrics:
        rows.append(("Gaussian", metrics["gaussian"]))
    for name, row in rows:
        line = f"  {name:10} nll {row['nll']:.4f} +- {row['nll_standard_error']:.4f} nats"
        if "bits_per_dim" in row:
            line += f"   {row['bits_per_dim']:.4f} +- {row['bits_per_dim_standard_error']:.4f} bits per dimension"
        print(line)
    if "bits_per_dim" in metrics:
        print(f"  log-likelihood of the data scaled to [0, 1]: {metrics['log_likelihood_unit_interval']:.2f} nats")
    if "entropy" in metrics:
        excess = metrics["nll_minus_entropy"]
        print(f"  entropy of the data {metrics['entropy']:.4f} nats; the flow is {excess:.4f} nats above it")

    if "distillation" in metrics:
        print(f"  teacher    nll {metrics['distillation']['teacher_nll']:.4f} nats")
        for when, row in metrics["distillation"].items():
            if isinstance(row, dict):
                reverse, forward = (
                    f"{row[key]:.4f} +- {row[key + '_standard_error']:.4f}" for key in ("reverse_kl", "forward_kl")
                )
                print(f"  {when:10} KL(student || teacher) {reverse}   KL(teacher || student) {forward} nats")


def verbosity(options):
    """Keras' verbose."""
    # A progress bar rewrites its line: in a file or a pipe that is one endless line.
    return 0 if options.quiet else 1 if sys.stdout.isatty() else 2
