"""Whether Keras is training, asked where a function is called, and restored where its gradient is computed later."""

import keras

from tfp_flows.bridge import layers


class KerasMode(keras.layers.Layer):
    """Says whether Keras is training, or runs a function as it was when Keras was or was not.

    Example:
        >>> from tfp_flows.bridge.keras_mode import KerasMode
        >>> KerasMode()(function=lambda: KerasMode()(function=None), training=True)
        True
    """

    def __init__(self):
        super().__init__(dtype="float32", autocast=False, name="keras_mode")
        layers.pass_arguments_as_they_are(self)
        self.built = True

    def call(self, function=None, training=None):
        return training if function is None else function()
