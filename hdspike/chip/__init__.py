"""The chip: a mesh of cores on which a network runs in time, packet by packet.

``simulate`` runs a network of populations on an ``Architecture`` with a barrier after every step, ``simulate_events``
without any clock;
``run`` asks the layer of an attention head query by query on a ``ChipConfig``.
"""

from hdspike.chip.architecture import Architecture, Unit
from hdspike.chip.asynchronous import AsynchronousActivity
from hdspike.chip.asynchronous import simulate as simulate_events
from hdspike.chip.config import ChipConfig
from hdspike.chip.grid import Grid
from hdspike.chip.latency import Latency
from hdspike.chip.mapping import Mapping, capacity, place
from hdspike.chip.mesh import link_ends
from hdspike.chip.placement import Placement, by_capacity, by_hand, by_traffic
from hdspike.chip.queue import EventQueue
from hdspike.chip.runner import ChipRun, run
from hdspike.chip.simulate import ChipActivity, memory, simulate
from hdspike.chip.traffic import TrafficRun, traffic
from hdspike.chip.transport import Transport

__all__ = [
    "Architecture",
    "AsynchronousActivity",
    "ChipActivity",
    "ChipConfig",
    "ChipRun",
    "EventQueue",
    "Grid",
    "Latency",
    "Mapping",
    "Placement",
    "TrafficRun",
    "Transport",
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
    "simulate_events",
    "traffic",
]
