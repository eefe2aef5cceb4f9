"""Model card: what a served version is, in one JSON file beside its graph.

`model_card.json` says which model it is and what it was trained on, what its signatures take and give and in which
units, and which libraries made it. TensorFlow Serving reads only the files it knows and leaves this one alone. It is
strict JSON: a number that is not finite is written as null.
"""

import datetime
import json
import math
import pathlib

from tfp_flows.files import plain, write_json
from tfp_flows.libraries import versions

FILE_NAME = "model_card.json"
GIVEN = ("data", "metrics", "seed", "command")  # what only the caller knows; null says that nobody told


def model_card(model, signatures, left_out, given=None, columns=None):
    """Describes a model as plain JSON values.

    Args:
        model: a `tfp_flows.Flow`.
        signatures: what is served, as plain values: name -> inputs and outputs -> name -> dtype, shape and meaning.
        left_out: what is not served: name -> the reason, one sentence.
        given: dictionary of what only the caller knows: `data`, `metrics`, `seed`, `command` and whatever else
            belongs on the card; values that JSON does not know are spelled out as text.
        columns: name of an argument of the signature `log_prob_columns` -> title of a column; None where there is none.

    Returns:
        Dictionary that `json.dumps` takes as it is.

    Raises:
        ValueError: if `given` is no dictionary with names as keys, or gives a name that the card fills in itself.
    """
    given = {} if given is None else given
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise ValueError(f"Expected card to be a dictionary with strings as keys; got {given!r}.")
    card = {
        "model": {"class": _class_name(model), "arguments": _arguments(model), "distribution": str(model.distribution)},
        "event_shape": list(model.event_shape),
        "num_bins": model.num_bins,
        "class_labels": None if model.class_labels is None else model.class_labels.to_dict(),
        "num_parameters": sum(math.prod(variable.shape) for variable in model.trainable_variables),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "signatures": signatures,
        "columns": columns,
        "left_out": left_out,
    }
    taken = sorted(card.keys() & given.keys())
    if taken:
        raise ValueError(f"Expected names that the model card does not fill in itself; got {', '.join(taken)}.")
    return plain({**card, **dict.fromkeys(GIVEN), **given})


def write_card(card, folder):
    """Writes a card into the folder of a version.

    Args:
        card: what `model_card` returned.
        folder: the version's folder, `pathlib.Path`.
    """
    write_json(folder / FILE_NAME, card)


def read_card(folder):
    """Reads the card of a version.

    Args:
        folder: the version's folder.

    Returns:
        The card, a dictionary; empty where the version has none, such as a SavedModel that somebody else wrote.
    """
    file = pathlib.Path(folder) / FILE_NAME
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _class_name(instance):
    return f"{type(instance).__module__}.{type(instance).__qualname__}"


def _arguments(model):
    """The arguments that would build the model again, or None for one that cannot tell them."""
    try:
        return model.get_config()
    except (NotImplementedError, ValueError, TypeError):  # a flow around any distribution has no such arguments
        return None
