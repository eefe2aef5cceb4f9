"""What stands between the data and the first layer: integers on their bins to reals, as bijectors whose log_det counts.

logit     y in (0, num_bins) -> logit of alpha + (1 - 2 alpha) y / num_bins    (RealNVP, arXiv:1605.08803, section 4.1)
centred   y -> y / num_bins - 1/2                                              (Glow's published code)
"""

import tensorflow_probability as tfp

from tfp_flows.bijectors import Logit

tfb = tfp.bijectors


def to_reals(num_bins, alpha):
    """Bijectors in data -> latent order: none for continuous data.

    Args:
        num_bins: int, levels of integer data, or None.
        alpha: float in [0, 0.5), of `Logit`; None for centring.
    """
    if num_bins is None:
        return []
    if alpha is None:
        return [tfb.Scale(float(num_bins)), tfb.Shift(0.5)]
    return [Logit(0.0, float(num_bins), alpha=alpha)]
