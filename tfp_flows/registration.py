"""What Keras finds in a file by its registered name, before the module that registers it is imported.

A `.keras` file names its classes, `tfp_flows>RealNVP`, and Keras looks them up among what is registered: what
`@keras.saving.register_keras_serializable` has seen. `import tfp_flows` imports no class, so nothing would be there. As
soon as both Keras and this package are imported, in either order, Keras is therefore given a light stand-in for each
name. The first file that asks one for an object makes it import the real class, whose own registration then takes its
place.
"""

import importlib

from tfp_flows import networks
from tfp_flows.catalog import MODELS

_MODELS = {entry.home.partition(":")[2]: entry.home for entry in MODELS.values()}
_NETWORKS = {name: f"tfp_flows.networks.{module}:{name}" for name, module in networks.HOMES.items()}

# registered name -> module:class. A network of a model's name has the name of its room before it.
HOMES = {
    **{f"tfp_flows>{name}": home for name, home in _MODELS.items()},
    **{f"tfp_flows{'.networks' * (name in _MODELS)}>{name}": home for name, home in _NETWORKS.items()},
    "tfp_flows>BitsPerDim": "tfp_flows.metrics:BitsPerDim",
    "tfp_flows>FusedAdam": "tfp_flows.optimizers.fused_adam:FusedAdam",
    "tfp_flows>WarmupCosine": "tfp_flows.optimizers.warmup_cosine:WarmupCosine",
}


def watch():
    """Gives Keras the stand-ins when it is imported, or at once where it is."""
    try:
        import wrapt
    except ImportError:  # TensorFlow depends on it: where it is missing there are no files to load, and no Keras
        return
    wrapt.register_post_import_hook(register, "keras")


def register(keras):
    """Gives Keras a stand-in for each name that it does not have yet.

    Args:
        keras: the module.
    """
    known = keras.saving.get_custom_objects()
    for name, home in HOMES.items():
        known.setdefault(name, _StandIn(home))


class _StandIn:
    """In the place of a class: `from_config` and all else that is asked of it, it asks of the real one."""

    def __init__(self, home):
        self._module, _, self.__name__ = home.partition(":")

    def _load(self):
        return getattr(importlib.import_module(self._module), self.__name__)

    def __call__(self, *args, **kwargs):
        return self._load()(*args, **kwargs)

    def __getattr__(self, name):
        if name.startswith("__"):  # what asks whether this is a class, an array or a mapping is no reason to import
            raise AttributeError(name)
        return getattr(self._load(), name)

    def __repr__(self):
        return f"<{self._module}.{self.__name__}, not yet imported>"
