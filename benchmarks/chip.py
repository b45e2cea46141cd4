"""The chip and its runners beside their peers in one run: medians of paired ratios, and the distance to a bound.

    python benchmarks/chip.py [--json FILE] [--figure FILE] [--rounds N] [--only TEXT]
        [--sanafe-python PATH] [--nest-python PATH] [--brian-python PATH]

Peers: SANA-FE 2.2.9, NEST 3.10 and Brian2 2.9, each in a process of its own under the interpreter given (by default
this one; where it cannot import the peer, the row says so). Both sides take one thread and are warm: our kernels are
compiled and Brian2's code is generated before anything is timed; rounds alternate between the two. The network is
the same on both sides, and a row is given only where its counts, or every single spike, agree.

What is timed. SANA-FE: ``sim``, from rest; our whole ``simulate``. Load: SANA-FE's layers, mapping and ``load``; our
``workloads.job.load`` and the table of axons. NEST: ``Run`` alone, without ``Prepare``. Brian2: a call of ``run``,
which prepares anew each time, as our ``simulate`` does, and in a row of its own the loop over the steps alone.
No peer records spikes while it is timed; we always do.

Rows: ``{workload, size, peer, ours_s, peer_s, ratio, bar, aim, bound, bound_ratio, gbs, threads, rate, unit}``, as in
``bits.py``. ratio = peer ÷ ours; bound_ratio = our time ÷ what ``chip_bounds.py`` allows in the same run; rate = units
per second. Rows of the cost per synaptic event hold what the figure draws under ``point``.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import chip_events
import chip_layer
import event_queue
import numba
import numpy as np
from chip_bounds import add_ns, stream_ns
from chip_peers import MODULES, Peer, find

from hdspike import functional, substrate
from hdspike.chip import ChipConfig, traffic
from hdspike.chip.axons import axons
from hdspike.chip.heap import PENDING
from hdspike.energy import by_unit
from hdspike.files import write_text
from hdspike.plot.style import save
from hdspike.workloads import job

Timed = Callable[[], float]
NEURON_BYTES = 33  # potential and drive read and written, one flag: what a step must move per neuron
CORES = (1, 4, 16, 16, 4, 1)


@dataclass(frozen=True)
class Settings:
    """How much of everything: a test takes little."""

    rounds: int = 5
    steps: int = 1000
    layer: tuple[int, int, int, int] = (10_000, 1_000_000, 200, 100)
    mesh: tuple[int, int] = (16, 200_000)
    pending: tuple[int, ...] = event_queue.SIZES
    sizes: tuple[int, ...] = chip_events.SIZES
    events: int = chip_events.EVENTS


def seconds(work: Callable[[], Any]) -> float:
    """Of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def paired(ours: Timed, theirs: Timed | None, rounds: int) -> dict[str, float | None]:
    """Medians of ours, theirs and the ratio over rounds that alternate, after one of ours that warms up."""
    ours()
    times = [(ours(), theirs() if theirs else 0.0) for _ in range(rounds)]
    mine = statistics.median(a for a, _ in times)
    if theirs is None:
        return {"ours_s": mine, "peer_s": None, "ratio": None}
    other = statistics.median(b for _, b in times)
    return {"ours_s": mine, "peer_s": other, "ratio": statistics.median(b / a for a, b in times)}


