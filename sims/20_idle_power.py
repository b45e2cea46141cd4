"""What does a chip draw when nothing happens, and how much more when it works as fast as it can?

Power against events per second, from silence to saturation, of every substrate that has the constants
(:mod:`hdspike.energy.idle`): static or idle power, a clock that runs on, updates of all neurons in every tick, and the
events on top. Below: the same watts charged to the events, and the part of full power that silence does not save (0:
the chip draws for its events alone; 1: it draws the same whether it works or not). One ledger in each column: watts of
different ledgers hold different things. A dot is r*, where the events cost as much as silence.

What an event is. Neuromorphic chips: one synaptic event, with 1/128 of a packet that crosses the mesh of Loihi over
the mean distance of two random tiles. Processors: one int8 multiply-add whose weight comes from DRAM and is used
once or 64 times (batch 64). The brain: one synaptic event; it draws 20 W whatever it does.

Where a line ends. Loihi and ODIN: all cores busy with synaptic events. TrueNorth: 58 · 10⁹ events/s, its published
peak, at another voltage than the constants. SpiNNaker: where its events take the published 1 W of the chip. Processors:
the roofline. The brain: 10¹⁵ events/s.

Caveats. That power is a straight line between rest and saturation is the model, not a measurement; a real GPU draws
most of its power long before its roofline, and a board less than its design power where memory is the limit. A tick of
1 ms is assumed for Loihi, with all its neurons in use; chips whose static power is known only while they run are taken
to run on: no sleep state is published for them. Loihi's static power is measured, its events are pre-silicon energies.
An update that hears something costs Loihi 29 pJ more than one that does not: not charged. The ticks of SpiNNaker are
not either: how many neurons a core holds is not in its file.
A low ratio is not a low power: a GPU that rests at a tenth of its full power still draws more than a thousand Loihis.
Of one chip only rest and full activity are published: a bar without a line, and a lower bound, since its full power is
an upper one.
Where no figure for rest is published the sim says so and draws no line to silence: nothing is taken as 0.
"""

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from hdspike import substrate
from hdspike.energy import idle
from hdspike.plot.style import COLOURS, figure, note
from hdspike.substrate import Substrate

FAN_OUT = 128  # synapses that one packet reaches, as in TrueNorth's published networks
TICK_HZ = 1000.0
LEDGERS = ("circuit", "path", "board")
SPINNAKER_W = 1.0  # one chip, all its cores running: Painkras et al., CICC 2012
KINDS = (
    "neuromorphic",
    "processor",
    "static",
    "brain",
)  # arrays that compute are not chips: they have no power at rest


def mean_hops(sheet: Substrate) -> dict[str, float]:
    """Hops between two tiles drawn at random: (n² − 1)/3n along a side of n tiles."""
    sides = {
        "hops_east_west": sheet.si("topology.columns"),
        "hops_north_south": sheet.si("topology.rows"),
    }
    return {name: (n * n - 1) / (3 * n) for name, n in sides.items()}


def neurons(sheet: Substrate) -> float:
    """Neurons of the whole chip."""
    keys = ("columns", "rows", "cores_per_tile", "neurons_per_core")
    return float(np.prod([sheet.si(f"topology.{key}") for key in keys]))


def loihi(sheet: Substrate) -> list[dict[str, Any]]:
    """An event and its share of a packet; every neuron is visited in every tick."""
    dense = "synaptic_events_dense" if sheet.has("energy.synaptic_events_dense") else "synaptic_events"
    visit = "updates_inactive" if sheet.has("energy.updates_inactive") else "accesses"
    event = {dense: 1.0, "packets": 1 / FAN_OUT} | {k: h / FAN_OUT for k, h in mean_hops(sheet).items()}
    always = {visit: neurons(sheet) * TICK_HZ}
    most = None
    if dense != "synaptic_events":  # its units have times of their own
        cores = neurons(sheet) / sheet.si("topology.neurons_per_core")
        most = cores / sheet.si("timing.synaptic_event_dense")
    return [{"event": event, "always": always, "max_events_per_s": most}]


def odin(sheet: Substrate) -> list[dict[str, Any]]:
    """At both clocks it was measured with: an event every second cycle."""
    return [
        {"label": f"{name} at {hertz / 1e6:g} MHz", "always": {"clock_cycles": hertz}, "max_events_per_s": hertz / 2,
         "rest": "static"}
        for name, hertz in (("odin", 75e6), ("odin", 1.3e6))
    ]  # fmt: skip


