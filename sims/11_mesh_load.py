"""How much traffic does a mesh of routers carry, how late do packets come, and which queueing theory says so?

Uniform random traffic (Poisson arrivals, source and destination tile drawn at random) crosses a square mesh with XY
routing, finite FIFOs and back-pressure: :func:`hdspike.chip.traffic`. One tile has one core; handing over to the router
and taking a packet out cost no time, so what is seen is the mesh alone. Time is counted in hop times (a packet keeps
a link busy for one), load as a share of the *bisection bound*, the most that any routing carries
(:func:`hdspike.theory.bisection_bound`); `03_chip_load` asks the same of one real chip, with its cores and its power.

Theory beside the data: latency at zero load (exact), the bisection bound (exact), and two approximations that take
every link for a queue of its own. In **M/D/1 per link** every link gets Poisson arrivals. There independence fails in
two opposite ways: packets that came over the same link are a hop time apart and cannot collide again (the real wait
is shorter, less than a half at low load), and a packet that waits at the head of a FIFO holds up all behind it, a
full FIFO the routers before it (the real wait is longer, and short FIFOs saturate early). **Merged streams** (after
Kruskal & Snir 1983) repairs the former only.

Several chips: the same mesh cut into four chips, whose links keep busy for longer (serialisation) and take longer
(latency). Caveats. Above saturation nothing is stationary: latency grows with the length of the run, so it is drawn
hollow; and what is accepted there is no longer quite uniform (short ways are favoured). Points are means over
independent runs, bars their range. One virtual channel, one flit per packet, store and forward: the simplest router.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hdspike import theory
from hdspike.chip import traffic
from hdspike.chip.grid import Grid
from hdspike.plot.style import COLOURS, figure, note

HOP = 1000  # ps; only ratios matter
SIDE = 8
ENDLESS = 2**30
DEPTHS = (1, 4, 16, ENDLESS)
SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1)
QUICK_SHARES = (0.1, 0.3, 0.5, 0.7, 0.9, 1.1)
SERIAL = (1, 2, 4)  # how many times longer a link between chips is busy
FAR = 4  # hop times that a packet takes longer between two chips
WARM = 0.3  # the share of a run that is not measured
SATURATED = 0.99  # accepted ÷ offered below which a load is saturated
OVERLOAD = 1.3
LOOKS = {1: ("vermilion", "^"), 4: ("orange", "s"), 16: ("blue", "o"), ENDLESS: ("black", "D")}
CHIP_LOOKS = {1: ("black", "o"), 2: ("green", "s"), 4: ("purple", "^")}


def mesh(side: int, depth: int, *, chips: int = 1, serial: int = 1) -> Grid:
    """A square mesh of tiles with one core each, whole or cut into ``chips × chips`` chips."""
    return Grid(
        columns=side,
        rows=side,
        tile_of_core=np.arange(side * side),
        hop_ps=[HOP] * 4,
        fifo_depth=depth,
        chips_x=chips,
        chips_y=chips,
        off_chip_busy_ps=serial * HOP,
        off_chip_ps=FAR * HOP if chips > 1 else 0,
    )


def times(grid: Grid) -> tuple[Any, Any]:
    """How long a packet keeps each link busy, and how long it is on its way, in hop times: ``(tiles, 4)``."""
    off = grid.off_chip()
    busy = np.where(off, grid.off_chip_busy_ps, grid.hop_ps) / HOP
    return busy, busy + np.where(off, grid.off_chip_ps / HOP, 0.0)


def one_run(grid: Grid, rate: float, packets: int, rng: np.random.Generator) -> dict[str, float]:
    """Poisson traffic of ``rate`` packets per hop time on the whole mesh, measured after the warm-up."""
    moments = np.cumsum(rng.exponential(HOP / rate, packets)).astype(np.int64)
    sources, targets = rng.integers(grid.cores, size=(2, packets))
    done = traffic(grid, moments, sources, targets, service_ps=0)
    begin, end = int(WARM * moments[-1]), int(moments[-1])
    finished = moments + done.latency_ps
    latency = done.latency_ps[moments >= begin] / HOP
    p50, p99 = np.percentile(latency, [50, 99])
    return {
        "accepted": np.count_nonzero((finished >= begin) & (finished < end)) * HOP / (end - begin),
        "mean": float(latency.mean()),
        "p50": float(p50),
        "p99": float(p99),
    }


def several(grid: Grid, rate: float, packets: int, runs: int, key: list[int]) -> dict[str, Any]:
    """Independent runs: of each quantity the mean and the range."""
    seeds = np.random.SeedSequence(key).spawn(runs)
    found = [one_run(grid, rate, packets, np.random.default_rng(s)) for s in seeds]
    out: dict[str, Any] = {
        name: {
            "mean": float(np.mean([one[name] for one in found])),
            "low": min(one[name] for one in found),
            "high": max(one[name] for one in found),
        }
        for name in found[0]
    }
    return {"offered": rate, **out, "saturated": out["accepted"]["mean"] < SATURATED * rate}


def finite(value: float) -> float | None:
    """JSON knows no infinity."""
    return value if np.isfinite(value) else None


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Rising load for each depth, for chips of slower and slower links, and for rising meshes the most accepted."""
    packets, runs = (12_000, 2) if quick else (60_000, 4)
    shares = QUICK_SHARES if quick else SHARES
    bound = theory.bisection_bound(SIDE, SIDE)
    zero = theory.mesh_latency(SIDE, SIDE, 0.0)
    depths = []
    for depth in DEPTHS:
        grid = mesh(SIDE, depth)
        points = []
        for i, share in enumerate(shares):  # the same packets for each depth
            point = several(grid, share * bound, packets, runs, [seed, i])
            md1 = theory.mesh_latency(SIDE, SIDE, share * bound) - zero
            if md1 > 0 and np.isfinite(md1):
                point["wait_ratio"] = {k: (v - zero) / md1 for k, v in point["mean"].items()}
            points.append({"share": share, **point})
        depths.append({"depth": depth, "points": points})

    chips = []
    for serial in SERIAL:
        grid = mesh(SIDE, 16, chips=2, serial=serial)
        busy, travel = times(grid)
        limit = theory.bisection_bound(SIDE, SIDE, busy)
        fine = np.linspace(0.0, 0.99, 60) * limit
        chips.append(
            {
                "serial": serial,
                "bound": limit,
                "zero_load": theory.mesh_latency(SIDE, SIDE, 0.0, busy, travel=travel),
                "points": [
                    {"share": s, **several(grid, s * limit, packets, runs, [seed, 100 + serial, i])}
                    for i, s in enumerate(shares)
                ],
                "theory": {
                    "offered": fine,
                    "merged": [
                        finite(theory.mesh_latency(SIDE, SIDE, r, busy, travel=travel, merged=True))
                        for r in fine
                    ],
                },
            }
        )

    sizes = []
    for side in (4, 8) if quick else (4, 6, 8, 12, 16):
        limit = theory.bisection_bound(side, side)
        entry: dict[str, Any] = {"side": side, "bound": limit, "tiles": side * side, "depths": []}
        for depth in DEPTHS[:-1]:
            length = max(packets, 0 if quick else 500 * side * side)
            point = several(mesh(side, depth), OVERLOAD * limit, length, runs, [seed, 200, side])
            entry["depths"].append({"depth": depth, "accepted": point["accepted"]})
        sizes.append(entry)

    fine = np.linspace(0.005, 0.99, 120)
    return {
        "side": SIDE,
        "packets_per_run": packets,
        "runs": runs,
        "bound": bound,
        "zero_load": zero,
        "mean_hops": theory.mean_hops(SIDE, SIDE),
        "far": FAR,
        "overload": OVERLOAD,
        "depths": depths,
        "chips": chips,
        "sizes": sizes,
        "theory": {
            "share": fine,
            "md1": [theory.mesh_latency(SIDE, SIDE, s * bound) for s in fine],
            "merged": [theory.mesh_latency(SIDE, SIDE, s * bound, merged=True) for s in fine],
        },
    }


