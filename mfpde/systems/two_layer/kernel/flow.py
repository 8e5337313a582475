"""The network behind a kernel limit at a finite scale alpha, by weighted particles."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mfpde.flow import Array, Field, Packing, VelocityFlow

if TYPE_CHECKING:
    from mfpde.systems.two_layer.kernel.residuals import KernelLimit

_ZERO = 1e-10


class ResidualFlow(VelocityFlow):
    """theta' = (1/alpha) E[(y - f) grad sigma*(x; theta)], f = alpha sum_j p_j sigma*(x; theta_j).

    The scaling and the rescaled time of section 4 of Mei, Misiakiewicz, Montanari 2019. Observables: `risk` = `loss` = E u^2;
    `kernel_gap`, (E (u - u*)^2)^{1/2} against the kernel limit u*; `movement`, (E |theta - theta_0|^2)^{1/2}, an upper bound of
    W2(rho_t, rho_0); `kernel_change`, |H_t - H_0|/|H_0| in Frobenius norm.
    """

    clock = "time"

    def __init__(self, limit: KernelLimit, scale: float) -> None:
        from mfpde.systems.two_layer.kernel.residuals import NodeKernel

        if not isinstance(limit.kernel, NodeKernel):
            raise ValueError(f"kernel = {limit.kernel!r}: a closed form has no neurons to train; give a NodeKernel")
        if isinstance(scale, bool) or not (math.isfinite(scale) and scale > 0.0):
            raise ValueError(f"scale = {scale!r}: give a finite number alpha > 0")
        self.limit, self.kernel, self.scale = limit, limit.kernel, float(scale)
        m, p = self.kernel.initial.points.shape
        if p != limit.x.shape[1] + 1:
            raise ValueError(f"neurons have {p} columns: inputs of {limit.x.shape[1]} coordinates need {limit.x.shape[1] + 1}, (a, w)")
        self.packing = Packing((Field("theta", (m, p), ("neuron", "parameter")),))
        self.state0 = self.pack(theta=self.kernel.initial.points)
        start = self._mean_output(self.kernel.initial.points, limit.x)
        if np.max(np.abs(start)) > _ZERO:
            raise ValueError(
                f"the neurons' mean output is {np.max(np.abs(start)):.3g} at the start: it must be 0, or f diverges with alpha; "
                "give a of mean 0, independent of w, or every w once with a and once with -a"
            )
        data = hashlib.sha256(limit.x.tobytes() + limit.y.tobytes() + limit.weights.tobytes()).hexdigest()
        parameters = {"data": {"sha256": data}, **self.kernel.config()}
        self.config = {"system": "KernelLimit", "parameters": parameters, "role": "network", "arguments": {"scale": self.scale}}

    def velocity(self, t: float, y: Array) -> Array:
        """theta', with a held where the second layer is fixed."""
        theta = self.unpack(y)["theta"]
        force = self.limit.weights * self.residual(y) / self.scale
        inner = theta[:, 1:] @ self.limit.x.T
        moved = np.zeros_like(theta)
        moved[:, 1:] = theta[:, :1] * ((self.kernel.activation.derivative(inner) * force) @ self.limit.x)
        if self.kernel.second_layer == "trained":
            moved[:, 0] = self.kernel.activation(inner) @ force
        return self.pack(theta=moved)

    def residual(self, y: Array) -> Array:
        """u = y - f at the data, shape (n,)."""
        return self.limit.y - self.predict(y, self.limit.x)

    def predict(self, y: Array, x: npt.ArrayLike) -> Array:
        """f at inputs x (k, d), shape (k,)."""
        return self.scale * self._mean_output(self.unpack(y)["theta"], np.asarray(x, np.float64))

    def observe(self, t: float, y: Array) -> dict[str, float]:
        """Risk, distance to the kernel limit, and how far neurons and kernel have moved."""
        theta, q, x = self.unpack(y)["theta"], self.limit.weights, self.limit.x
        u = self.residual(y)
        risk = float(np.sum(q * u**2))
        moved = np.sum((theta - self.kernel.initial.points) ** 2, axis=1)
        change = self.kernel.at(theta, x, x) - self.limit.matrix
        return {
            "risk": risk,
            "loss": risk,
            "kernel_gap": float(np.sqrt(np.sum(q * (u - self.limit.residual(t)) ** 2))),
            "movement": float(np.sqrt(np.sum(self.kernel.initial.weights * moved))),
            "kernel_change": float(np.linalg.norm(change) / np.linalg.norm(self.limit.matrix)),
        }

    def _mean_output(self, theta: Array, x: Array) -> Array:
        output: Array = (self.kernel.initial.weights * theta[:, 0]) @ self.kernel.activation(theta[:, 1:] @ x.T)
        return output
