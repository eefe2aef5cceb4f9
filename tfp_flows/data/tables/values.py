"""A column of a table -> numbers, of the kind that it is of.

    real       numbers as they are
    integer    numbers without a point or an exponent in any line
    boolean    true and false, yes and no, t and f, y and n -> 1 and 0
    date       days since the column's first: 2024-02-29, 2024/2/29, 29.2.2024, 29/2/2024 where only one order fits
    time       the same of dates with hours, as fractions of days
    text       none of these

A gap is an empty cell, NA, NaN, null, None, ? and -, and an infinity. Each column is of the kind that all its cells but
gaps are of.
"""

import dataclasses

import numpy as np

from tfp_flows.data import cells

_GAPS = r"^(?i:[+-]?(?:nan|inf(?:inity)?)|null|none|n/a|#n/a|na|<na>|nat|\?|-|)$"
_DAY = 86_400_000_000
_WORDS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))
# pattern -> the formats that may be meant
_DATES = (
    (r"^\d{4}-\d{1,2}-\d{1,2}$", ("%Y-%m-%d",)),
    (r"^\d{4}/\d{1,2}/\d{1,2}$", ("%Y/%m/%d",)),
    (r"^\d{1,2}\.\d{1,2}\.\d{4}$", ("%d.%m.%Y",)),
    (r"^\d{1,2}/\d{1,2}/\d{4}$", ("%d/%m/%Y", "%m/%d/%Y")),
)
_TIME = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z?$"


@dataclasses.dataclass(frozen=True)
class Kind:
    """What the cells of a column are.

    Attributes:
        name: str, "real", "integer", "boolean", "date", "time" or "text".
        words: tuple of two str, how a boolean is written, no and yes; None where it has a type.
        format: str, how a date is written, as of strptime; None where it has a type.
        origin: str, of dates: the first, from which days are counted, as ISO 8601 has it.
        ambiguous: bool, of text that is dates of an order that nobody can tell.
    """

    name: str
    words: tuple | None = None
    format: str | None = None
    origin: str | None = None
    ambiguous: bool = False


def gaps(column, words=()):
    """Which cells of a column are gaps, a bool array.

    Args:
        column: as `plain` gives it.
        words: what else is one, str or numbers.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = pc.is_null(column, nan_is_null=True)
    if pa.types.is_floating(column.type):
        missing = pc.or_(missing, pc.fill_null(pc.is_inf(column), True))
    elif is_text(column.type):
        missing = pc.or_(missing, pc.fill_null(pc.match_substring_regex(column, _GAPS), True))
    for word in words:
        if is_text(column.type):
            missing = pc.or_(missing, pc.fill_null(pc.equal(column, str(word)), True))
        elif not isinstance(word, str) and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            missing = pc.or_(missing, pc.fill_null(pc.equal(pc.cast(column, pa.float64()), float(word)), True))
    return missing.to_numpy(zero_copy_only=False)


def blanks(column, words=()):
    """Which labels are missing, a bool array: of text only what is empty, for "none" and "-" may stand for something.

    Args:
        column, words: as `gaps`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(column.type):
        return gaps(column, words)
    missing = pc.or_(pc.equal(column, ""), pc.equal(pc.utf8_lower(column), "nan"))
    for word in words:
        missing = pc.or_(missing, pc.equal(column, str(word)))
    return pc.fill_null(missing, True).to_numpy(zero_copy_only=False)


def is_text(kind):
    """Whether a type is of strings, categories of them included."""
    import pyarrow as pa

    text = (pa.types.is_string, pa.types.is_large_string, getattr(pa.types, "is_string_view", lambda _: False))
    return any(is_one(kind) for is_one in text)


def plain(column):
    """A column of a type that is known here: categories become what they stand for, decimals floats."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if pa.types.is_decimal(column.type) or pa.types.is_float16(column.type):
        column = pc.cast(column, pa.float64())
    if pa.types.is_large_string(column.type) or (is_text(column.type) and not pa.types.is_string(column.type)):
        column = pc.cast(column, pa.string())
    return pc.utf8_trim_whitespace(column) if pa.types.is_string(column.type) else column


def kind_of(column, dialect):
    """The kind of a column, by all of its cells.

    Args:
        column: `pa.Array` or `pa.ChunkedArray`, as `plain` gives it, without gaps.
        dialect: `Dialect`, of text.

    Returns:
        `Kind`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(column.type):
        return Kind("boolean")
    if pa.types.is_integer(column.type) or pa.types.is_null(column.type):
        return Kind("integer")
    if pa.types.is_floating(column.type):
        return Kind("real")
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        days = pc.cast(column, pa.timestamp("us", getattr(column.type, "tz", None))) if len(column) else column
        days = np.asarray(days.to_numpy(zero_copy_only=False), "datetime64[us]")
        whole = bool((days == days.astype("datetime64[D]")).all())
        origin = str(days.min().astype("datetime64[D]")) if len(days) else "1970-01-01"
        return Kind("date" if whole else "time", origin=origin)
    if not pa.types.is_string(column.type):
        return Kind("text")
    if len(column) == 0:
        return Kind("real")
    found = _numbers(column, dialect)
    if found is not None:
        written = pc.any(pc.match_substring_regex(column, f"[eE{'.' if dialect.decimal == '.' else ','}]")).as_py()
        # Beyond 2^53 a float64 has skipped integers.
        return Kind("integer" if not written and np.abs(found).max() < 2**53 else "real")
    lower = set(pc.unique(pc.utf8_lower(column.slice(0, 10_000))).to_pylist()) if len(column) else set()
    for words in _WORDS:
        if lower <= set(words) and set(pc.unique(pc.utf8_lower(column)).to_pylist()) <= set(words):
            seen = {word.lower(): word for word in pc.unique(column).to_pylist()}
            case = str.upper if any(w.isupper() and len(w) > 1 for w in seen.values()) else str
            case = str.capitalize if any(w.istitle() and len(w) > 1 for w in seen.values()) else case
            return Kind("boolean", words=tuple(seen.get(word, case(word)) for word in words))
    return _dates(column)


