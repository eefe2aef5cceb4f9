"""Every private name of TensorFlow, TFP and Keras that is touched is there, and does what it is used for.

A release that takes one away fails here by that name. Outside of
the bridge nothing touches one.
"""

import ast
import gc
import importlib
import pathlib
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from keras.src.trainers.epoch_iterator import EpochIterator
from tensorflow.python.eager import record
from tensorflow.python.framework import ops, registry
from tensorflow_probability.python.internal import cache_util, slicing

from tfp_flows import bijectors, masks, networks
from tfp_flows.bridge import (
    cache,
    compositions,
    conditional_networks,
    layers,
    modules,
    monotone,
    names,
    optimizers,
    tape,
    traces,
    trainer,
    variables,
)
from tfp_flows.bridge.keras_weights import KerasWeights

tfb = tfp.bijectors
PACKAGE = pathlib.Path(__file__).resolve().parent.parent.parent / "tfp_flows"


class Doubling(bijectors.Bijector):
    """Counts its evaluations."""

    num_calls = 0

    def _forward_and_log_det(self, x):
        self.num_calls += 1
        return 2.0 * x, x.shape[-1] * tf.math.log(2.0)

    def _inverse_and_log_det(self, y):
        self.num_calls += 1
        return y / 2.0, -y.shape[-1] * tf.math.log(2.0)


def built(layer, shape=(None, 2)):
    layer.build(shape)
    return layer


def module_of_both():
    module, inner = tf.Module(), tf.Module()
    module.scale, module.inner, inner.net = tf.Variable(1.0), inner, built(keras.layers.Dense(2))
    return module


def fitted_adam():
    adam, weights = keras.optimizers.Adam(beta_1=0.5, beta_2=0.5), [keras.Variable(1.0), keras.Variable(1.0)]
    adam.build(weights)
    adam.apply_gradients(zip([tf.constant(2.0), tf.constant(4.0)], weights))
    return adam, weights


class Passing(keras.layers.Layer):
    def call(self, value=None):
        return value


def flatten_holds_in_order():
    module = module_of_both()
    found = modules.paths(module, (tf.Variable, keras.Layer))
    assert [path for path, _ in found] == [("scale",), ("inner", "net")]
    assert modules.held(module, keras.Layer) == [module.inner.net]
    assert modules.held(module, keras.Layer, recursive=False) == []


def flatten_opens_composite_tensors():
    module = tf.Module()
    module.operator = tf.linalg.LinearOperatorDiag(tf.Variable([1.0]))
    assert len(modules.paths(module, tf.Variable)) == 1


def flatten_layers_walks():
    net = keras.Sequential([keras.layers.Dense(2), keras.Sequential([keras.layers.Dense(3)])])
    assert len(layers.flatten_layers(net)) == 4


def seed_generators_are_listed():
    assert layers.draws_random_numbers(keras.layers.GaussianNoise(0.1))
    assert not layers.draws_random_numbers(keras.layers.Dense(2))


def losses_are_its_own():
    class WithLoss(keras.layers.Dense):
        def call(self, x):
            self.add_loss(keras.ops.sum(x))
            return super().call(x)

    layer = WithLoss(2, kernel_regularizer="l2")
    assert not layers.adds_losses(layer)
    layer(tf.ones([1, 2]))
    assert layers.adds_losses(layer)


def state_is_its_own():
    norm, dense = built(keras.layers.BatchNormalization()), built(keras.layers.Dense(2))
    assert layers.changes_state(norm) and not layers.changes_state(dense)
    norm.trainable = False
    assert not layers.changes_state(norm)


def arguments_pass():
    layer, value = Passing(), np.ones(2)
    assert layer(value=value) is not value
    layers.pass_arguments_as_they_are(layer)
    assert layer(value=value) is value


def value_is_the_variable():
    weight = keras.Variable(1.0)
    variables.tf_variable(weight).assign(3.0)
    assert float(weight) == 3.0
    with keras.src.backend.common.variables.AutocastScope("float16"):
        assert variables.tf_variable(weight).dtype == tf.float32


def trainable_is_shared():
    weight = keras.Variable(1.0)
    for trainable in (False, True):
        weight.trainable = trainable
        variables.share_trainable(weight)
        with tf.GradientTape() as watching:
            tf.identity(variables.tf_variable(weight))
        assert variables.tf_variable(weight).trainable == trainable == bool(watching.watched_variables())


def moments_are_of_the_variable():
    adam, weights = fitted_adam()
    for weight, g in zip(weights, (2.0, 4.0)):
        m, v = optimizers.adam_slots(adam, weight)
        assert (float(m), float(v)) == (0.5 * g, 0.5 * g**2)


