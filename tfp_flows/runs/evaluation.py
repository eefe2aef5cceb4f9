"""What a finished training is worth: scores on a split beside those of a Gaussian, and the pictures."""

from __future__ import annotations

import os
import platform

import numpy as np
import tensorflow as tf

from tfp_flows import pictures
from tfp_flows.data.dataset import Data
from tfp_flows.dequantization import is_bound
from tfp_flows.files import write_json
from tfp_flows.flow import Flow
from tfp_flows.runs import labels, objectives
from tfp_flows.runs.run import Run
from tfp_flows.runs.scores import scores_of
from tfp_flows.training import scoring
from tfp_flows.training.sample_pictures import draw_samples

# Above this a covariance matrix is no longer a quick thing to factorise.
_LARGEST_GAUSSIAN = 4096


def finish(run: Run) -> tuple[Flow, dict]:
    """Scores the best weights on the test split, once, and writes metrics.json and the pictures.

    Returns:
        model, metrics: the flow with its best weights, and what metrics.json holds.
    """
    dataset, model = run.load_data(), run.load_model()
    objective = objectives.entry(run.config.objective)
    metrics = evaluate(model, dataset)
    log = run.read_log()
    scores = scores_of(log, objective.name)
    metrics["training"] = {
        "epochs": len(scores),
        "best_epoch": int(np.nanargmin(scores)) + 1,
        "seconds": sum(log["seconds"]),
        "machine": _machine(),
    }
    if "step" in log:
        metrics["training"]["steps"] = int(log["step"][-1])
    if objective.after is not None:
        metrics |= objective.after(run.config.objective, model, dataset, run.read_before())
    write_json(run.path / "metrics.json", metrics)
    title = f"{run.config.model} on {dataset.name}"
    pictures.curve(log, run.path / "curve.png", title, objective.units)
    columns = run.table if dataset.table is None else dataset.table
    names = None if columns is None else columns.names
    context = labels.context(model, dataset, "train") if names else None
    draw_samples(
        model, run.path / "samples.png", reference=dataset.train, title=title, names=names, context=context
    )  # fmt: skip
    return model, metrics


def evaluate(model: Flow, dataset: Data, split: str = "test", seed: int = 0, num_samples: int = 1) -> dict:
    """Scores a flow on a split, beside a Gaussian fitted to the training split and the entropy where it is known.

    A class-conditional flow is scored given each event's label, -log p(x given class); the Gaussian knows no classes.
    A context the Gaussian is given too: it is that of a linear regression.

    Args:
        model: `tfp_flows.Flow`.
        dataset: `tfp_flows.data.Dataset`.
        split: str.
        seed: int, of the dequantization noise.
        num_samples: int, of that noise an event, see `scoring.nll_per_event`.

    Returns:
        dict: split, the summary of `scoring.summarize`, num_classes of a class-conditional flow, num_parameters,
        gaussian (a summary), entropy and nll_minus_entropy (nats) where the density of the data is known; of a flow of
        noisy data (`dequantization.Gaussian`) neither of these.

    Raises:
        ValueError: where the flow is class-conditional and the data have no labels, or labels beyond its classes.
    """
    x, context = getattr(dataset, split), labels.context(model, dataset, split)
    nll = scoring.nll_per_event(model, x, context, seed=seed, num_samples=num_samples)
    metrics = {"split": split, **scoring.summarize(nll, model.event_shape, model.scored_bins)}
    if num_samples > 1:
        metrics["num_samples"] = num_samples
    if model.num_classes is not None:
        metrics["num_classes"] = model.num_classes
    has_context = model.num_classes is None and context is not None
    if has_context and dataset.table is not None:
        metrics["given"] = [column.name for column in dataset.table.of("context")]
    metrics["num_parameters"] = int(sum(np.prod(v.shape) for v in model.trainable_variables))
    # What scores the data says nothing beside a density of noisy ones.
    if not is_bound(model.dequantization):
        return metrics
    if np.prod(model.event_shape) <= _LARGEST_GAUSSIAN:
        own = (model.num_bins, seed, getattr(model.dequantization, "columns", ()))
        given = (dataset.contexts["train"], context) if has_context else None
        gaussian = scoring.gaussian_nll(dataset.train, x, *own, given=given)
        metrics["gaussian"] = scoring.summarize(gaussian, model.event_shape, model.scored_bins)
    if dataset.density is not None and dataset.density.entropy is not None:
        metrics["entropy"] = float(dataset.density.entropy)
        metrics["nll_minus_entropy"] = metrics["nll"] - metrics["entropy"]
    return metrics


def _machine():
    """What a training's time is worth knowing on."""
    names = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return ", ".join([platform.machine(), platform.system(), f"{cores} CPU cores", *names])
