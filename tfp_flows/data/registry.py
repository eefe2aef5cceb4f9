"""The data sets by name: one table, from which `load`, `names` and the command line all take what they know."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import os
from collections.abc import Mapping

from tfp_flows import options as named_options
from tfp_flows.data import audio, bits, checks, digits, fewer, files, tfds, toys
from tfp_flows.data.dataset import Data
from tfp_flows.data.tables.reading import is_frame, is_table

# name -> (one-line description, loader(seed, **options))
_SETS = {
    "digits": (digits.DESCRIPTION, digits.load),
    **{name: (toy.description, functools.partial(toys.load, name)) for name, toy in toys.TOYS.items()},
    **{name: (description, functools.partial(tfds.load, name)) for name, description in tfds.DESCRIPTIONS.items()},
}


def names() -> dict[str, str]:
    """The known data sets.

    Returns:
        dict from name to a one-line description.

    Example:
        >>> from tfp_flows import data
        >>> sorted(data.names())[:4]
        ['checkerboard', 'cifar10', 'digits', 'eight_gaussians']
    """
    return {name: description for name, (description, _) in _SETS.items()}


# Of every data set: those of its loader come before them.
_COMMON = {name: named_options.Option(name, "int | None", "None") for name in ("num_bits", *fewer.NAMES)}
# What a data set is read by, beside numpy; name -> what installs it.
_NEEDED = {
    "digits": ("sklearn", "tfp_flows[data]"),
    **dict.fromkeys(tfds.DESCRIPTIONS, ("tensorflow_datasets", "tensorflow-datasets")),
}


def load(name_or_path: str, seed: int = 0, *, num_bits: int | None = None, **options) -> Data:
    """Loads a data set by its name, from a file, a data frame, or from recordings (.wav, a folder of them, .npz).

    Args:
        name_or_path: str or path; a name of `names()`, or anything that looks like a path: a .npy or .npz file, or a
            table (.csv, .tsv, with .gz or without, .parquet); or a data frame of pandas, polars or pyarrow.
        seed: int >= 0, of the toys' samples and of the splits that are drawn.
        num_bits: int in 1..8, to which 8-bit images are reduced: 5 makes 256 levels 32, x // 8. Bits per dimension are
            then those of the reduced data. None leaves them as they are.
        **options: `num_train`, `num_validation` and `num_test`, ints, the events of the splits: so many of the toys are
            made, of all others so many are drawn by the seed. Of the loader: `flatten` of the images; `num_bins`,
            `dtype`, `key`, `label` and more of the files and tables, see `tfp_flows.data.files`;
            `length`, `hop` and `label` of recordings, see `tfp_flows.data.audio`.

    Returns:
        Data.

    Raises:
        ValueError: for an unknown name, an unknown option, a file that cannot be made sense of, a num_bits out of
            range or with data that are not 8-bit, or more events than there are.
        ImportError: where the package that a data set comes from is not installed.
        OSError: for a file that cannot be read, or a data set that cannot be had from the network.

    Example:
        >>> from tfp_flows import data
        >>> data.load("rings", seed=1, num_train=100).train.shape
        (100, 2)
    """
    seed, num_bits = checks.integer("seed", seed, 0), bits.check(num_bits)
    loader, own = _loader(name_or_path)
    owner = "the data frame" if is_frame(name_or_path) else name_or_path
    named_options.check_names(options, {**own, **_COMMON}, owner)
    numbers = {name: options.pop(name) for name in fewer.NAMES if name in options and name not in own}
    dataset = fewer.draw(loader(seed, **options), numbers, seed)
    return dataset if num_bits is None else bits.reduce(dataset, num_bits)


def options(name_or_path: str) -> list[str]:
    """The names of the options that `load` takes for a data set.

    Args:
        name_or_path: as `load`.

    Returns:
        list of str.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> from tfp_flows import data
        >>> data.options("mnist")
        ['flatten', 'num_bits', 'num_train', 'num_validation', 'num_test']
    """
    return [*known_options(name_or_path)]


def known_options(name_or_path: str) -> dict[str, named_options.Option]:
    """The options that `load` takes for a data set, by name, but for its seed.

    Args:
        name_or_path: as `load`.

    Returns:
        dict from str to `tfp_flows.options.Option`.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> from tfp_flows.data import registry
        >>> registry.known_options("rings")["num_train"]
        Option(name='num_train', kind='int', default='50000')
    """
    own = _loader(name_or_path)[1]
    return {**own, **{name: option for name, option in _COMMON.items() if name not in own}}


def check(name_or_path: str, options: Mapping) -> None:
    """Refuses at once what `load` would refuse before it reads anything, and a kind of value that an option never has.

    Args:
        name_or_path: as `load`.
        options: dict, of what `load` takes by keyword, of JSON's kinds of values.

    Raises:
        ValueError: for an unknown name, an unknown option or one of another kind, with the nearest name.
        ImportError: where the package that a data set comes from is not installed.
        OSError: where there is no such file.

    Example:
        >>> from tfp_flows.data import registry
        >>> registry.check("moons", {"num_train": 0})
        Traceback (most recent call last):
        ValueError: Expected num_train to be an integer of at least 1; got 0.
    """
    known = known_options(name_or_path)
    named_options.check(options, {**known, "seed": named_options.Option("seed", "int", "0")}, name_or_path)
    checks.integer("seed", options.get("seed", 0), 0)
    bits.check(options.get("num_bits"))
    for name in fewer.NAMES:
        if options.get(name) is not None:
            checks.integer(name, options[name], 1)
    if name_or_path in _SETS:
        package, requirement = _NEEDED.get(name_or_path, ("numpy", "numpy"))
        if importlib.util.find_spec(package) is None:
            raise ImportError(f'Expected {package} to load {name_or_path}; pip install "{requirement}" adds it.')
    elif not os.path.exists(name_or_path):
        raise FileNotFoundError(f"Expected a file at {name_or_path}; got nothing there.")
    elif not audio.is_audio(name_or_path):
        files.check(name_or_path)


def kind(name_or_path: str, options: Mapping, takes_images: bool = False) -> str | None:
    """What the events of a data set are, where that is known before it is read.

    Args:
        name_or_path, options: as `check`.
        takes_images: bool, whether images are not flat where nothing is said.

    Returns:
        "vectors", "images" or "audio"; None where it is not known.

    Example:
        >>> from tfp_flows.data import registry
        >>> registry.kind("mnist", {}), registry.kind("mnist", {"flatten": False}), registry.kind("moons", {})
        ('vectors', 'images', 'vectors')
    """
    known = known_options(name_or_path)
    if name_or_path in _SETS:
        return "images" if "flatten" in known and not options.get("flatten", not takes_images) else "vectors"
    if "hop" in known:
        return "audio"
    return "vectors" if is_table(name_or_path) else None


def _loader(name_or_path):
    """The function that loads a data set, and its own options by name."""
    if is_frame(name_or_path):
        return _with_options(functools.partial(files.load, name_or_path))
    name = os.fspath(name_or_path) if isinstance(name_or_path, os.PathLike) else name_or_path
    if not isinstance(name, str) or not name:
        way = " (to_frame() makes a data frame of it)" if hasattr(name_or_path, "to_frame") else ""
        got = repr(name_or_path) if isinstance(name_or_path, str | int | None) else f"a {type(name_or_path).__name__}"
        raise ValueError(f"Expected the name of a data set, a path or a data frame; got {got}{way}.")
    if name in _SETS:
        loader = _SETS[name][1]
    elif audio.is_audio(name):
        loader = functools.partial(audio.load, name)
    elif files.is_path(name):
        loader = functools.partial(files.load, name)
    else:
        raise ValueError(
            f"Expected one of {', '.join(_SETS)}, or a .npy, .npz, .csv, .tsv, .parquet or .wav file, or a folder "
            f"of .wav files; got {name!r}{named_options.did_you_mean(name.lower(), _SETS)}."
        )
    return _with_options(loader)


def _with_options(loader):
    own = [p for p in inspect.signature(loader).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return loader, {
        p.name: named_options.Option(p.name, inspect.formatannotation(p.annotation), repr(p.default)) for p in own
    }
