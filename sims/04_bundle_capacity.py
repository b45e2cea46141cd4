"""How many vectors does one hypervector hold, and how long must it be to hold more?

*Recall*: a record of K role-filler pairs in 10,000 stored bits, as a dense code (``bsc``: 10,000 bits, majority) and
as a sparse block code (``sbc``: 1,000 blocks of 1,024 values, mode). Each filler is one of M = 1000 items and is
recalled by unbinding its role. The exact law (:func:`hdspike.theory.retrieval`) is drawn through the points.

*Length*: the smallest dimension at which 99 % of the k members of a bundle are among its k nearest of 1000 items, by
the protocol of Schlegel, Neubert & Protzel (2021), whose published points stand beside ours: BSC, and BSDC-SEG (√D
blocks of √D places, OR without thinning). Our points are means of many runs; the bars span what experiments of ten
runs each, as theirs were, find (their grid ends at 1,600).

*Bits per member*: stored bits that one more member costs at an error of 1 %, by the exact law, against the number of
items. *Information*: what all members together tell, per stored bit (Frady, Kleyko & Sommer 2018), beside what a
majority of many vectors can tell at most, 1/(π ln 2) = 0.459 bits, and the ½ bit that a sum before its threshold
reaches in practice.

Caveats. Items are independent and random: real, correlated items are recalled worse. The OR is not a vector of the
space it bundles: it is D bits long where its members are √D indices, and it fills up. The law of the share among the
nearest takes the scores of members for independent; it is drawn through the dense points as an approximation (off by
less than 0.1 % of the members here), and is exact for the OR. Equal storage is not equal work: no energy is claimed.
Intervals are 95 %, from the spread between records.
"""

from math import ceil, log, log2, pi
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hdspike import bits, theory
from hdspike.encode import record
from hdspike.memory import ItemMemory
from hdspike.plot.style import COLOURS, figure
from hdspike.spaces import BSC, SBC, Space

ITEMS = 1000
STORED = 10_000
LENGTH = {"bsc": 2, "sbc": 1024}
PLACES = {"bsc": 10_000, "sbc": 1000}
SCHLEGEL = {
    "bsc": {5: 196, 11: 676, 15: 784, 21: 900, 31: 1444},
    "or": {5: 144, 11: 256, 15: 324, 21: 400, 31: 576},
}
CODE_COLOURS = {"bsc": COLOURS["vermilion"], "sbc": COLOURS["blue"], "or": COLOURS["green"]}


def make(name: str) -> Space:
    """The space of 10,000 stored bits."""
    places = PLACES[name]
    return BSC(places) if name == "bsc" else SBC(places * LENGTH[name], blocks=places)


def recall(name: str, k: int, records: int, seed: int) -> dict[str, Any]:
    """Share of fillers recalled from records of k pairs, each with fresh items."""
    space, random = make(name), np.random.default_rng([seed, k, PLACES[name]])
    shares = []
    for _ in range(records):
        items, roles = space.random(ITEMS, rng=random), space.random(k, rng=random)
        fillers = random.integers(ITEMS, size=k)
        queries = space.bind(record(space, roles, items[fillers]), space.inverse(roles))
        shares.append(float(np.mean(ItemMemory(space, items).cleanup(queries) == fillers)))
    return {
        "pairs": k,
        "records": records,
        "recall": float(np.mean(shares)),
        "error": float(np.std(shares, ddof=1) / records**0.5),
        "theory": theory.retrieval(PLACES[name], ITEMS, k, length=LENGTH[name]),
    }


def among_nearest(code: str, dim: int, k: int, runs: int, random: np.random.Generator) -> Any:
    """The share of k members among the k nearest of fresh items, in each of some runs."""
    shares = np.empty(runs)
    for run in range(runs):
        members = random.permutation(ITEMS)[:k]
        if code == "bsc":
            items = bits.random(ITEMS, dim, rng=random)
            scores = -bits.hamming(bits.majority(items[members], dim)[None], items, dim)[0]
        else:
            space = SBC(dim, blocks=round(dim**0.5))
            items = space.to_words(space.random(ITEMS, rng=random))
            scores = bits.popcount(items & np.bitwise_or.reduce(items[members]), dim)
        near = np.argsort(-scores, kind="stable")[:k]
        shares[run] = np.count_nonzero(np.isin(near, members)) / k
    return shares


