"""The objectives that a run may be trained by: by name, what makes one of a config's options, and what is measured.

A new objective with a recipe is an entry here, beside its own file, `tfp_flows/objectives/__init__.py`, the recipe in
the catalogue and the README.
"""

import dataclasses
import inspect
from collections.abc import Callable

import numpy as np

from tfp_flows.objectives import (
    ConditionalFlowMatching,
    DenoisingScoreMatching,
    ImplicitScoreMatching,
    MaximumLikelihood,
    Objective,
    RegularizedLikelihood,
    ReverseKL,
    SpectralPower,
)
from tfp_flows.runs import labels
from tfp_flows.runs.divergence import compare
from tfp_flows.runs.run import Run
from tfp_flows.training import scoring


@dataclasses.dataclass(frozen=True)
class Entry:
    """One objective.

    Attributes:
        kind: type, of `tfp_flows.objectives`.
        build: function of the config's options, by keyword -> the objective.
        before: function of the objective, the flow and the data -> dict, what before.json holds, measured before the
            first step; None for nothing.
        after: function of the config's options, the flow, the data and what before.json holds -> dict that is added to
            the metrics; None for nothing.
    """

    kind: type
    build: Callable
    before: Callable | None = None
    after: Callable | None = None

    @property
    def name(self):
        """What its values are logged as."""
        return self.kind.name

    @property
    def units(self):
        """dict, what is logged -> its unit, in the order in which a curve prefers them."""
        return self.kind.units


def entry(objective):
    """The entry of what a config names.

    Args:
        objective: dict, `Config.objective`: the name and the options.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> from tfp_flows.runs import objectives
        >>> objectives.entry({"name": "reverse_kl", "teacher": "runs/maf"}).name
        'reverse_kl'
    """
    if objective["name"] not in OBJECTIVES:
        raise ValueError(f"Expected an objective among {sorted(OBJECTIVES)}; got {objective['name']!r}.")
    return OBJECTIVES[objective["name"]]


def build(objective):
    """The objective that a config names, a `tfp_flows.objectives.Objective`.

    Args:
        objective: dict, `Config.objective`: the name and the options.

    Raises:
        ValueError: for an unknown name, unknown or missing options, or what the objective itself refuses.

    Example:
        >>> from tfp_flows.runs import objectives
        >>> objectives.build({"name": "maximum_likelihood"}).needs_data
        True
    """
    function, options = entry(objective).build, _options(objective)
    known = inspect.signature(function).parameters
    needed = [key for key, parameter in known.items() if parameter.default is parameter.empty]
    if not set(needed) <= set(options) <= set(known):
        raise ValueError(
            f"Expected options of {objective['name']} among {list(known)}, {needed} at least; got {list(options)}."
        )
    return function(**options)


def describe(objective: Objective) -> dict:
    """What a config holds of an objective that can be built from plain options: its name here, and these.

    Example:
        >>> from tfp_flows.objectives import ConditionalFlowMatching
        >>> from tfp_flows.runs import objectives
        >>> objectives.describe(ConditionalFlowMatching())
        {'name': 'conditional_flow_matching', 'path': 'linear', 'times': 'uniform', 'pairing': 'independent'}
    """
    (name,) = (name for name, entry in OBJECTIVES.items() if entry.kind is type(objective))
    return {"name": name, **objective.get_config()}


def _options(objective):
    return {key: value for key, value in objective.items() if key != "name"}


def _reverse_kl(teacher, temperature=1.0, power_weight=0.0):
    """A student's divergence from its teacher, the best weights of a run."""
    teacher = Run(teacher).load_model()
    penalty = None
    if power_weight:
        # Short windows still have some frames.
        penalty = SpectralPower(power_weight, frame_length=max(4, min(256, teacher.event_shape[0] // 2)))
    return ReverseKL(teacher, temperature, penalty)


def _divergence_before(objective, flow, dataset):
    return compare(objective.target_log_prob, flow, dataset)


def _divergence_after(objective, flow, dataset, before):
    teacher = Run(objective["teacher"]).load_model()
    nll = scoring.nll_per_event(teacher, dataset.test, labels.context(teacher, dataset, "test"))
    found = {"before": before, "after": compare(teacher, flow, dataset), "teacher_nll": float(np.mean(nll))}
    return {"distillation": found}


OBJECTIVES = {
    "maximum_likelihood": Entry(
        MaximumLikelihood,
        build=lambda: MaximumLikelihood(),
    ),
    "regularized_likelihood": Entry(
        RegularizedLikelihood,
        build=RegularizedLikelihood,
    ),
    "conditional_flow_matching": Entry(
        ConditionalFlowMatching,
        build=ConditionalFlowMatching,
    ),
    "denoising_score_matching": Entry(
        DenoisingScoreMatching,
        build=DenoisingScoreMatching,
    ),
    "implicit_score_matching": Entry(
        ImplicitScoreMatching,
        build=ImplicitScoreMatching,
    ),
    "reverse_kl": Entry(
        ReverseKL,
        build=_reverse_kl,
        before=_divergence_before,
        after=_divergence_after,
    ),
}
