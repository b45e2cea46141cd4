"""Is a sparse distributed memory softmax attention, with which β, and over which range?

Bricken & Pehlevan (2021): the hard locations that two addresses share fall off nearly exponentially with their
distance, so that what Kanerva's memory reads is nearly softmax attention over what it stored. Here a real memory
(:class:`hdspike.memory.SparseDistributedMemory`) is asked. *Weights*: each pattern is stored with a bit of its own, so
that the counters tell how many locations it shares with the query; beside them the closed form
(:func:`hdspike.theory.circle_intersection`) and the softmax fitted to it (:func:`hdspike.theory.softmax_fit`), always
with its range and R². *Range*: β and R² of that fit against where the range ends. *Attention*: the total variation
between the memory's weights and softmax's, for a query at a distance from one of T random patterns. *Recall*: bits that
are read wrong, by the memory of patterns and by softmax over the same patterns.

Caveats. ln of the shared share bends: the slope is small near and without limit far off, so a β says nothing without
its range. Random patterns lie at N/2, just outside the near range, and are many: the β fitted near gives them somewhat
too much weight, the one fitted over all distances next to none. A real memory of M locations has Poisson noise on every
weight, of 1/√(M·π), and knows no weight below 1/M. Softmax compares every pattern with every query; the memory holds
none of them and does not grow, which is no saving where patterns are few: here M is 100 or more times T. For N = 64 and
small radii no memory that could be built has locations to share: closed form only. Intervals are 95 %.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hdspike import bits, theory
from hdspike.memory import SparseDistributedMemory
from hdspike.plot.style import COLOURS, figure

DIM, RADIUS, NEAR = 1000, 451, 451
GOLDEN = (  # anchors: dim, radius, end of the range, β, R²
    (64, 5, 10, 32.95, 0.970),
    (64, 11, 22, 19.34, 0.965),
    (64, 15, 30, 13.79, 0.949),
    (1000, 451, 451, 5.96, None),
    (1000, 451, 902, 18.2, 0.68),
)
STORED = 256
DISTANCES = (0, 50, 100, 150, 200, 250, 300, 350, 400)
BETAS = tuple(float(b) for b in np.round(np.geomspace(4, 40, 24), 2))


def inverted(
    words: NDArray[Any], counts: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.uint64]:
    """Each row with so many of its bits inverted, others drawn each time."""
    places = np.argsort(random.random((len(words), DIM)), axis=1)
    flips = np.zeros((len(words), DIM), dtype=np.uint8)
    for row, order, count in zip(flips, places, counts, strict=True):
        row[order[:count]] = 1
    return words ^ bits.pack(flips)


def shared(memory: SparseDistributedMemory, queries: NDArray[Any]) -> NDArray[np.int64]:
    """Locations that each query shares with each stored pattern, of a memory whose data are one-hot.

    Bit i is written as +1 by pattern i and as −1 by all others: sum_i = 2·K_i − Σ K.
    """
    sums = memory.sums(queries)
    total = sums.sum(axis=1, keepdims=True) // (2 - memory.data_dim)
    return np.asarray((sums + total) // 2)


def one_hot_memory(
    patterns: NDArray[Any], locations: int, random: np.random.Generator
) -> SparseDistributedMemory:
    """A memory in which each pattern is stored with a bit of its own."""
    count = len(patterns)
    memory = SparseDistributedMemory(DIM, locations, radius=RADIUS, data_dim=count, dtype=np.int8, rng=random)
    memory.write(patterns, bits.pack(np.eye(count, dtype=np.uint8)))
    return memory


def weights(locations: int, queries: int, seed: int) -> dict[str, Any]:
    """How many locations are shared at each distance, counted in a real memory, beside the closed form."""
    random = np.random.default_rng([seed, 1])
    distances = np.arange(0, 501, 25)
    counted = []
    for _ in range(queries):
        query = bits.random(1, DIM, rng=random)
        patterns = inverted(np.repeat(query, len(distances), axis=0), distances, random)
        counted.append(shared(one_hot_memory(patterns, locations, random), query)[0])
    found = np.array(counted, dtype=np.float64)
    error = found.std(axis=0, ddof=1) / queries**0.5
    return {
        "locations": locations,
        "queries": queries,
        "distances": distances.tolist(),
        "share": (found.mean(axis=0) / locations).tolist(),
        "half": (1.96 * error / locations).tolist(),
        "law": [theory.circle_intersection(DIM, RADIUS, int(v)) for v in distances],
    }


def ranges() -> list[dict[str, Any]]:
    """β and R² of the fit against the end of its range."""
    out = []
    for dim, radius in ((64, 5), (64, 11), (64, 15), (DIM, RADIUS)):
        ends = np.unique(np.round(np.linspace(max(2, radius // 8), min(dim, 2 * radius), 24)).astype(int))
        fits = [theory.softmax_fit(dim, radius, high=int(end)) for end in ends]
        fields = ("beta", "r_squared", "worst")
        row = {name: [float(getattr(f, name)) for f in fits] for name in fields}
        out.append({"dim": dim, "radius": radius, "ends": ends.tolist(), **row})
    return out


def softmax_of(distances: NDArray[np.int64], beta: float) -> NDArray[np.float64]:
    """Weights e^(β·cosine), normalised."""
    x = beta * (1 - 2 * distances / DIM)
    p = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(p / p.sum(axis=-1, keepdims=True))


def variation(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """Total variation of each row: half of Σ|p − q|."""
    return np.asarray(np.abs(one - other).sum(axis=-1) / 2)


def attention(locations: int, queries: int, seed: int) -> dict[str, Any]:
    """The memory's weights over random patterns beside softmax's, for queries at a distance from one of them."""
    random = np.random.default_rng([seed, 2])
    patterns = bits.random(STORED, DIM, rng=random)
    memory = one_hot_memory(patterns, locations, random)
    near, whole = (theory.softmax_fit(DIM, RADIUS, high=high).beta for high in (NEAR, None))
    cases = []
    for v in DISTANCES:  # the left half of the queries is for development
        own = random.integers(STORED, size=2 * queries)
        asked = inverted(patterns[own], np.full(2 * queries, v), random)
        apart = bits.hamming(asked, patterns, DIM).astype(np.int64)
        counted = shared(memory, asked).astype(np.float64)
        cases.append((apart, counted, theory.memory_weights(DIM, RADIUS, apart), own))
    tuned = min(
        BETAS,
        key=lambda b: np.mean(
            [variation(law[:queries], softmax_of(d[:queries], b)).mean() for d, _, law, _ in cases]
        ),
    )
    points = []
    for v, (apart, counted, law, own) in zip(DISTANCES, cases, strict=True):
        test = slice(queries, None)
        held, total = counted[test], counted[test].sum(axis=1, keepdims=True)
        real = np.where(total > 0, held / np.maximum(total, 1), 1 / STORED)
        row: dict[str, Any] = {"distance": v}
        kinds = {"memory": real}
        kinds |= {
            k: softmax_of(apart[test], b) for k, b in (("near", near), ("whole", whole), ("tuned", tuned))
        }
        for name, p in kinds.items():
            away = variation(law[test], p)
            row[name] = {
                "variation": float(away.mean()),
                "half": float(1.96 * away.std(ddof=1) / queries**0.5),
                "on_target": float(p[np.arange(queries), own[test]].mean()),
            }
        row["law_on_target"] = float(law[test][np.arange(queries), own[test]].mean())
        points.append(row)
    return {
        "locations": locations,
        "stored": STORED,
        "queries": queries,
        "near": near,
        "whole": whole,
        "tuned": float(tuned),
        "points": points,
    }


def recall(locations: int, stored: int, queries: int, seed: int) -> dict[str, Any]:
    """Bits read wrong by a memory of patterns, and by softmax over the patterns, against the distance of the query."""
    random = np.random.default_rng([seed, 3])
    patterns = bits.random(stored, DIM, rng=random)
    memory = SparseDistributedMemory(DIM, locations, radius=RADIUS, dtype=np.int8, rng=random)
    memory.write(patterns)
    signs = bits.unpack(patterns, DIM).astype(np.float32) * 2 - 1
    near, whole = (theory.softmax_fit(DIM, RADIUS, high=high).beta for high in (NEAR, None))
    points = []
    for v in DISTANCES:
        own = random.integers(stored, size=queries)
        asked = inverted(patterns[own], np.full(queries, v), random)
        apart = bits.hamming(asked, patterns, DIM).astype(np.int64)
        read = bits.unpack(memory.read(asked), DIM)
        wrong = {"memory": np.mean(read != bits.unpack(patterns[own], DIM), axis=1)}
        for name, beta in (("near", near), ("whole", whole), ("sharp", BETAS[-1])):
            mixed = softmax_of(apart, beta).astype(np.float32) @ signs
            wrong[name] = np.mean((mixed > 0) != (signs[own] > 0), axis=1)
        row: dict[str, Any] = {"distance": v}
        for name, share in wrong.items():
            row[name] = {"mean": float(share.mean()), "half": float(1.96 * share.std(ddof=1) / queries**0.5)}
        row["law"] = theory.sdm_error(DIM, locations, RADIUS, stored, distance=v, auto=True)
        points.append(row)
    return {
        "locations": locations,
        "stored": stored,
        "queries": queries,
        "critical": theory.sdm_critical_distance(DIM, locations, RADIUS, stored),
        "sharp": BETAS[-1],
        "memory_bytes": memory.counters.nbytes + memory.locations.nbytes,
        "pattern_bytes": patterns.nbytes,
        "points": points,
    }


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Weights, ranges, attention and recall of a real memory beside softmax."""
    locations, queries = (10_000, 12) if quick else (100_000, 100)
    near, whole = (theory.softmax_fit(DIM, RADIUS, high=high) for high in (NEAR, None))
    return {
        "question": "Is a sparse distributed memory softmax attention, with which β, and over which range?",
        "dim": DIM,
        "radius": RADIUS,
        "fits": {"near": near._asdict(), "whole": whole._asdict()},
        "goldens": [
            {"dim": n, "radius": r, "published": beta, "published_r2": r2,
             **theory.softmax_fit(n, r, high=end)._asdict()}
            for n, r, end, beta, r2 in GOLDEN
        ],
        "weights": weights(locations, 8 if quick else 40, seed),
        "ranges": ranges(),
        "attention": attention(locations, queries, seed),
        "recall": recall(locations, 100 if quick else 1000, queries, seed),
    }  # fmt: skip


