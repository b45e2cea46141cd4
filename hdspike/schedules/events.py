"""The job as events on a neuromorphic chip: keys are neurons, active lines of a query are spikes.

A chip of this kind may have been simulated in time (``job.timed``): then its own counts and seconds are taken. The
others are counted by a mapping that any of them could run:

- a key is a neuron with a synapse for each of its lines; how many fit a core follows from the neurons, the input
  axons and the synaptic memory of a core, where they are stated, if no two sparse keys of a core share a line;
- the E synaptic events of a query fall on the C cores evenly: an active line, with E/s targets, is a packet to
  ``C·(1 − (1 − 1/C)^(E/s))`` of them, and every spike of a key is one packet more;
- a packet travels the mean distance between two places of the mesh, ``(c² − 1)/(3c) + (r² − 1)/(3r)`` hops, and
  passes one router at least;
- in each step every neuron is visited, as a barrier or a tick has it: ``updates = steps · N``;
- T = max(steps · tick, work of a core + steps · barrier), and every chip that holds a key is powered for that time.

Text makes neighbours share lines, so that real mappings hold more keys and send fewer packets (the timed chip says how
many); evenness flatters the time. The host, input and output, and the encoding of the query are not charged on these
chips: nothing prices them.
"""

import math
from collections.abc import Mapping

from hdspike.schedules.job import Job
from hdspike.schedules.plan import Plan
from hdspike.substrate import Substrate

__all__ = ["STATE_BITS", "cores_reached", "keys_per_core", "mean_hops", "plan", "plans"]

STATE_BITS = 16
"""Bits of a neuron's state that a visit loads, where a chip prices its memory by the bit (SENECA: 16-bit words)."""


def mean_hops(columns: int, rows: int) -> tuple[float, float]:
    """Mean hops along a row and along a column between two places drawn at random: ``(n² − 1)/(3n)`` each.

    >>> mean_hops(64, 64)[0] * 2
    42.65625
    """
    return (columns**2 - 1) / (3 * columns), (rows**2 - 1) / (3 * rows)


def cores_reached(targets: float, cores: int) -> float:
    """How many of C cores hold at least one of t neurons placed at random: ``C·(1 − (1 − 1/C)^t)``."""
    return cores * -math.expm1(targets * math.log1p(-1 / cores)) if cores > 1 else min(1.0, targets)


