# %% [markdown]
# # A slow sampler distilled into a fast one
#
# COMMAND   python examples/notebooks/distillation.py
# NEEDS     tfp_flows[all]; jupytext opens this file as a notebook
# EXPECTED  the divergence of the student from its teacher, nats; how many times as fast it draws
# TIME      1 minute on two CPU cores
#
# A MAF scores in one pass and draws element by element; an IAF the other way round. The student draws, the teacher
# scores what it drew (density distillation, as in Parallel WaveNet, arXiv:1711.10433); neither inverts.

# %% tags=["parameters"]
layers, epochs, steps = 4, 15, 600

# %%
import time

import numpy as np

import tfp_flows

x = tfp_flows.data.load("moons").train
teacher = tfp_flows.MAF((2,), transform="spline", num_layers=layers, hidden_units=(64, 64))
teacher.compile("adam")
teacher.fit(x, batch_size=200, epochs=epochs, verbose=2)

# %%
student = tfp_flows.IAF((2,), transform="spline", num_layers=layers, hidden_units=(64, 64))
student.compile("adam", loss=tfp_flows.objectives.ReverseKL(teacher))
student.fit(steps_per_epoch=steps, batch_size=200, verbose=2)

# %%
drawn, log_q = student.sample_and_log_prob(5000, seed=0)
divergence = float(np.mean(log_q - teacher.log_prob(drawn)))
seconds = {}
for name, flow in (("teacher", teacher), ("student", student)):
    flow.sample(5000, seed=0)
    start = time.perf_counter()
    flow.sample(5000, seed=1)
    seconds[name] = time.perf_counter() - start
print(f"KL(student, teacher) {divergence:.3f} nats; {seconds['teacher'] / seconds['student']:.1f} times as fast")
