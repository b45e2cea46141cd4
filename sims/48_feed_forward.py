"""How many of its feed-forward neurons does a real language model need for a token?

SmolLM2-135M reads windows of the Brown corpus with no retraining; in each of its gated feed-forward layers only a share
of the neurons speaks for each token, all others are set to zero. Who speaks is chosen after all of the work was done
(an oracle), or by what can be known before: the gate, the up-projection, the input; at random; or by ReLU in the place
of SiLU (`hdspike.sparsity.gated` has the rules, their sources, and what each leaves unread). The same share for every
token, or, with thresholds learned from another text, as many as the token asks for. Perplexity is that of the second
half of each window, its ratio to the dense model's with Student's 95 % interval of paired differences between windows.

Beside it: how sparse the layers are by themselves; how long a token alone takes when the other rows are really left
unread, in float32 on one core, against BLAS (median of rounds in turn, bars: quartiles); and a gated layer trained on
scikit-learn's digits, where what relufication needs, retraining, can be had.

Caveats. One small model, its weights in Q4_1 read as float32, English prose of 1961, windows of 256 tokens. Only
weights of the feed-forward are counted: they are 59 % of this model's. Thresholds come from CPython's documentation, so
that the share they keep here is measured, not chosen. Larger models bear more (CATS and TEAL report half the neurons of
7 billion parameters at little loss); nothing here was fine-tuned. Without the fetched model the digits are shown alone.
"""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hdspike import datasets
from hdspike.contestants.kept import Kept as Points
from hdspike.models import Llama, LlamaFile, perplexity, windows
from hdspike.models.paired import perplexity_ratio
from hdspike.plot.style import COLOURS, figure
from hdspike.sparsity.budgets import interval
from hdspike.sparsity.gated import share_read
from hdspike.sparsity.gated_layer import learned
from hdspike.sparsity.gated_quality import Judge, time_of_token
from hdspike.sparsity.task import digits
from hdspike.workloads.attend import tokens_of
from hdspike.workloads.quality_plugs import digest

VERSION = 1
CONTEXT, GENRES, NUMBERS = 256, ("news", "learned", "fiction", "government"), (0, 20)
LEARNED = 1024  # tokens of another text, for thresholds
SHARES = {
    "product": (0.5, 0.3, 0.2, 0.1, 0.05),
    "gate": (0.8, 0.7, 0.5, 0.3),
    "up": (0.8, 0.7, 0.5, 0.3),
    "input": (0.8, 0.7, 0.5, 0.3),
    "random": (0.9, 0.7),
}
BARS: dict[str, Sequence[float]] = {"product": (0.3, 0.1), "gate": (0.5, 0.3)}
LOOKS = {
    "product": ("o", "black", "largest |h| (oracle)"),
    "gate": ("s", "blue", "largest |silu(gate)|"),
    "up": ("^", "green", "largest |up|"),
    "input": ("D", "orange", "largest |x|, then |h|"),
    "random": ("v", "grey", "at random"),
    "relu": ("X", "vermilion", "ReLU for SiLU"),
}
SHAPE = (30, 1536, 576)  # layers, neurons, width of SmolLM2-135M
WEIGHTS = 3 * SHAPE[0] * SHAPE[1] * SHAPE[2]  # of all its feed-forward layers
TIMED = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05)
LITTLE = 1.05  # a ratio of perplexities that is called a small loss
HIDDEN, SEEDS, EPOCHS = 192, 8, 20  # of the digits


# --- the language model -------------------------------------------------------------------------------


def settings() -> list[dict[str, Any]]:
    """Every rule that is tried: its name, and the share asked of it, of each token or on average by a threshold."""
    given: list[dict[str, Any]] = [{"by": "dense"}]
    given += [{"by": by, "share": share} for by, shares in SHARES.items() for share in shares]
    given += [{"by": "relu"}]
    return given + [{"by": by, "bar": share} for by, shares in BARS.items() for share in shares]


def language(points: Points, *, numbers: tuple[int, ...] = NUMBERS) -> dict[str, Any]:
    """All rules on all windows; ``datasets.Absent`` where the model or the text was not fetched."""
    datasets.require("smollm2", "brown")
    file = LlamaFile(next(path for path in datasets.path("smollm2").iterdir() if path.suffix == ".gguf"))
    documents, rows = datasets.load("brown"), []
    for genre in GENRES:
        text = "\n".join(one.text for one in documents if one.genre == genre)
        tokens = tokens_of(file, text, CONTEXT * (max(numbers) + 1))
        rows += [windows(tokens, CONTEXT, count=number + 1)[number] for number in numbers]
    learned = tokens_of(file, datasets.builtin_text().content, LEARNED)[:LEARNED]
    judge = Judge(lambda: Llama(file), learned, BARS)
    return judged(judge, np.stack(rows), points, digest(np.fromfile(file.path, dtype=np.uint8)))


