"""How many keys must a sentence encoder's attention read, for its similarities to stay those that people find?

all-MiniLM-L6-v2, a pretrained encoder of six layers, embeds texts; the cosine of two embeddings is held against the
ratings of people by Spearman's rank correlation ρ. Its attention is a plug: exact softmax, and without any retraining
the k highest scores of each query and head (k-WTA), the k best of 4k candidates that sign codes of 256 to 10,240 bits
find, and those that synaptic events of a product code find (at most one event for each query and key). Controls: k keys
at random, and all keys with equal weights: what a rule keeps is worth something only beyond what these keep.

Lee-50: 50 news stories of 53 to 154 tokens, 1,225 rated pairs. WordSim-353 and SimLex-999: pairs of words. A word is
three tokens with the two that mark a text's ends, so k = 1 is a third of the keys already; and again in the carrier
"The word … means". Codes are not asked there: among six keys nothing is to be searched.

Intervals are 95 % of bootstrap samples, of documents (not pairs, which share documents) for Lee-50 and of pairs for
words, the same samples for every rule: differences to softmax are paired. Mean keys and codebook are learned from
CPython's documentation.

Caveats. Texts are short: 1 % of 100 keys is one key, and every share below is the same one. ρ with people is a coarse
measure; how far the embeddings move away from those of softmax is the fine one. A rule that scores better than softmax
on one set within its interval is not better. All scores are computed here to measure the mass; no time is claimed.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import rankdata

from hdspike import datasets
from hdspike.models import KWTA, Encoder, softmax
from hdspike.models.attention import Attention, checked, score_blocks
from hdspike.models.coded import CodedKWTA
from hdspike.models.evented import EventKWTA
from hdspike.models.product import ProductBook, learn_product
from hdspike.models.signs import SignCode
from hdspike.plot.style import COLOURS, figure

SHARES = (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100)  # per cent
CODED = (1, 10)
RANDOM = (1, 10, 50)
BITS = (256, 1024, 10_240)
CANDIDATES, EVENTS = 4, 1.0
BLOCKS, LINES = 4, 64
CARRIER = "The word {} means"
WORDS = {"wordsim-353": "WordSim-353", "simlex-999": "SimLex-999"}
PIECE = 700  # characters of a text that is learned from

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


class RandomKeys:
    """An attention plug, the control: softmax over a share of the keys, picked at random for each query and head."""

    def __init__(self, percent: float, *, seed: int) -> None:
        self.percent = percent
        self.rng = np.random.default_rng(seed)

    def __call__(
        self, queries: Any, keys: Any, values: Any, *, layer: int = 0, seen: Any
    ) -> NDArray[np.float32]:
        seen = checked(queries, keys, values, seen)
        share = len(queries) // len(keys)
        out = np.empty((*queries.shape[:2], values.shape[2]), dtype=np.float32)
        for group, part, scores, limit in score_blocks(queries, keys, seen):
            luck = np.where(np.isfinite(scores), self.rng.random(scores.shape), 2.0)
            kept = np.maximum(1, np.rint(self.percent / 100 * limit)).astype(np.int64)
            scores[luck.argsort(axis=1).argsort(axis=1) >= kept[:, None]] = -np.inf
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            read = weights @ values[group, : scores.shape[1]] / weights.sum(axis=1, keepdims=True)
            out[group * share : (group + 1) * share, part] = read.reshape(share, -1, values.shape[2])
        return out


def uniform(queries: Any, keys: Any, values: Any, *, layer: int = 0, seen: Any) -> NDArray[np.float32]:
    """An attention plug, the control: all keys seen weigh the same."""
    return softmax(np.zeros_like(queries), keys, values, layer=layer, seen=seen)


# --- what is learned from other text ------------------------------------------------------------------


class Watch:
    """An attention plug, exact softmax, that holds the keys it sees and sums up its queries."""

    def __init__(self) -> None:
        self.keys: dict[int, list[NDArray[np.float32]]] = {}
        self.queries: dict[int, list[NDArray[np.float32]]] = {}

    def __call__(
        self, queries: Any, keys: Any, values: Any, *, layer: int = 0, seen: Any
    ) -> NDArray[np.float32]:
        self.keys.setdefault(layer, []).append(keys)
        self.queries.setdefault(layer, []).append(queries)
        return softmax(queries, keys, values, layer=layer, seen=seen)


def learned(model: Encoder, pieces: Sequence[str], *, seed: int) -> tuple[NDArray[np.float64], ProductBook]:
    """Mean keys ``(layers, G, d)`` and the product codebook of what the model makes of other texts."""
    watch = Watch()
    model.encode(pieces, watch)
    layers = range(len(watch.keys))
    keys = [np.concatenate(watch.keys[layer], axis=1) for layer in layers]
    queries = [np.concatenate(watch.queries[layer], axis=1).astype(np.float64) for layer in layers]
    moments = np.stack([q.transpose(0, 2, 1) @ q / q.shape[1] for q in queries])
    book = learn_product(
        keys, moments, np.stack([q.mean(axis=1) for q in queries]), blocks=BLOCKS, lines=LINES, rng=seed
    )
    return np.stack([k.mean(axis=1, dtype=np.float64) for k in keys]), book


def rules(
    centre: NDArray[np.float64], book: ProductBook, *, seed: int
) -> dict[str, tuple[Sequence[float], Any]]:
    """Every rule by name: the shares it is asked at, and its plug of a share in per cent."""

    def signs(bits: int) -> Callable[[float], Attention]:
        code = SignCode(bits, seed=seed, centre=centre)
        return lambda share: CodedKWTA(f"{share:g}%", code=code, candidates=CANDIDATES)

    return {
        "exact": (SHARES, lambda share: KWTA(f"{share:g}%")),
        **{f"{bits:,} bits": (CODED, signs(bits)) for bits in BITS},
        "events": (
            CODED,
            lambda share: EventKWTA(f"{share:g}%", book, events=EVENTS, candidates=CANDIDATES),
        ),
        "random": (RANDOM, lambda share: RandomKeys(share, seed=seed)),
    }


# --- similarities beside ratings ----------------------------------------------------------------------


def spearman(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Rank correlation; 0 where all of one are equal."""
    x, y = rankdata(a), rankdata(b)
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size else 0.0