def row(
    workload: str, size: str, peer: str, times: dict[str, float | None], *, bound: str, bound_s: float, octets: int,
    amount: int, unit: str, bar: float | None = None, aim: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One row of the table."""
    ours = times["ours_s"]
    assert ours is not None
    return {
        "workload": workload, "size": size, "peer": peer, **times, "bar": bar, "aim": aim, "bound": bound,
        "bound_ratio": ours / bound_s, "gbs": octets / ours / 1e9, "threads": 1, "rate": amount / ours, "unit": unit,
    }  # fmt: skip


def must_agree(what: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Raise where the two sides did not do the same work."""
    for name, value in ours.items():
        same = (
            value == theirs[name] if isinstance(value, int | list) else abs(value / theirs[name] - 1) < 1e-6
        )
        if not same:
            shown = (
                (value, theirs[name]) if isinstance(value, int | float) else (len(value), len(theirs[name]))
            )
            raise AssertionError(f"{what}: {name} must agree, ours {shown[0]}, theirs {shown[1]}")


def events_s(events: int, neurons: int, synapses: int, octets: int) -> float:
    """The least time for so many synaptic events: an addition each, or the stream of ``octets`` per synapse."""
    return events * max(add_ns(neurons), octets * stream_ns(octets * synapses)) * 1e-9


def work_bound(network: Any, fired: Any, steps: int) -> tuple[float, int]:
    """(seconds, bytes) that the spikes of every neuron and the updates of ``steps`` steps take at least."""
    total, moved = 0.0, 0
    for projection in network.projections:
        synapses = projection.synapses
        first = network.offsets[network.index(projection.source)]
        events = int(np.diff(synapses.indptr) @ fired[first : first + synapses.lines])
        octets = 4 + (0 if synapses.weights is None else synapses.weights.itemsize)
        total += events_s(events, synapses.neurons, len(synapses), octets)
        moved += events * octets
    cells = sum(p.size for p in network.populations if not p.is_source)
    update = steps * cells * NEURON_BYTES
    return total + update * stream_ns(cells * NEURON_BYTES) * 1e-9, moved + update


def gesture(settings: Settings, peers: dict[str, Peer | None]) -> Iterator[dict[str, Any]]:
    """The DVS-gesture network on Loihi as SANA-FE calibrates it: both networks-on-chip, and the load."""
    peer = peers["sanafe"]
    held: dict[str, Any] = {}

    def ours_load() -> float:
        held["job"] = made = job.load("dvs-gesture", cores=CORES, steps=settings.steps)
        begun = time.perf_counter()
        axons(made.workload.network, made.architecture, made.placement.core)
        return made.load_s + time.perf_counter() - begun

    def theirs_load() -> float:
        assert peer is not None
        return float(peer("load", cores=CORES)["seconds"])

    loaded = paired(ours_load, theirs_load if peer else None, min(3, settings.rounds))
    network = held["job"].workload.network
    for noc, model, bar, aim in (("simple", "simple", 10.0, None), ("exact", "detailed", 3.0, 8.0)):

        def ours(noc: str = noc) -> float:
            held["run"], wall_s = job.run(held["job"], noc=noc)
            return wall_s

        def theirs(model: str = model) -> float:
            assert peer is not None
            held["theirs"] = peer("run", steps=settings.steps, model=model)
            return float(held["theirs"]["seconds"])

        times = paired(ours, theirs if peer else None, settings.rounds)
        counts = held["run"].counts
        if peer:
            same = {name: counts[name] for name in ("fired", "packets", "synaptic_events", "updates")}
            same["energy_j"] = by_unit(held["run"])["total"]
            if noc == "simple":
                same["simulated_s"] = held["run"].simulated_ps * 1e-12
            must_agree(f"DVS-gesture, {noc}", same, held["theirs"])
        bound_s, octets = work_bound(network, held["run"].fired, settings.steps)
        name = "additions and updates"
        if noc == "exact":
            bound_s += counts["hops"] * hold_ns() * 1e-9
            name += ", an event-queue hold per hop"
        yield row(f"DVS-gesture, {noc}", f"{settings.steps:,} steps", f"SANA-FE {model}", times, bound=name,
                  bound_s=bound_s, octets=octets, amount=counts["synaptic_events"], unit="synaptic events",
                  bar=bar, aim=aim)  # fmt: skip
    octets = sum(a.nbytes for p in network.projections for a in (p.synapses.targets, p.synapses.weights))
    yield row("DVS-gesture, load", f"{network.synapses:,} synapses", "SANA-FE load", loaded,
              bound="the table, streamed once", bound_s=octets * stream_ns(octets) * 1e-9, octets=octets,
              amount=network.synapses, unit="synapses", bar=10.0)  # fmt: skip


def hold_ns(pending: int = 1000) -> float:
    """One hold of our event queue (take the first, put one), in nanoseconds."""
    ours, _ = event_queue.sides(pending, holds=100_000)
    ours()
    return min(seconds(ours) for _ in range(5)) / 100_000 * 1e9


def sparse(settings: Settings, peers: dict[str, Peer | None]) -> Iterator[dict[str, Any]]:
    """One sparse layer on the functional runner; every spike agrees with the peers'."""
    size, synapses, steps, spikes = settings.layer
    given = chip_layer.layer(size, synapses, steps, spikes)
    made = chip_layer.network(given)
    held: dict[str, Any] = {}

    def ours() -> float:
        begun = time.perf_counter()
        held["run"] = functional.simulate(made, steps)
        return time.perf_counter() - begun

    ours()
    found = held["run"].spikes("cells")
    same = {
        "spike_steps": (found["time"] // held["run"].step_ps).tolist(),
        "spike_neurons": found["address"].tolist(),
    }
    fired = np.bincount(held["run"].spike_neurons, minlength=made.neurons)
    bound_s, octets = work_bound(made, fired, steps)
    nest, brian = peers["nest"], peers["brian"]
    loops: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "layer.npz")
        chip_layer.write(given, Path(path))
        if nest:
            must_agree("NEST", same, nest("run", path=path, record=True))
        if brian:
            brian("load", path=path, record=True)
            must_agree("Brian2", same, brian("run"))
            brian("load", path=path)
            brian("run")

        def theirs_nest() -> float:
            assert nest is not None
            return float(nest("run", path=path)["seconds"])

        def theirs_brian() -> float:
            assert brian is not None
            answer = brian("run")
            loops.append(answer["loop_s"])
            return float(answer["seconds"])

        rounds = 3 * settings.rounds
        times = {
            "NEST": paired(ours, theirs_nest if nest else None, settings.rounds),
            "Brian2 Cython, run()": paired(ours, theirs_brian if brian else None, rounds),
        }
        loops.clear()

        def loop() -> float:
            theirs_brian()
            return loops[-1]

        times["Brian2 Cython, its loop alone"] = paired(ours, loop if brian else None, rounds)
    bars = {"NEST": (10.0, None), "Brian2 Cython, run()": (10.0, 25.0)}
    for name, measured in times.items():
        bar, aim = bars.get(name, (None, None))
        yield row("sparse layer, functional", f"{size:,} → {size:,}, {synapses:,} synapses, {steps} steps", name,
                  measured, bound="additions and updates", bound_s=bound_s, octets=octets,
                  amount=held["run"].counts["synaptic_events"], unit="synaptic events", bar=bar, aim=aim)  # fmt: skip


def queue(settings: Settings, peers: dict[str, Peer | None]) -> Iterator[dict[str, Any]]:
    """The event queue beside a binary heap in the same language (see event_queue.py)."""
    for found in event_queue.rows(2 * settings.rounds + 1, settings.pending):
        times = {
            "ours_s": found["queue_ns"] * 1e-9,
            "peer_s": found["heap_ns"] * 1e-9,
            "ratio": found["ratio"],
        }
        octets = 2 * PENDING.itemsize
        least = octets * stream_ns(PENDING.itemsize * found["pending"]) * 1e-9
        yield row(f"event queue, {found['delays']} delays", f"{found['pending']:,} pending, one hold", "binary heap",
                  times, bound="an event written and read", bound_s=least, octets=octets, amount=1,
                  unit="holds", bar=2.0, aim=5.0)  # fmt: skip


def mesh(settings: Settings, peers: dict[str, Peer | None]) -> Iterator[dict[str, Any]]:
    """Uniform traffic through a mesh at one and a half times what its middle links carry."""
    side, packets = settings.mesh
    config = replace(
        ChipConfig.from_substrate(substrate.load("loihi")), columns=side, rows=side, cores_per_tile=4
    )
    rng = np.random.default_rng(3)
    slowest = max(config.hop_east_west_ps, config.hop_north_south_ps)
    per_ps = 1.5 * 4 * side / slowest
    moments = np.cumsum(rng.exponential(1 / per_ps, packets)).astype(np.int64)
    sources, targets = rng.integers(config.cores, size=(2, packets))
    held: dict[str, Any] = {}

    def ours() -> float:
        begun = time.perf_counter()
        held["run"] = traffic(config, moments, sources, targets, service_ps=config.synaptic_event_ps)
        return time.perf_counter() - begun

    times = paired(ours, None, settings.rounds)
    hops = held["run"].counts["hops"]
    yield row(f"router hops, saturated {side} × {side} mesh", f"{packets:,} packets, {hops:,} hops", "", times,
              bound="an event-queue hold per hop", bound_s=hops * hold_ns(2000) * 1e-9, octets=0, amount=hops,
              unit="hops", aim=None)  # fmt: skip


def events(settings: Settings, peers: dict[str, Peer | None]) -> Iterator[dict[str, Any]]:
    """The cost of a synaptic event against the size of the network (see chip_events.py)."""
    for point in chip_events.points(settings.rounds, sizes=settings.sizes, events=settings.events):
        size = f"{point['synapses']:,} synapses, {100 * point['active_share']:g} % active"
        bound, least = max((point["add_ns"], "one addition"), (point["stream_ns"], "5 bytes streamed"))[::-1]
        times = {"ours_s": point["run_ns"] * 1e-9, "peer_s": None, "ratio": None}
        found = row("a synaptic event", size, "", times, bound=bound, bound_s=least * 1e-9, octets=5, amount=1,
                    unit="synaptic events")  # fmt: skip
        yield {**found, "point": point}


WORKLOADS = (gesture, sparse, queue, mesh, events)


def line(found: dict[str, Any]) -> str:
    """One row of the printed table."""
    bar = "" if found["bar"] is None else f"{found['bar']:g}×"
    if found["ratio"] is None:
        ratio, met = "", "peer absent" if found["peer"] else ""
    else:
        ratio = f"{found['ratio']:.2f}"
        met = "" if found["bar"] is None else "met" if found["ratio"] >= found["bar"] else "MISSED"
    theirs = "" if found["peer_s"] is None else f"{1e3 * found['peer_s']:.6g}"
    return (
        f"{found['workload'][:36]:36} {found['size'][:50]:50} {1e3 * found['ours_s']:10.4g} {found['peer'][:30]:>30} "
        f"{theirs:>10} {ratio:>7} {bar:>5} {met:11} {found['rate'] / 1e6:8.1f} M {found['unit']}/s, "
        f"{found['bound_ratio']:.2f} × {found['bound']}"
    )


def main() -> None:
    """Measure, print a table, and write the rows and the figure where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument(
        "--figure", type=Path, help="file for the cost per synaptic event against size, as SVG"
    )
    parser.add_argument("--rounds", type=int, default=5, help="timings of each pair")
    parser.add_argument("--only", default="", help="workloads whose function's name contains this")
    for name in MODULES:
        parser.add_argument(
            f"--{name}-python", metavar="PATH", help=f"the interpreter that has {MODULES[name]}"
        )
    given = parser.parse_args()
    numba.set_num_threads(1)
    settings = Settings(rounds=given.rounds)
    chosen = [w for w in WORKLOADS if given.only in w.__name__]
    needed = {"gesture": ("sanafe",), "sparse": ("nest", "brian")}
    wanted = {name for w in chosen for name in needed.get(w.__name__, ())}
    peers = {
        name: find(name, getattr(given, f"{name}_python")) if name in wanted else None for name in MODULES
    }
    absent = [name for name in wanted if peers[name] is None]
    if absent:
        print(f"peer absent: {', '.join(sorted(absent))}")
    print(f"{'workload':36} {'size':50} {'ours ms':>10} {'peer':>30} {'peer ms':>10} {'ratio':>7} {'bar':>5}")
    rows = []
    for workload in chosen:
        for found in workload(settings, peers):
            rows.append(found)
            print(line(found), flush=True)
    if given.json:
        write_text(given.json, json.dumps(rows, indent=1) + "\n")
    points = [found["point"] for found in rows if "point" in found]
    if given.figure and points:
        save(chip_events.draw(points), given.figure)


if __name__ == "__main__":
    main()
