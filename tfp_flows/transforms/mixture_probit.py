"""A mixture of logistics and then the normal quantile: marginal Gaussianization, whose image is a standard normal where
the data are the mixture.

    l = logit(sum_k pi_k sigmoid((x - mu_k) exp(-s_k)))      as `transforms.LogisticMixture`, without its affine map
    inverse:  z = probit(sigmoid(l))                         log_det = log dl/dx + log dz/dl
    forward:  l = log Phi(z) - log Phi(-z), and x from l by Newton's method, kept between bounds that close in
    log dz/dl = log Phi(|z|) + log(Phi(-|z|) / phi(z))
    raw = (log pi_1 .. log pi_K, mu_1 .. mu_K, s_1 .. s_K), with what is fixed below added to it

Nothing is taken of a probability that rounding has made 0 or 1: far out z goes on as sqrt(2 |l|), see
`numerics.normal`. As in `LogisticMixture` components start apart, with a
mixture of variance 1: at raw = 0 within 0.3 of the identity on [-3, 3], for logistic tails are no normal ones.
Meng, Song, Song and Ermon, Gaussianization flows, arXiv:2003.01941, section 3.2.
"""

from __future__ import annotations

import tensorflow as tf

from tfp_flows.numerics import normal
from tfp_flows.transforms.components import Components, broadcast, logit_of_mixture, root


class MixtureProbit(Components):
    """z = probit(sum_k pi_k sigmoid((x - mu_k) exp(-s_k))), invertible for all parameters.

    Args:
        num_components: int > 1, K.
        spread: float >= 0, below 1: how far to each side of 0 the outermost components sit at raw = 0.
        component_log_scale_bound: float > 0, the largest change of s_k.

    Raises:
        ValueError: where an argument is outside its range.

    Example:
        >>> from tfp_flows import transforms
        >>> mixture = transforms.MixtureProbit(num_components=4)
        >>> x, raw = tf.constant([-1.0, 0.0, 20.0]), tf.fill([3, mixture.num_params], 0.3)
        >>> z, log_det = mixture.inverse_and_log_det(x, raw)
        >>> bool(tf.reduce_all(tf.abs(mixture.forward_and_log_det(z, raw)[0] - x) < 1e-4))
        True
    """

    def __init__(self, num_components: int = 8, spread: float = 0.7, component_log_scale_bound: float = 7.0):
        super().__init__(num_components, spread, component_log_scale_bound, variance=1.0)

    def forward_and_log_det(self, z: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        z, raw = broadcast(z, raw)
        *mixture, _ = self._split(raw)
        x = root(normal.logit_of_normal(z), *mixture)
        return x, -normal.log_slope(z) - logit_of_mixture(x, *mixture)[1]

    def inverse_and_log_det(self, x: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x, raw = broadcast(x, raw)
        *mixture, _ = self._split(raw)
        logit, log_slope = logit_of_mixture(x, *mixture)
        z = normal.normal_of_logit(logit)
        return z, log_slope + normal.log_slope(z)