class Judged:
    """Rated pairs of texts, and bootstrap samples of them.

    ``of_texts``: texts are drawn, and the pairs of two different ones among them count; else pairs are drawn.
    """

    def __init__(
        self, pairs: Pairs, rating: NDArray[np.float64], *, of_texts: bool, samples: int, seed: int
    ) -> None:
        self.pairs, self.rating = pairs, rating
        random = np.random.default_rng(seed)
        count = len(rating)
        if of_texts:
            size = int(max(pairs[0].max(), pairs[1].max())) + 1
            place = np.full((size, size), -1)
            place[pairs] = place[pairs[::-1]] = np.arange(count)
            upper = np.triu_indices(size, 1)
            drawn = (random.integers(size, size=size) for _ in range(samples))
            found = (place[rows[upper[0]], rows[upper[1]]] for rows in drawn)
            self.samples = [rows[rows >= 0] for rows in found]
        else:
            self.samples = [random.integers(count, size=count) for _ in range(samples)]

    def cosines(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        a, b = (vectors[side].astype(np.float64) for side in self.pairs)
        return np.asarray((a * b).sum(axis=1))

    def correlations(self, cosines: NDArray[np.float64]) -> NDArray[np.float64]:
        """ρ with the ratings: of all pairs, then of each sample."""
        return np.array(
            [
                spearman(cosines[rows], self.rating[rows])
                for rows in (np.arange(len(self.rating)), *self.samples)
            ]
        )

    def point(self, vectors: NDArray[np.float32], reference: NDArray[np.float32]) -> dict[str, Any]:
        """ρ with people, its paired difference to that of ``reference``, and how far the vectors moved from it."""
        found, other = self.cosines(vectors), self.cosines(reference)
        rho, base = self.correlations(found), self.correlations(other)
        return {
            "rho": interval(rho),
            "difference": interval(rho - base),
            "agreement": spearman(found, other),
            "cosine": float((vectors * reference).sum(axis=1).mean()),
        }


def interval(values: NDArray[np.float64]) -> list[float]:
    """The leftmost value and the 95 % interval of the others."""
    low, high = np.quantile(values[1:], (0.025, 0.975))
    return [float(values[0]), float(low), float(high)]


def documents(
    model: Encoder, texts: Sequence[str], judged: Judged, built: dict[str, tuple[Sequence[float], Any]]
) -> dict[str, Any]:
    """Every rule at every share on the documents, and the two references."""
    reference = model.encode(texts)
    tokens = [len(model.tokenizer.encode(text).ids) for text in texts]
    points: dict[str, list[dict[str, Any]]] = {}
    for name, (shares, build) in built.items():
        points[name] = []
        for share in shares:
            counts = sorted({max(1, round(share / 100 * n)) for n in tokens})
            if points[name] and points[name][-1]["winners"] == counts:
                points[name].append(points[name][-1] | {"share": share})  # the same keys
                continue
            plug = build(share)
            point = judged.point(model.encode(texts, plug), reference) | {"share": share, "winners": counts}
            for measure in (
                "captured_mass",
                "found_share",
                "synaptic_events_per_query_key",
                "touched_fraction",
            ):
                if hasattr(plug, measure):
                    point[measure] = float(getattr(plug, measure))
            points[name].append(point)
    return {
        "texts": len(texts),
        "pairs": len(judged.rating),
        "tokens": [min(tokens), float(np.mean(tokens)), max(tokens)],
        "softmax": judged.point(reference, reference),
        "uniform": judged.point(model.encode(texts, uniform), reference),
        "rules": points,
    }


def words(
    model: Encoder, sets: dict[str, Any], counts: dict[str, Sequence[int]], *, samples: int, seed: int
) -> dict[str, Any]:
    """Exact k-WTA on single words and in the carrier: ``counts`` says which k are asked for each form."""
    known = sorted({word for entry in sets.values() for word in (*entry.first, *entry.second)})
    place = {word: i for i, word in enumerate(known)}
    judged = {
        name: Judged(
            (np.array([place[w] for w in entry.first]), np.array([place[w] for w in entry.second])),
            entry.rating, of_texts=False, samples=samples, seed=seed,
        )
        for name, entry in sets.items()
    }  # fmt: skip
    out: dict[str, Any] = {}
    for form, asked in counts.items():
        texts = [form.format(word) for word in known]
        tokens = float(np.mean([len(model.tokenizer.encode(text).ids) for text in texts]))
        reference, level = model.encode(texts), model.encode(texts, uniform)
        out[form] = {
            name: {
                "pairs": len(judge.rating),
                "tokens": tokens,
                "softmax": judge.point(reference, reference),
                "uniform": judge.point(level, reference),
                "points": [],
            }
            for name, judge in judged.items()
        }
        for k in asked:
            plug = KWTA(k)
            vectors = model.encode(texts, plug)
            for name, judge in judged.items():
                extra = {"k": k, "captured_mass": plug.captured_mass}
                out[form][name]["points"].append(judge.point(vectors, reference) | extra)
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """People's ratings beside the encoder's cosines under every rule."""
    datasets.require("minilm", "lee-50", *WORDS)
    model = Encoder(datasets.path("minilm"))
    lee = datasets.load("lee-50")
    count, pairs, samples, learning = (8, 8, 50, 4) if quick else (len(lee.texts), 999, 500, 16)
    content = datasets.builtin_text().content
    pieces = [content[i : i + PIECE] for i in np.linspace(0, len(content) - PIECE, learning).astype(int)]
    centre, book = learned(model, pieces, seed=seed)
    upper = np.triu_indices(count, 1)
    built = rules(centre, book, seed=seed)
    if quick:
        built = {name: ((1, 10), build) for name, (_, build) in built.items()}
    counts: dict[str, Sequence[int]] = {"{}": (1, 2), CARRIER: (1, 4) if quick else (1, 2, 4)}
    judged = Judged(upper, lee.rating[:count, :count][upper], of_texts=True, samples=samples, seed=seed)
    sets = {
        name: type(entry)(entry.first[:pairs], entry.second[:pairs], entry.rating[:pairs])
        for name, entry in ((name, datasets.load(name)) for name in WORDS)
    }
    return {
        "question": "How many keys must a sentence encoder's attention read?",
        "candidates": CANDIDATES,
        "events_allowed": EVENTS,
        "code": {"blocks": BLOCKS, "lines": LINES},
        "learned_from": len(pieces),
        "documents": documents(model, lee.texts[:count], judged, built),
        "words": words(model, sets, counts, samples=samples, seed=seed),
    }


# --- drawn --------------------------------------------------------------------------------------------

LOOKS = {
    "exact": (COLOURS["black"], "o-", "exact k-WTA"),
    "256 bits": (COLOURS["sky"], "v--", "sign codes, 256 bits"),
    "1,024 bits": (COLOURS["blue"], "s--", "sign codes, 1,024 bits"),
    "10,240 bits": (COLOURS["purple"], "D--", "sign codes, 10,240 bits"),
    "events": (COLOURS["green"], "^-", "events of a product code"),
    "random": (COLOURS["grey"], "x:", "k keys at random (control)"),
}
FORMS = {
    "{}": (COLOURS["vermilion"], "o-", "the word alone"),
    CARRIER: (COLOURS["blue"], "s-", "“The word … means”"),
}


def share_axis(ax: Any) -> None:
    ax.set_xscale("log")
    ax.set_xticks(SHARES, [f"{s:g}" for s in SHARES])
    ax.minorticks_off()
    ax.set_xlim(0.2, 125)
    ax.set_xlabel("share of keys kept (%; below 1 % one key)")


def curve(ax: Any, rows: list[dict[str, Any]], name: str, pick: Callable[[dict[str, Any]], Any]) -> None:
    """One rule's points; three numbers each are a value and its interval."""
    colour, style, label = LOOKS[name]
    x = np.array([row["share"] for row in rows]) * (1 + 0.03 * (list(LOOKS).index(name) - 2))
    y = np.array([np.atleast_1d(pick(row)) for row in rows], dtype=float)
    ax.plot(x, y[:, 0], style, ms=5, color=colour, label=label)
    if y.shape[1] == 3:
        ax.vlines(x, y[:, 1], y[:, 2], color=colour, lw=1, alpha=0.6)


def at_share(rows: list[dict[str, Any]], share: float) -> dict[str, Any]:
    return min(rows, key=lambda row: abs(row["share"] - share))


def people_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["documents"]
    base, level = entry["softmax"]["rho"], entry["uniform"]["rho"]
    ax.axhspan(base[1], base[2], color=COLOURS["vermilion"], alpha=0.12, lw=0)
    ax.axhline(base[0], color=COLOURS["vermilion"], lw=1.8, label="softmax, all keys (band: 95 %)")
    ax.axhline(level[0], color=COLOURS["orange"], ls="-.", lw=1.4, label="all keys, equal weights (control)")
    for name, rows in entry["rules"].items():
        curve(ax, rows, name, lambda row: row["rho"][0])
    share_axis(ax)
    ax.set_ylabel("ρ with people's ratings")
    ax.set_ylim(0, 0.8)
    one = at_share(entry["rules"]["exact"], 1)["rho"][0]
    ax.set_title(
        f"Lee-50: softmax ρ = {base[0]:.2f} ({base[1]:.2f} to {base[2]:.2f}); 1 % of the\n"
        f"keys {one:.2f}, equal weights {level[0]:.2f}: people's ratings hardly tell"
    )
    ax.legend(loc="lower right", fontsize=8.5, ncols=2, columnspacing=1)


def difference_panel(ax: Any, numbers: dict[str, Any]) -> None:
    rules_ = numbers["documents"]["rules"]
    for name in ("exact", "1,024 bits", "events", "random"):
        curve(ax, rules_[name], name, lambda row: row["difference"])
    ax.axhline(0, color=COLOURS["vermilion"], lw=1.6)
    share_axis(ax)
    ax.set_ylabel("ρ − ρ of softmax (paired, 95 %)")
    worse = [row["share"] for row in rules_["exact"] if row["difference"][2] < 0]
    what = f"worse at {', '.join(f'{s:g}' for s in worse)} %" if worse else "worse at no share"
    row = at_share(rules_["exact"], 1)["difference"]
    ax.set_title(
        f"Exact k-WTA against softmax on Lee-50: {what};\nat 1 % {row[0]:+.3f} ({row[1]:+.3f} to {row[2]:+.3f})"
    )
    ax.legend(loc="lower right", fontsize=8.5)


def moved_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["documents"]
    for name, rows in entry["rules"].items():
        curve(ax, rows, name, lambda row: row["agreement"])
    ax.axhline(entry["uniform"]["agreement"], color=COLOURS["orange"], ls="-.", lw=1.4)
    share_axis(ax)
    ax.set_ylim(min(0.0, ax.get_ylim()[0]), 1.03)
    ax.set_ylabel("ρ with softmax's own similarities")
    found = entry["rules"]["exact"]
    ax.set_title(
        f"The embeddings do move: at 1 % ρ with softmax's {at_share(found, 1)['agreement']:.2f},\nat 10 % "
        f"{at_share(found, 10)['agreement']:.2f}, at 50 % {at_share(found, 50)['agreement']:.3f}"
    )


def mass_panel(ax: Any, numbers: dict[str, Any]) -> None:
    rules_ = numbers["documents"]["rules"]
    for name, rows in rules_.items():
        if "captured_mass" in rows[0]:
            curve(ax, rows, name, lambda row: 100 * row["captured_mass"])
    share_axis(ax)
    ax.set_ylim(0, 103)
    ax.set_ylabel("softmax mass of the winners (%)")
    exact = at_share(rules_["exact"], 10)["captured_mass"]
    coded, events = (at_share(rules_[name], 10) for name in ("1,024 bits", "events"))
    spent = events["synaptic_events_per_query_key"]
    ax.set_title(
        f"The top 10 % hold {100 * exact:.0f} % of the mass; 1,024 bits find {100 * coded['found_share']:.1f} %\n"
        f"of that, {spent:.2f} events per (query, key) {100 * events['found_share']:.1f} %"
    )


def verdict(difference: list[float]) -> str:
    """What the interval of a difference says."""
    return "worse" if difference[2] < 0 else "better" if difference[1] > 0 else "unclear"


def word_panel(ax: Any, numbers: dict[str, Any], name: str) -> None:
    told = []
    for form, (colour, style, label) in FORMS.items():
        entry = numbers["words"][form][name]
        rows = entry["points"]
        x = np.array([row["k"] for row in rows], dtype=float) + (0.05 if form == CARRIER else -0.05)
        y = np.array([row["rho"] for row in rows])
        ax.plot(x, y[:, 0], style, ms=6, color=colour, label=f"{label}, ≈ {entry['tokens']:.1f} keys")
        ax.vlines(x, y[:, 1], y[:, 2], color=colour, lw=1, alpha=0.6)
        ax.axhline(entry["softmax"]["rho"][0], color=colour, lw=1.4, label="its softmax")
        ax.axhline(entry["uniform"]["rho"][0], color=colour, lw=1.2, ls="-.", label="its keys, equal weights")
        told.append(rows[0]["difference"])
    ax.set_xticks(range(1, 6))
    ax.set_xlabel("k, keys kept by each query and head")
    ax.set_ylabel("ρ with people's ratings")
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.55 * (high - low), high)
    ax.set_title(
        f"{WORDS[name]}, one key in place of all: Δρ =\n{told[0][0]:+.3f} alone ({verdict(told[0])}), "
        f"{told[1][0]:+.3f} in a carrier ({verdict(told[1])})"
    )
    ax.legend(loc="lower right", fontsize=8.5, ncols=2, columnspacing=1)


def draw(numbers: dict[str, Any]) -> Figure:
    """Documents: people, difference, distance from softmax, mass; words: people, two sets."""
    fig, axes = figure(2, 3, size=(16, 9.6))
    people_panel(axes[0][0], numbers)
    difference_panel(axes[0][1], numbers)
    moved_panel(axes[0][2], numbers)
    mass_panel(axes[1][0], numbers)
    for ax, name in zip(axes[1][1:], WORDS, strict=True):
        word_panel(ax, numbers, name)
    entry = numbers["documents"]
    fig.supxlabel(
        f"all-MiniLM-L6-v2, no retraining. Lee-50: {entry['texts']} texts of {entry['tokens'][0]} to "
        f"{entry['tokens'][2]} tokens, {entry['pairs']:,} rated pairs. Codes and events propose "
        f"{numbers['candidates']} candidates for each winner, which are scored exactly.\nIntervals: 95 % of bootstrap "
        "samples, of documents (Lee-50) or of pairs (words). Mean keys and codebook are learned from CPython's "
        "documentation.",
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
