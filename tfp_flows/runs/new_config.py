"""The config of a new run: made of names and options, checked before anything is written."""

import keras

from tfp_flows import data as datasets
from tfp_flows import model_options
from tfp_flows.data import columns, precision
from tfp_flows.libraries import versions
from tfp_flows.optimizers import RELATIVE_CLIPNORM
from tfp_flows.runs import asked, labels, objectives
from tfp_flows.runs.config import Config, Training
from tfp_flows.runs.recipe import recipe_for
from tfp_flows.runs.run import build_model


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
    ema=None,
    accumulate=None,
):
    """The config of a new run, see `tfp_flows.training.train` for the arguments.

    Returns:
        config, dataset: `tfp_flows.runs.config.Config`, and the data, loaded.

    Raises:
        ValueError: for unknown names, options out of range, data that do not suit the model, or anything else that
            the model or its objective refuses.
    """
    model = asked.check(
        model, data, arguments=arguments, data_options=data_options, conditional=conditional, epochs=epochs,
        batch_size=batch_size, learning_rate=learning_rate, seed=seed, patience=patience, jit_compile=jit_compile,
        ema=ema, accumulate=accumulate,
    )  # fmt: skip
    floatx = keras.config.floatx()
    data_options = asked.data_options_of(model, data, seed, arguments, data_options, floatx)
    dtype = (arguments or {}).get("dtype") or floatx
    dataset = datasets.load(data, **data_options)
    asked.check_kind(model, dataset.kind, dataset.name, arguments or {})
    if dataset.table is not None:
        columns.check_constant(dataset.train.min(0), dataset.train.max(0), dataset.name, dataset.table.names)
    if dataset.num_bins is not None and dtype in precision.MOST_LEVELS:
        precision.check_levels(dataset.num_bins, dtype, dataset.train)
    given = dict(arguments or {})
    class_labels = None
    if asked.is_class_conditional(model, dataset, conditional, given):
        class_labels = labels.of(dataset, given.get("num_classes"))
        given.setdefault("num_classes", len(class_labels))
    if dataset.contexts is not None:
        given["context_shape"] = [dataset.contexts["train"].shape[1]]
    if dataset.sample_rate is not None and _takes(model, "sample_rate"):
        given.setdefault("sample_rate", dataset.sample_rate)
    if dataset.num_bins is None and len(dataset.event_shape) == 1 and _takes(model, "integer_columns"):
        found = columns.whole(dataset.train)
        if found:
            given.setdefault("integer_columns", list(found))
    about = model, len(dataset.train), dataset.event_shape
    recipe = recipe_for(*about, batch_size, is_own=bool(arguments), accumulate=accumulate)
    if epochs is None and patience is None:
        patience = recipe["patience"]
    training = new_training(
        recipe, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed, patience=patience,
        jit_compile=jit_compile, ema=ema, accumulate=accumulate,
    )  # fmt: skip
    given = {**recipe["arguments"], **given}
    arguments = {"event_shape": list(dataset.event_shape), "num_bins": dataset.num_bins, "seed": seed, **given}
    # Built before the folder is made: what the model refuses leaves nothing behind.
    keras.utils.set_random_seed(seed)
    flow = build_model(model, arguments)
    config = Config(
        model=model,
        arguments=arguments,
        data=data,
        data_options=data_options,
        training=training,
        objective=dict(recipe.get("objective") or objectives.describe(flow.default_objective())),
        versions=versions(),
        class_labels=None if class_labels is None else class_labels.to_dict(),
        table=None if dataset.table is None else dataset.table.to_dict(),
    )
    objectives.build(config.objective).check(flow)
    return config, dataset


def new_training(recipe, *, epochs, batch_size, learning_rate, seed, patience, jit_compile, ema=None, accumulate=None):
    """The options of a new training, `Training`: what is None is the recipe's (see `tfp_flows.runs.recipe`).

    Raises:
        ValueError: as `Training.check`.
    """
    training = Training(
        epochs=recipe["epochs"] if epochs is None else epochs,
        batch_size=recipe["batch_size"] if batch_size is None else batch_size,
        learning_rate=recipe["learning_rate"] if learning_rate is None else learning_rate,
        optimizer={"relative_clipnorm": RELATIVE_CLIPNORM, **recipe["optimizer"]},
        warmup_steps=recipe["warmup_steps"],
        seed=seed,
        patience=patience,
        jit_compile=jit_compile,
        ema=ema,
        accumulate=1 if accumulate is None else accumulate,
    )
    training.check()
    return training


def _takes(model, name):
    return name in model_options.of_model(model)
