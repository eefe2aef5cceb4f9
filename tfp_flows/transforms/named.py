"""The transforms that named models take, by name: of a Glow's couplings, of autoregressive layers."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from tfp_flows.transforms.affine import Affine
from tfp_flows.transforms.logistic_mixture import LogisticMixture
from tfp_flows.transforms.mixture_probit import MixtureProbit
from tfp_flows.transforms.shift import Shift
from tfp_flows.transforms.sigmoid_affine import SigmoidAffine
from tfp_flows.transforms.sinh_arcsinh import SinhArcsinh
from tfp_flows.transforms.spline import RationalQuadraticSpline

if TYPE_CHECKING:
    from tfp_flows.transforms.transform import Transform

NAMED = {
    "affine": Affine, "additive": Shift, "mixture": LogisticMixture, "spline": RationalQuadraticSpline,
    "sinh_arcsinh": SinhArcsinh, "mixture_probit": MixtureProbit, "sigmoid_affine": SigmoidAffine,
}  # fmt: skip


def choose_transform(
    name: str, num_components: int | None = None, log_scale_bound: float = 2.0, what: str = "transform"
) -> Transform:
    """A transform by its name.

    Args:
        name: "affine", "additive", "mixture" (`LogisticMixture`), "spline" (`RationalQuadraticSpline`),
            "sinh_arcsinh" (`SinhArcsinh`), "mixture_probit" (`MixtureProbit`) or "sigmoid_affine" (`SigmoidAffine`).
        num_components: int, of the mixture, or bins of the spline; None for the transform's own.
        log_scale_bound: float, of the affine map and the mixture.
        what: str, the argument that names it, for the sentence.

    Returns:
        `tfp_flows.transforms.Transform`.

    Raises:
        ValueError: for another name, or num_components with a transform that has none.

    Example:
        >>> from tfp_flows.transforms import choose_transform
        >>> choose_transform("mixture", 4).num_params
        14
    """
    if not isinstance(name, str) or name not in NAMED:
        raise ValueError(f"Expected {what} to be one of {list(NAMED)}; got {name!r}.")
    kind = NAMED[name]
    arguments = {}
    if "log_scale_bound" in inspect.signature(kind).parameters:
        arguments["log_scale_bound"] = log_scale_bound
    if num_components is not None:
        if kind.size_argument is None:
            raise ValueError(f"Expected num_components=None with {name} {what}s; got {num_components!r}.")
        arguments[kind.size_argument] = num_components
    return kind(**arguments)
