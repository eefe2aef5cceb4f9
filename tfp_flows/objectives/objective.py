"""What every objective offers to `Flow.compile` and `fit`."""

import abc


class Objective(abc.ABC):
    """A loss of one batch, in nats an event.

    Attributes:
        name: str, what `fit` logs its values as.
        needs_data: bool, whether `fit` must be given events. An objective that draws its own gets batches of events of
            no numbers, (batch, 0), where there are none.

    Example:
        >>> import tfp_flows
        >>> class Clipped(tfp_flows.objectives.Objective):
        ...     def __call__(self, flow, x, context, seed, training):
        ...         return tf.minimum(-flow(x, context=context, training=training), 100.0)
        >>> flow = tfp_flows.RealNVP((2,), num_layers=2, hidden_units=8)
        >>> flow.compile("adam", loss=Clipped())
    """

    name = "nll"
    needs_data = True

    @abc.abstractmethod
    def __call__(self, flow, x, context, seed, training):
        """Values in nats, (batch,).

        Args:
            flow: `tfp_flows.Flow`.
            x: events (batch, *event), integers where the flow dequantizes.
            context: what the flow is conditioned on, or None.
            seed: int32 tensor [2], of all that is drawn.
            training: bool, handed to the flow's networks.
        """

    def check(self, flow):
        """Refuses, by a ValueError, a flow that it cannot train; `compile` asks."""

    def try_out(self, flow, x, context):
        """One evaluation in eager code before the first step of an objective without data, where a ValueError can say
        what is wrong; `fit` asks, with its first batch."""

    def logs(self, logs):
        """The metrics as `fit` shows them.

        Args:
            logs: dict, loss, nll and, for integer data, bits_per_dim.
        """
        return logs
