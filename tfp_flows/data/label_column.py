"""The column of a .csv that holds the labels: found by its title or number, and taken out of the numbers."""

import csv
import io
import re

import numpy as np

_INTEGER = re.compile(r"[+-]?(0|[1-9]\d*)")
# What tables write in a column of numbers where there is none.
_MISSING = {"", "na", "n/a", "nan", "null", "none", "nil", "?", "-", "."}


def take(lines, header, label, path):
    """Takes the labels out of lines of text.

    Args:
        lines: list of (number, text) pairs, without the header.
        header: list of str, the columns' titles; None where there is no header.
        label: str, the title of a column, or int, its number from 1, or from -1 backwards.
        path: the file's name, for errors.

    Returns:
        array (num_lines,) of integers where all are written so, of float64 where all are numbers, else of text; and the
        lines with a 0 in the place of each label; and the column, from 0.

    Raises:
        ValueError: where there is no such column, or a line has no label, naming the line.

    Example:
        >>> from tfp_flows.data import label_column
        >>> label_column.take([(2, "0.5,cat"), (3, "1.5,dog")], ["size", "kind"], "kind", "pets.csv")
        (array(['cat', 'dog'], dtype='<U3'), [(2, '0.5,0'), (3, '1.5,0')], 1)
    """
    rows = [next(csv.reader([line])) for _, line in lines]
    column = find(header, len(rows[0]) if rows else 0, label, path)
    texts, rest = [], []
    for (number, line), row in zip(lines, rows):
        text = row[column].strip() if len(row) > column else ""
        if not text:
            raise ValueError(
                f"Expected a label in every line of {path}; got an empty one in line {number}, column {column + 1}."
            )
        texts.append(text)
        rest.append((number, _line([*row[:column], "0", *row[column + 1 :]])))
    return _typed(texts, lines, column, path), rest, column


def find(header, num_columns, label, path):
    """The column's number, from 0."""
    titles = [title.strip() for title in header or ()]
    if titles.count(str(label)) == 1:
        return titles.index(str(label))
    number = label if isinstance(label, int) and not isinstance(label, bool) else None
    if number is None or not 1 <= abs(number) <= num_columns:
        known = f"one of the titles {', '.join(titles)}, or " if titles else ""
        raise ValueError(f"Expected label to be {known}a column's number, 1..{num_columns}, in {path}; got {label!r}.")
    return number - 1 if number > 0 else num_columns + number


def _typed(texts, lines, column, path):
    """The labels as what they are written as."""
    # Numbers that begin with a 0, such as postal codes, are text: as numbers they would not be what was written.
    is_code = any(re.fullmatch(r"[+-]?0\d+", text) for text in texts)
    if all(map(_INTEGER.fullmatch, texts)):
        # As Python has them: too large ones are refused where labels are.
        return np.array([int(text) for text in texts], object)
    others = [i for i, text in enumerate(texts) if not _is_number(text)]
    if others and {texts[i].lower() for i in others} <= _MISSING and len(others) < len(texts):
        raise ValueError(
            f"Expected a label in every line of {path}; got {texts[others[0]]!r} in line {lines[others[0]][0]}, column "
            f"{column + 1}."
        )
    return np.array(texts) if others or is_code else np.array(texts, np.float64)


def _is_number(text):
    try:
        return not np.isnan(float(text))
    except ValueError:
        return False


def _line(fields):
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)
    return text.getvalue()
