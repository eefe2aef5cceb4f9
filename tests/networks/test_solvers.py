"""Every sequential solver of the table gives the inverse of its network's parallel pass. A new solver is one entry."""

import dataclasses
import typing

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import checks
from tfp_flows import bijectors, transforms
from tfp_flows.networks import MADE, CausalTransformer, PixelCNN, WaveNet, made_solver

AFFINE, SPLINE = transforms.Affine(), transforms.RationalQuadraticSpline(2)


@dataclasses.dataclass(frozen=True)
class Case:
    """One autoregressive network.

    Attributes:
        make: num_params, dtype -> network.
        event_shape: of what it takes.
        num_steps: how many sequential steps the solution takes.
        transform: of the layer around it.
        scale: of its weights: small enough that rounding errors do not grow from element to element.
    """

    make: typing.Callable
    event_shape: tuple
    num_steps: int
    transform: transforms.Transform = AFFINE
    scale: float = 0.7


def made(n, *hidden_units, group=None, span=None, **options):
    class Sized(MADE):
        """With the solver's own sizes, which do not change the result, given."""

        def solve(self, step, z, context=None):
            return made_solver.solve(self, step, z, context, group, span)

    kind = MADE if group is None else Sized
    return lambda num_params, dtype: kind(n, num_params, hidden_units, "softplus", seed=1, dtype=dtype, **options)


def pixelcnn(shape, num_blocks=2, kernel_size=3, **options):
    def make(num_params, dtype):
        return PixelCNN(shape, num_params, 7, num_blocks, kernel_size, "softplus", dtype=dtype, **options)

    return make


def wavenet(**options):
    return lambda num_params, dtype: WaveNet(num_params, (1, 2, 4), 4, 5, dtype=dtype, **options)


def transformer(shape, channels=6, num_layers=2, num_heads=2, **options):
    return lambda num_params, dtype: CausalTransformer(
        shape, num_params, channels, num_layers, num_heads, dtype=dtype, **options
    )


class Unsolved(keras.layers.Layer):
    """A network that offers no solver: the layer takes as many passes as there are elements."""

    def __init__(self, num_params, dtype):
        super().__init__(dtype=dtype)
        self.made = MADE(5, num_params, (8,), "tanh", "random", dtype=dtype)

    def call(self, x):
        return self.made(x)

    def build(self, input_shape=None):
        self.made.build()


CASES = {
    "made_of_one_feature": Case(made(1, 40), (1,), 1),
    "made_of_one_feature_and_a_context": Case(made(1, 24, 24, residual=True, context_shape=(2,)), (1,), 1),
    "made_reversed": Case(made(8, 25, 37, 30, order="reversed"), (8,), 8),
    "made_random": Case(made(21, 25, 37, 30, order="random"), (21,), 21, SPLINE),
    "made_residual_with_context": Case(made(21, 24, 24, order="random", residual=True, context_shape=(2,)), (21,), 21),
    "made_with_context": Case(made(9, 12, context_shape=(2,)), (9,), 9),
    "made_in_short_loops": Case(made(9, 17, 11, order="random", group=2, span=2), (9,), 9),
    "made_in_a_long_loop": Case(made(27, 40, 35, order="random", group=4, span=100), (27,), 27),
    "made_in_halves": Case(made(27, 40, 35, group=3, span=1), (27,), 27),
    "made_in_one_group": Case(made(11, 14, group=30, span=1), (11,), 11),
    "made_narrower_than_its_event": Case(made(27, 9, 20, order="random", group=3, span=2), (27,), 27),
    "made_narrowed_to_one_unit": Case(made(27, 40, 1, group=4, span=2), (27,), 27),
    "pixelcnn": Case(pixelcnn((6, 5, 1), kernel_size=5), (6, 5, 1), 20, SPLINE, 0.5),
    "pixelcnn_reversed_with_context": Case(
        pixelcnn((4, 7, 3), reverse=True, context_shape=(2,)), (4, 7, 3), 39, scale=0.5
    ),
    "pixelcnn_of_many_blocks": Case(pixelcnn((4, 5, 1), 3, reverse=True), (4, 5, 1), 11, scale=0.5),
    "pixelcnn_of_two_channels": Case(pixelcnn((2, 3, 2), 1, context_shape=(2,)), (2, 3, 2), 10, scale=0.5),
    "pixelcnn_narrower_than_its_kernel": Case(pixelcnn((3, 2, 2), 1, 5), (3, 2, 2), 12, scale=0.5),
    "wavenet": Case(wavenet(), (17,), 17, SPLINE),
    "wavenet_of_one_step": Case(wavenet(context_shape=(2,)), (1,), 1),
    "wavenet_with_context": Case(wavenet(context_shape=(2,)), (9,), 9),
    "transformer": Case(transformer((5, 3)), (5, 3), 5, SPLINE),
    "transformer_of_two_tokens": Case(transformer((2, 1)), (2, 1), 2),
    "transformer_reversed_with_context": Case(transformer((4, 2), reverse=True, context_shape=(2,)), (4, 2), 4),
    "passes": Case(Unsolved, (5,), 5),
}
# The dearest check, once for each kind of solver, loops and context included.
COMPILED = ("made_with_context", "made_in_short_loops", "pixelcnn_of_two_channels", "wavenet_with_context", "passes",
            "transformer_reversed_with_context")  # fmt: skip


