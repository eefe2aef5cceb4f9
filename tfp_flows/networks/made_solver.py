"""Samples of an autoregressive layer at the price of few passes of its MADE: each hidden unit is computed once.

    z_i, then y_i = step(z_i, raw_i(y_1..y_i-1)), for i = 1..n in MADE's order

Units of degree i see features 1..i and are new only when these are known: computed then, they never change. So one walk
through the features computes the network once, where n full passes would compute it n times. Features are taken in
groups, and groups in spans. The spans are halved again and again: what the first half gives to all units of the second
is one matrix product a layer, so that most of the work is in few large products. What earlier groups of a span give to
a group is one too; within the group each feature's units follow one after another, in matrices of a few rows.

    a_k = b_k
    solve(spans):                 solve(first half)
                                  a_k = a_k + W_k h_k-1                     second half's a, first half's h
                                  solve(second half)
    solve(one span):
        for each group:           a_k = a_k + W_k h_k-1                     earlier groups of this span
            for each feature i:   h_k,i = activation(a_k,i + W_k h_k-1)     units of degree i - 1, of this group
                                  y_i = step(z_i, a_i + W h)

The loop over a span's groups is a tf.while_loop, the few spans and the features of a group are unrolled, and the walk
through a group is traced once for all: the graph's size does not depend on n. Arrays are (units, batch): what is
joined and cut lies in one piece. For that units are padded to as many for each degree, with weights of zero.
The equations are MADE's (see `tfp_flows.networks.made`); the result is that of n passes, up to rounding.
"""

import numpy as np
import tensorflow as tf


def solve(made, step, z, context=None, group=None, span=None):
    """The y that `made` and `step` give for z, feature after feature.

    Args:
        made: `tfp_flows.networks.MADE`, built.
        step: function of z_i (batch,) and raw_i (batch, num_params), elementwise, that gives y_i (batch,).
        z: tensor (batch, n).
        context: tensor (batch, m), or None.
        group: int, features a group; None for a good number.
        span: int, groups a span at most; None for a good number.

    Returns:
        tensor (batch, n).

    Example:
        >>> from tfp_flows.networks import MADE, made_solver
        >>> made = MADE(3, num_params=1, hidden_units=8, output_initializer="glorot_uniform")
        >>> z = tf.random.stateless_normal([5, 3], [0, 1])
        >>> made.build()
        >>> y = made_solver.solve(made, lambda z_i, raw_i: z_i + raw_i[..., 0], z)
        >>> bool(tf.reduce_all(tf.abs(y - (z + made(y)[..., 0])) < 1e-5))
        True
    """
    group, span = _sizes(made.num_features, group, span)
    wiring = _Wiring(made, group)
    num_events, static = tf.shape(z)[0], z.shape[0]
    if not static:
        # A batch that is empty, or may be, gets an event: TensorFlow refuses to scatter no columns.
        z, context = _not_empty(z), None if context is None else _not_empty(context)
    layers = wiring.layers(context)
    walk = _make_walk(made, step, layers, group, z.dtype)
    places, batch = tf.gather(_padded(tf.transpose(z)), wiring.features), tf.shape(z)[0]
    totals = [tf.broadcast_to(layer.bias, [wiring.num_groups * layer.rows, batch]) for layer in layers]
    found = _solve_groups(walk, layers, totals, places, 0, wiring.num_groups, span)
    y = tf.gather(found[0], np.argsort(made.features))
    return tf.ensure_shape(tf.cast(tf.transpose(y), z.dtype)[:num_events], [static, made.num_features])


