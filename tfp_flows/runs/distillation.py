"""Density distillation: a student that samples in one pass is trained to have the density of a teacher's run.

    minimise KL(student || teacher) over the student's own samples [+ spectral power loss, for audio]

Van den Oord et al., Parallel WaveNet, arXiv:1711.10433, section 4.
"""

from __future__ import annotations

import inspect
import os
import pathlib

import keras

from tfp_flows import model_options
from tfp_flows.libraries import versions
from tfp_flows.runs import asked, labels, lock, objectives, strategies
from tfp_flows.runs.config import Config, check_fit
from tfp_flows.runs.fit_run import fit_run
from tfp_flows.runs.new_config import new_training
from tfp_flows.runs.recipe import recipe_for
from tfp_flows.runs.run import Run, build_model, model_class

# What makes a teacher, and not what it is a density of.
_OWN = ("transform", "num_components", "num_layers")


def distill(
    teacher: Run | str | os.PathLike,
    out: str | os.PathLike,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    arguments: dict | None = None,
    temperature: float = 1.0,
    power_weight: float | None = None,
    patience: int | None = None,
    minutes: float | None = None,
    picture_every: int = 10,
    jit_compile: bool | str = "auto",
    strategy: str | None = None,
    accumulate: int | None = None,
    verbose: int | str = "auto",
) -> Run:
    """Distills the best weights of a run into a run of its student: a MAF's IAF, a WaveNet's ParallelWaveNet.

    An epoch draws as many samples as the teacher's data have events, by class as they are. `train(..., resume=True)`
    goes on with it.

    Args:
        teacher: `tfp_flows.training.Run`, or the path of one; it is read only, and must stay where it is to resume.
        out: str, the student's run directory: new or empty.
        arguments: dict, of the student's constructor; others are the teacher's, but for transform, num_components and
            num_layers, which are the student's own.
        temperature: float > 0, of the teacher, see `objectives.ReverseKL`.
        power_weight: float, of `objectives.SpectralPower`, 0 for none; None for 0.1 for audio and 0 for others.
        epochs, batch_size, learning_rate, seed, patience, minutes, picture_every, jit_compile, strategy, accumulate,
            verbose: as `tfp_flows.training.train`; None for the student's recipe. On several devices each draws its
            share of the samples, from a seed of its own.

    Returns:
        `tfp_flows.training.Run`; call `finish` on it to score, draw and measure the best weights.

    Raises:
        ValueError: for a run whose model has no student or no weights yet, bad options, or a folder that holds
            something already.
    """
    check_fit(minutes, picture_every)
    strategies.check(strategy, epochs, minutes)
    scope = strategies.scope(strategy)
    teacher = teacher if isinstance(teacher, Run) else Run(teacher)
    student = asked.student_of(teacher)
    asked.check_distillation(teacher, temperature, power_weight)
    model_options.check_given(student, arguments or {})
    is_audio = teacher.config.arguments.get("sample_rate") is not None
    if power_weight is None:
        power_weight = 0.1 if is_audio else 0.0
    # Of the method: Python before 3.11.3 takes Keras' `__new__` for the signature of a class that inherits its own.
    known = inspect.signature(model_class(student).__init__).parameters
    inherited = {key: value for key, value in teacher.config.arguments.items() if key in known and key not in _OWN}
    dataset = teacher.load_data()
    about = student, len(dataset.train), dataset.event_shape
    recipe = recipe_for(*about, batch_size, is_own=True, accumulate=accumulate)
    config = Config(
        model=student,
        arguments={**inherited, "seed": seed, **(arguments or {})},
        data=teacher.config.data,
        data_options=teacher.config.data_options,
        objective={
            "name": "reverse_kl",
            "teacher": str(pathlib.Path(teacher.path).resolve()),
            "temperature": temperature,
            "power_weight": power_weight,
        },
        training=new_training(
            recipe,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            patience=patience,
            jit_compile=jit_compile,
            accumulate=accumulate,
        ),  # fmt: skip
        versions=versions(),
        class_labels=teacher.config.class_labels,
        table=teacher.config.table,
    )
    if is_audio and config.arguments["sample_rate"] != inherited["sample_rate"]:
        raise ValueError(
            f"Expected the teacher's sample_rate {inherited['sample_rate']}; got {config.arguments['sample_rate']}."
        )
    # Both are built before the folder is made: what they refuse leaves nothing behind.
    keras.utils.set_random_seed(seed)
    objectives.build(config.objective).check(build_model(student, config.arguments))
    labels.check(dataset, config)
    run = Run.create(out, config)
    with lock.held(out), run.dropped_if_refused(), scope:
        fit_run(run, dataset, minutes, picture_every, verbose=verbose, is_open_ended=epochs is None)
    return run
