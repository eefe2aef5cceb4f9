"""The command line: names -> objects. The only place that knows every part; nothing heavy is imported for help.

tfp-flows list
tfp-flows train MODEL --data NAME_OR_PATH --out DIR
tfp-flows evaluate DIR
tfp-flows sample DIR
tfp-flows export DIR
"""

import argparse
import json
import os
import pathlib
import shlex
import sys

from tfp_flows.catalog import MODELS


def main(argv=None):
    """Runs one command. Returns the exit code: 0, or 2 with one sentence on stderr for what was asked wrongly."""
    argv = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(argv)
    options.command_line = shlex.join(["tfp-flows", *argv])
    try:
        _import_tensorflow(options.command)
        options.run(options)
    except (ValueError, ImportError, OSError) as error:
        if os.environ.get("TFP_FLOWS_TRACEBACK"):
            raise
        print(f"tfp-flows: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "\ntfp-flows: interrupted; what finished epochs wrote is kept, and --resume goes on from it.",
            file=sys.stderr,
        )
        return 130
    return 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="tfp-flows",
        description="Normalizing flows: train with Keras, evaluate, sample, export for TensorFlow Serving.",
        epilog="An error is one sentence and exit code 2; TFP_FLOWS_TRACEBACK=1 shows where it was raised.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = commands.add_parser("list", help="the models and the data sets")
    command.set_defaults(run=_list)

    command = commands.add_parser(
        "train",
        help="train a model on a data set and leave a run directory",
        description="Trains a model; leaves a run directory: config, weights, log, pictures, metrics, SavedModel.",
    )
    command.add_argument("model", metavar="MODEL", help=f"one of: {', '.join(sorted(MODELS))}")
    command.add_argument(
        "--data", metavar="NAME_OR_PATH", help="a name of `tfp-flows list`, or a .npz, .npy or .csv file"
    )
    command.add_argument("--out", metavar="DIR", help="the run directory, new or empty (default: runs/MODEL-DATA)")
    command.add_argument("--epochs", type=int, help="passes over the training split (default: the model's recipe)")
    command.add_argument("--batch-size", type=int, help="events a step (default: the model's recipe)")
    command.add_argument(
        "--learning-rate", type=float, help="of Adam, at the start; falls by a cosine (default: recipe)"
    )
    command.add_argument("--seed", type=int, default=0, help="of weights, split, order and noise (default: 0)")
    command.add_argument(
        "--patience", type=int, metavar="EPOCHS", help="stop after so many without a better validation"
    )
    command.add_argument("--minutes", type=float, help="stop at the end of the epoch in which they are over")
    command.add_argument("--picture-every", type=int, default=10, metavar="EPOCHS", help="0 for none (default: 10)")
    command.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="an argument of the model, such as num_layers=8 or hidden_units=128,128; may be repeated",
    )  # fmt: skip
    command.add_argument(
        "--data-set", action="append", default=[], metavar="NAME=VALUE",
        help="an option of the data's loader, such as num_bins=256; may be repeated",
    )  # fmt: skip
    command.add_argument("--jit", choices=("auto", "on", "off"), default="auto", help="XLA (default: on for GPUs only)")
    command.add_argument("--resume", action="store_true", help="go on with the run in --out, with its own options")
    command.add_argument("--no-export", action="store_true", help="write no SavedModel at the end")
    command.add_argument("--quiet", action="store_true", help="no progress bars")
    command.set_defaults(run=_train)

    command = commands.add_parser("evaluate", help="score a run's best weights and print what they reach, as JSON")
    command.add_argument("dir", metavar="DIR", help="a run directory")
    command.add_argument("--split", choices=("train", "validation", "test"), default="test", help="(default: test)")
    command.add_argument("--seed", type=int, default=0, help="of the dequantization noise (default: 0)")
    command.set_defaults(run=_evaluate)

    command = commands.add_parser("sample", help="draw samples from a run into a picture and an .npy file")
    command.add_argument("dir", metavar="DIR", help="a run directory")
    command.add_argument("--n", type=int, default=64, help="how many (default: 64)")
    command.add_argument("--temperature", type=float, default=1.0, help="below 1: closer to the mode (default: 1)")
    command.add_argument("--seed", type=int, default=0, help="the same seed gives the same samples (default: 0)")
    command.add_argument("--to", metavar="PATH", help="without ending (default: DIR/samples-SEED-TEMPERATURE)")
    command.set_defaults(run=_sample)

    command = commands.add_parser("export", help="write a run's best weights as a SavedModel for TensorFlow Serving")
    command.add_argument("dir", metavar="DIR", help="a run directory")
    command.add_argument(
        "--to", metavar="PATH", help="the model's folder, in which versions number up (default: DIR/savedmodel)"
    )
    command.set_defaults(run=_export)
    return parser


