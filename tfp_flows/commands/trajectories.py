"""tfp-flows trajectories: how the samples of a run of continuous time come about, as a picture and as an array."""

from tfp_flows.catalog import MODELS
from tfp_flows.catalog_entry import ODE_SOLVERS
from tfp_flows.commands import directory, texts


def add(commands):
    """Adds the command to the parser's."""
    command = commands.add_parser(
        "trajectories",
        help="draw samples of a run of continuous time on their way from noise",
        description="Draws samples on their way into PATH.png and PATH.npy: of points of the plane with the velocity "
        "field at each time and the lines between, of images a row for each sample. A run of ncsn shows its chains "
        "after some noise levels, with the score.",
    )
    directory.add(command, check=_check, needs_data=False)
    command.add_argument("--n", type=int, help="how many samples (default: 1000 points, or 8 images)")
    command.add_argument("--times", type=int, default=9, help="how many times, both ends included (default: 9)")
    command.add_argument(
        "--class", "--label", dest="label", metavar="K", help="of a conditional run: the class, by its label or name"
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the samples (default: 0)")
    command.add_argument(
        "--to", metavar="PATH", help="of both files, with or without ending (default: DIR/trajectories-SEED)"
    )
    command.set_defaults(run=run)


def _check(options, run):
    """Refuses without TensorFlow what no run, or not this one, has."""
    directory.at_least(1, n=options.n)
    directory.at_least(2, times=options.times)
    directory.at_least(0, seed=options.seed)
    if not set(ODE_SOLVERS) & set(MODELS[run.config.model].samplers):
        raise ValueError(f"Expected a run of continuous time; got {options.dir!r}, of {run.config.model}.")
    if run.kind.value not in ("points", "image"):
        raise ValueError(f"Expected points of the plane or images; got events of shape {run.event_shape}.")
    _label(run, options)


def _label(run, options):
    """The class to draw; None for a run that knows none."""
    labels = run.class_labels
    if labels is None:
        if options.label is not None:
            raise ValueError(f"Expected --class with a conditional run only; got {options.dir!r}, which knows none.")
        return None
    if options.label is None:
        return 0
    found = labels.read(options.label)
    if len(found) != 1:
        raise ValueError(f"Expected one class; got {options.label!r}.")
    return found[0]


def run(options):
    """Writes the array and the picture, and prints where they are."""
    import numpy as np

    from tfp_flows import runs, training
    from tfp_flows.files import replacing

    run = runs.Run(options.dir)
    model, label = run.load_model(), _label(run, options)
    name = f"trajectories-{options.seed}" + ("" if options.label is None else f"-class-{label}")
    to = texts.without_ending(options.to or run.path / name, ".png", ".npy")
    picture = to.with_name(f"{to.name}.png")
    title = None if label is None else model.class_title(label)
    times, x = training.draw_trajectories(model, picture, options.times, options.n, options.seed, label, title)
    with replacing(to.with_name(f"{to.name}.npy")) as part:
        np.save(part, x)
    print(f"{to}.npy")
    print(picture)
