"""One sparse layer, the same for every simulator: lines that spike by a list, leaky neurons, integer weights."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.network import Network, Population, Projection, Synapses
from hdspike.network.neurons.leaky import Leaky
from hdspike.network.neurons.recorded import Recorded

__all__ = ["layer", "network", "write"]

STEP_PS = 10**9
TAU_S = 0.02
THRESHOLD = 50.0


def layer(
    size: int = 10_000, synapses: int = 1_000_000, steps: int = 200, spikes: int = 100, *, seed: int = 1
) -> dict[str, NDArray[Any]]:
    """``size`` lines, ``size`` neurons, ``synapses`` distinct pairs; ``spikes`` distinct lines spike in each step.

    The weights are whole numbers in [−4, 8], a zero among them a synapse like any other.
    """
    rng = np.random.default_rng(seed)
    drawn = np.unique(rng.integers(0, size * size, synapses))
    while len(drawn) < synapses:
        drawn = np.unique(np.concatenate([drawn, rng.integers(0, size * size, synapses - len(drawn))]))
    each = min(spikes, size)
    return {
        "size": np.array(size),
        "steps": np.array(steps),
        "tau_s": np.array(TAU_S),
        "threshold": np.array(THRESHOLD),
        "line": drawn // size,
        "target": drawn % size,
        "weight": rng.integers(-4, 9, synapses).astype(np.int8),
        "spike_step": np.repeat(np.arange(steps), each),
        "spike_line": np.concatenate([np.sort(rng.choice(size, each, replace=False)) for _ in range(steps)]),
    }


def network(given: dict[str, NDArray[Any]]) -> Network:
    """The layer as a network of ours."""
    size = int(given["size"])
    synapses = Synapses.from_pairs(
        given["line"], given["target"], shape=(size, size), weights=given["weight"]
    )
    source = Recorded.in_steps(given["spike_step"], given["spike_line"], step_ps=STEP_PS)
    cells = Leaky(tau_s=float(given["tau_s"]), threshold=float(given["threshold"]))
    return Network(
        [Population("lines", size, source), Population("cells", size, cells)],
        [Projection("lines", "cells", synapses)],
    )


def write(given: dict[str, NDArray[Any]], path: Path) -> None:
    """The layer as a file that every peer reads."""
    np.savez(path, **given)  # type: ignore[arg-type]
