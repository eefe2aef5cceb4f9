"""Reversible backpropagation: the gradient of a chain in memory that does not grow with its number of parts.

    ordinary     h_0 -> h_1 -> ... -> h_n       all that happens on the way is stored until the gradient has used it
    reversible   h_0 -> h_1 -> ... -> h_n       h_n alone is stored; then, for i = n, ..., 1
        h_{i-1} = f_i^-1(h_i)                                           the other direction of part i
        dL/dh_{i-1}, dL/dweights_i                                      from dL/dh_i and dL/dlog_det, by the ordinary
                                                                        gradient of f_i at h_{i-1}, stored for f_i only

in whichever direction the chain is evaluated. The gradient is the ordinary one up to the rounding errors of what is
rebuilt. It takes one more evaluation of a network that drives a coupling, and two more of any other.
Gomez, Ren, Urtasun and Grosse, The Reversible Residual Network, arXiv:1707.04585, section 3.
"""

import functools

import keras
import tensorflow as tf

from tfp_flows.bijectors.parts import unrepeatable
from tfp_flows.bijectors.step import walk
from tfp_flows.bridge import layers
from tfp_flows.bridge.keras_mode import KerasMode
from tfp_flows.bridge.modules import held
from tfp_flows.bridge.tape import may_record, stop_recording
from tfp_flows.numerics.tensors import once_only


def walk_reversibly(steps, value, kwargs):
    """As `tfp_flows.bijectors.step.walk`, with a gradient that rebuilds the values on the way.

    Args:
        steps: list of `tfp_flows.bijectors.step.Step`.
        value: tensor (*batch, *event).
        kwargs: dict, the keyword arguments of the whole chain. Floating tensors in it (the context) get gradients.

    Returns:
        image: tensor (*batch, *event).
        log_det: tensor (*batch,) or (), nats.

    Raises:
        ValueError: where second derivatives of it are asked for.
    """
    if tf.executing_eagerly() and not may_record():
        return walk(steps, value, kwargs)
    leaves = tf.nest.flatten(kwargs)
    places = [i for i, leaf in enumerate(leaves) if tf.is_tensor(leaf) and leaf.dtype.is_floating]

    def options(contexts):
        given = dict(zip(places, contexts))
        return tf.nest.pack_sequence_as(kwargs, [given.get(i, leaf) for i, leaf in enumerate(leaves)])

    training = KerasMode()(function=None)

    @tf.custom_gradient
    def run(value, *contexts):
        # In eager code a tape around would otherwise record, and so store, every operation in here.
        with stop_recording():
            image, log_det = walk(steps, value, options(contexts))
            log_det = tf.convert_to_tensor(log_det, image.dtype)
            shape = tf.shape(value)

        def gradient(g_image, g_log_det, variables=()):
            def compute():
                return _backwards(steps, image, contexts, options, g_image, g_log_det)

            # The call of the Keras model that said whether this is training is over by now.
            g_value, g_contexts, g_variables = KerasMode()(function=compute, training=training)
            gradients = [_sum_to(g_value, value.shape, shape), *g_contexts]
            once = functools.partial(once_only, what="a reversible chain, which stores nothing to take others from")
            return [once(g) for g in gradients], [once(g_variables.get(v.ref())) for v in variables]

        return (image, log_det), gradient

    return run(value, *(tf.convert_to_tensor(leaves[i]) for i in places))


def require_repeatable(bijectors):
    """Refuses bijectors that do not do the same when they are evaluated again in training.

    Args:
        bijectors: sequence of `tfb.Bijector`.

    Returns:
        bool, whether that is the last word: False where a Keras layer is not built yet.

    Raises:
        ValueError: for batch normalisation, for networks with random layers (dropout, noise) or with a state that
            training changes (batch normalisation, spectral normalisation), and for those that add losses, which
            would not be differentiated.
    """
    is_final = True
    for bijector in bijectors:
        for part in (bijector, *bijector.submodules):
            if (reason := unrepeatable(part)) is not None:
                _refuse(bijector, part, reason)
        for root in held(bijector, keras.Layer):
            for layer in layers.flatten_layers(root):
                is_final = is_final and layer.built
                fault = _fault(layer)
                if fault:
                    _refuse(bijector, layer, fault)
    return is_final


def _refuse(bijector, part, fault):
    raise ValueError(
        "Expected parts that do the same when they are evaluated again, for a reversible chain; "
        f"got {bijector.name!r}, whose {part.name!r} ({type(part).__name__}) {fault}."
    )


def _fault(layer):
    """Why a Keras layer cannot be evaluated twice, or None."""
    if layers.draws_random_numbers(layer):
        return "draws random numbers in training"
    if layers.adds_losses(layer):
        return "adds a loss of its own"
    if layers.changes_state(layer):
        return "changes its state in training"
    return None


def _backwards(steps, image, contexts, options, g_image, g_log_det):
    """The gradient by the steps' input, by each context, and by each variable: a dict, variable.ref() -> tensor."""
    g_contexts = [tf.zeros_like(context) for context in contexts]
    g_variables = {}
    ready = [g_image, g_log_det]
    for step in reversed(steps):
        # In a graph everything whose inputs are known may run at once: no step is rebuilt before the last is done with.
        with tf.control_dependencies(ready):
            image = tf.identity(image)
        with tf.GradientTape() as tape:
            tape.watch(contexts)
            value, inputs, again, log_det, combine = step.rebuild(image, tape, options(contexts))
            # Its gradient is that of the total; a constant one is a scalar.
            log_det = tf.convert_to_tensor(log_det, again.dtype) + tf.zeros_like(g_log_det)
        variables = list(tape.watched_variables())
        gradients = tape.gradient(
            [again, log_det], [*inputs, *contexts, *variables], [g_image, g_log_det],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )  # fmt: skip
        gradients = [tf.convert_to_tensor(g) for g in gradients]
        g_inputs, rest = gradients[: len(inputs)], gradients[len(inputs) :]
        g_contexts = [total + g for total, g in zip(g_contexts, rest)]
        for variable, g in zip(variables, rest[len(contexts) :]):
            key = variable.ref()
            g_variables[key] = g_variables[key] + g if key in g_variables else g
        image, g_image = value, combine(*g_inputs)
        ready = [g_image, *g_contexts, *(g_variables[variable.ref()] for variable in variables)]
    return g_image, g_contexts, g_variables


def _sum_to(g_value, static_shape, shape):
    """The gradient by a value from that by what it was broadcast to, by a part with a batch shape of its own."""
    if static_shape.is_fully_defined() and static_shape == g_value.shape:
        return g_value
    with tf.GradientTape() as tape:
        narrow = tf.zeros(shape, g_value.dtype)
        tape.watch(narrow)
        wide = narrow + tf.zeros_like(g_value)
    g_value = tape.gradient(wide, narrow, g_value)
    g_value.set_shape(static_shape)
    return g_value
