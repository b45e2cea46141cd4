"""Hold the nonzeros constant while the dimension grows: what is gained, and where does it break?

Random codes of w = 32 ones in D = 256 … 1,048,576 bits. As D grows, the chance that a stranger shares half of the
ones, ``P(overlap ≥ 16)``, falls by forty orders of magnitude and a query costs fewer synaptic events, ``w²/D`` per
key; the code stores a little more. Laws: the hypergeometric tail (:func:`hdspike.theory.false_match`, exact), simulated
wherever its chance is at least 1e-4 (at lower thresholds); ``log₂ C(D, w)``; ``w²/D``.

The *dense twin* of each D is the shortest dense code that is as safe: a stranger agrees as well as a vector that lost
half of its similarity (¾ of the bits) with no greater chance. It is compared by 64-bit words. Nobody needs 1e-60: the
*dense code that does the job* is the one of 1e-12.

*Real codes* are skewed. Three are measured on the text that ships with CPython, as ``Σ_d df_d² ÷ N²`` (df_d: keys that
have bit d): *words*, each a random code, as often as the text has them; *contexts*, block b of 32 codes the suffix
n-gram of order 1 + (b mod 8) of characters; *rare contexts*, the same without the orders below 5. Two keys that share a
symbol share its ones at any D: the events fall as w²/D only down to the floor ``Σ_b c_b``, where c_b is the chance that
two keys share the symbol of block b (collision probability), and then no further.

Where the dense code wins: it is smaller where the sparse one is stored as indices and D is small, and it has nothing
that is skewed. On a CPU it wins far more often than the counts say: an event there takes as long as about 30 word-XORs
with their popcounts (two cores of one machine: 0.7–0.9 G events/s by inverted lists, 26–31 G words/s by blocked
popcounts, both measured for this project; an estimate for others), so that the events of one pair must fall below a
thirtieth of the words.

Caveats. The dense twin is compared for one false match, not for a memory of many keys. The floor is of this text. No
energy is claimed.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import bdtrc

from hdspike import encode, theory
from hdspike.datasets import builtin_text
from hdspike.plot.style import COLOURS, figure
from hdspike.spaces import BSDC, SBC

ONES, THETA, ORDER = 32, 16, 8
JOB = 1e-12
WORDS_PER_EVENT = 30
"""Word-XORs with popcounts that take as long as one event on a CPU: an estimate, see above."""
DIMS = [2**p for p in range(8, 21)]
THRESHOLDS = (1, 2, 4, 8, 16)
THRESHOLD_COLOURS = {
    1: COLOURS["sky"],
    2: COLOURS["green"],
    4: COLOURS["orange"],
    8: COLOURS["purple"],
    16: COLOURS["blue"],
}
REAL = {
    "words": ("words", COLOURS["orange"], "s"),
    "contexts": ("contexts, orders 1 … 8", COLOURS["vermilion"], "o"),
    "rare": ("contexts, orders 5 … 8", COLOURS["purple"], "^"),
}


def false_matches(dim: int, rows: int, seed: int) -> list[dict[str, Any]]:
    """Random pairs that reach each threshold whose chance is at least 1e-4, and their law.

    All pairs of two random batches: pairwise independent, so that the share has the error of independent trials.
    """
    space, random = BSDC(dim, ones=ONES), np.random.default_rng([seed, dim])
    thetas = [t for t in THRESHOLDS if 1e-4 <= theory.false_match(dim, ONES, ONES, t) < 1 - 1e-4]
    if not thetas:
        return []
    scores = space.score(space.random(rows, rng=random), space.random(rows, rng=random))
    out = []
    for theta in thetas:
        hits = int(np.count_nonzero(scores >= theta))
        low, high = theory.wilson(hits, scores.size)
        law = theory.false_match(dim, ONES, ONES, theta)
        out.append(
            {
                "theta": theta,
                "share": hits / scores.size,
                "low": low,
                "high": high,
                "pairs": scores.size,
                "theory": law,
            }
        )
    return out


def dense_twin(chance: float) -> int:
    """The shortest dense code of which a stranger agrees in ¾ of the bits with at most this chance."""
    return next(n for n in range(4, 4096, 4) if bdtrc(3 * n // 4 - 1, n, 0.5) <= chance)


def counts_of(codes: NDArray[np.int32], dim: int) -> NDArray[np.int64]:
    """How many codes have each bit: block indices become lines first."""
    length = dim // ONES
    return np.bincount((codes + length * np.arange(ONES)).ravel(), minlength=dim)


def words_of_text() -> NDArray[np.int64]:
    """The text's words, numbered, in their order."""
    text = builtin_text()
    _, words = np.unique("".join(text.symbols[t] for t in text.tokens).split(), return_inverse=True)
    return np.asarray(words, dtype=np.int64)


