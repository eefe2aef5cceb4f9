"""What MAF and IAF share: the same layers, taken in one direction or in the other."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors import ActNorm, Autoregressive, Chain
from tfp_flows.dequantization import Uniform
from tfp_flows.models.flow import Flow
from tfp_flows.models.preprocessing import to_reals
from tfp_flows.models.transforms import choose_transform
from tfp_flows.networks import MADE
from tfp_flows.tensors import as_tuple, check_shape, is_positive_integer

tfb, tfd = tfp.bijectors, tfp.distributions

ORDERS = ("alternating", "random")


class AutoregressiveFlow(Flow):
    """A stack of autoregressive layers. Abstract: see `tfp_flows.MAF` and `tfp_flows.IAF`.

    Args:
        event_shape: tuple (n,).
        num_bins: int, levels of integer data, which is dequantized uniformly and mapped by `Logit`; None for continuous
            data.
        num_layers: int.
        hidden_units: sequence of ints, or one, of each layer's MADE: at least n - 1 each (n with a context).
        transform: "affine" as in the papers, "additive", "mixture" (`transforms.LogisticMixture`) or "spline"
            (`transforms.RationalQuadraticSpline`).
        num_components: int, of the mixture, or bins of the spline; None for the transform's own.
        order: "alternating", that of the features and the reversed one in turn, or "random" for each layer.
        residual: bool, see `networks.MADE`.
        activation: Keras activation, of the MADEs.
        actnorm: bool, an ActNorm before each layer.
        context_shape: tuple (m,) for p(x given a vector), which is the context; None for none.
        num_classes: int for p(x given class), whose labels are the context; None for none.
        alpha: float in (0, 0.5), of the `Logit`; None to scale integer data to [-1/2, 1/2] instead.
        edges: None, or increasing ints from 0 to num_bins: the `PiecewiseProbit` that maps integer data instead.
        equalize: bool, whether a learned histogram equalization of integer data comes first, see `bijectors.Equalize`.
        log_scale_bound: float, see `tfp_flows.transforms.Affine`.
        seed: int.
        name: str or None.

    Raises:
        ValueError: for an event shape that is no vector's, sizes that are no positive integers or too small for the
            event, an unknown transform or order, or both a context_shape and num_classes.
    """

    # Whether a layer's parallel direction is that of samples.
    _inverted = None

    def __init__(
        self,
        event_shape,
        num_bins=None,
        num_layers=5,
        hidden_units=(512, 512),
        transform="affine",
        num_components=None,
        order="alternating",
        residual=False,
        activation="relu",
        actnorm=True,
        context_shape=None,
        num_classes=None,
        alpha=0.05,
        edges=None,
        equalize=False,
        log_scale_bound=5.0,
        seed=0,
        name=None,
    ):
        shape = check_shape(event_shape)
        if len(shape) != 1:
            raise ValueError(f"Expected event_shape (n,); got {event_shape!r}.")
        if not is_positive_integer(num_layers):
            raise ValueError(f"Expected num_layers to be a positive integer; got {num_layers!r}.")
        if order not in ORDERS:
            raise ValueError(f"Expected order to be one of {list(ORDERS)}; got {order!r}.")
        if context_shape is not None and num_classes is not None:
            raise ValueError(f"Expected context_shape or num_classes; got both, {context_shape!r} and {num_classes!r}.")
        arguments = dict(
            event_shape=shape,
            num_bins=num_bins,
            num_layers=num_layers,
            hidden_units=as_tuple(hidden_units),
            transform=transform,
            num_components=num_components,
            order=order,
            residual=residual,
            activation=activation,
            actnorm=actnorm,
            context_shape=None if context_shape is None else tuple(context_shape),
            num_classes=num_classes,
            alpha=alpha,
            edges=None if edges is None else tuple(edges),
            equalize=equalize,
            log_scale_bound=log_scale_bound,
            seed=seed,
        )
        family = choose_transform(transform, num_components, log_scale_bound)
        layers = []
        for k in range(num_layers):
            if actnorm:
                layers.append(ActNorm(*shape))
            made = MADE(
                *shape,
                family.num_params,
                hidden_units,
                activation,
                order="random" if order == "random" else ("left_to_right", "reversed")[k % 2],
                residual=residual,
                context_shape=context_shape if num_classes is None else (num_classes,),
                seed=(seed, k),
            )
            layer = Autoregressive(*shape, made, family)
            layers.append(tfb.Invert(layer) if self._inverted else layer)
        base = tfd.Independent(tfd.Normal(tf.zeros([math.prod(shape)]), 1.0), 1)
        super().__init__(
            tfd.TransformedDistribution(base, Chain([*to_reals(num_bins, alpha, edges, equalize), *layers])),
            dequantization=None if num_bins is None else Uniform(num_bins),
            seed=seed,
            num_classes=num_classes,
            name=name,
        )
        self._arguments = arguments
