"""What every contestant offers, and the problem that all of them are given.

The data are x[i] = z[i] + 2 sin(z[i - offset]), or z[i] for i < offset, with z standard normal; offset is odd and
about half the dimensions, so that a mask of either kind, halves or even and odd, can tell the two apart. The map
z -> x is triangular with determinant 1, so the entropy of x is that of z, D/2 ln(2 pi e) nats, and no density
whatever can score a lower mean negative log-likelihood (nll) on fresh data. The nll of a flow that learns falls
towards it; one that is clearly below it is the work of something that is not a density.
"""

import abc
import dataclasses
import importlib.metadata
import math
import time

import numpy as np

from benchmarks import WARM_STEPS

NUM_BATCHES = 32  # distinct training batches, used in turn
NUM_TEST = 4096


@dataclasses.dataclass(frozen=True)
class Settings:
    """The flow that every contestant builds: `layers` affine couplings whose masks alternate between two halves.

    Args:
        dims: Number of dimensions of an event, D.
        layers: Number of coupling layers.
        hidden: Widths of the hidden ReLU layers of each conditioner.
        batch: Number of events in a batch, for training, log_prob and sampling alike.
        learning_rate: Adam's.
    """

    system = "realnvp"
    dims: int = 43
    layers: int = 10
    hidden: tuple = (256, 256)
    batch: int = 512
    learning_rate: float = 1e-3

    @property
    def event_shape(self):
        return (self.dims,)

    @property
    def sizes(self):
        """(inputs, outputs) of each conditioner: what passes through, and a shift and a log-scale for the rest."""
        first, second = self.dims - self.dims // 2, self.dims // 2
        return [(second, 2 * first) if i % 2 else (first, 2 * second) for i in range(self.layers)]

    @property
    def entropy(self):
        """Entropy of the data, in nats per event."""
        return self.dims / 2 * math.log(2 * math.pi * math.e)

    def data(self, num_events, seed):
        offset = self.dims // 2 | 1
        z = np.random.default_rng(seed).standard_normal((num_events, self.dims))  # (num_events, dims)
        x = z.copy()
        x[:, offset:] += 2 * np.sin(z[:, :-offset])
        return x.astype(np.float32).reshape(num_events, *self.event_shape)

    def batches(self):
        """The training data, the same for all contestants: (NUM_BATCHES, batch, *event_shape)."""
        x = self.data(NUM_BATCHES * self.batch, seed=0)
        return x.reshape(NUM_BATCHES, self.batch, *self.event_shape)

    def describe(self):
        """One line for the footer."""
        return f"{self.dims} dimensions, {self.layers} affine couplings, hidden layers {self.hidden}"


@dataclasses.dataclass(frozen=True)
class ImageSettings(Settings):
    """Glow: `layers` steps of flow a level, whose networks are 3x3, 1x1 and 3x3 convolutions of `hidden[0]` channels.

    Args:
        height, channels: Of the square images; dims is theirs.
        levels: Number of levels.
    """

    system = "glow"
    layers: int = 8
    hidden: tuple = (128,)
    batch: int = 32
    height: int = 32
    channels: int = 3
    levels: int = 3

    def __post_init__(self):
        object.__setattr__(self, "dims", math.prod(self.event_shape))

    @property
    def event_shape(self):
        return (self.height, self.height, self.channels)

    @property
    def sizes(self):
        """(height, channels) of each level, after its squeeze."""
        height, channels, sizes = self.height, self.channels, []
        for _ in range(self.levels):
            height, channels = height // 2, 4 * channels
            sizes.append((height, channels))
            channels //= 2
        return sizes

    def describe(self):
        return (
            f"images {self.event_shape}, {self.levels} levels of {self.layers} steps,"
            f" networks of {self.hidden[0]} channels"
        )


@dataclasses.dataclass(frozen=True)
class AutoregressiveSettings(Settings):
    """MAF: `layers` autoregressive affine layers whose orders alternate, with a network over all dimensions each."""

    system = "maf"
    layers: int = 5
    hidden: tuple = (512, 512)

    @property
    def sizes(self):
        return [(self.dims, 2 * self.dims)] * self.layers

    def describe(self):
        return f"{self.dims} dimensions, {self.layers} autoregressive affine layers, hidden layers {self.hidden}"


