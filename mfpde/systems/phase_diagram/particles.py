"""What every flow of weighted neurons shares: the state of displacements, the outputs, and the observables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, Field, PacedFlow, Packing
from mfpde.systems.phase_diagram.initial import Initial

if TYPE_CHECKING:
    from mfpde.systems.phase_diagram.system import PhasePoint

ROW_NUMBERS = 2**25
"""How many numbers the rows of a run without ``t_eval`` may hold together; wide networks save fewer rows."""

BLOCK = 2**20
"""Neurons times inputs whose products are held at once."""


class ParticleFlow(PacedFlow):
    """Neurons (a, w) with weights c, f(X) = kappa_forward sum_k c_k a_k relu(w_k.X), trained on (X_i, y_i), i = 1..n.

    The rule of motion, which subclasses integrate, is with e_i = f(X_i) - y_i the flow of (1/2) mean e^2,

        da_k/dt = -(kappa / (kappa_prime n)) sum_i e_i relu(w_k.X_i),
        dw_k/dt = -(kappa kappa_prime / n) a_k sum_{i: w_k.X_i > 0} e_i X_i.

    The state holds the displacements ``da`` (M,) and ``dw`` (M, p) from the initial neurons, so that a displacement of 1e-14 of
    a neuron still has all its digits, and ``sup`` (3,), the largest relative displacements of w, a and theta so far, which
    :meth:`with_sup` keeps; subclasses add fields of their own.

    Attributes
    ----------
    X : array (n, p)
    y : array (n,)
    n : int
    initial : Initial
    a0, w0, c : arrays (M,), (M, p), (M,)
        The initial neurons and their weights.
    kappa : float
        kappa of the velocities.
    kappa_prime : float
    kappa_forward : float
        The prefactor of f: kappa for a network, kappa m for a law.
    f0 : array (n,)
        f(X_i) at the start; exactly 0 for an antisymmetric one.
    tolerance : float
        The run is over when mean e^2 reaches it.
    """

    clock = "time"

    def __init__(
        self,
        point: PhasePoint,
        initial: Initial,
        *,
        kappa: float,
        kappa_prime: float,
        kappa_forward: float,
        config: dict[str, Any],
        fields: tuple[Field, ...] = (),
        dtype: str = "float64",
        tolerance: float = 1e-6,
    ) -> None:
        self.point, self.initial, self.config = point, initial, config
        self.X, self.y, self.n = point.inputs, point.labels, len(point.labels)
        self.a0, self.w0, self.c = initial.a, initial.w, initial.c
        self.kappa, self.kappa_prime, self.kappa_forward, self.tolerance = kappa, kappa_prime, kappa_forward, tolerance
        m, p = self.w0.shape
        self.packing = Packing(
            (Field("da", (m,), ("neuron",)), Field("dw", (m, p), ("neuron", "input")), Field("sup", (3,), ("layer",)), *fields), dtype
        )
        self.state0 = np.zeros(self.packing.size, dtype)
        self.f0 = self._start(self.X)
        self._squares = self._first_copy(self.a0, self.w0)
        self.times = self.log_times()

    def log_times(self, start: float = 1e-2, decades: int = 11, per_decade: int = 8) -> Array:
        """0, and times spaced evenly in their logarithm from `start` on, in units of 1/(largest eigenvalue of the initial Gram matrix).

        Ours. There are fewer of them if the rows would hold more than 2^25 numbers together.
        """
        count = max(2, min(decades * per_decade + 1, ROW_NUMBERS // self.packing.size))
        fastest = float(np.linalg.eigvalsh(self.gram(self.state0))[-1])
        if not fastest > 0.0:
            raise ValueError(f"none of the {len(self.c)} neurons is active on any input, so nothing moves: take a larger m or another rng")
        unit = 1.0 / fastest
        return np.concatenate([[0.0], unit * np.geomspace(start, start * 10.0**decades, count)])

    def displacements(self, y: Array) -> tuple[Array, Array]:
        """(da (M,), dw (M, p)) of the state, in double precision."""
        state = self.unpack(y)
        return state["da"].astype(np.float64, copy=False), state["dw"].astype(np.float64, copy=False)

    def neurons(self, y: Array) -> tuple[Array, Array]:
        """(a (M,), w (M, p)) of the state."""
        da, dw = self.displacements(y)
        return self.a0 + da, self.w0 + dw

    def particles(self, y: Array) -> dict[str, Array]:
        """The neurons, columns (a, w_1..w_p), shape (M, 1 + p); of a flow with tracers, these alone."""
        rows = np.column_stack(self.neurons(y))
        return {"neurons": rows[len(rows) - self.initial.tracers :] if self.initial.tracers else rows}

    def outputs(self, y: Array) -> Array:
        """f(X_i) (n,), as f at the start plus what the displacements changed: a large prefactor magnifies no rounding of f(0)."""
        return self.f0 + self._change(y, self.X)

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (k, d_x), or (k,) if d_x = 1; shape (k,)."""
        inputs = self.point.augmented(x)
        return self._start(inputs) + self._change(y, inputs)

    def loss(self, y: Array) -> float:
        """mean_i e_i^2, without a factor 1/2."""
        return float(np.mean((self.outputs(y) - self.y) ** 2))

    def relative_displacements(self, y: Array) -> Array:
        """RD of w, a and theta = (a, w), |z - z(0)| / |z(0)| over the neurons of the first copy; shape (3,)."""
        (a, w), (moved_a, moved_w) = self._squares, self._first_copy(*self.displacements(y))
        squared: Array = np.array([moved_w / w, moved_a / a, (moved_a + moved_w) / (a + w)])
        return np.sqrt(squared)

    def with_sup(self, y: Array) -> Array:
        """The state `y` itself after its ``sup`` took in its own relative displacements; called after every step."""
        sup = self.unpack(y)["sup"]
        np.maximum(sup, self.relative_displacements(y), out=sup)
        return y

    def invariant_drift(self, y: Array) -> float:
        """max_k |I_k(t) - I_k(0)| / (kappa'^2 a_k^2 + |w_k|^2), I_k = kappa'^2 a_k^2 - |w_k|^2, which gradient flow conserves.

        Tracers count too. From the displacements: I_k(t) - I_k(0) = kappa'^2 da (2 a0 + da) - dw.(2 w0 + dw).
        """
        da, dw = self.displacements(y)
        change = self.kappa_prime**2 * da * (2.0 * self.a0 + da) - np.einsum("kj,kj->k", dw, 2.0 * self.w0 + dw)
        size = self.kappa_prime**2 * (self.a0 + da) ** 2 + np.einsum("kj,kj->k", self.w0 + dw, self.w0 + dw)
        return float(np.max(np.abs(change) / size))

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """`loss` = mean e^2, `rd_w`, `rd_a`, `rd_theta`, their suprema up to now `sup_rd_*`, and `invariant_drift`."""
        now = self.relative_displacements(y)
        sup = np.maximum(now, self.unpack(y)["sup"])
        names = ("rd_w", "rd_a", "rd_theta")
        values = {"loss": self.loss(y)} | dict(zip(names, now.tolist(), strict=True))
        return values | {f"sup_{name}": float(s) for name, s in zip(names, sup, strict=True)} | {"invariant_drift": self.invariant_drift(y)}

    def finished(self, t: float, y: Array) -> str | None:
        """The loss has reached the tolerance."""
        return f"loss {self.tolerance:g} reached" if self.loss(y) <= self.tolerance else None

    def gram(self, y: Array) -> Array:
        """G (n, n) of the state, with e' = -G e: the sum of both :meth:`gram_parts`."""
        of_a, of_w = self.gram_parts(y)
        return of_a + of_w

    def gram_parts(self, y: Array, inputs: Array | None = None) -> tuple[Array, Array]:
        """The parts of G by the motion of a and by that of w, each (n, n); with other `inputs` (k, p) as rows, (k, n).

        They are (kappa kappa_forward / n) sum_k c_k relu_ik relu_jk / kappa' and (same) sum_k c_k kappa' a_k^2 1_ik 1_jk X_i.X_j.
        """
        (a, w), rows = self.neurons(y), self.X if inputs is None else inputs
        of_a, of_w = np.zeros((2, len(rows), self.n))
        for k in self._slices(len(rows) + self.n):
            left, right = w[k] @ rows.T, w[k] @ self.X.T
            of_a += np.maximum(left, 0.0).T @ (self.c[k, None] * np.maximum(right, 0.0))
            of_w += (left > 0.0).T @ ((self.c[k] * a[k] ** 2)[:, None] * (right > 0.0))
        scale = self.kappa * self.kappa_forward / self.n
        return of_a * (scale / self.kappa_prime), of_w * (rows @ self.X.T) * (scale * self.kappa_prime)

    def _first_copy(self, a: Array, w: Array) -> tuple[float, float]:
        """sum_k c_k a_k^2 and sum_k c_k |w_k|^2 over the first copy."""
        kept = slice(self.initial.first)
        c = self.c[kept]
        return float(c @ a[kept] ** 2), float(c @ np.einsum("kj,kj->k", w[kept], w[kept]))

    def _start(self, inputs: Array) -> Array:
        """f at the start for inputs (k, p); exactly 0 for antisymmetric neurons."""
        if self.initial.antisymmetric:
            return np.zeros(len(inputs))
        f = np.zeros(len(inputs))
        for k in self._slices(len(inputs)):
            f += np.maximum(self.w0[k] @ inputs.T, 0.0).T @ (self.c[k] * self.a0[k])
        return f * self.kappa_forward

    def _change(self, y: Array, inputs: Array) -> Array:
        """f at the state minus f at the start, for inputs (k, p), from the displacements alone."""
        da, dw = self.displacements(y)
        change = np.zeros(len(inputs))
        for k in self._slices(len(inputs)):
            before, moved = self.w0[k] @ inputs.T, dw[k] @ inputs.T
            after = np.maximum(before + moved, 0.0)
            # relu(h + dh) - relu(h) without the cancellation of the difference.
            rise = np.where(before > 0.0, np.maximum(moved, -before), after)
            change += after.T @ (self.c[k] * da[k]) + rise.T @ (self.c[k] * self.a0[k])
        return change * self.kappa_forward

    def _slices(self, inputs: int) -> list[slice]:
        """Neurons in blocks whose products with so many inputs fit in memory."""
        size = max(1, BLOCK // inputs)
        return [slice(start, start + size) for start in range(0, len(self.a0), size)]
