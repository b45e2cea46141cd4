"""What does one query of the main job cost on every substrate there is a table for, ledger by ledger?

The main job (`hdspike run`): which character comes next, by the 64 nearest of 32,768 stored contexts. Its sparse code
(131,072 bits, one active in each of 128 blocks) is counted in a run on the functional runner and on the timed chip
`loihi`; a dense code of 10,240 bits does the same job beside it, with its own measured accuracy, and so does a dense
softmax twin of the smallest dimension that loses no more than a point of the full softmax's accuracy on development
queries. Each substrate runs what it is made for, with the code and the sharing that cost it least: events on chips with
neurons, packed words or inverted lists on processors, bits compared where they are stored, every product of the twin
where the schedule is fixed. How each does the job is said in `hdspike.schedules`; nothing is scaled from one node or
ledger to another, and panels must not be compared.

Caveats. Only `loihi` and `loihi-silicon` have the counts and the time of a timed run; the other neuromorphic chips are
counted by a mapping, and those that cannot hold or do the job as it is, or state no price for a part of it, are
marked as lower bounds (≥), the reason in the numbers. In the circuit ledger `loihi` alone is charged static power, and
a processor no instructions. Memory arrays find distances; ranking them has no price. Board power is paid over a
roofline time that no kernel reaches. Values are symbols; encoding is charged where it has a price. NorthPole has a
price at 4 bits alone: the twin was rounded to 4 bits and asked again. With --quick 4,096 keys are asked.
"""

import textwrap
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from hdspike import language, pricing, quality, schedules, substrate
from hdspike.attention import SpikingAttention
from hdspike.idea import si
from hdspike.plot.energy import ENGINEERING, MEANING, SIDES, citations, references
from hdspike.plot.style import COLOURS, STYLE, plt
from hdspike.run import run
from hdspike.schedules import Job, Plan
from hdspike.substrate import LEDGERS
from hdspike.task import Settings, Task, prepare
from hdspike.twin import Projection

OF_KIND = {"neuromorphic": "spiking", "memory": "in-memory", "static": "static", "brain": "brain"}
ALTERNATIVE = "threshold"
WHAT = {"xor": "XOR in rows", "crossbar": "crossbar", "cam": "match lines"}


def jobs(*, quick: bool, seed: int) -> tuple[dict[str, Job], dict[str, Any]]:
    """The job with sparse codes under two rules and with dense codes, and how often each is right."""
    settings = Settings(quick=quick, seed=seed)
    result = run(settings)
    numbers, chip = result.numbers, substrate.load("loihi")
    twin = numbers["dense"]["dim"]
    sparse = pricing.job_of(result.task, result.outcome, result.timed, "exact", chip, twin_dim=twin)
    other = pricing.under(sparse, ALTERNATIVE, result.timed, chip)

    layer = result.layer
    layer.rule = ALTERNATIVE  # the same synapses and θ
    outcomes = {name: layer.attend(result.task.vectors[name]) for name in ("development", "queries")}
    ruled = quality.readout(result.task, outcomes, by=quality.WEIGHTS[ALTERNATIVE])

    task = prepare(replace(settings, space="bsc"))
    layer = SpikingAttention(task.space, task.vectors["keys"], k=task.k, seed=seed)
    outcomes = {name: layer.attend(task.vectors[name]) for name in ("development", "queries")}
    fitted = quality.readout(task, outcomes, by="count")
    asked = outcomes["queries"]
    mean = {name: asked.total(name) / len(asked) for name in asked.counts}
    dim = task.space.dim
    dense = Job(
        keys=len(layer), dim=dim, space="bsc", blocks=dim, winners=task.k, twin_dim=twin,
        active=mean["input_events"], synaptic_events=mean["synaptic_events"], touched=mean["touched"],
        fired=mean["fired"], steps=float(np.maximum.reduceat(asked.ticks, asked.indptr[:-1]).mean()) + 1,
        encoder=schedules.encoding.suffixes("bsc", dim, dim, order=task.order),
    )  # fmt: skip
    right = {
        "sparse code": numbers["quality"]["top1"],
        "the same by threshold": ruled.top1,
        "dense code": fitted.top1,
        "dense twin": numbers["dense"]["top1"],
        "the same at 4 bits": four_bits(result.task, twin, seed),
        "softmax": numbers["baselines"]["softmax"]["top1"],
    }
    return {"sparse": sparse, ALTERNATIVE: other, "dense": dense}, right


