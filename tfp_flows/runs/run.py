"""A run directory: all that a training leaves behind, and all that is needed to go on from it.

config.json              model, arguments, data, objective, training options, library versions (`Config`)
before.json              what the objective had measured before the first step, where it wants that
log.csv                  one row an epoch; the last may be stopped within it: epoch 2.37
best.weights.h5          the weights of the epoch with the best validation score
checkpoint-0012.weights.h5   weights and optimizer after the last epoch, to resume from
metrics.json             what the best weights score on the test split
samples.png, curve.png, samples/epoch_0010.png
savedmodel/1/            what TensorFlow Serving loads
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import importlib
import math
import os
import pathlib
import re
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tfp_flows import data as datasets
from tfp_flows import model_options, pictures
from tfp_flows.catalog import MODELS
from tfp_flows.data.labels import Labels
from tfp_flows.data.tables.schema import Schema
from tfp_flows.files import read_json, replacing, require_room, write_json
from tfp_flows.runs import lock
from tfp_flows.runs.config import Config, measured_before

if TYPE_CHECKING:
    from tfp_flows.data.dataset import Data
    from tfp_flows.flow import Flow

# Bytes of a weights file that each weight takes beside its numbers, at least.
_HEADER = 1024
_CHECKPOINT = re.compile(r"checkpoint-(\d+)\.weights\.h5")


class Run:
    """One run directory.

    Args:
        path: str, an existing run directory (see `Run.create`).

    Raises:
        ValueError: where it is none, or its config is half-written or names what is not known.

    Example:
        >>> import tempfile
        >>> from tfp_flows.runs import Run
        >>> config = dict(model="realnvp", arguments=dict(event_shape=[2]), data="moons", data_options={}, training={})
        >>> Run.create(tempfile.mkdtemp() + "/run", config).config.model
        'realnvp'
    """

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        if not (self.path / "config.json").is_file():
            raise ValueError(f"Expected a run directory with a config.json; got {str(path)!r}, which has none.")
        self.config = Config.read(self.path / "config.json")

    @classmethod
    def create(cls, path: str | os.PathLike, config: Config) -> Run:
        """A new run directory with a config: a `Config`, or a dict of its fields.

        Raises:
            ValueError: where the path holds anything already, or the dict is no config.
        """
        if not isinstance(config, Config):
            config = Config.from_dict(config)
        path = pathlib.Path(path)
        require_new(path)
        made = [folder for folder in (path, *path.parents) if not folder.exists()]
        try:
            path.mkdir(parents=True, exist_ok=True)
            with lock.held(path):
                # Another may have come between.
                require_new(path)
                config.write(path / "config.json")
        except OSError:
            for folder in made:
                with contextlib.suppress(OSError):
                    folder.rmdir()
            raise
        return cls(path)

    def save_config(self) -> None:
        """Writes the config, where a resumed run has changed it."""
        before = self.read_before()
        if before is not None:
            # Of a former format, whose config held it.
            self.write_before(before)
        self.config.write(self.path / "config.json")

    def decide(self, **options) -> None:
        """Writes options of the training that were found out while it runs into the config."""
        training = dataclasses.replace(self.config.training, **options)
        self.config = dataclasses.replace(self.config, training=training)
        self.save_config()

    def read_before(self) -> dict | None:
        """What was measured before the first step, a dict; None where nothing was."""
        path = self.path / "before.json"
        return read_json(path) if path.is_file() else measured_before(self.path / "config.json")

    def write_before(self, measured: dict) -> None:
        """Writes what was measured before the first step."""
        write_json(self.path / "before.json", measured)

    @contextlib.contextmanager
    def dropped_if_refused(self) -> Iterator[None]:
        """Around the first fit of a run: what fails before anything is there to go on from leaves no run directory, and
        the corrected call may use the same path. That is a ValueError before anything but the config and what was
        measured before is there, and a disk that is full before the first checkpoint is."""
        try:
            yield
        except ValueError:
            if {path.name for path in self.path.iterdir()} <= {"config.json", "before.json"}:
                self._drop()
            raise
        except OSError:
            if self.checkpoint()[1] is None:
                self._drop()
            raise

    def _drop(self):
        """Removes what a training has written, and the folder where that is all."""
        for name in ("config.json", "before.json", "log.csv", "best.weights.h5"):
            (self.path / name).unlink(missing_ok=True)
        shutil.rmtree(self.path / "samples", ignore_errors=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one event."""
        return tuple(self.config.arguments.get("event_shape", ()))

    @property
    def kind(self) -> pictures.Kind:
        """What its events are to a picture, a `tfp_flows.pictures.Kind`."""
        if self.config.table is not None:
            return pictures.Kind.TABLE
        return pictures.kind_of(self.event_shape, self.config.arguments.get("sample_rate"))

    @property
    def class_labels(self) -> Labels | None:
        """What stands for the classes of its model; None of one that knows none."""
        num_classes = self.config.arguments.get("num_classes")
        if num_classes is None:
            return None
        known = self.config.class_labels
        return Labels(range(num_classes)) if known is None else Labels.from_dict(known)

    @property
    def table(self) -> Schema | None:
        """What is known of the columns of its table; None where its data are none."""
        return None if self.config.table is None else Schema.from_dict(self.config.table)

    def load_data(self) -> Data:
        """The data of the run, a `tfp_flows.data.Data`."""
        return datasets.load(self.config.data, **self.config.data_options)

    def build_model(self, **arguments) -> Flow:
        """The model of the run, with fresh weights, and with other arguments than the run's where some are given."""
        model = build_model(self.config.model, {**self.config.arguments, **arguments})
        if self.config.class_labels is not None:
            model.class_labels = Labels.from_dict(self.config.class_labels)
        if self.table is not None and self.table.has_titles:
            model.column_titles = self.table.names
        return model

    def load_model(self, **arguments) -> Flow:
        """The model of the run with its best weights.

        Args:
            **arguments: of the model, in place of the run's, which its weights do not depend on: a longer event_shape
                of a WaveNet.

        Raises:
            ValueError: where no weights are there yet, or they do not fit the model.
        """
        return load_weights(self.build_model(**arguments), self.require_weights())

    def require_weights(self) -> pathlib.Path:
        """The file of the best weights.

        Raises:
            ValueError: where there is none yet.
        """
        path = self.path / "best.weights.h5"
        if not path.is_file():
            raise ValueError(
                f"Expected trained weights in {str(self.path)!r}; got none: the run has no finished epoch."
            )
        return path

    def checkpoint(self) -> tuple[int, pathlib.Path | None]:
        """(number of finished epochs, path of the weights to go on from), or (0, None)."""
        found = [(int(m[1]), p) for p in self.path.iterdir() if (m := _CHECKPOINT.fullmatch(p.name))]
        return max(found, default=(0, None))

    def save_checkpoint(self, model: Flow, num_epochs: int) -> None:
        """Writes the weights and the optimizer's after `num_epochs` epochs, then drops the older ones."""
        previous = self.checkpoint()[1]
        path = self.path / f"checkpoint-{num_epochs:04d}.weights.h5"
        _write_weights(model, path)
        if previous not in (None, path):
            previous.unlink()

    def save_best(self, model: Flow) -> None:
        """Writes the best weights so far."""
        _write_weights(model, self.path / "best.weights.h5")

    def read_log(self) -> dict[str, list[float]]:
        """The log: dict name -> list of floats, one an epoch."""
        path = self.path / "log.csv"
        if not path.is_file():
            return {}
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return {key: [float(row[key] or "nan") for row in rows] for key in (rows[0] if rows else {})}

    def write_log(self, log: dict) -> None:
        """Writes the whole log."""
        with replacing(self.path / "log.csv") as part, part.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(log)
            writer.writerows(zip(*([_plain(v) for v in column] for column in log.values())))


