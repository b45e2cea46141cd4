"""Calls of the kernels of the mesh, its wheel of events, its cores and clocks: each from a state made by hand."""

from typing import Any

import numpy as np

from hdspike.chip.core import body
from hdspike.chip.grid import Grid
from hdspike.chip.latency import BINS
from hdspike.chip.state import FULL, INHIBITION, INPUT, SPIKE, TRAFFIC, Chip, grid_state

WIRED = Grid(columns=2, rows=1, tile_of_core=[0, 1], hop_ps=[1] * 4, chips_x=2, off_chip_ps=3)
EAST_OF_0, CORE_0, CORE_1 = 1, 4, WIRED.ports + 4  # links; a core's sender has the number of its link
NOTHING = np.zeros(0, dtype=np.int64)


def chip(kind: int = TRAFFIC) -> Chip:
    """An empty board; packet 0 is for core 1."""
    state = grid_state(WIRED, packets=8)
    state.packets["link"][0], state.packets["kind"][0], state.packets["last"][0] = CORE_1, kind, 2
    return state


def sending(kind: int = TRAFFIC) -> Chip:
    """Packet 0 waits at its sender, core 0."""
    state = chip(kind)
    state.senders[CORE_0] = 0, 0, 1, EAST_OF_0
    state.requests[EAST_OF_0] = np.uint64(1 << 4)
    return state


def with_flit(state: Chip) -> Chip:
    """Row 0 of the flits is packet 0."""
    state.flits[0] = 1, CORE_1, 0xFFFFFFFF, 0
    state.meter["fresh"] = 1
    return state


def flying() -> Chip:
    """It is on the link to the east."""
    state = with_flit(chip())
    state.links["flying"][EAST_OF_0], state.links["held"][EAST_OF_0] = 0, 1
    return state


def travelling() -> Chip:
    """It is on the wire between the chips."""
    state = with_flit(chip())
    state.wires[0]["head"] = state.wires[0]["tail"] = 0
    state.wires[0]["travelling"] = 1
    return state


def arrived(kind: int = TRAFFIC) -> Chip:
    """It is in the FIFO of core 1."""
    state = with_flit(chip(kind))
    state.links["head"][CORE_1] = state.links["tail"][CORE_1] = 0
    state.links["held"][CORE_1] = 1
    return state


def served(kind: int) -> Chip:
    """Core 1 has served it."""
    state = chip(kind)
    state.cores["serving"][1] = 0
    state.meter["k"] = state.meter["timed"] = 1
    return state


def ready(count: int) -> Chip:
    """Events of so many links in one slot of the wheel."""
    state = chip()
    for place in range(count):
        state.planned[place] = place
        state.events[place]["when"] = place % 2
    state.meter["planned"] = count
    return state


def asked() -> Chip:
    """The sender of packet 0 has asked for its link."""
    state = sending()
    state.agenda[0] = EAST_OF_0
    state.asked[EAST_OF_0] = 1
    state.meter["agenda"] = 1
    return state


def marked() -> Chip:
    """The event of link 1 is ready."""
    state = chip()
    state.bits[-3:] = 0
    top = int(state.meter["tops"][0])
    state.bits[top] = np.uint64(1)
    state.bits[top - 1] = np.uint64(2)
    state.meter["ready"], state.meter["ready_low"] = 1, top
    return state


def neurons() -> Any:
    """Two neurons, a synapse to each."""
    return body(2, np.array([0, 1], dtype=np.int32), np.array([1, -1], dtype=np.int8), limit=2)


def step() -> tuple[Any, ...]:
    """A packet from core 0 to core 1, and one back."""
    one = np.ones(2, dtype=np.int64)
    return np.array([0, 1]), np.array([1, 0]), one, one


def outcome() -> tuple[Any, ...]:
    """Where the answers of a step go."""
    return (
        np.zeros(2, dtype=np.bool_), np.zeros(2, dtype=np.int64), np.zeros(BINS, dtype=np.int64),
        np.zeros(5, dtype=np.int64),
    )  # fmt: skip


def of_lines() -> tuple[Any, ...]:
    """One line that reaches two neurons on core 1."""
    return np.array([0, 1]), np.array([1], dtype=np.int64), np.array([0]), np.array([2])


def won() -> tuple[Any, ...]:
    """Winners, potentials, ticks."""
    return tuple(np.zeros(2, dtype=np.int32) for _ in range(3))


