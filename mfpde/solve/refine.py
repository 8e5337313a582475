"""How accurate a limit is: what changes when its resolution is raised and its tolerances are tightened."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, VelocityFlow
from mfpde.solve.loop import solve


def refinement(limit: Any, t_eval: npt.ArrayLike, rtol: float = 1e-6, atol: float = 1e-9, **settings: Any) -> dict[str, Array]:
    """The error estimate of a limit at the times `t_eval`: its change under refinement.

    Parameters
    ----------
    limit : flow with a method ``refined()``
    t_eval : array_like (n_t,)
        Times on the limit's clock.
    rtol, atol
        Tolerances of the run; the refined run has a tenth of both. A flow with steps of its own takes none.
    **settings
        Further arguments of :func:`mfpde.solve`.

    Returns
    -------
    dict of arrays (n_t, ...)
        For every observable the absolute difference between the run and the refined run.

    Raises
    ------
    ValueError
        If a run stops early, or an argument is impossible.
    """
    tolerances = (rtol, atol, 0.1 * rtol, 0.1 * atol) if isinstance(limit, VelocityFlow) else (None,) * 4
    coarse = solve(limit, t_eval, *tolerances[:2], **settings)
    fine = solve(limit.refined(), t_eval, *tolerances[2:], **settings)
    for run in (coarse, fine):
        if not run.complete:
            raise ValueError(f"no estimate at t = {run.t[-1]:.6g} and after: {run.message}")
    return {name: np.abs(values - fine.observables[name]) for name, values in coarse.observables.items()}
