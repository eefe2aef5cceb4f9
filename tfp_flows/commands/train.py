"""tfp-flows train: a named model on a data set, from nothing to a run directory with everything in it."""

import os
import pathlib
import sys

from tfp_flows import model_options
from tfp_flows.catalog import MODELS
from tfp_flows.commands import texts
from tfp_flows.commands.export import write_export
from tfp_flows.runs import strategies

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
        description="Trains MODEL on the training split of --data, keeps the weights that are best on validation, "
        "scores them on test, and leaves all in a run directory: config, weights, log, pictures, metrics, SavedModel. "
        "What is not said is the model's recipe's (tfp-flows list MODEL), which suits the data.",
        epilog="A quick try on any data: --data-set num_train=2000 --minutes 0.5. An interrupted training goes on with "
        "`tfp-flows train MODEL --out DIR --resume`.",
    )
    command.add_argument("model", metavar="MODEL", help=f"one of: {', '.join(sorted(MODELS))} (tfp-flows list)")
    command.add_argument(
        "--data",
        metavar="NAME_OR_PATH",
        help="a name of `tfp-flows list`, a table (.csv, .tsv, .parquet), a .npz or .npy file, or "
        "recordings (.wav, a folder of them)",
    )
    command.add_argument(
        "--conditional", action="store_true",
        help="learn p(x given class) from the data's labels; samples can then be asked for by class",
    )  # fmt: skip
    command.add_argument("--out", metavar="DIR", help="the run directory, new or empty (default: runs/MODEL-DATA)")
    command.add_argument(
        "--epochs", type=int, metavar="N",
        help="passes over the training split in all, those before --resume included (default: the model's recipe)",
    )  # fmt: skip
    command.add_argument(
        "--batch-size", type=int, metavar="EVENTS", help="in each training step (default: the model's recipe)"
    )
    command.add_argument(
        "--learning-rate", type=float, metavar="RATE",
        help="of Adam, at its peak; it rises at first and falls by a cosine (default: the model's recipe)",
    )  # fmt: skip
    command.add_argument(
        "--ema", type=float, metavar="MOMENTUM",
        help="validate, keep and draw from a moving average of the weights, of momentum 0.999 for example (default: "
        "none, for the learning rate ends low)",
    )  # fmt: skip
    command.add_argument(
        "--seed", type=int, metavar="N",
        help="the same seed gives the same weights, splits, order and noise (default: 0)",
    )  # fmt: skip
    command.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="an option of the model, such as num_layers=8 or hidden_units=128,128 (tfp-flows list MODEL shows them); "
        "may be repeated",
    )  # fmt: skip
    command.add_argument(
        "--data-set", action="append", default=[], metavar="NAME=VALUE",
        help="an option of the data, such as num_train=2000, for fewer events, or of a table columns=a,b drop=id "
        "missing=drop target=species (tfp-flows list DATA shows them); may be repeated",
    )  # fmt: skip
    command.add_argument(
        "--resume", action="store_true",
        help="go on with the run in --out as it was begun: --data, --set and the like may be left out and are refused "
        "where they differ; larger --epochs, --minutes or --patience go on from an end",
    )  # fmt: skip
    add_options_of_fit(command)
    command.set_defaults(check=check, run=run)


def add_options_of_fit(command):
    """The options of whatever is fitted: when it stops, what it draws and writes, and how it is compiled."""
    command.add_argument(
        "--accumulate", type=int, metavar="BATCHES",
        help="that make a training step, one after the other: a step of so many times --batch-size in the memory of "
        "one (default: 1)",
    )  # fmt: skip
    command.add_argument(
        "--patience", type=int, metavar="EPOCHS",
        help="stop after so many without a better score on validation (default: the recipe's; none with --epochs)",
    )  # fmt: skip
    command.add_argument(
        "--minutes", type=float, metavar="M",
        help="bound the training, which ends with them, within an epoch where need be, the learning rate with it. What "
        "comes before its first step counts for half of them at most; TensorFlow's start, the last validation, scores, "
        "pictures and SavedModel come on top",
    )  # fmt: skip
    command.add_argument(
        "--picture-every", type=int, default=10, metavar="EPOCHS",
        help="draw samples after every so many epochs; 0 for never (default: 10)",
    )  # fmt: skip
    command.add_argument(
        "--strategy", choices=strategies.NAMES,
        help="train on all GPUs of this host (mirrored), or of the hosts that TF_CONFIG lists (multiworker, with "
        "--epochs; the same command on each); a run may go on on another number of devices (default: one device)",
    )  # fmt: skip
    command.add_argument("--jit", choices=tuple(JIT), help="compile by XLA; auto is on for GPUs only (default: auto)")
    command.add_argument("--no-export", action="store_true", help="write no SavedModel at the end")
    command.add_argument("--quiet", action="store_true", help="show no progress")


