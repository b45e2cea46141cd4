"""Which constant does the verdict on energy hang on: spikes on Loihi, or the dense int8 twin?

The main job of `hdspike run` (one query over a text's keys), counted by its own run and priced twice, in the circuit
ledger (`loihi` against `a100-circuit`) and in the path ledger (`loihi-silicon` against `a100-path`); never across the
two. Every constant has a range, its low and high the 5th and 95th percentile.

Left: one bill at a time, each constant alone moved from its low to its high, all others nominal (a tornado); the
percentage is the constant's share of the bill's variance, its first-order Sobol index (Sobol 1993): exact, a bill is a
sum. Middle: the ratio of the two bills as each constant moves alone; where a bar crosses 1 that constant alone can turn
the verdict round, a diamond is its break-even value, with all others nominal. Both show the closest contest of the
ledger: the dense twin whose bill is nearest to that of the spikes. Right: the probability that spikes need less, over
the ranges of all constants at once, drawn in pairs, for every twin: keys fetched for each query, kept on the chip, or
fetched once for 64, and the QNN twin; with all constants independent, those of one source wrong together, or all.

Caveats. Ranges are those of the files: what a constant of one source may be, not what a better chip might do; counts
and times are taken as certain. The nodes differ (14 nm against 7 nm), which favours the dense side by about two steps
of a process. The circuit ledger has a static power for Loihi (measured) and none for the dense side. Only the run's
own rule is compared.
"""

import math
import textwrap
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FixedLocator, LogLocator, NullFormatter

from hdspike import pricing, schedules, substrate
from hdspike.energy import Bill, compare, rank
from hdspike.energy.percentiles import DEPENDENCES
from hdspike.idea import si
from hdspike.plot.style import COLOURS, DENSE, SPIKING, figure, note
from hdspike.run import Result, run
from hdspike.task import Settings

LEDGERS = {"circuit": ("loihi", "a100-circuit"), "path": ("loihi-silicon", "a100-path")}
NAMES = {
    "fetched": "int8, keys fetched\nfor each query",
    "resident": "int8, keys stay\non the chip",
    "shared": "int8, 64 queries\nshare a fetch",
    "qnn": "QNN twin of\nthe spiking run",
}
LOOKS = {"independent": ("o", "blue"), "source": ("s", "orange"), "full": ("D", "green")}
TOLD = {"independent": "all independent", "source": "one source wrong together", "full": "all wrong together"}
SHOWN = 4  # constants of a bill, and twice as many of a comparison


def job_of(result: Result) -> schedules.Job:
    """One query of the run as a job that any substrate may be asked for."""
    n = result.numbers
    sheet = substrate.load(n["settings"]["chip"])
    return pricing.job_of(
        result.task, result.outcome, result.timed, result.settings.select, sheet, twin_dim=n["dense"]["dim"]
    )


def twins(job: schedules.Job, sheet: substrate.Substrate) -> dict[str, Bill]:
    """The dense side at its best in several ways."""
    found = {
        "fetched": schedules.dense.plan(job, sheet, precision="int8"),
        "shared": schedules.dense.plan(job, sheet, precision="int8", batch=64),
    }
    if schedules.dense.fits(job, sheet, "int8"):
        found["resident"] = schedules.dense.plan(job, sheet, precision="int8", resident=True)
    if {"bit_products", "adds_int32", "sram_bits"} <= set(sheet.priced()):
        found["qnn"] = schedules.dense.quantised(job, sheet)
    return {name: found[name].bill() for name in NAMES if name in found}


def shown(bill: Bill) -> dict[str, Any]:
    """A bill and its constants, ranked."""
    return {
        **bill.as_json(),
        "mean": bill.mean,
        "deviation": bill.deviation,
        "all_wrong_together": list(bill.bounds),
        "constants": [
            {"constant": one.constant, "low": one.low, "high": one.high, "share": one.share}
            for one in rank(bill)
        ],
    }


def closest(versus: dict[str, Any]) -> str:
    """The dense twin whose bill is nearest to that of the spikes."""
    return min(versus, key=lambda name: abs(math.log(versus[name]["ratio"])))


