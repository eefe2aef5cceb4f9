"""TarFlow: causal transformers over the patches of an image, in orders that alternate.

    data -> to reals -> patches x_1..x_T -> block x num_blocks -> normal, or base
    block   z_1 = x_1,   z_i = (x_i - b_i) exp(-a_i),   (a_i, b_i) = transformer(x_1..x_i-1 [, class])

Every other block takes the patches in reverse. Densities cost one pass a block, samples one row of each transformer a
patch. a_i is bounded, see `transforms.Affine`; the paper's is not. Trained with Gaussian noise in the place of uniform
one, samples are denoised, x + sigma^2 grad log p(x), and the loss is that of noisy data, with no bits per dimension.
Zhai et al., Normalizing Flows are Capable Generative Models, arXiv:2412.06329, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors import Autoregressive, Chain
from tfp_flows.flow.autoregressive_sampler import AutoregressiveSampler
from tfp_flows.flow.flow import Flow
from tfp_flows.models.blocks import bases, noise, patches
from tfp_flows.models.blocks.conditioning import networks_context_shape, standardized
from tfp_flows.models.blocks.label_dropout import LabelsLeftOut, check_label_dropout
from tfp_flows.models.blocks.precision import choose_dtype, of_networks
from tfp_flows.networks import CausalTransformer
from tfp_flows.numerics.tensors import as_tuple, check_shape, is_positive_integer
from tfp_flows.transforms import Affine

tfb, tfd = tfp.bijectors, tfp.distributions


@keras.saving.register_keras_serializable(package="tfp_flows")
class TarFlow(LabelsLeftOut, Flow):
    """Autoregressive layers over patches, whose networks are transformers.

    Args:
        event_shape: tuple (height, width, channels) for images, or (n,) for vectors, whose patches are neighbours.
        num_bins: int, levels of integer data, which is dequantized and brought to [-1, 1]; None for continuous data.
        patch_size: int, p: an image is cut into p x p pixels, a vector into p elements; None for 4 and for 1.
        channels: int, of the transformers; the paper's ImageNet 64 has 768.
        num_blocks: int, autoregressive layers; the paper finds as many as layers in each of them best.
        num_layers: int, of attention and MLP in each block.
        num_heads: int, which divides the channels; None for heads of 64 channels.
        log_scale_bound: float, see `tfp_flows.transforms.Affine`.
        dequantization: "uniform", whose bits per dimension are a bound of the data's, or for images "variational", see
            `tfp_flows.models.blocks.noise`; of integer data. Or "gaussian", of continuous data too, for better samples.
        noise_scale: float > 0, standard deviation of "gaussian" noise: of integers with all levels on [-1, 1], of
            continuous data in their own unit. The paper's are 0.05 to 0.15.
        alpha: None, or a float in (0, 0.5), of the `Logit` that maps integer data instead.
        edges: None, or increasing ints from 0 to num_bins: the `PiecewiseProbit` that maps integer data instead; (0, 1,
            256) for images on a black background.
        equalize: bool, whether a learned histogram equalization of integer data comes first, see `bijectors.Equalize`.
        context_shape: tuple (m,) for p(x given a vector), which is the context, or of any rank beside a
            context_network; None for none.
        context_network: Keras layer or model, (n, *context_shape) -> (n, m), trained with the flow, which makes a
            vector of each context; None for contexts that are vectors.
        num_classes: int for p(x given class), whose labels are the context; None for none.
        label_dropout: float, the share of labels that training leaves out, so that samples can be guided, see
            `tfp_flows.flow.AutoregressiveSampler`: the mean of all classes takes their place. None for 0.1 of a model
            of classes.
        integer_columns: (vectors) ints, from 0, the columns of continuous data that hold whole numbers, see
            `dequantization.IntegerColumns`; None for none.
        preprocessing: "standard", or of vectors of continuous data "quantiles", "auto" or a bijector, see
            `tfp_flows.MAF`.
        seed: int.
        name: str or None.
        dtype: "float32" or "float64", what all is computed in; None for Keras' `floatx`.
        base: str or `tfd.Distribution`, of the latents, of `latent_shape`, see `tfp_flows.models.blocks.bases`.

    Raises:
        ValueError: for an event shape that is neither a vector's nor an image's, a patch size that does not divide it
            or leaves one patch, sizes that are no positive integers, heads that do not divide the channels, another
            dequantization, both a context_shape and num_classes, or label_dropout without classes.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.TarFlow((8, 8, 1), num_bins=17, channels=16, num_blocks=2, num_layers=1)
        >>> flow.sample(3, seed=0).shape.as_list(), flow.latent_shape
        ([3, 8, 8, 1], (4, 16))
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        num_bins: int | None = None,
        patch_size: int | None = None,
        channels: int = 128,
        num_blocks: int = 4,
        num_layers: int = 4,
        num_heads: int | None = None,
        log_scale_bound: float = 5.0,
        dequantization: str = "uniform",
        noise_scale: float = 0.1,
        alpha: float | None = None,
        edges: Sequence[int] | None = None,
        equalize: bool = False,
        context_shape: tuple[int, ...] | None = None,
        num_classes: int | None = None,
        label_dropout: float | None = None,
        integer_columns: Sequence[int] | None = None,
        preprocessing: str | tfb.Bijector = "standard",
        seed: int = 0,
        name: str | None = None,
        dtype: str | None = None,
        context_network: keras.layers.Layer | None = None,
        base: str | tfd.Distribution = "normal",
    ):
        shape = check_shape(event_shape)
        if len(shape) not in (1, 3):
            raise ValueError(f"Expected event_shape (n,) or (height, width, channels); got {event_shape!r}.")
        if patch_size is None:
            patch_size = 4 if len(shape) == 3 else 1
        *numbers, size = patches.grid(shape, patch_size)
        tokens = (math.prod(numbers), size)
        if tokens[0] < 2:
            raise ValueError(f"Expected a patch_size that leaves two patches at least; got {patch_size} of {shape}.")
        if not is_positive_integer(num_blocks):
            raise ValueError(f"Expected num_blocks to be a positive integer; got {num_blocks!r}.")
        check_label_dropout(label_dropout, num_classes)
        given = networks_context_shape(context_shape, num_classes, context_network)
        dtype = choose_dtype(dtype)
        transform = Affine(log_scale_bound)

        def block(k):
            network = CausalTransformer(
                tokens, transform.num_params, channels, num_layers, num_heads, reverse=bool(k % 2),
                context_shape=given, dtype=of_networks(dtype),
            )  # fmt: skip
            return Autoregressive(tokens, network, transform, dtype=dtype)

        blocks = standardized(Chain([block(k) for k in range(num_blocks)]), context_shape, context_network)
        first = patches.to_units(shape, num_bins, alpha, edges, equalize, dtype, preprocessing)
        super().__init__(
            tfd.TransformedDistribution(
                bases.make(base, tokens, dtype, seed),
                Chain([*first, *patches.cut(shape, patch_size, tokens), blocks]),
            ),
            dequantization=noise.choose(dequantization, shape, num_bins, dtype, integer_columns, noise_scale),
            seed=seed,
            num_classes=num_classes,
            name=name,
            sampler=AutoregressiveSampler(),
        )
        self._arguments = dict(
            event_shape=shape,
            num_bins=num_bins,
            patch_size=patch_size,
            channels=channels,
            num_blocks=num_blocks,
            num_layers=num_layers,
            num_heads=num_heads,
            log_scale_bound=log_scale_bound,
            dequantization=dequantization,
            noise_scale=noise_scale,
            alpha=alpha,
            edges=None if edges is None else as_tuple(edges),
            equalize=equalize,
            context_shape=None if context_shape is None else tuple(context_shape),
            context_network=context_network,
            num_classes=num_classes,
            label_dropout=label_dropout,
            integer_columns=None if integer_columns is None else as_tuple(integer_columns),
            preprocessing=preprocessing,
            seed=seed,
            dtype=dtype,
            base=base,
        )

    def no_label(self, context: tf.Tensor) -> tf.Tensor:
        # What a network makes of it is the mean of all that it makes of the classes.
        return tf.ones_like(context) / tf.cast(tf.shape(context)[-1], context.dtype)
