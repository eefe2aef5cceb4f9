"""The moving averages of a model's weights in the place of the weights, for as long as they are wanted.

    average <- momentum average + (1 - momentum) weight, after each step

as Keras' optimizers keep them with `use_ema=True`. What samples well is the average; what is trained on is the weight.
Song and Ermon, arXiv:2006.09011, section 3.4; Ho, Jain and Abbeel, arXiv:2006.11239, appendix B.
"""

import contextlib
from collections.abc import Iterator

import keras

from tfp_flows.bridge.optimizers import moving_averages


@contextlib.contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Within, the model's trained weights are their moving averages; without any it does nothing.

    Args:
        model: `keras.Model`, whose optimizer may keep averages.

    Example:
        >>> import tfp_flows
        >>> from tfp_flows.optimizers import FusedAdam, averaged
        >>> flow = tfp_flows.RealNVP(event_shape=(2,), num_layers=2, hidden_units=(8,))
        >>> flow.compile(FusedAdam(use_ema=True, ema_momentum=0.999))
        >>> with averaged(flow):
        ...     flow.save_weights("average.weights.h5")
    """
    pairs = moving_averages(getattr(model, "optimizer", None))
    held = [keras.ops.copy(weight) for weight, _ in pairs]
    for weight, average in pairs:
        weight.assign(average)
    try:
        yield
    finally:
        for (weight, _), value in zip(pairs, held):
            weight.assign(value)
