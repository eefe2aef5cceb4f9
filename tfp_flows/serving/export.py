"""Export: a trained flow as the next numbered version of a SavedModel for TensorFlow Serving.

    path/3/saved_model.pb, variables/, fingerprint.pb           graph and weights: nothing else is needed to serve
    path/3/assets.extra/tf_serving_warmup_requests              what the server answers before its first client
    path/3/model_card.json                                      what the model is and where it comes from

How the graph is written, see `tfp_flows.flow.saved_model`.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfp_flows.files import full_disks_in_a_sentence
from tfp_flows.serving.card import model_card, write_card
from tfp_flows.serving.versions import publish, unpublished

if TYPE_CHECKING:
    from tfp_flows.data.tables.schema import Schema
    from tfp_flows.flow import Flow


def export(
    model: Flow,
    path: str | os.PathLike,
    *,
    card: dict | None = None,
    warmup: bool | str = "auto",
    columns: Schema | Sequence[str] | None = None,
) -> str:
    """Writes the next version of a model for TensorFlow Serving.

    The signatures are `log_prob`, `sample`, `encode` and `decode` (see `tfp_flows.flow.signatures` for their
    inputs, outputs and units), and `serving_default`, which is `log_prob`. What the flow cannot do is left out, and the
    model card says why; `sample` is the default of a flow that cannot score. The version appears under its number in
    one step when it is whole; a failure leaves nothing behind and touches no earlier version. The model is not changed.

    Of a class-conditional flow with `class_labels` they take the labels as the data have them, text or the original
    integers: one that stands for no class is refused, and with it the whole batch that the server made of it.

    Of a flow of a table, whose columns are told, there is `log_prob_columns` too, which takes each column by its name,
    see `tfp_flows.flow.column_signature`. A title that cannot be one is mapped: the card's `columns` are name -> title.

    A server with `--enable_batching` refuses scalar inputs, which `sample` has: start it with
    `--enable_per_model_batching_parameters`, or let clients draw z and call `decode`.

    Args:
        model: a `tfp_flows.Flow`.
        path: the model's folder in the local file system, made where it is missing. The version is a numbered folder
            in it, one more than the highest number there, from 1.
        card: dictionary for the model card of what only the caller knows: `data`, `metrics`, `seed`, `command` and
            whatever else belongs there.
        warmup: whether to write warm-up requests, which need the extra `tfp_flows[serving]`. `"auto"` writes them
            where the extra is installed and warns where it is not; True raises there; False writes none.
        columns: titles of the columns of a table, those of the event first and then those of the context or of the
            labels; or what is known of them, `table` of a `tfp_flows.data.Data` and of a run. None for other data.

    Returns:
        The version's folder, a string.

    Raises:
        ValueError: if the model is no flow, the path no local folder, the card no dictionary, `warmup` none of its
            three values or the columns not those of the flow; if the graph calls Python (`tf.py_function`,
            `tf.numpy_function`) or asks for XLA (`jit_compile=True`), neither of which the server runs.
        ImportError: if `warmup` is True and the extra is not installed.

    Example:
        >>> import tempfile
        >>> import tensorflow_probability as tfp
        >>> import tfp_flows
        >>> flow = tfp_flows.Flow(tfp.distributions.MultivariateNormalDiag([0.0, 0.0], [1.0, 2.0]))
        >>> version = tfp_flows.serving.export(flow, tempfile.mkdtemp() + "/gaussian", card={"data": "none"})
        >>> tfp_flows.serving.load(version).sample(3, seed=[1, 2]).shape
        (3, 2)
    """
    # Here and not above: `tfp_flows.serving.load` and `.card` come through this package and import much less.
    from tfp_flows.flow import Flow, class_labels, column_signature, saved_model
    from tfp_flows.flow.signatures import describe
    from tfp_flows.serving.warmup import examples, write_warmup

    if not isinstance(model, Flow):
        raise ValueError(f"Expected model to be a tfp_flows.Flow, such as Flow(distribution); got {model!r}.")
    base = local(path)
    warmup = _wants_warmup(warmup)

    columns = column_signature.named(model, columns)
    functions, left_out, default = saved_model.trace(model, columns)
    own, titles = {}, None
    if column_signature.NAME in functions:
        own = {column_signature.NAME: {name: column_signature.meaning(column) for name, column in columns.items()}}
        titles = {name: column.name for name, column in columns.items()}
    card = model_card(model, describe(functions, model, own), left_out, card, titles)
    with full_disks_in_a_sentence(base), unpublished(base) as folder:
        saved_model.write(model, folder, functions, default)
        if warmup:
            write_warmup(examples(functions, default, class_labels.example(model)), folder)
        write_card(card, folder)
        return str(publish(folder, base))


def local(path):
    """The model's folder, a `pathlib.Path`.

    Raises:
        ValueError: where it is a file, or no path of the local file system.
    """
    text = os.fspath(path)
    if "://" in text or (os.path.exists(text) and not os.path.isdir(text)):
        raise ValueError(f"Expected path to be a folder in the local file system; got {text!r}.")
    return pathlib.Path(text)


def _wants_warmup(warmup):
    """Whether to write warm-up requests, decided before the long work begins."""
    if warmup not in ("auto", True, False):
        raise ValueError(f"Expected warmup to be 'auto', True or False; got {warmup!r}.")
    if not warmup or _is_installed("tensorflow_serving"):
        return bool(warmup)
    if warmup is True:
        raise ImportError('Expected tensorflow-serving-api for warmup=True; pip install "tfp_flows[serving]" adds it.')
    warnings.warn(
        "The export has no warm-up requests because tensorflow-serving-api is not installed: pip install "
        '"tfp_flows[serving]" adds it, and warmup=False exports without this warning.',
        stacklevel=3,
    )
    return False


def _is_installed(package):
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # what find_spec raises for a module that was put in sys.modules as None
        return False
