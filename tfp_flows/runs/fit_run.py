"""One fit of a run directory: what its config says, from the checkpoint where there is one."""

import math
import time

import keras

from tfp_flows import data as datasets
from tfp_flows.flow import standardization
from tfp_flows.flow.fitting import WithinEpoch
from tfp_flows.numerics.tensors import as_array
from tfp_flows.optimizers import FusedAdam, WarmupCosine
from tfp_flows.runs import labels, objectives
from tfp_flows.runs.pace import Pace
from tfp_flows.runs.progress import Progress
from tfp_flows.runs.run import load_weights
from tfp_flows.runs.run_log import RunLog
from tfp_flows.runs.schedule_end import ScheduleEnd
from tfp_flows.training.sample_pictures import SamplePictures
from tfp_flows.training.stop_on_nan import StopOnNaN

# Epochs of a training that minutes end.
_ENDLESS = 10**6


def fit_run(run, dataset, minutes=None, picture_every=10, resume=False, verbose="auto", is_open_ended=False):
    """Trains the model of a run, and leaves its log, best weights and checkpoint.

    Args:
        run: `tfp_flows.training.Run`.
        dataset: `tfp_flows.data.Data`, the run's.
        minutes, picture_every, verbose: see `tfp_flows.training.train`.
        resume: bool, whether it goes on from the checkpoint.
        is_open_ended: bool, whether minutes, where they are given, alone say when it ends, whatever the epochs.
    """
    start, options = time.monotonic(), run.config.training
    # Initial weights are a function of the seed, whatever was built before.
    keras.utils.set_random_seed(options.seed)
    flow = run.build_model()
    batch_size = min(options.batch_size * options.accumulate, len(dataset.train))
    batches = _batches(flow, dataset, "train", batch_size, shuffle=True, seed=options.seed, drop_remainder=True)
    objective = objectives.build(run.config.objective)
    num_steps, most_epochs = options.num_steps, options.epochs
    if num_steps is not None and minutes in (None, options.minutes):
        # What was decided stands.
        minutes = None
    elif minutes is not None:
        num_steps, most_epochs = None, _ENDLESS if is_open_ended else options.epochs
    steps_per_epoch = int(batches.cardinality())
    most_steps = most_epochs * steps_per_epoch
    schedule = make_schedule(options, num_steps or most_steps)
    average = {} if options.ema is None else dict(use_ema=True, ema_momentum=options.ema)
    flow.compile(
        FusedAdam(schedule, **options.optimizer, **average), loss=objective, jit_compile=options.jit_compile,
        microbatches=options.accumulate,
    )  # fmt: skip
    (finished, checkpoint), begun = run.checkpoint() if resume else (0, None), 0
    log = run.read_log()
    if checkpoint is not None:
        load_weights(flow, checkpoint)
        if "step" in log:
            # Stopped within an epoch, it goes on there.
            finished, begun = divmod(int(as_array(flow.optimizer.iterations)), steps_per_epoch)
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
    if finished < most_epochs and (num_steps is None or int(as_array(flow.optimizer.iterations)) < num_steps):
        used = sum(log.get("seconds", [])[: finished + (begun > 0)])
        pace = Pace(used, start=start, steps_per_epoch=steps_per_epoch)
        end = ScheduleEnd(run, schedule, pace, most_steps, minutes, num_steps)
        progress = Progress(end, objective.name, verbose)
        # As many as fit into memory where events are long.
        size = max(1, min(1000, 1_000_000 // math.prod(dataset.event_shape), len(dataset.validation)))
        validation = _batches(flow, dataset, "validation", size)
        parts = [(batches.skip(begun), finished, finished + 1)] if begun else []
        for part, first, last in [*parts, (batches, finished + len(parts), most_epochs)]:
            if first < last:
                log = RunLog(run, options.patience, steps_per_epoch, first, start)
                flow.fit(
                    part,
                    epochs=last,
                    initial_epoch=first,
                    validation_data=validation,
                    callbacks=[
                        pace,
                        WithinEpoch(begun * options.accumulate if part is not batches else 0),
                        log,
                        *_callbacks(run, flow, dataset, picture_every),
                        end,
                        progress,
                    ],
                    verbose=0,
                )
                start = None
            if flow.stop_training:
                break
            if average and part is not batches:
                # Keras ends a fit with the averages in the weights' place, and this training goes on from the weights.
                load_weights(flow, run.checkpoint()[1])


def make_schedule(options, num_steps):
    """The learning rate, which rises from 0 in a straight line, then falls to 1 % of its peak by a cosine.

    Args:
        options: `tfp_flows.runs.config.Training`.
        num_steps: int, of the whole training.
    """
    return WarmupCosine(options.learning_rate, num_steps, options.warmup_steps)


def _batches(flow, dataset, split, batch_size, **options):
    """Batches of events, or of pairs of events and labels for a class-conditional flow."""
    x, context = getattr(dataset, split), labels.context(flow, dataset, split)
    return datasets.batches(x if context is None else (x, context), batch_size, **options)


def _callbacks(run, flow, dataset, picture_every):
    context = labels.context(flow, dataset, "train")
    watched = StopOnNaN(dataset.train[:64], None if context is None else context[:64])
    # Validation is of what is kept.
    averages = [] if run.config.training.ema is None else [keras.callbacks.SwapEMAWeights()]
    callbacks = [*averages, watched]
    if picture_every:
        names = None if dataset.table is None else dataset.table.names
        callbacks.append(
            SamplePictures(
                run.path / "samples", picture_every, reference=dataset.train, names=names,
                context=None if names is None else context,
            )
        )  # fmt: skip
    return callbacks


def _initialize(flow, dataset):
    context = labels.context(flow, dataset, "train")
    standardization.measure(flow, (dataset.train, context))
    flow.initialize(dataset.train[:64], None if context is None else context[:64])
