"""Labels: what stands for the classes 0..n-1 in the data, both ways.

A network sees one-hot vectors, so a flow knows its classes as 0..n-1. Data call them otherwise: from 1, "cat", large
numbers with gaps. The one place where one becomes the other.
"""

from __future__ import annotations

import csv
import dataclasses
import difflib
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tfp_flows.data import label_values

# So many are named in a sentence.
_NAMED = 10


@dataclasses.dataclass(frozen=True)
class Labels:
    """What stands for the classes 0..n-1 in the data.

    Attributes:
        values: tuple of int, of str or of bool, all different: `values[k]` stands for class k.
        names: tuple of str, what the classes are called where the values do not say it, or None.

    Raises:
        ValueError: where the values are of several kinds, missing, or not all different, or the names not one for each.

    Example:
        >>> from tfp_flows import data
        >>> labels = data.Labels.of(["dog", "cat", "dog"])
        >>> labels.values, labels.encode(["dog", "cat"]), labels.decode([1, 1]).tolist()
        (('cat', 'dog'), array([1, 0], dtype=int32), ['dog', 'dog'])
        >>> labels.encode(["cow"])
        Traceback (most recent call last):
        ...
        ValueError: Expected labels among 'cat', 'dog' in the labels; got 'cow'.
    """

    values: Sequence[int] | Sequence[str] | Sequence[bool]
    names: Sequence[str] | None = None

    def __post_init__(self):
        values = label_values.vector(list(self.values), "the values of classes").tolist()
        if len(set(values)) < len(values):
            twice = next(value for value in values if values.count(value) > 1)
            raise ValueError(f"Expected a different value for each class; got {twice!r} twice.")
        object.__setattr__(self, "values", tuple(values))
        if self.names is not None:
            names = tuple(map(str, self.names))
            if len(set(names)) != len(values) or len(names) != len(values):
                raise ValueError(f"Expected a different name for each of {len(values)} classes; got {list(names)}.")
            # Such as the digits', which say nothing more.
            object.__setattr__(self, "names", None if names == tuple(map(str, values)) else names)

    @classmethod
    def of(cls, *labels: ArrayLike, where: str = "the labels") -> Labels:
        """The classes that labels are of, in the order of their values.

        Args:
            *labels: arrays (n,) or (n, 1) of integers, whole floats, text, bytes, dates or booleans, or one-hot (n, k),
                whose classes are 0..k-1, seen or not.
            where: str, what they are called in a sentence.

        Raises:
            ValueError: where one is missing or no label, or they are of several kinds.
        """
        vectors = [label_values.vector(array, where) for array in labels]
        kinds = {array.dtype.kind: array for array in vectors}
        if len(kinds) > 1:
            first, second = (array.tolist()[0] for array in list(kinds.values())[:2])
            raise ValueError(f"Expected labels of one kind in {where}; got {first!r} and {second!r}.")
        seen = np.unique(np.concatenate(vectors))
        widths = [label_values.width(array) for array in labels]
        if None not in widths:
            seen = np.arange(max(widths))
        return cls(tuple(seen.tolist()))

    @classmethod
    def from_dict(cls, value: dict, where: str = "the classes") -> Labels:
        """What `to_dict` gave.

        Raises:
            ValueError: where it is no such dictionary.
        """
        if not isinstance(value, dict) or not {"values"} <= set(value) <= {"values", "names"}:
            raise ValueError(f"Expected a dictionary of values, and names or none, as {where}; got {value!r}.")
        for key, found in value.items():
            if not (isinstance(found, list) or (key == "names" and found is None)):
                raise ValueError(f"Expected a list as {key} of {where}; got {found!r}.")
        return cls(**value)

    def to_dict(self) -> dict:
        """As JSON takes it."""
        return {"values": list(self.values), "names": None if self.names is None else list(self.names)}

    def __len__(self):
        return len(self.values)

    @property
    def is_range(self) -> bool:
        """Whether the values are the classes themselves, 0..n-1."""
        return self.kind == "i" and self.values == tuple(range(len(self)))

    @property
    def kind(self) -> str:
        """The kind of numpy dtype that the values have: "i" (integers), "U" (text) or "b" (booleans)."""
        return np.asarray(self.values).dtype.kind

    def encode(self, labels: ArrayLike, where: str = "the labels") -> np.ndarray:
        """Labels -> classes.

        Args:
            labels: as `of`.
            where: str, what they are called in a sentence.

        Returns:
            array (n,), int32.

        Raises:
            ValueError: as `of`, and for one that stands for no class, naming it.
        """
        found = label_values.vector(labels, where)
        values = np.asarray(self.values)
        if found.dtype.kind != values.dtype.kind:
            raise self._unknown(found[0], where)
        order = np.argsort(values)
        place = order[np.minimum(np.searchsorted(values, found, sorter=order), len(values) - 1)]
        wrong = np.flatnonzero(values[place] != found)
        if wrong.size:
            raise self._unknown(found[wrong[0]], where)
        return place.astype(np.int32)

    def decode(self, classes: ArrayLike) -> np.ndarray:
        """Classes -> labels: an array of the values, shaped as `classes`.

        Raises:
            ValueError: for classes that are no integers 0..n-1.
        """
        classes = np.asarray(classes)
        if classes.dtype.kind not in "iu" or (classes.size and not 0 <= classes.min() <= classes.max() < len(self)):
            raise ValueError(
                f"Expected classes as integers 0..{len(self) - 1}; got {classes.dtype} {classes.tolist()}."
            )
        return np.asarray(self.values)[classes]

    def read(self, text: str) -> list[int]:
        """The classes that a text names: a value or a name, or several with commas between them.

        One with a comma of its own goes in double quotes, as in a CSV file.

        Raises:
            ValueError: for one that stands for no class.

        Example:
            >>> from tfp_flows import data
            >>> data.Labels((3, 7), names=("cat", "dog")).read("dog,3")
            [1, 0]
        """
        table = {str(value): k for k, value in enumerate(self.values)}
        # Their names, and booleans as they are written elsewhere.
        for k, name in enumerate(self.names or (str(value).lower() for value in self.values if self.kind == "b")):
            table.setdefault(name, k)
        if text in table:
            return [table[text]]
        parts = [part.strip() for part in next(csv.reader([text], skipinitialspace=True)) or [text]]
        for part in parts:
            if part not in table:
                near = difflib.get_close_matches(part, table, n=1, cutoff=0.5) if self.kind != "i" or self.names else ()
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                raise ValueError(f"Expected classes of this run, {self.listing()}; got {part!r}{hint}.")
        return [table[part] for part in parts]

    def title(self, k: int) -> str:
        """What class k is called in a picture: its name, the text that stands for it, or "class 3"."""
        if self.names is not None:
            return self.names[k]
        value = self.values[k]
        return value if self.kind == "U" else f"class {value}"

    def listing(self) -> str:
        """The values in a sentence: 0..9, or the first of them one by one."""
        if self.is_range and self.names is None:
            return f"0..{len(self) - 1}"
        named = ", ".join(map(repr, self.values[:_NAMED]))
        if self.names is not None:
            pairs = zip(self.values[:_NAMED], self.names)
            named = ", ".join(f"{value!r} ({name})" for value, name in pairs)
        return named if len(self) <= _NAMED else f"{named}, ... ({len(self)} in all)"

    def _unknown(self, value, where):
        value = value.item() if isinstance(value, np.generic) else value
        return ValueError(f"Expected labels among {self.listing()} in {where}; got {value!r}.")