def require_new(path):
    """Refuses a path where no new run can be.

    Raises:
        ValueError: where anything is there but an empty folder.
    """
    path = pathlib.Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(f"Expected a new or empty folder for the run; got {str(path)!r}, which is not (--resume?).")


def _plain(number):
    """Epochs and steps without a point."""
    return int(number) if math.isfinite(number) and number == int(number) else number


def _write_weights(model, path):
    import tensorflow as tf

    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *([] if optimizer is None else optimizer.variables)]
    # HDF5 writes tracebacks of its own where it finds no room.
    size = sum(_HEADER + math.prod(v.shape) * tf.as_dtype(v.dtype).size for v in variables)
    with replacing(path) as part:
        require_room(part, size)
        model.save_weights(part)


def build_model(name, arguments):
    """A named model of the catalogue.

    Args:
        name: str, a key of `tfp_flows.catalog.MODELS`.
        arguments: dict, of its constructor.

    Raises:
        ValueError: for an unknown name or argument, or a value of another kind.
    """
    model_options.check(name, arguments)
    return model_class(name)(**arguments)


def model_class(name):
    """The class of a named model of the catalogue.

    Raises:
        ValueError: for an unknown name.
    """
    module, _, kind = MODELS[model_options.find_model(name)].home.partition(":")
    return getattr(importlib.import_module(module), kind)


def load_weights(model, path):
    """Loads a weights file, or says in one sentence what is wrong with it."""
    try:
        model.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"Expected weights of this model in {str(path)!r}; got {str(error).splitlines()[0]}"
        ) from error
    return model
