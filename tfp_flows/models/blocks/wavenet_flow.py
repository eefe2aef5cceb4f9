"""What WaveNet and Parallel WaveNet share: autoregressive layers whose networks are causal dilated convolutions."""

from tfp_flows.dequantization import Uniform
from tfp_flows.flow.flow import Flow
from tfp_flows.models.blocks import autoregressive_layers, bases
from tfp_flows.models.blocks.conditioning import networks_context_shape
from tfp_flows.models.blocks.precision import choose_dtype, of_networks
from tfp_flows.models.blocks.preprocessing import to_reals
from tfp_flows.networks import WaveNet
from tfp_flows.numerics.tensors import as_tuple, check_shape, is_positive_integer
from tfp_flows.transforms import choose_transform

# Ten layers of two taps each see 1024 steps back.
DILATIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
# A scale may be as small as exp(-10): silence beside speech.
LOG_SCALE_BOUND = 10.0


class WaveNetFlow(Flow):
    """Abstract: see `tfp_flows.WaveNet` and `tfp_flows.ParallelWaveNet`, whose arguments these are.

    The weights do not depend on the length: what was trained on short windows is given to a model of a longer
    event_shape, `longer.set_weights(model.get_weights())`, to sample any length.
    """

    _inverted = None

    def __init__(
        self,
        event_shape,
        num_bins,
        num_layers,
        dilations,
        hidden_channels,
        skip_channels,
        transform,
        num_components,
        actnorm,
        context_shape,
        num_classes,
        log_scale_bound,
        sample_rate,
        seed,
        name,
        dtype,
        context_network,
    ):
        shape = check_shape(event_shape)
        if len(shape) != 1:
            raise ValueError(f"Expected event_shape (length,), of windows of audio; got {event_shape!r}.")
        if sample_rate is not None and not is_positive_integer(sample_rate):
            raise ValueError(f"Expected sample_rate to be a positive integer or None; got {sample_rate!r}.")
        autoregressive_layers.check_layers(num_layers, context_shape, num_classes, context_network)
        dilations = as_tuple(dilations)
        dtype = choose_dtype(dtype)
        arguments = dict(
            event_shape=shape,
            num_bins=num_bins,
            num_layers=num_layers,
            dilations=dilations,
            hidden_channels=hidden_channels,
            skip_channels=skip_channels,
            transform=transform,
            num_components=num_components,
            actnorm=actnorm,
            context_shape=None if context_shape is None else tuple(context_shape),
            context_network=context_network,
            num_classes=num_classes,
            log_scale_bound=log_scale_bound,
            sample_rate=sample_rate,
            seed=seed,
            dtype=dtype,
        )
        family = choose_transform(transform, num_components, log_scale_bound)
        given = networks_context_shape(context_shape, num_classes, context_network)

        def make_network(k):
            return WaveNet(
                family.num_params, dilations, hidden_channels, skip_channels, given, dtype=of_networks(dtype)
            )

        super().__init__(
            autoregressive_layers.distribution(
                bases.make("normal", shape, dtype),
                to_reals(shape, num_bins, dtype=dtype, per_feature=False), num_layers, make_network, family,
                "event" if actnorm else None,
                self._inverted, dtype, context_shape, context_network,
            ),
            dequantization=None if num_bins is None else Uniform(num_bins),
            seed=seed,
            num_classes=num_classes,
            name=name,
        )  # fmt: skip
        self._arguments = arguments
        self.sample_rate = sample_rate
