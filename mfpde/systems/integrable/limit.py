"""The infinite-width limit: the recursion of docs/integrable_recursion as a flow in steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import number, whole
from mfpde.flow import Array, Field, Packing, StepFlow
from mfpde.streams import resolve_seed
from mfpde.systems.integrable import losses, montecarlo, quadrature, recursion_sectors
from mfpde.systems.integrable.batches import Batches, checked_batches, checked_probe
from mfpde.systems.integrable.recursion import Problem, Recursion, Stationary
from mfpde.systems.integrable.regime import limit_rates

if TYPE_CHECKING:
    from mfpde.systems.integrable.system import IntegrableNetwork

BACKENDS = ("auto", "sector", "trapezoid", "mc")
TIES = ("gaussian", "zero")


class RecursionLimit(StepFlow):
    """The infinitely wide network in steps on given batches.

    The state holds what determines all fields: `taken`, the number of steps, and `chi` (replicas, steps, samples, outputs), the
    derivatives of the loss at the samples of the batches seen. The fields themselves are kept beside it, and made again from chi
    where a run continues from a state.

    Attributes
    ----------
    backend : str
        How expectations are computed: "sector" and "trapezoid" (to rounding, `f_stderr` is 0), "mc" (with error bars from
        independent replicas), "stationary" (the network never moves).
    """

    clock = "steps"
    dt = 1.0

    def __init__(
        self, system: IntegrableNetwork, problem: Problem, recursion: Recursion, batches: Batches, probe: Array, arguments: dict[str, Any]
    ) -> None:
        self.system, self.problem, self.probe = system, problem, probe
        self.backend = recursion.name
        self.config: Mapping[str, Any] = {
            "system": type(system).__name__,
            "parameters": system.config(),
            "role": "limit",
            "arguments": {**arguments, "backend": recursion.name, "batches": batches.config(), "probe": probe.tolist()},
        }
        shape = (recursion.replicas, problem.steps, problem.widest, problem.outputs)
        self.packing = Packing((Field("taken", (), ()), Field("chi", shape, ("replica", "step", "sample", "output"))))
        self.state0 = np.zeros(self.packing.size)
        self._recursion, self._batches, self.count = recursion, batches, batches.count
        self._seen = np.zeros(shape)
        self._union = batches.union()
        self._distinct, self._position = np.unique(self._union.x, axis=0, return_inverse=True)

    def step(self, k: int, y: Array) -> Array:
        """The state after step `k`; ValueError if there is no batch for it."""
        self._batches.at(k)
        recursion = self._bring(y)
        outputs = recursion.forward()
        chi = np.stack([self.problem.slope(k, f) for f in outputs])
        after = y.copy()
        state = self.unpack(after)
        state["chi"][:, k, : chi.shape[1]] = chi
        state["taken"][...] = k + 1
        self._take(state["chi"])
        return after

    def observe(self, t: float, y: Array) -> dict[str, Any]:
        """`f` and `f_stderr` at the probe, (n_probe,) or (n_probe, outputs), `loss`, the mean over the union of the batches, and `dead`.

        `dead` is the share of replicas that a step has switched off: relu whose output is exactly 0 at every training input. Their
        outputs must not be averaged with those of others.
        """
        values = self._bring(y).predict(np.concatenate([self.probe, self._distinct]))
        value, error = _averaged(values)
        n = len(self.probe)
        trained = value[n:][self._position.ravel()]
        loss = losses.values(self.problem.loss, trained, self._union.y).mean()
        off = np.all(values[:, n:] == 0.0, axis=(1, 2)) & (self.problem.can_die and self.unpack(y)["taken"] > 0)
        return {"f": self._shaped(value[:n]), "f_stderr": self._shaped(error[:n]), "loss": float(loss), "dead": float(off.mean())}

    def estimate(self, y: Array, x: npt.ArrayLike) -> tuple[Array, Array]:
        """f at the inputs x (n, d) and its standard error over the replicas, both (n,) or (n, outputs)."""
        value, error = _averaged(self._bring(y).predict(checked_probe(x, self.system.d)))
        return self._shaped(value), self._shaped(error)

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d), shape (n,) or (n, outputs)."""
        return self.estimate(y, x)[0]

    def refined(self) -> RecursionLimit:
        """The same limit with half the spacing of nodes or twice the samples; what is exact stays as it is."""
        a = self.config["arguments"]
        finer: dict[str, Any] = {}
        if self.backend == "mc":
            finer["samples"] = 2 * a["samples"]
        elif self.backend == "trapezoid":
            finer["spacing"] = 0.5 * a["spacing"]
        else:
            return self
        chosen = {**{key: a[key] for key in ("lr", "backend", "tie", "replicas", "rng", "samples", "spacing")}, **finer}
        return make_limit(self.system, batches=self._batches, probe=self.probe, **chosen)

    def sensitivity(self, steps: int, relative_step: float = 1e-3) -> Array:
        """d f_t / d log lr at the probe after `steps` steps, (n_probe,) or (n_probe, outputs), by a central difference.

        Later steps amplify errors of earlier ones: where this is large against f, so is the effect of any error in an expectation.
        With Monte Carlo both runs have the same draws.
        """
        a, ends = self.config["arguments"], []
        chosen = {key: a[key] for key in ("backend", "tie", "replicas", "rng", "samples", "spacing")}
        if self.backend == "stationary":
            chosen["backend"] = "auto"
        for sign in (1.0, -1.0):
            limit = make_limit(self.system, batches=self._batches, probe=self.probe, lr=a["lr"] * (1.0 + sign * relative_step), **chosen)
            ends.append(limit.predict(limit.steps(0, steps, limit.state0), self.probe))
        return np.asarray((ends[0] - ends[1]) / (2.0 * relative_step))

    def _shaped(self, values: Array) -> Array:
        return values[:, 0] if self.problem.outputs == 1 else values

    def _bring(self, y: Array) -> Recursion:
        """The recursion at the state `y`: as it stands, or run again along the state's chi."""
        state, recursion = self.unpack(y), self._recursion
        taken = int(state["taken"])
        known = min(recursion.taken, taken)
        if recursion.taken > taken or not np.array_equal(state["chi"][:, :known], self._seen[:, :known]):
            recursion.clear()
        while recursion.taken < taken:
            recursion.forward()
            self._take(state["chi"])
        return recursion

    def _take(self, chi: Array) -> None:
        k = self._recursion.taken
        self._seen[:, k] = chi[:, k]
        self._recursion.update(chi[:, k, : len(self.problem.rows[k])])


