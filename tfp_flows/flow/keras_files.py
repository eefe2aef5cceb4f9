"""What files hold of a flow, in Keras' formats and as a SavedModel: arguments, compilation, weights, signatures."""

from __future__ import annotations

import os

import keras

from tfp_flows.data.labels import Labels
from tfp_flows.flow import adoption, saved_model
from tfp_flows.flow.arguments import constructor_arguments, record


class KerasFiles:
    """Mix-in of the flows' `keras.Model`: how it is saved and comes back."""

    def __new__(cls, *args, **kwargs):
        flow = super().__new__(cls, *args, **kwargs)
        # Past Keras' own __setattr__, which tracks what it finds in containers.
        vars(flow)["recorded_arguments"] = record(cls, args, kwargs)
        return flow

    def save(self, filepath: str | os.PathLike, *args, **kwargs) -> None:
        """As Keras' save: a named model with its weights, in a file that ends in .keras.

        Raises:
            ValueError: for another ending: HDF5 alone is a format of Keras 2, which rebuilds no model of this kind.
        """
        if not str(filepath).endswith(".keras"):
            raise ValueError(
                f"Expected a path that ends in .keras; got {str(filepath)!r} (save_weights writes .weights.h5, and "
                "export a SavedModel)."
            )
        super().save(filepath, *args, **kwargs)

    def export(
        self, filepath: str | os.PathLike, format: str = "tf_saved_model", verbose: bool | None = None, **kwargs
    ) -> None:
        """As Keras' export: a SavedModel at a path, with the signatures `log_prob`, `sample`, `encode` and `decode`.

        `tfp_flows.serving.export` writes it as a numbered version instead, with a model card and warm-up requests.

        Args:
            filepath: path, of a new folder or that of a SavedModel, which is then replaced.
            format: "tf_saved_model".
            verbose: bool, whether to print what is served; None for False.

        Raises:
            ValueError: for another format or further options, a path where something else is, or a graph that a server
                cannot run.
        """
        if format != "tf_saved_model" or kwargs:
            got = f"format={format!r}" if not kwargs else f"{', '.join(sorted(kwargs))}"
            raise ValueError(f"Expected format='tf_saved_model', whose signatures are the flow's own; got {got}.")
        saved_model.replace(self, filepath)
        if verbose:
            print(f"Saved the flow's signatures at {str(filepath)!r}.")

    def get_config(self) -> dict:
        """The arguments that build the model again; those of a subclass of yours as they were given.

        Raises:
            ValueError: for a plain `Flow`, or a subclass whose arguments are more than numbers, strings and containers
                of them: give it a `get_config` and a `from_config`.
        """
        arguments = constructor_arguments(self, _is_ours)
        if arguments is None:
            is_plain = _is_ours(type(self)) and not hasattr(self, "_arguments")
            what = "a plain Flow" if is_plain else f"{type(self).__name__}, whose arguments hold more"
            raise ValueError(
                "Expected a named model (tfp_flows.NICE, tfp_flows.RealNVP, ...), or a subclass of Flow with a "
                "get_config or with plain arguments, to save whole, for a distribution cannot be rebuilt from a file; "
                f"got {what}. Save its weights (.weights.h5), or use tfp_flows.serving.export."
            )
        held = {key: value for key, value in arguments.items() if isinstance(value, keras.layers.Layer)}
        arguments = {**arguments, **{key: keras.saving.serialize_keras_object(value) for key, value in held.items()}}
        if self.class_labels is None:
            return arguments
        return {**arguments, "class_labels": self.class_labels.to_dict()}

    @classmethod
    def from_config(cls, config: dict) -> keras.Model:
        config = dict(config)
        labels = config.pop("class_labels", None)
        if isinstance(config.get("context_network"), dict):
            config["context_network"] = keras.saving.deserialize_keras_object(config["context_network"])
        flow = cls(**config)
        if labels is not None:
            flow.class_labels = Labels.from_dict(labels)
        return flow

    def build_from_config(self, config: dict) -> None:
        """Nothing: a flow is built by its constructor."""

    def get_compile_config(self) -> dict:
        # Another objective is no part of a file: what comes back is compiled again, and not with the model's default.
        default = self.default_objective()
        if not self.compiled or _describe(self.objective) != _describe(default):
            return {}
        config = super().get_compile_config()
        kept = {key: config.get(key) for key in ("optimizer", "jit_compile", "run_eagerly", "steps_per_execution")}
        return kept if self.microbatches == 1 else {**kept, "microbatches": self.microbatches}

    def compile_from_config(self, config: dict) -> None:
        if config:
            self.compile(**keras.saving.deserialize_keras_object(config))

    def load_own_variables(self, store: dict) -> None:
        super().load_own_variables(adoption.with_later_variables([*self.adopted, *self.noise_adopted], store))


def _describe(objective):
    return type(objective), objective.get_config()


def _is_ours(kind):
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]