def _dates(column):
    import pyarrow.compute as pc

    first = column.slice(0, 100)
    for pattern, formats in _DATES:
        if pc.all(pc.match_substring_regex(first, pattern)).as_py():
            fitting = [f for f in formats if _days(column, f) is not None]
            if len(fitting) == 1:
                return Kind("date", format=fitting[0], origin=_origin(column, fitting[0]))
            return Kind("text", ambiguous=len(fitting) > 1)
    if pc.all(pc.match_substring_regex(first, _TIME)).as_py() and _days(column, "iso") is not None:
        return Kind("time", format="iso", origin=_origin(column, "iso"))
    return Kind("text")


def _origin(column, form):
    return str((_days(column, form).min().astype("datetime64[us]")).astype("datetime64[D]"))


def _days(column, form):
    """Microseconds since 1970, int64; None where a cell is none of the format."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        if form == "iso":
            times = pc.cast(pc.utf8_rtrim(column, "Z"), pa.timestamp("us"))
        elif not pc.all(pc.match_substring_regex(column, next(p for p, forms in _DATES if form in forms))).as_py():
            return None  # such as 3.4.23, which strptime takes for the year 23
        else:
            times = pc.cast(pc.strptime(column, format=form, unit="s", error_is_null=True), pa.timestamp("us"))
    except pa.ArrowInvalid:
        return None
    return None if times.null_count else pc.cast(times, pa.int64()).to_numpy(zero_copy_only=False)


def _numbers(column, dialect):
    """A column of strings as float64, or None where one is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pc.all(pc.match_substring_regex(column, f"^(?:{dialect.number})$")).as_py():
        return None
    if dialect.thousands is not None:
        column = pc.replace_substring_regex(column, dialect.marks, "")
    if dialect.decimal != ".":
        column = pc.replace_substring(column, dialect.decimal, ".")
    return pc.cast(pc.utf8_ltrim(column, "+"), pa.float64()).to_numpy(zero_copy_only=False)


def numbers(column, kind, dialect):
    """The cells of a column of a kind, which are no gaps, as numbers.

    Args:
        column: as `kind_of`.
        kind: `Kind`.
        dialect: `Dialect`, of text.

    Returns:
        float64 array, or None where a cell is none of the kind.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(column) == 0:
        return np.zeros(0)
    own, has_type = column.type, not is_text(column.type)
    if kind.name in ("date", "time"):
        if not has_type:
            found = _days(column, kind.format or "%Y-%m-%d")
        elif pa.types.is_date(own) or pa.types.is_timestamp(own):
            found = pc.cast(column, pa.timestamp("us", getattr(own, "tz", None)))
            found = pc.cast(found, pa.int64()).to_numpy(zero_copy_only=False)
        else:
            found = None
        origin = np.datetime64(kind.origin, "us").astype(np.int64)
        return None if found is None else (found - origin) / _DAY
    if kind.name == "boolean" and not has_type:
        lower = pc.utf8_lower(column)
        no, yes = (word.lower() for word in kind.words or ("false", "true"))
        is_yes = pc.equal(lower, yes)
        return _floats(is_yes) if pc.all(pc.or_(is_yes, pc.equal(lower, no))).as_py() else None
    if kind.name == "text":
        return None
    if not has_type:
        return _numbers(column, dialect)
    is_number = pa.types.is_integer(own) or pa.types.is_floating(own) or pa.types.is_boolean(own)
    return _floats(column) if is_number or pa.types.is_null(own) else None


def _floats(column):
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.uint8())
    return pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def first_wrong(column, kind, dialect):
    """The first cell that is none of a kind, from 0; by halves, for what is one is known of many cells at a time."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        if numbers(column.slice(low, middle - low), kind, dialect) is None:
            high = middle
        else:
            low = middle
    return low


def expected(column, dialect):
    """The kind that a column of text with broken cells was to be, as half of them are: numbers or dates, else text.

    Args:
        column, dialect: as `kind_of`.
    """
    import pyarrow.compute as pc

    if not is_text(column.type):
        return Kind("text")
    of_dates = [(pattern, Kind("date", format=forms[0], origin="1970-01-01")) for pattern, forms in _DATES]
    time = (_TIME, Kind("time", format="iso", origin="1970-01-01"))
    for pattern, kind in ((f"^(?:{dialect.number})$", Kind("real")), *of_dates, time):
        if (pc.sum(pc.match_substring_regex(column, pattern)).as_py() or 0) >= 0.5 * len(column):
            return kind
    return Kind("text")


def is_like_number(cell):
    """Whether a cell is digits and signs, a number as nobody has said how it is to be read."""
    digits = cell.lstrip("+-")
    return digits[:1].isdigit() and not cells.is_number(cell) and set(digits) <= set("0123456789.,' \u00a0\u202f\u2019")
