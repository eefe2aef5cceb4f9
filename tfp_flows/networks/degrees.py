"""The degrees of hidden units in masked networks: the last place of the order that a unit may see.

    a unit of degree m sees places 1..m; what is computed for place b sees units of degrees below b
    b depends on a < b  where each layer has a degree m with a <= m < b

A layer of few units has no unit for each place. Its degrees are spread evenly, from 1, so that every place but the
first depends on something, to n - 1, so that every place but the last is seen by something; the widest gap decides
which pairs are lost. A path leads through all layers, so that the degrees of the narrowest layer are in every other,
which fills the gaps between them: no pair is lost that the narrowest layer alone would keep.
Germain, Gregor, Murray and Larochelle, MADE, arXiv:1502.03509, section 4, where degrees are drawn at random.
"""

import numpy as np


def least_width(num_places, sees_more):
    """The fewest units of a layer with which anything but the first place can depend on another: 1, or 2 where one
    unit sees none of the places, but a context alone."""
    return 2 if sees_more and num_places > 1 else 1


def hidden_degrees(widths, num_places, sees_more):
    """The degrees of the units of each layer, in order and evenly spread.

    Args:
        widths: sequence of ints, units of each layer.
        num_places: int, n.
        sees_more: bool, whether all units see something beside the places (a context, earlier pixels): the least degree
            is then 0, of units that see nothing else, which the first place depends on; 1 otherwise.

    Returns:
        list of int arrays, (width,) each.

    Example:
        >>> from tfp_flows.networks.degrees import hidden_degrees
        >>> [d.tolist() for d in hidden_degrees([6], 4, False) + hidden_degrees([6], 4, True)]
        [[1, 1, 2, 2, 3, 3], [0, 0, 1, 2, 2, 3]]
        >>> [d.tolist() for d in hidden_degrees([5, 3], 9, False)]
        [[1, 2, 4, 6, 8], [1, 4, 8]]
    """
    narrow = _spread(min(widths), num_places, sees_more)
    ends = np.append(narrow[1:], num_places)
    degrees = []
    for width in widths:
        # Unit j of a layer lies in the gap that begins with a degree of the narrowest layer.
        gap = np.arange(width) * len(narrow) // width
        first = np.searchsorted(gap, np.arange(len(narrow)))
        count = np.bincount(gap, minlength=len(narrow))
        degrees.append(narrow[gap] + (np.arange(width) - first[gap]) * (ends - narrow)[gap] // count[gap])
    return degrees


def _spread(width, num_places, sees_more):
    """The different degrees of a layer of `width` units, increasing."""
    if sees_more:
        # Units that see no place cost one degree alone.
        return np.append(0, _spread(width - 1, num_places, False)) if min(width, num_places) > 1 else np.zeros(1, int)
    # One place has no units of use: what is computed for it is the bias.
    last = max(num_places - 1, 1)
    if width == 1:
        # Half the places see the other half.
        return np.array([max(num_places // 2, 1)])
    return np.rint(np.linspace(1, last, min(width, last))).astype(int)
