"""Files written beside and moved into place: a failure leaves what was there as it was."""

import contextlib
import json
import math
import os
import pathlib
import types


@contextlib.contextmanager
def replacing(path):
    """Gives a temporary path in the same folder, with the same ending; moves it onto `path` if all went well."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Keras goes by the ending (.weights.h5), so it must stay.
    part = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


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
