"""One flow in tfp_flows, in TensorFlow Probability alone and in other libraries: how long a step takes.

    COMMAND   python examples/benchmark.py                           everything that is installed
              python examples/benchmark.py --only ours,tfp,zuko      some of it (the limit always runs)
              python examples/benchmark.py --first-step              from the call of `fit` to its first step's end
              python examples/benchmark.py --system glow             Glow on 32x32 colour images instead of RealNVP
              python examples/benchmark.py --system maf --steps 5    MAF instead of RealNVP
              python examples/benchmark.py --system nsf              spline couplings instead of RealNVP
              python examples/benchmark.py --system cnf --dims 8     a continuous flow instead of RealNVP
              python examples/benchmark.py --system serving --model savedmodels/digits    a served model, see below
    RESULT    a table: milliseconds of a training step, of log_prob and of sample, median (min-max) over the rounds;
              the ratio to the limit; the mean negative log-likelihood of fresh data after the same number of steps
    TIME      5 to 10 minutes and about 10 GB of memory for all thirteen contestants; 1 minute for two; 15 for Glow's,
              5 for MAF's with --steps 5, of which sampling takes the libraries most.
              --first-step: 10 to 20 minutes, since every figure needs a fresh process.

The limit is the flow's networks alone: the same Keras layers, optimizer and `fit`, each network fed by the one
before it, and no flow around them. What a TensorFlow flow takes beyond it is the price of being a flow; limit-torch
and limit-jax say the same of the flows of PyTorch and JAX.

All contestants are built and warmed up first, each in a process of its own that sleeps while others are measured.
Then they take turns, round after round (A B C A B C ...), so that a machine that slows down slows all of them. The
ratio is taken within each round; the table has the median of the ratios. Every contestant trains on the same data,
whose entropy is known: a flow's nll falls towards it, and what goes below it is no density.

The libraries to compare with are optional (`pip install zuko nflows normflows flowjax bayesflow`); those that are
not installed are named below the table. Everything runs on the processor, in float32.

--system serving has no contestants: it asks a SavedModel as a server would, from one thread and from --threads, and
says how many requests a second it answers, the latencies that 50 and 99 of 100 stay below, the peak of memory of one
log_prob of --rows events, and how memory grows in a soak of --soak seconds; see benchmarks/serving.py. 2 minutes.
"""

import argparse
import concurrent.futures
import json
import pathlib
import statistics
import sys
import time

from benchmarks import CONTESTANTS, OPTIMIZERS, TASKS, WARM_STEPS
from benchmarks.processes import OtherPrograms, Worker, WorkerFailed

REST = 0.05  # seconds between two measurements: spinning threads of the last contestant fall asleep


def measure(args, settings):
    """Runs the contestants in turns.

    Returns:
        facts: dict, contestant -> what its worker says of itself, its nll included.
        rounds: dict, contestant -> task -> list of milliseconds, one a round.
        failures: dict, contestant -> WorkerFailed.
    """
    workers = [Worker(name, settings, args.threads) for name in args.only]
    facts, failures = {}, {}
    rounds = {name: {task: [] for task in TASKS} for name in args.only}

    def ask(worker, do, **arguments):
        """The answer, or None once the contestant has failed."""
        if worker.name in failures:
            return None
        try:
            return worker.ask(do, **arguments)
        except WorkerFailed as failure:
            failures[worker.name] = failure
            return None

    def build(worker):
        start = time.perf_counter()
        facts[worker.name] = ask(worker, "build")
        say(f"{worker.name}: {'ready' if facts[worker.name] else 'fails'} after {time.perf_counter() - start:.0f} s")

    try:
        with concurrent.futures.ThreadPoolExecutor(args.threads) as pool:
            list(pool.map(build, workers))
        others = OtherPrograms(workers)
        for i in range(args.rounds):
            for task in TASKS:
                for worker in workers:
                    time.sleep(REST)
                    answer = ask(worker, task, steps=args.steps)
                    if answer:
                        rounds[worker.name][task].append(answer["ms"])
            say(f"round {i + 1} of {args.rounds}")
        args.busy = others.share()
        for worker in workers:
            answer = ask(worker, "nll")
            if answer and facts[worker.name]["is_density"]:
                facts[worker.name].update(answer)
    finally:
        for worker in workers:
            worker.close()
    return {name: facts[name] for name in args.only if name not in failures}, rounds, failures


def table(facts, rounds):
    """Header and rows of the table, as strings."""
    header = ["", "parameters"]
    for task in TASKS:
        header += [f"{task} ms", "(min-max)", "x limit"]
    rows = [[*header, "nll"]]
    for name, fact in facts.items():
        row = [name, f"{fact['parameters']:,}"]
        for task in TASKS:
            ms = rounds[name][task]
            ratios = [a / b for a, b in zip(ms, rounds["limit"][task])] if "limit" in facts else []
            row += [f"{statistics.median(ms):.2f}", f"({min(ms):.2f}-{max(ms):.2f})"]
            row += [f"{statistics.median(ratios):.2f}" if ratios else "-"]
        rows.append([*row, f"{fact['nll']:.2f}" if "nll" in fact else "-"])
    return rows


