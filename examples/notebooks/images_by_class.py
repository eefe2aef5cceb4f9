# %% [markdown]
# # Images by class
#
# COMMAND   python examples/notebooks/images_by_class.py
# NEEDS     tfp_flows[all]; jupytext opens this file as a notebook
# EXPECTED  bits per dimension of held-out digits, about 2.1; how many Bayes' rule gives their class; classes.png
# TIME      2 minutes on two CPU cores

# %% tags=["parameters"]
epochs, steps = 20, 4

# %%
import numpy as np

import tfp_flows
from tfp_flows import pictures, training

digits = tfp_flows.data.load("digits", flatten=False)  # (8, 8, 1), 17 levels; "mnist" and "cifar10" work alike

# %% [markdown]
# Glow: ActNorm, invertible 1x1 convolutions, couplings; `num_classes` has every coupling see the class.

# %%
glow = tfp_flows.Glow(
    digits.event_shape, digits.num_bins, num_levels=2, num_steps=steps, hidden_channels=48, num_classes=10, alpha=1e-3
)
glow.compile("adam")
glow.fit(digits.train, digits.labels["train"], batch_size=50, epochs=epochs, verbose=2)
scores = glow.evaluate(digits.test, digits.labels["test"], verbose=0, return_dict=True)
print(f"{scores['bits_per_dim']:.3f} bits per dimension")

# %% [markdown]
# The density of each image given each class is a classifier.

# %%
likelihoods = np.stack(
    [-training.nll_per_event(glow, digits.test, np.full(len(digits.test), k)) for k in range(10)], axis=1
)
accuracy = (likelihoods.argmax(1) == digits.labels["test"]).mean()
print(f"{100 * accuracy:.0f} % are likeliest given their own class")

# %%
drawn = np.stack([glow.sample(8, context=np.full(8, k), temperature=0.8, seed=k) for k in range(10)])
print(pictures.rows(drawn, [str(k) for k in range(10)], "classes.png", digits.num_bins))
