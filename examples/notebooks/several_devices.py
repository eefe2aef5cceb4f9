# %% [markdown]
# # Several devices
#
# COMMAND   python examples/notebooks/several_devices.py
# NEEDS     tfp_flows[all]; jupytext opens this file as a notebook
# EXPECTED  how many devices there are, and a loss that falls; the steps are those of one device
# TIME      half a minute; on a machine without GPUs two halves of its processor stand for them
#
# From the command line: `tfp-flows train ... --strategy mirrored`, or `multiworker` on each of several hosts.

# %% tags=["parameters"]
strategy, epochs = None, 5

# %%
import numpy as np
import tensorflow as tf

import tfp_flows

if strategy is None:
    processors = tf.config.list_physical_devices("CPU")
    if not tf.config.list_physical_devices("GPU"):
        tf.config.set_logical_device_configuration(processors[0], [tf.config.LogicalDeviceConfiguration()] * 2)
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    # One strategy in a process: two over the same devices mix up their reductions.
    strategy = tf.distribute.MirroredStrategy([device.name for device in tf.config.list_logical_devices(kind)])
print(strategy.num_replicas_in_sync, "devices")

# %% [markdown]
# Model and optimizer are made within the scope, and that is all. A batch is that of all devices together.

# %%
with strategy.scope():
    flow = tfp_flows.RealNVP((2,), num_layers=4, hidden_units=(32, 32))
    flow.compile("adam")
x = np.asarray(tfp_flows.data.load("moons").train[:4096])
history = flow.fit(tfp_flows.data.batches(x, 256, shuffle=True), epochs=epochs, verbose=0).history
print("nats:", np.round(history["nll"], 3))