def _make_walk(made, step, layers, size, dtype):
    """A function of what the features of a group are solved from, that gives them and their units, a list by layer.

    Args of it:
        z: (size, batch).
        totals: list by layer, (rows of a group, batch), what all earlier groups give to this one's units.
        kernels: list by layer, (rows, columns of a group), the weights within the group.
    """

    def walk(z, totals, kernels):
        # By feature: what is known of its units, and the weights of this group's to them.
        pending, own = [tf.split(total, size) for total in totals], [tf.split(kernel, size) for kernel in kernels]
        z = tf.unstack(z)
        new = [[] for _ in layers]
        for j in range(size):
            for k in range(len(layers)):
                total = pending[k][j]
                if new[k]:
                    values = tf.concat(new[k], 0) if len(new[k]) > 1 else new[k][0]
                    total += tf.matmul(own[k][j][:, : values.shape[0]], values)
                if k < len(layers) - 1:
                    unit = made.activation(total)
                    # The first layer of all has features before it, and no units to add to.
                    new[k + 1].append(new[k][-1] + unit if made.residual and k > 0 else unit)
            y = step(z[j], tf.cast(tf.transpose(total), dtype))
            new[0].append(tf.cast(y, made.compute_dtype)[tf.newaxis])
        return [tf.concat(values, 0) for values in new]

    # In a graph both are functions of the graph, traced once and called at all places.
    step = _as_function(step, [tf.TensorSpec([None], dtype), tf.TensorSpec([None, made.num_params], dtype)])
    totals = [tf.TensorSpec([layer.rows, None], made.compute_dtype) for layer in layers]
    kernels = [tf.TensorSpec([layer.rows, layer.columns], made.compute_dtype) for layer in layers]
    return _as_function(walk, [tf.TensorSpec([size, None], dtype), totals, kernels], inline=True)


def _as_function(function, specs, inline=None):
    """Where `inline` is None, a small function is put in the place of each of its calls; a large one, as the step of a
    mixture, which is solved for, is not: that takes TensorFlow longer than all else."""
    if tf.executing_eagerly():
        return function
    options = dict(autograph=False, input_signature=specs)
    traced = tf.function(function, **options).get_concrete_function()
    if inline or len(traced.graph.get_operations()) < 50:
        return traced
    return tf.function(function, experimental_attributes={"_noinline": True}, **options).get_concrete_function()


