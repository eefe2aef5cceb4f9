"""Conditional flow matching: a velocity is fitted by regression, and no differential equation is solved in training.

    x data, z ~ N(0, I), t in (0, 1):      x_t = a(t) x + s(t) z
    value = mean over elements of (v(x_t, t) - (a'(t) x + s'(t) z))^2

whose minimum is the velocity that carries the normal latent at t = 0 into the data at t = 1. x is in standard units,
after dequantization where there is one. The times of a batch are stratified. With pairing="optimal" the latents of a
batch are first given to its events by optimal transport, which straightens the ways: fewer steps of a solver do.

Network passes: one.
Lipman, Chen, Ben-Hamu, Nickel and Le, Flow Matching for Generative Modeling, arXiv:2210.02747, section 3.2;
the pairs: Tong et al., arXiv:2302.00482, section 4.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from tfp_flows.bridge.keras_mode import KerasMode
from tfp_flows.dynamics import paths, transport
from tfp_flows.objectives.objective import Objective

if TYPE_CHECKING:
    import keras

TIMES = ("uniform", "logit_normal")
PAIRINGS = ("independent", "optimal")


class ConditionalFlowMatching(Objective):
    """Mean squared error of the velocity along a path; the default of `FlowMatching`.

    Args:
        path: "linear", "trigonometric" or "variance_preserving", see `tfp_flows.dynamics.paths`.
        times: "uniform", best for densities, or "logit_normal", sigmoid of a standard normal, which dwells in the
            middle, where images are decided (arXiv:2403.03206, section 3.1).
        pairing: "independent", or "optimal", by the assignment of SciPy on the host: of models of classes within each
            class alone, and not of models of other contexts, whose latents would depend on the context.

    Raises:
        ValueError: for another name, or "optimal" pairs of a model that is given vectors.
        ImportError: for "optimal" pairs where SciPy is missing.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.FlowMatching((2,), hidden_units=16)
        >>> flow.compile("adam", loss=tfp_flows.objectives.ConditionalFlowMatching("trigonometric"))
        >>> list(flow.fit(np.eye(50, 2, dtype="float32"), verbose=0).history)
        ['loss', 'velocity_error']
    """

    name = "velocity_error"
    unit = "mean squared error of the velocity"

    def __init__(self, path: str = "linear", times: str = "uniform", pairing: str = "independent"):
        if path not in paths.PATHS:
            raise ValueError(f"Expected path to be one of {list(paths.PATHS)}; got {path!r}.")
        if times not in TIMES:
            raise ValueError(f"Expected times to be one of {list(TIMES)}; got {times!r}.")
        if pairing not in PAIRINGS:
            raise ValueError(f"Expected pairing to be one of {list(PAIRINGS)}; got {pairing!r}.")
        if pairing == "optimal":
            transport.require_scipy()
        self.path, self.times, self.pairing = path, times, pairing

    def __call__(
        self, flow: keras.Model, x: tf.Tensor, context: tf.Tensor | None, seed: tf.Tensor, training: bool
    ) -> tf.Tensor:
        own = tf.random.experimental.stateless_fold_in(seed, 1)
        x, context = flow.at_the_field(x, context, seed)
        seeds = tf.random.experimental.stateless_split(own, 3)
        context = flow.with_labels_left_out(context, seeds[2], training)
        z = tf.random.stateless_normal(tf.shape(x), seeds[0], dtype=x.dtype)
        if self.pairing == "optimal":
            z = transport.paired(x, z, context)
        t = paths.stratified_times(tf.shape(x)[0], seeds[1], x.dtype)
        if self.times == "logit_normal":
            t = tf.sigmoid(tf.math.ndtri(t))
        # A derivative of the variance-preserving path has no bound at the data.
        t = tf.clip_by_value(t, 0.0, 1 - 1e-5)
        point = paths.PATHS[self.path]()(t)
        a, s, da, ds = (tf.reshape(v, [-1, *[1] * (x.shape.rank - 1)]) for v in point)
        velocity = KerasMode()(function=lambda: flow.continuous.velocity(a * x + s * z, t, context), training=training)
        return tf.reduce_mean((velocity - (da * x + ds * z)) ** 2, list(range(1, x.shape.rank)))

    def check(self, flow: keras.Model) -> None:
        if not hasattr(flow, "at_the_field"):
            raise ValueError(f"Expected a model with a velocity field, as FlowMatching; got {type(flow).__name__}.")
        if self.pairing == "optimal" and flow.takes_context and flow.num_classes is None:
            raise ValueError("Expected pairing='independent' for a model that is given vectors; got 'optimal'.")

    def get_config(self) -> dict:
        return {"path": self.path, "times": self.times, "pairing": self.pairing}
