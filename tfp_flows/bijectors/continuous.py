"""The flow of a differential equation: an event moves along a velocity field from the latent at t = 0 to data at t = 1.

    forward:  dx/dt = v(x, t; context),   x(0) = x,   y = x(1)
    inverse:  the same equation from t = 1 back to t = 0
    log_det (forward) = integral from 0 to 1 of tr(dv/dx) dt

Any network is a velocity: nothing of it has to be invertible. Both directions cost as many evaluations as the solver
takes, of the network and of products of its Jacobian.
Chen, Rubanova, Bettencourt and Duvenaud, arXiv:1806.07366, section 4; Grathwohl et al., FFJORD, arXiv:1810.01367.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector, context_rows
from tfp_flows.bijectors.solving import current
from tfp_flows.bijectors.velocity_network import Known, caller, takes_context
from tfp_flows.bridge.keras_mode import KerasMode
from tfp_flows.bridge.tape import may_record
from tfp_flows.bridge.traces import traced
from tfp_flows.dynamics import Solver, divergence, require_reached, solve
from tfp_flows.numerics import sentences
from tfp_flows.numerics.tensors import check_shape, floatx, is_positive_integer, require_event_shape

TRACES = ("exact", *divergence.PROBES)


# bijector -> what it solves by in eager code. Beside it, for copies and pickles.
_TRACED = weakref.WeakKeyDictionary()


class Costs(NamedTuple):
    """What a way along the field costs, in one value an event.

    Attributes:
        kinetic: (batch,), the integral of |v|^2 dt.
        jacobian: (batch,), the integral of the squared Frobenius norm of dv/dx; of probes an unbiased estimate.
        hamilton_jacobi: (batch,), the integral of what the network's `hamilton_jacobi(x, t, context)` gives, which is
            how far a potential is from the optimal one; None of a network without it.
    """

    kinetic: tf.Tensor
    jacobian: tf.Tensor
    hamilton_jacobi: tf.Tensor | None = None


class Continuous(Bijector):
    """A bijector from a velocity network.

    Args:
        network: Keras layer, called as `network(x, t)` or, where it takes one, `network(x, t, context=c)`, with events
            (batch, *event) and times (batch,); or a Keras model of two inputs, called as `network([x, t])` with times
            (batch, 1), and of three with a context. It returns the velocity, of x's shape. One with a method
            `jvp(x, t, tangents)`, as `networks.TimeMLP`, is asked by it for products of its Jacobian.
        event_shape: tuple of ints.
        solver: `tfp_flows.dynamics.Solver`; None for its defaults. Gradients are taken as it says.
        trace: "exact", by as many products as the event has elements, or "rademacher" or "gaussian" for Hutchinson's
            estimate, whose probes are fixed along one solution.
        num_probes: int, of the estimate.
        seed: int or pair of ints, of the probes, unless a call gives another.
        times: pair of floats, of the latent and of the data.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: for a bad shape, an unknown trace, equal times, a network that takes no time, or one that returns
            another shape than its input.
        tfp_flows.dynamics.SolverError: in eager code, where the solver does not reach the end. In a graph the log_det
            of such an event is infinite, so that its density is 0, and its value is the last one that is finite.

    Example:
        >>> from tfp_flows import bijectors, networks
        >>> flow = bijectors.Continuous(networks.TimeMLP(2, 16, output_initializer="ones"), (2,))
        >>> x = tf.constant([[0.5, -1.0]])
        >>> bool(tf.reduce_max(tf.abs(flow.inverse(flow.forward(x) + 0.0) - x)) < 1e-4)
        True
    """

    def __init__(
        self,
        network: keras.Layer,
        event_shape: Sequence[int],
        solver: Solver | None = None,
        trace: str = "exact",
        num_probes: int = 1,
        seed: int | tuple[int, int] = 0,
        times: tuple[float, float] = (0.0, 1.0),
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        event_shape = check_shape(event_shape)
        if not isinstance(network, keras.Layer):
            raise ValueError(f"Expected network to be a Keras layer or model; got {type(network).__name__}.")
        if solver is not None and not isinstance(solver, Solver):
            raise ValueError(f"Expected solver to be a tfp_flows.dynamics.Solver or None; got {solver!r}.")
        if trace not in TRACES:
            raise ValueError(f"Expected trace to be one of {list(TRACES)}; got {trace!r}.")
        if not is_positive_integer(num_probes):
            raise ValueError(f"Expected num_probes to be a positive integer; got {num_probes!r}.")
        if len(times) != 2 or not all(map(math.isfinite, times)) or times[0] == times[1]:
            raise ValueError(f"Expected times of the latent and of the data, finite and different; got {times!r}.")
        super().__init__(len(event_shape), dtype=floatx(dtype), name=name)
        self.network = network
        self.event_shape = event_shape
        self.solver = Solver() if solver is None else solver
        self.trace, self.num_probes, self.seed = trace, int(num_probes), seed
        self.times = tuple(map(float, times))
        self.takes_context = takes_context(network)
        self._try_out()

    def _try_out(self):
        """Builds the network, and refuses one that returns another shape, before anything is solved."""
        with tf.init_scope():
            x, t = tf.zeros([1, *self.event_shape], self.dtype), tf.zeros([1], self.dtype)
            shape = Known(self.network, self.takes_context).context_shape
            self._field(t, None if shape is None else tf.zeros([1, *shape], self.dtype))(x)

    def velocity(self, x: tf.Tensor, t: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """The field at events (batch, *event) and times (batch,), (batch, *event)."""
        return self._field(t, context)(x)

    def inverse_and_costs(
        self, y: tf.Tensor, context: tf.Tensor | None = None, seed: tf.Tensor | None = None, costs: bool = True
    ) -> tuple[tf.Tensor, tf.Tensor, Costs | None]:
        """Data to latent as a regularised objective wants it: x, the log_det and the costs of the way.

        Args:
            y: tensor (batch, *event).
            context: (batch, *context_shape) or None.
            seed: int32 tensor [2] of the probes; None for the bijector's own.
            costs: bool, whether they are computed; None is returned where not.
        """
        return self._solve(y, self.times[::-1], context, seed, with_costs=costs)

    def _forward_and_log_det(self, x, context=None):
        return self._solve(x, self.times, context)[:2]

    def _inverse_and_log_det(self, y, context=None):
        return self._solve(y, self.times[::-1], context)[:2]

    def _solve(self, value, times, context, seed=None, with_costs=False):
        require_event_shape(value, self.event_shape, repr(self.name))
        ndims = len(self.event_shape)
        batch = tf.shape(value)[: value.shape.rank - ndims]
        static = value.shape[: value.shape.rank - ndims]
        given = context_rows(self.name, Known(self.network, self.takes_context), context, batch)
        rows = tf.reshape(value, [-1, *self.event_shape])
        asked = current()
        own = (0, self.seed) if isinstance(self.seed, int) else self.seed
        seed = tf.constant(own, tf.int32) if seed is None else seed
        key = times, asked.solver or self.solver, asked.log_det or with_costs, with_costs, KerasMode()(function=None)
        seed = tf.convert_to_tensor(seed, tf.int32)
        specs = [tf.TensorSpec([None, *v.shape[1:]], v.dtype) for v in (rows, *given.values())]
        run = self._solver_of(key, [specs[0], tf.TensorSpec([2], tf.int32), *specs[1:]])
        solution = run(rows, seed, *given.values())
        require_reached(solution, times[1], key[1])
        end = solution.y
        if asked.failure is not None:
            with tf.control_dependencies([_require(solution, asked.failure)]):
                end = tf.identity(end)
        nothing = tf.fill(tf.shape(rows)[:1], tf.constant(math.nan, rows.dtype))
        log_det, *costs = solution.integrals or (nothing,)
        # Nothing that could not be solved has a density.
        worst = tf.constant(math.inf if times == self.times else -math.inf, log_det.dtype)
        log_det = tf.where(solution.status == 0, log_det, worst)
        image = tf.reshape(end, tf.concat([batch, self.event_shape], 0))
        image.set_shape([*static, *self.event_shape] if static.rank is not None else None)
        shaped = [tf.reshape(v, batch) for v in (log_det, *costs)]
        return image, shaped[0], Costs(*shaped[1:]) if costs else None

    def _solver_of(self, key, specs):
        """A function (rows, seed, *contexts) -> `dynamics.Solution`, traced once where it is called in eager code: the
        steps of a solver are many small operations."""
        times, solver, with_trace, with_costs, training = key
        itself = weakref.ref(self)

        def run(rows, seed, *context):
            me = itself()
            walk = lambda: me._integrate(rows, seed, context, times, solver, with_trace, with_costs)
            return walk() if training is None else KerasMode()(function=walk, training=training)

        if not tf.executing_eagerly() or tf.config.functions_run_eagerly():
            return run
        # Read here too: whoever looks which variables are used while tapes are stopped, as a reversible chain does,
        # would not see those of a function.
        for weight in self.network.trainable_weights:
            tf.convert_to_tensor(weight)
        # What is traced while a tape is stopped has no gradient.
        known, key = _TRACED.setdefault(self, {}), (*key, may_record())
        if key not in known:
            known[key] = traced(run, input_signature=specs)
        return known[key]

    def _integrate(self, rows, seed, context, times, solver, with_trace, with_costs):
        vectors = None
        if self.trace != "exact" and with_trace:
            vectors = divergence.probes(self.trace, self.num_probes, tf.shape(rows), seed, rows.dtype)

        potential = getattr(self.network, "hamilton_jacobi", None)

        def field(t, x, *context):
            velocity = self._field(t, *context)
            if not with_trace:
                return velocity(x)
            v, trace, products = divergence.value_and_divergence(velocity, x, vectors)
            if not with_costs:
                return v, (trace,)
            energy = tf.reduce_sum(v**2, list(range(1, v.shape.rank)))
            squares = tf.reduce_sum(products**2, list(range(2, products.shape.rank)))
            norm = tf.reduce_sum(squares, 0) if vectors is None else tf.reduce_mean(squares, 0)
            # Along a way back in time they are counted as along the way forth.
            sign = math.copysign(1.0, times[1] - times[0])
            costs = [energy, norm]
            if potential is not None:
                costs.append(potential(x, t, *context))
            return v, (trace, *(sign * cost for cost in costs))

        count = 3 + (potential is not None) if with_costs else int(with_trace)
        # A step asks the field six times, and is traced once for all: but not a small network, one with products of its
        # own, in training, whose many steps are the quicker for it.
        if not tf.executing_eagerly() and not (hasattr(self.network, "jvp") and KerasMode()(function=None)):
            field = traced(field)
        return solve(field, rows, *times, solver, count, list(context))

    def _field(self, t, context=None):
        """The velocity at times (batch,) as a function of x, of which there may be several copies one after another."""
        call = caller(self.network)

        def velocity(x):
            copies = tf.shape(x)[0] // tf.shape(t)[0]
            several = lambda v: None if v is None else tf.tile(v, [copies, *[1] * (v.shape.rank - 1)])
            return self._checked(call(x, several(t), several(context)), x)

        if hasattr(self.network, "jvp"):

            def jvp(x, tangents):
                options = {} if context is None else {"context": context}
                value, products = self.network.jvp(x, t, tangents, **options)
                return self._checked(value, x), tf.cast(products, x.dtype)

            velocity.jvp = jvp
        return velocity

    def _checked(self, value, x):
        if value.shape.rank is not None and not value.shape[1:].is_compatible_with(self.event_shape):
            raise ValueError(
                f"Expected the network of {self.name!r} to return velocities of the events' shape {self.event_shape}; "
                f"got {tuple(value.shape[1:])}."
            )
        return tf.cast(tf.ensure_shape(value, [None, *self.event_shape]), x.dtype)


def _require(solution, kind):
    return sentences.require(
        tf.reduce_all(solution.status == 0),
        "Expected the solver to reach its end for every event; got {} that it does not, after {} steps at most.",
        [tf.reduce_sum(tf.cast(solution.status != 0, tf.int32)), tf.reduce_max(solution.num_steps)],
        kind,
    )
