"""The sequential direction of PixelCNN, each hidden channel of each pixel computed once.

    y_i = step(z_i, raw_i(y)),   i = (row, column, channel) in raster order

A pass of the network for each of the height x width x channels elements would compute all of it as many times. Here the
pixels are worked off as a wavefront (see `numerics.wavefront`), with what each convolution sees before its centre kept
from the last few steps; at a pixel its channels follow one after another, in matrices over the hidden channels of one
degree. The result is that of the passes, up to rounding.
"""

import numpy as np
import tensorflow as tf

from tfp_flows.numerics.wavefront import Wavefront, parts


def solve(net, step, z, context=None):
    """The y that `net` and `step` give for z, pixel after pixel.

    Args:
        net: `tfp_flows.networks.PixelCNN`, built.
        step: function of z_i (batch, slots) and raw_i (batch, slots, num_params), elementwise, that gives y_i.
        z: tensor (batch, height, width, channels).
        context: tensor (batch, m), or None.

    Returns:
        tensor (batch, height, width, channels).

    Example:
        >>> from tfp_flows.networks import PixelCNN, pixelcnn_solver
        >>> net = PixelCNN((4, 3, 1), num_params=1, hidden_channels=8, output_initializer="glorot_uniform")
        >>> z = tf.random.stateless_normal([5, 4, 3, 1], [0, 1])
        >>> net.build()
        >>> y = pixelcnn_solver.solve(net, lambda z_i, raw_i: z_i + raw_i[..., 0], z)
        >>> bool(tf.reduce_all(tf.abs(y - (z + net(y)[..., 0])) < 1e-5))
        True
    """
    dtype, channels = net.compute_dtype, net.event_shape[-1]
    front = Wavefront(*net.event_shape[:2], net.kernel_size // 2)
    layers, added = net.layers(context)
    # The convolutions that see neighbours are the first and the first of each block.
    wide = [0, *range(1, len(layers) - 1, 2)]
    reaches = [net.kernel_size // 2, *[1] * net.num_blocks]
    split = [parts(kernel) for kernel, _ in layers]
    seen = [tf.constant(front.is_seen(reach), dtype) for reach in reaches]
    columns = front.columns(net.turned(z))
    batch = tf.shape(z)[0]
    widths = [channels, *[net.hidden_channels] * net.num_blocks]
    histories = tuple(front.start(batch, width, dtype) for width in widths)
    # Hidden channels of one degree lie together.
    bounds = np.searchsorted(net.degrees, np.arange(channels + 1))
    groups = [slice(*pair) for pair in zip(bounds[:-1], bounds[1:])]

    def body(t, histories, written):
        before = []
        for k, history, reach, mask in zip(wide, histories, reaches, seen):
            values = tf.matmul(front.neighbours(history, mask[t], reach), split[k][0])
            values += layers[k][1]
            before.append(values if k or added is None else values + added[:, tf.newaxis])
        y, inputs = [], [[] for _ in range(net.num_blocks)]  # what each block's first convolution is given
        middles, lasts = [[] for _ in range(net.num_blocks)], []
        for c, group in enumerate(groups):
            h = before[0][..., group]
            if c:
                h += tf.matmul(tf.stack(y, axis=-1), split[0][1][:c, group])
            for k in range(net.num_blocks):
                inputs[k].append(net.activation(h))
                value = before[k + 1][..., group] + _centre(inputs[k], split[2 * k + 1][1], group)
                middles[k].append(net.activation(value))
                h += _centre(middles[k], split[2 * k + 2][1], group) + layers[2 * k + 2][1][group]
            lasts.append(net.activation(h))
            outputs = slice(c * net.num_params, (c + 1) * net.num_params)
            raw = _centre(lasts, split[-1][1], outputs) + layers[-1][1][outputs]
            y.append(tf.cast(step(columns[t][..., c], tf.cast(raw, z.dtype)), dtype))
        new = [tf.stack(y, axis=-1), *[tf.concat(values, axis=-1) for values in inputs]]
        return t + 1, tuple(map(front.push, histories, new)), written.write(t, new[0])

    written = tf.TensorArray(dtype, size=front.num_steps, element_shape=[z.shape[0], front.num_slots, channels])
    written = tf.while_loop(
        lambda t, *_: t < front.num_steps, body, (0, histories, written), maximum_iterations=front.num_steps
    )[2]  # fmt: skip
    y = net.turned(front.image(written.stack()))
    return tf.ensure_shape(tf.cast(y, z.dtype), [z.shape[0], *net.event_shape])


def _centre(values, kernel, outputs):
    """What the channels so far of the same pixel, all the degrees up to its own, give to some outputs."""
    known = tf.concat(values, axis=-1)
    return tf.matmul(known, kernel[: known.shape[-1], outputs])
