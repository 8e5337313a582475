"""Orthogonal symmetries: whether law and target have one, and how well a run keeps it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole
from mfpde.flow import Array, Flow, Trajectory
from mfpde.laws import Empirical, Law, Mixture, RadialLaw
from mfpde.streams import resolve_seed, stream
from mfpde.targets import Target

_FREQUENCIES, _SAMPLES, _TEST_ROWS = 64, 2**14, 2**10
_DEVIATIONS, _ROUNDING = 6.0, 1e-10


@dataclass(frozen=True)
class SymmetryResidual:
    """How far a run is from (T, s)-symmetry, at every saved time.

    Attributes
    ----------
    t : array (n_t,)
    predictor : array (n_t,) or None
        max over test inputs of |f(T x) - s f(x)|; None for a flow that predicts nothing.
    particles : dict of arrays (n_t,)
        For each layer that T moves, the largest distance from the image of a particle to the nearest particle.
    """

    t: Array
    predictor: Array | None
    particles: dict[str, Array]

    def largest(self) -> float:
        """The largest of all residuals at all times."""
        found = [*self.particles.values(), *([] if self.predictor is None else [self.predictor])]
        return float(max(values.max() for values in found))


def symmetry_residual(
    flow: Flow,
    trajectory: Trajectory,
    transform: npt.ArrayLike,
    sign: int = 1,
    *,
    inputs: npt.ArrayLike | int = 256,
    rng: int = 0,
) -> SymmetryResidual:
    """How well the run `trajectory` of `flow` keeps f(T x) = s f(x), and its particles the map (a, w) -> (s a, T w).

    If T preserves the law of the inputs, f*(T x) = s f*(x), and the initial measure is invariant under that map, then so are the
    dynamics for ever: the infinite-width limit, and gradient descent with any step on data and neurons that are invariant as
    finite lists (Hajjar, Chizat 2023; docs/odd_target).

    Parameters
    ----------
    flow
        Any flow with ``predict(y, x)`` or ``particles(y) -> {layer: (m, p)}``.
    trajectory
        A run of it.
    transform : array (d, d)
        The orthogonal map T.
    sign : {1, -1}
        s.
    inputs : int or array (n, d)
        Test inputs, or how many to draw from N(0, I).
    rng : int
        Seed of the test inputs.

    Returns
    -------
    SymmetryResidual
        Layers of particles with d columns are moved by T, those with d + 1 by (s, T); others are left out.

    Raises
    ------
    ValueError
        If T is not orthogonal, the sign is neither 1 nor -1, the inputs have another dimension, or the flow has neither
        `predict` nor particles that T moves.
    """
    T, s = checked_map(transform, sign)
    d = len(T)
    if isinstance(inputs, (int, np.integer)):
        x = stream(resolve_seed(rng), "test inputs").standard_normal((whole("inputs", inputs), d))
    else:
        x = np.asarray(inputs, np.float64)
        if x.ndim != 2 or x.shape[1] != d:
            raise ValueError(f"inputs have shape {x.shape}: give (n, {d}), the dimension of the transform")
    predict, particles = getattr(flow, "predict", None), getattr(flow, "particles", None)
    predictor: list[float] = []
    distances: dict[str, list[float]] = {}
    for y in trajectory.states:
        if predict is not None:
            predictor.append(float(np.max(np.abs(predict(y, x @ T.T) - s * predict(y, x)))))
        for name, points in ({} if particles is None else particles(y)).items():
            if len(points) and points.shape[1] in (d, d + 1):
                distances.setdefault(name, []).append(_farthest(points, T, s))
    if predict is None and not distances:
        raise ValueError(f"flow = {type(flow).__name__}: it has neither predict(y, x) nor particles of {d} or {d + 1} columns to compare")
    return SymmetryResidual(trajectory.t, np.array(predictor) if predictor else None, {k: np.array(v) for k, v in distances.items()})


def checked_map(transform: npt.ArrayLike, sign: int) -> tuple[Array, int]:
    """T as an array (d, d) and s; ValueError unless T is orthogonal to 1e-12 and s = 1 or -1."""
    T = np.asarray(transform, np.float64)
    if T.ndim != 2 or T.shape[0] != T.shape[1] or not np.all(np.isfinite(T)):
        raise ValueError(f"transform has shape {T.shape}: give a finite orthogonal matrix (d, d)")
    error = float(np.max(np.abs(T @ T.T - np.eye(len(T)))))
    if error > 1e-12:
        raise ValueError(f"transform is not orthogonal: T T^T differs from the identity by {error:.3g}")
    if isinstance(sign, bool) or sign not in (1, -1):
        raise ValueError(f"sign = {sign!r}: give 1 or -1")
    return T, int(sign)


def check_invariance(law: Law, target: Target | None, transform: npt.ArrayLike, sign: int) -> None:
    """Refuse a law that T changes, and a target (None: the labels of the data) without f*(T x) = s f*(x).

    A Gaussian or radial law is invariant if its covariance is. For others the characteristic functions of x and T x are compared
    along the axes and at 64 random frequencies: exactly for data, to 6 standard errors on 2^14 samples otherwise. The target is
    evaluated at x and T x.

    Raises
    ------
    ValueError
        That says which assumption fails, and by how much.
    """
    T, s = checked_map(transform, sign)
    certain = _certain(law, T)
    if isinstance(law, Empirical):
        x, q = law.x, law.weights
    else:
        x = law.sample(_TEST_ROWS if certain else _SAMPLES, stream(0, "symmetry"))
        q = np.full(len(x), 1.0 / len(x))
    image = x @ T.T
    if isinstance(law, RadialLaw) and not certain:
        change = f"T changes its covariance by {_covariance_change(law, T):.3g} of it"
        raise ValueError(f"law = {type(law).__name__}: it is not invariant under T: {change}")
    if not certain:
        _check_moved(x, image, q, isinstance(law, Empirical), f"law = {type(law).__name__}: it", "x and T x have different laws")
    if target is not None:
        _check_target(target, x, image, s)
    elif isinstance(law, Empirical) and law.y is not None and law.y.ndim == 1:
        spread = law.y / (np.std(law.y) or 1.0)
        both, moved = np.column_stack([x, spread]), np.column_stack([image, s * spread])
        _check_moved(both, moved, q, True, "law: its labels", f"(x, y) and (T x, {s} y) have different laws")


def _covariance_change(law: RadialLaw, T: Array) -> float:
    """How much T changes the covariance, relative to its largest entry."""
    c = law.second_moment()
    return float(np.max(np.abs(T @ c @ T.T - c)) / np.max(np.abs(c)))


def _certain(law: Law, T: Array) -> bool:
    """Whether `law` is Gaussian, radial or a mixture of such, each invariant under T."""
    if isinstance(law, Mixture):
        return all(_certain(part, T) for part in law.components)
    return isinstance(law, RadialLaw) and _covariance_change(law, T) <= _ROUNDING


def _check_target(target: Target, x: Array, image: Array, s: int) -> None:
    y, there = target(x), target(image)
    worst = int(np.argmax(np.abs(there - s * y)))
    if abs(there[worst] - s * y[worst]) > _ROUNDING * float(np.max(np.abs(y))):
        values = f"{float(there[worst]):.6g} at T x where {s} f*(x) = {s * float(y[worst]):.6g}"
        raise ValueError(f"target: f*(T x) = {s} f*(x) fails, it is {values}")


def _check_moved(x: Array, image: Array, q: Array, data: bool, what: str, meaning: str) -> None:
    rng = stream(0, "frequencies")
    deviation = np.sqrt(np.maximum(q @ x**2, np.finfo(float).tiny))
    axes = np.eye(x.shape[1])
    random = rng.standard_normal((_FREQUENCIES, x.shape[1])) / np.sqrt(x.shape[1])
    # Frequencies of a few radians a standard deviation see the bulk of the law.
    waves = np.vstack([axes, 2.0 * axes, random, 3.0 * random]) / deviation
    for start in range(0, len(waves), 64):
        here, there = x @ waves[start : start + 64].T, image @ waves[start : start + 64].T
        for change in (np.sin(there) - np.sin(here), np.cos(there) - np.cos(here)):
            mean = q @ change
            allowed = np.full(len(mean), _ROUNDING)
            if not data:
                allowed += _DEVIATIONS * change.std(axis=0) / np.sqrt(len(x))
            if np.any(np.abs(mean) > allowed):
                worst = int(np.argmax(np.abs(mean) / allowed))
                size = f"by {abs(float(mean[worst])):.3g} where {float(allowed[worst]):.3g} is allowed"
                raise ValueError(f"{what} is not invariant under T: {meaning}; a wave's mean changes {size}")


def _farthest(points: Array, T: Array, s: int) -> float:
    """max_j min_i |point_i - image of point_j|."""
    from scipy.spatial import cKDTree

    image = points @ T.T if points.shape[1] == len(T) else np.column_stack([s * points[:, 0], points[:, 1:] @ T.T])
    distance, _ = cKDTree(points).query(image)
    return float(np.max(distance))
