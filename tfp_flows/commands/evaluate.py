"""tfp-flows evaluate: what a run's best weights reach on a split."""

import json


def add(commands):
    """Adds the command to the parser's."""
    command = commands.add_parser(
        "evaluate",
        help="score a run's best weights and print what they reach, as JSON",
        description="Scores a run's best weights and prints what they reach, as JSON; a conditional run given each "
        "event's label.",
    )
    command.add_argument("dir", metavar="DIR", help="a run directory")
    command.add_argument("--split", choices=("train", "validation", "test"), default="test", help="(default: test)")
    command.add_argument("--seed", type=int, default=0, help="of the dequantization noise (default: 0)")
    command.set_defaults(run=run)


def run(options):
    """Prints the scores."""
    from tfp_flows import training

    run = training.Run(options.dir)
    print(json.dumps(training.evaluate(run.load_model(), run.load_data(), options.split, options.seed), indent=2))
