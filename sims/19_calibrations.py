"""Do the energy constants give back what was measured on silicon, and where do they mislead?

*TrueNorth*: P = P_static + e·r through two measured points (68 mW at 11.58 Hz, 94 mW at 95.93 Hz) predicts the third,
71 mW at 20.07 Hz, which the fit never saw (:mod:`hdspike.energy.calibration`). *ODIN*: leakage + clock + events, from
the constants of its file, at its two published operating points. *Frady's query* (nearest of 76,800 patterns on 32
Loihi chips, 1.33 mJ of dynamic core energy measured): the query runs spike by spike on 32 simulated chips, its counts
are priced with the published energies, every update at 52 pJ as the derived band has it. *Hops*: one spike crosses the
simulated mesh of Loihi to every other tile, and its counts are priced: 1.7 pJ + 3.0 pJ · |dx| + 4.0 pJ · |dy|.
*SANA-FE*: the total of that tool on the network that it ships. *Read against XOR*: one hypervector of 10,000 bits is
fetched, XORed and counted, within one ledger at a time.

*Traps*: what the same constants say where they are used outside what they hold. "26 pJ per synaptic event" is the whole
chip ÷ its events at 20 Hz; the affine law gives it back there, and nowhere else.

Caveats. The three points of TrueNorth are of one chip at 0.8 V in one figure of one paper; the same law is compared
with two figures at other voltages, which it need not meet. Leaving out another point is harder, because two of them lie
close to each other: those errors are printed too. ODIN's constants and its points come from the same paper, so this is
a check of the law and of our file, not of the chip. The derived band for Frady's query leaves out network and static
power, as the measured figure does; and it was our derivation. Without its fetched network the comparison with SANA-FE
is skipped.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hdspike import bits, chip, sim, substrate, workloads
from hdspike.datasets import Absent
from hdspike.energy import by_unit, price
from hdspike.energy import calibration as cal
from hdspike.network import Synapses
from hdspike.plot import calibration as laws
from hdspike.plot.energy import citations, panels
from hdspike.plot.style import COLOURS, figure, note
from hdspike.substrate import Substrate
from hdspike.workloads import neighbours as nn
from hdspike.workloads.searching import Search, on_chips, share

HELD_OUT = "20.07 Hz"
CHIPS, PER_CHIP, FEATURES, STEPS = 32, 2400, 750, 60
DIM = 10_000
OTHER_VOLTAGES = (  # what, W, events/s, and where it was measured; quoted, not fitted
    ("72 mW at 20 Hz", 72e-3, cal.truenorth_events(20.0), "Merolla et al., Science 345, 2014; 0.775 V"),
    (
        "58 G events/s at 400 G events/s/W",
        58e9 / 400e9,
        58e9,
        "Akopyan et al., IEEE TCAD 34(10), 2015; 0.75 V",
    ),
)
READS = (  # ledger's file, what is done, its counters by the number of words
    ("a100-circuit", "XOR + count of ones", {"word_xors": 1, "popcounts": 1}),
    ("a100-circuit", "read, 32 KB SRAM", {"sram_bits": 64}),
    ("a100-circuit", "read, 1 MB SRAM", {"l2_bits": 64}),
    ("a100-circuit", "read, HBM2 device", {"dram_bits": 64}),
    ("cpu-7nm", "read, DDR4", {"dram_bits": 64}),
    ("gh200-path", "read, L1", {"sram_bits": 64}),
    ("gh200-path", "read, L2", {"l2_bits": 64}),
    ("gh200-path", "read, HBM3 path", {"dram_bits": 64}),
    ("a100-path", "read, HBM2 path", {"dram_bits": 64}),
)


def percent(found: float, wanted: float) -> float:
    """How far off, in %, without the noise of the last binary digits."""
    return round(100.0 * (found / wanted - 1.0), 9)


def off(errors: dict[str, float]) -> dict[str, float]:
    """Relative errors in %."""
    return {name: round(100.0 * error, 9) for name, error in errors.items()}


def per_second(sheet: Substrate, events: float, cycles: float, seed: int) -> dict[str, Any]:
    """A bill of one second is watts: the law of the file, through the same prices as every other figure."""
    counts = {"synaptic_events": events} | ({"clock_cycles": cycles} if cycles else {})
    bill = price(counts, sheet, seconds=1.0, charge=tuple(counts), rng=seed)
    model = cal.affine_of(sheet)
    if abs(bill.nominal / float(model.watts(events, cycles)) - 1.0) > 1e-9:
        raise RuntimeError("the bill of one second and the affine law must agree")
    return {"watts": bill.nominal, "low": bill.low, "high": bill.high, "parts": model.parts(events, cycles)}


def power_points(name: str, points: tuple[cal.Point, ...], seed: int) -> list[dict[str, Any]]:
    """The file's law at each measured point."""
    sheet = substrate.load(name)
    out = []
    for p in points:
        made = per_second(sheet, p.events_per_s, p.cycles_per_s, seed)
        out.append(
            {
                "chip": name, "point": p.name, "events_per_s": p.events_per_s, "cycles_per_s": p.cycles_per_s,
                "measured_w": p.watts, "predicted_w": made["watts"], **{k: made[k] for k in ("low", "high", "parts")},
                "error_percent": percent(made["watts"], p.watts), "source": p.source,
                "measured_j_per_event": p.watts / p.events_per_s,
            }
        )  # fmt: skip
    return out


