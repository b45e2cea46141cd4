"""Do experts share the work, and does a router of hypervectors do as well as softmax?

A perceptron 64 → 300 → 100 → 10 (784 → 300 → 100 → 10 on MNIST) whose part n_in → 300 → 100 is replaced by 8 experts
n_in → h → 100, of which every image uses k = 2: at *equal active* parameters h is about 148, four times as many are
stored; at *equal stored* parameters h is about 36, and a quarter is used. k = 1 (Switch) is shown beside it. Adam, 20
epochs of digits in batches of 64, and 100 (MNIST, where it was fetched: 3 epochs, batches of 100); a seed is a split,
an initialisation and an order, the same for all forms.

Routers: softmax without balance, with Switch's loss of α = .01 (published) and .1, with the bias of Wang et al.
(2024; u = .01 here, not .001, as there are 440 batches alone); softmax with a capacity of 1 × the
even share; hypervectors (a thermometer of 3 levels a pixel, 128 bits; anchors are bundles of the tokens won, boosts
keep them alive), the same without boosts, by 512 random projections, with anchors that never move; a hash of the
image, which is routing at random. Gates: softmax of the chosen (k = 1: of all), 1 ÷ k without a gradient.

*Utilisation* is the effective number of experts, exp(entropy), on held-out images. *Dropped*: held-out images in
batches of 64, places of an expert = ⌈factor·64·k ÷ 8⌉; the line for random routing is the exact mean of binomial
loads, the dashed lines the same law with the shares that the router has on held-out images: what lies above them is
order, not share. *Routing cost* is counted, not timed: multiplications, or XORs of 64-bit words with popcounts.

Caveats. Small tasks with one input distribution, where each expert sees k ÷ E of 1,348 images: mixtures are made for
more data than one network can learn. The mixture stands at the input, without a residual connection, so that a
dropped image loses all. An XOR of words and a multiplication are different work. Intervals: 95 %, Student's t over
seeds.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.special import stdtrit

from hdspike.contestants.kept import Kept
from hdspike.datasets import Absent
from hdspike.plot.style import COLOURS, figure, note
from hdspike.sparsity.block_view import block_view
from hdspike.sparsity.expert_trial import (
    EXPERTS,
    FORMS,
    TOKENS,
    WIDTHS,
    dense_trial,
    law,
    mixture_trial,
    router_work,
)
from hdspike.sparsity.experts import Experts
from hdspike.sparsity.gating import SoftmaxRouter

VERSION, ACTIVE = 1, 2
FACTORS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0)
SWITCH, EVEN, LEARNED, HASH = "softmax, α = .01", "softmax, bias", "hypervectors", "hash of the image"
LOOKS = {
    "softmax, no balance": ("vermilion", "s"),
    SWITCH: ("orange", "o"),
    EVEN: ("green", "^"),
    LEARNED: ("blue", "D"),
    HASH: ("black", "v"),
}
ONE = {"epochs": 20, "batch": 64}
FIVE = {"epochs": 100, "batch": 64}
MNIST = {"epochs": 3, "batch": 100}
QUICK = {"epochs": 3, "batch": 64}


def mean(values: Iterable[float]) -> dict[str, Any]:
    """The mean and half of its 95 % interval by Student's t; no interval of one value."""
    given = np.array(list(values), dtype=np.float64)
    count = len(given)
    half = float(stdtrit(count - 1, 0.975) * given.std(ddof=1) / np.sqrt(count)) if count > 1 else None
    return {"mean": float(given.mean()), "half": half}


def plan(name: str) -> list[tuple[str, int, str]]:
    """Forms, k and budgets of one part: ``quick``, ``digits``, ``long`` or ``mnist``."""
    budgets = ("active", "stored")
    few = [(form, ACTIVE, "active") for form in (SWITCH, EVEN, LEARNED, HASH)]
    if name == "quick":
        return [
            *[(form, ACTIVE, by) for form in (SWITCH, LEARNED) for by in budgets],
            (HASH, ACTIVE, "active"),
        ]
    if name == "long":
        return few
    if name == "mnist":
        return [*few, *[(form, ACTIVE, "stored") for form in (EVEN, LEARNED)]]
    single = [(form, 1, "active") for form in FORMS if form in LOOKS or form == "softmax, α = .1"]
    return [*[(form, ACTIVE, by) for form in FORMS for by in budgets], *single]


