"""Which heads of a real model obey the 99 % law: does the spread of their scores say what the top 1 % of keys lose?

For i.i.d. normal scores of deviation σ the softmax mass lost outside the top 1 % tends to Φ(2.326 − σ) as the number
of keys N grows; a finite N loses more, and single queries scatter. SmolLM2-135M reads a window of each of three genres
of the Brown corpus with exact softmax. A decoder's positions do not feel what comes later, so one pass over 4,096
tokens serves all contexts: a context of C has the queries that see more than C/2 and at most C keys. Every 16th of them
is measured in every head: the deviation σ of its scores over all keys seen, and the mass lost. Beside them stands the
Monte Carlo of normal scores of **the query's own σ and N**: 90 % of its draws are the query's band.

A head *obeys* where more than half of its queries lie in their bands (of normal scores 90 % would), *loses less* or
*loses more* where more than half lie below or above, and is *mixed* otherwise. The same is asked again with the key at
the start of the window left out (a sink, which holds much of the mass), with the newest 64 left out, and with both.
What is lost is then a share of the mass of the keys that are left.

Caveats. Obeying is a statement about the mass of a head's typical query, not about quality: no value is weighed here.
One model, English prose of 1961. Queries of a window share their keys, so the number of queries is not a number of
observations: the spread over windows is given instead. σ and the loss come out of the same scores, as the law says. At
few keys the band is so wide that much obeys: k = round(1 %·N) is 3 keys of 256. A window begins with a document, and
without the token that would mark its beginning. A sentence encoder's texts are too short for a top 1 %.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from hdspike import datasets, theory
from hdspike.models import Llama, windows
from hdspike.models.deviation import Measures, ScoreStatistics
from hdspike.plot.style import COLOURS, figure
from hdspike.theory.sampled import DroppedMass

TOP = 0.01
SHARES = (0.0025, 0.005, 0.01, 0.02, 0.05, 0.1)
RECENT = 64
VARIANTS = {"all keys": (0, 0), "no sink": (1, 0), "no recent": (0, RECENT), "neither": (1, RECENT)}
CLASSES = ("obeys", "loses less", "loses more", "mixed")
CLASS_COLOURS = dict(
    zip(CLASSES, (COLOURS["green"], COLOURS["blue"], COLOURS["vermilion"], "#BBBBBB"), strict=True)
)
GENRES = ("news", "lore", "fiction")
LINE = [0.1 * i for i in range(91)]


# --- measured -----------------------------------------------------------------------------------------


def texts(model: Llama, context: int, genres: tuple[str, ...]) -> NDArray[np.int64]:
    """``(genres, context)``: the beginning of each genre's documents, one behind the other."""
    documents = datasets.load("brown")
    tokenizer = model.file.tokenizer()
    rows = []
    for genre in genres:
        text = "\n".join(document.text for document in documents if document.genre == genre)
        rows.append(windows(tokenizer.encode(text[: 8 * context]).ids, context, count=1)[0])
    return np.stack(rows)


def judged(
    inside: NDArray[np.float64], less: NDArray[np.float64], more: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The class of each head, as a place in :data:`CLASSES`, from the shares of its queries."""
    return np.select([inside > 0.5, less > 0.5, more > 0.5], [0, 1, 2], 3)


def heads(found: Measures, variant: int, law: DroppedMass) -> dict[str, NDArray[Any]]:
    """Of one variant, each head's means over its queries ``(layers, H)``, and where its queries lie."""
    top = SHARES.index(TOP)
    sigma, keys, lost = found.deviation[variant], found.keys[variant], found.lost[variant][..., top]
    low, mean, high = law.low(sigma, keys), law.mean(sigma, keys), law.high(sigma, keys)
    # float32 scores: what is lost is known to some 1e-6
    shares = {"inside": (lost >= low - 1e-6) & (lost <= high + 1e-6), "less": lost < low - 1e-6}
    out = {name: value.mean(axis=-1) for name, value in shares.items()}
    out["more"] = 1 - out["inside"] - out["less"]
    out["class"] = judged(out["inside"], out["less"], out["more"])
    out |= {"sigma": sigma.mean(axis=-1), "lost": lost.mean(axis=-1), "expected": mean.mean(axis=-1)}
    for name in ("skewness", "kurtosis", "outside"):
        out[name] = getattr(found, name)[variant].mean(axis=-1)
    out["bar"] = found.bars[variant][..., top].mean(axis=-1)
    grown = np.sqrt(2 * np.maximum(found.growth[variant], 0))
    out["expected_by_growth"] = law.mean(grown, keys).mean(axis=-1)
    return out


def joined(parts: list[Measures]) -> Measures:
    """The queries of several windows, one behind the other."""
    return Measures(
        **{
            name: np.concatenate([getattr(part, name) for part in parts], axis=3)
            for name in Measures.__dataclass_fields__
        }
    )


def rounded(values: NDArray[Any]) -> Any:
    """Nested lists of numbers, to four digits behind the point."""
    return np.round(values, 4).tolist()


def rank_correlation(a: NDArray[Any], b: NDArray[Any]) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(a.ravel(), b.ravel()).statistic)


