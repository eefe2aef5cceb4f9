"""What stands for the classes of a class-conditional flow in its data, and in what it serves.

In Python a flow knows its classes as 0..n-1, and by text where text stands for them. A served signature takes what the
client has: text, the original integers, booleans. They are looked up in the graph, and one that stands for no class is
refused in a sentence there.
"""

import numpy as np
import tensorflow as tf

from tfp_flows.data.labels import Labels

_DTYPES = {"i": tf.int64, "U": tf.string, "b": tf.bool}


class HasClassLabels:
    """The part of a flow that knows what stands for its classes."""

    @property
    def class_labels(self) -> Labels | None:
        """`tfp_flows.data.Labels`, what stands for the classes in the data: the served signatures take it, pictures
        and the model card show it. None, the default, where that is not known, and 0..n-1 are served.

        Raises:
            ValueError: where it is set to anything else, or not to as many as there are classes.
        """
        return vars(self).get("_class_labels")

    @class_labels.setter
    def class_labels(self, labels):
        if labels is not None and not isinstance(labels, Labels):
            raise ValueError(f"Expected class_labels to be a tfp_flows.data.Labels or None; got {labels!r}.")
        if labels is not None and len(labels) != self.num_classes:
            has = "no num_classes" if self.num_classes is None else f"num_classes={self.num_classes}"
            raise ValueError(f"Expected class_labels for a flow with {has}; got {len(labels)}.")
        # Past Keras, which tracks what it finds in containers.
        vars(self)["_class_labels"] = labels

    def class_title(self, k: int) -> str:
        """str, what class k is called in a picture."""
        return f"class {k}" if self.class_labels is None else self.class_labels.title(int(k))


def from_text(flow, context):
    """A context with the classes in the place of text that stands for them; anything else as it is.

    Args:
        flow: `tfp_flows.Flow`.
        context: array or tensor, list, or one for all.

    Raises:
        ValueError: for text that stands for no class.
    """
    labels = flow.class_labels
    if labels is None or labels.kind != "U" or (tf.is_tensor(context) and not hasattr(context, "numpy")):
        return context
    array = np.asarray(context)
    if array.dtype.kind not in "USO":
        return context
    return np.reshape(labels.encode(array.reshape(-1)), array.shape)


def is_mapped(flow):
    """Whether the served signatures take other labels than 0..n-1."""
    return flow.class_labels is not None and not flow.class_labels.is_range


def dtype(flow):
    """The `tf.DType` of the labels that the served signatures take."""
    return _DTYPES[flow.class_labels.kind] if is_mapped(flow) else tf.int32


def look_up(flow, context):
    """Served labels (batch,) -> classes (batch,), int32, inside a graph.

    One that stands for no class ends the call with an InvalidArgumentError that names it.
    """
    if not is_mapped(flow):
        return context
    labels = flow.class_labels
    # Compared with each: a table would be a resource that has to be initialised wherever the graph is loaded.
    same = tf.equal(context[:, tf.newaxis], tf.constant(labels.values, dtype(flow)))
    known = tf.reduce_any(same, axis=1)
    wrong = tf.boolean_mask(context, ~known)[:1]
    wrong = wrong if wrong.dtype == tf.string else tf.strings.as_string(wrong)
    # The op that fails puts a backslash before every quotation mark.
    listing = labels.listing().replace("'", "").replace('"', "")
    sentence = [f"Expected context among {listing}; got ", tf.strings.reduce_join(wrong), "."]
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(known), [tf.strings.join(sentence)])]):
        return tf.argmax(same, axis=1, output_type=tf.int32)


def example(flow):
    """Labels (1,) that the served signatures take, an array; None for a flow without classes."""
    if flow.num_classes is None:
        return None
    if not is_mapped(flow):
        return np.zeros(1, np.int32)
    return np.array(flow.class_labels.values[:1], dtype(flow).as_numpy_dtype)
