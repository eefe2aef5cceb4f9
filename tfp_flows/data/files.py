"""Data sets from files: .npy and .npz (never pickled), and tables.

    .npy   one array, the events leading
    .npz   train, and validation (or val) and test where they exist, or Keras' x_train, x_val, x_test; labels
           train_labels, ... or y_train, ...; else a single array, with labels beside it or not
    .csv, .tsv (and with .gz), .parquet   one event a line, see `tfp_flows.data.tables`; data frames are read alike

A split that the file lacks is cut from train by the seed: a tenth of it (one event at least) for validation, a tenth
for test. Floats become float32, and booleans uint8. Integers (of a table: where no number of any column has a point or
an exponent, or is below 0) are levels 0..num_bins-1, and num_bins, unless given, is the smallest power of two above the
largest of them: 256 for 8-bit pixels, 32 for the values 0..16.

Labels are of any values, see `tfp_flows.data.Labels`: integers, text, one-hot vectors. `label` says where they are: the
column of a table, an array of a .npz, the path of another .npy.
"""

import os
import pathlib

import numpy as np

from tfp_flows.data import precision, splits
from tfp_flows.data.dataset import SPLITS, Data, check_events
from tfp_flows.data.tables.reading import ENDINGS, is_frame, is_table

_SUFFIXES = (".npy", ".npz", *ENDINGS)
_SAID = ".npy, .npz, .csv, .tsv (or .gz of these two), .parquet"
_SPLIT_KEYS = {
    "train": ("train", "x_train"),
    "validation": ("validation", "val", "valid", "x_val", "x_validation"),
    "test": ("test", "x_test"),
}
_LABEL_KEYS = {
    "train": ("train_labels", "y_train"),
    "validation": ("validation_labels", "val_labels", "valid_labels", "y_val", "y_validation"),
    "test": ("test_labels", "y_test"),
}
_SINGLE_LABEL_KEYS = ("labels", "y")


def is_path(name):
    """Whether a string is meant as a path: it has a separator or a known suffix, or exists."""
    return "/" in name or os.sep in name or name.lower().endswith(_SUFFIXES) or os.path.exists(name)


