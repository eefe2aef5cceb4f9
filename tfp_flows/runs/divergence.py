"""How far two flows are apart: Kullback-Leibler divergences both ways, by samples of each.

KL(p || q) = E_x [log p(x) - log q(x)],   x drawn from p
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfp_flows.bridge.traces import traced
from tfp_flows.data.dataset import Data
from tfp_flows.flow import Flow
from tfp_flows.numerics.tensors import is_positive_integer
from tfp_flows.runs import labels


def compare(teacher: Flow, student: Flow, dataset: Data, n: int | None = None, seed: int = 0) -> dict[str, float]:
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

    # Traced once for all sizes: a call of a tf.function that is new each time would warn of retracing. To trace what is
    # called once takes longer than to run it.
    specs = [tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)]
    if context is not None:
        specs.append(tf.TensorSpec([None, *context.shape[1:]], context.dtype))
    if n > batch:
        difference = traced(difference).get_concrete_function(*specs)
    parts = []
    for i in range(0, n, batch):
        given = [] if context is None else [tf.convert_to_tensor(context[i : i + batch])]
        pair = tf.random.experimental.stateless_fold_in(tf.constant(seed, tf.int32), i)
        parts.append(difference(tf.constant(min(batch, n - i)), pair, *given))
    return np.concatenate([np.asarray(part, np.float64) for part in parts])
