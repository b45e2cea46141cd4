"""Nearest-neighbour search, judged: how often a code finds the exact neighbour, and what it takes.

A query's potentials are integer sums, so its answer is that of an integer product (latency code) or of counted lines
(sparse codes); the simulated network has the same potentials, which is for a caller to check
(:func:`potentials`). Synaptic events and touched patterns are exact counts; every pattern is visited in every step.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from hdspike import chip, functional, substrate, theory
from hdspike.encode import Projector, simhash_match
from hdspike.energy import price
from hdspike.network import Synapses
from hdspike.spaces import BSC
from hdspike.workloads import neighbours as nn

__all__ = [
    "Search",
    "by_spikes",
    "latency_point",
    "on_chips",
    "potentials",
    "products",
    "share",
    "simhash_law",
    "sparse_active",
    "sparse_codes",
]

STEP_S = nn.STEP_S


class Search:
    """Patterns, queries and the exact nearest neighbours; the first ``tuning`` queries only choose codes."""

    def __init__(
        self, count: int, features: int, *, asked: int, tuning: int, decay: float, cosine: float, seed: int
    ) -> None:
        random = np.random.default_rng([seed, round(100 * decay)])
        self.patterns, deviation = nn.synthetic(count, features, decay=decay, rng=random)
        source = random.integers(count, size=asked + tuning)
        self.queries = nn.noisy(self.patterns[source], deviation, cosine, rng=random)
        exact = self.queries @ self.patterns.T
        self.true = exact.argmax(axis=1)
        ordered = -np.partition(-exact, 1, axis=1)[:, :2]
        self.gap = float(np.mean(ordered[:, 0] - ordered[:, 1]))
        self.count, self.features, self.tuning = count, features, tuning
        self.weights = nn.weights_of(self.patterns)
        self.columns = np.ascontiguousarray(self.weights.T, dtype=np.float32)
        spread = deviation.astype(np.float64) ** 2
        self.effective = float(spread.sum() ** 2 / np.sum(spread**2))

    def rotated(self, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Patterns and queries turned at random, so that no feature is larger than others; as they are if none is."""
        if self.effective > self.features - 1:
            return self.patterns, self.queries
        normal = np.random.default_rng([seed, 1]).standard_normal((self.features, self.features))
        turn = np.linalg.qr(normal)[0]
        return self.patterns @ turn.astype(np.float32), self.queries @ turn.astype(np.float32)

    def judge(self, found: NDArray[Any]) -> dict[str, float | None]:
        """Top-1 on the queries that judge, its 95 % interval, and on those that choose."""
        right = found == self.true
        hits, trials = int(right[self.tuning :].sum()), len(right) - self.tuning
        low, high = theory.wilson(hits, trials)
        return {
            "top1": hits / trials,
            "low": low,
            "high": high,
            "tuning": float(right[: self.tuning].mean()) if self.tuning else None,
        }


def core_joules(events: float, active: float, visits: float) -> float:
    """Synaptic events and neuron updates at Loihi's published energies."""
    counts = {"synaptic_events": events, "updates_active": active, "updates_inactive": visits - active}
    return price(counts, substrate.load("loihi"), seconds=0.0).nominal


def point(
    search: Search, found: NDArray[Any], spikes: float, events: float, active: float, steps: int
) -> dict[str, Any]:
    """One code: how well, how many, how dear."""
    visits = float(search.count * steps)
    return {
        **search.judge(found), "spikes": spikes, "synaptic_events": events, "updates_active": active,
        "updates": visits, "steps": steps, "core_joules": core_joules(events, active, visits),
    }  # fmt: skip


def latency_point(search: Search, steps: int, spikes: int | None) -> dict[str, Any]:
    """The latency code with so many spikes a query."""
    level = nn.levels(search.queries, steps=steps, spikes=spikes)
    found = (level.astype(np.float32) @ search.columns).argmax(axis=1)  # exact: sums stay below 2²⁴
    sent = float(np.mean(np.count_nonzero(level, axis=1)))
    heard = np.mean([len(np.unique(np.abs(row[row != 0]))) for row in level])  # steps in which spikes arrive
    made = point(search, found, sent, sent * search.count, float(heard) * search.count, steps)
    return made | {"code": "latency", "ones": spikes or search.features}


