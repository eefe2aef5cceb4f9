"""Whether the first line of a table holds the titles of its columns, which may be numbers themselves: 2019, 2020, 2021.

A line with a word and no number is titles. One with numbers is held against the lines below it:

    titles    its numbers are quoted and theirs are not; or whole, and up or down by one constant step, and either years
              above what is no years, or far beyond what stands below each of them; or 0, 1, 2, ..., 7 or more, as
              pandas numbers columns that have no names; or a corner is left empty above a column that numbers the lines
    unsure    it is like titles in part: whole numbers far beyond; a constant step over three columns or more; years
              that follow each other; 0 or 0, 1; no decimal point where a column has one in every other line, or one
              where no line has
    numbers   none of it, or the columns go on as they begin

Far is farther than the column is wide, and than 20 / n times that for n < 20 lines: of n draws from one density the
first lies there ever more seldom. In doubt the user is asked: a title among the events is as wrong as an event lost.
"""

import re

import numpy as np

from tfp_flows.data import cells

# How many lines below are looked at.
NUM_LINES = 1000
# What stands above a column that has no title, the second where pandas wrote again what it had read.
UNTITLED = re.compile(r"|Unnamed: \d+(\.\d+)?")
# So many lines are enough to say how far their columns reach.
_NUM_FAR = 20
# From so many columns on 0, 1, 2, ... is no event.
_NUM_RANGE = 8
_YEARS = (1800, 2200)


def is_plain(first):
    """Whether a line's cells are titles whatever stands below them: words and gaps, with no number.

    Example:
        >>> from tfp_flows.data import titles
        >>> titles.is_plain(["mass", "nan", ""]), titles.is_plain(["nan"]), titles.is_plain(["mass", "2019"])
        (True, False, False)
    """
    return any(map(cells.is_word, first)) and not any(cells.is_number(c) or cells.is_run(c) for c in first)


def judge(line, below, table):
    """True for titles, False for numbers, None where nobody can tell.

    Args:
        line: str, the first line.
        below: list of str, lines below it, NUM_LINES or all.
        table: float array (len(below), num_columns), their numbers.

    Returns:
        bool or None.

    Example:
        >>> import numpy as np
        >>> from tfp_flows.data import titles
        >>> below = [f"{k}.5,{k}.25" for k in range(10)]
        >>> table = np.array([[k + 0.5, k + 0.25] for k in range(10)])
        >>> [titles.judge(line, below, table) for line in ("1990,1991", "0,1", "3.5,1")]
        [True, None, False]
    """
    first = cells.split(line)[: table.shape[1]]
    lines = [cells.split(other) for other in below]
    columns = [i for i, cell in enumerate(first) if cells.is_number(cell)]
    words = [i for i, cell in enumerate(first) if cells.is_word(cell)]
    if _are_quoted(line, below, columns or range(len(first))) or (first[0] == "" and counts(table[:, 0])):
        return True
    if not columns:
        return None  # nan alone: a title as pandas writes it, or an event without numbers
    x, table = np.array([float(first[i]) for i in columns]), table[:, columns]
    if len(table) > 1 and np.array_equal(table[0] - x, table[1] - table[0]):
        return False  # the columns go on as they begin: 0,1,2 above 3,4,5 and 6,7,8
    steps = np.diff(x)
    is_whole, has_step = (x == np.rint(x)).all(), len(x) > 1 and steps[0] != 0 and np.allclose(steps, steps[0])
    are_years = has_step and is_whole and 1 <= abs(steps[0]) <= 10 and _within(x, _YEARS).all()
    is_far, have_other_points = _is_far(x, table), _have_other_points(first, lines, columns)
    is_range = np.array_equal(x, np.arange(len(x)))
    if (
        (are_years and not _within(table, _YEARS).any())
        or (is_whole and has_step and is_far and (len(x) > 2 or abs(steps[0]) == 1 or have_other_points))
        or (is_range and len(x) >= _NUM_RANGE and not np.array_equal(np.diff(table[0]), steps))
    ):
        return True
    is_like = (is_whole and is_far) or (has_step and len(x) > 2) or are_years or have_other_points or is_range
    if words:
        # Above numbers a word is a title or a broken cell: in front of what is like titles it is one of them.
        return bool(is_like and words == list(range(len(words))))
    return None if is_like else False


def counts(column):
    """Whether a column only numbers its lines, from 0 or 1.

    Args:
        column: float array (num_lines,).
    """
    return column[0] in (0, 1) and np.array_equal(column, column[0] + np.arange(len(column)))


def _within(x, bounds):
    return (bounds[0] <= x) & (x <= bounds[1])


def _is_far(x, table):
    low, high = table.min(0), table.max(0)
    width = np.where(high > low, high - low, np.maximum(np.abs(high), 1))
    return (np.maximum(low - x, x - high) > width * max(1, _NUM_FAR / len(table))).all()


def _have_other_points(first, lines, columns):
    """Whether the line has no decimal point where a column has one in every other line, or has them where none has."""
    has = lambda cell: any(sign in cell for sign in ".eE")
    mine = [has(first[i]) for i in columns]
    theirs = [[has(line[i]) for line in lines] for i in columns]
    return (not any(mine) and any(map(all, theirs))) or (all(mine) and not any(map(any, theirs)))


def _are_quoted(line, below, columns):
    """Whether all of these cells are quoted in the line, and none of them in the lines below."""
    quoted = [[cell.strip().startswith('"') for cell in other.split(",")] for other in (line, *below)]
    mine, *others = quoted
    if len(mine) <= max(columns) or not all(mine[i] for i in columns):
        return False
    return not any(other[i] for other in others for i in columns if i < len(other))
