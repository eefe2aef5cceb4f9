"""Numbers from comma-separated text, one event a line; what is wrong in it is named by line and column."""

import csv
import re

import numpy as np


def read(file, path):
    """Reads a table of numbers.

    Args:
        file: binary file, open for reading: UTF-8, comma-separated, with or without a header line.
        path: its name, for errors.

    Returns:
        array (num_lines, num_columns): the smallest integer type that holds them where all numbers are written as
        integers, float64 otherwise.

    Raises:
        ValueError: naming the file, and the line and column (both from 1) where there are such.
    """
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"Expected {path} to be UTF-8 text; got other bytes at offset {error.start}.") from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if lines and not any(_is_number(field) for field in _fields(lines[0][1])):
        del lines[0]  # a header
    if not lines:
        raise ValueError(f"Expected at least one line of numbers in {path}; got none.")
    rows = [line for _, line in lines]
    try:
        table = np.loadtxt(rows, delimiter=",", comments=None, quotechar='"', ndmin=2)
    except ValueError as error:
        raise ValueError(_locate(lines, path) or f"Expected numbers in {path}; got: {error}.") from error
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        raise ValueError(
            f"Expected finite numbers in {path}; got {table[row, column]} in line {lines[row][0]}, column {column + 1}."
        )
    low, high = table.min(), table.max()
    # Beyond 2^53 a float64 has skipped integers.
    if any(re.search("[.eE]", row) for row in rows) or max(-low, high) >= 2**53:
        return table
    return table.astype(np.promote_types(np.min_scalar_type(int(low)), np.min_scalar_type(int(high))))


def _fields(line):
    return next(csv.reader([line]))


def _is_number(field):
    try:
        float(field)
    except ValueError:
        return False
    return True


def _locate(lines, path):
    """The sentence for the first line or field that is wrong."""
    num_columns = len(_fields(lines[0][1]))
    for number, line in lines:
        fields = _fields(line)
        if len(fields) != num_columns:
            return f"Expected {num_columns} columns in every line of {path}; got {len(fields)} in line {number}."
        for column, field in enumerate(fields, 1):
            if not _is_number(field):
                return f"Expected numbers in {path}; got {field.strip()!r} in line {number}, column {column}."
    return None
