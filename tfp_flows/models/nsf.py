"""Neural spline flow: rational quadratic splines, in couplings or autoregressive, with learned linear maps between.

    data -> to reals -> (ActNorm -> LU -> spline of each element) x num_layers -> standard normal

    coupling         the second half of the features by splines that a network of the first half gives
    autoregressive   each feature by a spline that a MADE of those before it gives
    LU               a random permutation times a learned L U, the identity at first

The networks are residual. Couplings are cheap in both directions; an autoregressive one samples feature after feature.
Durkan, Bekasov, Murray and Papamakarios, Neural spline flows, arXiv:1906.04032, sections 3 and 5.1. The ActNorms, which
hold what comes in the splines' interval, are Glow's, arXiv:1807.03039, section 3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow_probability as tfp

from tfp_flows import masks
from tfp_flows.bijectors import ActNorm, Autoregressive, Chain, Coupling, InvertibleConv1x1, Permutation
from tfp_flows.flow.flow import Flow
from tfp_flows.models.blocks import autoregressive_layers, bases, noise
from tfp_flows.models.blocks.conditioning import networks_context_shape, standardized
from tfp_flows.models.blocks.precision import choose_dtype, of_networks
from tfp_flows.models.blocks.preprocessing import to_reals
from tfp_flows.networks import MADE, MLP
from tfp_flows.numerics.tensors import as_tuple
from tfp_flows.transforms import RationalQuadraticSpline

tfb, tfd = tfp.bijectors, tfp.distributions

SCHEMES = ("coupling", "autoregressive")
LINEAR = ("lu", "permutation")


@keras.saving.register_keras_serializable(package="tfp_flows")
class NSF(Flow):
    """Neural spline flow on vectors.

    Args:
        event_shape: tuple (n,) of at least 2.
        num_bins: int, levels of integer data, which is dequantized and mapped by `Logit`; None for continuous data.
        scheme: "coupling" or "autoregressive".
        num_layers: int.
        hidden_units: sequence of ints of one width, or one, of each network.
        num_components: int, bins of each spline.
        bound: float > 0, the splines are the identity beyond it, see `transforms.RationalQuadraticSpline`.
        linear: "lu" or "permutation", what mixes the features before each layer.
        activation: Keras activation of the networks.
        dropout: float in [0, 1), in the networks of couplings, in training.
        actnorm: bool, an ActNorm before each layer.
        context_shape: tuple (m,) for p(x given a vector), which is the context, or of any rank beside a
            context_network; None for none.
        context_network: Keras layer or model, (n, *context_shape) -> (n, m), trained with the flow, which makes a
            vector of each context; None for contexts that are vectors.
        num_classes: int for p(x given class), whose labels are the context; None for none.
        base: str or `tfd.Distribution`, of the latents, see `tfp_flows.models.blocks.bases`.
        integer_columns: ints, from 0, the columns of continuous data that hold whole numbers: `fit` and scores add the
            noise of their bins, see `dequantization.IntegerColumns`; None for none.
        preprocessing: "standard", "quantiles", "auto" or a bijector, see `tfp_flows.MAF`.
        seed: int, also of the permutations.
        name: str or None.
        dtype: "float32" or "float64", what all is computed in; None for Keras' `floatx`.

    Raises:
        ValueError: for an event shape that is no vector's of at least 2, an unknown scheme or linear map, sizes that
            are no positive integers, dropout of another scheme, or both a context_shape and num_classes.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.NSF((3,), num_layers=2, hidden_units=(16, 16))
        >>> flow.sample(5, seed=0).shape.as_list()
        [5, 3]
    """

    def __init__(
        self,
        event_shape: tuple[int],
        num_bins: int | None = None,
        scheme: str = "coupling",
        num_layers: int = 10,
        hidden_units: int | Sequence[int] = (256, 256, 256),
        num_components: int = 8,
        bound: float = 3.0,
        linear: str = "lu",
        activation: str | Callable = "relu",
        dropout: float = 0.0,
        actnorm: bool = True,
        context_shape: tuple[int, ...] | None = None,
        num_classes: int | None = None,
        base: str | tfd.Distribution = "normal",
        integer_columns: Sequence[int] | None = None,
        preprocessing: str | tfb.Bijector = "standard",
        seed: int = 0,
        name: str | None = None,
        dtype: str | None = None,
        context_network: keras.layers.Layer | None = None,
    ):
        shape, dtype = masks.vector_shape(event_shape), choose_dtype(dtype)
        for key, value, known in (("scheme", scheme, SCHEMES), ("linear", linear, LINEAR)):
            if value not in known:
                raise ValueError(f"Expected {key} to be one of {list(known)}; got {value!r}.")
        if scheme != "coupling" and dropout:
            raise ValueError(f"Expected dropout of scheme='coupling' alone; got {dropout!r} for {scheme!r}.")
        autoregressive_layers.check_layers(num_layers, context_shape, num_classes, context_network)
        hidden_units = as_tuple(hidden_units)
        arguments = dict(
            event_shape=shape,
            num_bins=num_bins,
            scheme=scheme,
            num_layers=num_layers,
            hidden_units=hidden_units,
            num_components=num_components,
            bound=bound,
            linear=linear,
            activation=activation,
            dropout=dropout,
            actnorm=actnorm,
            context_shape=None if context_shape is None else tuple(context_shape),
            context_network=context_network,
            num_classes=num_classes,
            base=base,
            integer_columns=None if integer_columns is None else as_tuple(integer_columns),
            preprocessing=preprocessing,
            seed=seed,
            dtype=dtype,
        )
        given, (n,) = networks_context_shape(context_shape, num_classes, context_network), shape
        spline = RationalQuadraticSpline(num_components, bound)
        options = dict(
            hidden_units=hidden_units, activation=activation, residual=True, context_shape=given,
            dtype=of_networks(dtype),
        )  # fmt: skip

        def step(k):
            order = np.random.default_rng((seed, k)).permutation(n)
            if linear == "lu":
                mix = InvertibleConv1x1(n, event_ndims=1, permutation=order, dtype=dtype)
            else:
                mix = Permutation(order)
            if scheme == "autoregressive":
                net = MADE(n, spline.num_params, seed=(seed, k), **options)
                return [mix, Autoregressive(shape, net, spline, dtype=dtype)]
            mask = masks.half(n)
            net = MLP(int((~mask).sum()) * spline.num_params, dropout=dropout, **options)
            return [mix, Coupling(mask, net, spline, dtype=dtype)]

        layers = []
        for k in range(num_layers):
            layers += [*([ActNorm(n, dtype=dtype)] if actnorm else []), *step(k)]
        if context_shape is not None:
            layers = [standardized(Chain(layers), context_shape, context_network)]
        super().__init__(
            tfd.TransformedDistribution(
                bases.make(base, shape, dtype, seed),
                Chain([*to_reals(shape, num_bins, 0.05, dtype=dtype, kind=preprocessing), *layers]),
            ),
            dequantization=noise.uniform(shape, num_bins, integer_columns),
            seed=seed,
            num_classes=num_classes,
            name=name,
        )
        self._arguments = arguments
