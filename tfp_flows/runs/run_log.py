"""The callback that keeps a run directory: log, best weights, checkpoint, and when to stop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import keras

from tfp_flows.numerics.tensors import as_array
from tfp_flows.optimizers import averaged
from tfp_flows.runs.scores import best_of, scores_of

if TYPE_CHECKING:
    from tfp_flows.runs.run import Run


class RunLog(keras.callbacks.Callback):
    """After each epoch writes the log's row, the best weights and the checkpoint of a `Run`.

    The best weights are the moving averages where the optimizer keeps some, as they are validated; the checkpoint has
    both, to train on.

    Everything it decides by is read from the log, nothing is remembered besides: a resumed run decides as an
    uninterrupted one. The row of an epoch that was stopped within it says so, epoch 2.37, and becomes that of the whole
    epoch when the rest of it has been trained.

    Args:
        run: `tfp_flows.training.Run`.
        patience: int, epochs without a better validation score after which training stops, or None: nll, or what the
            objective calls it.
        steps_per_epoch: int, for rows that say how far an epoch went; None where each is a whole one.
        finished: int, whole epochs before this fit; None for as many as the checkpoint has begun.
        start: float, of `time.monotonic`, from which the seconds are counted; None for the fit's beginning.
    """

    def __init__(
        self,
        run: Run,
        patience: int | None = None,
        steps_per_epoch: int | None = None,
        finished: int | None = None,
        start: float | None = None,
    ):
        super().__init__()
        self.run, self.patience = run, patience
        self.steps_per_epoch, self.finished, self.start = steps_per_epoch, finished, start

    def on_train_begin(self, logs: dict | None = None) -> None:
        # Rows of epochs after the checkpoint are of an epoch that did not finish being written.
        finished = self.run.checkpoint()[0] if self.finished is None else self.finished
        log = self.run.read_log()
        self.begun = {key: column[finished] for key, column in log.items() if len(column) > finished}
        self.log = {key: column[:finished] for key, column in log.items()}
        if log and "epoch" not in log:
            # Of a former version.
            self.log = {"epoch": [*map(float, range(1, finished + 1))], **self.log}
        self.tick = time.monotonic() if self.start is None else self.start

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        now = time.monotonic()
        values = {key: float(value) for key, value in (logs or {}).items()}
        row = {**self._progress(epoch), **values, "seconds": now - self.tick}
        row, self.begun = self._with_what_had_begun(row, epoch), {}
        self.tick = now
        for key in {**dict.fromkeys(self.log), **dict.fromkeys(row)}:
            # A column that came late or that fails for once is padded: every row has every column.
            column = self.log.setdefault(key, [])
            column.extend([float("nan")] * (epoch - len(column)))
            column.append(row.get(key, float("nan")))
        best, waited = best_of(scores_of(self.log, self.model.objective.name))
        if best == epoch:
            with averaged(self.model):
                self.run.save_best(self.model)
        self.run.write_log(self.log)
        self.run.save_checkpoint(self.model, epoch + 1)
        if self.patience is not None and waited >= self.patience:
            print(f"Epoch {epoch + 1}: no better validation score for {self.patience} epochs; stopping.")
            self.model.stop_training = True

    def _progress(self, epoch):
        """Where the training is: epochs, of the last of which a part may be done, and steps."""
        if self.steps_per_epoch is None:
            return {"epoch": epoch + 1.0}
        step = int(as_array(self.model.optimizer.iterations))
        done = step / self.steps_per_epoch - epoch
        return {"epoch": epoch + (done if 0 < done < 1 else 1.0), "step": float(step)}

    def _with_what_had_begun(self, row, epoch):
        """The row of an epoch of which a part was trained before this fit: means over all of it."""
        share = self.begun.get("epoch", 0.0) - epoch
        if not 0 < share < 1:
            return row
        share /= row["epoch"] - epoch
        for key, value in self.begun.items():
            if key == "seconds":
                row[key] += value
            elif key in row and key not in ("epoch", "step") and not key.startswith("val_"):
                row[key] = share * value + (1 - share) * row[key]
        return row