def notes(args, facts, failures):
    """The lines below the table: what was run, how each was configured, and what is missing."""
    lines = [
        ", ".join(
            [
                *sorted({f"{fact['settings']}, batch {fact['batch']}" for fact in facts.values()}),
                f"Adam 1e-3, float32, {args.threads} threads; {args.rounds} rounds",
            ]
        )
    ]
    if args.first_step:
        lines.append(
            "adam: as given to compile; adam-built: model.optimizer.build(...) called first, its time included;"
            " sgd: no slots to build. Libraries without `fit`: their own first step"
        )
    flows = {name: fact for name, fact in facts.items() if "nll" in fact}
    if flows:
        trained_steps = WARM_STEPS + 1 + args.rounds * (WARM_STEPS + args.steps)
        entropy = next(iter(flows.values()))["entropy"]
        lines[0] += f" of {args.steps} steps"
        lines.append(
            f"nll: nats per fresh event after {trained_steps} training steps; entropy of the data: {entropy:.2f}"
        )
        for name, fact in flows.items():
            if fact["nll"] < entropy - 0.5:
                lines.append(f"NO DENSITY: {name} scores below the entropy of the data")
    for name, fact in facts.items():
        versions = ", ".join(f"{package} {version}" for package, version in fact["versions"].items())
        more = fact["parameters"] - facts.get("limit", fact)["parameters"]
        lines.append(f"{name}: {fact['note']} [{versions}]" + (f"; {more:+,} parameters" if more else ""))
    for name, failure in failures.items():
        lines.append(f"{'ABSENT' if failure.absent else 'FAILED'}: {name} ({failure})")
    if args.busy is not None and args.busy > 0.02:
        lines.append(
            f"NOISE: other programs took {args.busy:.0%} of the processors meanwhile; the ratios suffer less than the"
            " times, but PyTorch's spinning threads suffer most (OMP_WAIT_POLICY=passive helps them)"
        )
    return lines


def measure_first_steps(args, settings):
    """Seconds to the end of the first step, a fresh process for each figure: contestant -> optimizer -> list."""
    seconds = {name: {optimizer: [] for optimizer in OPTIMIZERS} for name in args.only}
    failures = {}
    for i in range(args.rounds):
        for name in args.only:
            for optimizer in OPTIMIZERS:
                has_no_choice = any(None in values for values in seconds[name].values())
                if name in failures or has_no_choice and optimizer != OPTIMIZERS[0]:
                    continue
                worker = Worker(name, settings, args.threads)
                try:
                    seconds[name][optimizer].append(worker.ask("first_step", optimizer=optimizer)["seconds"])
                except WorkerFailed as failure:
                    failures[name] = failure
                finally:
                    worker.close()
        say(f"round {i + 1} of {args.rounds}")
    return {name: by for name, by in seconds.items() if name not in failures}, failures


def first_step_table(seconds):
    rows = [["first step, seconds", *(cell for optimizer in OPTIMIZERS for cell in (optimizer, "(min-max)"))]]
    for name, by_optimizer in seconds.items():
        row = [name]
        for values in by_optimizer.values():
            has = values and None not in values
            row += [f"{statistics.median(values):.2f}", f"({min(values):.2f}-{max(values):.2f})"] if has else ["-", ""]
        rows.append(row)
    return rows


def show(rows):
    """Prints rows as a Markdown table whose columns line up."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    for i, row in enumerate(rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        print("| " + " | ".join(cells) + " |")
        if i == 0:
            print("| " + " | ".join(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]) + " |")


def plot(path, facts, rounds):
    """Draws the medians as bars, one panel a task."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ModuleNotFoundError:
        say("no picture: matplotlib is not installed")
        return
    names = list(facts)[::-1]
    colors = ["tab:orange" if name.startswith("ours") else "tab:blue" for name in names]
    size = (12, 1 + 0.35 * len(names))
    figure, axes = pyplot.subplots(1, len(TASKS), figsize=size, sharey=True, layout="constrained")
    for axis, task in zip(axes, TASKS):
        medians = [statistics.median(rounds[name][task]) for name in names]
        spread = [[m - min(rounds[n][task]) for m, n in zip(medians, names)]]
        spread += [[max(rounds[n][task]) - m for m, n in zip(medians, names)]]
        axis.barh(names, medians, xerr=spread, color=colors)
        if "limit" in facts:
            axis.axvline(statistics.median(rounds["limit"][task]), color="black", linestyle=":", label="limit")
        axis.set_xlabel(f"{task}, ms a batch")
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    say(f"picture: {path}")


