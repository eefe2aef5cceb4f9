"""Recordings from files, cut into windows of one length: 16-bit audio as levels 0..65535.

    .wav, folder   WAV of one sample rate, see `tfp_flows.wav`; all .wav files of the folder and of those within it but
                   hidden ones, such as the ._ files of macOS; a folder that holds other recordings too is refused
    .npz           audio (num_samples,) int16, all recordings end to end; offset (n + 1,), where each begins and the
                   last one ends; sample_rate, 8000 where it is missing; arrays (n,) of integers or text by their
                   names, such as digit and speaker

Files whose names are all DIGIT_SPEAKER_INDEX.wav, as in the Free Spoken Digit Dataset, give such arrays too. Recordings
with an index below 5 are then the test split, as its authors have it; a tenth of the others is drawn for validation.
Without an index a tenth is drawn for each of them. Splits are of recordings: windows of one are never in two.
Jackson et al., Free Spoken Digit Dataset, github.com/Jakobovski/free-spoken-digit-dataset.
Files of other names that all lie in folders within the folder give one array, `folder`: yes/0.wav, no/0.wav.
"""

import pathlib
import re
import warnings
import zipfile

import numpy as np

from tfp_flows import wav
from tfp_flows.data import checks
from tfp_flows.data.dataset import SPLITS, Data
from tfp_flows.data.labels import Labels

_NAME = re.compile(r"(\d+)_([A-Za-z]+)_(\d+)")
_NUM_TEST = 5
_SUFFIXES = (".wav", ".wave")
# Recordings that are not read, and must not be left out in silence.
_OTHERS = (
    ".aac", ".aif", ".aifc", ".aiff", ".amr", ".au", ".bwf", ".caf", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus",
    ".ra", ".rf64", ".snd", ".sph", ".w64", ".wma",
)  # fmt: skip


def is_audio(path):
    """Whether a path holds recordings: a .wav file, a folder with some, or an archive with audio and offset."""
    path = pathlib.Path(path)
    if path.is_dir():
        return next(_wavs(path), None) is not None
    if path.suffix.lower() in _SUFFIXES:
        return True
    if path.suffix.lower() != ".npz" or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return {"audio.npy", "offset.npy"} <= set(archive.namelist())