@dataclasses.dataclass(frozen=True)
class SplineSettings(Settings):
    """NSF: couplings as of `Settings`, by rational-quadratic splines on [-bound, bound] and the identity beyond.

    Args:
        bins: Number of bins of a spline.
        bound: float, half the width of its interval.
    """

    system = "nsf"
    layers: int = 5
    hidden: tuple = (128, 128)
    bins: int = 8
    bound: float = 5.0

    @property
    def sizes(self):
        """Of each feature that is transformed: widths, heights, and the slopes between two bins."""
        params = 3 * self.bins - 1
        return [(inputs, outputs // 2 * params) for inputs, outputs in super().sizes]

    def describe(self):
        return (
            f"{self.dims} dimensions, {self.layers} spline couplings of {self.bins} bins, hidden layers {self.hidden}"
        )


@dataclasses.dataclass(frozen=True)
class ContinuousSettings(Settings):
    """CNF: one velocity network of an event and a time, with tanh, solved to a tolerance."""

    system = "cnf"
    dims: int = 2
    layers: int = 1
    hidden: tuple = (64, 64)
    batch: int = 500
    tolerance: float = 1e-5

    def describe(self):
        return f"{self.dims} dimensions, a velocity of hidden layers {self.hidden}, tolerances {self.tolerance:g}"


KINDS = (Settings, ImageSettings, AutoregressiveSettings, SplineSettings, ContinuousSettings)
SETTINGS = {kind.system: kind for kind in KINDS}


class Contestant(abc.ABC):
    """One library's flow, built and ready to run.

    A subclass says how the flow is built and how one step of each task is done; how steps are timed is written
    here once. The library is imported inside `build`, so that an absent one shows as ModuleNotFoundError there.

    Args:
        settings: `Settings` of the flow.
    """

    packages = ()  # distributions whose versions the table's footer names, the library itself first
    note = ""  # one line for the footer: how the flow is configured, where that is not the library's default
    is_density = True  # whether `score` gives log-densities, so that nll and entropy can be compared

    def __init__(self, settings):
        self.settings = settings
        self.build()
        self.x = [self.tensor(x) for x in settings.batches()]

    @abc.abstractmethod
    def build(self):
        """Imports the library, builds the flow and its optimizer."""

    @abc.abstractmethod
    def tensor(self, x):
        """The library's own tensor of a numpy array."""

    @abc.abstractmethod
    def step(self, x):
        """Takes one training step; what it returns is ready when the step is done."""

    @abc.abstractmethod
    def score(self, x):
        """log_prob of a batch, as the library's user computes it: (batch,)."""

    @abc.abstractmethod
    def draw(self, seed):
        """Samples `batch` events: (batch, *event_shape)."""

    @property
    @abc.abstractmethod
    def num_parameters(self):
        """Number of trainable scalars."""

    @property
    def versions(self):
        return {package: importlib.metadata.version(package) for package in self.packages}

    def numpy(self, result):
        """The numpy array of a result; waits until it is there."""
        return np.asarray(result)

    def train_step(self, num_steps):
        """Seconds of `num_steps` training steps, after a few that are not counted.

        Each step needs the weights of the one before it, so it is enough to wait for the last.
        """
        result = None
        for i in range(WARM_STEPS):
            result = self.step(self.x[i % NUM_BATCHES])
        self.numpy(result)
        start = time.perf_counter()
        for i in range(num_steps):
            result = self.step(self.x[(WARM_STEPS + i) % NUM_BATCHES])
        self.numpy(result)
        return time.perf_counter() - start

    def log_prob(self, num_steps):
        """Seconds of `num_steps` log_probs of a batch, one after the other."""
        return self._seconds(lambda i: self.score(self.x[i % NUM_BATCHES]), num_steps)

    def sample(self, num_steps):
        """Seconds of `num_steps` draws of a batch, one after the other."""
        return self._seconds(self.draw, num_steps)

    def first_step(self, optimizer):
        """Seconds of the first training step of this process, or None if it has no such `optimizer`."""
        if optimizer != "adam":
            return None
        start = time.perf_counter()
        self.numpy(self.step(self.x[0]))
        return time.perf_counter() - start

    def nll(self):
        """Mean negative log-likelihood of fresh data, in nats per event.

        Raises:
            ValueError: If log_prob or the samples have a wrong shape or a value that is not finite.
        """
        batch, event_shape = self.settings.batch, self.settings.event_shape
        test = self.settings.data(-(-NUM_TEST // batch) * batch, seed=1).reshape(-1, batch, *event_shape)
        log_prob = np.stack([self.numpy(self.score(self.tensor(x))) for x in test])
        samples = self.numpy(self.draw(0))
        for what, value, shape in (("log_prob", log_prob[0], (batch,)), ("samples", samples, (batch, *event_shape))):
            if value.shape != shape or value.dtype != np.float32:
                raise ValueError(f"Expected {what} of shape {shape} in float32; got {value.shape} in {value.dtype}.")
        if not (np.isfinite(log_prob).all() and np.isfinite(samples).all()):
            raise ValueError("Expected finite log_prob and samples; got others.")
        return float(-log_prob.mean())

    def _seconds(self, act, num_steps):
        for i in range(WARM_STEPS):
            self.numpy(act(i))
        start = time.perf_counter()
        for i in range(num_steps):
            self.numpy(act(WARM_STEPS + i))
        return time.perf_counter() - start
