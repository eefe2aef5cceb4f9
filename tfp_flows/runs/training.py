"""Training by recipe: a named model on a named data set, from nothing to a run directory with everything in it."""

from __future__ import annotations

import contextlib
import dataclasses
import os

from tfp_flows.runs import labels
from tfp_flows.runs.config import check_fit
from tfp_flows.runs.fit_run import fit_run
from tfp_flows.runs.new_config import new_config
from tfp_flows.runs.recipe import recipe_for
from tfp_flows.runs.run import Run


def train(
    model: str,
    data: str,
    out: str | os.PathLike,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    arguments: dict | None = None,
    data_options: dict | None = None,
    conditional: bool = False,
    patience: int | None = None,
    minutes: float | None = None,
    picture_every: int = 10,
    resume: bool = False,
    jit_compile: bool | str = "auto",
    verbose: int | str = "auto",
) -> Run:
    """Trains a named model on a data set and leaves a run directory (see `tfp_flows.training.Run`).

    Args:
        model: str, a key of `tfp_flows.catalog.MODELS`.
        data: str, a name of `tfp_flows.data.names()` or the path of a file.
        out: str, the run directory: new, or with `resume` an existing one, whose config then decides; of the other
            arguments only a larger `epochs`, `minutes`, `picture_every` and `verbose` count.
        epochs, batch_size, learning_rate: None for the recipe's, see `tfp_flows.runs.recipe`. The learning rate falls
            to 1 % of it by a cosine.
        seed: int, of the weights, the data's split and order and the noise.
        arguments: dict, of the model's constructor, beyond event_shape and num_bins, which the data give. With
            num_classes the labels of the data are learned with, as with `conditional`.
        data_options: dict, of the data's loader.
        conditional: bool, whether p(x given class) is learned, with the labels of the data; num_classes is then the
            number of different ones, and what stands for each class is kept in the config.
        patience: int, epochs without a better validation nll before training stops; None for the recipe's, and for none
            where epochs are given.
        minutes: float, in which the whole run shall be done, with `epochs` at most so many, or None. How many steps
            that gives is decided once the first are timed and written to the config; the learning rate ends with them.
            Resumed with the minutes that were decided by, or with none, a run ends where it would have ended; with
            other minutes, or with `epochs`, the end is decided anew.
        picture_every: int, epochs between pictures of samples; 0 for none.
        resume: bool.
        jit_compile: as Keras' compile.
        verbose: as Keras' fit.

    Returns:
        `tfp_flows.training.Run`; call `finish` on it to score, draw and measure the best weights.

    Raises:
        ValueError: for unknown names, bad options or data, or a folder that holds something already.
    """
    check_fit(minutes, picture_every)
    if resume:
        run, dataset = _reopen(model, out, epochs, conditional)
        is_open_ended = epochs is None
    else:
        config, dataset = new_config(
            model, data, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed,
            arguments=arguments, data_options=data_options, conditional=conditional, patience=patience,
            jit_compile=jit_compile,
        )  # fmt: skip
        run = Run.create(out, config)
        is_open_ended = epochs is None and minutes is not None
        if epochs is None and minutes is None:
            minutes = recipe_for(model, len(dataset.train), dataset.event_shape)["minutes"]
    # A run that was there already stays, whatever is refused.
    with contextlib.nullcontext() if resume else run.dropped_if_refused():
        fit_run(run, dataset, minutes, picture_every, resume, verbose, is_open_ended)
    return run


def _reopen(model, out, epochs, conditional):
    run = Run(out)
    if model not in (None, run.config.model):
        raise ValueError(f"Expected the run's own model {run.config.model!r} to resume; got {model!r}.")
    if conditional and run.config.arguments.get("num_classes") is None:
        raise ValueError(
            f"Expected a class-conditional run to resume as one; got {str(out)!r}, which knows no classes."
        )
    if epochs is not None:
        training = dataclasses.replace(run.config.training, epochs=epochs, minutes=None, num_steps=None)
        run.config = dataclasses.replace(run.config, training=training)
    dataset = run.load_data()
    run.config.training.check()
    labels.check(dataset, run.config)
    return run, dataset
