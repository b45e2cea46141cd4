"""What one character costs in joules and seconds: a Spiking HD-Transformer and a dense one, substrate by substrate.

A reading's counts (:mod:`hdspike.workloads.language_counts`) go through the same machinery as every other bill:

- **neuromorphic**: keys, rows, symbol units and potentials are neurons, mapped as :mod:`hdspike.schedules.events` maps
  keys. A chip that states a step or a barrier visits every neuron in each of 3 + L steps (lines; keys and rows;
  units; L layers of votes): ``updates_inactive``. Others wake a neuron for its events alone. The order of a
  race, newest key at the front, is that of a line's list of synapses and free. Writes of synapses are charged where the
  chip prices them, by the bit where it prices memory; elsewhere the bill is a lower bound. Codes are made outside.
- **processor**: the arrays in DRAM, or in the largest on-chip memory where they fit when packed. Two texts share no
  fetch, so that a batch changes nothing.
- **dense**: a decode of one character for each of a batch of texts at a full context
  (:func:`hdspike.dense.transformer`), weights and caches in DRAM, or on the chip where they fit: the cheaper is taken.
- **static** chip: the dense twin at the width that it prices. **brain**: the spiking run's events and spikes.

Both sides predict one character. They do not predict it equally well: the bits per character belong beside a bill.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hdspike import check, dense, substrate
from hdspike.dense import Shape
from hdspike.schedules import Job, Plan, brain, events
from hdspike.schedules.packed import fits
from hdspike.schedules.plan import suffix
from hdspike.substrate import Substrate
from hdspike.transformer.settings import LIFETIME, WINDOW, Settings
from hdspike.workloads.language_counts import chip_counts, counted, packed_counts
from hdspike.workloads.language_memory import Occupied

__all__ = [
    "BATCHES", "PRECISIONS", "bills", "chip_plan", "counted_plan", "dense_plans", "neurons", "packed_plans", "steps",
]  # fmt: skip

PRECISIONS = ("fp32", "fp16", "int8", "ternary")
BATCHES = (1, 64)
SYNAPSE_BITS = 16
"""Of a synapse that is written where a chip prices its memory by the bit (SENECA: 16-bit words)."""
VISITS = "visits of every neuron"
IN_WORDS = {"dram": "arrays in DRAM", "l2": "arrays on the chip"}


def steps(settings: Settings) -> int:
    """Steps of one token on a chip with a clock: lines, keys and rows, units, and the votes of each layer."""
    return 3 + len({head.layer for head in settings.heads})


def neurons(settings: Settings, symbols: int, used: Occupied | None = None) -> int:
    """Neurons of a model: keys, rows, units and inhibition of each head and memory, potentials.

    ``used``: only those keys and rows that it has filled.
    """
    heads = len(settings.heads)
    if used is not None:
        keys, rows = used.keys, used.rows
    else:
        keys = settings.window * heads if settings.memories != LIFETIME else 0
        rows = settings.lines * sum(head.rows for head in settings.heads)
        rows = rows if settings.memories != WINDOW else 0
    return keys + rows + 2 * heads * (symbols + 1) + symbols


def chip_plan(
    counts: Mapping[str, int],
    settings: Settings,
    symbols: int,
    sheet: Substrate,
    *,
    used: Occupied | None = None,
) -> Plan:
    """One token on a chip with neurons: those that the model has ``used``, all of it unless given.

    Raises:
        ValueError: as :func:`hdspike.workloads.language_counts.counted`, or a core that holds no neuron.
    """
    run = counted(counts, settings, symbols)
    done = {name: amount / run["tokens"] for name, amount in chip_counts(counts, settings, symbols).items()}
    mapped = neurons(settings, symbols, used)
    clocked = any(key == "timing.step" or key.startswith("timing.barrier") for key in sheet.quantities)
    job = _job(run, done, settings, mapped, steps(settings) if clocked else done["updates_active"] / mapped)
    plan = events.plan(job, sheet)
    own = {name: done[name] for name in ("updates_active", "weight_updates", "encoder_adds")}
    own["updates_inactive"] = max(0.0, plan.counts["accesses"] - own["updates_active"])
    if "accesses" in sheet.priced():
        own["updates"] = own["updates_active"]
    missing = [part for part in plan.bound.split("; ") if part and (clocked or VISITS not in part)]
    priced = set(sheet.priced())
    if "sram_bits_written" in priced:
        changed = events.STATE_BITS * done["updates_active"]
        own["sram_bits_written"] = changed + SYNAPSE_BITS * done["weight_updates"]
    elif "weight_updates" not in priced:
        missing.append("writing synapses has no constant")
    if not clocked and not {"updates", "updates_active", "sram_bits"} & priced:
        missing.append("visits of the neurons that events reach have no constant")
    title = sheet.title.split(",")[0]
    return replace(
        plan,
        name="spiking",
        label=f"spikes, {f'{plan.chips:,.0f} × {title}' if plan.chips > 1 else title}",
        counts={**plan.counts, **own},
        notes=(*plan.notes, "codes are made outside: their additions are not charged"),
        bound="; ".join(missing),
    )


def _job(
    run: Mapping[str, int], done: Mapping[str, float], settings: Settings, mapped: int, visits: float
) -> Job:
    """The token as a query for :mod:`hdspike.schedules.events`: every neuron a key of m synapses."""
    return Job(
        keys=mapped,
        dim=settings.synapses * settings.lines,
        space="sbc",
        blocks=settings.synapses,
        winners=1,
        twin_dim=1,
        active=done["input_events"],
        synaptic_events=done["synaptic_events"],
        touched=run["window_touched"] / run["tokens"],
        fired=done["fired"] - done["input_events"],
        steps=visits,
        rule="race",
    )


def packed_plans(
    counts: Mapping[str, int], settings: Settings, symbols: int, sheet: Substrate, *, stored: int
) -> tuple[Plan, ...]:
    """One token on a processor, arrays in DRAM, and on the chip where ``stored`` bytes fit; none if it cannot add."""
    run = counted(counts, settings, symbols)
    stored = check.integer("stored", stored, low=1)
    found = []
    for far in ("dram", "l2"):
        each = {
            name: amount / run["tokens"]
            for name, amount in packed_counts(counts, settings, symbols, far=far).items()
        }
        room = far == "dram" or fits(sheet, 8 * stored)
        if sheet.kind not in ("processor", "measured") or not room or not set(each) <= set(sheet.priced()):
            continue
        moved = (each.get("dram_bits", 0.0) + each.get("dram_bits_written", 0.0)) / 8
        pipes = {"int32": each["adds_int32"], "dram": moved}
        rated = [work / sheet.si(f"peak.{pipe}") for pipe, work in pipes.items() if sheet.has(f"peak.{pipe}")]
        notes = ("a link is awaited before the next is read: the time is a lower bound",)
        label = f"packed words, {IN_WORDS[far]}"
        found.append(Plan(sheet, f"packed_{far}", label, each, max(rated, default=None), notes=notes))
    return tuple(found)


def dense_plans(
    shape: Shape,
    context: int,
    sheet: Substrate,
    *,
    precisions: Iterable[str] = PRECISIONS,
    batches: Iterable[int] = BATCHES,
    nonzero: float = dense.NONZERO,
) -> tuple[Plan, ...]:
    """One token of a dense transformer: the cheaper of DRAM and on-chip memory for each precision and batch.

    Left out: a precision that the substrate does not price, or states no peak for. A static chip does the one
    precision that it prices, its weights beside its cores.
    """
    context = check.integer("context", context, low=1)
    if sheet.kind == "static":
        return _static(shape, context, sheet)
    found = []
    for precision in precisions:
        for batch in batches:
            ways = [
                plan
                for resident in (False, True)
                if (plan := _dense(shape, context, sheet, precision, batch, resident, nonzero)) is not None
            ]
            if ways:
                found.append(min(ways, key=lambda plan: plan.bill(samples=100).nominal))
    return tuple(found)


def _dense(
    shape: Shape, context: int, sheet: Substrate, precision: str, batch: int, resident: bool, nonzero: float
) -> Plan | None:
    bits = 8 * (
        shape.weight_bytes(precision=precision) + batch * shape.cache_bytes(context, precision=precision)
    )
    if sheet.kind not in ("processor", "measured") or (resident and not fits(sheet, bits)):
        return None
    cost = dense.transformer(
        shape, context=context, precision=precision, batch=batch, resident=resident, nonzero=nonzero
    )
    if not sheet.has("power.board") and not set(cost.counts) <= set(sheet.priced()):
        return None
    try:
        seconds = cost.seconds(sheet)
    except ValueError:  # no peak for this precision
        return None
    where = "on the chip" if resident else "DRAM"
    label = f"dense {precision}, {where}, {f'batch {batch}' if batch > 1 else 'one text'}"
    return Plan(sheet, f"dense_{precision}{suffix(batch, resident)}", label, cost.counts, seconds)


def _static(shape: Shape, context: int, sheet: Substrate) -> tuple[Plan, ...]:
    for precision in ("int4", "int8"):
        if f"macs_{precision}" not in sheet.priced():
            continue
        cost = dense.transformer(shape, context=context, precision=precision, resident=True)
        counts = {name: cost.counts[name] for name in (f"macs_{precision}", "exps")}
        peak = f"peak.{precision}"
        seconds = 2 * counts[f"macs_{precision}"] / sheet.si(peak) if sheet.has(peak) else None
        label = f"dense {precision}, static schedule, one text"
        return (Plan(sheet, f"dense_{precision}", label, counts, seconds),)
    return ()


def counted_plan(
    label: str, counts: Mapping[str, int], tokens: int, sheet: Substrate, *, name: str = "counted"
) -> Plan | None:
    """Any counted work ÷ ``tokens``, timed by the roofline: what training a dense model took, for one character.

    None where the substrate does not price all of it, or states no peak for it. ``weight_updates`` are no work of
    their own on a processor: their products and bytes are counted.
    """
    tokens = check.integer("tokens", tokens, low=1)
    work = {key: amount for key, amount in counts.items() if key != "weight_updates" and amount}
    if sheet.kind not in ("processor", "measured"):
        return None
    if not sheet.has("power.board") and not set(work) <= set(sheet.priced()):
        return None
    try:
        seconds = dense.roofline(work, sheet).seconds / tokens
    except ValueError:
        return None
    return Plan(sheet, name, label, {key: amount / tokens for key, amount in work.items()}, seconds)


def bills(
    counts: Mapping[str, int],
    settings: Settings,
    symbols: int,
    *,
    stored: int,
    used: Occupied | None = None,
    shape: Shape | None = None,
    context: int = 1,
    substrates: Iterable[str] | None = None,
    precisions: Iterable[str] = PRECISIONS,
    batches: Iterable[int] = BATCHES,
    rng: check.Rng = 0,
) -> list[dict[str, Any]]:
    """Joules of one token on every substrate that prices it: the spiking model, and the dense one if a shape is given.

    ``stored``: bytes of the model, packed. ``used``: what of it is mapped. Each entry is :meth:`Plan.as_json` with
    ``substrate``, ``side``, ``plan`` and ``bound`` (why it is a lower bound, "" where it is not): bars for
    :func:`hdspike.plot.energy.panels`.
    """
    batches, precisions, found = tuple(batches), tuple(precisions), []
    for name in substrate.available() if substrates is None else substrates:
        sheet = substrate.load(name)
        sides: dict[str, tuple[Plan, ...]] = {}
        if sheet.kind == "neuromorphic" and "synaptic_events" in {
            priced.removesuffix("_sparse") for priced in sheet.priced()
        }:
            sides["spiking"] = (chip_plan(counts, settings, symbols, sheet, used=used),)
        elif sheet.kind == "brain":
            run = counted(counts, settings, symbols)
            done = {
                key: amount / run["tokens"] for key, amount in chip_counts(counts, settings, symbols).items()
            }
            mapped = neurons(settings, symbols, used)
            sides["brain"] = (brain.plan(_job(run, done, settings, mapped, 1.0), sheet),)
        sides["packed"] = packed_plans(counts, settings, symbols, sheet, stored=stored)
        if shape is not None:
            side = "static" if sheet.kind == "static" else "dense"
            sides[side] = dense_plans(shape, context, sheet, precisions=precisions, batches=batches)
        for side, plans in sides.items():
            found += [_entry(plan, side, rng) for plan in plans if plan.priceable]
    return found


def _entry(plan: Plan, side: str, rng: check.Rng) -> dict[str, Any]:
    entry = plan.as_json(rng=rng)
    least = "≥ " if plan.bound else ""
    return {
        **entry,
        "label": f"{least}{entry['label']}",
        "per": "token",
        "side": side,
        "plan": plan.name,
        "bound": plan.bound,
        "counts": {name: amount for name, amount in plan.counts.items() if math.isfinite(amount)},
    }
