"""The versions of the libraries that decide what a training or a served model gives."""

import importlib.metadata
import platform
import sys

LIBRARIES = ("tfp_flows", "tensorflow", "keras", "tensorflow_probability", "numpy")


def versions():
    """name -> version of each library, None for one that is not installed, and of Python.

    Example:
        >>> from tfp_flows import libraries
        >>> sorted(libraries.versions())
        ['keras', 'numpy', 'python', 'tensorflow', 'tensorflow_probability', 'tfp_flows']
    """
    return {**{name: _version(name) for name in LIBRARIES}, "python": platform.python_version()}


def _version(name):
    """The version of an imported module, else of the installed distribution of this name, else None."""
    version = getattr(sys.modules.get(name), "__version__", None)
    if version is None:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return None
    return version
