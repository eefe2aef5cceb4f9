"""The learning rate ends when the minutes do; what was decided is written, and a resumed run keeps to it."""

import json
import math

import numpy as np
import pytest

from tfp_flows import training
from tfp_flows.optimizers import FusedAdam, WarmupCosine
from tfp_flows.runs import pace as paces
from tfp_flows.runs import schedule_end
from tfp_flows.runs.progress import Progress
from tfp_flows.training import StopOnNaN

SMALL = dict(arguments=dict(num_layers=2, hidden_units=[16]), picture_every=0, verbose=0)
DATA = dict(num_train=1000, num_validation=50, num_test=50)


class Training:
    """A training of Keras' callbacks without a model, on a clock that goes as it is told."""

    def __init__(
        self,
        minutes,
        per_step,
        per_epoch,
        steps_per_epoch,
        most_steps,
        traced=20.0,
        slow_after=None,
        first_end=0.0,
        slow_until=1e9,
    ):
        self.now, self.decided, self.optimizer, self.stop_training = 0.0, {}, self, False
        self.iterations, self.minutes, self.slow_after = 0, minutes, slow_after
        self.per_step, self.per_epoch, self.steps_per_epoch, self.traced = per_step, per_epoch, steps_per_epoch, traced
        self.num_steps, self.first_end, self.slow_until = most_steps or 10**9, first_end, slow_until
        self.pace = paces.Pace(clock=lambda: self.now)
        self.end = schedule_end.ScheduleEnd(self, self, self.pace, most_steps, minutes)
        for callback in (self.pace, self.end):
            callback._model = self
            callback.set_params({"steps": steps_per_epoch})

    def decide(self, **options):
        assert not self.decided, "it is decided once"
        self.decided = options

    def run(self):
        callbacks, epoch = (self.pace, self.end), 0
        for callback in callbacks:
            callback.on_train_begin()
        while not self.stop_training and self.iterations < self.num_steps:
            for callback in callbacks:
                callback.on_epoch_begin(epoch)
            for batch in range(self.steps_per_epoch):
                slow = 3 if self.slow_after is not None and self.slow_after < self.now < self.slow_until else 1
                self.now += self.traced if self.iterations == 0 else self.per_step * slow
                self.iterations += 1
                for callback in callbacks:
                    callback.on_train_batch_end(batch)
                if self.stop_training:
                    break
            self.now += self.per_epoch + (0 if epoch else self.first_end)
            for callback in callbacks:
                callback.on_epoch_end(epoch)
            epoch += 1
        return self


@pytest.mark.parametrize("minutes", [2, 40])
@pytest.mark.parametrize("per_step, per_epoch, steps_per_epoch", [(0.01, 1.0, 100), (0.5, 30.0, 10**6), (0.2, 0.01, 3)])
def test_it_ends_with_the_minutes(minutes, per_step, per_epoch, steps_per_epoch):
    """Steps and what epochs cost beside them, in epochs that are short, or longer than the minutes."""
    t = Training(minutes, per_step, per_epoch, steps_per_epoch, None).run()
    assert t.decided["num_steps"] == t.num_steps == t.iterations and t.decided["minutes"] == minutes
    assert t.decided["epochs"] == math.ceil(t.num_steps / steps_per_epoch)
    over = 30.0 if steps_per_epoch == 10**6 else per_epoch
    assert 0.93 * 60 * minutes < t.now <= 60 * minutes + over


@pytest.mark.parametrize("per_step, per_epoch, steps_per_epoch", [(0.02, 0.1, 28), (0.01, 0.3, 5), (0.02, 0.5, 150)])
@pytest.mark.parametrize("first_end", [3.0, 9.0])
def test_what_is_traced_in_the_first_epochs_end_is_no_price_of_the_others(
    per_step, per_epoch, steps_per_epoch, first_end
):
    """Also where it alone takes as long as four epochs."""
    t = Training(1, per_step, per_epoch, steps_per_epoch, None, traced=4.0, first_end=first_end).run()
    # Decided between 12 and 20 s, 98 % of what is left are used, to a part of an epoch.
    assert t.decided["num_steps"] == t.num_steps == t.iterations
    assert t.now == pytest.approx(60 - 0.02 * (60 - 16), abs=1.1 * per_epoch + 0.02 * 4)


def test_a_machine_that_does_something_else_for_a_while_does_not_decide():
    """Four epochs of five seconds before it is decided, of which the second is slow."""
    t = Training(2, 0.1, 1.0, 50, None, traced=2.0, slow_after=9.0, slow_until=15.0).run()
    assert t.decided["num_steps"] == t.iterations and t.now == pytest.approx(120, abs=4)


