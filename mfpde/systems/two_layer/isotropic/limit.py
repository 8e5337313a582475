"""The infinite-width limit of two isotropic Gaussian classes: the law of the radius |w|, or one atom where d is infinite."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, Event, Field, Packing, Refinable, VelocityFlow
from mfpde.kernels.radial_pde import lookup_all, radial_fields, radial_force
from mfpde.solve.steppers import StepError
from mfpde.systems.two_layer.dynamics.field import observables
from mfpde.systems.two_layer.dynamics.flows import MeanFieldLimit
from mfpde.systems.two_layer.dynamics.line import LineLaw, atoms_law
from mfpde.systems.two_layer.isotropic.landscape import Landscape
from mfpde.systems.two_layer.isotropic.panels import PanelRule, RadialStart

if TYPE_CHECKING:
    from mfpde.systems.two_layer.isotropic.system import IsotropicGaussians

_STOPPED = 1e-13
_PANEL_TOL = 1e-11


class RadialLimit(MeanFieldLimit):
    """The radial PDE for finite d by characteristics: r' = -psi'(r) on panels of Gauss-Legendre nodes of the initial radius.

    State: `edge` (max_panels + 1,), the edges of the panels in initial radius, the last one repeated, and `radius`
    (max_panels, nodes), the radii now of the neurons that started at the panels' nodes; panels of no width are unused and stay 0.
    Where the mass splits, radii stop being low polynomials on a panel: when (last two Legendre coefficients) x (mass) of one
    reaches `panel_tol`, it is bisected there and then, its radii interpolated, and the run goes on. The state knows the panels,
    so that a resumed run is the same run.

    With a knot at 0 radii reach 0 in finite time and stay while psi pushes them there; a panel where some have stopped has a kink,
    is no longer bisected (`stopped` (max_panels,) is 1) and is accurate to first order in its width only.
    """

    def __init__(self, system: IsotropicGaussians, config: Mapping[str, Any], landscape: Landscape) -> None:
        arguments = config["arguments"]
        system.rate.check_continuous()
        self.system, self.config, self.landscape = system, config, landscape
        self.clock = system.rate.name
        self.field = system.field
        self.rule, self.start = PanelRule(arguments["nodes"]), RadialStart(int(system.d), system.sigma_0)
        self.capacity, self.panel_tol = arguments["max_panels"], arguments["panel_tol"]
        if self.panel_tol == "auto":
            self.panel_tol = max(_PANEL_TOL, landscape.chi_error)
        p = self.capacity
        fields = [Field("edge", (p + 1,), ("boundary",)), Field("radius", (p, self.rule.nodes), ("panel", "node"))]
        if landscape.mean.pull != 0.0:
            fields.append(Field("stopped", (p,), ("panel",)))
        self.packing = Packing(tuple(fields))
        edges = np.linspace(*self.start.reach, arguments["panels"] + 1)
        self.state0 = self._packed(edges, self.rule.place(edges), np.zeros(arguments["panels"], bool))
        self._masses = _Remembered(lambda edges: self.rule.mass(self.start, edges))
        self.events = self._events()

    def velocity(self, t: float, y: Array) -> Array:
        """2 xi(t) times -psi'(r) at every node in use."""
        edges, radii = self.panels(y)
        speed = self.system.rate.rate(t) * self._force(radii.ravel(), self._masses(edges).ravel())[0].reshape(radii.shape)
        out = np.zeros(self.packing.size)
        self.unpack(out)["radius"][: len(radii)] = np.where(radii == 0.0, np.maximum(speed, 0.0), speed)
        return out

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The observables of the two-layer networks, and the mean and standard deviation of the radius."""
        edges, radii = self.panels(y)
        radii = np.maximum(radii, 0.0)
        weights = self._masses(edges)
        _, fields = self._force(radii.ravel(), weights.ravel())
        moved = float(np.sqrt(np.sum(weights * (radii - self.rule.place(edges)) ** 2)))
        return radial_observables(self.landscape.risk(fields), radii.ravel(), weights.ravel(), moved)

    def panels(self, y: Array) -> tuple[Array, Array]:
        """The edges (P + 1,) and radii (P, nodes) of the panels in use."""
        state = self.unpack(y)
        used = int(np.count_nonzero(np.diff(state["edge"]) > 0.0))
        return state["edge"][: used + 1], state["radius"][:used]

    def law(self, y: Array) -> tuple[Array, Array]:
        """Radii and weights (n,) of the nodes in use."""
        edges, radii = self.panels(y)
        return np.maximum(radii, 0.0).ravel(), self._masses(edges).ravel().copy()

    def density(self, y: Array, points: int = 16) -> tuple[Array, Array]:
        """Radii, increasing, and the density of the radius there, at `points` places of every panel.

        The push-forward rbar_t(r) = rbar_0(r0) / (dr/dr0) along the increasing map of initial radii, by the panels' polynomials.
        """
        edges, radii = self.panels(y)
        x, _ = PanelRule(points).rule
        r, slope = self.rule.evaluate(radii, x)
        half = 0.5 * np.diff(edges)[:, None]
        start = self.start.density(edges[:-1, None] + half * (x + 1.0))
        return r.ravel(), (start * half / slope).ravel()

    def certificate(self, y: Array) -> float:
        """2 [int psi drho - inf psi], which bounds R - inf R from above, R being convex."""
        return certificate(self.landscape, *self.law(y))

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d), shape (n,)."""
        r, weights = self.law(y)
        norms = np.linalg.norm(np.asarray(x, float), axis=1)
        fields, slopes = np.empty(len(norms)), np.empty((len(r), len(norms)))
        radial_fields(self.landscape.mean.table, r, weights, norms, fields, slopes)
        return fields

    def force(self, y: Array, theta: Array) -> Array:
        """The velocity in the flow clock of neurons (a, w), theta (m, 1 + d): -a psi'(|w|) w / |w|, and 0 for a."""
        _, fields = self._force(*self.law(y))
        norms = np.linalg.norm(theta[:, 1:], axis=1)
        residual = self.landscape.probabilities * (fields - self.landscape.labels)
        stretched = norms[:, None] * self.landscape.stretch
        value, slope = np.empty(stretched.size), np.empty(stretched.size)
        lookup_all(self.landscape.mean.table, stretched.ravel(), value, slope)
        pull = -(slope.reshape(stretched.shape) * self.landscape.stretch) @ residual
        out = np.zeros_like(theta)
        out[:, 1:] = (theta[:, 0] * pull / np.where(norms > 0.0, norms, 1.0))[:, None] * theta[:, 1:]
        return out

    def psi(self, y: Array, theta: npt.ArrayLike) -> Array:
        """Psi = a psi(|w|) at places (a, w), theta (m, 1 + d), shape (m,)."""
        places = np.asarray(theta, np.float64)
        _, fields = self._force(*self.law(y))
        psi: Array = places[:, 0] * self.landscape.potential(np.linalg.norm(places[:, 1:], axis=1), fields)
        return psi

    def line(self, y: Array) -> LineLaw:
        """The law of the radius |w|, by the panels' polynomials of the initial radius."""
        edges, radii = self.panels(y)

        def quantile(u: Array) -> Array:
            return np.maximum(self.rule.at(edges, radii, self.start.quantile(u)), 0.0)

        return LineLaw(quantile, self.start.level(edges[1:-1]))

    def refined(self) -> VelocityFlow:
        """The limit with 3/2 the nodes a panel, twice the chi nodes and a tenth of the panel tolerance.

        A panel tolerance that the rule for |x| has set follows the finer rule.
        """
        a = self.config["arguments"]
        limited = a["panel_tol"] == "auto" and self.panel_tol > _PANEL_TOL
        tolerance = "auto" if limited else None if self.panel_tol is None else 0.1 * self.panel_tol
        finer = {"nodes": (3 * a["nodes"] + 1) // 2, "chi_nodes": 2 * a["chi_nodes"], "panel_tol": tolerance}
        return self.system.limit(**{**a, **finer, "panels": a["panels"] if tolerance else 2 * a["panels"]})

    def _force(self, radii: Array, weights: Array) -> tuple[Array, Array]:
        """-psi' at the radii (J,), and the predictions at the nodes of |x|."""
        landscape = self.landscape
        n, k = len(radii), len(landscape.stretch)
        fields, slopes, force = np.empty(k), np.empty((n, k)), np.empty(n)
        radial_fields(landscape.mean.table, radii, weights, landscape.stretch, fields, slopes)
        radial_force(slopes, landscape.probabilities * (fields - landscape.labels), force)
        return force, fields

    def _packed(self, edges: Array, radii: Array, stopped: npt.NDArray[np.bool_]) -> Array:
        y = np.zeros(self.packing.size)
        state = self.packing.unpack(y)
        state["edge"][:] = edges[-1]
        state["edge"][: len(edges)] = edges
        state["radius"][: len(radii)] = radii
        if "stopped" in state:
            state["stopped"][: len(radii)] = stopped
        return y

    def _events(self) -> tuple[Event, ...]:
        stop = (Event("a radius reaches 0", self._least_moving, self._stop),) if self.landscape.mean.pull != 0.0 else ()
        return stop if self.panel_tol is None else (Event("panels are bisected", self._resolved, self._bisect), *stop)

    def _stopped(self, y: Array, count: int) -> npt.NDArray[np.bool_]:
        state = self.unpack(y)
        return state["stopped"][:count] > 0.0 if "stopped" in state else np.zeros(count, bool)

    def _resolved(self, t: float, y: Array, start: Array) -> float:
        """The logarithm of panel_tol over the largest tail."""
        edges, radii = self.panels(y)
        tails = self.rule.tails(radii, self._masses(edges))[~self._stopped(y, len(radii))]
        return math.log(self.panel_tol / max(float(np.max(tails, initial=0.0)), 1e-300))

    def _bisect(self, t: float, y: Array) -> Array:
        edges, radii = self.panels(y)
        edges, radii, stopped = self.rule.resolve(self.start, edges, radii, self.panel_tol, self._stopped(y, len(radii)))
        if len(radii) > self.capacity:
            raise StepError(
                f"stopped at t = {t:.6g}: panel_tol = {self.panel_tol:g} needs {len(radii)} panels, max_panels = {self.capacity}: "
                "give limit() a larger max_panels or panel_tol"
            )
        return self._packed(edges, radii, stopped)

    def _least_moving(self, t: float, y: Array, start: Array) -> float:
        """The least radius that was not 0 at the start of the step."""
        return _least_positive(self.panels(y)[1], self.panels(start)[1])

    def _stop(self, t: float, y: Array) -> Array:
        edges, radii = self.panels(y)
        now = radii < _STOPPED
        return self._packed(edges, np.where(now, 0.0, radii), self._stopped(y, len(radii)) | now.any(axis=1))


class AtomLimit(Refinable):
    """d = infinity: every neuron has the same radius, r' = -psi'(r; delta_r). State `radius` (1,)."""

    def __init__(self, system: IsotropicGaussians, config: Mapping[str, Any], landscape: Landscape) -> None:
        system.rate.check_continuous()
        self.system, self.config, self.landscape = system, config, landscape
        self.clock = system.rate.name
        self.packing = Packing((Field("radius", (1,), ("neuron",)),))
        self.state0 = self.pack(radius=[system.sigma_0])
        if landscape.mean.pull != 0.0:
            self.events = (Event("a radius reaches 0", lambda t, y, start: _least_positive(y, start), lambda t, y: np.zeros(1)),)

    def velocity(self, t: float, y: Array) -> Array:
        """2 xi(t) times -psi'(r)."""
        speed: Array = -self.system.rate.rate(t) * self.landscape.potential_slope(y, self.landscape.responses(y[0]))
        return np.where(y == 0.0, np.maximum(speed, 0.0), speed)

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """The observables of the two-layer networks, and the mean and standard deviation (0) of the radius."""
        risk = self.landscape.risk(self.landscape.responses(y[0]))
        return radial_observables(risk, y, np.ones(1), abs(float(y[0]) - self.system.sigma_0))

    def law(self, y: Array) -> tuple[Array, Array]:
        """The radius (1,) and its weight 1."""
        return y.copy(), np.ones(1)

    def psi(self, y: Array, theta: npt.ArrayLike) -> Array:
        """Psi = a psi(r) at places theta (m, 2) = (a, r), shape (m,)."""
        places = np.asarray(theta, np.float64)
        psi: Array = places[:, 0] * self.landscape.potential(places[:, 1], self.landscape.responses(y[0]))
        return psi

    def line(self, y: Array) -> LineLaw:
        """The law of the radius: one atom."""
        return atoms_law(y, np.ones(1))

    def certificate(self, y: Array) -> float:
        """2 [int psi drho - inf psi], which bounds R - inf R from above, R being convex."""
        return certificate(self.landscape, *self.law(y))

    def refined(self) -> VelocityFlow:
        """The same limit: it is exact."""
        return self


def certificate(landscape: Landscape, radii: Array, weights: Array) -> float:
    """2 [int psi drho - inf psi] of the law sum_j weights_j delta_{radii_j}."""
    fields = weights @ landscape.responses(radii)
    return 2.0 * float(weights @ landscape.potential(radii, fields) - landscape.lowest(fields)[1][0])


def radial_observables(risk: float, radii: Array, weights: Array, moved: float) -> dict[str, float]:
    """The observables of a law of the radius, and `radius_mean`, `radius_std`."""
    mean = float(weights @ radii)
    values = observables(risk, float(weights @ radii**2), moved, 0.5 * risk)
    return values | {"radius_mean": mean, "radius_std": math.sqrt(float(weights @ (radii - mean) ** 2))}


class _Remembered:
    """The last result of a function of one array, computed again when the array's bits change."""

    def __init__(self, function: Callable[[Array], Array]) -> None:
        self._function, self._key = function, b""
        self._value: Array = np.empty(0)

    def __call__(self, argument: Array) -> Array:
        key = argument.tobytes()
        if key != self._key:
            self._key, self._value = key, self._function(argument)
        return self._value


def _least_positive(radii: Array, before: Array) -> float:
    """The least of the radii that were positive before."""
    return float(np.min(radii[before > 0.0], initial=1.0))
