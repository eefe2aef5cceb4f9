"""Training by recipe: a named model on a named data set, from nothing to a run directory with everything in it."""

from __future__ import annotations

import dataclasses
import os

from tfp_flows.files import clear_abandoned_parts
from tfp_flows.runs import labels, lock, objectives, reopening, strategies
from tfp_flows.runs.config import check_fit
from tfp_flows.runs.fit_run import fit_run
from tfp_flows.runs.new_config import new_config
from tfp_flows.runs.recipe import recipe_for
from tfp_flows.runs.run import Run


def train(
    model: str | None,
    data: str | None,
    out: str | os.PathLike,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int | None = None,
    arguments: dict | None = None,
    data_options: dict | None = None,
    conditional: bool = False,
    patience: int | None = None,
    minutes: float | None = None,
    picture_every: int = 10,
    resume: bool = False,
    jit_compile: bool | str | None = None,
    ema: float | None = None,
    accumulate: int | None = None,
    strategy: str | None = None,
    verbose: int | str = "auto",
) -> Run:
    """Trains a named model on a data set and leaves a run directory (see `tfp_flows.training.Run`).

    Args:
        model: str, a key of `tfp_flows.catalog.MODELS`.
        data: str, a name of `tfp_flows.data.names()` or the path of a file.
        out: str, the run directory: new, or with `resume` an existing one, whose config then decides. `epochs`,
            `minutes`, `patience`, `picture_every` and `verbose` may be others than it was begun with; of the other
            arguments, None for the run's own, what differs is refused.
        epochs, batch_size, learning_rate: None for the recipe's, see `tfp_flows.runs.recipe`. The learning rate falls
            to 1 % of it by a cosine.
        seed: int, of the weights, the data's split and order and the noise; None for 0.
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
        resume: bool. A run with nothing left to train stays as it is, and a sentence says so.
        jit_compile: as Keras' compile; None for "auto".
        ema: float in (0, 1), the momentum of a moving average of the weights, 0.999 for example: what is validated,
            kept as the best weights and drawn from is then the average; None for none, for the learning rate ends
            low.
        accumulate: int, batches that make a step, one after the other; None for 1. A step is that of so many times
            batch_size, to rounding, in the memory of batch_size, but for noise, which is drawn batch by batch, and for
            layers with statistics of a batch.
        strategy: str, "mirrored" for all devices of this host, "multiworker" for those of several, see
            `tfp_flows.runs.strategies`; None for one device. A run goes on on another number of devices than it was
            begun on. Of several workers each gives an `out` of its own, and calls this before anything else of
            TensorFlow.
        verbose: as Keras' fit.

    Returns:
        `tfp_flows.training.Run`; call `finish` on it to score, draw and measure the best weights.

    Raises:
        ValueError: for unknown names, bad options or data, a folder that holds something already, a run that is resumed
            with what it was not begun with, or one that another training has open.
    """
    check_fit(minutes, picture_every)
    strategies.check(strategy, epochs, minutes)
    scope = strategies.scope(strategy)
    given = dict(arguments=arguments, data_options=data_options, conditional=conditional)
    fitted = dict(
        batch_size=batch_size, learning_rate=learning_rate, seed=seed, jit_compile=jit_compile, ema=ema,
        accumulate=accumulate,
    )  # fmt: skip
    if resume:
        run = Run(out)
        reopening.check(run, model=model, data=data, **given, **fitted)
        with lock.held(out):
            return _go_on(run, epochs, minutes, patience, picture_every, verbose, scope)
    fitted |= dict(seed=0 if seed is None else seed, jit_compile="auto" if jit_compile is None else jit_compile)
    config, dataset = new_config(model, data, epochs=epochs, patience=patience, **given, **fitted)
    run = Run.create(out, config)
    is_open_ended = epochs is None and minutes is not None
    if epochs is None and minutes is None:
        minutes = recipe_for(config.model, len(dataset.train), dataset.event_shape)["minutes"]
    with lock.held(out), run.dropped_if_refused(), scope:
        fit_run(run, dataset, minutes, picture_every, False, verbose, is_open_ended)
    return run


def _go_on(run, epochs, minutes, patience, picture_every, verbose, scope):
    """Trains what is left of a run, which stays as it was whatever is refused."""
    asked = dict(epochs=epochs, patience=patience, minutes=minutes)
    done = reopening.nothing_left(run, **asked, score=objectives.entry(run.config.objective).name)
    if done:
        print(done)
        return run
    changed = {} if epochs is None else dict(epochs=epochs, minutes=None, num_steps=None)
    if patience is not None:
        changed["patience"] = patience
    training = dataclasses.replace(run.config.training, **changed)
    training.check()
    run.config = dataclasses.replace(run.config, training=training)
    dataset = run.load_data()
    labels.check(dataset, run.config)
    clear_abandoned_parts(run.path)
    with scope:
        fit_run(run, dataset, minutes, picture_every, True, verbose, epochs is None)
    return run
