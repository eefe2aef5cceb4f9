"""WaveNet as a flow: raw audio, one conditional density a sample, of all that came before it within its reach.

    audio -> one scale and shift -> autoregressive, causal dilated convolutions -> standard normal

Density: one pass of the network. Samples: one after another, with the activations of the past kept, so that the cost of
a step does not depend on how far the network sees.
Van den Oord et al., WaveNet, arXiv:1609.03499; the mixture of logistics in place of 256 levels as in Parallel WaveNet,
arXiv:1711.10433, section 2.1, here as a flow: the mixture's distribution function.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from tfp_flows.models.blocks.wavenet_flow import DILATIONS, LOG_SCALE_BOUND, WaveNetFlow


@keras.saving.register_keras_serializable(package="tfp_flows")
class WaveNet(WaveNetFlow):
    """WaveNet, the teacher of a Parallel WaveNet.

    Args:
        event_shape: tuple (length,), audio samples of a window.
        num_bins: int, levels of integer audio (65536 of 16 bits), which is dequantized uniformly; None for reals.
        num_layers: int, autoregressive layers, each with a network of its own; WaveNet has one.
        dilations: sequence of ints, one a layer of each network, see `networks.WaveNet`.
        hidden_channels: int, of the networks' gated units.
        skip_channels: int.
        transform: "mixture" (`transforms.LogisticMixture`), "affine", "additive" or "spline".
        num_components: int, of the mixture, or bins of the spline; None for 8 of a mixture, else the
            transform's own.
        actnorm: bool, a learned scale and shift before each layer, set from the first batch.
        context_shape: tuple (m,) for p(audio given a vector), which is the context; None for none.
        num_classes: int for p(audio given class), a digit or a speaker; None for none.
        log_scale_bound: float, of the transform.
        sample_rate: int, audio samples a second, for files and pictures; None where it is not audio.
        seed: int.
        name: str or None.
        dtype: "float32" or "float64", what all is computed in; None for Keras' `floatx`.

    Raises:
        ValueError: for another event shape, sizes that are no positive integers, an unknown transform, or both a
            context_shape and num_classes.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.WaveNet((50,), dilations=(1, 2, 4), hidden_channels=8, skip_channels=8)
        >>> flow.sample(2, seed=0).shape.as_list()
        [2, 50]
    """

    _inverted = False

    def __init__(
        self,
        event_shape: tuple[int],
        num_bins: int | None = None,
        num_layers: int = 1,
        dilations: Sequence[int] = DILATIONS,
        hidden_channels: int = 32,
        skip_channels: int = 64,
        transform: str = "mixture",
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
        if num_components is None and transform == "mixture":
            num_components = 8
        super().__init__(
            event_shape, num_bins, num_layers, dilations, hidden_channels, skip_channels, transform, num_components,
            actnorm, context_shape, num_classes, log_scale_bound, sample_rate, seed, name, dtype, context_network,
        )  # fmt: skip
