"""How the `Continuous` bijectors within a block of code are solved, where it is to be otherwise than they say.

Samples want few steps and no log_det, densities a tolerance and the log_det: of the same bijector. For functions that
are traced, each with tensors of its own: in eager code TFP's cache may hold what was computed before.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses

from tfp_flows.dynamics import Solver


@dataclasses.dataclass(frozen=True)
class Solving:
    """What is asked for.

    Attributes:
        solver: `tfp_flows.dynamics.Solver`, or None for each bijector's own.
        log_det: bool, whether log-determinants are computed; where not, they are NaN.
        failure: str, the kind of failure, see `tfp_flows.numerics.sentences`, that a graph ends with where an event is
            not solved; None to let it go on, with a density of 0.
    """

    solver: Solver | None = None
    log_det: bool = True
    failure: str | None = None


_current = contextvars.ContextVar("tfp_flows_solving", default=Solving())


def current() -> Solving:
    """What the innermost block asks for."""
    return _current.get()


@contextlib.contextmanager
def solving(solver: Solver | None = None, log_det: bool = True, failure: str | None = None):
    """A block in which every `Continuous` bijector is solved so.

    Args:
        solver: `tfp_flows.dynamics.Solver`; None for that of the block around, or each bijector's own.
        log_det: bool, whether log-determinants are computed; where not, they are NaN.
        failure: str, the kind of failure, see `tfp_flows.numerics.sentences`, that a graph ends with where an event is
            not solved; None to let it go on, with a density of 0.

    Example:
        >>> from tfp_flows import bijectors, dynamics, networks
        >>> flow = bijectors.Continuous(networks.TimeMLP(2, 8, output_initializer="ones"), (2,))
        >>> with bijectors.solving(dynamics.Solver("euler", num_steps=1), log_det=False):
        ...     one_step = flow.forward(tf.ones([1, 2]))
        >>> bool(tf.reduce_all(one_step == 1.0 + flow.velocity(tf.ones([1, 2]), tf.zeros([1]))))
        True
    """
    token = _current.set(Solving(solver or current().solver, log_det, failure))
    try:
        yield
    finally:
        _current.reset(token)
