"""One fit of a run directory: what its config says, from the checkpoint where there is one."""

import math

import keras

from tfp_flows import data as datasets
from tfp_flows.flow import standardization
from tfp_flows.optimizers import FusedAdam
from tfp_flows.runs import labels, objectives
from tfp_flows.runs.run import load_weights
from tfp_flows.runs.run_log import RunLog
from tfp_flows.training.sample_pictures import SamplePictures
from tfp_flows.training.stop_on_nan import StopOnNaN


def fit_run(run, dataset, minutes=None, picture_every=10, resume=False, verbose="auto"):
    """Trains the model of a run, and leaves its log, best weights and checkpoint.

    Args:
        run: `tfp_flows.training.Run`.
        dataset: `tfp_flows.data.Data`, the run's.
        minutes, picture_every, verbose: see `tfp_flows.training.train`.
        resume: bool, whether it goes on from the checkpoint.
    """
    options = run.config.training
    # Initial weights are a function of the seed, whatever was built before.
    keras.utils.set_random_seed(options.seed)
    flow = run.build_model()
    batch_size = min(options.batch_size, len(dataset.train))
    batches = _batches(flow, dataset, "train", batch_size, shuffle=True, seed=options.seed, drop_remainder=True)
    objective = objectives.build(run.config.objective)
    flow.compile(
        make_optimizer(options, options.epochs * int(batches.cardinality())),
        loss=objective,
        jit_compile=options.jit_compile,
    )
    finished, checkpoint = run.checkpoint() if resume else (0, None)
    if checkpoint is not None:
        load_weights(flow, checkpoint)
    if resume:
        # Only now: what is refused above leaves it as it was.
        run.save_config()
    if checkpoint is None:
        if not objective.needs_data:
            # It would initialise from base samples: the data say where and how wide they are to be.
            _initialize(flow, dataset)
        measure = objectives.entry(run.config.objective).before
        if measure is not None:
            run.write_before(measure(objective, flow, dataset))
    if finished < options.epochs:
        # As many as fit into memory where events are long.
        size = max(1, min(1000, 1_000_000 // math.prod(dataset.event_shape), len(dataset.validation)))
        flow.fit(
            batches,
            epochs=options.epochs,
            initial_epoch=finished,
            validation_data=_batches(flow, dataset, "validation", size),
            callbacks=_callbacks(run, flow, dataset, minutes, picture_every),
            verbose=verbose,
        )


def make_optimizer(options, num_steps):
    """Adam whose learning rate rises from 0 in a straight line, then falls to 1 % of its peak by a cosine.

    Args:
        options: `tfp_flows.runs.config.Training`.
        num_steps: int, of the whole training.
    """
    peak, warmup = options.learning_rate, min(options.warmup_steps, num_steps - 1)
    decay = dict(decay_steps=num_steps - warmup, alpha=0.01)
    if warmup:
        decay.update(warmup_target=peak, warmup_steps=warmup)
    # Keras takes alpha as a share of the peak where there is a warm-up, and of the initial rate otherwise.
    schedule = keras.optimizers.schedules.CosineDecay(0.0 if warmup else peak, **decay)
    return FusedAdam(schedule, **options.optimizer)


def _batches(flow, dataset, split, batch_size, **options):
    """Batches of events, or of pairs of events and labels for a class-conditional flow."""
    x, context = getattr(dataset, split), labels.context(flow, dataset, split)
    return datasets.batches(x if context is None else (x, context), batch_size, **options)


def _callbacks(run, flow, dataset, minutes, picture_every):
    context = labels.context(flow, dataset, "train")
    watched = StopOnNaN(dataset.train[:64], None if context is None else context[:64])
    callbacks = [watched, RunLog(run, run.config.training.patience, minutes)]
    if picture_every:
        callbacks.append(SamplePictures(run.path / "samples", picture_every, reference=dataset.train))
    return callbacks


def _initialize(flow, dataset):
    context = labels.context(flow, dataset, "train")
    standardization.measure(flow, (dataset.train, context))
    flow.initialize(dataset.train[:64], None if context is None else context[:64])
