"""What reaches the disk, and when: the rows in a store, all else in a checkpoint, and how a run continues from them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from mfpde.flow import Array, Trajectory
from mfpde.solve.ending import Ending
from mfpde.solve.recorder import Recorder
from mfpde.solve.request import Request
from mfpde.solve.steppers import Stepper
from mfpde.store import Plan, Store, StoreError, exists, load_trajectory, read_checkpoint, refuse_other_run, write_checkpoint

_PERIOD = 1.0  # seconds between two saves at least
_SHARE = 0.05  # and at most this share of the time is spent on saving


class Saver:
    """The files of one run.

    No store is without a checkpoint: that of row 0 is written before the store is created, later ones follow the rows they
    count. So a kill at any moment leaves a pair from which the run continues.
    """

    recorder: Recorder

    def __init__(self, request: Request, store: str | Path | None, checkpoint: str | Path | None) -> None:
        self._request = request
        self._store_path = None if store is None else Path(store)
        self._checkpoint_path = None if checkpoint is None else Path(checkpoint)
        if checkpoint is not None and self._store_path == self._checkpoint_path:
            raise ValueError(f"store and checkpoint are both {str(store)!r}: give two paths")
        if checkpoint is not None and request.settings["method"] == "LSODA":
            raise ValueError("checkpoint with method 'LSODA': its state is hidden in compiled code and cannot be saved; use another method")
        self._store: Store | None = None
        self._saved: dict[str, Any] | None = None
        self._seconds = 0.0
        self._started = time.monotonic()
        if self._checkpoint_path is not None and exists(self._checkpoint_path):
            self._saved = read_checkpoint(self._checkpoint_path, request.config)
            self._refuse_other_files(self._saved)
            self._seconds = self._saved["seconds"]
        elif self._store_path is not None and exists(self._store_path):
            raise StoreError(f"{self._store_path} exists already, without a checkpoint to continue from: delete it or give another name")

    def finished(self) -> Trajectory | None:
        """The trajectory of a run that was complete before, else None."""
        if self._saved is None or not self._saved["complete"]:
            return None
        if self._store_path is None:
            return self._trajectory(self._saved["rows"]["rows"], self._saved["stats"], self._saved["message"], True)
        trajectory = load_trajectory(self._store_path)
        refuse_other_run(self._store_path, self._request.config, trajectory.config)
        return trajectory

    def begin(self, stepper: Stepper) -> None:
        """Open or continue the files, and bring `stepper` to where the checkpoint has it."""
        request, saved = self._request, self._saved
        shapes = {name: np.shape(value) for name, value in request.flow.observe(0.0, request.y0).items()}
        count = 0 if saved is None else saved["rows"]["count"]
        path = self._store_path
        if saved is not None:
            stepper.restore(saved["stepper"])
        if path is not None and exists(path):
            self._store = Store.reopen(path, config=request.config, t=request.t, rows=count)
        elif path is not None:
            if count:
                raise StoreError(f"{path} is missing, its checkpoint {self._checkpoint_path} is at row {count}: give the store of that run")
            if saved is None:
                self._write_checkpoint(stepper, {"count": 0, "rows": None}, False, "")
            flow = request.flow
            self._store = Store.create(path, Plan(flow.packing, shapes, request.t, request.y0.dtype, flow.clock, request.config))
        self.recorder = Recorder(request.t, request.y0.size, request.y0.dtype, shapes, self._store)
        if saved is not None:
            self.recorder.restore(saved["rows"])
        self._due = time.monotonic()

    def save_if_due(self, stepper: Stepper) -> None:
        """Between two steps: save, if the last time is long enough ago. The moment changes no bit of the run."""
        began = time.monotonic()
        if began >= self._due:
            self._save(stepper, False, "")
            ended = time.monotonic()
            self._due = ended + max(_PERIOD, (ended - began) / _SHARE)

    def finish(self, stepper: Stepper, ending: Ending) -> Trajectory:
        """Save all there is and close out; the last good state of a run that ended between two rows becomes its last row."""
        if ending.usable and not ending.complete:
            self._save(stepper, False, ending.message)
        self._keep_last(stepper)
        self.recorder.flush()
        stats = self._stats(stepper)
        if self._store is not None:
            self._store.close_out(ending.complete, ending.message, stats)
        if ending.complete:
            self._write_checkpoint(stepper, self.recorder.capture(), True, ending.message)
        return self._trajectory(self.recorder.rows(), stats, ending.message, ending.complete)

    def abandon(self, stepper: Stepper, error: BaseException) -> None:
        """After an error inside a step: the rows so far reach the store, the checkpoint before stays."""
        self.recorder.flush()
        if self._store is not None:
            self._store.close_out(False, f"stopped at t = {stepper.t:.6g} by {type(error).__name__}: {error}", self._stats(stepper))

    def _save(self, stepper: Stepper, complete: bool, message: str) -> None:
        self.recorder.flush()
        self._write_checkpoint(stepper, self.recorder.capture(), complete, message)

    def _write_checkpoint(self, stepper: Stepper, rows: dict[str, Any], complete: bool, message: str) -> None:
        if self._checkpoint_path is not None:
            stats = self._stats(stepper)
            content = {
                "stepper": stepper.capture(),
                "rows": rows,
                "with_store": self._store_path is not None,
                "complete": complete,
                "message": message,
                "stats": stats,
                "seconds": stats["seconds"],
            }
            write_checkpoint(self._checkpoint_path, self._request.config, content)

    def _keep_last(self, stepper: Stepper) -> None:
        """The last good state as a row at its own time, unless that time is a row already."""
        t, _, _ = self.recorder.rows()
        if t.size == 0 or stepper.t > self._request.reached[t.size - 1]:
            self.recorder.add(stepper.t, stepper.y, self._request.flow.observe(stepper.t, stepper.y))

    def _stats(self, stepper: Stepper) -> dict[str, float]:
        return {**stepper.counts, "seconds": self._seconds + time.monotonic() - self._started}

    def _trajectory(
        self, rows: tuple[Array, dict[str, Array], Array], stats: dict[str, float], message: str, complete: bool
    ) -> Trajectory:
        flow = self._request.flow
        return Trajectory(*rows, flow.packing, flow.clock, self._request.config, stats, message, complete)

    def _refuse_other_files(self, saved: dict[str, Any]) -> None:
        if saved["with_store"] != (self._store_path is not None):
            remedy = "give store= with the file of that run" if saved["with_store"] else "leave store= out"
            raise StoreError(f"{self._checkpoint_path} was written {'with' if saved['with_store'] else 'without'} a store: {remedy}")
