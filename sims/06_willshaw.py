"""How much can one-bit synapses hold: Willshaw's associative memory filled until it errs?

Pairs of random patterns, k of n bits each, are stored in n × n one-bit synapses (:class:`hdspike.memory.Willshaw`)
and all recalled, with the threshold at the number of active inputs: from the whole input pattern, and from half of
it. Nothing stored is ever missed; what errs is *false ones*. Left: the share of synapses that are 1, against Willshaw's
law (1969). Middle: false ones per recalled pattern; the usual p₁^k takes the synapses of an output for independent, the
exact law (Knoblauch 2008) does not. Right: bits stored per synapse, where a pattern recalled with F false ones tells
``log₂ C(n, k) − log₂ C(k + F, k)`` bits of the right one.

Caveats. Patterns are random and have exactly k ones; real ones are neither, and are recalled worse. ``ln 2`` is the
limit for n → ∞ with k ≈ log₂ n at half density, and is approached so slowly that no memory that fits a computer comes
near; finite memories hold some more beyond that load, in patterns with many false ones. The information is of
hetero-association, one number per load of one memory: an interval is over ``memories`` of them. Bits per synapse is a
measure of storage, not of energy.
"""

from math import lgamma, log, sqrt
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hdspike import bits, theory
from hdspike.memory import Willshaw
from hdspike.plot.style import COLOURS, figure

SIZES = ((1000, 10), (2000, 11), (4000, 12))
SIZE_COLOURS = {"1000": COLOURS["orange"], "2000": COLOURS["green"], "4000": COLOURS["blue"]}
LOADS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5)
CURVE = [round(0.05 * i, 2) for i in range(1, 33)]


def patterns(n: int, k: int, count: int, random: np.random.Generator) -> NDArray[np.int32]:
    """``count`` patterns of k distinct lines out of n."""
    out = np.empty((count, k), dtype=np.int32)
    left = np.arange(count)
    while len(left):  # drawn again where a line came twice: uniform over sets
        out[left] = np.sort(random.integers(n, size=(len(left), k)), axis=1)
        left = left[np.any(out[left, 1:] == out[left, :-1], axis=1)]
    return out


def told(n: int, k: int, ones: NDArray[np.int64]) -> NDArray[np.float64]:
    """Bits that recalled patterns with so many ones tell of the right ones."""
    table = [
        (lgamma(m + 1) - lgamma(k + 1) - lgamma(m - k + 1)) / log(2) for m in range(k, int(ones.max()) + 1)
    ]
    whole = (lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)) / log(2)
    return whole - np.array(table)[ones - k]


def mean(values: list[float]) -> dict[str, float]:
    """Mean over memories and its standard error."""
    return {"mean": float(np.mean(values)), "se": float(np.std(values, ddof=1) / sqrt(len(values)))}


def fill(n: int, k: int, memories: int, asked: int, seed: int) -> list[dict[str, Any]]:
    """Memories filled load by load; density, false ones and information at each."""
    full = theory.willshaw_capacity(n, k)
    counts = [round(load * full) for load in LOADS]
    seen: list[dict[str, list[float]]] = [
        {"density": [], "false_whole": [], "false_half": [], "bits": []} for _ in LOADS
    ]
    random = np.random.default_rng([seed, n])
    for _ in range(memories):
        memory = Willshaw(n)
        x, y = (patterns(n, k, counts[-1], random) for _ in range(2))
        done = 0
        for load, count in zip(seen, counts, strict=True):
            memory.store(x[done:count], y[done:count])
            done = count
            some = random.choice(count, size=min(asked, count), replace=False)
            whole = bits.popcount(memory.recall(x[some]), n)
            half = bits.popcount(memory.recall(x[some, ::2]), n)
            load["density"].append(memory.density)
            load["false_whole"].append(float(whole.mean() - k))
            load["false_half"].append(float(half.mean() - k))
            load["bits"].append(float(told(n, k, whole).mean()) * count / n**2)
    return [
        {"load": load, "stored": count, **{key: mean(values) for key, values in entry.items()}}
        for load, count, entry in zip(LOADS, counts, seen, strict=True)
    ]


