"""RealNVP: affine couplings, on vectors or on images.

    vectors   data -> to reals -> (ActNorm -> affine coupling) x num_layers -> standard normal
    images    data -> to reals -> multi-scale architecture (see `multi_scale_realnvp`) -> standard normal

The masks alternate: what one coupling passes, the next one moves. Both directions are cheap.
Dinh, Sohl-Dickstein and Bengio, RealNVP, arXiv:1605.08803, section 3; on vectors with ActNorm in the place of its
batch normalisation as in Glow, arXiv:1807.03039, section 3.1.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow_probability as tfp

from tfp_flows import masks
from tfp_flows.bijectors import ActNorm, AffineCoupling, Chain, Permutation
from tfp_flows.flow.flow import Flow
from tfp_flows.models.blocks import bases, noise
from tfp_flows.models.blocks.conditioning import networks_context_shape, standardized
from tfp_flows.models.blocks.multi_scale_realnvp import multi_scale_realnvp
from tfp_flows.models.blocks.precision import choose_dtype, of_networks
from tfp_flows.models.blocks.preprocessing import to_reals
from tfp_flows.networks import MLP
from tfp_flows.numerics.tensors import as_tuple

tfb, tfd = tfp.bijectors, tfp.distributions


@keras.saving.register_keras_serializable(package="tfp_flows")
class RealNVP(Flow):
    """Affine couplings with alternating masks.

    Args:
        event_shape: tuple (n,) for vectors, or (height, width, channels) for the paper's multi-scale model of images.
        num_bins: int, levels of integer data, which is dequantized and mapped by `Logit`; None for continuous data.
        log_scale_bound: float, see `tfp_flows.transforms.Affine`.
        alpha: float in (0, 0.5), of the `Logit`, by default the paper's; None to scale data to [-1/2, 1/2] instead.
        edges: None, or increasing ints from 0 to num_bins, the intervals of the `PiecewiseProbit` that maps integer
            data instead (alpha is then not used); (0, 1, 256) for images on a black background.
        equalize: bool, whether a learned histogram equalization of integer data comes first, see `bijectors.Equalize`.
        dequantization: "uniform", or for images "variational", see `tfp_flows.models.blocks.noise`; of integer data.
        seed: int.
        name: str or None.
        base: str or `tfd.Distribution`, of the latents, see `tfp_flows.models.blocks.bases`.
        dtype: "float32" or "float64", what all is computed in; None for Keras' `floatx`.
        integer_columns: (vectors) ints, from 0, the columns of continuous data that hold whole numbers: `fit` and
            scores add the noise of their bins, see `dequantization.IntegerColumns`; None for none.
        preprocessing: (vectors of continuous data) "standard", in standard units; "quantiles", each column mapped to a
            normal one, for heavy tails, skewed columns and outliers, see `bijectors.QuantileMap`; or "auto", the
            columns that this suits better by the likelihood of held-out events; or a `tfb.Bijector` without variables
            to where events lie, as a prior's `experimental_default_event_space_bijector()`, before standard units.
        context_shape: tuple (m,) for p(x given a vector), which is the context, or of any rank beside a
            context_network; None for none.
        context_network: Keras layer or model, (n, *context_shape) -> (n, m), trained with the flow, which makes a
            vector of each context; None for contexts that are vectors.
        num_classes: int for p(x given class), whose labels are the context; None for none.
        num_layers: int, affine couplings, by default 8. This and the next five are for vectors only.
        hidden_units: sequence of ints, or one, of each coupling's network, by default (256, 256).
        activation: Keras activation of the networks, by default "relu"; "tanh" is bounded far from the data, where a
            ReLU can make single events spoil a mean: see examples/tabular.py.
        mask: "odd_even", the default, or "half"; the first serves flattened images better, where neighbours are alike.
        actnorm: bool, by default True, an ActNorm before each coupling.
        dropout: float, by default 0, in the networks.
        num_scales: int, by default as many as halve an image until it is 4 pixels wide, and one. This and the rest are
            for images only, see `tfp_flows.models.blocks.multi_scale_realnvp`.
        num_blocks: int, by default 4, residual blocks of each network; the paper's CIFAR-10 has 8, in 2 scales.
        hidden_channels: int, by default 32, of the first scale's networks; the paper's CIFAR-10 has 64.
        batch_norm: bool, by default True.
        weight_norm: bool, by default True.
        scale_penalty: float, by default the paper's 5e-5, of the squares of the weight norm's lengths, in nats.

    Raises:
        ValueError: for an event shape that is neither a vector's of at least 2 nor an image's, an option of the other
            kind of event, an unknown mask, or both a context_shape and num_classes.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.RealNVP(event_shape=(2,), num_layers=4, hidden_units=(32, 32))
        >>> flow.compile("adam")
        >>> x = np.random.default_rng(0).normal(size=(256, 2)).astype("float32")
        >>> history = flow.fit(x, epochs=1, verbose=0)
        >>> flow.sample(5, seed=0).shape.as_list()
        [5, 2]
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        num_bins: int | None = None,
        log_scale_bound: float = 2.0,
        alpha: float | None = 0.05,
        edges: Sequence[int] | None = None,
        equalize: bool = False,
        dequantization: str = "uniform",
        seed: int = 0,
        name: str | None = None,
        dtype: str | None = None,
        integer_columns: Sequence[int] | None = None,
        preprocessing: str | tfb.Bijector = "standard",
        base: str | tfd.Distribution = "normal",
        *,
        context_shape: tuple[int, ...] | None = None,
        context_network: keras.layers.Layer | None = None,
        num_classes: int | None = None,
        num_layers: int | None = None,
        hidden_units: int | Sequence[int] | None = None,
        activation: str | Callable | None = None,
        mask: str | None = None,
        actnorm: bool | None = None,
        dropout: float | None = None,
        num_scales: int | None = None,
        num_blocks: int | None = None,
        hidden_channels: int | None = None,
        batch_norm: bool | None = None,
        weight_norm: bool | None = None,
        scale_penalty: float | None = None,
    ):
        options = dict(
            num_layers=num_layers,
            hidden_units=None if hidden_units is None else as_tuple(hidden_units),
            activation=activation,
            mask=mask,
            actnorm=actnorm,
            dropout=dropout,
            num_scales=num_scales,
            num_blocks=num_blocks,
            hidden_channels=hidden_channels,
            batch_norm=batch_norm,
            weight_norm=weight_norm,
            scale_penalty=scale_penalty,
        )
        options = {key: value for key, value in options.items() if value is not None}
        is_image = isinstance(event_shape, (tuple, list)) and len(event_shape) == 3
        event_shape = masks.image_shape(event_shape) if is_image else masks.vector_shape(event_shape)
        layers = multi_scale_realnvp if is_image else _vector_layers
        common = {"event_shape", "log_scale_bound", "dtype", "context_shape"}
        allowed = sorted(set(inspect.signature(layers).parameters) - common)
        unknown = sorted(set(options) - set(allowed))
        if unknown:
            raise ValueError(
                f"Expected, for {'images' if is_image else 'vectors'}, options among {allowed}; got {unknown[0]!r}."
            )
        given = networks_context_shape(context_shape, num_classes, context_network)
        dtype = choose_dtype(dtype)
        bijector = layers(event_shape, log_scale_bound=log_scale_bound, dtype=dtype, context_shape=given, **options)
        bijector = standardized(bijector, context_shape, context_network)
        latents = bases.make(base, (math.prod(event_shape),), dtype, seed)
        super().__init__(
            tfd.TransformedDistribution(
                latents,
                Chain([*to_reals(event_shape, num_bins, alpha, edges, equalize, dtype, kind=preprocessing), bijector]),
            ),
            dequantization=noise.choose(dequantization, event_shape, num_bins, dtype, integer_columns),
            seed=seed,
            num_classes=num_classes,
            name=name,
        )
        self._arguments = dict(
            event_shape=event_shape,
            num_bins=num_bins,
            log_scale_bound=log_scale_bound,
            alpha=alpha,
            edges=None if edges is None else as_tuple(edges),
            equalize=equalize,
            dequantization=dequantization,
            seed=seed,
            dtype=dtype,
            integer_columns=None if integer_columns is None else as_tuple(integer_columns),
            preprocessing=preprocessing,
            base=base,
            context_shape=None if context_shape is None else tuple(context_shape),
            context_network=context_network,
            num_classes=num_classes,
            **options,
        )


