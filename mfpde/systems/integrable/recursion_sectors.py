"""The recursion of docs/integrable_recursion in sectors: exact, for one repeated training input and sigma linear but for a kink at 0."""

from __future__ import annotations

import math

import numpy as np

from mfpde.flow import Array
from mfpde.systems.integrable.first_pass import backward_covariances, forward_covariances
from mfpde.systems.integrable.orthants import LARGEST, negative_orthant
from mfpde.systems.integrable.recursion import Problem, Recursion
from mfpde.systems.integrable.sectors import Sectors

_BACKWARD = np.array([0.0, 1.0])
_SIGNS = np.array([1.0, -1.0])


def reason_against(problem: Problem) -> str | None:
    """Why the sector algebra cannot solve `problem`, None if it can."""
    if problem.sigma.homogeneity != 1:
        return f"activation = {problem.sigma.name!r} is not piecewise linear with its kink at 0"
    if len(problem.inputs) != 1:
        return f"there are {len(problem.inputs)} training inputs, it takes one, repeated"
    if problem.outputs != 1:
        return f"there are {problem.outputs} outputs, it takes one"
    if problem.ties and problem.steps > LARGEST:
        return f"with tie='gaussian' it is exact up to step {LARGEST}, there are {problem.steps} batches"
    if problem.first_slope().mean() == 0.0:
        return "the first batch has no gradient"
    return None


class _Layer:
    """The fields at the training input of the steps taken: forward x and backward dh, (steps, sectors, 2)."""

    def __init__(self, capacity: int) -> None:
        self.sectors = Sectors.quadrants()
        self.forward, self.backward = np.zeros((2, capacity, 4, 2))

    def split(self, field: Array) -> Array:
        """Cut the sectors at the zeros of `field`; the field on the new ones."""
        self.sectors, origin = self.sectors.split(field)
        self.forward, self.backward = self.forward[:, origin], self.backward[:, origin]
        split: Array = field[origin]
        return split


