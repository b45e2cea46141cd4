"""Softmax against k winners on the same scores: what mass is kept, which cells are empty, which are touched?

First without structure: keys and queries are random dense hypervectors, whose scaled similarities are normal
scores of any wanted deviation σ (β = σ√D). The winners are those of :class:`hdspike.attention.SpikingAttention`.
Beside the data stand the law for N → ∞, Φ(2.326 − σ) lost at the top 1 %, and a Monte-Carlo band of normal
scores at the run's own N, which loses more. Then with structure: contexts of CPython's documentation predict the
next character, in the dense code (bsc) and the sparse block code (sbc); the softmax's β, that of every number of
winners, and the mixture with the unigram are fitted on development queries, never on those reported.

Caveats. With k winners, 1 − k/N of the cells are empty *by construction*: that number says nothing about work.
What an event-driven layer saves is measured by the share of query–key pairs that it touches at all: bsc touches
every one, sbc the pairs that share at least one block, by chance alone ``1 − (1 − 1/L)^B``. The two are never
quoted apart here. An event is not a multiplication, and no energy is claimed. Softmax wins wherever scores are
flat: at σ = 1 the top 1 % drops nine tenths of the mass. Mass kept is not quality: the last panel is. That the winners
can need fewer bits than softmax over all keys, although they drop mass, is a finding about similarities that
tail off slowly, at one β per method: a softmax of learned keys need not be so diluted. The split is one text and
one later stretch of it; its intervals are over the queries of that stretch alone.
"""

from math import log
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hdspike import language, theory
from hdspike.attention import SpikingAttention
from hdspike.plot.style import COLOURS, figure
from hdspike.spaces import BSC, SBC, Space
from hdspike.task import Settings, prepare

DIM = 10_000
TOP = 0.01
SIZES = (1024, 4096)
SIGMAS = [0.5 * i for i in range(13)]
CURVE_SIGMAS = (1.0, 2.0, 3.0, 4.0)
SHARES = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
FINE = [round(float(x), 6) for x in np.geomspace(0.0003, 0.9999, 60)]
WINNER_SHARES = (0.001, 0.003, 0.01, 0.03, 0.1)
BETAS = (4.0, 6.0, 8.0, 12.0, 16.0, 20.0, 24.0, 32.0, 48.0, 64.0, 96.0)
NATS = 1 / log(2)


def count(share: float, keys: int) -> int:
    """A share of the keys as a number of winners, at least one."""
    return min(keys, max(1, round(share * keys)))