def summary(whole: dict[str, NDArray[Any]], each: list[dict[str, NDArray[Any]]]) -> dict[str, Any]:
    """What one variant says over all heads; the counts of classes also of each window alone."""
    counts = [[int((one["class"] == c).sum()) for c in range(len(CLASSES))] for one in (whole, *each)]
    same = np.all([one["class"] == whole["class"] for one in each], axis=0)
    error = whole["lost"] - whole["expected"]
    return {
        "heads": dict(zip(CLASSES, counts[0], strict=True)),
        "heads_by_window": [dict(zip(CLASSES, row, strict=True)) for row in counts[1:]],
        "same_in_every_window": int(same.sum()),
        "queries_inside": float(whole["inside"].mean()),
        "queries_less": float(whole["less"].mean()),
        "queries_more": float(whole["more"].mean()),
        "heads_nine_tenths_inside": int((whole["inside"] >= 0.9).sum()),
        "lost": float(whole["lost"].mean()),
        "expected": float(whole["expected"].mean()),
        "median_error": float(np.median(np.abs(error))),
        "median_error_by_growth": float(np.median(np.abs(whole["lost"] - whole["expected_by_growth"]))),
        "rank_correlation": rank_correlation(whole["lost"], whole["expected"]),
        "error_with_kurtosis": rank_correlation(error, whole["kurtosis"]),
        "error_with_skewness": rank_correlation(error, whole["skewness"]),
        "outside": float(whole["outside"].mean()),
        "bar": [float(q) for q in np.quantile(whole["bar"], (0.1, 0.5, 0.9))],
    }


def between(found: Measures, low: int, high: int) -> Measures:
    """The queries that see more than ``low`` and at most ``high`` keys."""
    seen = found.keys[list(VARIANTS).index("all keys"), 0, 0]
    chosen = (seen > low) & (seen <= high)
    return Measures(**{name: getattr(found, name)[:, :, :, chosen] for name in Measures.__dataclass_fields__})


