"""NICE: additive couplings over odd and even features, then a diagonal rescaling.

    data -> to reals -> additive coupling (odd | even) x num_layers -> rescale -> logistic or Gaussian

To reals: integers to the unit interval, continuous data to standard units.

Volume preserving but for the rescaling. Both directions are cheap.
Dinh, Krueger and Bengio, NICE, arXiv:1410.8516: couplings 3.2, rescaling 3.3, priors 3.4, MNIST 5.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import masks
from tfp_flows.bijectors import AdditiveCoupling, Chain, Rescale
from tfp_flows.flow.flow import Flow
from tfp_flows.models.blocks import bases, noise
from tfp_flows.models.blocks.conditioning import networks_context_shape, standardized
from tfp_flows.models.blocks.precision import choose_dtype, of_networks
from tfp_flows.models.blocks.preprocessing import to_reals
from tfp_flows.networks import MLP
from tfp_flows.numerics.tensors import as_tuple

tfd, tfb = tfp.distributions, tfp.bijectors


@keras.saving.register_keras_serializable(package="tfp_flows")
class NICE(Flow):
    """NICE as in the paper: by default its MNIST network, four couplings of five hidden layers of 1000 units.

    Args:
        event_shape: tuple of one int.
        num_bins: int, levels of integer data, which is dequantized and scaled to [0, 1]; None for continuous data.
        num_layers: int, additive couplings.
        hidden_units: sequence of ints, or one, of each coupling's network.
        prior: str or `tfd.Distribution`: "logistic" or "gaussian" as in the paper, or another, see
            `tfp_flows.models.blocks.bases`.
        integer_columns: ints, from 0, the columns of continuous data that hold whole numbers: `fit` and scores
            add the noise of their bins, see `dequantization.IntegerColumns`; None for none.
        preprocessing: (vectors of continuous data) "standard", in standard units; "quantiles", each column mapped to a
            normal one, for heavy tails, skewed columns and outliers, see `bijectors.QuantileMap`; or "auto", the
            columns that this suits better by the likelihood of held-out events; or a `tfb.Bijector` without variables
            to where events lie, as a prior's `experimental_default_event_space_bijector()`, before standard units.
        seed: int.
        name: str or None.
        dtype: "float32" or "float64", what all is computed in; None for Keras' `floatx`.

    Raises:
        ValueError: for an event shape that is no vector's of at least 2, or an unknown prior.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.NICE(event_shape=(64,), num_bins=17, hidden_units=(32,))
        >>> flow.sample(2, seed=0).shape.as_list()
        [2, 64]
    """

    def __init__(
        self,
        event_shape: tuple[int],
        num_bins: int | None = None,
        num_layers: int = 4,
        hidden_units: int | Sequence[int] = (1000, 1000, 1000, 1000, 1000),
        prior: str | tfd.Distribution = "logistic",
        seed: int = 0,
        name: str | None = None,
        dtype: str | None = None,
        integer_columns: Sequence[int] | None = None,
        preprocessing: str | tfb.Bijector = "standard",
        context_shape: tuple[int, ...] | None = None,
        num_classes: int | None = None,
        context_network: keras.layers.Layer | None = None,
    ):
        event_shape = masks.vector_shape(event_shape)
        given = networks_context_shape(context_shape, num_classes, context_network)
        dtype = choose_dtype(dtype)
        arguments = dict(
            event_shape=event_shape,
            num_bins=num_bins,
            num_layers=num_layers,
            hidden_units=as_tuple(hidden_units),
            prior=prior,
            seed=seed,
            dtype=dtype,
            integer_columns=None if integer_columns is None else as_tuple(integer_columns),
            preprocessing=preprocessing,
            context_shape=None if context_shape is None else tuple(context_shape),
            context_network=context_network,
            num_classes=num_classes,
        )
        first = to_reals(event_shape, num_bins, dtype=dtype, kind=preprocessing)
        if num_bins is not None:
            first = [tfb.Scale(tf.constant(num_bins, dtype))]
        layers = []
        for mask in masks.alternating(masks.odd_even(*event_shape), num_layers):
            conditioner = MLP(
                int((~mask).sum()), hidden_units, output_initializer="glorot_uniform", context_shape=given,
                dtype=of_networks(dtype),
            )  # fmt: skip
            layers.append(AdditiveCoupling(mask, conditioner, dtype=dtype))
        layers.append(Rescale(event_shape, dtype=dtype))
        if context_shape is not None:
            layers = [standardized(Chain(layers), context_shape, context_network)]
        # By the paper's name of the other of its two.
        family = "normal" if isinstance(prior, str) and prior == "gaussian" else prior
        base = bases.make(family, event_shape, dtype, seed, what="prior")
        super().__init__(
            tfd.TransformedDistribution(base, Chain([*first, *layers])),
            dequantization=noise.uniform(event_shape, num_bins, integer_columns),
            seed=seed,
            num_classes=num_classes,
            name=name,
        )
        self._arguments = arguments
