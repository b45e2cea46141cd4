"""What does low rank save: in the cache, in the weights?

*Cache.* Multi-head latent attention (DeepSeek-V3) keeps one latent of 512 numbers and a rotary key of 64 per token and
layer. Multi-head attention with the same heads, grouped queries of 8 groups and a single key head are counted beside it
(exact; the last two are not models that exist). The price is said too: products per pair of query and cached token.

*Weights.* SmolLM2-135M's projections by truncated singular value decomposition (float16 factors) and by magnitude
(float16 values and a bit map, or row indices where that is smaller), at the same bytes; each by the weights alone or
with the second moments of the inputs, taken from another genre of the Brown corpus. Errors of the outputs are those on
other text. A curve over the bytes for one matrix stands beside the laws of a matrix without structure: Marchenko and
Pastur 1967 for singular values, normal weights for magnitudes. Perplexity: all layers' projections of one kind, or all
seven kinds, are exchanged, with no retraining. 8 windows of 256 tokens, four genres, second halves judged; bars are
Student's 95 % intervals of paired differences between windows.

*Keys.* Of SmolLM2's keys kept in few bytes, which of a query's best 1 % are found: low rank (axes that matter for the
head's queries) in float16 and int8, the largest entries, and hypervectors (signs of a random projection, compared by
Hamming distance); statistics of other text. Mean over queries and heads, and Student's 95 % interval over heads, which
are taken as independent.

*Trained.* Perceptrons on scikit-learn's digits with the same number of weights, five ways, same epochs, paired seeds;
mean and Student's 95 % interval.

Without the fetched sets smollm2 and brown (and with --quick), the matrix is a perceptron's, and perplexity and keys are
left out. Caveats: one small model in Q4_1 read as float32, no retraining after compression, which would help both; a
cache's latent is trained, not made by decomposition afterwards. Bytes are counted; no time is measured.
"""

from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hdspike import datasets
from hdspike.contestants.kept import Kept
from hdspike.models import Llama, LlamaFile
from hdspike.models.paired import perplexity_ratio
from hdspike.plot.style import COLOURS, figure, note
from hdspike.sparsity import decoder_bytes
from hdspike.sparsity.decoder_keys import key_recall
from hdspike.sparsity.few_weights import FORMS, dense_reference, few_weights
from hdspike.sparsity.latent_attention import DEEPSEEK_V3
from hdspike.sparsity.projections import KINDS, Moments, exchanged, weights_of
from hdspike.sparsity.task import digits
from hdspike.workloads.attend import tokens_of
from hdspike.workloads.counting import mean_of

NAME, VERSION = "low_rank", 1
SHARE = 0.5
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
LAYERS = (0, 5, 10, 15, 20, 25, 29)
SHOWN = (15, "gate")
GENRES = ("news", "learned", "fiction", "government")
CONTEXT, WINDOWS = 256, 2  # of each genre
KNOWN = 4096  # tokens of "lore", from which moments are taken
KEY_LAYERS, KEY_TOKENS, KEY_EVERY = (3, 9, 15, 21, 27), 1024, 8
KEY_BYTES = (4, 8, 16, 32, 64, 128)
BEST = 0.01
HIDDEN, RANKS, EPOCHS, SEEDS = (300, 100), (1, 2, 4, 8, 16, 32), 20, 8
METHOD_LOOKS = {
    "low rank": ("vermilion", "", "s"),
    "low rank, inputs known": ("orange", "//", "D"),
    "sparse": ("blue", "", "o"),
    "sparse, inputs known": ("sky", "//", "^"),
}
KEY_LOOKS = {
    "low rank float16": ("vermilion", "s"),
    "low rank int8": ("orange", "D"),
    "sparse": ("blue", "o"),
    "signs": ("green", "v"),
}
FORM_LOOKS = {
    "low rank": ("vermilion", "s", "low rank from the start"),
    "low rank after": ("orange", "D", "low rank, from dense halfway"),
    "random mask": ("sky", "^", "random sparse from the start"),
    "magnitude after": ("blue", "o", "largest weights, from dense halfway"),
    "narrow": ("black", "v", "dense and narrow"),
}


