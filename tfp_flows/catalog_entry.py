"""What the catalogue says of a named model."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Entry:
    """One named model.

    Attributes:
        home: str, "module:Class".
        paper, year, arxiv: of the system.
        summary: str, one line.
        recipe: dict of training defaults: batch_size, learning_rate, steps (of which `tfp_flows.runs.recipe` makes
            epochs), optimizer (arguments of Adam beside those that all share), warmup_steps (in which the learning rate
            rises from 0; 100 where absent), objective (a name of `tfp_flows.runs.objectives` with its options; the
            model's own default where absent), sizes (pairs of a number and of what replaces these where events have at
            most so many elements, with minutes that are not to be exceeded and, for vectors, arguments of the model).
        events: tuple of the kinds of events that it is a density of: "vectors", "images", (height, width, channels), or
            "audio", vectors of samples with a rate.
        student: str, the model that `tfp-flows distill` makes of it; None where there is none.
        samplers: tuple of names, see `tfp_flows.flow.named_sampler`, of what else than its own it is sampled by; the
            first one is meant where a number of steps is given alone.
        is_student: bool, whether it is made by `distill` alone: on data each of its steps takes as many passes as an
            event has elements.
    """

    home: str
    paper: str
    year: int
    arxiv: str
    summary: str
    recipe: dict
    events: tuple = ("vectors",)
    student: str | None = None
    is_student: bool = False
    samplers: tuple = ()

    @property
    def takes_images(self) -> bool:
        """Whether events are (height, width, channels) where the data have them flat as well."""
        return self.events == ("images",)


# Of differential equations: those of steps of one length, and those that choose them where their number is not given.
FIXED_STEPS = ("heun", "midpoint", "rk4", "euler")
ODE_SOLVERS = (*FIXED_STEPS, "dormand_prince", "tsit5")
DIFFUSIONS = ("ancestral", "ddim", "euler_maruyama", "predictor_corrector")


def recipe(upto_8: dict | None = None, upto_64: dict | None = None, on_the_plane: dict | None = None, **others) -> dict:
    """An entry's recipe, with what suits events of at most 8 elements, and of at most 64, in its place.

    On the plane, of at most 2 elements, that of 8 with what is said in its place, and with further arguments of the
    model: rings, spirals and boards have holes, gaps and corners, for which a map without any has to tear a single
    normal apart.
    """
    sizes = []
    if on_the_plane is not None:
        arguments = {**upto_8.get("arguments", {}), **on_the_plane.get("arguments", {})}
        sizes.append((2, {**upto_8, **on_the_plane, "arguments": arguments}))
    sizes += [(most, more) for most, more in ((8, upto_8), (64, upto_64)) if more is not None]
    return {**others, "sizes": tuple(sizes)}