def truenorth(seed: int) -> dict[str, Any]:
    """The fit without the middle point, the other ways to leave one out, and other voltages."""
    model, error = cal.held_out(cal.TRUENORTH, HELD_OUT)
    whole = cal.affine(cal.TRUENORTH)
    return {
        "static_w": model.static_w,
        "event_j": model.event_j,
        "held_out": HELD_OUT,
        "held_out_error_percent": round(100.0 * error, 9),
        "errors_percent": off(cal.errors(model, cal.TRUENORTH)),
        "any_left_out_percent": off({p.name: cal.held_out(cal.TRUENORTH, p.name)[1] for p in cal.TRUENORTH}),
        "all_three": {
            "static_w": whole.static_w,
            "event_j": whole.event_j,
            "errors_percent": off(cal.errors(whole, cal.TRUENORTH)),
        },
        "other_voltages": [
            {
                "what": what, "measured_w": watts, "predicted_w": float(model.watts(rate)), "source": source,
                "error_percent": percent(float(model.watts(rate)), watts),
            }
            for what, watts, rate, source in OTHER_VOLTAGES
        ],
        "file": power_points("truenorth", cal.TRUENORTH, seed),
    }  # fmt: skip


def inclusive() -> list[dict[str, Any]]:
    """The published energies "per synaptic event", from the affine law at the operating point they were stated for."""
    out = []
    for name, rate, cycles, where in (
        ("truenorth", cal.truenorth_events(20.0), 0.0, "20 Hz, 128 synapses"),
        ("odin", 37.5e6, 75e6, "37.5 M events/s, 75 MHz"),
    ):
        stated = substrate.load(f"{name}-inclusive").si("energy.synaptic_events")
        found = float(cal.affine_of(substrate.load(name)).inclusive_j(rate, cycles))
        out.append(
            {
                "chip": name, "at": where, "events_per_s": rate, "published_j": stated, "predicted_j": found,
                "error_percent": percent(found, stated),
            }
        )  # fmt: skip
    return out


def query(quick: bool, seed: int) -> dict[str, Any]:
    """Frady's query on simulated chips; fewer chips hold fewer patterns, and the measurement counts in proportion."""
    chips = 1 if quick else CHIPS
    count = chips * PER_CHIP
    search = Search(count, FEATURES, asked=1, tuning=0, decay=0.0, cosine=0.6, seed=seed)
    level = nn.levels(search.queries, steps=STEPS)[0]
    made = on_chips(
        search, chips, lambda c: nn.signed_synapses(share(search.weights, c, chips)),
        *nn.latency_query(level, steps=STEPS), ramp=True, steps=STEPS,
    )  # fmt: skip
    band = sim.load("nearest_neighbour").published(count)
    measured = band["measured_joules"] * count / 76_800
    counts = {"synaptic_events": made["synaptic_events"], "updates_inactive": made["visits"]}
    bill = price(counts, substrate.load("loihi"), seconds=0.0, rng=seed)
    return {
        "chips": chips, "patterns": count, "spikes": made["spikes"], "counts": counts,
        "predicted_j": bill.nominal, "low": bill.low, "high": bill.high, "components": bill.components,
        "measured_j": measured, "error_percent": percent(bill.nominal, measured),
        "band_j": band["joules"], "band_percent": [percent(j, measured) for j in band["joules"]],
        "apart": {"network_j": made["joules"]["network"], "static_j": made["joules"]["static"]},
        "ledger": bill.ledger, "node": bill.node, "sources": list(bill.sources),
    }  # fmt: skip