def cache() -> dict[str, Any]:
    """Numbers cached per token, four ways, with the sizes of DeepSeek-V3."""
    shape = DEEPSEEK_V3
    return {
        "multi-head": shape.cached_unfolded(),
        "8 groups": shape.cached_unfolded(8),
        "latent": shape.cached,
        "one key head": shape.cached_unfolded(1),
        "ratio": shape.cached_unfolded() / shape.cached,
        "macs_ratio": shape.macs_per_token / shape.macs_per_token_unfolded,
        "parameters": shape.parameters,
        "parameters_unfolded": shape.parameters_unfolded,
    }


def trained(kept: Kept, *, quick: bool, seed: int) -> dict[str, Any]:
    """Perceptrons of few weights on the digits."""
    epochs, ranks, count = (4, (4, 16), 2) if quick else (EPOCHS, RANKS, SEEDS)
    seeds = [1000 * seed + s for s in range(count)]
    tasks = {s: digits(rng=s) for s in seeds}

    def point(form: str, rank: int, s: int) -> dict[str, Any]:
        if form == "dense":
            network = dense_reference(tasks[s], HIDDEN, epochs=epochs, seed=s)
            cost = network.cost()
            accuracy = network.accuracy(tasks[s].test_x, tasks[s].test_y)
            return {"accuracy": accuracy, "weights": cost.macs, "bytes": cost.stored_bytes}
        return few_weights(form, tasks[s], HIDDEN, rank, epochs=epochs, seed=s)

    def row(form: str, rank: int) -> dict[str, Any]:
        found = [
            kept(
                {"sim": NAME, "what": "perceptron", "form": form, "rank": rank, "seed": s, "epochs": epochs},
                partial(point, form, rank, s),
            )
            for s in seeds
        ]
        return {
            "form": form,
            "rank": rank,
            "weights": found[0]["weights"],
            "bytes": found[0]["bytes"],
            "accuracies": [one["accuracy"] for one in found],
            **mean_of([one["accuracy"] for one in found]),
        }

    return {
        "dense": row("dense", 0),
        "rows": [row(form, rank) for form in FORMS for rank in ranks],
        "seeds": count,
        "epochs": epochs,
    }


def texts() -> tuple[Llama, Any, dict[str, Any]]:
    """The model, tokens of one genre to learn from, and windows to judge by; ``datasets.Absent`` if not fetched."""
    datasets.require("smollm2", "brown")
    file = LlamaFile(next(path for path in datasets.path("smollm2").iterdir() if path.suffix == ".gguf"))
    documents = datasets.load("brown")

    def tokens(genre: str, count: int) -> Any:
        text = "\n".join(one.text for one in documents if one.genre == genre)
        return tokens_of(file, text, count)[:count]

    return (
        Llama(file),
        tokens("lore", KNOWN),
        {g: tokens(g, max(WINDOWS * CONTEXT, KEY_TOKENS)) for g in GENRES},
    )


