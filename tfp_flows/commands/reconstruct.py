"""tfp-flows reconstruct: examples above what the latent space gives back of them, and the largest difference."""

from tfp_flows.commands import directory, examples


def add(commands):
    """Adds the command to the parser's."""
    command = commands.add_parser(
        "reconstruct",
        help="encode and decode examples: how exact is the inverse?",
        description="Encodes examples and decodes them again; prints the largest difference, which a flow has only "
        "from rounding, and draws images above their reconstructions.",
    )
    directory.add(command, check=_check)
    command.add_argument("--n", type=int, default=12, help="examples (default: 12)")
    examples.add_split(command)
    command.add_argument("--seed", type=int, default=0, help="of the choice of examples (default: 0)")
    command.add_argument("--to", metavar="FILE", help="the picture, .png (default: DIR/reconstructions-SEED.png)")
    command.set_defaults(run=run)


def _check(options, run):
    directory.at_least(1, n=options.n)
    directory.at_least(0, seed=options.seed)


def run(options):
    """Prints the error, and draws the picture where the events are images."""
    import numpy as np

    from tfp_flows import pictures, runs
    from tfp_flows.training.sample_pictures import kind_of

    run = runs.Run(options.dir)
    model, dataset = run.load_model(), run.load_data()
    indices = examples.draw_indices(options.n, 1, dataset, options.split, options.seed)[:, 0]
    context = examples.context(model, dataset, options.split, indices)
    x = examples.centre(model, getattr(dataset, options.split)[indices])
    back = np.asarray(model.decode(model.encode(x, context=context), context=context))
    error = f"{np.abs(back - x).max():.3g}{examples.unit(model)}"
    print(f"largest difference of {len(x)} examples and their reconstructions: {error}")
    if kind_of(model) is pictures.Kind.IMAGE:
        to = examples.picture(options.to or run.path / f"reconstructions-{options.seed}.png")
        # Not rounded to levels, so that an error that is there is seen.
        shift = 0.0 if model.num_bins is None else 0.5
        rows = np.stack([x, back]) - shift
        print(
            pictures.rows(rows, ["examples", "decoded"], to, model.num_bins, f"indices {', '.join(map(str, indices))}")
        )
