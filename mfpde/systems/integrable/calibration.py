"""The authors' choice of every layer's learning rate at step 0 (docs/integrable): their code's versions of 2021 and 2023."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfpde.flow import Array
from mfpde.systems.integrable import losses
from mfpde.systems.integrable.backprop import State, backward, forward
from mfpde.systems.integrable.batches import Batch
from mfpde.systems.integrable.initial import Initial
from mfpde.systems.integrable.scales import Scales
from mfpde.systems.integrable.system import IntegrableNetwork
from mfpde.systems.integrable.weights import Factored


@dataclass(frozen=True)
class Calibration:
    """Rates such that, after the first step, mean |dW^l x| is `target` in hidden layers and `target_out` in the output.

    Attributes
    ----------
    cap : float
        No rate is larger.
    capped_below : bool
        Whether the fields that the layers above see are those of the capped rates.
    """

    cap: float
    target: float
    target_out: float
    capped_below: bool


CALIBRATIONS = {"2021": Calibration(500.0, 1.0, 0.1, capped_below=False), "2023": Calibration(1000.0, 1.0, 1.0, capped_below=True)}


def get(calibration: str | int | None) -> Calibration | None:
    """The calibration of that year; ValueError if there is none."""
    if calibration is None:
        return None
    if isinstance(calibration, bool) or str(calibration) not in CALIBRATIONS:
        raise ValueError(f"calibration = {calibration!r}: give None, {' or '.join(map(repr, CALIBRATIONS))}")
    return CALIBRATIONS[str(calibration)]


def calibrated(
    rule: Calibration,
    system: IntegrableNetwork,
    initial: Initial,
    scales: Scales,
    batches: tuple[Batch, Batch],
    lr: float,
    zero_output: bool,
) -> tuple[float, ...]:
    """The rates eta_1, ..., eta_{L+1} of step 0: `lr` in layer 1, by a trial step at rate 1 on batch 0, seen on batch 1, above.

    `scales` are those of step 0. The trial step is kept as factors, so that its action on an input has no rounding of V + dV in it.
    """
    depth, (trial, seen), dtype = system.depth, batches, np.dtype(initial.dtype)
    n = len(trial.x)
    arrays = {**initial.outer, **{f.name: np.zeros(f.shape, dtype) for f in Factored.fields(initial.m, depth, n)}}
    new = {name: np.empty_like(a) for name, a in arrays.items()}
    state = State(arrays, Factored(arrays, initial, dropped=False, used=0))
    fields = forward(state, scales, system.sigma, trial.x.astype(dtype))
    at = np.zeros_like(fields.f) if zero_output else fields.f
    chi = (losses.derivative(system.loss, at, trial.y) / n).astype(dtype)
    backward(state, scales, fields, chi, (1.0,) * (depth + 1), new)
    powers = [dtype.type(float(initial.m) ** -float(a)) for a in system.exponents(1).a]
    x = seen.x.T.astype(dtype)
    before, after = (powers[0] * (a["w1"] @ x + (a["b1"][:, None] if "b1" in a else 0)) for a in (arrays, new))
    x = system.sigma(before + dtype.type(lr) * (after - before))
    rates = [lr]
    stays = Factored(arrays, initial, dropped=not system.scaling.keep, used=0)
    moves = Factored(new, initial, dropped=True, used=n)
    for layer in range(2, depth + 1):
        kept, change = (_action(weights, layer, x) * powers[layer - 1] for weights in (stays, moves))
        wanted = _wanted(rule.target, change)
        rates.append(min(rule.cap, wanted))
        above = rates[-1] if rule.capped_below or wanted == np.inf else wanted
        x = system.sigma(kept + dtype.type(above) * change)
    rates.append(min(rule.cap, _wanted(rule.target_out, powers[depth] * ((new["w_out"] - arrays["w_out"]) @ x))))
    return tuple(rates)


def _wanted(target: float, change: Array) -> float:
    size = float(np.mean(np.abs(change.astype(np.float64))))
    return target / size if size > 0.0 else np.inf


def _action(weights: Factored, layer: int, x: Array) -> Array:
    out = np.empty_like(x)
    weights.product(layer, x, out, lambda rows: None)
    return out