def four_bits(task: Task, dim: int, seed: int) -> float:
    """Top-1 of the dense twin with keys and queries rounded to 4 bits; step, β and λ from keys and development."""
    projection = Projection(task.space, seed=seed)
    exact = {name: projection(vectors, dim).astype(np.float32) for name, vectors in task.vectors.items()}
    some = exact["keys"][:1024]

    def rounded(numbers: Any, step: float) -> Any:
        return np.clip(np.rint(numbers / step), -8, 7)

    steps = (1, 2, 3, 4, 5, 6, 8, 12, 16)
    step = min(steps, key=lambda s: float(np.square(some - s * rounded(some, s)).mean()))
    codes = {name: rounded(numbers, step).astype(np.int8) for name, numbers in exact.items()}

    def votes(name: str, betas: tuple[float, ...]) -> Any:
        found = []
        for start in range(0, len(codes[name]), quality.CHUNK):
            scores = step**2 * projection.scores(codes[name][start : start + quality.CHUNK], codes["keys"])
            found.append(
                language.softmax_votes(scores, task.targets["keys"], betas, symbols=len(task.memory))[0]
            )
        return np.concatenate(found)

    fitted = votes("development", quality.SOFTMAX_BETAS)
    tried = [(beta, fitted[:, j]) for j, beta in enumerate(quality.SOFTMAX_BETAS)]
    beta, mixed = language.fit_linear(tried, task.targets["development"], task.prior)
    told = votes("queries", (beta,))[:, 0]
    return language.evaluate(told, task.prior, task.targets["queries"], beta, mixed).top1


def verified_share(plan: Plan, seed: int) -> float:
    """The share of a bill's joules that rests on constants that were read in a text that quotes the source."""
    bill = plan.bill(rng=seed)
    return sum(term.joules() for term in bill.terms if term.quantity.verified) / bill.nominal


def row(plan: Plan, what: str, seed: int) -> dict[str, Any]:
    """One bar as plain numbers."""
    sheet = plan.substrate
    bill = plan.as_json(rng=seed)
    side = OF_KIND.get(sheet.kind, plan.label.split()[0])
    return bill | {
        "plan": plan.name,
        "what": what,
        "side": side,
        "chips": plan.chips,
        "seconds": plan.seconds,
        "bound": plan.bound,
        "verified_share": verified_share(plan, seed),
    }


def cheapest(plans: Iterable[Plan]) -> Plan | None:
    """The plan of least energy."""
    return min(plans, key=lambda plan: plan.bill(samples=100).nominal, default=None)


def words(plan: Plan) -> str:
    """The plan without its side, in few words."""
    short = plan.label.split(" ", 1)[1].replace("64 queries share a fetch", "batch of 64")
    return short.replace("keys stay on the chip", "keys on the chip")


def processor(sheet: substrate.Substrate, asked: dict[str, Job]) -> list[tuple[Plan, str]]:
    """Packed words of both codes at their best, every way of the twin in int8, and the QNN twin."""
    packed = [cheapest(schedules.packed.plans(asked[code], sheet)) for code in ("sparse", "dense")]
    dense = schedules.dense.plans(asked["sparse"], sheet)
    chosen = [(plan, "dense") for plan in dense if plan.name.startswith("int8") or plan.name == "qnn"]
    return [(plan, "packed") for plan in packed if plan is not None] + chosen


