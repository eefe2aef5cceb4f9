"""Density distillation: a student that samples in one pass is trained to have the density of a teacher's run.

    minimise KL(student || teacher) over the student's own samples [+ spectral power loss, for audio]

Van den Oord et al., Parallel WaveNet, arXiv:1711.10433, section 4.
"""

import inspect
import pathlib

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.catalog import MODELS
from tfp_flows.libraries import versions
from tfp_flows.numerics.tensors import is_positive_integer
from tfp_flows.runs import labels
from tfp_flows.runs.config import check_fit, training_options
from tfp_flows.runs.fit_run import fit_run, make_objective
from tfp_flows.runs.run import Run, build_model, model_class

# What makes a teacher, and not what it is a density of.
_OWN = ("transform", "num_components", "num_layers")


def distill(
    teacher,
    out,
    *,
    epochs=None,
    batch_size=None,
    learning_rate=None,
    seed=0,
    arguments=None,
    temperature=1.0,
    power_weight=None,
    patience=None,
    minutes=None,
    picture_every=10,
    jit_compile="auto",
    verbose="auto",
):
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
        epochs, batch_size, learning_rate, seed, patience, minutes, picture_every, jit_compile, verbose: as
            `tfp_flows.training.train`; None for the student's recipe.

    Returns:
        `tfp_flows.training.Run`; call `finish` on it to score, draw and measure the best weights.

    Raises:
        ValueError: for a run whose model has no student or no weights yet, bad options, or a folder that holds
            something already.
    """
    check_fit(minutes, picture_every)
    teacher = teacher if isinstance(teacher, Run) else Run(teacher)
    name = teacher.config["model"]
    student = MODELS[name].student if name in MODELS else None
    if student is None:
        able = [key for key, entry in MODELS.items() if entry.student]
        raise ValueError(f"Expected a run of a model with a student, {' or '.join(able)}; got one of {name!r}.")
    is_audio = teacher.config["arguments"].get("sample_rate") is not None
    if power_weight is None:
        power_weight = 0.1 if is_audio else 0.0
    if not isinstance(power_weight, (int, float)) or not 0 <= power_weight < float("inf"):
        raise ValueError(f"Expected power_weight to be a finite number of at least 0; got {power_weight!r}.")
    if power_weight and not is_audio:
        raise ValueError(f"Expected power_weight=0 for events that are no audio; got {power_weight!r}.")
    known = inspect.signature(model_class(student)).parameters
    inherited = {key: value for key, value in teacher.config["arguments"].items() if key in known and key not in _OWN}
    config = dict(
        model=student,
        arguments={**inherited, "seed": seed, **(arguments or {})},
        data=teacher.config["data"],
        data_options=teacher.config["data_options"],
        distillation=dict(
            teacher=str(pathlib.Path(teacher.path).resolve()), temperature=temperature, power_weight=power_weight
        ),
        training=training_options(
            student,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            patience=patience,
            jit_compile=jit_compile,
        ),  # fmt: skip
        versions=versions(),
    )
    if is_audio and config["arguments"]["sample_rate"] != inherited["sample_rate"]:
        raise ValueError(
            f"Expected the teacher's sample_rate {inherited['sample_rate']}; got {config['arguments']['sample_rate']}."
        )
    # Both are built before the folder is made: what they refuse leaves nothing behind.
    keras.utils.set_random_seed(seed)
    make_objective(config).check(build_model(student, config["arguments"]))
    dataset = teacher.load_data()
    labels.check(dataset, config["arguments"].get("num_classes"))
    run = Run.create(out, config)

    def measure(flow, objective):
        run.config["distillation"]["before"] = compare(objective.target_log_prob, flow, dataset)
        run.save_config()

    with run.dropped_if_refused():
        fit_run(run, dataset, minutes, picture_every, verbose=verbose, before=measure)
    return run


def compare(teacher, student, dataset, n=None, seed=0):
    """How far two flows of one data set are apart, both ways, by samples of each.

    Args:
        teacher, student: `tfp_flows.Flow`s of one event shape.
        dataset: `tfp_flows.data.Data`, whose test labels are what conditional flows sample for.
        n: int, samples of each; None for 20,000, of long events fewer, but 64 at least.
        seed: int.

    Returns:
        dict of floats: reverse_kl, KL(student || teacher), and forward_kl, KL(teacher || student), nats an event, with
        their standard errors, and num_samples.

    Raises:
        ValueError: where the event shapes differ or n is no positive integer.

    Example:
        >>> import tfp_flows
        >>> from tfp_flows import data, training
        >>> flow = tfp_flows.MAF((2,), num_layers=1, hidden_units=4)
        >>> training.compare(flow, flow, data.load("moons", num_train=10), n=100)["reverse_kl"]
        0.0
    """
    if teacher.event_shape != student.event_shape:
        raise ValueError(f"Expected flows of one event shape; got {teacher.event_shape} and {student.event_shape}.")
    size = int(np.prod(student.event_shape))
    n = min(20_000, max(64, 500_000 // size)) if n is None else n
    if not is_positive_integer(n):
        raise ValueError(f"Expected n to be a positive integer; got {n!r}.")
    context = labels.context(student, dataset, "test")
    if context is not None:
        context = np.random.default_rng(seed).choice(context, n)
    batch = max(1, min(n, 200_000 // size))
    reverse = _divergence(student, teacher, n, context, (seed, 1), batch)
    forward = _divergence(teacher, student, n, context, (seed, 2), batch)
    metrics = dict(num_samples=n)
    for key, values in (("reverse_kl", reverse), ("forward_kl", forward)):
        metrics[key] = float(values.mean())
        metrics[f"{key}_standard_error"] = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return metrics


def _divergence(p, q, n, context, seed, batch):
    """log p(x) - log q(x) of samples of p, an array (n,)."""

    def difference(size, seed, context=None):
        x, log_p = p.sample_and_log_prob(size, context, seed)
        # A new tensor: TFP would answer from the cache of the same bijector.
        return log_p - q(tf.identity(x), context=context, training=False)

    # Traced once for all sizes: a call of a tf.function that is new each time would warn of retracing.
    specs = [tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)]
    if context is not None:
        specs.append(tf.TensorSpec([None, *context.shape[1:]], context.dtype))
    difference = tf.function(difference, autograph=False).get_concrete_function(*specs)
    parts = []
    for i in range(0, n, batch):
        given = [] if context is None else [tf.convert_to_tensor(context[i : i + batch])]
        pair = tf.random.experimental.stateless_fold_in(tf.constant(seed, tf.int32), i)
        parts.append(difference(tf.constant(min(batch, n - i)), pair, *given))
    return np.concatenate([np.asarray(part, np.float64) for part in parts])
