"""When a run's schedule ends: at a number of steps that is known, or that the minutes decide once steps are timed.

    decided at the first beginning of an epoch after 20 % of the minutes at which four epochs' ends are timed, at the
    latest after 30 % of the minutes, or 50 % where one is:
    num_steps = step + 0.98 (60 minutes - seconds so far) / seconds per step

The first epoch's end says little of the others': validation is traced in it, which may take as long as a hundred of
small epochs. The next ones are slower than those that follow, too: while every epoch is the best so far its weights are
written, and files and memory are new.

What is decided is written to the run's config, so that whoever resumes the run ends where it would have ended, with the
same learning rates. Where a machine turns slow the training stops a tenth of the minutes late, before its end; where
the minutes are over before anything could be decided, at that step.

What comes before the first step's end, TensorFlow's tracing above all, counts for half of the minutes at most: of few
minutes some are left to train in.
"""

import math

import keras

_BEGINNING_OF_EPOCH, _ANYWHERE, _AFTER_ONE_END, _RESERVE, _LATE = 0.2, 0.3, 0.5, 0.98, 1.1
_MOST_STARTUP = 0.5
# Fewer say nothing.
_LEAST_TIMED = 3


class ScheduleEnd(keras.callbacks.Callback):
    """Ends a training at its last step; from minutes decides which that is.

    Args:
        run: `tfp_flows.runs.Run`.
        schedule: `tfp_flows.optimizers.WarmupCosine`, of the optimizer.
        pace: `tfp_flows.runs.pace.Pace`, before this one among the callbacks.
        most_steps: int, of the epochs that were asked for; None where minutes alone say when to stop.
        minutes: float, of the whole run, or None.
        num_steps: int, what was decided before, or None.
    """

    def __init__(self, run, schedule, pace, most_steps, minutes=None, num_steps=None):
        super().__init__()
        self.run, self.schedule, self.pace = run, schedule, pace
        self.most_steps, self.minutes, self.num_steps = most_steps, minutes, num_steps
        if minutes is None and num_steps is None:
            self.num_steps = most_steps

    @property
    def seconds_left(self):
        """float, or None while nothing is known."""
        pace = self.pace.seconds_per_step
        if self.num_steps is not None and pace is not None:
            return max(self.num_steps - self.pace.step, 0) * pace
        return None if self.minutes is None else max(60 * self.minutes - self._seconds, 0.0)

    def on_epoch_begin(self, epoch, logs=None):
        if self.num_steps is None and self.pace.has_timed_epochs and self._is_past(_BEGINNING_OF_EPOCH):
            self._decide()

    def on_train_batch_end(self, batch, logs=None):
        knows_one_end = len(self.pace.ends) == 1
        if self.num_steps is None and self._is_past(_AFTER_ONE_END if knows_one_end else _ANYWHERE):
            self._decide()
        if self.num_steps is not None and self.pace.step >= self.num_steps:
            self.model.stop_training = True
        elif self.minutes is not None and self.num_steps is not None and self._is_past(_LATE):
            print(f"{self.minutes:g} minutes are over, {self.num_steps - self.pace.step} steps early; stopping.")
            self.model.stop_training = True
        else:
            self._stop_undecided()

    def on_epoch_end(self, epoch, logs=None):
        self._stop_undecided()

    def _stop_undecided(self):
        """Over before anything could be decided: then the schedule stays what it was."""
        if self.num_steps is None and self._is_past(1.0) and not self.model.stop_training:
            print(f"{self.minutes:g} minutes are over, after {self.pace.step} steps; stopping.")
            self.model.stop_training = True

    @property
    def _seconds(self):
        """Those of the minutes that are used."""
        return self.pace.seconds - max(self.pace.startup - _MOST_STARTUP * 60 * self.minutes, 0.0)

    def _is_past(self, share):
        return self._seconds >= 60 * self.minutes * share

    def _decide(self):
        left = 60 * self.minutes - self._seconds
        if self.pace.num_timed < _LEAST_TIMED or left <= 0:
            return
        steps = max(int(_RESERVE * left / self.pace.seconds_per_step), 1)
        self.num_steps = self.pace.step + steps
        if self.most_steps is not None:
            self.num_steps = min(self.num_steps, self.most_steps)
        self.schedule.num_steps = self.num_steps
        epochs = math.ceil(self.num_steps / self.pace.steps_per_epoch)
        self.run.decide(minutes=self.minutes, num_steps=self.num_steps, epochs=epochs)
