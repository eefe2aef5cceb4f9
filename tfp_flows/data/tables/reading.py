"""A table as batches of columns, each row with the line that it stands in: of text, of Parquet, or of a data frame.

Columns of text come as strings, as they are written; what they hold `tfp_flows.data.tables.values` finds out. A million
lines take seconds, for pyarrow cuts them; what it makes nothing of, comments and commas at the end of some lines, is
cut line by line.
"""

import csv
import io
import itertools
import re

from tfp_flows.data import cells
from tfp_flows.data.tables import dialect as dialects
from tfp_flows.data.tables import heading, text

ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
# Rows of a batch of what is no text.
_ROWS = 1 << 17


def is_table(path):
    """Whether a path is called as a table is."""
    return str(path).lower().endswith(ENDINGS)


def is_frame(value):
    """Whether a value is a data frame: of pandas, polars, pyarrow or what else has the interchange protocol."""
    return hasattr(value, "__dataframe__") or (hasattr(value, "columns") and hasattr(value, "to_numpy"))


class Batch:
    """Some rows.

    Attributes:
        columns: list of `pa.Array` or `pa.ChunkedArray`, strings where the table is text.
        line: function from a row of them, from 0, to where it is: "line 7", or "row 6".
    """

    def __init__(self, columns, line):
        self.columns, self.line = columns, line

    def __len__(self):
        return len(self.columns[0]) if self.columns else 0


class TextTable:
    """A table of text.

    Args:
        path: str or path.
        header: bool, whether the first line that counts holds titles; None to tell by what it holds.
        left_out: list of ints, columns from 1, which say nothing of titles.
        encoding, delimiter, decimal, thousands: str, or None to be found.

    Attributes:
        titles: list of str, or None where there are none.
        width: int, the number of columns.
        dialect: `Dialect`.
    """

    is_text = True

    def __init__(self, path, header=None, left_out=(), encoding=None, **signs):
        if header not in (None, True, False):
            raise ValueError(f"Expected header to be True, False or None; got {header!r}.")
        self.path, self.encoding, self.header = path, encoding, header
        dialects.check(**signs)
        number, first = next(text.blocks(path, encoding), (1, ""))
        lines = text.counted(first, number, dialects.NUM_LINES + 3)
        separator = re.fullmatch('"?sep=(.?)"?', lines[0][1]) if lines else None
        if separator is not None:
            signs["delimiter"] = signs.get("delimiter") or separator[1] or "\t"
            lines = lines[1:]
        if str(path).lower().removesuffix(".gz").endswith(".tsv") and lines and "\t" in lines[0][1]:
            signs["delimiter"] = signs.get("delimiter") or "\t"
        self.dialect = dialects.find([line for _, line in lines], **signs)
        lines = [(number, self.dialect.canonical(line)) for number, line in lines]
        self.titles, above = heading.find(lines, header, list(left_out), path)
        self._begin = lines[above][0]
        rows = [cells.split(line) for _, line in lines[above:]]
        self._raw_width = len(rows[0])
        self.width = max(len(heading.trim(row)) for row in rows) or 1
        if self.titles is not None:
            # Titles may be empty, and end in a comma more than there are columns.
            most = len(heading.trim(self.titles))
            self.width = max(most, min(len(self.titles), self.width))
            self.titles = (self.titles + [""] * self.width)[: self.width]

    def batches(self):
        """Batches of all columns.

        Yields:
            `Batch`.

        Raises:
            ValueError: for a line with more or fewer cells, naming it.
        """
        for number, block in text.blocks(self.path, self.encoding):
            if number <= self._begin:
                above = self._begin - number
                block, number = block.split("\n", above)[above] if above else block, self._begin
            if not block.strip():
                continue
            columns = self._quickly(block)
            yield self._slowly(block, number) if columns is None else Batch(columns, self._finder(block, number))

    def _quickly(self, block):
        import pyarrow as pa
        import pyarrow.compute as pc
        from pyarrow import csv as arrow_csv

        if self.dialect.delimiter == " " or text.has_comments(block):
            return None
        names = [str(j) for j in range(self._raw_width)]
        try:
            table = arrow_csv.read_csv(
                pa.py_buffer(block.encode()),
                read_options=arrow_csv.ReadOptions(column_names=names),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=self.dialect.delimiter, newlines_in_values='"' in block, ignore_empty_lines=True
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
                ),
            )
        except pa.ArrowInvalid:
            return None
        columns = [pc.utf8_trim_whitespace(column) for column in table.columns]
        more = [pc.all(pc.equal(column, "")).as_py() for column in columns[self.width :]]
        # A line of blanks is no line: of one column Arrow takes it for an empty cell.
        is_cut = len(columns) < self.width or not all(more) or (self.width == 1 and re.search("(?m)^[ \t]+$", block))
        return None if is_cut else columns[: self.width]

    def _slowly(self, block, number):
        import pyarrow as pa

        numbers, rows = [], []
        for line, row in self._rows(block, number):
            row = row[: self.width] + heading.trim(row[self.width :])
            if len(row) != self.width:
                self._refuse_width(row, line)
            numbers.append(line)
            rows.append(row)
        columns = [pa.array(column, pa.string()) for column in zip(*rows)] if rows else []
        return Batch(columns, lambda row: f"line {numbers[row]}")

    def _refuse_width(self, row, line):
        for column, cell in enumerate(row, 1):
            if cells.is_run(cell):
                raise ValueError(
                    f"Expected numbers in {self.path}; got {self.describe(cell)} in line {line}, column {column} "
                    "(delimiter= says what separates them)."
                )
        hint = ""
        if self.dialect.delimiter == "," and len(row) > self.width:
            hint = " (decimal=comma or delimiter= where its commas are no separators)"
        raise ValueError(
            f"Expected {self.width} columns in every line of {self.path}; got {len(row)} in line {line}{hint}."
        )

    def _rows(self, block, number):
        """The lines that count, as (number, cells)."""
        if self.dialect.delimiter == " " or '"' not in block:
            for line, row in text.counted(block, number):
                yield line, self.dialect.split(row)
            return
        reader = csv.reader(io.StringIO(block), delimiter=self.dialect.delimiter, skipinitialspace=True)
        last = 0
        for row in reader:
            first, last = last + 1, reader.line_num
            row = [cell.strip() for cell in row]
            if any(row) and not row[0].startswith(text.COMMENTS):
                yield number + first - 1, row
            elif len(row) > 1 and not any(row):
                yield number + first - 1, row

    def _finder(self, block, number):
        def line(row):
            return f"line {next(itertools.islice(self._rows(block, number), row, None), (number + row,))[0]}"

        return line

    def describe(self, cell):
        """A cell as an error shows it."""
        return f"{cell!r} (columns are separated by {self.dialect.said})" if cells.is_run(cell) else repr(cell)