def recording_stops():
    x = tf.constant(2.0)
    assert not tape.may_record()
    with tf.GradientTape(persistent=True) as first, tf.GradientTape() as second:
        first.watch(x), second.watch(x)
        assert tape.may_record() and tape.records([tf.constant(1.0), x]) and not tape.records([tf.constant(1.0)])
        with tape.stop_recording():
            y = x * x
    assert first.gradient(y, x) is None and second.gradient(y, x) is None


def one_evaluation():
    for way in ("forward", "inverse"):
        bijector, x = Doubling(), tf.constant([1.0, 2.0])
        value = getattr(bijector, way)(x)
        log_det = getattr(bijector, f"{way}_log_det_jacobian")(x, event_ndims=1)
        assert bijector.num_calls == 1 and value.shape == (2,)
        np.testing.assert_allclose(log_det, (1 if way == "forward" else -1) * 2 * np.log(2.0), rtol=1e-6)


def equal_ones_share_nothing():
    x, first, second = tf.constant([1.0]), Doubling(), Doubling()
    first.forward(x), second.forward(x)
    assert first != second and (first.num_calls, second.num_calls) == (1, 1)


def no_batch_shape_is_inferred():
    assert Doubling.parameter_properties() == {} and Doubling().experimental_batch_shape() == ()


def a_chain_has_the_batch_shape_of_its_parts():
    chain = bijectors.Chain([Doubling(), tfb.Scale(tf.ones([3, 1]))])
    assert chain.experimental_batch_shape() == (3,)
    np.testing.assert_array_equal(chain.experimental_batch_shape_tensor(), [3])


def sides_of_a_quantile_are_asked():
    class Falling(Doubling):
        def _is_increasing(self, **kwargs):
            return False

    for bijector in (Falling(), tfb.Invert(Falling()), tfb.Chain([tfb.Exp(), Falling()])):
        assert not monotone.is_increasing(bijector)
    with pytest.raises(NotImplementedError):
        monotone.is_increasing(Doubling())


def one_that_is_given_its_context_has_its_batch_shape():
    network = networks.MLP(4, (3,), context_shape=(2,))
    given = bijectors.Given(bijectors.AffineCoupling(masks.half(4), network), tf.ones([5, 1, 2]))
    assert given.experimental_batch_shape() == (5, 1)
    np.testing.assert_array_equal(given.experimental_batch_shape_tensor(), [5, 1])


def a_slice_keeps_what_has_no_batch_shape():
    chain = bijectors.Chain([tfb.Shift(tf.Variable([1.0, 2.0]))])
    assert chain._broadcast_parameters_with_batch_shape([3], 1) is chain
    batched = bijectors.Chain([tfb.Scale(tf.ones([3, 1]))])
    assert batched._broadcast_parameters_with_batch_shape([1, 1], 1).experimental_batch_shape(x_event_ndims=1) == (1, 3)


def a_slice_takes_over():
    seen = []

    class Seen(Doubling):
        def _take_over(self, origin):
            seen.append((self, origin))

    bijector = Seen()
    sliced = bijector[...]
    assert seen == [(sliced, bijector)] and getattr(sliced, slicing.PROVENANCE_ATTR)[0] is bijector
    assert sliced[...] != sliced and seen[-1][1] is bijector


def a_graph_owns_its_cache():
    graph = tf.Graph()
    with graph.as_default():
        bijector = Doubling()
        bijector.forward(tf.ones([2]))
    assert getattr(graph, cache._SLOT)
    gone = weakref.ref(graph)
    del graph
    gc.collect()
    # The bijector outlives its graph.
    assert bijector.name and gone() is None


