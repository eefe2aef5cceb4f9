"""Explicit Runge-Kutta methods: a solver is a tableau and its reference.

    k_i = f(t + c_i h, y + h sum_j a_ij k_j)          i = 1, ..., number of stages
    y(t + h) ~ y + h sum_i b_i k_i
    error    ~ h sum_i e_i k_i,   e = b - b'          of a method with an embedded one, b', of a lower order

Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, second edition, sections II.1 to II.5.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Tableau:
    """One explicit method.

    Attributes:
        order: int, of the solution that is propagated.
        a: tuple of rows, the first one empty: row i has i coefficients.
        b, c: tuples, one number a stage.
        e: tuple, of the error estimate; () where there is none and steps are of one length.
        first_is_last: bool, whether the last stage of a step is the first one of the next.

    Example:
        >>> from tfp_flows.dynamics import tableau
        >>> tableau.METHODS["rk4"].order, tableau.METHODS["dormand_prince"].is_adaptive
        (4, True)
    """

    order: int
    a: tuple
    b: tuple
    c: tuple
    e: tuple = ()
    first_is_last: bool = False

    @property
    def is_adaptive(self):
        """Whether it estimates its own error."""
        return bool(self.e)

    @property
    def evaluations(self):
        """int, of the field in each step."""
        return len(self.b) - self.first_is_last


EULER = Tableau(1, ((),), (1.0,), (0.0,))
# Runge 1895; Hairer et al., II.1.
MIDPOINT = Tableau(2, ((), (1 / 2,)), (0.0, 1.0), (0.0, 1 / 2))
# Heun 1900, the explicit trapezoidal rule.
HEUN = Tableau(2, ((), (1.0,)), (1 / 2, 1 / 2), (0.0, 1.0))
# Kutta 1901, "the" Runge-Kutta method; Hairer et al., table II.1.2.
RK4 = Tableau(4, ((), (1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6), (0.0, 1 / 2, 1 / 2, 1.0))


def _dormand_prince():
    """DOPRI5: Dormand and Prince, A family of embedded Runge-Kutta formulae, J. Comp. Appl. Math. 6 (1980)."""
    a = (
        (),
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
        (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    )
    lower = (5179 / 57600, 0.0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40)
    return _embedded(5, a, lower, (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0))


def _embedded(order, a, lower, c):
    """A method whose last row of a is b, so that its last stage is the next step's first."""
    b = (*a[-1], 0.0)
    return Tableau(order, a, b, c, tuple((np.array(b) - lower).tolist()), first_is_last=True)


DORMAND_PRINCE = _dormand_prince()

METHODS = {
    "euler": EULER,
    "midpoint": MIDPOINT,
    "heun": HEUN,
    "rk4": RK4,
    "dormand_prince": DORMAND_PRINCE,
}
