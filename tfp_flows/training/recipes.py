"""Training by recipe: a named model on a named data set, from nothing to a run directory with everything in it."""

import platform

import keras
import numpy as np

from tfp_flows import data as datasets
from tfp_flows import plots
from tfp_flows.catalog import MODELS
from tfp_flows.files import write_json
from tfp_flows.libraries import versions
from tfp_flows.training import scoring
from tfp_flows.training.fused_adam import FusedAdam
from tfp_flows.training.run import Run, build_model, load_weights
from tfp_flows.training.run_log import RunLog
from tfp_flows.training.sample_pictures import SamplePictures, draw_samples
from tfp_flows.training.stop_on_nan import StopOnNaN

# Above this a covariance matrix is no longer a quick thing to factorise.
_LARGEST_GAUSSIAN = 4096


def train(
    model,
    data,
    out,
    *,
    epochs=None,
    batch_size=None,
    learning_rate=None,
    seed=0,
    arguments=None,
    data_options=None,
    patience=None,
    minutes=None,
    picture_every=10,
    resume=False,
    jit_compile="auto",
    verbose="auto",
):
    """Trains a named model on a data set and leaves a run directory (see `tfp_flows.training.Run`).

    Args:
        model: str, a key of `tfp_flows.catalog.MODELS`.
        data: str, a name of `tfp_flows.data.names()` or the path of a file.
        out: str, the run directory: new, or with `resume` an existing one, whose config then decides; of the other
            arguments only a larger `epochs`, `minutes`, `picture_every` and `verbose` count.
        epochs, batch_size, learning_rate: None for the recipe's. The learning rate falls to 1 % of it by a cosine.
        seed: int, of the weights, the data's split and order and the noise.
        arguments: dict, of the model's constructor, beyond event_shape and num_bins, which the data give.
        data_options: dict, of the data's loader.
        patience: int, epochs without a better validation nll before training stops, or None.
        minutes: float, training stops at the end of the epoch in which they are over, or None.
        picture_every: int, epochs between pictures of samples; 0 for none.
        resume: bool.
        jit_compile: as Keras' compile.
        verbose: as Keras' fit.

    Returns:
        `tfp_flows.training.Run`; call `finish` on it to score, draw and measure the best weights.

    Raises:
        ValueError: for unknown names, bad options or data, or a folder that holds something already.
    """
    if minutes is not None and not 0 < minutes < float("inf"):
        raise ValueError(f"Expected minutes to be a positive finite number; got {minutes!r}.")
    if isinstance(picture_every, bool) or not isinstance(picture_every, int) or picture_every < 0:
        raise ValueError(f"Expected picture_every to be an integer of at least 0; got {picture_every!r}.")
    if resume:
        run = Run(out)
        if model not in (None, run.config["model"]):
            raise ValueError(f"Expected the run's own model {run.config['model']!r} to resume; got {model!r}.")
        if epochs is not None:
            run.config["training"]["epochs"] = epochs
        dataset = run.load_data()
    else:
        if model not in MODELS:
            raise ValueError(f"Expected a model among {sorted(MODELS)}; got {model!r}.")
        recipe = MODELS[model].recipe
        data_options = {"seed": seed, **(data_options or {})}
        if MODELS[model].takes_images and "flatten" in datasets.options(data):
            data_options.setdefault("flatten", False)
        dataset = datasets.load(data, **data_options)
        arguments = {
            "event_shape": list(dataset.event_shape),
            "num_bins": dataset.num_bins,
            "seed": seed,
            **(arguments or {}),
        }
        training = dict(
            epochs=recipe["epochs"] if epochs is None else epochs,
            batch_size=recipe["batch_size"] if batch_size is None else batch_size,
            learning_rate=recipe["learning_rate"] if learning_rate is None else learning_rate,
            optimizer=recipe["optimizer"],
            warmup_steps=recipe.get("warmup_steps", 0),
            seed=seed,
            patience=patience,
            jit_compile=jit_compile,
        )
        check_training(training)
        config = dict(
            model=model,
            arguments=arguments,
            data=data,
            data_options=data_options,
            training=training,
            versions=versions(),
        )
        keras.utils.set_random_seed(seed)
        # Built before the folder is made: what the model refuses leaves nothing behind.
        build_model(model, arguments)
        run = Run.create(out, config)

    options = run.config["training"]
    check_training(options)
    if resume:
        run.save_config()
    # Initial weights are a function of the seed, whatever was built before.
    keras.utils.set_random_seed(options["seed"])
    flow = run.build_model()
    batch_size = min(options["batch_size"], len(dataset.train))
    batches = dataset.batches("train", batch_size, seed=options["seed"], drop_remainder=True)
    optimizer = make_optimizer(options, num_steps=options["epochs"] * int(batches.cardinality()))
    flow.compile(optimizer, jit_compile=options["jit_compile"])
    finished, checkpoint = run.checkpoint() if resume else (0, None)
    if checkpoint is not None:
        load_weights(flow, checkpoint)
    callbacks = [StopOnNaN(dataset.train[:64]), RunLog(run, options["patience"], minutes)]
    if picture_every:
        callbacks.append(SamplePictures(run.path / "samples", picture_every, reference=dataset.train))
    if finished < options["epochs"]:
        flow.fit(
            batches,
            epochs=options["epochs"],
            initial_epoch=finished,
            validation_data=dataset.batches("validation", min(1000, len(dataset.validation))),
            callbacks=callbacks,
            verbose=verbose,
        )
    return run