def distribution(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax of each row."""
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(p / p.sum(axis=-1, keepdims=True))


def entropy(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entropy of each row, in bits."""
    return np.asarray(-(p * np.log2(np.maximum(p, 1e-300))).sum(axis=-1))


def similarities(space: Space, potentials: NDArray[np.int32]) -> NDArray[np.float64]:
    """Potentials as similarities, scaled as the space does: 1 for a vector with itself, bsc 0 by chance."""
    share = potentials / space.top_score
    return 2 * share - 1 if isinstance(space, BSC) else share


def mean(values: NDArray[np.float64]) -> dict[str, float]:
    """A mean over queries and its standard error."""
    return {"mean": float(values.mean()), "se": float(values.std(ddof=1) / np.sqrt(len(values)))}


# --- scores without structure -------------------------------------------------------------------------


def random_scores(keys: int, queries: int, draws: int, seed: int) -> dict[str, Any]:
    """Random hypervectors whose scores are normal of each deviation σ: mass lost, entropy, and the band."""
    random = np.random.default_rng([seed, keys])
    space, k = BSC(DIM), count(TOP, keys)
    layer = SpikingAttention(space, space.random(keys, rng=random), k=k)
    asked = space.random(queries, rng=random)
    outcome = layer.attend(asked)
    normal = similarities(space, layer.potentials(asked)) * np.sqrt(DIM)
    won = outcome.winners.reshape(queries, k)
    rows: list[dict[str, Any]] = []
    for sigma in SIGMAS:
        p = distribution(sigma * normal)
        kept = np.take_along_axis(p, won.astype(np.int64), axis=1)
        sample = theory.dropped_mass_sample(TOP, sigma, keys, draws=draws, rng=random)
        band = np.quantile(sample, [0.05, 0.95])
        rows.append(
            {
                "sigma": sigma,
                "lost": mean(1 - kept.sum(axis=1)),
                "law": theory.dropped_mass(TOP, sigma),
                "finite": {**mean(sample), "low": band[0], "high": band[1]},
                "softmax_bits": mean(entropy(p)),
                "winner_bits": mean(entropy(kept / kept.sum(axis=1, keepdims=True))),
            }
        )
    curves = []
    for sigma in CURVE_SIGMAS:
        kept_mass = -np.sort(-distribution(sigma * normal), axis=1).cumsum(axis=1)
        curves.append({"sigma": sigma, "kept": [mean(kept_mass[:, count(s, keys) - 1]) for s in SHARES]})
    return {
        "keys": keys,
        "k": k,
        "deviation": float(normal.std()),
        "rows": rows,
        "curves": curves,
        "nonzero_fraction": len(outcome.winners) / (queries * keys),
        "touched_fraction": outcome.total("touched") / (queries * keys),
    }


# --- scores of real text ------------------------------------------------------------------------------


def masked(scores: NDArray[np.float64], order: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """The scores of the k first of ``order``, and −∞ (a weight of zero) for the rest; −1 is no key."""
    out = np.full_like(scores, -np.inf)
    rows = np.repeat(np.arange(len(scores)), k)
    won = order[:, :k].reshape(-1)
    rows, won = rows[won >= 0], won[won >= 0]
    out[rows, won] = scores[rows, won]
    return out


def ranked(layer: SpikingAttention, vectors: NDArray[Any]) -> tuple[NDArray[np.int64], Any]:
    """The winners of each query, strongest first, −1 where fewer than k have any input; and the outcome."""
    outcome = layer.attend(vectors)
    order = np.full((len(outcome), layer.k), -1, dtype=np.int64)
    for q in range(len(outcome)):
        order[q, : len(outcome.query(q))] = outcome.query(q)
    return order, outcome


def real_scores(name: str, keys: int, queries: int, development: int, seed: int) -> dict[str, Any]:
    """Next-character attention on the built-in text in one code: softmax and k winners, each at its own β."""
    task = prepare(
        Settings(space=name, keys=keys, queries=queries, development=development, winners="1%", seed=seed)
    )
    space, values, symbols = task.space, task.targets["keys"], len(task.memory)
    layer = SpikingAttention(space, task.vectors["keys"], k=count(max(WINNER_SHARES), keys), seed=seed)
    scores, order, outcome = {}, {}, None
    for part in ("development", "queries"):
        scores[part] = similarities(space, layer.potentials(task.vectors[part]))
        order[part], outcome = ranked(layer, task.vectors[part])
    assert outcome is not None

    def fitted(k: int | None) -> tuple[float, float, NDArray[np.float64]]:
        """β, λ from development, and bits of every query: over all keys, or over k winners."""
        limited = {
            part: scores[part] if k is None else masked(scores[part], order[part], k) for part in scores
        }
        votes, _ = language.softmax_votes(limited["development"], values, BETAS, symbols=symbols)
        candidates = [(beta, votes[:, j]) for j, beta in enumerate(BETAS)]
        beta, lam = language.fit_linear(candidates, task.targets["development"], task.prior)
        votes, _ = language.softmax_votes(limited["queries"], values, (beta,), symbols=symbols)
        target = task.targets["queries"]
        hit = votes[np.arange(queries), 0, target]
        return beta, lam, -np.log2(lam * hit + (1 - lam) * task.prior[target])

    beta, lam, softmax_bits = fitted(None)
    p = distribution(beta * scores["queries"])
    kept = -np.sort(-p, axis=1).cumsum(axis=1)
    winners = []
    for share in WINNER_SHARES:
        k = count(share, keys)
        own_beta, own_lam, own_bits = fitted(k)
        winners.append(
            {
                "k": k,
                "nonzero_fraction": int(np.count_nonzero(order["queries"][:, :k] >= 0)) / (queries * keys),
                "captured_mass": mean(kept[:, k - 1]),
                "beta": own_beta,
                "lambda": own_lam,
                "bits_per_char": mean(own_bits),
                "extra_bits": mean(own_bits - softmax_bits),
            }
        )
    deviation = float(np.median((beta * scores["queries"]).std(axis=1)))
    pairs = queries * keys
    out: dict[str, Any] = {
        "dim": space.dim,
        "order": task.order,
        "keys": keys,
        "queries": queries,
        "beta": beta,
        "lambda": lam,
        "deviation": deviation,
        "softmax_bits_per_char": mean(softmax_bits),
        "softmax_entropy_bits": mean(entropy(p)),
        "kept": [mean(kept[:, count(s, keys) - 1]) for s in SHARES],
        "kept_if_normal": [1 - theory.dropped_mass(s, deviation) for s in FINE],
        "winners": winners,
        "touched_fraction": outcome.total("touched") / pairs,
        "touched": mean(outcome.counts["touched"] / keys),
        "events_per_pair": outcome.total("synaptic_events") / pairs,
        "touched_by_chance": 1.0,
    }
    if isinstance(space, SBC):
        out["touched_by_chance"] = theory.chance_touched(space.blocks, space.length)
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Mass, entropy and touched pairs, for scores without and with structure."""
    queries, draws = (60, 200) if quick else (400, 2000)
    real = (4096, 128, 128) if quick else (16_384, 512, 384)
    keys = max(SIZES)
    return {
        "question": "Softmax against k winners: what mass is kept, which cells are empty, which are touched?",
        "dim": DIM,
        "top": TOP,
        "shares": SHARES,
        "fine": FINE,
        "random": {str(n): random_scores(n, queries, draws, seed) for n in SIZES},
        "law": {str(s): [1 - theory.dropped_mass(x, s) for x in FINE] for s in CURVE_SIGMAS},
        "entropy_law": {
            "keys": keys,
            "ends": (2 * log(keys)) ** 0.5,
            "softmax_bits": [theory.softmax_entropy(keys, s) * NATS for s in SIGMAS],
            "winner_bits": [theory.softmax_entropy(keys, s, share=TOP) * NATS for s in SIGMAS],
            "uniform_bits": log(count(TOP, keys)) * NATS,
        },
        "real": {name: real_scores(name, *real, seed) for name in ("bsc", "sbc")},
    }


# --- drawing ------------------------------------------------------------------------------------------

SIZE_COLOURS = {"1024": COLOURS["orange"], "4096": COLOURS["blue"]}
SIGMA_COLOURS = [COLOURS["purple"], COLOURS["orange"], COLOURS["green"], COLOURS["blue"]]
CODE_COLOURS = {"bsc": COLOURS["vermilion"], "sbc": COLOURS["blue"]}
PERCENT_TICKS = ([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])


def percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def at_top(entry: dict[str, Any]) -> dict[str, Any]:
    """What was measured at the top 1 % of the keys."""
    k = count(TOP, entry["keys"])
    return next(w for w in entry["winners"] if w["k"] == k)


def signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def bars(entries: list[dict[str, float]], scale: float = 1.0) -> dict[str, Any]:
    """Heights and 95 % intervals of means, as ``errorbar`` takes them."""
    return {"y": [scale * e["mean"] for e in entries], "yerr": [scale * 1.96 * e["se"] for e in entries]}


def lost_panel(ax: Any, numbers: dict[str, Any]) -> None:
    for size, entry in numbers["random"].items():
        rows, colour = entry["rows"], SIZE_COLOURS[size]
        x = [r["sigma"] for r in rows]
        low, high = ([100 * r["finite"][end] for r in rows] for end in ("low", "high"))
        ax.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)
        ax.plot(x, [100 * r["finite"]["mean"] for r in rows], "--", color=colour, lw=1.2)
        ax.errorbar(x, **bars([r["lost"] for r in rows], 100), fmt="o", ms=5, color=colour, capsize=2.5,
                    label=f"N = {int(size):,} keys")  # fmt: skip
    ax.plot(x, [100 * r["law"] for r in rows], color="black", lw=1.8, label="law, N → ∞: Φ(2.326 − σ)")
    one, three = rows[2], rows[6]
    ax.set_title(
        f"Flat scores lose: top 1 % drops {percent(one['lost']['mean'])} at σ = 1,\n"
        f"{percent(three['lost']['mean'])} at σ = 3 (law {percent(three['law'])}; N = {entry['keys']:,})"
    )
    ax.set_xlabel("deviation σ of the scores (nats)")
    ax.set_ylabel("softmax mass lost at the top 1 % (%)")
    ax.legend(loc="upper right", frameon=False)
    ax.text(
        0.1,
        3,
        "Monte Carlo at that N:\nband: 90 % of queries,\ndashed: their mean",
        fontsize=9.5,
        color="#444444",
    )


def kept_panel(ax: Any, numbers: dict[str, Any]) -> None:
    curves = numbers["random"]["4096"]["curves"]
    for colour, curve in zip(SIGMA_COLOURS, curves, strict=True):
        key = f"{curve['sigma']:g}"
        law = next(v for s, v in numbers["law"].items() if float(s) == curve["sigma"])
        ax.plot([100 * s for s in numbers["fine"]], [100 * y for y in law], color=colour, label=f"σ = {key}")
        ax.errorbar([100 * s for s in numbers["shares"]], **bars(curve["kept"], 100), fmt="o", ms=5,
                    color=colour, capsize=2.5)  # fmt: skip
    ax.text(0.035, 98, "lines: law, N → ∞", fontsize=9.5, color="#444444")
    at = numbers["shares"].index(0.1)
    ax.set_title(
        f"The top 10 % keep {percent(curves[0]['kept'][at]['mean'])} of the mass at σ = 1,\n"
        f"{percent(curves[2]['kept'][at]['mean'])} at σ = 3 (N = 4,096)"
    )
    share_axis(ax)
    ax.legend(loc="lower right", frameon=False)


def share_axis(ax: Any) -> None:
    ax.set_xscale("log")
    ax.set_xlim(0.03, 130)
    ax.set_xticks(*PERCENT_TICKS)
    ax.set_ylim(-3, 104)
    ax.set_xlabel("share of keys that win, k/N (%)")
    ax.set_ylabel("softmax mass kept (%)")


def entropy_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry, law = numbers["random"]["4096"], numbers["entropy_law"]
    rows = entry["rows"]
    x = [r["sigma"] for r in rows]
    inside = [i for i, s in enumerate(x) if s < law["ends"]]
    for key, colour, label in (
        ("softmax_bits", COLOURS["vermilion"], "softmax over all keys"),
        ("winner_bits", COLOURS["blue"], "softmax over the winners"),
    ):
        ax.plot([x[i] for i in inside], [law[key][i] for i in inside], color=colour)
        ax.errorbar(x, **bars([r[key] for r in rows]), fmt="o", ms=5, color=colour, capsize=2.5, label=label)
    ax.axhline(law["uniform_bits"], color="black", ls="--", lw=1.4, label=f"equal winners, log₂ {entry['k']}")
    ax.set_ylim(0, 12.8)
    ax.set_title(
        f"Entropy: at σ = 2 softmax spreads over $2^{{{rows[4]['softmax_bits']['mean']:.1f}}}$ keys,\n"
        f"its winners over $2^{{{rows[4]['winner_bits']['mean']:.1f}}}$ (N = 4,096)"
    )
    ax.set_xlabel("deviation σ of the scores (nats)")
    ax.set_ylabel("entropy (bits)")
    ax.legend(
        loc="upper right", frameon=False, title=f"lines: law of large N, σ < √(2 ln N) = {law['ends']:.1f}"
    )


def real_panel(ax: Any, numbers: dict[str, Any]) -> None:
    kept = {}
    for name, entry in numbers["real"].items():
        ax.errorbar([100 * s for s in numbers["shares"]], **bars(entry["kept"], 100), fmt="o-", ms=5,
                    color=CODE_COLOURS[name], capsize=2.5, label=f"{name}, β = {entry['beta']:g}")  # fmt: skip
        kept[name] = entry["kept"][numbers["shares"].index(0.01)]["mean"]
    for name, entry in numbers["real"].items():
        ax.plot([100 * s for s in numbers["fine"]], [100 * y for y in entry["kept_if_normal"]], color="black",
                ls={"bsc": "--", "sbc": ":"}[name], lw=1.4,
                label=f"normal scores of {name}'s σ = {entry['deviation']:.2f}")  # fmt: skip
    ax.set_title(
        "Text is not normal: its top 1 % keep\n"
        f"{percent(kept['bsc'])} (bsc), {percent(kept['sbc'])} (sbc) of the mass"
    )
    share_axis(ax)
    ax.legend(loc="center left", frameon=False, bbox_to_anchor=(0, 0.27))


def touched_panel(ax: Any, numbers: dict[str, Any]) -> None:
    real = numbers["real"]
    what = ["cells not empty\n(k/N, by\nconstruction)", "pairs touched\n(the work)", "softmax mass\nkept"]
    for i, (name, entry) in enumerate(real.items()):
        won = at_top(entry)
        heights = [won["nonzero_fraction"], entry["touched_fraction"], won["captured_mass"]["mean"]]
        errors = [0.0, entry["touched"]["se"], won["captured_mass"]["se"]]
        x = [j + 0.38 * (i - 0.5) for j in range(3)]
        events = entry["events_per_pair"]
        label = f"{name}: {events:,.{0 if events > 10 else 2}f} synaptic events per (query, key)"
        ax.bar(x, [100 * h for h in heights], width=0.36, color=CODE_COLOURS[name], label=label)
        ax.errorbar(x[1:], [100 * h for h in heights[1:]], yerr=[196 * e for e in errors[1:]], fmt="none",
                    color="black", capsize=2.5, lw=1.2)  # fmt: skip
        for place, height, error in zip(x, heights, errors, strict=True):
            ax.text(place, 100 * (height + 1.96 * error) + 1.5, percent(height), ha="center", fontsize=10)
        if name == "sbc":
            chance = 100 * entry["touched_by_chance"]
            ax.plot([x[1] - 0.18, x[1] + 0.18], [chance, chance], color="black", lw=2, ls=":",
                    label=f"sbc by chance, 1 − (1 − 1/L)^B: {chance:.0f} %")  # fmt: skip
    ax.set_xticks(range(3), what)
    ax.set_ylim(0, 140)
    ax.set_yticks(range(0, 101, 20))
    ax.set_ylabel("share (%)")
    ax.grid(axis="x", visible=False)
    touched = {name: percent(entry["touched_fraction"]) for name, entry in real.items()}
    empty = 1 - max(at_top(entry)["nonzero_fraction"] for entry in real.values())
    ax.set_title(
        f"{percent(empty)} of the cells are empty in both; touched\n"
        f"are {touched['bsc']} of the pairs (bsc), {touched['sbc']} (sbc)"
    )
    ax.legend(loc="upper left", frameon=False)


def quality_panel(ax: Any, numbers: dict[str, Any]) -> None:
    extra, softmax = {}, {}
    for name, entry in numbers["real"].items():
        x = [100 * w["k"] / entry["keys"] for w in entry["winners"]]
        shift = 0.97 if name == "bsc" else 1.03
        ax.errorbar([shift * v for v in x], **bars([w["extra_bits"] for w in entry["winners"]]), fmt="o-", ms=5,
                    color=CODE_COLOURS[name], capsize=2.5, label=name)  # fmt: skip
        extra[name] = at_top(entry)["extra_bits"]["mean"]
        softmax[name] = entry["softmax_bits_per_char"]["mean"]
    ax.axhline(0, color="black", lw=1.4, label="softmax over all keys, its own β")
    ax.set_xscale("log")
    ax.set_xlim(0.07, 15)
    ax.set_xticks([0.1, 0.3, 1, 3, 10], ["0.1", "0.3", "1", "3", "10"])
    ax.set_xlabel("share of keys that win, k/N (%)")
    ax.set_ylabel("bits per character more than softmax")
    ax.set_title(
        f"Next character, top 1 %: {signed(extra['bsc'])} (bsc),\n{signed(extra['sbc'])} (sbc) bits "
        f"against softmax's {softmax['bsc']:.2f} and {softmax['sbc']:.2f}"
    )
    ax.legend(loc="upper right", frameon=False)


def draw(numbers: dict[str, Any]) -> Figure:
    """Random scores above (mass lost, mass kept, entropy), real text below (mass, touched pairs, quality)."""
    fig, axes = figure(2, 3, size=(15.5, 9))
    lost_panel(axes[0][0], numbers)
    kept_panel(axes[0][1], numbers)
    entropy_panel(axes[0][2], numbers)
    real_panel(axes[1][0], numbers)
    touched_panel(axes[1][1], numbers)
    quality_panel(axes[1][2], numbers)
    entry = numbers["real"]["bsc"]
    fig.supxlabel(
        f"Above: random bsc keys, D = {numbers['dim']:,}, scaled to deviation σ; points: means over queries, 95 % "
        f"intervals.  Below: next character of CPython's documentation, {entry['keys']:,} keys, {entry['queries']} "
        "queries;\nβ and the mixture with the unigram are fitted on development queries, for softmax and for each "
        "number of winners. k/N non-empty cells are so by construction: the work is in the pairs touched.",
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
