"""What a resumed run may be told: what differs from its record is refused, and one with nothing left to do is known.

Read without TensorFlow, but for a `score`.
"""

import ast
import os

from tfp_flows import data as datasets
from tfp_flows import model_options
from tfp_flows.data import registry
from tfp_flows.files import plain, read_json
from tfp_flows.runs.scores import best_of, scores_of


def check(run, *, model=None, data=None, arguments=None, data_options=None, conditional=False, **training):
    """Refuses what a run was begun with otherwise.

    Args:
        run: `tfp_flows.runs.Run`.
        model, data, arguments, data_options, conditional: as `tfp_flows.training.train`; None for nothing said.
        **training: values of `tfp_flows.runs.config.Training` by name; None for nothing said.

    Raises:
        ValueError: naming the first that differs, what the run has and what came.
    """
    config = run.config
    if model is not None and model_options.find_model(model) != config.model:
        raise ValueError(f"Expected the run's own model {config.model!r} to resume; got {model!r}.")
    if data is not None and not _are_same_data(data, config.data):
        raise _other("data", config.data, data)
    if conditional and config.arguments.get("num_classes") is None:
        raise ValueError(
            f"Expected a class-conditional run to resume as one; got {str(run.path)!r}, which knows no classes."
        )
    for name, value in training.items():
        if value is not None and value != getattr(config.training, name):
            raise _other(name, getattr(config.training, name), value)
    if arguments:
        model_options.check_given(config.model, arguments)
        _compare(arguments, config.arguments, model_options.of_model(config.model))
    if data_options:
        registry.check(config.data, data_options)
        _compare(data_options, config.data_options, registry.known_options(config.data))


def nothing_left(run, *, epochs=None, patience=None, minutes=None, score=None):
    """Why a resumed run has nothing to train; None where it has.

    Args:
        run: `tfp_flows.runs.Run`.
        epochs, patience, minutes: as `tfp_flows.training.train`.
        score: str, what the objective's values are logged as, for the patience to be asked too; None to leave it out.

    Returns:
        str, one sentence, or None.
    """
    training, rows = run.config.training, run.checkpoint()[0]
    log = {name: column[:rows] for name, column in run.read_log().items()}
    if not rows or not (run.path / "best.weights.h5").is_file() or not log:
        return None
    patience = training.patience if patience is None else patience
    if score is not None and patience is not None:
        waited = best_of(scores_of(log, score))[1]
        if waited >= patience:
            return f"Nothing to train: no better validation score for {waited} epochs (a larger --patience goes on)."
    if minutes not in (None, training.minutes):
        used = sum(log["seconds"]) / 60
        if used >= minutes:
            return f"Nothing to train: {used:.3g} of {minutes:g} minutes are used (larger --minutes go on)."
    elif epochs is None and training.num_steps is not None and "step" in log:
        if log["step"][-1] >= training.num_steps:
            return (
                f"Nothing to train: the {training.num_steps} steps that fitted into the minutes are done (--epochs or "
                "other --minutes go on)."
            )
        return None
    most = training.epochs if epochs is None else epochs
    is_endless = epochs is None and minutes not in (None, training.minutes)
    finished = log["epoch"][-1] if "epoch" in log else rows
    if not is_endless and finished >= most:
        return f"Nothing to train: {finished:.4g} of {most} epochs are done (a larger --epochs goes on)."
    return None


def has_results(run):
    """Whether what follows a training is there for the last epoch that was trained: metrics and pictures."""
    path = run.path / "metrics.json"
    if not path.is_file() or not (run.path / "samples.png").is_file():
        return False
    scored, rows = read_json(path).get("training", {}), run.checkpoint()[0]
    steps = run.read_log().get("step")
    return scored.get("epochs") == rows and scored.get("steps") == (steps and steps[:rows][-1])


def _are_same_data(one, other):
    if str(one) == str(other):
        return True
    names = datasets.names()
    return str(one) not in names and str(other) not in names and os.path.realpath(one) == os.path.realpath(other)


def _compare(given, recorded, known):
    """Refuses values that are neither those of the record nor, of what it does not mention, the defaults."""
    for name, value in given.items():
        if name in recorded:
            own = recorded[name]
        elif name in known and known[name].default is not None:
            own = ast.literal_eval(known[name].default)
        else:
            own = None
        if plain(value) != plain(own):
            raise _other(name, own, value)


def _other(name, own, given):
    return ValueError(
        f"Expected {name} to be {plain(own)!r}, as the run to resume has it; got {plain(given)!r} (a new --out begins "
        "a run with it)."
    )