def best(versus: dict[str, Any]) -> str:
    """The dense twin that needs least."""
    return max(versus, key=lambda name: versus[name]["ratio"])


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """The main job, priced; the constants of its bills and of their comparisons, ranked."""
    result = run(Settings(quick=quick, seed=seed))
    job = job_of(result)
    ledgers = {}
    for ledger, (chip, processor) in LEDGERS.items():
        spiking = schedules.events.plan(job, substrate.load(chip)).bill(rng=seed)
        versus = {}
        for name, dense in twins(job, substrate.load(processor)).items():
            found = {
                how: compare(spiking, dense, names=("spiking", "dense"), dependence=how, rng=seed)
                for how in DEPENDENCES
            }
            one = found["independent"]
            versus[name] = {
                "dense": shown(dense),
                "ratio": one.ratio,
                "winner": one.winner,
                "sentence": one.sentence(),
                "probability": {how: c.probability for how, c in found.items()},
                "error": {how: c.error for how, c in found.items()},
                "levers": [
                    {
                        key: getattr(lever, key)
                        for key in (
                            "constant", "unit", "value", "low", "high", "ratio_low", "ratio_high", "break_even",
                            "flips", "share", "source", "verified",
                        )
                    }
                    for lever in one.levers
                ],
            }  # fmt: skip
        ledgers[ledger] = {
            "spiking": shown(spiking),
            "versus": versus,
            "closest": closest(versus),
            "best": best(versus),
        }
    return {
        "keys": job.keys,
        "dense_dim": job.twin_dim,
        "rule": job.rule,
        "ledgers": ledgers,
    }


