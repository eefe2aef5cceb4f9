"""Five tasks of the benchmark of simulation-based inference: priors and simulators, written from their equations.

    two_moons         p ~ U(-1, 1)^2, a ~ U(-pi/2, pi/2), r ~ N(0.1, 0.01^2)
                      x = (r cos a + 1/4, r sin a) + (-|p1 + p2|, p2 - p1) / sqrt(2)
    gaussian_linear   p ~ N(0, 0.1 I_10), x ~ N(p, 0.1 I)
    gaussian_mixture  p ~ U(-10, 10)^2, x ~ N(p, I) / 2 + N(p, 0.01 I) / 2
    slcp              p ~ U(-3, 3)^5, x four draws of N((p1, p2), S), S of standard deviations p3^2, p4^2 and
                      correlation tanh p5
    bernoulli_glm     p = (offset ~ N(0, 2), filter ~ N(0, (F'F)^-1), F = D D + diag(sqrt(i / 9)), D first differences)
                      y_t ~ Bernoulli(sigmoid(V p)), t = 1..100, x = V'y; V of ones and a white noise at nine lags

Lueckmann et al., Benchmarking simulation-based inference, arXiv:2101.04653, appendix T. Observations, samples of
reference posteriors and the noise in V are files of the benchmark, in PyPI's wheel sbibm-1.1.0 (MIT licence).
"""

import bz2
import pathlib

import numpy as np
import tensorflow_probability as tfp

tfd = tfp.distributions


class Files:
    """What the benchmark's wheel holds of a task.

    Args:
        folder: path of the unpacked wheel.
        task: str.
    """

    def __init__(self, folder, task):
        self.folder = pathlib.Path(folder, "sbibm", "tasks", task, "files")
        if not self.folder.is_dir():
            raise ValueError(f"Expected the unpacked wheel of sbibm, with {self.folder}; got no such folder.")

    def observation(self, number):
        """Array (1, m), and the 10,000 reference samples (n, d), of the first observation as 1."""
        here = self.folder / f"num_observation_{number}"
        samples = bz2.open(here / "reference_posterior_samples.csv.bz2", "rt")
        read = lambda source: np.loadtxt(source, delimiter=",", skiprows=1, ndmin=2).astype("float32")
        return read(here / "observation.csv"), read(samples)

    def numbers(self, name, count):
        """The last floats of one of PyTorch's older files, in which a tensor's own come last."""
        return np.frombuffer((self.folder / name).read_bytes()[-4 * count :], "<f4").astype("float64")


def two_moons(p, random):
    a, r = random.uniform(-np.pi / 2, np.pi / 2, len(p)), random.normal(0.1, 0.01, len(p))
    crescent = np.stack([r * np.cos(a) + 0.25, r * np.sin(a)], 1)
    return crescent + np.stack([-abs(p[:, 0] + p[:, 1]), p[:, 1] - p[:, 0]], 1) / np.sqrt(2)


def gaussian_linear(p, random):
    return p + random.normal(0, np.sqrt(0.1), p.shape)


def gaussian_mixture(p, random):
    return p + random.normal(size=p.shape) * random.choice([1.0, 0.1], (len(p), 1))


def slcp(p, random):
    z = random.normal(size=(len(p), 4, 2))
    s1, s2, correlation = p[:, 2:3] ** 2, p[:, 3:4] ** 2, np.tanh(p[:, 4:5])
    first = s1 * z[..., 0]
    second = s2 * (correlation * z[..., 0] + np.sqrt(1 - correlation**2) * z[..., 1])
    return np.stack([p[:, :1] + first, p[:, 1:2] + second], 2).reshape(len(p), 8)


def glm_design(files):
    noise, lags = files.numbers("stimulus_I.pt", 100), 9
    columns = [np.concatenate([np.zeros(k), noise[: 100 - k]]) for k in range(lags)]
    return np.stack([np.ones(100), *columns], 1)


def glm(design):
    def simulator(p, random):
        spikes = random.uniform(size=(len(p), len(design))) < 1 / (1 + np.exp(-p @ design.T))
        return spikes @ design

    return simulator


def glm_prior():
    lags = 9
    differences = np.eye(lags) - np.eye(lags, k=-1)
    root = differences @ differences + np.diag(np.sqrt(np.arange(lags) / lags))
    covariance = np.zeros((lags + 1, lags + 1))
    covariance[0, 0], covariance[1:, 1:] = 2.0, np.linalg.inv(root.T @ root)
    return tfd.MultivariateNormalTriL(np.zeros(lags + 1, "float32"), np.linalg.cholesky(covariance).astype("float32"))


def uniform(bound, size):
    return tfd.Independent(tfd.Uniform(np.full(size, -bound, "float32"), np.full(size, bound, "float32")), 1)


def task(name, files):
    """The prior, a `tfd.Distribution`, and the simulator, a function of parameters (n, d) and a NumPy generator."""
    if name == "bernoulli_glm":
        return glm_prior(), glm(glm_design(files))
    normal = tfd.MultivariateNormalDiag(np.zeros(10, "float32"), np.full(10, np.sqrt(0.1), "float32"))
    return {
        "two_moons": (uniform(1.0, 2), two_moons),
        "gaussian_linear": (normal, gaussian_linear),
        "gaussian_mixture": (uniform(10.0, 2), gaussian_mixture),
        "slcp": (uniform(3.0, 5), slcp),
    }[name]


TASKS = ("two_moons", "gaussian_linear", "gaussian_mixture", "slcp", "bernoulli_glm")