def smallest(code: str, k: int, runs: int, seed: int) -> dict[str, Any]:
    """The smallest dimension of Schlegel's grid that finds 99 % of k members: in the mean, and ten runs at a time."""
    random, grid = np.random.default_rng([seed, k, len(code)]), theory.SQUARES
    middle = grid.index(theory.smallest_top(ITEMS, k, code=code) or grid[-1])
    near = range(max(0, middle - 3), min(len(grid), middle + 3))
    found = np.array([among_nearest(code, grid[i], k, runs, random) for i in near])
    tens = found.reshape(len(near), -1, 10).mean(axis=2) >= 0.99
    draws = [grid[near[int(np.argmax(column))]] for column in tens.T if column.any()]
    reached = np.flatnonzero(found.mean(axis=1) >= 0.99)
    return {
        "k": k,
        "published": SCHLEGEL[code][k],
        "simulated": grid[near[int(reached[0])]] if len(reached) else None,
        "least_of_tens": min(draws),
        "most_of_tens": max(draws),
        "runs": runs,
        "law": theory.smallest_top(ITEMS, k, code=code),
    }


def needed(code: str, k: int) -> int:
    """The smallest dimension off the grid, by law: any D (bsc), any square (or)."""
    step, low, high = 8, 0, 320 if code == "bsc" else 40  # in steps of 8 bits, or sides of the square
    while high - low > 1:
        middle = (low + high) // 2
        if code == "bsc":
            enough = theory.top_share(step * middle, ITEMS, k) >= 0.99
        else:
            enough = middle > 1 and theory.top_share_or(middle, middle, ITEMS, k) >= 0.99
        low, high = (low, middle) if enough else (middle, high)
    return step * high if code == "bsc" else high * high


def per_member(items: int, k: int) -> dict[str, float]:
    """Stored bits of a bundle per member, at an error of 1 %."""
    out = {"bsc": theory.smallest_dim(items, k, 0.01, members="sequence") / k}
    for length in (16, 1024):
        blocks = theory.smallest_dim(items, k, 0.01, members="sequence", length=length)
        out[f"sbc_{length}"] = blocks * log2(length) / k
    length = 2 ** round(log2(k / log(2)))
    blocks = theory.smallest_union(items, k, 0.01, length=length, members="sequence")
    out["or"] = blocks * length / k
    return out


