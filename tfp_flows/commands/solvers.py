"""How samples of a run of continuous time are carried: the options of commands, checked without TensorFlow."""

from tfp_flows.catalog import MODELS
from tfp_flows.catalog_entry import FIXED_STEPS
from tfp_flows.commands import directory


def add(command):
    """Adds the options to a command's parser."""
    command.add_argument(
        "--solver", metavar="NAME",
        help="of a run of continuous time: what carries the samples, heun, midpoint, rk4, euler, dormand_prince or "
        "tsit5; of a score model also ancestral, ddim, euler_maruyama or predictor_corrector, of ncsn also langevin "
        "(default: the model's own)",
    )  # fmt: skip
    command.add_argument(
        "--steps", type=int, help="of the solver; of langevin, at each level (default: its own, or by tolerance)"
    )
    command.add_argument(
        "--guidance", type=float, metavar="W",
        help="of a conditional run of continuous time or of tarflow: above 1 samples are more of their class than the "
        "data are (default: 1)",
    )  # fmt: skip


def asked(run, options):
    """The name, steps and guidance that are asked for; None where nothing is.

    Raises:
        ValueError: where the model of the run has no such thing, or numbers are out of range.
    """
    if (options.solver, options.steps, options.guidance) == (None, None, None):
        return None
    model = run.config.model
    known = MODELS[model].samplers
    if not known:
        option = next(name for name in ("solver", "steps", "guidance") if getattr(options, name) is not None)
        raise ValueError(f"Expected --{option} with a run of continuous time only; got {options.dir!r}, of {model}.")
    directory.at_least(1, steps=options.steps)
    name = options.solver
    if name is None:
        # Guidance alone leaves the model its own way.
        own = known[0] if known[0] in ("langevin", "autoregressive") else "dormand_prince"
        name = own if options.steps is None else known[0]
    if name not in known:
        raise ValueError(f"Expected --solver among {', '.join(known)}, for {model}; got {name!r}.")
    if name == "autoregressive" and options.steps is not None:
        raise ValueError(f"Expected --steps with a run of continuous time only; got {options.dir!r}, of {model}.")
    if name in FIXED_STEPS and options.steps is None:
        raise ValueError(f"Expected --steps beside --solver {name}, whose steps are of one length.")
    guidance = 1.0 if options.guidance is None else options.guidance
    if not 0 <= guidance < float("inf"):
        raise ValueError(f"Expected --guidance to be a finite number of at least 0; got {guidance:g}.")
    if guidance != 1 and run.class_labels is None:
        raise ValueError(f"Expected --guidance with a run that knows classes; got {options.dir!r}, which knows none.")
    return name, options.steps, guidance
