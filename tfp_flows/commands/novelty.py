"""tfp-flows novelty: how well a run tells events of its own kind from those of another data set."""

import pathlib

from tfp_flows.commands import directory, texts

# Passed on from the run's own data to the other set: they decide what an event is.
_KIND = (
    "flatten", "num_bits", "num_bins", "dtype",
    "columns", "drop", "label", "target", "context", "missing", "na",
)  # fmt: skip


def add(commands):
    """Adds the command to the parser's."""
    command = commands.add_parser(
        "novelty",
        help="score another data set: does the run tell it from its own?",
        description="Scores the test split of a run's data and that of another data set, and says how well the "
        "log-likelihood and the typicality test (arXiv:1906.02994) tell them apart: AUROC 1 is always, 0.5 is a guess, "
        "below that the score misleads. Writes PATH.json, and PATH.npz with the scores of each event. A conditional "
        "run is scored by p(x), summed over its classes.",
    )
    directory.add(command, check=_check_early)
    command.add_argument("--data", required=True, metavar="NAME_OR_PATH", help="the other data set")
    command.add_argument(
        "--data-set", action="append", default=[], metavar="NAME=VALUE",
        help="an option of its loader; may be repeated",
    )  # fmt: skip
    command.add_argument(
        "--n", type=int, default=5000, help="events of each split at most, drawn by the seed (default: 5000)"
    )
    command.add_argument(
        "--batch-size", type=int, default=10, metavar="EVENTS",
        help="of the typicality test on batches, each of one kind (default: 10)",
    )  # fmt: skip
    command.add_argument(
        "--level", type=float, default=0.99, help="of known events that pass the typicality test (default: 0.99)"
    )
    command.add_argument(
        "--seed", type=int, default=0, help="of the choice of events, noise and bootstrap (default: 0)"
    )
    command.add_argument(
        "--to", metavar="PATH", help="of both files, with or without ending (default: DIR/novelty-NAME)"
    )
    command.set_defaults(run=run)


def _check_early(options, run):
    """Refuses what no run and no data have, without TensorFlow."""
    from tfp_flows.data import registry

    directory.at_least(1, n=options.n, batch_size=options.batch_size)
    directory.at_least(0, seed=options.seed)
    if not 0 < options.level < 1:
        raise ValueError(f"Expected --level to be between 0 and 1; got {options.level}.")
    registry.check(options.data, texts.assignments(options.data_set, "--data-set"))


def run(options):
    """Prints the table, writes the scores and prints where they are."""
    import numpy as np

    from tfp_flows import runs
    from tfp_flows.files import replacing, write_json
    from tfp_flows.metrics import bits_per_dim

    run = runs.Run(options.dir)
    dataset = run.load_data()
    other = _load_other(run, dataset, options)
    _check(options, dataset, other)
    model = run.load_model()
    nll = _scores(model, dataset, other, options)
    report = {"run": str(run.path), "data": run.config.data, "other": options.data, **_report(nll, model, options)}
    arrays = {f"{name}_nll": values for name, values in nll.items()}
    if model.scored_bins is not None:
        size = int(np.prod(model.event_shape))
        arrays |= {f"{name}_bits_per_dim": bits_per_dim(values, size) for name, values in nll.items()}
    _print(report, dataset.name, other.name)
    default = run.path / f"novelty-{pathlib.PurePath(options.data).stem}"
    to = texts.without_ending(options.to or default, ".json", ".npz")
    scores, table = to.with_name(to.name + ".npz"), to.with_name(to.name + ".json")
    with replacing(scores) as part:
        np.savez(part, **arrays)
    write_json(table, report)
    print(f"\n{scores}\n{table}")