def make_optimizer(options, num_steps):
    """Adam whose learning rate rises from 0 in a straight line, then falls to 1 % of its peak by a cosine.

    Args:
        options: dict, what config.json has as training: learning_rate, optimizer, and warmup_steps (0 where absent).
        num_steps: int, of the whole training.
    """
    peak, warmup = options["learning_rate"], min(options.get("warmup_steps", 0), num_steps - 1)
    decay = dict(decay_steps=num_steps - warmup, alpha=0.01)
    if warmup:
        decay.update(warmup_target=peak, warmup_steps=warmup)
    # Keras takes alpha as a share of the peak where there is a warm-up, and of the initial rate otherwise.
    schedule = keras.optimizers.schedules.CosineDecay(0.0 if warmup else peak, **decay)
    return FusedAdam(schedule, **options["optimizer"])


def finish(run):
    """Scores the best weights on the test split, once, and writes metrics.json and the pictures.

    Returns:
        model, metrics: the flow with its best weights, and what metrics.json holds.
    """
    dataset, model = run.load_data(), run.load_model()
    metrics = evaluate(model, dataset)
    log = run.read_log()
    scores = log["val_nll" if "val_nll" in log else "nll"]
    metrics["training"] = {
        "epochs": len(scores),
        "best_epoch": int(np.nanargmin(scores)) + 1,
        "seconds": sum(log["seconds"]),
        "machine": f"{platform.machine()}, {platform.system()}",
    }
    write_json(run.path / "metrics.json", metrics)
    title = f"{run.config['model']} on {dataset.name}"
    plots.curve(log, run.path / "curve.png", title)
    draw_samples(model, run.path / "samples.png", reference=dataset.train, title=title)
    return model, metrics


def evaluate(model, dataset, split="test", seed=0):
    """Scores a flow on a split, beside a Gaussian fitted to the training split and the entropy where it is known.

    Returns:
        dict: split, the summary of `scoring.summarize`, num_parameters, gaussian (a summary), entropy and
        kl_from_data (nats) where the density of the data is known.
    """
    x = getattr(dataset, split)
    nll = scoring.nll_per_event(model, x, seed=seed)
    metrics = {
        "split": split,
        **scoring.summarize(nll, model.event_shape, model.num_bins),
        "num_parameters": int(sum(np.prod(v.shape) for v in model.trainable_variables)),
    }
    if np.prod(model.event_shape) <= _LARGEST_GAUSSIAN:
        gaussian = scoring.gaussian_nll(dataset.train, x, model.num_bins, seed)
        metrics["gaussian"] = scoring.summarize(gaussian, model.event_shape, model.num_bins)
    if dataset.density is not None and dataset.density.entropy is not None:
        metrics["entropy"] = float(dataset.density.entropy)
        metrics["nll_minus_entropy"] = metrics["nll"] - metrics["entropy"]
    return metrics


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
