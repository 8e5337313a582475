"""The recursion of docs/integrable_recursion on nodes: every layer's fields at sample points or quadrature nodes of its Gaussians."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mfpde.flow import Array
from mfpde.systems.integrable.first_pass import next_row
from mfpde.systems.integrable.gaussians import Gaussians
from mfpde.systems.integrable.recursion import Indices, Problem, Recursion
from mfpde.threads import run_blocks

_CHUNK = 2**21
Fresh = Callable[[int, int], Array]


@dataclass(frozen=True)
class LayerNodes:
    """Where the fields of a layer are computed.

    Attributes
    ----------
    forward, backward : array (rank, N)
        Independent standard normal variables behind h~ and behind chi dx~ (of layer L: U, one row an output).
    weight : float or array (N,)
        E F is the sum of weight x F.
    spread : array (N,), or pair of arrays (K,)
        A further standard normal variable for inputs that are no training inputs: one value a node, or quadrature nodes of
        its own and their weights.
    """

    forward: Array
    backward: Array
    weight: float | Array
    spread: Array | tuple[Array, Array]


class _Layer:
    """The forward fields x and backward fields dz = chi dh of the past samples, (capacity, N)."""

    def __init__(self, nodes: LayerNodes, capacity: int) -> None:
        size = nodes.forward.shape[1]
        self.nodes = nodes
        self.forward, self.backward = np.empty((capacity, size)), np.empty((capacity, size))

    def mean(self, fields: Array, others: Array) -> Array:
        """E F_i G_j, (i, j)."""
        means: Array = (fields * self.nodes.weight) @ others.T
        return means


class _Copy:
    """One replica: the sums over past samples of docs/integrable_recursion, "Step t", forward and backward."""

    def __init__(self, problem: Problem, gaussians: Gaussians, nodes: Sequence[LayerNodes], fresh: Fresh | None) -> None:
        self.problem, self.gaussians, self.fresh = problem, gaussians, fresh
        self.step_of = np.concatenate([np.full(len(rows), k) for k, rows in enumerate(problem.rows)])
        self.input_of = np.concatenate(problem.rows)
        sizes = np.array([len(rows) for rows in problem.rows])
        self.rates = problem.rates[self.step_of] / sizes[self.step_of][:, None]
        self.layers = [_Layer(n, len(self.step_of)) for n in nodes]
        self.chi = np.zeros((len(self.step_of), problem.outputs))
        self.count = self.taken = 0
        self.pre: list[Array] = []
        # Of tie "gaussian": the second moments of x^{L-1}, their Cholesky factor, and the noise behind the initial part of layer L.
        self.moments = self.factor = np.empty((0, 0))
        self.noise = np.empty((0, 0))

    def forward(self) -> Array:
        problem, count = self.problem, self.count
        n = len(problem.rows[self.taken])
        now = slice(count, count + n)
        inputs = problem.inputs[self.input_of[now]]
        self.pre = []
        means: Array = np.empty(0)
        for number, layer in enumerate(self.layers, 1):
            if number == 1:
                h = self._first(inputs, self.gaussians.first[self.input_of[now]])
            elif count == 0:
                h = self.gaussians.forward[number - 1] @ layer.nodes.forward
            else:
                h = self._later(number, means[:, :count])
            layer.forward[now] = problem.sigma(h) if count else problem.first_pass(number, h)
            means = layer.mean(layer.forward[now], layer.forward[: now.stop])
            if problem.ties and number == problem.depth - 1:
                self._extend_noise(means)
            self.pre.append(h)
        if count == 0:
            return np.zeros((n, problem.outputs))
        return self._output(self.layers[-1].forward[now], means[:, :count])

    def update(self, chi: Array) -> None:
        problem, count = self.problem, self.count
        now, past = slice(count, count + len(chi)), slice(count)
        means: Array = np.empty(0)
        for number in range(problem.depth, 0, -1):
            layer, h = self.layers[number - 1], self.pre[number - 1]
            if number == problem.depth:
                dx = chi @ layer.nodes.backward
                if count:
                    dx -= ((chi @ self.chi[past].T) * self.rates[past, number]) @ layer.forward[past]
            elif count:
                dx = -(means * self.rates[past, number]) @ layer.forward[past]
            else:
                dx = self.gaussians.backward[number - 1] @ layer.nodes.backward
            gate = problem.sigma.derivative(h) if count else problem.first_gate(number, h)
            if count and number == problem.depth and problem.ties:
                at_kink = h == 0.0
                gate[at_kink] = (self.factor[now] @ self.noise)[at_kink] > 0.0
            layer.backward[now] = dx * gate
            means = layer.mean(layer.backward[now], layer.backward[past])
        self.chi[now] = chi
        self.count, self.taken = now.stop, self.taken + 1

    def predict(self, x: Array) -> Array:
        if self.count == 0:
            return np.zeros((len(x), self.problem.outputs))
        rows = max(1, _CHUNK // self.layers[0].nodes.forward.shape[1])
        return np.concatenate([self._predict(x[i : i + rows]) for i in range(0, len(x), rows)])

    def _predict(self, x: Array) -> Array:
        coefficients, size = self.gaussians.at(self.problem, x)
        values = self._averaged(self._first(x, coefficients), size)
        means = self._past_means(1, values)
        for number in range(2, self.problem.depth + 1):
            values = self.problem.sigma(self._later(number, means))
            means = self._past_means(number, values)
        return self._output(values, means)

    def _first(self, x: Array, coefficients: Array) -> Array:
        """h^1 at the inputs x (n, d) less what is independent of the training inputs', (n, N)."""
        h: Array = coefficients @ self.layers[0].nodes.forward
        past = slice(self.count)
        if self.count:
            lift = self.problem.lift(x, self.problem.inputs[self.input_of[past]])
            h -= (lift * self.rates[past, 0]) @ self.layers[0].backward[past]
        return h

    def _later(self, number: int, means: Array) -> Array:
        """h^l, l >= 2, of the means E x^{l-1} x_k^{l-1} (n, past)."""
        past = slice(self.count)
        h: Array = -(means * self.rates[past, number - 1]) @ self.layers[number - 1].backward[past]
        return h

    def _averaged(self, h: Array, size: Array) -> Array:
        """sigma(h + size Z), or its mean over Z, for h (n, N) and size (n,)."""
        spread, sigma = self.layers[0].nodes.spread, self.problem.sigma
        if not isinstance(spread, tuple):
            return sigma(h + size[:, None] * spread)
        values = sigma(h)
        outside = size > 0.0
        if outside.any():
            values[outside] = sum(w * sigma(h[outside] + z * size[outside, None]) for z, w in zip(*spread, strict=True))
        return values

    def _past_means(self, number: int, values: Array) -> Array:
        layer = self.layers[number - 1]
        return layer.mean(values, layer.forward[: self.count])

    def _output(self, values: Array, means: Array) -> Array:
        """f = E U x^L - sum_k e_k E x_k^L x^L, (n, outputs)."""
        last, past = self.layers[-1], slice(self.count)
        output: Array = last.mean(values, last.nodes.backward) - means @ (self.rates[past, -1:] * self.chi[past])
        return output

    def _extend_noise(self, means: Array) -> None:
        """Add the step's initial parts of layer L, with the second moments of this replica's own samples: equal fields stay equal."""
        count, n = self.count, len(means)
        size = count + n
        moments = np.zeros((size, size))
        moments[:count, :count] = self.moments
        moments[count:], moments[:count, count:] = means, means[:, :count].T
        factor = np.zeros((size, size))
        factor[:count, :count] = self.factor
        for i in range(count, size):
            factor[i, : i + 1] = next_row(factor[:i, :i], moments[i, :i], moments[i, i])
        self.moments, self.factor = moments, factor
        last = self.layers[-1].nodes
        assert self.fresh is not None
        if count:
            self.noise = np.concatenate([self.noise, self.fresh(self.taken, n)])
        else:
            self.noise = np.zeros((n, last.forward.shape[1]))
            self.noise[_pivots(self.gaussians.forward[-1])] = last.forward


