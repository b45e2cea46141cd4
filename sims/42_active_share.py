"""What share of its weights does a language model activate, and for how many tokens at once does that help?

Nine published models, counted tensor by tensor from their configs (:mod:`hdspike.sparsity.parameters`): five mixtures
of experts and four dense ones. *Active* is what is read for one token: attention, router, chosen and shared experts,
norms, head, and of the embedding one row; the publishers count otherwise, each in their own way (diamonds).

A step that makes one token for each of B sequences reads a weight once for all of them. B tokens that choose k of E
experts, all sets equally likely and independently, need ``E·(1 − (1 − k/E)^B)`` different ones: law and simulated
routers are drawn. A router that prefers some experts (here by Zipf's law, popularity 1/rank) reads fewer; what balances
the load when such models are trained works against that. The dense model reads all its weights once at any B: the more
tokens share a step, the less the experts save in bytes. What stays is the arithmetic, 2 FLOPs for each active weight.

Every sequence also reads its own cache of keys and values, which no batch shares: drawn at 16 bits a number, beside
latent attention with a key and a value for every head instead.

Caveats. *Active is not nonzero*: the matrices that a token passes are dense, and what share of the activations is zero
is another question, of experts and of dense models alike (48_feed_forward). Weights at 16 bits; several publishers
store fewer. No speculation, no caching of experts across steps, no expert that is dropped for lack of room. GPT-3's
banded layers are counted as dense: their width was not published. No energy and no time is claimed.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hdspike.plot.style import COLOURS, figure
from hdspike.sparsity import parameters

CONTEXT, BITS = 4096, 16
BATCHES = [2**p for p in range(13)]
CONTEXTS = [2**p for p in range(8, 18)]
SKEWED, RIVAL, TOGETHER = "deepseek-v3", "llama-3-70b", 256
LOOK = {
    "kimi-k2": (COLOURS["purple"], "s"),
    "deepseek-v3": (COLOURS["blue"], "o"),
    "gpt-oss-120b": (COLOURS["green"], "^"),
    "gpt-oss-20b": (COLOURS["sky"], "v"),
    "mixtral-8x7b": (COLOURS["orange"], "D"),
    "gpt-3-175b": (COLOURS["grey"], ""),
    "llama-3-405b": (COLOURS["black"], ""),
    "llama-3-70b": (COLOURS["vermilion"], ""),
    "llama-3-8b": (COLOURS["yellow"], ""),
}
READ = ("deepseek-v3", "gpt-oss-120b", "mixtral-8x7b", "llama-3-405b", "llama-3-70b")
CACHED = ("gpt-3-175b", "llama-3-405b", "llama-3-70b", "mixtral-8x7b", "gpt-oss-120b", "deepseek-v3")


def routed(
    experts: int, active: int, batch: int, draws: int, rng: np.random.Generator, popularity: Any = 0.0
) -> dict[str, float]:
    """Different experts that ``batch`` simulated tokens choose: the mean of ``draws`` and its 95 % interval.

    Each token takes the ``active`` highest of ``popularity`` (a logarithm) plus Gumbel noise: without popularity every
    set is equally likely.
    """
    found = np.empty(draws)
    for i in range(draws):
        noise = rng.gumbel(size=(batch, experts)) + popularity
        found[i] = len(np.unique(noise.argpartition(experts - active, axis=1)[:, experts - active :]))
    error = 1.96 * found.std(ddof=1) / np.sqrt(draws)
    mean = float(found.mean())
    return {"batch": batch, "mean": mean, "low": float(mean - error), "high": float(mean + error)}


def share_of(distinct: float, found: dict[str, Any]) -> float:
    """The share of all weights that a step reads when ``distinct`` experts of each layer are awake."""
    experts, total = found["components"]["experts"]["total"], found["total"]
    rest = found["active_by_convention"]["row"]["active"] - found["components"]["experts"]["read"]
    return (rest + experts * distinct / found["experts"]["count"]) / total


def model(name: str, quick: bool, rng: np.random.Generator) -> dict[str, Any]:
    """One model: its counts, and what a step reads at each batch, by the law and by simulated routers."""
    steps = [parameters.answer(name, context=1, batch=batch, bits=BITS) for batch in BATCHES]
    found = steps[0]
    keys = ("total", "active", "share", "convention", "published", "components", "experts", "cache")
    made: dict[str, Any] = {key: found[key] for key in keys}
    made["read"] = found["active_by_convention"]["row"]
    made["share_read"] = [step["bytes"]["given"]["share_loaded"] for step in steps]
    made["bytes_per_token"] = [step["bytes"]["given"]["loaded_per_step"] / step["batch"] for step in steps]
    made["flops"] = found["flops_per_token"]["weights"]
    shape = parameters.find(name).architecture
    top = shape.positions or CONTEXTS[-1]
    made["contexts"] = [n for n in CONTEXTS if n <= top]
    made["cache_bytes"] = [2 * parameters.cache(shape, context=n).held for n in made["contexts"]]
    made["context"] = min(CONTEXT, top)
    made["cache_at_context"] = 2 * parameters.cache(shape, context=made["context"]).held
    if found["experts"] is None:
        return made
    experts, active = found["experts"]["count"], found["experts"]["active"]
    batches, draws = ([4, 64], 8) if quick else ([2, 4, 8, 16, 32, 64, 128, 256, 512], 40)
    simulated = [routed(experts, active, batch, draws, rng) for batch in batches]
    made["simulated"] = [
        point | {key: share_of(point[key], found) for key in ("mean", "low", "high")} for point in simulated
    ]
    if name == SKEWED:
        popularity = -np.log(np.arange(1, experts + 1))
        skewed = [routed(experts, active, batch, draws, rng, popularity) for batch in batches]
        made["skewed"] = [{"batch": p["batch"], "mean": share_of(p["mean"], found)} for p in skewed]
    return made


def read_by(name: str, batch: int) -> float:
    """Bytes that one token of a batch needs: its part of the weights read, and its own cache at :data:`CONTEXT`."""
    shape = parameters.find(name).architecture
    held = 2 * parameters.cache(shape, context=CONTEXT).held
    return parameters.loaded(shape, batch=batch, storage=BITS) / batch + held


def batch_for(share: float, name: str) -> int:
    """The smallest batch whose step reads at least ``share`` of all weights, on average."""
    shape = parameters.find(name).architecture
    enough = share * parameters.stored(parameters.parts(shape), BITS)
    return next(b for b in range(1, 10**6) if parameters.loaded(shape, batch=b, storage=BITS) >= enough)


def dense_reads_less(dense: str, sparse: str) -> dict[str, int]:
    """The batches at which the dense model reads less for a token: from the smallest to the largest of them."""
    batches = [b for b in range(1, BATCHES[-1] + 1) if read_by(dense, b) < read_by(sparse, b)]
    return {"low": batches[0], "high": batches[-1]} if batches else {}


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Every model's counts, what a step reads at each batch, and its cache at each context."""
    rng = np.random.default_rng(seed)
    models = {name: model(name, quick, rng) for name in parameters.available() if name in LOOK}
    sparse = {name: made for name, made in models.items() if made["experts"]}
    for name, made in sparse.items():
        made["half_read_at"], made["nearly_all_read_at"] = (batch_for(share, name) for share in (0.5, 0.95))
    reads = [made["read"]["share"] for made in sparse.values()]
    latent = models["deepseek-v3"]["cache"]
    large = models[SKEWED]["share_read"][BATCHES.index(TOGETHER)]
    return {
        "question": "What share of its weights does a language model activate, and for how many tokens at once?",
        "bits": BITS,
        "context": CONTEXT,
        "batches": BATCHES,
        "models": models,
        "sparse": list(sparse),
        "least": min(reads),
        "most": max(reads),
        "dense_reads_less": dense_reads_less(RIVAL, SKEWED),
        "twin": {"batch": TOGETHER, "times": large / models[SKEWED]["read"]["share"]},
        "latent": {
            "values": latent["values_per_token"],
            "every_head": latent["values_per_token_every_head"],
            "saved": latent["values_per_token_every_head"] / latent["values_per_token"],
        },
    }


