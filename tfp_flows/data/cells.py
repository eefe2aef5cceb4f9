"""The cells of a line of comma-separated text, and what each of them is: a number, a gap or a word."""

import csv
import re

# ASCII only, and neither 1_000 nor 0x10, which Python takes too: a number is what every program reads alike.
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
# What programs write where a number is missing, or is none.
_GAP = re.compile(r"(?:[+-]?(?:nan|inf(?:inity)?)|null|none|n/a|\?|-|)", re.IGNORECASE)
# Numbers with another sign than a comma between them.
_RUN = re.compile(rf"{NUMBER.pattern}(?:\s*[;|\t ]\s*{NUMBER.pattern})+")


def split(line):
    """The cells of one line, without the blanks and the quotes around them.

    Example:
        >>> from tfp_flows.data import cells
        >>> cells.split('"1,5", 2,,x y')
        ['1,5', '2', '', 'x y']
    """
    try:
        return [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True, strict=True))]
    except csv.Error:  # quotes that do not fit: left as they are, they are no numbers
        return [cell.strip() for cell in line.split(",")]


def is_number(cell):
    """Whether a cell is a finite number, written with a point or none."""
    return NUMBER.fullmatch(cell) is not None


def is_gap(cell):
    """Whether a cell is empty, not finite, or says that a number is missing."""
    return cell == "NA" or _GAP.fullmatch(cell) is not None  # Na is sodium


def is_word(cell):
    """Whether a cell is neither, as titles and units are."""
    return not is_number(cell) and not is_gap(cell)


def is_unit(cell):
    """Whether a cell may stand in a line of units: a word, or what says that there is none."""
    return is_word(cell) or cell in ("", "-")


def is_run(cell):
    """Whether a cell holds several numbers, with semicolons, bars, tabs or blanks between them."""
    return _RUN.fullmatch(cell) is not None


def describe(cell):
    """A cell as an error shows it."""
    return f"{cell!r} (columns are separated by commas)" if is_run(cell) else repr(cell)
