"""One part of a chain in one direction: what an evaluation of the chain, stored or rebuilt, is made of."""

import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.routing import context_options


class Step:
    """A bijector of a chain, evaluated in one direction at the event rank of the value that it meets there.

    Args:
        bijector: `tfb.Bijector`.
        way: "forward" or "inverse".
        ndims: int, rank of the events on this bijector's input side.
    """

    def __init__(self, bijector, way, ndims):
        self.bijector = bijector
        self.way = way
        self.ndims = ndims

    def __call__(self, value, kwargs):
        """The image of a value and the log_det, from the keyword arguments given to the whole chain."""
        bijector, way, options = self.bijector, self.way, self.options(kwargs)
        if self._is_at_its_own_rank and isinstance(bijector, Bijector):
            return getattr(bijector, f"_{way}_and_log_det")(value, **options)
        image = getattr(bijector, way)(value, **options)
        return image, getattr(bijector, f"{way}_log_det_jacobian")(value, event_ndims=self.ndims, **options)

    def rebuild(self, image, tape, kwargs):
        """The value that gave an image, and image and log_det from it once more, as a tape's gradient wants them.

        Args:
            image: tensor.
            tape: `tf.GradientTape` that is recording.
            kwargs: dict, given to the whole chain.

        Returns:
            value: tensor.
            inputs: list of tensors that the tape watches.
            image, log_det: tensors, recorded as functions of the inputs.
            combine: function from the gradients by the inputs to that by the value.
        """
        if self._is_at_its_own_rank and isinstance(self.bijector, Bijector):
            rebuilt = self.bijector.rebuild(self.way, image, tape, **self.options(kwargs))
            if rebuilt is not None:
                return rebuilt
        back = "inverse" if self.way == "forward" else "forward"
        with tape.stop_recording():
            # Tensors that are new to TFP's cache: it knows both ways of those that it has met.
            value = tf.identity(getattr(self.bijector, back)(tf.identity(image), **self.options(kwargs)))
        tape.watch(value)
        return value, [value], *self(value, kwargs), lambda gradient: gradient

    @property
    def _is_at_its_own_rank(self):
        return getattr(self.bijector, f"{self.way}_min_event_ndims") == self.ndims

    def options(self, kwargs):
        """The keyword arguments that the bijector gets: `context` if it wants it, and TFP's own nesting by name."""
        options = dict(kwargs.get(self.bijector.name, {}))
        given = context_options(self.bijector, kwargs["context"]) if "context" in kwargs else {}
        # What is given to a part by name goes before.
        return {**given, **options}


def walk(steps, value, kwargs):
    """The image of a value under the steps in a row, and the sum of their log_dets."""
    log_dets = []
    for step in steps:
        value, log_det = step(value, kwargs)
        log_dets.append(log_det)
    return value, sum(log_dets)