def information(name: str, pairs: list[int]) -> dict[str, Any]:
    """Bits that all pairs together tell, per stored bit."""
    told = [
        k
        * theory.retrieved_bits(ITEMS, theory.retrieval(PLACES[name], ITEMS, k, length=LENGTH[name]))
        / STORED
        for k in pairs
    ]
    best = int(np.argmax(told))
    bound = theory.bundle_bits(pairs[best], length=LENGTH[name]) * PLACES[name] / STORED
    return {"bits": told, "best_pairs": pairs[best], "best_bits": told[best], "bound_there": bound}


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Recall against K, smallest dimensions, bits per member and information."""
    pairs = [101, 201, 401, 801] if quick else [51, 101, 151, 201, 251, 301, 401, 501, 651, 801]
    curve = sorted({round(11 * 1.12**i) | 1 for i in range(40)})
    sizes = list(SCHLEGEL["bsc"])
    return {
        "question": "How many vectors does one hypervector hold?",
        "items": ITEMS,
        "stored_bits": STORED,
        "places": PLACES,
        "length": LENGTH,
        "recall": {
            name: [recall(name, k, max(4, ceil((1500 if quick else 12_000) / k)), seed) for k in pairs]
            for name in PLACES
        },
        "curve": curve,
        "law": {
            name: [theory.retrieval(places, ITEMS, k, length=LENGTH[name]) for k in curve]
            for name, places in PLACES.items()
        },
        "capacity": {
            name: theory.capacity(places, ITEMS, law="sequence", length=LENGTH[name])
            for name, places in PLACES.items()
        },
        "capacity_normal": {str(n): theory.capacity(n, ITEMS) for n in (5_000, 10_000, 20_000)},
        "smallest": {
            code: [smallest(code, k, 10 if quick else 200, seed) for k in sizes] for code in SCHLEGEL
        },
        "smallest_law": {code: [[k, needed(code, k)] for k in range(3, 36, 2)] for code in SCHLEGEL},
        "per_member": {
            "pairs": 100,
            "items": [10**p for p in range(1, 7)],
            "bits": [per_member(10**p, 100) for p in range(1, 7)],
        },
        "information": {name: information(name, curve) for name in PLACES},
        "information_limit": {"majority": 1 / (pi * log(2)), "sum_in_practice": 0.5},
    }


def recall_panel(ax: Any, numbers: dict[str, Any]) -> None:
    names = {"bsc": "bsc: 10,000 dense bits", "sbc": "sbc: 1,000 blocks of 1,024"}
    for name, points in numbers["recall"].items():
        colour = CODE_COLOURS[name]
        ax.plot(numbers["curve"], [100 * p for p in numbers["law"][name]], color=colour, lw=1.6)
        y = [100 * p["recall"] for p in points]
        bar = [196 * p["error"] for p in points]
        ax.errorbar(
            [p["pairs"] for p in points],
            y,
            yerr=bar,
            fmt="o",
            ms=5,
            color=colour,
            capsize=2.5,
            label=names[name],
        )
        ax.plot([numbers["capacity"][name]] * 2, [0, 99], color=colour, lw=1, ls=":")
    ax.axhline(99, color=COLOURS["grey"], lw=1, ls="--")
    ax.text(12, 95.5, "99 %", color="#555555", fontsize=10, va="top")
    ax.set_xscale("log")
    ax.set_xticks([10, 30, 100, 300, 1000], ["10", "30", "100", "300", "1,000"])
    ax.set_xlim(10, 1000)
    ax.set_ylim(0, 103)
    ax.set_xlabel("pairs in one record, K")
    ax.set_ylabel("fillers recalled (%)")
    held = numbers["capacity"]
    ax.set_title(f"10,000 stored bits hold {held['bsc']} pairs (bsc)\nor {held['sbc']} (sbc) at 99 %")
    ax.legend(loc="lower left", title="points: simulation; lines: exact law", alignment="left")


def length_panel(ax: Any, numbers: dict[str, Any]) -> None:
    names = {"bsc": "dense, majority (BSC)", "or": "blocks, OR (BSDC-SEG)"}
    for code, entries in numbers["smallest"].items():
        colour, law = CODE_COLOURS[code], numbers["smallest_law"][code]
        ax.plot([k for k, _ in law], [d for _, d in law], color=colour, lw=1.6, label=f"{names[code]}, law")
        shown = [e for e in entries if e["simulated"]]
        y = [e["simulated"] for e in shown]
        spans = [
            [max(0, e["simulated"] - e["least_of_tens"]) for e in shown],
            [max(0, e["most_of_tens"] - e["simulated"]) for e in shown],
        ]
        ax.errorbar([e["k"] + 0.35 for e in shown], y, yerr=spans, fmt="o", ms=5, color=colour, capsize=2.5,
                    label="simulated, ten-run span")  # fmt: skip
        ax.plot([e["k"] - 0.35 for e in entries], [e["published"] for e in entries], "D", ms=7, mfc="white",
                mec=colour, mew=1.6, label="published 2021")  # fmt: skip
    ax.set_xlabel("members of a bundle, k")
    ax.set_ylabel("smallest dimension D (bits)")
    ax.set_ylim(0, 1950)
    ax.set_xlim(2, 36)
    last = {code: entries[-1] for code, entries in numbers["smallest"].items()}
    ax.set_title(
        f"99 % of {last['bsc']['k']} members among the nearest of 1,000:\nD = {last['bsc']['law']:,} by law, "
        f"{last['bsc']['published']:,} published; OR {last['or']['law']}, {last['or']['published']}"
    )
    ax.legend(loc="upper left", fontsize=9)


def member_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["per_member"]
    looks = {
        "bsc": ("dense bits, majority", CODE_COLOURS["bsc"], "o-"),
        "sbc_16": ("blocks of 16, mode", COLOURS["sky"], "s-"),
        "sbc_1024": ("blocks of 1,024, mode", CODE_COLOURS["sbc"], "^-"),
        "or": ("blocks of 128, OR", CODE_COLOURS["or"], "v-"),
    }
    for name, (label, colour, line) in looks.items():
        ax.plot(entry["items"], [b[name] for b in entry["bits"]], line, ms=5, color=colour, label=label)
    ax.plot([1000], [51.7], "D", ms=11, mfc="none", mec="black", label="51.7, textbook (normal)")
    ax.set_xscale("log")
    ax.set_ylim(0, None)
    ax.set_xlabel("items to tell apart, M")
    ax.set_ylabel("stored bits per pair")
    at = entry["bits"][entry["items"].index(1000)]
    ax.set_title(
        f"1 % error, K = {entry['pairs']} pairs of 1,000 items: {at['bsc']:.1f} bits\nper pair dense, "
        f"{at['sbc_16']:.1f} in blocks of 16, {at['or']:.1f} by OR"
    )
    ax.legend(loc="upper left")


def information_panel(ax: Any, numbers: dict[str, Any]) -> None:
    for name, entry in numbers["information"].items():
        ax.plot(numbers["curve"], entry["bits"], color=CODE_COLOURS[name], label=name)
        ax.plot([entry["best_pairs"]], [entry["best_bits"]], "o", color=CODE_COLOURS[name])
    limit = numbers["information_limit"]
    ax.axhline(limit["sum_in_practice"], color=COLOURS["grey"], ls="--", lw=1)
    ax.text(
        11,
        limit["sum_in_practice"] + 0.008,
        "½: a sum before its threshold, in practice",
        fontsize=10,
        color="#555555",
    )
    ax.axhline(limit["majority"], color=CODE_COLOURS["bsc"], ls=":", lw=1.2)
    ax.text(
        11,
        limit["majority"] - 0.008,
        "0.459: a majority, at most",
        fontsize=10,
        color=CODE_COLOURS["bsc"],
        va="top",
    )
    ax.set_xscale("log")
    ax.set_xticks([10, 30, 100, 300, 1000], ["10", "30", "100", "300", "1,000"])
    ax.set_xlim(10, 1000)
    ax.set_ylim(0, 0.56)
    ax.set_xlabel("pairs in one record, K")
    ax.set_ylabel("information per stored bit (bits)")
    best = numbers["information"]
    ax.set_title(
        f"Most information: {best['bsc']['best_bits']:.2f} bits per bit at K = {best['bsc']['best_pairs']} (bsc),\n"
        f"{best['sbc']['best_bits']:.2f} at K = {best['sbc']['best_pairs']} (sbc), by the exact law"
    )
    ax.legend(loc="center left", bbox_to_anchor=(0.0, 0.62))


def draw(numbers: dict[str, Any]) -> Figure:
    """Recall against K, the smallest dimensions, bits per member and information per bit."""
    fig, axes = figure(2, 2, size=(12.5, 9.6))
    recall_panel(axes[0][0], numbers)
    length_panel(axes[0][1], numbers)
    member_panel(axes[1][0], numbers)
    information_panel(axes[1][1], numbers)
    fig.supxlabel(
        "Items are independent and random. Bars: 95 % intervals (recall); the span of experiments of ten runs each, as "
        "published (dimensions).\nThe OR keeps every member but is longer than they are, and fills up. "
        "Published: Schlegel, Neubert & Protzel 2021.",
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
