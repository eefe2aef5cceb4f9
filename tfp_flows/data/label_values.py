"""Labels as they come -> one vector of one kind: integers, text or booleans.

    integers, floats that are whole numbers   int64
    text, bytes (UTF-8), dates                text; dates as in ISO 8601
    booleans                                  bool
    a column (n, 1), a list, objects          as the vector of what they hold
    one-hot vectors (n, k)                    integers 0..k-1

What is no label is refused in one sentence that says where it stands: a missing one (None, NaN, NaT, an empty text), a
fraction, several labels an event.
"""

import datetime

import numpy as np

_LIMITS = np.iinfo(np.int64)
# What numpy makes of a NaN and a NaT among strings.
_MISSING_TEXTS = ("nan", "nat")


def vector(labels, where="the labels"):
    """Labels as a vector, see the head of this module.

    Args:
        labels: array, tensor, list or column (n,), (n, 1), or one-hot vectors (n, k).
        where: str, what they are called in a sentence.

    Returns:
        array (n,) of int64, bool or text (dtype kind "U").

    Raises:
        ValueError: where they are no labels, naming the first that is none.

    Example:
        >>> from tfp_flows.data import label_values
        >>> label_values.vector([3.0, 7.0]), label_values.vector([[0, 1], [1, 0]])
        (array([3, 7]), array([1, 0]))
        >>> label_values.vector([b"cat", "dog"])
        array(['cat', 'dog'], dtype='<U3')
    """
    array = _as_array(labels, where)
    while array.ndim > 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim == 2:
        return _from_one_hot(array, where)
    if array.ndim != 1:
        raise ValueError(f"Expected one label an event in {where}; got an array of shape {array.shape}.")
    if array.size == 0:
        raise ValueError(f"Expected at least one label in {where}; got none.")
    return _of_kind(array, where)


def width(labels):
    """int, the number of classes of one-hot vectors (n, k); None for labels of any other form.

    Example:
        >>> from tfp_flows.data import label_values
        >>> label_values.width([[0, 1, 0], [1, 0, 0]]), label_values.width(["cat", "dog"])
        (3, None)
    """
    shape = np.shape(labels)
    return shape[1] if len(shape) == 2 and shape[1] > 1 else None


def _as_array(labels, where):
    if isinstance(labels, (str, bytes)):
        raise ValueError(f"Expected an array of labels in {where}, one an event; got {labels!r}.")
    if isinstance(labels, np.ma.MaskedArray) and labels.mask.any():
        raise _missing("a masked one", np.argwhere(np.ma.getmaskarray(labels))[0][0], where)
    # Of a list as objects: numpy would make text of numbers that stand beside a text.
    dtype = object if isinstance(labels, (list, tuple)) else None
    try:
        return np.asarray(labels, dtype)
    except (ValueError, TypeError) as error:
        raise ValueError(f"Expected one label an event in {where}; got {type(labels).__name__}: {error}.") from error


def _of_kind(array, where):
    kind = array.dtype.kind
    if kind == "b":
        return array
    if kind in "iu":
        return _integers(array, where)
    if kind == "f":
        return _whole(array, where)
    if kind in "mM":
        return _texts(_dates(array, where), where)
    if kind in "US":
        return _texts(array.tolist(), where)
    if kind in "OT":
        return _of_objects(array.tolist(), where)
    raise ValueError(f"Expected labels as integers, text or booleans in {where}; got {array.dtype}.")


def _integers(array, where):
    beyond = array > np.uint64(_LIMITS.max) if array.dtype == np.uint64 else np.zeros(1, bool)
    if beyond.any():
        raise ValueError(f"Expected labels of at most 2^63 - 1 in {where} (or as text); got {array[beyond][0]}.")
    return array.astype(np.int64)


def _whole(array, where):
    """Floats that are whole numbers, as integers."""
    if np.isnan(array).any():
        raise _missing("nan", np.flatnonzero(np.isnan(array))[0], where)
    # The largest floats that an int64 holds lie below 2^63.
    wrong = np.flatnonzero((array != np.floor(array)) | (np.abs(array) >= 2.0**63))
    if wrong.size:
        raise ValueError(
            f"Expected labels as whole numbers, text or booleans in {where} (any other number is no class but a "
            f"context, for a model with context_shape; label=False leaves those of a file out); got {array[wrong[0]]} "
            f"at index {wrong[0]}."
        )
    return array.astype(np.int64)


