"""Initial values of masked kernels: variances that count the connections that are there.

    Var(w_ij) = scale / n_ij,   n_ij = fan_in_j, fan_out_i, or the mean of both
    fan_in_j = the inputs that unit j sees,   fan_out_i = the units that see input i

Keras' initializers count all of a kernel's rows and columns. Under a mask, which keeps half of the connections on the
mean and few of those of the first units, they begin with signals that are too small, the more the earlier the unit.
Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010; He, Zhang, Ren and
Sun, arXiv:1502.01852, section 2.2.
"""

import keras
import numpy as np
import tensorflow as tf


def masked_initializer(initializer, mask, more_inputs=0):
    """An initializer of the same family, for a kernel that is used under a mask.

    Args:
        initializer: Keras initializer or its name. One whose variance does not depend on the fans (zeros, a normal
            distribution of given standard deviation, ...) is returned as it is.
        mask: array (..., inputs, outputs) as the kernel, not zero where a connection is; of a convolution the axes
            before the last two are its taps.
        more_inputs: int, or int array (outputs,): inputs that the units have beside this kernel's, as a context.

    Returns:
        A Keras initializer, or a function of (shape, dtype) that Keras takes for one.

    Example:
        >>> from tfp_flows.networks.masked_initializer import masked_initializer
        >>> initializer = masked_initializer("lecun_normal", np.tril(np.ones([4, 400])))
        >>> initializer((4, 400)).shape.as_list()
        [4, 400]
    """
    initializer = keras.initializers.get(initializer)
    if not isinstance(initializer, keras.initializers.VarianceScaling):
        return initializer
    there = np.asarray(mask) != 0
    taps = tuple(range(there.ndim - 2))
    fan_in = there.sum((*taps, -2)) + more_inputs  # (outputs,)
    fan_out = there.sum((*taps, -1))[:, np.newaxis]  # (inputs, 1)
    # What Keras counts.
    num_taps = np.prod(there.shape[:-2])
    all_in, all_out = num_taps * there.shape[-2], num_taps * there.shape[-1]
    counted = {
        "fan_in": (all_in, fan_in),
        "fan_out": (all_out, fan_out),
        "fan_avg": ((all_in + all_out) / 2, (fan_in + fan_out) / 2),
    }
    keras_count, count = counted[initializer.mode]
    # The family is one of scale. A unit that sees nothing has no value to set.
    factor = np.broadcast_to(np.sqrt(keras_count / np.maximum(count, 1)), there.shape)

    def initialize(shape, dtype=None):
        values = tf.convert_to_tensor(initializer(shape, dtype=dtype))
        return values * tf.constant(factor, values.dtype)

    return initialize
