"""The infinite-width limit of a two-layer network: which method describes it, and its flow."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mfpde.flow import Flow
from mfpde.laws import Gaussian, Sphere
from mfpde.measures import Ensemble, ProductInit, SphereInit
from mfpde.systems.two_layer.coupled import couple
from mfpde.systems.two_layer.dynamics.flows import NodeFlow
from mfpde.systems.two_layer.limits.closure import Family, MomentLimit
from mfpde.systems.two_layer.limits.density import DensityLimit
from mfpde.systems.two_layer.limits.families import IdentityFamily, QuadraticFamily, RadialReluFamily, kappa
from mfpde.systems.two_layer.limits.statistics import Statistics, mean_radius, statistics, with_unit_weights
from mfpde.systems.two_layer.potentials.labels import closed_label
from mfpde.targets import Norm, Polynomial, Target

if TYPE_CHECKING:
    from mfpde.systems.two_layer.system import TwoLayer

METHODS = ("auto", "nodes", "moments", "density", "quadrature")
_NODES = 16


def make_limit(
    system: TwoLayer, method: str, nodes: int | Ensemble | None, cells: int | None, reach: float | None, eps: float | None
) -> Flow:
    """The flow behind :meth:`TwoLayer.limit`."""
    if method not in METHODS:
        raise ValueError(f"method = {method!r}: give one of {METHODS}")
    chosen = _automatic(system, nodes) if method == "auto" else method
    arguments: dict[str, Any] = {"method": chosen}
    config = {"system": "TwoLayer", "parameters": system.config(), "role": "limit", "arguments": arguments}
    for name, value, wanted in (("nodes", nodes, ("nodes", "quadrature")), ("cells", cells, ("density",)), ("reach", reach, ("density",))):
        if value is not None and chosen not in wanted:
            raise ValueError(f"{name} = {value!r}: method={chosen!r} has none; leave it out, or use method={wanted[0]!r}")
    if eps is not None and chosen != "density":
        raise ValueError(f"eps = {eps!r}: method={chosen!r} chooses its own steps; leave it out, or use method='density'")
    if chosen == "moments":
        return MomentLimit(*_family(system), config)
    if chosen == "density":
        return _density(system, cells, reach, eps, config)
    if chosen == "quadrature" and system.quadrature is None:
        raise ValueError("method = 'quadrature': the system has no quadrature rule of its inputs; give TwoLayer(quadrature=nodes an axis)")
    if chosen == "nodes" and system.quadrature is not None:
        raise ValueError("method = 'nodes' uses the closed forms, and the system has a quadrature rule: use method='quadrature'")
    if system.field.noisy:
        raise ValueError(f"beta = {system.beta!r}: weighted nodes have no noise; use method='moments' where it is exact, or 'density'")
    particles = nodes if isinstance(nodes, Ensemble) else _initial_nodes(system, _NODES if nodes is None else nodes)
    if particles.p != system.field.potential.dim:
        raise ValueError(f"nodes have points {particles.points.shape}: the neurons have {system.field.potential.dim} columns, a first")
    arguments["nodes"] = nodes.config() if isinstance(nodes, Ensemble) else _NODES if nodes is None else int(nodes)
    doubled = nodes if isinstance(nodes, Ensemble) else 2 * arguments["nodes"]
    return NodeFlow(system.field, particles, config, partial(_refined, system, chosen, doubled))


def make_coupled_limit(system: TwoLayer, network: Any, **arguments: Any) -> Flow:
    """The flow behind :meth:`TwoLayer.coupled_limit`."""
    method = arguments.get("method", "auto")
    if system.field.noisy and "density" in (method, _automatic(system, arguments.get("nodes")) if method == "auto" else ""):
        arguments = {"eps": getattr(network, "dt", None), **arguments}
    return couple(system, network, **arguments)


def _automatic(system: TwoLayer, nodes: int | Ensemble | None) -> str:
    if nodes is None and isinstance(_find_family(system), tuple):
        return "moments"
    if system.field.noisy:
        return "density"
    return "nodes" if system.quadrature is None else "quadrature"


def _refined(system: TwoLayer, method: str, nodes: int | Ensemble) -> Any:
    finer = system if system.quadrature is None else system.with_quadrature(2 * system.quadrature)
    return finer.limit(method=method, nodes=nodes)


def _initial_nodes(system: TwoLayer, nodes: int) -> Ensemble:
    if isinstance(system.initial, Ensemble):
        return system.start(system.initial)
    try:
        return system.start(system.initial.gauss_hermite(nodes))
    except ValueError as error:
        raise ValueError(f"nodes = {nodes!r}: {error}; or give nodes=mf.Ensemble of columns (a, w)") from error


def _density(system: TwoLayer, cells: int | None, reach: float | None, eps: float | None, config: dict[str, Any]) -> DensityLimit:
    if cells is None or reach is None or eps is None:
        raise ValueError(f"cells = {cells!r}, reach = {reach!r}, eps = {eps!r}: method='density' needs a grid [-reach, reach] and a step")
    data = system.data()
    if data is None:
        raise ValueError("method = 'density' needs finitely many data: an Empirical law, or TwoLayer(quadrature=nodes an axis)")
    config["arguments"] |= {"cells": cells, "reach": reach, "eps": eps}
    if system.second_layer == "fixed" and not system.unit_weights:
        raise ValueError("initial has columns (a, w) with a fixed: method='density' needs a = 1; give the law of w alone")
    finer = partial(system.limit, method="density", cells=2 * cells, reach=reach, eps=0.25 * eps)
    return DensityLimit(system.field, data, system.initial, cells=cells, reach=reach, eps=eps, config=config, refine=finer)


def _family(system: TwoLayer) -> tuple[Family, Statistics]:
    found = _find_family(system)
    if isinstance(found, str):
        raise ValueError(f"method = 'moments': {found}; use method='nodes'")
    return found


def _find_family(system: TwoLayer) -> tuple[Family, Statistics] | str:
    """The exact closure of a system, or why there is none."""
    name, label = system.activation_name, closed_label(system.target, system.law.d) if isinstance(system.target, Target) else None
    if name == "identity" and not system.phase:
        try:
            known = statistics(system.initial)
        except ValueError as error:
            return str(error)
        return IdentityFamily(system.field, system.law.second_moment()), with_unit_weights(known) if system.unit_weights else known
    if name == "quadratic" and not system.phase:
        if not (isinstance(system.law, Gaussian) and isinstance(label, Polynomial) and system.unit_weights):
            return "the quadratic activation closes for Gaussian inputs, a polynomial label of degree 2 and a = 1"
        family = QuadraticFamily(system.field, system.law.second_moment(), label.terms(system.law.d), system.centred)
        return family, with_unit_weights(statistics(system.initial))
    if name == "relu" and not system.phase and isinstance(label, Norm):
        return _radial(system, label.b)
    return f"no finite set of moments closes for {name} with this label"


def _radial(system: TwoLayer, b: float) -> tuple[Family, Statistics] | str:
    law, initial, d = system.law, system.initial, system.law.d
    invariant = isinstance(law, Sphere) or (isinstance(law, Gaussian) and law.isotropic)
    if not invariant or system.field.noisy or b < 0.0:
        return "relu and the label b |x| close for rotation-invariant inputs without noise and b >= 0"
    family = RadialReluFamily(system.field, d, float(law.second_moment()[0, 0]), b)
    if system.second_layer == "fixed":
        radius = mean_radius(initial) if system.unit_weights else None
        if radius is None or (not isinstance(initial, SphereInit) and kappa(d) * radius * system.scale > b):
            return "relu closes from w uniform on a sphere, or isotropic Gaussian with a mean output that does not exceed the label's"
        second = np.array([[1.0, radius], [radius, float(np.trace(statistics(initial).second))]])
        return family, Statistics(np.array([1.0, radius]), second, False)
    parts = initial.parts if isinstance(initial, ProductInit) else ()
    if len(parts) == 2 and all(isinstance(part, SphereInit) for part in parts):
        a, w = parts
        assert isinstance(a, SphereInit)
        assert isinstance(w, SphereInit)
        if a.d == 1 and a.radius <= w.radius:
            return family, Statistics(np.array([0.0, w.radius]), np.diag([a.radius**2, w.radius**2]), False)
    return "relu with a trained second layer closes from ProductInit([SphereInit(1, r_a), SphereInit(d, r_w)]) with r_a <= r_w"