def load(
    path,
    seed=0,
    *,
    num_bins: int | None = None,
    dtype: str | type | None = None,
    key: str | None = None,
    header: bool | None = None,
    label: str | int | bool | None = None,
    float_dtype: str = "float32",
    columns: str | int | list | None = None,
    drop: str | int | list | None = None,
    target: str | int | None = None,
    context: str | int | list | None = None,
    missing: str | None = None,
    na: str | int | float | list | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    encoding: str | None = None,
):
    """Events from a .npy or .npz file or a table; see the head of this module for what is looked for in it.

    Args:
        path: str or path, or a data frame.
        seed: int >= 0, of the splits that are cut from train.
        num_bins: int, the number of levels of integer data; None infers it.
        dtype: what the events are cast to, "float32" to take integers as continuous data for example; None leaves
            integers as they are, and floats to float_dtype.
        key: str, the array of a .npz to take, where it holds several.
        header: bool, whether the first line of a table that is no comment holds titles; None to tell by what it holds,
            and to refuse one that may be either.
        label: where the labels are. Of a table: str or int, the title or number (from 1, or from -1 backwards) of their
            column. Of a .npz: str, their array (with splits train_NAME, NAME_train, ...). Of a .npy: str, the path of
            another one. None for those that a .npz holds under known names; False for none.
        float_dtype: "float32", or "float64" for columns that float32 cannot hold, beside a model of that dtype.
        columns: of a table: the columns to keep, str or int or a list of them, as label has them; None for all.
        drop: of a table: those to leave out.
        target: of a table: the column that the others are learned given, p(others given target): of text or integers
            as classes, of reals as a context.
        context: of a table: several such columns of numbers.
        missing: of a table: "refuse" or "drop" lines with a gap; None to refuse.
        na: of a table: what else is a gap beside empty cells, NA, null and the like: a word or a number, or several.
        delimiter, decimal, thousands: of a table of text: the signs (or comma, semicolon, tab, pipe, space, point),
            or None to find them.
        encoding: of a table of text: None for UTF-8.

    Returns:
        Data, named like the file.

    Raises:
        OSError: where there is no such file, or it may not be read.
        ValueError: where its content is no data set; the sentence names the file, and the place in it where it can.

    Example:
        >>> import numpy as np, os, tempfile
        >>> from tfp_flows import data
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "table.npy")
        ...     np.save(path, np.zeros((100, 3)))
        ...     data.load(path)
        Data('table.npy', train=80, validation=10, test=10, event_shape=(3,), dtype=float32)
    """
    frame = path if is_frame(path) else None
    path = pathlib.PurePath("the data frame") if frame is not None else check(path)
    suffix = path.suffix.lower()
    if key is not None and suffix != ".npz":
        raise ValueError(f"Expected key with a .npz file only; got {path}.")
    of_tables = dict(
        header=header, columns=columns, drop=drop, target=target, context=context, missing=missing, na=na,
        delimiter=delimiter, decimal=decimal, thousands=thousands, encoding=encoding,
    )  # fmt: skip
    if frame is None and not is_table(path):
        for name, value in of_tables.items():
            if value is not None:
                raise ValueError(f"Expected {name} with a table only ({', '.join(ENDINGS)}); got {path}.")
    if label is not None and (label is True or not isinstance(label, (str, int))):
        raise ValueError(f"Expected label to say where the labels of {path} are, or False; got {label!r}.")
    contexts, schema = {}, None
    try:
        if frame is not None or is_table(path):
            from tfp_flows.data.tables import load as tables  # here, for pyarrow takes its time

            source = path if frame is None else frame
            found = tables.load(source, name=path, label=None if label is False else label, **of_tables)
            *found, schema = found
            events, labels, contexts = ({} if part is None else {"train": part} for part in found)
        elif suffix == ".npy":
            with open(path, "rb") as file:
                events = {"train": _read_array(lambda: np.load(file, allow_pickle=False), path)}
            labels = {} if label is None or label is False else {"train": _read_labels(label, path)}
        else:
            with open(path, "rb") as file:
                events, labels = _read_npz(file, path, key, label)
    except OSError as error:
        raise type(error)(f"Expected a readable file at {path}; got {error.strerror or error}.") from error

    if float_dtype not in ("float32", "float64"):
        raise ValueError(f"Expected float_dtype to be 'float32' or 'float64'; got {float_dtype!r}.")
    names = None if schema is None else schema.names
    events = {
        split: _cast(array, dtype, float_dtype, _where(path, split, events), names) for split, array in events.items()
    }
    contexts = {split: array.astype(float_dtype) for split, array in contexts.items()}
    events, labels, contexts = _complete(events, labels, contexts, seed, path)
    if num_bins is None and events["train"].dtype.kind in "iu":
        num_bins = _infer_num_bins(events, path)
    return Data(
        path.name, **events, labels=labels, num_bins=num_bins, description=f"events from {path.name}",
        contexts=contexts, table=schema, is_conditional=target is not None or context is not None,
    )  # fmt: skip


def check(path):
    """The path of a file that `load` may read.

    Raises:
        OSError: where there is none.
        ValueError: where its ending is another.
    """
    path = pathlib.Path(path)
    if not path.name.lower().endswith(_SUFFIXES):
        raise ValueError(f"Expected a {_SAID} or .wav file, or a folder of .wav files; got {path}.")
    if not path.is_file():
        raise FileNotFoundError(f"Expected a file at {path}; got {'a folder' if path.is_dir() else 'nothing'} there.")
    return path


def _where(path, split, events):
    return str(path) if len(events) == 1 else f"{split} of {path}"


def _read_labels(label, path):
    """The labels of another .npy, which lies where its path says, or beside the events'."""
    other = pathlib.Path(str(label))
    other = other if other.is_file() else path.parent / other
    if not other.is_file():
        raise ValueError(f"Expected label to be the path of a .npy file of labels for {path}; got {label!r}.")
    return _read_array(lambda: np.load(other, allow_pickle=False), other)


def _read_npz(file, path, key, label):
    archive = _read_array(lambda: np.load(file, allow_pickle=False), path)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError(f"Expected {path} to be an archive of arrays; got a single array.")
    keys = list(archive.files)
    found = {split: _find(keys, names, path) for split, names in _SPLIT_KEYS.items()}
    label_keys, single_label_keys = _label_keys(label)
    found_labels = {split: _find(keys, names, path) for split, names in label_keys.items()}
    if key is not None or found["train"] is None:
        arrays = [k for k in keys if k not in (*_SINGLE_LABEL_KEYS, *single_label_keys)]
        if key is None and (len(arrays) != 1 or any(found.values())):
            raise ValueError(
                f"Expected train (with validation and test) or a single array in {path}; "
                f"got the keys {', '.join(keys) or 'of none'} (key= takes one of them)."
            )
        if key is not None and key not in keys:
            raise ValueError(f"Expected key to be one of {', '.join(keys)} in {path}; got {key!r}.")
        found = {"train": arrays[0] if key is None else key}
        found_labels = {"train": _find([k for k in keys if k != key], single_label_keys, path)}
    if label and found_labels.get("train") is None:
        raise ValueError(f"Expected label to name an array of labels in {path}, of {', '.join(keys)}; got {label!r}.")
    read = lambda names: {  # noqa: E731
        split: _read_array(lambda name=name: archive[name], path) for split, name in names.items() if name is not None
    }
    events = read(found)
    return events, read({split: name for split, name in found_labels.items() if split in events})