def laws(n: int, k: int) -> dict[str, list[float]]:
    """What theory says along the curve of loads."""
    full = theory.willshaw_capacity(n, k)
    out: dict[str, list[float]] = {
        key: [] for key in ("density", "false_whole", "false_half", "naive_whole", "naive_half", "bits")
    }
    missing = k - len(range(0, k, 2))
    for load in CURVE:
        stored = max(1, round(load * full))
        p1 = theory.willshaw_density(n, k, stored)
        out["density"].append(p1)
        out["false_whole"].append((n - k) * theory.willshaw_false_ones(n, k, stored))
        out["false_half"].append((n - k) * theory.willshaw_false_ones(n, k, stored, missing=missing))
        out["naive_whole"].append((n - k) * p1**k)
        out["naive_half"].append((n - k) * p1 ** (k - missing))
        out["bits"].append(theory.willshaw_information(n, k, stored))
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Density, false ones and information of memories of three sizes at rising load, beside the laws."""
    memories = 3 if quick else 8
    return {
        "question": "How much can one-bit synapses hold?",
        "memories": memories,
        "asked": 1000 if quick else 4000,
        "limit": log(2),
        "curve": CURVE,
        "sizes": [
            {
                "n": n,
                "k": k,
                "capacity": theory.willshaw_capacity(n, k),
                "code_bits": theory.code_bits(n, k),
                "points": fill(n, k, memories, 1000 if quick else 4000, seed),
                "laws": laws(n, k),
            }
            for n, k in (SIZES[:2] if quick else SIZES)
        ],
    }


def spots(ax: Any, entry: dict[str, Any], key: str, colour: str, **options: Any) -> None:
    """Means over memories with 95 % intervals."""
    points = entry["points"]
    ax.errorbar(
        [p["load"] for p in points],
        [p[key]["mean"] for p in points],
        yerr=[1.96 * p[key]["se"] for p in points],
        **({"fmt": "o", "ms": 5, "color": colour, "capsize": 2.5, "lw": 1.2, "zorder": 3} | options),
    )


def draw(numbers: dict[str, Any]) -> Figure:
    """Density, false ones and bits per synapse against load."""
    fig, (left, middle, right) = figure(1, 3, size=(15, 5.2))
    x = numbers["curve"]
    for entry in numbers["sizes"]:
        colour = SIZE_COLOURS[str(entry["n"])]
        law, label = entry["laws"], f"n = {entry['n']:,}, k = {entry['k']}"
        left.plot(x, law["density"], color=colour, lw=1.6)
        spots(left, entry, "density", colour, label=label)
        for key, style, filled in (("whole", "-", colour), ("half", "--", "white")):
            middle.plot(x, law[f"false_{key}"], color=colour, lw=1.6, ls=style)
            spots(middle, entry, f"false_{key}", colour, mfc=filled)
        right.plot(x, law["bits"], color=colour, lw=1.6)
        spots(right, entry, "bits", colour, label=label)
    smallest = numbers["sizes"][0]
    for key in ("whole", "half"):
        middle.plot(x, smallest["laws"][f"naive_{key}"], color="#999999", lw=1.4, ls=":")
    middle.set_yscale("log")
    middle.set_ylim(1e-5, 2000)
    middle.plot([], [], "o-", color="#333333", label="asked with all k inputs")
    middle.plot([], [], "o--", color="#333333", mfc="white", label="asked with half of them")
    middle.plot([], [], ":", color="#999999", label=f"(n − k)·p₁ᶜ, c inputs given, n = {smallest['n']:,}")
    middle.legend(loc="lower right")
    left.axhline(0.5, color=COLOURS["grey"], lw=1, ls=":")
    left.legend(loc="lower right")
    right.axhline(numbers["limit"], color=COLOURS["grey"], lw=1, ls=":")
    right.text(
        0.03,
        numbers["limit"] - 0.035,
        "ln 2 = 0.69: the limit as n → ∞, at load 1",
        color="#555555",
        fontsize=9.5,
    )
    right.set_ylim(0, 0.76)
    right.legend(loc="lower right")
    last = numbers["sizes"][-1]
    full = next(p for p in last["points"] if p["load"] == 1.0)
    left.set_title("Half of the synapses are 1 at a load of\nln 2 · n²/k² pairs, whatever the size")
    middle.set_title(
        "False ones come in at the load of half density,\nmore of them than independent synapses give"
    )
    right.set_title(
        f"{full['bits']['mean']:.3f} bits per synapse at n = {last['n']:,}\nand {full['stored']:,} pairs"
    )
    left.set_ylabel("share of synapses that are 1")
    middle.set_ylabel("false ones per recalled pattern")
    right.set_ylabel("bits stored per synapse")
    for ax in (left, middle, right):
        ax.set_xlabel("load: pairs stored ÷ (ln 2 · n²/k²)")
        ax.set_xlim(0, 1.65)
    fig.supxlabel(
        f"Points: means over {numbers['memories']} memories with 95 % intervals, {numbers['asked']:,} patterns "
        "recalled of each.  Lines: exact laws (Willshaw et al. 1969, Knoblauch 2008).",
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
