"""The multilayer perceptron in its residual form: the layers after the first add to what they get."""

import keras
import numpy as np
import pytest

from tfp_flows.networks import MLP


def test_residual_layers_add():
    keras.utils.set_random_seed(0)
    net = MLP(2, (5, 5, 5), "tanh", residual=True, context_shape=(3,), output_initializer="glorot_uniform")
    random = np.random.default_rng(0)
    x, context = random.normal(size=(4, 3)).astype("float32"), random.normal(size=(4, 3)).astype("float32")
    given = net(x, context=context).numpy()
    kernels = {w.path.split("/")[-2] + "/" + w.name: w.numpy() for w in net.weights}
    affine = lambda h, name: h @ kernels[f"{name}/kernel"] + kernels[f"{name}/bias"]
    h = np.tanh(affine(x, "hidden_0") + context @ kernels["context/kernel"])
    for name in ("hidden_1", "hidden_2"):
        h = h + np.tanh(affine(h, name))
    np.testing.assert_allclose(given, affine(h, "output"), rtol=1e-5, atol=1e-6)
    again = MLP.from_config(net.get_config())
    assert again.residual and not MLP(2).residual


def test_residual_layers_are_of_one_width():
    with pytest.raises(ValueError, match=r"Expected hidden layers of one width with residual=True; got \(4, 5\)"):
        MLP(2, (4, 5), residual=True)