def share_panel(ax: Any, numbers: dict[str, Any]) -> None:
    names = list(numbers["models"])[::-1]
    for y, name in enumerate(names):
        made = numbers["models"][name]
        share = made["read"]["share"]
        ax.barh(y, 100 * share, color=LOOK[name][0], height=0.62)
        ax.plot(100 * made["share"], y, "D", color="white", mec="black", ms=6, clip_on=False, zorder=5)
        words = f"{100 * share:.1f} %: {made['read']['active'] / 1e9:,.1f} of {made['total'] / 1e9:,.0f} G"
        inside = share > 0.6
        ax.text(
            88 if inside else 100 * max(share, made["share"]) + 2.5, y, words, va="center",
            ha="right" if inside else "left", fontsize=10,
            color="black" if name == "llama-3-8b" or not inside else "white",
        )  # fmt: skip
    ax.plot([], [], "D", color="white", mec="black", ms=6, label="as its publisher counts")
    ax.set_yticks(range(len(names)), names)
    ax.set_xlim(0, 104)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("weights read for one token (% of all; G: 10⁹ weights)")
    ax.set_title(
        f"Experts: {100 * numbers['least']:.1f} % to {100 * numbers['most']:.1f} % of the weights;\n"
        "dense: all, but for rows of tables not looked up"
    )
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 0.44))


