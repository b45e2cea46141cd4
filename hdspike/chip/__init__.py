"""The chip: a mesh of cores on which a network runs in time, packet by packet.

>>> from hdspike.chip import ChipConfig, place, run, traffic
"""

from hdspike.chip.config import ChipConfig
from hdspike.chip.mapping import Mapping, capacity, place
from hdspike.chip.mesh import link_ends
from hdspike.chip.queue import EventQueue
from hdspike.chip.runner import ChipRun, run
from hdspike.chip.traffic import TrafficRun, traffic

__all__ = [
    "ChipConfig",
    "ChipRun",
    "EventQueue",
    "Mapping",
    "TrafficRun",
    "capacity",
    "link_ends",
    "place",
    "run",
    "traffic",
]
