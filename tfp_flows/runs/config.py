"""The config of a run, as config.json holds it: names and options, and nothing that was measured.

format 1   version 0.1.0, without a number: students have `distillation`, with what was measured before the training
format 2   `objective` in its place, a name of `tfp_flows.runs.objectives` and its options; what was measured is in
           before.json

Read without TensorFlow, so that a bad run directory is refused at once.
"""

import dataclasses
import os

from tfp_flows.data.labels import Labels
from tfp_flows.data.tables.schema import Schema
from tfp_flows.files import read_json, write_json

FORMAT = 2
MAXIMUM_LIKELIHOOD = {"name": "maximum_likelihood"}
# Of format 1: what is an option of the objective now.
_OF_DISTILLATION = ("teacher", "temperature", "power_weight")


@dataclasses.dataclass(frozen=True)
class Training:
    """How a run is fitted.

    Attributes:
        epochs, batch_size: int.
        learning_rate: float, of Adam, at its peak.
        optimizer: dict, of Adam's other arguments.
        warmup_steps: int, in which the learning rate rises from 0.
        seed: int, of the weights, the order of the data and the noise.
        patience: int, epochs without a better validation score before training stops, or None.
        jit_compile: as Keras' compile.
        ema: float in (0, 1), the momentum of a moving average of the weights, which is what is validated, kept as the
            best and drawn from; None for the weights themselves.
        minutes: float, that the whole run was given when `num_steps` was decided, or None.
        num_steps: int, at which the schedule and the training end, as the minutes decided; None for all epochs' steps.
        accumulate: int, batches that make a step, one after the other: of batch_size events each.
    """

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    optimizer: dict = dataclasses.field(default_factory=dict)
    warmup_steps: int = 0
    seed: int = 0
    patience: int | None = None
    jit_compile: bool | str = "auto"
    ema: float | None = None
    minutes: float | None = None
    num_steps: int | None = None
    accumulate: int = 1

    def check(self):
        """Refuses what is out of range, in one sentence each.

        Raises:
            ValueError: naming the option.
        """
        for key in ("epochs", "batch_size", "accumulate"):
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
        rate = self.learning_rate
        if not isinstance(rate, (int, float)) or not 0 < rate < float("inf"):
            raise ValueError(f"Expected learning_rate to be a positive finite number; got {rate!r}.")
        if self.patience is not None and (not isinstance(self.patience, int) or self.patience < 1):
            raise ValueError(f"Expected patience to be a positive integer; got {self.patience!r}.")
        if self.ema is not None and (isinstance(self.ema, bool) or not 0 < self.ema < 1):
            raise ValueError(f"Expected ema between 0 and 1, the momentum of a moving average; got {self.ema!r}.")
        if self.num_steps is not None and (not isinstance(self.num_steps, int) or self.num_steps < 1):
            raise ValueError(f"Expected num_steps to be a positive integer or None; got {self.num_steps!r}.")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**31:
            raise ValueError(f"Expected seed to be an integer in 0..2^31-1; got {self.seed!r}.")


