"""The transform of a named model's couplings or autoregressive layers, by its name."""

from tfp_flows.transforms import Affine, LogisticMixture, RationalQuadraticSpline, Shift

NAMES = ("affine", "additive", "mixture", "spline")


def choose_transform(name, num_components=None, log_scale_bound=2.0, what="transform"):
    """A transform by its name.

    Args:
        name: "affine", "additive", "mixture" (`LogisticMixture`) or "spline" (`RationalQuadraticSpline`).
        num_components: int, of the mixture, or bins of the spline; None for the transform's own.
        log_scale_bound: float, of the affine map and the mixture.
        what: str, the argument that names it, for the sentence.

    Returns:
        `tfp_flows.transforms.Transform`.

    Raises:
        ValueError: for another name, or num_components with a transform that has none.

    Example:
        >>> from tfp_flows.models.blocks import transforms
        >>> transforms.choose_transform("mixture", 4).num_params
        14
    """
    if name in ("affine", "additive"):
        if num_components is not None:
            raise ValueError(f"Expected num_components=None with {name} {what}s; got {num_components!r}.")
        return Affine(log_scale_bound) if name == "affine" else Shift()
    size = [] if num_components is None else [num_components]
    if name == "mixture":
        return LogisticMixture(*size, log_scale_bound=log_scale_bound)
    if name == "spline":
        return RationalQuadraticSpline(*size)
    raise ValueError(f"Expected {what} to be one of {list(NAMES)}; got {name!r}.")
