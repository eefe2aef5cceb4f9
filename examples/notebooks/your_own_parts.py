# %% [markdown]
# # Your own bijector, transform and objective
#
# COMMAND   python examples/notebooks/your_own_parts.py
# NEEDS     tfp_flows[all]; jupytext opens this file as a notebook
# EXPECTED  round trips and log-determinants to rounding; a loss that falls, logged by its own name
# TIME      half a minute on two CPU cores

# %% tags=["parameters"]
epochs = 10

# %%
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tfp_flows import bijectors, masks, transforms
from tfp_flows.networks import MLP

tfb, tfd = tfp.bijectors, tfp.distributions

# %% [markdown]
# A bijector is TFP's: two functions and a log-determinant, variables as attributes. It goes into any chain.

# %%


class Leaky(tfb.Bijector):
    """x below 0 times a trainable slope exp(log_slope), elementwise."""

    def __init__(self):
        self.log_slope = tf.Variable(-0.5, name="log_slope")
        super().__init__(forward_min_event_ndims=0)

    def _forward(self, x):
        return tf.where(x < 0, x * tf.exp(self.log_slope), x)

    def _inverse(self, y):
        return tf.where(y < 0, y * tf.exp(-self.log_slope), y)

    def _inverse_log_det_jacobian(self, y):
        return tf.where(y < 0, -self.log_slope, 0.0)


# %% [markdown]
# A transform is an elementwise family whose parameters a network gives: couplings, autoregressive and elementwise
# layers all take it. It turns raw numbers into valid parameters by itself; zeros are the identity.

# %%


class Tails(transforms.Transform):
    """x = sinh(a arcsinh(z)) + b: lighter tails for a < 1, heavier ones for a > 1."""

    num_params = 2
    is_increasing = True

    def forward_and_log_det(self, z, raw):
        log_a, b = 0.5 * tf.tanh(raw[..., 0]), raw[..., 1]
        inner = tf.exp(log_a) * tf.asinh(z)
        return tf.sinh(inner) + b, log_a + tf.math.log(tf.cosh(inner)) - 0.5 * tf.math.log1p(z**2)

    def inverse_and_log_det(self, x, raw):
        log_a, b = 0.5 * tf.tanh(raw[..., 0]), raw[..., 1]
        inner = tf.exp(-log_a) * tf.asinh(x - b)
        return tf.sinh(inner), -log_a + tf.math.log(tf.cosh(inner)) - 0.5 * tf.math.log1p((x - b) ** 2)


# %% [markdown]
# An objective gives values of a batch; what `fit` logs, callbacks monitor and curves show is called as it is.

# %%


class WinsorizedNLL(tfp_flows.objectives.Objective):
    """A single far event cannot take more than so many nats."""

    unit = "nats per event"

    def __call__(self, flow, x, context, seed, training):
        return tf.minimum(-flow(x, context=context, training=training), 20.0)


# %%
couplings = [bijectors.Coupling(mask, MLP(2, (32, 32)), Tails()) for mask in masks.alternating(masks.half(2), 4)]
base = tfd.Sample(tfd.Normal(0.0, 1.0), 2)
flow = tfp_flows.Flow(tfd.TransformedDistribution(base, bijectors.Chain([bijectors.ActNorm(2), Leaky(), *couplings])))
flow.compile("adam", loss=WinsorizedNLL())
x = np.asarray(tfp_flows.data.load("moons").train[:5000])
history = flow.fit(x, batch_size=100, epochs=epochs, verbose=0).history
print("winsorized_nll:", np.round(history["winsorized_nll"], 3))

# %% [markdown]
# Held to what it promises: there and back, and the log-determinant of automatic differentiation.

# %%
z = flow.encode(x[:50])
round_trip = float(tf.reduce_max(tf.abs(flow.decode(z) - x[:50])))
bijector, fresh = flow.distribution.bijector, tf.constant(x[:50])
with tf.GradientTape() as tape:
    tape.watch(fresh)
    latent = bijector.inverse(fresh)
exact = tf.linalg.slogdet(tape.batch_jacobian(latent, fresh))[1]
error = float(tf.reduce_max(tf.abs(bijector.inverse_log_det_jacobian(tf.identity(fresh), event_ndims=1) - exact)))
print(f"round trip {round_trip:.1e}, log-determinant {error:.1e}")
