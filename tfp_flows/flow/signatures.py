"""Signatures: the functions of a flow that a SavedModel serves.

    log_prob   x (batch,) + event                       -> log_prob (batch,), nats per event
    sample     n (), seed (2,) int32, temperature ()    -> x (n,) + event
    encode     x (batch,) + event                       -> z (batch,) + latent
    decode     z (batch,) + latent                      -> x (batch,) + event

Of integer data the above are of the reals x + u, u in [0, 1); two more take the integers themselves:

    score              x (batch,) + event int32                  -> log_prob (batch,), bits_per_dim (batch,), at the
                                                                    centres of the bins: what `Flow.log_prob` says
    score_with_noise   x (batch,) + event, seed (2,), int32      -> the same of the bound that is trained and published,
                                                                    with noise drawn from the seed
    score_uint8, score_with_noise_uint8          the same two of x uint8, where there are at most 256 bins: images as
                                                    they are stored, in a quarter of the bytes over gRPC

without bits_per_dim where the noise is such that there is no bound, as of `dequantization.Gaussian`. A signature has
one dtype: those of int32 stay as former clients know them.

However many events come at once, no more of them than `sampler.rows_at_once` are in the networks together, so that
memory does not grow with the batch beyond what goes in and comes out. Their values are the same; only the noise of a
batch in several parts has a seed for each part, of which the first is the one given.

Those of a conditional flow also take `context`, one for each event: vectors, or class labels as the data have them, see
`tfp_flows.flow.class_labels`. Inputs and outputs have names. Real numbers are float32, or float64 of a flow in float64,
whose data float32 may not hold; temperatures are float32; the batch size is free. The draws depend on the seed that
comes with the request and on nothing else: a seed fixed in the graph would repeat one series on every replica and after
every start. What a flow cannot do is left out: `encode` and `decode` of a mixture, the temperature of a base without a
scale, a direction that a bijector does not have. Of a table's columns by name see `tfp_flows.flow.column_signature`.
"""

import math

import tensorflow as tf

from tfp_flows.bridge.traces import traced
from tfp_flows.flow import class_labels, sampler, sharing
from tfp_flows.flow import context as contexts
from tfp_flows.flow.functions import draw
from tfp_flows.numerics import sentences
from tfp_flows.numerics.in_parts import in_numbered_parts

MEANING = {
    "x": "event in the data's own units",
    "z": "latent, the base distribution's event",
    "context": "what the density is conditioned on",
    "log_prob": "log density in nats per event",
    "bits_per_dim": "negative log density in bits per dimension",
    "n": "number of events to draw",
    "seed": "two numbers; the same two give the same draws",
    "temperature": "factor on the base distribution's scale; 1 is the model itself",
}
INTEGERS = "; integers 0..{} go in as x + u with u in [0, 1), and floor brings them back"


def signatures(model):
    """Traces what a flow can serve.

    Args:
        model: a `tfp_flows.Flow`.

    Returns:
        Dictionary from the signature's name to a `tf.types.experimental.ConcreteFunction` that takes and gives named
        tensors, and a dictionary from the name of what the flow cannot do to the reason, one sentence.

    Raises:
        ValueError: if the flow can neither score nor sample.
    """
    dtype = tf.as_dtype(model.dtype)
    served = dtype if dtype == tf.float64 else tf.float32
    event, latent = tuple(model.event_shape), tuple(model.latent_shape)
    size = sampler.rows_at_once(model)

    def real(tensors):
        tensors = {name: tf.cast(t, dtype) if t.dtype.is_floating else t for name, t in tensors.items()}
        if "context" in tensors:
            tensors["context"] = class_labels.look_up(model, tensors["context"])
        return tensors

    def by_parts(function, x, context):
        """function(x, context) of some rows at a time, and with a context only where there is one."""
        context = real(context)
        return in_numbered_parts(
            lambda number, x, *rest: function(number, x, **dict(zip(context, rest))),
            [x, *context.values()],
            size,
            dtype,
        )

    def log_prob(x, **context):
        value = by_parts(lambda _, x, **rest: model.log_prob(x, **rest), tf.cast(x, dtype), context)
        return {"log_prob": _served(value, served, ())}

    def sample(n, seed, **context):
        # No default of the argument: it would be listed among the inputs.
        temperature = context.pop("temperature", tf.ones([]))
        checks = [
            sampler.require(n >= 1, "Expected n to be a positive integer; got {}.", [n]),
            sampler.require(
                (temperature >= 0) & tf.math.is_finite(temperature),
                "Expected temperature to be a finite number of at least 0; got {}.",
                [temperature],
            ),
        ]
        given = contexts.check(model, real(context).get("context"), n)
        with tf.control_dependencies(checks):
            n, temperature = tf.identity(n), tf.cast(temperature, dtype)
            x = draw(model, model.sampler.for_serving(), n, seed, temperature, *given)
        return {"x": _served(x, served, event)}

    def scores(values):
        answer = {"log_prob": _served(values, served, ())}
        if model.scored_bins is not None:
            answer["bits_per_dim"] = _served(-values / (math.prod(event) * math.log(2)), served, ())
        return answer

    def score(x, **context):
        return scores(by_parts(lambda _, x, **rest: model.log_prob(x, **rest), x, context))

    def score_with_noise(x, seed, **context):
        def bound(number, x, **rest):
            # The first part's seed is the one given: of a batch of one part, what Python says.
            own = tf.random.experimental.stateless_fold_in(seed, number)
            return model(x, seed=tf.where(number == 0, seed, own), **rest)

        return scores(by_parts(bound, x, context))

    def encode(x, **context):
        z = by_parts(lambda _, x, **rest: model.encode(x, **rest), tf.cast(x, dtype), context)
        return {"z": _served(z, served, latent)}

    def decode(z, **context):
        x = by_parts(lambda _, z, **rest: model.decode(z, **rest), tf.cast(z, dtype), context)
        return {"x": _served(x, served, event)}

    x, z = tf.TensorSpec([None, *event], served, "x"), tf.TensorSpec([None, *latent], served, "z")
    seed = tf.TensorSpec([2], tf.int32, "seed")
    asked = [tf.TensorSpec([], tf.int32, "n"), seed]
    inputs, left_out = {log_prob: [x], sample: asked, encode: [x], decode: [z]}, {}
    if model.num_bins is not None:
        integers = tf.TensorSpec([None, *event], tf.int32, "x")
        inputs |= {score: [integers], score_with_noise: [integers, seed]}
    if model.can_scale_temperature:
        asked.append(tf.TensorSpec([], tf.float32, "temperature"))
    else:
        left_out["temperature"] = "The base distribution has no location and scale that a temperature could act on."
    if model.takes_context:
        for specs in inputs.values():
            if model.num_classes is None:
                specs.append(tf.TensorSpec([None, *_context_shape(model)], served, "context"))
            else:
                specs.append(tf.TensorSpec([None], class_labels.dtype(model), "context"))
    if not model.can_encode:
        for function in (encode, decode):
            del inputs[function]
            left_out[function.__name__] = "The distribution is no bijector around one base: its events have no latent."

    functions = {}
    with sharing.shared(model):
        for function, specs in inputs.items():
            try:
                functions[function.__name__] = concrete(function, specs)
            except NotImplementedError as error:  # what TFP raises for a direction that a bijector does not have
                left_out[function.__name__] = " ".join(str(error).split())
    if model.num_bins is not None and model.num_bins <= 256:
        of_integers = [name for name in ("score", "score_with_noise") if name in functions]
        functions |= {f"{name}_uint8": _of_bytes(functions[name]) for name in of_integers}
    if not functions.keys() & {"log_prob", "sample"}:
        raise ValueError(f"Expected a flow that can score or sample; got one that cannot: {left_out['log_prob']}")
    return functions, left_out


