"""Fewer bits: 8-bit images reduced to n bits, as the papers' 5-bit figures are.

    x -> floor(x / 2^(8 - n)),   256 levels -> 2^n

Bits per dimension are then those of the reduced data: of n bits at most for a uniform density, and not comparable with
figures at 8 bits. Kingma and Dhariwal, Glow, arXiv:1807.03039, section 5 (CelebA-HQ and LSUN at 5 bits).
"""

import dataclasses

import numpy as np

from tfp_flows.data.dataset import SPLITS


def check(num_bits):
    """None, or the number of bits as an int of Python's.

    Args:
        num_bits: int in 1..8, or None.

    Raises:
        ValueError: for anything else.

    Example:
        >>> from tfp_flows.data import bits
        >>> bits.check(9)
        Traceback (most recent call last):
        ValueError: Expected num_bits to be an integer in 1..8; got 9.
    """
    if num_bits is None:
        return None
    is_integer = isinstance(num_bits, (int, np.integer)) and not isinstance(num_bits, bool)
    if not is_integer or not 1 <= num_bits <= 8:
        raise ValueError(f"Expected num_bits to be an integer in 1..8; got {num_bits!r}.")
    return int(num_bits)


def reduce(data, num_bits):
    """The data with the highest bits of each value only.

    Args:
        data: Data with num_bins 256.
        num_bits: int in 1..8.

    Returns:
        Data with num_bins 2 ** num_bits, of the same dtype.

    Raises:
        ValueError: where num_bits is out of range or the data are not 8-bit.

    Example:
        >>> import numpy as np
        >>> from tfp_flows import data
        >>> from tfp_flows.data import bits
        >>> x = np.array([[0], [7], [8], [255]], np.uint8)
        >>> reduced = bits.reduce(data.Data("x", x, x, x, num_bins=256), 5)
        >>> reduced.num_bins, reduced.train.ravel().tolist()
        (32, [0, 0, 1, 31])
    """
    num_bits = check(num_bits)
    if data.num_bins != 256:
        kind = "continuous data" if data.num_bins is None else f"{data.num_bins} levels"
        raise ValueError(f"Expected 8-bit data, of 256 levels, to reduce {data.name} by num_bits; got {kind}.")
    splits = {split: getattr(data, split) // 2 ** (8 - num_bits) for split in SPLITS}
    description = f"{data.description}, reduced to {num_bits} bits".removeprefix(", ")
    return dataclasses.replace(data, **splits, num_bins=2**num_bits, description=description)