def _pivots(factor: Array) -> Indices:
    """The row that brings each column of a compact lower-triangular factor."""
    return np.asarray(np.argmax(factor != 0.0, axis=0), np.intp)


class NodeRecursion(Recursion):
    """Replicas that share nothing but the problem, on the package's threads.

    Parameters
    ----------
    nodes : callable
        replica -> the nodes of layers 1..L.
    fresh : callable, optional
        replica, step, n -> n rows of further noise for layer L, for tie "gaussian".
    """

    def __init__(
        self,
        name: str,
        problem: Problem,
        gaussians: Gaussians,
        replicas: int,
        nodes: Callable[[int], Sequence[LayerNodes]],
        fresh: Callable[[int, int, int], Array] | None = None,
    ) -> None:
        self.name, self.problem, self.gaussians, self.replicas = name, problem, gaussians, replicas
        self._nodes, self._fresh = nodes, fresh
        self._copies: list[_Copy] = []

    def clear(self) -> None:
        """Go back to before the first step."""
        self.taken, self._copies = 0, []

    def forward(self) -> Array:
        """The outputs (replicas, n_k, outputs) of batch k = `taken`."""
        return self._gather(len(self.problem.rows[self.taken]), lambda copy: copy.forward())

    def update(self, chi: Array) -> None:
        """Take the step whose derivatives of the loss are `chi` (replicas, n_k, outputs)."""
        copies = self._started()
        run_blocks(lambda r: copies[r].update(chi[r]), self.replicas)
        self.taken += 1

    def predict(self, x: Array) -> Array:
        """The outputs (replicas, n, outputs) at the inputs x (n, d)."""
        return self._gather(len(x), lambda copy: copy.predict(x))

    def _gather(self, n: int, outputs: Callable[[_Copy], Array]) -> Array:
        copies = self._started()
        out = np.empty((self.replicas, n, self.problem.outputs))

        def work(replica: int) -> None:
            out[replica] = outputs(copies[replica])

        run_blocks(work, self.replicas)
        return out

    def _started(self) -> list[_Copy]:
        if not self._copies:
            for r in range(self.replicas):
                fresh = None if self._fresh is None else partial(self._fresh, r)
                self._copies.append(_Copy(self.problem, self.gaussians, self._nodes(r), fresh))
        return self._copies
