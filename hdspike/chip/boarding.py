"""Getting a network on board of the asynchronous chip: its kernels, its tables, and room for what is under way.

The loop gets the event kernels of the neuron models as a tuple of pointers (numba's first-class functions), and the
parameters and states of all neurons as two tables, a row per parameter and a column per neuron. So the loop is
compiled once for every model, those of tomorrow included, and stays in the cache on disk; the price is about 10 ns
for the call, per synaptic event.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from hdspike.chip.architecture import Architecture
from hdspike.chip.event_loop import BEGIN, GONE, NOTE, RUN, Run
from hdspike.chip.fanout import Fanout
from hdspike.chip.grid import Grid
from hdspike.chip.latency import BINS
from hdspike.chip.placement import Placement
from hdspike.chip.state import TRAFFIC, Chip, grid_state, rows
from hdspike.network.graph import Network

__all__ = ["board", "make_room", "source_spikes"]

MODELS = 8  # event kernels that one network may mix
SIGNATURE = "boolean(float64[:, ::1], float64[:, ::1], int64, float64, float64)"


@cache
def pointer(event: Callable[..., Any]) -> Any:
    """An event kernel as the loop calls it: by address."""
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return event
    body = getattr(event, "py_func", event)
    try:
        return numba.cfunc(SIGNATURE, cache=True, error_model="numpy")(body)
    except RuntimeError:  # a function that is in no file
        return numba.cfunc(SIGNATURE, error_model="numpy")(body)


def neurons_of(network: Network, step_s: float) -> tuple[tuple[Any, ...], NDArray[np.int8], Any, Any]:
    """The event kernels, the kind of each neuron, and the tables of parameters and states of all of them."""
    kernels: list[Any] = []
    kind = np.zeros(network.neurons, dtype=np.int8)
    parameters: list[tuple[int, NDArray[np.float64]]] = []
    states: list[tuple[int, NDArray[np.float64]]] = []
    for place, population in enumerate(network.populations):
        low, high = int(network.offsets[place]), int(network.offsets[place + 1])
        model: Any = population.model
        if population.is_source:
            continue
        event = model.event
        if event is None:
            raise ValueError(
                f"population {population.name!r} must have a model with an event-driven form on the asynchronous "
                f"chip, got {model.name}: use the barrier clock"
            )
        if event not in kernels:
            kernels.append(event)
        kind[low:high] = kernels.index(event)
        parameters.append((low, model.parameters(population.size, step_s)))
        states.append((low, model.state(population.size)))
    if len(kernels) > MODELS:
        raise ValueError(f"network must mix at most {MODELS} event kernels, got {len(kernels)}")

    def table(parts: list[tuple[int, NDArray[np.float64]]]) -> NDArray[np.float64]:
        out = np.zeros((max((len(part) for _, part in parts), default=1), network.neurons))
        for low, part in parts:
            out[: len(part), low : low + part.shape[1]] = part
        return out

    if not kernels:
        kernels.append(_never)
    found = [pointer(kernel) for kernel in kernels]
    return tuple(found + found[:1] * (MODELS - len(found))), kind, table(parameters), table(states)


def _never(parameters, state, neuron, now, weight):
    """The event kernel of a network of sources alone."""
    return False


def source_spikes(
    network: Network, duration_ps: int, step_ps: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Times and neurons of all spikes of the sources before ``duration_ps``, by time, then neuron."""
    times, neurons = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for place, population in enumerate(network.populations):
        model: Any = population.model
        if population.is_source:
            events = model.spikes(population.size, 0, -(-duration_ps // step_ps), step_ps)
            times.append(events["time"])
            neurons.append(events["address"] + network.offsets[place])
    when, who = np.concatenate(times), np.concatenate(neurons)
    order = np.lexsort((who, when))
    order = order[when[order] < duration_ps]
    return np.ascontiguousarray(when[order]), who[order].astype(np.int32)


def board(
    network: Network, architecture: Architecture, placed: Placement, table: Fanout, grid: Grid, step_s: float,
    sources: tuple[NDArray[np.int64], NDArray[np.int32]], log_limit: int,
) -> tuple[Chip, Run, tuple[Any, ...]]:  # fmt: skip
    """An empty chip, and the network on it at rest."""
    kernels, kind, parameters, state = neurons_of(network, step_s)
    packets = 1024
    chip = grid_state(grid, packets=packets, more_places=1 + table.lines)
    base = 2 * len(chip.links) + grid.cores + len(chip.wires)
    chip.meter["paced"] = 1
    meter = np.zeros(1, dtype=RUN)
    meter["timetable"], meter["again"], meter["log_limit"] = base, BEGIN, log_limit
    meter["free_note"] = meter["free_packet"] = -1
    spike_ps = np.array([unit.event_ps for unit in architecture.units] + [0], dtype=np.int64)
    out_ps = np.zeros(architecture.cores, dtype=np.int64)
    for core in placed.cores_used:
        out_ps[core] = architecture.units[architecture.unit_of(int(core), "axon_out")].event_ps
    core_of_queue = np.full(len(chip.links), -1, dtype=np.int32)
    core_of_queue[chip.core_link] = np.arange(grid.cores)

    def zeros(count: int, dtype: Any = np.int64) -> NDArray[Any]:
        return np.zeros(count, dtype=dtype)

    def none(count: int) -> NDArray[np.int32]:
        return np.full(count, -1, dtype=np.int32)

    run = Run(
        meter, table.axons.indptr, table.axons.core, table.service_ps, table.first_group, table.first,
        table.delay_ps, table.line, table.targets, table.weights, placed.core, kind, spike_ps[placed.soma], out_ps,
        core_of_queue, parameters, state, *sources, zeros(1024, NOTE), none(grid.cores), none(grid.cores),
        zeros(grid.cores), none(table.lines), none(table.lines), zeros(packets), zeros(len(table.axons)),
        zeros(len(table.axons)), zeros(network.neurons), zeros(network.neurons), zeros(min(log_limit, 1 << 12)),
        zeros(min(log_limit, 1 << 12), np.int32), zeros(BINS), zeros(5),
    )  # fmt: skip
    return chip, run, kernels


def longer(cells: NDArray[Any], length: int) -> NDArray[Any]:
    """The same cells with zeroed ones after them."""
    out = rows(length, cells.dtype) if cells.dtype.names else np.zeros(length, dtype=cells.dtype)
    out[: len(cells)] = cells
    return out


def make_room(chip: Chip, run: Run) -> tuple[Chip, Run]:
    """Room for more notes, spikes in the log, or packets: rows of dropped packets are used again."""
    meter = run.meter
    most = int(np.diff(run.first[run.first_group]).max(initial=1)) if len(run.first_group) > 1 else 1
    if int(meter["notes"][0]) + most > len(run.notes):
        run = run._replace(notes=longer(run.notes, 2 * len(run.notes) + most))
    if int(meter["logged"][0]) + most > len(run.log_time) < int(meter["log_limit"][0]):
        room = min(2 * len(run.log_time) + most, int(meter["log_limit"][0]))
        run = run._replace(log_time=longer(run.log_time, room), log_neuron=longer(run.log_neuron, room))
    if int(meter["packets"][0]) + 2 > len(run.born):
        used = chip.packets[: int(meter["fresh_packet"][0])]
        gone = np.flatnonzero((used["kind"] == TRAFFIC) & (used["finished"] >= 0))
        if len(chip.wires):
            gone = gone[:0]  # on the wire between two chips a packet has a time to finish and is not gone
        for packet in gone:
            chip.packets[packet]["kind"] = GONE
            chip.packets[packet]["first"] = meter["free_packet"][0]
            meter["free_packet"] = packet
        meter["packets"] -= len(gone)
        if 2 * len(gone) < len(run.born):
            room = 2 * len(run.born)
            chip = chip._replace(packets=longer(chip.packets, room), flits=longer(chip.flits, room))
            run = run._replace(born=longer(run.born, room))
    return chip, run
