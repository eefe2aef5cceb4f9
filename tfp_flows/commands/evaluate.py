"""tfp-flows evaluate: what a run's best weights reach on a split."""

import json

from tfp_flows.commands import directory, examples


def add(commands):
    """Adds the command to the parser's."""
    command = commands.add_parser(
        "evaluate",
        help="score a run's best weights and print what they reach, as JSON",
        description="Scores a run's best weights and prints what they reach, as JSON; a conditional run given each "
        "event's label.",
    )
    directory.add(command, check=_check)
    examples.add_split(command)
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the noise on integer data (default: 0)")
    command.add_argument(
        "--num-samples", type=int, default=1, metavar="N",
        help="of that noise for each event: the more, the tighter the bound on the likelihood (default: 1)",
    )  # fmt: skip
    command.set_defaults(run=run)


def _check(options, run):
    directory.at_least(1, num_samples=options.num_samples)
    directory.at_least(0, seed=options.seed)


def run(options):
    """Prints the scores."""
    from tfp_flows import runs

    run = runs.Run(options.dir)
    metrics = runs.evaluate(
        run.load_model(), run.load_data(), options.split, options.seed, num_samples=options.num_samples
    )
    print(json.dumps(metrics, indent=2))
