"""Mean-field potentials with exact answers, for the tests of the density solver. All times are the flow clock s, theta' = -grad Psi."""

import numpy as np
from scipy.special import i0e, i1e

from mfpde.density import Circle, DensityFlow, Grid, Interval, MeanField, Radius


def cosine(b):
    """sigma* = sqrt(2) cos(w - x), x uniform on the circle, y = sqrt(2) b cos x: U = cos(w - w'), z = int e^{iw} drho."""
    return MeanField(
        external=lambda p: -b * np.cos(p[:, 0]),
        features=lambda p: np.stack([np.cos(p[:, 0]), np.sin(p[:, 0])]),
        constant=b * b,
        names=("z", "z_im"),
    )


def uniform(p):
    return np.zeros(len(p))


def noisy_cosine(n, steps, s=1.0, b=0.8, beta=10.0, log_density=uniform):
    return DensityFlow(field=cosine(b), grid=Grid(Circle(cells=n)), log_density=log_density, dt=s / steps, beta=beta)


def cosine_gibbs_residual(z, b, beta):
    """z - I_1(k)/I_0(k), k = beta (b - z)."""
    k = beta * (b - z)
    return z - i1e(k) / i0e(k)


def cosine_by_modes(s, b, beta, modes=60, steps=4000):
    """z_1 of the uniform start by Runge-Kutta on the Fourier modes: z_k' = (k/2)(b - z_1)(z_{k-1} - z_{k+1}) - k^2 z_k / beta."""
    k = np.arange(1, modes + 1)

    def velocity(z):
        below, above = np.concatenate([[1.0], z[:-1]]), np.concatenate([z[1:], [0.0]])
        return 0.5 * k * (b - z[0]) * (below - above) - k**2 * z / beta

    z, h = np.zeros(modes), s / steps
    for _ in range(steps):
        k1 = velocity(z)
        k2 = velocity(z + 0.5 * h * k1)
        k3 = velocity(z + 0.5 * h * k2)
        z = z + h / 6 * (k1 + 2 * k2 + 2 * k3 + velocity(z + h * k3))
    return z


def quadratic(axes=1, b=1.0):
    """sigma* = <w,x>^2 - |w|^2, x ~ N(0, I), y = b(|x|^2 - d): U = 2 <w,w'>^2, V = -2 b |w|^2, in d = axes coordinates."""
    pairs = [(i, j) for i in range(axes) for j in range(i, axes)]
    return MeanField(
        external=lambda p: -2 * b * np.sum(p**2, axis=1),
        features=lambda p: np.stack([(np.sqrt(2) if i == j else 2.0) * p[:, i] * p[:, j] for i, j in pairs]),
        constant=2 * axes * b**2,
        names=tuple(f"q{i + 1}{j + 1}" for i, j in pairs),
    )


def radial_quadratic(d, b=1.0):
    """The same for rotation-invariant laws, in r = |w|: U = 2 r^2 r'^2 / d."""
    return MeanField(
        external=lambda p: -2 * b * p[:, 0] ** 2,
        features=lambda p: np.sqrt(2 / d) * p[:, :1].T ** 2,
        constant=2 * d * b**2,
        names=("q",),
    )


def quadratic_mu(s, b=1.0, ridge=0.2, beta=10.0, mu0=0.2):
    """mu' = -8 mu^2 + (8b - 2 ridge) mu + 2/beta; the law stays N(0, mu I)."""
    g = np.sqrt((4 * b - ridge) ** 2 + 16 / beta)
    up, down = (4 * b - ridge + g) / 8, (4 * b - ridge - g) / 8
    k = (mu0 - up) / (mu0 - down) * np.exp(-2 * g * s)
    return (up - k * down) / (1 - k)


def centred(variance):
    return lambda p: -np.sum(p**2, axis=1) / (2 * variance)


def noisy_quadratic(n, steps, s=0.5, axes=1, half=8.0, mu0=0.2, beta=10.0):
    grid = Grid(*[Interval(low=-half, high=half, cells=n)] * axes)
    return DensityFlow(field=quadratic(axes), grid=grid, log_density=centred(mu0), dt=s / steps, beta=beta, ridge=0.2)


def noisy_radial(d, n, steps, s=0.5, mu0=0.2):
    grid = Grid(Radius(cutoff=np.sqrt(d) + 8, d=d, cells=n))
    return DensityFlow(field=radial_quadratic(d), grid=grid, log_density=centred(mu0), dt=s / steps, beta=10.0, ridge=0.2)


S, B, RIDGE, BETA = np.array([1.0, 4.0]), np.array([1.0, -1.0]), 0.1, 10.0


def linear():
    """sigma* = <w,x>, Cov x = diag(S), y = <B,x>: Phi = sqrt(S) w, V = -S B w."""
    return MeanField(
        external=lambda p: -p @ (S * B), features=lambda p: (np.sqrt(S) * p).T, constant=float(np.sum(S * B**2)), names=("m1", "m2")
    )


def linear_exact(s):
    """Mean and variances of the Gaussian law from m0 = 0, C0 = I: m_i and C_i."""
    k = S + RIDGE
    mean = S * B / k * (1 - np.exp(-k * s))
    return mean, np.exp(-2 * RIDGE * s) + (1 - np.exp(-2 * RIDGE * s)) / (BETA * RIDGE)


def noisy_linear(n, steps, s=0.5, half=8.0):
    grid = Grid(Interval(low=-half, high=half, cells=n), Interval(low=-half, high=half, cells=n))
    return DensityFlow(field=linear(), grid=grid, log_density=centred(1.0), dt=s / steps, beta=BETA, ridge=RIDGE)
