"""Score matching without noise that is known: by the divergence of the score, exactly or along random directions.

    x_t = a(t) x + s(t) z,   eps = -s score(x_t, t)
    explicit   value = 1/D (|eps|^2 / 2 - s tr(d eps / dx_t))
    sliced     value = 1/D (|eps|^2 / 2 - s mean over v of v . (d eps / dx_t) v),   v Rademacher

which is s^2 (|score|^2 / 2 + tr(d score / dx_t)), of mean 1/2 (denoising - 1) whatever the network: the same minimum,
at the price of D products of the Jacobian, or of one a direction, and with more noise at small levels. For vectors and
for comparison; with `level` at one noise level alone, which shows why there are many.

Network passes: one, and as many products of its Jacobian.
Hyvarinen, Estimation of Non-Normalized Statistical Models by Score Matching, JMLR 6 (2005); Song, Garg, Shi and Ermon,
Sliced Score Matching, arXiv:1905.07088, section 3.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING

import tensorflow as tf

from tfp_flows.bridge.keras_mode import KerasMode
from tfp_flows.dynamics import divergence
from tfp_flows.numerics.tensors import is_positive_integer
from tfp_flows.objectives.denoising_score_matching import DenoisingScoreMatching, along, noised
from tfp_flows.objectives.objective import Objective

if TYPE_CHECKING:
    import keras


class ImplicitScoreMatching(Objective):
    """Explicit or sliced score matching, for `ScoreSDE` and `NCSN`.

    Args:
        num_directions: int, of sliced score matching; None for the exact divergence.
        level: float in [0, 1], the one time at which the score is learned, 0 that of most noise; None for all.

    Raises:
        ValueError: where num_directions is no positive integer, or level out of its range.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.NCSN((2,), hidden_units=16)
        >>> flow.compile("adam", loss=tfp_flows.objectives.ImplicitScoreMatching(num_directions=1))
        >>> list(flow.fit(np.eye(50, 2, dtype="float32"), verbose=0).history)
        ['loss', 'score_error']
    """

    name = "score_error"
    unit = "half the mean squared error of the noise, less a half"

    def __init__(self, num_directions: int | None = None, level: float | None = None):
        if num_directions is not None and not is_positive_integer(num_directions):
            raise ValueError(f"Expected num_directions to be a positive integer or None; got {num_directions!r}.")
        if level is not None and (isinstance(level, bool) or not isinstance(level, Real) or not 0 <= level <= 1):
            raise ValueError(f"Expected level from 0 to 1, or None; got {level!r}.")
        self.num_directions, self.level = num_directions, level

    def __call__(
        self, flow: keras.Model, x: tf.Tensor, context: tf.Tensor | None, seed: tf.Tensor, training: bool
    ) -> tf.Tensor:
        x, z, t, context = noised(flow, x, context, seed, training)
        if self.level is not None:
            first, last = flow.continuous.times
            t = tf.fill(tf.shape(t), tf.constant(first + (last - first) * self.level, t.dtype))
        x = along(flow, x, z, t)
        vectors = None
        if self.num_directions is not None:
            own = tf.random.experimental.stateless_fold_in(seed, 2)
            vectors = divergence.probes("rademacher", self.num_directions, tf.shape(x), own, x.dtype)
        network = flow.continuous.network

        def predict(x):
            copies = tf.shape(x)[0] // tf.shape(t)[0]
            several = lambda v: None if v is None else tf.tile(v, [copies, *[1] * (v.shape.rank - 1)])
            return network.noise(x, several(t), several(context))

        def run():
            return divergence.value_and_divergence(predict, x, vectors)[:2]

        eps, trace = KerasMode()(function=run, training=training)
        squares = tf.reduce_sum(eps**2, list(range(1, x.shape.rank)))
        return (squares / 2 - network.schedule(t).s * trace) / math.prod(x.shape[1:])

    def check(self, flow: keras.Model) -> None:
        DenoisingScoreMatching().check(flow)

    def get_config(self) -> dict:
        return {"num_directions": self.num_directions, "level": self.level}