def three(value: float) -> str:
    """Three digits, without an exponent where the number is large."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def label(constant: str, levers: list[dict[str, Any]]) -> str:
    """The constant by its name, and its value with its range."""
    (lever,) = (one for one in levers if one["constant"] == constant)
    chip, key = constant.split()
    value, low, high = (three(lever[end]) for end in ("value", "low", "high"))
    return f"{chip}: {key.split('.')[1]}\n{value} {lever['unit']} ({low} to {high})"


def tornado(ax: Any, entry: dict[str, Any]) -> None:
    """Both bills with each constant moved alone, on one axis of joules."""
    versus = entry["versus"][entry["closest"]]
    labels: list[str] = []
    ends: list[float] = []
    for bill, colour in ((entry["spiking"], SPIKING), (versus["dense"], DENSE)):
        begin = len(labels)
        for one in bill["constants"][:SHOWN]:
            row, low, high = len(labels), one["low"], one["high"]
            ax.barh(row, high - low, left=low, height=0.62, color=colour)
            ax.annotate(
                "<0.1 %" if one["share"] < 1e-3 else f"{100 * one['share']:.1f} %", (high, row), xytext=(5, 0),
                textcoords="offset points", va="center", fontsize=9,
            )  # fmt: skip
            labels.append(label(one["constant"], versus["levers"]))
            ends += [low, high]
        ax.plot([bill["nominal"]] * 2, [begin - 0.45, len(labels) - 0.55], color=COLOURS["black"], lw=1.2)
    ax.set_yticks(range(len(labels)), labels, fontsize=8.5)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_xscale("log")
    ax.set_xlim(0.8 * min(ends), 2.2 * max(ends))
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(EngFormatter(unit="J"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("energy per query (line: nominal; percentage: share of the variance)")
    ax.grid(axis="y", visible=False)


def ratios(ax: Any, entry: dict[str, Any]) -> None:
    """Spiking ÷ dense as each constant moves alone."""
    versus = entry["versus"][entry["closest"]]
    levers = versus["levers"][: 2 * SHOWN]
    ax.axvspan(1e-9, 1.0, color=SPIKING, alpha=0.07, lw=0)
    ax.axvspan(1.0, 1e9, color=DENSE, alpha=0.07, lw=0)
    for row, lever in enumerate(levers):
        ends = sorted((lever["ratio_low"], lever["ratio_high"]))
        colour = COLOURS["green"] if lever["flips"] else COLOURS["grey"]
        ax.barh(row, ends[1] - ends[0], left=ends[0], height=0.62, color=colour)
        if lever["break_even"] is not None:
            ax.plot(1.0, row, "D", color=COLOURS["black"], ms=5, zorder=4)
            ax.annotate(
                f"at {three(lever['break_even'])} {lever['unit']}", (1.0, row), xytext=(7, 0),
                textcoords="offset points", va="center", fontsize=8.5, zorder=5,
            )  # fmt: skip
        else:
            ax.annotate(
                "at no value", (1.0, row), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8.5,
                color=COLOURS["grey"],
            )  # fmt: skip
    ax.axvline(versus["ratio"], color=COLOURS["black"], lw=1.2)
    ax.axvline(1.0, color=COLOURS["black"], lw=1.2, ls="--")
    ends = [lever[end] for lever in levers for end in ("ratio_low", "ratio_high")]
    ax.set_xscale("log")
    ax.set_xlim(min(0.45, 0.8 * min(ends)), max(2.6, 1.5 * max(ends)))
    ax.set_yticks(
        range(len(levers)), [label(lever["constant"], versus["levers"]) for lever in levers], fontsize=8.5
    )
    ax.set_ylim(len(levers) - 0.4, -0.6)
    ax.xaxis.set_major_locator(FixedLocator([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("energy of spikes ÷ that of the dense twin (◆: break-even, all others nominal)")
    ax.grid(axis="y", visible=False)


def chances(ax: Any, entry: dict[str, Any]) -> None:
    """The probability that spikes need less, by twin and by what is wrong together."""
    versus = entry["versus"]
    for row, one in enumerate(versus.values()):
        for shift, (how, (marker, colour)) in enumerate(LOOKS.items()):
            y = row + 0.22 * (shift - 1)
            ax.errorbar(
                one["probability"][how], y, xerr=1.96 * one["error"][how], fmt=marker, color=COLOURS[colour], ms=6.5,
                capsize=2, label=TOLD[how] if row == 0 else None, clip_on=False,
            )  # fmt: skip
        times = max(one["ratio"], 1 / one["ratio"])
        loser = "dense" if one["winner"] == "spiking" else "spikes"
        ax.annotate(
            f"{loser}: {times:.3g}×", (1.0, row), xycoords=("axes fraction", "data"), xytext=(8, 0),
            textcoords="offset points", va="center", fontsize=9, annotation_clip=False,
        )  # fmt: skip
    ax.annotate(
        "who needs more", (1.0, -0.58), xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points",
        va="center", fontsize=9, color=COLOURS["grey"], annotation_clip=False,
    )  # fmt: skip
    ax.axvline(0.5, color=COLOURS["black"], lw=1, ls=":")
    ax.set_xlim(-0.03, 1.03)
    ax.set_yticks(range(len(versus)), [NAMES[name] for name in versus], fontsize=9.5)
    ax.set_ylim(len(versus) - 0.5, -0.7)
    ax.set_xlabel("probability that spikes need less")
    ax.grid(axis="y", visible=False)


def draw(numbers: dict[str, Any]) -> Figure:
    """Per ledger: the two bills, their ratio, and who wins how surely."""
    fig, axes = figure(2, 3, size=(19, 12), gridspec_kw={"width_ratios": (1.15, 1.2, 0.8)})
    told: list[str] = []
    cited: dict[str, None] = {}
    for row, (ledger, entry) in zip(axes, numbers["ledgers"].items(), strict=True):
        main, dense = entry["versus"][entry["closest"]], entry["versus"][entry["best"]]
        tornado(row[0], entry)
        ratios(row[1], entry)
        chances(row[2], entry)
        first, second = entry["spiking"], main["dense"]
        way, strongest = (NAMES[entry[name]].replace("\n", " ") for name in ("closest", "best"))
        row[0].set_title(
            f"{ledger} ledger: spikes, {first['substrate']} ({first['node']}), {si(first['nominal'], 'J')};\n"
            f"dense, {second['substrate']} ({second['node']}), {way}, {si(second['nominal'], 'J')}"
        )
        flips = [lever["constant"] for lever in main["levers"] if lever["flips"]]
        turned = (
            f"{' or '.join(flips)} alone can turn it round"
            if flips
            else "no constant alone can turn it round"
        )
        winner = "spikes win" if main["winner"] == "spiking" else "the dense twin wins"
        row[1].set_title(f"{ledger} ledger, the closest contest: {winner};\n{turned}")
        wins = dense["winner"] == "dense"
        row[2].set_title(
            f"{ledger} ledger, the best dense twin ({strongest})\n"
            + (
                f"wins: spikes need {dense['ratio']:.3g}×"
                if wins
                else f"loses: it needs {1 / dense['ratio']:.3g}×"
            )
        )
        told.append(f"{main['sentence'][0].upper()}{main['sentence'][1:]} (Dense: {way}.)")
        cited |= {lever["source"].split(";")[0]: None for lever in main["levers"][: 2 * SHOWN]}
    axes[0, 2].legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), fontsize=9.5)
    lines = [
        *told,
        f"One query of `hdspike run`: {numbers['keys']:,} keys, rule {numbers['rule']}; the dense twin has "
        f"{numbers['dense_dim']} dimensions. An estimate: counts × published constants.",
        f"Sources: {'; '.join(cited)}.",
    ]
    note(fig, "\n".join(textwrap.fill(line, 300) for line in lines))
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