def bars(asked: dict[str, Job], seed: int) -> list[dict[str, Any]]:
    """Every substrate with what it is made for, sorted by ledger and energy."""
    found = []
    for name in substrate.available():
        sheet = substrate.load(name)
        if not schedules.plans(asked["sparse"], sheet):
            continue  # it prices nothing that a query counts: see "absent"
        if sheet.kind == "neuromorphic":
            plan = schedules.events.plan(asked["sparse"], sheet)
            size = (
                f"{plan.chips:,} chip{'s' if plan.chips > 1 else ''}"
                if "×" in plan.label
                else "size not stated"
            )
            one = row(plan, size, seed)
            other = schedules.events.plan(asked[ALTERNATIVE], sheet)
            found.append(one | {ALTERNATIVE: {**other.as_json(rng=seed), "bound": other.bound}})
        elif sheet.kind in ("processor", "measured"):
            found += [row(way, f"{side} {words(way)}", seed) for way, side in processor(sheet, asked)]
        elif sheet.kind == "memory":
            both = {code: cheapest(schedules.plans(asked[code], sheet)) for code in ("sparse", "dense")}
            code = min(both, key=lambda key: both[key].bill(samples=100).nominal)  # type: ignore[union-attr]
            best = both[code]
            assert best is not None
            found.append(row(best, f"{WHAT[best.name]}, {code} code", seed))
        elif sheet.kind in ("static", "brain"):
            plan = schedules.plan(asked["sparse"], sheet)
            found.append(row(plan, words(plan), seed))
    return sorted(found, key=lambda bar: (LEDGERS.index(bar["ledger"]), bar["nominal"]))


def unpriced(job: Job) -> list[str]:
    """Substrates, tables of constants aside, on which no bill of the job can be written."""
    sheets = [substrate.load(name) for name in substrate.available()]
    return [sheet.name for sheet in sheets if sheet.kind != "table" and not schedules.plans(job, sheet)]


def verdict(found: list[dict[str, Any]], ledger: str) -> str:
    """Who answers a whole query for least, what the best spiking chip needs, and who is only bounded."""
    here = [bar for bar in found if bar["ledger"] == ledger and bar["side"] != "brain"]
    whole = [bar for bar in here if not bar["bound"]]
    best = min(whole, key=lambda bar: bar["nominal"])
    said = f"Cheapest whole answer: {best['substrate']}, {best['what']}, {si(best['nominal'], 'J')}"
    said += " (an estimate: derived or recalled constants)." if best["verified_share"] < 0.5 else "."
    spiking = [bar for bar in whole if bar["side"] == "spiking"]
    if spiking and best["side"] != "spiking":
        first = min(spiking, key=lambda bar: bar["nominal"])
        chip = first["substrate"] + (
            "" if "static" in first["components"] else ", whose table has no static power"
        )
        said += f" Best spiking chip: {chip}, {first['nominal'] / best['nominal']:.3g} times as much"
        said += f" ({si(first[ALTERNATIVE]['nominal'], 'J')} by the threshold rule)."
    elif not spiking:
        said += " No spiking chip has a table in this ledger."
    twins = [bar for bar in whole if bar["side"] in ("dense", "static")]
    if spiking and twins:
        exact, ruled = (
            min(bar["nominal"] for bar in rule) for rule in (spiking, [b[ALTERNATIVE] for b in spiking])
        )
        least = min(bar["nominal"] for bar in twins)
        alone = min(bar["nominal"] for bar in twins if "batch" not in bar["what"])
        said += (
            f" Spiking against dense: {winner(exact, least)}; by the threshold rule {winner(ruled, least)}"
        )
        said += "." if alone == least else f"; with no batch to share a fetch {winner(exact, alone)}."
    below = sum(bar["nominal"] < best["nominal"] for bar in here if bar["bound"])
    if below:
        said += f" {below} lower bound{'s' if below > 1 else ''} (≥) lie{'' if below > 1 else 's'} below it."
    return said


