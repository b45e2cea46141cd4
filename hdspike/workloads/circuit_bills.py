"""Joules of the circuit, of what it needs besides, and of its rivals, one ledger at a time.

The chip pays all that it did and the static power of the whole chip till all is quiet. The dense side pays int8
products with every key and the search for the k best among the scores; softmax and values are left out on both sides.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hdspike import check, dense, schedules, substrate
from hdspike.attention.latency import LatencyAttention
from hdspike.dense.cost import LARGEST, REGISTER_TILE
from hdspike.dense.winners import insertions
from hdspike.energy import price
from hdspike.substrate import Substrate
from hdspike.workloads.circuit import Head
from hdspike.workloads.circuit_chip import Timed

__all__ = ["around", "bill", "dense_search", "measured_path", "rivals", "twin_of"]

CHARGED = (
    "synaptic_events",
    "updates_active",
    "updates_inactive",
    "packets",
    "hops_east_west",
    "hops_north_south",
)
BITS = 8  # of an entry of a key, a query, a transform or a centroid on the side that multiplies
SHARED, MANY = 3, 64  # query heads that share keys; queries of a text that is read at once
WAYS = {
    "dense_dram": ("int8, keys in DRAM", 1, False),
    "dense_dram_shared": ("int8, DRAM, 3 heads a fetch", SHARED, False),
    "dense_dram_many": ("int8, DRAM, 64 queries a fetch", MANY, False),
    "dense_resident": ("int8, keys on the chip", 1, True),
    "dense_resident_shared": ("int8, on the chip, 3 heads a read", SHARED, True),
}
"""Labels, queries that share a read, whether the keys stay on the chip."""


def bill(runs: Sequence[Timed], substrate: Substrate, *, seed: int = 0) -> dict[str, Any]:
    """The bill of one query in the mean over runs: all that their chip did, and its static power till all is quiet."""
    queries = sum(len(run.won_ps) for run in runs)
    counts = {name: sum(run.run.counts[name] for run in runs) / queries for name in CHARGED}
    seconds = sum(int(run.end_ps.sum()) for run in runs) / queries * 1e-12
    return price(counts, substrate, seconds=seconds, charge=CHARGED, rng=seed, per="query").as_json()


def dense_search(
    keys: int, dim: int, k: int, *, batch: int = 1, resident: bool = False
) -> dict[str, int | float]:
    """Count the same search by int8 products: all scores of ``batch`` queries that share N keys, and the k best.

    Of one query: ``macs_int8`` = N·d; ``adds_int32`` = N + I·⌈log₂(k + 1)⌉, a comparison each and I insertions
    (:func:`hdspike.dense.winners.insertions`); the keys once for the batch from DRAM (``dram_bits`` = 8·N·d/B) and
    from SRAM for up to 64 queries (``sram_bits`` = 8·(⌈B/64⌉·N·d/B + d)), or, ``resident``, from the chip's largest
    memory instead of both. Softmax and values are left out, as on the chip. A lower bound.
    """
    keys = check.integer("keys", keys, low=1, high=LARGEST)
    dim = check.integer("dim", dim, low=1, high=LARGEST)
    batch = check.integer("batch", batch, low=1, high=LARGEST)
    reads = -(-batch // REGISTER_TILE) * keys * dim
    counts: dict[str, int | float] = {
        "macs_int8": keys * dim,
        "adds_int32": keys + insertions(keys, k) * k.bit_length(),
    }
    if resident:
        return counts | {"l2_bits": BITS * reads / batch, "sram_bits": BITS * dim}
    return counts | {"dram_bits": BITS * keys * dim / batch, "sram_bits": BITS * (reads / batch + dim)}


def around(head: Head, *, fire: int, k: int) -> dict[str, dict[str, int | float]]:
    """Count what a processor has to do before and after the circuit, for one query.

    ``encode``: d² + E·d products of int8 turn the query into contributions, matrix and centroids read from SRAM,
    B·E comparisons find the spikes at least. ``rescore``: ``fire``·d products over candidates' keys out of the largest
    memory and the k best of them, where more fire than are wanted.
    """
    blocks, entries = head.contributions.shape[1:]
    dim = head.dim
    products = dim * dim + entries * dim
    counts: dict[str, dict[str, int | float]] = {
        "encode": {
            "macs_int8": products,
            "adds_int32": blocks * entries,
            "sram_bits": BITS * (products + dim),
        }
    }
    if fire > k:
        counts["rescore"] = {
            "macs_int8": fire * dim,
            "adds_int32": fire + insertions(fire, k) * k.bit_length(),
            "l2_bits": BITS * fire * dim,
            "sram_bits": BITS * dim,
        }
    return counts


def twin_of(head: Head, layer: LatencyAttention, k: int) -> dict[str, int | float]:
    """Count the quantised twin of the circuit: every line of every key a product with one bit, no line ever silent.

    The activations have as many bits as the heaviest weight needs, the weights one (:func:`hdspike.dense.twin`): where
    a key's lines lie is free, which favours the twin. The k best are found by comparison.
    """
    neurons, blocks = head.keys.shape
    run = dense.SpikingRun(
        neurons * blocks, blocks * head.entries, neurons, steps=int(layer.code.weights[0]), weight_bits=1
    )
    counts = dict(dense.twin(run).counts)
    counts["adds_int32"] = counts.get("adds_int32", 0) + neurons + insertions(neurons, k) * k.bit_length()
    return counts


def rivals(
    head: Head, layer: LatencyAttention, k: int, runs: Sequence[Timed], *, seed: int
) -> dict[str, dict[str, Any]]:
    """The bills of one query elsewhere, in the ledger of gates and arrays, and of what the circuit needs besides."""
    sheet, keys, dim = substrate.load("a100-circuit"), len(head.keys), head.dim

    def billed(label: str, counts: dict[str, Any], side: str) -> dict[str, Any]:
        made = price(counts, sheet, seconds=0.0, charge=list(counts), rng=seed, per="query")
        return {"label": label, **made.as_json(), "side": side}

    out = {
        name: billed(label, dense_search(keys, dim, k, batch=batch, resident=resident), "dense")
        for name, (label, batch, resident) in WAYS.items()
    }
    out["twin"] = billed("quantised twin", twin_of(head, layer, k), "dense")
    mean = {
        name: float(np.mean([run.run.outcome.counts[name].mean() for run in runs]))
        for name in ("input_events", "synaptic_events", "touched", "fired")
    }
    blocks = head.keys.shape[1]
    job = schedules.Job(
        keys=keys, dim=blocks * head.entries, space="sbc", blocks=blocks, winners=layer.k, twin_dim=dim,
        active=mean["input_events"], synaptic_events=mean["synaptic_events"], touched=mean["touched"],
        fired=mean["fired"], steps=1.0, rule="race",
    )  # fmt: skip
    lists = schedules.packed.plan(job, sheet, method="lists", resident=True)
    out["lists"] = {
        **lists.as_json(rng=seed),
        "label": "same events on a processor",
        "side": "packed",
    }
    for name, counts in around(head, fire=layer.k, k=k).items():
        label = "encoding the query" if name == "encode" else f"scoring {layer.k} candidates"
        out[name] = billed(f"besides: {label}", counts, "packed")
    return out


def measured_path(
    head: Head, runs: Sequence[Timed], *, fire: int, k: int, seed: int
) -> dict[str, dict[str, Any]]:
    """The race, what it needs besides, and the products, in the ledger of measured chips."""
    sheet = substrate.load("a100-path")

    def billed(counts: Mapping[str, int | float], seconds: float) -> dict[str, Any]:
        known = {name: count for name, count in counts.items() if name in sheet.priced() and name != "exps"}
        return price(known, sheet, seconds=seconds, charge=list(known), rng=seed, per="query").as_json()

    out = {"async_race": bill(runs, substrate.load("loihi-silicon"), seed=seed)}
    for name, counts in around(head, fire=fire, k=k).items():
        out[name] = billed(counts, 0.0)
    for name, (_, batch, resident) in WAYS.items():
        cost = dense.attention(
            len(head.keys), head.dim, value_dim=1, precision="int8", batch=batch, resident=resident
        )
        out[name] = billed(cost.counts, cost.seconds(sheet))
    return out
