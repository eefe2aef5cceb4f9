# %% [markdown]
# # Densities on the plane
#
# COMMAND   python examples/notebooks/density_gallery.py
# NEEDS     tfp_flows[all]; jupytext opens this file as a notebook
# EXPECTED  nats above the exact entropy, of each model on each toy: about 0.1 or less; gallery.png
# TIME      5 minutes on two CPU cores

# %% tags=["parameters"]
models, toys, minutes = ["maf", "nsf", "flow_matching"], ["moons", "checkerboard"], 0.7

# %%
import tempfile

import numpy as np
from matplotlib import pyplot

from tfp_flows import data, training

# %% [markdown]
# `training.train` is what `tfp-flows train` runs: by the model's recipe, into a folder that can be gone on with.

# %%
above, drawn, runs = {}, {}, tempfile.mkdtemp(prefix="gallery-")
for toy in toys:
    drawn[toy, "data"] = np.asarray(data.load(toy).train[:5000])
    for model in models:
        run = training.train(model, toy, f"{runs}/{model}-{toy}", minutes=minutes, picture_every=0, verbose=0)
        _, metrics = training.finish(run)
        above[toy, model] = metrics["nll_minus_entropy"], metrics["nll_standard_error"]
        drawn[toy, model] = np.asarray(run.load_model().sample(5000, seed=1))
        print(f"{model:16s} {toy:16s} {above[toy, model][0]:+.3f} +- {2 * above[toy, model][1]:.3f} nats")

# %%
columns = ["data", *models]
figure, axes = pyplot.subplots(
    len(toys), len(columns), figsize=(3 * len(columns), 3 * len(toys)), squeeze=False, layout="constrained"
)
for row, toy in zip(axes, toys):
    low, high = np.quantile(drawn[toy, "data"], [0.001, 0.999], axis=0)
    for ax, name in zip(row, columns):
        ax.hist2d(*drawn[toy, name].T, bins=80, range=list(zip(low, high)), cmap="magma")
        ax.set(title=f"{name}, {toy}", xticks=[], yticks=[])
figure.savefig("gallery.png", dpi=90)
