"""Labels as they come, whatever they are: mapped to 0..n-1 and back, and what is no label is refused by name."""

import datetime

import numpy as np
import pytest

from tests.data.test_data import sentence
from tfp_flows import data
from tfp_flows.data import Labels

# name -> labels, the values that stand for the classes, the classes
KINDS = {
    "from 0": (np.array([2, 0, 1, 2], np.uint8), (0, 1, 2), [2, 0, 1, 2]),
    "from 1": ([3, 1, 2], (1, 2, 3), [2, 0, 1]),
    "negative": (np.array([-1, 1, -1]), (-1, 1), [0, 1, 0]),
    "sparse": (np.array([10**6, 7, 2**62]), (7, 10**6, 2**62), [1, 0, 2]),
    "unsigned": (np.array([5, 2**63 - 1], np.uint64), (5, 2**63 - 1), [0, 1]),
    "text": (["dog", "cat", "dog"], ("cat", "dog"), [1, 0, 1]),
    "text of an array": (np.array(["é", "a b", "é"]), ("a b", "é"), [1, 0, 1]),
    "bytes": (np.array([b"dog", b"cat"]), ("cat", "dog"), [1, 0]),
    "bytes as objects": (np.array([b"dog", "cat"], object), ("cat", "dog"), [1, 0]),
    "booleans": (np.array([True, False, True]), (False, True), [1, 0, 1]),
    "one boolean": ([True, True], (True,), [0, 0]),
    "whole floats": (np.array([4.0, -2.0, 4.0]), (-2, 4), [1, 0, 1]),
    "whole floats as objects": (np.array([4, 2.0], object), (2, 4), [1, 0]),
    "a column": (np.array([[7], [5], [7]]), (5, 7), [1, 0, 1]),
    "a column of text": (np.array([["b"], ["a"]]), ("a", "b"), [1, 0]),
    "one-hot": (np.eye(4)[[2, 0, 2]], (0, 1, 2, 3), [2, 0, 2]),
    "one-hot booleans": (np.eye(2, dtype=bool)[[1, 0]], (0, 1), [1, 0]),
    "one-hot lists": ([[0, 1], [1, 0]], (0, 1), [1, 0]),
    "days": (np.array(["2021-03-01", "2020-01-01"], "datetime64[D]"), ("2020-01-01", "2021-03-01"), [1, 0]),
    "times": (np.array(["2020-01-01T06:30"], "datetime64[ms]"), ("2020-01-01T06:30:00",), [0]),
    "dates": ([datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 1)], ("2020-01-01", "2020-01-02"), [1, 0]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_mapped_and_comes_back(kind):
    given, values, classes = KINDS[kind]
    labels = Labels.of(given)
    assert labels.values == values and {type(value) for value in labels.values} == {type(values[0])}
    encoded = labels.encode(given)
    assert encoded.dtype == np.int32 and encoded.tolist() == classes
    np.testing.assert_array_equal(labels.encode(labels.decode(encoded)), encoded)
    assert labels.decode(encoded).tolist() == [values[k] for k in classes]
    assert Labels.from_dict(labels.to_dict()) == labels
    assert labels.is_range == (values == tuple(range(len(values))) and type(values[0]) is int)
    # What is asked for on the command line is what is shown.
    assert [labels.read(str(value)) for value in values] == [[k] for k in range(len(values))]


NO_LABELS = {
    "fraction": (
        np.array([1.0, 0.5]),
        "label=False leaves those of a file out); got 0.5 at index 1",
    ),
    "infinite": ([1.0, np.inf], "got inf at index 1"),
    "nan": (np.array([1.0, np.nan]), "got nan, a missing one, at index 1"),
    "none": (["cat", None], "got None, a missing one, at index 1"),
    "nan among text": (["cat", np.nan], "got nan, a missing one, at index 1"),
    "nan as numpy writes it": (np.array(["cat", np.nan]), "got 'nan', a missing one, at index 1"),
    "empty": (np.array(["cat", "dog", " "]), "got ' ', a missing one, at index 2"),
    "no date": (np.array(["2020-01-01", "NaT"], "datetime64[D]"), "got NaT, a missing one, at index 1"),
    "masked": (np.ma.array([1, 2, 3], mask=[0, 0, 1]), "a missing one, at index 2"),
    "kinds": ([1, "cat"], "of one kind in the labels; got 1 and 'cat'"),
    "boolean and number": ([True, 2], "of one kind in the labels; got True and 2"),
    "several": ([[0, 1], [1, 1]], "or one-hot vectors of a single 1"),
    "shares": (np.array([[0.2, 0.8]]), "or one-hot vectors of a single 1"),
    "table": (np.array([["a", "b"]]), "or one-hot vectors of a single 1"),
    "ragged": ([[1, 2], [3]], "one label an event in the labels; got [1, 2] at index 0"),
    "too large": ([2**70], "within 64 bits in the labels (or as text)"),
    "too large unsigned": (np.array([2**64 - 1], np.uint64), "at most 2^63 - 1"),
    "complex": (np.zeros(2, complex), "integers, text or booleans in the labels; got complex128"),
    "one text": ("cat", "an array of labels in the labels, one an event; got 'cat'"),
    "latin-1": ([b"\xe9"], "bytes as UTF-8 in the labels; got b'\\xe9' at index 0"),
    "nothing": ([], "at least one label"),
}


@pytest.mark.parametrize("case", NO_LABELS)
def test_what_is_no_label_is_refused(case):
    with pytest.raises(ValueError) as error:
        Labels.of(NO_LABELS[case][0])
    assert NO_LABELS[case][1] in sentence(error)


def test_what_stands_for_no_class_is_named():
    for values, given, got in (
        (("cat", "dog"), ["dog", "emu"], "'cat', 'dog' in the labels; got 'emu'"),
        ((3, 5), [5, 4], "3, 5 in the labels; got 4"),
        ((0, 1, 2), [0, 3], "0..2 in the labels; got 3"),
        (("1", "2"), [1], "'1', '2' in the labels; got 1"),
        ((False, True), [0], "False, True in the labels; got 0"),
        (tuple(range(1, 30)), [31], "9, 10, ... (29 in all) in the labels; got 31"),
    ):
        with pytest.raises(ValueError) as error:
            Labels(values).encode(given)
        assert got in sentence(error)
    for bad, message in (
        (dict(values=("a", "a")), "a different value for each class; got 'a' twice"),
        (dict(values=(1, "a")), "of one kind"),
        (dict(values=(1, 2), names=("a",)), "a different name for each of 2 classes"),
        (dict(values=(1, 2), names=("a", "a")), "a different name for each of 2 classes"),
    ):
        with pytest.raises(ValueError, match=message):
            Labels(**bad)
    for bad in ({"values": "ab"}, {"names": ["a"]}, [1], {"values": [0], "more": 1}):
        with pytest.raises(ValueError, match="as the classes; got|as values of the classes; got"):
            Labels.from_dict(bad)
    for bad in ([2], [-1], [0.0]):
        with pytest.raises(ValueError, match=r"Expected classes as integers 0\.\.1"):
            Labels(("a", "b")).decode(bad)


def test_classes_are_read_by_value_and_by_name():
    pets = Labels((3, 7, 9), names=("cat", "dog", "cow, brown"))
    assert pets.read("dog") == pets.read("7") == [1]
    assert pets.read("9,cat") == [2, 0] and pets.read('"cow, brown", 3') == [2, 0] == [*pets.read("cow, brown"), 0]
    assert [pets.title(k) for k in range(3)] == ["cat", "dog", "cow, brown"]
    assert Labels((3, 7)).title(1) == "class 7" and Labels(("a", "b")).title(1) == "b"
    # Names that say no more than the values are none.
    assert Labels((0, 1), names=("0", "1")) == Labels((0, 1))
    with pytest.raises(ValueError, match=r"3 \(cat\), 7 \(dog\), .*; got 'dgo' \(did you mean 'dog'\?\)"):
        pets.read("cat,dgo")
    assert Labels((False, True)).read("true,False") == [1, 0]
    with pytest.raises(ValueError, match="got ''"):
        pets.read("")


EVENTS = np.arange(40.0).reshape(20, 2) / 7
SIDES = np.array(["left", "right"])[np.arange(20) % 2]


def check_sides(d, values=("left", "right")):
    """Each event stands beside its own label."""
    assert d.class_labels.values == values
    for split in ("train", "validation", "test"):
        index = np.round(getattr(d, split)[:, 0] * 3.5).astype(int)
        np.testing.assert_array_equal(d.labels[split], index % 2)


@pytest.mark.parametrize("kind", ["text", "column", "one-hot", "booleans", "from 1", "floats"])
def test_npz(tmp_path, kind):
    i = np.arange(20) % 2
    labels, values = {
        "text": (SIDES, ("left", "right")),
        "column": (SIDES[:, None], ("left", "right")),
        "one-hot": (np.eye(2)[i], (0, 1)),
        "booleans": (i == 1, (False, True)),
        "from 1": (i + 1, (1, 2)),
        "floats": (i - 1.0, (-1, 0)),
    }[kind]
    np.savez(tmp_path / "one.npz", x=EVENTS, y=labels)
    check_sides(data.load(tmp_path / "one.npz"), values)
    np.savez(tmp_path / "split.npz", x_train=EVENTS[:16], y_train=labels[:16], x_test=EVENTS[16:], y_test=labels[16:])
    check_sides(data.load(tmp_path / "split.npz"), values)


def test_where_the_labels_are(tmp_path):
    y = np.arange(20) / 3
    np.savez(tmp_path / "a.npz", x=EVENTS, y=y, side=SIDES)
    check_sides(data.load(tmp_path / "a.npz", label="side", key="x"))
    assert data.load(tmp_path / "a.npz", label=False, key="x").labels is None
    with pytest.raises(ValueError, match="is no class but a context"):
        data.load(tmp_path / "a.npz", key="x")
    with pytest.raises(ValueError, match="label to name an array of labels in .*, of x, y, side; got 'sides'"):
        data.load(tmp_path / "a.npz", label="sides", key="x")
    np.savez(tmp_path / "b.npz", train=EVENTS, test=EVENTS, side_train=SIDES, test_side=SIDES)
    check_sides(data.load(tmp_path / "b.npz", label="side"))
    np.save(tmp_path / "x.npy", EVENTS)
    np.save(tmp_path / "sides.npy", SIDES)
    check_sides(data.load(tmp_path / "x.npy", label="sides.npy"))
    check_sides(data.load(tmp_path / "x.npy", label=str(tmp_path / "sides.npy")))
    with pytest.raises(ValueError, match="label to be the path of a .npy file"):
        data.load(tmp_path / "x.npy", label="nowhere.npy")
    with pytest.raises(ValueError, match=r"as many labels as events in .*; got 19 and 20"):
        np.save(tmp_path / "sides.npy", SIDES[1:])
        data.load(tmp_path / "x.npy", label="sides.npy")


CSV = {
    "last, by title": ("a,b,side\n", "{0},{1},{2}\n", "side", SIDES, ("left", "right")),
    "first, by number": ("", "{2},{0},{1}\n", 1, SIDES, ("left", "right")),
    "last, by number": ("a,b,c\n", "{0},{1},{2}\n", -1, SIDES, ("left", "right")),
    "quoted": ("a,c,b\n", '{0},"{2}, far",{1}\n', "c", SIDES, ("left, far", "right, far")),
    "integers": ("a,b,c\n", "{0},{1}, {2}\n", "c", np.arange(20) % 2 * 7 - 3, (-3, 4)),
    "whole floats": ("a,b,c\n", "{0},{1},{2}\n", "c", np.arange(20) % 2 * 7.0, (0, 7)),
    "codes": ("a,b,c\n", "{0},{1},0{2}\n", "c", np.arange(20) % 2 + 3, ("03", "04")),
    "large": ("a,b,c\n", "{0},{1},{2}\n", "c", np.arange(20) % 2 + 2**60, (2**60, 2**60 + 1)),
}


@pytest.mark.parametrize("case", CSV)
def test_csv(tmp_path, case):
    header, line, label, labels, values = CSV[case]
    path = tmp_path / "t.csv"
    path.write_text(header + "".join(line.format(*event, y) for event, y in zip(EVENTS, labels)))
    check_sides(data.load(path, label=label), values)


@pytest.mark.parametrize(
    "text, label, message",
    [
        (
            "a,b\n1.5,x\n2.5,y\n",
            None,
            "got 'x' in line 2, column 2 (drop=b leaves the column out, target=b takes it as classes, ",
        ),
        (
            "a,b\n1.5,x\n\n2.5,\n",
            "b",
            "a label in every line of {}; got '' in line 4, column 2 (1 of 2 lines have a gap: missing=drop leaves ",
        ),
        ("a,b\n1.5,1\n2.5,NA\n", "b", "a label in every line of {}; got 'NA' in line 3, column 2"),
        ("a,b\n1.5,1\n2.5,nan\n", "b", "a label in every line of {}; got 'nan' in line 3, column 2"),
        ("a,b\n1.5,1\n2.5,0.25\n" + "1.5,1\n" * 9, "b", "is no class but a context"),
        ("a,b\n1.5,x\n2.5,y\n", "c", "label to be one of the titles a, b, or a column's number, 1..2, in {}; got 'c'"),
        ("1.5,x\n2.5,y\n", 3, "label to be a column's number, 1..2, in {}; got 3"),
        ("1.5,x\n2.5,y\n", 0, "got 0"),
        ("x\ny\n" * 9, 1, "a column of numbers beside the labels"),
        ("a,b,c\nx,1,2\ny,3,z\n", "a", "got 'z' in line 3, column 3"),
    ],
)
def test_refused_csv(tmp_path, text, label, message):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(ValueError) as error:
        data.load(path, label=label)
    assert message.format(path) in sentence(error)


def test_data_map_the_labels_of_all_splits_alike():
    x = np.zeros((3, 2), np.float32)
    splits = dict(train=x, validation=x, test=x)
    labels = {"train": ["b", "a", "b"], "validation": ["a"] * 3, "test": np.array([["c"]] * 3)}
    d = data.Data("d", **splits, labels=labels)
    assert d.class_labels.values == ("a", "b", "c")
    assert [d.labels[split].tolist() for split in labels] == [[1, 0, 1], [0] * 3, [2] * 3]
    with pytest.raises(ValueError, match="of one kind in the labels of d; got 'a' and 1"):
        data.Data("d", **splits, labels={**labels, "test": [1] * 3})
    with pytest.raises(ValueError, match="a label for each event in the labels of test of d; got None, .* index 1"):
        data.Data("d", **splits, labels={**labels, "test": ["a", None, "b"]})