def _list(options):
    from tfp_flows import data

    print("models (tfp-flows train MODEL --data DATA):")
    for name, entry in MODELS.items():
        print(f"  {name:16} {entry.year}  arXiv:{entry.arxiv}  {entry.summary}")
    print("\ndata:")
    for name, description in data.names().items():
        print(f"  {name:16} {description}")
    print(f"  {'PATH':16} any .npz, .npy or .csv file of numbers")


def _train(options):
    from tfp_flows import training

    if options.resume:
        if options.out is None:
            raise ValueError("Expected --out DIR, the run to go on with; got none.")
        run = training.train(
            options.model, None, options.out, epochs=options.epochs, minutes=options.minutes,
            picture_every=options.picture_every, resume=True, verbose=_verbosity(options),
        )  # fmt: skip
    else:
        if options.data is None:
            raise ValueError("Expected --data NAME_OR_PATH; got none (tfp-flows list shows the names).")
        data_name = pathlib.PurePath(options.data).stem
        run = training.train(
            options.model,
            options.data,
            options.out or os.path.join("runs", f"{options.model}-{data_name}"),
            epochs=options.epochs,
            batch_size=options.batch_size,
            learning_rate=options.learning_rate,
            seed=options.seed,
            arguments=_assignments(options.set, "--set"),
            data_options=_assignments(options.data_set, "--data-set"),
            patience=options.patience,
            minutes=options.minutes,
            picture_every=options.picture_every,
            jit_compile={"auto": "auto", "on": True, "off": False}[options.jit],
            verbose=_verbosity(options),
        )
    model, metrics = training.finish(run)
    _print_metrics(metrics)
    version = None if options.no_export else _write_export(run, model, metrics, run.path / "savedmodel", options)
    print(f"\nrun directory  {run.path}")
    for name, what in _RESULTS:
        if (run.path / name).exists():
            print(f"  {what:13}{run.path / name}")
    if version:
        print(f"  {'SavedModel':13}{version}")


_RESULTS = (
    ("samples.png", "samples"), ("curve.png", "loss curve"), ("metrics.json", "metrics"), ("log.csv", "log"),
    ("best.weights.h5", "weights"), ("config.json", "config"),
)  # fmt: skip


def _evaluate(options):
    from tfp_flows import training

    run = training.Run(options.dir)
    print(json.dumps(training.evaluate(run.load_model(), run.load_data(), options.split, options.seed), indent=2))


def _sample(options):
    import numpy as np

    from tfp_flows import training
    from tfp_flows.files import replacing

    run = training.Run(options.dir)
    model = run.load_model()
    to = pathlib.Path(options.to or run.path / f"samples-{options.seed}-{options.temperature:g}")
    events = np.asarray(model.sample(options.n, seed=options.seed, temperature=options.temperature))
    if model.dequantization is not None:
        events = np.asarray(model.dequantization.quantize(events))
    with replacing(to.with_name(to.name + ".npy")) as part:
        np.save(part, events)
    picture = training.draw_samples(
        model, to.with_name(to.name + ".png"), options.n, temperature=options.temperature, seed=options.seed
    )
    print(f"{to}.npy\n{picture}")


def _export(options):
    from tfp_flows import training

    run = training.Run(options.dir)
    model = run.load_model()
    path = run.path / "metrics.json"
    if not path.is_file():
        training.finish(run)
    metrics = json.loads(path.read_text())
    print(_write_export(run, model, metrics, options.to or run.path / "savedmodel", options))


def _write_export(run, model, metrics, to, options):
    from tfp_flows import serving

    card = {
        "data": run.config["data"],
        "metrics": metrics,
        "seed": run.config["training"]["seed"],
        "command": options.command_line,
        "training": run.config["training"],
    }
    return serving.export(model, to, card=card)


def _print_metrics(metrics):
    print(f"\n{metrics['split']} split, {metrics['num_events']} events, {metrics['num_parameters']:,} parameters:")
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


def _verbosity(options):
    # A progress bar rewrites its line: in a file or a pipe that is one endless line.
    return 0 if options.quiet else 1 if sys.stdout.isatty() else 2


def _assignments(pairs, flag):
    """["num_layers=8", "hidden_units=128,128"] -> {"num_layers": 8, "hidden_units": [128, 128]}"""
    values = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise ValueError(f"Expected {flag} NAME=VALUE; got {pair!r}.")
        values[name.replace("-", "_")] = _value(text)
    return values


def _value(text):
    if "," in text:
        return [_value(part) for part in text.split(",") if part]
    try:
        return json.loads(text.lower() if text.lower() in ("true", "false") else text)
    except ValueError:
        return None if text.lower() == "none" else text


def _import_tensorflow(command):
    """Imports TensorFlow without its chatter about devices that are not there, which it writes past Python."""
    if command == "list":
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
            import tensorflow_probability  # noqa: F401
        finally:
            os.dup2(kept, 2)
            os.close(kept)


if __name__ == "__main__":
    sys.exit(main())
