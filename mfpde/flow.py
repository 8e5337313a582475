"""The protocols that every system meets, the packing of states into vectors, and the trajectory that `solve` returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Field:
    """One named array of a state: its shape and the name of each of its axes (particle index first)."""

    name: str
    shape: tuple[int, ...]
    dims: tuple[str, ...]


@dataclass(frozen=True)
class Packing:
    """How the named arrays of a state lie in one flat vector, in the order of `fields`."""

    fields: tuple[Field, ...]
    dtype: str = "float64"

    @property
    def size(self) -> int:
        """Length of the flat state."""
        return sum(prod(f.shape) for f in self.fields)

    def pack(self, **arrays: npt.ArrayLike) -> Array:
        """One flat vector of all arrays.

        Raises
        ------
        ValueError
            If an array is missing, unknown or of the wrong shape.
        """
        names = [f.name for f in self.fields]
        if set(arrays) != set(names):
            raise ValueError(f"pack got {sorted(arrays)}: the arrays of this state are {names}")
        parts = []
        for f in self.fields:
            a = np.asarray(arrays[f.name], self.dtype)
            if a.shape != f.shape:
                raise ValueError(f"{f.name} has shape {a.shape}: it must be {f.shape}, axes {f.dims}")
            parts.append(a.ravel())
        return np.concatenate(parts)

    def unpack(self, y: Array) -> dict[str, Array]:
        """Views of the named arrays of the flat state `y`; leading axes of `y` (times) are kept."""
        if y.shape[-1] != self.size:
            raise ValueError(f"the state has {y.shape[-1]} numbers: this flow's has {self.size}")
        views, start = {}, 0
        for f in self.fields:
            stop = start + prod(f.shape)
            views[f.name] = y[..., start:stop].reshape(y.shape[:-1] + f.shape)
            start = stop
        return views


@dataclass(frozen=True)
class Event:
    """A zero crossing on which a flow changes its own state.

    Attributes
    ----------
    name
        Said in the run's message and counted in its statistics.
    value
        ``value(t, y, y_start)``, y_start the state at the start of the step: a crossing from positive to not positive
        within the step is located to rounding on the dense output.
    apply
        ``apply(t, y)``: the state from which the integration starts again.
    """

    name: str
    value: Callable[[float, Array, Array], float]
    apply: Callable[[float, Array], Array]


class Flow(ABC):
    """An initial state, a rule of motion and the observables it can report.

    Attributes
    ----------
    state0 : array (n,)
        The initial state.
    packing : Packing
        Names and shapes of the arrays inside a state.
    clock : str
        What t counts: "time", "flow clock s" or "steps".
    config : mapping
        Everything that defines the flow, as JSON values: ``{"system", "parameters", "role", "arguments"}``.
    """

    state0: Array
    packing: Packing
    clock: str
    config: Mapping[str, Any]

    @abstractmethod
    def observe(self, t: float, y: Array) -> Mapping[str, Any]:
        """The observables of the state `y` at time `t`: numbers, or arrays; the same names and shapes at every call."""

    def pack(self, **arrays: npt.ArrayLike) -> Array:
        """The flat state made of the named arrays."""
        return self.packing.pack(**arrays)

    def unpack(self, y: Array) -> dict[str, Array]:
        """The named arrays of the flat state `y`, as views."""
        return self.packing.unpack(y)


class VelocityFlow(Flow):
    """A flow in continuous time, y' = velocity(t, y).

    Attributes
    ----------
    default_method : str
        The method of :func:`mfpde.solve` where none is named; a velocity that jumps is better served by "RK45", whose order is lower.
    events : sequence of Event
    """

    default_method = "DOP853"
    events: Sequence[Event] = ()

    @abstractmethod
    def velocity(self, t: float, y: Array) -> Array:
        """The time derivative of the state."""


class StepFlow(Flow):
    """A flow in steps of length `dt` on its clock: the state after step k (from k dt to (k + 1) dt).

    Attributes
    ----------
    dt : float
    chunk : int
        How many steps `solve` may ask for at once; between two chunks it looks at limits, files and Ctrl-C. A flow whose
        steps are so short that Python's loop would cost more than they do raises it and overrides :meth:`steps`.
    count : int, optional
        How many steps there are, if not any number: a run beyond them is refused.
    """

    dt: float
    chunk: int = 1
    count: int | None = None

    @abstractmethod
    def step(self, k: int, y: Array) -> Array:
        """The state after step `k`, from the state `y` before it; `y` itself is left as it was."""

    def steps(self, k: int, n: int, y: Array) -> Array:
        """The state after the `n` steps from step `k` on, the same bits as `n` single steps."""
        for i in range(k, k + n):
            y = self.step(i, y)
        return y


class PacedFlow(Flow):
    """A flow that chooses its own steps and knows when it is done.

    Attributes
    ----------
    times : array (n_t,)
        The rows saved by a run without ``t_eval``: 0 first, then increasing; at the last one such a run gives up.
    """

    times: Array

    @abstractmethod
    def advance(self, t: float, y: Array, t_stop: float) -> tuple[float, Array]:
        """Time and state after one step or a few milliseconds of them, ``t < t_new <= t_stop``.

        `y` itself is left as it was. Everything that the choice of later steps depends on lies in `t` and the state. The steps
        pause where :meth:`finished` becomes true.
        """

    @abstractmethod
    def finished(self, t: float, y: Array) -> str | None:
        """Why the run is over at (t, y), such as "loss 1e-06 reached"; None if it is not."""


class Refinable(VelocityFlow):
    """A limit that can report its own resolution error."""

    @abstractmethod
    def refined(self) -> VelocityFlow:
        """The same limit at a higher resolution, twice as a rule; what is exact or was given stays as it is."""


class System(Protocol):
    """A frozen description of one learning problem.

    A system may also offer ``predicted_rates()``, how fast gaps close with width, and its networks ``mirrored()``, the network from
    the mirror images of its initial neurons, and ``with_particles(layers)``, the state that holds given neurons (see
    :mod:`mfpde.finite`).
    """

    def config(self) -> dict[str, Any]:
        """The parameters as JSON values."""

    def limit(self, **arguments: Any) -> Flow:
        """The infinite-width dynamics."""

    def network(self, **arguments: Any) -> Flow:
        """The network of finite width; widths are keyword arguments."""


class ParticleSystem(System, Protocol):
    """A system whose networks can be compared with the limit neuron by neuron."""

    @property
    def law(self) -> Any:
        """The law of the inputs."""

    def coupled_limit(self, network: Any, **arguments: Any) -> Any:
        """The limit carrying the network's initial neurons as passive tracers.

        Both flows offer ``particles(y) -> {layer: (m, p)}``, neuron beside tracer, and ``predict(y, x)``.
        """


def observable_dims(name: str, shape: Sequence[int]) -> tuple[str, ...]:
    """The names of the axes, after time, of the observable `name`."""
    return tuple(f"{name}_{axis}" for axis in range(len(shape)))


@dataclass
class Trajectory:
    """What a run returns: saved rows, observables and how it went.

    Attributes
    ----------
    t : array (n_t,)
        Saved times on `clock`.
    observables : dict of arrays (n_t, ...)
        One row a saved time.
    states : array (n_t, n)
        The flat states; :meth:`unpack` names their arrays.
    packing : Packing
        Names and shapes of the arrays inside a state.
    clock : str
        What t counts, as the flow says.
    config : mapping
        That of the flow, and under "solve" the arguments of the run.
    stats : dict
        Steps, rejected steps, evaluations of the velocity, seconds.
    message : str
        Why the run ended.
    complete : bool
        Whether every time asked for was reached, or, where none was asked for, the flow has finished.
    """

    t: Array
    observables: dict[str, Array]
    states: Array
    packing: Packing
    clock: str
    config: Mapping[str, Any]
    stats: dict[str, float] = field(default_factory=dict)
    message: str = ""
    complete: bool = True

    @property
    def final_state(self) -> Array:
        """The last saved state (n,)."""
        final: Array = self.states[-1]
        return final

    def unpack(self, row: int = -1) -> dict[str, Array]:
        """The named arrays of the saved state `row`."""
        return self.packing.unpack(self.states[row])

    def save(self, path: str | Path) -> Path:
        """Write the trajectory to a new HDF5 file and return its path; an existing file is refused."""
        from mfpde.store import save_trajectory

        return save_trajectory(self, path)

    @staticmethod
    def load(path: str | Path) -> Trajectory:
        """The trajectory of an HDF5 file, with every row saved so far."""
        from mfpde.store import load_trajectory

        return load_trajectory(path)

    def to_xarray(self) -> Any:
        """An ``xarray.Dataset`` with dimension ``t`` and the named axes of the states (needs the extra ``xarray``).

        A state array that shares its name with an observable is called ``<name>_state``, as in the files.
        """
        import xarray

        variables: dict[str, Any] = {
            name: (("t", *observable_dims(name, values.shape[1:])), values) for name, values in self.observables.items()
        }
        arrays = self.packing.unpack(self.states)
        for f in self.packing.fields:
            name = f"{f.name}_state" if f.name in self.observables else f.name
            variables[name] = (("t", *f.dims), arrays[f.name])
        attributes = {"clock": self.clock, "message": self.message, "complete": int(self.complete)}
        return xarray.Dataset(variables, coords={"t": self.t}, attrs=attributes)