def check(options):
    """Refuses what lacks where to begin, or to go on, from, and what the model does not take."""
    options.model = model_options.find_model(options.model)
    check_fit(options)
    if options.resume:
        _check_resumed(options)
        return
    if options.data is None:
        raise ValueError("Expected --data NAME_OR_PATH; got none (tfp-flows list shows the names).")
    from tfp_flows.runs import asked, run

    given = _asked_of_a_new_run(options)
    asked.check(options.model, options.data, epochs=options.epochs, patience=options.patience, **given)
    options.out = options.out or os.path.join("runs", f"{options.model}-{pathlib.PurePath(options.data).stem}")
    options.out = strategies.own_folder(options.out, options.strategy)
    run.require_new(options.out)
    asked.check_file(
        options.model, options.data,
        **{name: given[name] for name in ("seed", "arguments", "data_options", "conditional")},
    )  # fmt: skip


def check_fit(options):
    """Refuses what `add_options_of_fit` adds where it is out of range."""
    from tfp_flows.runs.config import check_fit

    check_fit(options.minutes, options.picture_every)
    strategies.check(options.strategy, options.epochs, options.minutes)


def _check_resumed(options):
    from tfp_flows.data import registry
    from tfp_flows.runs import Run, lock, reopening

    if options.out is None:
        raise ValueError("Expected --out DIR, the run to go on with; got none.")
    options.out = strategies.own_folder(options.out, options.strategy)
    run = Run(options.out)
    reopening.check(run, model=options.model, data=options.data, **_asked_of_a_new_run(options))
    lock.check(options.out)
    # Known without TensorFlow, but for what the patience says.
    is_done = reopening.nothing_left(run, **_asked_of_its_end(options))
    options.is_light = bool(is_done) and reopening.has_results(run)
    if not options.is_light:
        registry.check(run.config.data, run.config.data_options)


def _asked_of_a_new_run(options):
    return dict(
        batch_size=options.batch_size, learning_rate=options.learning_rate, seed=options.seed,
        arguments=texts.assignments(options.set, "--set"),
        data_options=texts.assignments(options.data_set, "--data-set"),
        conditional=options.conditional, jit_compile=None if options.jit is None else JIT[options.jit], ema=options.ema,
        accumulate=options.accumulate,
    )  # fmt: skip


def _asked_of_its_end(options):
    return dict(epochs=options.epochs, patience=options.patience, minutes=options.minutes)


def run(options):
    """Trains, scores, draws and exports; prints what came out and where it is."""
    from tfp_flows import runs

    if options.resume and _is_done(options):
        return
    run = runs.train(
        options.model,
        options.data,
        options.out,
        picture_every=options.picture_every,
        resume=options.resume,
        strategy=options.strategy,
        verbose=verbosity(options),
        **_asked_of_a_new_run(options),
        **_asked_of_its_end(options),
    )
    leave_results(run, options)


def _is_done(options):
    """Whether a run to resume has nothing left to train, nor to score and to draw; says so."""
    from tfp_flows.runs import Run, reopening

    run, score = Run(options.out), None
    if not options.is_light:
        from tfp_flows.runs import objectives

        score = objectives.entry(run.config.objective).name
    done = reopening.nothing_left(run, **_asked_of_its_end(options), score=score)
    if not done or not reopening.has_results(run):
        return False
    print(f"{done}\nNo new version is exported (tfp-flows export {options.out} writes one).")
    return True


def leave_results(run, options):
    """Scores, draws and exports a trained run; prints what came out and where it is. Of several workers the first does.

    Args:
        run: `tfp_flows.training.Run`.
        options: of the command line, those of `add_options_of_fit` among them.
    """
    from tfp_flows import runs

    if strategies.worker(options.strategy):
        print(f"run directory  {run.path}: of a worker that is not the first, whose directory has the results")
        return
    model, metrics = runs.finish(run)
    _print_metrics(metrics)
    version = None
    if not options.no_export:
        version = write_export(run, model, metrics, run.path / "savedmodel", options.command_line)
    print(f"\nrun directory  {run.path}")
    for name, what in _RESULTS:
        if (run.path / name).exists():
            print(f"  {what:13}{run.path / name}")
    if version:
        print(f"  {'SavedModel':13}{version}")


def _print_metrics(metrics):
    given = ", given each event's class" if "num_classes" in metrics else ""
    given += f", given {', '.join(metrics['given'])}" if "given" in metrics else ""
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
