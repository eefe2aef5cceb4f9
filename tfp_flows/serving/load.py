"""Load: a served flow back in Python, with TensorFlow alone.

Needs none of Keras, TensorFlow Probability and the flow's own classes: the SavedModel holds the computation. What it
answers is what the server answers: numbers, without gradients.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib

import numpy as np

from tfp_flows.data.labels import Labels
from tfp_flows.serving.card import read_card
from tfp_flows.serving.face import Served, Spec
from tfp_flows.serving.versions import numbers


def load(path: str | os.PathLike) -> ServedFlow:
    """Opens what `export` wrote.

    Args:
        path: the model's folder, of which the highest version is opened, or the folder of one version.

    Returns:
        A `ServedFlow`.

    Raises:
        ValueError: if there is no such folder, no numbered version in it, or if the version is not whole.

    Example:
        >>> import tempfile
        >>> import tensorflow_probability as tfp
        >>> import tfp_flows
        >>> flow = tfp_flows.Flow(tfp.distributions.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0]))
        >>> path = tempfile.mkdtemp()
        >>> version = tfp_flows.serving.export(flow, path)
        >>> log_prob = tfp_flows.serving.load(path).log_prob([[0.0, 0.0]])  # -ln(2 pi)
        >>> round(float(log_prob[0]), 4)
        -1.8379
    """
    return ServedFlow(_version(pathlib.Path(os.fspath(path))))


class ServedFlow(Served):
    """The functions of one served version, on arrays. Made by `load`.

    A server differentiates nothing, and a SavedModel holds no gradients of those operations that have one of their own.
    So nothing here is recorded by a `tf.GradientTape`, and an input that one watches is refused with a ValueError.

    Attributes:
        path: the version's folder, a string.
        card: the model card, a dictionary; empty where the version has none.
        signatures: names of what is served, a tuple.
    """

    def __init__(self, version: pathlib.Path):
        import tensorflow as tf  # here, so that importing this module costs nothing

        self.path = str(version)
        self.card = read_card(version)
        self._class_labels = _class_labels(self.card)
        with _quiet_of_gradients():
            self._model = tf.saved_model.load(self.path)  # held: the functions do not keep their variables alive
        self._functions = dict(self._model.signatures)
        self._constant, self._tensor = tf.constant, tf.Tensor
        self.signatures = tuple(sorted(self._functions))

    def __repr__(self):
        return f"ServedFlow({self.path!r}, signatures={self.signatures})"

    def _specs(self, signature):
        taken = self._functions[signature].structured_input_signature[1]
        return {name: Spec(tuple(spec.shape), np.dtype(spec.dtype.as_numpy_dtype)) for name, spec in taken.items()}

    def _why_not(self, signature):
        return self.card.get("left_out", {}).get(signature, "")

    def _labels(self, context, where):
        labels = self._class_labels
        return context if labels is None else labels.decode(labels.encode(context, where))

    def _ask(self, signature, inputs):
        from tfp_flows.bridge import tape  # here, as TensorFlow above

        if tape.records([value for value in inputs.values() if isinstance(value, self._tensor)]):
            raise ValueError(
                f"Expected the inputs of a served {signature} as arrays, for what is served has no gradients: ask the "
                "flow that was exported; got a tensor that a tf.GradientTape watches."
            )
        with tape.stop_recording():
            return super()._ask(signature, inputs)

    def _answer(self, signature, arrays):
        tensors = {name: self._constant(array) for name, array in arrays.items()}
        return {name: tensor.numpy() for name, tensor in self._functions[signature](**tensors).items()}


@contextlib.contextmanager
def _quiet_of_gradients():
    """TensorFlow warns of each function whose gradient it could not compute, which nothing here asks for."""
    logger, filtered = logging.getLogger("absl"), lambda line: "unsaved custom gradients" not in line.getMessage()
    logger.addFilter(filtered)
    try:
        yield
    finally:
        logger.removeFilter(filtered)


def _class_labels(card):
    """The labels that the signatures take; None where these are 0..n-1, or no labels."""
    known = card.get("class_labels")
    labels = None if known is None else Labels.from_dict(known, "class_labels of the model card")
    return None if labels is None or labels.is_range else labels


def _version(path):
    """The folder of a version, given itself or the folder of the model."""
    if not path.is_dir():
        raise ValueError(f"Expected the folder of an exported model; got {str(path)!r}, which is none.")
    version = path
    if not (path / "saved_model.pb").is_file() and not (path / "variables").is_dir():
        found = numbers(path)
        if not found:
            raise ValueError(f"Expected a folder with a numbered version in it; got {str(path)!r}, which has none.")
        version = path / found[max(found)]
    missing = [name for name in ("saved_model.pb", "variables/variables.index") if not (version / name).is_file()]
    if missing:
        raise ValueError(f"Expected a whole version; got {str(version)!r}, which lacks {' and '.join(missing)}.")
    return version
