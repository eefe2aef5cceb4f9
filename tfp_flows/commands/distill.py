"""tfp-flows distill: a fast sampler of what a run has learned."""

import pathlib

from tfp_flows import model_options
from tfp_flows.commands import directory, texts
from tfp_flows.commands.train import JIT, add_options_of_fit, check_fit, leave_results, verbosity


def add(commands):
    """Adds the command to the parser's."""
    command = commands.add_parser(
        "distill",
        help="train a student, which samples in one pass, to have the density of a run",
        description="Distills a run of maf into an iaf, or of wavenet into a parallel_wavenet, by the student's own "
        "samples; leaves a run directory as train does. `train iaf --out DIR --resume` goes on with it.",
    )
    directory.add(command, "the teacher's run directory; it is only read", check=_check)
    command.add_argument("--out", metavar="DIR", help="the student's, new or empty (default: DIR-student)")
    command.add_argument(
        "--epochs",
        type=int,
        metavar="N",
        help="in each of which as many samples are drawn as the teacher's data have events (default: the student's "
        "recipe)",
    )
    command.add_argument(
        "--batch-size", type=int, metavar="SAMPLES", help="in each training step (default: the student's recipe)"
    )
    command.add_argument(
        "--learning-rate", type=float, metavar="RATE", help="of Adam, at its peak (default: the student's recipe)"
    )
    command.add_argument(
        "--temperature", type=float, default=1.0, metavar="T", help="of the teacher; above 1: flatter (default: 1)"
    )
    command.add_argument(
        "--power-weight", type=float, metavar="W",
        help="of the spectral power loss, nats an audio sample; 0 for none (default: 0.1 for audio)",
    )  # fmt: skip
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of weights, order and samples (default: 0)")
    command.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="an option of the student, such as num_layers=2; may be repeated (default: as the teacher's, or its own)",
    )  # fmt: skip
    add_options_of_fit(command)
    command.set_defaults(run=run)


def _check(options, teacher):
    """Refuses without TensorFlow what the student does not take, and a folder that is not free for it."""
    from tfp_flows.runs import asked, run, strategies

    student = asked.student_of(teacher)
    model_options.check_given(student, texts.assignments(options.set, "--set"))
    asked.check_training(
        epochs=options.epochs, batch_size=options.batch_size, learning_rate=options.learning_rate, seed=options.seed,
        patience=options.patience, accumulate=options.accumulate,
    )  # fmt: skip
    asked.check_distillation(teacher, options.temperature, options.power_weight)
    check_fit(options)
    path = pathlib.Path(options.dir)
    options.out = strategies.own_folder(options.out or path.with_name(path.name + "-student"), options.strategy)
    run.require_new(options.out)


def run(options):
    """Trains the student, scores, draws and exports; prints what came out and where it is."""
    from tfp_flows import runs

    run = runs.distill(
        options.dir,
        options.out,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        seed=options.seed,
        arguments=texts.assignments(options.set, "--set"),
        temperature=options.temperature,
        power_weight=options.power_weight,
        patience=options.patience,
        minutes=options.minutes,
        picture_every=options.picture_every,
        accumulate=options.accumulate,
        jit_compile=JIT[options.jit or "auto"],
        strategy=options.strategy,
        verbose=verbosity(options),
    )
    leave_results(run, options)
