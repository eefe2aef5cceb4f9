# %% [markdown]
# # What does not belong
#
# COMMAND   python examples/notebooks/anomaly_detection.py
# NEEDS     tfp_flows[all]; jupytext opens this file as a notebook
# EXPECTED  AUROC of held-out digits beside digits upside down and beside noise: above 0.8 and 1.0
# TIME      1 minute on two CPU cores
#
# A likelihood alone is a poor judge of other data: flat images are likelier than any digit. The typicality test asks
# whether a likelihood is as usual (arXiv:1906.02994), and is right on both sides.

# %% tags=["parameters"]
layers, epochs = 6, 30

# %%
import numpy as np

import tfp_flows
from tfp_flows import novelty, training

digits = tfp_flows.data.load("digits")
flow = tfp_flows.RealNVP(digits.event_shape, digits.num_bins, num_layers=layers, hidden_units=(128, 128), alpha=1e-3)
flow.compile("adam")
flow.fit(digits.train, batch_size=50, epochs=epochs, verbose=2)

# %%
known = training.nll_per_event(flow, digits.test)
others = {
    "upside down": np.asarray(digits.test).reshape(-1, 8, 8)[:, ::-1].reshape(-1, 64),
    "noise": np.random.default_rng(0).integers(0, digits.num_bins, digits.test.shape),
    "nothing": np.zeros_like(digits.test),
}
test = novelty.Typicality(*(training.nll_per_event(flow, x) for x in (digits.train, digits.validation)))
found = {}
for name, x in others.items():
    nll = training.nll_per_event(flow, x)
    found[name] = novelty.auroc(known, nll), novelty.auroc(test.statistic(known), test.statistic(nll))
    print(f"{name:12s} by likelihood {found[name][0]:.3f}, by typicality {found[name][1]:.3f}")
