"""Numbers from comma-separated text, one event a line; what is wrong in it is named by line and column.

Left out are blank lines, comments (lines that begin with #, % or //), Excel's line `sep=,`, titles and one line of
units below them, commas at the ends of lines with no column under them, and a first column without a title that numbers
the lines, as pandas and R write it.
"""

import re

import numpy as np

from tfp_flows.data import cells, label_column, titles

_COMMENTS = ("#", "%", "//")


def read(file, path, header=None, label=None):
    r"""Reads a table of numbers.

    Args:
        file: binary file, open for reading: UTF-8, comma-separated.
        path: its name, for errors.
        header: bool, whether the first line that is neither blank nor a comment holds titles; None to tell by what it
            holds, see `titles`.
        label: str or int, the title or the number (from 1) of the column that holds the labels; None for none.

    Returns:
        array (num_lines, num_columns): the smallest integer type that holds them where all numbers are written as
        integers, float64 otherwise; and the labels, see `tfp_flows.data.label_column`, or None.

    Raises:
        ValueError: naming the file, and the line and column (both from 1) where there are such; also where the first
            line may be titles as well as numbers.

    Example:
        >>> import io
        >>> from tfp_flows.data import table
        >>> table.read(io.BytesIO(b"# rain\n2019,2020\nmm,mm\n3.5,1\n4,0.25\n"), "rain.csv", header=True)[0].tolist()
        [[3.5, 1.0], [4.0, 0.25]]
    """
    if header not in (None, True, False):
        raise ValueError(f"Expected header to be True, False or None; got {header!r}.")
    lines = _lines(file, path)
    if header is None:
        # Labels by a title need titles; those by a number are left out of what may be titles or numbers.
        header = isinstance(label, str) or _has_titles(_without_cell(lines, label, path), path)
    top, below = (lines[0], _without_units(lines)) if header and lines else (None, lines)
    if not below:
        raise ValueError(f"Expected at least one line of numbers in {path}; got none.")
    labels = None
    if label is not None:
        titled = None if top is None else cells.split(top[1])
        labels, below, column = label_column.take(below, titled, label, path)
    table, rows = _numbers(top, below, path)
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        raise ValueError(
            f"Expected finite numbers in {path}; got {table[row, column]} in line {below[row][0]}, column {column + 1}."
        )
    if label is not None:
        table = np.delete(table, column, axis=1)
        if not table.shape[1]:
            raise ValueError(f"Expected a column of numbers beside the labels in {path}; got none.")
    if top is not None:
        titled = [title for i, title in enumerate(cells.split(top[1])) if label is None or i != column]
        table = _without_index(titled, top[0], table, path)
    low, high = table.min(), table.max()
    # Beyond 2^53 a float64 has skipped integers.
    if any(re.search("[.eE]", row) for row in rows) or max(-low, high) >= 2**53:
        return table, labels
    return table.astype(np.promote_types(np.min_scalar_type(int(low)), np.min_scalar_type(int(high)))), labels


