"""HDF5 files: trajectories, checkpoints and what they say about the run (the only room that imports h5py)."""

from __future__ import annotations

from mfpde.store.checkpoint import read_checkpoint, write_checkpoint
from mfpde.store.files import StoreError, exists
from mfpde.store.layout import Plan
from mfpde.store.trajectory import RunInfo, Store, load_trajectory, refuse_other_run, run_info, save_trajectory

__all__ = [
    "Plan",
    "RunInfo",
    "Store",
    "StoreError",
    "exists",
    "load_trajectory",
    "read_checkpoint",
    "refuse_other_run",
    "run_info",
    "save_trajectory",
    "write_checkpoint",
]
