# %% [markdown]
# # The density of a table
#
# COMMAND   python examples/notebooks/table.py
# NEEDS     tfp_flows[all]; jupytext opens this file as a notebook
# EXPECTED  the log-likelihood of held-out wines, 1 nat or more above a Gaussian's; the three strangest; new ones
# TIME      1 minute on two CPU cores
#
# Wines of three growers, 13 measurements each, from scikit-learn: a table as people have them, with titles and labels.

# %% tags=["parameters"]
layers, epochs, path = 4, 200, "wines.csv"

# %%
import numpy as np
from sklearn.datasets import load_wine

import tfp_flows
from tfp_flows import data, training

wine = load_wine()
with open(path, "w") as file:
    print(*wine.feature_names, "grower", sep=",", file=file)
    for row, grower in zip(wine.data, wine.target):
        print(*row, "ABC"[grower], sep=",", file=file)

# %% [markdown]
# Any delimiter, decimal commas, gaps, dates, Parquet and data frames are read likewise; see the guide of tables.

# %%
table = data.load(path, target="grower")
print(table.event_shape, table.class_labels.values)

# %% [markdown]
# Few rows: a small flow, of standard units, that stops when the rows it has not seen get no likelier.

# %%
import keras

flow = tfp_flows.RealNVP(
    table.event_shape, num_layers=layers, hidden_units=(32,), num_classes=3, preprocessing="standard"
)
flow.compile(tfp_flows.training.FusedAdam(1e-3, weight_decay=0.1))
held = table.validation, table.labels["validation"]
stop = keras.callbacks.EarlyStopping("val_nll", patience=20, restore_best_weights=True)
flow.fit(
    table.train, table.labels["train"], validation_data=held, epochs=epochs, batch_size=16, callbacks=[stop], verbose=0
)

# %%
nll = training.nll_per_event(flow, table.test, table.labels["test"])
x = np.asarray(table.train)
residual = np.asarray(table.test) - x.mean(0)
covariance = np.cov(x.T)
gaussian = 0.5 * (
    np.einsum("ni,ij,nj->n", residual, np.linalg.inv(covariance), residual)
    + np.linalg.slogdet(2 * np.pi * covariance)[1]
)
gain = (gaussian - nll).mean()
print(f"{-nll.mean():.2f} nats a wine, {gain:.2f} above a Gaussian")
print("strangest:", np.argsort(nll)[-3:])
print(np.round(flow.sample(3, seed=0, context=[0, 1, 2]), 1))
