"""Where must the top keys fail, what brings counting back, and what does that do inside a real model?

Top-k keeps what is singled out. A count, a mean or a majority is a matter of all keys, each with a little weight
(MagicPIG, Chen et al. 2024). Tasks that softmax does right by construction, over hypervectors: a text of N keys, each
the bundle of a role that all share, a category, a word (Zipf's frequencies) and two codes of its place. The query for
the role asks about all keys with nearly equal weights: *how often does each word occur*, *which ten are commonest*, *do
more words speak for or against* (each word has a side). The query for a category, at a sharp β, asks for the *mean of a
number over the keys of that category*. Inside SmolLM2, where it is fetched: eight words in random order with skewed
frequencies, commas between, and the model's prediction behind a comma beside the frequencies, sharpened by a power that
each rule has fitted on another list.

Four ways to read, each of k cells: exact top-k (:class:`hdspike.models.KWTA`); winners and up to 16 bundles of all
other keys (:class:`hdspike.models.Bundled`, centroids from other texts; a bundle is a cell); k keys drawn by their
softmax weights (:class:`hdspike.models.sampled.Sampled`): unbiased, what MagicPIG's hashing aims at, and more than it
gets, for here the weights are known; softmax over all. Laws: the error of top-k is τ‖μ_tail − μ_head‖
(arXiv:2512.07647); that of k draws falls with √k.

Caveats. The tasks are made so that top-k fails, as MQAR (sim 27) is made so that it does not. Keys of one word share
its code: the k best of a flat score are those of a few words that lie near the role by chance, so top-k is worse than a
random sample. Bundles sort keys by nearness: they keep a mean over all, and lose one over a part that no bundle singles
out (64 categories, 16 bundles). The model is small and counts little with softmax too: its predictions as they are lie
farther from the frequencies than equal chances do. Intervals are 95 % of means over texts or lists. The part inside the
model takes some minutes.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import binom

from hdspike import bits, datasets, theory
from hdspike.models import KWTA, Bundled, Codebook, Llama, softmax
from hdspike.models.attention import Attention
from hdspike.models.codebook import fit
from hdspike.models.sampled import Sampled
from hdspike.plot.style import COLOURS, figure
from hdspike.spaces import BSC
from hdspike.workloads.counting import BUNDLES, RULES, in_model, mean_of, zipf

DIM, WORDS, SIDES, TEN = 512, 64, 32, 10
FLAT, SHARP = 1.0, 20.0  # β of the query for all, and of that for a category
SHARES = (0.0025, 0.005, 0.01, 0.02, 0.05, 0.1)
CATEGORIES = (8, 64)
LISTED = "red blue stone music paper horse table cloud river apple green black bread glass water chair"
MODEL_SHARES = (0.01, 0.03, 0.1)


# --- over hypervectors --------------------------------------------------------------------------------


class World:
    """Codes of the role, the categories and the words; the texts and queries made of them."""

    def __init__(self, categories: int, seed: int) -> None:
        self.random, self.space = np.random.default_rng([seed, categories]), BSC(DIM)
        self.categories = categories
        self.role = self.space.random(1, rng=self.random)
        self.kinds = self.space.random(categories, rng=self.random)
        self.words = self.space.random(WORDS, rng=self.random)
        asked = np.concatenate([FLAT * self.signs(self.role), SHARP * self.signs(self.kinds)])
        self.queries = np.asarray(asked / DIM**0.5, dtype=np.float32)[None]  # score: β times the cosine

    def signs(self, words: NDArray[Any]) -> NDArray[np.float32]:
        return bits.unpack(words, DIM).astype(np.float32) * 2 - 1

    def text(self, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
        """Keys ``(1, N, D)``, values ``(1, N, …)`` and the true mean of the values for each query.

        Values: one-hot word, the side of the word on each of ``SIDES`` questions, a number.
        """
        random, space = self.random, self.space
        word = random.permutation(WORDS)[random.choice(WORDS, size=size, p=zipf(WORDS))]
        kind = random.integers(self.categories, size=size)
        places = space.random(2 * size, rng=random).reshape(size, 2, space.width)
        role = np.broadcast_to(self.role, (size, space.width))
        parts = np.stack([role, self.kinds[kind], self.words[word], places[:, 0], places[:, 1]], axis=1)
        keys = self.signs(space.bundle(parts))
        sides = np.where(random.random((WORDS, SIDES)) < 0.5, 1, -1)[word]
        number = random.standard_normal(size) + random.standard_normal(self.categories)[kind]
        values = np.column_stack([np.eye(WORDS)[word], sides, number]).astype(np.float32)
        true = [values.mean(axis=0)]
        true += [
            values[kind == c].mean(axis=0) if (kind == c).any() else true[0] for c in range(self.categories)
        ]
        return keys[None], values[None], np.array(true, dtype=np.float64)


def errors(read: NDArray[Any], true: NDArray[np.float64]) -> dict[str, float]:
    """What the four tasks miss: ``read`` and ``true`` are ``(queries, …)``, the query for all at the head."""
    often, wanted = read[0, :WORDS], true[0, :WORDS]
    ten, best = (set(np.argsort(-x, kind="stable")[:TEN].tolist()) for x in (often, wanted))
    said, held = read[0, WORDS:-1], true[0, WORDS:-1]
    apart = held != 0
    return {
        "count": float(np.abs(often - wanted).sum() / 2),
        "missed": 1 - len(ten & best) / TEN,
        "majority": float(np.mean(np.sign(said[apart]) != np.sign(held[apart]))),
        "mean": float(np.sqrt(np.mean((read[1:, -1] - true[1:, -1]) ** 2))),
    }


def identity(
    queries: NDArray[Any], keys: NDArray[Any], values: NDArray[Any], k: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Of each query: τ of the k best, ‖Attn − Attn_k‖ as it is, and as τ‖μ_tail − μ_head‖; in float64."""
    scores = queries.astype(np.float64) @ keys.T.astype(np.float64) / DIM**0.5
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    order = np.argsort(-scores, axis=1, kind="stable")
    out = []
    for row, places in zip(p, order, strict=True):
        head, tail = places[:k], places[k:]
        means = [row[part] @ values[part] / row[part].sum() for part in (tail, head)]
        tau = float(row[tail].sum())
        out.append((tau, np.linalg.norm(row @ values - means[1]), theory.attention_error(tau, *means)))
    return tuple(np.array(out).T)


