"""Grids of runs on any executor: each run is named by what it computes, kept as it finishes, and never computed twice."""

from __future__ import annotations

from mfpde.study.archive import Archive
from mfpde.study.execute import execute
from mfpde.study.progress import runs_bar
from mfpde.study.run import Result, Run, StudyError
from mfpde.study.table import collect, save_table

__all__ = ["Archive", "Result", "Run", "StudyError", "collect", "execute", "runs_bar", "save_table"]
