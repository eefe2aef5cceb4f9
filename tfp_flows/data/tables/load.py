"""A whole table: columns -> events, labels and contexts, with what is known of them.

What cannot be read is refused by its line, its column and the way out.
"""

import warnings

import numpy as np

from tfp_flows.data import titles
from tfp_flows.data.tables import roles as roles_of
from tfp_flows.data.tables import values
from tfp_flows.data.tables.reading import TextTable, TypedTable, is_frame
from tfp_flows.data.tables.schema import CONTEXT, EVENT, LABEL, Column, Schema

# Numbers from it on are no levels: events are then floats.
_MOST_LEVELS = 2**20


def open_table(
    source, *, name=None, header=None, encoding=None, delimiter=None, decimal=None, thousands=None, **columns
):
    """A table that is begun: a `TextTable` or a `TypedTable`, see `load` for the arguments."""
    if is_frame(source) or str(source).lower().endswith(".parquet"):
        given = dict(header=header, encoding=encoding, delimiter=delimiter, decimal=decimal, thousands=thousands)
        told = [option for option, value in given.items() if value is not None]
        if told:
            raise ValueError(f"Expected {told[0]} with a table of text only; got {name or source}.")
        return TypedTable(source, name)
    if header is None and roles_of.has_names(*columns.values()):
        # What is called by its title has titles.
        header = True
    left_out = roles_of.numbers(*(columns.get(option) for option in ("label", "target", "drop")))
    return TextTable(source, header, left_out, encoding, delimiter=delimiter, decimal=decimal, thousands=thousands)


def load(
    source, *, missing=None, na=None, columns=None, drop=None, label=None, target=None, context=None, name=None, **text
):
    """Reads a table.

    Args:
        source: str or path, or a data frame.
        missing: str, "refuse" (as None) or "drop": what becomes of lines with a gap.
        na: str or number, or a list, what is a gap beside what is one anyway: a word or -999.
        columns, drop, label, target, context: see `tfp_flows.data.tables.roles.find`.
        name: str, what it is called in sentences.
        **text: `header`, `encoding`, `delimiter`, `decimal` and `thousands` of text.

    Returns:
        events (n, k), of the smallest integer type that holds them where all are whole and at least 0, else float64;
        labels (n,) or None; contexts (n, m) or None; the `Schema`.

    Raises:
        ValueError: naming the file, the line and the column, and the way out.

    Warns:
        UserWarning: of lines that are left out, and of columns that only number the lines.
    """
    if missing not in (None, "refuse", "drop"):
        raise ValueError(f"Expected missing to be refuse or drop; got {missing!r}.")
    given = dict(columns=columns, drop=drop, label=label, target=target, context=context)
    table = open_table(source, name=name, **text, **given)
    roles = roles_of.find(table, **given)
    parts, lines = _read(table, roles)
    _leave_out_index(table, roles, parts, lines, set(roles_of.numbers(columns, context)))
    kept = _kept(
        table, roles, parts, lines, missing, na if isinstance(na, (list, tuple)) else [] if na is None else [na]
    )
    kinds = {}
    for j, role in roles.items():
        full = parts[j] if kept is None else parts[j].filter(kept)
        kinds[j] = values.kind_of(full, table.dialect)
        if role == roles_of.TARGET:
            roles[j] = role = CONTEXT if kinds[j].name == "real" else LABEL
        if role != LABEL and kinds[j].name == "text":
            _refuse(table, parts[j], j, lines, role, kinds[j], kept)
        parts[j] = full
    made = {role: [] for role in (EVENT, LABEL, CONTEXT)}
    for j, role in roles.items():
        found = parts[j]
        if role == LABEL:
            made[role].append(_labels(found, kinds[j]))
        else:
            made[role].append(values.numbers(found, kinds[j], table.dialect))
            if role == EVENT and kinds[j].name == "integer":
                _say_index(table, j, made[role][-1])
    schema = Schema(
        tuple(
            Column(
                roles_of.name(table, j), role, None if role == LABEL else kinds[j],
                None if table.is_text else str(parts[j].type),
            )
            for j, role in roles.items()
        ),
        table.titles is not None,
        table.dialect,
    )  # fmt: skip
    are_whole = all(kinds[j].name in ("integer", "boolean", "date") for j, role in roles.items() if role == EVENT)
    events = _events(np.stack(made[EVENT], axis=1), are_whole)
    contexts = np.stack(made[CONTEXT], axis=1) if made[CONTEXT] else None
    return events, made[LABEL][0] if made[LABEL] else None, contexts, schema


