"""What is written on the command line -> values, with one sentence for what cannot be read."""

import json
import pathlib


def assignments(pairs, flag):
    """["num_layers=8", "hidden_units=128,128", "actnorm=no"] -> {"num_layers": 8, "hidden_units": [128, 128], ...}

    Raises:
        ValueError: where one is no NAME=VALUE.
    """
    values = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise ValueError(f"Expected {flag} NAME=VALUE; got {pair!r}.")
        values[name.replace("-", "_")] = _value(text)
    return values


def numbers(text, kind, flag):
    """ "3,7" -> [3, 7], of a kind, int or float.

    Raises:
        ValueError: where one is no such number.
    """
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        what = "an integer, or several" if kind is int else "a number, or several"
        raise ValueError(f"Expected {flag} to be {what} with commas between them; got {text!r}.") from None


def without_ending(path, *endings):
    """The path of several files, which are called by one of them or without its ending: "b.png" or "b" -> "b".

    Example:
        >>> from tfp_flows.commands import texts
        >>> [str(texts.without_ending(path, ".png", ".npy")) for path in ("b.png", "a/b.NPY", "b.v2", "b")]
        ['b', 'a/b', 'b.v2', 'b']
    """
    path = pathlib.Path(path)
    return path.with_suffix("") if path.suffix.lower() in endings else path


# What is written for what JSON calls otherwise.
_WORDS = {"none": None, "true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _value(text):
    text = text.strip()
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return json.loads(text)
    except ValueError:
        pass
    if text[:1] + text[-1:] in ("()", "[]"):
        text = text[1:-1] + ","
    parts = [_value(part) for part in text.split(",") if part.strip()] if "," in text else []
    # A comma alone is a sign.
    return parts or text
