"""NCSN: scores of data at geometric noise levels, samples by annealed Langevin dynamics.

    data -> standard units -> probability flow through the levels -> normal of the largest one

Trained by denoising score matching, weighted by the squared level, on a network that is told the level. The sampler's
levels are those of the second paper; training draws them from the whole range, for the differential equation that gives
densities asks between them too.
Song and Ermon, Generative Modeling by Estimating Gradients of the Data Distribution, arXiv:1907.05600; Improved
Techniques for Training Score-Based Generative Models, arXiv:2006.09011.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow_probability as tfp

from tfp_flows.dynamics import langevin, paths
from tfp_flows.flow.langevin_sampler import AnnealedLangevin
from tfp_flows.models.blocks.continuous_flow import ContinuousFlow
from tfp_flows.networks import ProbabilityFlow
from tfp_flows.objectives import DenoisingScoreMatching, Objective

tfb = tfp.bijectors


@keras.saving.register_keras_serializable(package="tfp_flows")
class NCSN(ContinuousFlow):
    """A noise-conditional score network.

    Args:
        s_min, s_max: floats, 0 < s_min < s_max, the least and the largest level, in standard deviations of the data.
            The largest is best about as large as two events are ever apart (arXiv:2006.09011, technique 1).
        num_levels: int, of the sampler; None for as many as technique 2 asks for, or more of events of few elements.
        langevin_steps: int, at each level; None for the sampler's own number, see `flow.AnnealedLangevin`.
        langevin_step: float, at the last level; None for that of technique 4.
        label_dropout: float, the share of labels that training leaves out, so that samples can be guided; None for 0.1
            of a model of classes.
        **: those of `tfp_flows.models.blocks.continuous_flow.ContinuousFlow`.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.NCSN((2,), hidden_units=16)
        >>> flow.sample(3, seed=0).shape.as_list()
        [3, 2]
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
        s_min: float = 0.01,
        s_max: float = 8.0,
        num_levels: int | None = None,
        langevin_steps: int | None = None,
        langevin_step: float | None = None,
        seed: int = 0,
        name: str | None = None,
        dtype: str | None = None,
        context_network: keras.layers.Layer | None = None,
    ):
        given = locals()
        langevin.check_levels([s_max, s_min])
        super().__init__(
            given,
            wrap=lambda network: ProbabilityFlow(network, paths.VarianceExploding(s_min, s_max)),
            # The data have variance 1 beside the noise.
            base_scale=(1 + s_max**2) ** 0.5,
            sampler=AnnealedLangevin(num_levels, langevin_steps, langevin_step),
        )

    def default_objective(self) -> Objective:
        return DenoisingScoreMatching()
