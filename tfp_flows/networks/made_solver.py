"""Samples of an autoregressive layer at the price of few passes of its MADE: each hidden unit is computed once.

    z_i, then y_i = step(z_i, raw_i(y_1..y_i-1)), for i = 1..n in MADE's order

Units of degree i see features 1..i and are new only when these are known: computed then, they never change. So one walk
through the features computes the network once, where n full passes would compute it n times. Features are taken in
groups: what earlier groups give to the units of a group is one matrix product a layer; within the group each feature's
units follow one after another, in matrices of a few rows.

    for each group:           a_k = W_k h_k-1 + b_k                     all earlier groups
        for each feature i:   h_k,i = activation(a_k,i + W_k h_k-1)     units of degree i - 1, of this group's so far
                              y_i = step(z_i, a_i + W h)

The loop over groups is a tf.while_loop, that over the features of a group is unrolled: the graph's size does not depend
on n. Arrays are (units, batch): what is appended and sliced lies in one piece. For that units are padded to as many for
each degree, with weights of zero.
The equations are MADE's (see `tfp_flows.networks.made`); the result is that of n passes, up to rounding.
"""

import numpy as np
import tensorflow as tf


def solve(made, step, z, context=None, group=None):
    """The y that `made` and `step` give for z, feature after feature.

    Args:
        made: `tfp_flows.networks.MADE`, built.
        step: function of z_i (batch,) and raw_i (batch, num_params), elementwise, that gives y_i (batch,).
        z: tensor (batch, n).
        context: tensor (batch, m), or None.
        group: int, features a group; None for a good number.

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
    wiring = _Wiring(made, group or _group_size(made.num_features))
    layers = wiring.layers(context)
    n, groups, size = made.num_features, wiring.num_groups, wiring.group
    dtype, batch = made.compute_dtype, tf.shape(z)[0]
    z_groups = tf.reshape(tf.gather(_padded(tf.transpose(z), [0]), wiring.features), [groups, size, batch])

    def body(b, y, hidden):
        known = [y, *hidden]
        # What is known of all earlier groups; of this one and the later there are zeros yet.
        before = [
            tf.matmul(layer.kernel[b], tf.reshape(values, [-1, batch])) + layer.bias[b]
            for layer, values in zip(layers, known)
        ]
        own = [
            tf.slice(layer.kernel[b], [0, b * layer.columns], [layer.rows, layer.columns]) for layer in layers
        ]  # each from this group's to this group's
        y_new, new = [], [[] for _ in hidden]
        for j in range(size):
            value = tf.concat(y_new, 0) if y_new else None
            for k, layer in enumerate(layers[:-1]):
                rows = slice(j * layer.width, (j + 1) * layer.width)
                total = before[k][rows]
                if value is not None:
                    total += tf.matmul(own[k][rows, : value.shape[0]], value)
                unit = made.activation(total)
                new[k].append(new[k - 1][-1] + unit if made.residual and k > 0 else unit)
                value = tf.concat(new[k], 0)
            rows = slice(j * made.num_params, (j + 1) * made.num_params)
            raw = before[-1][rows] + tf.matmul(own[-1][rows, : value.shape[0]], value)
            y_j = step(z_groups[b, j], tf.cast(tf.transpose(raw), z.dtype))
            y_new.append(tf.cast(y_j, dtype)[tf.newaxis])
        return b + 1, _put(y, b, tf.concat(y_new, 0)), tuple(_put(h, b, tf.concat(v, 0)) for h, v in zip(hidden, new))

    zeros = [tf.zeros([groups, layer.columns, batch], dtype) for layer in layers]
    y = tf.while_loop(
        lambda b, *_: b < groups, body, (0, zeros[0], tuple(zeros[1:])), maximum_iterations=groups
    )[1]  # fmt: skip
    y = tf.gather(tf.reshape(y, [-1, batch]), np.argsort(made.features))
    return tf.ensure_shape(tf.cast(tf.transpose(y), z.dtype), [z.shape[0], n])


class _Layer:
    """One layer's weights, in the order of the degrees.

    kernel: (groups, rows of a group, columns of all groups); bias: (groups, rows, 1 or batch).
    width: rows for each feature; rows, columns: of a group.
    """

    def __init__(self, kernel, bias, width, rows, columns):
        self.kernel, self.bias, self.width, self.rows, self.columns = kernel, bias, width, rows, columns


class _Wiring:
    """Which feature and which units stand at which place, padded to groups of one size."""

    def __init__(self, made, group):
        self.made, self.group = made, group
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
        for k, (kernel, bias) in enumerate(zip(made.masked_kernels(), made.biases())):
            columns, rows = indices[k], indices[k + 1]
            bias = bias[:, tf.newaxis]
            if k == 0 and context is not None:
                bias += tf.transpose(tf.matmul(tf.cast(context, made.compute_dtype), made.context_kernel()))
            kernel = tf.gather(_padded(tf.transpose(kernel), [0, 1]), rows.ravel())
            kernel = tf.gather(kernel, columns.ravel(), axis=1)
            bias = tf.gather(_padded(bias, [0]), rows.ravel())
            layers.append(
                _Layer(
                    tf.reshape(kernel, [groups, -1, columns.size]),
                    tf.reshape(bias, [groups, rows.size // groups, -1]),
                    width=rows.shape[1],
                    rows=rows.size // groups,
                    columns=columns.size // groups,
                )
            )
        return layers


def _padded(values, axes):
    """With a zero more at the end of each of the axes."""
    return tf.pad(values, [[0, int(axis in axes)] for axis in range(values.shape.rank)])


def _put(buffer, b, values):
    return tf.tensor_scatter_nd_update(buffer, [[b]], values[tf.newaxis])


def _group_size(num_features):
    """Few features are walked in small groups, whose unrolled walk is short; many in larger, or the groups are many."""
    # Two at least: a single feature's units, of no use, stand at the place after it.
    return max(2, min(num_features, 8 if num_features <= 128 else 16))
