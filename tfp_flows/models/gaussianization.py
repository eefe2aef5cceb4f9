"""Gaussianization flow: marginals to normal ones and rotations, in turn; set from the data, then trained or not.

    data -> to reals -> marginals -> (rotation -> marginals) x (num_layers - 1) -> standard normal

    marginals   each element by the distribution function of a mixture of logistics and the normal quantile
    rotation    a product of Householder reflections, at first along the principal or the independent components of
                the data at that depth; of images those of all patches of a size, which are moved by half of it in turn

Set from the data alone, layer by layer, it is iterative Gaussianization: a fit in seconds without a gradient, which
converges to a standard normal with the number of layers (Chen and Gopinath, Gaussianization, NIPS 2000, section 4).
Data -> latent is cheap, samples search a root an element and layer.
Meng, Song, Song and Ermon, Gaussianization flows, arXiv:2003.01941; Laparra, Camps-Valls and Malo, Iterative
Gaussianization, arXiv:1602.00229.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow_probability as tfp

from tfp_flows.bijectors import ActNorm, Chain, DataRotation, MarginalGaussianization, Squeeze, Standardize
from tfp_flows.flow.flow import Flow
from tfp_flows.models.blocks import autoregressive_layers, bases, noise
from tfp_flows.models.blocks.precision import choose_dtype
from tfp_flows.models.blocks.preprocessing import to_reals
from tfp_flows.numerics.tensors import as_tuple, check_shape, is_positive_integer

tfb, tfd = tfp.bijectors, tfp.distributions

ROTATIONS = ("pca", "ica", "random")
# Patches that are tried on images: as large as their covariance is quickly rotated by.
_LARGEST_PATCH = 8


@keras.saving.register_keras_serializable(package="tfp_flows")
class Gaussianization(Flow):
    """Gaussianization flow on vectors and images.

    `fit` first sets every layer from `num_events` of the training data, then trains them; with is_trained=False the
    first is all: one epoch of `fit`, whose loss is that of the finished fit.

    Args:
        event_shape: tuple (n,), or (height, width, channels).
        num_bins: int, levels of integer data, which is dequantized and mapped by `Logit`; None for continuous data.
        num_layers: int.
        num_components: int > 1, logistics of each marginal.
        rotation: "pca", "ica" (white first, then independent) or "random", what each rotation begins with.
        is_trained: bool, whether an optimizer changes what the data have set.
        num_events: int, events that the layers are set from; None for 4,096 where they are trained and 16,384 where
            not.
        patch_sizes: (images) sequence of ints, or one, sides of the patches of one rotation after the other; None for
            all common divisors of height and width from 2 to 8, or the largest where they have none of these.
        base: str or `tfd.Distribution`, of the latents, see `tfp_flows.models.blocks.bases`.
        integer_columns: ints, from 0, the columns of continuous data that hold whole numbers: `fit` and scores add the
            noise of their bins, see `dequantization.IntegerColumns`; None for none.
        preprocessing: "standard", "quantiles", "auto" or a bijector, see `tfp_flows.MAF`.
        seed: int.
        name: str or None.
        dtype: "float32" or "float64", what all is computed in; None for Keras' `floatx`.

    Raises:
        ValueError: for an event shape of another rank, sizes that are no positive integers, an unknown rotation, or
            patch sizes of vectors or that do not divide height and width, or a height and width that nothing divides.

    Example:
        >>> import numpy as np
        >>> import tfp_flows
        >>> flow = tfp_flows.Gaussianization((2,), num_layers=4, is_trained=False)
        >>> x = np.random.default_rng(0).exponential(size=(2000, 2)).astype("float32")
        >>> flow.compile("adam")
        >>> history = flow.fit(x, batch_size=500, verbose=0)
        >>> bool(history.history["nll"][-1] < 2.1)
        True
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        num_bins: int | None = None,
        num_layers: int = 6,
        num_components: int = 16,
        rotation: str = "pca",
        is_trained: bool = True,
        num_events: int | None = None,
        patch_sizes: int | Sequence[int] | None = None,
        base: str | tfd.Distribution = "normal",
        integer_columns: Sequence[int] | None = None,
        preprocessing: str | tfb.Bijector = "standard",
        seed: int = 0,
        name: str | None = None,
        dtype: str | None = None,
    ):
        shape, dtype = check_shape(event_shape), choose_dtype(dtype)
        if len(shape) not in (1, 3):
            raise ValueError(f"Expected event_shape (n,) or (height, width, channels); got {shape}.")
        if rotation not in ROTATIONS:
            raise ValueError(f"Expected rotation to be one of {list(ROTATIONS)}; got {rotation!r}.")
        autoregressive_layers.check_layers(num_layers, None, None)
        patch_sizes = _patch_sizes(shape, patch_sizes)
        arguments = dict(
            event_shape=shape,
            num_bins=num_bins,
            num_layers=num_layers,
            num_components=num_components,
            rotation=rotation,
            is_trained=is_trained,
            num_events=num_events,
            patch_sizes=patch_sizes,
            base=base,
            integer_columns=None if integer_columns is None else as_tuple(integer_columns),
            preprocessing=preprocessing,
            seed=seed,
            dtype=dtype,
        )
        events = num_events if num_events is not None else 4096 if is_trained else 16_384
        options = dict(is_trained=is_trained, num_events=events, dtype=dtype)

        def rotations(k, size, ndims):
            first = "pca" if rotation == "ica" else rotation
            parts = [DataRotation(size, first, ndims, seed=(seed, k), **options)]
            if rotation == "ica":
                kind = ActNorm if is_trained else Standardize
                white = kind(size if is_trained else (size,), event_ndims=ndims, dtype=dtype)
                parts += [white, DataRotation(size, rotation, ndims, seed=(seed, k, 1), **options)]
            return parts

        def turned(k):
            if len(shape) == 1:
                return rotations(k, *shape, 1)
            height, width, channels = shape
            side = patch_sizes[k % len(patch_sizes)]
            # Every second time patches lie across the edges of those before.
            by = side // 2 if k // len(patch_sizes) % 2 else 0
            moves = [tfb.Permute(np.roll(range(n), -by), axis) for n, axis in ((height, -3), (width, -2))] if by else []
            squeeze = [Squeeze(side)] if side > 1 else []
            back = [tfb.Invert(part) for part in (*reversed(squeeze), *reversed(moves))]
            return [*moves, *squeeze, *rotations(k, side * side * channels, 3), *back]

        layers = [MarginalGaussianization(shape, num_components, **options)]
        for k in range(num_layers - 1):
            layers += [*turned(k), MarginalGaussianization(shape, num_components, **options)]
        super().__init__(
            tfd.TransformedDistribution(
                bases.make(base, shape, dtype, seed),
                Chain([*to_reals(shape, num_bins, 0.05, dtype=dtype, kind=preprocessing), *layers]),
            ),
            dequantization=noise.uniform(shape, num_bins, integer_columns),
            seed=seed,
            name=name,
        )
        self._arguments = arguments


def _patch_sizes(shape, given):
    """Sides of patches as a tuple of ints; None for vectors."""
    if len(shape) == 1:
        if given is not None:
            raise ValueError(f"Expected patch_sizes of images alone; got {given!r} for events of shape {shape}.")
        return None
    height, width = shape[:2]
    if given is None:
        common = math.gcd(height, width)
        given = [side for side in range(_LARGEST_PATCH, 1, -1) if common % side == 0] or [common]
        if common == 1:
            raise ValueError(f"Expected height and width with a common divisor, for patches; got {height} x {width}.")
    given = as_tuple(given)
    for side in given:
        if not is_positive_integer(side) or height % side or width % side:
            raise ValueError(
                f"Expected patch_sizes to be positive integers that divide {height} and {width}; got {list(given)}."
            )
    if not given:
        raise ValueError("Expected at least one of patch_sizes; got none.")
    return given