def _dates(array, where):
    """Dates as in ISO 8601, the time left out where it is midnight; durations as numpy writes them."""
    if np.isnat(array).any():
        raise _missing("NaT", np.flatnonzero(np.isnat(array))[0], where)
    if array.dtype.kind == "m":
        return [str(value) for value in array]
    # In one unit: those of two arrays are then equal where they say the same.
    return [_iso(str(text)) for text in np.datetime_as_string(array.astype("datetime64[ns]"))]


def _iso(text):
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.removesuffix("T00:00:00")


def _texts(values, where):
    for index, value in enumerate(values):
        if isinstance(value, bytes):
            try:
                values[index] = value.decode("utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"Expected labels of bytes as UTF-8 in {where}; got {value!r} at index {index}."
                ) from error
        text = values[index]
        if not text.strip() or text.strip().lower() in _MISSING_TEXTS:
            raise _missing(repr(text), index, where)
    return np.array(values, np.str_)


def _of_objects(values, where):
    """Of whatever Python or pandas hold: of one kind, or refused."""
    kinds = {}
    for index, value in enumerate(values):
        value = values[index] = (
            value.item() if isinstance(value, np.generic) and value.dtype.kind in "biufUS" else value
        )
        if value is None or _is_nan(value):
            raise _missing(value, index, where)
        kinds.setdefault(_kind(value, index, where), value)
    if len(kinds) > 1:
        first, second = list(kinds.values())[:2]
        raise ValueError(f"Expected labels of one kind in {where}; got {first!r} and {second!r}.")
    (kind,) = kinds
    if kind == "bool":
        return np.array(values, bool)
    if kind == "text":
        return _texts(values, where)
    if kind == "date":
        return _texts([_date(value) for value in values], where)
    if all(isinstance(value, int) for value in values):
        # By way of objects: numpy makes floats of integers beyond 64 bits beside smaller ones.
        wrong = [value for value in values if not _LIMITS.min <= value <= _LIMITS.max]
        if wrong:
            raise ValueError(f"Expected labels within 64 bits in {where} (or as text); got {wrong[0]}.")
        return np.array(values, np.int64)
    return _whole(np.array(values, np.float64), where)


def _kind(value, index, where):
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, (str, bytes)):
        return "text"
    if isinstance(value, (datetime.date, np.datetime64)):
        return "date"
    if isinstance(value, (list, tuple, np.ndarray)):
        raise ValueError(f"Expected one label an event in {where}; got {value!r} at index {index}.")
    raise ValueError(
        f"Expected labels as integers, text or booleans in {where}; got {type(value).__name__} at index {index}."
    )


def _date(value):
    if isinstance(value, datetime.datetime):
        # As numpy holds dates: without a zone, in UTC.
        value = value.astimezone(datetime.UTC).replace(tzinfo=None) if value.tzinfo else value
    return _dates(np.array([np.datetime64(value)]), "")[0]


def _is_nan(value):
    """Whether it is no value: a NaN, a NaT, or pandas' NA, none of which equals itself."""
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return not isinstance(value, (np.ndarray, list, tuple))


def _from_one_hot(array, where):
    """(n, k) of zeros and a one each -> 0..k-1."""
    is_one = array == 1
    if array.dtype.kind not in "biufO" or not ((is_one | (array == 0)).all() and (is_one.sum(1) == 1).all()):
        raise ValueError(
            f"Expected one label an event in {where}, or one-hot vectors of a single 1 (several labels, or shares of "
            f"them, are a context, for a model with context_shape); got {array.dtype} of shape {array.shape}."
        )
    return is_one.argmax(1).astype(np.int64)


def _missing(what, index, where):
    return ValueError(f"Expected a label for each event in {where}; got {what}, a missing one, at index {index}.")