def checkpoints_see_the_weights(tmp_path):
    module, other = tf.Module(), tf.Module()
    for each in (module, other):
        each.nets = [built(keras.layers.Dense(2))]
        each.weights = KerasWeights(each)
    path = tf.train.Checkpoint(module=module).write(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(module=other).read(path).assert_existing_objects_matched()
    np.testing.assert_array_equal(module.nets[0].kernel, other.nets[0].kernel)


def no_symbolic_build():
    class Model(trainer.BuiltByConstructor, keras.Model):
        def train_step(self, data):
            return {"loss": tf.zeros([])}

    model = Model()
    model.compile("sgd", "mse")
    model.fit(np.ones([1, 1]), verbose=0)
    model.train_on_batch(np.ones([1, 1]), np.ones([1]))
    assert not model.built


def an_epoch_makes_one_iterator():
    class Model(trainer.BuiltByConstructor, keras.Model):
        def train_step(self, data):
            seen.assign_add(tf.cast(data, tf.int32))
            return {"loss": tf.cast(seen[0], tf.float32)}

        def test_step(self, data):
            return {"loss": tf.cast(data[0], tf.float32)}

    def fitted(kind, **options):
        """The numbers that each epoch saw, in their order, and how many iterators were made for them."""
        made, losses = [], []
        one_more = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda *_: seen.assign([0]),
            on_train_batch_end=lambda _, logs: losses.append(float(logs["loss"])),
        )
        model, begun = kind(), tf.data.Dataset.__iter__
        model.compile("sgd")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tf.data.Dataset, "__iter__", lambda self: made.append(self) or begun(self))
            model.fit(tf.data.Dataset.range(1, 4).batch(1), shuffle=False, verbose=0, callbacks=[one_more], **options)
        return losses, len(made)

    seen = tf.Variable([0])
    plain = type("Plain", (keras.Model,), {name: vars(Model)[name] for name in ("train_step", "test_step")})
    held_out = tf.data.Dataset.range(2).batch(1)
    # (options, iterators: of each epoch one, or of all epochs as few as their steps take)
    for options, wanted in (
        (dict(epochs=3), 3),
        (dict(epochs=3, validation_data=held_out), 6),
        (dict(epochs=3, steps_per_epoch=1), 2),
    ):
        (losses, made), (others, _) = fitted(Model, **options), fitted(plain, **options)
        assert losses == others and made == wanted
    assert losses == [1, 2, 3]


def event_shapes_are_asked():
    squeeze = bijectors.Squeeze()
    assert squeeze.inverse_event_shape([4, 4, 1]) == (2, 2, 4) and squeeze.forward_event_shape([2, 2, 4]) == (4, 4, 1)
    np.testing.assert_array_equal(squeeze.inverse_event_shape_tensor([4, 4, 1]), [2, 2, 4])
    np.testing.assert_array_equal(squeeze.forward_event_shape_tensor([2, 2, 4]), [4, 4, 1])


def networks_say_their_context():
    made = tfb.AutoregressiveNetwork(2, (2,), conditional=True, conditional_event_shape=[5], hidden_units=[4])
    assert conditional_networks.context_shape(made) == (5,)
    assert made(tf.ones([3, 2]), conditional_input=tf.ones([3, 5])).shape == (3, 2, 2)
    assert conditional_networks.context_shape(tfb.AutoregressiveNetwork(2, (2,))) is None


def a_composition_is_walked():
    parts = tfb.Blockwise([tfb.Exp(), tfb.Chain([tfb.Tanh(), tfb.Scale(2.0)])], [1, 1])
    for way in ("forward", "inverse"):
        seen = []
        compositions.walk(parts, way, lambda part, value, **kwargs: seen.append(part.name) or value, tf.ones([2]))
        assert len(seen) == 3 and seen[1] == "jointmap"
    seen = []
    compositions.walk(
        tfb.Chain([tfb.Tanh(), tfb.Exp()]), "forward", lambda part, value, **kw: seen.append((part.name, kw)), 0.0,
        exp={"x": 1},
    )  # fmt: skip
    assert seen == [("exp", {"x": 1}), ("tanh", {})]


def a_trace_leaves_nothing_behind():
    @tf.custom_gradient
    def square(x):
        return x * x, lambda dy: 2.0 * x * dy

    # One of TFP's own: in its one table.
    softplus = tfb.Softplus()

    @tf.function
    def slope(x):
        with traces.owned_by_its_graph(), tf.GradientTape() as tape:
            tape.watch(x)
            y = square(softplus.forward(tf.identity(x)))
        return tape.gradient(y, x)

    table, cache = ops.gradient_registry._registry, vars(tfb.Bijector)["_cache"].storage
    for _ in range(2):
        gc.collect()
    before, remembered = set(table), len(cache)
    concrete = slope.get_concrete_function(tf.TensorSpec([]))
    names = set(table) - before
    # Square's, and softplus' of TFP.
    assert len(names) >= 1 and len(cache) == remembered
    with tf.GradientTape() as tape:
        x = tf.constant(0.7)
        tape.watch(x)
        value = concrete(x)
    # The gradient of the gradient: looked up by name in a graph that is alive.
    s, d = np.log1p(np.exp(0.7)), 1 / (1 + np.exp(-0.7))
    np.testing.assert_allclose(value, 2 * s * d, rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(value, x), 2 * d * d + 2 * s * d * (1 - d), rtol=1e-6)
    del slope, concrete, tape, value
    for _ in range(2):
        gc.collect()
    assert not names & set(table)


