"""The reduced equation on [0, pi/2]: Gauss-Jacobi particles in the field of the Mercer-Jacobi kernel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mfpde.checks import whole
from mfpde.flow import Array, Field, Packing, Refinable, VelocityFlow
from mfpde.kernels.jacobi import jacobi_modes, mode_fields, mode_residuals
from mfpde.systems.symmetric.low_dimensional.exact import relu_mean
from mfpde.systems.symmetric.low_dimensional.flow_map import FlowMap
from mfpde.systems.symmetric.low_dimensional.jacobi import JacobiBasis, modes_for
from mfpde.systems.symmetric.low_dimensional.neurons import PolarNeurons

if TYPE_CHECKING:
    from mfpde.systems.symmetric.low_dimensional.system import LowDimensionalTarget

_TOLERANCE = 1e-14
_MOST_MODES = 2048
SIGNS = ("plus", "minus")


class ReducedLimit(Refinable):
    """Two measures tau^+ and tau^- of the angle theta to H: d_t tau = -+ d_theta(V tau) +- 2 G tau, V = dG/dtheta.

    State: for either sign the logarithms of the weights, `log_c_plus` (nodes,), and the angles, `theta_plus` (nodes,), of particles that
    start at the Gauss-Jacobi nodes of the initial law with c = 1; theta' = +-V, (log c)' = +-2 G,

        G(theta) = sum_n rho_n q_n(theta),  rho_n = gamma_n - sum_j eps_j w_j c_j q_n(theta_j),  loss = sum_n rho_n^2 / 2 + unreachable.

    A coupled limit also carries passive tracers, `log_c_tracer` and `theta_tracer` (m,).
    """

    clock = "time"

    def __init__(self, system: LowDimensionalTarget, nodes: int, modes: int, tracers: PolarNeurons | None) -> None:
        self.system, self.nodes, self.tracers = system, nodes, tracers
        arguments = {"nodes": nodes, "modes": modes}
        self.config = {"system": type(system).__name__, "parameters": system.config(), "role": "limit", "arguments": arguments}
        self.basis = JacobiBasis(system.d, system.d_h, modes)
        self.coefficients = system.radial.coefficients(self.basis)
        theta, weights = self.basis.gauss(nodes)
        self.flow_map = FlowMap(self.basis, theta, weights)
        names = [f"{name}_{sign}" for sign in SIGNS for name in ("log_c", "theta")]
        fields = [Field(name, (nodes,), ("node",)) for name in names]
        start = {f"log_c_{sign}": np.zeros(nodes) for sign in SIGNS} | {f"theta_{sign}": theta for sign in SIGNS}
        signs = np.repeat([1.0, -1.0], nodes)
        if tracers is not None:
            fields += [Field(name, (tracers.m,), ("tracer",)) for name in ("log_c_tracer", "theta_tracer")]
            start |= {"log_c_tracer": np.log(tracers.c), "theta_tracer": tracers.theta}
            signs = np.concatenate([signs, tracers.signs])
        self.packing = Packing(tuple(fields))
        self.state0 = self.pack(**start)
        self.signs = signs
        self.weights = 0.5 * weights
        passive = np.zeros(signs.size - 2 * nodes)
        self._charges = np.concatenate([0.5 * weights, -0.5 * weights, passive])

    def velocity(self, t: float, y: Array) -> Array:
        """(log c)' = 2 eps G and theta' = eps dG/dtheta, the tracers' included."""
        log_c, theta = self._gathered(y)
        field, slope, _ = self._fields(log_c, theta)
        return self._scattered(2.0 * self.signs * field, self.signs * slope)

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The masses of tau^+ and tau^-, the loss, and how far the normalised tau^- is from pi/2 and tau^+ from 0."""
        state = self.unpack(y)
        c = {sign: np.exp(state[f"log_c_{sign}"]) for sign in SIGNS}
        mass = {sign: float(self.weights @ c[sign]) for sign in SIGNS}
        values = {"mass_plus": mass["plus"], "mass_minus": mass["minus"], "loss": self._loss(self.residuals(y))}
        values["cos2_minus"] = float(self.weights @ (c["minus"] * np.cos(state["theta_minus"]) ** 2)) / mass["minus"]
        values["sin2_plus"] = float(self.weights @ (c["plus"] * np.sin(state["theta_plus"]) ** 2)) / mass["plus"]
        for sign, end in (("minus", 0.5 * np.pi), ("plus", 0.0)):
            distances = self.flow_map.angles(state[f"theta_{sign}"]) - end
            values[f"w2_{sign}"] = math.sqrt(max(0.0, self.flow_map.mean(c[sign], distances**2)))
        return values

    def residuals(self, y: Array) -> Array:
        """rho_n, the residual f* - f in the basis, (modes,)."""
        return self._fields(*self._gathered(y))[2]

    def dissipation(self, y: Array) -> float:
        """int (2 G^2 + V^2) d|tau|, which is -d loss / dt (energy identity)."""
        log_c, theta = self._gathered(y)
        field, slope, _ = self._fields(log_c, theta)
        return float(np.abs(self._charges) * np.exp(log_c) @ (2.0 * field**2 + slope**2))

    def fields(self, y: Array, theta: npt.ArrayLike) -> tuple[Array, Array]:
        """G and V = dG/dtheta at the angles (n,)."""
        angles = np.atleast_1d(np.asarray(theta, np.float64))
        field, slope = self.basis.series(self.residuals(y), np.cos(2.0 * angles))
        return field, slope * (-2.0 * np.sin(2.0 * angles))

    def density(self, y: Array, sign: int) -> tuple[Array, Array]:
        """Increasing angles and the density of tau^+ (`sign` +1) or tau^- (-1) there, which integrates to its mass."""
        if sign not in (1, -1):
            raise ValueError(f"sign = {sign!r}: give 1 or -1")
        state, name = self.unpack(y), SIGNS[0 if sign == 1 else 1]
        return self.flow_map.density(np.exp(state[f"log_c_{name}"]), state[f"theta_{name}"])

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d), shape (n,)."""
        log_c, theta = self._gathered(y)
        active = slice(0, 2 * self.nodes)
        charges = self._charges[active] * np.exp(log_c[active])
        rows = np.asarray(x, np.float64)
        head, rest = (np.sqrt(np.einsum("nk,nk->n", part, part)) for part in (rows[:, : self.system.d_h], rows[:, self.system.d_h :]))
        means = relu_mean(
            self.system.d_h,
            self.system.d - self.system.d_h,
            np.multiply.outer(head, np.cos(theta[active])),
            np.multiply.outer(rest, np.sin(theta[active])),
        )
        values: Array = means @ charges
        return values

    def particles(self, y: Array) -> dict[str, Array]:
        """The mean-field characteristics of the tracers, neurons (a, b), (m, 1 + d); none where the limit carries none."""
        if self.tracers is None:
            return {"neurons": np.empty((0, 1 + self.system.d))}
        state = self.unpack(y)
        return {"neurons": self.tracers.moved(np.exp(state["log_c_tracer"]), state["theta_tracer"])}

    def refined(self) -> VelocityFlow:
        """The same limit with twice the nodes and twice the modes."""
        return ReducedLimit(self.system, 2 * self.nodes, 2 * self.basis.modes, self.tracers)

    def _loss(self, residuals: Array) -> float:
        return 0.5 * float(residuals @ residuals) + self.system.radial.unreachable

    def _fields(self, log_c: Array, theta: Array) -> tuple[Array, Array, Array]:
        """G and dG/dtheta at every particle, and rho_n."""
        values, slopes = np.empty((2, self.basis.modes, theta.size))
        residuals, (field, slope) = np.empty(self.basis.modes), np.empty((2, theta.size))
        jacobi_modes(self.basis.table, self.basis.first, np.cos(2.0 * theta), values, slopes)
        mode_residuals(values, self._charges * np.exp(log_c), self.coefficients, residuals)
        mode_fields(values, slopes, residuals, field, slope)
        return field, slope * (-2.0 * np.sin(2.0 * theta)), residuals

    def _gathered(self, y: Array) -> tuple[Array, Array]:
        """log c and theta of all particles, those of tau^+ first."""
        parts = self.unpack(y)
        names = ("plus", "minus") if self.tracers is None else ("plus", "minus", "tracer")
        return np.concatenate([parts[f"log_c_{n}"] for n in names]), np.concatenate([parts[f"theta_{n}"] for n in names])

    def _scattered(self, log_c: Array, theta: Array) -> Array:
        n = self.nodes
        cuts = [slice(0, n), slice(n, 2 * n), slice(2 * n, None)]
        return np.concatenate([part[cut] for cut in cuts for part in (log_c, theta)])


def make_limit(system: LowDimensionalTarget, nodes: int, modes: int | None, tracers: PolarNeurons | None = None) -> ReducedLimit:
    """The flow behind :meth:`LowDimensionalTarget.limit`."""
    nodes = whole("nodes", nodes, least=2)
    chosen = modes_for(system.d, system.d_h, _TOLERANCE, _MOST_MODES) if modes is None else whole("modes", modes, least=2)
    return ReducedLimit(system, nodes, chosen, tracers)
