"""Every bijector of the table passes every generic check, alone and inside what TFP builds of bijectors."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests import checks
from tests.cases import CASES, build, events, latents
from tfp_flows import bijectors, masks, transforms
from tfp_flows.networks import MLP

tfb, tfd = tfp.bijectors, tfp.distributions
each = pytest.mark.parametrize("name", CASES)


@each
@pytest.mark.parametrize("dtype, value, log_det", [("float64", 1e-9, 1e-8), ("float32", 1e-4, 1e-4)])
def test_round_trip_and_log_det(name, dtype, value, log_det):
    bijector, x, y = build(name, dtype), latents(name, dtype=dtype), events(name, dtype=dtype)
    checks.round_trip(bijector, x, y, value)
    checks.log_dets(bijector, x, y, log_det)


@functools.cache
def alone(name):
    """x, y of a case, and what it makes of them by itself: forward, inverse and the log_det of each."""
    bijector, x, y = build(name), latents(name), events(name)
    ndims_x, ndims_y = checks.ranks(bijector)
    return (
        (x, bijector.forward(tf.identity(x)), bijector.forward_log_det_jacobian(tf.identity(x), event_ndims=ndims_x)),
        (y, bijector.inverse(tf.identity(y)), bijector.inverse_log_det_jacobian(tf.identity(y), event_ndims=ndims_y)),
    )


@each
@pytest.mark.parametrize("wrap", ["tfb.Chain", "Chain", "tfb.Invert", "tfb.Invert in Chain"])
def test_inside_other_bijectors(name, wrap):
    """As alone, where it is held to automatic differentiation, and scaled by a half."""
    inner, ((x, forward, forward_log_det), (y, inverse, inverse_log_det)) = build(name), alone(name)
    half, log_half = tfb.Scale(tf.constant(0.5, tf.float64)), np.log(0.5) * np.prod(y.shape[1:])
    if wrap in ("tfb.Chain", "Chain"):
        outer = tfb.Chain([half, inner]) if wrap == "tfb.Chain" else bijectors.Chain([half, inner])
        there = (x, forward * 0.5, forward_log_det + log_half)
        back = (y * 0.5, inverse, inverse_log_det - log_half)
    elif wrap == "tfb.Invert":
        outer = tfb.Invert(inner)
        there, back = (y, inverse, inverse_log_det), (x, forward, forward_log_det)
    else:
        outer = bijectors.Chain([tfb.Invert(inner), half])
        there = (y * 2, inverse, inverse_log_det + log_half)
        back = (x, forward * 2, forward_log_det - log_half)
    ndims_x, ndims_y = checks.ranks(outer)
    checks.close(outer.forward(tf.identity(there[0])), there[1], 1e-9)
    checks.close(outer.forward_log_det_jacobian(tf.identity(there[0]), event_ndims=ndims_x), there[2], 1e-8)
    checks.close(outer.inverse(tf.identity(back[0])), back[1], 1e-9)
    checks.close(outer.inverse_log_det_jacobian(tf.identity(back[0]), event_ndims=ndims_y), back[2], 1e-8)


@each
def test_inside_a_distribution(name):
    bijector, x, y = build(name), latents(name), events(name)
    ndims_x, ndims_y = checks.ranks(bijector)
    base = tfd.Independent(tfd.Normal(tf.zeros(x.shape[1:], tf.float64), tf.ones([], tf.float64)), ndims_x)
    flow = tfd.TransformedDistribution(base, bijector)
    assert flow.batch_shape == () and flow.event_shape == y.shape[1:]
    log_det = checks.jacobian_log_det(bijector.inverse, y)
    checks.close(flow.log_prob(tf.identity(y)), base.log_prob(bijector.inverse(tf.identity(y))) + log_det, 1e-8)
    sample, log_prob = flow.experimental_sample_and_log_prob(4, seed=[1, 2])
    assert sample.shape == (4, *y.shape[1:])
    checks.close(log_prob, flow.log_prob(tf.identity(sample)), 1e-8)


@each
def test_event_ranks_and_batch_ranks_beyond_the_least(name):
    bijector, y = build(name), events(name, 4)
    ndims = bijector.inverse_min_event_ndims
    per_event = np.broadcast_to(bijector.inverse_log_det_jacobian(tf.identity(y), event_ndims=ndims), [4])
    summed = bijector.inverse_log_det_jacobian(tf.identity(y), event_ndims=ndims + 1)
    checks.close(summed, per_event.sum(), 1e-8)
    nested = tf.reshape(y, [2, 2, *y.shape[1:]])
    x = bijector.inverse(tf.identity(nested))
    checks.close(tf.reshape(x, [4, *x.shape[2:]]), bijector.inverse(tf.identity(y)), 1e-9)
    single = bijector.inverse(tf.identity(y[0]))
    checks.close(single, x[0, 0], 1e-9)
    both = bijector.inverse_log_det_jacobian(tf.identity(nested), event_ndims=ndims)
    checks.close(tf.reshape(tf.broadcast_to(both, [2, 2]), [4]), per_event, 1e-9)
    # Pairs of what it is made for as events, in a distribution as alone, and back.
    pairs = per_event.reshape(2, 2).sum(1)
    base = tfd.Sample(tfd.Normal(tf.zeros([], tf.float64), tf.ones([], tf.float64)), x.shape[1:])
    flow = tfd.TransformedDistribution(base, bijector)
    assert (
        flow.batch_shape == ()
        and flow.event_shape == nested.shape[1:]
        and flow.event_shape_tensor().numpy().tolist() == nested.shape[1:]
    )
    checks.close(flow.log_prob(tf.identity(nested)), base.log_prob(x) + pairs, 1e-8)
    fresh, ndims_x = tf.identity(x), bijector.forward_min_event_ndims
    image = bijector.forward(fresh)
    checks.close(image, nested, 1e-8)
    back = bijector.forward_log_det_jacobian(fresh, event_ndims=ndims_x + 1)
    checks.close(tf.broadcast_to(back, [2]), -pairs, 1e-7)


@functools.cache
def traced(name):
    """The bijector of a case and its functions as graphs for any batch, which several checks read and none changes."""
    bijector = build(name)
    graphs = []
    for function, takes_data in checks.functions(bijector):
        argument = events(name) if takes_data else latents(name)
        spec = tf.TensorSpec([None, *argument.shape[1:]], argument.dtype)
        graph = tf.function(function, input_signature=[spec])
        graph.get_concrete_function()
        graphs.append((graph, function, argument))
    return bijector, graphs


@functools.cache
def eager(name):
    """What the functions of a case give: of each its values."""
    return [function(argument) for _, function, argument in traced(name)[1]]


# XLA is a compiler of operations: a case that has no operation that another one lacks is compiled as that other one.
COMPILED_AS = {
    "affine_second_half": "affine_half",
    "affine_even_odd_uneven": "affine_odd_even",
    "affine_odd_even_uneven": "affine_odd_even",
    "conv_other_channels": "conv_channels",
    "conv_other_checkerboard": "conv_checkerboard",
    "conv_odd_checkerboard": "conv_checkerboard",
    "conv_arbitrary": "conv_checkerboard",
    "squeeze_by_three": "squeeze",
    "conv1x1_plu": "multiscale_learned_prior",
    "multiscale": "multiscale_learned_prior",
    "elementwise_mixture": "mixture_half",
    "emerging_conv_wide": "emerging_conv",
    "batch_norm_image": "batch_norm",
    "actnorm_image": "actnorm",
}


def operations(name):
    """The kinds of operations in the graphs of a case, those of inner functions included."""
    found = set()
    for graph, _, _ in traced(name)[1]:
        definition = graph.get_concrete_function().graph.as_graph_def()
        found.update(node.op for node in definition.node)
        found.update(node.op for function in definition.library.function for node in function.node_def)
    return found


@each
def test_eager_and_graph_agree(name):
    for (graph, function, argument), expected in zip(traced(name)[1], eager(name)):
        unknown = tf.TensorSpec([None] * argument.shape.rank, argument.dtype)
        for compiled in (graph, tf.function(function, input_signature=[unknown])):
            for actual, one in zip(compiled(argument), expected):
                checks.close(actual, one, 1e-12)


@pytest.mark.parametrize("name", [name for name in CASES if name not in COMPILED_AS])
def test_eager_and_xla_agree(name):
    """The graph that was traced for any batch, compiled for one; but of TFP's Blockwise the function, for its graph for
    any batch prints where sizes do not suit it, which XLA cannot."""
    for (graph, function, argument), expected in zip(traced(name)[1], eager(name)):
        compiled = function if name == "nested_chain" else graph
        for actual, one in zip(tf.function(compiled, jit_compile=True)(argument), expected):
            checks.close(actual, one, 1e-10)


@pytest.mark.parametrize("name", COMPILED_AS)
def test_what_is_compiled_for_another_has_all_its_operations(name):
    assert COMPILED_AS[name] not in COMPILED_AS
    assert operations(name) <= operations(COMPILED_AS[name])


@each
def test_every_weight_is_seen_and_gets_a_gradient(name):
    checks.gradients(build(name), latents(name, 8), events(name, 8))


@each
def test_is_constant_jacobian_tells_the_truth(name):
    checks.constant_jacobian(build(name), events(name), events(name, seed=5), CASES[name].constant)


@each
def test_a_checkpoint_brings_it_back(name, tmp_path):
    bijector, x, y = build(name), latents(name), events(name)
    tf.train.Checkpoint(b=bijector).write(str(tmp_path / "checkpoint"))
    again = CASES[name].make("float64")
    tf.train.Checkpoint(b=again).read(str(tmp_path / "checkpoint")).assert_existing_objects_matched()
    for function in ("forward", "inverse"):
        argument = x if function == "forward" else y
        expected = getattr(bijector, function)(tf.identity(argument))
        np.testing.assert_array_equal(getattr(again, function)(tf.identity(argument)), expected)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """All cases as they come back from one SavedModel: name -> module."""
    whole, path = tf.Module(), str(tmp_path_factory.mktemp("saved"))
    for name in CASES:
        case = tf.Module()
        case.held, ((case.forward, *_), (case.inverse, *_)) = traced(name)
        setattr(whole, name, case)
    tf.saved_model.save(whole, path)
    return tf.saved_model.load(path)


@each
def test_a_saved_model_brings_it_back(name, saved):
    loaded = getattr(saved, name)
    for function, (_, _, argument), expected in zip((loaded.forward, loaded.inverse), traced(name)[1], eager(name)):
        for actual, one in zip(function(argument), expected):
            checks.close(actual, one, 1e-12)


@each
def test_shapes_are_told_without_computing(name):
    bijector, x, y = build(name), latents(name), events(name)
    assert x.shape[1:] == (CASES[name].latent_shape or CASES[name].event_shape)
    assert bijector.inverse_event_shape(y.shape[1:]) == x.shape[1:]
    assert bijector.forward_event_shape(x.shape[1:]) == y.shape[1:]
    assert bijector.inverse_event_shape_tensor(y.shape[1:]).numpy().tolist() == x.shape[1:]
    assert bijector.forward_event_shape_tensor(x.shape[1:]).numpy().tolist() == y.shape[1:]
    # Axes before those of its own rank stay, known or not.
    for leading in ([2], [3, 5], [None]):
        shapes = [*leading, *x.shape[1:]], [*leading, *y.shape[1:]]
        for way, (given, expected) in (("forward", shapes), ("inverse", shapes[::-1])):
            assert getattr(bijector, f"{way}_event_shape")(given).as_list() == expected
            if None not in given:
                assert getattr(bijector, f"{way}_event_shape_tensor")(given).numpy().tolist() == expected
    assert bijector.forward_event_shape(None).is_compatible_with(y.shape[1:])
    assert bijector.inverse_event_shape(None).is_compatible_with([7, *x.shape[1:]])


@each
def test_events_of_another_shape_are_refused(name):
    bijector, y = build(name), events(name)
    wider = tf.concat([y, y], axis=-1)
    if not CASES[name].any_shape:
        for call in (bijector.inverse, bijector.forward):
            with pytest.raises(ValueError, match="Expected events of shape"):
                call(wider)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: bijectors.ActNorm(0), "Expected num_features to be a positive integer; got 0"),
        (lambda: bijectors.Permutation([0, 2]), r"Expected a permutation of 0..n-1; got \[0, 2\]"),
        (lambda: bijectors.Permutation([0, 0]), "Expected a permutation"),
        (lambda: bijectors.Logit(1.0, 1.0), "Expected finite low < high; got"),
        (lambda: bijectors.Sigmoid(event_ndims=-1), "Expected event_ndims to be an integer of at least 0; got -1"),
        (lambda: bijectors.Logit(event_ndims=1.5), "Expected event_ndims to be an integer of at least 0; got 1.5"),
        (lambda: bijectors.Sigmoid("a", "b"), "Expected low and high as numbers; got string"),
        (lambda: bijectors.Logit(alpha=0.5), "Expected alpha between 0 and 0.5"),
        (lambda: bijectors.Elementwise("shift", (2,)), "Expected a tfp_flows.transforms.Transform; got str"),
        (lambda: bijectors.Coupling(masks.half(4), MLP(4), "affine"), "Expected a tfp_flows.transforms.Transform; got"),
        (lambda: bijectors.Elementwise(transforms.Shift(), 3), "Expected event_shape as a tuple of .* integers; got 3"),
        (lambda: bijectors.Rescale((2, 0)), r"Expected event_shape as a tuple of positive integers; got \(2, 0\)"),
        (lambda: bijectors.Permutation([]), r"Expected a permutation of 0..n-1; got \[\]"),
        (lambda: bijectors.ActNorm(2, event_ndims=1.0), "Expected event_ndims to be a positive integer; got 1.0"),
        (lambda: bijectors.AffineCoupling([1, 0], MLP(2, (4,))), "Expected a mask as a boolean array"),
        (lambda: bijectors.AffineCoupling([True, True], MLP(2, (4,))), "at least one True and one False; got all True"),
        (lambda: bijectors.AffineCoupling(masks.half(4), MLP(3, (4,))), "return 4 numbers an event .* got 3"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