def depth_name(depth: int) -> str:
    """How a depth is called in a legend."""
    return "FIFO without end" if depth == ENDLESS else f"FIFO of {depth}"


def bars(
    ax: Any, points: list[dict[str, Any]], x: str, name: str, colour: str, marker: str, **style: Any
) -> None:
    """One quantity against load, mean and range of the runs, hollow where saturated; a line joins the others."""
    label, line = style.pop("label", None), style.pop("linestyle", "-")
    colour = COLOURS[colour]
    for saturated in (False, True):
        some = [p for p in points if p["saturated"] == saturated and name in p]
        if not some:
            continue
        centre = np.array([p[name]["mean"] for p in some])
        reach = np.abs([[p[name]["low"], p[name]["high"]] - c for p, c in zip(some, centre, strict=True)]).T
        ax.errorbar(
            [p[x] for p in some], centre, yerr=reach, color=colour, marker=marker, markersize=4.5, capsize=2,
            linewidth=1, linestyle="none" if saturated else line,
            markerfacecolor="white" if saturated else colour, label=None if saturated else label,
        )  # fmt: skip


def draw(numbers: dict[str, Any]) -> Figure:
    """Six panels: latency, percentiles, throughput; where independence fails, several chips, sizes."""
    fig, axes = figure(2, 3, size=(15.5, 9.4))
    fine, law, zero = np.array(numbers["theory"]["share"]), numbers["theory"], numbers["zero_load"]
    theory_style = {"color": COLOURS["grey"], "linewidth": 1.6}
    for ax in (*axes[0], axes[1, 0]):
        ax.set_xlabel("offered load ÷ bisection bound")
        ax.axvline(1, color=COLOURS["grey"], linewidth=0.8)

    ax = axes[0, 0]
    ax.plot(fine, law["md1"], **theory_style, linestyle="--", label="theory: M/D/1 per link")
    ax.plot(fine, law["merged"], **theory_style, label="theory: merged streams")
    ax.axhline(zero, color=COLOURS["grey"], linestyle=":", label="theory: no load (exact)")
    for entry in numbers["depths"]:
        bars(ax, entry["points"], "share", "mean", *LOOKS[entry["depth"]], label=depth_name(entry["depth"]))
    ax.set(title="Mean latency", ylabel="latency (hop times)", yscale="log", ylim=(0.8 * zero, 400))
    ax.legend(loc="upper left", frameon=False, fontsize=9)

    ax = axes[0, 1]
    for entry in numbers["depths"][:-1]:
        name = depth_name(entry["depth"])
        bars(ax, entry["points"], "share", "p99", *LOOKS[entry["depth"]], label=f"{name}: 99 %")
        bars(
            ax,
            entry["points"],
            "share",
            "p50",
            *LOOKS[entry["depth"]],
            linestyle="--",
            label=f"{name}: median",
        )
    ax.axhline(zero, color=COLOURS["grey"], linestyle=":")
    ax.set(title="Latency percentiles", ylabel="latency (hop times)", yscale="log", ylim=(0.7 * zero, 2500))
    ax.legend(loc="upper left", frameon=False, fontsize=9)

    ax = axes[0, 2]
    most = max(p["share"] for p in numbers["depths"][0]["points"])
    ax.plot([0, 1, most], [0, 1, 1], **theory_style, label="theory: bisection bound")
    for entry in numbers["depths"]:
        points = [
            {**p, "relative": {k: v / numbers["bound"] for k, v in p["accepted"].items()}}
            for p in entry["points"]
        ]
        bars(ax, points, "share", "relative", *LOOKS[entry["depth"]], label=depth_name(entry["depth"]))
    ax.set(title="Throughput", ylabel="accepted load ÷ bisection bound", ylim=(0, 1.15))
    ax.legend(loc="upper left", frameon=False, fontsize=9)

    ax = axes[1, 0]
    ax.axhline(1, **theory_style, linestyle="--", label="theory: M/D/1 per link")
    ratio = (np.array(law["merged"]) - zero) / (np.array(law["md1"]) - zero)
    ax.plot(fine, ratio, **theory_style, label="theory: merged streams")
    for entry in numbers["depths"]:
        points = [p for p in entry["points"] if p.get("wait_ratio", {}).get("mean", 99) < 3]
        bars(ax, points, "share", "wait_ratio", *LOOKS[entry["depth"]], label=depth_name(entry["depth"]))
    ax.annotate("shorter: packets of one link\ncannot collide again", (0.12, 0.15), fontsize=9)
    ax.annotate("longer: a head of line\nholds up those behind", (0.12, 1.5), fontsize=9)
    ax.set(title="Where independence fails", ylabel="waiting ÷ that of M/D/1 per link", ylim=(0, 2.6))
    ax.legend(loc="upper left", frameon=False, fontsize=9, ncols=2)

    ax = axes[1, 1]
    for entry in numbers["chips"]:
        colour, marker = CHIP_LOOKS[entry["serial"]]
        bars(
            ax, entry["points"], "offered", "mean", colour, marker,
            label=f"links between chips {entry['serial']}× as long busy" if entry["serial"] > 1
            else "links between chips as fast as others",
        )  # fmt: skip
        ax.plot(entry["theory"]["offered"], entry["theory"]["merged"], color=COLOURS[colour], alpha=0.45)
        ax.axvline(entry["bound"], color=COLOURS[colour], linestyle=":", linewidth=1.2)
    ax.plot([], [], color=COLOURS["grey"], alpha=0.6, label="theory: merged streams")
    ax.plot([], [], color=COLOURS["grey"], linestyle=":", label="theory: bisection bound")
    ax.set(title="Four chips of 4 × 4", ylabel="mean latency (hop times)", yscale="log", ylim=(zero, 20_000))
    ax.set_xlabel("offered load (packets per hop time)")
    ax.legend(loc="upper left", frameon=True, edgecolor="none", fontsize=9)

    ax = axes[1, 2]
    sides = np.array([entry["side"] for entry in numbers["sizes"]])
    tiles = np.array([entry["tiles"] for entry in numbers["sizes"]])
    limit = np.array([entry["bound"] for entry in numbers["sizes"]]) / tiles
    ax.plot(sides, limit, **theory_style, label="theory: bisection bound, 4 ÷ side")
    for place, depth in enumerate(DEPTHS[:-1]):
        found = [entry["depths"][place]["accepted"] for entry in numbers["sizes"]]
        centre = np.array([f["mean"] for f in found]) / tiles
        reach = np.abs(
            [[f["low"], f["high"]] / t - c for f, t, c in zip(found, tiles, centre, strict=True)]
        ).T
        colour, marker = LOOKS[depth]
        ax.errorbar(
            sides, centre, yerr=reach, color=COLOURS[colour], marker=marker, markersize=5, capsize=2, linewidth=1,
            label=depth_name(depth),
        )  # fmt: skip
        for x, y, b in zip(sides, centre, limit, strict=True):
            if depth != 4:
                ax.annotate(
                    f"{100 * y / b:.0f} %", (x, y), xytext=(7, 3) if depth == 16 else (-7, -12),
                    ha="left" if depth == 16 else "right", textcoords="offset points", fontsize=9,
                    color=COLOURS[colour],
                )  # fmt: skip
    ax.set(
        title="Saturation throughput against size", xlabel="tiles along a side", xscale="log", yscale="log"
    )
    ax.set(ylabel="packets per tile and hop time", xticks=sides, xlim=(0.75 * sides[0], 1.4 * sides[-1]))
    ax.set_xticklabels([str(s) for s in sides])
    ax.set_xticks([], minor=True)
    ax.legend(loc="upper right", frameon=False, fontsize=9)
    note(
        fig,
        f"{numbers['side']} × {numbers['side']} tiles, XY routing, back-pressure, uniform random traffic; each point "
        f"{numbers['runs']} runs of {numbers['packets_per_run']:,} packets (more on large meshes), bars their range. "
        "Hollow: saturated, what is drawn grows with the length of the run.\n"
        f"The bound is {numbers['bound']:g} packets per hop time, the mean distance {numbers['mean_hops']:g} hops. "
        f"A packet takes {numbers['far']} hop times longer between two chips. Saturation throughput: accepted at "
        f"{numbers['overload']:g} × the bound, in % of it.",
    )
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
