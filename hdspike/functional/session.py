"""One run by the clock, with or without a chip: the loop over its steps, what is written down, what is saved."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hdspike import check
from hdspike.functional.activity import Activity
from hdspike.functional.checkpoint import load_checkpoint, patient, save_checkpoint
from hdspike.functional.clocked import CHUNK, Clocked
from hdspike.functional.recorder import Recorder, Watch
from hdspike.network.graph import Network

__all__ = ["Session"]


class Session:
    """A network at rest, its recorder and its watch, and the steps it is to do.

    ``checkpoint`` is a file (or ``None``) for runs of this ``kind`` alone. A runner that has counters of its own calls
    :meth:`resume` with the rest of their identity, and :meth:`run` with what makes them arrays.
    """

    def __init__(
        self,
        network: Network,
        steps: int,
        kind: str,
        *,
        step_s: float,
        watch: Iterable[int],
        max_spikes: int,
        progress: Callable[[int, int], None] | None,
        checkpoint: str | Path | None,
        every: int,
    ) -> None:
        self.steps = check.integer("steps", steps, low=0)
        limit = check.integer("max_spikes", max_spikes, low=0)
        self.every = check.integer("every", every, low=1)
        self.kind, self.progress, self.checkpoint = kind, progress, checkpoint
        self.clocked = Clocked(network, step_s=step_s)
        self.clocked.check_span(self.steps)
        self.recorder = Recorder(network, limit=limit)
        self.watched = Watch(self.clocked, watch, self.steps)
        self.mark = ""

    def resume(self, identity: str = "") -> dict[str, NDArray[Any]]:
        """Go on from the checkpoint, if there is one; returns its arrays, none at the beginning of a run."""
        if self.checkpoint is None:
            return {}
        self.mark = f"{self.clocked.fingerprint()}{identity}"
        if not Path(self.checkpoint).exists():
            return {}
        arrays = load_checkpoint(self.checkpoint, self.kind, self.mark)
        self.clocked.restore(arrays, self.steps)
        self.recorder.restore(arrays)
        self.watched.restore(arrays)
        return arrays

    def run(self, second_half: Callable[[], None], own: Callable[[], dict[str, NDArray[Any]]] = dict) -> None:
        """Every step: update, write down, then ``second_half`` (see :class:`Clocked`); saved now and then."""

        def save() -> None:
            if self.checkpoint is not None:
                parts = (self.clocked.arrays(), self.recorder.arrays(), self.watched.arrays(), own())
                arrays = {name: array for part in parts for name, array in part.items()}
                save_checkpoint(self.checkpoint, self.kind, self.mark, arrays)

        clocked = self.clocked
        with patient() as interrupted:
            while clocked.now < self.steps:
                clocked.update()
                self.recorder.take(clocked)
                self.watched.take(clocked)
                second_half()
                if clocked.now % CHUNK == 0 and self.progress is not None:
                    self.progress(clocked.now, self.steps)
                if clocked.now % self.every == 0:
                    save()
                if interrupted():
                    save()
                    raise KeyboardInterrupt
        if self.progress is not None:
            self.progress(self.steps, self.steps)
        save()

    def activity(self, updates: int) -> Activity:
        """What the network did; ``updates`` is the runner's to count, since a chip also charges sources."""
        clocked, recorder, network = self.clocked, self.recorder, self.clocked.network
        return Activity(
            network,
            self.steps,
            clocked.step_ps,
            recorder.steps[: recorder.kept].copy(),
            recorder.neurons[: recorder.kept].copy(),
            {
                "fired": int(recorder.fired.sum()),
                "synaptic_events": sum(clocked.synaptic_events),
                "updates": updates,
                "steps": self.steps,
                "weight_updates": sum(traces.changes for traces in clocked.learning.values()),
            },
            {p.name: int(n) for p, n in zip(network.populations, recorder.fired, strict=True)},
            self.watched.potentials,
            recorder.truncated,
            {
                wire: traces.synapses(network.projections[wire].synapses)
                for wire, traces in clocked.learning.items()
            },
        )