def packet(architecture: chip.Architecture, start: int, end: int) -> dict[str, int]:
    """The counts of one spike from a core to another, on the simulated mesh."""
    zero = np.zeros(1, dtype=np.int64)
    network = nn.ask(Synapses.from_dense(np.ones((1, 1), dtype=np.int8)), zero, zero, ramp=False)
    placed = chip.by_hand(network, architecture, {"lines": [start], "patterns": [end]})
    return chip.simulate(network, architecture, 3, placement=placed, noc="exact").counts


def hops() -> dict[str, Any]:
    """Joules of one packet from the tile in the corner to every tile, priced from the counts of a run."""
    sheet = substrate.load("loihi")
    architecture = chip.Architecture.from_substrate(sheet)
    core = np.unique(architecture.tile_of_core, return_index=True)[1]
    unit, along, across = (
        sheet.si(f"energy.{name}") for name in ("packets", "hops_east_west", "hops_north_south")
    )
    rows = []
    for tile in range(architecture.tiles):
        end = core[tile] + (1 if tile == 0 else 0)  # within a tile: from its first core to its second
        ran = packet(architecture, int(core[0]), int(end))
        counts = {name: ran[name] for name in ("packets", "hops_east_west", "hops_north_south")}
        dx, dy = (abs(int(xy[tile] - xy[0])) for xy in (architecture.tile_x, architecture.tile_y))
        made = price(counts, sheet, seconds=0.0).nominal
        law = unit + along * dx + across * dy
        rows.append({"dx": dx, "dy": dy, **counts, "joules": made, "error_percent": percent(made, law)})
    return {
        "packets": rows,
        "goldens_j": {"within a tile": unit, "east-west hop": along, "north-south hop": across},
        "largest_error_percent": max(abs(row["error_percent"]) for row in rows),
    }


def against_sanafe() -> dict[str, Any] | None:
    """The joules of the network that SANA-FE ships, ours and its own; None where it has not been fetched."""
    oracle = sim.load("dvs_energy").ORACLE
    try:
        job = workloads.build("dvs-gesture")
    except Absent:
        return None
    architecture = chip.Architecture.from_substrate(substrate.load("loihi-sanafe"))
    assert job.cores is not None
    placed = chip.by_hand(job.network, architecture, job.cores)
    ours = by_unit(chip.simulate(job.network, architecture, oracle["steps"], placement=placed))["total"]
    theirs = oracle["joules"]
    return {"ours_j": ours, "theirs_j": theirs, "error_percent": percent(ours, theirs)}


def reads(seed: int) -> dict[str, Any]:
    """The bill of one hypervector, each step in a bill of its own, and what a read is worth in XORs, by ledger."""
    words = bits.word_count(DIM)
    bars = []
    for name, what, counters in READS:
        counts = {counter: words * much for counter, much in counters.items()}
        bill = price(counts, substrate.load(name), seconds=0.0, rng=seed, charge=tuple(counts))
        shown = {key: value for key, value in bill.as_json().items() if key not in ("components", "seconds")}
        bars.append({"label": what, "counts": counts} | shown)
    xor = bars[0]["nominal"]
    return {
        "dim": DIM,
        "words": words,
        "bars": bars,
        "reads_per_xor": {bar["label"]: bar["nominal"] / xor for bar in bars if bar["ledger"] == "circuit"},
    }