def keys_per_core(job: Job, substrate: Substrate) -> tuple[float, int, str]:
    """Keys that one core holds, the pieces that a key is cut into, and the limit that decides.

    A key with more lines than a core has input axons, or a neuron has synapses, is cut into pieces, each a neuron.
    Sparse keys of a core are taken to share no line; dense ones share all. A synapse takes the bits of its
    target's number and one of its weight, and that one alone for dense keys. ``(∞, 1, "")`` where no limit is stated.
    """
    stated = {
        name: substrate.si(f"topology.{name}")
        for name in ("neurons_per_core", "input_axons", "synaptic_memory_bits", "synapses_per_neuron")
        if substrate.has(f"topology.{name}")
    }
    widest = min(stated.get("synapses_per_neuron", math.inf), stated.get("input_axons", math.inf))
    pieces = math.ceil(job.blocks / widest) or 1
    synapses = math.ceil(job.blocks / pieces)
    synapse = 1 if job.space == "bsc" else math.ceil(math.log2(stated.get("neurons_per_core", 2))) + 1
    taken = {
        "neurons_per_core": 1.0,
        "input_axons": float(synapses) if job.space == "sbc" else 0.0,
        "synaptic_memory_bits": float(synapses * synapse),
    }
    room, limit = min(
        ((stated[name] // each, name) for name, each in taken.items() if each and name in stated),
        default=(math.inf, ""),
    )
    return room / pieces, pieces, limit


def plans(job: Job, substrate: Substrate) -> tuple[Plan, ...]:
    """The one plan of a neuromorphic chip."""
    return (plan(job, substrate),)


def plan(job: Job, substrate: Substrate) -> Plan:
    """The job on a neuromorphic chip: its own timed run where there is one, the mapping above where not.

    ``ValueError`` where a core holds not even a piece of a key.
    """
    if job.timed is not None and _clockwork(job.timed.chip) == _clockwork(substrate):
        timed = job.timed
        note = "counts and time of its timed run; links between chips are not charged"
        return _plan(job, substrate, timed.counts, timed.seconds, timed.chips, (note,), "")

    room, pieces, limit = keys_per_core(job, substrate)
    if room == 0:
        raise ValueError(
            f"job must fit a core of {substrate.name!r} by its {limit}, got {job.blocks} synapses a key"
        )
    cores = 1 if math.isinf(room) else math.ceil(job.keys / room)
    per_chip = _cores(substrate)
    chips = 1 if math.isinf(room) else math.ceil(cores / per_chip)
    counts = _counts(job, substrate, pieces, cores, chips)
    seconds = _seconds(job, substrate, counts, cores)
    if seconds is not None and substrate.has("timing.clock"):
        counts["clock_cycles"] = seconds * chips / substrate.si("timing.clock")
    notes = ["counts of a mapping, not of a timed run: no line is shared in a core, events fall evenly"]
    missing: list[str] = []
    if limit:
        notes.append(f"{room:.4g} keys to a core by its {limit}: {cores:,} cores, {chips:,} chips")
    else:
        sized = substrate.has("power.static") or {"packets", "hops", "hops_off_chip"} & set(
            substrate.priced()
        )
        said = "no size of a core is stated: the job is taken to fit one"
        (missing if sized else notes).append(said)
    if pieces > 1:
        missing.append(f"a key is cut into {pieces} pieces, whose sums are not added up")
    if not {"updates", "updates_inactive", "accesses", "sram_bits"} & set(substrate.priced()):
        said = f"{job.steps:,.0f} visits of every neuron have no constant of their own"
        inside = substrate.has("power.static") and substrate.has("timing.step")
        (notes if inside else missing).append(
            f"{said}: they are inside the power of a tick" if inside else said
        )
    if any(quantity.includes_leakage for quantity in substrate.quantities.values()):
        missing.append("its event holds the leakage of the published activity, not of this one")
    stated = chips if limit else 0
    return _plan(job, substrate, counts, seconds, stated, tuple(notes), "; ".join(missing))


def _plan(
    job: Job, substrate: Substrate, counts: Mapping[str, float], seconds: float | None, chips: int,
    notes: tuple[str, ...], bound: str,
) -> Plan:  # fmt: skip
    title = substrate.title.split(",")[0]
    label = f"spiking {job.rule}, {f'{chips:,} × {title}' if chips else title}"
    return Plan(substrate, job.rule, label, dict(counts), seconds, chips or 1, notes, bound)


def _clockwork(substrate: Substrate) -> dict[str, float]:
    """What decides a timed run: sizes and timings. Two ledgers of one chip have the same."""
    return {
        key: quantity.si
        for key, quantity in substrate.quantities.items()
        if key.startswith(("topology.", "timing."))
    }


def _cores(substrate: Substrate) -> float:
    """Cores of one chip: one, where no number is stated."""
    if substrate.has("topology.cores"):
        return substrate.si("topology.cores")
    sizes = ("columns", "rows", "cores_per_tile")
    return math.prod(substrate.si(f"topology.{key}") for key in sizes if substrate.has(f"topology.{key}"))


def _counts(job: Job, substrate: Substrate, pieces: int, cores: int, chips: int) -> dict[str, float]:
    """What the mapping counts, under every name that the vocabulary has for it."""
    priced = substrate.priced()
    visits = job.steps * job.keys * pieces
    # A neuron is active in the step of the input, or, where that comes over many steps, once an event at most.
    received = job.synaptic_events if job.rule == "race" else job.touched * pieces
    active = min(received, job.synaptic_events, visits)
    per_line = job.synaptic_events / job.active if job.active else 0.0
    packets = job.active * cores_reached(per_line, cores) + job.fired
    counts = {
        "input_events": job.active,
        "synaptic_events": job.synaptic_events,
        ("synaptic_events_sparse" if job.space == "sbc" else "synaptic_events_dense"): job.synaptic_events,
        "accesses": visits,
        "updates": active if "accesses" in priced else visits,
        "updates_active": active,
        "updates_inactive": visits - active,
        "fired": job.fired,
        "packets": packets,
    }
    if "sram_bits" in priced:
        # What a synaptic operation reads and writes is inside its own figure: only the visits beside it are charged.
        counts["sram_bits"] = STATE_BITS * visits
        counts["sram_bits_written"] = STATE_BITS * active
    if substrate.has("topology.columns") and substrate.has("topology.rows"):
        sizes = int(substrate.si("topology.columns")), int(substrate.si("topology.rows"))
        east_west, north_south = mean_hops(*sizes)
        counts["hops_east_west"] = packets * east_west
        counts["hops_north_south"] = packets * north_south
        counts["hops"] = packets * max(1.0, east_west + north_south)
        counts["hops_off_chip"] = packets * (1 - 1 / chips)
    return counts


def _stated(substrate: Substrate, *keys: str) -> float | None:
    """The first of the ``timing`` entries that the substrate states (s)."""
    return next((substrate.si(f"timing.{key}") for key in keys if substrate.has(f"timing.{key}")), None)


def _seconds(job: Job, substrate: Substrate, counts: Mapping[str, float], cores: int) -> float | None:
    """max(steps · tick, work of a core + steps · barrier), or ``None`` where nothing is stated."""
    sparse = "sparse" if job.space == "sbc" else "dense"
    work = [
        (counts["synaptic_events"], _stated(substrate, "synaptic_event", f"synaptic_event_{sparse}")),
        (counts["updates_active"], _stated(substrate, "update_active", "soma_update")),
        (counts["updates_inactive"], _stated(substrate, "update_inactive")),
        (counts["accesses"], _stated(substrate, "soma_access")),
    ]
    tick = _stated(substrate, "step")
    if tick is None and work[0][1] is None:
        return None
    busy = math.fsum(amount * each for amount, each in work if each is not None) / cores
    barrier = _stated(substrate, "barrier_all_tiles", "barrier_29")
    return max(job.steps * (tick or 0.0), busy + job.steps * (barrier or 0.0))
