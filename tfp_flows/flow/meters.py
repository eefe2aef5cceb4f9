"""What a flow logs while it is trained and evaluated: the loss, and the metrics of its objective."""

import keras
import tensorflow as tf


class Meters:
    """The loss and an objective's metrics, held where Keras finds no list: a model compiled anew drops the old ones."""

    def __init__(self, objective, flow):
        self._loss = keras.metrics.Mean(name="loss")
        self.shown = objective.metrics(flow)
        self.all = [self._loss, *self.shown]

    @property
    def count(self):
        """The events that were seen since the last reset."""
        return self._loss.count

    def update(self, loss, values, weight):
        self._loss.update_state(loss, sample_weight=tf.shape(values)[0])
        for metric in self.shown:
            metric.update_state(values, sample_weight=weight)
