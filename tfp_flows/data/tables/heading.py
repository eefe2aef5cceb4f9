"""Where a table of text begins: its titles, its units, and the numbers below them.

Which of the first lines holds titles `tfp_flows.data.titles` decides; in doubt the user is asked.
"""

import re

import numpy as np

from tfp_flows.data import cells, titles

# As they stand in a column of dates, which are no titles.
DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[T ].*)?|\d{4}/\d{1,2}/\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{4}")


def find(lines, header, left_out, path):
    """Whether the first line holds titles, and how many lines the titles and units take.

    Args:
        lines: list of (number, str), the first that count, in canonical form (see `Dialect.canonical`).
        header: bool, what is said of it, or None.
        left_out: list of ints, columns from 1, or from -1 backwards, which say nothing of it.
        path: the file's name, for errors.

    Returns:
        list of str, the titles, or None; and an int, 0, 1 or 2.

    Raises:
        ValueError: where the line may be titles as well as numbers, or nothing stands below it.
    """
    if header is None:
        header = _has_titles(_without(lines, left_out, path), path)
    below = _num_above(lines) if header and lines else 0
    if len(lines) <= below:
        raise ValueError(f"Expected at least one line of numbers in {path}; got none.")
    return (cells.split(lines[0][1]) if header else None), below


def _num_above(lines):
    """1, or 2 with a line of units: words, empty cells and -, with numbers in the next."""
    (_, top), *below = lines
    if len(below) < 2:
        return 1
    units, after = (cells.split(line) for _, line in below[:2])
    are_units = (
        len(trim(units)) <= len(cells.split(top))
        and any(map(cells.is_word, units))
        and all(cells.is_unit(cell) for cell in units)
        and any(map(cells.is_number, after))
        # A column of text goes on below its first line.
        and all(not cells.is_word(cell) or DATE.fullmatch(cell) is None for cell in units)
        and not any(cells.is_word(cell) and cells.is_word(other) for cell, other in zip(units, after))
    )
    return 2 if are_units else 1


def _has_titles(lines, path):
    """Whether the first line holds titles; refuses one that nobody can tell."""
    if not lines:
        return True
    first = cells.split(lines[0][1])
    if any(DATE.fullmatch(cell) for cell in first):
        return False
    if titles.is_plain(first):
        return True
    top, below = lines[0], lines[1 : 1 + titles.NUM_LINES]
    rows = [cells.split(line) for _, line in below]
    if not rows:
        return False
    width = max(len(trim(row)) for row in (first, *rows))
    table = np.array([[_number(row[j]) if j < len(row) else np.nan for j in range(width)] for row in rows])
    # Columns of text and dates say nothing of titles that are numbers.
    told = ~np.isnan(table).all(0)
    table = table[:, told]
    full = np.isfinite(table).all(1)
    if not told.any() or not full.any():
        return False
    of = lambda line: ",".join(_column(line, told))
    found = titles.judge(of(top[1]), [of(line) for (_, line), is_full in zip(below, full) if is_full], table[full])
    if found is None:
        raise ValueError(
            f"Expected either titles or numbers in the first line of {path}; got what may be both, "
            f"{first[0]!r} in line {top[0]}, column 1 (header=True takes the line as titles, "
            "header=False as an event)."
        )
    return found


def _column(line, told):
    """The cells of some columns as they are written, in quotes where they are."""
    raw = re.findall(r'(?:^|,)([ ]*"(?:[^"]|"")*"[ ]*|[^,]*)', line)
    return [cell for cell, is_told in zip(raw, told) if is_told]


def _number(cell):
    return float(cell) if cells.is_number(cell) else np.nan


def _without(lines, left_out, path):
    """The first lines without some columns."""
    if not left_out:
        return lines
    rows = [(number, cells.split(line)) for number, line in lines[: 1 + titles.NUM_LINES]]
    width = len(rows[0][1]) if rows else 0
    gone = {j - 1 if j > 0 else width + j for j in left_out}
    if width == 1:
        raise ValueError(f"Expected a column of numbers beside the labels in {path}; got none.")
    kept = [(number, [cell for j, cell in enumerate(row) if j not in gone]) for number, row in rows]
    return [(number, ",".join(f'"{cell}"' if "," in cell else cell for cell in row)) for number, row in kept]


def trim(row):
    """Cells without the empty ones at the end."""
    while row and not row[-1]:
        row = row[:-1]
    return row
