"""The trainer of `keras.Model`: what it does before its first step."""

from tfp_flows.bridge.overrides import Overrides


class BuiltByConstructor(Overrides):
    """Mix-in for a `keras.Model` that is built by its constructor: `fit` learns no shapes from a first batch.

    Keras would average that batch over the replicas to learn its shape, which fails for integers, and for several
    workers altogether.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.trainer import BuiltByConstructor
        >>> class Model(BuiltByConstructor, keras.Model):
        ...     pass
    """

    overrides = ("_maybe_symbolic_build",)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        pass
