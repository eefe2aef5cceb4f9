"""tfp-flows interpolate: ways between pairs of examples through a run's latent space, one row a pair."""

from tfp_flows.commands import directory, examples, texts


def add(commands):
    """Adds the command to the parser's."""
    command = commands.add_parser(
        "interpolate",
        help="draw the ways between examples through the latent space",
        description="Draws the ways between pairs of examples through the latent space, one row a pair: each begins "
        "and ends with the examples themselves. Of a conditional run the class goes along from one to the other.",
    )
    directory.add(command, "a run directory of images", check=_check)
    command.add_argument(
        "--pairs", nargs="+", metavar="I,J", help="pairs of examples by their indices (default: drawn by the seed)"
    )
    command.add_argument("--n", type=int, default=8, help="pairs that are drawn where none are given (default: 8)")
    examples.add_split(command)
    command.add_argument("--steps", type=int, default=9, help="images a row, both ends included (default: 9)")
    command.add_argument(
        "--path", choices=("spherical", "linear"), default="spherical",
        help="along a great circle or straight (default: spherical)",
    )  # fmt: skip
    command.add_argument("--seed", type=int, default=0, help="of the pairs that are drawn (default: 0)")
    command.add_argument("--to", metavar="FILE", help="the picture, .png (default: DIR/interpolation-PATH-SEED.png)")
    command.set_defaults(run=run)


def _check(options, run):
    directory.at_least(1, n=options.n)
    directory.at_least(0, seed=options.seed)
    if options.steps < 2:
        raise ValueError(f"Expected --steps to be at least 2, both ends; got {options.steps}.")
    examples.require_images(run)
    _given_pairs(options)


def _given_pairs(options):
    """What --pairs says, two indices each."""
    pairs = [texts.numbers(pair, int, "each of --pairs") for pair in options.pairs or ()]
    for text, pair in zip(options.pairs or (), pairs):
        if len(pair) != 2:
            raise ValueError(f"Expected each of --pairs as two indices, such as 0,1; got {text!r}.")
    return pairs


def run(options):
    """Draws the picture and prints where it is, and by how much the ends differ from the examples."""
    import numpy as np

    from tfp_flows import pictures, runs
    from tfp_flows.flow import latent

    run = runs.Run(options.dir)
    model, dataset = run.load_model(), run.load_data()
    pairs = _pairs(options, dataset)
    x = getattr(dataset, options.split)
    contexts = [examples.context(model, dataset, options.split, pairs[:, end]) for end in (0, 1)]
    way = latent.interpolate(model, x[pairs[:, 0]], x[pairs[:, 1]], options.steps, options.path, *contexts)
    ends = np.stack([x[pairs[:, 0]], x[pairs[:, 1]]], axis=1)
    error = np.abs(np.asarray(way)[:, [0, -1]] - examples.centre(model, ends)).max()
    if model.dequantization is not None:
        way = model.dequantization.quantize(way)
    to = examples.picture(options.to or run.path / _name(options))
    title = f"{options.path} ways between {options.split} examples"
    print(pictures.rows(np.asarray(way), _names(model, pairs, contexts), to, model.num_bins, title))
    print(f"largest difference between the ends and the examples: {error:.3g}{examples.unit(model)}")


def _pairs(options, dataset):
    """The indices of the pairs, an array (n, 2)."""
    import numpy as np

    if options.pairs is None:
        return examples.draw_indices(options.n, 2, dataset, options.split, options.seed)
    pairs = _given_pairs(options)
    for pair in pairs:
        examples.check_indices(pair, dataset, options.split)
    return np.array(pairs)


def _name(options):
    which = options.seed if options.pairs is None else "-".join(options.pairs).replace(",", "-")[:80]
    return f"interpolation-{options.path}-{which}.png"


def _names(model, pairs, contexts):
    def name(index, end, i):
        return f"{index}" if contexts[end] is None else f"{index} ({model.class_title(contexts[end][i])})"

    return [f"{name(a, 0, i)} → {name(b, 1, i)}" for i, (a, b) in enumerate(pairs)]