def test_epochs_that_were_asked_for_are_not_exceeded():
    t = Training(100, 0.1, 1.0, 10, 70).run()
    assert t.iterations == 70 and t.num_steps == 70


def test_a_machine_that_turns_slow_stops_a_tenth_late():
    t = Training(10, 0.1, 1.0, 100, None, slow_after=200.0).run()
    assert t.iterations < t.num_steps and 660 <= t.now < 665


def test_minutes_that_are_over_before_anything_is_timed_end_at_that_step_and_decide_nothing():
    # Half of the six seconds are left after the tracing: two steps, where an epoch has seven.
    t = Training(0.1, 2.0, 1.0, 7, 100).run()
    assert t.iterations == 3 and t.num_steps == 100 and not t.decided


@pytest.mark.parametrize("traced", [0.1, 4.0, 300.0])
def test_what_is_traced_takes_half_of_few_minutes_at_most(traced):
    t = Training(0.2, 0.05, 1.0, 1000, None, traced=traced).run()
    assert t.decided["num_steps"] == t.iterations
    assert t.iterations * 0.05 == pytest.approx(12 - min(traced, 6), rel=0.05)


def test_the_time_left_is_what_it_takes():
    t = Training(None, 0.1, 5.0, 50, 1000)
    left = []
    t.end.on_train_batch_end = lambda batch: left.append((t.now, t.end.seconds_left))
    t.run()
    total = t.now - 5.0
    # From the second epoch's end on all is known.
    assert all(abs(now + seconds - total) < 6 for now, seconds in left[120:])
    assert left[0][1] is None and left[-1][1] == 0


def test_a_run_that_is_killed_ends_as_one_that_is_not(tmp_path, monkeypatch):
    """Where the first one's minutes decided, in the middle of an epoch, whatever the machine does the second time."""
    options = dict(data_options=DATA, batch_size=100, learning_rate=1e-2, minutes=2, **SMALL)
    monkeypatch.setattr(schedule_end.ScheduleEnd, "_is_past", lambda self, share: share < 1 and self.pace.step >= 12)
    monkeypatch.setattr(paces.Pace, "seconds_per_step", property(lambda self: 119 / 25))
    monkeypatch.setattr(paces.Pace, "seconds", property(lambda self: 1.0))
    whole = training.train("realnvp", "moons", tmp_path / "whole", **options)
    decided = whole.config.training
    assert decided.num_steps == 12 + int(0.98 * 25) and decided.epochs == 4
    written = json.loads((whole.path / "config.json").read_text())["training"]
    assert written["num_steps"] == 36 and written["minutes"] == 2 and whole.checkpoint()[0] == 4
    model = whole.build_model()
    model.compile(FusedAdam(WarmupCosine(1e-2, 36)))
    model.load_weights(whole.checkpoint()[1])
    assert int(model.optimizer.iterations) == 36

    class Killed(Exception):
        pass

    def kill(self, batch, logs=None):
        if self.model.optimizer.iterations == 25:
            raise Killed

    with monkeypatch.context() as killing:
        killing.setattr(StopOnNaN, "on_train_batch_end", kill)
        with pytest.raises(Killed):
            training.train("realnvp", "moons", tmp_path / "r", **options)
    for minutes in (None, 2):
        resumed = training.train(
            None, None, tmp_path / "r", resume=True, minutes=minutes, picture_every=0, verbose=0
        )  # fmt: skip
        assert resumed.config.training == decided
        for key in ("nll", "val_nll"):
            assert resumed.read_log()[key] == whole.read_log()[key]
    a, b = whole.load_model(), resumed.load_model()
    for v, w in zip(a.weights, b.weights):
        np.testing.assert_array_equal(v.numpy(), w.numpy())


def test_progress_says_how_long_it_takes(capsys):
    t = Training(None, 0.1, 5.0, 50, 1000)
    progress = Progress(t.end, "nll", verbose=2, clock=lambda: t.now)
    progress.on_train_begin()
    inner = t.end.on_train_batch_end
    t.end.on_train_batch_end = lambda batch: (inner(batch), progress.on_train_batch_end(batch, {"nll": 2.5}))
    t.end.on_epoch_end = lambda epoch: progress.on_epoch_end(epoch, {"nll": 2.5, "val_nll": 2.25})
    t.end.on_epoch_begin = progress.on_epoch_begin
    t.run()
    lines = capsys.readouterr().out.splitlines()
    # Steps alone are timed yet; the ends of epochs then add as much again.
    assert lines[0].startswith("epoch 1   step 2 of 1000   nll 2.5000") and lines[0].endswith("1 min 40 s left")
    assert "val_nll 2.2500" in lines[1] and len(lines) < 25