def _solve_groups(walk, layers, totals, z, first, last, span):
    """The features and the hidden units of the groups first..last-1, a list by layer, (columns of them, batch) each.

    Args of it:
        totals: list by layer, (rows of these groups, batch), what all groups before give to these.
        z: (features of these groups, batch).
    """
    groups = last - first
    if groups <= span:
        return _solve_span(walk, layers, totals, z, first, last)
    middle = first + (groups + 1) // 2
    cut = [middle - first, last - middle]
    z = tf.split(z, [z.shape[0] // groups * size for size in cut])
    totals = [tf.split(total, [layer.rows * size for size in cut]) for layer, total in zip(layers, totals)]
    known = _solve_groups(walk, layers, [total[0] for total in totals], z[0], first, middle, span)
    onward = [
        total + tf.matmul(layer.block((middle, last), (first, middle)), values)
        for layer, (_, total), values in zip(layers, totals, known)
    ]
    new = _solve_groups(walk, layers, onward, z[1], middle, last, span)
    return [tf.concat(pair, 0) for pair in zip(known, new)]


def _solve_span(walk, layers, totals, z, first, last):
    """As `_solve_groups`, group after group."""
    groups, batch = last - first, tf.shape(z)[1]
    kernels = [layer.block((first, last), (first, last)) for layer in layers]
    if groups == 1:
        return walk(z, totals, kernels)
    z = tf.reshape(z, [groups, -1, batch])
    before = [tf.reshape(total, [groups, layer.rows, batch]) for layer, total in zip(layers, totals)]
    within = [tf.reshape(kernel, [groups, layer.rows, -1]) for layer, kernel in zip(layers, kernels)]

    def body(b, hidden):
        """Group b: its units and the later ones' in `hidden` are zeros yet."""
        totals, kernels = [], []
        for layer, total, kernel, values in zip(layers, before, within, hidden):
            totals.append(total[b] + tf.matmul(kernel[b], tf.reshape(values, [-1, batch])))
            kernels.append(tf.slice(kernel[b], [0, b * layer.columns], [layer.rows, layer.columns]))
        return b + 1, tuple(_put(buffer, b, new) for buffer, new in zip(hidden, walk(z[b], totals, kernels)))

    zeros = tuple(tf.zeros([groups, layer.columns, batch], layer.kernel.dtype) for layer in layers)
    found = tf.while_loop(lambda b, _: b < groups, body, (0, zeros), maximum_iterations=groups)[1]
    return [tf.reshape(buffer, [-1, batch]) for buffer in found]


class _Layer:
    """One layer's weights, in the order of the degrees.

    kernel: (rows of all groups, columns of all groups); bias: (rows, 1 or batch).
    rows, columns: of a group.
    """

    def __init__(self, kernel, bias, rows, columns):
        self.kernel, self.bias, self.rows, self.columns = kernel, bias, rows, columns

    def block(self, to, of):
        """What the groups of[0]..of[1]-1 give to the groups to[0]..to[1]-1."""
        return self.kernel[to[0] * self.rows : to[1] * self.rows, of[0] * self.columns : of[1] * self.columns]


class _Wiring:
    """Which feature and which units stand at which place, padded to groups of one size."""

    def __init__(self, made, group):
        self.made = made
        n = made.num_features
        self.num_groups = -(-n // group)
        places = self.num_groups * group
        # An index beyond the last is that of a padded zero.
        self.features = np.full(places, n)
        self.features[:n] = made.features
        self.units = []
        for degrees in made.degrees[1:]:
            # Units that see d features stand at place d, before the feature there.
            counts = np.bincount(degrees, minlength=places)
            units = np.full((places, counts.max()), len(degrees))
            for place in np.flatnonzero(counts):
                units[place, : counts[place]] = np.flatnonzero(degrees == place)
            self.units.append(units)

    def layers(self, context):
        """The layers' weights, gathered; with what the context adds to the first."""
        made, groups = self.made, self.num_groups
        n, p = made.num_features, made.num_params
        # Of the output the rows are (feature, parameter).
        outputs = np.where(self.features[:, np.newaxis] < n, self.features[:, np.newaxis] * p + np.arange(p), n * p)
        indices = [self.features[:, np.newaxis], *self.units, outputs]
        layers = []
        for k, ((kernel, mask), bias) in enumerate(zip(made.kernels_and_masks(), made.biases())):
            columns, rows = indices[k].ravel(), indices[k + 1].ravel()
            bias = bias[:, tf.newaxis]
            if k == 0 and context is not None:
                bias += tf.transpose(tf.matmul(tf.cast(context, made.compute_dtype), made.context_kernel()))
            # Rows lie in one piece, so that gathering them, twice, is a third of the price of gathering columns. What
            # is gathered for a padded place is another's, and masked.
            kernel = tf.gather(kernel, np.minimum(columns, kernel.shape[0] - 1))
            kernel = tf.gather(tf.transpose(kernel), np.minimum(rows, kernel.shape[1] - 1))
            allowed = np.pad(mask, [[0, 1], [0, 1]])[columns][:, rows].T
            layers.append(
                _Layer(
                    tf.where(allowed, kernel, tf.zeros([], kernel.dtype)),
                    tf.gather(_padded(bias), rows),
                    rows=rows.size // groups,
                    columns=columns.size // groups,
                )
            )
        return layers


def _padded(values):
    """With a row of zeros at the end."""
    return tf.pad(values, [[0, 1], [0, 0]])


def _not_empty(values):
    return tf.pad(values, [[0, tf.cast(tf.equal(tf.shape(values)[0], 0), tf.int32)], [0, 0]])


def _put(buffer, b, values):
    return tf.tensor_scatter_nd_update(buffer, [[b]], values[tf.newaxis])


def _sizes(num_features, group, span):
    """Features a group and groups a span. Few features are walked in small groups, whose unrolled walk is short; many
    in larger, or the groups are many. Each span is traced by itself: more of them are faster, but not to begin with."""
    # Two at least: a single feature's units, of no use, stand at the place after it.
    group = group or max(2, min(num_features, 4 if num_features <= 128 else 16))
    return group, span or -(-(-(-num_features // group)) // (12 if num_features <= 128 else 4))
