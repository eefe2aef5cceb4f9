"""Parallel WaveNet: inverse autoregressive layers of causal dilated convolutions, which give all samples at once.

    noise -> (autoregressive in what went in, one scale and shift) x num_layers -> audio

Samples, and their densities: one pass of each network. Density of given audio: one step after another. It is trained by
its own samples, against a WaveNet: `tfp-flows distill`, `objectives.ReverseKL`.
Van den Oord et al., Parallel WaveNet, arXiv:1711.10433, sections 3 and 4; a normal base as in ClariNet, Ping, Peng and
Chen, arXiv:1807.07281, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from tfp_flows.models.blocks.wavenet_flow import DILATIONS, LOG_SCALE_BOUND, WaveNetFlow


@keras.saving.register_keras_serializable(package="tfp_flows")
class ParallelWaveNet(WaveNetFlow):
    """Parallel WaveNet, the student. Takes the arguments of `tfp_flows.WaveNet`, with other defaults.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.ParallelWaveNet((50,), num_layers=2, dilations=(1, 2, 4), hidden_channels=8)
        >>> flow.sample(2, seed=0).shape.as_list()
        [2, 50]
    """

    _inverted = True

    def __init__(
        self,
        event_shape: tuple[int],
        num_bins: int | None = None,
        num_layers: int = 4,
        dilations: Sequence[int] = DILATIONS,
        hidden_channels: int = 32,
        skip_channels: int = 64,
        transform: str = "affine",
        num_components: int | None = None,
        actnorm: bool = True,
        context_shape: tuple[int, ...] | None = None,
        num_classes: int | None = None,
        log_scale_bound: float = LOG_SCALE_BOUND,
        sample_rate: int | None = None,
        seed: int = 0,
        name: str | None = None,
        dtype: str | None = None,
        context_network: keras.layers.Layer | None = None,
    ):
        super().__init__(
            event_shape, num_bins, num_layers, dilations, hidden_channels, skip_channels, transform, num_components,
            actnorm, context_shape, num_classes, log_scale_bound, sample_rate, seed, name, dtype, context_network,
        )  # fmt: skip