def _events(events, are_whole):
    low, high = (events.min(), events.max()) if len(events) else (0, 0)
    if not are_whole or low < 0 or high >= _MOST_LEVELS:
        return events
    return events.astype(np.promote_types(np.min_scalar_type(int(low)), np.min_scalar_type(int(high))))


def _read(table, roles):
    """The columns that have a role, whole; and a function from a row to where it is."""
    import pyarrow as pa

    found, begins, where = {j: [] for j in roles}, [0], []
    for batch in table.batches():
        for j, chunks in found.items():
            column = values.plain(batch.columns[j])
            chunks.extend(column.chunks if isinstance(column, pa.ChunkedArray) else [column])
        where.append(batch.line)
        begins.append(begins[-1] + len(batch))
    if not begins[-1]:
        raise ValueError(f"Expected at least one line of numbers in {table.path}; got none.")

    def line(row):
        part = int(np.searchsorted(begins, row, side="right")) - 1
        return where[part](row - begins[part])

    return {j: pa.chunked_array(chunks) for j, chunks in found.items()}, line


def _kept(table, roles, parts, lines, missing, words):
    """Which rows have no gap, a bool array; None where all are without."""
    gaps = {j: _gaps(parts[j], role, table, words) for j, role in roles.items()}
    some = np.any(list(gaps.values()), axis=0)
    if not some.any():
        return None
    row = int(some.argmax())
    column = next(j for j in roles if gaps[j][row])
    cell = parts[column][row].as_py()
    what = f"got {table.describe('' if cell is None else cell)} in {lines(row)}, column {column + 1}"
    name = roles_of.way(table, column)
    if missing != "drop":
        expected = "a label" if roles[column] == LABEL else "numbers"
        count = f"{int(some.sum())} of {len(some)} lines have {'one' if cell is None else 'a gap'}"
        every = " in every line of" if roles[column] == LABEL else " in"
        way = f"drop={name} leaves out the column" if gaps[column].mean() > 0.5 else "missing=drop leaves them out"
        hint = f"{count}: {way}"
        raise ValueError(f"Expected {expected}{every} {table.path}; {what} ({hint}).")
    if some.all():
        most = max(gaps, key=lambda j: gaps[j].sum())
        raise ValueError(
            f"Expected a line without a gap in {table.path}; {what}, and all {len(some)} lines have one: "
            f"drop={roles_of.way(table, most)} leaves out the column with the most."
        )
    by_column = sorted(((int(gap.sum()), j) for j, gap in gaps.items() if gap.any()), reverse=True)
    named = ", ".join(f"{count} in {roles_of.name(table, j)!r}" for count, j in by_column[:5])
    warnings.warn(
        f"{int(some.sum())} of {len(some)} lines of {table.path} have a gap and are left out: {named}.", stacklevel=5
    )
    return ~some


def _gaps(column, role, table, words):
    import pyarrow as pa

    found = values.gaps(column, words)
    if role in (EVENT, CONTEXT) or not pa.types.is_string(column.type):
        return found
    # "none" and "-" may be labels: of text that is no number otherwise only what is empty is missing.
    full = column.filter(~found)
    if len(full) and values.kind_of(full, table.dialect).name in ("integer", "real"):
        return found
    return values.blanks(column, words)


