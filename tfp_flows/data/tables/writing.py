"""A table into a file, part by part: Parquet, or text in the dialect that the data have."""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Iterator

import numpy as np

from tfp_flows.data.tables.schema import Schema

ENDINGS = (".csv", ".tsv", ".parquet")


def is_table(path: str | os.PathLike) -> bool:
    """Whether a path is called as what is written here."""
    return str(path).lower().endswith(ENDINGS)


@contextlib.contextmanager
def writer(path: str | os.PathLike, schema: Schema | None = None) -> Iterator:
    """A function that writes one `pa.Table` after the other, all of the same columns.

    Args:
        path: str or path, which ends in .csv, .tsv or .parquet.
        schema: `Schema`, whose dialect, words and dates text is written in; None for commas and points.

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
            yield _text(file, schema, str(path).lower().endswith(".tsv"))


def _parquet(path, stack):
    from pyarrow import parquet

    made = []

    def write(table):
        if not made:
            made.append(stack.enter_context(parquet.ParquetWriter(path, table.schema)))
        made[0].write_table(table)

    return write


def _text(file, schema, is_tsv):
    from pyarrow import csv as arrow_csv

    delimiter = schema.dialect.delimiter if schema is not None else ","
    delimiter = "\t" if is_tsv else delimiter
    decimal = schema.dialect.decimal if schema is not None else "."
    kinds = {} if schema is None else {column.name: column.kind for column in schema.columns}
    if decimal == delimiter:
        delimiter = ";"
    begun = []

    def write(table):
        import pyarrow as pa

        if not begun:
            begun.append(True)
            if schema is None or schema.has_titles:
                file.write(_line(table.column_names, delimiter).encode())
        columns = [_strings(table.column(j), kinds.get(name), decimal) for j, name in enumerate(table.column_names)]
        options = arrow_csv.WriteOptions(include_header=False, delimiter=delimiter, quoting_style="needed")
        plain = pa.Table.from_arrays(columns, names=[str(j) for j in range(len(columns))])
        if any(_wants_quotes(column, delimiter) for column in columns):
            arrow_csv.write_csv(plain, file, options)
        else:
            # Quotes around strings that need none are not as the data had them.
            options = arrow_csv.WriteOptions(include_header=False, delimiter=delimiter, quoting_style="none")
            arrow_csv.write_csv(plain, file, options)

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


def _wants_quotes(column, delimiter):
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return False
    signs = '["\r\n' + ("\\t" if delimiter == "\t" else f"\\{delimiter}") + "]"
    return bool(pc.any(pc.match_substring_regex(column, signs)).as_py())


def _line(cells, delimiter):
    class Line:
        def write(self, text):
            self.text = text

    line = Line()
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(list(map(str, np.asarray(cells, object))))
    return line.text
