"""Inference from simulations: the parameters of a noisy oscillation from its series, and whether to trust them.

COMMAND   python3 examples/inference.py
EXPECTED  the posterior of one series; which quantities are out of calibration (none of a trained one, most times);
          calibration.png and coverage.png
TIME      some minutes on two CPU cores

Needs Python 3.11 with venv and pip; makes its own environment.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tfp_flows import environment

if __name__ == "__main__" and not environment.is_entered():
    environment.enter(__file__, sys.argv[1:])

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow_probability as tfp  # noqa: E402

import tfp_flows  # noqa: E402
from tfp_flows import inference  # noqa: E402

tfd = tfp.distributions
TIMES = np.linspace(0, 10, 50)
NAMES = ["frequency", "damping"]


def simulator(parameters, seed):
    """Series (n, 50, 1) of a damped oscillation with noise."""
    frequency, damping = parameters[:, :1], parameters[:, 1:]
    series = np.exp(-damping * TIMES) * np.cos(frequency * TIMES)
    return (series + 0.1 * np.random.default_rng(seed).normal(size=series.shape))[..., None]


def main():
    prior = tfd.Independent(tfd.Uniform([0.5, 0.0], [3.0, 1.0]), 1)
    parameters, observations = inference.simulate(prior, simulator, 5000)
    summary = keras.Sequential(
        [
            keras.layers.Conv1D(16, 5, 2, activation="gelu"),
            keras.layers.Conv1D(32, 5, 2, activation="gelu"),
            keras.layers.Flatten(),
            keras.layers.Dense(8),
        ]
    )
    flow = tfp_flows.MAF(
        (2,), num_layers=4, transform="spline", hidden_units=(64, 64), activation="tanh",
        context_shape=(50, 1), context_network=summary, preprocessing=prior.experimental_default_event_space_bijector(),
    )  # fmt: skip
    flow.compile(tfp_flows.training.FusedAdam(1e-3))
    stop = keras.callbacks.EarlyStopping("val_loss", patience=8, restore_best_weights=True)
    held = (parameters[:500], observations[:500])
    flow.fit(parameters[500:], observations[500:], validation_data=held, epochs=60, callbacks=[stop], verbose=2)

    truth, observed = np.array([[1.7, 0.2]], "float32"), simulator(np.array([[1.7, 0.2]]), (0, 1))
    samples = flow.sample(2000, context=observed[0], seed=0).numpy()
    for name, true, column in zip(NAMES, truth[0], samples.T):
        print(f"{name}: {column.mean():.3f} +- {column.std():.3f}, in truth {true:.3f}")

    fresh = inference.simulate(prior, simulator, 500, seed=1, verbose=0)
    calibration = inference.simulation_based_calibration(flow, *fresh, names=NAMES)
    print("out of calibration:", calibration.outside or "none", "->", calibration.picture("calibration.png"))
    coverage = inference.expected_coverage(flow, *fresh)
    print(f"coverage - credibility: {coverage.error:+.3f} ->", coverage.picture("coverage.png"))
    print("contraction:", inference.posterior_contraction(flow, *fresh).mean(0).round(3))


if __name__ == "__main__":
    main()
