"""Columns that a floating dtype cannot hold: their values lie closer together than its steps there.

Dates as numbers, coordinates, identifiers: rounded to float32 such a column has a few values only, samples of it
collapse, and the likelihood of what is left looks better than the truth.
"""

import numpy as np

# A step of the dtype, as a share of the width that a tenth of the data takes up around it: a column a thousand standard
# deviations from 0 has 5e-4 in float32, whose rounding no density notices.
LARGEST_STEP = 1e-3
# Whole numbers below it keep 4 bits for their noise in float32; beyond 2^49 float64 has no more either.
MOST_LEVELS = {"float32": 2**20, "float64": 2**49}
_MOST_ROWS = 20_000


def check(values, dtype, what="x", names=None):
    """Refuses a column that a floating dtype cannot tell apart the values of.

    Args:
        values: array (n, columns), or (n, height, width, channels), whose channels are the columns.
        dtype: of NumPy, what they are to be held in; values that come in a coarser one are held to that.
        what: str, how the error names the values.
        names: list of str, of the columns, or None.

    Raises:
        ValueError: naming the column, by its number from 0 where it has no name, and the way out.

    Example:
        >>> import numpy as np
        >>> from tfp_flows.data import precision
        >>> dates = 1.7e9 + 3600 * np.random.default_rng(0).random((500, 1))
        >>> precision.check(dates, "float64")
    """
    values = np.asarray(values)
    dtype = np.dtype(dtype)
    if values.dtype.kind == "f":
        dtype = min(dtype, values.dtype, key=lambda kind: kind.itemsize)
    if values.ndim < 2:
        values = values[:, np.newaxis]
    columns = values.reshape(-1, values.shape[-1])
    columns = columns[:: -(-len(columns) // _MOST_ROWS)]
    if len(columns) < 2:
        return
    ordered = np.sort(columns.astype(np.float64), axis=0)
    tenth = max(1, len(ordered) // 20)
    widths = ordered[2 * tenth :] - ordered[: -2 * tenth] if len(ordered) > 2 * tenth else ordered[-1:] - ordered[:1]
    middles = ordered[tenth:-tenth] if len(ordered) > 2 * tenth else ordered[:1]
    with np.errstate(all="ignore"):
        steps = np.spacing(np.abs(middles).astype(dtype)).astype(np.float64)
        # Where a tenth of the data are one value there is no width to compare with.
        shares = np.where(widths > 0, steps / widths, np.nan)
    for j, share in enumerate(shares.T):
        share = share[np.isfinite(share)]
        if len(share) and np.median(share) > LARGEST_STEP:
            where = np.median(ordered[:, j])
            spread = np.subtract(*np.quantile(ordered[:, j], [0.75, 0.25]))
            offset = "subtract an offset"
            way_out = f"{offset}, or give model and data dtype='float64'" if dtype != np.float64 else offset
            named = f"{j} (from 0)" if names is None else repr(names[j])
            raise ValueError(
                f"Expected columns that {dtype} can hold in {what}; got column {named}, around {where:.6g}, where "
                f"{dtype} has steps of {np.spacing(np.abs(where).astype(dtype)):.3g} and half of the values lie within "
                f"{spread:.3g}: {way_out}."
            )


def check_levels(num_bins, dtype, x=None):
    """Refuses more levels of integer data than a floating dtype has digits for, with noise between them.

    Args:
        num_bins: int.
        dtype: str, "float32" or "float64".
        x: array (n, ..., columns) of the integers, where they are at hand.

    Raises:
        ValueError: naming the column, where x is given, and the way out.

    Example:
        >>> from tfp_flows.data import precision
        >>> precision.check_levels(2**21, "float64")
    """
    most = MOST_LEVELS[dtype]
    if num_bins > most:
        way_out = "give dtype='float64', or " if dtype == "float32" else ""
        raise ValueError(
            f"Expected at most {most} levels in {dtype}, which has no digits beyond for the noise between integers; "
            f"got num_bins={num_bins}{_largest(x)}: {way_out}take such counts as continuous "
            "data, their logarithm for example."
        )


def _largest(x):
    if x is None or np.ndim(x) < 2:
        return ""
    highest = np.asarray(x).reshape(-1, np.shape(x)[-1]).max(0)
    return f", for column {highest.argmax()} (from 0) goes up to {highest.max()}"