def collisions(labels: NDArray[np.int64]) -> float:
    """The chance that two keys share a label."""
    return float(np.square(np.bincount(labels) / len(labels)).sum())


def suffixes(tokens: NDArray[np.int64], places: NDArray[np.int64], order: int) -> NDArray[np.int64]:
    """A number for the n-gram of ``order`` that ends at each place: equal n-grams, equal numbers."""
    labels = np.zeros(len(places), dtype=np.int64)
    for j in range(order):
        _, labels = np.unique(labels * (tokens.max() + 1) + tokens[places - j], return_inverse=True)
    return labels


def real_codes(dims: list[int], keys: int, seed: int) -> dict[str, Any]:
    """Events per (query, key) of real codes at each dimension, and the floor that they tend to."""
    text, words = builtin_text(), words_of_text()
    places = np.linspace(ORDER, len(text) - 1, min(keys, len(text) - ORDER)).astype(np.int64)
    shared = [collisions(suffixes(text.tokens, places, order)) for order in range(1, ORDER + 1)]
    spaces = [SBC(dim, blocks=ONES) for dim in dims]
    out: dict[str, Any] = {
        "words": {"keys": len(words), "floor": ONES * collisions(words), "events": []},
        "contexts": {"keys": len(places), "floor": sum(shared[b % ORDER] for b in range(ONES)), "events": []},
        "rare": {"keys": len(places), "floor": sum(shared[4 + b % 4] for b in range(ONES)), "events": []},
    }
    for space in spaces:
        random = np.random.default_rng([seed, space.dim, 1])
        codes = space.random(int(words.max()) + 1, rng=random)
        uses = np.bincount(words)
        counts = np.zeros(space.dim, dtype=np.int64)
        np.add.at(counts, (codes + space.length * np.arange(ONES)).ravel(), np.repeat(uses, ONES))
        out["words"]["events"].append(theory.events_by_counts(counts, len(words)))
        items = space.random(len(text.symbols), rng=random)
        codes = encode.contexts(space, items, text.tokens, places, order=ORDER)
        out["contexts"]["events"].append(theory.events_by_counts(counts_of(codes, space.dim), len(places)))
        # orders 5 … 8 alone: four of every eight blocks, for twice as many blocks
        wide = SBC(2 * space.dim, blocks=2 * ONES)
        items = wide.random(len(text.symbols), rng=random)
        codes = encode.contexts(wide, items, text.tokens, places, order=ORDER)
        kept = codes.reshape(len(places), -1, ORDER)[:, :, 4:].reshape(len(places), ONES)
        out["rare"]["events"].append(theory.events_by_counts(counts_of(kept, space.dim), len(places)))
    for entry in out.values():
        entry["law"] = [theory.events_with_shared(dim, ONES, entry["floor"]) for dim in dims]
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Laws and simulated chances, bits, events of random and of real codes, at each dimension."""
    dims = DIMS[::3] if quick else DIMS
    laws = [theory.false_match(dim, ONES, ONES, THETA) for dim in dims]
    return {
        "question": "Hold the nonzeros constant while the dimension grows: what is gained, and where does it break?",
        "ones": ONES,
        "theta": THETA,
        "dims": dims,
        "thresholds": THRESHOLDS,
        "law": {str(t): [theory.false_match(dim, ONES, ONES, t) for dim in dims] for t in THRESHOLDS},
        "simulated": [false_matches(dim, 500 if quick else 2500, seed) for dim in dims],
        "code_bits": [theory.code_bits(dim, ONES) for dim in dims],
        "stored_bits": [ONES * (dim - 1).bit_length() for dim in dims],
        "dense_twin_bits": [dense_twin(chance) for chance in laws],
        "job": {"chance": JOB, "dense_bits": dense_twin(JOB), "words_per_event": WORDS_PER_EVENT},
        "events": [theory.events_per_pair(dim, ONES) for dim in dims],
        "keys_per_event": [theory.keys_per_event(dim, ONES) for dim in dims],
        "real": real_codes(dims, 10_000 if quick else 100_000, seed),
    }


def dims_axis(ax: Any, numbers: dict[str, Any]) -> None:
    ax.set_xscale("log", base=2)
    ax.set_xticks(
        [2**8, 2**10, 2**12, 2**14, 2**16, 2**18, 2**20],
        ["256", "1 k", "4 k", "16 k", "64 k", "256 k", "1 M"],
    )
    ax.set_xlim(0.8 * numbers["dims"][0], 1.25 * numbers["dims"][-1])
    ax.set_xlabel(f"dimension D (bits, {numbers['ones']} of them ones; 1 k = 1,024)")


def match_panel(ax: Any, numbers: dict[str, Any]) -> None:
    for theta in numbers["thresholds"]:
        colour = THRESHOLD_COLOURS[theta]
        ax.plot(numbers["dims"], numbers["law"][str(theta)], color=colour, label=f"{theta} or more of 32")
        found = [
            (dim, p)
            for dim, row in zip(numbers["dims"], numbers["simulated"], strict=True)
            for p in row
            if p["theta"] == theta
        ]
        if found:
            y = [p["share"] for _, p in found]
            spans = [[p["share"] - p["low"] for _, p in found], [p["high"] - p["share"] for _, p in found]]
            ax.errorbar([d for d, _ in found], y, yerr=spans, fmt="o", ms=4.5, color=colour, capsize=2)
    ax.set_yscale("log")
    ax.set_ylim(1e-66, 50)
    ax.axhline(1e-4, color=COLOURS["grey"], lw=1, ls=":", label="1e-4: simulated above")
    ax.set_ylabel("chance of a false match")
    first, last = numbers["law"][str(numbers["theta"])][0], numbers["law"][str(numbers["theta"])][-1]
    ax.set_title(f"Half of the ones by chance:\n{first:.0e} at D = 256, {last:.0e} at D = 1 M")
    ax.legend(loc="lower left", title="lines: exact law; points: simulation", fontsize=9, alignment="left")


def bits_panel(ax: Any, numbers: dict[str, Any]) -> None:
    x = numbers["dims"]
    ax.plot(x, numbers["stored_bits"], color=COLOURS["sky"], label="stored as indices, w·log₂D")
    ax.plot(x, numbers["code_bits"], color=COLOURS["blue"], label="information, log₂ C(D, w)")
    ax.plot(x, numbers["dense_twin_bits"], color=COLOURS["black"], ls="--", label="dense twin, as safe")
    ax.axhline(numbers["job"]["dense_bits"], color=COLOURS["black"], lw=1, label="dense, safe to 1e-12")
    ax.plot(x, x, color=COLOURS["grey"], ls=":", label="the same D, dense")
    ax.set_ylim(0, 1200)
    ax.set_ylabel("bits of one vector")
    ax.set_title(
        f"Memory: {numbers['code_bits'][0]:.0f} to {numbers['code_bits'][-1]:.0f} bits of code; the dense twin\n"
        f"takes {numbers['dense_twin_bits'][0]} to {numbers['dense_twin_bits'][-1]}, "
        f"or {numbers['job']['dense_bits']} for 1e-12"
    )
    ax.legend(loc="upper left", bbox_to_anchor=(0.21, 1.0), fontsize=9)


def events_panel(ax: Any, numbers: dict[str, Any]) -> None:
    x = numbers["dims"]
    ax.plot(x, numbers["events"], color=COLOURS["blue"], label="random codes, w²/D")
    for name, (label, colour, marker) in REAL.items():
        entry = numbers["real"][name]
        ax.plot(x, entry["events"], marker, ms=5, color=colour, label=label)
        law = entry["law"]
        ax.plot(x, law, color=colour, lw=1.2)
        ax.axhline(entry["floor"], color=colour, lw=1, ls=":")
    ax.set_yscale("log")
    ax.set_ylim(5e-4, 20)
    ax.set_ylabel("synaptic events per (query, key)")
    floors = numbers["real"]
    ax.set_title(
        f"Real codes stop falling: floors {floors['contexts']['floor']:.2f} (contexts),\n"
        f"{floors['words']['floor']:.2f} (words), {floors['rare']['floor']:.3f} (without short n-grams)"
    )
    ax.legend(loc="lower left", title="points: measured, Σ df² ÷ N²", alignment="left", fontsize=9)


def work_panel(ax: Any, numbers: dict[str, Any]) -> None:
    x, job, real = numbers["dims"], numbers["job"], numbers["real"]
    words = [-(-n // 64) for n in numbers["dense_twin_bits"]]
    enough, ends = -(-job["dense_bits"] // 64), (x[0], x[-1])
    black = COLOURS["black"]
    ax.plot(x, [d / 64 for d in x], color=COLOURS["grey"], ls=":", label="the same D, dense: words")
    ax.step(x, words, where="mid", color=black, ls="--", label="dense twin: words")
    ax.plot(ends, [enough] * 2, color=black, lw=1, label="dense, safe to 1e-12: words")
    equal = enough / job["words_per_event"]
    ax.plot(
        ends, [equal] * 2, color=black, lw=5, alpha=0.2, label="events that take as long on a CPU (estimate)"
    )
    ax.plot(
        x,
        real["contexts"]["events"],
        "o-",
        ms=4,
        color=REAL["contexts"][1],
        label="sparse, contexts 1 … 8: events",
    )
    ax.plot(
        x, real["rare"]["events"], "^-", ms=4, color=REAL["rare"][1], label="sparse, contexts 5 … 8: events"
    )
    ax.plot(x, numbers["events"], color=COLOURS["blue"], label="sparse, random: events")
    ax.set_yscale("log")
    ax.set_ylim(5e-4, 2e8)
    ax.set_ylabel("operations per (query, key), counted")
    ax.set_title(
        f"{enough} words do the job of 1e-12: on a CPU as long as {equal:.2f}\n"
        f"events, which real contexts ({real['contexts']['events'][-1]:.2f}) never reach"
        if min(real["contexts"]["events"]) > equal
        else f"{enough} words do the job of 1e-12: on a CPU as long as {equal:.2f} events"
    )
    ax.legend(loc="upper left", fontsize=9)


def draw(numbers: dict[str, Any]) -> Figure:
    """False matches, bits, events of random and real codes, and the work beside a dense twin."""
    fig, axes = figure(2, 2, size=(12.5, 9.8))
    for panel, ax in zip((match_panel, bits_panel, events_panel, work_panel), axes.ravel(), strict=True):
        dims_axis(ax, numbers)
        panel(ax, numbers)
    entry = numbers["real"]
    fig.supxlabel(
        f"Points: simulated pairs with 95 % intervals; {entry['contexts']['keys']:,} contexts and "
        f"{entry['words']['keys']:,} words of CPython's documentation.\nDotted: the floor, at which only shared "
        "symbols match. Dense twin: the shortest dense code with the same false match at half the similarity.\n"
        "A word is one 64-bit XOR and popcount: other work than an event. Counts, no prices.",
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