def normal(shape, *seed, dtype):
    return tf.random.stateless_normal(shape, seed, dtype=dtype)


def build(name, dtype):
    """The layer of a case around its network, whose weights are not what they start as."""
    case = CASES[name]
    net = case.make(case.transform.num_params, dtype)
    net.build()
    for k, weight in enumerate(net.weights):
        fan_in = max(np.prod(weight.shape[:-1]), 1)
        weight.assign(case.scale * normal(weight.shape, k, 7, dtype=dtype) / np.sqrt(fan_in))
    return bijectors.Autoregressive(case.event_shape, net, case.transform, dtype=dtype)


def latents(layer, n):
    """n latent events, and the options that go with them."""
    x = normal([n, *layer.event_shape], 0, 1, dtype=layer.dtype)
    if not layer.takes_context:
        return x, {}
    return x, {"context": normal([n, *layer.conditioner.context_shape], 3, 4, dtype=layer.dtype)}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype, value, log_det", [("float64", 1e-9, 1e-8), ("float32", 1e-4, 1e-4)])
def test_the_solution_is_the_inverse_of_the_parallel_pass(name, dtype, value, log_det):
    layer = build(name, dtype)
    x, options = latents(layer, 6)
    # A batch of two axes.
    folded, folded_options = (
        tf.nest.map_structure(lambda v: tf.reshape(v, [2, 3, *v.shape[1:]]), v) for v in (x, options)
    )
    y = layer.forward(folded, **folded_options)
    found = layer.forward_log_det_jacobian(folded, event_ndims=len(layer.event_shape), **folded_options)
    y, found = tf.reshape(y, x.shape), tf.reshape(found, [6])
    checks.close(layer.inverse(tf.identity(y), **options), x, value)
    assert np.abs(y - x).max() > 0.01
    rows = {k: tf.repeat(v, layer.num_elements, axis=0) for k, v in options.items()}
    jacobian = checks.jacobian_log_det(lambda y: layer.inverse(tf.identity(y), **rows), y)
    checks.close(found, -jacobian, log_det)


def check_compiled(name, jit_compile, sizes):
    """The solver alone, as a function of any batch: its result goes through the network once more."""
    layer = build(name, "float64")
    net, (x, options) = layer.conditioner, latents(layer, 6)
    solve = getattr(net, "solve", layer._solve)
    # Elementwise, of all parameters, and of x.
    step = lambda x, raw: x + tf.reduce_sum(tf.sin(raw), axis=-1) * tf.cos(x)
    specs = [tf.TensorSpec([None, *v.shape[1:]], v.dtype) for v in (x, *options.values())]
    run = tf.function(
        lambda x, c=None: solve(step, x, c), input_signature=specs, jit_compile=jit_compile, autograph=False
    )
    for n in sizes:
        some = {k: v[:n] for k, v in options.items()}
        y = run(x[:n], *some.values())
        assert y.shape == (n, *layer.event_shape)
        np.testing.assert_allclose(step(x[:n], net(y, **some)), y, rtol=1e-9, atol=1e-9)
        assert n == 0 or np.abs(y - x[:n]).max() > 0.01


@pytest.mark.parametrize("name", CASES)
def test_it_runs_in_graphs_of_any_batch(name):
    check_compiled(name, jit_compile=False, sizes=(6, 2, 0))


@pytest.mark.parametrize("name", COMPILED)
def test_it_runs_in_xla(name):
    # XLA compiles anew for each size.
    check_compiled(name, jit_compile=True, sizes=(2,))


@pytest.mark.parametrize("name", CASES)
def test_it_takes_as_many_steps_as_the_longest_chain_of_elements(name):
    layer = build(name, "float64")
    y, options = latents(layer, 1)
    with tf.GradientTape() as tape:
        tape.watch(y)
        raw = tf.reduce_sum(layer.conditioner(y, **options) ** 2, axis=-1)
    n = layer.num_elements
    jacobian = tape.batch_jacobian(raw, y, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    depends = jacobian.numpy().reshape(n, n) != 0
    # How many elements the longest chain up to each has: of a chain of n elements n rounds see the end.
    length = np.ones(n, int)
    for _ in range(n):
        length = 1 + np.max(depends * length, axis=1)
    # A network narrower than its event lets several elements be known at once, which the solver does not count.
    assert layer.num_sequential_steps == CASES[name].num_steps
    assert length.max() <= CASES[name].num_steps if "made_narrow" in name else length.max() == CASES[name].num_steps
