"""Weights and potentials are real numbers, and the tables of the asynchronous loop hold them."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core.errors import NumbaExperimentalFeatureWarning

from hdspike.chip.architecture import Architecture
from hdspike.chip.boarding import board
from hdspike.chip.calendar import Queue, event_queue
from hdspike.chip.fanout import fanout
from hdspike.chip.heap import PENDING
from hdspike.chip.noc import grid_of
from hdspike.chip.placement import by_hand
from hdspike.chip.queue import _push_one
from hdspike.network import Network, Population, Projection, Synapses
from hdspike.network.neurons.integrate_and_fire import IntegrateAndFire
from hdspike.network.neurons.membrane import _event
from hdspike.network.neurons.recorded import Recorded
from hdspike.substrate import load


def queue(*times: int) -> Queue:
    """A queue with events at these times."""
    out = event_queue(16)
    for time in times:
        _push_one(out, time, 3)
    return out


def heap() -> np.ndarray:
    return np.zeros(4, dtype=PENDING)


def cells(count: int = 512) -> np.ndarray:
    return np.zeros(count, dtype=np.int64)


def state() -> tuple[Any, ...]:
    """A chip with a network on board, core 1 serving packet 0, a group in a delay line."""
    network = Network(
        [Population("in", 1, Recorded.in_steps([0], [0])), Population("a", 2, IntegrateAndFire())],
        [Projection("in", "a", Synapses.from_pairs([0, 0], [0, 1], shape=(1, 2), delays=[1, 2]))],
    )
    chip = Architecture.from_substrate(load("loihi"))
    placed = by_hand(network, chip, [1, 1])
    table = fanout(network, chip, placed, 1000)
    sources = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int32)
    mesh, run, _ = board(network, chip, placed, table, grid_of(chip), 1e-9, sources, 10)
    mesh.cores["serving"][1] = 0
    run.meter["fresh_note"], run.meter["until"], run.meter["most"] = 1, 10**6, 100
    run.notes["value"][0], run.notes["following"][0] = 1, -1
    run.line_head[0] = 0
    return mesh, run


def fresh() -> tuple[Any, ...]:
    warnings.simplefilter("ignore", NumbaExperimentalFeatureWarning)  # for the test that calls this
    mesh, run = state()
    mesh.cores["serving"][1] = -1
    run.line_head[0] = -1
    run.meter["fresh_note"] = 0
    return mesh, run, (_event,) * 8


CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "chip.heap._push": lambda: (heap(), 0, 5, 1, 0),
    "chip.heap._before": lambda: (heap(), 0, 1),
    "chip.heap._pop": lambda: (heap(), 2),
    "chip.sorting._few": lambda: (cells(), cells(), cells(), 3),
    "chip.sorting._pass": lambda: (cells(), cells(), 3, np.int64(8), cells()),
    "chip.sorting._many": lambda: (np.arange(80), np.arange(80), cells(), np.int64(70), np.int64(8)),
    "chip.calendar._append": lambda: (queue(), 0, 5, 1300, 3, 0),
    "chip.calendar._late": lambda: (queue(), 5, 3, 0),
    "chip.calendar._put": lambda: (queue(), 1300, 3),
    "chip.calendar._take_slot": lambda: (queue(1300), 0, 10),
    "chip.calendar._move_down": lambda: (queue(2**40),),
    "chip.calendar._arrange": lambda: (queue(*[1300] * 7), 1),
    "chip.calendar._arrange_chunk": lambda: (queue(1300, 1301), 0, 2),
    "chip.calendar._near_before": lambda: (queue(1300), 1),
    "chip.calendar._next": lambda: (queue(1300, 5),),
    "chip.queue._push_one": lambda: (queue(), 1300, 3),
    "chip.queue._pop_one": lambda: (queue(1300),),
    "chip.event_loop._note": lambda: (state()[1], 1, 5),
    "chip.event_loop._drop_note": lambda: (state()[1], 0),
    "chip.event_loop._send": lambda: (*state(), 1),
    "chip.event_loop._spike": lambda: (*state(), 0),
    "chip.event_loop._serve": lambda: (*state(), 0),
    "chip.event_loop._served": lambda: (*state(), 1),
    "chip.event_loop._delay": lambda: (*state(), 1),
    "chip.event_loop._ripe": lambda: (*state(), 0),
    "chip.event_loop._need": lambda: (*state(), 0),
    "chip.event_loop._run": fresh,
}
FLOATS = {name for name in CALLS if name.startswith("chip.event_loop.")}
