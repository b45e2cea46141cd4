"""The attention of one token by spikes while its context grows: the counts of a query in closed form, and measured.

N keys of D bits in s blocks of L = D/s, drawn at random; a query has one active line in each block.

    synaptic events       E = N·s/L = N·s²/D                            (D ∝ N: E does not grow)
    keys touched          N·(1 − (1 − 1/L)^s)
    steps                 1 (``threshold``), s + 1 (``exact``: a ramp from s to 0), 16 (``race``)
    updates               N · steps under a barrier, those of the keys touched active; without one
                          (``clock="async"``) one for each synaptic event, none for idle keys
    keys to a core        n with D·(1 − (1 − 1/L)^n) = its input axons, or fewer by its neurons or synaptic memory
    packets               s·cores·(1 − (1 − 1/L)^n) + keys that fire
    hops of a packet      from the corner where the host is: (columns − 1)/2 and (rows − 1)/2
    T                     max(port, events of the fullest core) + longest way + steps · (n·t_inactive + barrier)
                          + the active updates' extra time   (without a barrier: max(port, events) + longest way)
    port                  packets of a chip · max(t_packet, t_EW·(columns − 1)/columns)

:func:`closed_form` gives these for any N, :func:`measured` the same from the functional runner and the timed chip.
Keys of data share lines more often than random ones do: then E is larger (:func:`hdspike.theory.events_with_shared`).
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from hdspike import check, chip, functional, theory
from hdspike.attention import SpikingAttention
from hdspike.attention.select import RULES, ticks
from hdspike.chip import ChipConfig
from hdspike.schedules.job import Job, Timed
from hdspike.spaces import SBC
from hdspike.substrate import Substrate

__all__ = ["CLOCKS", "closed_form", "keys_per_core", "measured", "steps_of"]

CLOCKS = ("barrier", "async")


def steps_of(rule: str, blocks: int) -> int:
    """Barrier steps of a query: one for each tick of its input, and a ramp over all scores for ``exact``.

    >>> [steps_of(rule, 128) for rule in ("threshold", "race", "exact")]
    [1, 16, 129]
    """
    check.one_of("rule", rule, RULES)
    return blocks + 1 if rule == "exact" else ticks(rule)


def keys_per_core(dim: int, blocks: int, config: ChipConfig) -> int:
    """Random keys that one core holds: its input axons are the distinct lines of its keys.

    >>> from hdspike import substrate
    >>> keys_per_core(131_072, 128, ChipConfig.from_substrate(substrate.load("loihi")))
    32
    """
    room = min(config.neurons_per_core, config.synaptic_memory_bits // (blocks * _synapse_bits(config)))
    if config.input_axons < dim:
        room = min(room, math.floor(math.log1p(-config.input_axons / dim) / math.log1p(-blocks / dim)))
    return max(1, room)


def _synapse_bits(config: ChipConfig) -> int:
    """Bits of a synapse in a list: its target's number and its sign."""
    return (config.neurons_per_core - 1).bit_length() + 1


def closed_form(
    keys: int,
    *,
    dim: int,
    blocks: int,
    winners: int,
    rule: str = "exact",
    twin_dim: int = 128,
    on: Substrate | None = None,
    clock: str = "barrier",
) -> Job:
    """One query over ``keys`` random keys, by the equations above; with ``on`` also its run on that mesh.

    A memory larger than the chip is spread over several side by side, each with its share of the keys and a host of
    its own. ``clock`` is that of the mesh. ``ValueError`` for a size that breaks its rule (``blocks`` must divide
    ``dim``).
    """
    check.one_of("clock", clock, CLOCKS)
    length = SBC(dim, blocks=blocks).length
    job = Job(
        keys=keys,
        dim=dim,
        space="sbc",
        blocks=blocks,
        winners=winners,
        twin_dim=twin_dim,
        value_dim=twin_dim,
        active=float(blocks),
        synaptic_events=keys * theory.events_per_pair(dim, blocks),
        touched=keys * theory.chance_touched(blocks, length),
        fired=float(winners),
        steps=float(steps_of(rule, blocks)),
        rule=rule,
    )
    return job if on is None else replace(job, timed=_on_mesh(job, on, clock))


