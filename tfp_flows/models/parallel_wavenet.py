"""Parallel WaveNet: inverse autoregressive layers of causal dilated convolutions, which give all samples at once.

    noise -> (autoregressive in what went in, one scale and shift) x num_layers -> audio

Samples, and their densities: one pass of each network. Density of given audio: one step after another. It is trained by
its own samples, against a WaveNet: `tfp-flows distill`, `objectives.ReverseKL`.
Van den Oord et al., Parallel WaveNet, arXiv:1711.10433, sections 3 and 4; a normal base as in ClariNet, Ping, Peng and
Chen, arXiv:1807.07281, section 3.
"""

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
        event_shape,
        num_bins=None,
        num_layers=4,
        dilations=DILATIONS,
        hidden_channels=32,
        skip_channels=64,
        transform="affine",
        num_components=None,
        actnorm=True,
        context_shape=None,
        num_classes=None,
        log_scale_bound=LOG_SCALE_BOUND,
        sample_rate=None,
        seed=0,
        name=None,
        dtype=None,
    ):
        super().__init__(
            event_shape, num_bins, num_layers, dilations, hidden_channels, skip_channels, transform, num_components,
            actnorm, context_shape, num_classes, log_scale_bound, sample_rate, seed, name, dtype,
        )  # fmt: skip
