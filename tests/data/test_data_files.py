"""Data sets from files: what is read, how it is cut and typed, and every refusal in one sentence."""

import os

import numpy as np
import pytest

from tests.data.test_data import sentence
from tfp_flows import data

TABLE = np.arange(60.0).reshape(20, 3) / 7
PIXELS = (np.arange(20 * 4) % 17).astype(np.uint8).reshape(20, 2, 2)


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows(d):
    return sorted(np.concatenate([d.train, d.validation, d.test]).tolist())


def test_npy(tmp_path):
    path = tmp_path / "table.npy"
    np.save(path, TABLE)
    d, other = data.load(path), data.load(str(path), seed=1)
    assert (len(d.train), len(d.validation), len(d.test)) == (16, 2, 2) and d.name == "table.npy"
    assert d.train.dtype == np.float32 and d.num_bins is None and d.labels is None
    assert rows(d) == rows(other) == TABLE.astype(np.float32).tolist()
    assert not np.array_equal(d.test, other.test)


@pytest.mark.parametrize(
    "array, options, num_bins, dtype",
    [
        (PIXELS, {}, 32, np.uint8),
        (PIXELS, {"num_bins": 17}, 17, np.uint8),
        (PIXELS * 15, {}, 256, np.uint8),
        (PIXELS % 2 == 0, {}, 2, np.uint8),
        (PIXELS.astype(">i4"), {}, 32, np.int32),
        (PIXELS - 16.0, {}, None, np.float32),
        (PIXELS.astype(np.int16) - 16, {"dtype": "float32"}, None, np.float32),
        (PIXELS * 1.0, {"dtype": "uint8"}, 32, np.uint8),
        (TABLE, {"dtype": "float64"}, None, np.float64),
    ],
)
def test_types_and_levels(tmp_path, array, options, num_bins, dtype):
    np.save(tmp_path / "a.npy", array)
    d = data.load(tmp_path / "a.npy", **options)
    assert d.num_bins == num_bins and d.train.dtype == dtype and d.train.dtype.isnative
    assert rows(d) == sorted(array.astype(dtype).tolist())


def test_npz_splits(tmp_path):
    y = np.arange(20)
    d = data.load(save(tmp_path / "a.npz", train=PIXELS, val=PIXELS[:3], test=PIXELS[:2], mean=np.zeros(1)))
    np.testing.assert_array_equal(d.train, PIXELS)
    assert (len(d.validation), len(d.test), d.labels) == (3, 2, None)

    d = data.load(save(tmp_path / "b.npz", x_train=TABLE, y_train=y, x_test=TABLE[:5], y_test=y[:5]))
    assert (len(d.train), len(d.validation), len(d.test)) == (18, 2, 5)
    for split in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(d, split), TABLE.astype(np.float32)[d.labels[split]])
    assert sorted([*d.labels["train"], *d.labels["validation"]]) == y.tolist()

    d = data.load(save(tmp_path / "c.npz", images=TABLE, labels=y))
    np.testing.assert_array_equal(d.test, TABLE.astype(np.float32)[d.labels["test"]])
    assert rows(d) == TABLE.astype(np.float32).tolist()

    d = data.load(save(tmp_path / "d.npz", a=TABLE, b=PIXELS), key="a")
    assert rows(d) == TABLE.astype(np.float32).tolist()


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a,b\n" + "0.5,1\n" * 9, [[0.5, 1.0]] * 9),
        ("\ufeff0.5, 1\n" * 1 + "0.5,1\r\n\r\n" * 8, [[0.5, 1.0]] * 9),
        ('"a","b"\n' + '"1e0","2"\n' * 9, [[1.0, 2.0]] * 9),
        ("3\n" * 9, [[3]] * 9),
    ],
)
def test_csv(tmp_path, text, expected):
    d = data.load(write(tmp_path / "t.csv", text))
    assert rows(d) == expected and len(d.test) == 1


def test_csv_of_integers(tmp_path):
    path = write(tmp_path / "t.csv", "a,b\n" + "0,300\n" * 9)
    d = data.load(path)
    assert d.train.dtype == np.uint16 and d.num_bins == 512
    assert data.load(path, dtype="float32").num_bins is None
    # Below 0 they are no levels but whole numbers, which a model dequantizes column by column.
    signed = data.load(write(path, "1,-2\n" * 9))
    assert signed.train.dtype == np.float32 and signed.num_bins is None and rows(signed) == [[1, -2]] * 9


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "at least one line of numbers"),
        ("a,b\n", "at least one line of numbers"),
        ("a,b\n1,2\n1,2\n3\n", "2 columns in every line of {}; got 1 in line 4"),
        ("a,b\n1,2\n\n1,x\n", "got 'x' in line 4, column 2"),
        ("1,,2\n", "got '' in line 1, column 2"),
        (
            "a,b\n1,2\n1,nan\n",
            "Expected numbers in {}; got 'nan' in line 3, column 2 (1 of 2 lines have a gap: missing=d",
        ),
        ("1,2\n-inf,1\n", "got '-inf' in line 2, column 1"),
        ("1,2;3\n3,4\n", "got '2;3' (columns are separated by commas) in line 1, column 2"),
        (b"x,y\n\xe9,2\n", "Expected {} to be UTF-8 text; got other bytes in line 2 (encoding=cp1252 reads"),
        ("1.5,1e300\n" * 9, "numbers that float32 can hold in {}; got 1e+300"),
        ("1.5\n2.5\n", "at least 3 events to split in {}; got 2"),
    ],
)
def test_refused_csv(tmp_path, text, message):
    path = write(tmp_path / "t.csv", text)
    with pytest.raises(ValueError) as error:
        data.load(path)
    assert message.format(path) in sentence(error) and str(path) in str(error.value)