def drawn_law(task: str, k: int, true: NDArray[np.float64]) -> float:
    """What k independent draws from the right distribution miss in the mean; of counts by De Moivre's law."""
    if task == "count":
        p = true[0, :WORDS][true[0, :WORDS] > 0]
        m = np.floor(k * p) + 1
        return float(np.sum(m * (1 - p) * binom.pmf(m, k, p)) / k)  # half of Σ E|X − kp| ÷ k
    if task == "mean":
        return float(k**-0.5)  # the numbers of a category have variance 1
    m = np.abs(true[0, WORDS:-1])
    return float(np.mean(binom.cdf(k // 2, k, (1 + m[m > 0]) / 2)))  # a draw is wrong too


def over_codes(categories: int, size: int, texts: int, seed: int) -> dict[str, Any]:
    """The four tasks against the share of the keys that is read, by every rule."""
    world = World(categories, seed)
    development = np.concatenate([world.text(size)[0][0] for _ in range(2)])
    counts = [max(4, round(share * size)) for share in SHARES]
    books = {
        c: Codebook(*(part[None, None] for part in fit(development, entries=c, rng=seed)))
        for c in {min(BUNDLES, k // 2) for k in counts}
    }
    seen = np.full(1 + categories, size)
    found: dict[str, list[list[dict[str, float]]]] = {rule: [[] for _ in counts] for rule in (*RULES, "law")}
    soft, worst = [], 0.0
    points: list[list[dict[str, float]]] = []
    for _ in range(texts):
        keys, values, true = world.text(size)
        soft.append(errors(softmax(world.queries, keys, values, seen=seen)[0], true))
        for i, k in enumerate(counts):
            plugs: dict[str, Attention] = {
                "top-k": KWTA(k),
                "bundles": Bundled(k, books[min(BUNDLES, k // 2)]),
                "drawn": Sampled(k, rng=world.random),
            }
            for rule, plug in plugs.items():
                found[rule][i].append(errors(plug(world.queries, keys, values, layer=0, seen=seen)[0], true))
            found["law"][i].append({t: drawn_law(t, k, true) for t in ("count", "mean", "majority")})
            tau, is_, law = identity(world.queries[0], keys[0], values[0].astype(np.float64), k)
            worst = max(worst, float(np.abs(is_ - law).max()))
            if not len(points) // len(counts):
                points.append([{"tau": tau[j], "error": is_[j], "law": law[j]} for j in (0, 1)])
    return {
        "categories": categories,
        "keys": size,
        "texts": texts,
        "counts": counts,
        "softmax": {task: mean_of([e[task] for e in soft]) for task in soft[0]},
        "rules": {
            rule: {task: [mean_of([e[task] for e in at]) for at in rows] for task in rows[0][0]}
            for rule, rows in found.items()
        },
        "identity": {"points": points, "worst": worst},
    }


# --- inside a model -----------------------------------------------------------------------------------


def smollm2(lists: int, seed: int) -> dict[str, Any] | None:
    """The same inside SmolLM2; None where it has not been fetched."""
    try:
        files = datasets.load("smollm2")
    except datasets.Absent:
        return None
    model = Llama(next(iter(files.values())))
    tokens = model.file.tokenizer()
    names = np.array([tokens.encode(f" {word}").ids for word in LISTED.split()])
    (comma,) = tokens.encode(",").ids
    return in_model(model, names[:, 0], comma, length=512, lists=lists, shares=MODEL_SHARES, seed=seed)


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """The tasks over codes, and the list inside the model (left out where it is quick)."""
    size, texts = (1024, 4) if quick else (4096, 16)
    return {
        "question": "Where must the top keys fail, what brings counting back, and in a real model?",
        "dim": DIM,
        "bundles": BUNDLES,
        "shares": list(SHARES),
        "codes": [over_codes(c, size, texts, seed) for c in CATEGORIES],
        "model": None if quick else smollm2(8, seed),
    }


# --- drawing ------------------------------------------------------------------------------------------

STYLES = {
    "top-k": ("o", COLOURS["blue"]),
    "bundles": ("s", COLOURS["green"]),
    "drawn": ("^", COLOURS["orange"]),
}
LABELS = {"top-k": "top-k", "bundles": "winners and bundles", "drawn": "drawn by weight"}
SOFT = COLOURS["vermilion"]


def curve(
    ax: Any, x: list[float], points: list[dict[str, float]], scale: float = 1.0, **options: Any
) -> None:
    y = np.array([scale * p["mean"] for p in points])
    half = np.array([scale * p["half"] for p in points])
    ax.errorbar(x, y, yerr=[np.minimum(half, y), half], capsize=2.5, ms=5, **options)


def share_axis(ax: Any, shares: list[float]) -> None:
    ax.set_xscale("log")
    ax.set_xticks([100 * s for s in shares], [f"{100 * s:g}" for s in shares])
    ax.minorticks_off()
    ax.set_xlabel("keys read, of those there are (%)")


def task_panel(
    ax: Any, entry: dict[str, Any], task: str, numbers: dict[str, Any], what: str, unit: float = 100
) -> None:
    x = [100 * s for s in numbers["shares"]]
    for rule, (mark, colour) in STYLES.items():
        curve(ax, x, entry["rules"][rule][task], unit, fmt=f"{mark}-", color=colour, label=LABELS[rule])
    if task in entry["rules"]["law"]:
        law = [unit * p["mean"] for p in entry["rules"]["law"][task]]
        ax.plot(x, law, ":", color="black", lw=1.6, label="law of k draws, ∝ 1/√k")
    soft = entry["softmax"][task]
    ax.axhline(unit * soft["mean"], color=SOFT, ls="--", lw=1.6, label="softmax")
    share_axis(ax, numbers["shares"])
    ax.set_ylim(bottom=-0.02 * ax.get_ylim()[1])
    ax.set_ylabel(what)


def at_one(entry: dict[str, Any], rule: str, task: str) -> float:
    """The error at 1 % of the keys."""
    return float(entry["rules"][rule][task][SHARES.index(0.01)]["mean"])


def count_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["codes"][0]
    task_panel(ax, entry, "count", numbers, "share of the counts that is misplaced (%)")
    ax.set_ylim(top=105)
    ax.legend(loc="upper right")
    top, bundled, drawn = (100 * at_one(entry, rule, "count") for rule in RULES)
    ax.set_title(
        f"How often each of {WORDS} words occurs: top 1 %\n"
        f"misplaces {top:.0f} %, draws {drawn:.0f} %, bundles {bundled:.1f} %"
    )


def mean_panel(ax: Any, numbers: dict[str, Any]) -> None:
    few, many = numbers["codes"]
    task_panel(ax, few, "mean", numbers, "error of a category's mean (deviations)", 1)
    x = [100 * s for s in numbers["shares"]]
    for rule in ("top-k", "bundles"):
        mark, colour = STYLES[rule]
        curve(ax, x, many["rules"][rule]["mean"], fmt=f"{mark}--", color=colour, mfc="white",
              label=f"{LABELS[rule]}, {many['categories']} categories")  # fmt: skip
    ax.set_ylim(0, 1.1 * max(p["mean"] + p["half"] for p in many["rules"]["bundles"]["mean"]))
    said = [
        " and ".join(f"{at_one(e, rule, 'mean'):.2f}" for rule in ("top-k", "bundles")) for e in (few, many)
    ]
    ax.set_title(
        f"Mean over a category at 1 %, top-k and bundles:\n{said[0]} of {few['categories']} categories, "
        f"{said[1]} of {many['categories']}"
    )
    ax.legend(loc="upper right", title=f"filled, law and softmax: {few['categories']} categories")


def majority_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["codes"][0]
    task_panel(ax, entry, "majority", numbers, "majorities named wrong (%)")
    top, drawn = (100 * at_one(entry, rule, "majority") for rule in ("top-k", "drawn"))
    ax.set_title(
        f"For or against: top 1 % names {top:.0f} % of the\nmajorities wrong, as many draws {drawn:.0f} %"
    )


def words_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["codes"][0]
    task_panel(ax, entry, "missed", numbers, f"of the {TEN} commonest words, missed (%)")
    top, last = (100 * entry["rules"]["top-k"]["missed"][i]["mean"] for i in (SHARES.index(0.01), -1))
    ax.set_title(f"The {TEN} commonest words: top 1 % misses {top:.0f} %,\nthe top 10 % {last:.0f} %")


def identity_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["codes"][0]
    rows = entry["identity"]["points"]
    for j, (name, mark, colour) in enumerate((("all keys", "o", "blue"), ("a category", "s", "purple"))):
        ax.plot([r[j]["law"] for r in rows], [r[j]["error"] for r in rows], mark, ms=7, mfc="none", mew=1.6,
                color=COLOURS[colour], label=f"the query for {name}")  # fmt: skip
        for share, r in zip(numbers["shares"], rows, strict=True):
            ax.annotate(f"τ {r[j]['tau']:.2f}", (r[j]["law"], r[j]["error"]), (7, -9), fontsize=8.5,
                        textcoords="offset points", color="#444444") if share in (0.0025, 0.1) else None  # fmt: skip
    most = max(r[j]["law"] for r in rows for j in (0, 1))
    ax.plot([0, 1.05 * most], [0, 1.05 * most], color="black", lw=1)
    ax.set_xlabel("τ ‖μ_tail − μ_head‖")
    ax.set_ylabel("‖Attn − Attn_k‖, as it is")
    worst = max(e["identity"]["worst"] for e in numbers["codes"])
    ax.set_title(f"The error of top-k is an identity:\nthe two differ by {worst:.0e} at most")
    ax.legend(loc="upper left", title="k from 0.25 % to 10 %")


def model_panel(ax: Any, numbers: dict[str, Any]) -> None:
    found = numbers["model"]
    ax.set_xlabel("keys read, of the length of the list (%)")
    ax.set_ylabel("KL(frequencies ‖ prediction), nats")
    if found is None:
        ax.set_title("A list inside SmolLM2: left out")
        ax.text(0.5, 0.5, "left out: a quick run, or\nthe model has not been fetched\n(hdspike data fetch smollm2)",
                transform=ax.transAxes, ha="center", va="center", fontsize=10, color="#444444")  # fmt: skip
        return
    x = [100 * k / found["length"] for k in found["counts"]]
    for rule, (mark, colour) in STYLES.items():
        points = [p["own_kl"] for p in found["rules"][rule]]
        curve(ax, x, points, fmt=f"{mark}-", color=colour, label=LABELS[rule])
    soft = found["softmax"]["own_kl"]
    ax.axhspan(soft["mean"] - soft["half"], soft["mean"] + soft["half"], color=SOFT, alpha=0.15, lw=0)
    ax.axhline(soft["mean"], color=SOFT, ls="--", lw=1.6, label="softmax")
    nothing = f"equal chances for {found['several']} words: no counting"
    ax.axhline(found["uniform"], color="black", ls=":", lw=1.6, label=nothing)
    ax.set_xscale("log")
    ax.set_xticks(x, [f"{v:.0f}" for v in x])
    ax.minorticks_off()
    ax.set_ylim(bottom=0)
    top, bundled = (found["rules"][rule][0]["own_kl"]["mean"] for rule in ("top-k", "bundles"))
    ax.set_title(
        f"SmolLM2 behind a comma of a list: softmax {soft['mean']:.2f} nats,\ntop {x[0]:.0f} % {top:.2f}, bundles "
        f"{bundled:.2f}; equal chances {found['uniform']:.2f}"
    )
    ax.legend(loc="lower right")


def draw(numbers: dict[str, Any]) -> Figure:
    """Counts, means, majorities, commonest words; the identity; the list inside the model."""
    fig, axes = figure(2, 3, size=(16.5, 9.6))
    count_panel(axes[0][0], numbers)
    mean_panel(axes[0][1], numbers)
    majority_panel(axes[0][2], numbers)
    words_panel(axes[1][0], numbers)
    identity_panel(axes[1][1], numbers)
    model_panel(axes[1][2], numbers)
    entry, found = numbers["codes"][0], numbers["model"]
    said = ""
    if found:
        more = [found["rules"][rule][0]["more_kl"] for rule in RULES]
        added = ", ".join(
            f"{LABELS[rule]} {m['mean']:+.2f} ± {m['half']:.2f}" for rule, m in zip(RULES, more, strict=True)
        )
        share = 100 * found["counts"][0] / found["length"]
        plain = [found["softmax"]["kl"]["mean"], *(found["rules"][rule][0]["kl"]["mean"] for rule in RULES)]
        said = (
            f"\nInside the model: {found['lists']} lists of {found['length']} tokens; each rule's predictions are "
            f"sharpened by a power fitted on another list. As they are: softmax {plain[0]:.2f} nats, and "
            f"{share:.0f} % of the keys\nadd (paired) {added}"
            + (": all farther off than equal chances." if min(plain) > found["uniform"] else ".")
        )
    behind = [
        task
        for task in entry["softmax"]
        if all(p["mean"] > entry["softmax"][task]["mean"] for p in entry["rules"]["top-k"][task])
    ]
    fig.supxlabel(
        f"Over codes: {entry['keys']:,} keys of {numbers['dim']} bits, {entry['texts']} texts, "
        f"{entry['categories']} categories unless said; bars: 95 %. Up to {numbers['bundles']} bundles are cells of k. "
        "Drawn by weight: an oracle, it knows all weights.\nSoftmax reads every key: dense wins over the top keys in "
        f"{len(behind)} of {len(entry['softmax'])} tasks at every share; at 1 % bundles misplace "
        f"{100 * at_one(entry, 'bundles', 'count'):.1f} % of the counts, which are means over all keys." + said,
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
