"""The loops that take steps: of one length, or of lengths that a controller chooses for each event by itself.

A state is a list of tensors (batch, ...). Every event has a time and a step of its own, so that what comes out for it
does not depend on which others are beside it; `together` gives all of them the same, which integrals of all events in
one tensor (the gradients by weights) need.

    error of an event   max over the state's tensors of   sqrt(mean((error / (atol + rtol max(|y|, |y'|)))^2))
    next step           h min(10, max(1/5, 0.9 error^(-0.17) previous^0.04)),   not longer after a refused one

the controller of DOPRI5: Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, sections II.4 and IV.2.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfp_flows.dynamics import status as ends

_SAFETY, _LEAST, _MOST, _P, _I = 0.9, 0.2, 10.0, 0.17, 0.04


class Steps(NamedTuple):
    """What a loop ends with.

    Attributes:
        state: list of tensors (batch, ...), the last finite ones of an event that did not reach the end.
        totals: list of tensors, integrals of what the field gives beside the state's derivative.
        status: int32 (batch,), see `tfp_flows.dynamics.status`.
        time: (batch,), how far each event came.
        num_steps: int32 (batch,), steps that were taken, refused ones included.
        num_evaluations: int32 (), of the field, on all events at once.
    """

    state: list
    totals: list
    status: tf.Tensor
    time: tf.Tensor
    num_steps: tf.Tensor
    num_evaluations: tf.Tensor


def fixed(field, state, t0, t1, tableau, num_steps, totals=()):
    """Steps of one length. Gradients go through them.

    Args:
        field: function (t (batch,), state) -> (derivatives of the state, list of further rates).
        state: list of tensors (batch, ...).
        t0, t1: floats.
        tableau: `tfp_flows.dynamics.Tableau`.
        num_steps: int.
        totals: list of tensors, where the integrals of the further rates begin, of any shape.

    Returns:
        `Steps`.
    """
    dtype, batch, tableau = state[0].dtype, tf.shape(state[0])[:1], tableau.of_one_length
    h = tf.constant((t1 - t0) / num_steps, dtype)

    def body(i, state, totals, alive):
        t = tf.constant(t0, dtype) + h * tf.cast(i, dtype)
        ks, rates = _stages(field, tf.fill(batch, t), h, state, tableau, None)
        new = _advance(state, h, tableau.b, ks)
        good = alive & _finite(new)
        state = [tf.where(_along(good, y), n, y) for n, y in zip(new, state)]
        return i + 1, state, _accumulate(totals, h, tableau.b, rates), good

    loop = (tf.constant(0), list(state), list(totals), tf.fill(batch, True))
    _, state, totals, alive = tf.while_loop(
        lambda i, *_: i < num_steps, body, loop, maximum_iterations=num_steps, parallel_iterations=1
    )
    status = tf.where(alive, ends.REACHED, ends.NOT_FINITE)
    time = tf.where(alive, tf.constant(t1, dtype), tf.constant(t0, dtype))
    count = tf.constant(num_steps * tableau.evaluations)
    return Steps(state, totals, status, time, tf.fill(batch, num_steps), count)


def adaptive(field, state, t0, t1, tableau, rtol, atol, max_steps, totals=(), together=False):
    """Steps as long as the tolerances allow.

    Args:
        field, state, t0, t1, tableau, totals: as `fixed`, a tableau with an error estimate.
        rtol, atol: floats, of each element of the state. The totals do not count.
        max_steps: int, refused ones included.
        together: bool, whether all events take the same steps; otherwise there are no totals.

    Returns:
        `Steps`.
    """
    dtype, batch = state[0].dtype, tf.shape(state[0])[:1]
    rows = tf.constant([1]) if together else batch
    start, end, one = tf.constant(t0, dtype), tf.constant(t1, dtype), tf.ones([], dtype)
    length, direction = abs(t1 - t0), math.copysign(1.0, t1 - t0)
    shortest = tf.constant(16 * np.finfo(dtype.as_numpy_dtype).eps * length, dtype)
    spread = (lambda v: tf.broadcast_to(v, batch)) if together else (lambda v: v)

    def norm(values, scales):
        """(rows,), infinite where a value is not finite."""
        squares = [tf.reduce_mean(tf.reshape(v / s, [tf.shape(v)[0], -1]) ** 2, 1) for v, s in zip(values, scales)]
        size = tf.sqrt(squares[0] if len(squares) == 1 else tf.reduce_max(tf.stack(squares), 0))
        size = tf.where(tf.math.is_finite(size), size, tf.constant(math.inf, dtype))
        return tf.reduce_max(tf.concat([size, tf.zeros(1, dtype)], 0), keepdims=True) if together else size

    def scale(state, other):
        return [atol + rtol * tf.maximum(tf.abs(y), tf.abs(z)) for y, z in zip(state, other)]

    def first_step(k):
        """Hairer et al., section II.4, the starting step size."""
        scales = scale(state, state)
        d0, d1 = norm(state, scales), norm(k, scales)
        small = (d0 < 1e-5) | (d1 < 1e-5)
        h0 = tf.minimum(tf.where(small, tf.cast(1e-6, dtype), 0.01 * d0 / tf.where(small, one, d1)), length)
        h0 = tf.where(tf.math.is_finite(h0), h0, shortest) * direction
        euler = [y + _along(spread(h0), y) * d for y, d in zip(state, k)]
        other, _ = field(spread(start + h0), euler)
        d2 = norm([b - a for a, b in zip(k, other)], scales) / tf.abs(h0)
        most = tf.maximum(d1, d2)
        h1 = tf.where(most <= 1e-15, tf.maximum(1e-6 * one, tf.abs(h0) * 1e-3), (0.01 / most) ** (1 / tableau.order))
        return tf.clip_by_value(tf.minimum(100 * tf.abs(h0), h1), shortest, length)

    def body(i, t, h, state, k, rate, totals, previous, grew, status, count):
        active = (t != end) & (status == ends.REACHED)
        last = h >= tf.abs(end - t) * (1 - 1e-3)
        signed = tf.where(active, tf.where(last, end - t, h * direction), 0 * one)
        ks, rates = _stages(field, spread(t), spread(signed), state, tableau, (k, rate))
        new = _advance(state, spread(signed), tableau.b, ks)
        size = norm(_combine(spread(signed), tableau.e, ks, state), scale(state, new))
        finite = tf.math.is_finite(size)
        good = active & finite & (size <= 1)
        used = tf.maximum(tf.where(finite, size, one), 1e-10)
        factor = _SAFETY * tf.where(good, used**-_P * previous**_I, used**-0.2)
        factor = tf.clip_by_value(factor, _LEAST, tf.where(good & grew, _MOST * one, one))
        factor = tf.where(finite, factor, _LEAST * one)
        stuck = active & ~good & (tf.abs(signed) <= shortest)
        status = tf.where(stuck, tf.where(finite, ends.TOO_MANY_STEPS, ends.NOT_FINITE), status)
        keep = spread(good)
        choose = lambda new, old: [tf.where(_along(keep, a), a, b) for a, b in zip(new, old)]
        ended = good & last
        totals = _accumulate(totals, signed[0], tableau.b, rates, good[0]) if together else totals
        return (
            i + 1,
            tf.where(ended, end, tf.where(good, t + signed, t)),
            tf.where(active, tf.maximum(tf.abs(signed) * factor, shortest), h),
            choose(new, state),
            choose(ks[-1], k),
            [tf.where(good[0], a, b) for a, b in zip(rates[-1], rate)] if together else rate,
            totals,
            tf.where(good, tf.maximum(used, 1e-4), previous),
            tf.where(active, good, grew),
            status,
            count + tf.cast(active, tf.int32),
        )

    k, rate = map(list, field(tf.fill(batch, start), state))
    alive = _finite(k)
    alive = tf.reduce_all(alive, keepdims=True) if together else alive
    status = tf.where(alive, ends.REACHED, ends.NOT_FINITE)
    loop = (
        tf.constant(0), tf.fill(rows, start), first_step(k), list(state), k, rate, list(totals),
        tf.ones(rows, dtype), tf.fill(rows, True), status, tf.zeros(rows, tf.int32),
    )  # fmt: skip
    i, t, _, state, _, _, totals, _, _, status, count = tf.while_loop(
        lambda i, t, h, s, k, r, q, p, g, status, c: tf.reduce_any((t != end) & (status == ends.REACHED)),
        body, loop, maximum_iterations=max_steps, parallel_iterations=1,
    )  # fmt: skip
    status = tf.where((status == ends.REACHED) & (t != end), ends.TOO_MANY_STEPS, status)
    return Steps(state, totals, spread(status), spread(t), spread(count), 2 + i * tableau.evaluations)


def _stages(field, t, h, state, tableau, first):
    """The derivatives and further rates of every stage: the first one is known where first is (derivatives, rates)."""
    ks, rates = [], []
    for row, c in zip(tableau.a, tableau.c):
        if not ks and first is not None:
            k, rate = first
        else:
            k, rate = field(t + c * h, _advance(state, h, row, ks))
        ks.append(list(k))
        rates.append(list(rate))
    return ks, rates


def _advance(state, h, weights, ks):
    if not any(weights):
        return list(state)
    return [y + step for y, step in zip(state, _combine(h, weights, ks, state))]


def _combine(h, weights, ks, state):
    """h sum_i weights_i k_i of each tensor of the state."""
    terms = [(w, k) for w, k in zip(weights, ks) if w]
    return [
        (_along(h, y) if h.shape.rank else h) * tf.add_n([tf.constant(w, y.dtype) * k[n] for w, k in terms])
        for n, y in enumerate(state)
    ]


def _accumulate(totals, h, weights, rates, good=True):
    out = []
    for n, total in enumerate(totals):
        terms = [tf.constant(w, total.dtype) * rate[n] for w, rate in zip(weights, rates) if w]
        new = total + tf.cast(h, total.dtype) * tf.add_n(terms)
        out.append(new if good is True else tf.where(good, new, total))
    return out


def _finite(values):
    """(batch,) bool, whether all of an event's numbers are finite."""
    return tf.reduce_all(
        tf.stack([tf.reduce_all(tf.math.is_finite(tf.reshape(v, [tf.shape(v)[0], -1])), 1) for v in values]), 0
    )


def _along(values, like):
    """(batch,) -> (batch, 1, ..., 1), to go with a tensor of the state."""
    return tf.reshape(values, [-1, *[1] * (like.shape.rank - 1)])
