"""RealNVP's layers for images, as in figure 4 of the paper.

    data -> [logit] -> scale x num_scales -> standard normal
    scale:        3 checkerboard couplings -> squeeze -> 3 channel couplings -> unsqueeze
                  -> squeeze in checkerboard order -> factor out half of the channels
    last scale:   4 checkerboard couplings
    each coupling is followed by batch normalisation; masks alternate; networks are twice as wide after each squeeze

The unsqueeze and the squeeze after it are one reordering of channels. What is factored out is every other pixel of the
image, not a row or a column of each block.
Dinh, Sohl-Dickstein and Bengio, RealNVP, arXiv:1605.08803, sections 3.4 to 3.7; sizes in section 4.1.
"""

import tensorflow_probability as tfp

from tfp_flows import masks
from tfp_flows.bijectors import AffineCoupling, BatchNorm, Chain, MultiScale, Squeeze
from tfp_flows.models.blocks.precision import of_networks
from tfp_flows.networks import ResNet
from tfp_flows.numerics.tensors import is_positive_integer

tfb = tfp.bijectors

# Of the running statistics, as in the paper's published code.
_MOMENTUM = 0.9


def multi_scale_realnvp(
    event_shape,
    num_scales=None,
    num_blocks=4,
    hidden_channels=32,
    batch_norm=True,
    weight_norm=True,
    scale_penalty=5e-5,
    log_scale_bound=2.0,
    dtype="float32",
    context_shape=None,
):
    """The bijector from images to flat latents.

    Args:
        event_shape: tuple (height, width, channels).
        num_scales: int, one more than images are halved; None for the paper's rule, to halve until a side is 4 (or
            can be halved no more).
        num_blocks: int, residual blocks of each coupling's network.
        hidden_channels: int, of the first scale's networks.
        batch_norm: bool, after each coupling and in its network.
        weight_norm: bool, in the networks.
        scale_penalty: float >= 0, of the squares of the weight norm's lengths, in nats: see `ResNet`.
        log_scale_bound: float, see `tfp_flows.transforms.Affine`.
        dtype: str, of the bijectors.
        context_shape: tuple (m,) of what the networks are given beside, or None.

    Returns:
        `tfp_flows.bijectors.MultiScale`.

    Raises:
        ValueError: for an event shape that is no image's or cannot be halved so often, or a size that is no positive
            integer.

    Example:
        >>> from tfp_flows.models.blocks.multi_scale_realnvp import multi_scale_realnvp
        >>> scales = multi_scale_realnvp((8, 8, 1), num_blocks=1, hidden_channels=4)
        >>> scales.latent_shapes
        ((4, 4, 2), (4, 4, 2))
    """
    shape = masks.image_shape(event_shape)
    num_scales = default_num_scales(shape) if num_scales is None else num_scales
    if not is_positive_integer(num_scales):
        raise ValueError(f"Expected num_scales to be a positive integer or None; got {num_scales!r}.")
    if num_scales > 1:
        # All halvings at once, so that what is refused is the shape that was given.
        Squeeze(2 ** (num_scales - 1)).inverse_event_shape(shape)

    def couplings(shape, mask, number, width):
        layers = []
        for passes in masks.alternating(mask, number):
            conditioner = ResNet(
                2 * masks.num_moved_channels(passes),
                width,
                num_blocks,
                context_shape=context_shape,
                batch_norm=batch_norm,
                weight_norm=weight_norm,
                scale_penalty=scale_penalty,
                dtype=of_networks(dtype),
            )
            layers.append(AffineCoupling(passes, conditioner, log_scale_bound, dtype=dtype))
            if batch_norm:
                layers.append(BatchNorm(shape[-1], event_ndims=3, momentum=_MOMENTUM, dtype=dtype))
        return layers

    levels, width = [], hidden_channels
    for i in range(num_scales - 1):
        height, w, channels = squeezed = tuple(Squeeze().inverse_event_shape(shape))
        levels.append(Chain([
            *couplings(shape, masks.checkerboard(shape), 3, width),
            Squeeze(),
            *couplings(squeezed, masks.channels(squeezed), 3, 2 * width),
            tfb.Invert(Squeeze()),
            Squeeze(order="checkerboard"),
        ]))  # fmt: skip
        shape, width = (height, w, channels // 2), 2 * width
    levels.append(Chain(couplings(shape, masks.checkerboard(shape), 4, width)))
    return MultiScale(levels, event_shape)


def default_num_scales(event_shape):
    """Halves the image until a side is 4 or odd, and one more."""
    height, width, _ = event_shape
    num_scales = 1
    while min(height, width) > 4 and height % 2 == 0 and width % 2 == 0:
        height, width, num_scales = height // 2, width // 2, num_scales + 1
    return num_scales