# --- drawing ------------------------------------------------------------------------------------------

NEAR_COLOUR, WHOLE_COLOUR, OWN_COLOUR = COLOURS["orange"], COLOURS["vermilion"], COLOURS["purple"]
MEMORY = COLOURS["blue"]


def weights_panel(ax: Any, numbers: dict[str, Any]) -> None:
    found, fits, dim = numbers["weights"], numbers["fits"], numbers["dim"]
    v, share = np.array(found["distances"]), np.array(found["share"])
    seen = share > 0
    low = np.minimum(found["half"], 0.9 * share)
    ax.errorbar(v[seen], share[seen], yerr=[low[seen], np.array(found["half"])[seen]], fmt="o", ms=5, capsize=2.5,
                color=MEMORY, label=f"memory of {found['locations']:,} locations")  # fmt: skip
    ax.plot(v, found["law"], color=MEMORY, label="closed form")
    for name, colour in (("near", NEAR_COLOUR), ("whole", WHOLE_COLOUR)):
        fit = fits[name]
        x = np.array([fit["low"], min(fit["high"], v[-1])])
        said = f"β = {fit['beta']:.2f} fitted to v ≤ {fit['high']}: R² {fit['r_squared']:.2f}"
        ax.plot(x, np.exp(fit["constant"] + fit["beta"] * (1 - 2 * x / dim)), "--", color=colour,
                label=f"softmax, {said}")  # fmt: skip
    ax.set_yscale("log")
    ax.set_xlabel(f"distance v of two addresses (of {dim} bits)")
    ax.set_ylabel("share of all locations that both activate")
    ax.set_title(
        f"N = {dim}, r = {numbers['radius']}: near, the weight is e^({fits['near']['beta']:.2f}·cosine)\n"
        f"to a factor of e^{fits['near']['worst']:.2f}; over all distances to e^{fits['whole']['worst']:.0f}"
    )
    ax.legend(loc="lower left")


