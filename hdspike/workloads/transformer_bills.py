"""Joules of a token on the chip and of its rivals, one ledger at a time.

The chip pays all that it did and the static power of the whole chip till all is quiet, however few of its cores hold
the network. Rivals are the same synapses on adders and SRAM: all of them as products (the quantised twin), or only
those that an event passed. Learning, writing keys and reading the symbol are left out on all sides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hdspike import check, dense
from hdspike.chip import AsynchronousActivity, ChipActivity
from hdspike.energy import price
from hdspike.substrate import Substrate
from hdspike.workloads.transformer_chip import Forward

__all__ = ["bill", "counts_of", "rival_counts", "rivals", "weight_bits"]


def counts_of(run: ChipActivity | AsynchronousActivity) -> dict[str, int]:
    """What a run counted, under every name that substrates price it by."""
    soma = [unit.kind == "soma" for unit in run.architecture.units]
    accesses, updates, fired = (int(count) for count in run.units[soma].sum(axis=0))
    events = int(run.counts["synaptic_events"])
    ways = {name: int(run.counts[name]) for name in ("packets", "hops", "hops_east_west", "hops_north_south")}
    return {
        "synaptic_events": events,
        "synaptic_events_dense": events,
        "accesses": accesses,
        "updates": updates,
        "updates_active": updates,
        "updates_inactive": accesses - updates,
        "fired": fired,
        **ways,
    }


def bill(passes: Sequence[Forward], substrate: Substrate, *, seed: int = 0) -> dict[str, Any]:
    """The bill of one token in the mean over passes on a chip.

    Raises:
        ValueError: a pass was made without a chip.
    """
    runs = [one.run for one in passes]
    if not runs or any(run is None for run in runs):
        raise ValueError(f"passes must be made on a chip, at least one, got {len(runs)}")
    every = [counts_of(run) for run in runs if run is not None]
    counts = {name: sum(one[name] for one in every) / len(every) for name in every[0]}
    seconds = sum(run.simulated_ps for run in runs if run is not None) / len(runs) * 1e-12
    return _billed(counts, substrate, seconds, seed)


def _billed(
    counts: Mapping[str, int | float], substrate: Substrate, seconds: float, seed: int
) -> dict[str, Any]:
    """The bill of what the substrate has a price for."""
    known = {name: count for name, count in counts.items() if name in substrate.priced()}
    return price(
        known, substrate, seconds=seconds, charge=list(known), rng=seed, per="token"
    ).as_json()  # fmt: skip


def weight_bits(weights: Any) -> int:
    """The width of a stored weight: 1 where all are +1, else two's complement of the largest."""
    if weights is None or not len(weights):
        return 1
    return int(np.abs(weights).max()).bit_length() + 1


def rival_counts(passes: Sequence[Forward], *, batch: int = 64) -> dict[str, dict[str, float]]:
    """Count one token in the mean over passes elsewhere: ``twin``, ``twin_batch`` and ``lists``.

    ``twin``: every synapse as a product with a bit, weights of each projection as wide as its largest
    (:func:`hdspike.dense.twin`); ``twin_batch``: ``batch`` tokens share their reads. ``lists``: only the synapses of
    neurons that fired, and only the neurons that these reach (:func:`hdspike.dense.event_driven`). ``go``, which spikes
    with every token, is a bias and costs nothing.

    Raises:
        ValueError: no pass, or one that was not made on a chip with a barrier.
    """
    check.integer("batch", batch, low=1)
    counts: dict[str, dict[str, float]] = {"twin": {}, "twin_batch": {}, "lists": {}}
    if not passes or any(not isinstance(one.run, ChipActivity) for one in passes):
        raise ValueError(f"passes must be made on a chip with a barrier, at least one, got {len(passes)}")

    def add(name: str, more: Mapping[str, float]) -> None:
        for key, count in more.items():
            counts[name][key] = counts[name].get(key, 0.0) + count / len(passes)

    for one in passes:
        assert isinstance(one.run, ChipActivity)
        for projection in one.network.projections:
            synapses, low = (
                projection.synapses,
                int(one.network.offsets[one.network.index(projection.source)]),
            )
            if projection.source == "go" or not len(synapses):
                continue
            fired = np.flatnonzero(one.run.fired[low : low + synapses.lines])
            reached = np.zeros(synapses.neurons, dtype=np.bool_)
            for line in fired:
                reached[synapses.targets[synapses.indptr[line] : synapses.indptr[line + 1]]] = True
            whole = dense.SpikingRun(
                len(synapses), synapses.lines, synapses.neurons, 1, weight_bits(synapses.weights),
                synaptic_events=float(np.diff(synapses.indptr)[fired].sum()),
            )  # fmt: skip
            add("twin", dense.twin(whole).counts)
            add("twin_batch", dense.twin(whole, batch=batch).counts)
            if reached.any():
                add("lists", dense.event_driven(replace(whole, neurons=int(reached.sum()))))
    return counts


def rivals(
    passes: Sequence[Forward], substrate: Substrate, *, seed: int = 0, batch: int = 64
) -> dict[str, dict[str, Any]]:
    """The bills of one token elsewhere, of :func:`rival_counts`."""
    return {
        name: _billed(count, substrate, 0.0, seed)
        for name, count in rival_counts(passes, batch=batch).items()
    }
