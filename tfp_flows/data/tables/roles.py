"""Which columns of a table are events, labels and contexts, and which are left out."""

from tfp_flows.data import titles
from tfp_flows.data.tables.schema import CONTEXT, EVENT, LABEL
from tfp_flows.options import did_you_mean

# The role of `target`, until it is known what it holds.
TARGET = "target"


def numbers(*options):
    """Of what names columns, the numbers of those that are given by number and are no events: list of ints."""
    flat = [part for option in options for part in _list(option)]
    return [part for part in flat if isinstance(part, int) and not isinstance(part, bool)]


def has_names(*options):
    """Whether a column is given by its title, which there must be then."""
    return any(isinstance(part, str) for option in options for part in _list(option))


def find(table, *, columns=None, drop=None, label=None, target=None, context=None):
    """The role of each column.

    Args:
        table: `TextTable` or `TypedTable`.
        columns: titles or numbers (from 1, or from -1 backwards) of the columns to keep; None for all.
        drop: those to leave out.
        label: that of the labels.
        target: that of classes, or of a context where it holds reals.
        context: those that the others are given.

    Returns:
        dict from the column, from 0, to its role, in the table's order.

    Raises:
        ValueError: for a column that is not there, comes twice, or where no event is left.
    """
    place = lambda option, value: _place(table, option, value)
    given = {}
    for name, value, role in (("label", label, LABEL), ("target", target, TARGET), ("context", context, CONTEXT)):
        places = [place(name, part) for part in _list(value)]
        if name != "context" and len(places) > 1:
            raise ValueError(f"Expected one column as {name} of {table.path} (context= takes several); got {value!r}.")
        for column in places:
            if column in given:
                raise ValueError(f"Expected a column of {table.path} in one place; got {_said(table, column)} in two.")
            given[column] = role
    if LABEL in given.values() and TARGET in given.values():
        raise ValueError(f"Expected label or target of {table.path}; got both, {label!r} and {target!r}.")
    kept = range(table.width) if columns is None else [place("columns", part) for part in _list(columns)]
    dropped = {place("drop", part) for part in _list(drop)}
    for column in dropped & set(given):
        raise ValueError(f"Expected a column of {table.path} in one place; got {_said(table, column)} in drop too.")
    roles = {j: given.get(j, EVENT) for j in range(table.width) if j in given or (j in kept and j not in dropped)}
    if EVENT not in roles.values():
        raise ValueError(f"Expected a column of numbers beside the labels in {table.path}; got none.")
    return roles


def _list(value):
    if value is None or value is False:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _place(table, option, value):
    """The column that a title or a number means, from 0."""
    names = [title.strip() for title in table.titles or ()]
    if names.count(str(value)) == 1:
        return names.index(str(value))
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number or not 1 <= abs(value) <= table.width:
        shown = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
        known = f"one of the titles {shown}, or " if names else ""
        twice = " (which comes twice: its number says which)" if names.count(str(value)) > 1 else ""
        parts = [part.strip() for part in str(value).split(",")]
        if len(parts) > 1 and set(parts) <= set(names):
            near = f" (several are a list: {parts!r})"
        else:
            near = did_you_mean(str(value), [name for name in names if name]) if not twice else ""
        raise ValueError(
            f"Expected {option} to be {known}a column's number, 1..{table.width}, in {table.path}; "
            f"got {value!r}{near}{twice}."
        )
    return value - 1 if value > 0 else table.width + value


def name(table, column):
    """What a column, from 0, is called: its title where that is one of its own, else its number."""
    title = "" if table.titles is None else table.titles[column].strip()
    return f"column {column + 1}" if not title or titles.UNTITLED.fullmatch(title) else title


def way(table, column):
    """How an option names a column: by its title where there is just one such, else by its number."""
    title = "" if table.titles is None else table.titles[column].strip()
    return title if title and table.titles.count(title) == 1 and "," not in title else str(column + 1)


def _said(table, column):
    return repr(name(table, column))