def winner(spiking: float, dense: float) -> str:
    """Which side needs less, and how many times."""
    side = "dense" if dense < spiking else "spiking"
    return f"the {side} side wins, {max(spiking / dense, dense / spiking):.3g} times"


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    asked, right = jobs(quick=quick, seed=seed)
    found = bars(asked, seed)
    sizes = ("keys", "dim", "winners", "twin_dim", "active", "synaptic_events", "touched", "fired", "steps")
    every = [
        {"substrate": name, "code": code, "plan": plan.name, "nominal": plan.bill(samples=100, rng=seed).nominal,
         "seconds": plan.seconds, "bound": plan.bound}
        for name in substrate.available()
        for code in ("sparse", "dense")
        for plan in schedules.plans(asked[code], substrate.load(name))
    ]  # fmt: skip
    return {
        "question": "What does one query of the main job cost on every substrate there is a table for?",
        "jobs": {name: {key: getattr(job, key) for key in sizes} for name, job in asked.items()},
        "top1": right,
        "bars": found,
        "words": {ledger: verdict(found, ledger) for ledger in LEDGERS},
        "estimates": [f"{bar['substrate']}: {bar['what']}" for bar in found if bar["verified_share"] < 0.5],
        "absent": [
            *(f"{name}: prices nothing that a query counts" for name in unpriced(asked["sparse"])),
            "Loihi 2: no energies per operation are published, and circulating figures contradict each other",
            "h100-circuit: no table of operations at 4 nm is published",
            "gh200-board: the design power of the module is not in our facts",
            "a spiking chip in the board ledger: no table",
        ],
        "every_plan": every,
    }


def panel(ax: Axes, here: list[dict[str, Any]], numbered: dict[str, int]) -> None:
    """One ledger: markers with whiskers, joules and seconds at the right, the brain as a line."""
    brain = [bar for bar in here if bar["side"] == "brain"]
    shown = [bar for bar in here if bar["side"] != "brain"]
    ax.set_xscale("log")
    edge: dict[str, Any] = {
        "xycoords": ("axes fraction", "data"),
        "textcoords": "offset points",
        "annotation_clip": False,
    }
    for place, bar in enumerate(shown):
        colour, marker = SIDES[bar["side"]]
        face = colour if bar["verified_share"] >= 0.5 else "white"
        whisker = [[bar["nominal"] - bar["low"]], [bar["high"] - bar["nominal"]]]
        ax.errorbar(
            bar["nominal"], place, xerr=whisker, fmt=marker, color=colour, markerfacecolor=face, markersize=7,
            markeredgewidth=1.4, elinewidth=1.8, capsize=3, zorder=3,
        )  # fmt: skip
        if ALTERNATIVE in bar:
            ax.plot(bar[ALTERNATIVE]["nominal"], place, "|", color=colour, markersize=11, markeredgewidth=2)
        value = ("≥ " if bar["bound"] else "") + si(bar["nominal"], "J")
        time = si(bar["seconds"], "s") if bar["seconds"] else "–"
        ax.annotate(value, (1.0, place), xytext=(62, 0), ha="right", va="center", fontsize=9, **edge)
        ax.annotate(time, (1.0, place), xytext=(112, 0), ha="right", va="center", fontsize=9, **edge)
        ax.annotate(
            references(bar, numbered), (1.0, place), xytext=(119, 0), va="center", fontsize=7,
            color=COLOURS["grey"], **edge,
        )  # fmt: skip
    for bar in brain:
        ax.axvspan(bar["low"], bar["high"], color=COLOURS["black"], alpha=0.08, zorder=0)
        ax.axvline(bar["nominal"], color=COLOURS["black"], linestyle="--", linewidth=1.2, zorder=1)
        name = f"{bar['what']}{' ≥' if bar['bound'] else ''}"
        ax.annotate(
            f"brain, {name} {references(bar, numbered)}", (bar["nominal"], 1.0), xycoords=("data", "axes fraction"),
            xytext=(4, -3), textcoords="offset points", fontsize=8, va="top",
        )  # fmt: skip
    values = [bar[key] for bar in here for key in ("low", "high")]
    values += [bar[ALTERNATIVE]["nominal"] for bar in here if ALTERNATIVE in bar]
    ax.set_xlim(0.5 * min(values), 2.0 * max(values))
    names = [f"{bar['substrate']} ({bar['node']}): {bar['what']}" for bar in shown]
    ax.set_yticks(range(len(shown)), names, fontsize=9)
    ax.set_ylim(len(shown) - 0.5, -0.5 if not brain else -1.5)
    ax.tick_params(axis="x", labelsize=9)
    ax.xaxis.set_major_locator(LogLocator(numticks=6))
    ax.xaxis.set_major_formatter(ENGINEERING)
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(axis="y", visible=False)