def _vector_layers(
    event_shape,
    num_layers=8,
    hidden_units=(256, 256),
    activation="relu",
    mask="odd_even",
    actnorm=True,
    dropout=0.0,
    log_scale_bound=2.0,
    dtype="float32",
    context_shape=None,
):
    """One bijector on vectors, data -> latent."""
    if mask not in _MASKS:
        raise ValueError(f"Expected mask to be one of {sorted(_MASKS)}; got {mask!r}.")
    # Every mask is a half of features that are put in order once: a split is a slice, where every other feature would
    # have to be picked out and put back in each layer, which costs a sixth of a training step.
    layers, first = [], _MASKS[mask](*event_shape)
    if mask != "half":
        order = np.argsort(~first, kind="stable")
        layers.append(Permutation(np.argsort(order)))
    for passes in masks.alternating(np.sort(first)[::-1], num_layers):
        if actnorm:
            layers.append(ActNorm(*event_shape, dtype=dtype))
        size = 2 * int((~passes).sum())
        conditioner = MLP(size, hidden_units, activation, dropout, context_shape, dtype=of_networks(dtype))
        layers.append(AffineCoupling(passes, conditioner, log_scale_bound, dtype=dtype))
    return Chain(layers)


_MASKS = {"half": masks.half, "odd_even": masks.odd_even}