def _averaged(values: Array) -> tuple[Array, Array]:
    """Mean and standard error over the replicas, the first axis."""
    count = len(values)
    error = values.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else np.zeros_like(values[0])
    return values.mean(axis=0), error


def make_limit(
    system: IntegrableNetwork,
    *,
    batches: Any,
    lr: float,
    probe: npt.ArrayLike,
    backend: str = "auto",
    tie: str | None = None,
    samples: int | None = None,
    replicas: int = 8,
    rng: int | None = 0,
    spacing: float | None = None,
) -> RecursionLimit:
    """The flow behind :meth:`IntegrableNetwork.limit`; `spacing` is that of the trapezoidal rule's nodes."""
    given = checked_batches(batches, d=system.d, outputs=system.outputs, loss=system.loss)
    if given.count is None:
        raise ValueError("batches is a callable without a length: the limit keeps every step's fields, give a finite sequence of (X, y)")
    if backend not in BACKENDS:
        raise ValueError(f"backend = {backend!r}: give one of {', '.join(BACKENDS)}")
    if tie is None:
        tie = "gaussian" if system.scaling.keep else "zero"
    if tie not in TIES:
        raise ValueError(f"tie = {tie!r}: give one of {', '.join(TIES)}, or None for the parameterization's own")
    rates = limit_rates(system, number("lr", lr, positive=True), given.count)
    inputs = checked_probe(probe, system.d)
    problem = _problem(system, given, np.zeros((given.count, system.depth + 1)) if rates is None else rates, tie)
    spaced = None if spacing is None else number("spacing", spacing, positive=True)
    arguments: dict[str, Any] = {"lr": float(lr), "tie": tie, "samples": samples, "replicas": replicas, "rng": rng, "spacing": spaced}
    recursion = Stationary(problem) if rates is None else _recursion(problem, backend, arguments)
    return RecursionLimit(system, problem, recursion, given, inputs, arguments)


def _problem(system: IntegrableNetwork, batches: Batches, rates: Array, tie: str) -> Problem:
    every = [batches.at(k) for k in range(len(rates))]
    inputs, position = np.unique(np.concatenate([b.x for b in every]), axis=0, return_inverse=True)
    ends = np.cumsum([len(b.x) for b in every])[:-1]
    return Problem(
        depth=system.depth,
        sigma=system.sigma,
        s2=system.s2,
        bias1=system.bias1,
        inputs=inputs,
        rows=tuple(np.split(position.ravel(), ends)),
        labels=tuple(b.y for b in every),
        loss=system.loss,
        outputs=system.outputs,
        rates=rates,
        tie=tie,
    )


def _recursion(problem: Problem, backend: str, arguments: dict[str, Any]) -> Recursion:
    """The back end asked for, or the most accurate one that can solve `problem`; what it is given is written into `arguments`."""
    against = recursion_sectors.reason_against(problem)
    if backend == "sector" or (backend == "auto" and against is None):
        if against is not None:
            raise ValueError(f"backend = 'sector': {against}; use backend='auto'")
        return recursion_sectors.SectorRecursion(problem)
    smooth = problem.sigma.name in quadrature.ANALYTIC
    if backend == "trapezoid" or (backend == "auto" and smooth):
        dimension = quadrature.variables(problem)
        if dimension <= quadrature.LARGEST and not problem.ties:
            given = arguments["spacing"]
            arguments["spacing"] = quadrature.SPACING[dimension] if given is None else given
            return quadrature.make_trapezoid(problem, arguments["spacing"])
        if backend == "trapezoid":
            why = "units at the kink of the activation act at random" if problem.ties else f"a layer depends on {dimension} Gaussians"
            raise ValueError(f"backend = 'trapezoid': {why}, it takes smooth fields of up to {quadrature.LARGEST}; use backend='mc'")
    replicas, seed = whole("replicas", arguments["replicas"], least=2), resolve_seed(arguments["rng"])
    given = arguments["samples"]
    samples = montecarlo.default_samples(problem, replicas) if given is None else whole("samples", given, least=4)
    if samples % 4:
        raise ValueError(f"samples = {samples}: give a multiple of 4, they come in antithetic groups")
    arguments |= {"samples": samples, "replicas": replicas, "rng": seed}
    return montecarlo.make_monte_carlo(problem, samples, replicas, seed)
