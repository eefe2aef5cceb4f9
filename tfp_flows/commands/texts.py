"""What is written on the command line -> values, with one sentence for what cannot be read."""

import json


def assignments(pairs, flag):
    """["num_layers=8", "hidden_units=128,128"] -> {"num_layers": 8, "hidden_units": [128, 128]}

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


def _value(text):
    if "," in text:
        return [_value(part) for part in text.split(",") if part]
    try:
        return json.loads(text.lower() if text.lower() in ("true", "false") else text)
    except ValueError:
        return None if text.lower() == "none" else text