def range_panel(ax: Any, numbers: dict[str, Any]) -> None:
    colours = (COLOURS["sky"], COLOURS["green"], COLOURS["purple"], MEMORY)
    for colour, row in zip(colours, numbers["ranges"], strict=True):
        x = [end / row["dim"] for end in row["ends"]]
        ax.plot(x, row["beta"], color=colour, label=f"N = {row['dim']}, r = {row['radius']}")
        ends = (f"R² {row['r_squared'][0]:.2f}", f"R² {row['r_squared'][-1]:.2f}")
        for i, text in list(zip((0, -1), ends, strict=True))[0 if row["dim"] == DIM else 1 :]:
            ax.annotate(
                text, (x[i], row["beta"][i]), (3, 5), textcoords="offset points", fontsize=8.5, color=colour
            )
    for golden in numbers["goldens"]:
        ax.plot(golden["high"] / golden["dim"], golden["published"], "x", ms=9, mew=2, color="black",
                label="published fits" if golden is numbers["goldens"][0] else None)  # fmt: skip
    ax.set_ylim(0, 42)
    ax.set_xlim(-0.02, 1.02)
    ax.set_xlabel("end of the range of the fit, v₁ ÷ N")
    ax.set_ylabel("β of the fit")
    last = numbers["ranges"][-1]
    ax.set_title(
        f"β is a matter of the range: of N = {last['dim']} from\n{last['beta'][0]:.1f} (v ≤ {last['ends'][0]}) to "
        f"{last['beta'][-1]:.1f} (v ≤ {last['ends'][-1]})"
    )
    ax.legend(loc="upper right")