def traps(numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """Constants used outside what they hold: the wrong figure, the right one, and their ratio."""
    table = substrate.load("horowitz-45nm")
    whole = {
        name: substrate.load(f"{name}-inclusive").si("energy.synaptic_events")
        for name in ("truenorth", "odin")
    }
    slow, middle, fast = numbers["truenorth"]["file"]
    clocked, stepped = numbers["odin"]
    arithmetic = table.si("energy.fp32_add")
    fetched = arithmetic + 32 * table.si("energy.sram_32kb_64b") / 64
    xor, circuit, path = (
        next(b["nominal"] for b in numbers["reads"]["bars"] if b["label"] == what)
        for what in ("XOR + count of ones", "read, HBM2 device", "read, HBM3 path")
    )
    rows = [
        ("26 pJ × events at 11.58 Hz (TrueNorth)", whole["truenorth"] * slow["events_per_s"], slow["measured_w"], "W"),
        ("26 pJ × events at 95.93 Hz (TrueNorth)", whole["truenorth"] * fast["events_per_s"], fast["measured_w"], "W"),
        (
            "26 pJ × events + static at 20.07 Hz (leakage twice)",
            whole["truenorth"] * middle["events_per_s"] + middle["parts"]["static"], middle["measured_w"], "W",
        ),
        (
            "8.43 pJ × events alone at 75 MHz (ODIN)",
            clocked["parts"]["events"], clocked["measured_w"], "W",
        ),
        ("12.7 pJ × events at 1.3 MHz (ODIN)", whole["odin"] * stepped["events_per_s"], stepped["measured_w"], "W"),
        ("an fp32 addition without its 32-bit weight (45 nm)", arithmetic, fetched, "J"),
        ("HBM path ÷ circuit XOR (two ledgers) as HBM ÷ XOR", path / xor, circuit / xor, "ratio"),
    ]  # fmt: skip
    return [
        {"trap": what, "wrong": wrong, "right": right, "unit": unit, "factor": wrong / right}
        for what, wrong, right, unit in rows
    ]


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Every calibration, its error in per cent, and the traps."""
    numbers: dict[str, Any] = {
        "question": "Do the energy constants give back what was measured on silicon?",
        "truenorth": truenorth(seed),
        "odin": power_points("odin", cal.ODIN, seed),
        "inclusive": inclusive(),
        "query": query(quick, seed),
        "hops": hops(),
        "sanafe": None if quick else against_sanafe(),
        "reads": reads(seed),
    }
    numbers["traps"] = traps(numbers)
    return numbers


def draw_query(ax: Axes, found: dict[str, Any]) -> None:
    """Frady's query: measured, the derived band, and the simulated chips."""
    unit = 1e3
    low, high = (unit * joules for joules in found["band_j"])
    measured, predicted = unit * found["measured_j"], unit * found["predicted_j"]
    events = unit * found["components"]["compute"]
    ax.barh(0, measured, color=COLOURS["grey"], height=0.55)
    ax.barh(1, high - low, left=low, color=COLOURS["yellow"], height=0.55)
    ax.barh(2, events, color=COLOURS["blue"], height=0.55, label="synaptic events, 23.6 pJ")
    ax.barh(
        2, predicted - events, left=events, color=COLOURS["sky"], height=0.55, label="neuron updates, 52 pJ"
    )
    ax.errorbar(
        predicted, 2, xerr=[[predicted - unit * found["low"]], [unit * found["high"] - predicted]], color="black",
        fmt="o", capsize=5, ms=5, label="5th to 95th percentile",
    )  # fmt: skip
    ends = " … ".join(f"{value:+.1f} %" for value in found["band_percent"])
    top = unit * found["high"]
    for row, (right, text) in enumerate(
        (
            (measured, f"{measured:.4g} mJ"),
            (high, f"{low:.4g} – {high:.4g} mJ:\n{ends}"),
            (top, f"{predicted:.4g} mJ:\n{found['error_percent']:+.1f} %"),
        )
    ):
        ax.text(right + 0.02 * top, row, text, va="center", fontsize=10)
    ax.axvline(measured, color=COLOURS["black"], ls="--", lw=1.3)
    whole = "measured" if found["chips"] == CHIPS else "measured, in proportion"
    ax.set_yticks(
        range(3),
        [f"silicon, core\n({whole})", "derived band,\n667–750 spikes",
         f"{found['chips']} chip{'s' if found['chips'] > 1 else ''} simulated,\n{found['spikes']} spikes"],
        fontsize=9.5,
    )  # fmt: skip
    ax.set_ylim(2.6, -1.5)
    ax.set_xlim(0, 1.45 * top)
    ax.grid(axis="y", visible=False)
    ax.legend(loc="upper left", fontsize=9)
    where = "inside" if low <= predicted <= high else "outside"
    ax.set_title(
        f"Loihi ({found['ledger']}): the measured query comes out\n"
        f"{found['error_percent']:+.1f} %, {where} the derived band"
    )
    ax.set(xlabel="dynamic energy of the cores (mJ per query)", ylabel="Frady et al. 2020")


def draw_hops(ax: Axes, found: dict[str, Any], sanafe: dict[str, Any] | None) -> None:
    """pJ of one packet to every tile."""
    rows = found["packets"]
    table = np.full((max(r["dy"] for r in rows) + 1, max(r["dx"] for r in rows) + 1), np.nan)
    for r in rows:
        table[r["dy"], r["dx"]] = 1e12 * r["joules"]
    ax.imshow(table, cmap="Blues", vmin=0, vmax=1.6 * np.nanmax(table), aspect="auto")
    for (dy, dx), value in np.ndenumerate(table):
        ax.text(dx, dy, f"{value:.1f}", ha="center", va="center", fontsize=10)
    ax.grid(visible=False)
    ax.set_yticks(range(len(table)))
    ax.set_xticks(range(table.shape[1]))
    error = found["largest_error_percent"]
    met = "exactly" if error < 1e-9 else f"to {error:.1g} %"
    beside = (
        "SANA-FE not compared in this run" if sanafe is None else
        f"SANA-FE's {1e3 * sanafe['theirs_j']:.5g} mJ to {max(1e-9, abs(sanafe['error_percent'])):.0e} %"
    )  # fmt: skip
    ax.set_title(f"Loihi (circuit), pJ of one packet: 1.7 + 3.0·|dx| + 4.0·|dy|\n{met}; {beside}")
    ax.set(xlabel="|dx|: hops east or west", ylabel="|dy|: hops north or south")


def draw(numbers: dict[str, Any]) -> Figure:
    """Eight panels: four of the affine law, four of single constants."""
    fig, axes = figure(2, 4, size=(22, 11.5), width_ratios=(1.2, 1.05, 1.15, 1.0))
    found = numbers["truenorth"]
    laws.fit(axes[0, 0], found)
    laws.shares(axes[0, 1], [*found["file"], *numbers["odin"]], found["held_out"])
    laws.per_event(axes[0, 2], numbers["inclusive"], {"truenorth": found["file"], "odin": numbers["odin"]})
    laws.factors(axes[0, 3], numbers["traps"])
    draw_query(axes[1, 0], numbers["query"])
    draw_hops(axes[1, 1], numbers["hops"], numbers["sanafe"])
    bars = numbers["reads"]["bars"]
    circuit, path = panels([axes[1, 2], axes[1, 3]], bars, footnote=False)
    worth = numbers["reads"]["reads_per_xor"]
    for ax, title in (
        (
            circuit,
            f"circuit ledger, 7 nm: reading {numbers['reads']['dim']:,} bits is worth\n{worth['read, 32 KB SRAM']:.0f} "
            f"(SRAM) to {worth['read, HBM2 device']:,.0f} (HBM) XORs with their count",
        ),
        (path, "path ledger: the same read on a running GPU\n(XOR + count: no figure is published)"),
    ):
        ax.set_title("", loc="left")
        ax.set_title(title)
        ax.set(xlabel="energy (whisker: 5th to 95th percentile)", ylabel="one hypervector")
    sources = dict.fromkeys(one["source"].split(";")[0] for one in (found["file"][0], numbers["odin"][0]))
    cited = "; ".join(f"[{number}] {source}" for source, number in citations(bars).items())
    left = ", ".join(f"{name}: {error:+.2f} %" for name, error in found["any_left_out_percent"].items())
    others = "; ".join(
        f"{one['what']} ({one['source'].split('; ')[1]}): {one['error_percent']:+.0f} %"
        for one in found["other_voltages"]
    )
    note(
        fig,
        f"Any one point of TrueNorth left out: {left}. The same law at other voltages, not fitted: {others}. "
        "A circuit energy beside a measurement of silicon (Loihi) is a comparison, not one bill.\n"
        f"Sources: {'; '.join((*sources, 'Frady et al., NICE 2020', *numbers['query']['sources']))}; {cited}.",
    )
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
