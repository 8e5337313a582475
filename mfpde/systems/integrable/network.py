"""The network of finite width in training: its arguments, its state and the flow that steps it."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpde.checks import number, whole
from mfpde.flow import Array, Field, Packing, StepFlow
from mfpde.streams import resolve_seed
from mfpde.systems.integrable import calibration as rules
from mfpde.systems.integrable import losses
from mfpde.systems.integrable.activation import slope
from mfpde.systems.integrable.backprop import Fields, State, backward, check_finite, forward, may_overflow
from mfpde.systems.integrable.batches import Batches, checked_batches, checked_probe
from mfpde.systems.integrable.initial import Initial
from mfpde.systems.integrable.scales import Scales, make_scales
from mfpde.systems.integrable.system import IntegrableNetwork
from mfpde.systems.integrable.weights import Dense, Factored, Weights
from mfpde.threads import single_threaded_blas

_CHUNK = 4096
"""Samples a forward pass for observables takes at once."""


def make_network(
    system: IntegrableNetwork,
    m: int,
    batches: Any,
    lr: float,
    probe: npt.ArrayLike,
    rng: int | None,
    dtype: str,
    f0: str,
    first_pass: str,
    calibration: str | int | None,
) -> Training:
    """The flow behind :meth:`IntegrableNetwork.network`."""
    m, lr = whole("m", m), number("lr", lr)
    if dtype not in ("float64", "float32"):
        raise ValueError(f"dtype = {dtype!r}: give 'float64' or 'float32'")
    if f0 not in ("zero", "true"):
        raise ValueError(f"f0 = {f0!r}: give 'zero' or 'true'")
    if first_pass not in ("linearized", "exact"):
        raise ValueError(f"first_pass = {first_pass!r}: give 'linearized' or 'exact'")
    rule = rules.get(calibration)
    given = checked_batches(batches, d=system.d, outputs=system.outputs, loss=system.loss)
    if rule is not None and not system.scaling.rescaled:
        raise ValueError(f"calibration = {calibration!r}: parameterization {system.scaling.name!r} has no large first step; leave it out")
    if rule is not None and given.count == 1:
        raise ValueError(f"calibration = {calibration!r} looks at batches 0 and 1: give two batches at least")
    x = checked_probe(probe, system.d)
    seed = resolve_seed(rng)
    arguments = {
        "m": m,
        "batches": given.config(),
        "lr": lr,
        "probe": {"n": len(x), "digest": hashlib.sha256(x.astype("<f8").tobytes()).hexdigest()[:32]},
        "rng": seed,
        "dtype": dtype,
        "f0": f0,
        "first_pass": first_pass,
        "calibration": None if rule is None else str(calibration),
    }
    config = {"system": type(system).__name__, "parameters": system.config(), "role": "network", "arguments": arguments}
    zero_output = f0 == "zero" and system.scaling.zero_output
    return Training(system, Initial(system, m, seed, dtype), given, lr, x, zero_output, first_pass == "exact", rule, config)


class Training(StepFlow):
    """Gradient steps of a network of width m; row t is the state after t steps.

    The state holds `w1` (m, d), `w_out` (outputs, m), the biases `b1`, ..., `b_out` that there are, and the hidden weights V^l =
    m^{A_l} W^l, A_l the exponents a_l from step 1 on: as `w2`, ..., `w<L>` (m, m); or, where all steps together see at most m/4
    samples, as the factors `left<l>`, `right<l>` (m, samples) of V^l - U^l. Further `steps` () made and `batch_loss` (batches,):
    the loss of the batch each step saw, before that step (one entry, the last, for endless batches).

    Observables: `f` at the probe, (n_probe,) or (n_probe, outputs); `f_stderr`, zero; `loss` over the union of the batches; and
    `change_<l>`, the root mean square over neurons and probe of h^l - h^l at the start.

    Attributes
    ----------
    factored : bool
        Whether the hidden weights are held as factors.
    rates : tuple (L+1,)
        Every layer's eta at step 0; later steps use `lr` in all.
    """

    clock = "steps"
    dt = 1.0

    def __init__(
        self,
        system: IntegrableNetwork,
        initial: Initial,
        batches: Batches,
        lr: float,
        probe: npt.NDArray[np.float64],
        zero_output: bool,
        exact: bool,
        rule: rules.Calibration | None,
        config: dict[str, Any],
    ) -> None:
        self.system, self.initial, self.batches, self.lr, self.config = system, initial, batches, lr, config
        self.m, self.count, self._zero_output, self._rule = initial.m, batches.count, zero_output, rule
        self._dtype = np.dtype(initial.dtype)
        self._probe = probe.astype(self._dtype)
        rescaled = system.scaling.rescaled and not exact
        linear = slope(system.sigma) if rescaled and system.sigma.homogeneity is None else None
        self._first = make_scales(system, self.m, 0, rescaled, linear)
        self._later = make_scales(system, self.m, 1, False, None)
        self._first_dtype = np.dtype("float64") if exact and system.scaling.rescaled else self._dtype
        samples = sum(len(batch.x) for batch in batches.fixed) if batches.fixed else None
        self.factored = samples is not None and system.depth > 1 and 4 * samples <= self.m
        self.packing = Packing(self._fields(samples), initial.dtype)
        self.state0 = self._initial_state()

    def _fields(self, samples: int | None) -> tuple[Field, ...]:
        axes = {"w1": ("neuron", "input"), "w_out": ("output", "neuron"), "b_out": ("output",)}
        outer = [Field(name, values.shape, axes.get(name, ("neuron",))) for name, values in self.initial.outer.items()]
        depth = self.system.depth
        hidden = Factored.fields(self.m, depth, samples) if self.factored and samples else Dense.fields(self.m, depth)
        return (*outer, *hidden, Field("steps", (), ()), Field("batch_loss", (self.batches.count or 1,), ("batch",)))

    def _initial_state(self) -> Array:
        zeros = np.zeros(self.packing.size, self._dtype)
        with single_threaded_blas():
            hidden = {} if self.factored else Dense.initial_arrays(self.initial)
        views = self.unpack(zeros)
        for name, values in {**self.initial.outer, **hidden}.items():
            views[name][...] = values
        return zeros

    @cached_property
    def rates(self) -> tuple[float, ...]:
        """Every layer's eta at step 0."""
        depth = self.system.depth
        if self._rule is None:
            return (self.lr,) * (depth + 1)
        pair = self.batches.at(0), self.batches.at(1)
        return rules.calibrated(self._rule, self.system, self.initial, self._first, pair, self.lr, self._zero_output)

    def step(self, k: int, y: Array) -> Array:
        """The state after a step on batch `k`.

        Raises
        ------
        ValueError
            If there is no such batch.
        mfpde.solve.steppers.StepError
            If a layer's weights, or its fields on the batch before or after the step, leave the finite numbers; the message names it.
        """
        batch = self.batches.at(k)
        with np.errstate(all="ignore"), single_threaded_blas():
            new = np.empty_like(y)
            arrays = self.unpack(new)
            dtype = self._first_dtype if k == 0 else self._dtype
            state = self._state({name: a.astype(dtype, copy=False) for name, a in self.unpack(y).items()}, k)
            scales = self._first if k == 0 else self._later
            fields = forward(state, scales, self.system.sigma, batch.x.astype(dtype))
            check_finite(fields)
            at = np.zeros_like(fields.f) if k == 0 and self._zero_output else fields.f
            chi = losses.derivative(self.system.loss, at, batch.y) / len(batch.x)
            rates = self.rates if k == 0 else (self.lr,) * (self.system.depth + 1)
            sizes = backward(state, scales, fields, chi.astype(dtype), rates, arrays)
            if may_overflow(sizes, self.system.degree, self._dtype):
                check_finite(forward(self._state(arrays, k + 1), self._later, self.system.sigma, batch.x.astype(self._dtype)))
            arrays["steps"][...] = k + 1
            arrays["batch_loss"][...] = self.unpack(y)["batch_loss"]
            arrays["batch_loss"][k % arrays["batch_loss"].size] = np.mean(losses.values(self.system.loss, fields.f, batch.y))
        return new

    def observe(self, t: float, y: Array) -> dict[str, Any]:
        """Outputs at the probe, loss and changes of every layer."""
        with np.errstate(all="ignore"), single_threaded_blas():
            h, f = self._fields_at(y, self._probe)
            seen = f.astype(np.float64)
            seen = seen[:, 0] if self.system.outputs == 1 else seen
            union = self.batches.union()
            total = 0.0
            for first in range(0, len(union.x), _CHUNK):
                chosen = slice(first, first + _CHUNK)
                total += float(np.sum(losses.values(self.system.loss, self._outputs(y, union.x[chosen]), union.y[chosen])))
            values: dict[str, Any] = {"f": seen, "f_stderr": np.zeros_like(seen), "loss": total / len(union.x)}
            for layer, (now, before) in enumerate(zip(h, self._start, strict=True), start=1):
                values[f"change_{layer}"] = float(np.sqrt(np.mean((now - before).astype(np.float64) ** 2)))
        return values

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at the inputs x (n, d) in the state `y`: shape (n,), or (n, outputs)."""
        with np.errstate(all="ignore"), single_threaded_blas():
            f = self._outputs(y, checked_probe(x, self.system.d))
        return f[:, 0] if self.system.outputs == 1 else f

    def preactivations(self, y: Array, x: npt.ArrayLike) -> list[Array]:
        """h^1, ..., h^L, each (m, n), at the inputs x (n, d) in the state `y`."""
        with np.errstate(all="ignore"), single_threaded_blas():
            return self._fields_at(y, checked_probe(x, self.system.d).astype(self._dtype))[0]

    def weight_changes(self, y: Array) -> list[Array]:
        """W^l - W^l(0) for l = 1, ..., L+1: what the steps made of the effective weights, without an initial part that was dropped."""
        arrays, steps = self.unpack(y), self._steps(y)
        state = self._state(arrays, steps)
        powers = [float(self.m) ** -float(a) for a in self.system.exponents(1).a]
        outer = self.initial.outer
        with single_threaded_blas():
            hidden = [state.hidden.change(layer) for layer in range(2, self.system.depth + 1)]
        changes = [arrays["w1"] - outer["w1"], *hidden, arrays["w_out"] - outer["w_out"]]
        return [change * change.dtype.type(power) for change, power in zip(changes, powers, strict=True)]

    def _steps(self, y: Array) -> int:
        return int(self.unpack(y)["steps"])

    def _state(self, arrays: dict[str, Array], step: int) -> State:
        keep = self.system.scaling.keep
        hidden: Weights
        if self.factored:
            used = sum(len(self.batches.at(k).x) for k in range(step))
            hidden = Factored(arrays, self.initial, dropped=step > 0 and not keep, used=used)
        else:
            hidden = Dense(arrays, self.initial, drop=step == 0 and not keep, dropped=step > 0 and not keep)
        return State(arrays, hidden)

    def _pass(self, y: Array, x: Array, keep: list[Array] | None = None) -> tuple[Scales, Fields]:
        steps = self._steps(y)
        scales = self._first if steps == 0 else self._later
        return scales, forward(self._state(self.unpack(y), steps), scales, self.system.sigma, x, keep)

    def _fields_at(self, y: Array, x: Array) -> tuple[list[Array], Array]:
        kept: list[Array] = []
        scales, fields = self._pass(y, x, kept)
        return [h * h.dtype.type(r) for h, r in zip(kept, scales.report, strict=True)], fields.f

    def _outputs(self, y: Array, x: Array) -> Array:
        return self._pass(y, x.astype(self._dtype))[1].f

    @cached_property
    def _start(self) -> list[Array]:
        return self._fields_at(self.state0, self._probe)[0]
