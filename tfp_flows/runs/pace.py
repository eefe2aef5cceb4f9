"""How fast a training goes: the time of a step, and what an epoch takes beside its steps."""

import statistics
import time

import keras

from tfp_flows.numerics.tensors import as_array


class Pace(keras.callbacks.Callback):
    """Measures a fit while it runs. The first of the callbacks, so that it counts what the others do.

    A step's price is that of the epoch in the middle; the first step, which is traced, is not counted, nor is the first
    half of the epochs' ends, which is slower, where there is another one.

    Args:
        seconds: float, of the run before this fit.
        clock: function that gives the time in seconds.
        start: float, the time from which it counts; None for the beginning of the fit.
        steps_per_epoch: int, or None to ask the fit.

    Attributes:
        step: int, of the training, those before this fit included.
        steps_per_epoch: int, or None where it is not known.
        startup: float, seconds until the first step was done, which is traced.
    """

    def __init__(self, seconds=0.0, clock=time.monotonic, start=None, steps_per_epoch=None):
        super().__init__()
        self.before, self.clock, self.start = seconds, clock, start
        self.step = self.num_timed = 0
        self.steps_per_epoch, self.startup = steps_per_epoch, 0.0

    def on_train_begin(self, logs=None):
        self.step = int(as_array(self.model.optimizer.iterations))
        if self.steps_per_epoch is None:
            self.steps_per_epoch = self.params.get("steps")
        if self.start is None:
            self.start = self.clock()
        self.mark = None
        self.num_timed, self.in_steps, self.ends, self.means = 0, 0.0, [], []
        self.before_epoch = 0, 0.0
        self.is_traced = False

    def on_epoch_begin(self, epoch, logs=None):
        now = self.clock()
        if self.mark is not None:
            self.ends.append(now - self.mark)
            num, seconds = self.num_timed - self.before_epoch[0], self.in_steps - self.before_epoch[1]
            self.before_epoch = self.num_timed, self.in_steps
            if num:
                self.means.append(seconds / num)
        self.mark = now

    def on_train_batch_end(self, batch, logs=None):
        now = self.clock()
        self.step += 1
        if self.is_traced:
            self.num_timed += 1
            self.in_steps += now - self.mark
        elif not self.startup:
            self.startup = now - self.start
        self.is_traced, self.mark = True, now

    @property
    def seconds(self):
        """float, of the whole run so far."""
        return self.before + self.clock() - self.start

    @property
    def seconds_per_step(self):
        """float, a step's share of its epoch's end included; None where nothing is timed yet."""
        if not self.num_timed:
            return None
        ends = self.ends[len(self.ends) // 2 :]
        share = sum(ends) / len(ends) / self.steps_per_epoch if ends and self.steps_per_epoch else 0.0
        # Of epochs the one in the middle: what else the machine did for a while is no price of the steps to come.
        mean = statistics.median(self.means) if len(self.means) > 1 else self.in_steps / self.num_timed
        return mean + share

    @property
    def has_timed_epochs(self):
        """Whether what an epoch's end takes is known well: its validation and what else is done there."""
        return len(self.ends) > 3
