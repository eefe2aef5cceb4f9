"""The data sets by name: one table, from which `load`, `names` and the command line all take what they know."""

from __future__ import annotations

import difflib
import functools
import inspect
import os

from tfp_flows.data import audio, bits, checks, digits, files, tfds, toys
from tfp_flows.data.dataset import Data

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


def load(name_or_path: str, seed: int = 0, *, num_bits: int | None = None, **options) -> Data:
    """Loads a data set by its name, from a .npy, .npz or .csv file, or from recordings (.wav, a folder of them, .npz).

    Args:
        name_or_path: str or path; a name of `names()`, or anything that looks like a path.
        seed: int >= 0, of the toys' samples and of the splits that are drawn.
        num_bits: int in 1..8, to which 8-bit images are reduced: 5 makes 256 levels 32, x // 8. Bits per dimension are
            then those of the reduced data. None leaves them as they are.
        **options: of the loader: `num_train`, `num_validation` and `num_test` of the toys; `flatten` of the images;
            `num_bins`, `dtype`, `key`, `header` and `label` of the files; `length`, `hop` and `label` of recordings,
            see `tfp_flows.data.audio`.

    Returns:
        Data.

    Raises:
        ValueError: for an unknown name, an unknown option, a file that cannot be made sense of, or a num_bits out of
            range or with data that are not 8-bit.
        ImportError: where the package that a data set comes from is not installed.
        OSError: for a file that cannot be read, or a data set that cannot be had from the network.

    Example:
        >>> from tfp_flows import data
        >>> data.load("rings", seed=1, num_train=100).train.shape
        (100, 2)
    """
    seed, num_bits = checks.integer("seed", seed, 0), bits.check(num_bits)
    loader, known = _loader(name_or_path)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"Expected options of {name_or_path} among {', '.join(known)}; got {', '.join(unknown)}.")
    dataset = loader(seed, **options)
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
        ['flatten', 'num_bits']
    """
    return _loader(name_or_path)[1]


def _loader(name_or_path):
    """The function that loads a data set, and the names of its options."""
    name = os.fspath(name_or_path) if isinstance(name_or_path, os.PathLike) else name_or_path
    if not isinstance(name, str) or not name:
        raise ValueError(f"Expected the name of a data set or a path; got {name_or_path!r}.")
    if name in _SETS:
        loader = _SETS[name][1]
    elif audio.is_audio(name):
        loader = functools.partial(audio.load, name)
    elif files.is_path(name):
        loader = functools.partial(files.load, name)
    else:
        nearest = difflib.get_close_matches(name.lower(), _SETS, n=1)
        hint = f" (did you mean {nearest[0]!r}?)" if nearest else ""
        raise ValueError(
            f"Expected one of {', '.join(_SETS)}, or a .npy, .npz, .csv or .wav file, or a folder of .wav files; "
            f"got {name!r}{hint}."
        )
    own = [p.name for p in inspect.signature(loader).parameters.values() if p.kind is p.KEYWORD_ONLY]
    # Of every data set, since whether its values have 8 bits is known once they are there.
    return loader, [*own, "num_bits"]