def counted(synapses: Synapses, active: NDArray[Any], marks: tuple[int, ...]) -> dict[int, Any]:
    """For each query ``(Q, s)`` after so many of its lines: the winner, the events, the patterns touched."""
    seen: dict[int, Any] = {mark: ([], [], []) for mark in marks}
    for lines in active:
        potential = np.zeros(synapses.neurons, dtype=np.int64)
        first = events = 0
        for mark in marks:
            rows = [synapses.targets[synapses.indptr[i] : synapses.indptr[i + 1]] for i in lines[first:mark]]
            part = np.concatenate(rows)
            potential += np.bincount(part, minlength=synapses.neurons)
            events, first = events + len(part), mark
            for column, value in zip(
                seen[mark], (int(potential.argmax()), events, int(np.count_nonzero(potential))), strict=True
            ):
                column.append(value)
    return seen


def sparse_points(
    search: Search,
    name: str,
    active: NDArray[Any],
    asked: NDArray[Any],
    lines: int,
    marks: tuple[int, ...],
    length: int,
) -> list[dict[str, Any]]:
    """A sparse code at several numbers of active lines (prefixes of the same code)."""
    out = []
    for mark, seen in counted(nn.sparse_synapses(active, lines), asked, marks).items():
        found, events, touched = (np.array(column) for column in seen)
        made = point(search, found, float(mark), float(events.mean()), float(touched.mean()), 2)
        dim = lines if length == 0 else mark * length
        made |= {"code": name, "ones": mark, "dim": dim, "by_chance": search.count * mark**2 / dim}
        out.append(made | {"touched_fraction": float(touched.mean()) / search.count})
    return out


