"""Recording by every tape around: the public `tf.GradientTape.stop_recording` stops that one tape alone."""

from tensorflow.python.eager import record


def stop_recording():
    """A context in which no `tf.GradientTape` and no `tf.autodiff.ForwardAccumulator` records anything.

    Example:
        >>> from tfp_flows.bridge import tape
        >>> x = tf.constant(2.0)
        >>> with tf.GradientTape() as outer:
        ...     outer.watch(x)
        ...     with tape.stop_recording():
        ...         y = 3.0 * x
        >>> outer.gradient(y, x) is None
        True
    """
    return record.stop_recording()


def may_record():
    """Whether some tape is there that may record what is computed now.

    Example:
        >>> from tfp_flows.bridge import tape
        >>> tape.may_record()
        False
    """
    return record.could_possibly_record()


def records(tensors: list) -> bool:
    """Whether some tape records what is computed now from these tensors.

    Example:
        >>> from tfp_flows.bridge import tape
        >>> x = tf.constant(2.0)
        >>> with tf.GradientTape() as outer:
        ...     before = tape.records([x])
        ...     outer.watch(x)
        ...     before, tape.records([x])
        (False, True)
    """
    return record.should_record_backprop(tensors)
