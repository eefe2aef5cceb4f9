"""Serving: a flow as a SavedModel for TensorFlow Serving, and its way back into Python.

`export` writes the next numbered version of a trained flow; `load` opens one with TensorFlow alone; `Client` asks a
server that serves it, and `server_files` writes what that server is told.
"""

# `export`, `load` and `server_files` are also names of modules here. Bound at once and not on first use: a later import
# of the module would put the module in the function's place.
from tfp_flows.serving.client import Client, ServerError
from tfp_flows.serving.export import export
from tfp_flows.serving.load import ServedFlow, load
from tfp_flows.serving.server_files import server_files

__all__ = ["Client", "ServedFlow", "ServerError", "export", "load", "server_files"]