class TypedTable:
    """A Parquet file or a data frame, whose columns have types.

    Args:
        source: path, or a data frame.
        name: str, what it is called.

    Attributes:
        titles, width, dialect: as of `TextTable`.
    """

    is_text = False

    def __init__(self, source, name=None):
        self.path, self._source = name or source, source
        self.dialect, self.header = dialects.Dialect(), None
        names = self._table().schema.names if is_frame(source) else self._file().schema_arrow.names
        # What pandas writes its index as is no column. Several may have one title, so that they go by their places.
        self._places = [place for place, name in enumerate(names) if not re.fullmatch(r"__index_level_\d+__", name)]
        self.titles, self.width = [str(names[place]) for place in self._places], len(self._places)
        if not self.width:
            raise ValueError(f"Expected at least one column in {self.path}; got none.")

    def _file(self):
        import pyarrow as pa
        from pyarrow import parquet

        try:
            return parquet.ParquetFile(self._source)
        except pa.ArrowInvalid as error:
            raise ValueError(f"Expected a Parquet file at {self.path}; got {' '.join(str(error).split())}.") from error

    def _table(self):
        import pyarrow as pa

        frame = self._source
        try:
            if isinstance(frame, pa.Table):
                return frame
            if type(frame).__module__.startswith("pandas"):
                if frame.columns.is_unique:
                    return pa.Table.from_pandas(frame, preserve_index=False)
                table = pa.Table.from_pandas(frame.set_axis(range(frame.shape[1]), axis=1), preserve_index=False)
                return table.rename_columns(list(map(str, frame.columns)))
            if hasattr(frame, "__arrow_c_stream__"):
                return pa.table(frame)
            from pyarrow import interchange

            return interchange.from_dataframe(frame)
        except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError) as error:
            raise ValueError(
                f"Expected a data frame whose columns are of one kind each; got {' '.join(map(str, error.args))} "
                "(astype(str) or drop= is a way out)."
            ) from error

    def batches(self):
        """Batches of all columns, see `TextTable.batches`."""
        if is_frame(self._source):
            parts = self._table().to_batches(max_chunksize=_ROWS)
        else:
            parts = self._file().iter_batches(batch_size=_ROWS)
        begin = 0
        for part in parts:
            yield Batch(
                [part.column(place) for place in self._places], lambda row, begin=begin: f"row {begin + row + 1}"
            )
            begin += len(part)

    def describe(self, cell):
        """A cell as an error shows it."""
        return repr(cell)