LINE = np.zeros(1, dtype=np.int32)

CALLS = {
    "chip.wheel._lowest": lambda: (np.uint64(40),),
    "chip.wheel._mark": lambda: (chip(), 1),
    "chip.wheel._put": lambda: (chip(), 2**40, 1),
    "chip.wheel._later": lambda: (chip(), 2**40, 1),
    "chip.wheel._file": lambda: (ready(3),),
    "chip.wheel._turn": lambda: (chip(),),
    "chip.wheel._first": lambda: (marked(),),
    "chip.wheel._next": lambda: (ready(3),),
    "chip.mesh._schedule": lambda: (chip(), 5, 6, 1),
    "chip.mesh._ask": lambda: (chip(), 1),
    "chip.mesh._show": lambda: (chip(), 0, 4, 1, CORE_1),
    "chip.mesh._hand_over": lambda: (sending(), CORE_0),
    "chip.mesh._offer": lambda: (chip(), CORE_0, 0),
    "chip.mesh._shown": lambda: (sending(), CORE_0),
    "chip.mesh._remove": lambda: (arrived(), CORE_1),
    "chip.mesh._free": lambda: (with_flit(chip()), 0),
    "chip.mesh._leave": lambda: (sending(), CORE_0),
    "chip.mesh._asking": lambda: (sending(), EAST_OF_0, 2),
    "chip.mesh._grant": lambda: (asked(), EAST_OF_0),
    "chip.mesh._settle": lambda: (asked(),),
    "chip.mesh._lift": lambda: (flying(), EAST_OF_0),
    "chip.mesh._arrive": lambda: (travelling(), 0),
    "chip.mesh._put_down": lambda: (with_flit(chip()), EAST_OF_0, 0),
    "chip.core._sort_key": lambda: (3, 1),
    "chip.core._sort": lambda: (np.array([3, 1, 2]), 3),
    "chip.core._sift": lambda: (np.array([1, 3, 2]), 0, 3),
    "chip.core._new_packet": lambda: (chip(), CORE_1, SPIKE, 0, 2, 1, 5),
    "chip.core._inhibit": lambda: (chip(), 2),
    "chip.core._spike": lambda: (chip(), neurons(), 0, 1, 5),
    "chip.core._integrate": lambda: (arrived(INPUT), neurons(), 1, 0),
    "chip.core._fire_at_once": lambda: (arrived(INPUT), neurons(), 1, 0),
    "chip.core._start": lambda: (arrived(INPUT), 1),
    "chip.core._take_effect": lambda: (served(SPIKE), neurons(), 1, 0, 2),
    "chip.core._finish": lambda: (served(INHIBITION), neurons(), 1, 2),
    "chip.core._silence_host": lambda: (sending(),),
    "chip.core._sample": lambda: (sampled(),),
    "chip.core._drain": lambda: (ready(0), neurons(), 2),
    "chip.clock._reset": lambda: (chip(), neurons(), np.zeros(2, dtype=np.int32), 2),
    "chip.clock._send_lines": lambda: (chip(), LINE, 0, 1, 0, *of_lines()),
    "chip.clock._update": lambda: (chip(), 2, 8, 5),
    "chip.clock._ready": lambda: (neurons(), 2, True, 0),
    "chip.clock._barrier_query": lambda: (
        chip(), neurons(), LINE, 1, *of_lines(), np.ones(2, dtype=np.int32),
        0, 0, 1, 0, 8, 5, 100, 2, *won(),
    ),
    "chip.clock._async_query": lambda: (chip(), neurons(), LINE, 0, *of_lines(), 2, *won()),
    "chip.traffic._traffic": lambda: (
        chip(), neurons(), np.zeros(2, dtype=np.int64), *step()[:2], np.arange(2), 5,
    ),
    "chip.latency._bin": lambda: (100_000,),
    "chip.transport._load": lambda: (chip(), *step()),
    "chip.transport._collect": lambda: (chip(), step()[0], np.ones(2, dtype=np.int64), *outcome()),
    "chip.transport._step": lambda: (chip(), neurons(), *step(), np.ones(2, dtype=np.int64), *outcome()),
}  # fmt: skip


def sampled() -> Chip:
    """The time has come to look at the queues."""
    state = arrived()
    state.meter["sample_at"], state.meter["sample_every"], state.meter["now"] = 0, 2, FULL
    return state
