# %% [markdown]
# # NUTS through a flow
#
# COMMAND   python examples/notebooks/neutra.py
# NEEDS     tfp_flows[all]; jupytext opens this file as a notebook
# EXPECTED  the share of a funnel's neck, 2.3 % in truth, with and without the flow; R-hat of each
# TIME      1 minute on two CPU cores; examples/neutra.py measures four targets and five samplers
#
# Neal's funnel: v ~ N(0, 3), x ~ N(0, exp(v / 2)). Plain chains do not get into its neck or, once there, out of it.

# %% tags=["parameters"]
layers, steps, samples, burnin, chains = 3, 1500, 1500, 300, 16

# %%
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tfp_flows import inference

tfd = tfp.distributions


def funnel(x):
    v, rest = x[..., 0], x[..., 1:]
    return tfd.Normal(0.0, 3.0).log_prob(v) + tf.reduce_sum(
        tfd.Normal(0.0, tf.exp(v / 2)[..., tf.newaxis]).log_prob(rest), -1
    )


# %%
flow = tfp_flows.IAF((5,), num_layers=layers, hidden_units=(32, 32), activation="tanh")
flow.compile(tfp_flows.training.FusedAdam(5e-3, relative_clipnorm=1.5), loss=tfp_flows.objectives.ReverseKL(funnel))
flow.fit(steps_per_epoch=steps, batch_size=256, verbose=2)

# %%
hmc = tfp.mcmc.HamiltonianMonteCarlo(funnel, step_size=0.1, num_leapfrog_steps=8)
start = flow.sample(chains, seed=1)
found = {}
for name, kernel in {"HMC": hmc, "through the flow": inference.neutra(hmc, flow)}.items():
    run = inference.sample_chains(kernel, start, samples, burnin, seed=0)
    found[name] = float((run.states[..., 0] < -6).mean()), float(run.r_hat().max())
    print(f"{name}: {100 * found[name][0]:.1f} % of v below -6, R-hat {found[name][1]:.3f}")
