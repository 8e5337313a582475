"""The learning problem of Hajjar, Chizat (2023) with an odd target: a wide two-layer ReLU network stays a linear predictor."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import is_real, number, whole
from mfpde.flow import Array
from mfpde.laws import Empirical, Gaussian, Law
from mfpde.measures import Ensemble
from mfpde.systems.symmetric.odd.exact import Line
from mfpde.systems.symmetric.odd.moments import DataMoments, data_moments
from mfpde.systems.symmetric.odd.representation import PointsOfMoments, symmetric_data
from mfpde.systems.symmetric.odd.subspace import Subspace, excited
from mfpde.systems.symmetric.symmetry import check_invariance
from mfpde.targets import OddCubic, Target, as_target

if TYPE_CHECKING:
    from mfpde.systems.symmetric.odd.closed_form import ClosedForm
    from mfpde.systems.symmetric.odd.limit import MomentDescent, MomentFlow
    from mfpde.systems.symmetric.odd.neurons import NeuronDescent, NeuronFlow


@dataclass(frozen=True, kw_only=True, eq=False)
class OddTarget:
    """f(x) = E a relu(b.x), F = 1/2 E (f* - f)^2 with f*(-x) = -f*(x) and a law of x that is symmetric about 0.

    Initially a = +1 or -1 with probability 1/2 and b is uniform on the unit sphere; neurons move by a' = E[R relu(b.x)],
    b' = a E[R 1{b.x > 0} x], R = f* - f: the network of width m with f = (1/m) sum_j a_j relu(b_j.x) and the learning rate m lr.
    Then f(x) = w.x at all times, and only Xbar = E[f* x], C = E[x x^T] and E f*^2 matter. Hajjar, Chizat 2023; the moment
    equations, their closed form and its range are derived in docs/odd_target. Give the three moments, or a law and a target.

    Parameters
    ----------
    cross_moment : array (d,)
        Xbar = E[f* x], not 0.
    covariance : number or array (d, d)
        C = E[x x^T], positive definite; a number v means v I.
    second_moment : float
        E f*^2, at least Xbar.C^{-1} Xbar.
    law : Law
        A symmetric law of x: its symmetry is tested and its moments are computed, exactly for data, and for
        :class:`mfpde.targets.Linear` and :class:`mfpde.targets.OddCubic` under Gaussian laws and on spheres; otherwise by regression
        on samples, see :attr:`moment_error`. Where only moments are given it becomes the law of the points of :meth:`symmetric_data`.
    target : Target or callable
        An odd function; None for the labels of an ``Empirical(x, y)``.

    Raises
    ------
    ValueError
        If an argument is missing or impossible, or an assumption fails: a law that is not symmetric, a target that is not odd.
    """

    cross_moment: Any = None
    covariance: Any = None
    second_moment: float | None = None
    law: Any = None
    target: Any = None
    _found: DataMoments | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        given = [name for name in ("cross_moment", "covariance", "second_moment") if getattr(self, name) is not None]
        by_law = self.law is not None or self.target is not None
        if by_law == bool(given):
            raise ValueError(f"got {given or 'no moments'} and law = {self.law!r}: give either the three moments or a law and a target")
        found = None
        if by_law:
            found = _moments_of(self.law, self.target)
            values: tuple[Any, Any, Any] = (found.cross, _simplest(found.covariance), found.square)
            if self.target is not None:
                object.__setattr__(self, "target", as_target(self.target))
        elif len(given) < 3:
            raise ValueError(f"got only {given}: give cross_moment, covariance and second_moment, or a law and a target")
        else:
            values = self.cross_moment, self.covariance, self.second_moment
        cross = _vector(values[0])
        covariance = _covariance(values[1], len(cross))
        object.__setattr__(self, "cross_moment", tuple(cross.tolist()))
        object.__setattr__(self, "covariance", covariance)
        square = number("second_moment", values[2], positive=True)
        object.__setattr__(self, "second_moment", square)
        object.__setattr__(self, "_found", found)
        least = float(cross @ self.optimum)
        if square < least * (1.0 - 1e-12):
            raise ValueError(f"second_moment = {square!r}: no target has less than Xbar.C^-1 Xbar = {least:.17g}; give at least that")
        if found is None:
            object.__setattr__(self, "law", PointsOfMoments(self))

    @classmethod
    def cubic(cls, d: int, z: npt.ArrayLike | None = None) -> OddTarget:
        """x ~ N(0, I/d), f* = c sum_k z_k x_k^3, c = sqrt(2 d^3/15)/|z|, so that 1/2 E f*^2 = 1; `z` (d,) is 1 by default.

        Raises
        ------
        ValueError
            If `z` is 0, not finite, or has another length than `d`.
        """
        d = whole("d", d, least=2)
        weights = np.ones(d) if z is None else np.asarray(z, np.float64)
        if weights.shape != (d,) or not np.all(np.isfinite(weights)) or not np.any(weights):
            raise ValueError(f"z = {z!r}: give {d} finite numbers, not all 0")
        weights = weights / np.max(np.abs(weights))
        scale = math.sqrt(2.0 * d**3 / 15.0) / float(np.linalg.norm(weights))
        return cls(law=Gaussian(d, 1.0 / d), target=OddCubic(tuple((scale * weights).tolist())))

    @property
    def d(self) -> int:
        """Dimension of the inputs."""
        return len(self.cross_moment)

    @property
    def by_law(self) -> bool:
        """Whether law and target are known, and not only their moments."""
        return self._found is not None

    @cached_property
    def Xbar(self) -> Array:
        """E[f* x] (d,)."""
        return np.array(self.cross_moment)

    @cached_property
    def C(self) -> Array:
        """E[x x^T] (d, d)."""
        c: Array = np.array(self.covariance)
        return c if c.ndim == 2 else np.eye(self.d) * c

    @cached_property
    def optimum(self) -> Array:
        """w* = C^{-1} Xbar (d,), where w ends."""
        optimum: Array = self.subspace.basis @ (self.subspace.cross / self.subspace.variances)
        return optimum

    @cached_property
    def subspace(self) -> Subspace:
        """The eigenvectors of C that ever move: one for each eigenvalue whose eigenspace Xbar meets."""
        return excited(self)

    @property
    def minimal_loss(self) -> float:
        """F at w*: 1/2 (E f*^2 - Xbar.w*), the part of the target that no linear predictor reaches."""
        assert self.second_moment is not None
        return max(0.0, 0.5 * (self.second_moment - float(self.Xbar @ self.optimum)))

    @property
    def moment_error(self) -> tuple[Array, float]:
        """The standard errors of Xbar (d,) and of E f*^2; 0 where they are exact."""
        return (np.zeros(self.d), 0.0) if self._found is None else (self._found.cross_error, self._found.square_error)

    @property
    def line(self) -> Line:
        """The numbers of the closed form, which needs Xbar to be an eigenvector of C, as it is for C = v I.

        Raises
        ------
        ValueError
            Where it is none.
        """
        found = self.subspace
        if len(found.variances) != 1:
            raise ValueError("covariance: the closed form needs cross_moment to be its eigenvector (as for v I); solve limit() instead")
        return Line(self.d, float(found.variances[0]), float(np.linalg.norm(self.Xbar)))

    @property
    def asymptotic_rate(self) -> float:
        """The exact rate of |w - w*| at late times of the flow: the smallest eigenvalue of H(w*) C where w moves; S in the closed form.

        H(w) = (V/8) [(1 + c) I + (c - 1) w w^T/|w|^2], c = sqrt(1 + 16 |w|^2/V^2), V = 1 + 1/d. A w that happens to
        approach along faster eigenvectors alone falls faster.
        """
        V, root = 1.0 + 1.0 / self.d, np.sqrt(self.subspace.variances)
        best = self.subspace.cross / self.subspace.variances
        size = float(np.linalg.norm(best))
        c = math.hypot(1.0, 4.0 * size / V)
        pushed = root * best / size
        product = 0.125 * V * ((1.0 + c) * np.diag(root**2) + (c - 1.0) * np.outer(pushed, pushed))
        return float(np.linalg.eigvalsh(product)[0])

    @property
    def rate_bound(self) -> float:
        """(1 + 1/d) lambda_min(C) / 4, the paper's lower bound on the rate: F - F* falls at least like exp(-2 rate_bound t)."""
        smallest = self.covariance if isinstance(self.covariance, float) else float(np.linalg.eigvalsh(self.C)[0])
        return 0.25 * (1.0 + 1.0 / self.d) * smallest

    def config(self) -> dict[str, Any]:
        """The parameters as JSON values."""
        if self.by_law:
            return {"law": self.law.config(), "target": None if self.target is None else self.target.config()}
        covariance = self.covariance if isinstance(self.covariance, float) else [list(row) for row in self.covariance]
        return {"cross_moment": list(self.cross_moment), "covariance": covariance, "second_moment": self.second_moment}

    def limit(self, *, dynamics: str = "flow", lr: float | None = None, neurons: Ensemble | None = None) -> MomentFlow | MomentDescent:
        """The infinite-width dynamics: the exact equation of the second moments of the neurons.

        Parameters
        ----------
        dynamics : {"flow", "gd"}
            Gradient flow, clock "time"; or gradient descent with step `lr`, clock "steps" (time = lr x steps).
        lr : float, optional
            Step of gd, which needs it.
        neurons : Ensemble (m, d + 1), optional
            Columns (a, b): start from the second moments of these neurons instead of those of the initial law. With the neurons of
            a paired network (``network.particles(network.state0)``) this is that network, whatever its width.

        Raises
        ------
        ValueError
            If an argument is unknown, out of range, or does not belong to the dynamics.
        """
        from mfpde.systems.symmetric.odd.limit import make_limit

        return make_limit(self, dynamics, lr, neurons)

    def network(
        self,
        *,
        m: int = 1024,
        dynamics: str = "flow",
        lr: float | None = None,
        batch: int | None = None,
        data: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        paired: bool = True,
        activation: str = "relu",
        rng: int | None = 0,
    ) -> NeuronFlow | NeuronDescent:
        """The network of `m` neurons, drawn from the initial law.

        Parameters
        ----------
        m : int
            Width; even if `paired`.
        dynamics : {"flow", "gd", "sgd"}
            Gradient flow, clock "time"; gradient descent; or descent on `batch` samples a step; both have the clock "steps".
        lr : float, optional
            Step of gd and sgd, which need it: the learning rate is m lr.
        batch : int, optional
            Samples a step of sgd (default 512): fresh ones of the law, or rows of `data`; even if `paired`.
        data : (X, y), optional
            Train on these inputs (n, d) and labels (n,) instead of the population.
        paired : bool
            Neurons in pairs (a, b), (-a, -b) and samples in pairs (x, y), (-x, -y), `data` being completed by the mirrored rows:
            the predictor is linear at any width. Without, `law` must be known, and exact gradients of the population need one that
            is Gaussian, radial, a mixture of such, or data; sgd takes any.
        activation : {"relu", "linear"}
            relu(z), or its linear part z/2, whose network is linear with free neurons and any data, and has the same limit.
        rng : int, optional
            Seed; neurons and batches have streams of their own, and the first m neurons of a wider network are the network of width m.

        Raises
        ------
        ValueError
            If an argument is unknown, out of range, or does not belong to the dynamics.
        """
        from mfpde.systems.symmetric.odd.network import make_network

        return make_network(self, m, dynamics, lr, batch, data, paired, activation, rng)

    def predicted_rates(self) -> dict[str, Any]:
        """How fast gaps close with width: the predictor as m^-1/2, because its moments start as means over the neurons."""
        return {name: {"exponent": 0.5, "source": "means over independent neurons, docs/odd_target"} for name in ("w", "function_distance")}

    def coupled_limit(self, network: Any) -> MomentFlow | MomentDescent:
        """The limit that carries the neurons of `network` as tracers, (a, b)' = M (a, b), on the network's clock."""
        from mfpde.systems.symmetric.odd.limit import make_coupled_limit

        return make_coupled_limit(self, network)

    def closed_form(self, t: npt.ArrayLike) -> ClosedForm:
        """The exact solution at the times `t` >= 0, to the last digits at any time; ValueError where there is none (see `line`)."""
        from mfpde.systems.symmetric.odd.closed_form import closed_form

        return closed_form(self, t)

    def symmetric_data(self) -> tuple[Array, Array]:
        """Finitely many points X (n, d) and labels y (n,), closed under (x, y) -> (-x, -y), with exactly these three moments.

        With C = sum_i lambda_i v_i v_i^T the points are +-sqrt(d lambda_i) v_i, labelled +-sqrt(d/lambda_i) v_i.Xbar; where E f*^2 is
        larger than Xbar.C^{-1} Xbar each comes twice, with the root of the difference added to its label and taken from it.
        """
        return symmetric_data(self)


