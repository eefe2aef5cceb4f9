# %% [markdown]
# # A posterior fitted by a flow
#
# COMMAND   python examples/notebooks/variational_inference.py
# NEEDS     tfp_flows[all]; jupytext opens this file as a notebook
# EXPECTED  the evidence of a regression within its error of the exact one; nearly all samples effective
# TIME      1 minute on two CPU cores

# %% tags=["parameters"]
steps = 1500

# %%
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tfp_flows import inference

tfd = tfp.distributions

# %% [markdown]
# y = a + b t + noise, with normal priors: its evidence has a closed form, so that the answer can be looked at.

# %%
t = np.linspace(-1, 1, 20).astype("float32")
y = (0.5 + 1.5 * t + 0.3 * np.random.default_rng(0).normal(size=20)).astype("float32")


@tfd.JointDistributionCoroutineAutoBatched
def model():
    a = yield tfd.Normal(0.0, 2.0, name="a")
    b = yield tfd.Normal(0.0, 2.0, name="b")
    yield tfd.Independent(tfd.Normal(a + b * t, 0.3), 1, name="y")


target = inference.Unconstrained(model.experimental_pin(y=y))  # a density of two reals
design = np.stack([np.ones_like(t), t], 1).astype("float64")
exact = tfd.MultivariateNormalFullCovariance(np.zeros(20), 4 * design @ design.T + 0.09 * np.eye(20)).log_prob(
    y.astype("float64")
)

# %% [markdown]
# No data: the flow scores its own samples, and none of it is inverted.

# %%
flow = tfp_flows.IAF(target.event_shape, num_layers=2, hidden_units=(16,), activation="tanh")
flow.compile("adam", loss=tfp_flows.objectives.ReverseKL(target))
flow.fit(steps_per_epoch=steps, batch_size=256, verbose=2)

# %%
evidence = inference.importance_sample(target, flow, 20_000, seed=0)
share = float(evidence.effective_sample_size) / 20_000
print(f"evidence {float(evidence.log_evidence):.4f} +- {float(evidence.standard_error):.4f}, exact {float(exact):.4f}")
print(f"{100 * share:.0f} % of the samples are effective, Pareto k {float(evidence.pareto_k):.2f}")
posterior = target.parameters(tf.constant(evidence.resample(2000)))
print(f"a {np.mean(posterior.a):.3f} +- {np.std(posterior.a):.3f}, b {np.mean(posterior.b):.3f}")
