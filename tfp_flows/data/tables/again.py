"""Another table with the columns of a run's: rows -> events and what they are given, batch by batch.

Columns are found by their titles, wherever they stand; what else a table has is left alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from tfp_flows.data.labels import Labels
from tfp_flows.data.tables import values
from tfp_flows.data.tables.load import open_table
from tfp_flows.data.tables.reading import Batch
from tfp_flows.data.tables.schema import CONTEXT, EVENT, LABEL, Schema
from tfp_flows.options import did_you_mean


@dataclasses.dataclass(frozen=True)
class Rows:
    """A batch of rows, those without gaps as numbers.

    Attributes:
        batch: `Batch`, all columns of all rows.
        kept: bool array (rows,), which of them have no gap.
        events: float64 array (kept rows, columns of events), or None where these were not asked for.
        classes: int32 array (kept rows,), or None.
        contexts: float64 array (kept rows, columns of contexts), or None.
    """

    batch: Batch
    kept: np.ndarray
    events: np.ndarray | None = None
    classes: np.ndarray | None = None
    contexts: np.ndarray | None = None


class Again:
    """A table that is read as the one of a run.

    Args:
        source: path, or a data frame.
        schema: `Schema`, of the run.
        labels: `Labels`, what stands for the classes, where they are needed; else None.
        roles: the roles of the columns that are needed.
        missing: str, "drop" for rows with a gap to be left out; None or "refuse" to refuse them.
        na: what else is a gap, see `tfp_flows.data.tables.load.load`.
        **text: `header`, `encoding`, `delimiter`, `decimal` and `thousands` of text.

    Raises:
        ValueError: for a column that is not there, naming it.
    """

    def __init__(
        self,
        source,
        schema: Schema,
        labels: Labels | None = None,
        roles=(EVENT, CONTEXT),
        missing=None,
        na=None,
        **text,
    ):
        if missing not in (None, "refuse", "drop"):
            raise ValueError(f"Expected missing to be refuse or drop; got {missing!r}.")
        if text.get("header") is None and schema.has_titles and not str(source).lower().endswith(".parquet"):
            text = {**text, "header": True}
        self.table = open_table(source, **text)
        self.schema, self.labels, self.missing = schema, labels, missing
        self.na = na if isinstance(na, (list, tuple)) else [] if na is None else [na]
        roles = (*roles, LABEL) if labels is not None else roles
        self.places = {
            j: self._find(j) for j, column in enumerate(schema.columns) if column.role in roles
        }  # of the schema's columns, from 0

    def _find(self, j):
        name, table = self.schema.columns[j].name, self.table
        names = [column.name for column in self.schema.columns]
        titles = [title.strip() for title in table.titles or ()]
        found = [place for place, title in enumerate(titles) if title == name]
        if len(found) == names.count(name):
            return found[names[:j].count(name)]
        number = name.removeprefix("column ")
        if number != name and number.isdigit() and int(number) <= table.width:
            return int(number) - 1
        has = f"which has {', '.join(titles[:30])}" if titles else f"which has no titles, and {table.width} columns"
        raise ValueError(
            f"Expected a column {name!r} in {table.path}, as the run's table has it; got a table without one, "
            f"{has}{did_you_mean(name, [title for title in titles if title])}."
        )

    def rows(self) -> Iterator[Rows]:
        """Batches of rows.

        Raises:
            ValueError: for a gap that is not to be left out, a cell of another kind than the column's, and a label that
                stands for no class, naming the line and the column.
        """
        for batch in self.table.batches():
            if len(batch):
                yield self._convert(batch)

    def _convert(self, batch):
        columns = {j: values.plain(batch.columns[place]) for j, place in self.places.items()}
        gaps = {j: values.gaps(column, self.na) for j, column in columns.items() if self._is_number(j)}
        gaps |= {j: values.blanks(column, self.na) for j, column in columns.items() if not self._is_number(j)}
        some = np.any(list(gaps.values()), axis=0)
        if some.any() and self.missing != "drop":
            row = int(some.argmax())
            j = next(j for j in gaps if gaps[j][row])
            cell = columns[j][row].as_py()
            self._refuse("numbers" if self._is_number(j) else "a label", "" if cell is None else cell, j, batch, row,
                         "missing=drop leaves its score empty")  # fmt: skip
        kept = np.flatnonzero(~some)
        made = {role: [] for role in (EVENT, LABEL, CONTEXT)}
        for j, column in columns.items():
            full = column.filter(~some) if some.any() else column
            role = self.schema.columns[j].role
            made[role].append(
                self._numbers(full, j, batch, kept) if role != LABEL else self._classes(full, j, batch, kept)
            )
        stack = lambda role: np.stack(made[role], axis=1) if made[role] else None
        return Rows(batch, ~some, stack(EVENT), made[LABEL][0] if made[LABEL] else None, stack(CONTEXT))

    def _is_number(self, j):
        return self.schema.columns[j].role != LABEL

    def _numbers(self, column, j, batch, kept):
        import pyarrow as pa

        kind, dialect = self.schema.columns[j].kind, self.table.dialect
        if kind.format is None and values.is_text(column.type) and kind.name in ("date", "time"):
            kind = dataclasses.replace(kind, format="%Y-%m-%d" if kind.name == "date" else "iso")
        found = values.numbers(column, kind, dialect)
        if found is None and kind.name == "boolean":
            # As programs write them, whatever words the run's table had: true and false, or 1 and 0.
            found = values.numbers(column, values.Kind("boolean"), dialect)
            if found is None:
                found = values.numbers(column, values.Kind("real"), dialect)
                found = found if found is not None and np.isin(found, (0, 1)).all() else None
        if found is None and kind.name == "date":
            # As every program writes them, whatever the run's table had.
            found = values.numbers(column, dataclasses.replace(kind, format="%Y-%m-%d"), dialect)
        if found is not None:
            return found
        row = values.first_wrong(column, kind, dialect)
        what = {"date": "dates", "time": "times", "boolean": "yes or no"}.get(kind.name, "numbers")
        written = f", written {kind.format}" if kind.format not in (None, "iso") else ""
        is_text = pa.types.is_string(column.type)
        cell = column[row].as_py() if is_text else str(column.type)
        self._refuse(f"{what}{written}", cell, j, batch, kept[row], "as the run's table has them")

    def _classes(self, column, j, batch, kept):
        """Labels as classes 0..n-1; text that is a number where the classes are numbers."""
        found = np.array(column.to_pylist(), object)
        known = {str(value): k for k, value in enumerate(self.labels.values)}
        texts = [_said(value) for value in found]
        wrong = next((i for i, text in enumerate(texts) if text not in known), None)
        if wrong is not None:
            self._refuse(f"labels among {self.labels.listing()}", texts[wrong], j, batch, kept[wrong],
                         "the run knows no other")  # fmt: skip
        return np.array([known[text] for text in texts], np.int32)

    def _refuse(self, expected, cell, j, batch, row, way):
        name, place = self.schema.columns[j].name, self.places[j]
        raise ValueError(
            f"Expected {expected} in {name!r} of {self.table.path}; got {cell!r} in {batch.line(int(row))}, column "
            f"{place + 1} ({way})."
        )


def _said(value):
    """A label as text: 3.0 is 3, for tables hold whole numbers as floats where a line has none."""
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)