class SectorRecursion(Recursion):
    """Every field is linear in two Gaussians (h~, dx~) of its layer, on finitely many sectors; expectations are closed forms.

    With tie "gaussian", the units of layer L that the first batch left at 0 fall into classes by the first step j at which their
    initial part is positive. Their fields are constants times dx~, one constant for each sign of dx~.
    """

    name = "sector"
    replicas = 1

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.plus, self.minus = (float(problem.sigma.derivative(z)) for z in (1.0, -1.0))
        forward = forward_covariances(problem)
        # The recursion's backward fields do not contain chi here.
        backward = backward_covariances(problem, forward)
        chi = problem.first_slope().mean()
        self.q = np.array([k[0, 0] for k in forward])
        self.p = np.array([d[0, 0] for d in backward]) / problem.first_slope()[0, 0] ** 2 if chi else np.ones(problem.depth)
        self.x = problem.inputs
        self.clear()

    def clear(self) -> None:
        """Go back to before the first step."""
        steps, depth = self.problem.steps, self.problem.depth
        self.taken = 0
        self.layers = [_Layer(steps) for _ in range(depth)]
        self.chi = np.zeros(steps)
        self.class_weight = np.zeros(steps)
        self.class_forward, self.class_backward = np.zeros((2, steps, steps, 2))
        self.tie_covariance = np.zeros((steps, steps))

    def forward(self) -> Array:
        """The output (1, n_k, 1) at the training input; its forward fields stay for :meth:`update`."""
        t, p = self.taken, self.problem
        lower: Array = np.empty(0)
        for number, layer in enumerate(self.layers, 1):
            h = self._first_layer(p.lift(self.x, self.x))[0] if number == 1 else self._combined(number, layer, lower)
            if number > 1 and t == 0:
                h = np.broadcast_to(math.sqrt(self.q[number - 1]) * np.array([1.0, 0.0]), h.shape)
            h = layer.split(h)
            gate = np.where(layer.sectors.positive(h), self.plus, self.minus)
            layer.forward[t] = gate[:, None] * h
            # The backward pass multiplies by sigma'.
            layer.backward[t] = gate[:, None]
            if number == p.depth:
                self._class_forward(lower)
            lower = self._means(layer, layer.forward[t], layer.forward, slice(t + 1))
            if p.ties and number == p.depth - 1:
                self.tie_covariance[t, : t + 1] = self.tie_covariance[: t + 1, t] = p.s2 * lower
        if t == 0:
            return np.zeros((1, len(p.rows[0]), 1))
        last = self.layers[-1]
        classes = self._class_means(self.class_forward[t], self.class_forward[:t])
        output = self._output(last.sectors.weighted(last.forward[t])[None], (lower[:t] + classes)[None], self.class_forward[t][None])
        return np.full((1, len(p.rows[t]), 1), output[0])

    def update(self, chi: Array) -> None:
        """Take the step whose derivatives of the loss are `chi` (1, n_k, 1)."""
        t, p = self.taken, self.problem
        past = slice(t)
        self.chi[t] = chi.mean()
        steps = p.rates[past] * self.chi[past, None]
        means: Array = np.empty(0)
        for number in range(p.depth, 0, -1):
            layer = self.layers[number - 1]
            if t == 0:
                dx = np.broadcast_to(math.sqrt(self.p[number - 1]) * _BACKWARD, layer.forward[0].shape)
            elif number == p.depth:
                dx = _BACKWARD - np.tensordot(steps[:, number], layer.forward[past], 1)
            else:
                dx = -np.tensordot(steps[:, number] * means, layer.forward[past], 1)
            layer.backward[t] *= dx
            means = self._means(layer, layer.backward[t], layer.backward, past)
            if number == p.depth and t > 0:
                self._class_update(steps[:, number])
                means = means + self._class_means(self.class_backward[t], self.class_backward[past])
        self.taken += 1

    def predict(self, x: Array) -> Array:
        """The outputs (1, n, 1) at the inputs x (n, d)."""
        t, p = self.taken, self.problem
        if t == 0:
            return np.zeros((1, len(x), 1))
        share = p.kernel(x, self.x)[:, 0] / self.q[0]
        spread = np.sqrt(np.maximum(p.kernel_diagonal(x) - share**2 * self.q[0], 0.0))
        spread[spread**2 <= 1e-14 * p.kernel_diagonal(x)] = 0.0
        first = self.layers[0]
        fields = self._first_layer(p.lift(x, self.x), share)
        weighted = self._activated(first.sectors, fields, spread)
        means = self._pairing(weighted, first.forward[:t])
        values: Array = np.zeros((len(x), p.steps, 2))
        for number, layer in enumerate(self.layers[1:], 2):
            steps = p.rates[:t, number - 1] * self.chi[:t] * means
            fields = -np.tensordot(steps, layer.backward[:t], 1)
            weighted = self._activated(layer.sectors, fields)
            if number == p.depth:
                values = self._class_values(-np.tensordot(steps, self.class_backward[:t], 1))
            means = self._pairing(weighted, layer.forward[:t])
        means = means + np.einsum("j,njs,kjs->nk", 0.5 * self.class_weight, values, self.class_forward[:t])
        return self._output(weighted, means, values)[None, :, None]

    def _first_layer(self, lift: Array, share: float | Array = 1.0) -> Array:
        """h^1 less what is independent of the training input's: inputs with `lift` (n, 1) and `share` (n,) of h~^1, (n, sectors, 2)."""
        t, layer = self.taken, self.layers[0]
        start = np.multiply.outer(np.broadcast_to(share, len(lift)), [math.sqrt(self.q[0]), 0.0])
        moved = np.tensordot(self.problem.rates[:t, 0] * self.chi[:t], layer.backward[:t], 1)
        return np.asarray(start[:, None] - lift[:, :, None] * moved)

    def _combined(self, number: int, layer: _Layer, means: Array) -> Array:
        """h^l at the training input, of the means E x_k^{l-1} x^{l-1} (>= taken,)."""
        t = self.taken
        return -np.tensordot(self.problem.rates[:t, number - 1] * self.chi[:t] * means[:t], layer.backward[:t], 1)

    def _activated(self, sectors: Sectors, fields: Array, spread: Array | float = 0.0) -> Array:
        """J of sigma(field + spread Z), see :meth:`Sectors.weighted_relu`."""
        weighted: Array = self.plus * sectors.weighted_relu(fields, spread)
        if self.minus:
            weighted -= self.minus * sectors.weighted_relu(-fields, spread)
        return weighted

    def _output(self, weighted: Array, means: Array, values: Array) -> Array:
        """f = E U x^L - sum_k e_k E x_k^L x^L, (n,)."""
        t = self.taken
        start = weighted[..., 1].sum(axis=1) + np.einsum("j,njs->n", 0.5 * self.class_weight, values)
        output: Array = start - means @ (self.problem.rates[:t, -1] * self.chi[:t])
        return output

    @staticmethod
    def _means(layer: _Layer, field: Array, others: Array, chosen: slice) -> Array:
        return np.tensordot(others[chosen], layer.sectors.weighted(field), 2)

    @staticmethod
    def _pairing(weighted: Array, others: Array) -> Array:
        """E F_k G_n, (n, k), of J (n, sectors, 2) and F (k, sectors, 2)."""
        return np.tensordot(weighted, others, ((1, 2), (1, 2)))

    def _class_means(self, field: Array, others: Array) -> Array:
        """The part of the means that the classes add: E dx~^2 is 1/2 on either sign; (classes, 2), (k, classes, 2) -> (k,)."""
        return np.asarray(np.einsum("j,js,kjs->k", 0.5 * self.class_weight, field, others))

    def _class_values(self, h: Array) -> Array:
        """relu of h dx~ over dx~, (..., classes, 2)."""
        return np.asarray(np.where(h * _SIGNS > 0.0, h, 0.0))

    def _class_forward(self, means: Array) -> None:
        """The classes' x at the training input; a new class is the units whose initial part is positive for the first time now."""
        t, p = self.taken, self.problem
        if not p.ties or t == 0:
            return
        h = -np.tensordot(p.rates[:t, p.depth - 1] * self.chi[:t] * means[:t], self.class_backward[:t], 1)
        self.class_forward[t] = self._class_values(h)
        self.class_backward[t] = h * _SIGNS > 0.0
        before, now = (negative_orthant(self.tie_covariance[:n, :n]) for n in (t, t + 1))
        self.class_weight[t] = before - now
        self.class_backward[t, t] = 1.0

    def _class_update(self, steps: Array) -> None:
        """The classes' dh: the gate times dx^L."""
        self.class_backward[self.taken] *= 1.0 - np.tensordot(steps, self.class_forward[: self.taken], 1)
