# %% [markdown]
# # Parameters from a simulator
#
# COMMAND   python examples/notebooks/simulation_based_inference.py
# NEEDS     tfp_flows[all]; jupytext opens this file as a notebook
# EXPECTED  frequency and damping of a noisy oscillation near their truth; which quantities are out of calibration
# TIME      2 minutes on two CPU cores

# %% tags=["parameters"]
num_simulations, num_layers, epochs, checks = 5000, 3, 30, 300

# %%
import keras
import numpy as np
import tensorflow_probability as tfp

import tfp_flows
from tfp_flows import inference

tfd = tfp.distributions
times = np.linspace(0, 10, 50)


def simulator(parameters, seed):
    """Series (n, 50, 1) of a damped oscillation with noise."""
    frequency, damping = parameters[:, :1], parameters[:, 1:]
    series = np.exp(-damping * times) * np.cos(frequency * times)
    return (series + 0.1 * np.random.default_rng(seed).normal(size=series.shape))[..., None]


prior = tfd.Independent(tfd.Uniform([0.5, 0.0], [3.0, 1.0]), 1)
parameters, observations = inference.simulate(prior, simulator, num_simulations, verbose=0)

# %% [markdown]
# Any Keras model summarises an observation; it is trained with the flow. The prior's own bijector keeps its bounds.

# %%
layers = keras.layers
summary = keras.Sequential([layers.Conv1D(16, 5, 2, activation="gelu"), layers.Flatten(), layers.Dense(8)])
flow = tfp_flows.MAF(
    (2,),
    num_layers=num_layers,
    transform="spline",
    hidden_units=(48, 48),
    activation="tanh",
    context_shape=(50, 1),
    context_network=summary,
    preprocessing=prior.experimental_default_event_space_bijector(),
)
flow.compile(tfp_flows.training.FusedAdam(1e-3))
held = len(parameters) // 10
flow.fit(
    parameters[held:],
    observations[held:],
    validation_data=(parameters[:held], observations[:held]),
    epochs=epochs,
    verbose=2,
)

# %%
truth = np.array([[1.7, 0.2]])
samples = flow.sample(2000, context=simulator(truth, (0, 1))[0], seed=0).numpy()
for name, true, column in zip(("frequency", "damping"), truth[0], samples.T):
    print(f"{name}: {column.mean():.3f} +- {column.std():.3f}, in truth {true:.3f}")

# %% [markdown]
# Can it be trusted? Ranks of true parameters among samples are uniform where the posterior is right.

# %%
fresh = inference.simulate(prior, simulator, checks, seed=1, verbose=0)
calibration = inference.simulation_based_calibration(flow, *fresh, names=["frequency", "damping"])
print("out of calibration:", calibration.outside or "none", "->", calibration.picture("calibration.png"))
