"""Parts of a training step: its random seed, its loss, the guard that keeps NaN out of weights, the update's order."""

import tensorflow as tf


def step_seed(seed, step):
    """int32 [2]: another one each step and each replica, the same whenever the step comes again.

    Args:
        seed: int, of the flow.
        step: number or tensor, what counts the steps.
    """
    context = tf.distribute.get_replica_context()
    replica = 0 if context is None else context.replica_id_in_sync_group
    pair = tf.stack([tf.constant(seed, tf.int32), tf.cast(step, tf.int32)])
    return tf.random.experimental.stateless_fold_in(pair, tf.cast(replica, tf.int32))


def total_loss(nll, weight, losses):
    """The loss of a batch: its mean and what layers add of their own.

    Args:
        nll: tensor (batch,).
        weight: tensor (batch,) or None.
        losses: list of scalar tensors.
    """
    weighted = nll if weight is None else nll * tf.cast(tf.reshape(weight, tf.shape(nll)), nll.dtype)
    # Sum over batch size, as Keras: weights scale the loss, they do not normalise it.
    return tf.add_n([tf.reduce_mean(weighted), *losses])


def withhold_non_finite(gradients, loss):
    """Zeros for all gradients, and NaN for the loss, where one gradient of the step is not finite.

    Args:
        gradients: list of tensors or None, one a weight.
        loss: scalar tensor.
    """
    gradients = [None if g is None else tf.convert_to_tensor(g) for g in gradients]
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradients if g is not None])
    held = [None if g is None else tf.where(finite, g, tf.zeros_like(g)) for g in gradients]
    return held, tf.where(finite, loss, tf.constant(float("nan"), loss.dtype))


def apply_gradients(optimizer, gradients, weights, after):
    """The optimizer's update, and no part of it before `after` is computed.

    TensorFlow orders a weight's update after every read of it, but its graph optimizer drops an edge that a path of
    data already implies, and later folds that path where only a shape went along it. A network that is evaluated a
    second time for the log_det alone (`tfb.MaskedAutoregressiveFlow`) then now and then reads weights of the next step.

    Args:
        optimizer: `keras.Optimizer`.
        gradients: list of tensors or None, one a weight.
        weights: list of `keras.Variable`.
        after: tensor, what all reads of the step lead to: its loss.
    """
    with tf.control_dependencies([after]):
        gradients = [None if g is None else tf.identity(g) for g in gradients]
        optimizer.apply_gradients(zip(gradients, weights))


def reducible(logs, strategy):
    """The logs of a step in a shape that Keras can reduce: over several workers it takes means over a first axis.

    Args:
        logs: dict of scalar tensors.
        strategy: `tf.distribute.Strategy`.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return logs
    return {name: tf.reshape(value, [1]) for name, value in logs.items()}
