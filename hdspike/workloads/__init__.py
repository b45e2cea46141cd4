"""Workloads: networks by name, each with the cores it is usually mapped to; one file each.

A workload is a function ``build(seed) -> Workload`` in a file of its own, listed in ``NAMES``. Files of other tools
(``.nir``, SANA-FE's ``.yaml``) are workloads by path.
"""

from dataclasses import dataclass
from importlib import import_module

from hdspike.network import Network

__all__ = ["NAMES", "Workload", "build"]

NAMES = {
    "dvs-gesture": "dvs_gesture",
    "c-elegans": "c_elegans",
    "neighbours": "neighbours",
    "event-camera": "event_camera",
}


@dataclass(frozen=True)
class Workload:
    """A network, how long a step of it lasts, and on how many cores each population usually stands."""

    name: str
    what: str
    network: Network
    step_s: float = 1e-3
    steps: int = 1000
    cores: tuple[int, ...] | None = None


def build(name: str, *, seed: int = 0) -> Workload:
    """The workload of this name.

    Raises:
        ValueError: there is none of this name.
        hdspike.datasets.Absent: its data have not been fetched.
    """
    if name not in NAMES:
        raise ValueError(f"workload must be one of {', '.join(NAMES)}, or a .nir or .yaml file, got {name!r}")
    made: Workload = import_module(f"hdspike.workloads.{NAMES[name]}").build(seed)
    return made
