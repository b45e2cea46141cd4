"""NIR graphs in and out (Pedersen et al., Nature Communications 15, 2024); the extra is ``nir``.

NIR is what frameworks for spiking networks exchange: nodes with equations of time, edges without. Here neuron nodes
become populations; whatever is linear between them (affine maps, convolutions, pooling, delays) is folded, exactly,
into the synapses of projections. What cannot be folded is an error that names the node.

A projection takes one step, as on every clock, and a ``Delay`` node its time on top. Thresholds are strict.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hdspike.events import apart
from hdspike.events.place import replacing
from hdspike.network.graph import Network
from hdspike.network.nir.file import load
from hdspike.network.nir.graph import network_of
from hdspike.network.nir.neurons import convention_of
from hdspike.network.nir.write import graph_of

__all__ = ["read", "to_graph", "write"]


def _step(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1e-12 <= value <= 1e6:
        raise ValueError(f"step_s must be a number of seconds in [1e-12, 1e6], got {value!r}")
    return float(value)


def _network(graph: Any, path: Path, step: float, held: str, inputs: Mapping[str, Any] | None) -> Network:
    """The network of a graph that came from a file, whose fields may be of any kind."""
    try:
        return network_of(graph, step_s=step, convention=held, inputs=inputs)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"path must hold a NIR graph, {path.name} does not: {error!r:.200}") from error


def read(
    source: Any, *, step_s: float, convention: str = "dirac", inputs: Mapping[str, Any] | None = None
) -> Network:
    """The network of a NIR file or of a ``nir.NIRGraph``.

    Nodes: Input, Output, Affine, Linear, Scale, Conv1d, Conv2d, SumPool2d, AvgPool2d, Flatten, Delay, Threshold, I,
    IF, LI, LIF, CubaLI, CubaLIF, and graphs of them. I, LI and CubaLI integrate and never spike: they may feed an
    Output only. Neurons start at rest. The metadata of nodes (``kwta_k`` of a k-winner-take-all group, say) and
    which population each Output shows are in ``network.metadata["nir"]``.

    Args:
        source: the path of a file, or a graph.
        step_s: the step of the clock: delays must be whole steps of it.
        convention: what a spike is: ``"dirac"``, an impulse of current, or ``"clocked"``, a current for one step,
            as frameworks with a clock have it (weights then act step_s times as strongly).
        inputs: Input node → a spike source, or events (dtype ``EVENT``); those left out are silent.

    Raises:
        ImportError: nir or h5py is missing.
        ValueError: the file is malformed, or a node cannot be expressed; the message names it.
    """
    step, held = _step(step_s), convention_of(convention)
    apart.need("nir", "nir", "reading NIR graphs")
    if isinstance(source, str | Path):
        path = Path(source)
        return _network(load(path), path, step, held, inputs)
    import nir

    if not isinstance(source, nir.NIRGraph):
        raise TypeError(f"source must be a path or a nir.NIRGraph, not {type(source).__name__}")
    return network_of(source, step_s=step, convention=held, inputs=inputs)


def to_graph(network: Network, *, step_s: float, convention: str = "dirac") -> Any:
    """The ``nir.NIRGraph`` of a network: the same spikes when it is read with the same step and convention.

    Spike sources become Input nodes, their spikes are not in the graph. Resistances are chosen so that weights keep
    their values.

    Raises:
        ImportError: nir is missing.
        ValueError: NIR has no node for a model, a reset, refractoriness or plasticity; the message names it.
    """
    step, held = _step(step_s), convention_of(convention)
    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network, not {type(network).__name__}")
    apart.need("nir", "nir", "writing NIR graphs")
    return graph_of(network, step_s=step, convention=held)


def write(network: Network, path: str | Path, *, step_s: float, convention: str = "dirac") -> None:
    """Write a network as a NIR file, whole or not at all; see :func:`to_graph`."""
    graph = to_graph(network, step_s=step_s, convention=convention)
    import nir

    with replacing([Path(path)]) as (temporary,):
        nir.write(str(temporary), graph)
