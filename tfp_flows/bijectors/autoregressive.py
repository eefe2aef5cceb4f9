"""Autoregressive flow: each element is transformed by parameters that depend on the elements before it.

    x_i = f^-1(y_i; net(y)_i)       inverse, data -> latent: one pass of the network, all elements at once
    y_i = f(x_i; net(y)_i)          forward, latent -> data: one element after another, net(y)_i needing y_1..y_i-1
    log_det = sum_i of the transform's

The gradient of the forward direction is that of the fixed point, y = f(x; net(y)): from g = dL/dy it takes

    lambda = g + (df/dy)^T lambda                           d - 1 times, after which it is exact
    dL/d(x, weights) = (df/d(x, weights))^T lambda

which stores one pass of the network and not n.

As it is, it is MAF: cheap densities. `tfb.Invert` of it is IAF: cheap samples, and densities of its own samples.
A conditioner may have a solver of its own for the sequential direction, `solve(step, x, context)`; for another the
network runs d times, after which every element is exact, whatever the order. d is the length of the longest chain of
elements of which each depends on the one before: n, or less where the conditioner knows it (`num_sequential_steps`).
Papamakarios, Pavlakou and Murray, MAF, arXiv:1705.07057, section 3; Kingma et al., IAF, arXiv:1606.04934, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector, context_rows
from tfp_flows.bijectors.order import require_order
from tfp_flows.bridge.names import counted_by_their_graph
from tfp_flows.bridge.tape import stop_recording
from tfp_flows.numerics.tensors import (
    as_tuple,
    check_shape,
    floatx,
    require_event_shape,
    reshape_like,
    with_event_shape,
)
from tfp_flows.transforms import Transform

if TYPE_CHECKING:
    import keras


class Autoregressive(Bijector):
    """An autoregressive layer over any autoregressive conditioner and any transform, on vectors, images or others.

    Args:
        event_shape: tuple of ints, or one int for vectors; n is the number of its elements.
        conditioner: Keras layer, `(batch, *event_shape) -> (batch, *event_shape, num_params)`, such as `networks.MADE`
            for vectors and `networks.PixelCNN` for images, with raw_i depending on the elements before i alone, in some
            order. With a `context_shape` that is not None it is called as `conditioner(y, context=context)`. Its
            `solve(step, x, context)`, where it has one, is the forward direction: step(x_i, raw_i) -> y_i is
            elementwise. Its `num_sequential_steps`, where it has that, is d: the elements of the longest chain in
            which each depends on the one before. Without it d is n, which is never wrong.
        transform: `tfp_flows.transforms.Transform`.
        validate_args: bool, whether the Jacobian of the conditioner is probed once, here, for dependencies that no
            order allows.
        dtype: floating dtype of the events. The conditioner may work in a lower precision; its output is cast.
        name: str or None.

    Raises:
        ValueError: where event_shape is none, the conditioner returns another number of parameters, its output is not
            autoregressive (with validate_args), or a context is missing or not wanted.

    Example:
        >>> from tfp_flows import bijectors, networks, transforms
        >>> affine = transforms.Affine()
        >>> layer = bijectors.Autoregressive(3, networks.MADE(3, affine.num_params, hidden_units=16), affine)
        >>> layer.forward(tf.ones([5, 3])).shape.as_list()
        [5, 3]
    """

    def __init__(
        self,
        event_shape: int | tuple[int, ...],
        conditioner: keras.layers.Layer | Callable,
        transform: Transform,
        validate_args: bool = False,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        dtype = floatx(dtype)
        shape = check_shape(as_tuple(event_shape))
        if not shape:
            raise ValueError(f"Expected event_shape of one axis at least; got {event_shape!r}.")
        if not isinstance(transform, Transform):
            raise ValueError(f"Expected a tfp_flows.transforms.Transform; got {type(transform).__name__}.")
        super().__init__(len(shape), dtype=dtype, is_constant_jacobian=transform.is_volume_preserving, name=name)
        self.event_shape = shape
        self.num_elements = math.prod(shape)
        self.transform = transform
        self.conditioner = conditioner
        self._build()
        if validate_args:
            require_order(self)

    @property
    def takes_context(self) -> bool:
        return getattr(self.conditioner, "context_shape", None) is not None

    @property
    def num_sequential_steps(self) -> int:
        """int, d: in how many passes of the conditioner the sequential direction is exact."""
        return min(getattr(self.conditioner, "num_sequential_steps", self.num_elements), self.num_elements)

    def _inverse_and_log_det(self, y, context=None):
        rows, context, batch = self._rows(y, context)
        x, log_det = self.transform.inverse_and_log_det(rows, self._raw(rows, context))
        return reshape_like(x, y), self._sum(log_det, batch)

    def _forward_and_log_det(self, x, context=None):
        rows, context, batch = self._rows(x, context)
        y = self._sequential(rows, context)
        # Once more, with all of y known.
        log_det = self.transform.forward_and_log_det(rows, self._raw(y, context))[1]
        return reshape_like(y, x), self._sum(log_det, batch)

    def forward_guided(self, x: tf.Tensor, context: tf.Tensor, other: tf.Tensor, guidance: float) -> tf.Tensor:
        """y = f(x; other + w (own - other)), own and other the parameters of two contexts: guided samples.

        w is 1 at the first element of the conditioner's order and `guidance` at the last, in a straight line between
        where the conditioner says how far in it each comes (`progress`), and `guidance` at all of them where not.

        Args:
            x: tensor (batch, *event_shape).
            context, other: tensors (batch, *context_shape).
            guidance: float.

        Returns:
            tensor (batch, *event_shape).
        """
        rows, own, _ = self._rows(x, context)
        _, other, _ = self._rows(x, other)
        progress = tf.constant(getattr(self.conditioner, "progress", 1.0), x.dtype)
        w = tf.broadcast_to(1 + tf.cast(guidance - 1, x.dtype) * progress, tf.shape(rows))

        # Both contexts in one batch, so that any solver serves: in the place of the second latents it is handed w.
        def step(x_i, raw_i):
            (x_i, w_i), (own, other) = tf.split(x_i, 2), tf.split(raw_i, 2)
            y_i = self._step(x_i, other + w_i[..., tf.newaxis] * (own - other))
            return tf.concat([y_i, y_i], 0)

        solve = getattr(self.conditioner, "solve", self._solve)
        y = solve(step, tf.concat([rows, w], 0), tf.concat([own, other], 0))
        return reshape_like(tf.split(y, 2)[0], x)

    def _sequential(self, x, context):
        """y, element after element, with the gradient of the fixed point that it is."""

        @tf.custom_gradient
        def run(x, *contexts):
            # In eager code a tape around would otherwise record, and so store, every pass in here.
            with stop_recording():
                solve = getattr(self.conditioner, "solve", self._solve)
                y = solve(self._step, x, *(contexts or [None]))

            def gradient(g, variables=()):
                # Tensors of the graph that is made now: the gradient of this one may see no other's.
                found = self._pulled_back(*_copied([y, g]), _copied([x, *contexts]), list(variables))
                return found[: 1 + len(contexts)], found[1 + len(contexts) :]

            return y, gradient

        return run(x, *([] if context is None else [context]))

    def _pulled_back(self, y, g, inputs, variables):
        """The gradient g by y as those by the inputs, (x, context) or (x,), and by variables; None where there is none.

        It can itself be differentiated: then y, which is cut off here, is solved for once more as a function of them.
        """
        connected = []

        def pull(y, g, inputs):
            sources = [*inputs, *variables]

            def advance(k, total):
                with tf.GradientTape() as tape:
                    tape.watch(y)
                    image = self._image(inputs, y)
                return k + 1, g + tape.gradient(image, y, total, unconnected_gradients=tf.UnconnectedGradients.ZERO)

            d = self.num_sequential_steps - 1
            total = tf.while_loop(lambda k, _: k < d, advance, (0, g), maximum_iterations=d)[1]
            with tf.GradientTape() as tape:
                tape.watch(sources)
                image = self._image(inputs, y)
            return tape.gradient(image, sources, total)

        @tf.custom_gradient
        def run(g, *inputs):
            found = pull(y, g, inputs)
            connected[:] = [i for i, value in enumerate(found) if value is not None]

            def gradient(*gs, variables=()):
                by, *given = _copied([g, *inputs])
                own = [by, *given, *variables]
                with tf.GradientTape() as tape:
                    tape.watch(own)
                    again = pull(self._sequential(*given, *[None] * (2 - len(given))), by, given)
                seconds = tape.gradient([again[i] for i in connected], own, gs)
                return seconds[: 1 + len(given)], seconds[1 + len(given) :]

            return [tf.convert_to_tensor(found[i]) for i in connected], gradient

        found = run(g, *inputs)
        values = dict(zip(connected, found))
        return [values.get(i) for i in range(len(inputs) + len(variables))]

    def _image(self, inputs, y):
        """f(x; net(y)), whose fixed point is the y that belongs to x."""
        return self._step(inputs[0], self._raw(y, *(inputs[1:] or [None])))

    def _step(self, x_i, raw_i):
        return self.transform.forward_and_log_det(x_i, raw_i)[0]

    def _solve(self, step, x, context):
        """d passes: after k of them the first k elements of every chain no longer change."""
        advance = lambda k, y: (k + 1, step(x, self._raw(y, context)))
        d = self.num_sequential_steps
        return tf.while_loop(lambda k, y: k < d, advance, (0, tf.zeros_like(x)), maximum_iterations=d)[1]

    # A loop's body is a graph of its own.
    @counted_by_their_graph()
    def _raw(self, y, context):
        options = {} if context is None else {"context": context}
        return tf.cast(self.conditioner(y, **options), y.dtype)

    def _rows(self, values, context):
        """Events (rows, *event), contexts (rows, m) or None, and the batch shape of any rank; None of rows already."""
        require_event_shape(values, self.event_shape, self.name)
        is_rows = values.shape.rank == len(self.event_shape) + 1
        batch = None if is_rows and context is None else tf.shape(values)[: -len(self.event_shape)]
        context = context_rows(self.name, self.conditioner, context, batch).get("context")
        if is_rows:
            return with_event_shape(values, self.event_shape), context, None
        return tf.reshape(values, [-1, *self.event_shape]), context, batch

    def _sum(self, log_det, batch):
        if self.is_constant_jacobian:
            return tf.zeros([], log_det.dtype)
        total = tf.reduce_sum(log_det, axis=list(range(1, 1 + len(self.event_shape))))
        return total if batch is None else tf.reshape(total, batch)

    def _build(self):
        """Builds the conditioner where it is not built, and holds its output against what the transform needs."""
        options = {}
        if self.takes_context:
            options["context"] = tf.zeros([1, *self.conditioner.context_shape], self.dtype)
        with tf.init_scope():
            try:
                shape = self.conditioner(tf.zeros([1, *self.event_shape], self.dtype), **options).shape
            except (TypeError, tf.errors.InvalidArgumentError) as error:
                raise ValueError(
                    f"Expected a conditioner of events of shape {self.event_shape}; got {self.conditioner!r}, which "
                    f"does not take them."
                ) from error
        expected = (*self.event_shape, self.transform.num_params)
        if tuple(shape[1:]) != expected:
            raise ValueError(f"Expected the conditioner to return parameters {expected}; got {tuple(shape[1:])}.")


def _copied(tensors):
    return [tf.identity(tensor) for tensor in tensors]
