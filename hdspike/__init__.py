"""hdspike: what would a transformer be if it were built like a brain, and what would it cost?

The public names load on first use, so that ``import hdspike`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

PUBLIC = {
    "BSC": "hdspike.spaces",
    "BSDC": "hdspike.spaces",
    "SBC": "hdspike.spaces",
    "Hypervectors": "hdspike.hypervector",
    "Hopfield": "hdspike.memory",
    "ItemMemory": "hdspike.memory",
    "Resonator": "hdspike.memory",
    "SparseDistributedMemory": "hdspike.memory",
    "Willshaw": "hdspike.memory",
    "KWTA": "hdspike.network",
    "Layer": "hdspike.network",
    "Network": "hdspike.network",
    "Population": "hdspike.network",
    "Projection": "hdspike.network",
    "Outcome": "hdspike.network",
    "Synapses": "hdspike.network",
    "Architecture": "hdspike.chip",
    "ChipConfig": "hdspike.chip",
    "SpikingAttention": "hdspike.attention",
    "Stimuli": "hdspike.spikes",
    "price": "hdspike.energy",
}
ROOMS = (
    "attention", "bits", "chip", "datasets", "dense", "design", "encode", "energy", "events", "faults", "functional",
    "learn", "memory", "network", "spaces", "spikes", "substrate", "theory", "workloads",
)  # fmt: skip

__all__ = [
    "BSC", "BSDC", "KWTA", "SBC", "Architecture", "ChipConfig", "Hopfield", "Hypervectors", "ItemMemory", "Layer",
    "Network", "Outcome", "Population", "Projection", "Resonator", "SparseDistributedMemory", "SpikingAttention",
    "Stimuli", "Synapses", "Willshaw", "__version__", "price",
]  # fmt: skip

if TYPE_CHECKING:
    from hdspike.attention import SpikingAttention
    from hdspike.chip import Architecture, ChipConfig
    from hdspike.energy import price
    from hdspike.hypervector import Hypervectors
    from hdspike.memory import Hopfield, ItemMemory, Resonator, SparseDistributedMemory, Willshaw
    from hdspike.network import KWTA, Layer, Network, Outcome, Population, Projection, Synapses
    from hdspike.spaces import BSC, BSDC, SBC
    from hdspike.spikes import Stimuli


def __getattr__(name: str) -> Any:
    if name in PUBLIC:
        return getattr(import_module(PUBLIC[name]), name)
    if name in ROOMS:
        return import_module(f"hdspike.{name}")
    raise AttributeError(f"module 'hdspike' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *ROOMS])
