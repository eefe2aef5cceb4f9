"""RealNVP on vectors: affine couplings with ActNorm between them.

    data -> [logit] -> (ActNorm -> affine coupling) x num_layers -> standard normal

The masks alternate: what one coupling passes, the next one moves. Both directions are cheap.
Dinh, Sohl-Dickstein and Bengio, RealNVP, arXiv:1605.08803, section 3; ActNorm in the place of its batch
normalisation as in Glow, arXiv:1807.03039, section 3.1.
"""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import masks
from tfp_flows.bijectors import ActNorm, AffineCoupling, Chain, Logit, Permutation
from tfp_flows.dequantization import Uniform
from tfp_flows.models.flow import Flow
from tfp_flows.networks import MLP

tfd = tfp.distributions


@keras.saving.register_keras_serializable(package="tfp_flows")
class RealNVP(Flow):
    """Affine couplings with alternating masks.

    Args:
        event_shape: tuple of one int.
        num_bins: int, levels of integer data, which is dequantized and mapped by `Logit`; None for continuous data.
        num_layers: int, affine couplings.
        hidden_units: sequence of ints, of each coupling's network.
        mask: "odd_even" or "half"; the first serves flattened images better, where neighbours are alike.
        actnorm: bool, an ActNorm before each coupling.
        log_scale_bound: float, see `tfp_flows.transforms.Affine`.
        dropout: float, in the networks.
        seed: int.
        name: str or None.

    Raises:
        ValueError: for an event shape that is no vector's of at least 2, or an unknown mask.

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
        event_shape,
        num_bins=None,
        num_layers=8,
        hidden_units=(256, 256),
        mask="odd_even",
        actnorm=True,
        log_scale_bound=2.0,
        dropout=0.0,
        seed=0,
        name=None,
    ):
        event_shape = masks.vector_shape(event_shape)
        if mask not in _MASKS:
            raise ValueError(f"Expected mask to be one of {sorted(_MASKS)}; got {mask!r}.")
        arguments = dict(
            event_shape=event_shape,
            num_bins=num_bins,
            num_layers=num_layers,
            hidden_units=tuple(hidden_units),
            mask=mask,
            actnorm=actnorm,
            log_scale_bound=log_scale_bound,
            dropout=dropout,
            seed=seed,
        )
        layers = [] if num_bins is None else [Logit(0.0, float(num_bins))]
        # Every mask is a half of features that are put in order once: a split is a slice, where every other feature
        # would have to be picked out and put back in each layer, which costs a sixth of a training step.
        first = _MASKS[mask](*event_shape)
        if mask != "half":
            order = np.argsort(~first, kind="stable")
            layers.append(Permutation(np.argsort(order)))
        for passes in masks.alternating(np.sort(first)[::-1], num_layers):
            if actnorm:
                layers.append(ActNorm(*event_shape))
            conditioner = MLP(2 * int((~passes).sum()), hidden_units, dropout=dropout)
            layers.append(AffineCoupling(passes, conditioner, log_scale_bound))
        base = tfd.Independent(tfd.Normal(tf.zeros(event_shape), 1.0), 1)
        super().__init__(
            tfd.TransformedDistribution(base, Chain(layers)),
            dequantization=None if num_bins is None else Uniform(num_bins),
            seed=seed,
            name=name,
        )
        self._arguments = arguments


_MASKS = {"half": masks.half, "odd_even": masks.odd_even}
