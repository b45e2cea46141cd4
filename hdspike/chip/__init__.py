"""The chip: a mesh of cores on which a network runs in time, packet by packet.

``simulate`` runs a network of populations on an ``Architecture``, with a barrier after every step or without any;
``run`` asks the layer of an attention head query by query on a ``ChipConfig``.
"""

from hdspike.chip.architecture import Architecture, Unit
from hdspike.chip.config import ChipConfig
from hdspike.chip.mapping import Mapping, capacity, place
from hdspike.chip.mesh import link_ends
from hdspike.chip.placement import Placement, by_capacity, by_hand, by_traffic
from hdspike.chip.queue import EventQueue
from hdspike.chip.runner import ChipRun, run
from hdspike.chip.simulate import ChipActivity, memory, simulate
from hdspike.chip.traffic import TrafficRun, traffic

__all__ = [
    "Architecture",
    "ChipActivity",
    "ChipConfig",
    "ChipRun",
    "EventQueue",
    "Mapping",
    "Placement",
    "TrafficRun",
    "Unit",
    "by_capacity",
    "by_hand",
    "by_traffic",
    "capacity",
    "link_ends",
    "memory",
    "place",
    "run",
    "simulate",
    "traffic",
]
