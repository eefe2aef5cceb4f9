"""Data sets by name and from files: what they hold, exact densities, and every refusal in one sentence."""

import doctest
import functools
import importlib
import os
import pathlib
import pkgutil
import subprocess
import sys
import types

import numpy as np
import pytest

from tfp_flows import data
from tfp_flows.data.toys import TOYS

ROOT = pathlib.Path(__file__).parents[1]


def sentence(error):
    """The error's text, which is one sentence on one line."""
    text = str(error.value)
    assert text.startswith("Expected") and "got" in text and "\n" not in text
    return text


# Names and laziness -----------------------------------------------------------------------------------------------


def test_import_and_names_need_nothing_heavy():
    script = (
        "import sys; from tfp_flows import data; data.names(); "
        "print([m for m in ('tensorflow', 'sklearn', 'scipy', 'tensorflow_datasets', 'keras') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr


def test_names():
    assert set(data.names()) == {*TOYS, "digits", "mnist", "fashion_mnist"}
    assert all(text and "\n" not in text for text in data.names().values())


@pytest.mark.parametrize("module", [m.name for m in pkgutil.iter_modules(data.__path__)])
def test_examples(module):
    assert doctest.testmod(importlib.import_module(f"tfp_flows.data.{module}")).failed == 0


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("mnits", {}, "did you mean 'mnist'?"),
        ("something", {}, "Expected one of digits, moons,"),
        ("", {}, "got ''"),
        (None, {}, "got None"),
        ("moons", {"seed": -1}, "seed"),
        ("moons", {"seed": "0"}, "seed"),
        ("moons", {"noise": 1}, "among num_train, num_validation, num_test; got noise"),
        ("moons", {"num_test": 0}, "num_test to be an integer of at least 1; got 0"),
        ("digits", {"num_bins": 2}, "among flatten; got num_bins"),
    ],
)
def test_refused_names_and_options(name, options, message):
    with pytest.raises(ValueError) as error:
        data.load(name, **options)
    assert message in sentence(error)


# Data -------------------------------------------------------------------------------------------------------------

FLOATS = np.zeros((5, 2), np.float32)
INTEGERS = np.arange(10).reshape(5, 2)
NAN, INF = FLOATS.copy(), FLOATS.copy()
NAN[3, 1], INF[0, 0] = np.nan, np.inf
LABELS = {split: np.arange(5) for split in ("train", "validation", "test")}


def make(events=FLOATS, **changes):
    return data.Data(**{"name": "d", "train": events, "validation": events, "test": events, **changes})


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"test": NAN}, "finite numbers in test of d; got nan at index (3, 1)"),
        ({"train": INF}, "got inf at index (0, 0)"),
        ({"train": np.array([["a", "b"]])}, "integers or floats in train of d; got <U1"),
        ({"train": np.array([[1, None]])}, "got object"),
        ({"train": [[1.0, 2.0]]}, "got list"),
        ({"train": FLOATS.astype(complex)}, "got complex128"),
        ({"validation": FLOATS[:0]}, "at least one event in validation of d"),
        ({"test": FLOATS[:, :1]}, "float32 (2,); got float32 (1,)"),
        ({"test": FLOATS.astype(np.float64)}, "got float64"),
        ({"num_bins": 3}, "num_bins with integers only"),
        ({"events": INTEGERS}, "at least 2; got None"),
        ({"events": INTEGERS, "num_bins": 1}, "at least 2; got 1"),
        ({"events": INTEGERS, "num_bins": 9}, "integers in [0, 9) in train of d; got 9"),
        ({"events": INTEGERS - 1, "num_bins": 16}, "integers in [0, 16) in train of d; got -1"),
        ({"labels": {"train": np.arange(5)}}, "labels for train, validation, test"),
        ({"labels": {**LABELS, "test": np.arange(4)}}, "one label for each of the 5 events in test of d; got 4"),
        ({"labels": {**LABELS, "test": np.zeros(5)}}, "vector of integers; got float64 (5,)"),
    ],
)
def test_refused_data(changes, message):
    with pytest.raises(ValueError) as error:
        make(**changes)
    assert message in sentence(error)