# (what has it, the private name, what it is used for)
PRIVATE_NAMES = [
    (tf.Module, "_flatten", flatten_holds_in_order),
    (tf.Module, "_flatten", flatten_opens_composite_tensors),
    (tf.Module, "_trackable_children", checkpoints_see_the_weights),
    (ops.gradient_registry, "_registry", a_trace_leaves_nothing_behind),
    (registry, "_TYPE_TAG", a_trace_leaves_nothing_behind),
    (tf.Variable(1.0), "_trainable", trainable_is_shared),
    (record, "stop_recording", recording_stops),
    (record, "could_possibly_record", recording_stops),
    (record, "should_record_backprop", recording_stops),
    (keras.Variable(1.0), "_value", value_is_the_variable),
    (keras.layers.Layer(), "_flatten_layers", flatten_layers_walks),
    (keras.layers.Layer(), "_seed_generators", seed_generators_are_listed),
    (keras.layers.Layer(), "_losses", losses_are_its_own),
    (keras.layers.Layer(), "_non_trainable_variables", state_is_its_own),
    (keras.layers.Layer(), "_convert_input_args", arguments_pass),
    (keras.Model, "_maybe_symbolic_build", no_symbolic_build),
    (EpochIterator, "_enumerate_iterator", an_epoch_makes_one_iterator),
    (EpochIterator(np.ones(1)), "_num_batches", an_epoch_makes_one_iterator),
    (EpochIterator(np.ones(1)), "_steps_seen", an_epoch_makes_one_iterator),
    (keras.optimizers.Adam(), "_get_variable_index", moments_are_of_the_variable),
    (fitted_adam()[0], "_momentums", moments_are_of_the_variable),
    (fitted_adam()[0], "_velocities", moments_are_of_the_variable),
    (cache_util, "BijectorCacheWithGreedyAttrs", one_evaluation),
    (cache_util, "EphemeralDict", a_graph_owns_its_cache),
    (tfb.Composition, "_walk_forward", a_composition_is_walked),
    (tfb.Composition, "_walk_inverse", a_composition_is_walked),
    (tfb.AutoregressiveNetwork(2), "_conditional_event_shape", networks_say_their_context),
    (tfb.Bijector, "_cache", one_evaluation),
    (tfb.Bijector, "_get_parameterization", equal_ones_share_nothing),
    (tfb.Bijector, "_parameter_properties", no_batch_shape_is_inferred),
    (tfb.Bijector, "_parameter_properties", a_chain_has_the_batch_shape_of_its_parts),
    (tfb.Bijector, "_batch_shape", one_that_is_given_its_context_has_its_batch_shape),
    (tfb.Bijector, "_batch_shape_tensor", one_that_is_given_its_context_has_its_batch_shape),
    (tfb.Bijector, "_broadcast_parameters_with_batch_shape", a_slice_keeps_what_has_no_batch_shape),
    (tfb.Bijector, "_is_increasing", sides_of_a_quantile_are_asked),
    (tfb.Bijector, "_internal_is_increasing", sides_of_a_quantile_are_asked),
    (slicing, "PROVENANCE_ATTR", a_slice_takes_over),
    (tfb.Bijector, "_forward_event_shape", event_shapes_are_asked),
    (tfb.Bijector, "_inverse_event_shape", event_shapes_are_asked),
    (tfb.Bijector, "_forward_event_shape_tensor", event_shapes_are_asked),
    (tfb.Bijector, "_inverse_event_shape_tensor", event_shapes_are_asked),
]  # fmt: skip


@pytest.mark.parametrize(
    "owner, name, use", PRIVATE_NAMES, ids=lambda value: getattr(value, "__name__", value if type(value) is str else "")
)
def test_a_private_name_is_there_and_does_what_it_is_used_for(owner, name, use, tmp_path):
    assert hasattr(owner, name), f"{owner!r} no longer has {name!r}"
    use(*([tmp_path] if use is checkpoints_see_the_weights else []))


# What TFP asks its subclasses to write.
WRITTEN_BY_SUBCLASSES = {
    "_forward", "_inverse", "_forward_event_shape", "_inverse_event_shape", "_forward_event_shape_tensor",
    "_inverse_event_shape_tensor", "_batch_shape", "_batch_shape_tensor",
    "_is_increasing", "_forward_log_det_jacobian", "_inverse_log_det_jacobian",
    # Of tfd.Distribution.
    "_log_prob", "_sample_n", "_event_shape", "_event_shape_tensor", "_parameter_properties",
}  # fmt: skip


