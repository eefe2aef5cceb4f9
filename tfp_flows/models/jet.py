"""Jet: couplings of patches, whose networks are vision transformers; nothing else.

    data -> to reals -> patches (rows, columns, size) -> coupling x num_couplings -> normal, or base
    coupling   z_b = (x_b + t) 2 sigmoid(s),   (s, t) = transformer(x_a [, class])
    masks      in turn four random halves of the numbers of each patch, and one half of the patches: a checkerboard,
               columns, rows, and the other halves of each

Both directions cost one pass a coupling. No ActNorm, no multi-scale architecture, no 1x1 convolution.
Kolesnikov, Pinto and Tschannen, Jet: A Modern Transformer-Based Normalizing Flow, arXiv:2412.15129, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow_probability as tfp

from tfp_flows import masks
from tfp_flows.bijectors import Chain, Coupling
from tfp_flows.flow.flow import Flow
from tfp_flows.models.blocks import bases, noise, patches
from tfp_flows.models.blocks.conditioning import networks_context_shape, standardized
from tfp_flows.models.blocks.precision import choose_dtype, of_networks
from tfp_flows.networks import Transformer
from tfp_flows.numerics.tensors import as_tuple, is_positive_integer
from tfp_flows.transforms import SigmoidAffine

tfd = tfp.distributions

# Couplings by channels to one by places.
_CHANNELS_IN_TURN = 4


@keras.saving.register_keras_serializable(package="tfp_flows")
class Jet(Flow):
    """Couplings over patches, whose networks are transformers.

    Args:
        event_shape: tuple (height, width, channels).
        num_bins: int, levels of integer data, which is dequantized and brought to [-1, 1]; None for continuous data.
        patch_size: int, p: an image is cut into p x p pixels, of an even number of rows and columns; None for 4 where
            that is possible, and 2.
        channels: int, of the transformers; the paper has 512.
        num_couplings: int; the paper has 32 and 64.
        num_layers: int, of attention and MLP in each; the paper has 2 and 5.
        num_heads: int, which divides the channels; None for heads of 64 channels.
        dequantization: "uniform", or "variational", see `tfp_flows.models.blocks.noise`; of integer data.
        alpha: None, or a float in (0, 0.5), of the `Logit` that maps integer data instead.
        edges: None, or increasing ints from 0 to num_bins: the `PiecewiseProbit` that maps integer data instead; (0, 1,
            256) for images on a black background.
        equalize: bool, whether a learned histogram equalization of integer data comes first, see `bijectors.Equalize`.
        context_shape: tuple (m,) for p(x given a vector), which is the context, or of any rank beside a
            context_network; None for none.
        context_network: Keras layer or model, (n, *context_shape) -> (n, m), trained with the flow, which makes a
            vector of each context; None for contexts that are vectors.
        num_classes: int for p(x given class), whose labels are the context; None for none.
        reversible: bool, whether the couplings' activations are rebuilt for the gradient and not stored, see
            `bijectors.Chain`: deep models then train in far less memory.
        seed: int, also of the halves.
        name: str or None.
        dtype: "float32" or "float64", what all is computed in; None for Keras' `floatx`.
        base: str or `tfd.Distribution`, of the latents, of `latent_shape`, see `tfp_flows.models.blocks.bases`.

    Raises:
        ValueError: for an event shape that is no image's, a patch size that does not divide it or leaves patches that
            cannot be halved, sizes that are no positive integers, heads that do not divide the channels, an unknown
            dequantization, or both a context_shape and num_classes.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.Jet((8, 8, 1), num_bins=17, channels=16, num_couplings=5, num_layers=1)
        >>> flow.sample(3, seed=0).shape.as_list(), flow.latent_shape
        ([3, 8, 8, 1], (2, 2, 16))
    """

    def __init__(
        self,
        event_shape: tuple[int, int, int],
        num_bins: int | None = None,
        patch_size: int | None = None,
        channels: int = 128,
        num_couplings: int = 20,
        num_layers: int = 2,
        num_heads: int | None = None,
        dequantization: str = "uniform",
        alpha: float | None = None,
        edges: Sequence[int] | None = None,
        equalize: bool = False,
        context_shape: tuple[int, ...] | None = None,
        num_classes: int | None = None,
        reversible: bool = False,
        seed: int = 0,
        name: str | None = None,
        dtype: str | None = None,
        context_network: keras.layers.Layer | None = None,
        base: str | tfd.Distribution = "normal",
    ):
        shape = masks.image_shape(event_shape)
        if patch_size is None:
            patch_size = 2 if shape[0] % 8 or shape[1] % 8 else 4
        rows, columns, size = grid = patches.grid(shape, patch_size)
        if rows % 2 or columns % 2 or size % 2:
            raise ValueError(
                "Expected a patch_size that leaves even numbers of rows, of columns and of numbers a patch, to be "
                f"halved; got {patch_size}, which leaves {rows}, {columns} and {size}."
            )
        if not is_positive_integer(num_couplings):
            raise ValueError(f"Expected num_couplings to be a positive integer; got {num_couplings!r}.")
        given = networks_context_shape(context_shape, num_classes, context_network)
        dtype = choose_dtype(dtype)
        transform = SigmoidAffine()

        def coupling(mask):
            # Half of the patches are as many numbers as halves of all: so they are taken, and one network serves both.
            network = Transformer(
                (rows * columns, size // 2), transform.num_params, channels, num_layers, num_heads, given,
                dtype=of_networks(dtype),
            )  # fmt: skip
            return Coupling(mask, network, transform, dtype=dtype)

        couplings = Chain([coupling(mask) for mask in halves(grid, num_couplings, seed)], reversible=reversible)
        first = patches.to_units(shape, num_bins, alpha, edges, equalize, dtype)
        super().__init__(
            tfd.TransformedDistribution(
                bases.make(base, grid, dtype, seed),
                Chain(
                    [
                        *first,
                        *patches.cut(shape, patch_size, grid),
                        standardized(couplings, context_shape, context_network),
                    ]
                ),
            ),
            dequantization=noise.choose(dequantization, shape, num_bins, dtype),
            seed=seed,
            num_classes=num_classes,
            name=name,
        )
        self._arguments = dict(
            event_shape=shape,
            num_bins=num_bins,
            patch_size=patch_size,
            channels=channels,
            num_couplings=num_couplings,
            num_layers=num_layers,
            num_heads=num_heads,
            dequantization=dequantization,
            alpha=alpha,
            edges=None if edges is None else as_tuple(edges),
            equalize=equalize,
            context_shape=None if context_shape is None else tuple(context_shape),
            context_network=context_network,
            num_classes=num_classes,
            reversible=reversible,
            seed=seed,
            dtype=dtype,
            base=base,
        )


def halves(grid, num_couplings, seed):
    """The masks of Jet's couplings, in data -> latent order.

    Args:
        grid: tuple (rows, columns, size) of even ints.
        num_couplings: int.
        seed: int.

    Returns:
        list of bool arrays of the grid's shape, each True in half of it.

    Example:
        >>> from tfp_flows.models import jet
        >>> [int(mask[0, 0].sum()) for mask in jet.halves((2, 2, 4), 10, seed=0)]
        [2, 2, 2, 2, 4, 2, 2, 2, 2, 0]
    """
    places = []
    for mask in (masks.checkerboard(grid), masks.stripes(grid, axis=1), masks.stripes(grid, axis=0)):
        places += [mask, ~mask]
    found = []
    for k in range(num_couplings):
        turn, of_turn = divmod(k, _CHANNELS_IN_TURN + 1)
        if of_turn == _CHANNELS_IN_TURN:
            found.append(places[turn % len(places)])
        else:
            order = np.random.default_rng((seed, k)).permutation(grid[-1])
            found.append(np.broadcast_to(order < grid[-1] // 2, grid).copy())
    return found
