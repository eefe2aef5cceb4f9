"""The trainer of `keras.Model`: what it does before its first step, and after the last one of an epoch."""

import functools

from tfp_flows.bridge.overrides import Overrides


class BuiltByConstructor(Overrides):
    """Mix-in for a `keras.Model` that is built by its constructor: `fit` learns no shapes from a first batch.

    Keras would average that batch over the replicas to learn its shape, which fails for integers, and for several
    workers altogether.

    The hook of `fit` and `evaluate` that is overridden is also handed what makes the iterators of their epochs: see
    `OneIteratorAnEpoch`.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.trainer import BuiltByConstructor
        >>> class Model(BuiltByConstructor, keras.Model):
        ...     pass
    """

    overrides = ("_maybe_symbolic_build",)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        if iterator is not None and not isinstance(iterator, OneIteratorAnEpoch):
            iterator.__class__ = _one_iterator_an_epoch(type(iterator))


class OneIteratorAnEpoch(Overrides):
    """Mix-in for what Keras takes the steps of an epoch from: an epoch makes one iterator of the data set.

    After the last step of every epoch Keras makes another iterator, and only where `steps_per_epoch` is given does an
    epoch to come read it; otherwise each makes its own. The one that nobody reads has its pipeline optimised, its
    threads started and its buffers filled, which is most of an epoch of few steps.

    Example:
        >>> from tfp_flows.bridge.trainer import OneIteratorAnEpoch
        >>> OneIteratorAnEpoch.overrides
        ('_enumerate_iterator',)
    """

    overrides = ("_enumerate_iterator",)

    def _enumerate_iterator(self):
        for step in super()._enumerate_iterator():
            yield step
            if self.steps_per_epoch is None and self._num_batches and self._steps_seen >= self._num_batches:
                # What Keras does last, without what it does before that.
                self.data_adapter.on_epoch_end()
                return


@functools.cache
def _one_iterator_an_epoch(base):
    return type(base.__name__, (OneIteratorAnEpoch, base), {})
