"""A flow's signatures as a SavedModel that TensorFlow alone loads and the stock TensorFlow Serving runs.

The root of the SavedModel is a bare `tf.Module` around the variables that the served functions read. So the file
holds no optimizer state and no Python object of Keras or TensorFlow Probability.
"""

import os
import pathlib

import tensorflow as tf

from tfp_flows.files import full_disks_in_a_sentence, scratch_folder
from tfp_flows.flow import column_signature
from tfp_flows.flow.signatures import signatures, variables

# Ops that call back into the Python process that made the graph; a server has none.
_PYTHON_OPS = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


def trace(model, columns=None):
    """The functions that are served, by the names of their signatures, and why others are not: see `signatures`.

    Args:
        model: `tfp_flows.Flow`.
        columns: name of an argument -> `Column`, of a flow of a table, as `column_signature.named` gave them; or None.

    Returns:
        functions, left_out, default: two dictionaries, and the name of what `serving_default` is.

    Raises:
        ValueError: if the flow can neither score nor sample.
    """
    functions, left_out = signatures(model)
    if columns is not None:
        of_columns = column_signature.trace(model, functions, columns)
        if of_columns is None:
            left_out[column_signature.NAME] = left_out["log_prob"]
        else:
            functions[column_signature.NAME] = of_columns
    return functions, left_out, "log_prob" if "log_prob" in functions else "sample"


def write(model, folder, functions, default):
    """Writes traced functions into a folder, and looks whether a server can run them.

    Args:
        model: the `tfp_flows.Flow` that they were traced from.
        folder: path.
        functions, default: as `trace` returned them.

    Raises:
        ValueError: where the graph calls Python or asks for XLA, neither of which a server does.
    """
    root = tf.Module()
    root.variables_read = variables(functions.values(), model)
    tf.saved_model.save(
        root,
        str(folder),
        signatures={**functions, "serving_default": functions[default]},
        options=tf.saved_model.SaveOptions(experimental_custom_gradients=False),  # a server differentiates nothing
    )
    _check_servable(pathlib.Path(folder))


def replace(model, path):
    """Writes a model's SavedModel at a path, where nothing, an empty folder or another SavedModel may be.

    It appears in one step when it is whole; a failure leaves what was there.

    Raises:
        ValueError: where something else is there, or as `write`.
    """
    path = pathlib.Path(os.fspath(path))
    is_folder = path.is_dir()
    if path.exists() and not (is_folder and ((path / "saved_model.pb").is_file() or not any(path.iterdir()))):
        raise ValueError(f"Expected a new or empty folder, or a SavedModel's; got {str(path)!r}, which is neither.")
    functions, _, default = trace(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    with full_disks_in_a_sentence(path), scratch_folder(path.parent, f"{path.name}.unpublished-") as new:
        write(model, new / "new", functions, default)
        if is_folder:
            path.rename(new / "old")
        try:
            (new / "new").rename(path)
        except OSError:
            if is_folder:
                (new / "old").rename(path)
            raise


def _check_servable(folder):
    """Raises if the written graph holds what the stock server cannot run."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved_model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    graph = saved_model.meta_graphs[0].graph_def
    for function in graph.library.function:
        if function.attr["_XlaMustCompile"].b:
            raise ValueError(
                "Expected a flow without jit_compile=True in its own functions, because the stock server has XLA "
                f"switched off; got it on {function.signature.name!r}."
            )
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    for node in nodes:
        if node.op in _PYTHON_OPS:
            raise ValueError(
                "Expected a flow of TensorFlow ops alone, because a server has no Python to call; got "
                f"{node.op} ({node.name!r}), which tf.py_function and tf.numpy_function make."
            )
