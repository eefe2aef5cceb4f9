"""One training at a time in a run directory, whichever process it is in."""

import contextlib

from tfp_flows import locks


@contextlib.contextmanager
def held(path):
    """Holds the lock of a run directory, see `tfp_flows.locks`.

    Args:
        path: an existing folder.

    Raises:
        ValueError: where another training holds it.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locks.held(path))
        except BlockingIOError:
            raise ValueError(
                f"Expected a run that nothing else is training; got {str(path)!r}, which another training has open."
            ) from None
        yield


def check(path):
    """Refuses a run directory that is being trained, and holds nothing.

    Raises:
        ValueError: as `held`.
    """
    with held(path):
        pass
