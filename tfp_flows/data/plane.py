"""What the toys have in common: densities on the plane, known exactly, and their entropies by quadrature.

    Density          sample, log_prob and entropy; a toy is a subclass of a few lines
    NoisyPoints      x = c + noise e,   e ~ N(0, I),   c a random point of a curve or of a finite set

                     p(x) = sum_k weight_k N(x; point_k, noise^2 I)

With a curve, the sum is a quadrature along it (equally spaced points where it is closed, Gauss-Legendre where it has
ends). The integrand is analytic, so that the error falls exponentially in the number of points: with neighbours nearer
than `noise` it is far below 1e-6. The same holds for the entropy, the integral of -p log p over a fine enough grid.
"""

import functools

import numpy as np


class Density:
    """A density on the plane.

    A toy sets `description` and gives `sample`, `_log_prob` of points (n, 2), and `entropy`.
    """

    description = ""

    def sample(self, rng, n):
        """Draws points.

        Args:
            rng: np.random.Generator.
            n: int.

        Returns:
            float64 array (n, 2).
        """
        raise NotImplementedError

    def log_prob(self, x):
        """The exact log density.

        Args:
            x: array (..., 2).

        Returns:
            float64 array (...,), in nats.

        Raises:
            ValueError: where the last axis is not 2.
        """
        x = np.asarray(x, np.float64)
        if x.ndim == 0 or x.shape[-1] != 2:
            raise ValueError(f"Expected points of the plane, shape (..., 2); got shape {x.shape}.")
        return self._log_prob(x.reshape(-1, 2)).reshape(x.shape[:-1])

    @property
    def entropy(self):
        """The entropy in nats, a float: no flow has a lower expected negative log-likelihood."""
        raise NotImplementedError

    def _log_prob(self, x):
        raise NotImplementedError


class NoisyPoints(Density):
    """Points of a curve, or of a finite set, with Gaussian noise.

    A toy sets `noise`, the standard deviation, and gives `quadrature()` -> points (k, 2), weights (k,) and
    `draw_points(rng, n)` -> (n, 2).
    """

    noise = None

    def quadrature(self):
        """The points whose weighted noise is the density: arrays (k, 2) and (k,)."""
        raise NotImplementedError

    def draw_points(self, rng, n):
        """Points (n, 2) before the noise, drawn from the very curve and not from its quadrature."""
        raise NotImplementedError

    def sample(self, rng, n):
        points = self.draw_points(rng, n)
        return points + self.noise * rng.standard_normal((n, 2))

    @functools.cached_property
    def entropy(self):
        points, margin = self._points_and_weights[0], 8 * self.noise
        return entropy_on_grid(self._log_prob, points.min(0) - margin, points.max(0) + margin, self.noise / 2)

    @functools.cached_property
    def _points_and_weights(self):
        return self.quadrature()

    def _log_prob(self, x):
        points, weights = self._points_and_weights
        log_norm = np.log(2 * np.pi * self.noise**2)
        z, c = x / self.noise, points / self.noise
        bias = np.log(weights) - 0.5 * (c**2).sum(-1) - log_norm  # (k,)
        out = np.empty(len(z))
        for i in range(0, len(z), 64):  # few enough for (64, k) to stay in the cache
            chunk = z[i : i + 64]
            exponents = chunk @ c.T
            exponents += bias
            out[i : i + 64] = logsumexp(exponents) - 0.5 * (chunk**2).sum(-1)
        return out


def logsumexp(a):
    """log sum exp over the last axis; a: finite array (n, k), which is overwritten; returns (n,)."""
    top = a.max(-1, keepdims=True)
    a -= top
    return np.log(np.exp(a, out=a).sum(-1)) + top[:, 0]


def gauss_legendre(n):
    """Nodes and weights of a quadrature over [0, 1], two arrays (n,); the weights sum to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (nodes + 1) / 2, weights / 2


def grid(low, high, step):
    """The points of a square grid over the box from `low` to `high` (2,), `step` apart; returns (n, 2)."""
    axes = [np.arange(a, b, step) for a, b in zip(low, high)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)


def entropy_on_grid(log_prob, low, high, step):
    """The integral of -p log p by the trapezoidal rule, for a p that is smooth and vanishes at the box' border."""
    log_p = log_prob(grid(low, high, step))
    return float(-(np.exp(log_p) * log_p).sum() * step**2)