def processor(sheet: Substrate) -> list[dict[str, Any]]:
    """A multiply-add whose weight of 8 bits is read once for 1 query or 64; one way on a board or without rest."""
    return [
        {
            "label": f"{sheet.name}, batch {batch}",
            "event": {"macs_int8": 1.0, "dram_bits": 8 / batch, "sram_bits": 8 / batch},
        }
        for batch in ((1, 64) if sheet.has("power.static") else (64,))
    ]


HOW: dict[str, Any] = {
    "loihi": loihi,
    "loihi-sanafe": loihi,
    "loihi-silicon": loihi,
    "odin": odin,
    "spinnaker": lambda sheet: [{"max_events_per_s": SPINNAKER_W / sheet.si("energy.synaptic_events")}],
    "brain-all-in": lambda _: [{"event": {}, "max_events_per_s": 1e15}],
}
"""How a substrate is used; those that are not named: one synaptic event, or a processor's multiply-add."""


def reason(sheet: Substrate, error: ValueError) -> str:
    """Why there is no curve."""
    if any(q.includes_leakage for key, q in sheet.quantities.items() if key.startswith("energy.")):
        return "its energy per event holds leakage: that of one rate"
    if idle.at_rest(sheet) is None:
        return "no figure for rest published"
    if not sheet.priced():
        return (
            f"rests at {watt(sheet.si(f'power.{idle.at_rest(sheet)}'))}; no figure for its events published"
        )
    return str(error)


def one_curve(sheet: Substrate, how: dict[str, Any], points: int, seed: int) -> dict[str, Any]:
    """The numbers of one line; the watts that are known where rest is not."""
    label = how.pop("label", sheet.name)
    made = idle.curve(sheet, **how)
    rate = np.geomspace(made.saturation * 1e-6, made.saturation, points)
    entry: dict[str, Any] = {
        "label": label, "substrate": sheet.name, "kind": sheet.kind, "ledger": made.ledger, "node": made.node,
        "rest": made.rest, "saturation_per_s": made.saturation, "marginal_j": made.marginal_j, "rate_per_s": rate,
        "sources": sorted({part.quantity.citation for part in made.parts}),
        "unverified": sorted({part.quantity.key for part in made.parts if not part.quantity.verified}),
    }  # fmt: skip
    if made.rest is None:
        return entry | {"known_w": made.known_w(rate), "why": "no figure for rest published"}
    grid = np.concatenate([[0.0], rate])
    low, high = np.transpose([made.interval(r, samples=1000, rng=seed) for r in grid])
    full = float(made.watts(made.saturation))
    stays = made.rest == "static"  # at full speed too, as idle power does not
    more = full - made.rest_w if stays else None
    even = made.even if np.isfinite(made.even) else None
    return entry | {
        "watts": made.watts(rate), "low_w": low[1:], "high_w": high[1:], "rest_w": made.rest_w,
        "rest_low_w": low[0], "rest_high_w": high[0], "full_w": full,
        "at_silence": made.at_silence, "at_silence_low": part(low[0], full, more),
        "at_silence_high": part(high[0], full, more), "even_per_s": even,
        "even_in_reach": even is not None and even <= made.saturation,
        "joules_per_event": made.joules_per_event(rate),
        "parts_at_rest": made.split(0.0), "parts_at_full": made.split(made.saturation),
    }  # fmt: skip


def part(rest: float, full: float, more: float | None) -> float:
    """The part of full power that stays at silence; ``more`` watts come on top of rest where it is static power."""
    return min(1.0, rest / (full if more is None else rest + more))


def two_ends(sheet: Substrate) -> dict[str, Any]:
    """A chip of which only the power at rest and at full activity is published: no rate, so no line."""
    rest, full = idle.ends(sheet)
    quantities = [sheet.quantity(f"power.{name}") for name in ("idle", "full")]
    low, high = (getattr(quantities[0], end) * quantities[0].factor for end in ("low", "high"))
    return {
        "label": sheet.name, "substrate": sheet.name, "kind": sheet.kind, "ledger": sheet.ledger, "node": sheet.node,
        "rest": "idle", "rest_w": rest, "full_w": full, "at_silence": rest / full, "even_in_reach": None,
        "at_silence_low": part(low, full, None), "at_silence_high": part(high, full, None),
        "full_at_most": quantities[1].high == quantities[1].value,  # "less than": its range ends there
        "sources": sorted({quantity.citation for quantity in quantities}), "unverified": [],
    }  # fmt: skip


