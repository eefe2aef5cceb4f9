"""The config of a run: made of names and options, checked before anything is written."""

import inspect

import keras

from tfp_flows import data as datasets
from tfp_flows.catalog import MODELS
from tfp_flows.libraries import versions
from tfp_flows.runs import labels
from tfp_flows.runs.run import build_model, model_class


def new_config(
    model,
    data,
    *,
    epochs=None,
    batch_size=None,
    learning_rate=None,
    seed=0,
    arguments=None,
    data_options=None,
    conditional=False,
    patience=None,
    jit_compile="auto",
):
    """The config of a new run, see `tfp_flows.training.train` for the arguments.

    Returns:
        config, dataset: the dict that config.json holds, and the data, loaded.

    Raises:
        ValueError: for unknown names, options out of range, data that do not suit the model, or anything else that
            the model refuses.
    """
    if model not in MODELS:
        raise ValueError(f"Expected a model among {sorted(MODELS)}; got {model!r}.")
    if MODELS[model].is_student:
        teachers = [name for name, entry in MODELS.items() if entry.student == model]
        raise ValueError(
            f"Expected a model that is trained on data; got {model!r}, which `tfp-flows distill` makes of a run of "
            f"{' or '.join(teachers)}."
        )
    data_options = {"seed": seed, **(data_options or {})}
    if MODELS[model].takes_images and "flatten" in datasets.options(data):
        data_options.setdefault("flatten", False)
    dataset = datasets.load(data, **data_options)
    given = dict(arguments or {})
    if conditional:
        _require_conditional(model)
        given.setdefault("num_classes", labels.num_classes(dataset))
    if dataset.sample_rate is not None and "sample_rate" in inspect.signature(model_class(model)).parameters:
        given.setdefault("sample_rate", dataset.sample_rate)
    training = training_options(
        model, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed, patience=patience,
        jit_compile=jit_compile,
    )  # fmt: skip
    config = dict(
        model=model,
        arguments={"event_shape": list(dataset.event_shape), "num_bins": dataset.num_bins, "seed": seed, **given},
        data=data,
        data_options=data_options,
        training=training,
        versions=versions(),
    )
    # Built before the folder is made: what the model refuses leaves nothing behind.
    keras.utils.set_random_seed(seed)
    build_model(model, config["arguments"])
    labels.check(dataset, given.get("num_classes"))
    return config, dataset


def training_options(model, *, epochs, batch_size, learning_rate, seed, patience, jit_compile):
    """What config.json has as training: what is None is the model's recipe's.

    Raises:
        ValueError: as `check_training`.
    """
    recipe = MODELS[model].recipe
    options = dict(
        epochs=recipe["epochs"] if epochs is None else epochs,
        batch_size=recipe["batch_size"] if batch_size is None else batch_size,
        learning_rate=recipe["learning_rate"] if learning_rate is None else learning_rate,
        optimizer=recipe["optimizer"],
        warmup_steps=recipe.get("warmup_steps", 0),
        seed=seed,
        patience=patience,
        jit_compile=jit_compile,
    )
    check_training(options)
    return options


def check_fit(minutes, picture_every):
    """Refuses what a fit is told beside its config, where it is out of range."""
    if minutes is not None and not 0 < minutes < float("inf"):
        raise ValueError(f"Expected minutes to be a positive finite number; got {minutes!r}.")
    if isinstance(picture_every, bool) or not isinstance(picture_every, int) or picture_every < 0:
        raise ValueError(f"Expected picture_every to be an integer of at least 0; got {picture_every!r}.")


def check_training(options):
    """Refuses training options out of range in one sentence each."""
    for key in ("epochs", "batch_size"):
        if isinstance(options[key], bool) or not isinstance(options[key], int) or options[key] < 1:
            raise ValueError(f"Expected {key} to be a positive integer; got {options[key]!r}.")
    rate = options["learning_rate"]
    if not isinstance(rate, (int, float)) or not 0 < rate < float("inf"):
        raise ValueError(f"Expected learning_rate to be a positive finite number; got {rate!r}.")
    patience = options["patience"]
    if patience is not None and (not isinstance(patience, int) or patience < 1):
        raise ValueError(f"Expected patience to be a positive integer; got {patience!r}.")
    seed = options["seed"]
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise ValueError(f"Expected seed to be an integer in 0..2^31-1; got {seed!r}.")


def _require_conditional(model):
    able = [name for name in MODELS if "num_classes" in inspect.signature(model_class(name)).parameters]
    if model not in able:
        raise ValueError(f"Expected a model that can be class-conditional, among {able}; got {model!r}.")