def attention_panel(ax: Any, numbers: dict[str, Any]) -> None:
    found = numbers["attention"]
    x = [p["distance"] for p in found["points"]]
    kinds = (
        ("memory", "o-", MEMORY, f"memory of {found['locations']:,} locations"),
        ("near", "s-", NEAR_COLOUR, f"softmax, β = {found['near']:.2f} (fitted near)"),
        ("whole", "^-", WHOLE_COLOUR, f"softmax, β = {found['whole']:.2f} (fitted to all)"),
        ("tuned", "D-", OWN_COLOUR, f"softmax, β = {found['tuned']:g} (nearest on other queries)"),
    )
    for name, mark, colour, label in kinds:
        y = [100 * p[name]["variation"] for p in found["points"]]
        ax.errorbar(x, y, yerr=[100 * p[name]["half"] for p in found["points"]], fmt=mark, ms=5, capsize=2.5,
                    color=colour, label=label)  # fmt: skip
    ax.set_ylim(0, 118)
    ax.set_yticks(range(0, 101, 20))
    ax.set_xlabel("distance of the query from one of the patterns (bits)")
    ax.set_ylabel("total variation from the closed form (%)")
    mean = {name: np.mean([p[name]["variation"] for p in found["points"]]) for name, *_ in kinds}
    best = min(("near", "whole", "tuned"), key=lambda name: mean[name])
    ax.set_title(
        f"Attention over {found['stored']} random patterns: the nearest softmax\n(β = {found[best]:.3g}) is "
        f"{100 * mean[best]:.0f} % off in the mean, β fitted near {100 * mean['near']:.0f} %"
    )
    ax.legend(loc="upper left", ncols=1)


def recall_panel(ax: Any, numbers: dict[str, Any]) -> None:
    found = numbers["recall"]
    x = [p["distance"] for p in found["points"]]
    kinds = (
        ("memory", "o", MEMORY, f"memory of {found['locations']:,} locations; law"),
        ("near", "s-", NEAR_COLOUR, "softmax, β fitted near"),
        ("whole", "^-", WHOLE_COLOUR, "softmax, β fitted to all distances"),
        ("sharp", "D-", OWN_COLOUR, f"softmax, β = {found['sharp']:g}"),
    )
    for name, mark, colour, label in kinds:
        y = [100 * p[name]["mean"] for p in found["points"]]
        ax.errorbar(x, y, yerr=[100 * p[name]["half"] for p in found["points"]], fmt=mark, ms=5, capsize=2.5,
                    color=colour, label=label)  # fmt: skip
    ax.plot(x, [100 * p["law"] for p in found["points"]], color=MEMORY, lw=1.6)
    ax.plot(
        [0, x[-1]], [0, 100 * x[-1] / numbers["dim"]], ":", color="black", lw=1.4, label="the query itself"
    )
    ax.set_ylim(-1, 52)
    ax.set_xlabel("distance of the query from its pattern (bits)")
    ax.set_ylabel("bits read wrong (%)")
    at = next(p for p in found["points"] if p["distance"] == 300)
    ax.set_title(
        f"Recall of {found['stored']:,} patterns from 300 wrong bits: memory {100 * at['memory']['mean']:.0f} %\n"
        f"of the bits wrong, softmax (β = {found['sharp']:g}) {100 * at['sharp']['mean']:.1f} %: dense wins"
        if at["sharp"]["mean"] < at["memory"]["mean"]
        else f"Recall of {found['stored']:,} patterns from 300 wrong bits:\nmemory {100 * at['memory']['mean']:.0f} %"
    )
    ax.legend(loc="upper left")


def draw(numbers: dict[str, Any]) -> Figure:
    """The weights and their fits; β against its range; attention; recall."""
    fig, axes = figure(2, 2, size=(14, 10))
    weights_panel(axes[0][0], numbers)
    range_panel(axes[0][1], numbers)
    attention_panel(axes[1][0], numbers)
    recall_panel(axes[1][1], numbers)
    held = numbers["recall"]
    fig.supxlabel(
        f"Kanerva's memory, {numbers['dim']} bits, radius {numbers['radius']}; bars: 95 %. Total variation: half of "
        "Σ|p − q| over the patterns; sharp softmax is argmax. Softmax compares every pattern "
        f"({held['pattern_bytes'] / 1e3:,.0f} kB);\nthe memory of the last panel holds none of them, but takes "
        f"{held['memory_bytes'] / 1e6:,.0f} MB. Its critical distance by law, where one read leads no nearer: "
        f"{held['critical']} bits.",
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