HOLED = TABLE.copy()
HOLED[4, 2] = np.nan
NPZ = {
    "two arrays": ({"a": TABLE, "b": PIXELS}, {}, "got the keys a, b (key= takes one of them)"),
    "no train": ({"val": TABLE, "test": TABLE}, {}, "got the keys val, test"),
    "no train, one array": ({"test": TABLE}, {}, "got the keys test"),
    "only labels": ({"labels": np.arange(3)}, {}, "got the keys labels"),
    "nothing": ({}, {}, "got the keys of none"),
    "two names": ({"train": TABLE, "val": TABLE, "valid": TABLE}, {}, "got the keys val and valid"),
    "unknown key": ({"a": TABLE}, {"key": "c"}, "one of a in {}; got 'c'"),
    "objects": ({"a": np.array([None, 1])}, {}, "not pickled; got ValueError"),
    "strings": ({"a": np.array(["a", "b"])}, {}, "integers or floats in {}; got <U1"),
    "nan": ({"train": TABLE, "val": HOLED, "test": TABLE}, {}, "in validation of {}; got nan at index (4, 2)"),
    "empty": ({"a": TABLE[:0]}, {}, "at least one event in {}; got an array of shape (0, 3)"),
    "scalar": ({"a": np.float32(1)}, {}, "got an array of shape ()"),
    "other shapes": ({"train": TABLE, "val": TABLE[:, :1], "test": TABLE}, {}, "validation of a.npz to hold events"),
    "few labels": ({"x": TABLE, "y": np.arange(3)}, {}, "as many labels as events in {}; got 3 and 20"),
    "no test labels": ({"train": TABLE, "train_labels": np.arange(20), "test": TABLE}, {}, "for train only"),
    "float labels": (
        {"x": TABLE, "y": TABLE[:, 0]},
        {},
        "booleans in the labels of train of a.npz (any",
    ),
    "negative": ({"a": PIXELS.astype(int) - 1}, {}, "integers of at least 0 in {}; got -1"),
    "above": ({"a": PIXELS}, {"num_bins": 16}, "integers in [0, 16)"),
    "floats with bins": ({"a": TABLE}, {"num_bins": 16}, "num_bins with integers only"),
    "fractions": ({"a": TABLE}, {"dtype": "uint8"}, "numbers that uint8 can hold in {}; got 0.14"),
    "no dtype": ({"a": TABLE}, {"dtype": "float31"}, "number type; got 'float31'"),
    "integer float_dtype": (
        {"a": TABLE},
        {"float_dtype": "int8"},
        "float_dtype to be 'float32' or 'float64'; got 'int8'",
    ),
    "text dtype": ({"a": TABLE}, {"dtype": "str"}, "integer or floating type"),
    "option": (
        {"a": TABLE},
        {"flatten": True},
        "encoding, num_bits, num_train, num_validation, num_test; got 'flatten'",
    ),
}


@pytest.mark.parametrize("case", NPZ)
def test_refused_npz(tmp_path, case):
    arrays, options, message = NPZ[case]
    path = save(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError) as error:
        data.load(path, **options)
    assert message.format(path) in sentence(error)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.npy", b"", "EOFError"),
        ("a.npy", b"no array", "not pickled"),
        ("a.npz", b"", "EOFError"),
        ("a.npz", b"PK\x03\x04 cut off", "BadZipFile"),
        ("a.txt", b"1,2", "Expected a .npy, .npz, .csv, .tsv (or .gz of these two), .parquet or .wav file"),
    ],
)
def test_broken_files(tmp_path, name, content, message):
    path = write(tmp_path / name, content)
    with pytest.raises(ValueError) as error:
        data.load(path)
    assert message in sentence(error) and str(path) in str(error.value)


def test_other_formats_under_a_name(tmp_path):
    save(tmp_path / "a.npz", a=TABLE, b=TABLE)
    os.rename(tmp_path / "a.npz", tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", TABLE)
    os.rename(tmp_path / "b.npy", tmp_path / "b.npz")
    for name in ("a.npy", "b.npz"):
        with pytest.raises(ValueError) as error:
            data.load(tmp_path / name)
        assert name in sentence(error)
    with pytest.raises(ValueError) as error:
        data.load(write(tmp_path / "t.csv", "1,2\n" * 9), key="a")
    assert "key with a .npz file only" in sentence(error)


@pytest.mark.parametrize(
    "path, what", [("nowhere.npz", "nothing"), ("a/b", None), (".", None), ("folder.npy", "a folder")]
)
def test_missing_files(tmp_path, monkeypatch, path, what):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises((FileNotFoundError, ValueError)) as error:
        data.load(path)
    assert what is None or f"got {what} there" in sentence(error)
    sentence(error)
