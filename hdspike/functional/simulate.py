"""Run a network by the clock, without a chip: as fast as it goes, with every count."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.functional.checkpoint import load_checkpoint, patient, save_checkpoint
from hdspike.functional.clocked import CHUNK, Clocked
from hdspike.functional.recorder import Recorder, Watch
from hdspike.network.graph import Network
from hdspike.network.synapses import Synapses
from hdspike.spikes import EVENT

__all__ = ["Activity", "simulate"]

FORMAT = "hdspike.clocked"


@dataclass(frozen=True)
class Activity:
    """What a network did in ``steps`` steps of ``step_ps``.

    ``spike_steps``, ``spike_neurons``: every spike (the sources' too), by step, then in the order of the
    populations and neurons; neurons are numbered through the network (``network.offsets``). ``counts``: ``fired``,
    ``synaptic_events``, ``updates``, ``steps``, ``weight_updates`` (by learning). ``potentials``
    ``(steps, watched)`` where they were asked for.
    ``truncated`` says that more spikes fell than the recording holds (all are counted).
    """

    network: Network
    steps: int
    step_ps: int
    spike_steps: NDArray[np.int64]
    spike_neurons: NDArray[np.int32]
    counts: dict[str, int]
    fired_by: dict[str, int]
    potentials: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    truncated: bool = False
    learned: dict[int, Synapses] = field(default_factory=dict)
    """Projection (its place in the network) → its synapses with the weights learnt, where it is plastic."""

    def spikes(self, population: str | None = None) -> NDArray[Any]:
        """The spikes as events (time of the step in ps, neuron), of all or of one population (its own numbers)."""
        who = self.spike_neurons
        keep = slice(None)
        first = 0
        if population is not None:
            place = self.network.index(population)
            first = int(self.network.offsets[place])
            keep = (who >= first) & (who < self.network.offsets[place + 1])
        out = np.empty(len(who[keep]), dtype=EVENT)
        out["time"] = self.spike_steps[keep] * self.step_ps
        out["address"] = who[keep] - first
        return out

    def per_step(self, population: str | None = None) -> NDArray[np.int64]:
        """``(steps,)``: how many fired in each step."""
        events = self.spikes(population)
        return np.bincount(events["time"] // self.step_ps, minlength=self.steps).astype(np.int64)


def simulate(
    network: Network,
    steps: int,
    *,
    step_s: float = 1e-3,
    watch: Iterable[int] = (),
    max_spikes: int = 20_000_000,
    progress: Callable[[int, int], None] | None = None,
    checkpoint: str | Path | None = None,
    every: int = 10_000,
) -> Activity:
    """Run ``network`` for ``steps`` steps of ``step_s`` seconds.

    Args:
        watch: neurons (numbered through the network) whose potential is kept after every step.
        max_spikes: how many spikes are kept (12 bytes each); more are counted, and ``truncated`` says so.
        progress: called as ``progress(steps done, steps)`` now and then.
        checkpoint: a file. Every ``every`` steps, and when the run is interrupted (Ctrl-C), the run is saved
            there; if the file exists, the run goes on from it. The result is the same, spike by spike.

    Raises:
        ValueError: an argument breaks its rule, or the checkpoint is of another run.
    """
    total = check.integer("steps", steps, low=0)
    limit = check.integer("max_spikes", max_spikes, low=0)
    check.integer("every", every, low=1)
    clocked = Clocked(network, step_s=step_s)
    clocked.check_span(total)
    recorder = Recorder(network, limit=limit)
    watched = Watch(clocked, watch, total)
    mark = clocked.fingerprint() if checkpoint is not None else ""

    def save() -> None:
        if checkpoint is not None:
            arrays = {**clocked.arrays(), **recorder.arrays(), **watched.arrays()}
            save_checkpoint(checkpoint, FORMAT, mark, arrays)

    if checkpoint is not None and Path(checkpoint).exists():
        arrays = load_checkpoint(checkpoint, FORMAT, mark)
        clocked.restore(arrays, total)
        recorder.restore(arrays)
        watched.restore(arrays)
    with patient() as interrupted:
        while clocked.now < total:
            clocked.update()
            recorder.take(clocked)
            watched.take(clocked)
            clocked.deliver()
            if clocked.now % CHUNK == 0 and progress is not None:
                progress(clocked.now, total)
            if clocked.now % every == 0:
                save()
            if interrupted():
                save()
                raise KeyboardInterrupt
    if progress is not None:
        progress(total, total)
    save()
    return Activity(
        network,
        total,
        clocked.step_ps,
        recorder.steps[: recorder.kept].copy(),
        recorder.neurons[: recorder.kept].copy(),
        {
            "fired": int(recorder.fired.sum()),
            "synaptic_events": sum(clocked.synaptic_events),
            "updates": sum(clocked.updates),
            "steps": total,
            "weight_updates": sum(traces.changes for traces in clocked.learning.values()),
        },
        {p.name: int(n) for p, n in zip(network.populations, recorder.fired, strict=True)},
        watched.potentials,
        recorder.truncated,
        learned(clocked),
    )


def learned(clocked: Clocked) -> dict[int, Synapses]:
    """The synapses of the plastic projections, as they are now."""
    projections = clocked.network.projections
    return {wire: traces.synapses(projections[wire].synapses) for wire, traces in clocked.learning.items()}