def compared(kept: Kept, name: str, part: str, settings: dict[str, int], seeds: list[int]) -> dict[str, Any]:
    """All forms of one part beside the dense networks, paired by seed."""
    base = WIDTHS[name][1]
    dense, rows = [], []
    for hidden in [base] if part in ("quick", "long") else [base // 4, base, 4 * base]:
        size: dict[str, Any] = {"hidden": hidden, **settings}
        points = [
            kept(
                {"sim": "experts", "task": name, "dense": size, "seed": seed},
                lambda size=size, seed=seed: dense_trial(name, seed=seed, **size),  # type: ignore[misc]
            )
            for seed in seeds
        ]
        each = [p["accuracy"] for p in points]
        dense.append({"hidden": hidden, "stored": points[0]["stored"], "accuracy": mean(each), "each": each})
    beside = next(row["each"] for row in dense if row["hidden"] == base)
    for form, active, by in plan(part):
        size = {"by": by, "active": active, "factors": FACTORS, **settings}
        points = [
            kept(
                {"sim": "experts", "task": name, "form": form, "options": FORMS[form], **size, "seed": seed},
                lambda form=form, size=size, seed=seed: mixture_trial(name, form, seed=seed, **size),  # type: ignore[misc]
            )
            for seed in seeds
        ]
        each = [p["accuracy"] for p in points]
        rows.append(
            {
                "form": form,
                "k": active,
                "by": by,
                "each": each,
                "against_dense": mean(a - b for a, b in zip(each, beside, strict=True)),
                **{
                    key: mean(p[key] for p in points)
                    for key in ("accuracy", "effective", "variation", "idle")
                },
                "share": np.mean([p["share"] for p in points], axis=0).tolist(),
                "dropped": [mean(column) for column in np.array([p["dropped"] for p in points]).T],
                "law": np.mean([p["law"] for p in points], axis=0).tolist(),
                **{key: points[0][key] for key in ("hidden", "active", "stored", "experts_macs", "work")},
            }
        )
    return {"task": name, "seeds": len(seeds), **settings, "dense": dense, "rows": rows}


def identity(seed: int) -> dict[str, float]:
    """A mixture in float64 beside one block matrix times a block-sparse vector: the largest gap of any output."""
    width = WIDTHS["digits"][0]
    router = SoftmaxRouter(width, experts=EXPERTS, active=ACTIVE, rng=seed)
    layer = Experts(width, 38, 10, router=router, dtype=np.float64, rng=seed)
    x = np.random.default_rng(seed).standard_normal((200, width))
    view = block_view(layer, x)
    return {
        "gap": float(np.abs(view.product - layer.forward(x)).max()),
        "nonzero_blocks": view.nonzero_blocks,
    }


def costs(n_in: int) -> dict[str, Any]:
    """Operations of routing one token against the number of experts."""
    counts = [2**p for p in range(1, 13)]
    soft, near, far = (
        [router_work(form, n_in, count) for count in counts]
        for form in (SWITCH, LEARNED, "hypervectors, projected")
    )
    return {
        "experts": counts,
        "softmax_macs": [w["macs"] for w in soft],
        "hypervector_xors": [w["xors"] for w in near],
        "projected_macs": [w["macs"] for w in far],
        "projected_xors": [w["xors"] for w in far],
    }


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Utilisation, drops, accuracy at two budgets, routing cost; MNIST where it has been fetched."""
    kept = Kept(None) if quick else Kept.here("sparsity", VERSION)
    count = 2 if quick else 8
    seeds = [1000 * seed + i for i in range(count)]
    first = ("quick", QUICK) if quick else ("digits", ONE)
    numbers: dict[str, Any] = {
        "experts": EXPERTS,
        "k": ACTIVE,
        "tokens": TOKENS,
        "factors": FACTORS,
        "digits": compared(kept, "digits", *first, seeds),
        "long": None if quick else compared(kept, "digits", "long", FIVE, seeds),
        "mnist": None,
        "fine": np.arange(0.25, 4.01, 0.0625).tolist(),
        "costs": costs(WIDTHS["digits"][0]),
        "identity": identity(seed),
    }
    numbers["random"] = law(None, ACTIVE, numbers["fine"])
    numbers["random_at"] = law(None, ACTIVE, FACTORS)
    if not quick:
        try:
            numbers["mnist"] = compared(kept, "mnist", "mnist", MNIST, seeds[:3])
        except Absent:
            kept.say("MNIST has not been fetched: it is left out")
    return numbers | {"words": words(numbers)}


def row_of(numbers: dict[str, Any], form: str, by: str = "active", k: int = ACTIVE) -> dict[str, Any] | None:
    """One row of one task's numbers; None where it was not run."""
    found = [r for r in numbers["rows"] if (r["form"], r["by"], r["k"]) == (form, by, k)]
    return found[0] if found else None


def said_of(found: dict[str, Any]) -> str:
    """A difference of accuracies in points, its interval, and whether there is one."""
    value, half = round(100 * found["mean"], 1) + 0.0, found["half"]
    points = f"{value:+.1f}".replace("-", "−")
    if half is None:
        return f"{points} points"
    verdict = "" if abs(found["mean"]) > half else ", no sure difference"
    return f"{points} ± {100 * half:.1f} points{verdict}"


def called(part: dict[str, Any]) -> str:
    return f"{part['task'].replace('mnist', 'MNIST')}, {part['epochs']} epochs"


def paired(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The mean difference of two rows over the seeds."""
    return mean(a - b for a, b in zip(one["each"], other["each"], strict=True))


def words(numbers: dict[str, Any]) -> list[str]:
    """What can be said, computed."""
    same = numbers["identity"]
    said = [
        f"One block matrix times a block-sparse vector ({same['nonzero_blocks']:.0%} of its blocks nonzero) is the "
        f"mixture: the largest gap is {same['gap']:.0e}, in float64."
    ]
    for part in (numbers["digits"], numbers["long"], numbers["mnist"]):
        if part is None:
            continue
        name, wide, mixed = called(part), part["dense"][-1], row_of(part, LEARNED)
        for by in ("active", "stored"):
            rows = [r for r in part["rows"] if r["by"] == by and r["k"] == ACTIVE]
            if not rows:
                continue
            best = max(rows, key=lambda r: float(r["accuracy"]["mean"]))
            said.append(
                f"{name}, equal {by}: best of {len(rows)} mixtures ({best['form']}, {best['accuracy']['mean']:.4f}) "
                f"− dense: {said_of(best['against_dense'])}; {best['active']:,.0f} of {best['stored']:,.0f} "
                "parameters are active."
            )
            one = row_of(part, LEARNED, by)
            for form in (SWITCH, EVEN, HASH):
                other = row_of(part, form, by)
                if one and other:
                    said.append(f"{name}, equal {by}: hypervectors − {form}: {said_of(paired(one, other))}.")
        if len(part["dense"]) > 1 and mixed:
            ahead = said_of(paired(wide, mixed))
            said.append(f"{name}: dense, {wide['stored']:,.0f} stored and used, − hypervectors: {ahead}.")
    part = numbers["digits"]
    for form in (SWITCH, EVEN, LEARNED):
        rows = [row for k in (1, ACTIVE) if (row := row_of(part, form, "active", k))]
        used = ", ".join(f"{row['effective']['mean']:.1f} with k = {row['k']}" for row in rows)
        said.append(f"{form}: effective experts of {numbers['experts']}: {used}.")
    at = numbers["factors"].index(1.25)
    drops = [f"{form} {row['dropped'][at]['mean']:.1%}" for form in LOOKS if (row := row_of(part, form))]
    said.append(
        f"Dropped at capacity factor 1.25: {', '.join(drops)}; at random {numbers['random_at'][at]:.1%}."
    )
    cost = numbers["costs"]
    place = cost["experts"].index(numbers["experts"])
    both = zip(
        cost["experts"], cost["softmax_macs"], cost["projected_macs"], cost["projected_xors"], strict=True
    )
    cheaper = next(count for count, soft, macs, xors in both if macs + xors < soft)
    said.append(
        f"Routing to {numbers['experts']}: softmax {cost['softmax_macs'][place]:,.0f} multiplications, hypervectors "
        f"{cost['hypervector_xors'][place]:,.0f} XORs of words; where a token must be projected, "
        f"{cost['projected_macs'][place]:,.0f} multiplications more: fewer operations than softmax from {cheaper:,} "
        "experts on."
    )
    return said


def mark(ax: Any, row: dict[str, Any] | None, what: str, place: float, filled: bool) -> None:
    """A mean and its interval, lying."""
    if row is None:
        return
    colour = COLOURS[LOOKS[row["form"]][0]] if row["form"] in LOOKS else COLOURS["grey"]
    look = {"fmt": "o", "ms": 6, "capsize": 2.5, "color": colour, "mfc": colour if filled else "white"}
    ax.errorbar(row[what]["mean"], place, xerr=row[what]["half"], **look)


def dense_lines(ax: Any, rows: list[tuple[dict[str, Any], str, str]]) -> None:
    """Dense networks as lines across, in bands of their intervals; their legend below."""
    for row, label, style in rows:
        value, half = row["accuracy"]["mean"], row["accuracy"]["half"]
        ax.axvline(value, color=COLOURS["black"], ls=style, lw=1.4, label=label)
        if half is not None:
            ax.axvspan(value - half, value + half, color=COLOURS["black"], alpha=0.08, lw=0)
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.13), fontsize=8.5)


def forms_axis(ax: Any, names: list[str]) -> None:
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_yticks(range(len(names)), names)


def used_panel(ax: Any, numbers: dict[str, Any], names: list[str]) -> None:
    part, count = numbers["digits"], numbers["experts"]
    for place, form in enumerate(names):
        mark(ax, row_of(part, form), "effective", place - 0.13, True)
        mark(ax, row_of(part, form, "active", 1), "effective", place + 0.13, False)
    forms_axis(ax, names)
    ax.axvline(count, color=COLOURS["grey"], lw=1, ls=":")
    ax.set_xlim(0.5, count + 0.5)
    ax.set_xlabel(f"effective experts of {count}, exp(entropy), held-out images")
    single = row_of(part, SWITCH, "active", 1)
    told = (
        f":\nwith k = 1 and the published α, {single['effective']['mean']:.1f} of {count}" if single else ""
    )
    ax.set_title(f"Who works{told}")


def accuracy_panel(ax: Any, part: dict[str, Any], by: str, names: list[str]) -> None:
    for place, form in enumerate(names):
        mark(ax, row_of(part, form, by), "accuracy", place - 0.13, True)
        mark(ax, row_of(part, form, by, 1), "accuracy", place + 0.13, False)
    forms_axis(ax, names)
    ax.set_yticklabels([])
    base = part["dense"][len(part["dense"]) // 2]
    lines = [(base, f"dense, {base['stored']:,.0f} parameters", "-")]
    if len(part["dense"]) > 1:
        other, kind = (part["dense"][-1], "stored") if by == "active" else (part["dense"][0], "active")
        lines.append((other, f"dense, about as many as are {kind}: {other['stored']:,.0f}", ":"))
    dense_lines(ax, lines)
    rows = [r for r in part["rows"] if r["by"] == by and r["k"] == ACTIVE]
    best = max(rows, key=lambda r: float(r["accuracy"]["mean"]))
    gain = said_of(best["against_dense"])
    ax.set_title(f"{part['task']}, equal {by} parameters: best of {len(rows)}\nmixtures − dense: {gain}")
    ax.set_xlabel(f"accuracy on held-out images ({part['seeds']} seeds)")


def drops_panel(ax: Any, numbers: dict[str, Any]) -> None:
    ax.plot(numbers["fine"], numbers["random"], color=COLOURS["black"], lw=1.4, label="at random: exact law")
    for form, (colour, marker) in LOOKS.items():
        row = row_of(numbers["digits"], form)
        if row is None:
            continue
        values, halves = ([d[part] for d in row["dropped"]] for part in ("mean", "half"))
        look = {"fmt": marker, "ms": 5, "color": COLOURS[colour], "capsize": 2, "label": form}
        ax.errorbar(numbers["factors"], values, yerr=None if halves[0] is None else halves, **look)
        if form != HASH:
            ax.plot(numbers["factors"], row["law"], color=COLOURS[colour], lw=1, ls="--")
    ax.set_ylim(-0.01, min(1.0, ax.get_ylim()[1]))
    ax.set_xlabel("capacity factor (places ÷ even share)")
    ax.set_ylabel("share of assignments dropped")
    at, row = numbers["factors"].index(1.25), row_of(numbers["digits"], SWITCH)
    told = f"softmax with α = .01 {row['dropped'][at]['mean']:.1%}" if row else ""
    ax.set_title(f"At factor 1.25 random routing drops {numbers['random_at'][at]:.1%},\n{told}")
    ax.legend(fontsize=8.5, title="dashed: the law with the router's shares", alignment="left")


def costs_panel(ax: Any, numbers: dict[str, Any]) -> None:
    cost = numbers["costs"]
    x, both = cost["experts"], np.add(cost["projected_macs"], cost["projected_xors"])
    curves = (
        (cost["softmax_macs"], "o-", "orange", "softmax: multiplications"),
        (cost["hypervector_xors"], "D-", "blue", "hypervectors, 128 bits: word XORs"),
        (both, "^--", "sky", "512 bits, projected: both together"),
    )
    for values, line, colour, label in curves:
        ax.plot(x, values, line, ms=3.5, color=COLOURS[colour], label=label)
    if mixed := row_of(numbers["digits"], SWITCH):
        work = mixed["experts_macs"]
        ax.axhline(work, color=COLOURS["grey"], ls=":", label=f"the {numbers['k']} experts: {work:,.0f}")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks([2, 8, 32, 128, 512, 2048], ["2", "8", "32", "128", "512", "2,048"])
    ax.set_xlabel("experts")
    ax.set_ylabel("operations to route one token, counted")
    ratio = cost["softmax_macs"][0] / cost["hypervector_xors"][0]
    ax.set_title(f"Softmax takes {ratio:.0f} multiplications\nfor every XOR of words of a hypervector")
    ax.legend(fontsize=8.5)


def gain_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """Mixtures less the dense network of as many active parameters, part by part."""
    parts = [part for part in (numbers["digits"], numbers["long"], numbers["mnist"]) if part is not None]
    forms = [form for form in (SWITCH, EVEN, LEARNED, HASH) if row_of(parts[0], form)]
    for place, part in enumerate(parts):
        found = {form: row["against_dense"] for form in forms if (row := row_of(part, form))}
        base = part["dense"][len(part["dense"]) // 2]
        if len(part["dense"]) > 1:
            found["dense, as many stored"] = paired(part["dense"][-1], base)
        for number, (form, gain) in enumerate(found.items()):
            colour, marker = LOOKS.get(form, ("grey", "*"))
            half = None if gain["half"] is None else 100 * gain["half"]
            look = {"fmt": marker, "ms": 6, "capsize": 2.5, "color": COLOURS[colour]}
            label = None if place else form
            ax.errorbar(100 * gain["mean"], place + 0.15 * (number - 2), xerr=half, label=label, **look)
    ax.axvline(0, color=COLOURS["black"], lw=1)
    forms_axis(ax, [f"{called(part).replace(', ', chr(10))}\n{part['seeds']} seeds" for part in parts])
    ax.set_xlabel("accuracy − that of the dense network with as many\nactive parameters (points)")
    ax.set_title("Does more training, or more data, help?")
    ax.legend(loc="upper left", bbox_to_anchor=(-0.1, -0.2), fontsize=8.5, ncols=2)


def draw(numbers: dict[str, Any]) -> Figure:
    """Utilisation and accuracy by form; drops, routing cost, more training and more data."""
    part = numbers["digits"]
    names = [form for form in FORMS if any(row["form"] == form for row in part["rows"])]
    fig, axes = figure(2, 3, size=(15.5, 11), gridspec_kw={"height_ratios": [1.15, 1]})
    used_panel(axes[0, 0], numbers, names)
    accuracy_panel(axes[0, 1], part, "active", names)
    accuracy_panel(axes[0, 2], part, "stored", names)
    drops_panel(axes[1, 0], numbers)
    costs_panel(axes[1, 1], numbers)
    gain_panel(axes[1, 2], numbers)
    text = (
        f"{numbers['experts']} experts; above: filled k = {numbers['k']}, hollow k = 1. Bars, bands: 95 % intervals, "
        f"Student's t over seeds. Dropped: held-out digits in batches of {numbers['tokens']}, k = {numbers['k']}."
    )
    note(fig, text)
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