def draw(numbers: dict[str, Any]) -> Figure:
    found, job = numbers["bars"], numbers["jobs"]["sparse"]
    numbered = citations(found)
    rows = {
        ledger: sum(bar["ledger"] == ledger and bar["side"] != "brain" for bar in found) for ledger in LEDGERS
    }
    bottom, top, gap = 0.165, 0.865, 0.115
    upper = (top - bottom - gap) * rows["path"] / (rows["path"] + rows["board"])
    places = {  # where the words begin, and the axes
        "circuit": (0.01, (0.215, bottom, 0.16, top - bottom)),
        "path": (0.505, (0.715, top - upper, 0.165, upper)),
        "board": (0.505, (0.715, bottom, 0.165, top - bottom - gap - upper)),
    }
    with plt.rc_context(STYLE):
        fig = plt.figure(figsize=(19, 12.5), layout="none")
        for ledger, (begin, place) in places.items():
            panel(fig.add_axes(place), [bar for bar in found if bar["ledger"] == ledger], numbered)
            high = place[1] + place[3]
            fig.text(begin, high + 0.046, f"{ledger} ledger: {MEANING[ledger]}", fontsize=12, va="center")
            fig.text(begin, high + 0.036, fold(numbers["words"][ledger], 135), fontsize=8.5, va="top")
    fig.suptitle(
        f"One query of the main job: the {job['winners']} nearest of {job['keys']:,} contexts",
        fontsize=14, x=0.01, ha="left", y=0.985,
    )  # fmt: skip
    right = ", ".join(f"{name} {100 * value:.1f} %" for name, value in numbers["top1"].items())
    fig.text(0.43, 0.983, f"Next character right: {right}", fontsize=9.5, va="top")
    fig.legend(handles=legend(found), loc="upper left", bbox_to_anchor=(0.005, 0.965), ncols=8, fontsize=9.5)
    sources = "   ".join(f"[{number}] {source}" for source, number in numbered.items())
    caption = (
        "Logarithmic axes; marker: nominal, whisker: 5th to 95th percentile. At the right: joules, seconds (–: none "
        "follows from the table), sources. ≥: a lower bound, since a part of the job has no price there or the chip "
        "cannot hold it as it is. Panels hold different things and must not be compared."
    )
    text = f"{fold(caption, 330)}\n{fold(sources, 330)}"
    fig.text(0.01, 0.125, text, fontsize=8, color=COLOURS["grey"], va="top")
    return fig


def legend(found: list[dict[str, Any]]) -> list[Line2D]:
    """What markers and colours mean."""
    sides = [side for side in SIDES if side != "brain" and any(bar["side"] == side for bar in found)]
    handles = [
        Line2D([], [], color=SIDES[side][0], marker=SIDES[side][1], linestyle="none", label=side)
        for side in sides
    ]
    grey = COLOURS["grey"]
    open_, rule = (
        "hollow: most joules rest on derived constants",
        "the same chip by the threshold rule, no ramp",
    )
    handles.append(
        Line2D([], [], color=grey, marker="o", markerfacecolor="white", linestyle="none", label=open_)
    )
    handles.append(Line2D([], [], color=grey, marker="|", markeredgewidth=2, linestyle="none", label=rule))
    return handles


def fold(text: str, width: int) -> str:
    """Lines of at most ``width`` characters."""
    return textwrap.fill(text, width)


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
