"""ScoreSDE: noise is predicted at every level, which gives the score of a diffusion and its differential equations.

    data -> standard units -> probability flow, t from 1 to 0 -> normal

The variance-preserving one, trained to predict the noise, is DDPM in continuous time. Samples and densities by the
probability-flow equation, or samples by the stochastic one: `model.sampler = flow.SDESampler()`.
Song et al., Score-Based Generative Modeling through Stochastic Differential Equations, arXiv:2011.13456; Ho, Jain and
Abbeel, arXiv:2006.11239.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow_probability as tfp

from tfp_flows.dynamics import paths
from tfp_flows.models.blocks.continuous_flow import ContinuousFlow
from tfp_flows.networks import ProbabilityFlow
from tfp_flows.objectives import DenoisingScoreMatching, Objective

tfb = tfp.bijectors

KINDS = ("variance_preserving", "variance_exploding")


@keras.saving.register_keras_serializable(package="tfp_flows")
class ScoreSDE(ContinuousFlow):
    """A score model of continuous time.

    Args:
        kind: "variance_preserving" or "variance_exploding".
        times: "uniform", or "likelihood" for densities, those of training, see `objectives.DenoisingScoreMatching`.
        s_min: float > 0, the least noise, in standard deviations of the data, where the equation ends. What the data
            have that is finer is not learned, and each factor of e below costs the network as much as one above.
        s_max: float, of the exploding one, its largest noise.
        label_dropout: float, the share of labels that training leaves out, so that samples can be guided; None for 0.1
            of a model of classes.
        **: those of `tfp_flows.models.blocks.continuous_flow.ContinuousFlow`.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.ScoreSDE((2,), hidden_units=16)
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
        kind: str = "variance_preserving",
        s_min: float = 0.01,
        s_max: float = 50.0,
        times: str = "uniform",
        seed: int = 0,
        name: str | None = None,
        dtype: str | None = None,
        context_network: keras.layers.Layer | None = None,
    ):
        if kind not in KINDS:
            raise ValueError(f"Expected kind to be one of {list(KINDS)}; got {kind!r}.")
        given = locals()
        vars(self)["_times"] = DenoisingScoreMatching(times).times
        exploding = kind == "variance_exploding"
        # Made in either case: it refuses levels that are none.
        exploding_path = paths.VarianceExploding(s_min, s_max)
        path = exploding_path if exploding else paths.VariancePreserving()
        # At the data itself the score of the preserving one has no bound; the exploding one has its least noise there.
        super().__init__(
            given,
            wrap=lambda network: ProbabilityFlow(network, path),
            # The data have variance 1 beside the noise.
            base_scale=(1 + s_max**2) ** 0.5 if exploding else 1.0,
            times=(0.0, 1.0 if exploding else path.time_of(s_min)),
        )

    def default_objective(self) -> Objective:
        return DenoisingScoreMatching(self._times)