@dataclasses.dataclass(frozen=True)
class Config:
    """What a run is made of.

    Attributes:
        model: str, a key of `tfp_flows.catalog.MODELS`.
        arguments: dict, of its constructor.
        data: str, a name of `tfp_flows.data.names()` or the path of a file.
        data_options: dict, of the data's loader.
        training: `Training`.
        objective: dict, the `name` of an objective of `tfp_flows.runs.objectives`, and its options.
        versions: dict, of the libraries that the run was begun with.
        class_labels: dict, what stands for the classes of a class-conditional model in its data, as
            `tfp_flows.data.Labels.to_dict` has it; None for other models, and where they are the data's own 0..n-1.
        table: dict, the columns of a table, as `tfp_flows.data.tables.schema.Schema.to_dict` has them; None for data
            that are no table.

    Example:
        >>> from tfp_flows.runs.config import Config
        >>> former = dict(model="maf", arguments=dict(event_shape=[2]), data="moons", data_options={}, training={})
        >>> config = Config.from_dict(former)
        >>> config.objective, config.training.seed, config.to_dict()["format"]
        ({'name': 'maximum_likelihood'}, 0, 2)
    """

    model: str
    arguments: dict
    data: str
    data_options: dict
    training: Training
    objective: dict = dataclasses.field(default_factory=lambda: dict(MAXIMUM_LIKELIHOOD))
    versions: dict = dataclasses.field(default_factory=dict)
    class_labels: dict | None = None
    table: dict | None = None

    @classmethod
    def read(cls, path: str | os.PathLike) -> "Config":
        """The config of a file, of this format or a former one.

        Raises:
            ValueError: as `from_dict`, or where the file is half-written.
        """
        return cls.from_dict(read_json(path), repr(str(path)))

    @classmethod
    def from_dict(cls, value: dict, where: str = "the config") -> "Config":
        """The config of what a config.json holds; without a number it is of format 1.

        Args:
            value: dict.
            where: str, what it is called in a sentence.

        Raises:
            ValueError: for a format that is newer than this version, and unknown or missing fields.
        """
        value = dict(value)
        number = value.pop("format", 1)
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ValueError(f"Expected format to be a positive integer in {where}; got {number!r}.")
        if number > FORMAT:
            raise ValueError(
                f"Expected format {FORMAT} or a former one in {where}; got {number}, of a newer version of tfp_flows."
            )
        if number == 1:
            value = _from_format_1(value, where)
        _check_fields(cls, value, where)
        _check_fields(Training, value["training"], f"training of {where}")
        if not isinstance(value.get("objective", MAXIMUM_LIKELIHOOD).get("name"), str):
            raise ValueError(f"Expected the name of an objective in {where}; got {value['objective']!r}.")
        if value.get("class_labels") is not None:
            Labels.from_dict(value["class_labels"], f"class_labels of {where}")
        if value.get("table") is not None:
            Schema.from_dict(value["table"], f"table of {where}")
        return cls(**{**value, "training": Training(**value["training"])})

    def to_dict(self) -> dict:
        """What config.json holds."""
        return {"format": FORMAT, **dataclasses.asdict(self)}

    def write(self, path: str | os.PathLike) -> None:
        """Writes config.json."""
        write_json(path, self.to_dict())


def measured_before(path):
    """What a config.json of format 1 holds that was measured before the training; None where it holds nothing."""
    return (read_json(path).get("distillation") or {}).get("before")


def check_fit(minutes, picture_every):
    """Refuses what a fit is told beside its config, where it is out of range."""
    if minutes is not None and not 0 < minutes < float("inf"):
        raise ValueError(f"Expected minutes to be a positive finite number; got {minutes!r}.")
    if isinstance(picture_every, bool) or not isinstance(picture_every, int) or picture_every < 0:
        raise ValueError(f"Expected picture_every to be an integer of at least 0; got {picture_every!r}.")


def _from_format_1(value, where):
    """The fields of this format."""
    if "objective" in value:
        raise ValueError(f"Expected format {FORMAT} beside an objective in {where}; got none.")
    options = value.pop("distillation", None)
    if options is None:
        return value
    if not isinstance(options, dict) or not set(_OF_DISTILLATION) <= set(options):
        raise ValueError(f"Expected {list(_OF_DISTILLATION)} as distillation in {where}; got {options!r}.")
    return {**value, "objective": {"name": "reverse_kl", **{key: options[key] for key in _OF_DISTILLATION}}}


def _check_fields(kind, value, where):
    """Refuses what does not make a dataclass: fields that are missing, unknown or of another type."""
    if not isinstance(value, dict):
        raise ValueError(f"Expected a dictionary as {where}; got {value!r}.")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    nothing = dataclasses.MISSING
    needed = {name for name, field in fields.items() if field.default is field.default_factory is nothing}
    if needed - set(value):
        raise ValueError(f"Expected {sorted(needed - set(value))} in {where}; got {sorted(value)}.")
    unknown = sorted(set(value) - set(fields))
    if unknown:
        raise ValueError(f"Expected fields of {where} among {sorted(fields)}; got {unknown[0]!r}.")
    for name, field in fields.items():
        if field.type is dict and not isinstance(value.get(name, {}), dict):
            raise ValueError(f"Expected {name} to be a dictionary in {where}; got {value[name]!r}.")