def judged(judge: Judge, rows: NDArray[np.int64], points: Points, name: str) -> dict[str, Any]:
    """All settings on windows ``(n, context)``, by the model called ``name``."""
    base = {"sim": "feed-forward", "model": name}
    found: list[dict[str, Any]] = []
    reference: Any = None
    for setting in settings():
        key = base | setting | ({"learned": digest(judge.learned)} if "bar" in setting else {})
        each = [points(key | {"window": digest(row)}, partial(judge.lost, row, **setting)) for row in rows]
        losses = np.array([one["losses"] for one in each])
        reference = losses if reference is None else reference
        kept = float(np.mean([one["share"] for one in each]))
        found.append(
            setting
            | {
                "kept": kept,
                "read": 1.0 if setting["by"] == "dense" else share_read(setting["by"], kept),
                "perplexity": perplexity(losses),
                "ratio": asdict(perplexity_ratio(losses, reference)),
            }
        )
    natural = points(base | {"natural": digest(rows)}, partial(judge.natural, rows))
    return {"windows": len(rows), "context": rows.shape[1], "rules": found, "natural": natural}


# --- the digits ---------------------------------------------------------------------------------------


def mean(values: Any) -> dict[str, Any]:
    """The mean over seeds and Student's 95 % interval."""
    return dict(interval(values)._asdict())


def small(points: Points, *, seeds: int, epochs: int, seed: int) -> dict[str, Any]:
    """The digits over seeds."""
    key = {"sim": "feed-forward", "task": "digits", "epochs": epochs, "hidden": HIDDEN, "rules": SHARES}
    each = [
        points(
            key | {"seed": s}, partial(learned, digits(rng=s), SHARES, hidden=HIDDEN, epochs=epochs, rng=s)
        )
        for s in range(seed, seed + seeds)
    ]
    return {
        "seeds": seeds,
        "dense": mean([one["dense"] for one in each]),
        "rules": {
            by: [
                {"share": share, "read": share_read(by, share), **mean([one["rules"][by][i] for one in each])}
                for i, share in enumerate(shares)
            ]
            for by, shares in SHARES.items()
        },
        "relufied": {
            name: mean([one[name] for one in each])
            | {"zeros": float(np.mean([one["zeros"][i] for one in each]))}
            for i, name in enumerate(("relufied", "retrained", "from scratch"))
        },
    }


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """The digits and the time always, the language model where it was fetched."""
    points = Points(None) if quick else Points.here("sparsity", VERSION)
    numbers: dict[str, Any] = {
        "question": "How many of its feed-forward neurons does a real language model need for a token?",
        "digits": small(points, seeds=3 if quick else SEEDS, epochs=6 if quick else EPOCHS, seed=seed),
        "time": time_of_token(
            4 if quick else SHAPE[0], *SHAPE[1:], shares=TIMED, rounds=5 if quick else 25, rng=seed
        ),
        "language": None,
    }
    if not quick:
        try:
            numbers["language"] = language(points)
        except datasets.Absent:
            points.say("smollm2 or brown was not fetched: the figure shows the digits alone")
    return numbers | {"words": words(numbers)}


# --- said ---------------------------------------------------------------------------------------------


def percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def excess(ratio: dict[str, Any]) -> str:
    return f"{100 * (ratio['value'] - 1):+.1f} % ({100 * (ratio['low'] - 1):+.1f} to {100 * (ratio['high'] - 1):+.1f})"


def enough(rules: list[dict[str, Any]], by: str) -> dict[str, Any] | None:
    """Of the rules of equal shares, the smallest whose whole interval lies below :data:`LITTLE`."""
    fine = [one for one in rules if one["by"] == by and "bar" not in one and one["ratio"]["high"] <= LITTLE]
    return min(fine, key=lambda one: float(one["kept"]), default=None)


