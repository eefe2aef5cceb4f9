"""The face of a served flow, whoever computes: checks of what goes in, and the names of what comes out.

    caller -> face: shapes, kinds of numbers, casts -> signature -> face: arrays -> caller

`ServedFlow` computes in this process, `Client` asks a server. Nothing here imports TensorFlow.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tfp_flows.data.tables.arguments import argument

# Kind of a signature's dtype -> the kinds of arrays that are cast to it, and what they are called.
_KINDS = {
    "f": ("f", "floating-point numbers"), "i": ("iu", "integers"), "u": ("iu", "integers"),
    "b": ("b", "booleans"), "O": ("U", "text"),
}  # fmt: skip


class Spec(NamedTuple):
    """What a named tensor of a signature is.

    Attributes:
        shape: tuple, None where a size is free.
        dtype: `np.dtype`; object for text.
    """

    shape: tuple[int | None, ...]
    dtype: np.dtype

    @property
    def is_batch(self) -> bool:
        """Whether it has a row for each event."""
        return self.shape[:1] == (None,)


class Served(abc.ABC):
    """log_prob, score, sample, encode and decode on arrays.

    Attributes:
        signatures: names of what is served, a tuple.
    """

    signatures: tuple[str, ...] = ()

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

    def log_prob_columns(self, columns: Mapping[str, ArrayLike]) -> np.ndarray:
        """Log density of the rows of a table, as `tfp-flows score` writes it beside them.

        Args:
            columns: name -> array (batch,), by the titles of the table or the names of the signature's arguments: a
                dictionary, a data frame of pandas, a table of pyarrow. Numbers in the data's units, whole numbers and
                booleans as they are, dates as days since the first that the data had (see the model card); class
                labels as the data have them. What else is there is left alone.

        Returns:
            Array of shape (batch,), of the model's dtype, nats per event; of whole numbers per bin of width 1.

        Raises:
            ValueError: if a column is missing, its values are of another kind, not one for each row, or stand for no
                class, or the version does not serve this: it is of no table whose columns have titles.
        """
        name = "log_prob_columns"
        return self._ask(name, self._of_columns(self._inputs(name), columns))["log_prob"]

    def score(
        self, x: ArrayLike, seed: ArrayLike | None = None, context: ArrayLike | None = None
    ) -> dict[str, np.ndarray]:
        """Log density of events of integer data, as the integers that they are.

        Args:
            x: integers shaped (batch,) + event, of 8 bits (images) or more.
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
        signature = "score" if seed is None else "score_with_noise"
        noise = {} if seed is None else {"seed": _seed(seed)}
        if np.asarray(x).dtype == np.uint8 and f"{signature}_uint8" in self.signatures:
            # A quarter of the bytes; versions that were exported before have none.
            signature += "_uint8"
        return self._call(signature, x=x, context=context, **noise)

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

    def _of_columns(self, specs, columns):
        """Values by the names of the arguments, from those by titles."""
        names = getattr(columns, "column_names", None) or (columns.keys() if hasattr(columns, "keys") else None)
        if names is None:
            raise ValueError(f"Expected columns as a dictionary or a table of arrays by name; got {columns!r}.")
        found = {}
        for name, spec in specs.items():
            titles = [name] if name in names else [title for title in names if argument(str(title)) == name]
            if len(titles) != 1:
                raise ValueError(
                    f"Expected one column {name!r}, as the signature calls it; got {', '.join(map(str, names))}."
                )
            values = columns[titles[0]]
            if spec.dtype.kind != "f":
                values = self._labels(np.asarray(values), name)
            elif np.asarray(values).dtype.kind in "biu":
                values = np.asarray(values, spec.dtype)
            found[name] = values
        sizes = {name: np.size(values) for name, values in found.items()}
        first = next(iter(sizes))
        for name, size in sizes.items():
            if size != sizes[first]:
                raise ValueError(f"Expected columns of one length; got {sizes[first]} in {first}, {size} in {name}.")
        return found

    @abc.abstractmethod
    def _specs(self, signature: str) -> dict[str, Spec]:
        """What a signature that is served takes."""

    @abc.abstractmethod
    def _answer(self, signature: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What a signature gives for arrays that it takes."""

    def _why_not(self, signature: str) -> str:
        """Why a signature is not served, a sentence, where that is known."""
        return ""

    def _labels(self, context: ArrayLike, where: str) -> ArrayLike:
        """A context as the signatures take it; `where` names it in a sentence."""
        return context

    def _inputs(self, signature):
        """Name -> `Spec` of what a signature takes."""
        if signature not in self.signatures:
            served = ", ".join(self.signatures)
            why = self._why_not(signature)
            raise ValueError(f"Expected a model that serves {signature}; got one that serves {served}. {why}".rstrip())
        return self._specs(signature)

    def _call(self, signature, context, **inputs):
        specs = self._inputs(signature)
        if (context is not None) != ("context" in specs):
            wanted = "a context" if "context" in specs else "no context"
            raise ValueError(f"Expected {wanted} for this model's {signature}; got {context!r}.")
        if context is not None:
            inputs["context"] = self._labels(context, "context")
        return self._ask(signature, inputs)

    def _ask(self, signature, inputs):
        specs = self._specs(signature)
        return self._answer(signature, {name: _array(name, value, specs[name]) for name, value in inputs.items()})


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
    """The array that a signature takes; a value of another shape, kind or range is refused."""
    array = np.asarray(value)
    sizes_fit = all(wanted in (None, size) for wanted, size in zip(spec.shape, array.shape))
    if len(spec.shape) != array.ndim or not sizes_fit:
        wanted = ", ".join("batch" if size is None else str(size) for size in spec.shape)
        raise ValueError(f"Expected {name} of shape ({wanted}); got {array.shape}.")
    if not spec.shape:  # n and temperature, which are checked by their own names
        return array.astype(spec.dtype)
    kinds, what = _KINDS[spec.dtype.kind]
    if array.dtype == object and all(isinstance(part, str) for part in array.flat):
        array = array.astype(str)
    if array.dtype.kind not in kinds:
        raise ValueError(f"Expected {what} in {name}; got {array.dtype.name}.")
    if spec.dtype.kind in "iu" and array.size:
        limits = np.iinfo(spec.dtype)
        beyond = [number for number in (array.min(), array.max()) if not limits.min <= number <= limits.max]
        if beyond:
            raise ValueError(f"Expected integers in {limits.min}..{limits.max} in {name}; got {beyond[0]}.")
    return array.astype(spec.dtype)
