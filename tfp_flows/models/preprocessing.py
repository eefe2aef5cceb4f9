"""What stands between the data and the first layer: integers on their bins to reals, as bijectors whose log_det counts.

logit     y in (0, num_bins) -> logit of alpha + (1 - 2 alpha) y / num_bins    (RealNVP, arXiv:1605.08803, section 4.1)
centred   y -> y / num_bins - 1/2                                              (Glow's published code)
probit    y in [edge_k, edge_k+1) -> a normal of its own                       (see `bijectors.PiecewiseProbit`)
"""

import tensorflow_probability as tfp

from tfp_flows.bijectors import Logit, PiecewiseProbit

tfb = tfp.bijectors


def to_reals(num_bins, alpha=None, edges=None):
    """Bijectors in data -> latent order: none for continuous data.

    Args:
        num_bins: int, levels of integer data, or None.
        alpha: float in (0, 0.5), of `Logit`; None for centring.
        edges: None, or increasing ints from 0 to num_bins, of `PiecewiseProbit`; alpha is then not used.

    Raises:
        ValueError: where edges do not go from 0 to num_bins, or are given for continuous data.
    """
    if edges is not None:
        if num_bins is None:
            raise ValueError(f"Expected num_bins beside edges, which are of integer data; got edges={edges!r}.")
        edges = tuple(edges)
        if edges[:1] != (0,) or edges[-1] != num_bins:
            raise ValueError(f"Expected edges from 0 to num_bins={num_bins}; got {edges!r}.")
        return [PiecewiseProbit(edges)]
    if num_bins is None:
        return []
    if alpha is None:
        return [tfb.Scale(float(num_bins)), tfb.Shift(0.5)]
    return [Logit(0.0, float(num_bins), alpha=alpha)]
