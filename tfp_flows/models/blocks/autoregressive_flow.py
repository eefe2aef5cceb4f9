"""What MAF and IAF share: the same layers, taken in one direction or in the other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

import keras
import tensorflow_probability as tfp

from tfp_flows.flow.flow import Flow
from tfp_flows.models.blocks import autoregressive_layers, bases, noise
from tfp_flows.models.blocks.conditioning import networks_context_shape
from tfp_flows.models.blocks.precision import choose_dtype, of_networks
from tfp_flows.models.blocks.preprocessing import to_reals
from tfp_flows.networks import MADE, PixelCNN
from tfp_flows.numerics.tensors import as_tuple, check_shape
from tfp_flows.transforms import choose_transform

tfb, tfd = tfp.bijectors, tfp.distributions

ORDERS = ("alternating", "random")


class AutoregressiveFlow(Flow):
    """A stack of autoregressive layers. Abstract: see `tfp_flows.MAF` and `tfp_flows.IAF`.

    Vectors and images take options of their own: those of the other kind are None, and refused.

    Args:
        event_shape: tuple (n,) for vectors, whose layers have a `networks.MADE`, or (height, width, channels) for
            images, whose layers have a `networks.PixelCNN`.
        num_bins: int, levels of integer data, which is dequantized uniformly and mapped by `Logit`; None for continuous
            data.
        num_layers: int; None for 5 on vectors and 2 on images.
        hidden_units: (vectors) sequence of ints, or one, of each MADE, see there; None for (512, 512).
        transform: "affine" as in the papers, "additive", "mixture" (`transforms.LogisticMixture`), "spline"
            (`transforms.RationalQuadraticSpline`) or "sinh_arcsinh" (`transforms.SinhArcsinh`).
        num_components: int, of the mixture, or bins of the spline; None for the transform's own.
        order: (vectors) "alternating", that of the features and the reversed one in turn, or "random" for each layer;
            None for "alternating", which is the order on images.
        residual: (vectors) bool, see `networks.MADE`; None for False.
        hidden_channels: (images) int, see `networks.PixelCNN`; None for 32.
        num_blocks: (images) int, residual blocks of each PixelCNN; None for 3.
        kernel_size: (images) int, of each PixelCNN's first convolution; None for 5.
        activation: Keras activation, of the networks; "tanh" is bounded far from the data, where a ReLU can make single
            events spoil a mean: see examples/tabular.py.
        actnorm: bool, an ActNorm before each layer.
        context_shape: tuple (m,) for p(x given a vector), which is the context, or of any rank beside a
            context_network; None for none.
        context_network: Keras layer or model, (n, *context_shape) -> (n, m), trained with the flow, which makes a
            vector of each context; None for contexts that are vectors.
        num_classes: int for p(x given class), whose labels are the context; None for none.
        alpha: float in (0, 0.5), of the `Logit`; None to scale integer data to [-1/2, 1/2] instead.
        edges: None, or increasing ints from 0 to num_bins: the `PiecewiseProbit` that maps integer data instead.
        equalize: bool, whether a learned histogram equalization of integer data comes first, see `bijectors.Equalize`.
        log_scale_bound: float, see `tfp_flows.transforms.Affine`.
        integer_columns: (vectors) ints, from 0, the columns of continuous data that hold whole numbers: `fit` and
            scores add the noise of their bins, see `dequantization.IntegerColumns`; None for none.
        preprocessing: (vectors of continuous data) "standard", in standard units; "quantiles", each column mapped to a
            normal one, for heavy tails, skewed columns and outliers, see `bijectors.QuantileMap`; or "auto", the
            columns that this suits better by the likelihood of held-out events; or a `tfb.Bijector` without variables
            to where events lie, as a prior's `experimental_default_event_space_bijector()`, before standard units.
        base: str or `tfd.Distribution`, of the latents, see `tfp_flows.models.blocks.bases`.
        seed: int.
        name: str or None.
        dtype: "float32" or "float64", what all is computed in; None for Keras' `floatx`.

    Raises:
        ValueError: for an event shape that is neither a vector's nor an image's, options of the other kind, sizes that
            are no positive integers, an unknown transform or order, or both a context_shape and num_classes.
    """

    # Whether a layer's parallel direction is that of samples.
    _inverted = None

    def __init__(
        self,
        event_shape: tuple[int, ...],
        num_bins: int | None = None,
        num_layers: int | None = None,
        hidden_units: int | Sequence[int] | None = None,
        transform: str = "affine",
        num_components: int | None = None,
        order: str | None = None,
        residual: bool | None = None,
        hidden_channels: int | None = None,
        num_blocks: int | None = None,
        kernel_size: int | None = None,
        activation: str | Callable = "relu",
        actnorm: bool = True,
        context_shape: tuple[int, ...] | None = None,
        num_classes: int | None = None,
        alpha: float | None = 0.05,
        edges: Sequence[int] | None = None,
        equalize: bool = False,
        log_scale_bound: float = 5.0,
        seed: int = 0,
        name: str | None = None,
        dtype: str | None = None,
        integer_columns: Sequence[int] | None = None,
        preprocessing: str | tfb.Bijector = "standard",
        base: str | tfd.Distribution = "normal",
        context_network: keras.layers.Layer | None = None,
    ):
        shape = check_shape(event_shape)
        if len(shape) not in (1, 3):
            raise ValueError(f"Expected event_shape (n,) or (height, width, channels); got {event_shape!r}.")
        is_image = len(shape) == 3
        if num_layers is None:
            num_layers = 2 if is_image else 5
        autoregressive_layers.check_layers(num_layers, context_shape, num_classes, context_network)
        options = dict(
            hidden_units=None if hidden_units is None else as_tuple(hidden_units),
            order=order,
            residual=residual,
            hidden_channels=hidden_channels,
            num_blocks=num_blocks,
            kernel_size=kernel_size,
        )
        options = {key: value for key, value in options.items() if value is not None}
        make = _pixelcnn if is_image else _made
        allowed = [key for key, p in inspect.signature(make).parameters.items() if p.default is not p.empty]
        unknown = sorted(set(options) - set(allowed))
        if unknown:
            raise ValueError(
                f"Expected, for {'images' if is_image else 'vectors'}, options among {allowed}; got {unknown[0]!r}."
            )
        dtype = choose_dtype(dtype)
        arguments = dict(
            event_shape=shape,
            num_bins=num_bins,
            num_layers=num_layers,
            transform=transform,
            num_components=num_components,
            activation=activation,
            actnorm=actnorm,
            context_shape=None if context_shape is None else tuple(context_shape),
            context_network=context_network,
            num_classes=num_classes,
            alpha=alpha,
            edges=None if edges is None else as_tuple(edges),
            equalize=equalize,
            log_scale_bound=log_scale_bound,
            seed=seed,
            dtype=dtype,
            integer_columns=None if integer_columns is None else as_tuple(integer_columns),
            preprocessing=preprocessing,
            base=base,
            **options,
        )
        family = choose_transform(transform, num_components, log_scale_bound)
        given = networks_context_shape(context_shape, num_classes, context_network)

        common = dict(activation=activation, context_shape=given, dtype=of_networks(dtype))

        def make_network(k):
            return make(k, seed, shape, family.num_params, common, **options)

        first = to_reals(shape, num_bins, alpha, edges, equalize, dtype, kind=preprocessing)
        super().__init__(
            autoregressive_layers.distribution(
                bases.make(base, shape, dtype, seed),
                first,
                num_layers,
                make_network,
                family,
                "channels" if actnorm else None,
                self._inverted,
                dtype,
                context_shape,
                context_network,
            ),
            dequantization=noise.uniform(shape, num_bins, integer_columns),
            seed=seed,
            num_classes=num_classes,
            name=name,
        )
        self._arguments = arguments


def _made(k, seed, shape, num_params, common, hidden_units=(512, 512), order="alternating", residual=False):
    """The network of the k-th layer on vectors."""
    if order not in ORDERS:
        raise ValueError(f"Expected order to be one of {list(ORDERS)}; got {order!r}.")
    order = "random" if order == "random" else ("left_to_right", "reversed")[k % 2]
    return MADE(*shape, num_params, hidden_units, order=order, residual=residual, seed=(seed, k), **common)


def _pixelcnn(k, seed, shape, num_params, common, hidden_channels=32, num_blocks=3, kernel_size=5):
    """The network of the k-th layer on images."""
    return PixelCNN(shape, num_params, hidden_channels, num_blocks, kernel_size, reverse=bool(k % 2), **common)
