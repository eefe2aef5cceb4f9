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

    @property
    def of_one_length(self):
        """The method without what only errors and lengths of steps are chosen by: a last stage that is the next's first
        has no part in the solution."""
        if not self.first_is_last:
            return self
        a, b, c = self.a[:-1], self.b[:-1], self.c[:-1]
        return dataclasses.replace(self, a=a, b=b, c=c, e=(), first_is_last=False)


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


def _tsitouras():
    """Tsit5: Tsitouras, Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption,
    Computers and Mathematics with Applications 62 (2011), table 1."""
    a = (
        (),
        (0.161,),
        (-0.008480655492356989, 0.335480655492357),
        (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
        (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
        (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383),
        (0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774),
    )
    e = (
        -0.00178001105222577714, -0.0008164344596567469, 0.007880878010261995, -0.1447110071732629, 0.5823571654525552,
        -0.45808210592918697, 1 / 66,
    )  # fmt: skip
    b, c = (*a[-1], 0.0), (0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0)
    return Tableau(5, a, b, c, e, first_is_last=True)


def _embedded(order, a, lower, c):
    """A method whose last row of a is b, so that its last stage is the next step's first."""
    b = (*a[-1], 0.0)
    return Tableau(order, a, b, c, tuple((np.array(b) - lower).tolist()), first_is_last=True)


DORMAND_PRINCE = _dormand_prince()
TSIT5 = _tsitouras()

METHODS = {
    "euler": EULER,
    "midpoint": MIDPOINT,
    "heun": HEUN,
    "rk4": RK4,
    "dormand_prince": DORMAND_PRINCE,
    "tsit5": TSIT5,
}
