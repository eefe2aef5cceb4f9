"""tfp-flows score: the log-densities of a table's rows, beside them in a table."""

import pathlib

from tfp_flows.commands import directory, texts

# What is said of how a table is read, and may be said again of another.
_READ = ("missing", "na", "header", "encoding", "delimiter", "decimal", "thousands")


def add(commands):
    """Adds the command to the parser's."""
    command = commands.add_parser(
        "score",
        help="write log-densities beside the rows of a table",
        description="Scores each row of FILE, a table with the columns of the run's by their titles, and writes the "
        "rows with a column log_prob beside them: the log-density in nats, in the unit of the data (of whole numbers "
        "per bin of width 1); of a run with target or context given these. Read and written in parts, so that the "
        "table may be larger than memory.",
    )
    directory.add(command, check=_check, needs_data=False)
    command.add_argument("file", metavar="FILE", help="a table: .csv, .tsv, .csv.gz, .parquet")
    command.add_argument("--to", metavar="PATH", help="a .csv, .tsv or .parquet (default: DIR/FILE-scored.csv)")
    command.add_argument(
        "--data-set", action="append", default=[], metavar="NAME=VALUE",
        help=f"how FILE is read, {', '.join(_READ)}; may be repeated (default: as the run's table)",
    )  # fmt: skip
    command.add_argument(
        "--batch-size", type=int, default=4096, metavar="ROWS", help="scored at a time (default: 4096)"
    )
    command.set_defaults(run=run)


def _check(options, run):
    """Refuses without TensorFlow what is no run of a table, and a file without its columns."""
    from tfp_flows.data.tables import writing

    directory.at_least(1, batch_size=options.batch_size)
    if run.table is None:
        raise ValueError(
            f"Expected a run that was trained on a table; got {options.dir!r} (tfp-flows evaluate scores it)."
        )
    options.to = _to(options, run)
    if not writing.is_table(options.to):
        raise ValueError(f"Expected --to to end in .csv, .tsv or .parquet; got {options.to}.")
    if options.to.resolve() == pathlib.Path(options.file).resolve():
        raise ValueError(f"Expected --to to be another file than the one that is read; got {options.to}.")
    options.table = _open(options, run)


def _to(options, run):
    if options.to is not None:
        return pathlib.Path(options.to)
    name = pathlib.Path(options.file).name.removesuffix(".gz")
    stem, dot, ending = name.rpartition(".")
    return run.path / f"{stem}-scored.{ending}"


def _open(options, run):
    """The table, read as the run's."""
    from tfp_flows.data import files
    from tfp_flows.data.tables.again import Again
    from tfp_flows.data.tables.reading import ENDINGS, is_table
    from tfp_flows.options import check_names

    files.check(options.file)
    if not is_table(options.file):
        raise ValueError(f"Expected a table ({', '.join(ENDINGS)}) to score; got {options.file}.")
    given = texts.assignments(options.data_set, "--data-set")
    check_names(given, dict.fromkeys(_READ), options.file)
    own = {name: run.config.data_options[name] for name in ("missing", "na") if name in run.config.data_options}
    if str(options.file).lower().endswith(".parquet"):
        given = {name: value for name, value in given.items() if name in ("missing", "na")}
    elif "encoding" in run.config.data_options:
        own["encoding"] = run.config.data_options["encoding"]
    return Again(options.file, run.table, run.class_labels, **{**own, **given})


def run(options):
    """Writes the scored rows, and prints what they score on average."""
    from tfp_flows import runs
    from tfp_flows.data.tables import writing
    from tfp_flows.files import replacing

    run = runs.Run(options.dir)
    again = options.table
    score = _scorer(run.load_model(), options.batch_size)
    total = Mean()
    with replacing(options.to) as part:
        with writing.writer(part, dialect=again.table.dialect, has_titles=again.table.titles is not None) as write:
            for rows in again.rows():
                scores = score(rows)
                total.add(scores)
                write(_beside(again.table, rows, scores))
    print(options.to)
    print(total)


class Mean:
    """The mean of scores and its error, of all batches."""

    def __init__(self):
        self.rows, self.number, self.sum, self.squares = 0, 0, 0.0, 0.0

    def add(self, scores):
        """Adds a batch of scores, NaN where there is none."""
        import numpy as np

        found = scores[np.isfinite(scores)]
        self.rows, self.number = self.rows + len(scores), self.number + len(found)
        self.sum, self.squares = self.sum + found.sum(), self.squares + (found**2).sum()

    def __str__(self):
        if not self.number:
            return f"{self.rows} rows, none of them scored: each has a gap"
        mean = self.sum / self.number
        error = (max(self.squares / self.number - mean**2, 0.0) / max(self.number - 1, 1)) ** 0.5
        left = f"; {self.rows - self.number} rows without a score" if self.number < self.rows else ""
        return f"{self.number} rows, log_prob {mean:.4f} +- {error:.4f} nats on average{left}"


def _scorer(model, batch_size):
    """A function from rows to their scores (rows,), NaN where there is a gap; traced once, for batches of one size."""
    import numpy as np

    def fill(part):
        # The last batch is as long as the others.
        missing = batch_size - len(part)
        return np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part

    def score(rows):
        scores = np.full(len(rows.kept), np.nan)
        context = rows.classes if model.num_classes is not None else rows.contexts if model.takes_context else None
        events = rows.events if model.num_bins is None else np.round(rows.events).astype(np.int64)
        found = []
        for i in range(0, len(events), batch_size):
            x = events[i : i + batch_size]
            given = None if context is None else fill(context[i : i + batch_size])
            x = x if model.num_bins is not None else x.astype(model.dtype)
            found.append(np.asarray(model.log_prob(fill(x), context=given))[: len(x)])
        if found:
            scores[rows.kept] = np.concatenate(found)
        return scores

    return score


def _beside(table, rows, scores):
    """The rows as they came, with their scores, empty where there is none."""
    import numpy as np
    import pyarrow as pa

    names = list(table.titles or map(str, range(1, table.width + 1)))
    name = "log_prob"
    while name in names:
        name = f"{name}_new"
    column = pa.array(scores.astype(np.float32), mask=np.isnan(scores))
    return pa.Table.from_arrays([*rows.batch.columns, column], names=[*names, name])
