"""A table into a file, part by part: Parquet, or text in the dialect that the data have."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Iterator

from tfp_flows.data.tables.dialect import Dialect
from tfp_flows.data.tables.schema import Schema

ENDINGS = (".csv", ".tsv", ".parquet")


def is_table(path: str | os.PathLike) -> bool:
    """Whether a path is called as what is written here."""
    return str(path).lower().endswith(ENDINGS)


@contextlib.contextmanager
def writer(
    path: str | os.PathLike,
    dialect: Dialect = Dialect(),
    has_titles: bool = True,
    schema: Schema | None = None,
) -> Iterator:
    """A function that writes one `pa.Table` after the other, all of the same columns.

    Args:
        path: str or path, which ends in .csv, .tsv or .parquet.
        dialect: `Dialect`, that text is written in.
        has_titles: bool, whether text begins with the titles.
        schema: `Schema`, whose words and dates text is written with, or None.

    Example:
        >>> import pyarrow as pa
        >>> from tfp_flows.data.tables import writing
        >>> with writing.writer("pairs.csv") as write:
        ...     write(pa.table({"x": [0.5, 1.25], "y": ["a", "b"]}))
        >>> open("pairs.csv").read()
        'x,y\\n0.5,a\\n1.25,b\\n'
    """
    if str(path).lower().endswith(".parquet"):
        with contextlib.ExitStack() as stack:
            yield _parquet(path, stack)
    else:
        with open(path, "wb") as file:
            delimiter = "\t" if str(path).lower().endswith(".tsv") else dialect.delimiter
            kinds = {} if schema is None else {column.name: column.kind for column in schema.columns}
            yield _text(file, delimiter, dialect.decimal, has_titles, kinds)


def _parquet(path, stack):
    from pyarrow import parquet

    made = []

    def write(table):
        if not made:
            made.append(stack.enter_context(parquet.ParquetWriter(path, table.schema)))
        made[0].write_table(table)

    return write


def _text(file, delimiter, decimal, has_titles, kinds):
    begun = []

    def write(table):
        import pyarrow.compute as pc

        if not begun:
            begun.append(True)
            if has_titles:
                file.write(_line(table.column_names, delimiter).encode())
        columns = [_strings(table.column(j), kinds.get(name), decimal) for j, name in enumerate(table.column_names)]
        # Quotes around cells that need none are not as the data had them, and Arrow's own writer puts them around all.
        lines = pc.binary_join_element_wise(*(_quoted(column, delimiter) for column in columns), delimiter)
        for part in lines.chunks:
            file.write("".join(f"{line}\n" for line in part.to_pylist()).encode())

    return write


def _strings(column, kind, decimal):
    """A column as text has it, where that is not what Arrow writes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(column.type) and kind is not None and kind.words is not None:
        return pc.if_else(column, kind.words[1], kind.words[0])
    if pa.types.is_date(column.type) and kind is not None and kind.format not in (None, "%Y-%m-%d"):
        return pc.strftime(column, format=kind.format)
    if pa.types.is_timestamp(column.type) and kind is not None:
        return pc.replace_substring(pc.cast(pc.cast(column, pa.timestamp("s")), pa.string()), "T", " ")
    if pa.types.is_floating(column.type):
        text = pc.cast(column, pa.string())
        return text if decimal == "." else pc.replace_substring(text, ".", decimal)
    return column


def _quoted(column, delimiter):
    """A column as strings, in quotes where a cell holds a quote, a delimiter or the end of a line; gaps are empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.fill_null(pc.cast(column, pa.string()), "")
    sign = "\\t" if delimiter == "\t" else f"\\{delimiter}"
    wants = pc.match_substring_regex(text, f'["\\r\\n{sign}]')
    if not pc.any(wants).as_py():
        return text
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
    return pc.if_else(wants, quoted, text)


def _line(cells, delimiter):
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return line.getvalue()
