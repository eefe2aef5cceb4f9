"""Data sets by name: what they hold, exact densities, and every refusal in one sentence."""

import doctest
import functools
import importlib
import pathlib
import pkgutil
import subprocess
import sys
import types

import numpy as np
import pytest

from tfp_flows import data
from tfp_flows.data.toys import TOYS

ROOT = pathlib.Path(__file__).resolve().parents[2]


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
    assert set(data.names()) == {*TOYS, "digits", "mnist", "fashion_mnist", "cifar10"}
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
        ("moons", {"noise": 1}, "among num_train, num_validation, num_test, num_bits; got 'noise'"),
        ("moons", {"num_test": 0}, "num_test to be an integer of at least 1; got 0"),
        ("digits", {"num_bins": 2}, "among flatten, num_bits, num_train, num_validation, num_test; got 'num_bins'"),
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
        ({"labels": {**LABELS, "test": np.zeros(5) + 0.5}}, "whole numbers, text or booleans in the labels of test"),
        ({"class_labels": data.Labels((0, 1))}, "class_labels with labels only"),
        ({"labels": LABELS, "class_labels": data.Labels((5, 6))}, "among 0..1 in the labels of train of d; got 2"),
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

    classes = types.SimpleNamespace(num_classes=3, names=["airplane", "automobile", "bird"])
    builder = types.SimpleNamespace(
        is_prepared=chatter,
        url_infos={"https://example.org/images.gz": None},
        info=types.SimpleNamespace(features={"label": classes}),
    )
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


@pytest.mark.parametrize("flatten, shape", [(True, (3072,)), (False, (32, 32, 3))])
def test_cifar10_is_cut_as_usual(monkeypatch, flatten, shape):
    asked = []

    def load(name, split, batch_size, as_supervised):
        asked.extend([name, *split])
        images = np.arange(3 * 3072).reshape(3, 32, 32, 3) % 256
        return [(types.SimpleNamespace(numpy=lambda: images.astype("uint8")),
                 types.SimpleNamespace(numpy=lambda: np.array([2, 0, 1])))] * 3  # fmt: skip

    fake_tfds(monkeypatch, load=load)
    d = data.load("cifar10", flatten=flatten)
    assert asked == ["cifar10", "train[:45000]", "train[45000:]", "test"]
    assert d.event_shape == shape and d.num_bins == 256 and d.labels["test"].tolist() == [2, 0, 1]
    assert d.class_labels == data.Labels((0, 1, 2), ("airplane", "automobile", "bird"))
    assert d.train.ravel()[:5].tolist() == [0, 1, 2, 3, 4]


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
    assert np.bincount(d.labels["test"]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
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
    assert len({events[:10000].tobytes() for events in (d.train, d.validation, d.test)}) == 3
    same, other = data.load(name, num_train=10), data.load(name, seed=1)
    np.testing.assert_array_equal(same.test, d.test)  # whatever the size of the other splits
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
