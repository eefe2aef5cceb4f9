"""Runs a SavedModel the way TensorFlow Serving does, without TensorFlow's Python.

    python tests/c_api.py SAVEDMODEL SIGNATURE INPUTS.npz OUTPUTS.npz [SIGNATURE INPUTS.npz OUTPUTS.npz ...] [-- ...]

The server loads with the C++ SavedModel loader and calls `Session::Run`; TensorFlow's wheel exports the C functions
above both, and this program calls them through ctypes. A process that imported tensorflow would prove less: its
Python registers ops (`PyFunc`) that no server has. XLA is switched off first, as the stock server does.

`run` is for the tests: it starts this program in a process of its own.
"""

import contextlib
import ctypes
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

_DTYPES = {1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 9: np.int64, 10: np.bool_}  # of TF_DataType


class _Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


class _Buffer(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("deallocator", ctypes.c_void_p)]


_P, _I, _S, _N = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t
_FUNCTIONS = {  # name: (result, arguments); without these ctypes would cut pointers to 32 bits
    "TF_NewStatus": (_P, []),
    "TF_DeleteStatus": (None, [_P]),
    "TF_GetCode": (_I, [_P]),
    "TF_Message": (_S, [_P]),
    "TF_NewGraph": (_P, []),
    "TF_NewSessionOptions": (_P, []),
    "TF_NewBuffer": (ctypes.POINTER(_Buffer), []),
    "TF_LoadSessionFromSavedModel": (_P, [_P, _P, _S, _P, _I, _P, _P, _P]),
    "TF_GraphOperationByName": (_P, [_P, _S]),
    "TF_AllocateTensor": (_P, [_I, _P, _I, _N]),
    "TF_DeleteTensor": (None, [_P]),
    "TF_TensorData": (_P, [_P]),
    "TF_TensorByteSize": (_N, [_P]),
    "TF_TensorType": (_I, [_P]),
    "TF_NumDims": (_I, [_P]),
    "TF_Dim": (ctypes.c_int64, [_P, _I]),
    "TF_SessionRun": (None, [_P, _P, _P, _P, _I, _P, _P, _I, _P, _I, _P, _P]),
}


class SavedModel:
    """A SavedModel in the C API; it lives as long as its process, and is never freed. Several threads may run it."""

    def __init__(self, path):
        self._tf = _library()
        self._graph = self._tf.TF_NewGraph()
        meta_graph = self._tf.TF_NewBuffer()
        tags = (_S * 1)(b"serve")
        with self._status() as status:
            self._session = self._tf.TF_LoadSessionFromSavedModel(
                self._tf.TF_NewSessionOptions(), None, os.fsencode(path), tags, 1, self._graph, meta_graph, status
            )
        self.signatures = _signatures(ctypes.string_at(meta_graph.contents.data, meta_graph.contents.length))

    def run(self, signature, inputs):
        """Calls a signature on a dictionary of arrays and returns a dictionary of arrays."""
        feeds, fetches = self.signatures[signature]
        if feeds.keys() != inputs.keys():  # the server too wants all of them and no others
            raise ValueError(f"Expected the inputs {sorted(feeds)}; got {sorted(inputs)}.")
        given = (_P * len(feeds))(*[self._tensor(inputs[name]) for name in feeds])
        taken = (_P * len(fetches))()
        places = self._outputs(feeds), given, len(feeds), self._outputs(fetches), taken, len(fetches)
        try:
            with self._status() as status:
                self._tf.TF_SessionRun(self._session, None, *places, None, 0, None, status)
        finally:
            for tensor in given:
                self._tf.TF_DeleteTensor(tensor)
        return {name: self._array(tensor) for name, tensor in zip(fetches, taken)}

    @contextlib.contextmanager
    def _status(self):
        """A status for one call, and its error."""
        status = self._tf.TF_NewStatus()
        try:
            yield status
            if self._tf.TF_GetCode(status) != 0:
                raise RuntimeError(self._tf.TF_Message(status).decode())
        finally:
            self._tf.TF_DeleteStatus(status)

    def _outputs(self, names):
        """name -> 'operation:index', as the C API's array of places in the graph."""
        places = [tensor.rsplit(":", 1) for tensor in names.values()]
        return (_Output * len(places))(
            *[
                (self._tf.TF_GraphOperationByName(self._graph, operation.encode()), int(index))
                for operation, index in places
            ]
        )

    def _tensor(self, array):
        array = np.asarray(array, order="C")
        code = next(code for code, dtype in _DTYPES.items() if dtype == array.dtype)
        tensor = self._tf.TF_AllocateTensor(code, (ctypes.c_int64 * array.ndim)(*array.shape), array.ndim, array.nbytes)
        ctypes.memmove(self._tf.TF_TensorData(tensor), array.ctypes.data, array.nbytes)
        return tensor

    def _array(self, tensor):
        shape = [self._tf.TF_Dim(tensor, axis) for axis in range(self._tf.TF_NumDims(tensor))]
        data = ctypes.string_at(self._tf.TF_TensorData(tensor), self._tf.TF_TensorByteSize(tensor))
        dtype = _DTYPES[self._tf.TF_TensorType(tensor)]
        self._tf.TF_DeleteTensor(tensor)
        return np.frombuffer(data, dtype).reshape(shape)


