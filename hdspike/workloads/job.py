"""`hdspike chip run`: a workload on a chip, from names to numbers."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hdspike import check, substrate
from hdspike.chip import (
    Architecture,
    AsynchronousActivity,
    ChipActivity,
    Placement,
    by_capacity,
    by_hand,
    by_traffic,
    memory,
    simulate,
    simulate_events,
)
from hdspike.energy import by_unit
from hdspike.network import Network, Population, Projection, Synapses
from hdspike.network.neurons.loihi import LoihiSoma
from hdspike.workloads import NAMES, Workload, build

__all__ = ["Job", "load", "numbers", "run", "warm"]

PLACES = ("hand", "capacity", "traffic")
PROFILE_STEPS = 50  # of the run that tells a placement by traffic how often each neuron fires


@dataclass(frozen=True)
class Job:
    """A workload, mapped, ready to run. ``load_s`` is how long building and mapping it took."""

    workload: Workload
    architecture: Architecture
    placement: Placement
    place: str
    steps: int
    load_s: float

    def bytes(self, clock: str = "barrier") -> int:
        """What a run will need at most."""
        return sum(memory(self.workload.network, self.architecture, clock=clock).values())


def load(
    name: str,
    *,
    chip: str = "loihi-sanafe",
    cores: tuple[int, ...] | None = None,
    place: str | None = None,
    steps: int | None = None,
    seed: int = 0,
    inputs: Mapping[str, str] | None = None,
) -> Job:
    """Build a workload and put it on a chip.

    Args:
        name: one of ``NAMES``, a ``.nir`` file, or a network of SANA-FE's in ``.yaml``, which brings its mapping.
        chip: a substrate, a substrate's ``.toml``, or an architecture of SANA-FE's in ``.yaml``.
        cores: how many cores each population takes, in order; by default the workload's own.
        place: ``"hand"`` (by ``cores``), ``"capacity"`` (fill core after core) or ``"traffic"`` (then move the cores
            so that packets have shorter ways, after a profiling run of 50 steps).
        inputs: for a ``.nir`` file, Input node → event file (:func:`hdspike.events.read`) that plays into it.
    """
    begun = time.perf_counter()
    mapped: Placement | None = None
    if inputs and Path(name).suffix != ".nir":
        raise ValueError(f"input must be for the Input nodes of a .nir file, got the workload {name!r}")
    if Path(chip).suffix in (".yaml", ".yml"):
        from hdspike.chip.sanafe import read_architecture

        architecture = read_architecture(chip)
    else:
        architecture = Architecture.from_substrate(substrate.load(chip))
    if Path(name).suffix in (".yaml", ".yml"):
        from hdspike.chip.sanafe import read_network

        network, mapped = read_network(name, architecture)
        workload = Workload(Path(name).stem, "a network of SANA-FE's", network)
    elif Path(name).suffix == ".nir":
        from hdspike import events
        from hdspike.network import nir

        played = {node: events.read(file).events for node, file in (inputs or {}).items()}
        workload = Workload(Path(name).stem, "a NIR graph", nir.read(name, step_s=1e-3, inputs=played))
    elif Path(name).suffix:
        raise ValueError(f"workload must be one of {', '.join(NAMES)}, or a .nir or .yaml file, got {name!r}")
    else:
        workload = build(name, seed=seed)
    total = workload.steps if steps is None else check.integer("steps", steps, low=1)
    shares = workload.cores if cores is None else cores
    if place is None:
        place = (
            "file" if mapped is not None and cores is None else "hand" if shares is not None else "capacity"
        )
    if place == "file":
        assert mapped is not None
        placed = mapped
    elif place == "capacity" and cores is not None:
        raise ValueError(f"cores must be left out with place 'capacity', got {','.join(map(str, cores))}")
    elif check.one_of("place", place, PLACES) == "hand" or (place == "traffic" and shares is not None):
        if shares is None:
            raise ValueError("cores must be given for place 'hand', one count per population")
        placed = by_hand(workload.network, architecture, shares)
    else:
        placed = by_capacity(workload.network, architecture)
    if place == "traffic":
        some = simulate(
            workload.network, architecture, min(PROFILE_STEPS, total), placement=placed, max_spikes=0
        )
        placed = by_traffic(workload.network, architecture, placed, fired=some.fired)
    return Job(workload, architecture, placed, place, total, time.perf_counter() - begun)


def warm(chip: str = "loihi-sanafe", **options: Any) -> float:
    """Compile or load the kernels with a network of two neurons; returns the seconds that took.

    Done before a run's clock starts, so that ``load_s`` and ``wall_s`` tell of the work and not of the compiler.
    """
    begun = time.perf_counter()
    pair = [Population(name, 1, LoihiSoma(bias=bias)) for name, bias in (("a", 1.0), ("b", 0.0))]
    wire = Synapses(np.array([0, 1]), np.array([0], dtype=np.int32), np.array([0.5], dtype=np.float32), 1)
    network = Network(pair, [Projection("a", "b", wire)])
    sheet = "loihi-sanafe" if Path(chip).suffix in (".yaml", ".yml") else chip
    simulate(network, Architecture.from_substrate(substrate.load(sheet)), 3, **options)
    return time.perf_counter() - begun


def run(
    job: Job, *, clock: str = "barrier", progress: Callable[[int, int], None] | None = None, **options: Any
) -> tuple[ChipActivity | AsynchronousActivity, float]:
    """Run a job; returns also the wall-clock seconds.

    ``clock="barrier"``: ``options`` are those of :func:`hdspike.chip.simulate`; ``"async"``: those of
    :func:`hdspike.chip.simulate_events`, for as much simulated time as the steps of the input last.
    """
    check.one_of("clock", clock, ("barrier", "async"))
    begun = time.perf_counter()
    activity: ChipActivity | AsynchronousActivity
    if clock == "barrier":
        activity = simulate(
            job.workload.network, job.architecture, job.steps, placement=job.placement, step_s=job.workload.step_s,
            progress=progress, **options,
        )  # fmt: skip
    else:
        duration = job.steps * round(job.workload.step_s * 1e12)
        activity = simulate_events(
            job.workload.network, job.architecture, duration, placement=job.placement, step_s=job.workload.step_s,
            progress=progress, **options,
        )  # fmt: skip
    return activity, time.perf_counter() - begun


def numbers(
    job: Job, activity: ChipActivity | AsynchronousActivity, wall_s: float, compile_s: float = 0.0
) -> dict[str, Any]:
    """What `hdspike chip run --json` writes: exact counts, joules and seconds unrounded."""
    if isinstance(activity, ChipActivity):
        clock, noc, fired_by = "barrier", activity.noc, activity.activity.fired_by
        network = {key: value for key, value in activity.network.items() if key != "counts" and plain(value)}
    else:
        clock, noc, fired_by = "async", "exact", activity.fired_by
        network = {
            "latency_ps": activity.latency.summary(),
            "latency_parts_ps": activity.latency_parts_ps,
            "stopped": activity.stopped,
        }
    return {
        "workload": job.workload.name,
        "chip": job.architecture.name,
        "steps": job.steps,
        "clock": clock,
        "noc": noc,
        "place": job.place,
        "neurons": job.workload.network.neurons,
        "synapses": job.workload.network.synapses,
        "cores": len(job.placement.cores_used),
        **activity.counts,
        "energy": by_unit(activity),
        "simulated_s": activity.simulated_ps * 1e-12,
        "wall_s": wall_s,
        "load_s": job.load_s,
        "compile_s": compile_s,
        "audit": activity.audit,
        "fired_by": fired_by,
        "network": without_nan(network),
    }


def without_nan(value: Any) -> Any:
    """``None`` for a number that is not one (the mean latency of no packets): JSON has no other word for it."""
    if isinstance(value, dict):
        return {key: without_nan(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plain(value: Any) -> bool:
    """Whether a value is JSON's as it stands."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and plain(entry) for key, entry in value.items())
    return isinstance(value, bool | int | float | str) or value is None
