"""What a new run is asked for: names, options and numbers, refused at once. Read without TensorFlow.

What is known only when the data are read, or the model is built, is refused then, before anything is written.
"""

import os

from tfp_flows import data as datasets
from tfp_flows import model_options
from tfp_flows.catalog import MODELS
from tfp_flows.data import registry
from tfp_flows.runs import labels
from tfp_flows.runs.config import Training

# Bytes of a file that is read in a moment.
_MOMENT = 4_000_000


def check(model, data, *, arguments=None, data_options=None, conditional=False, **training):
    """Refuses what `tfp_flows.training.train` cannot do.

    Args:
        model, data, arguments, data_options, conditional: as there.
        **training: values of `tfp_flows.runs.config.Training` by name; None for the recipe's.

    Returns:
        str, the model's name in the catalogue.

    Raises:
        ValueError: naming what was expected and what came, with the nearest name.
        ImportError, OSError: as `tfp_flows.data.registry.check`.
    """
    model = model_options.find_model(model)
    if MODELS[model].is_student:
        teachers = [name for name, entry in MODELS.items() if entry.student == model]
        raise ValueError(
            f"Expected a model that is trained on data; got {model!r}, which `tfp-flows distill` makes of a run of "
            f"{' or '.join(teachers)}."
        )
    arguments, data_options = arguments or {}, data_options or {}
    model_options.check_given(model, arguments)
    if conditional:
        _require_conditional(model)
    registry.check(data, data_options)
    check_kind(model, registry.kind(data, data_options, MODELS[model].takes_images), data, arguments)
    check_training(**training)
    return model


def data_options_of(model, data, seed, arguments, data_options, floatx="float32"):
    """The options that data are loaded with for a model, which says what is best for it where nothing is said.

    Args:
        model, data, seed, arguments, data_options: as `tfp_flows.training.train`.
        floatx: str, the model's dtype where the arguments name none.

    Returns:
        dict.
    """
    known, options = registry.known_options(data), {"seed": seed or 0, **(data_options or {})}
    if MODELS[model].takes_images and "flatten" in known:
        options.setdefault("flatten", False)
    if ((arguments or {}).get("dtype") or floatx) == "float64" and "float_dtype" in known:
        options.setdefault("float_dtype", "float64")
    return options


def check_file(model, data, *, seed=None, arguments=None, data_options=None, conditional=False):
    """Refuses what is wrong within a file of data, where it is read in a moment; a large one is read once, later.

    Args:
        model, data, seed, arguments, data_options, conditional: as `tfp_flows.training.train`.

    Raises:
        ValueError, OSError: as `tfp_flows.data.load`, or for events and labels that the model makes nothing of.
    """
    if data in datasets.names() or not os.path.isfile(data) or os.path.getsize(data) > _MOMENT:
        return
    arguments = arguments or {}
    dataset = datasets.load(data, **data_options_of(model, data, seed, arguments, data_options))
    check_kind(model, dataset.kind, dataset.name, arguments)
    if is_class_conditional(model, dataset, conditional, arguments):
        labels.of(dataset, arguments.get("num_classes"))


def is_class_conditional(model, dataset, conditional, arguments):
    """Whether a model is to learn p(x given class) of a data set; refuses what it cannot be given.

    Args:
        model: str, of the catalogue.
        dataset: `tfp_flows.data.Data`.
        conditional: bool, as `tfp_flows.training.train`.
        arguments: dict, of the model.

    Raises:
        ValueError: for a model that knows no classes, or takes no context, and for both at once.
    """
    is_asked = conditional or arguments.get("num_classes") is not None
    if dataset.contexts is not None:
        able = [name for name in MODELS if "context_shape" in model_options.of_model(name)]
        if model not in able:
            raise ValueError(f"Expected a model that takes a context, among {able}; got {model!r}.")
        if is_asked:
            raise ValueError(f"Expected classes or a context for {model}; got both of {dataset.name}.")
        return False
    if dataset.is_conditional:
        _require_conditional(model)
    return is_asked or dataset.is_conditional


def check_training(**training):
    """Refuses values of `tfp_flows.runs.config.Training` that are out of range; None is the recipe's."""
    given = {name: value for name, value in training.items() if value is not None}
    Training(**{"epochs": 1, "batch_size": 1, "learning_rate": 1.0, **given}).check()


def student_of(teacher):
    """The name of the model that a run is distilled into.

    Args:
        teacher: `tfp_flows.runs.Run`.

    Raises:
        ValueError: where its model has none.
    """
    name = teacher.config.model
    student = MODELS[name].student if name in MODELS else None
    if student is None:
        able = [key for key, entry in MODELS.items() if entry.student]
        raise ValueError(f"Expected a run of a model with a student, {' or '.join(able)}; got one of {name!r}.")
    return student


def check_distillation(teacher, temperature, power_weight):
    """Refuses what `tfp_flows.training.distill` takes of a teacher where it is out of range, and one with a context.

    Args:
        teacher: `tfp_flows.runs.Run`.
        temperature: float.
        power_weight: float, or None.
    """
    if teacher.config.arguments.get("context_shape") is not None:
        raise ValueError("Expected a run to distill that is learned given nothing, or classes; got one with a context.")
    if not isinstance(temperature, (int, float)) or not 0 < temperature < float("inf"):
        raise ValueError(f"Expected temperature to be a positive finite number; got {temperature!r}.")
    if power_weight is None:
        return
    if not isinstance(power_weight, (int, float)) or not 0 <= power_weight < float("inf"):
        raise ValueError(f"Expected power_weight to be a finite number of at least 0; got {power_weight!r}.")
    if power_weight and teacher.config.arguments.get("sample_rate") is None:
        raise ValueError(f"Expected power_weight=0 for events that are no audio; got {power_weight!r}.")


def check_kind(model, kind, name, arguments):
    """Refuses data of which a model makes nothing.

    Args:
        model: str, of the catalogue.
        kind: "vectors", "images" or "audio", of the events; None where it is not known.
        name: str, of the data.
        arguments: dict, of the model.

    Raises:
        ValueError: naming both.

    Example:
        >>> from tfp_flows.runs import asked
        >>> asked.check_kind("wavenet", "vectors", "moons", {})
        Traceback (most recent call last):
        ValueError: Expected audio for wavenet, recordings (.wav files); got moons, whose events are vectors.
    """
    known = MODELS[model].events
    if kind == "vectors" and arguments.get("sample_rate") is not None:
        kind = "audio"
    # Windows of audio are vectors as well.
    if kind is None or kind in known or (kind == "audio" and "vectors" in known):
        return
    how = {
        "audio": ", recordings (.wav files)",
        "images": ", of shape (height, width, channels)",
        "vectors": "",
    }
    raise ValueError(f"Expected {' or '.join(known)} for {model}{how[known[0]]}; got {name}, whose events are {kind}.")


def _require_conditional(model):
    able = [name for name in MODELS if "num_classes" in model_options.of_model(name)]
    if model not in able:
        raise ValueError(f"Expected a model that can be class-conditional, among {able}; got {model!r}.")
