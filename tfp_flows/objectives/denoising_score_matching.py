"""Denoising score matching: the noise in noised data is predicted, which gives the score of every noise level.

    x data, z ~ N(0, I), t in (0, 1):      x_t = a(t) x + s(t) z
    value = mean over elements of (eps(x_t, t) - z)^2

which is s^2 |score + z / s|^2, the weighting of the papers: eps = -s score. x is in standard units, after
dequantization where there is one. The times of a batch are stratified: evenly, as samples of images have them best, or
evenly in log(s / a), as likelihoods have.

Network passes: one.
Song and Ermon, arXiv:1907.05600, section 4.2, equation 6; Ho, Jain and Abbeel, arXiv:2006.11239, section 3.4; in
continuous time Song et al., arXiv:2011.13456, section 3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf

from tfp_flows.bridge.keras_mode import KerasMode
from tfp_flows.dynamics import paths
from tfp_flows.objectives.objective import Objective

if TYPE_CHECKING:
    import keras


TIMES = ("uniform", "likelihood")


class Noised(NamedTuple):
    """Data in standard units (batch, *event), noise of that shape, times (batch,), and what the network sees beside."""

    x: tf.Tensor
    z: tf.Tensor
    t: tf.Tensor
    context: tf.Tensor | None


def noised(
    flow: keras.Model, x: tf.Tensor, context: tf.Tensor | None, seed: tf.Tensor, training: bool,
    times: str = "uniform",
) -> Noised:  # fmt: skip
    """What a step of score matching draws.

    Args:
        flow: `tfp_flows.ScoreSDE` or `NCSN`.
        x, context, seed, training: as an objective is given them.
        times: "uniform" or "likelihood".
    """
    own = tf.random.experimental.stateless_fold_in(seed, 1)
    x, context = flow.at_the_field(x, context, seed)
    seeds = tf.random.experimental.stateless_split(own, 3)
    context = flow.with_labels_left_out(context, seeds[2], training)
    z = tf.random.stateless_normal(tf.shape(x), seeds[0], dtype=x.dtype)
    first, last = flow.continuous.times
    t = paths.stratified_times(tf.shape(x)[0], seeds[1], x.dtype)
    likely = times == "likelihood"
    t = flow.continuous.network.schedule.even_in_noise(t, last) if likely else first + (last - first) * t
    return Noised(x, z, t, context)


def along(flow: keras.Model, x: tf.Tensor, z: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
    """Data and noise (batch, *event) as they are mixed at times (batch,): a x + s z."""
    a, s = (tf.reshape(v, [-1, *[1] * (x.shape.rank - 1)]) for v in flow.continuous.network.schedule(t)[:2])
    return a * x + s * z


class DenoisingScoreMatching(Objective):
    """Mean squared error of the predicted noise; the default of `ScoreSDE` and `NCSN`.

    Args:
        times: "uniform", or "likelihood", by which the value is a bound of the likelihood but for a factor
            (arXiv:2101.09258); of an exploding variance the two are the same.

    Raises:
        ValueError: for another name.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.ScoreSDE((2,), hidden_units=16)
        >>> flow.compile("adam")
        >>> list(flow.fit(np.eye(50, 2, dtype="float32"), verbose=0).history)
        ['loss', 'noise_error']
    """

    name = "noise_error"
    unit = "mean squared error of the noise"

    def __init__(self, times: str = "uniform"):
        if times not in TIMES:
            raise ValueError(f"Expected times to be one of {list(TIMES)}; got {times!r}.")
        self.times = times

    def __call__(
        self, flow: keras.Model, x: tf.Tensor, context: tf.Tensor | None, seed: tf.Tensor, training: bool
    ) -> tf.Tensor:
        x, z, t, context = noised(flow, x, context, seed, training, self.times)
        network = flow.continuous.network
        noise = KerasMode()(function=lambda: network.noise(along(flow, x, z, t), t, context), training=training)
        return tf.reduce_mean((noise - z) ** 2, list(range(1, x.shape.rank)))

    def check(self, flow: keras.Model) -> None:
        if not hasattr(getattr(getattr(flow, "continuous", None), "network", None), "noise"):
            raise ValueError(f"Expected a model that predicts noise, as ScoreSDE and NCSN; got {type(flow).__name__}.")

    def get_config(self) -> dict:
        return {"times": self.times}