def least(known: list[dict[str, Any]], ledger: str, kind: str) -> dict[str, Any] | None:
    """The curve of a kind and ledger that saves most at silence."""
    some = (c for c in known if c["ledger"] == ledger and c["kind"] == kind)
    return min(some, key=lambda c: c["at_silence"], default=None)


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Every substrate's curve, or why it has none."""
    curves: list[dict[str, Any]] = []
    absent: list[dict[str, str]] = []
    for name in substrate.available():
        sheet = substrate.load(name)
        if sheet.kind not in KINDS:
            continue
        if sheet.has("power.full"):
            curves.append(two_ends(sheet))
            continue
        ways = HOW.get(name, processor if sheet.kind == "processor" else lambda _: [{}])(sheet)
        for how in ways:
            try:
                curves.append(one_curve(sheet, dict(how), 13 if quick else 49, seed))
            except ValueError as error:
                absent.append(
                    {"label": name, "ledger": sheet.ledger, "node": sheet.node, "why": reason(sheet, error)}
                )
                break
    known = [c for c in curves if c["rest"] is not None]
    lowest = min(known, key=lambda c: c["rest_w"])
    return {
        "question": "What does a chip draw when nothing happens, and how much more at full speed?",
        "curves": curves,
        "absent": absent,
        "lowest_at_rest": {"label": lowest["label"], "watts": lowest["rest_w"]},
        "nanowatts": [c["label"] for c in known if c["rest_w"] < 1e-6],
        "least_at_silence": {
            ledger: {
                kind: {key: best[key] for key in ("label", "at_silence", "at_silence_low", "at_silence_high")}
                for kind in ("neuromorphic", "processor")
                if (best := least(known, ledger, kind)) is not None
            }
            for ledger in LEDGERS
        },
        "never_even": [c["label"] for c in known if c["even_in_reach"] is False],
    }


SHADES = {
    "loihi": "blue", "loihi-silicon": "blue", "loihi-sanafe": "sky", "odin": "vermilion", "truenorth": "green",
    "spinnaker": "black", "a100-path": "orange", "gh200-path": "purple", "h100-board": "purple",
    "brain-all-in": "black", "always-on-snn": "sky", "a100-circuit": "orange", "cpu-45nm": "grey",
    "cpu-7nm": "vermilion",
}  # fmt: skip


def grouped(entries: list[dict[str, Any]], ledger: str) -> list[dict[str, Any]]:
    """The entries of one panel; ``ValueError`` where they are of two ledgers."""
    ledgers = list(dict.fromkeys(entry["ledger"] for entry in entries))
    if ledgers not in ([], [ledger]):
        raise ValueError(f"entries must be of one ledger, {ledger}, got {', '.join(ledgers)}")
    return entries


