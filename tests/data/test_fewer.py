"""Fewer events of any data: so many of each split as were asked for, with their labels, by the seed."""

import numpy as np
import pytest

from tfp_flows import data


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file of splits of its own, sorted by class: the label is the first feature."""
    path = tmp_path_factory.mktemp("fewer") / "sorted.npz"
    x = {split: np.stack([np.repeat(np.arange(5.0), n), np.arange(5 * n)], 1) for split, n in
         (("train", 40), ("validation", 10), ("test", 10))}  # fmt: skip
    labels = {f"{split}_labels": np.array(list("abcde"))[events[:, 0].astype(int)] for split, events in x.items()}
    np.savez(path, **x, **labels)
    return path


def test_so_many_of_each_split_with_their_labels(path):
    whole, few = data.load(path), data.load(path, num_train=50, num_test=7)
    assert [len(getattr(few, split)) for split in ("train", "validation", "test")] == [50, 50, 7]
    for split in ("train", "test"):
        events = getattr(few, split)
        assert np.array_equal(few.labels[split], events[:, 0])
        places = events[:, 1].astype(int)
        assert (np.diff(places) > 0).all() and np.array_equal(events, getattr(whole, split)[places])
    assert np.array_equal(few.validation, whole.validation) and few.class_labels == whole.class_labels
    # Not the first ones of what is sorted.
    assert set(few.labels["train"]) == set(range(5))


def test_which_ones_is_said_by_the_seed(path):
    draw = lambda seed: data.load(path, seed, num_train=30).train[:, 1].tolist()  # noqa: E731
    assert draw(0) == draw(0) != draw(1)


@pytest.mark.parametrize("name, options", [
    ("digits", dict(num_train=20, num_validation=10, num_test=5, flatten=False)),
    ("moons", dict(num_train=20, num_validation=10, num_test=5)),
])  # fmt: skip
def test_data_sets_by_name(name, options):
    if name == "digits":
        pytest.importorskip("sklearn", reason="the extra `data` is not installed")
    few = data.load(name, **options)
    assert [len(few.train), len(few.validation), len(few.test)] == [20, 10, 5]
    assert few.labels is None or [len(few.labels[split]) for split in few.labels] == [20, 10, 5]


@pytest.mark.parametrize("options, message", [
    (dict(num_train=201), "Expected num_train of at most 200, the events in train of sorted.npz; got 201"),
    (dict(num_test=0), "Expected num_test to be an integer of at least 1; got 0"),
    (dict(num_validation=2.5), "Expected num_validation to be an integer of at least 1; got 2.5"),
    (dict(num_valid=3), "got 'num_valid' .did you mean 'num_validation'"),
])  # fmt: skip
def test_other_numbers_are_refused(options, message, path):
    with pytest.raises(ValueError, match=message):
        data.load(path, **options)
