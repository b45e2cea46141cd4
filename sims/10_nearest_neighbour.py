"""What does one nearest-neighbour query cost on Loihi, as it was measured and with sparse codes?

Frady et al. 2020 (arXiv:2004.12691) asked 32 Loihi chips for the nearest of 76,800 synthetic patterns: 667–750 input
spikes to every pattern in 60 steps, 1.33 mJ of dynamic core energy. Top left: the same query (750 features in a latency
code, int8 weights; :mod:`hdspike.workloads.neighbours`), spike by spike, on 32 simulated chips, priced with the published energies of an event
(23.6 pJ) and an update (52 pJ where nothing arrived, 81 pJ where something did). Below: the same search with a sparse
code. Middle and right: how often the exact nearest neighbour is found against synaptic events and joules, for two
searches: noisy copies of independent patterns, and new vectors among crowded patterns.

How it is counted. Every potential is an integer sum, so a query's answer is that of an integer product; that the
simulated network has these potentials, every one of them, is checked on some queries, and all counts of events are
exact. Updates in the sweeps: every pattern is visited in every step. Sparse codes: ``strongest`` is BSDC
(s strongest of 750 features and their signs, no projection), SimHash a sparse block code. The latency code may spare
spikes too: only the strongest features of the query speak, with 60 or with 2 steps.

Caveats. The published spikes and steps are kept, not the published data, scaling or wiring, which were not at hand. The
prices are pre-silicon estimates. The simulated step is as long as the slowest core and one chip's barrier: links
between chips, the host and the barrier over 32 chips are not in it, so it is shorter than the measured 5.8 µs.
Encoding is not charged, to neither code; nor is the readout of the winner. The dense product is charged arithmetic and
memory arrays of a 7 nm process; Loihi is 14 nm. A code was chosen on other queries than those it is judged by.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import binom

from hdspike import chip, functional, substrate, theory
from hdspike.encode import Projector, simhash_match
from hdspike.energy import price
from hdspike.network import Synapses
from hdspike.plot.style import COLOURS, figure
from hdspike.spaces import BSC
from hdspike.workloads import neighbours as nn

CHIPS, PER_CHIP, FEATURES, STEPS = 32, 2400, 750, 60
SPIKES, STEP_SECONDS, MEASURED_J = (667, 750), 5.8e-6, 1.33e-3  # Frady et al. 2020, arXiv:2004.12691
SIGMAS = 6.0  # the threshold of the race, in deviations of an unrelated pattern's potential
SPARED = (94, 47, 32, 24, 16)  # features that speak
ONES = (40, 50, 60, 75, 100, 150)
BLOCKS = {16: (48, 96, 144, 192, 256), 64: (48, 96, 144, 192)}
WIDTHS = (750, 375, 188, 94, 47, 24)
SEARCHES = {
    "copies": {
        "decay": 0.0, "cosine": 0.6, "few_steps": 2, "what": "noisy copies (cosine 0.6) of independent patterns",
    },
    "crowd": {
        "decay": 1.0, "cosine": 0.0, "few_steps": 16, "what": "new vectors among crowded patterns (variance ∝ 1/k)",
    },
}


class Search:
    """Patterns, queries and the exact nearest neighbours; the first ``tuning`` queries only choose codes."""

    def __init__(self, count: int, asked: int, tuning: int, decay: float, cosine: float, seed: int) -> None:
        random = np.random.default_rng([seed, round(100 * decay)])
        self.patterns, deviation = nn.synthetic(count, FEATURES, decay=decay, rng=random)
        source = random.integers(count, size=asked + tuning)
        self.queries = nn.noisy(self.patterns[source], deviation, cosine, rng=random)
        exact = self.queries @ self.patterns.T
        self.true = exact.argmax(axis=1)
        ordered = -np.partition(-exact, 1, axis=1)[:, :2]
        self.gap = float(np.mean(ordered[:, 0] - ordered[:, 1]))
        self.count, self.tuning = count, tuning
        self.weights = nn.weights_of(self.patterns)
        self.columns = np.ascontiguousarray(self.weights.T, dtype=np.float32)
        spread = deviation.astype(np.float64) ** 2
        self.effective = float(spread.sum() ** 2 / np.sum(spread**2))

    def rotated(self, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Patterns and queries turned at random, so that no feature is larger than others; as they are if none is."""
        if self.effective > FEATURES - 1:
            return self.patterns, self.queries
        turn = np.linalg.qr(np.random.default_rng([seed, 1]).standard_normal((FEATURES, FEATURES)))[0]
        return self.patterns @ turn.astype(np.float32), self.queries @ turn.astype(np.float32)

    def judge(self, found: NDArray[Any]) -> dict[str, float]:
        """Top-1 on the queries that judge, its 95 % interval, and on those that choose."""
        right = found == self.true
        hits, trials = int(right[self.tuning :].sum()), len(right) - self.tuning
        low, high = theory.wilson(hits, trials)
        return {"top1": hits / trials, "low": low, "high": high, "tuning": float(right[: self.tuning].mean())}


