"""The families whose neurons follow one linear equation: identity, quadratic, and relu on rotation-invariant data."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln

from mfpde.flow import Array
from mfpde.systems.two_layer.dynamics.field import NeuronField
from mfpde.systems.two_layer.limits.closure import Family, Mask


class IdentityFamily(Family):
    """sigma* = a <w, x>: w' = a g, and a' = <g, w> where a trains, with g = E[y x]/alpha - E[x x^T] E[a w]; the moment is E[a w] (d,)."""

    degree = 1

    def __init__(self, field: NeuronField, second_moment: Array) -> None:
        self.field, self._s = field, second_moment

    def patterns(self, start: Array) -> tuple[Mask, Mask]:
        """All where a trains; else the first column of A, its diagonal with ridge, and the diagonal of N."""
        full: Mask = np.ones(start.shape, bool)
        if self.field.potential.second_layer == "trained":
            return full, full
        diagonal = np.diag(np.arange(len(start)) > 0)
        first = np.zeros_like(full)
        first[1:, 0] = True
        return (first | diagonal if self.field.ridge > 0.0 else first), diagonal

    def origin(self, start: Array) -> Array:
        """Where a is fixed, the least-squares solution in the first column."""
        origin = np.eye(len(start))
        if self.field.potential.second_layer == "fixed" and start[0, 0] > 0.0:
            best = np.linalg.pinv(self._s, hermitian=True) @ self._pull(np.zeros(len(start) - 1))
            origin[1:, 0] = (best - start[1:, 0]) / start[0, 0]
        return origin

    def moment(self, a: Array, start: Array, noise: Array) -> Array:
        """E[a w]."""
        moment: Array = a[1:] @ (start @ a[0]) + noise[1:, 0]
        return moment

    def apply(self, moment: Array, rows: Array) -> Array:
        """K rows, of rank 2."""
        g = self._pull(moment)
        moved = np.empty_like(rows)
        moved[1:] = np.outer(g, rows[0])
        moved[0] = g @ rows[1:] if self.field.potential.second_layer == "trained" else 0.0
        return moved

    def risk(self, moment: Array) -> float:
        """That of one neuron (1, E[a w])."""
        return self.field.potential.risk(self._neuron(moment), np.array([self.field.scale]))

    def predict(self, moment: Array, x: Array) -> Array:
        """alpha <E[a w], x>."""
        return self.field.predict(self._neuron(moment), np.ones(1), x)

    def _pull(self, moment: Array) -> Array:
        """g."""
        one = self._neuron(moment)
        g: Array = -self.field.potential.psi_gradient(one, one, np.array([self.field.scale]))[0, 1:] / self.field.scale
        return g

    def _neuron(self, moment: Array) -> Array:
        return np.concatenate([[1.0], moment])[None]


class QuadraticFamily(Family):
    """sigma* = <w, x>^2, or <w, x>^2 - <w, S w> where centred, x ~ N(0, S), y = c + <l, x> + <x, B x>, a = 1; the moment is M = E w w^T.

    With D = B/alpha - M: K = 4 S D S, and without centring + 2 (c/alpha + tr S D) S.
    """

    degree = 2

    def __init__(self, field: NeuronField, cov: Array, label: tuple[float, Array, Array], centred: bool) -> None:
        self.field, self._s, self._centred = field, cov, centred
        self._constant, self._linear, self._form = label

    def patterns(self, start: Array) -> tuple[Mask, Mask]:
        """The block of w, or its diagonal where S, B and M are diagonal at the start."""
        diagonal = all(not np.any(matrix - np.diag(np.diag(matrix))) for matrix in (self._s, self._form, start[1:, 1:]))
        mask: Mask = np.ones(start.shape, bool) if not diagonal else np.eye(len(start), dtype=bool)
        mask[0] = mask[:, 0] = False
        return mask, mask

    def origin(self, start: Array) -> Array:
        """Where everything is diagonal and B positive, (B/alpha)^{1/2} M^{-1/2} with M of the start."""
        origin = np.eye(len(start))
        ends, begins = np.diag(self._form) / self.field.scale, np.diag(start)[1:]
        np.fill_diagonal(origin[1:, 1:], np.sqrt(np.where((ends > 0.0) & (begins > 0.0), ends / np.where(begins > 0.0, begins, 1.0), 1.0)))
        return origin

    def moment(self, a: Array, start: Array, noise: Array) -> Array:
        """M."""
        moment: Array = (a @ start @ a.T + noise)[1:, 1:]
        return moment

    def apply(self, moment: Array, rows: Array) -> Array:
        """K on the rows of w; the row of a, which is 1, stays."""
        s, alpha = self._s, self.field.scale
        inner = s @ (self._form / alpha - moment)
        k = 4.0 * inner @ s
        if not self._centred:
            k += 2.0 * (self._constant / alpha + np.trace(inner)) * s
        moved = np.zeros_like(rows)
        moved[1:] = k @ rows[1:]
        return moved

    def risk(self, moment: Array) -> float:
        """(mean of y - f)^2 + 2 |S^{1/2} (B - alpha M) S^{1/2}|_F^2 + <l, S l>."""
        inner = self._s @ (self._form - self.field.scale * moment)
        mean = self._constant + np.trace(inner)
        if self._centred:
            mean += self.field.scale * np.sum(self._s * moment)
        return float(mean**2 + 2.0 * np.sum(inner * inner.T) + self._linear @ self._s @ self._linear)

    def predict(self, moment: Array, x: Array) -> Array:
        """alpha <x, M x>, less its mean where centred."""
        mean = np.sum(self._s * moment) if self._centred else 0.0
        f: Array = self.field.scale * (np.einsum("nk,kl,nl->n", x, moment, x) - mean)
        return f


class RadialReluFamily(Family):
    """sigma* = a relu(<w, x>) and y = b |x|, law and initial law rotation invariant: z = (a, |w|), f = alpha kappa E[a |w|] |x|.

    |w|' = a g, and a' = |w| g where a trains, g = v d kappa (b/alpha - kappa E[a |w|]) with v = E |x|^2 / d and
    kappa = Gamma(d/2) / (2 sqrt(pi) Gamma((d + 1)/2)), as long as no |w| reaches 0. The moment is E[a |w|], shape (1,).
    """

    degree = 1

    def __init__(self, field: NeuronField, d: int, variance: float, b: float) -> None:
        self.field, self._d, self._variance, self._b = field, d, variance, b
        self._kappa = kappa(d)

    def patterns(self, start: Array) -> tuple[Mask, Mask]:
        """All where a trains; else the entry that moves |w|, and with ridge the one that shrinks it."""
        trained = self.field.potential.second_layer == "trained"
        mask = np.array([[trained, trained], [True, trained or self.field.ridge > 0.0]])
        return mask, np.zeros((2, 2), bool)

    def moment(self, a: Array, start: Array, noise: Array) -> Array:
        """E[a |w|]."""
        moment: Array = (a[1] @ start @ a[0])[None]
        return moment

    def apply(self, moment: Array, rows: Array) -> Array:
        """K rows."""
        g = self._gain(moment)
        return g * np.stack([rows[1] if self.field.potential.second_layer == "trained" else np.zeros_like(rows[1]), rows[0]])

    def risk(self, moment: Array) -> float:
        """v d (b - alpha kappa E[a |w|])^2."""
        return float(self._variance * self._d * (self._b - self.field.scale * self._kappa * moment[0]) ** 2)

    def predict(self, moment: Array, x: Array) -> Array:
        """alpha kappa E[a |w|] |x|."""
        f: Array = self.field.scale * self._kappa * moment[0] * np.linalg.norm(x, axis=1)
        return f

    def force(self, moment: Array, theta: Array) -> Array:
        """w' = a g w/|w|, a' = |w| g; a neuron at w = 0 stays."""
        g, norms = self._gain(moment), np.linalg.norm(theta[:, 1:], axis=1)
        moved = np.zeros_like(theta)
        if self.field.potential.second_layer == "trained":
            moved[:, 0] = g * norms
        moved[:, 1:] = g * (theta[:, 0] / np.where(norms > 0.0, norms, np.inf))[:, None] * theta[:, 1:]
        return moved

    def _gain(self, moment: Array) -> float:
        return float(self._variance * self._d * self._kappa * (self._b / self.field.scale - self._kappa * moment[0]))


def kappa(d: int) -> float:
    """E relu(u_1) of u uniform on the unit sphere of R^d."""
    return math.exp(gammaln(0.5 * d) - gammaln(0.5 * (d + 1))) / (2.0 * math.sqrt(math.pi))
