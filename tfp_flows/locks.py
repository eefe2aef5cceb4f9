"""Locks of folders: the operating system's, which end with the process that holds one, however that ends.

They are on the folder itself and leave no file behind. Where there are none, on Windows and on file systems that have
no locks, nothing is locked.
"""

import contextlib
import os

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextlib.contextmanager
def held(path):
    """Holds the lock of a folder.

    Args:
        path: an existing folder.

    Yields:
        bool, whether it is locked: False where there are no locks.

    Raises:
        BlockingIOError: where it is held already, in this process or in another one.

    Example:
        >>> import tempfile
        >>> from tfp_flows import locks
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with locks.held(folder) as is_locked:
        ...         print(is_locked)
        True
    """
    if fcntl is None:
        yield False
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        is_locked = True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            is_locked = False
        yield is_locked
    finally:
        os.close(handle)
