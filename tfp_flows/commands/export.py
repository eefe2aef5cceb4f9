"""tfp-flows export: a run's best weights as a SavedModel for TensorFlow Serving."""

import dataclasses
import json
import pathlib

from tfp_flows.commands import directory


def add(commands):
    """Adds the command to the parser's."""
    command = commands.add_parser(
        "export",
        help="write a run's best weights as a SavedModel for TensorFlow Serving",
        description="Writes a run's best weights as the next version of a SavedModel, PATH/1, PATH/2, ..., that loads "
        "with TensorFlow alone and has the signatures log_prob, sample, encode and decode.",
    )
    directory.add(command, check=_check, needs_data=False)
    command.add_argument(
        "--to", metavar="PATH", help="the model's folder, in which versions number up (default: DIR/savedmodel)"
    )
    command.add_argument(
        "--server-files", nargs="?", const="plain", choices=("plain", "batched"),
        help="also write models.config and compose.yaml for TensorFlow Serving into the folder above PATH, of all "
        "models there; batched: each of them once more, as NAME-batched, for many small requests",
    )  # fmt: skip
    command.set_defaults(run=run)


def _check(options, run):
    from tfp_flows.serving.export import local

    local(options.to or run.path / "savedmodel")


def run(options):
    """Writes the next version and prints where it is."""
    from tfp_flows import runs
    from tfp_flows.serving import card

    run = runs.Run(options.dir)
    model = run.load_model()
    path = run.path / "metrics.json"
    if not path.is_file():
        runs.finish(run)
    metrics = json.loads(path.read_text())
    to = options.to or run.path / "savedmodel"
    version = write_export(run, model, metrics, to, options.command_line)
    print(version)
    print(listing(card.read_card(version)))
    if options.server_files:
        from tfp_flows import serving

        base = pathlib.Path(to).absolute().parent
        names = serving.server_files(base, batching=options.server_files == "batched")
        print(f"{base / 'models.config'} and compose.yaml: {', '.join(names)}")


def listing(card):
    """What a version serves, as its card has it: the signatures, and the columns of a table by their arguments.

    Example:
        >>> from tfp_flows.commands.export import listing
        >>> print(listing({"signatures": {"log_prob_columns": {}}, "columns": {"a": "a", "b_m": "b (m)"}}))
        signatures  log_prob_columns
        columns     a, b_m ('b (m)')
    """
    lines = [f"signatures  {', '.join(card['signatures'])}"]
    if card["columns"]:
        columns = card["columns"].items()
        lines.append(f"columns     {', '.join(n if n == title else f'{n} ({title!r})' for n, title in columns)}")
    return "\n".join(lines)


def write_export(run, model, metrics, to, command_line):
    """Exports the model of a run with a card of where it comes from; returns the version's folder."""
    from tfp_flows import serving

    card = {
        "data": run.config.data,
        "metrics": metrics,
        "seed": run.config.training.seed,
        "command": command_line,
        "training": dataclasses.asdict(run.config.training),
        "table": run.config.table,
    }
    return serving.export(model, to, card=card, columns=run.table)