def looks(curves: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Colour and line style: one colour for a chip; dashed where rest is unknown, dash-dotted its second way."""
    out = []
    for place, entry in enumerate(curves):
        again = any(other["substrate"] == entry["substrate"] for other in curves[:place])
        style = "--" if entry["rest"] is None else "-." if again else "-"
        out.append((COLOURS[SHADES.get(entry["substrate"], "yellow")], style))
    return out


def draw_power(ax: Axes, curves: list[dict[str, Any]], ledger: str) -> None:
    """Watts against events per second; the band is the 5th to 95th percentile."""
    for (colour, style), c in zip(looks(curves), grouped(curves, ledger), strict=True):
        rate = c["rate_per_s"]
        if c["rest"] is None:
            ax.plot(
                rate,
                c["known_w"],
                style,
                color=colour,
                lw=1.3,
                label=f"{c['label']}: what is known, without rest",
            )
            continue
        ax.fill_between(rate, c["low_w"], c["high_w"], color=colour, alpha=0.13, lw=0)
        ax.plot(rate, c["watts"], style, color=colour, label=f"{c['label']}: {watt(c['rest_w'])} at rest")
        if c["even_in_reach"]:
            ax.plot(c["even_per_s"], 2 * c["rest_w"], "o", color=colour, ms=7)
    ax.set(xscale="log", yscale="log", xlabel="events per second", ylabel="power of the chip (W)")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** 0.55)
    ax.legend(loc="upper left", fontsize=9)
    ax.set_title(f"{ledger} ledger: power from rest to saturation")


def draw_per_event(ax: Axes, curves: list[dict[str, Any]], ledger: str) -> None:
    """The same watts charged to the events."""
    for (colour, style), c in zip(looks(curves), grouped(curves, ledger), strict=True):
        if c["rest"] is None:
            ax.plot(c["rate_per_s"], [c["marginal_j"]] * len(c["rate_per_s"]), style, color=colour, lw=1.3)
            continue
        ax.plot(c["rate_per_s"], c["joules_per_event"], style, color=colour)
        if c["even_in_reach"]:
            ax.plot(c["even_per_s"], 2 * c["marginal_j"], "o", color=colour, ms=7)
    ax.set(xscale="log", yscale="log", xlabel="events per second", ylabel="energy per event, rest inside (J)")
    within = [c for c in curves if "rate_per_s" in c and c["rest"] is not None]
    even = sum(c["even_in_reach"] for c in within)
    ax.set_title(
        f"{ledger} ledger: left of r* (dot) events pay for rest;\n{even} of {len(within)} lines reach it"
    )


def draw_silence(ax: Axes, curves: list[dict[str, Any]], absent: list[dict[str, Any]], ledger: str) -> None:
    """The part of full power that silence does not save, and the chips that have no such figure."""
    known = sorted(
        (c for c in grouped(curves, ledger) if c["rest"] is not None), key=lambda c: c["at_silence"]
    )
    colour = {c["label"]: shade for (shade, _), c in zip(looks(curves), curves, strict=True)}
    missing = [c for c in curves if c["rest"] is None] + grouped(absent, ledger)
    for row, c in enumerate(known):
        percent = 100 * c["at_silence"]
        ax.barh(row, percent, color=colour[c["label"]], height=0.6)
        least, most = ("≥ ", "< ") if c.get("full_at_most") else ("", "")
        text = f"{least}{percent:.0f} %: {watt(c['rest_w'])} of {most}{watt(c['full_w'])}"
        ax.text(percent + 2, row, text, va="center", fontsize=9.5)
    for row, entry in enumerate(missing, len(known)):
        ax.text(2, row, entry["why"], va="center", fontsize=9.5, color=COLOURS["grey"], style="italic")
    names = [f"{entry['label']} ({entry['node']})" for entry in (*known, *missing)]
    ax.set_yticks(range(len(names)), names, fontsize=9.5)
    ax.set_ylim(max(len(names), 9) - 0.4, -0.6)
    ax.set_xlim(0, 165)
    ax.set_xticks([0, 25, 50, 75, 100])
    ax.grid(axis="y", visible=False)
    ax.set(xlabel="power at rest ÷ power at saturation (%)", ylabel="substrate")
    ends = f"{100 * known[0]['at_silence']:.0f} %" + (
        f" ({known[0]['label']}) to {100 * known[-1]['at_silence']:.0f} % ({known[-1]['label']})"
        if len(known) > 1 else f" ({known[0]['label']})"
    ) if known else "not known of any"  # fmt: skip
    ax.set_title(f"{ledger} ledger: what silence does not save,\n{ends}")


def watt(value: float) -> str:
    """Three digits and a prefix."""
    return str(EngFormatter(unit="W", places=None, sep=" ")(float(f"{value:.3g}")))


def verdict(neuromorphic: dict[str, Any], processor: dict[str, Any]) -> str:
    """Which kind saves more of its full power at silence, in words."""
    one, other = sorted((neuromorphic, processor), key=lambda of: of["at_silence"])
    unsure = one["at_silence_high"] >= other["at_silence_low"]
    return (
        f"{one['label']} keeps {100 * one['at_silence']:.0f} % of its full power at silence, less than "
        f"{other['label']} with {100 * other['at_silence']:.0f} %"
        + (" (their ranges overlap)" if unsure else "")
    )


def draw(numbers: dict[str, Any]) -> Figure:
    """Three columns, one for each ledger: power, energy per event, what silence does not save."""
    fig, axes = figure(3, 3, size=(20, 17), height_ratios=(1.15, 1.0, 1.0))
    for column, ledger in zip(axes.T, LEDGERS, strict=True):
        curves = [c for c in numbers["curves"] if c["ledger"] == ledger]
        lines = [c for c in curves if "rate_per_s" in c]
        draw_power(column[0], lines, ledger)
        draw_per_event(column[1], lines, ledger)
        draw_silence(column[2], curves, [a for a in numbers["absent"] if a["ledger"] == ledger], ledger)
    lowest = numbers["lowest_at_rest"]
    tiny = numbers["nanowatts"]
    nano = f"in nanowatts: {', '.join(tiny)}" if tiny else "none states nanowatts"
    both = {ledger: of for ledger, of in numbers["least_at_silence"].items() if len(of) == 2}
    said = " ".join(f"{ledger.capitalize()} ledger: {verdict(**of)}." for ledger, of in both.items())
    sources = dict.fromkeys(source for c in numbers["curves"] for source in c["sources"])
    note(
        fig,
        f"Lowest published power at rest: {lowest['label']}, {watt(lowest['watts'])}; {nano}. Rest stays the larger "
        f"part at every rate: {', '.join(numbers['never_even'])}. {said}\n"
        "Event: a synaptic event (neuromorphic, brain), an int8 multiply-add (processors). Bands: 5th to 95th "
        "percentile of the constants. Straight lines between rest and saturation are a model.\n"
        + textwrap.fill(f"Sources: {'; '.join(sources)}.", 320),
    )
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