def core_joules(events: float, active: float, visits: float) -> float:
    """Synaptic events and neuron updates at Loihi's published energies."""
    counts = {"synaptic_events": events, "updates_active": active, "updates_inactive": visits - active}
    return price(counts, substrate.load("loihi"), seconds=0.0).nominal


def point(search: Search, found: NDArray[Any], spikes: float, events: float, active: float, steps: int) -> dict[str, Any]:
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
    return made | {"code": "latency", "ones": spikes or FEATURES}


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
                seen[mark], (potential.argmax(), events, np.count_nonzero(potential)), strict=True
            ):
                column.append(int(value))
    return seen


def sparse_points(
    search: Search, name: str, active: NDArray[Any], asked: NDArray[Any], lines: int, marks: tuple[int, ...], length: int
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


def sparse_codes(search: Search, ones: tuple[int, ...], blocks: dict[int, tuple[int, ...]], seed: int) -> list[dict[str, Any]]:
    """``strongest`` with s = ``ones``, and SimHash with blocks of each length."""
    out = []
    patterns, queries = search.rotated(seed)
    for count in ones:
        active, asked = nn.strongest(patterns, count), nn.strongest(queries, count)
        out += sparse_points(search, "strongest", active, asked, 2 * FEATURES, (count,), 0)
    signs = max(max(counts) * (length.bit_length() - 1) for length, counts in blocks.items())
    # SimHash spells the signs of one projector, so both block lengths share its columns.
    projector = Projector(BSC(signs), FEATURES, seed=seed)
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


def simhash_law(search: Search, cosine: float, length: int, blocks: int) -> float:
    """How often a copy at this cosine wins N − 1 independent ones, a tie shared: B trials at p against B at 1/L."""
    shared = np.arange(blocks + 1)
    rival = binom.cdf(shared, blocks, 1 / length)
    below = np.concatenate([[0.0], rival[:-1]])
    n = search.count
    gap = rival - below
    sole = np.where(gap > 1e-15, (rival**n - below**n) / (n * np.maximum(gap, 1e-300)), rival ** (n - 1))
    return float(binom.pmf(shared, blocks, simhash_match(cosine, length.bit_length() - 1)) @ sole)


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
        if search.count * width <= sheet.si("topology.l2_memory"):
            ways["resident"] = {"l2_bits": row * search.count}
        joules = {
            name: price({"macs_int8": macs, **reads}, sheet, seconds=0.0).nominal for name, reads in ways.items()
        }
        out.append({"width": width, "macs": macs, "joules": joules, **search.judge(found)})
    return out


def by_spikes(search: Search, level: NDArray[Any], synapses: Synapses) -> dict[str, Any]:
    """One query of the latency code through the simulated network, every potential compared, and its race."""
    when, lines = nn.latency_query(level, steps=STEPS)
    threshold = SIGMAS * float(search.weights.std()) * float(np.linalg.norm(level))
    network = nn.ask(synapses, when, lines, ramp=True, threshold=threshold)
    activity = functional.simulate(network, STEPS, step_s=nn.STEP_S)
    wanted = level.astype(np.float32) @ search.columns
    spikes = activity.spikes("patterns")
    first = spikes["time"][0] if len(spikes) else -1
    return {
        **activity.counts,
        "spikes": len(lines),
        "same": bool(np.array_equal(potentials(network, STEPS), wanted)),
        "first_step": int(first // activity.step_ps),
        "first": [int(n) for n in spikes["address"][spikes["time"] == first]],
    }


def potentials(network: Any, steps: int) -> NDArray[np.float64]:
    """The potential of every pattern after the last step."""
    clocked = functional.Clocked(network, step_s=nn.STEP_S)
    for _ in range(steps):
        clocked.update()
        clocked.deliver()
    return clocked.state[1][0]


def on_chips(search: Search, chips: int, part: Any, when: Any, lines: Any, *, ramp: bool, steps: int) -> dict[str, Any]:
    """One query on every chip in turn: ``part(chip)`` are its synapses; the chips go step by step together."""
    architecture = chip.Architecture.from_substrate(substrate.load("loihi"))
    totals: dict[str, int] = {}
    lasted = []
    active = 0
    for number in range(chips):
        synapses = part(number)
        network = nn.ask(synapses, when, lines, ramp=ramp)
        ran = chip.simulate(
            network, architecture, steps, placement=nn.spread(network, architecture), step_s=nn.STEP_S
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
    counts = {name: totals[name] for name in ("synaptic_events", "packets", "hops_east_west", "hops_north_south")}
    counts |= {"updates_active": active, "updates_inactive": totals["accesses"] - active}
    bill = price(counts, substrate.load("loihi"), seconds=seconds, chips=chips)
    return {
        **counts, "visits": totals["accesses"], "soma_updates": totals["updates"], "spikes": len(lines),
        "simulated_s": seconds, "joules": bill.components, "low": bill.low, "high": bill.high, "steps": steps,
    }  # fmt: skip


def published(patterns: int) -> dict[str, Any]:
    """The derived band and the measurement, for this many patterns (the measurement is of 76,800)."""
    sheet = substrate.load("loihi")
    events = [patterns * spikes for spikes in SPIKES]
    visits = patterns * STEPS
    joules = [price({"synaptic_events": e, "updates_inactive": visits}, sheet, seconds=0.0).nominal for e in events]
    return {"events": events, "updates": visits, "joules": joules, "measured_joules": MEASURED_J}


def rebuilt(search: Search, chips: int, simulated: int) -> dict[str, Any]:
    """The measured query on the functional runner (several queries) and on every chip (the first one)."""
    level = nn.levels(search.queries[search.tuning :], steps=STEPS)
    synapses = nn.signed_synapses(search.weights)
    runs = [by_spikes(search, row, synapses) for row in level[:simulated]]
    del synapses
    true = search.true[search.tuning :]
    right = [true[i] in run["first"] for i, run in enumerate(runs)]
    made = on_chips(
        search, chips, lambda c: nn.signed_synapses(share(search.weights, c, chips)),
        *nn.latency_query(level[0], steps=STEPS), ramp=True, steps=STEPS,
    )  # fmt: skip
    if made["synaptic_events"] != runs[0]["synaptic_events"] or not all(run["same"] for run in runs):
        raise RuntimeError("the chips, the network and the integer product must agree")
    rule = {"synaptic_events": made["synaptic_events"], "updates_inactive": made["visits"]}
    static = substrate.load("loihi").si("power.static") * chips
    return {
        "runs": [run | {"first": len(run["first"])} for run in runs],
        "race": {"right": int(sum(right)), "asked": len(runs)},
        "chips": made,
        "by_the_derived_rule": price(rule, substrate.load("loihi"), seconds=0.0).nominal,
        "static_at_measured_steps": static * STEPS * STEP_SECONDS,
    }


def share(rows: NDArray[Any], number: int, chips: int) -> NDArray[Any]:
    """The patterns of one chip."""
    return np.array_split(rows, chips)[number]


def choose(points: list[dict[str, Any]], least: float) -> dict[str, Any]:
    """The cheapest code that finds no fewer of the tuning queries."""
    return min((p for p in points if p["tuning"] >= least), key=lambda p: p["core_joules"])


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """The measured query rebuilt; both codes swept over two searches; the chosen ones on every chip."""
    chips = 1 if quick else CHIPS
    count = chips * PER_CHIP
    ones, blocks = ((50, 75, 100), {64: (96, 144)}) if quick else (ONES, BLOCKS)
    searches, out = {}, {}
    for name, kind in SEARCHES.items():
        asked, tuning = (60, 30) if quick else ((300, 100) if name == "copies" else (200, 0))
        search = Search(count, asked, tuning, kind["decay"], kind["cosine"], seed)
        entry = {
            **kind, "asked": asked, "gap": search.gap, "effective_features": search.effective,
            "latency": [latency_point(search, STEPS, None)]
            + [latency_point(search, STEPS, spikes) for spikes in (SPARED[:2] if quick else SPARED)],
            "spared": [latency_point(search, kind["few_steps"], spikes) for spikes in (SPARED[1:3] if quick else SPARED)],
            "sparse": sparse_codes(search, ones, blocks, seed),
            "products": products(search, WIDTHS[::2] if quick else WIDTHS),
        }  # fmt: skip
        for p in entry["sparse"]:
            if p["code"].startswith("simhash") and name == "copies":
                p["law"] = simhash_law(search, kind["cosine"], p["dim"] // p["ones"], p["ones"])
        out[name] = entry
        searches[name] = search if name == "copies" else None
    search, entry = searches["copies"], out["copies"]
    full = entry["latency"][0]
    spared = choose(entry["latency"] + entry["spared"], full["tuning"])
    sparse = choose(entry["sparse"], full["tuning"])
    measured = rebuilt(search, chips, 2 if quick else 6)
    query = search.queries[search.tuning : search.tuning + 1]
    level = nn.levels(query, steps=spared["steps"], spikes=spared["ones"])[0]
    cheap = on_chips(
        search, chips, lambda c: nn.signed_synapses(share(search.weights, c, chips)),
        *nn.latency_query(level, steps=spared["steps"]), ramp=True, steps=spared["steps"],
    )  # fmt: skip
    active, asked_lines, lines = sparse_active(search, sparse, query, seed)
    thin = on_chips(
        search, chips, lambda c: nn.sparse_synapses(share(active, c, chips), lines),
        np.zeros(asked_lines.shape[1], dtype=np.int64), asked_lines[0].astype(np.int64), ramp=False, steps=2,
    )  # fmt: skip
    return {
        "question": "What does one nearest-neighbour query cost on Loihi, as measured and with sparse codes?",
        "patterns": count,
        "chips": chips,
        "features": FEATURES,
        "published": published(count),
        "rebuilt": measured,
        "searches": out,
        "chosen": {
            "full": {"sweep": full, "chips": measured["chips"]},
            "spared": {"sweep": spared, "chips": cheap},
            "sparse": {"sweep": sparse, "chips": thin},
        },
        "fewer_events": {
            "than_full": full["synaptic_events"] / sparse["synaptic_events"],
            "than_spared": spared["synaptic_events"] / sparse["synaptic_events"],
        },
        "fewer_core_joules": {
            "than_full": full["core_joules"] / sparse["core_joules"],
            "than_spared": spared["core_joules"] / sparse["core_joules"],
        },
    }


def sparse_active(search: Search, chosen: dict[str, Any], query: Any, seed: int) -> tuple[Any, Any, int]:
    """The active lines of the patterns and of a query under the chosen sparse code, and how many lines there are."""
    if chosen["code"] == "strongest":
        return nn.strongest(search.patterns, chosen["ones"]), nn.strongest(query, chosen["ones"]), 2 * FEATURES
    length = chosen["dim"] // chosen["ones"]
    projector = Projector(BSC(chosen["ones"] * (length.bit_length() - 1)), FEATURES, seed=seed)
    parts = np.array_split(search.patterns, max(1, search.count // 9600))
    words = np.concatenate([projector(part) for part in parts])
    return spelt(words, chosen["ones"], length), spelt(projector(query), chosen["ones"], length), chosen["dim"]
