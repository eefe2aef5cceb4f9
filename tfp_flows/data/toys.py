"""Toys on the plane: float32 samples of densities that are known exactly, with their entropies in nats.

A new toy is one class here and one entry in `TOYS`. Shapes and sizes follow the toys of FFJORD (Grathwohl et al.,
arXiv:1810.01367), with two changes that make every density exact: the twist of the pinwheel depends on the radius, so
that it preserves area, and the spirals have Gaussian noise alone.
"""

import functools

import numpy as np

from tfp_flows.data import checks
from tfp_flows.data.dataset import SPLITS, Data
from tfp_flows.data.plane import Density, NoisyPoints, entropy_on_grid, gauss_legendre, logsumexp


class Moons(NoisyPoints):
    """Two interleaved half circles of radius 2 (`sklearn.datasets.make_moons`, centred and times 2), noise 0.2."""

    description = "two interleaved half circles with Gaussian noise"
    noise = 0.2

    def quadrature(self):
        t, weights = gauss_legendre(96)
        return np.concatenate([self._arc(t, 1), self._arc(t, -1)]), np.tile(weights / 2, 2)

    def draw_points(self, rng, n):
        return self._arc(rng.random(n), rng.choice([-1, 1], n))

    def _arc(self, t, sign):
        return np.stack([sign * (2 * np.cos(np.pi * t) - 1), sign * (2 * np.sin(np.pi * t) - 0.5)], -1)


class Rings(NoisyPoints):
    """Four concentric circles of radius 0.75, 1.5, 2.25 and 3, equally likely, noise 0.08."""

    description = "four concentric rings with Gaussian noise"
    noise = 0.08
    radii = np.array([0.75, 1.5, 2.25, 3.0])

    def quadrature(self):
        num_angles = 256
        angle = 2 * np.pi * np.arange(num_angles) / num_angles
        points = self.radii[:, None, None] * _direction(angle)  # (rings, angles, 2)
        return points.reshape(-1, 2), np.full(4 * num_angles, 0.25 / num_angles)

    def draw_points(self, rng, n):
        return rng.choice(self.radii, n)[:, None] * _direction(2 * np.pi * rng.random(n))


class EightGaussians(NoisyPoints):
    """Eight Gaussians of standard deviation 0.5 / 1.414, their centres on a circle of radius 4 / 1.414."""

    description = "eight Gaussians on a circle"
    noise = 0.5 / 1.414

    def quadrature(self):
        return 4 / 1.414 * _direction(np.pi / 4 * np.arange(8)), np.full(8, 1 / 8)

    def draw_points(self, rng, n):
        return rng.choice(self.quadrature()[0], n)


class Checkerboard(Density):
    """Uniform on the eight dark squares, of side 2, of a board over [-4, 4] x [-4, 4]."""

    description = "uniform on eight squares of a checkerboard"

    def sample(self, rng, n):
        # The middles of 2^22 cells a side: float32 holds them exactly, so that no point is rounded out of its square.
        inside = (rng.integers(0, 2**22, (n, 2)) + 0.5) / 2**21
        column, pair = rng.integers(0, 4, n), rng.integers(0, 2, n)
        row = 2 * pair + column % 2
        return 2.0 * np.stack([column, row], -1) - 4.0 + inside

    @property
    def entropy(self):
        return float(np.log(32.0))  # the log of the dark area

    def _log_prob(self, x):
        square = np.floor((x + 4) / 2)
        dark = ((square >= 0) & (square < 4)).all(-1) & (square.sum(-1) % 2 == 0)
        return np.where(dark, -np.log(32.0), -np.inf)


