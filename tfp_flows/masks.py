"""Masks of coupling layers: boolean arrays of the event's shape; True passes through unchanged.

    half(n)             True for the first ceil(n / 2) features
    odd_even(n)         True at 0, 2, 4, ... (NICE's partition, arXiv:1410.8516, section 4.1)
    checkerboard(shape) True where row + column is even (RealNVP, arXiv:1605.08803, section 3.4)
    channels(shape)     True for the first half of the channels (the same section)
    alternating(...)    a mask and its complement in turn, one a layer

Any other boolean array with at least one True and one False serves as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def half(num_features: int) -> np.ndarray:
    """True for the first half of the features (the larger one where the number is odd).

    Args:
        num_features: int >= 2.

    Returns:
        bool array (num_features,).

    Example:
        >>> from tfp_flows import masks
        >>> masks.half(5).tolist()
        [True, True, True, False, False]
    """
    return np.arange(_check(num_features)) < (num_features + 1) // 2


def odd_even(num_features: int) -> np.ndarray:
    """True for every other feature, beginning with the first.

    Args:
        num_features: int >= 2.

    Returns:
        bool array (num_features,).

    Example:
        >>> from tfp_flows import masks
        >>> masks.odd_even(5).tolist()
        [True, False, True, False, True]
    """
    return np.arange(_check(num_features)) % 2 == 0


def checkerboard(event_shape: tuple[int, int, int]) -> np.ndarray:
    """True where row + column is even, in every channel.

    Args:
        event_shape: tuple (height, width, channels), at least two pixels.

    Returns:
        bool array (height, width, channels).

    Raises:
        ValueError: where the shape is no image's, or has one pixel only.

    Example:
        >>> from tfp_flows import masks
        >>> masks.checkerboard((2, 3, 1))[:, :, 0].tolist()
        [[True, False, True], [False, True, False]]
    """
    height, width, _ = image_shape(event_shape)
    if height * width < 2:
        raise ValueError(f"Expected an image of at least two pixels to split by a checkerboard; got {event_shape!r}.")
    rows, columns = np.indices((height, width))
    return np.broadcast_to((rows + columns)[..., None] % 2 == 0, tuple(event_shape)).copy()


def stripes(event_shape: tuple[int, int, int], axis: int) -> np.ndarray:
    """True in every other row (axis 0) or column (axis 1), beginning with the first.

    Args:
        event_shape: tuple (height, width, channels).
        axis: int, along which it changes.

    Returns:
        bool array (height, width, channels).

    Raises:
        ValueError: where the shape is no image's, the axis is another, or there is only one row or column.

    Example:
        >>> from tfp_flows import masks
        >>> masks.stripes((2, 3, 1), axis=1)[:, :, 0].tolist()
        [[True, False, True], [True, False, True]]
    """
    shape = image_shape(event_shape)
    if axis not in (0, 1):
        raise ValueError(f"Expected axis 0, of rows, or 1, of columns; got {axis!r}.")
    if shape[axis] < 2:
        raise ValueError(f"Expected at least two {('rows', 'columns')[axis]} to split by stripes; got {event_shape!r}.")
    return np.broadcast_to(np.indices(shape)[axis] % 2 == 0, shape).copy()


def channels(event_shape: tuple[int, int, int]) -> np.ndarray:
    """True for the first half of the channels (the larger one where their number is odd), at every pixel.

    Args:
        event_shape: tuple (height, width, channels) with at least 2 channels.

    Returns:
        bool array (height, width, channels).

    Raises:
        ValueError: where the shape is no image's, or has one channel only.

    Example:
        >>> from tfp_flows import masks
        >>> masks.channels((1, 1, 4)).ravel().tolist()
        [True, True, False, False]
    """
    shape = image_shape(event_shape)
    if shape[-1] < 2:
        raise ValueError(f"Expected an image of at least 2 channels to split by channels; got {event_shape!r}.")
    return np.broadcast_to(half(shape[-1]), shape).copy()


def alternating(mask: np.ndarray, num_layers: int) -> list[np.ndarray]:
    """The masks of a stack of couplings: `mask` and its complement in turn.

    Args:
        mask: bool array.
        num_layers: int.

    Returns:
        list of `num_layers` bool arrays.

    Raises:
        ValueError: where the mask is not boolean, or all True or all False, or num_layers no positive integer.

    Example:
        >>> from tfp_flows import masks
        >>> [mask.tolist() for mask in masks.alternating(masks.half(2), 3)]
        [[True, False], [False, True], [True, False]]
    """
    mask = check(mask)
    if isinstance(num_layers, bool) or not isinstance(num_layers, (int, np.integer)) or num_layers < 1:
        raise ValueError(f"Expected num_layers to be a positive integer; got {num_layers!r}.")
    return [mask if i % 2 == 0 else ~mask for i in range(num_layers)]


def num_moved_channels(mask: np.ndarray) -> int:
    """How many channels an image mask moves, which with a transform's parameters is what its network returns a pixel.

    Args:
        mask: bool array (height, width, channels).

    Returns:
        int: the channels that move where all pixels have the same; otherwise all channels, since a network gives each
        pixel the same outputs.

    Example:
        >>> from tfp_flows import masks
        >>> masks.num_moved_channels(masks.channels((2, 2, 3))), masks.num_moved_channels(masks.checkerboard((2, 2, 3)))
        (1, 3)
    """
    return int((~mask[0, 0]).sum()) if (mask == mask[0, 0]).all() else mask.shape[-1]


def vector_shape(event_shape: int | Sequence[int]) -> tuple[int]:
    """The event shape of a flow on vectors, (n,) with n >= 2 so that it can be split, or one clear error.

    Args:
        event_shape: tuple or list of one int, or that int.

    Returns:
        tuple of one int.

    Raises:
        ValueError: for anything else.

    Example:
        >>> from tfp_flows import masks
        >>> masks.vector_shape([64])
        (64,)
    """
    shape = tuple(event_shape) if isinstance(event_shape, (tuple, list)) else (event_shape,)
    if len(shape) != 1 or not isinstance(shape[0], (int, np.integer)) or shape[0] < 2:
        raise ValueError(f"Expected event_shape (n,) with n >= 2, for a flow on vectors; got {event_shape!r}.")
    return (int(shape[0]),)


def image_shape(event_shape: Sequence[int]) -> tuple[int, int, int]:
    """The event shape of a flow on images, (height, width, channels), or one clear error.

    Args:
        event_shape: tuple or list of three positive ints.

    Returns:
        tuple of three ints.

    Raises:
        ValueError: for anything else.

    Example:
        >>> from tfp_flows import masks
        >>> masks.image_shape([28, 28, 1])
        (28, 28, 1)
    """
    shape = tuple(event_shape) if isinstance(event_shape, (tuple, list)) else (event_shape,)
    if len(shape) != 3 or not all(isinstance(n, (int, np.integer)) and n > 0 for n in shape):
        raise ValueError(f"Expected event_shape (height, width, channels), for a flow on images; got {event_shape!r}.")
    return tuple(int(n) for n in shape)


def check(mask: ArrayLike) -> np.ndarray:
    """The mask as a bool array, or one clear error.

    Args:
        mask: bool array, or nested lists of bools.

    Returns:
        bool array.

    Raises:
        ValueError: where it is not boolean, or all True or all False.

    Example:
        >>> from tfp_flows import masks
        >>> masks.check([True, False]).shape
        (2,)
    """
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.ndim < 1:
        raise ValueError(f"Expected a mask as a boolean array of the event's shape; got {mask.dtype} {mask.shape}.")
    if mask.all() or not mask.any():
        raise ValueError(f"Expected a mask with at least one True and one False; got all {bool(mask.flat[0])}.")
    return mask


def _check(num_features):
    if not isinstance(num_features, (int, np.integer)) or num_features < 2:
        raise ValueError(f"Expected at least 2 features to split; got {num_features!r}.")
    return int(num_features)
