"""Power laws with a floor through many rows of values at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array

_STEPS = 200
_CLOSE = 1e-9
_LARGEST_EXPONENT, _LONGEST_STEP = 10.0, 1.0


def fit_with_floor(m: Array, values: Array, sigma: Array, exponents: Array, log_prefactors: Array) -> Array:
    """The law C m^-a + c through each row, by least squares of the logarithms.

    Levenberg and Marquardt's method on (a, log C, log c) with 0 <= a <= 10 and log c from 30 below the smallest value's logarithm to 1
    above it; a parameter stays where its bound stops it. Begun twice, from the power law without a floor and from one with a = 2 whose
    floor is the smallest value: where widths say little of the exponent there may be two minima, and the lower one is taken.

    Parameters
    ----------
    m : array (n_w,)
    values : array (n, n_w)
        All > 0.
    sigma : array (n_w,)
        Errors of their logarithms.
    exponents, log_prefactors : array (n,)
        Of the power law without a floor.

    Returns
    -------
    array (n, 3)
        a, log C and c.
    """
    logs, middle = np.log(values), np.mean(np.log(m))
    u, least = np.log(m) - middle, logs.min(axis=1)
    flat = np.stack([np.maximum(exponents, 0.1), log_prefactors - exponents * middle, least - 1.0], axis=1)
    steep = np.stack([np.full_like(least, 2.0), logs[:, 0] + 2.0 * u[0], least], axis=1)
    found = [_descended(start, u, logs, sigma) for start in (flat, steep)]
    squares = [np.sum(_off(p, u, logs, sigma)[0] ** 2, axis=1) for p in found]
    p = np.where((squares[0] <= squares[1])[:, None], *found)
    return np.stack([p[:, 0], p[:, 1] + p[:, 0] * middle, np.exp(p[:, 2])], axis=1)


def _descended(start: Array, u: Array, logs: Array, sigma: Array) -> Array:
    """The minimum (n, 3) near each start, (a, log C at the middle width, log c)."""
    least = logs.min(axis=1)
    free = np.full_like(least, np.inf)
    low = np.stack([np.zeros_like(least), -free, least - 30.0], axis=1)
    high = np.stack([np.full_like(least, _LARGEST_EXPONENT), free, least + 1.0], axis=1)
    p: Array = np.clip(start, low, high)
    damping = np.full(len(p), 1e-3)
    residuals, slopes = _off(p, u, logs, sigma)
    for _ in range(_STEPS):
        gradient = np.einsum("nwk,nw->nk", slopes, residuals)
        held = ((p <= low) & (gradient > 0.0)) | ((p >= high) & (gradient < 0.0))
        stepped = np.clip(p + np.clip(_step(slopes, gradient, damping, held), -_LONGEST_STEP, _LONGEST_STEP), low, high)
        there = _off(stepped, u, logs, sigma)
        better = np.sum(there[0] ** 2, axis=1) <= np.sum(residuals**2, axis=1)
        close = np.max(np.abs(stepped - p), axis=1) < _CLOSE
        p = np.where(better[:, None], stepped, p)
        residuals, slopes = np.where(better[:, None], there[0], residuals), np.where(better[:, None, None], there[1], slopes)
        damping = np.clip(np.where(better, 0.2, 5.0) * damping, 1e-12, 1e12)
        if close.all():
            break
    return p


def _off(p: Array, u: Array, logs: Array, sigma: Array) -> tuple[Array, Array]:
    """Residuals (n, n_w) and their derivatives (n, n_w, 3)."""
    power = np.exp(p[:, 1:2] - p[:, :1] * u)
    law = power + np.exp(p[:, 2:])
    share = power / law
    return (np.log(law) - logs) / sigma, np.stack([-u * share, share, 1.0 - share], axis=2) / sigma[:, None]


def _step(slopes: Array, gradient: Array, damping: Array, held: npt.NDArray[np.bool_]) -> Array:
    """Gauss and Newton's step with each diagonal entry enlarged by a share of itself; 0 in what is held."""
    square = np.einsum("nwk,nwl->nkl", slopes, slopes)
    diagonal = np.maximum(np.einsum("nkk->nk", square), 1e-12)
    damped = square + (damping[:, None] * diagonal)[:, :, None] * np.eye(3)
    damped = np.where(held[:, :, None] | held[:, None, :], np.eye(3), damped)
    step: Array = np.linalg.solve(damped, np.where(held, 0.0, -gradient)[:, :, None])[:, :, 0]
    return step