# Public in spite of their underscore, which keeps them apart from the fields: Python's `collections.namedtuple`.
OF_NAMED_TUPLES = {"_asdict", "_fields", "_replace"}


def private(names):
    return {name for name in names if name.startswith("_") and not name.startswith("__")} - OF_NAMED_TUPLES


def kinds():
    """Classes of theirs that ours are made of, or meet -> every private name that one of its objects has."""
    made = {
        tfb.Bijector: tfb.Exp(), tfp.distributions.Distribution: tfp.distributions.Normal(0.0, 1.0),
        tf.Module: tf.Module(), tf.Variable: tf.Variable(1.0), keras.Variable: keras.Variable(1.0),
        tf.Graph: tf.Graph(), keras.Layer: built(keras.layers.Dense(2)), keras.Model: keras.Model(),
        keras.optimizers.Adam: fitted_adam()[0], keras.metrics.Metric: keras.metrics.Mean(),
        keras.callbacks.Callback: keras.callbacks.Callback(), tf.Tensor: tf.constant(1.0),
        tf.GradientTape: tf.GradientTape(),
    }  # fmt: skip
    return {kind: private(dir(thing)) - WRITTEN_BY_SUBCLASSES for kind, thing in made.items()}


KINDS = kinds()
ALL = set().union(*KINDS.values())


def theirs(module, name):
    """The private names that are not for a class of ours to touch on itself; all, of a class that is not known."""
    thing = getattr(module, name, None)
    if not isinstance(thing, type):
        return ALL
    return set().union(*(names for kind, names in KINDS.items() if issubclass(thing, kind)))


def touched(node, own, module=None, foreign=ALL):
    """The private names in a syntax tree that are none of ours: (line, what)."""
    for child in ast.iter_child_nodes(node):
        within = foreign
        if isinstance(child, ast.ClassDef):
            within = theirs(module, child.name)
            yield from ((f.lineno, f.name) for f in child.body if getattr(f, "name", None) in within)
        elif isinstance(child, ast.Attribute) and private({child.attr}):
            is_self = isinstance(child.value, ast.Name) and child.value.id in ("self", "cls")
            if child.attr in foreign if is_self else child.attr in ALL or child.attr not in own:
                yield child.lineno, ast.unparse(child)
        elif isinstance(child, ast.ImportFrom) and any(part in (child.module or "") for part in (".python", ".src")):
            yield child.lineno, child.module
        elif isinstance(child, ast.Call) and ast.unparse(child.func) in ("getattr", "setattr", "hasattr", "delattr"):
            yield from ((child.lineno, n.value) for n in child.args[1:] if getattr(n, "value", None) in ALL)
        yield from touched(child, own, module, within)


def own_names():
    """Every private name that a class or a module of ours defines, or keeps on its objects."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
    return names


OWN = own_names()
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "bridge" not in path.parts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_private_name_is_touched_elsewhere(path):
    relative = path.relative_to(PACKAGE)
    if relative.name.startswith("__"):
        return
    module = importlib.import_module("tfp_flows." + ".".join(relative.with_suffix("").parts))
    found = [f"{relative}:{line} {what}" for line, what in touched(ast.parse(path.read_text()), OWN, module)]
    assert found == [], "private names of TensorFlow, TFP and Keras are touched in tfp_flows/bridge alone"


@pytest.mark.parametrize("text", [
    "weight._value", "self._losses", "layer._flatten_layers()", "from tensorflow.python.eager import record",
    "class A(keras.Model):\n    def _maybe_symbolic_build(self):\n        pass", "getattr(layer, '_seed_generators')",
    "from keras.src import backend", "thing._unheard_of",
])  # fmt: skip
def test_a_private_name_is_found(text):
    assert list(touched(ast.parse(text), OWN))


def test_a_graph_asks_for_its_names_where_they_are_unnumbered():
    """`tf.Graph.unique_name`, which TensorFlow asks for the name of each operation, scope and captured constant."""
    captured = tf.constant(2.0)

    @tf.function(autograph=False)
    def traced(x):
        with (
            names.counted_by_their_graph(),
            names.counted_by_their_graph(),
            tf.name_scope("net_17"),
            tf.name_scope("a_b"),
        ):
            y = tf.add(x, tf.compat.v1.get_default_graph().capture(captured), name="sum_3_1")
        return tf.multiply(y, y, name="product_7")

    graph = traced.get_concrete_function(tf.TensorSpec([])).graph
    found = [op.name for op in graph.get_operations() if op.type != "Identity"]
    assert found == ["x", "net/a_b/captured", "net/a_b/sum", "product_7"]
    with names.counted_by_their_graph():
        assert float(tf.add(1.0, 2.0)) == 3