def _lines(file, path):
    """The lines that count, with their numbers."""
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"Expected {path} to be UTF-8 text; got other bytes at offset {error.start}.") from error
    lines = [(number, line.strip()) for number, line in enumerate(re.split("\r\n|\r|\n", text), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith(_COMMENTS)]
    separator = re.fullmatch('"?sep=(.?)"?', lines[0][1]) if lines else None
    if separator is None:
        return lines
    if separator[1] != ",":
        raise ValueError(
            f"Expected columns separated by commas in {path}; got {separator[0]!r} in line {lines[0][0]}, column 1."
        )
    return lines[1:]


def _has_titles(lines, path):
    """Whether the first line holds titles; refuses one that nobody can tell."""
    if not lines or titles.is_plain(cells.split(lines[0][1])):
        return True
    top, below = lines[0], lines[1 : 1 + titles.NUM_LINES]
    if not below:
        return False
    table, _ = _numbers(top, below, path)
    if not np.isfinite(table).all():
        return False  # refused with the rest of the table
    found = titles.judge(top[1], [line for _, line in below], table)
    if found is None:
        raise ValueError(
            f"Expected either titles or numbers in the first line of {path}; got what may be both, "
            f"{cells.split(top[1])[0]!r} in line {top[0]}, column 1 (header=True takes the line as titles, "
            "header=False as an event)."
        )
    return found


def _without_units(lines):
    """The lines below the titles, and below one line of units: words, empty cells and -, with numbers in the next."""
    (_, top), *below = lines
    if len(below) < 2:
        return below
    units, after = (cells.split(line) for _, line in below[:2])
    are_units = (
        len(_trim(units)) <= len(cells.split(top))
        and any(map(cells.is_word, units))
        and all(cells.is_unit(cell) for cell in units)
        and any(map(cells.is_number, after))
    )
    return below[1:] if are_units else below


def _without_cell(lines, label, path):
    """The first lines without a column, by its number from 1, or from -1 backwards; with all of them for None."""
    if label is None:
        return lines
    rows = [(number, cells.split(line)) for number, line in lines[: 1 + titles.NUM_LINES]]
    width = len(rows[0][1]) if rows else 0
    place = label_column.find(None, width, label, path)
    if width == 1:
        raise ValueError(f"Expected a column of numbers beside the labels in {path}; got none.")
    kept = [(number, row[:place] + row[place + 1 :]) for number, row in rows]
    return [(number, ",".join(f'"{cell}"' if "," in cell else cell for cell in row)) for number, row in kept]


def _without_index(titled, number, table, path):
    """The table without first columns that have no title and number the lines."""
    for column, title in enumerate(titled):
        if table.shape[1] < 2 or not titles.UNTITLED.fullmatch(title):
            break
        if not titles.counts(table[:, 0]):
            raise ValueError(
                f"Expected a title above column {column + 1} of {path}, or lines that it numbers from 0 or 1; got "
                f"{title!r} in line {number}, column {column + 1}."
            )
        table = table[:, 1:]
    return table


def _numbers(top, below, path):
    """The numbers of the lines, with NaN and infinities, and the lines as plain text."""
    rows = [_plain(line) for _, line in below]
    widths = {row.count(",") + 1 for row in rows}
    if top is not None:
        # Titles may be empty, and end in a comma more than there are columns.
        titled = cells.split(top[1])
        widths.add(max(len(_trim(titled)), min(len(titled), max(widths))))
    try:
        if len(widths) == 1 and "" not in rows:
            return np.loadtxt(rows, delimiter=",", comments=None, ndmin=2), rows
    except ValueError as error:
        raise ValueError(_locate(top, below, path) or f"Expected numbers in {path}; got: {error}.") from error
    raise ValueError(_locate(top, below, path))


def _plain(line):
    """A line without quotes around its numbers and without commas at its end."""
    if '"' not in line:
        return line.rstrip(", \t")
    found = _trim(cells.split(line))
    return ",".join(found) if all(map(cells.is_number, found)) else line


def _trim(found):
    """Cells without the empty ones at the end."""
    while found and not found[-1]:
        found = found[:-1]
    return found


def _locate(top, below, path):
    """The sentence for the first line or cell that is wrong."""
    table = [(number, cells.split(line)) for number, line in below]
    first = cells.split((top or below[0])[1])
    width = min(len(first), max(len(_trim(found)) for found in (first, *(found for _, found in table))))
    for number, found in table:
        found = found[:width] + _trim(found[width:])
        if len(found) != width and not any(map(cells.is_run, found)):
            return f"Expected {width} columns in every line of {path}; got {len(found)} in line {number}."
        for column, cell in enumerate(found, 1):
            if not cells.is_number(cell):
                hint = " (header=True takes the line as titles)" if top is None and number == below[0][0] else ""
                if all(len(row) >= column and cells.is_word(row[column - 1]) for _, row in table):
                    hint = f" (label={column} takes the column as labels)"
                return (
                    f"Expected numbers in {path}; got {cells.describe(cell)} in line {number}, column {column}{hint}."
                )
    return None
