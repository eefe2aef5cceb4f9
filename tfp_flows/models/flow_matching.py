"""Flow matching: a velocity field by regression, a likelihood by its differential equation.

    data -> standard units -> dx/dt = v(x, t), t from 1 to 0 -> standard normal

A training step is one pass of the network. Samples and densities cost as many passes as the solver takes.
Lipman, Chen, Ben-Hamu, Nickel and Le, Flow Matching for Generative Modeling, arXiv:2210.02747.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow_probability as tfp

from tfp_flows.models.blocks.continuous_flow import ContinuousFlow
from tfp_flows.objectives import ConditionalFlowMatching, Objective

tfb = tfp.bijectors


@keras.saving.register_keras_serializable(package="tfp_flows")
class FlowMatching(ContinuousFlow):
    """A flow of continuous time, trained by conditional flow matching.

    Args:
        path: "linear", that of optimal transport, "trigonometric" or "variance_preserving".
        times: "uniform" or "logit_normal", those of training, see `objectives.ConditionalFlowMatching`.
        pairing: "independent" or "optimal", of latents and events in training, see there.
        label_dropout: float, the share of labels that training leaves out, so that samples can be guided; None for 0.1
            of a model of classes.
        **: those of `tfp_flows.models.blocks.continuous_flow.ContinuousFlow`.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.FlowMatching((2,), hidden_units=16)
        >>> flow.log_prob(tf.zeros([3, 2])).shape.as_list()
        [3]
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        num_bins: int | None = None,
        hidden_units: int | Sequence[int] | None = None,
        activation: str | None = None,
        num_frequencies: int | None = None,
        num_octaves: int | None = None,
        hidden_channels: int | None = None,
        multipliers: Sequence[int] | None = None,
        num_blocks: int | None = None,
        attention_levels: Sequence[int] | None = None,
        patch_size: int | None = None,
        dropout: float | None = None,
        context_shape: tuple[int, ...] | None = None,
        num_classes: int | None = None,
        solver: str = "dormand_prince",
        num_steps: int | None = None,
        rtol: float = 1e-5,
        atol: float = 1e-5,
        trace: str | None = None,
        num_probes: int = 1,
        integer_columns: Sequence[int] | None = None,
        preprocessing: str | tfb.Bijector = "standard",
        edges: Sequence[int] | None = None,
        label_dropout: float | None = None,
        path: str = "linear",
        times: str = "uniform",
        pairing: str = "independent",
        seed: int = 0,
        name: str | None = None,
        dtype: str | None = None,
        context_network: keras.layers.Layer | None = None,
    ):
        vars(self)["_objective_arguments"] = ConditionalFlowMatching(path, times, pairing).get_config()
        super().__init__(locals())

    def default_objective(self) -> Objective:
        return ConditionalFlowMatching(**self._objective_arguments)
