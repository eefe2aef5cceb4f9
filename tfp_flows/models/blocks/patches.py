"""Events as sequences of patches, and integers between -1 and 1: what models over tokens begin with.

images     (height, width, channels) -> (height p^-1 width p^-1, p p channels), row by row
vectors    (n,) -> (n / p, p)
"""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors import Squeeze
from tfp_flows.models.blocks.preprocessing import to_reals
from tfp_flows.numerics.tensors import is_positive_integer

tfb = tfp.bijectors


def grid(event_shape, patch_size):
    """(rows, columns, size) of the patches of an image, or (number, size) of those of a vector.

    Args:
        event_shape: tuple (height, width, channels) or (n,).
        patch_size: int, p.

    Raises:
        ValueError: where p is no positive integer, or does not divide what is cut.

    Example:
        >>> from tfp_flows.models.blocks import patches
        >>> patches.grid((28, 28, 1), 4), patches.grid((12,), 3)
        ((7, 7, 16), (4, 3))
    """
    if not is_positive_integer(patch_size):
        raise ValueError(f"Expected patch_size to be a positive integer; got {patch_size!r}.")
    p, cut = int(patch_size), event_shape[:2] if len(event_shape) == 3 else event_shape
    if any(n % p for n in cut):
        raise ValueError(f"Expected a patch_size that divides {' and '.join(map(str, cut))}; got {patch_size!r}.")
    numbers = tuple(n // p for n in cut)
    return (*numbers, p * p * event_shape[2]) if len(event_shape) == 3 else (*numbers, p)


def cut(event_shape, patch_size, shape):
    """Bijectors, data -> latent, from events to patches of a shape.

    Args:
        event_shape: tuple (height, width, channels) or (n,).
        patch_size: int, as `grid` takes it.
        shape: tuple of as many elements: `grid`, or (number, size).
    """
    squeezed = tuple(event_shape) if len(event_shape) == 1 else grid(event_shape, patch_size)
    first = [Squeeze(patch_size)] if len(event_shape) == 3 and patch_size > 1 else []
    if squeezed == tuple(shape):
        return first
    return [*first, tfb.Reshape(event_shape_out=squeezed, event_shape_in=tuple(shape))]


def to_units(event_shape, num_bins, alpha, edges, equalize, dtype, kind="standard"):
    """As `preprocessing.to_reals`, but that centred integers are on [-1, 1], the unit of these papers' noise.

    Args:
        event_shape, num_bins, alpha, edges, equalize, dtype, kind: see there.
    """
    first = to_reals(event_shape, num_bins, alpha, edges, equalize, dtype, kind=kind)
    is_centred = num_bins is not None and alpha is None and edges is None
    return [*first, tfb.Scale(tf.constant(0.5, dtype))] if is_centred else first