def _moments_of(law: Any, target: Target | Callable[[Array], Array] | None) -> DataMoments:
    if not isinstance(law, Law):
        raise ValueError(f"law = {law!r}: give a law of mf.laws, with a target")
    odd = None if target is None else as_target(target)
    if odd is None and not isinstance(law, Empirical):
        raise ValueError("target = None: give an odd function of x; only Empirical(x, y) brings labels of its own")
    if odd is not None and odd.outputs != 1:
        raise ValueError(f"target has {odd.outputs} outputs: give a target of one")
    try:
        check_invariance(law, odd, -np.eye(law.d), -1)
    except ValueError as error:
        raise ValueError(f"the odd reduction needs a symmetric law and an odd target, T = -I: {error}") from error
    return data_moments(law, odd)


def _simplest(covariance: Array) -> Any:
    v = float(covariance[0, 0])
    return v if np.array_equal(covariance, v * np.eye(len(covariance))) else covariance


def _vector(value: Any) -> Array:
    cross = np.asarray(value, np.float64)
    if cross.ndim != 1 or not cross.size or not np.all(np.isfinite(cross)):
        raise ValueError(f"cross_moment has shape {cross.shape}: give E[f* x], finite numbers (d,)")
    if not np.any(cross):
        raise ValueError("cross_moment = 0: the best linear predictor is 0 and the network stays there; there is nothing to solve")
    return cross


def _covariance(value: Any, d: int) -> Any:
    if is_real(value):
        return number("covariance", value, positive=True)
    c = np.asarray(value, np.float64)
    if c.shape != (d, d) or not np.all(np.isfinite(c)):
        raise ValueError(f"covariance has shape {c.shape}: give a number > 0 or a finite matrix ({d}, {d})")
    if np.max(np.abs(c - c.T)) > 1e-12 * np.max(np.abs(c)):
        raise ValueError("covariance is not symmetric: give E[x x^T]")
    c = 0.5 * (c + c.T)
    smallest = float(np.linalg.eigvalsh(c)[0])
    if smallest <= 1e-14 * float(np.max(np.abs(c))):
        raise ValueError(f"covariance is not positive definite: its smallest eigenvalue is {smallest:.3g}; drop directions without data")
    return tuple(map(tuple, c.tolist()))
