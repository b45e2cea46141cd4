"""What happens on the chip as the load rises to saturation; what does an idle chip cost beside a busy one?

Packets between cores drawn at random (uniform traffic, Poisson arrivals, one synaptic event per packet)
cross the mesh of Loihi (2018: 8 × 4 tiles of 4 cores, XY routing, FIFOs of 16 packets, back-pressure). Load
is stated as packets per nanosecond on the whole chip, and as a share of the *link bound*: the busiest links
are those over the middle of a row, they carry one packet per 4.1 ns, and no routing along rows first can do
better.

Theory beside the data: the latency at zero load (exact: mean hops), the link bound (exact), the utilisation
of the busiest link (exact below saturation), and an **approximation** of the mean latency, in which every
sender, link and core is an M/D/1 queue of its own, waiting time ρ·s ÷ 2(1 − ρ). It knows no blocking: a
packet that waits at the head of a FIFO holds up all behind it, so the real mesh waits longer and saturates
earlier.

Caveats. Above saturation nothing is stationary: latency and backlog grow with the length of the run, so
they are drawn hollow; their utilisation and power are those of the mean packet of the run at the accepted
rate. Points are means over independent runs, bars their range. Uniform traffic is kinder than attention,
whose input all comes from one host port. Power is the substrate's: static power as measured on silicon,
dynamic energies as published before silicon, without neuron updates, barriers, and input and output; its
band is the low and high of the constants. What an idle chip draws is its static power: this model has no
clock that could stop.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hdspike import substrate
from hdspike.chip import ChipConfig, link_ends, traffic
from hdspike.chip.mesh import LOCAL, link_latencies, xy_routes
from hdspike.plot.chip import heat_map
from hdspike.plot.style import COLOURS, figure

SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1, 1.2)
QUICK_SHARES = (0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0, 1.2)
WARM = 0.2  # the share of a run that is not measured
SATURATED = 0.99  # accepted ÷ offered below which a load is saturated
PRICED = ("hops_east_west", "hops_north_south", "packets", "synaptic_events")
TAIL = np.concatenate([np.linspace(1, 0.1, 19), np.logspace(-1, -4, 31)[1:]])


def crossings(config: ChipConfig) -> NDArray[np.float64]:
    """Mean crossings of each link by one packet between random cores, the ejection links included."""
    ports = LOCAL + config.cores_per_tile + 1
    routes = xy_routes(config)
    step = {0: -config.columns, 1: 1, 2: config.columns, 3: -1}
    mean = np.zeros(config.tiles * ports)
    for source in range(config.tiles):
        for target in range(config.tiles):
            tile = source
            while tile != target:
                port = int(routes[tile, target])
                mean[tile * ports + port] += 1 / config.tiles**2
                tile += step[port]
            first = tile * ports + LOCAL
            mean[first : first + config.cores_per_tile] += 1 / config.tiles**2 / config.cores_per_tile
    return mean


def waiting(rate: Any, service: Any) -> Any:
    """Mean wait in an M/D/1 queue, ρ·s ÷ 2(1 − ρ) with ρ = rate · service; infinite where ρ ≥ 1."""
    busy = rate * service
    with np.errstate(divide="ignore"):
        return np.where(busy < 1, busy * service / (2 * np.maximum(1 - busy, 0)), np.inf)


def approximation(config: ChipConfig, mean: NDArray[np.float64], rate: float, service: int) -> float:
    """Mean latency in ps if every sender, link and core were an M/D/1 queue of its own."""
    latency = link_latencies(config)
    ends = (config.packet_ps, service)  # the sender's hand-over, the core's service
    each = rate / config.cores
    total = float(mean @ (latency + waiting(rate * mean, latency)))
    return total + sum(time + float(waiting(each, time)) for time in ends)


def one_run(config: ChipConfig, rate: float, packets: int, service: int, rng: Any) -> dict[str, Any]:
    """Poisson traffic at ``rate`` packets per ps: what was measured after the warm-up."""
    times = np.cumsum(rng.exponential(1 / rate, packets)).astype(np.int64)
    sources, targets = rng.integers(config.cores, size=(2, packets))
    run = traffic(config, times, sources, targets, service_ps=service)
    end = int(times[-1])
    begin = int(WARM * end)
    window = end - begin
    measured = times >= begin
    latency = run.latency_ps[measured]
    occupancy = run.occupancy(max(1, end // 400))
    inside = (occupancy["times"] >= begin) & (occupancy["times"] <= end)
    finished = times + run.latency_ps
    delivered = np.count_nonzero((finished >= begin) & (finished < end))
    # the mean packet of the run at the rate of the window: the emptying of the chip at the end is not load
    seconds = window * 1e-12 * packets / delivered
    busy = run.link_busy_ps * 1e-12 / seconds
    return {
        "accepted": float(delivered / window * 1000),
        "mean": float(latency.mean() / 1000),
        "median": float(np.median(latency) / 1000),
        "p99": float(np.percentile(latency, 99) / 1000),
        "in_mesh": float(occupancy["in_mesh"][inside].mean()),
        "at_senders": float(occupancy["at_senders"][inside].mean()),
        "busiest_link": float(busy.max()),
        "mean_link": float(busy[np.arange(len(busy)) % (LOCAL + config.cores_per_tile + 1) < LOCAL].mean()),
        "tail": np.quantile(latency, 1 - TAIL) / 1000,
        "counts": {**run.counts, "synaptic_events": run.counts["delivered"]},
        "seconds": seconds,
        "per_link": run.per_link,
        "per_core": np.bincount(targets, minlength=config.cores),
    }


def power(chip: Any, result: dict[str, Any]) -> dict[str, float]:
    """Dynamic power of a run in watts: counts × energies ÷ time, at the constants' low, value and high."""
    out = {}
    for which in ("low", "value", "high"):
        joules = 0.0
        for name in PRICED:
            q = chip.quantity(f"energy.{name}")
            joules += result["counts"][name] * q.si * getattr(q, which) / q.value
        out[which] = joules / result["seconds"]
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Rising load, a few independent runs of each."""
    chip = substrate.load("loihi")
    config = ChipConfig.from_substrate(chip)
    service = config.synaptic_event_ps
    mean = crossings(config)
    latencies = link_latencies(config)
    bound = 1 / float((mean * latencies).max())  # packets per ps
    packets, runs = (15_000, 2) if quick else (200_000, 5)
    shares = QUICK_SHARES if quick else SHARES
    points, all_runs = [], []
    for i, share in enumerate(shares):
        seeds = np.random.SeedSequence([seed, i]).spawn(runs)
        some = [one_run(config, share * bound, packets, service, np.random.default_rng(s)) for s in seeds]
        all_runs.append(some)
        point: dict[str, Any] = {"share": share, "offered": share * bound * 1000}
        for name in (
            "accepted", "mean", "median", "p99", "in_mesh", "at_senders", "busiest_link", "mean_link",
        ):  # fmt: skip
            values = [one[name] for one in some]
            point[name] = {"mean": float(np.mean(values)), "low": min(values), "high": max(values)}
        watts = [power(chip, one) for one in some]
        point["dynamic_watts"] = {w: float(np.mean([one[w] for one in watts])) for w in watts[0]}
        point["saturated"] = point["accepted"]["mean"] < SATURATED * point["offered"]
        approximate = approximation(config, mean, share * bound, service)
        point["approximation"] = approximate / 1000 if np.isfinite(approximate) else None
        points.append(point)

    stable = [i for i, p in enumerate(points) if not p["saturated"]]
    last = stable[-1] if stable else 0
    chosen = sorted({0, min(range(len(points)), key=lambda i: abs(points[i]["share"] - 0.5)), last})
    fine = np.linspace(0.01, 0.995, 120)
    near = all_runs[last]
    static = chip.quantity("power.static")
    scale = static.si / static.value
    return {
        "chip": chip.title,
        "columns": config.columns,
        "cores_per_tile": config.cores_per_tile,
        "packets_per_run": packets,
        "runs": runs,
        "bound": bound * 1000,
        "zero_load": approximation(config, mean, 0.0, service) / 1000,
        "mean_hops": float(mean[np.arange(len(mean)) % (LOCAL + config.cores_per_tile + 1) < LOCAL].sum()),
        "points": points,
        "saturation_share": points[last]["share"],
        "first_saturated_share": points[last + 1]["share"] if last + 1 < len(points) else None,
        "highest_accepted": max(p["accepted"]["mean"] for p in points),
        "theory": {
            "share": fine,
            "latency": [approximation(config, mean, s * bound, service) / 1000 for s in fine],
            "mean_link_at_bound": float(
                (mean * latencies)[
                    (np.arange(len(mean)) % (LOCAL + config.cores_per_tile + 1) < LOCAL)
                ].mean()
                * bound
            ),
        },
        "tail": {
            "probability": TAIL,
            "loads": [
                {
                    "share": points[i]["share"],
                    "low": np.min([one["tail"] for one in all_runs[i]], axis=0),
                    "mean": np.mean([one["tail"] for one in all_runs[i]], axis=0),
                    "high": np.max([one["tail"] for one in all_runs[i]], axis=0),
                }
                for i in chosen
            ],
        },
        "map": {
            "share": points[last]["share"],
            "link_ends": link_ends(config),
            "per_link": np.sum([one["per_link"] for one in near], axis=0)
            / sum(one["seconds"] for one in near)
            / 1e6,
            "per_core": np.sum([one["per_core"] for one in near], axis=0)
            / sum(one["seconds"] for one in near)
            / 1e6,
        },
        "static_watts": {
            "low": static.low * scale,
            "value": static.si,
            "high": static.high * scale,
        },
    }


def with_bars(ax: Any, points: list[dict[str, Any]], name: str, **style: Any) -> None:
    """One measured quantity against load: mean and range of the runs, hollow where saturated."""
    label = style.pop("label")
    for saturated in (False, True):
        some = [p for p in points if p["saturated"] == saturated]
        if some:
            centre = np.array([p[name]["mean"] for p in some])
            reach = [
                centre - np.array([p[name]["low"] for p in some]),
                np.array([p[name]["high"] for p in some]) - centre,
            ]
            ax.errorbar(
                [p["share"] for p in some], centre, yerr=np.maximum(reach, 0), fmt=style["marker"],
                color=style["color"], markersize=5, capsize=2, linewidth=1,
                markerfacecolor="white" if saturated else style["color"],
                label=None if saturated else label,
            )  # fmt: skip


def draw(numbers: dict[str, Any]) -> Figure:
    """Six panels: latency, throughput, backlog; distribution, map, power."""
    fig, axes = figure(2, 3, size=(15.5, 9.2))
    points, theory, bound = numbers["points"], numbers["theory"], numbers["bound"]
    edge = numbers["saturation_share"]
    after = numbers["first_saturated_share"]
    fine = np.array(theory["share"])
    for ax in (axes[0, 0], axes[0, 1], axes[0, 2], axes[1, 2]):
        ax.set_xlabel("offered load ÷ link bound")
        if after is not None:
            ax.axvspan(edge, after, color=COLOURS["yellow"], alpha=0.45, linewidth=0, zorder=0)
    loads = ((COLOURS["green"], "o"), (COLOURS["blue"], "s"), (COLOURS["vermilion"], "^"))

    ax = axes[0, 0]
    with_bars(ax, points, "p99", marker="^", color=COLOURS["vermilion"], label="99th percentile")
    with_bars(ax, points, "mean", marker="o", color=COLOURS["black"], label="mean")
    with_bars(ax, points, "median", marker="s", color=COLOURS["blue"], label="median")
    ax.plot(fine, theory["latency"], color=COLOURS["grey"], label="mean, M/D/1 approximation")
    ax.axhline(numbers["zero_load"], color=COLOURS["grey"], linestyle=":", label="mean at zero load (exact)")
    ax.set(title="Latency", ylabel="ns from offered to served", yscale="log")
    ax.set_ylim(0.5 * numbers["zero_load"], 8 * max(p["p99"]["high"] for p in points))
    ax.legend(loc="upper left", frameon=False, fontsize=9)

    ax = axes[0, 1]
    shares = [p["share"] for p in points]
    relative = [{**p, "relative": {k: v / bound for k, v in p["accepted"].items()}} for p in points]
    with_bars(ax, relative, "relative", marker="o", color=COLOURS["black"], label="accepted load ÷ bound")
    with_bars(
        ax,
        points,
        "busiest_link",
        marker="^",
        color=COLOURS["vermilion"],
        label="busiest link, share of time",
    )
    with_bars(ax, points, "mean_link", marker="s", color=COLOURS["blue"], label="mean link, share of time")
    ax.plot([0, 1, max(shares)], [0, 1, 1], color=COLOURS["grey"], label="no blocking (exact)")
    ax.plot([0, 1], [0, theory["mean_link_at_bound"]], color=COLOURS["grey"], linestyle=":")
    ax.set(title="Throughput and link utilisation", ylabel="share", ylim=(0, 1.45))
    ax.legend(loc="upper left", frameon=False, fontsize=9)

    ax = axes[0, 2]
    with_bars(ax, points, "in_mesh", marker="o", color=COLOURS["blue"], label="in routers and on links")
    with_bars(ax, points, "at_senders", marker="^", color=COLOURS["orange"], label="waiting at their senders")
    little = fine * bound * np.array(theory["latency"])
    ax.plot(fine, little, color=COLOURS["grey"], label="all, Little's law with M/D/1 latency")
    ax.set(title="Queue occupancy", ylabel="packets, mean over time", yscale="log")
    ax.set_ylim(top=30 * max(p["at_senders"]["high"] for p in points))
    ax.legend(loc="upper left", frameon=False, fontsize=9)

    ax = axes[1, 0]
    tail = numbers["tail"]
    for (colour, _), load in zip(loads, tail["loads"], strict=False):
        ax.plot(load["mean"], tail["probability"], color=colour, label=f"load {load['share']:g}")
        ax.fill_betweenx(
            tail["probability"], load["low"], load["high"], color=colour, alpha=0.25, linewidth=0
        )
    ax.axvline(numbers["zero_load"], color=COLOURS["grey"], linestyle=":", label="mean at zero load")
    ax.set(
        title="Distribution of the latency", xlabel="latency (ns)", ylabel="share of packets that took longer"
    )
    ax.set(yscale="log", xscale="log", ylim=(1e-4, 1.3))
    ax.set_xlim(right=20 * max(load["high"][-1] for load in tail["loads"]))
    ax.legend(loc="upper right", frameon=False, fontsize=9)

    ax = axes[1, 1]
    chart = numbers["map"]
    heat_map(
        ax,
        chart["per_core"],
        columns=numbers["columns"],
        cores_per_tile=numbers["cores_per_tile"],
        link_ends=chart["link_ends"],
        per_link=chart["per_link"],
        core_label="packets received per core (million/s)",
        link_label="packets per link (million/s)",
    )
    ax.set_title(f"Traffic at load {chart['share']:g}")

    ax = axes[1, 2]
    static = {k: v * 1000 for k, v in numbers["static_watts"].items()}
    dynamic = {k: 1000 * np.array([p["dynamic_watts"][k] for p in points]) for k in ("low", "value", "high")}
    ax.fill_between(shares, dynamic["low"], dynamic["high"], color=COLOURS["blue"], alpha=0.2, linewidth=0)
    ax.plot(
        shares,
        dynamic["value"],
        "o-",
        color=COLOURS["blue"],
        markersize=4,
        label="dynamic: hops, packets, synaptic events",
    )
    ax.axhspan(static["low"], static["high"], color=COLOURS["orange"], alpha=0.2, linewidth=0)
    ax.axhline(static["value"], color=COLOURS["orange"], label="static: the idle chip")
    ax.plot(
        shares,
        dynamic["value"] + static["value"],
        "s-",
        color=COLOURS["black"],
        markersize=4,
        label="the busy chip",
    )
    top = max(float((dynamic["high"]).max()), static["high"], float(dynamic["value"].max()) + static["value"])
    ax.set(title="Power, idle and busy", ylabel="mW", ylim=(0, 1.6 * top))
    ax.legend(loc="upper left", frameon=False, fontsize=9)
    static_pj = numbers["static_watts"]["value"] * 1000
    for p, side, lift in ((points[0], "left", 46), (points[shares.index(edge)], "right", 9)):
        watts = p["dynamic_watts"]["value"] + numbers["static_watts"]["value"]
        ax.annotate(
            f"{watts * 1000 / p['accepted']['mean']:.0f} pJ per packet,\n"
            f"{static_pj / p['accepted']['mean']:.0f} of it static",
            xy=(p["share"], 1000 * watts),
            xytext=(0, lift),
            textcoords="offset points",
            ha=side,
            fontsize=9,
            arrowprops={"arrowstyle": "-", "color": COLOURS["grey"], "linewidth": 0.8, "relpos": (0, 0)}
            if side == "left"
            else None,
        )
    fig.supxlabel(
        f"{numbers['chip']}: uniform random traffic, {numbers['runs']} runs of "
        f"{numbers['packets_per_run']:,} packets at each load. "
        f"The link bound is {bound:.2f} packets/ns: the links over the middle of a row carry no more.\n"
        "Bars and bands: range over the runs (power: low and high of the constants). "
        "Yellow: saturation begins. Hollow: saturated, latency and backlog grow with the length of the run.",
        fontsize=9,
        color=COLOURS["grey"],
    )
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