def _label_keys(label):
    """What arrays of labels are called, by split and where there is one for all."""
    if label is None:
        return _LABEL_KEYS, _SINGLE_LABEL_KEYS
    if label is False:
        return dict.fromkeys(_LABEL_KEYS, ()), ()
    splits = {split: {name.removeprefix("x_") for name in names} for split, names in _SPLIT_KEYS.items()}
    return {
        split: [name for s in sorted(names) for name in (f"{s}_{label}", f"{label}_{s}")]
        for split, names in splits.items()
    }, (str(label),)


def _read_array(read, path):
    try:
        return read()
    except OSError:
        raise
    except Exception as error:  # numpy, zipfile and zlib each have their own ways with a broken file
        raise ValueError(
            f"Expected {path} to hold arrays of numbers in numpy's format, not pickled; "
            f"got {type(error).__name__}: {' '.join(str(error).split())}"
            + (" (text is one of them as np.array(labels, str))" if "Object arrays" in str(error) else "")
        ) from error


def _find(keys, names, path):
    found = [name for name in names if name in keys]
    if len(found) > 1:
        raise ValueError(f"Expected one array for one thing in {path}; got the keys {' and '.join(found)}.")
    return found[0] if found else None


def _cast(events, dtype, float_dtype, where, names=None):
    if isinstance(events, np.ndarray) and events.dtype == bool:
        events = events.astype(np.uint8)
    check_events(events, where)
    if dtype is None:
        dtype = float_dtype if events.dtype.kind == "f" else events.dtype
    try:
        dtype = np.dtype(dtype).newbyteorder("=")
    except TypeError as error:
        raise ValueError(f"Expected dtype to name a number type; got {dtype!r}.") from error
    if dtype.kind not in "iuf":
        raise ValueError(f"Expected dtype to be an integer or floating type; got {dtype}.")
    with np.errstate(all="ignore"):
        cast = events.astype(dtype)
    changed = ~np.isfinite(cast) if dtype.kind == "f" else cast != events
    if changed.any():
        raise ValueError(f"Expected numbers that {dtype} can hold in {where}; got {events[changed][0]}.")
    if dtype.kind == "f":
        precision.check(events, dtype, where, names)
    return cast


def _complete(events, labels, contexts, seed, path):
    """Cuts the splits that are missing from train; contexts come with a single array of events only."""
    missing = [split for split in SPLITS if split not in events]
    if labels and set(labels) != set(events):
        raise ValueError(f"Expected labels for {', '.join(events)} in {path}; got them for {', '.join(labels)} only.")
    num_events = len(events["train"])
    if labels and np.shape(labels["train"])[:1] != (num_events,):
        found = np.shape(labels["train"])[0] if np.ndim(labels["train"]) else "one for all"
        raise ValueError(f"Expected as many labels as events in {path}; got {found} and {num_events}.")
    if num_events <= len(missing):
        raise ValueError(f"Expected at least {len(missing) + 1} events to split in {path}; got {num_events}.")
    if missing:
        tenth = max(1, num_events // 10)
        num_validation, num_test = (tenth if split in missing else 0 for split in ("validation", "test"))
        sizes = (num_validation, num_test, seed)
        if contexts:
            contexts = splits.cut(contexts["train"], None, *sizes)[0]
        cut_events, cut_labels = splits.cut(events["train"], labels.get("train"), *sizes)
        events = {**events, **{split: cut_events[split] for split in ["train", *missing]}}
        labels = {**labels, **{split: cut_labels[split] for split in ["train", *missing]}} if labels else {}
    return events, labels or None, contexts or None


def _infer_num_bins(events, path):
    low = min(int(array.min()) for array in events.values())
    if low < 0:
        raise ValueError(f"Expected integers of at least 0 in {path}; got {low} (dtype='float32' makes them floats).")
    return max(2, 1 << max(int(array.max()) for array in events.values()).bit_length())