def measured(
    parts: list[Measures], context: int, *, draws: int, seed: int
) -> tuple[dict[str, Any], dict[str, dict[str, NDArray[Any]]], Measures]:
    """Of one context, from all windows' measures: numbers of each variant, each head's means, all measures."""
    parts = [between(part, context // 2, context) for part in parts]
    found = joined(parts)
    law = DroppedMass(TOP, (context // 2, context), most=float(found.deviation.max()), draws=draws, seed=seed)
    line = np.array(LINE)
    whole = {name: heads(found, v, law) for v, name in enumerate(VARIANTS)}
    numbers: dict[str, Any] = {
        "windows": len(parts),
        "queries_per_head": found.keys.shape[3],
        "variants": {
            name: summary(whole[name], [heads(part, v, law) for part in parts])
            for v, name in enumerate(VARIANTS)
        },
        "law": {
            "sigma": rounded(line),
            "limit": rounded(np.array([theory.dropped_mass(TOP, s) for s in LINE])),
            "low": rounded(law.low(line, context * 3 // 4)),
            "mean": rounded(law.mean(line, context * 3 // 4)),
            "high": rounded(law.high(line, context * 3 // 4)),
        },
    }
    return numbers, whole, found


def by_share(found: Measures, variant: int, *, draws: int, seed: int) -> list[dict[str, Any]]:
    """At each share: quantiles over heads of the mass lost, and of what normal scores of the heads' σ lose."""
    keys, most = int(np.median(found.keys[variant])), float(found.deviation.max())
    out = []
    for i, share in enumerate(SHARES):
        law = DroppedMass(share, [keys], most=most, step=0.5, draws=draws, seed=seed)
        expected = law.mean(found.deviation[variant], keys).mean(axis=-1)
        lost = found.lost[variant][..., i].mean(axis=-1)
        out.append(
            {
                "share": share,
                "lost": [float(q) for q in np.quantile(lost, (0.1, 0.5, 0.9))],
                "expected": [float(q) for q in np.quantile(expected, (0.1, 0.5, 0.9))],
                "mean": float(lost.mean()),
            }
        )
    return out


def moves(before: NDArray[np.int64], after: NDArray[np.int64]) -> dict[str, dict[str, int]]:
    """How many heads of each class are of which class afterwards."""
    return {
        a: {b: int(((before == i) & (after == j)).sum()) for j, b in enumerate(CLASSES)}
        for i, a in enumerate(CLASSES)
    }


def study(
    model: Llama, rows: NDArray[np.int64], contexts: tuple[int, ...], *, every: int, draws: int, seed: int
) -> dict[str, Any]:
    """All that is drawn, of a model and of windows ``(n, tokens)``; the heads one by one at the longest context."""
    plug = ScoreStatistics(
        SHARES, without=tuple(VARIANTS.values()), counted_from=min(contexts) // 2, every=every
    )
    parts = []
    for row in rows:
        plug.reset()
        model.hidden(row, plug)
        parts.append(plug.found())
    out: dict[str, Any] = {"contexts": {}}
    for context in sorted(contexts):
        out["contexts"][str(context)], whole, found = measured(parts, context, draws=draws, seed=seed)
    out["context"] = context
    out["heads"] = {
        name: {
            key: rounded(value)
            for key, value in whole[name].items()
            if key in ("class", "sigma", "lost", "expected", "inside", "kurtosis", "skewness", "outside")
        }
        for name in ("all keys", "no sink")
    }
    out["moves"] = moves(whole["all keys"]["class"], whole["no sink"]["class"])
    out["by_share"] = {
        name: by_share(found, list(VARIANTS).index(name), draws=max(40, draws // 5), seed=seed)
        for name in ("all keys", "no sink")
    }
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Deviation and mass lost of every head, beside the law."""
    datasets.require("smollm2", "brown")
    model = Llama(next(path for path in datasets.path("smollm2").iterdir() if path.suffix == ".gguf"))
    contexts, genres = ((256,), GENRES[:1]) if quick else ((1024, 4096), GENRES)
    return {
        "question": "Which heads of a real model obey the 99 % law?",
        "model": model.file.path.stem,
        "genres": genres,
        "recent": RECENT,
        "shares": SHARES,
        **study(
            model,
            texts(model, max(contexts), genres),
            contexts,
            every=16,
            draws=100 if quick else 400,
            seed=seed,
        ),
    }


# --- drawn --------------------------------------------------------------------------------------------


def percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def scatter_panel(ax: Any, numbers: dict[str, Any], name: str, title: str) -> Any:
    entry, law = numbers["heads"][name], numbers["contexts"][str(numbers["context"])]["law"]
    sigma, lost = np.array(entry["sigma"]), np.array(entry["lost"])
    layers = np.broadcast_to(np.arange(len(sigma))[:, None], sigma.shape)
    ax.fill_between(
        law["sigma"],
        100 * np.array(law["low"]),
        100 * np.array(law["high"]),
        color="#999999",
        alpha=0.3,
        lw=0,
    )
    ax.plot(law["sigma"], 100 * np.array(law["mean"]), color="#555555", ls="--", lw=1.4)
    ax.plot(law["sigma"], 100 * np.array(law["limit"]), color="black", lw=1.6)
    drawn = ax.scatter(
        sigma, 100 * lost, c=layers, cmap="viridis", s=18, lw=0.3, edgecolors="white", zorder=3
    )
    ax.set_xlim(0, max(8.0, 1.03 * float(sigma.max())))
    ax.set_ylim(-3, 103)
    ax.set_xlabel("deviation σ of a head's scores (nats, mean over its queries)")
    ax.set_ylabel("softmax mass lost at the top 1 % (%)")
    ax.set_title(title)
    return drawn


def class_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """Layer by head: the class with all keys (left half of a cell) and without the sink (right half)."""
    left, right = (np.array(numbers["heads"][name]["class"]) for name in ("all keys", "no sink"))
    layers, count = left.shape
    colours = np.array([[int(CLASS_COLOURS[c][i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in CLASSES])
    both = np.stack([left, right], axis=-1).reshape(layers, 2 * count)
    ax.imshow(colours[both].transpose(1, 0, 2), aspect="auto", interpolation="nearest", origin="lower")
    for head in range(1, count):
        ax.axhline(2 * head - 0.5, color="white", lw=2.2)
    ax.set_xticks(range(0, layers, max(1, layers // 6)))
    ax.set_yticks([2 * head + 0.5 for head in range(count)], [str(head) for head in range(count)])
    ax.grid(visible=False)
    ax.set_xlabel("layer")
    ax.set_ylabel("head (below: all keys, above: no sink)")
    moved = numbers["moves"]["loses less"]
    ax.set_title(
        f"Of {sum(moved.values())} heads that lose less than the law, {moved['obeys']} obey\n"
        "once the key at the start is left out"
    )
    ax.legend(
        handles=[Line2D([], [], marker="s", ls="", color=CLASS_COLOURS[c], label=c) for c in CLASSES],
        loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4, handletextpad=0.1, columnspacing=0.9,
    )  # fmt: skip


def count_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """Heads of each class, by which keys are left out and by context; bars of windows alone on those that obey."""
    names = list(VARIANTS)
    total = sum(next(iter(numbers["contexts"].values()))["variants"][names[0]]["heads"].values())
    ticks, labels = [], []
    for group, (context, entry) in enumerate(numbers["contexts"].items()):
        for place, name in enumerate(names):
            x, floor = group * (len(names) + 0.7) + place, 0
            found = entry["variants"][name]
            for kind in CLASSES:
                many = found["heads"][kind]
                ax.bar(x, many, bottom=floor, width=0.82, color=CLASS_COLOURS[kind])
                if many > 0.07 * total:
                    ax.text(x, floor + many / 2, str(many), ha="center", va="center", fontsize=9,
                            color="black" if kind == "mixed" else "white")  # fmt: skip
                floor += many
            alone = [w["obeys"] for w in found["heads_by_window"]]
            obeying = found["heads"]["obeys"]
            ax.errorbar(x + 0.3, obeying, yerr=[[max(0, obeying - min(alone))], [max(0, max(alone) - obeying)]],
                        color="black", lw=1.3, capsize=2.5)  # fmt: skip
            ticks.append(x)
            labels.append(name.replace(" ", "\n"))
        ax.text(group * (len(names) + 0.7) + 1.5, 1.03 * total, f"{int(context):,} tokens, {entry['windows']} windows",
                ha="center", fontsize=9.5)  # fmt: skip
    ax.set_xticks(ticks, labels, fontsize=9)
    ax.set_ylim(0, 1.12 * total)
    ax.set_ylabel("heads")
    ax.grid(axis="x", visible=False)
    entry = numbers["contexts"][str(numbers["context"])]["variants"]
    obeying = [entry[name]["heads"]["obeys"] for name in ("all keys", "no sink", "neither")]
    ax.set_title(
        f"{obeying[0]} of {total} heads obey, {obeying[1]} without the sink, {obeying[2]}\nwithout the newest "
        f"{numbers['recent']} as well ({numbers['context']:,} tokens)"
    )


def share_panel(ax: Any, numbers: dict[str, Any]) -> None:
    for name, colour, label in (
        ("all keys", COLOURS["vermilion"], "all keys"),
        ("no sink", COLOURS["purple"], "key at the start left out"),
    ):
        rows = numbers["by_share"][name]
        x = [100 * row["share"] for row in rows]
        low, middle, high = (np.array([100 * row["lost"][i] for row in rows]) for i in range(3))
        ax.plot(x, middle, "o-", ms=5, color=colour, label=f"measured, {label}")
        if name == "all keys":
            ax.fill_between(x, low, high, color=colour, alpha=0.18, lw=0)
    low, middle, high = (np.array([100 * row["expected"][i] for row in rows]) for i in range(3))
    ax.plot(x, middle, color="black", ls="--", label="normal scores of the heads' σ")
    for edge in (low, high):
        ax.plot(x, edge, color="black", ls=":", lw=1.1)
    ax.set_xscale("log")
    ax.set_xticks(x, [f"{s:g}" for s in x])
    ax.minorticks_off()
    ax.set_ylim(0, 100)
    ax.set_xlabel("share of keys kept (%)")
    ax.set_ylabel("softmax mass lost (%)")
    at = [row["share"] for row in rows].index(TOP)
    ax.set_title(
        f"The median head loses {percent(numbers['by_share']['all keys'][at]['lost'][1])} at 1 %, "
        f"{percent(numbers['by_share']['no sink'][at]['lost'][1])} without\nthe sink; normal scores of its σ "
        f"{percent(numbers['by_share']['no sink'][at]['expected'][1])}"
    )
    ax.legend(loc="upper right", title="band and dotted: 80 % of the heads", title_fontsize=9)


def cause_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["heads"]["no sink"]
    kurtosis, kinds = np.array(entry["kurtosis"]), np.array(entry["class"])
    error = 100 * (np.array(entry["lost"]) - np.array(entry["expected"]))
    for i, kind in enumerate(CLASSES):
        own = kinds == i
        ax.scatter(
            kurtosis[own], error[own], s=18, color=CLASS_COLOURS[kind], label=kind, lw=0.3, edgecolors="white"
        )
    ax.axhline(0, color="black", lw=1.2)
    ax.axvline(0, color="black", lw=0.8, ls=":")
    ax.set_xscale("symlog", linthresh=1)
    ax.set_xticks(
        [x for x in (-1, -0.5, 0, 0.5, 1, 2, 5, 10, 20) if kurtosis.min() - 0.3 < x < kurtosis.max()]
    )
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel("excess kurtosis of the scores (0 = normal)")
    ax.set_ylabel("mass lost − that of normal scores (points)")
    found = numbers["contexts"][str(numbers["context"])]["variants"]["no sink"]
    ax.set_title(
        f"No sink: heads of heavier tails lose {'less' if found['error_with_kurtosis'] < 0 else 'no less'}\n"
        f"(rank correlation {found['error_with_kurtosis']:.2f}; skewness {found['error_with_skewness']:.2f})"
    )
    ax.legend(loc="upper right")


def draw(numbers: dict[str, Any]) -> Figure:
    """Mass lost against σ with all keys and without the sink; heads by class; shares; what breaks the law."""
    fig, axes = figure(2, 3, size=(16, 9.6))
    found = numbers["contexts"][str(numbers["context"])]["variants"]
    titles = {
        name: f"{start}: {percent(found[name]['lost'])} is lost at the top 1 %,\nnormal scores of the same σ lose "
        f"{percent(found[name]['expected'])}"
        for name, start in (("all keys", "All keys"), ("no sink", "Key at the start left out"))
    }
    for ax, name in zip(axes[0][:2], titles, strict=True):
        drawn = scatter_panel(ax, numbers, name, titles[name])
    axes[0][0].legend(
        handles=[
            Line2D([], [], color="black", label="law, N → ∞: Φ(2.326 − σ)"),
            Line2D(
                [],
                [],
                color="#555555",
                ls="--",
                label=f"normal scores, N = {numbers['context'] * 3 // 4:,}: mean",
            ),
            Line2D([], [], color="#999999", lw=7, alpha=0.4, label="90 % of single queries"),
        ],
        loc="upper right",
    )
    fig.colorbar(drawn, ax=axes[0][1], label="layer", pad=0.01)
    class_panel(axes[0][2], numbers)
    count_panel(axes[1][0], numbers)
    share_panel(axes[1][1], numbers)
    cause_panel(axes[1][2], numbers)
    entry = numbers["contexts"][str(numbers["context"])]
    fig.supxlabel(
        f"{numbers['model']}, exact softmax, Brown corpus. Above and right: context {numbers['context']:,}, "
        f"{entry['windows']} window(s), {entry['queries_per_head']} queries of each head, of the second halves. "
        "A point is a head. A head obeys where more\nthan half of its queries lie in the 90 % band of normal scores "
        "of their own σ and N. Whiskers: single windows. What is lost is a share of the mass of the keys left.",
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
