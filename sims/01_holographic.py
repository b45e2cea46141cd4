"""Cut away, or damage, a growing share of a hypervector: what is still recalled?

A record of K role-filler pairs ``[Σ role_i ⊗ item_i]`` is one hypervector. Each filler is one of M = 1000 items,
and is recalled by unbinding its role and taking the nearest item. The record is then *cut* to its first part
(what is lost is really gone: roles and items are compared on the rest alone) or *damaged* (each place is
changed with some chance). Two codes that store the same 10,000 bits: ``bsc``, 10,000 dense bits, and ``sbc``,
1,000 blocks of 1,024 values. The exact law (:func:`hdspike.theory.retrieval`) is drawn through both; the
textbook's normal approximation, for bsc alone, lightly.

The lesion law: recall depends on K and on what is left almost only through the bits left per stored pair. Half
a vector recalls as if twice as many pairs had been stored; no pair is lost as such, all get a little worse. For
bsc the curves of all K coincide to a few tenths of a percent; for sbc they only lie near each other.

Caveats. The items are independent and random, as the theory assumes: real, correlated items are recalled worse.
A record unbinds each filler among M − 1 rivals; a bundled *set*, whose members are not each other's rivals, is
recalled a little better (theory: ``members="set"``). The law for sbc is exact for this mode bundle, derived in
:func:`hdspike.theory.mode_agreement`; its normal approximation would be poor and is not drawn. Equal storage is
not equal work: no energy is claimed here. Intervals are 95 % Wilson intervals over the number of *effective*
trials, since the K trials of one record share its accidents.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hdspike import bits, theory
from hdspike.encode import record
from hdspike.memory import ItemMemory
from hdspike.plot.style import COLOURS, figure
from hdspike.spaces import BSC, SBC, Space

ITEMS = 1000
PLACES = {"bsc": 10_000, "sbc": 1_000}
LENGTH = {"bsc": 2, "sbc": 1_024}
BITS_PER_PLACE = {"bsc": 1, "sbc": 10}
PAIRS = (51, 101, 201)
PAIR_COLOURS = {51: COLOURS["green"], 101: COLOURS["orange"], 201: COLOURS["blue"]}
CURVE = [round(0.02 * i, 2) for i in range(50)]


def make(name: str, places: int) -> Space:
    """A space of ``places`` bits (bsc) or blocks (sbc)."""
    return BSC(places) if name == "bsc" else SBC(places * LENGTH[name], blocks=places)


def cut(name: str, vectors: NDArray[Any], places: int) -> NDArray[Any]:
    """The first ``places`` bits or blocks of each vector."""
    if name == "sbc":
        return vectors[..., :places]
    head = vectors[..., : bits.word_count(places)].copy()
    head[..., -1] &= bits.tail_mask(places)
    return head


def damage(space: Space, rate: float, random: np.random.Generator) -> NDArray[Any]:
    """A vector that, bound to another, changes each of its places to another value with chance ``rate``."""
    hit = random.random(space.top_score) < rate
    if isinstance(space, SBC):
        return np.where(hit, random.integers(1, space.length, size=len(hit)), 0).astype(np.int32)
    return bits.pack(hit)


def right(space: Space, items: NDArray[Any], queries: NDArray[Any], fillers: NDArray[np.int64]) -> int:
    """How many queries are nearest to their own filler."""
    return int(np.count_nonzero(ItemMemory(space, items).cleanup(queries) == fillers))


def one_record(name: str, k: int, random: np.random.Generator) -> tuple[Space, Any, Any, Any]:
    """Fresh items, and a fresh record of K pairs unbound from each of its roles."""
    space = make(name, PLACES[name])
    items, roles = space.random(ITEMS, rng=random), space.random(k, rng=random)
    fillers = random.integers(ITEMS, size=k)
    return space, items, space.bind(record(space, roles, items[fillers]), space.inverse(roles)), fillers


def counted(hits: list[int], k: int, law: float) -> dict[str, float]:
    """Recall over records of K trials, its interval and its law.

    The trials of one record are not independent: their number is divided by the design effect, the variance
    between records over that of independent trials.
    """
    share, trials = sum(hits) / (k * len(hits)), k * len(hits)
    effect = 1.0
    if 0 < share < 1 and len(hits) > 2:
        effect = max(1.0, float(np.var(np.array(hits) / k, ddof=1)) * k / (share * (1 - share)))
    effective = trials / effect
    low, high = theory.wilson(share * effective, effective)
    return {
        "recall": share,
        "low": low,
        "high": high,
        "trials": trials,
        "effective_trials": effective,
        "theory": law,
    }


def law(name: str, k: int, *, lost: float = 0.0, rate: float = 0.0) -> float:
    """The exact law for one setting."""
    places = round(PLACES[name] * (1 - lost))
    return theory.retrieval(places, ITEMS, k, error=rate, length=LENGTH[name])


def normal(k: int, *, lost: float = 0.0, rate: float = 0.0) -> float:
    """The normal approximation for one setting of bsc."""
    return theory.retrieval_normal(round(PLACES["bsc"] * (1 - lost)), ITEMS, k, error=rate)


def sweep(
    name: str, k: int, records: int, cuts: list[float], rates: list[float], seed: int
) -> dict[str, Any]:
    """Recall of ``records`` records of K pairs, cut by each share of ``cuts`` and damaged at each of ``rates``."""
    random = np.random.default_rng([seed, k, PLACES[name]])
    cut_hits: list[list[int]] = [[] for _ in cuts]
    damage_hits: list[list[int]] = [[] for _ in rates]
    for _ in range(records):
        space, items, queries, fillers = one_record(name, k, random)
        for hits, lost in zip(cut_hits, cuts, strict=True):
            places = round(PLACES[name] * (1 - lost))
            rest = make(name, places)
            hits.append(right(rest, cut(name, items, places), cut(name, queries, places), fillers))
        for hits, rate in zip(damage_hits, rates, strict=True):
            worn = space.bind(queries, damage(space, rate, random))
            hits.append(right(space, items, worn, fillers))
    out: dict[str, Any] = {
        "cut": [
            {"lost": lost, **counted(hits, k, law(name, k, lost=lost))}
            for lost, hits in zip(cuts, cut_hits, strict=True)
        ],
        "damage": [
            {"rate": rate, **counted(hits, k, law(name, k, rate=rate))}
            for rate, hits in zip(rates, damage_hits, strict=True)
        ],
        "cut_law": [law(name, k, lost=x) for x in CURVE],
        "damage_law": [law(name, k, rate=x) for x in CURVE],
    }
    if name == "bsc":
        out["cut_normal"] = [normal(k, lost=x) for x in CURVE]
        out["damage_normal"] = [normal(k, rate=x) for x in CURVE]
    return out


def lesion(name: str, k: int, lost: float, records: int, seed: int) -> dict[str, Any]:
    """Recall of many records at one setting."""
    random = np.random.default_rng([seed, k, PLACES[name], 7])
    places = round(PLACES[name] * (1 - lost))
    hits = []
    for _ in range(records):
        _, items, queries, fillers = one_record(name, k, random)
        hits.append(right(make(name, places), cut(name, items, places), cut(name, queries, places), fillers))
    out = {"pairs": k, "lost": lost, "places": places, **counted(hits, k, law(name, k, lost=lost))}
    if name == "bsc":
        out["normal"] = normal(k, lost=lost)
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Recall of cut and damaged records of both codes, beside the laws."""
    records = 4 if quick else 24
    cuts = [0.0, 0.5, 0.7, 0.8, 0.9] if quick else [0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
    rates = {
        "bsc": [0.1, 0.2, 0.3, 0.4, 0.5]
        if quick
        else [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5],
        "sbc": [0.2, 0.4, 0.6, 0.8] if quick else [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98],
    }
    pairs = PAIRS[::2] if quick else PAIRS
    many = 20 if quick else 150
    return {
        "question": "Cut away or damage a share of a hypervector: what is still recalled?",
        "items": ITEMS,
        "places": PLACES,
        "length": LENGTH,
        "bits_per_place": BITS_PER_PLACE,
        "curve": CURVE,
        "records": records,
        "codes": {
            name: {str(k): sweep(name, k, records, cuts, rates[name], seed) for k in pairs} for name in PLACES
        },
        "lesion": {
            name: {
                "whole": lesion(name, 201, 0.0, many, seed),
                "half": lesion(name, 101, 0.5, 2 * many, seed),
                "half_same_pairs": lesion(name, 201, 0.5, many // 2, seed),
            }
            for name in PLACES
        },
    }


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def points(ax: Any, x: list[float], entries: list[dict[str, float]], colour: str, label: str) -> None:
    """Recall in percent with its interval."""
    y = [100 * p["recall"] for p in entries]
    below = [max(0.0, 100 * (p["recall"] - p["low"])) for p in entries]
    above = [max(0.0, 100 * (p["high"] - p["recall"])) for p in entries]
    ax.errorbar(
        x, y, yerr=[below, above], fmt="o", ms=5, color=colour, capsize=2.5, lw=1.2, zorder=3, label=label
    )


def recall_axes(ax: Any, numbers: dict[str, Any], name: str, what: str, key: str) -> None:
    """One panel: recall of each K against the share lost or changed, points over laws."""
    x = [100 * c for c in numbers["curve"]]
    for pairs, series in numbers["codes"][name].items():
        colour = PAIR_COLOURS[int(pairs)]
        if f"{what}_normal" in series:
            ax.plot(x, [100 * y for y in series[f"{what}_normal"]], color="#bbbbbb", lw=4, zorder=1)
        ax.plot(x, [100 * y for y in series[f"{what}_law"]], color=colour, lw=1.6, zorder=2)
        where = [100 * p[key] for p in series[what]]
        points(ax, where, series[what], colour, f"K = {pairs} pairs")
    ax.set_ylim(-3, 104)
    ax.set_xlim(-2, 102)
    ax.set_ylabel("recalled pairs (%)")


def draw(numbers: dict[str, Any]) -> Figure:
    """Recall against the share cut and the share damaged, for both codes, and the lesion law."""
    fig, axes = figure(2, 3, size=(15, 8.6))
    names = {"bsc": "10,000 dense bits", "sbc": "1,000 blocks of 1,024 values"}
    for row, name in enumerate(("bsc", "sbc")):
        codes = numbers["codes"][name]
        most = max(codes, key=int)
        half = next(p for p in codes[most]["cut"] if p["lost"] == 0.5)
        ax = axes[row][0]
        recall_axes(ax, numbers, name, "cut", "lost")
        ax.set_xlabel("share cut away (%)")
        ax.set_title(f"{name}: half cut away, K = {most}:\n{percent(half['recall'])} still recalled")
        ax.legend(loc="lower left", title=names[name], alignment="left", frameon=False)
        ax = axes[row][1]
        recall_axes(ax, numbers, name, "damage", "rate")
        level = 0.2 if name == "bsc" else 0.4
        worn = min(codes[most]["damage"], key=lambda p: abs(p["rate"] - level))
        place, verb = ("bits", "flipped") if name == "bsc" else ("blocks", "replaced")
        ax.set_xlabel(f"share of {place} {verb} (%)")
        ax.set_title(
            f"{name}: {100 * worn['rate']:.0f} % of {place} {verb}, K = {most}:\n"
            f"{percent(worn['recall'])} still recalled"
        )
        if name == "bsc":
            ax.set_xlim(-1, 61)
            ax.axvline(50, color=COLOURS["grey"], lw=1, ls=":")
            ax.text(50.6, 82, "50 %: only\na guess\nis left", fontsize=10, color="#555555")
        lesion_axes(axes[row][2], numbers, name)
    fig.supxlabel(
        "Points: simulation with 95 % intervals.  Coloured lines: exact law (binomial sums).  "
        "Wide grey lines, bsc only: normal approximation (Kleyko et al. 2017).\n"
        f"Fillers are among M = {numbers['items']:,} independent random items. Both codes store 10,000 bits.",
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


def lesion_axes(ax: Any, numbers: dict[str, Any], name: str) -> None:
    """One panel: recall against the stored bits left per pair, where all K should fall on one curve."""
    scale = numbers["bits_per_place"][name] * numbers["places"][name]
    for pairs, series in numbers["codes"][name].items():
        colour, k = PAIR_COLOURS[int(pairs)], int(pairs)
        x = [scale * (1 - c) / k for c in numbers["curve"]]
        ax.plot(x, [100 * y for y in series["cut_law"]], color=colour, lw=1.6)
        points(ax, [scale * (1 - p["lost"]) / k for p in series["cut"]], series["cut"], colour, f"K = {k}")
    pair = numbers["lesion"][name]
    whole, half = pair["whole"], pair["half"]
    ax.set_xlim(0, 105)
    ax.set_ylim(-3, 104)
    ax.set_xlabel("stored bits left per pair")
    ax.set_ylabel("recalled pairs (%)")
    ax.set_title(
        f"{name}, lesion law: half of it, K = {half['pairs']}: {percent(half['recall'])};\n"
        f"all of it, K = {whole['pairs']}: {percent(whole['recall'])}"
    )
    lines = []
    for label, p in (("whole", whole), ("half", half)):
        lines.append(
            f"{label:<6}K = {p['pairs']}: {100 * p['recall']:.2f} %"
            f" [{100 * p['low']:.2f}, {100 * p['high']:.2f}]\n      exact law  {100 * p['theory']:.2f} %"
            + (f"\n      normal     {100 * p['normal']:.2f} %" if "normal" in p else "")
        )
    ax.text(0.985, 0.06, "\n".join(lines), transform=ax.transAxes, ha="right", va="bottom", fontsize=10,
            family="DejaVu Sans Mono", color="#333333")  # fmt: skip


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
