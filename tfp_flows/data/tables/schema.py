"""What is known of the columns of a table: kept with a run, so that samples come back as a table like the data and
other files are read alike.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from tfp_flows.data.tables.dialect import Dialect
from tfp_flows.data.tables.values import Kind

EVENT, LABEL, CONTEXT = ROLES = ("event", "label", "context")


@dataclasses.dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: str, its title, or "column 3" where there is none.
        role: str, "event", "label" or "context".
        kind: `tfp_flows.data.tables.values.Kind`; of labels None.
        type: str, that of a Parquet file or data frame; None of text.
    """

    name: str
    role: str
    kind: Kind | None = None
    type: str | None = None


@dataclasses.dataclass(frozen=True)
class Schema:
    """The columns of a table that are used, in its order.

    Attributes:
        columns: tuple of `Column`.
        has_titles: bool.
        dialect: `Dialect`, that the table was written in.

    Example:
        >>> import numpy as np
        >>> from tfp_flows.data.tables.schema import Column, Schema
        >>> from tfp_flows.data.tables.values import Kind
        >>> schema = Schema((Column("kind", "label"), Column("rooms", "event", Kind("integer"))))
        >>> schema.table(np.array([[2.8], [1.0]]), labels=np.array(["flat", "house"])).to_pydict()
        {'kind': ['flat', 'house'], 'rooms': [3, 1]}
    """

    columns: tuple
    has_titles: bool = True
    dialect: Dialect = Dialect()

    def of(self, role: str) -> list[Column]:
        """The columns of a role, in their order."""
        return [column for column in self.columns if column.role == role]

    @property
    def names(self) -> list[str]:
        """The titles of the columns of events."""
        return [column.name for column in self.of(EVENT)]

    def without(self, role: str) -> Schema:
        """The schema without the columns of a role."""
        return dataclasses.replace(self, columns=tuple(c for c in self.columns if c.role != role))

    def to_dict(self) -> dict:
        """As JSON takes it."""
        return {
            "columns": [
                {**dataclasses.asdict(column), "kind": None if column.kind is None else _said(column.kind)}
                for column in self.columns
            ],
            "has_titles": self.has_titles,
            "dialect": dataclasses.asdict(self.dialect),
        }

    @classmethod
    def from_dict(cls, value: dict, where: str = "the table") -> Schema:
        """What `to_dict` gave.

        Raises:
            ValueError: where it is no such dictionary.
        """
        try:
            columns = tuple(
                Column(**{**column, "kind": None if column["kind"] is None else _kind(column["kind"])})
                for column in value["columns"]
            )
            schema = cls(columns, value["has_titles"], Dialect(**value["dialect"]))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"Expected columns, has_titles and a dialect as {where}; got {value!r}.") from error
        if any(column.role not in ROLES for column in columns) or not schema.of(EVENT):
            raise ValueError(f"Expected columns of the roles {', '.join(ROLES)} as {where}; got {value!r}.")
        return schema

    def table(self, events: np.ndarray, labels: np.ndarray | None = None, contexts: np.ndarray | None = None):
        """Events, and what they are given, as a table like the data's.

        Args:
            events: array (n, columns of events).
            labels: array (n,) of what stands for the classes in the data, where a column has the role.
            contexts: array (n, columns of contexts), where columns have the role.

        Returns:
            `pa.Table`, typed; `write` brings it back to text.
        """
        import pyarrow as pa

        values = {EVENT: iter(np.asarray(events).T), LABEL: iter([] if labels is None else [np.asarray(labels)])}
        values[CONTEXT] = iter([] if contexts is None else np.asarray(contexts).T)
        arrays = [
            pa.array(np.asarray(next(values[column.role])))
            if column.kind is None
            else _typed(next(values[column.role]), column)
            for column in self.columns
        ]
        return pa.Table.from_arrays(arrays, names=[column.name for column in self.columns])


def _said(kind):
    return {name: value for name, value in dataclasses.asdict(kind).items() if value not in (None, False)}


def _kind(value):
    words = value.get("words")
    return Kind(**{**value, "words": None if words is None else tuple(words)})


def _typed(values: Sequence, column: Column):
    """Numbers as a column of the type that the data have."""
    import pyarrow as pa

    kind, values = column.kind.name, np.asarray(values)
    if kind == "boolean":
        return pa.array(values > 0.5)
    if kind in ("date", "time"):
        values = np.round(values.astype(np.float64) * (1 if kind == "date" else 86400))
        made = np.datetime64(column.kind.origin, "s") + values.astype(np.int64) * np.timedelta64(
            86400 if kind == "date" else 1, "s"
        )
        made = pa.array(made.astype("datetime64[D]" if kind == "date" else "datetime64[us]"))
    elif kind == "integer":
        made = pa.array(np.round(values).astype(np.int64))
    else:
        made = pa.array(values)
    known = _type(column.type)
    if known is None:
        return made
    try:
        return made.cast(known)
    except pa.ArrowInvalid:
        # Samples beyond what the type holds.
        return made


def _type(name):
    import pyarrow as pa

    if name is None:
        return None
    stamp = re.fullmatch(r"timestamp\[(s|ms|us|ns)(?:, tz=(.+))?\]", name)
    if stamp:
        return pa.timestamp(stamp[1], stamp[2])
    try:
        return pa.type_for_alias(name)
    except ValueError:
        return None
