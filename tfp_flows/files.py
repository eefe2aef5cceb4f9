"""Files and folders written beside and moved into place: a failure leaves what was there as it was.

What a process that was killed has left half written is cleared away by the next one: folders by a lock that only a
living writer holds, files, which other libraries open and lock, by the number of the process in their names.
"""

import contextlib
import errno
import glob
import json
import math
import os
import pathlib
import re
import shutil
import types
import uuid

from tfp_flows import locks

# What the system calls a file that does not fit: on the disk, in its quota, under a limit of the process.
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
# Free bytes below which a library that does not say why it failed has failed for that.
_ALMOST_FULL = 64 * 1024
# TensorFlow's errors, and numpy's of an array.
_SAYS_FULL = re.compile(r"No space left on device|\d+ requested and \d+ written")
_PART = re.compile(r"\.(\d+)\.(.+)")


@contextlib.contextmanager
def replacing(path):
    """Gives a temporary path in the same folder, with the same ending; moves it onto `path` if all went well."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Keras goes by the ending (.weights.h5), so it must stay.
    part = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with full_disks_in_a_sentence(path):
            yield part
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def full_disks_in_a_sentence(path):
    """Turns what a full disk raises, by whichever library writes, into one sentence.

    Args:
        path: what is written, for the sentence.

    Raises:
        OSError: in place of an error that a full disk has caused, with its `errno`.
    """
    try:
        yield
    except Exception as error:
        if not _is_full(error, path):
            raise
        raise _no_room(path) from error


def require_room(path, num_bytes):
    """Refuses to write a file that would not fit, before a library begins with it.

    Args:
        path: the file, which is made, with its room reserved where the system can.
        num_bytes: int, of what will be written to it.

    Raises:
        OSError: where there is no room for it.
    """
    if not hasattr(os, "posix_fallocate"):
        if shutil.disk_usage(pathlib.Path(path).parent).free < num_bytes:
            raise _no_room(path)
        return
    handle = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        os.posix_fallocate(handle, 0, max(int(num_bytes), 1))
    except OSError as error:
        if error.errno in _FULL:
            raise
        # A file system that cannot reserve: it will be seen.
    finally:
        os.close(handle)


@contextlib.contextmanager
def scratch_folder(base, prefix):
    """Makes a new folder whose name begins with a prefix, and removes it at the end, unless it was renamed.

    Folders of the prefix that nobody writes to any more, for their process was killed, are removed.

    Args:
        base: the folder in which it is made, `pathlib.Path`.
        prefix: str.

    Yields:
        The new folder, `pathlib.Path`.
    """
    for abandoned in base.glob(f"{glob.escape(prefix)}*"):
        _remove_abandoned(abandoned)
    with contextlib.ExitStack() as stack:
        folder = None
        while folder is None:
            folder = base / f"{prefix}{uuid.uuid4().hex}"
            folder.mkdir()  # not tempfile.mkdtemp, whose folders only their owner may read: the server may not
            try:
                stack.enter_context(locks.held(folder))
            except OSError:
                # Another, which clears away, was here between the two lines.
                folder = None
            else:
                folder = folder if folder.exists() else None
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def clear_abandoned_parts(folder):
    """Removes what `replacing` has left of processes that were killed, in a folder that no other machine writes to."""
    for path in pathlib.Path(folder).iterdir():
        found = _PART.fullmatch(path.name)
        if found and not _is_running(int(found[1])):
            path.unlink(missing_ok=True)


def write_json(path, value):
    """Writes a JSON file; numbers that JSON does not have (NaN, infinities) become null."""
    with replacing(path) as part:
        part.write_text(
            json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
        )


def read_json(path):
    """Reads a JSON object.

    Raises:
        ValueError: where the file is missing, cut short or no JSON object.
    """
    try:
        value = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"Expected a JSON file at {str(path)!r}; got {type(error).__name__}.") from error
    if not isinstance(value, dict):
        raise ValueError(f"Expected a JSON object in {str(path)!r}; got a {type(value).__name__}.")
    return value


def plain(value):
    """Turns any value into what JSON has: dictionaries, lists, strings, numbers, true, false and null."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): plain(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(member) for member in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(plain, value), key=str)
    if isinstance(value, (type, types.FunctionType)):
        return value.__qualname__
    for method in ("tolist", "numpy"):  # an array or a number of numpy; a tensor
        if callable(getattr(value, method, None)):
            return plain(getattr(value, method)())
    if callable(getattr(value, "get_config", None)):  # a layer, an initializer: its name and arguments
        kind = type(value)
        return {"class": f"{kind.__module__}.{kind.__qualname__}", "arguments": plain(value.get_config())}
    return str(value)


def _is_full(error, path):
    """Whether an error, or what it comes from, is that of a full disk."""
    while error is not None:
        if getattr(error, "errno", None) in _FULL or _SAYS_FULL.search(str(error)):
            return True
        # HDF5 says that it cannot close a file.
        if isinstance(error, (OSError, RuntimeError)) and getattr(error, "errno", None) is None:
            folder = next(parent for parent in pathlib.Path(path).absolute().parents if parent.exists())
            if shutil.disk_usage(folder).free < _ALMOST_FULL:
                return True
        error = error.__cause__ or error.__context__
    return False


def _no_room(path):
    error = OSError(f"Expected room on the disk to write {str(path)!r}; got none, so nothing of it is written.")
    error.errno = errno.ENOSPC
    return error


def _remove_abandoned(folder):
    with contextlib.suppress(OSError):
        with locks.held(folder) as is_locked:
            if is_locked:
                shutil.rmtree(folder, ignore_errors=True)


def _is_running(process):
    if os.name == "nt":
        return True  # where this would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
