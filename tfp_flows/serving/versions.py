"""Versions: the numbered folders of one served model, as TensorFlow Serving reads them.

    base/1/  base/2/  base/7/  base/unpublished-3f0c.../

The server watches `base`, serves the highest number and ignores every name that is no number. A version is
therefore written under such a name and renamed when it is whole: a rename is atomic, so that the server sees all of
a version or nothing, and it fails where the number is taken, so that two writers never share one. All that a process
killed while it writes can leave behind is a folder of which nobody takes notice, and which the next writer removes.
"""

import contextlib

from tfp_flows.files import scratch_folder


def numbers(base):
    """Lists the version numbers in use in `base`.

    Args:
        base: a folder, `pathlib.Path`.

    Returns:
        Dictionary from number to the name that spells it (`7` and `007` are one number), in ascending order.
    """
    names = (entry.name for entry in base.iterdir())
    return dict(sorted((int(name), name) for name in names if name.isascii() and name.isdigit()))


@contextlib.contextmanager
def unpublished(base):
    """Makes a folder inside `base` that no server looks at, and removes it at the end unless it was published.

    Args:
        base: the model's folder, `pathlib.Path`; made with its parents where it is missing, and removed again where
            nothing was published in it.

    Yields:
        The new folder, `pathlib.Path`.
    """
    made = [folder for folder in (base, *base.parents) if not folder.exists()]
    try:
        base.mkdir(parents=True, exist_ok=True)
        with scratch_folder(base, "unpublished-") as folder:
            yield folder
    finally:
        for parent in made:
            with contextlib.suppress(OSError):  # not empty: something was published here
                parent.rmdir()


def publish(folder, base):
    """Gives a whole version the next free number.

    Args:
        folder: what `unpublished(base)` gave, `pathlib.Path`.
        base: the model's folder, `pathlib.Path`.

    Returns:
        The version's folder, `pathlib.Path`.

    Raises:
        OSError: where the file system refuses the rename for another reason than a number that is taken.
    """
    number = max(numbers(base), default=0) + 1
    while True:
        version = base / str(number)
        try:
            return folder.rename(version)
        except OSError:
            if not version.exists():
                raise
            number += 1  # another writer was faster