def test_data():
    d = make(INTEGERS, num_bins=10, labels=LABELS)
    assert d.event_shape == (2,)
    assert repr(d) == "Data('d', train=5, validation=5, test=5, event_shape=(2,), dtype=int64, num_bins=10)"
    assert make(np.arange(3.0)).event_shape == ()
    with pytest.raises(AttributeError):
        d.train = FLOATS


def test_batches():
    d = make(INTEGERS, num_bins=10, labels=LABELS)
    first = [next(iter(d.batches(split, 5))).numpy() for split in ("train", "validation", "test")]
    np.testing.assert_array_equal(first[1], INTEGERS)
    np.testing.assert_array_equal(first[2], INTEGERS)
    assert not np.array_equal(first[0], INTEGERS)
    np.testing.assert_array_equal(np.sort(first[0], 0), INTEGERS)
    events, labels = next(iter(d.batches("train", 4, seed=1, with_labels=True, drop_remainder=True)))
    np.testing.assert_array_equal(events[:, 0], 2 * labels)
    np.testing.assert_array_equal(next(iter(d.batches("train", 5, shuffle=False))), INTEGERS)
    for arguments, message in [
        (("training", 5), "one of train, validation, test; got 'training'"),
        (("train", 0), "at least 1; got 0"),
    ]:
        with pytest.raises(ValueError) as error:
            d.batches(*arguments)
        assert message in sentence(error)
    with pytest.raises(ValueError) as error:
        make().batches("train", 5, with_labels=True)
    assert "labels" in sentence(error)


# Digits and TensorFlow Datasets -----------------------------------------------------------------------------------


def test_digits():
    d, again, other = data.load("digits"), data.load("digits", flatten=False), data.load("digits", seed=1)
    assert (len(d.train), len(d.validation), len(d.test)) == (1297, 250, 250)
    assert d.event_shape == (64,) and d.train.dtype == np.uint8 and d.num_bins == 17
    assert again.event_shape == (8, 8, 1)
    np.testing.assert_array_equal(again.test.reshape(-1, 64), d.test)
    assert not np.array_equal(other.test, d.test)
    from sklearn.datasets import load_digits

    key = lambda images, labels: sorted(zip(images.astype(int).tolist(), labels.tolist()))  # noqa: E731
    ours = [np.concatenate([part[s] for s in LABELS]) for part in ({s: getattr(d, s) for s in LABELS}, d.labels)]
    assert key(*ours) == key(*load_digits(return_X_y=True))  # each image once, with its label


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'^Expected scikit-learn.*pip install "tfp_flows\[data\]"\.$'):
        data.load("digits")


def fake_tfds(monkeypatch, prepared=True, load=None):
    def chatter():
        print("Downloading and preparing dataset ...")
        print("100%", file=sys.stderr)
        return prepared

    builder = types.SimpleNamespace(is_prepared=chatter, url_infos={"https://example.org/images.gz": None})
    module = types.SimpleNamespace(builder=lambda name: builder, load=load)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)


def no_proxy_no_network(monkeypatch, hosts):
    def getaddrinfo(host, port):
        hosts.append(host)
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr("urllib.request.getproxies", dict)
    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)


def test_tfds_without_network(monkeypatch, capsys):
    hosts = []
    no_proxy_no_network(monkeypatch, hosts)
    fake_tfds(monkeypatch, prepared=False)
    with pytest.raises(OSError) as error:
        data.load("mnist")
    assert "Name or service not known" in sentence(error) and "TFDS_DATA_DIR" in str(error.value)
    assert hosts == ["example.org"]
    assert capsys.readouterr() == ("", "")