def _load_other(run, dataset, options):
    """The other data set, its events made as those of the run."""
    from tfp_flows import data

    own = run.config.data_options
    known = data.options(options.data)
    given = {key: own[key] for key in _KIND if key in own and key in known}
    other = data.load(options.data, seed=options.seed, **{**given, **texts.assignments(options.data_set, "--data-set")})
    for what, mine, theirs in (
        ("of shape", dataset.event_shape, other.event_shape),
        ("with a number of levels of", dataset.num_bins, other.num_bins),
    ):
        if mine != theirs:
            raise ValueError(
                f"Expected events {what} {mine} in {other.name}, as those of {dataset.name} on which the run was "
                f"trained; got {theirs}."
            )
    return other


def _check(options, dataset, other):
    """Refuses a size of batches before the scoring, which takes long."""
    size = min(options.n, len(dataset.test), len(other.test))
    if not 1 <= options.batch_size <= size:
        raise ValueError(f"Expected --batch-size to be within 1..{size}, the events scored; got {options.batch_size}.")


def _scores(model, dataset, other, options):
    """nll of events, nats: of three splits of the known data, and of the other's test split."""
    import numpy as np

    from tfp_flows import training
    from tfp_flows.data.dataset import SPLITS
    from tfp_flows.runs import labels

    known = {split: getattr(dataset, split) for split in SPLITS}
    parts = {name: _choose(x, options) for name, x in {**known, "other": other.test}.items()}
    # All in one call, which is traced once.
    x = np.concatenate(list(parts.values()))
    if model.num_classes is None:
        nll = training.nll_per_event(model, x, seed=options.seed)
    else:
        weights = np.bincount(labels.context(model, dataset, "train"), minlength=model.num_classes)
        nll = training.marginal_nll(model, x, weights, seed=options.seed)
    return dict(zip(parts, np.split(nll, np.cumsum([len(part) for part in parts.values()])[:-1])))


def _choose(x, options):
    """At most --n events, in an order by the seed: batches of them are then drawn at random."""
    import numpy as np

    return x[np.random.default_rng(options.seed).permutation(len(x))[: options.n]]


def _report(nll, model, options):
    """What the JSON holds beside the names."""
    from tfp_flows.novelty import Typicality, auroc
    from tfp_flows.training import summarize

    test = Typicality(nll["train"], nll["validation"], seed=options.seed)
    report = {
        "entropy": test.entropy,
        "level": options.level,
        **{name: summarize(nll[name], model.event_shape, model.scored_bins) for name in ("test", "other")},
        "auroc_nll": auroc(nll["test"], nll["other"]),
        "typicality": [],
    }
    for size in sorted({1, options.batch_size}):
        known, novel = (test.statistic(nll[name], size) for name in ("test", "other"))
        threshold = test.threshold(size, options.level)
        report["typicality"].append({
            "batch_size": size, "threshold": threshold, "auroc": auroc(known, novel),
            "test_beyond": float((known > threshold).mean()), "other_beyond": float((novel > threshold).mean()),
        })  # fmt: skip
    return report


def _print(report, name, other):
    key = "bits_per_dim" if "bits_per_dim" in report["test"] else "nll"
    unit = "bits per dimension" if key == "bits_per_dim" else "nats"
    print(f"{'test split':32} {name:>18} {other:>18}")
    print(f"{'events':32} {report['test']['num_events']:>18} {report['other']['num_events']:>18}")
    row = [f"{report[part][key]:.3f} +- {report[part][f'{key}_standard_error']:.3f}" for part in ("test", "other")]
    print(f"{unit:32} {row[0]:>18} {row[1]:>18}")
    for test in report["typicality"]:
        what = "untypical events" if test["batch_size"] == 1 else f"untypical batches of {test['batch_size']}"
        print(f"{what:32} {test['test_beyond']:>18.1%} {test['other_beyond']:>18.1%}")
    print("\nAUROC of")
    print(f"  {'log-likelihood':30} {report['auroc_nll']:>18.4f}")
    for test in report["typicality"]:
        what = "typicality" if test["batch_size"] == 1 else f"typicality, batches of {test['batch_size']}"
        print(f"  {what:30} {test['auroc']:>18.4f}")