def load(path, seed=0, *, length: int = 2048, hop: int | None = None, label: str | bool | None = None):
    """Windows of recordings; see the head of this module for the files.

    Args:
        path: str or path.
        seed: int >= 0, of the splits that are drawn.
        length: int, audio samples a window. Recordings that are shorter are left out, with a warning, and so is what
            is left at the end of others.
        hop: int, audio samples from one window of train to the next; None for half the length. Windows of validation
            and test do not overlap.
        label: str, the array whose values are the windows' labels; None for the first there is, False for none.

    Returns:
        Data, uint16 with num_bins 65536 and the sample rate, named like the file.

    Raises:
        OSError: where there is no such file, or it may not be read.
        ImportError: where soundfile is needed to decode it and not installed.
        ValueError: where there is no audio in it, a split has no window of this length, or there is no such label.

    Example:
        >>> import os, tempfile
        >>> from tfp_flows import data
        >>> folder = tempfile.mkdtemp()
        >>> for k in range(3):
        ...     path = wav.write(os.path.join(folder, f"{k}.wav"), np.full(5000, k, "int16"), 8000)
        >>> windows = data.load(folder, length=1000)
        >>> windows.train.shape, windows.test.shape, windows.sample_rate
        ((9, 1000), (5, 1000), 8000)
    """
    path = pathlib.Path(path)
    length = checks.integer("length", length, 2)
    hop = checks.integer("hop", max(1, length // 2) if hop is None else hop, 1)
    if not path.exists():
        raise FileNotFoundError(f"Expected a file or folder of audio at {path}; got nothing there.")
    recordings, rate, columns = _read_archive(path) if path.suffix.lower() == ".npz" else _read_wavs(path)
    labels = _choose(columns, label, path)
    num_short = sum(len(recording) < length for recording in recordings)
    if 0 < num_short < len(recordings):
        warnings.warn(
            f"{num_short} of {len(recordings)} recordings in {path} are shorter than length={length} and left out.",
            stacklevel=2,
        )
    class_labels = None if labels is None else Labels.of(labels, where=f"the labels of {path}")
    labels = None if labels is None else class_labels.encode(labels)
    events, found = {}, {}
    for split, members in _splits(len(recordings), columns.get("index"), seed, path).items():
        step = hop if split == "train" else length
        starts = [(i, at) for i in members for at in range(0, len(recordings[i]) - length + 1, step)]
        if not starts:
            raise ValueError(
                f"Expected a recording of at least {length} audio samples in {split} of {path} (length= is that of "
                f"the windows); got none in {len(members)}."
            )
        events[split] = wav.to_levels(np.stack([recordings[i][at : at + length] for i, at in starts]))
        found[split] = None if labels is None else np.array([labels[i] for i, _ in starts])
    return Data(
        path.name,
        **events,
        labels=None if labels is None else found,
        class_labels=class_labels,
        num_bins=wav.NUM_BINS,
        sample_rate=rate,
        description=f"{length / rate:.3g} s windows of audio from {path.name}",
    )


def _wavs(folder, suffixes=_SUFFIXES):
    """The files of a folder and of those within it with such an ending, but hidden ones and what an archive adds."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        is_hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
        # A link to nowhere is no folder: it is named when it is opened.
        if path.suffix.lower() in suffixes and not is_hidden and not path.is_dir():
            yield path


def _read_wavs(path):
    """Recordings, their rate, and what the files' names say."""
    files = [path] if path.is_file() else sorted(_wavs(path))
    if not files:
        raise ValueError(f"Expected .wav files in {path}; got none.")
    if path.is_dir():
        # One that lies there as .wav too is not lost.
        names = {file.with_suffix("") for file in files}
        others = sorted(other for other in _wavs(path, _OTHERS) if other.with_suffix("") not in names)
        if others:
            raise ValueError(
                f"Expected all recordings in {path} as .wav files; got {len(others)} of {len(others) + len(files)} "
                f"that are none, such as {others[0].relative_to(path)}."
            )
    recordings, rates = zip(*map(wav.read, files))
    if len(set(rates)) > 1:
        raise ValueError(f"Expected recordings of one sample rate in {path}; got {sorted(set(rates))}.")
    names = [_NAME.fullmatch(file.stem) for file in files]
    if not all(names):
        folders = [file.parent.relative_to(path).as_posix() for file in files] if path.is_dir() else ["."]
        return recordings, rates[0], {} if "." in folders else {"folder": np.array(folders)}
    digit, speaker, index = zip(*(name.groups() for name in names))
    columns = dict(digit=np.array(digit, np.int64), speaker=np.array(speaker), index=np.array(index, np.int64))
    return recordings, rates[0], columns


def _read_archive(path):
    """Recordings, their rate, and the arrays with a number for each of them."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"Expected {path} to hold arrays in numpy's format; got {type(error).__name__}.") from error
    audio, offset = arrays.pop("audio"), arrays.pop("offset")
    if audio.ndim != 1 or audio.dtype != np.int16:
        raise ValueError(f"Expected audio as a vector of int16 in {path}; got {audio.dtype} {audio.shape}.")
    if (
        offset.ndim != 1 or offset.dtype.kind not in "iu" or len(offset) < 2
        or (np.diff(offset.astype(np.int64)) < 0).any() or offset.min() < 0 or offset.max() > len(audio)
    ):  # fmt: skip
        raise ValueError(
            f"Expected offset as two or more ascending integers within 0..{len(audio)} in {path}; "
            f"got {offset.dtype} {offset.shape}."
        )
    rate = np.asarray(arrays.pop("sample_rate", 8000))
    if rate.shape or rate.dtype.kind not in "iu" or rate < 1:
        raise ValueError(f"Expected sample_rate to be a positive integer in {path}; got {rate.tolist()!r}.")
    rate = int(rate)
    recordings = [audio[start:end] for start, end in zip(offset[:-1], offset[1:])]
    columns = {
        name: array if array.dtype.kind in "US" else array.astype(np.int64)
        for name, array in arrays.items()
        if array.shape == (len(recordings),) and array.dtype.kind in ("iu" if name == "index" else "iuUS")
    }
    return recordings, rate, columns


def _choose(columns, label, path):
    """The column of the labels, or None where there is none and none was asked for."""
    names = [name for name in columns if name != "index"]
    if label is None:
        # Numbers first: a text may be a remark.
        names = [name for name in names if columns[name].dtype.kind in "iu"] or names
        return columns[names[0]] if names else None
    if label is False:
        return None
    if label not in names:
        raise ValueError(f"Expected label to be one of {names} of {path}; got {label!r}.")
    return columns[label]


def _splits(num_recordings, index, seed, path):
    """The recordings' numbers, by split."""
    order = np.random.default_rng(seed).permutation(num_recordings)
    if index is not None and (index < _NUM_TEST).any():
        test, rest = np.flatnonzero(index < _NUM_TEST), order[index[order] >= _NUM_TEST]
    else:
        test, rest = np.split(order, [max(1, num_recordings // 10)])
    validation, train = np.split(rest, [max(1, len(rest) // 10)])
    if not len(train):
        raise ValueError(f"Expected at least 3 recordings to split in {path}; got {num_recordings}.")
    # In the order of the files, so that a change of the seed moves recordings and nothing else.
    return dict(zip(SPLITS, map(np.sort, (train, validation, test))))