def _on_mesh(job: Job, substrate: Substrate, clock: str) -> Timed:
    """The counts and the time of the job on a mesh."""
    config = ChipConfig.from_substrate(substrate)
    each = min(keys_per_core(job.dim, job.blocks, config), job.keys)
    cores = math.ceil(job.keys / each)
    chips = math.ceil(cores / config.cores)
    here = min(cores, config.cores)  # cores of a chip
    tiles = math.ceil(here / config.cores_per_tile)
    columns, rows = min(tiles, config.columns), math.ceil(tiles / config.columns)
    length = job.block_length
    lines = job.blocks * -math.expm1(each * math.log1p(-1 / length)) if length > 1 else float(job.blocks)
    queued = lines * here  # input packets of a chip
    packets = lines * cores + job.fired
    one_by_one = clock == "async" or job.rule == "race"  # an update for each event
    active = job.synaptic_events if one_by_one else job.touched
    counts = {
        "input_events": job.active,
        "synaptic_events": job.synaptic_events,
        "updates_active": active,
        "updates_inactive": 0.0 if clock == "async" else job.steps * job.keys - active,
        "fired": job.fired,
        "packets": packets,
        "hops_east_west": packets * (columns - 1) / 2,
        "hops_north_south": packets * (rows - 1) / 2,
    }
    port = queued * max(config.packet_ps, config.hop_east_west_ps * (columns - 1) / columns)
    way = (
        (columns - 1) * config.hop_east_west_ps
        + (rows - 1) * config.hop_north_south_ps
        + 2 * config.packet_ps
    )
    fullest = each / job.keys  # the share of a full core
    served = config.synaptic_event_ps * job.synaptic_events * fullest
    if clock == "async":
        return Timed(substrate, counts, (max(port, served) + way) * 1e-12, chips)
    extra = (config.update_active_ps - config.update_inactive_ps) * active * fullest
    step = each * config.update_inactive_ps + config.barrier_ps(tiles)
    picoseconds = max(port, served) + way + extra + job.steps * step
    return Timed(substrate, counts, picoseconds * 1e-12, chips)


def measured(
    keys: int,
    *,
    dim: int,
    blocks: int,
    winners: int,
    rule: str = "exact",
    queries: int = 4,
    on: Substrate | None = None,
    clock: str = "barrier",
    rng: check.Rng = 0,
) -> dict[str, Any]:
    """The mean counts of a query over random keys on the functional runner; with ``on`` also those of its timed run.

    ``counts``: ``synaptic_events``, ``touched``, ``fired``; of the chip ``steps``, ``updates_active``,
    ``updates_inactive``, ``packets``, hops. ``seconds`` and ``cores`` are the chip's, ``None`` where the keys are
    more than fit it.
    """
    random = check.generator(rng)
    space = SBC(dim, blocks=blocks)
    layer = SpikingAttention(space, space.random(keys, rng=random), k=min(winners, keys), rule=rule)
    if rule != "exact":
        layer.calibrate(space.random(16, rng=random))
    asked = space.random(queries, rng=random)
    outcome = layer.attend(asked)
    counts = {name: outcome.total(name) / queries for name in ("synaptic_events", "touched", "fired")}
    found: dict[str, Any] = {"keys": keys, "counts": counts, "seconds": None, "cores": None}
    if on is None:
        return found
    config = ChipConfig.from_substrate(on)
    if chip.capacity(layer.network.synapses, config) < keys:
        return found
    run = chip.run(layer.network, layer.stimuli(asked), config, clock=clock)
    same = functional.run(layer.network, layer.stimuli(asked))
    if clock == "barrier" and not np.array_equal(run.outcome.winners, same.winners):
        raise RuntimeError("the chip and the functional runner must select the same winners")
    counts |= {name: count / queries for name, count in run.counts.items()}
    return found | {
        "seconds": float(run.simulated_ps.mean()) * 1e-12,
        "cores": run.mapping.cores_used,
    }