def _refuse(table, column, j, lines, role, kind, kept):
    """The sentence for a column of text, or for the cell that makes a column of numbers text."""
    rows = np.arange(len(column)) if kept is None else np.flatnonzero(kept)
    full = column if kept is None else column.filter(kept)
    if not values.is_text(full.type):
        row, cell, hint = int(rows[0]), str(full.type), ""
    else:
        wanted = values.expected(full, table.dialect)
        row = 0 if wanted.name == "text" or kind.ambiguous else values.first_wrong(full, wanted, table.dialect)
        row = int(rows[row])
        cell = column[row].as_py()
        hint = {"real": "numbers", "text": ""}.get(wanted.name, "dates")
    name, place = roles_of.way(table, j), lines(row)
    if kind.ambiguous:
        ways = "days and months in an order that nobody can tell: write them as 2024-12-31, or drop="
        way = f"{ways}{name} leaves the column out"
    elif values.is_like_number(str(cell)) and table.is_text:
        sign = "," if "," in cell else "." if "." in cell else "'" if "'" in cell else " "
        said = {",": "comma", ".": "point", "'": "apostrophe", " ": "space"}[sign]
        way = f"thousands={said} where that separates thousands"
        way = f"decimal={said} where its {said} is a decimal sign, {way}" if sign in ",." else way
    elif hint:
        way = f"mend the cell, na={cell} takes it for a gap where it is one, drop={name} leaves the column out"
    elif role == CONTEXT:
        way = f"target={name} takes one column of text as classes, drop={name} leaves it out"
    else:
        way = f"drop={name} leaves the column out, target={name} takes it as classes, label={name} too, unlearned"
    if table.is_text and table.titles is None and place == lines(0):
        way = f"header=True takes the line as titles; {way}"
    raise ValueError(
        f"Expected {hint or 'numbers'} in {table.path}; got {table.describe(cell)} in {place}, column {j + 1} ({way})."
    )


def _leave_out_index(table, roles, parts, lines, told):
    """Leaves out first columns that have no title and number the lines, as pandas and R write them."""
    if table.titles is None:
        return
    for j in range(table.width):
        if not titles.UNTITLED.fullmatch(table.titles[j].strip()) or j + 1 in told:
            return
        if j not in roles or roles[j] != EVENT:
            continue
        if list(roles.values()).count(EVENT) < 2:
            return
        found = None if values.gaps(parts[j]).any() else values.numbers(parts[j], values.Kind("real"), table.dialect)
        if found is None or not titles.counts(found):
            number = j + 1
            raise ValueError(
                f"Expected a title above column {number} of {table.path}, or lines that it numbers from 0 or 1; got "
                f"{table.titles[j]!r} above {parts[j][0].as_py()!r} in {lines(0)}, column {number} (drop={number} "
                f"leaves the column out, columns= with its number {number} keeps it)."
            )
        del roles[j], parts[j]


def _say_index(table, j, found):
    """Warns of a column that numbers the lines, in whatever order."""
    if len(found) < 20 or found.max() - found.min() != len(found) - 1 or len(np.unique(found)) != len(found):
        return
    warnings.warn(
        f"Column {roles_of.name(table, j)!r} of {table.path} numbers the lines, {found.min():.0f} to "
        f"{found.max():.0f}, each once: an index is nothing to learn; drop={roles_of.way(table, j)} leaves it out.",
        stacklevel=4,
    )


def _labels(column, kind):
    """Labels as what they are written as: integers, floats, booleans or text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not values.is_text(column.type):
        if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
            return np.array(pc.cast(column, pa.string()).to_pylist())
        return column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    # Numbers that begin with a 0, such as postal codes, are text: as numbers they would not be what was written.
    is_code = pc.any(pc.match_substring_regex(column, r"^[+-]?0\d+$")).as_py()
    if not is_code and pc.all(pc.match_substring_regex(column, r"^[+-]?(0|[1-9]\d*)$")).as_py():
        # As Python has them: too large ones are refused where labels are.
        return np.array([int(text) for text in column.to_pylist()], object)
    if not is_code and kind.name in ("real", "integer"):
        return np.array([float(text) for text in column.to_pylist()])
    return np.array(column.to_pylist())