def words(numbers: dict[str, Any]) -> list[str]:
    """The verdict, computed."""
    said = []
    one = numbers["language"]
    if one:
        for by in ("product", "gate", "up", "input"):
            found = enough(one["rules"], by)
            limit = f"within {percent(LITTLE - 1)} of the dense perplexity"
            said.append(
                f"{LOOKS[by][2]}: no share tried stays {limit}."
                if found is None
                else f"{LOOKS[by][2]}: {percent(found['kept'])} of the neurons stay {limit}, {excess(found['ratio'])}, "
                f"with {percent(found['read'])} of the weights read."
            )
        relu = next(rule for rule in one["rules"] if rule["by"] == "relu")
        said.append(
            f"ReLU for SiLU without retraining: {percent(1 - relu['kept'])} zeros, "
            f"perplexity {relu['perplexity']:,.0f} for {one['rules'][0]['perplexity']:.1f}."
        )
    rows = numbers["time"]["rows"]
    faster = [row for row in rows if row["high"] < 1]
    said.append(
        "A token alone, a share of the neurons by their gate: no share is faster than dense BLAS."
        if not faster
        else f"A token alone is faster than dense BLAS from {percent(max(row['share'] for row in faster))} of the "
        f"neurons down; at 10 % it takes {next(row['ratio'] for row in rows if row['share'] == 0.1):.2f} of the time "
        f"(its bytes: {share_read('gate', 0.1):.2f})."
    )
    few, again = (numbers["digits"]["relufied"][name] for name in ("relufied", "retrained"))
    dense = numbers["digits"]["dense"]["mean"]
    said.append(
        f"Digits: relufied {100 * few['mean']:.1f} %, retrained for a quarter of the epochs "
        f"{100 * again['mean']:.1f} % with {percent(again['zeros'])} zeros; dense {100 * dense:.1f} %."
    )
    return said


# --- drawn --------------------------------------------------------------------------------------------


def curve(ax: Any, x: list[float], ends: list[list[float]], by: str, **look: Any) -> None:
    """A rule's line; ``ends`` are its values, their lower and their upper ends."""
    marker, colour, label = LOOKS[by]
    values, low, high = (np.array(row) for row in ends)
    look = {"label": label, "ms": 5.5, "capsize": 2, "ls": "-" if len(values) > 1 else ""} | look
    ax.errorbar(x, values, yerr=[values - low, high - values], marker=marker, color=COLOURS[colour], **look)


def ratio_panel(ax: Any, one: dict[str, Any], over: str) -> None:
    """Perplexity over that of the dense model, against the share kept or read."""
    for by in LOOKS:
        for tied in (False, True):
            rows = [row for row in one["rules"] if row["by"] == by and ("bar" in row) == tied]
            if rows:
                ends = [[row["ratio"][end] for row in rows] for end in ("value", "low", "high")]
                look = {"ls": ":", "mfc": "white", "label": f"{LOOKS[by][2]}, by a threshold"} if tied else {}
                curve(ax, [100 * row[over] for row in rows], ends, by, **look)
    ax.axhline(1, color=COLOURS["black"], lw=1)
    ax.axhline(LITTLE, color=COLOURS["grey"], lw=1, ls=":")
    ax.set_yscale("log")
    ax.set_ylim(0.8, 20 * max(row["ratio"]["value"] for row in one["rules"]))  # room for the legend
    ax.set_xlim(0, 102)
    ax.set_ylabel("perplexity ÷ dense perplexity")
    if over == "kept":
        ax.set_xlabel("neurons that speak for a token (%)")
    else:
        ax.set_xlabel(f"feed-forward weights that a token reads (%; all: {2e-6 * WEIGHTS:.0f} MB at 16 bits)")


def accuracy_panel(ax: Any, numbers: dict[str, Any], over: str) -> None:
    """The digits' gated layer: accuracy against the share kept or read."""
    one = numbers["digits"]
    for by, rows in one["rules"].items():
        ends = [[100 * row[end] for row in rows] for end in ("mean", "low", "high")]
        curve(ax, [100 * row[over] for row in rows], ends, by)
    ax.axhline(100 * one["dense"]["mean"], color=COLOURS["black"], lw=1)
    ax.set_xlim(0, 102)
    ax.set_ylabel("test accuracy on the digits (%)")
    what = (
        "neurons that speak for an image" if over == "share" else "weights of the gated layer that are read"
    )
    ax.set_xlabel(f"{what} (%)")


