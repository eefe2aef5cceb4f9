"""What every objective offers to `Flow.compile` and `fit`: values of a batch, their name and their unit."""

from __future__ import annotations

import abc
import re
from typing import TYPE_CHECKING

import keras
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import tensorflow as tf


class Objective(abc.ABC):
    """A loss of one batch, one value an event, that says its own name, unit and metrics.

    `fit` logs the mean of the values as `name`, beside the loss, which has what layers add of their own; callbacks,
    run directories and loss curves go by `name` and `units`. Less is better.

    Attributes:
        name: str, what its values are logged as; by default the class's own name in small letters.
        unit: str, what its values are measured in, as a curve's axis has it.
        units: dict, each quantity that is logged -> its unit, first what a curve is to show; by default `name` alone.
        needs_data: bool, whether `fit` must be given events. An objective that draws its own is called with
            `num_samples` too, and with x=None where `fit` was given none.

    Example:
        >>> import tfp_flows
        >>> class ClippedNLL(tfp_flows.objectives.Objective):
        ...     unit = "nats per event"
        ...     def __call__(self, flow, x, context, seed, training):
        ...         return tf.minimum(-flow(x, context=context, training=training), 100.0)
        >>> flow = tfp_flows.RealNVP((2,), num_layers=2, hidden_units=8)
        >>> flow.compile("adam", loss=ClippedNLL())
        >>> sorted(flow.fit(np.eye(4, 2, dtype="float32"), verbose=0).history)
        ['clipped_nll', 'loss']
    """

    name = None
    unit = ""
    units = None
    needs_data = True

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.name is None:
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        if "units" not in vars(cls) and (cls.units is None or {"name", "unit"} & set(vars(cls))):
            cls.units = {cls.name: cls.unit}

    @abc.abstractmethod
    def __call__(
        self, flow: keras.Model, x: tf.Tensor, context: tf.Tensor | None, seed: tf.Tensor, training: bool
    ) -> tf.Tensor:
        """Values in the objective's unit, (batch,).

        Args:
            flow: `tfp_flows.Flow`.
            x: events (batch, *event), integers where the flow dequantizes.
            context: what the flow is conditioned on, or None.
            seed: int32 tensor [2], of all that is drawn.
            training: bool, handed to the flow's networks.
        """

    def metrics(self, flow: keras.Model) -> list[keras.Metric]:
        """New metrics of the values, in the order in which they are logged; each is updated with (batch,) values.

        The first one is that of the name. Not the loss, which is logged in any case.

        Args:
            flow: `tfp_flows.Flow`.

        Returns:
            list of `keras.metrics.Metric`.
        """
        return [keras.metrics.Mean(name=self.name)]

    def check(self, flow: keras.Model) -> None:
        """Refuses, by a ValueError, a flow that it cannot train; `compile` asks."""

    def try_out(self, flow: keras.Model, x: ArrayLike | None, context: ArrayLike | None, num_samples: int) -> None:
        """One evaluation in eager code before the first step of an objective without data, where a ValueError can say
        what is wrong; `fit` asks, with its first batch (x is None where it has no events)."""

    def get_config(self) -> dict:
        """dict of plain values: what it is made with."""
        return {}
