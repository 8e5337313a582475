"""One gradient step of the 512/128/100 depth-separation network at p = 2 on given samples, written for each library.

Every ``make_*`` takes a :class:`Problem` and a number of threads and returns a step: a callable that returns the updated
(w1, w2, b2). The gradients are written by hand: the coefficients scale the rows of x (B, 100) instead of those of the gate
(B, 512), and where that is faster the second layer's sums run over the segments between its sorted thresholds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

DT = 0.5
BLOCK = 1024


class Problem(NamedTuple):
    """Samples x (B, d) and a state w1 (m1, d), w2 (m2,), b2 (m2,) of one dtype, as the network is in the middle of training."""

    x: np.ndarray
    w1: np.ndarray
    w2: np.ndarray
    b2: np.ndarray


State = tuple[Any, Any, Any]
Step = Callable[[], State]


def make_problem(batch: int, dtype: str, seed: int = 0) -> Problem:
    """Gaussian samples of norm about 1 and neurons whose thresholds spread over the features, a harder case than the start."""
    rng = np.random.default_rng(seed)
    x = (0.1 * rng.standard_normal((batch, 100))).astype(dtype)
    w1 = (0.2 * rng.standard_normal((512, 100))).astype(dtype)
    w2 = (-1.0 + 0.3 * rng.standard_normal(128)).astype(dtype)
    b2 = (0.1 * (1.0 + rng.random(128))).astype(dtype)
    return Problem(x, w1, w2, b2)


def make_mfpde(problem: Problem, threads: int) -> Step:
    """This package."""
    network = _network(problem, threads)
    state = network.pack(w1=problem.w1, w2=problem.w2, b2=problem.b2)

    def step() -> State:
        y = network.gradient_step(state, lambda rows, block: problem.x[rows])
        y *= DT
        y += state
        views = network.unpack(y)
        return views["w1"], views["w2"], views["b2"]

    return step


def make_sampling(problem: Problem, threads: int) -> Step:
    """No step, but this package's fresh samples for one, drawn as a step draws them."""
    from mfpde.systems.depth_separation.gradient import ROWS
    from mfpde.threads import run_blocks

    network, n = _network(problem, threads), len(problem.x)

    def draw(block: int) -> None:
        network.sample(0, slice(block * ROWS, min((block + 1) * ROWS, n)), block)

    def step() -> State:
        run_blocks(draw, -(-n // ROWS))
        return problem.w1, problem.w2, problem.b2

    return step


def make_products(problem: Problem, threads: int) -> Step:
    """No step, but its two matrix products alone, X W^T and H^T X, by NumPy's BLAS into arrays that exist already."""
    x, w1 = problem.x, problem.w1
    h, v = np.empty((len(x), len(w1)), x.dtype), np.empty_like(w1)

    def step() -> State:
        np.matmul(x, w1.T, out=h)
        np.matmul(h.T, x, out=v)
        return problem.w1, problem.w2, problem.b2

    return step


def make_numpy(problem: Problem, threads: int, block: int = 10**9) -> Step:
    """NumPy, in place, over blocks of samples."""
    x, w1, w2, b2 = problem
    n, m1, m2 = len(x), len(w1), len(w2)
    buffer = np.empty((min(n, block), m1), x.dtype)

    def step() -> State:
        norms = np.sqrt(np.einsum("ij,ij->i", w1, w1))
        scale = norms / np.asarray(m1, x.dtype)
        kinks = np.sort(-b2 / w2)
        middle = np.concatenate([kinks[:1] - 1, (kinks[1:] + kinks[:-1]) / 2, kinks[-1:] + 1])
        active = (np.multiply.outer(middle, w2) + b2 > 0).astype(x.dtype)
        slope, intercept = active @ w2 / np.asarray(m2, x.dtype), active @ b2 / np.asarray(m2, x.dtype)
        error, error_f, v = np.zeros(m2 + 1), np.zeros(m2 + 1), np.zeros_like(w1)
        for first in range(0, n, block):
            xs = x[first : first + block]
            h = np.matmul(xs, w1.T, out=buffer[: len(xs)])
            np.maximum(h, 0, out=h)
            feature = h @ scale
            s = np.searchsorted(kinks, feature)
            target = np.maximum(0, 1 - np.sqrt(np.einsum("ij,ij->i", xs, xs)))
            d = (slope[s] * feature + intercept[s] - target) / np.asarray(n, x.dtype)
            error += np.bincount(s, d, m2 + 1)
            error_f += np.bincount(s, d * feature, m2 + 1)
            np.sign(h, out=h)
            v += h.T @ ((d * slope[s])[:, None] * xs)
        along = np.einsum("ij,ij->i", w1, v) / norms
        new = w1 - np.asarray(DT, x.dtype) * (norms[:, None] * v + along[:, None] * w1)
        return new, w2 - DT * (error_f @ active), b2 - DT * (error @ active)

    return step


def make_numpy_blocks(problem: Problem, threads: int) -> Step:
    """NumPy over blocks of 1024 samples, whose products stay in the cache."""
    return make_numpy(problem, threads, BLOCK)


def make_torch(problem: Problem, threads: int, block: int = 10**9, dense: bool = False, compiled: bool = False) -> Step:
    """PyTorch without autograd, in place, over blocks of samples; the second layer by sorted thresholds or densely."""
    import torch

    torch.set_num_threads(threads)
    x, w1, w2, b2 = (torch.from_numpy(a) for a in problem)
    n, m1, m2 = len(x), len(w1), len(w2)
    buffer = torch.empty((min(n, block), m1), dtype=x.dtype)

    def sorted_second_layer(feature: Any, target: Any, kinks: Any, active: Any) -> tuple[Any, Any, Any]:
        slope, intercept = active @ w2 / m2, active @ b2 / m2
        s = torch.bucketize(feature, kinks)
        d = (slope[s] * feature + intercept[s] - target) / n
        error = torch.zeros((2, m2 + 1), dtype=x.dtype).index_add_(1, s, torch.stack([d, d * feature]))
        moved = error @ active
        return d * slope[s], moved[1], moved[0]

    def dense_second_layer(feature: Any, target: Any) -> tuple[Any, Any, Any]:
        z = torch.addcmul(b2, feature[:, None], w2)
        on = (z > 0).to(x.dtype)
        d = (z.mul(on).mean(1) - target) / n
        return d * (on @ w2) / m2, (d * feature) @ on, d @ on

    def gradient(x: Any, w1: Any) -> State:
        norms = torch.linalg.vector_norm(w1, dim=1)
        kinks = torch.sort(-b2 / w2)[0]
        middle = torch.cat([kinks[:1] - 1, (kinks[1:] + kinks[:-1]) / 2, kinks[-1:] + 1])
        active = (torch.outer(middle, w2) + b2 > 0).to(x.dtype)
        v, dw, db = torch.zeros_like(w1), torch.zeros_like(w2), torch.zeros_like(b2)
        for first in range(0, n, block):
            xs = x[first : first + block]
            h = (xs @ w1.T).clamp(min=0) if compiled else torch.mm(xs, w1.T, out=buffer[: len(xs)]).clamp_(min=0)
            feature, target = h @ (norms / m1), (1 - torch.linalg.vector_norm(xs, dim=1)).clamp(min=0)
            c, more_w, more_b = dense_second_layer(feature, target) if dense else sorted_second_layer(feature, target, kinks, active)
            dw += more_w
            db += more_b
            v = torch.addmm(v, (h.sign() if compiled else h.sign_()).T, c[:, None] * xs)
        along = (w1 * v).sum(1) / norms
        return w1 - DT * (norms[:, None] * v + along[:, None] * w1), w2 - DT * dw, b2 - DT * db

    function = torch.compile(gradient) if compiled else gradient

    def step() -> State:
        with torch.no_grad():
            return function(x, w1)

    return step


def make_torch_blocks(problem: Problem, threads: int) -> Step:
    """PyTorch over blocks of 1024 samples."""
    return make_torch(problem, threads, BLOCK)


def make_torch_dense(problem: Problem, threads: int) -> Step:
    """PyTorch over blocks of 1024 samples, with a dense second layer."""
    return make_torch(problem, threads, BLOCK, dense=True)


def make_torch_compile(problem: Problem, threads: int) -> Step:
    """PyTorch's compiler on the whole batch, with a dense second layer for it to fuse."""
    return make_torch(problem, threads, dense=True, compiled=True)


def make_jax(problem: Problem, threads: int, block: int = 10**9) -> Step:
    """JAX, jitted, scanning over blocks of samples; XLA fuses the dense second layer."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", problem.x.dtype == np.float64)
    x, w1, w2, b2 = (jnp.asarray(a) for a in problem)
    n, m1, m2 = len(x), len(w1), len(w2)
    blocks = x.reshape(-1, min(n, block), x.shape[1])

    @jax.jit
    def gradient(blocks: Any, w1: Any, w2: Any, b2: Any) -> State:
        norms = jnp.sqrt(jnp.sum(w1 * w1, axis=1))

        def one(total: Any, xs: Any) -> Any:
            h = xs @ w1.T
            feature = jnp.maximum(h, 0) @ (norms / m1)
            z = feature[:, None] * w2 + b2
            d = (jnp.mean(jnp.maximum(z, 0), axis=1) - jnp.maximum(0, 1 - jnp.sqrt(jnp.sum(xs * xs, axis=1)))) / n
            on = (z > 0).astype(xs.dtype)
            c = d * (on @ w2) / m2
            v = (h > 0).astype(xs.dtype).T @ (c[:, None] * xs)
            return (total[0] + v, total[1] + (d * feature) @ on, total[2] + d @ on), None

        zero = (jnp.zeros_like(w1), jnp.zeros_like(w2), jnp.zeros_like(b2))
        v, dw, db = one(zero, blocks[0])[0] if len(blocks) == 1 else jax.lax.scan(one, zero, blocks)[0]
        along = jnp.sum(w1 * v, axis=1) / norms
        return w1 - DT * (norms[:, None] * v + along[:, None] * w1), w2 - DT * dw, b2 - DT * db

    return lambda: jax.block_until_ready(gradient(blocks, w1, w2, b2))


def make_jax_blocks(problem: Problem, threads: int) -> Step:
    """JAX scanning over blocks of 1024 samples."""
    return make_jax(problem, threads, BLOCK)


def _network(problem: Problem, threads: int) -> Any:
    import mfpde as mf
    from mfpde.threads import set_threads

    set_threads(threads)
    system = mf.DepthSeparation(d=problem.x.shape[1])
    widths = {"m1": len(problem.w1), "m2": len(problem.w2)}
    return system.network(**widths, dynamics="sgd", batch=len(problem.x), dtype=str(problem.x.dtype), directions=16)
