"""MNIST, Fashion-MNIST and CIFAR-10 by TensorFlow Datasets, which finds, downloads and prepares them in its own way.

Where they lie is TFDS' business: `TFDS_DATA_DIR`, or its default folder.
"""

import contextlib
import io
import logging
import socket
import urllib.parse
import urllib.request

from tfp_flows.data.dataset import SPLITS, Data
from tfp_flows.data.labels import Labels

DESCRIPTIONS = {
    "mnist": "handwritten digits, 28 x 28 pixels of 256 levels, with labels (TensorFlow Datasets)",
    "fashion_mnist": "pictures of clothes, 28 x 28 pixels of 256 levels, with labels (TensorFlow Datasets)",
    "cifar10": "photographs, 32 x 32 pixels of 3 x 256 levels, with labels (TensorFlow Datasets)",
}
# How much of TFDS' train is ours; the rest is validation. TFDS stores the examples shuffled, in one fixed order.
_NUM_TRAIN = {"mnist": 50000, "fashion_mnist": 50000, "cifar10": 45000}


def load(name, seed=0, *, flatten: bool = True):
    """One of `DESCRIPTIONS`: 50,000 images for train (CIFAR-10: 45,000), the other 10,000 (5,000) of TFDS' train for
    validation, 10,000 for test.

    Args:
        name: a key of `DESCRIPTIONS`.
        seed: unused; the splits are the published ones, and validation the last of TFDS' order of train.
        flatten: whether events are vectors (784,), or (3072,); images (28, 28, 1), or (32, 32, 3), otherwise.

    Returns:
        Data, uint8 with num_bins 256 and labels 0..9, with the names that TFDS has for them.

    Raises:
        ImportError: without tensorflow_datasets, or without what it needs to prepare a data set.
        OSError: where the data set is neither prepared nor to be had from the network.
    """
    del seed
    try:
        import tensorflow_datasets
    except ImportError as error:
        raise _missing(name, error) from error
    try:
        with _silence():
            builder = tensorflow_datasets.builder(name)
            if not builder.is_prepared():
                _check_network(builder)
            cut = _NUM_TRAIN[name]
            splits = [f"train[:{cut}]", f"train[{cut}:]", "test"]
            parts = tensorflow_datasets.load(name, split=splits, batch_size=-1, as_supervised=True)
            known = builder.info.features["label"]
    except ImportError as error:
        raise _missing(name, error) from error
    except Exception as error:  # whatever TFDS, its network library or its file system raise
        reason = " ".join(str(error).split())[:300]
        raise OSError(
            f"Expected {name} prepared by TensorFlow Datasets (TFDS_DATA_DIR says where), or a network to get it from; "
            f"got {type(error).__name__}: {reason}."
        ) from error
    events, labels = {}, {}
    for split, (images, classes) in zip(SPLITS, parts):
        images = images.numpy()
        events[split] = images.reshape(len(images), -1) if flatten else images
        labels[split] = classes.numpy()
    class_labels = Labels(range(known.num_classes), known.names)
    return Data(name, **events, labels=labels, class_labels=class_labels, num_bins=256, description=DESCRIPTIONS[name])


def _missing(name, error):
    return ImportError(f"Expected tensorflow_datasets, with all that it imports, to load {name}; got: {error}.")


def _check_network(builder):
    """Fails at once where there is no network: TFDS itself tries again and again for minutes, in silence here."""
    if urllib.request.getproxies():
        return  # a proxy resolves the names
    for host in {urllib.parse.urlsplit(url).hostname for url in builder.url_infos}:
        socket.getaddrinfo(host, None)


@contextlib.contextmanager
def _silence():
    """Keeps TFDS' progress bars, notes and warnings from the user's terminal."""
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(level)
