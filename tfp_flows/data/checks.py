"""The one check of an argument that every file of this folder needs."""

import numpy as np


def integer(name, value, least):
    """The value as an int.

    Args:
        name: str, of the argument.
        value: what was given.
        least: int, the smallest value allowed.

    Raises:
        ValueError: where the value is no integer or below `least`.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"Expected {name} to be an integer of at least {least}; got {value!r}.")
    return int(value)
