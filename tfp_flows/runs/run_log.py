"""The callback that keeps a run directory: log, best weights, checkpoint, and when to stop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import keras
import numpy as np

if TYPE_CHECKING:
    from tfp_flows.runs.run import Run


class RunLog(keras.callbacks.Callback):
    """After each epoch writes the log's row, the best weights and the checkpoint of a `Run`.

    Everything it decides by is read from the log, nothing is remembered besides: a resumed run decides as an
    uninterrupted one.

    Args:
        run: `tfp_flows.training.Run`.
        patience: int, epochs without a better validation score after which training stops, or None: nll, or what the
            objective calls it.
    """

    def __init__(self, run: Run, patience: int | None = None):
        super().__init__()
        self.run, self.patience = run, patience

    def on_train_begin(self, logs: dict | None = None) -> None:
        # Rows of epochs after the checkpoint are of an epoch that did not finish being written.
        finished = self.run.checkpoint()[0]
        self.log = {key: column[:finished] for key, column in self.run.read_log().items()}
        self.tick = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        now = time.monotonic()
        row = {**{key: float(value) for key, value in (logs or {}).items()}, "seconds": now - self.tick}
        self.tick = now
        for key in {**dict.fromkeys(self.log), **dict.fromkeys(row)}:
            # A column that came late or that fails for once is padded: every row has every column.
            column = self.log.setdefault(key, [])
            column.extend([float("nan")] * (epoch - len(column)))
            column.append(row.get(key, float("nan")))
        scores = np.asarray(scores_of(self.log, self.model.objective.name))
        scores = np.where(np.isfinite(scores), scores, np.inf)
        best = int(np.argmin(scores))
        if best == epoch and np.isfinite(scores[best]):
            self.run.save_best(self.model)
        self.run.write_log(self.log)
        self.run.save_checkpoint(self.model, epoch + 1)
        if self.patience is not None and epoch - best >= self.patience:
            print(f"Epoch {epoch + 1}: no better validation score for {self.patience} epochs; stopping.")
            self.model.stop_training = True


def scores_of(log, name):
    """The column of a log by which weights are the best: the validation's where there is one.

    Args:
        log: dict name -> list of floats, one an epoch.
        name: str, what the objective's values are logged as.

    Raises:
        ValueError: where the log has neither.
    """
    for key in (f"val_{name}", name):
        if key in log:
            return log[key]
    raise ValueError(f"Expected {name} in the log; got {sorted(log)}.")
