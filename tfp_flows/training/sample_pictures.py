"""A callback that draws samples every n epochs: what a flow has learned is seen before it is measured."""

import os

import keras
import numpy as np

from tfp_flows import plots


class SamplePictures(keras.callbacks.Callback):
    """Writes `folder/epoch_0010.png` every n epochs, always from the same seed, so that pictures can be compared.

    Args:
        folder: str.
        every: int, epochs between pictures.
        n: int, samples a picture; more are drawn for points of the plane, which want a density.
        reference: array of data to draw beside, or None.
        temperature: float.
        seed: int.

    Raises:
        ValueError: where every or n is no positive integer.

    Example:
        >>> from tfp_flows.training import SamplePictures
        >>> callback = SamplePictures("pictures", every=10)
    """

    def __init__(self, folder, every=10, n=64, reference=None, temperature=1.0, seed=0):
        super().__init__()
        for key, value in (("every", every), ("n", n)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
        self.folder, self.every, self.n = folder, every, n
        self.reference, self.temperature, self.seed = reference, temperature, seed

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0:
            path = os.path.join(self.folder, f"epoch_{epoch + 1:04d}.png")
            draw_samples(self.model, path, self.n, self.reference, self.temperature, self.seed, f"epoch {epoch + 1}")


def draw_samples(model, path, n=64, reference=None, temperature=1.0, seed=0, title=None):
    """Samples a flow and draws the samples, integer data as integers; images as a grid of n, points as a cloud.

    Args:
        model: `tfp_flows.Flow`.
        path: str, the PNG to write.
        n, reference, temperature, seed, title: as `SamplePictures`.

    Returns:
        path.
    """
    if plots.as_images(np.empty((1, *model.event_shape))) is None:
        n, reference = max(n, 10_000), None if reference is None else reference[:20_000]
    events = model.sample(n, seed=seed, temperature=temperature)
    if model.dequantization is not None:
        events = model.dequantization.quantize(events)
    return plots.samples(np.asarray(events), path, reference, model.num_bins, title)
