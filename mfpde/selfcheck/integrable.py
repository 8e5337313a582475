"""The infinite-width recursion of deep networks: the public solver against the closed form and against another way of solving."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mfpde.flow import Array
from mfpde.selfcheck.check import Check
from mfpde.solve import solve
from mfpde.systems.integrable import IntegrableNetwork
from mfpde.systems.integrable.exact import relu_first_step

_X, _PROBE = np.array([[1.0, 0.0, 0.0]]), np.array([[0.6, 0.8, 0.0], [1.0, 0.0, 0.0]])
_LR = 0.5


def _outputs(depth: int, parameterization: str, steps: int, activation: str = "relu", backend: str = "auto") -> Array:
    """f at the probes after each step on one input with label 1, (steps + 1, probes)."""
    system = IntegrableNetwork(d=3, depth=depth, parameterization=parameterization, activation=activation)
    limit = system.limit(batches=[(_X, np.ones(1))] * steps, lr=_LR, probe=_PROBE, backend=backend)
    return solve(limit, list(range(steps + 1))).observables["f"]


def first_step() -> Check:
    """The first step of ReLU networks of any depth."""
    errors = []
    for depth in (1, 2, 3, 4, 6):
        exact = relu_first_step(_X[0], _PROBE, depth, -_LR)
        errors.append(np.max(np.abs(_outputs(depth, "ip-llr", 1)[1] / exact - 1.0)))
    return Check("relu, L = 1, 2, 3, 4, 6: f_1 against the closed form, relative", float(max(errors)), 1e-13)


def back_ends() -> Check:
    """Sectors against quadrature, for a linear network."""
    sector, trapezoid = (_outputs(2, "hp", 4, "identity", backend) for backend in ("sector", "trapezoid"))
    difference = float(np.max(np.abs(trapezoid[1:] / sector[1:] - 1.0)))
    return Check("identity, L = 2: f_1 .. f_4 in sectors and by quadrature, relative", difference, 1e-12)


def stationary() -> Check:
    """The naive integrable parameterization with three hidden layers never moves."""
    return Check("relu, naive integrable, L = 3: |f_3|", float(np.max(np.abs(_outputs(3, "ip", 3)))), 0.0)


def odd_first_step() -> Check:
    """With an odd linearized first pass, the output of three layers does not move at the first step."""
    return Check("tanh, L = 3: |f_1|", float(np.max(np.abs(_outputs(3, "ip-llr", 1, "tanh")))), 1e-15)


CASES: list[Callable[[], Check]] = [first_step, back_ends, stationary, odd_first_step]