def say(line):
    """Progress goes to stderr: stdout has the table alone."""
    print(line, file=sys.stderr, flush=True)


def arguments():
    title, _, description = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=f"{title}\n\n{description}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    systems = [*CONTESTANTS, "serving"]
    parser.add_argument("--system", choices=systems, default="realnvp", help="what competes (default %(default)s)")
    everyone = "; ".join(f"{system}: {', '.join(names)}" for system, names in CONTESTANTS.items())
    parser.add_argument("--only", metavar="NAMES", help=f"contestants, separated by commas, of {everyone}")
    parser.add_argument("--rounds", type=int, help="measurements of each contestant (default 7; 3 with --first-step)")
    parser.add_argument("--steps", type=int, default=20, help="steps of a measurement (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="processors for each contestant (default %(default)s)")
    parser.add_argument("--dims", type=int, help="dimensions of an event, not of glow (default 43; cnf 2)")
    parser.add_argument("--levels", type=int, help="levels of glow (default 3)")
    parser.add_argument("--layers", type=int, help="layers, of glow a level (default 10; glow 8; maf, nsf 5)")
    parser.add_argument(
        "--hidden",
        type=int,
        nargs="+",
        help="hidden widths (default 256 256; glow 128; maf 512 512; nsf 128 128; cnf 64 64)",
    )
    parser.add_argument("--batch", type=int, help="events in a batch (default 512; glow 32; cnf 500)")
    parser.add_argument("--first-step", action="store_true", help="measure the first step of `fit` instead")
    parser.add_argument("--model", metavar="DIR", help="serving: an exported model's folder (savedmodels/digits)")
    parser.add_argument("--seconds", type=float, default=5, help="serving: of each measurement (default %(default)s)")
    parser.add_argument("--soak", type=float, default=60, help="serving: seconds, 0 for none (default %(default)s)")
    parser.add_argument("--rows", type=int, default=100_000, help="serving: of one huge request (default %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="also write every measurement there")
    parser.add_argument("--plot", metavar="FILE", help="also draw the medians there (.png, .svg; needs matplotlib)")
    args = parser.parse_args()
    if args.system == "serving":
        if args.seconds <= 0 or args.soak < 0 or args.rows < 0 or args.threads < 1:
            parser.error("Expected --seconds and --threads above 0, --soak and --rows of at least 0.")
        return args
    known = list(CONTESTANTS[args.system])
    chosen = args.only.split(",") if args.only else known
    if unknown := [name for name in chosen if name not in known]:
        parser.error(f"Expected --only to name some of {', '.join(known)}; got {','.join(unknown)}.")
    if args.system == "glow" and args.dims is not None:
        parser.error(f"Expected no --dims with --system glow, whose images are 32x32x3; got {args.dims}.")
    if args.system != "glow" and args.levels is not None:
        parser.error(f"Expected no --levels with --system {args.system}; got {args.levels}.")
    for name in ("rounds", "steps", "threads", "levels", "layers", "batch"):
        value = getattr(args, name)
        if value is not None and value < 1:
            parser.error(f"Expected --{name} of at least 1; got {value}.")
    if args.dims is not None and args.dims < 2:
        parser.error(f"Expected --dims of at least 2; got {args.dims}.")
    if args.hidden is not None and min(args.hidden) < 1:
        parser.error(f"Expected --hidden of at least 1; got {args.hidden}.")
    if args.system == "glow" and args.hidden is not None and len(args.hidden) != 1:
        parser.error(f"Expected one --hidden with --system glow; got {args.hidden}.")
    args.only = list(dict.fromkeys(["limit", *chosen]))
    args.rounds = args.rounds or (3 if args.first_step else 7)
    args.busy = None
    return args


def main():
    args = arguments()
    if args.system == "serving":
        from benchmarks import serving

        model = args.model or pathlib.Path(__file__).resolve().parent.parent / "savedmodels" / "digits"
        rows, lines = serving.run(model, args.threads, args.seconds, args.soak, args.rows)
        show(rows)
        print("", *lines, sep="\n")
        return
    given = {name: getattr(args, name) for name in ("system", "dims", "levels", "layers", "hidden", "batch")}
    settings = {name: value for name, value in given.items() if value is not None}
    facts, rounds, seconds = {}, {}, {}
    if args.first_step:
        seconds, failures = measure_first_steps(args, settings)
        show(first_step_table(seconds))
    else:
        facts, rounds, failures = measure(args, settings)
        show(table(facts, rounds))
    print("", *notes(args, facts, failures), sep="\n")
    if args.json:
        failed = {name: str(failure) for name, failure in failures.items()}
        record = {"arguments": vars(args), "facts": facts, "ms": rounds, "first_step_s": seconds, "failures": failed}
        pathlib.Path(args.json).write_text(json.dumps(record, indent=1))
    if args.plot and facts:
        plot(args.plot, facts, rounds)


if __name__ == "__main__":
    main()