def test_tfds_that_fails_or_is_missing(monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("something\n  long")

    fake_tfds(monkeypatch, load=fail)
    with pytest.raises(OSError) as error:
        data.load("fashion_mnist")
    assert "RuntimeError: something long" in sentence(error)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError) as error:
        data.load("mnist")
    assert "tensorflow_datasets" in sentence(error)


@functools.cache
def absent(name):
    import tensorflow_datasets as tfds

    return None if tfds.builder(name).is_prepared() else f"{name} is not prepared in {tfds.core.constants.DATA_DIR}"


def test_mnist(capsys):
    if absent("mnist"):
        pytest.skip(absent("mnist"))
    d = data.load("mnist", flatten=False)
    assert [len(getattr(d, split)) for split in LABELS] == [50000, 10000, 10000]
    assert d.event_shape == (28, 28, 1) and d.train.dtype == np.uint8 and d.num_bins == 256
    assert np.bincount(d.labels["test"]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 1009, 974]
    total = (d.train.sum(dtype=np.int64) + d.validation.sum(dtype=np.int64)) / (60000 * 784 * 255)
    assert round(total, 4) == 0.1307  # the mean of all training pixels
    assert capsys.readouterr() == ("", "")


# Toys -------------------------------------------------------------------------------------------------------------

STEP = 0.05
LIMIT = 6.0


@functools.cache
def on_grid(name):
    """log_prob (240, 240) in the middles of the cells of a grid that divides the checkerboard's squares."""
    middles = np.arange(-LIMIT, LIMIT, STEP) + STEP / 2
    return TOYS[name].log_prob(np.stack(np.meshgrid(middles, middles, indexing="ij"), -1))


def chi_squared(name, samples):
    """Pearson's statistic of samples against the density over cells of side 0.5, in its standard deviations."""
    cells = np.exp(on_grid(name)).reshape(24, 10, 24, 10).sum((1, 3)) * STEP**2
    edges = np.linspace(-LIMIT, LIMIT, 25)
    counts = np.histogram2d(*samples.T, bins=[edges, edges])[0]
    expected = len(samples) * cells
    used = expected > 5
    degrees = used.sum()
    statistic = ((counts - expected)[used] ** 2 / expected[used]).sum()
    # What lies where next to nothing is expected counts as one more cell.
    rest = max(expected[~used].sum(), 1.0)
    statistic += (counts[~used].sum() - expected[~used].sum()) ** 2 / rest
    return (statistic - degrees) / np.sqrt(2 * degrees)


@pytest.mark.parametrize("name", TOYS)
def test_toy_samples(name):
    d = data.load(name, num_train=20000)
    assert d.train.dtype == np.float32 and d.event_shape == (2,) and d.num_bins is None
    assert (len(d.train), len(d.validation), len(d.test)) == (20000, 10000, 10000)
    assert not np.isin(d.test, d.train).any(1).all() and not np.array_equal(d.test, d.validation)
    same, other = data.load(name, num_train=10), data.load(name, seed=1)
    np.testing.assert_array_equal(same.test, d.test)  # whatever the size of the other splits
    np.testing.assert_array_equal(same.train[:0], d.train[:0])
    assert not np.array_equal(other.test, d.test)


@pytest.mark.parametrize("name", TOYS)
def test_toy_density(name):
    log_p, toy = on_grid(name), TOYS[name]
    p = np.exp(log_p)
    assert abs(p.sum() * STEP**2 - 1) < 1e-3
    entropy = -np.where(p > 0, p * np.where(p > 0, log_p, 0), 0).sum() * STEP**2
    assert abs(entropy - toy.entropy) < 1e-3

    nll = -toy.log_prob(data.load(name).test)
    assert nll.dtype == np.float64
    assert abs(nll.mean() - toy.entropy) < 4 * nll.std() / np.sqrt(len(nll)) + 1e-9


@pytest.mark.parametrize("name", TOYS)
def test_toy_samples_follow_their_density(name):
    samples = data.load(name).train.astype(np.float64)
    assert abs(chi_squared(name, samples)) < 5
    assert chi_squared(name, samples + 0.05) > 10
    assert chi_squared(name, samples * 1.03) > 10