class Pinwheel(Density):
    """Five blades: Gaussians at radius 1, twisted by the angle 0.25 exp(radius), and then twice as large.

        x = 2 R(twist(|v|)) v,   v = R(2 pi k / 5) b,   b ~ N((1, 0), diag(0.3, 0.1)^2),   k one of five

    A rotation keeps the radius, so that a twist by an angle of the radius alone is easily undone, and preserves area.
    """

    description = "five twisted Gaussian blades"
    num_blades = 5
    _std = np.array([0.3, 0.1])

    def sample(self, rng, n):
        blade = [1.0, 0.0] + self._std * rng.standard_normal((n, 2))
        v = _rotate(blade, 2 * np.pi / self.num_blades * rng.integers(0, self.num_blades, n))
        return 2 * _rotate(v, self._twist(v))

    @functools.cached_property
    def entropy(self):
        # The twist preserves area and so the entropy; before it the density is a plain mixture.
        return entropy_on_grid(self._log_prob_wheel, [-3.5, -3.5], [3.5, 3.5], 0.04) + 2 * np.log(2.0)

    def _log_prob(self, x):
        v = x / 2
        return self._log_prob_wheel(_rotate(v, -self._twist(v))) - 2 * np.log(2.0)

    def _log_prob_wheel(self, v):
        angles = 2 * np.pi / self.num_blades * np.arange(self.num_blades)
        z = np.stack([(_rotate(v, -a) - [1.0, 0.0]) / self._std for a in angles], 1)  # (n, blades, 2)
        log_norm = np.log(2 * np.pi * self._std.prod() * self.num_blades)
        return logsumexp(-0.5 * (z**2).sum(-1)) - log_norm

    def _twist(self, v):
        return 0.25 * np.exp(np.minimum(np.linalg.norm(v, axis=-1), 10.0))  # finite however far out


class Spirals(NoisyPoints):
    """Two spirals from the origin, each the other turned by half a turn, noise 0.1.

    x = +-(-t cos t, t sin t) / 3 with t = 3 pi sqrt(u), u uniform on [0, 1]: the density of t is proportional to t.
    """

    description = "two intertwined spirals with Gaussian noise"
    noise = 0.1

    def quadrature(self):
        s, weights = gauss_legendre(320)
        arm = self._arm(3 * np.pi * s)
        return np.concatenate([arm, -arm]), np.tile(weights * s, 2)

    def draw_points(self, rng, n):
        return self._arm(3 * np.pi * np.sqrt(rng.random(n))) * rng.choice([-1, 1], n)[:, None]

    def _arm(self, t):
        return np.stack([-t * np.cos(t), t * np.sin(t)], -1) / 3


TOYS = {
    "moons": Moons(),
    "rings": Rings(),
    "eight_gaussians": EightGaussians(),
    "checkerboard": Checkerboard(),
    "pinwheel": Pinwheel(),
    "spirals": Spirals(),
}


def load(name, seed=0, *, num_train: int = 50000, num_validation: int = 10000, num_test: int = 10000):
    """Draws the three splits of a toy, each from its own generator, seeded by (seed, split).

    Args:
        name: a key of `TOYS`.
        seed: int >= 0.
        num_train, num_validation, num_test: ints >= 1, the numbers of events.

    Returns:
        Data, float32 (2,), with its `density`.

    Raises:
        ValueError: for a number of events that is no such integer.

    Example:
        >>> from tfp_flows import data
        >>> board = data.load("checkerboard", num_train=10)
        >>> board.density.log_prob([[-3.0, -3.0], [-1.0, -3.0]]).round(3).tolist()
        [-3.466, -inf]
    """
    toy, events = TOYS[name], {}
    for i, (split, n) in enumerate(zip(SPLITS, (num_train, num_validation, num_test))):
        n = checks.integer(f"num_{split}", n, 1)
        events[split] = toy.sample(np.random.default_rng([seed, i]), n).astype(np.float32)
    return Data(name, **events, density=toy, description=toy.description)


def _direction(angle):
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def _rotate(v, angle):
    """Turns v (n, 2) to the left by `angle`, a scalar or (n,)."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * v[..., 0] - sin * v[..., 1], sin * v[..., 0] + cos * v[..., 1]], -1)
