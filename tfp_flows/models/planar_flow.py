"""Planar flow: a stack of planar, radial or Sylvester maps, each O(n), made for variational inference.

    data -> [to reals] -> (ActNorm -> planar | radial | Sylvester) x num_layers -> standard normal

Samples and their densities, which is what `objectives.ReverseKL` asks for, are one closed pass; the density of given
data searches the root of one number a layer (of one for each hidden unit of Sylvester's). With a context every layer's
parameters come from a network of it: amortised, as a VAE's encoder gives them.
Rezende and Mohamed, Variational inference with normalizing flows, arXiv:1505.05770; van den Berg et al., Sylvester
normalizing flows, arXiv:1803.05649.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow_probability as tfp

from tfp_flows.bijectors import ActNorm, Chain, Planar, Radial, Sylvester
from tfp_flows.flow.flow import Flow
from tfp_flows.models.blocks import autoregressive_layers, bases, noise
from tfp_flows.models.blocks.conditioning import networks_context_shape, standardized
from tfp_flows.models.blocks.precision import choose_dtype, of_networks
from tfp_flows.models.blocks.preprocessing import to_reals
from tfp_flows.networks import MLP, OfContext
from tfp_flows.numerics.tensors import as_tuple, check_shape

tfb, tfd = tfp.bijectors, tfp.distributions

# The last one's orthogonal matrices are the identity and its reversal in turn.
KINDS = ("planar", "radial", "sylvester", "triangular_sylvester")


@keras.saving.register_keras_serializable(package="tfp_flows")
class PlanarFlow(Flow):
    """A stack of planar maps, or of their kin.

    Args:
        event_shape: tuple (n,).
        num_bins: int, levels of integer data, which is dequantized and mapped by `Logit`; None for continuous data.
        num_layers: int.
        kind: "planar", "radial", "sylvester" (Householder's) or "triangular_sylvester".
        num_hidden: (Sylvester) int, see `bijectors.Sylvester`; None for n, and 8 at most.
        hidden_units: sequence of ints, or one, of the network of the context that each layer then has.
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
        seed: int.
        name: str or None.
        dtype: "float32" or "float64", what all is computed in; None for Keras' `floatx`.

    Raises:
        ValueError: for an event shape that is no vector's, sizes that are no positive integers, an unknown kind,
            num_hidden of another kind than Sylvester's, or both a context_shape and num_classes.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.PlanarFlow((2,), num_layers=4)
        >>> target = tfd.MultivariateNormalDiag([1.0, 2.0], [0.5, 3.0])
        >>> flow.compile("adam", loss=tfp_flows.objectives.ReverseKL(target))
        >>> history = flow.fit(steps_per_epoch=5, batch_size=50, verbose=0)
        >>> flow.sample(3, seed=0).shape.as_list()
        [3, 2]
    """

    def __init__(
        self,
        event_shape: tuple[int],
        num_bins: int | None = None,
        num_layers: int = 8,
        kind: str = "planar",
        num_hidden: int | None = None,
        hidden_units: int | Sequence[int] = (64,),
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
        shape, dtype = check_shape(event_shape), choose_dtype(dtype)
        if len(shape) != 1:
            raise ValueError(f"Expected event_shape (n,); got {shape}.")
        if kind not in KINDS:
            raise ValueError(f"Expected kind to be one of {list(KINDS)}; got {kind!r}.")
        if num_hidden is not None and "sylvester" not in kind:
            raise ValueError(f"Expected num_hidden of Sylvester flows alone; got {num_hidden!r} for {kind!r}.")
        autoregressive_layers.check_layers(num_layers, context_shape, num_classes, context_network)
        arguments = dict(
            event_shape=shape,
            num_bins=num_bins,
            num_layers=num_layers,
            kind=kind,
            num_hidden=num_hidden,
            hidden_units=as_tuple(hidden_units),
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

        def layer(k, conditioner=None):
            options = dict(conditioner=conditioner, seed=(seed, k), dtype=dtype)
            if kind == "planar":
                return Planar(n, **options)
            if kind == "radial":
                return Radial(n, **options)
            orthogonal = "householder" if kind == "sylvester" else ("identity", "reversed")[k % 2]
            return Sylvester(n, num_hidden, orthogonal, **options)

        layers = []
        for k in range(num_layers):
            one = layer(k)
            if given is not None:
                size = one.num_params
                one = layer(k, OfContext(MLP(size, hidden_units, "tanh", dtype=of_networks(dtype)), given))
            layers += [ActNorm(n, dtype=dtype), one] if actnorm else [one]
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
