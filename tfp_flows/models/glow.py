"""Glow: levels of squeeze and steps of ActNorm, invertible 1x1 convolution and coupling, on images.

    data -> [to reals] -> level x num_levels -> standard normal
    level:  squeeze -> step x num_steps -> factor out half of the channels (all at the last level)
    step:   ActNorm -> invertible 1x1 convolution -> coupling over the halves of the channels

With a learned prior, what a level factors out is Gaussian given what stays. Both directions are cheap, but that the
mixture coupling's latent -> data takes some evaluations of the mixture a step.
Kingma and Dhariwal, Glow, arXiv:1807.03039: step and levels figure 2, networks and training sections 3 and 5. The
mixture coupling is that of Flow++, arXiv:1902.00275, section 3.2, the spline that of arXiv:1906.04032.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow_probability as tfp

from tfp_flows import masks
from tfp_flows.bijectors import ActNorm, Chain, Coupling, InvertibleConv1x1, MultiScale, Squeeze
from tfp_flows.flow.flow import Flow
from tfp_flows.models.blocks import bases, noise
from tfp_flows.models.blocks.precision import choose_dtype, of_networks
from tfp_flows.models.blocks.preprocessing import to_reals
from tfp_flows.networks import ConvNet
from tfp_flows.numerics.tensors import as_tuple, is_positive_integer
from tfp_flows.transforms import choose_transform

tfd = tfp.distributions

MIXINGS = ("rotation", "permutation")


@keras.saving.register_keras_serializable(package="tfp_flows")
class Glow(Flow):
    """Glow, with the paper's affine or additive couplings or stronger ones.

    Args:
        event_shape: tuple (height, width, channels); height and width are multiples of 2 ** num_levels.
        num_bins: int, levels of integer data, which is dequantized; None for continuous data.
        num_levels: int; None for as many as height and width can be halved, but 3 at most, as for the paper's CIFAR-10.
        num_steps: int, steps of flow a level.
        hidden_channels: int, of each coupling's network.
        kernel_sizes: ints, of its convolutions, see `networks.ConvNet`.
        output_scale: float, of its output, see there: below 1 for deep flows that are trained without a warm-up. With
            one a small scale only learns more slowly, what the class says most of all.
        coupling: "affine" or "additive" as in the paper, "mixture" (`transforms.LogisticMixture`) or "spline"
            (`transforms.RationalQuadraticSpline`).
        num_components: int, of the mixture, or bins of the spline; None for the transform's own.
        learned_prior: bool, whether what is factored out is Gaussian given what stays.
        parametrization: "plu" or "plain", of the 1x1 convolutions.
        mixing: "rotation", as which the 1x1 convolutions begin in the paper, or "permutation". A rotation of channels
            of which each is a mixture, as `edges` make them, has all sums of their modes; permuted they stay apart.
        num_classes: int for p(x given class), whose labels are the context; None for an unconditional flow.
        alpha: float in (0, 0.5), of the `Logit` that maps integer data; None to scale it to [-1/2, 1/2] as the paper.
        edges: None, or increasing ints from 0 to num_bins: the `PiecewiseProbit` that maps integer data instead.
            (0, 1, 256) for images on a black background makes background and ink a normal each.
        equalize: bool, whether a learned histogram equalization of integer data comes first, see `bijectors.Equalize`.
        log_scale_bound: float, see `tfp_flows.transforms.Affine`.
        dequantization: "uniform", or "variational" for noise that is trained with the model, see
            `tfp_flows.models.blocks.noise`; of integer data.
        reversible: bool, whether the steps' activations are rebuilt for the gradient and not stored, see
            `bijectors.Chain`: deep and large flows then train in far less memory, and each step takes longer.
        seed: int.
        name: str or None.
        dtype: "float32" or "float64", what all is computed in; None for Keras' `floatx`.
        base: str or `tfd.Distribution`, of the latents, a vector, see `tfp_flows.models.blocks.bases`; with a learned
            prior those of half of each level's channels are moved and scaled by what is known then.

    Raises:
        ValueError: for an event shape that is no image's or cannot be squeezed so often, or an unknown coupling,
            mixing or dequantization.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.Glow((4, 4, 1), num_bins=17, num_levels=2, num_steps=1, hidden_channels=8)
        >>> flow.sample(3, seed=0).shape.as_list(), flow.latent_shape
        ([3, 4, 4, 1], (16,))
    """

    def __init__(
        self,
        event_shape: tuple[int, int, int],
        num_bins: int | None = None,
        num_levels: int | None = None,
        num_steps: int = 32,
        hidden_channels: int = 512,
        kernel_sizes: Sequence[int] = (3, 1, 3),
        output_scale: float = 1.0,
        coupling: str = "affine",
        num_components: int | None = None,
        learned_prior: bool = True,
        parametrization: str = "plu",
        mixing: str = "rotation",
        num_classes: int | None = None,
        alpha: float | None = None,
        edges: Sequence[int] | None = None,
        equalize: bool = False,
        log_scale_bound: float = 2.0,
        dequantization: str = "uniform",
        reversible: bool = False,
        seed: int = 0,
        name: str | None = None,
        dtype: str | None = None,
        base: str | tfd.Distribution = "normal",
    ):
        shape = masks.image_shape(event_shape)
        if num_levels is None:
            num_levels = _default_num_levels(*shape[:2])
        dtype = choose_dtype(dtype)
        arguments = dict(
            event_shape=shape,
            num_bins=num_bins,
            num_levels=num_levels,
            num_steps=num_steps,
            hidden_channels=hidden_channels,
            kernel_sizes=as_tuple(kernel_sizes),
            output_scale=output_scale,
            coupling=coupling,
            num_components=num_components,
            learned_prior=learned_prior,
            parametrization=parametrization,
            mixing=mixing,
            num_classes=num_classes,
            alpha=alpha,
            edges=None if edges is None else as_tuple(edges),
            equalize=equalize,
            log_scale_bound=log_scale_bound,
            dequantization=dequantization,
            reversible=reversible,
            seed=seed,
            dtype=dtype,
            base=base,
        )
        for key, value in (("num_levels", num_levels), ("num_steps", num_steps)):
            if not is_positive_integer(value):
                raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
        if mixing not in MIXINGS:
            raise ValueError(f"Expected mixing to be one of {list(MIXINGS)}; got {mixing!r}.")
        transform = choose_transform(coupling, num_components, log_scale_bound, "coupling")
        context_shape = None if num_classes is None else (num_classes,)

        def step(shape, seed, k):
            passes = masks.channels(shape)
            order = None if mixing == "rotation" else _order(shape[-1], k, seed)
            num_outputs = masks.num_moved_channels(passes) * transform.num_params
            conditioner = ConvNet(
                num_outputs, hidden_channels, kernel_sizes, context_shape=context_shape, output_scale=output_scale,
                dtype=of_networks(dtype),
            )  # fmt: skip
            return [
                ActNorm(shape[-1], event_ndims=3, dtype=dtype),
                InvertibleConv1x1(shape[-1], parametrization, seed=seed, permutation=order, dtype=dtype),
                Coupling(passes, conditioner, transform, dtype=dtype),
            ]

        levels, priors, (height, width, channels) = [], [], shape
        for i in range(num_levels):
            level_shape = height, width, channels = tuple(Squeeze().inverse_event_shape((height, width, channels)))
            steps = [part for k in range(num_steps) for part in step(level_shape, (seed, i, k), k)]
            levels.append(Chain([Squeeze(), *steps], reversible=reversible))
            channels //= 2
            # Standard normal at the start: zero mean, zero log-scale.
            priors.append(
                keras.layers.Conv2D(
                    2 * channels,
                    3,
                    padding="same",
                    kernel_initializer="zeros",
                    data_format="channels_last",
                    dtype=of_networks(dtype),
                    name=f"prior_{i}",
                )
            )
        scales = MultiScale(levels, shape, priors=priors[:-1] if learned_prior else None)
        super().__init__(
            tfd.TransformedDistribution(
                bases.make(base, (math.prod(shape),), dtype, seed),
                Chain([*to_reals(shape, num_bins, alpha, edges, equalize, dtype), scales]),
            ),
            dequantization=noise.choose(dequantization, shape, num_bins, dtype),
            seed=seed,
            num_classes=num_classes,
            name=name,
        )
        self._arguments = arguments


def _default_num_levels(height, width):
    halvings = [i for i in (1, 2, 3) if height % 2**i == width % 2**i == 0]
    # One at least: what cannot be halved once is refused by name.
    return max([1, *halvings])


def _order(num_channels, k, seed):
    """A random order of channels in steps 0, 2, ..., and the halves swapped in between, so that both are coupled."""
    if k % 2:
        return np.roll(np.arange(num_channels), num_channels // 2)
    return np.random.default_rng(seed).permutation(num_channels)
