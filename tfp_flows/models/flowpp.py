"""Flow++: couplings by mixtures of logistics whose networks have self-attention, and noise that is a flow of its own.

    data -> logit -> checkerboard couplings -> squeeze -> channel couplings -> checkerboard couplings -> normal, or base

    a coupling     ActNorm, 1x1 convolution that begins as the identity, mixture of logistics -> logit -> affine of one
                   half given the other; the halves in turn
    checkerboard   its two colours as channels of half the width, see `bijectors.CheckerboardSplit`
    conditioner    gated convolutions and gated self-attention, see `networks.GatedAttention`

Of one scale: nothing is factored out. The code's ActNorm has a scale a pixel, this one a scale a channel.
Ho, Chen, Srinivas, Duan and Abbeel, Flow++: Improving Flow-Based Generative Models with Variational Dequantization and
Architecture Design, arXiv:1902.00275, sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow_probability as tfp

from tfp_flows import masks
from tfp_flows.bijectors import ActNorm, Chain, CheckerboardSplit, Coupling, InvertibleConv1x1, Squeeze
from tfp_flows.flow.flow import Flow
from tfp_flows.models.blocks import bases, noise
from tfp_flows.models.blocks.precision import choose_dtype, of_networks
from tfp_flows.models.blocks.preprocessing import to_reals
from tfp_flows.networks import GatedAttention
from tfp_flows.numerics.tensors import as_tuple, is_positive_integer
from tfp_flows.transforms import LogisticMixture

tfb, tfd = tfp.bijectors, tfp.distributions

# Of the network of each of the noise's couplings.
_BLOCKS_OF_NOISE = 2


@keras.saving.register_keras_serializable(package="tfp_flows")
class FlowPP(Flow):
    """Flow++ on images, by default of the size that is published for CIFAR-10.

    Args:
        event_shape: tuple (height, width, channels), the height even and the width a multiple of 4.
        num_bins: int, levels of integer data, which is dequantized; None for continuous data.
        num_couplings: three ints, of the checkerboard, of channels of the squeezed image, of its checkerboard.
        num_components: int > 1, of each mixture.
        hidden_channels: int, of each coupling's network.
        num_blocks: int, of convolution and attention, of each network.
        num_heads: int, which divides the hidden channels.
        dropout: float in [0, 1), in training.
        dequantization: "variational", as published, or "uniform"; None for the first of integers.
        alpha: float in (0, 0.5), of the `Logit` that maps integer data.
        edges: None, or increasing ints from 0 to num_bins: the `PiecewiseProbit` that maps integer data instead.
        log_scale_bound: float, see `tfp_flows.transforms.Affine`.
        num_classes: int for p(x given class), whose labels are the context; None for an unconditional flow.
        reversible: bool, whether the couplings' activations are rebuilt for the gradient and not stored, see
            `bijectors.Chain`; without dropout alone, whose draws are not.
        seed: int.
        name: str or None.
        dtype: "float32" or "float64", what all is computed in; None for Keras' `floatx`.
        base: str or `tfd.Distribution`, of the latents, of `latent_shape`, see `tfp_flows.models.blocks.bases`.

    Raises:
        ValueError: for an event shape that is no image's or cannot be halved so often, sizes that are no positive
            integers, heads that do not divide the channels, or reversible beside dropout.

    Example:
        >>> import tfp_flows
        >>> sizes = dict(num_couplings=(1, 1, 1), hidden_channels=4, num_blocks=1, num_heads=2, num_components=2)
        >>> flow = tfp_flows.FlowPP((4, 4, 1), 17, **sizes)
        >>> flow.sample(3, seed=0).shape.as_list(), flow.latent_shape
        ([3, 4, 4, 1], (2, 1, 8))
    """

    def __init__(
        self,
        event_shape: tuple[int, int, int],
        num_bins: int | None = None,
        num_couplings: Sequence[int] = (4, 2, 3),
        num_components: int = 32,
        hidden_channels: int = 96,
        num_blocks: int = 10,
        num_heads: int = 4,
        dropout: float = 0.2,
        dequantization: str | None = None,
        alpha: float = 0.05,
        edges: Sequence[int] | None = None,
        log_scale_bound: float = 2.0,
        num_classes: int | None = None,
        reversible: bool = False,
        seed: int = 0,
        name: str | None = None,
        dtype: str | None = None,
        base: str | tfd.Distribution = "normal",
    ):
        height, width, channels = shape = masks.image_shape(event_shape)
        dtype, num_couplings = choose_dtype(dtype), as_tuple(num_couplings)
        if height % 2 or width % 4:
            raise ValueError(f"Expected images of an even height and a width that is a multiple of 4; got {shape}.")
        if len(num_couplings) != 3 or not all(map(is_positive_integer, num_couplings)):
            raise ValueError(f"Expected num_couplings to be three positive integers; got {list(num_couplings)!r}.")
        if reversible and dropout:
            raise ValueError(f"Expected dropout=0 with reversible=True; got {dropout!r}.")
        if dequantization is None:
            dequantization = "uniform" if num_bins is None else "variational"
        arguments = dict(
            event_shape=shape,
            num_bins=num_bins,
            num_couplings=num_couplings,
            num_components=num_components,
            hidden_channels=hidden_channels,
            num_blocks=num_blocks,
            num_heads=num_heads,
            dropout=dropout,
            dequantization=dequantization,
            alpha=alpha,
            edges=None if edges is None else as_tuple(edges),
            log_scale_bound=log_scale_bound,
            num_classes=num_classes,
            reversible=reversible,
            seed=seed,
            dtype=dtype,
            base=base,
        )
        transform = LogisticMixture(num_components, log_scale_bound=log_scale_bound)

        def network(num_outputs, context_shape, num_blocks):
            return GatedAttention(
                num_outputs, hidden_channels, num_blocks, num_heads, dropout, context_shape, dtype=of_networks(dtype)
            )

        def couplings(shape, count):
            parts = []
            for mask in masks.alternating(masks.channels(shape), count):
                num_outputs = masks.num_moved_channels(mask) * transform.num_params
                conditioner = network(num_outputs, None if num_classes is None else (num_classes,), num_blocks)
                parts += [
                    ActNorm(shape[-1], event_ndims=3, dtype=dtype),
                    InvertibleConv1x1(shape[-1], permutation=range(shape[-1]), dtype=dtype),
                    Coupling(mask, conditioner, transform, dtype=dtype),
                ]
            return parts

        fine, coarse = (height, width // 2, 2 * channels), (height // 2, width // 2, 4 * channels)
        last = (height // 2, width // 4, 8 * channels)
        layers = [
            CheckerboardSplit(),
            *couplings(fine, num_couplings[0]),
            tfb.Invert(CheckerboardSplit()),
            Squeeze(),
            *couplings(coarse, num_couplings[1]),
            CheckerboardSplit(),
            *couplings(last, num_couplings[2]),
        ]
        if dequantization == "variational" and num_bins is not None:
            quantized = noise.for_images(
                shape, num_bins, num_couplings=4, hidden_channels=hidden_channels, num_components=num_components,
                log_scale_bound=log_scale_bound, dtype=dtype,
                network=lambda num_outputs, context_shape: network(num_outputs, context_shape, _BLOCKS_OF_NOISE),
            )  # fmt: skip
        else:
            quantized = noise.choose(dequantization, shape, num_bins, dtype)
        super().__init__(
            tfd.TransformedDistribution(
                bases.make(base, last, dtype, seed),
                Chain(
                    [*to_reals(shape, num_bins, alpha, edges, dtype=dtype), Chain(layers, reversible=reversible)],
                ),
            ),
            dequantization=quantized,
            seed=seed,
            num_classes=num_classes,
            name=name,
        )
        self._arguments = arguments