def decoder(kept: Kept, seed: int) -> dict[str, Any]:
    """All that is asked of SmolLM2: errors, perplexities, keys."""
    model, lore, judged_texts = texts()
    held: dict[str, Moments] = {}

    def known() -> Moments:
        if "known" not in held:
            held["known"] = decoder_bytes.moments_of(model, lore.reshape(-1, 512))
        return held["known"]

    windows = [judged_texts[g][CONTEXT * i : CONTEXT * (i + 1)] for g in GENRES for i in range(WINDOWS)]

    def losses() -> dict[str, Any]:
        return {"losses": [model.losses(window, first=CONTEXT // 2).tolist() for window in windows]}

    def exchanged_losses(kind: str, method: str) -> dict[str, Any]:
        kinds = tuple(KINDS) if kind == "all" else (kind,)
        others: dict[Any, Any] = {}
        for one in kinds:
            others |= decoder_bytes.exchanged_weights(model, one, method, SHARE, known())
        with exchanged(model, others):
            return losses()

    def errors() -> dict[str, Any]:
        other = np.concatenate([judged_texts[g][:512] for g in GENRES]).reshape(-1, 512)
        judged = decoder_bytes.moments_of(model, other, layers=LAYERS)
        layer, kind = SHOWN
        return {
            "rows": decoder_bytes.projection_errors(model, LAYERS, SHARE, known(), judged),
            "curve": decoder_bytes.curve(
                weights_of(model, layer, kind),
                SHARES,
                known=known().of(layer, kind),
                judged=judged.of(layer, kind),
            ),
            "matrix": f"SmolLM2's {kind}, layer {layer}",
        }

    found = kept({"sim": NAME, "what": "errors", "share": SHARE, "layers": LAYERS}, errors)
    base = kept({"sim": NAME, "what": "losses", "kind": "none"}, losses)["losses"]
    perplexities = []
    for method in decoder_bytes.METHODS:
        for kind in (*KINDS, "all"):
            key = {"sim": NAME, "what": "losses", "kind": kind, "method": method, "share": SHARE}
            point = kept(key, partial(exchanged_losses, kind, method))
            ratio = perplexity_ratio(point["losses"], base)
            perplexities.append(
                {"kind": kind, "method": method, "ratio": ratio.value, "low": ratio.low, "high": ratio.high}
            )

    def keys() -> dict[str, Any]:
        shown = [judged_texts[genre][:KEY_TOKENS] for genre in GENRES[:2]]
        return {
            "rows": key_recall(
                model, lore[:KEY_TOKENS], shown, layers=KEY_LAYERS, rooms=KEY_BYTES, share=BEST, seed=seed
            )
        }

    return {
        **found,
        "perplexity": float(np.exp(np.mean(base))),
        "perplexities": perplexities,
        "windows": len(windows),
        "keys": [
            one | mean_of(one["heads"])
            for one in kept({"sim": NAME, "what": "keys", "seed": seed}, keys)["rows"]
        ],
    }


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Counts of the cache, errors and perplexities at equal bytes, recall of keys, trained perceptrons."""
    kept = Kept(None) if quick else Kept.here("sparsity", VERSION)
    numbers: dict[str, Any] = {
        "question": "What does low rank save: in the cache, in the weights?",
        "cache": cache(),
        "share": SHARE,
        "trained": trained(kept, quick=quick, seed=seed),
        "decoder": None,
    }
    if not quick:
        with suppress(datasets.Absent):  # the figure says so
            numbers["decoder"] = decoder(kept, seed)
    if numbers["decoder"]:
        return numbers | {name: numbers["decoder"].pop(name) for name in ("curve", "matrix")}
    task = digits(rng=seed)
    network = dense_reference(task, HIDDEN, epochs=4 if quick else EPOCHS, seed=seed)
    first, second = network.layers[0], network.linear[1]
    moments = []
    for x in (task.train_x, task.test_x):
        hidden = np.maximum(first.forward(x), 0)
        moments.append(hidden.T @ hidden / len(hidden))
    made = decoder_bytes.curve(second.weights, SHARES, known=moments[0], judged=moments[1])
    return numbers | {"curve": made, "matrix": "A perceptron's second layer"}


def cache_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["cache"]
    names = ("multi-head", "8 groups", "latent", "one key head")
    values = [entry[name] for name in names]
    colours = [COLOURS[c] for c in ("grey", "grey", "vermilion", "grey")]
    ax.barh(range(len(names)), values, color=colours)
    ax.set_yticks(
        range(len(names)), ["multi-head", "8 groups\n(not a model)", "latent", "one key head\n(not a model)"]
    )
    ax.invert_yaxis()
    ax.set_xscale("log")
    ax.set_xlim(5e3, 5e7)
    for i, value in enumerate(values):
        ax.text(value * 1.15, i, f"{value:,}", va="center", fontsize=10)
    ax.set_xlabel("numbers cached per token, DeepSeek-V3's 61 layers")
    ax.set_title(
        f"A trained latent: {entry['ratio']:.1f} times less cache, for\n"
        f"{entry['macs_ratio']:.1f} times the products per cached token"
    )


def curve_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["curve"]
    for method, (colour, _, marker) in METHOD_LOOKS.items():
        if method.endswith("known"):
            y, label = entry["methods"][method]["outputs"], f"{method}: of outputs"
            ax.plot(entry["shares"], y, marker, ms=4.5, mfc="none", color=COLOURS[colour], label=label)
        else:
            y = entry["methods"][method]["weights"]
            ax.plot(entry["shares"], y, marker, ms=5, color=COLOURS[colour], label=f"{method}: of weights")
            law = entry["law"][method]
            ax.plot(entry["shares"], law, color=COLOURS[colour], lw=1.4, label=f"{method}: law, no structure")
    ax.set_ylim(0, 1)
    ax.set_xlabel("share of the matrix's float16 bytes")
    ax.set_ylabel("relative error")
    half = entry["shares"].index(SHARE)
    low, sparse = (entry["methods"][m]["weights"][half] for m in ("low rank", "sparse"))
    ax.set_title(
        f"{numbers['matrix']}, {entry['shape'][0]} × {entry['shape'][1]}:\n"
        f"at half the bytes {low:.2f} by low rank, {sparse:.2f} by few weights"
    )
    ax.legend(fontsize=8, loc="upper right", ncols=1)


def bars(ax: Any, groups: list[str], value: Any) -> None:
    """Bars of the four methods in each group; ``value(group, method)`` → mean, low, high."""
    for i, (method, (colour, hatch, _)) in enumerate(METHOD_LOOKS.items()):
        found = [value(group, method) for group in groups]
        spans = [[max(0, y - low) for y, low, _ in found], [max(0, high - y) for y, _, high in found]]
        places = np.arange(len(groups)) + (i - 1.5) * 0.2
        looks = {"color": COLOURS[colour], "hatch": hatch, "ec": "white", "label": method}
        ax.bar(places, [one[0] for one in found], 0.2, yerr=spans, error_kw={"lw": 1}, **looks)
    ax.set_xticks(range(len(groups)), groups)


def errors_panel(ax: Any, numbers: dict[str, Any]) -> None:
    rows = numbers["decoder"]["rows"]

    def value(kind: str, method: str) -> tuple[float, float, float]:
        found = [r["outputs"] for r in rows if (r["kind"], r["method"]) == (kind, method)]
        return float(np.mean(found)), min(found), max(found)

    bars(ax, list(KINDS), value)
    means = {m: np.mean([value(kind, m)[0] for kind in KINDS]) for m in METHOD_LOOKS}
    ax.set_ylim(0, 1.15)
    ax.set_ylabel("relative error of the outputs")
    ax.set_xlabel(
        f"projection, at {numbers['share']:.0%} of its bytes; bars: least to most of {len(LAYERS)} layers"
    )
    ax.set_title(
        f"Outputs of real text, mean error: low rank {means['low rank']:.2f}, sparse {means['sparse']:.2f};\n"
        f"inputs known, {means['low rank, inputs known']:.2f} and {means['sparse, inputs known']:.2f}"
    )
    ax.legend(fontsize=8.5, ncols=2, loc="upper left")


def perplexity_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["decoder"]
    at = {(r["kind"], r["method"]): (r["ratio"], r["low"], r["high"]) for r in entry["perplexities"]}
    bars(ax, [*KINDS, "all"], lambda kind, method: at[kind, method])
    ax.set_yscale("log")
    ax.axhline(1, color=COLOURS["black"], lw=1)
    ax.set_ylabel("perplexity ÷ that of the whole model")
    ax.set_xlabel(f"projection exchanged in all layers, at {numbers['share']:.0%} of its bytes")
    words = {m: f"{x:,.0f}" if (x := at["all", m][0]) >= 100 else f"{x:.3g}" for m in METHOD_LOOKS}
    ax.set_title(
        f"All exchanged: ×{words['low rank']} low rank, ×{words['sparse']} sparse;\n"
        f"inputs known, ×{words['low rank, inputs known']} and ×{words['sparse, inputs known']}"
    )


def pointed(ax: Any, rows: list[dict[str, Any]], x: str, colour: str, marker: str, label: str) -> None:
    """Means and their intervals over ``x``."""
    half = [r["half"] for r in rows]
    looks = {"marker": marker, "ms": 5, "capsize": 2, "color": colour, "label": label}
    ax.errorbar([r[x] for r in rows], [r["mean"] for r in rows], yerr=half, **looks)


def keys_panel(ax: Any, numbers: dict[str, Any]) -> None:
    rows = numbers["decoder"]["keys"]
    for kind, (colour, marker) in KEY_LOOKS.items():
        found = [r for r in rows if r["kind"] == kind]
        label = "hypervectors (signs)" if kind == "signs" else kind
        pointed(ax, found, "bytes", COLOURS[colour], marker, label)
    ax.set_xscale("log", base=2)
    ax.set_xticks(KEY_BYTES, [str(b) for b in KEY_BYTES])
    ax.set_ylim(0, 1.05)
    ax.set_xlabel("bytes of a key (of 128 in float16)")
    ax.set_ylabel(f"share of a query's best {BEST:.0%} of keys found")
    at = {(r["kind"], r["bytes"]): r["mean"] for r in rows}
    best = {room: max(KEY_LOOKS, key=lambda kind: at[kind, room]) for room in (8, 32)}
    ax.set_title(
        "; ".join(f"{room} bytes: {kind}, {at[kind, room]:.2f}" for room, kind in best.items())
        + f"\n(hypervectors {at['signs', 8]:.2f} and {at['signs', 32]:.2f})"
    )
    ax.legend(fontsize=9, loc="lower right")


def trained_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["trained"]
    for form, (colour, marker, label) in FORM_LOOKS.items():
        found = [r for r in entry["rows"] if r["form"] == form]
        pointed(ax, found, "weights", COLOURS[colour], marker, label)
    dense = entry["dense"]
    ax.axhspan(
        dense["mean"] - dense["half"], dense["mean"] + dense["half"], color=COLOURS["grey"], alpha=0.3, lw=0
    )
    ax.axhline(dense["mean"], color=COLOURS["grey"], lw=1.2, label=f"dense, {dense['weights']:,.0f} weights")
    ax.set_xscale("log")
    ticks = sorted({r["weights"] for r in entry["rows"] if r["form"] == "low rank"})
    ax.set_xticks(ticks, [f"{t / 1000:.1f} k" for t in ticks])
    ax.minorticks_off()
    ax.set_xlabel("weights stored")
    ax.set_ylabel("accuracy, digits")
    few = ticks[len(ticks) // 2]
    at = {r["form"]: r["mean"] for r in entry["rows"] if abs(r["weights"] - few) < 0.03 * few}
    best = max(at, key=lambda form: at[form])
    ax.set_title(
        f"With {few / 1000:.1f} k weights: {at['low rank']:.3f} by low rank, {at['random mask']:.3f} random\n"
        f"sparse, {at['narrow']:.3f} dense and narrow; best: {FORM_LOOKS[best][2].split(',')[0]}, {at[best]:.3f}"
    )
    ax.legend(fontsize=8.5, loc="lower right")


def draw(numbers: dict[str, Any]) -> Figure:
    """The cache, one matrix, trained perceptrons; with the model also errors, perplexities and keys."""
    panels = [cache_panel, curve_panel, trained_panel]
    whole = numbers["decoder"] is not None
    if whole:
        panels = [cache_panel, errors_panel, perplexity_panel, curve_panel, keys_panel, trained_panel]
    fig, axes = figure(len(panels) // 3, 3, size=(18, 5.6 * len(panels) // 3))
    for panel, ax in zip(panels, np.ravel(axes), strict=True):
        panel(ax, numbers)
    entry = numbers["trained"]
    text = (
        f"Digits: {entry['seeds']} paired seeds, {entry['epochs']} epochs, (64, 300, 100, 10), Student's 95 % "
        "intervals; the places of sparse weights take bytes beside their number."
    )
    if whole:
        text += (
            f" SmolLM2-135M, Brown corpus, no retraining; {numbers['decoder']['windows']} windows of {CONTEXT} "
            "tokens, 95 % intervals of paired differences.\nInputs known: moments of 4,096 tokens of another genre. "
            f"Keys: {len(KEY_LAYERS)} layers, 95 % over heads. Laws: Marchenko–Pastur; normal weights. "
            "Bytes are counted, no time is measured."
        )
    else:
        text += " SmolLM2 is not shown: `hdspike data fetch smollm2 brown`, without --quick."
    note(fig, text)
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
