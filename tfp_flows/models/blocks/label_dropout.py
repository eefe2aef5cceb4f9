"""Labels that are left out in training, so that one model knows the data of each class and the data of all.

Guided samples ask for both. Ho and Salimans, Classifier-Free Diffusion Guidance, arXiv:2207.12598, section 3.
"""

from numbers import Real

import tensorflow as tf

# The share that is left out, as published (section 4).
LABEL_DROPOUT = 0.1


def check_label_dropout(value, num_classes):
    """Refuses what is no share of labels.

    Args:
        value: float in [0, 1), or None for the default.
        num_classes: int or None.

    Raises:
        ValueError: where it is none, or there are no classes.

    Example:
        >>> from tfp_flows.models.blocks import label_dropout
        >>> label_dropout.check_label_dropout(1.0, 10)
        Traceback (most recent call last):
        ValueError: Expected label_dropout of at least 0 and below 1, or None; got 1.0.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < 1:
        raise ValueError(f"Expected label_dropout of at least 0 and below 1, or None; got {value!r}.")
    if value and num_classes is None:
        raise ValueError(f"Expected num_classes beside label_dropout; got label_dropout={value!r} alone.")


class LabelsLeftOut:
    """The part of a model of classes that leaves labels out; its `_arguments` have num_classes, and may have
    label_dropout, None for the default."""

    @property
    def label_dropout(self) -> float:
        """The share of labels that training leaves out; 0 where there are no classes."""
        value = self._arguments.get("label_dropout", 0.0)
        default = 0.0 if self._arguments["num_classes"] is None else LABEL_DROPOUT
        return default if value is None else float(value)

    def no_label(self, context: tf.Tensor) -> tf.Tensor:
        """What the networks see in the place of one-hot labels (batch, num_classes) that are left out: zeros."""
        return tf.zeros_like(context)

    def with_labels_left_out(self, context: tf.Tensor | None, seed: tf.Tensor, training: bool) -> tf.Tensor | None:
        """One-hot labels (batch, num_classes), in training a share of them left out.

        The network learns the data of all classes beside those of each, as guided samples ask for: arXiv:2207.12598.
        """
        if not training or not self.label_dropout:
            return context
        kept = tf.random.stateless_uniform(tf.shape(context)[:1], seed, dtype=context.dtype) >= self.label_dropout
        return tf.where(kept[:, tf.newaxis], context, self.no_label(context))
