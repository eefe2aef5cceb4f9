# %% [markdown]
# # From a trained flow to a server's client
#
# COMMAND   python examples/notebooks/serving_client.py
# NEEDS     tfp_flows[all]; jupytext opens this file as a notebook
# EXPECTED  densities and samples of what is served; without a server by TensorFlow itself, the same numbers
# TIME      1 minute on two CPU cores

# %% tags=["parameters"]
layers, epochs, address = (
    4,
    10,
    None,
)  # "http://localhost:8501" or "localhost:8500", where a server has the folder served/

# %%
import numpy as np

import tfp_flows
from tfp_flows import serving
from tfp_flows.serving.client import Client

moons = tfp_flows.data.load("moons")
flow = tfp_flows.NSF((2,), num_layers=layers, hidden_units=(32, 32))
flow.compile("adam")
flow.fit(moons.train, batch_size=200, epochs=epochs, verbose=2)

# %% [markdown]
# A version's folder, and beside it what a server and Docker are told.

# %%
version = serving.export(flow, "served/moons")
print(version, *serving.server_files("served"))

# %% [markdown]
#     cd served && docker compose --profile cpu up -d
#
# Client and loaded version have one face: names, casts and checks are theirs.

# %%
served = serving.load(version) if address is None else Client(address, "moons")
print(served.signatures)
x = served.sample(1000, seed=[0, 1])
print("mean", np.round(x.mean(0), 2), "of the data", np.round(np.mean(moons.train, 0), 2))
difference = np.abs(served.log_prob(moons.test[:500]) - flow.log_prob(moons.test[:500]).numpy()).max()
print(f"served and here: {difference:.1e} nats apart")

# %% [markdown]
# What does not fit is refused here, in a sentence, before it is sent.

# %%
try:
    served.log_prob(np.zeros((3, 5)))
except ValueError as error:
    refusal = str(error)
    print(refusal)