def sparse_codes(
    search: Search, ones: tuple[int, ...], blocks: dict[int, tuple[int, ...]], seed: int
) -> list[dict[str, Any]]:
    """``strongest`` with s = ``ones``, and SimHash with blocks of each length."""
    out = []
    patterns, queries = search.rotated(seed)
    active, asked = (nn.strongest(vectors, max(ones)) for vectors in (patterns, queries))
    for count in ones:
        some = np.ascontiguousarray(active[:, :count])
        out += sparse_points(search, "strongest", some, asked[:, :count], 2 * search.features, (count,), 0)
    signs = max(max(counts) * (length.bit_length() - 1) for length, counts in blocks.items())
    # SimHash spells the signs of one projector, so both block lengths share its columns.
    projector = Projector(BSC(signs), search.features, seed=seed)
    parts = np.array_split(search.patterns, max(1, search.count // 9600))
    words = np.concatenate([projector(part) for part in parts])
    asked_words = projector(search.queries)
    for length, counts in blocks.items():
        most = max(counts)
        active, asked = (spelt(rows, most, length) for rows in (words, asked_words))
        out += sparse_points(search, f"simhash {length}", active, asked, most * length, counts, length)
    return out


def spelt(words: NDArray[np.uint64], blocks: int, length: int) -> NDArray[np.int32]:
    """Packed signs as the active lines of SimHash's blocks."""
    each = length.bit_length() - 1
    ones = np.unpackbits(words.view(np.uint8), axis=1, count=blocks * each, bitorder="little")
    index = ones.reshape(len(words), blocks, each).astype(np.int32) @ (1 << np.arange(each, dtype=np.int32))
    return nn.block_lines(index, length)


def simhash_law(count: int, features: int, cosine: float, length: int, blocks: int) -> float:
    """How often a copy (:func:`neighbours.noisy`) scores above N − 1 independent patterns, a tie shared.

    At a cosine c a pattern's matching blocks are binomial, B trials at p(c) (:func:`hdspike.encode.simhash_match`). The
    cosines of the others scatter about 0 by 1/√F, the copy's about ``cosine``; both are averaged over, as normal.
    """
    node, weight = np.polynomial.hermite_e.hermegauss(41)
    weight = weight / weight.sum()
    off = node / np.sqrt(features)
    side = np.sqrt(1.0 - cosine * cosine)
    near = (cosine + side * off) / np.sqrt(np.maximum(1.0 + 2.0 * cosine * side * off, 1e-9))
    chance, chosen = (simhash_match(np.clip(c, -1, 1), length.bit_length() - 1)[:, None] for c in (off, near))
    shared = np.arange(blocks + 1)
    rival = np.minimum(weight @ binom.cdf(shared, blocks, chance), 1.0)
    below = np.concatenate([[0.0], rival[:-1]])
    gap = rival - below
    tied = (rival**count - below**count) / (count * np.maximum(gap, 1e-300))
    sole = np.where(gap > 1e-15, tied, rival ** (count - 1))
    return float(weight @ binom.pmf(shared, blocks, chosen) @ sole)


def products(search: Search, widths: tuple[int, ...]) -> list[dict[str, Any]]:
    """The exact int8 product with the leading features: its MACs, and joules on a 7 nm processor, three ways."""
    sheet = substrate.load("a100-circuit")
    level = nn.levels(search.queries, steps=128).astype(np.float32)
    out = []
    for width in widths:
        found = (level[:, :width] @ search.columns[:width]).argmax(axis=1)
        macs, row = float(search.count * width), 8.0 * width
        ways = {
            "alone": {"dram_bits": row * search.count, "sram_bits": row * search.count},
            "shared": {"dram_bits": row * search.count / 64, "sram_bits": row * search.count / 64},
        }
        if 8 * search.count * width <= sheet.si("topology.l2_memory"):
            ways["resident"] = {"l2_bits": row * search.count}
        joules = {
            name: price({"macs_int8": macs, **reads}, sheet, seconds=0.0).nominal
            for name, reads in ways.items()
        }
        out.append({"width": width, "macs": macs, "joules": joules, **search.judge(found)})
    return out


def potentials(network: Any, steps: int) -> NDArray[np.float64]:
    """The potential of every pattern after the last step."""
    clocked = functional.Clocked(network, step_s=STEP_S)
    for _ in range(steps):
        clocked.update()
        clocked.deliver()
    return clocked.state[1][0]


def by_spikes(
    search: Search, level: NDArray[Any], synapses: Synapses, *, steps: int, sigmas: float
) -> dict[str, Any]:
    """One query of the latency code through the simulated network, every potential compared, and its race."""
    when, lines = nn.latency_query(level, steps=steps)
    threshold = sigmas * float(search.weights.std()) * float(np.linalg.norm(level))
    network = nn.ask(synapses, when, lines, ramp=True, threshold=threshold)
    activity = functional.simulate(network, steps, step_s=STEP_S)
    wanted = level.astype(np.float32) @ search.columns
    spikes = activity.spikes("patterns")
    first = spikes["time"][0] if len(spikes) else -1
    return {
        **activity.counts,
        "spikes": len(lines),
        "same": bool(np.array_equal(potentials(network, steps), wanted)),
        "first_step": int(first // activity.step_ps),
        "first": [int(n) for n in spikes["address"][spikes["time"] == first]],
    }


def on_chips(
    search: Search, chips: int, part: Any, when: Any, lines: Any, *, ramp: bool, steps: int
) -> dict[str, Any]:
    """One query on every chip in turn: ``part(chip)`` are its synapses; the chips go step by step together."""
    architecture = chip.Architecture.from_substrate(substrate.load("loihi"))
    totals: dict[str, int] = {}
    lasted = []
    active = 0
    for number in range(chips):
        synapses = part(number)
        network = nn.ask(synapses, when, lines, ramp=ramp)
        ran = chip.simulate(
            network, architecture, steps, placement=nn.spread(network, architecture), step_s=STEP_S
        )
        for name, value in ran.counts.items():
            totals[name] = totals.get(name, 0) + value
        lasted.append(ran.step_ps)
        for step in np.unique(when):
            heard = np.zeros(synapses.neurons, dtype=bool)
            for line in lines[when == step]:
                heard[synapses.targets[synapses.indptr[line] : synapses.indptr[line + 1]]] = True
            active += int(heard.sum())
    seconds = float(np.max(lasted, axis=0).sum()) * 1e-12
    counts = {
        name: totals[name] for name in ("synaptic_events", "packets", "hops_east_west", "hops_north_south")
    }
    counts |= {"updates_active": active, "updates_inactive": totals["accesses"] - active}
    bill = price(counts, substrate.load("loihi"), seconds=seconds, chips=chips)
    return {
        **counts, "visits": totals["accesses"], "soma_updates": totals["updates"], "spikes": len(lines),
        "simulated_s": seconds, "joules": bill.components, "low": bill.low, "high": bill.high, "steps": steps,
    }  # fmt: skip


def share(rows: NDArray[Any], number: int, chips: int) -> NDArray[Any]:
    """The patterns of one chip."""
    return np.array_split(rows, chips)[number]


def sparse_active(search: Search, chosen: dict[str, Any], query: Any, seed: int) -> tuple[Any, Any, int]:
    """The active lines of the patterns and of a query under the chosen sparse code, and how many lines there are."""
    if chosen["code"] == "strongest":
        patterns, asked = (nn.strongest(vectors, chosen["ones"]) for vectors in (search.patterns, query))
        return patterns, asked, 2 * search.features
    length = chosen["dim"] // chosen["ones"]
    projector = Projector(BSC(chosen["ones"] * (length.bit_length() - 1)), search.features, seed=seed)
    parts = np.array_split(search.patterns, max(1, search.count // 9600))
    words = np.concatenate([projector(part) for part in parts])
    patterns, asked = (spelt(rows, chosen["ones"], length) for rows in (words, projector(query)))
    return patterns, asked, chosen["dim"]
