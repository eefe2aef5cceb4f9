"""What the models of continuous time share: a velocity field in standard units, and what trains it.

data -> standard units -> Continuous(velocity network) -> normal
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import ArrayLike

from tfp_flows.bijectors import Chain, Continuous, Standardize, solving
from tfp_flows.dynamics import Solver
from tfp_flows.flow.context import void_unknown
from tfp_flows.flow.flow import Flow
from tfp_flows.models.blocks import bases, noise
from tfp_flows.models.blocks.conditioning import networks_context_shape, standardized
from tfp_flows.models.blocks.label_dropout import LabelsLeftOut, check_label_dropout
from tfp_flows.models.blocks.precision import choose_dtype, of_networks
from tfp_flows.models.blocks.preprocessing import to_reals
from tfp_flows.networks import PotentialField, TimeMLP, UNet
from tfp_flows.numerics.tensors import as_tuple, check_shape

tfb, tfd = tfp.bijectors, tfp.distributions

# The exact divergence costs a product of the Jacobian an element, and of a U-Net each of these a pass of its own.
_MOST_EXACT = 100
# Of vectors.
FIELDS = {"network": TimeMLP, "potential": PotentialField}
# Arguments that are sequences of ints, or one int.
_SEQUENCES = (
    "event_shape", "hidden_units", "multipliers", "attention_levels", "context_shape", "integer_columns", "edges",
)  # fmt: skip
# Of the networks of vectors and of images.
_OF_VECTORS = ("hidden_units", "activation", "num_frequencies", "num_octaves")
_OF_IMAGES = ("hidden_channels", "multipliers", "num_blocks", "attention_levels", "patch_size", "dropout")


class ContinuousFlow(LabelsLeftOut, Flow):
    """A normal pushed along a velocity field. Abstract: see `tfp_flows.CNF`, `FlowMatching` and `ScoreSDE`.

    These are the arguments that all of them take. Vectors and images take options of their own for their networks:
    those of the other kind are None, and refused.

    Args:
        event_shape: tuple (n,) for vectors, whose network is a `networks.TimeMLP`, or (height, width, channels) for
            images, whose network is a `networks.UNet`.
        num_bins: int, levels of integer data, which is dequantized uniformly; None for continuous data.
        hidden_units: (vectors) sequence of ints, or one; None for the model's own.
        activation: (vectors) "swish", "tanh" or "softplus"; None for the model's own.
        num_frequencies: (vectors) int, sines and cosines of the time that the network sees; None for 3.
        num_octaves: (vectors) int, sines and cosines of each element that it sees, for sharp edges in few dimensions;
            None for 0.
        hidden_channels, multipliers, num_blocks, attention_levels, patch_size, dropout: (images) see `networks.UNet`;
            None for its own.
        context_shape: tuple (m,) for p(x given a vector), which is the context, or of any rank beside a
            context_network; None for none.
        context_network: Keras layer or model, (n, *context_shape) -> (n, m), trained with the flow, which makes a
            vector of each context; None for contexts that are vectors.
        num_classes: int for p(x given class), whose labels are the context; None for none.
        solver: "dormand_prince" or "tsit5", or with num_steps "euler", "midpoint", "heun" or "rk4".
        num_steps: int, of one length; None for steps by tolerance.
        rtol, atol: floats > 0, the tolerances.
        trace: "exact", or "rademacher" or "gaussian" for Hutchinson's estimate of the divergence; None for "exact" of
            vectors of at most 100 elements and "rademacher" of larger ones and of images.
        num_probes: int, of the estimate.
        integer_columns: ints, from 0, the columns of continuous data that hold whole numbers, see
            `dequantization.IntegerColumns`; None for none.
        preprocessing: "standard", "quantiles", "auto" or a bijector, see `tfp_flows.MAF`.
        edges: None, or increasing ints from 0 to num_bins: each interval of integer data becomes a normal of its own
            first, see `bijectors.PiecewiseProbit`; (0, 1, 256) for images on a black background, whose bin is else as
            thin as the last moments of the equation.
        seed: int, also of the probes.
        name: str or None.
        dtype: "float32" or "float64", what all is computed in; None for Keras' `floatx`.

    Raises:
        ValueError: for an event shape that is neither a vector's nor an image's, options of the other kind, sizes that
            are no positive integers or do not suit the image, an unknown solver, activation or trace, both a
            context_shape and num_classes, or label_dropout without classes.
    """

    # Of its network on vectors, where nothing is said.
    _vectors = dict(hidden_units=(256, 256, 256), activation="swish", num_frequencies=3)

    def __init__(self, given: dict, wrap=lambda network: network, base_scale=1.0, times=(0.0, 1.0), sampler=None):
        name = given["name"]
        given = {key: value for key, value in given.items() if key not in ("self", "__class__", "name")}
        given |= {key: as_tuple(given[key]) for key in _SEQUENCES if given[key] is not None}
        shape = check_shape(given["event_shape"])
        if len(shape) not in (1, 3):
            raise ValueError(f"Expected event_shape (n,) or (height, width, channels); got {shape}.")
        dtype = given["dtype"] = choose_dtype(given["dtype"])
        context_shape, num_classes, num_bins = given["context_shape"], given["num_classes"], given["num_bins"]
        check_label_dropout(given.get("label_dropout"), num_classes)
        options = self._networks_options(given, is_image=len(shape) == 3)
        context_network = given["context_network"]
        options |= dict(
            context_shape=networks_context_shape(context_shape, num_classes, context_network), dtype=of_networks(dtype)
        )
        kind = UNet if len(shape) == 3 else FIELDS[given.get("field", "network")]
        network = kind(shape, **options) if kind is UNet else kind(*shape, **options)
        is_cheap = len(shape) == 1 and shape[0] <= _MOST_EXACT
        trace = given["trace"] or ("exact" if is_cheap else "rademacher")
        if num_bins is None:
            first = to_reals(shape, None, dtype=dtype, kind=given["preprocessing"])
        else:
            # The levels of all elements are one scale.
            first = [Standardize((), len(shape), dtype=dtype)]
        if given["edges"] is not None:
            # The levels are apart by then: what a network sees of them is in standard units still.
            first = [*to_reals(shape, num_bins, edges=given["edges"], dtype=dtype), *first]
        solver = Solver(given["solver"], given["num_steps"], given["rtol"], given["atol"])
        continuous = Continuous(wrap(network), shape, solver, trace, given["num_probes"], given["seed"], times, dtype)
        inner = standardized(continuous, context_shape, context_network)
        first = Chain(first)
        if "base" in given:
            base = bases.make(given["base"], shape, dtype, given["seed"])
        else:
            base = tfd.Independent(tfd.Normal(tf.zeros(shape, dtype), tf.constant(base_scale, dtype)), len(shape))
        super().__init__(
            tfd.TransformedDistribution(base, Chain([first, inner])),
            dequantization=noise.uniform(shape, num_bins, given["integer_columns"]),
            seed=given["seed"],
            num_classes=num_classes,
            name=name,
            sampler=sampler,
        )
        self._first, self._inner, self.continuous = first, inner, continuous
        self._arguments = given

    def _networks_options(self, given, is_image):
        """What is said of the network, with the model's own beside it; what is of the other kind is refused."""
        own, kind, default = (_OF_IMAGES, "images", {}) if is_image else (_OF_VECTORS, "vectors", self._vectors)
        field = given.get("field", "network")
        if field not in FIELDS:
            raise ValueError(f"Expected field to be one of {list(FIELDS)}; got {field!r}.")
        if field == "potential":
            if is_image:
                raise ValueError(f"Expected field='network' for images; got {field!r}.")
            own, kind, default = ("hidden_units",), f"field={field!r}", {}
        said = {name: given[name] for name in (*_OF_VECTORS, *_OF_IMAGES) if given[name] is not None}
        for name in said:
            if name not in own:
                raise ValueError(f"Expected, for {kind}, options of the network among {list(own)}; got {name!r}.")
        if field == "potential" and len(said.get("hidden_units", ())) == 1:
            (said["hidden_units"],) = said["hidden_units"]
        return default | said

    def initialize(self, x: ArrayLike | int, context: ArrayLike | None = None, seed: ArrayLike | None = None) -> None:
        # Nothing within the field initialises from data: one step shows what stands around it.
        with solving(Solver("euler", num_steps=1)):
            super().initialize(x, context, seed)

    def at_the_field(
        self, x: tf.Tensor, context: tf.Tensor | None, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Events and contexts as the velocity field meets them: with noise, in standard units.

        Args:
            x: events (batch, *event_shape), integers where the flow dequantizes.
            context: what the flow is conditioned on, or None.
            seed: int32 tensor [2], of the noise.
        """
        _, (x, _), context = self.scored_at_the_field(x, context, seed)
        return x, context

    def scored_at_the_field(
        self, x: tf.Tensor, context: tf.Tensor | None, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor], tf.Tensor | None]:
        """As `at_the_field`, with the noise's log q, (batch,) or 0, and the log_det of the way there."""
        x, log_q = self.dequantized(x, seed)
        # A new tensor: TFP answers from its cache for one that it has met.
        x = tf.identity(void_unknown(self, context, x))
        y = self._first.inverse(x)
        log_det = self._first.inverse_log_det_jacobian(x, event_ndims=len(self.event_shape))
        return log_q, (y, log_det), self.context_at_the_field(None if context is None else self.features(context))

    def context_at_the_field(self, context: tf.Tensor | None) -> tf.Tensor | None:
        """What the field sees of a context, in standard units where it is a vector, by its network where there is one;
        one-hot labels as they are."""
        inner = self._inner
        while context is not None and inner is not self.continuous:
            context, inner = inner.seen(context), inner.bijector
        return context

    def from_the_field(self, x: tf.Tensor) -> tf.Tensor:
        """Events (batch, *event_shape) in standard units as they are in the data's."""
        return self._first.forward(tf.identity(x))