def natural_panel(ax: Any, one: dict[str, Any]) -> None:
    """Layer by layer, of the dense model."""
    found = one["natural"]
    layers = range(len(found["closed"]))
    for part, row, style in zip(found["parts"], found["holding"], (":", "--", "-"), strict=True):
        ax.plot(
            layers,
            [100 * v for v in row],
            style,
            color=COLOURS["blue"],
            label=f"hold {percent(part)} of Σ h²",
        )
    at = found["thresholds"].index(0.01)
    ax.plot(
        layers,
        [100 * (1 - v) for v in found["below"][at]],
        color=COLOURS["orange"],
        label="above 1 % of the largest |h|",
    )
    ax.plot(
        layers,
        [100 * (1 - v) for v in found["closed"]],
        color=COLOURS["vermilion"],
        label="gate above zero (ReLU's)",
    )
    ax.set_ylim(0, 102)
    ax.set_xlabel("layer")
    ax.set_ylabel("share of a layer's neurons (%)")
    least = 1 - min(found["closed"])
    ax.set_title(
        f"By itself: ReLU would leave at most {percent(least)} of a layer's\nneurons; h is small, SiLU makes no zeros"
    )
    ax.legend(fontsize=8.5, loc="upper center", ncols=2)


def relu_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """Relufication on the digits."""
    one = numbers["digits"]
    names = {
        "relufied": "ReLU put in\nits place",
        "retrained": "… retrained, ¼\nof the epochs",
        "from scratch": "ReLU from\nthe start",
    }
    rows = [("SiLU", one["dense"], 0.0)]
    rows += [(names[name], row, row["zeros"]) for name, row in one["relufied"].items()]
    for place, (_, row, zeros) in enumerate(rows):
        colour = COLOURS["black"] if place == 0 else COLOURS["vermilion"]
        ax.errorbar(
            place, 100 * row["mean"], yerr=100 * (row["high"] - row["mean"]), fmt="o", color=colour, capsize=3
        )
        ax.annotate(
            f"{percent(zeros)} zeros",
            (place, 100 * row["mean"]),
            (8, 6),
            textcoords="offset points",
            fontsize=9,
        )
    ax.set_xticks(range(len(rows)), [name for name, *_ in rows])
    ax.set_xlim(-0.4, len(rows) - 0.2)
    ax.margins(y=0.25)
    ax.set_ylabel("test accuracy on the digits (%)")
    ax.set_title("Relufication of a trained gated layer")


def time_panel(ax: Any, numbers: dict[str, Any]) -> None:
    rows = numbers["time"]["rows"]
    x = [100 * row["share"] for row in rows]
    ends = [[row[end] for row in rows] for end in ("ratio", "low", "high")]
    curve(ax, x, ends, "gate", label="measured, gate by BLAS, rows by numba")
    ax.plot(
        x, [row["read"] for row in rows], color=COLOURS["black"], ls="--", label="bytes read, (1 + 2s) ÷ 3"
    )
    ax.axhline(1, color=COLOURS["black"], lw=1)
    ax.set_xlim(0, 102)
    ax.set_ylim(0, None)
    ax.set_xlabel("neurons that speak for a token, by their gate (%)")
    ax.set_ylabel("time ÷ time of dense BLAS")
    ax.set_title(f"One token, {numbers['time']['layers']} layers of SmolLM2's shape, one core")
    ax.legend(loc="lower right")


def draw(numbers: dict[str, Any]) -> Figure:
    """Quality against neurons and against bytes; the layers by themselves; time; relufication."""
    fig, axes = figure(2, 2, size=(13.5, 10.4)) if not numbers["language"] else figure(2, 3, size=(19, 10.4))
    one = numbers["language"]
    if one:
        (left, middle, last), (low, centre, right) = axes
        ratio_panel(left, one, "kept")
        ratio_panel(middle, one, "read")
        found = {by: enough(one["rules"], by) for by in ("product", "gate")}
        shown = {by: "none" if row is None else percent(row["kept"]) for by, row in found.items()}
        left.set_title(
            f"Within 5 %: {shown['product']} of the neurons by an oracle,\n{shown['gate']} by the gate"
        )
        middle.set_title("What a rule must look at is read:\nthe oracle saves a third at most")
        left.legend(fontsize=8.5, loc="upper right", ncols=2)
        natural_panel(last, one)
    else:
        (low, centre), (right, spare) = axes
        accuracy_panel(spare, numbers, "read")
        spare.set_title("What a rule must look at is read")
    accuracy_panel(low, numbers, "share")
    low.set_title("A gated layer trained on digits")
    low.legend(fontsize=8.5, loc="lower right")
    time_panel(centre, numbers)
    relu_panel(right, numbers)
    fig.supxlabel("\n".join(numbers["words"]), fontsize=9.5, color="#444444")
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
