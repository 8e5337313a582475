"""The limit beside a network: with the network's neurons as tracers in its field and, with noise, on the network's own paths."""

from __future__ import annotations

from typing import Any

import numpy as np

from mfpde.systems.two_layer.dynamics.flows import Descent, TracerDescent, TracerFlow


def couple(system: Any, network: Any, **arguments: Any) -> TracerFlow | TracerDescent:
    """The limit of a two-layer `system`, ``system.limit(**arguments)``, carrying the initial neurons of `network` along its field.

    Without noise the tracers move in continuous time. With noise they make the network's steps with the network's Brownian increments:
    the nonlinear dynamics of Mei, Misiakiewicz, Montanari 2019 with the same initial neurons and noise, observed as the limit.

    Raises
    ------
    ValueError
        If the neurons are not this system's, or the network has no noise and the system has.
    """
    neurons = np.array(network.particles(network.state0)["neurons"])
    if neurons.shape[1] != system.field.potential.dim:
        raise ValueError(f"network has neurons of {neurons.shape[1]} columns: this system's have {system.field.potential.dim}")
    if system.field.noisy and not isinstance(network, Descent):
        raise ValueError(f"beta = {system.field.beta!r}: noisy tracers follow the paths of a noisy network; give one of this system")
    limit = system.limit(**arguments)
    described = {"method": limit.config["arguments"]["method"], "limit": limit.config["arguments"], "network": network.config["arguments"]}
    config = {**limit.config, "arguments": described}
    if system.field.noisy:
        return TracerDescent(limit, neurons, config, network.dt, network.paths)
    return TracerFlow(limit, neurons, config)
