"""A mixture of logistics as a monotone map, with an affine map after it: the transform of Flow++'s coupling.

    u_k = (x - mu_k) exp(-s_k)
    y = logit(sum_k pi_k sigmoid(u_k))                     in (-inf, inf), as x
    inverse:  z = y exp(a) + b        log_det = log dy/dx + a
    forward:  y = (z - b) exp(-a), and x from y by Newton's method, kept between bounds that close in
    dy/dx = sum_k pi_k sigmoid(u_k) sigmoid(-u_k) exp(-s_k) / (F (1 - F))       F = sum_k pi_k sigmoid(u_k)
    raw = (log pi_1 .. log pi_K, mu_1 .. mu_K, s_1 .. s_K, a, b), with what is fixed below added to it

Data -> latent is explicit: the direction of training costs no more than its exponentials. Latent -> data takes six or
seven evaluations, more where components are narrow and far apart; its gradients come from the implicit function
theorem, dx = (dy - (dy/draw) draw) / (dy/dx), so that reverse KL trains it too. F lies near 0 or 1 for most x: both F
and 1 - F are kept as logarithms.

Why the components do not start alike: a mixture of logistics is the identity only where all of them are the same, and
then all have the same gradient and stay the same for ever. At raw = 0 they sit `spread` to both sides of 0, with scales
such that the mixture has a logistic's variance: for spread = 1 and K = 4 within 0.06 of the identity on [-3, 3].
Ho, Chen, Srinivas, Duan and Abbeel, Flow++, arXiv:1902.00275, section 3.2.
"""

from __future__ import annotations

import math

import tensorflow as tf

from tfp_flows.transforms.affine import Affine
from tfp_flows.transforms.components import Components, broadcast, logit_of_mixture, root


class LogisticMixture(Components):
    """z = logit(sum_k pi_k sigmoid((x - mu_k) exp(-s_k))) exp(a) + b, invertible for all parameters.

    Where two components are far apart for their scales, z hardly depends on x between them: there x comes back from z
    with few digits, and its gradient with respect to z is cut at 1 / epsilon of the dtype.

    Args:
        num_components: int > 1, K.
        spread: float >= 0, below 1.8: how far to each side of 0 the outermost components sit at raw = 0. With 0
            raw = 0 is the identity exactly and the components, all alike, never separate by training.
        component_log_scale_bound: float > 0, the largest change of s_k; 5 lets a component be as narrow as 0.007.
        log_scale_bound: float > 0, the largest |a|, as in `Affine`.

    Raises:
        ValueError: where an argument is outside its range.

    Example:
        >>> from tfp_flows import transforms
        >>> mixture = transforms.LogisticMixture(num_components=4)
        >>> x, raw = tf.constant([-1.0, 0.0, 20.0]), tf.fill([3, mixture.num_params], 0.3)
        >>> z, log_det = mixture.inverse_and_log_det(x, raw)
        >>> bool(tf.reduce_all(tf.abs(mixture.forward_and_log_det(z, raw)[0] - x) < 1e-4))
        True
    """

    def __init__(
        self,
        num_components: int = 4,
        spread: float = 1.0,
        component_log_scale_bound: float = 5.0,
        log_scale_bound: float = 2.0,
    ):
        super().__init__(num_components, spread, component_log_scale_bound, variance=math.pi**2 / 3, num_more=2)
        self.log_scale_bound = float(log_scale_bound)
        self._affine = Affine(log_scale_bound)

    def forward_and_log_det(self, z: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        z, raw = broadcast(z, raw)
        *mixture, affine = self._split(raw)
        y, log_det = self._affine.inverse_and_log_det(z, affine)
        x = root(y, *mixture)
        return x, log_det - logit_of_mixture(x, *mixture)[1]

    def inverse_and_log_det(self, x: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x, raw = broadcast(x, raw)
        *mixture, affine = self._split(raw)
        y, log_slope = logit_of_mixture(x, *mixture)
        z, log_det = self._affine.forward_and_log_det(y, affine)
        return z, log_slope + log_det