def run(path, calls):
    """Answers calls to a SavedModel in a fresh process that never imports tensorflow.

    Args:
        path: folder with the saved_model.pb.
        calls: pairs of (signature, dictionary of arrays).

    Returns:
        List of dictionaries of arrays, one a call.

    Raises:
        RuntimeError: what the process said when it failed.
    """
    return run_many([(path, calls)])[0]


def run_many(models):
    """As `run`, for several SavedModels in one process.

    Args:
        models: pairs of (path, calls).

    Returns:
        List of what `run` returns, one a model.
    """
    with tempfile.TemporaryDirectory() as folder:
        arguments, outputs = [], []
        for m, (path, calls) in enumerate(models):
            arguments += ["--", str(path)]
            outputs.append([os.path.join(folder, f"outputs{m}_{n}.npz") for n in range(len(calls))])
            for n, (signature, inputs) in enumerate(calls):
                file = os.path.join(folder, f"inputs{m}_{n}.npz")
                np.savez(file, **inputs)
                arguments += [signature, file, outputs[m][n]]
        done = subprocess.run(
            [sys.executable, __file__, *arguments[1:]],
            capture_output=True,
            text=True,
            timeout=120 + 10 * len(models),
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return [[dict(np.load(file)) for file in files] for files in outputs]


def _library():
    """Opens the wheel's libraries, switches XLA off and returns the C API."""
    wheel = pathlib.Path(importlib.util.find_spec("tensorflow").submodule_search_locations[0])
    ctypes.CDLL(str(wheel / "libtensorflow_framework.so.2"), mode=ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(str(wheel / "libtensorflow_cc.so.2"), mode=ctypes.RTLD_GLOBAL)
    library["_ZN10tensorflow21DisableXlaCompilationEv"]()  # void tensorflow::DisableXlaCompilation()
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _signatures(meta_graph):
    """Reads name -> (inputs, outputs), each name -> tensor, from a serialized MetaGraphDef.

    TensorFlow's own protobuf modules are Python of tensorflow; these three messages are quickly read without them:

        MetaGraphDef  5: map<string, SignatureDef>
        SignatureDef  1: map<string, TensorInfo> inputs, 2: map<string, TensorInfo> outputs
        TensorInfo    1: name of the tensor
    """
    found = {}
    for name, signature in _map(meta_graph, 5):
        found[name] = tuple(
            {key: dict(_fields(info))[1].decode() for key, info in _map(signature, field)} for field in (1, 2)
        )
    return found


def _map(message, number):
    """Yields the entries of a map<string, message>: each is a message with key 1 and value 2."""
    for field, value in _fields(message):
        if field == number:
            entry = dict(_fields(value))
            yield entry[1].decode(), entry.get(2, b"")


def _fields(message):
    """Yields (number, value) of a serialized protobuf message: int for a varint, bytes for all else."""
    position = 0

    def varint():
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while position < len(message):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            yield number, varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()  # fixed sizes; kind 2 tells its own
            yield number, message[position : position + size]
            position += size


def main(*arguments):
    """Answers the calls of the command line, model after model."""
    arguments = list(arguments)
    while arguments:
        end = arguments.index("--") if "--" in arguments else len(arguments)
        path, *calls = arguments[:end]
        model = SavedModel(path)
        for signature, inputs, outputs in zip(calls[0::3], calls[1::3], calls[2::3]):
            np.savez(outputs, **model.run(signature, dict(np.load(inputs))))
        arguments = arguments[end + 1 :]
    assert "tensorflow" not in sys.modules


if __name__ == "__main__":
    main(*sys.argv[1:])