def step_panel(ax: Any, numbers: dict[str, Any]) -> None:
    for name in numbers["sparse"]:
        made, (colour, marker) = numbers["models"][name], LOOK[name]
        ax.plot(numbers["batches"], [100 * x for x in made["share_read"]], color=colour)
        points = made["simulated"]
        y = [100 * p["mean"] for p in points]
        spans = [
            [100 * (p["mean"] - p["low"]) for p in points],
            [100 * (p["high"] - p["mean"]) for p in points],
        ]
        ax.errorbar([p["batch"] for p in points], y, yerr=spans, fmt=marker, ms=5, color=colour, label=name)
    skewed = numbers["models"][SKEWED]["skewed"]
    ax.plot(
        [p["batch"] for p in skewed], [100 * p["mean"] for p in skewed], "o--", ms=4, mfc="white", lw=1.2,
        color=LOOK[SKEWED][0], label=f"{SKEWED}, popularity 1/rank",
    )  # fmt: skip
    ax.axhline(100, color=COLOURS["black"], ls=":", label="dense")
    ax.set_xscale("log", base=2)
    ax.set_xticks([1, 4, 16, 64, 256, 1024, 4096], ["1", "4", "16", "64", "256", "1,024", "4,096"])
    ax.set_ylim(0, 105)
    ax.set_xlabel("tokens in a step, B (each chooses for itself)")
    ax.set_ylabel("weights read in the step (% of all)")
    made = numbers["models"][SKEWED]
    ax.set_title(
        f"Together they read nearly everything: {SKEWED}\nhalf at B = {made['half_read_at']}, 95 % at B = "
        f"{made['nearly_all_read_at']}; its FLOPs per token stay"
    )
    ax.legend(loc="lower right", title="lines: law; points: simulated", alignment="left", fontsize=9)


def bytes_panel(ax: Any, numbers: dict[str, Any]) -> None:
    for name in READ:
        made, (colour, _) = numbers["models"][name], LOOK[name]
        y = [(weights + made["cache_at_context"]) / 1e9 for weights in made["bytes_per_token"]]
        dashes = "-" if made["experts"] else "--"
        ax.plot(numbers["batches"], y, color=colour, ls=dashes, label=name)
        ax.axhline(made["cache_at_context"] / 1e9, color=colour, lw=0.9, ls=":")
    ax.plot([], [], color=COLOURS["grey"], lw=0.9, ls=":", label="its cache alone")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks([1, 4, 16, 64, 256, 1024, 4096], ["1", "4", "16", "64", "256", "1,024", "4,096"])
    ax.set_xlabel("sequences in a step, B")
    ax.set_ylabel("read per token (GB): weights ÷ B + own cache")
    less = numbers["dense_reads_less"]
    ax.set_title(
        f"{RIVAL}, dense, reads less than {SKEWED}\nfrom B = {less['low']} to {less['high']:,} (context "
        f"{numbers['context']:,}, 16 bits)"
        if less
        else f"{SKEWED} reads less than {RIVAL}\nat every batch (context {numbers['context']:,}, 16 bits)"
    )
    ax.legend(loc="lower left", fontsize=9)


def cache_panel(ax: Any, numbers: dict[str, Any]) -> None:
    for name in CACHED:
        made, (colour, _) = numbers["models"][name], LOOK[name]
        kind = made["cache"]["kind"] + (", windows" if made["cache"]["windowed_layers"] else "")
        y = [x / 1e9 for x in made["cache_bytes"]]
        ax.plot(
            made["contexts"], y, color=colour, ls="-" if made["experts"] else "--", label=f"{name}: {kind}"
        )
    latent = numbers["latent"]
    contexts = numbers["models"]["deepseek-v3"]["contexts"]
    every = [2 * latent["every_head"] * n / 1e9 for n in contexts]
    ax.plot(
        contexts, every, color=LOOK["deepseek-v3"][0], lw=1, ls=":", label="deepseek-v3, every head its own"
    )
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks([2**p for p in range(8, 18, 3)], ["256", "2 k", "16 k", "128 k"])
    ax.set_ylim(6e-3, 8e3)
    ax.set_xlabel("context (tokens; 1 k = 1,024)")
    ax.set_ylabel("cache of one sequence (GB, 16 bits)")
    ax.set_title(
        f"Cached for a token: {latent['values']:,} numbers by latent attention,\n"
        f"{latent['every_head']:,} with every head its own: {latent['saved']:.0f} times"
    )
    ax.legend(loc="upper left", fontsize=9)


def draw(numbers: dict[str, Any]) -> Figure:
    """Shares, what a batch reads, bytes per token, caches."""
    fig, axes = figure(2, 2, size=(13, 10.6))
    for panel, ax in zip((share_panel, step_panel, bytes_panel, cache_panel), axes.ravel(), strict=True):
        panel(ax, numbers)
    twin = numbers["twin"]
    fig.supxlabel(
        f"A mixture of experts activates {100 * numbers['least']:.0f} to {100 * numbers['most']:.0f} % of its weights "
        "for a token, a dense model all of them. Active is not nonzero: what a token passes is dense inside.\n"
        f"Together that melts: with {twin['batch']} tokens in a step {SKEWED} reads {twin['times']:.0f} times what a "
        "dense model of its active size would; what stays is the arithmetic per token.\n"
        f"Every tensor counted from published configs; weights at {numbers['bits']} bits. Law: E·(1 − (1 − k/E)^B) "
        "experts, all sets equally likely, tokens independent. Counts, no times, no energy.",
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
