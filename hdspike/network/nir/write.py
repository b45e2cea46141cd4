"""A network as a NIR graph: populations as neuron nodes, projections as matrices, delays as delay nodes."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.network.graph import Network, Projection
from hdspike.network.neurons.base import NeuronModel
from hdspike.network.nir.neurons import describe

__all__ = ["graph_of"]

LARGEST = 100_000_000  # cells of one matrix, 0.8 GB


def _matrices(projection: Projection) -> dict[int, NDArray[np.float64]]:
    """Delay in steps → weights ``(target, source)``; parallel synapses add up."""
    made = projection.synapses
    if made.lines * made.neurons > LARGEST:
        raise ValueError(
            f"projection {projection.source} → {projection.target} must have at most {LARGEST} cells, NIR has no "
            f"sparse matrix; got {made.lines} × {made.neurons}"
        )
    if projection.plasticity is not None:
        raise ValueError(
            f"projection {projection.source} → {projection.target} must have fixed weights, NIR has no plasticity"
        )
    lines = np.repeat(np.arange(made.lines), np.diff(made.indptr))
    weights = np.ones(len(made)) if made.weights is None else made.weights.astype(np.float64)
    delays = np.ones(len(made), dtype=np.int64) if made.delays is None else made.delays.astype(np.int64)
    out = {}
    for delay in np.unique(delays) if len(made) else [1]:
        chosen = delays == delay
        matrix = np.zeros((made.neurons, made.lines))
        np.add.at(matrix, (made.targets[chosen], lines[chosen]), weights[chosen])
        out[int(delay)] = matrix
    return out


def graph_of(network: Network, *, step_s: float, convention: str) -> Any:
    """The :class:`nir.NIRGraph` of a network; see :func:`hdspike.network.nir.write`."""
    import nir

    noted = network.metadata.get("nir")
    said = noted if isinstance(noted, dict) else {}
    notes = said.get("nodes", {})
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str]] = []
    bias: dict[str, NDArray[np.float64]] = {}
    for population in network.populations:
        name = population.name
        if "/" in name or name in (".", ".."):
            raise ValueError(f"population names must be without '/' in a NIR file, got {name!r}")
        if isinstance(population.model, NeuronModel):
            made = describe(name, population.model, population.size, step_s=step_s, convention=convention)
            nodes[name] = getattr(nir, made.kind)(**made.fields)
            if np.any(made.bias):
                bias[name] = made.bias / made.gain
        else:
            nodes[name] = nir.Input({"input": np.array([population.size])})
        nodes[name].metadata = dict(notes.get(name, {}))
    for projection in network.projections:
        for delay, matrix in _matrices(projection).items():
            label = _free(f"{projection.source}-{projection.target}", nodes)
            constant = bias.pop(projection.target, None)
            nodes[label] = nir.Linear(matrix) if constant is None else nir.Affine(matrix, constant)
            edges.append((projection.source, label))
            if delay > 1:
                late = _free(f"{label}-delay", nodes)
                nodes[late] = nir.Delay(np.full(matrix.shape[0], (delay - 1) * step_s))
                edges.append((label, late))
                label = late
            edges.append((label, projection.target))
    if bias:
        raise ValueError(f"population {next(iter(bias))} must have an input to carry its bias, it has none")
    for name, source in _outputs(network, said).items():
        shown = _free(name, nodes)
        nodes[shown] = nir.Output({"output": np.array([network[source].size])})
        edges.append((source, shown))
    order = [p.name for p in network.populations]
    own = {"version": 1, "populations": order, "shapes": {p.name: list(p.shape) for p in network.populations}}
    return nir.NIRGraph(nodes, edges, metadata={"hdspike": json.dumps(own)}, type_check=False)


def _free(name: str, nodes: dict[str, Any]) -> str:
    """``name``, or with a number behind it if a node has that name."""
    count, found = 2, name
    while found in nodes:
        found, count = f"{name}-{count}", count + 1
    return found


def _outputs(network: Network, said: dict[str, Any]) -> dict[str, str]:
    """Output name → population: those of the graph that was read, or the populations that feed none."""
    names = {p.name for p in network.populations}
    known = said.get("outputs")
    if isinstance(known, dict) and known and all(source in names for source in known.values()):
        return {str(name): str(source) for name, source in known.items()}
    feeding = {p.source for p in network.projections}
    last = [p.name for p in network.populations if p.name not in feeding] or [network.populations[-1].name]
    return {"output" if len(last) == 1 else f"output_{name}": name for name in last}