def test_known_entropies():
    known = {
        "moons": 2.3939, "rings": 2.6232, "eight_gaussians": 2.8319, "checkerboard": np.log(32), "pinwheel": 2.3206,
        "spirals": 2.5406,
    }  # fmt: skip
    assert {name: round(toy.entropy, 4) for name, toy in TOYS.items()} == {n: round(h, 4) for n, h in known.items()}


def test_rings_in_closed_form():
    special = pytest.importorskip("scipy.special")
    toy, x = TOYS["rings"], np.random.default_rng(0).uniform(-3.2, 3.2, (500, 2))
    r, var = np.linalg.norm(x, axis=-1, keepdims=True), toy.noise**2
    rings = special.i0e(r * toy.radii / var) * np.exp(-((r - toy.radii) ** 2) / (2 * var)) / (2 * np.pi * var)
    np.testing.assert_allclose(toy.log_prob(x), np.log(rings.mean(-1)), atol=1e-6)


def test_log_prob_keeps_shapes_and_refuses_others():
    for toy in TOYS.values():
        assert toy.log_prob(np.zeros((3, 4, 2))).shape == (3, 4) and np.shape(toy.log_prob([0.3, 0.4])) == ()
        assert not np.isnan(toy.log_prob([[1e6, -1e6]])).any()
        with pytest.raises(ValueError) as error:
            toy.log_prob(np.zeros((5, 3)))
        assert "(5, 3)" in sentence(error)


# Files ------------------------------------------------------------------------------------------------------------

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
    with pytest.raises(ValueError) as error:
        data.load(write(path, "1,-2\n" * 9))
    assert "got -2 (dtype='float32' makes them floats)" in sentence(error)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "at least one line of numbers"),
        ("a,b\n", "at least one line of numbers"),
        ("a,b\n1,2\n1,2\n3\n", "2 columns in every line of {}; got 1 in line 4"),
        ("a,b\n1,2\n\n1,x\n", "got 'x' in line 4, column 2"),
        ("1,,2\n", "got '' in line 1, column 2"),
        ("a,b\n1,2\n1,nan\n", "finite numbers in {}; got nan in line 3, column 2"),
        ("1,2\n-inf,1\n", "got -inf in line 2, column 1"),
        ("1;2\n3;4\n", "got '3;4' in line 2, column 1"),
        ("1,2;3\n3,4\n", "got '2;3' in line 1, column 2"),
        (b"\xff\xfe1,2\n", "UTF-8 text; got other bytes at offset 0"),
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
    "float labels": ({"x": TABLE, "y": TABLE[:, 0]}, {}, "vector of integers; got float64"),
    "negative": ({"a": PIXELS.astype(int) - 1}, {}, "integers of at least 0 in {}; got -1"),
    "above": ({"a": PIXELS}, {"num_bins": 16}, "integers in [0, 16)"),
    "floats with bins": ({"a": TABLE}, {"num_bins": 16}, "num_bins with integers only"),
    "fractions": ({"a": TABLE}, {"dtype": "uint8"}, "numbers that uint8 can hold in {}; got 0.14"),
    "no dtype": ({"a": TABLE}, {"dtype": "float31"}, "number type; got 'float31'"),
    "text dtype": ({"a": TABLE}, {"dtype": "str"}, "integer or floating type"),
    "option": ({"a": TABLE}, {"flatten": True}, "among num_bins, dtype, key; got flatten"),
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
        ("a.txt", b"1,2", "Expected a .npy, .npz or .csv file"),
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


@pytest.mark.parametrize("path, what", [("nowhere.npz", "nothing"), ("a/b", None), (".", None), ("folder.npy", "a folder")])
def test_missing_files(tmp_path, monkeypatch, path, what):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises((FileNotFoundError, ValueError)) as error:
        data.load(path)
    assert what is None or f"got {what} there" in sentence(error)
    sentence(error)