def variables(functions, model):
    """Lists the variables that functions read, those of the model first and in its order.

    Args:
        functions: traced functions.
        model: the `tfp_flows.Flow` they were traced from.

    Returns:
        List of `tf.Variable`.
    """
    read = {id(variable): variable for function in functions for variable in function.graph.variables}
    own = [read.pop(id(variable.value)) for variable in model.variables if id(variable.value) in read]
    return own + list(read.values())


def describe(functions, model, own=None):
    """Says in plain values what functions take and give.

    Args:
        functions: dictionary from a name to a traced function.
        model: the `tfp_flows.Flow` they were traced from.
        own: name of a function -> name of a tensor -> what it is there, where that is not what it is elsewhere; None of
            the class labels.

    Returns:
        name -> `"inputs"` and `"outputs"` -> name of the tensor -> dtype, shape (None where it is free), meaning.
    """
    meaning = dict(MEANING)
    if model.num_bins is not None:
        meaning["x"] += INTEGERS.format(model.num_bins - 1)

    labels = "class label"
    if class_labels.is_mapped(model):
        labels += f", one of {model.class_labels.listing()}"
        meaning["context"] = labels

    def tensors(named, mine):
        return {
            name: {"dtype": tensor.dtype.name, "shape": tensor.shape.as_list(), "meaning": means(name, tensor, mine)}
            for name, tensor in named.items()
        }

    def means(name, tensor, mine):
        if name in mine:
            return mine[name] or labels
        if name == "x" and model.num_bins is not None and tensor.dtype.is_integer:
            return f"{MEANING['x']}; integers 0..{model.num_bins - 1}"
        return meaning[name]

    return {
        name: {
            "inputs": tensors(inputs(function), (own or {}).get(name, {})),
            "outputs": tensors(function.structured_outputs, {}),
        }
        for name, function in functions.items()
    }


def inputs(function):
    """The named inputs of a traced function, as `tf.TensorSpec`s in the order in which it takes them."""
    positional, by_name = function.structured_input_signature
    # Where it is given by keyword, TensorFlow writes the name of its placeholder in small letters.
    return {**{spec.name: spec for spec in positional}, **by_name}


def _context_shape(model):
    shape = contexts.context_shape(model)
    if shape is None:
        raise ValueError("Expected a conditional flow whose networks know one static shape of context; got none.")
    return shape


def concrete(function, specs):
    """A function of tensors by name as a `tf.types.experimental.ConcreteFunction`, traced for `tf.TensorSpec`s."""
    # No autograph: nothing here branches on a tensor, and a flow that does in plain Python shall fail at the export.
    with sentences.in_one_piece():
        return traced(function).get_concrete_function(**{spec.name: spec for spec in specs})


def _of_bytes(function):
    """A traced function of x int32, as one of x uint8: the same function in the graph, called through a cast."""

    def of_bytes(x, **others):
        return function(x=tf.cast(x, tf.int32), **others)

    specs = inputs(function)
    return concrete(of_bytes, [*({**specs, "x": tf.TensorSpec(specs["x"].shape, tf.uint8, "x")}.values())])


def _served(value, dtype, shape):
    """Casts an output and declares its static shape, which a client reads in the signature."""
    return tf.ensure_shape(tf.cast(value, dtype), (None, *shape))
