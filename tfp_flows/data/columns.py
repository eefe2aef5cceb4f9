"""What is odd about the columns of a table of reals, said before a density is fitted to them.

A density of a column that is constant, or takes a few values, grows without bound as training goes on; that of rows
that come twice is overrated by the copies in what is held out.
"""

import numpy as np

# The share of one value from which a column of reals is said to take a few values.
_LARGEST_SHARE = 0.05
_FEWEST = 40


def whole(x):
    """The columns that hold whole numbers only, and each of them more than once on average.

    Numbers of more than 20 bits are left out: they are far apart beside bins of width 1.

    Args:
        x: array (n, columns) of floats.

    Returns:
        tuple of ints, from 0.

    Example:
        >>> import numpy as np
        >>> from tfp_flows.data import columns
        >>> random = np.random.default_rng(0)
        >>> columns.whole(np.stack([random.normal(size=100), random.poisson(3.0, 100), random.random(100)], axis=1))
        (1,)
    """
    if len(x) < _FEWEST:
        return ()
    return tuple(
        j
        for j, column in enumerate(x.T)
        if np.all(column == np.round(column)) and np.abs(column).max() < 2**20 and 1 < _distinct(column) <= len(x) / 2
    )


def check_constant(low, high, what="x", names=None):
    """Refuses columns that hold one value only.

    Args:
        low, high: arrays (columns,), the least and the largest value of each.
        what: str, how the error names the values.
        names: list of str, of the columns, or None.

    Raises:
        ValueError: naming the columns, by their numbers from 0 where they have no names, and the value.
    """
    constant = np.flatnonzero(low == high)
    if len(constant):
        name = lambda j: f"{j} (from 0)" if names is None else repr(names[j])
        named = ", ".join(f"column {name(j)}, always {low[j]:.6g}" for j in constant[:3])
        more = f", and {len(constant) - 3} more" if len(constant) > 3 else ""
        way = (
            "leave it out"
            if names is None
            else f"drop={','.join(names[j] for j in constant)} leaves out what is constant"
        )
        raise ValueError(
            f"Expected columns that vary in {what}, for the density of a constant is without bound; got {named}{more}: "
            f"{way}."
        )


def remarks(x, integer_columns=(), names=None):
    """Sentences on what else makes a density of a table of reals other than it seems.

    Args:
        x: array (n, columns) of floats.
        integer_columns: the columns that are dequantized, of which nothing is said.
        names: sequence of str, of the columns; None to count them from 0.

    Returns:
        list of str.

    Example:
        >>> import numpy as np
        >>> from tfp_flows.data import columns
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> x[:30, 1] = 0.5
        >>> columns.remarks(x)[0]
        'Column 1 (from 0) is 0.5 in 30 % of the events: a density of it grows without bound as training goes on.'
        >>> columns.remarks(x, names=["mass", "radius"])[0][:40]
        "Column 'radius' is 0.5 in 30 % of the ev"
    """
    if len(x) < _FEWEST:
        return []
    said = []
    named = lambda *which: " and ".join(f"{j}" if names is None else repr(names[j]) for j in which)
    counted = " (from 0)" if names is None else ""
    wholes = [j for j in whole(x) if j not in integer_columns]
    if wholes:
        columns = f"Column{'s'[: len(wholes) > 1]} {', '.join(map(named, wholes))}"
        said.append(
            f"{columns}{counted} of whole numbers: a density of them grows without bound as training goes on; named "
            f"models of vectors take integer_columns={tuple(wholes)}, the noise of their bins."
        )
    for j, column in enumerate(x.T):
        values, counts = np.unique(column, return_counts=True)
        share = counts.max() / len(column)
        if share > _LARGEST_SHARE and j not in (*wholes, *integer_columns):
            said.append(
                f"Column {named(j)}{counted} is {values[counts.argmax()]:.6g} in {100 * share:.0f} % of the events: a "
                "density of it grows without bound as training goes on."
            )
    for i, j in zip(*np.nonzero(np.triu(_is_copy(x), 1))):
        said.append(
            f"Columns {named(i, j)}{counted} are copies of each other, in other units or not: a density of both grows "
            "without bound as training goes on; leave one out."
        )
    copies = len(x) - len(np.unique(x, axis=0))
    if copies > 0.01 * len(x) and len(set(range(x.shape[1])) - set(wholes) - set(integer_columns)):
        said.append(
            f"{copies} of {len(x)} events are copies of others: where their copies are held out, the likelihood there "
            "is that of events which were trained on."
        )
    return said


def _is_copy(x):
    """Matrix of bools, whether one column is an affine function of another to the digits that it has."""
    eps = np.finfo(x.dtype).eps if x.dtype.kind == "f" else 0.0
    x = x.astype(np.float64)
    x = (x - x.mean(0)) / np.maximum(x.std(0), np.finfo(np.float64).tiny)
    return np.abs(x.T @ x) / len(x) > 1 - max(100 * eps**2, 1e-12)


def _distinct(column):
    return len(np.unique(column))
