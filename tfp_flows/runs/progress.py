"""What a training shows while it runs: where it is, its scores, and the time that is left."""

import sys
import time

import keras

# Seconds between what is written: to a terminal, whose line is rewritten, and to a file.
_REWRITE, _LINE, _FIRST = 0.3, 10.0, 3.0


class Progress(keras.callbacks.Callback):
    """Writes a line of progress with the time left. The last of the callbacks.

    Args:
        end: `tfp_flows.runs.schedule_end.ScheduleEnd`, which knows when it ends.
        name: str, of the objective's values in the logs.
        verbose: as Keras' fit: 0 for nothing, 1 for a line that is rewritten, 2 for lines now and then, "auto" for 1 on
            a terminal and 2 elsewhere.
        clock: function that gives the time in seconds.
    """

    def __init__(self, end, name, verbose="auto", clock=time.monotonic):
        super().__init__()
        self.end, self.name, self.clock = end, name, clock
        self.verbose = (1 if sys.stdout.isatty() else 2) if verbose == "auto" else int(verbose)

    def on_train_begin(self, logs=None):
        self.written, self.has_told, self.epoch, self.validation = self.clock(), False, 0, ""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        now = self.clock()
        if self.verbose == 1 and now - self.written >= _REWRITE:
            self._write(logs, now)
        elif self.verbose == 2 and not self.has_told and now - self.written >= _FIRST:
            # How long it takes is told at once, however long the first epoch is.
            self._write(logs, now)

    def on_epoch_end(self, epoch, logs=None):
        key = f"val_{self.name}"
        if key in (logs or {}):
            self.validation = f"   {key} {float(logs[key]):.4f}"
        now = self.clock()
        if self.verbose == 1 or (self.verbose == 2 and now - self.written >= _LINE):
            self._write(logs, now)

    def on_train_end(self, logs=None):
        if self.verbose:
            self._write(logs, self.clock())
        if self.verbose == 1:
            print(flush=True)

    def _write(self, logs, now):
        left = self.end.seconds_left
        if left is None:
            return
        step = self.end.pace.step
        of = "" if self.end.num_steps is None else f" of {self.end.num_steps}"
        value = (logs or {}).get(self.name)
        score = "" if value is None else f"   {self.name} {float(value):.4f}"
        line = f"epoch {self.epoch}   step {step}{of}{score}{self.validation}   {duration(left)} left"
        print(f"\r{line:<100}" if self.verbose == 1 else line, end="" if self.verbose == 1 else "\n", flush=True)
        self.written, self.has_told = now, True


def duration(seconds):
    """A time as it is said.

    Example:
        >>> from tfp_flows.runs import progress
        >>> [progress.duration(s) for s in (7.4, 95, 7300)]
        ['7 s', '1 min 35 s', '2 h 1 min']
    """
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
