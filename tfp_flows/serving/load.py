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
from numpy.typing import ArrayLike

from tfp_flows.data.labels import Labels
from tfp_flows.serving.card import read_card
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


class ServedFlow:
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

    def log_prob(self, x: ArrayLike, context: ArrayLike | None = None) -> np.ndarray:
        """Log density of events.

        Args:
            x: real numbers shaped (batch,) + event, in the data's units; integer data plus noise from [0, 1).
            context: for a conditional flow, real numbers shaped (batch,) + context, or class labels (batch,) as the
                data have them.

        Returns:
            Array of shape (batch,), of the model's dtype, nats per event.

        Raises:
            ValueError: if x has another shape or another kind of number, a label stands for no class, or the
                version does not serve this.
        """
        return self._call("log_prob", x=x, context=context)["log_prob"]

    def score(
        self, x: ArrayLike, seed: ArrayLike | None = None, context: ArrayLike | None = None
    ) -> dict[str, np.ndarray]:
        """Log density of events of integer data, as the integers that they are.

        Args:
            x: integers shaped (batch,) + event.
            seed: two integers of 32 bits, of the noise with which the bound is scored that papers publish; None for
                the density at the bins' centres, which is what `Flow.log_prob` gives.
            context: as `log_prob`.

        Returns:
            `log_prob`, nats per event, and `bits_per_dim`, each an array of shape (batch,); of a flow of noisy data
            `log_prob` alone.

        Raises:
            ValueError: if x has another shape or holds no integers, or the version does not serve this: it is of
                continuous data, for example.
        """
        if seed is None:
            return self._call("score", x=x, context=context)
        return self._call("score_with_noise", x=x, seed=_seed(seed), context=context)

    def sample(self, n: int, seed: ArrayLike, temperature: float = 1.0, context: ArrayLike | None = None) -> np.ndarray:
        """Draws events; the same arguments give the same events.

        Args:
            n: number of events.
            seed: two integers of 32 bits.
            temperature: factor on the base distribution's scale, at least 0; 1 samples the model.
            context: for a conditional flow, real numbers shaped (n,) + context, or class labels (n,) as the data have
                them.

        Returns:
            Array of shape (n,) + event, of the model's dtype.

        Raises:
            ValueError: if n is no positive integer, the seed not two integers, the temperature negative or another
                than 1 where the base has no scale, or the version does not serve this.
        """
        if not 0 <= temperature < np.inf:
            raise ValueError(f"Expected temperature to be a finite number of at least 0; got {temperature!r}.")
        if "temperature" in self._inputs("sample"):
            return self._call("sample", n=_count(n), seed=_seed(seed), temperature=temperature, context=context)["x"]
        if temperature != 1:
            raise ValueError(f"Expected temperature 1, for this model's base has no scale; got {temperature!r}.")
        return self._call("sample", n=_count(n), seed=_seed(seed), context=context)["x"]

    def encode(self, x: ArrayLike, context: ArrayLike | None = None) -> np.ndarray:
        """Latents of events.

        Args:
            x: real numbers shaped (batch,) + event, in the data's units; integer data plus noise from [0, 1).
            context: for a conditional flow, real numbers shaped (batch,) + context, or class labels (batch,) as the
                data have them.

        Returns:
            Array of shape (batch,) + latent, of the model's dtype.

        Raises:
            ValueError: if x has another shape or another kind of number, a label stands for no class, or the
                version does not serve this.
        """
        return self._call("encode", x=x, context=context)["z"]

    def decode(self, z: ArrayLike, context: ArrayLike | None = None) -> np.ndarray:
        """Events of latents.

        Args:
            z: real numbers shaped (batch,) + latent.
            context: for a conditional flow, real numbers shaped (batch,) + context, or class labels (batch,) as the
                data have them.

        Returns:
            Array of shape (batch,) + event, of the model's dtype.

        Raises:
            ValueError: if z has another shape or another kind of number, a label stands for no class, or the
                version does not serve this.
        """
        return self._call("decode", z=z, context=context)["x"]

    def _inputs(self, signature):
        """Name -> tf.TensorSpec of what a signature takes."""
        if signature not in self._functions:
            why = self.card.get("left_out", {}).get(signature, "")
            served = ", ".join(self.signatures)
            raise ValueError(f"Expected a model that serves {signature}; got one that serves {served}. {why}".rstrip())
        return self._functions[signature].structured_input_signature[1]

    def _call(self, signature, context, **inputs):
        specs = self._inputs(signature)
        if (context is not None) != ("context" in specs):
            wanted = "a context" if "context" in specs else "no context"
            raise ValueError(f"Expected {wanted} for this model's {signature}; got {context!r}.")
        if context is not None:
            labels = self._class_labels
            inputs["context"] = context if labels is None else labels.decode(labels.encode(context, "context"))
        from tfp_flows.bridge import tape  # here, as TensorFlow above

        if tape.records([value for value in inputs.values() if isinstance(value, self._tensor)]):
            raise ValueError(
                f"Expected the inputs of a served {signature} as arrays, for what is served has no gradients: ask the "
                "flow that was exported; got a tensor that a tf.GradientTape watches."
            )
        tensors = {name: self._constant(_array(name, value, specs[name])) for name, value in inputs.items()}
        with tape.stop_recording():
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


def _count(n):
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f"Expected n to be a positive integer; got {n!r}.")
    return n


def _seed(seed):
    array = np.asarray(seed)
    limits = np.iinfo(np.int32)
    whole = array.shape == (2,) and array.dtype.kind in "iu"
    if not whole or array.min() < limits.min or array.max() > limits.max:
        raise ValueError(f"Expected seed to be two integers of 32 bits; got {seed!r}.")
    return array


def _array(name, value, spec):
    array = np.asarray(value)
    if not spec.shape.is_compatible_with(array.shape):
        wanted = ", ".join("batch" if size is None else str(size) for size in spec.shape)
        raise ValueError(f"Expected {name} of shape ({wanted}); got {array.shape}.")
    if spec.shape.rank and spec.dtype.is_floating and array.dtype.kind != "f":
        raise ValueError(f"Expected floating-point numbers in {name}; got {array.dtype.name}.")
    if len(spec.shape) > 1 and spec.dtype.is_integer and array.dtype.kind not in "iu":
        raise ValueError(f"Expected integers in {name}; got {array.dtype.name}.")
    return array.astype(spec.dtype.as_numpy_dtype)
