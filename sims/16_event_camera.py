"""What does a real event camera make a chip do, event by event, and would frames have been cheaper?

A recording of a 320 × 240 event camera (two come with the data set), blocks of 4 × 4 pixels taken together, through the
fixed network of `hdspike.workloads.event_camera`: oriented filters on ON and on OFF events (7,992 neurons), then 108
patches in which one of eight orientations and polarities wins. Steps of 1 ms on the chip `loihi-sanafe`: the camera's
lines on 16 cores, the filters on 16, the patches on 2; the exact mesh. Energy is counts × the constants of the chip's
file; once more with those that Davies et al. published for Loihi in 2018, and their static power.

Beside it, dense: the same filters on frames of the last events (the same leak of 0.9 per ms), int8, with a
multiply-accumulate for each of the 49 weights that can matter; the frame is read, and potentials of 16 bits are read
and written once, all from a small SRAM of 7 nm (`a100-circuit`): no control, no wires, no static power, nothing but the
sum and its operands, so a **lower bound**. It prices another process (7 nm, the chip 14 nm). Once per ms, as the chip,
and 30 times a second, as a camera with frames would.

Do the winners mean anything? Each winner is held against the channel in which the dense layer is strongest at that
place and time; the chance level is the same with the winners' channels permuted. Four synthetic bars at known angles
say how sharp the filters are; the recordings have no labels.

On this ledger frames win the energy: a soma is visited in every step, whether events come or not, and one with a rest
of potential is updated (so the line of power against events does not begin at the idle chip). Spikes win operations,
and an answer within a few ms.

Caveats. The chip has no camera port here: an event is a spike of a core's line and costs its packets from there. The
race in a patch (k-WTA) is charged as an ordinary soma. Without the fetched recordings, or without the reader's library
(extra `events`), the synthetic bar at 45° stands in, and the figure says so.
"""

from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.sparse import csr_array

from hdspike import datasets, substrate
from hdspike.chip import Architecture, ChipActivity, by_hand
from hdspike.chip import simulate as on_chip
from hdspike.energy import by_unit, price
from hdspike.events import Recording
from hdspike.functional import simulate as clocked
from hdspike.network import Network
from hdspike.plot.style import COLOURS, figure, note
from hdspike.workloads.event_camera import (
    FACTOR,
    LEAK,
    ORIENTATIONS,
    POOL,
    SIDE,
    STEP_PS,
    STRIDE,
    moving_bar,
    network,
)

CORES = (16, 16, 2)
WINDOW = 50  # steps of one point of power against activity
SHOWN = 40  # steps of the slice that is drawn
KINDS = ("synapse", "soma", "network")
KIND_NAMES = ("synapses", "somas", "packets and hops")
LAYERS = ("camera", "lines", "patches")
FRAMES = (1000, 30)  # per second
CHANNELS = 2 * len(ORIENTATIONS)
ACROSS = ("blue", "orange", "green", "vermilion")  # colours of the orientations


def recordings() -> dict[str, Recording]:
    """The real ones, or the stand-in."""
    try:
        return {k: r.downsample(FACTOR) for k, r in datasets.load("event-camera").items()}
    except (datasets.Absent, ImportError):
        return {"stand-in: a synthetic bar at 45°": moving_bar(45).downsample(FACTOR)}


def placed_run(made: Network, chip: Architecture, steps: int) -> ChipActivity:
    """A run on the exact mesh, each layer on its own cores."""
    return on_chip(made, chip, steps, placement=by_hand(made, chip, CORES), noc="exact")


def published(made: Network, steps: int, seed: int) -> dict[str, Any]:
    """The same run on Loihi as published in 2018: time, and joules with their range."""
    sheet = substrate.load("loihi")
    run = placed_run(made, Architecture.from_substrate(sheet), steps)
    counts, busy = run.counts, run.simulated_ps * 1e-12
    bill = price(
        {
            "synaptic_events": counts["synaptic_events"],
            "updates_active": counts["updates"],
            "updates_inactive": counts["accesses"] - counts["updates"],
            **{k: counts[k] for k in ("packets", "hops_east_west", "hops_north_south")},
        },
        sheet,
        seconds=busy,
        rng=seed,
    )
    seconds = steps * STEP_PS * 1e-12
    return {
        "watts": {k: by_unit(run)[k] / seconds for k in (*KINDS, "total")},
        "static_watts": sheet.si("power.static"),
        "busy_share": busy / seconds,
        "bill": bill.as_json(),
    }


def dense(made: Network, seed: int) -> dict[str, Any]:
    """One frame of the dense layer: operations, bits and joules; and watts at both frame rates."""
    inputs, lines, patches = (p.size for p in made.populations)
    counts = {
        "macs_int8": lines * SIDE * SIDE + patches * POOL * POOL,
        "sram_bits": 8 * inputs + 2 * 16 * (lines + patches),
    }
    bill = price(counts, substrate.load("a100-circuit"), seconds=0.0, rng=seed)
    return {
        **counts,
        "joules": {k: getattr(bill, k) for k in ("low", "nominal", "high")},
        "watts": {str(f): f * bill.nominal for f in FRAMES},
        "range": {str(f): [f * bill.low, f * bill.high] for f in FRAMES},
    }


def traced(events: Any, size: int, steps: int) -> NDArray[np.float32]:
    """``(steps, size)``: every event counts one and fades by the leak each step, as a filter's soma remembers it."""
    frames = np.zeros((steps, size), dtype=np.float32)
    when = events["time"] // STEP_PS
    kept = when < steps
    np.add.at(frames, (when[kept], events["address"][kept]), 1.0)
    for step in range(1, steps):
        frames[step] += np.float32(LEAK) * frames[step - 1]
    return frames


def agreement(made: Network, run: ChipActivity, rng: np.random.Generator) -> dict[str, float]:
    """How often a winner is the strongest channel of the dense layer, at its place and time; and by chance."""
    layer, pool = (
        csr_array(
            (
                np.ones(len(s.targets)) if s.weights is None else s.weights.astype(np.float64),
                s.targets,
                s.indptr,
            ),
            shape=(s.lines, s.neurons),
        )
        for s in (p.synapses for p in made.projections)
    )
    model: Any = made["camera"].model
    frames = traced(model.events, made["camera"].size, run.activity.steps)
    strength = np.maximum(frames @ layer, 0.0) @ pool
    best = strength.reshape(len(frames), -1, CHANNELS).argmax(axis=2)
    spikes = run.activity.spikes("patches")
    place, channel = np.divmod(spikes["address"], CHANNELS)
    # a camera's event of step t reaches its filter in t + 1, and the patch in t + 2
    wanted = best[np.maximum(spikes["time"] // STEP_PS - 2, 0), place]
    chance = [float(np.mean(rng.permutation(channel) == wanted)) for _ in range(50)]
    return {
        "winners": len(spikes),
        "equal": float(np.mean(channel == wanted)) if len(spikes) else 0.0,
        "orientation": float(np.mean(channel % 4 == wanted % 4)) if len(spikes) else 0.0,
        "chance": float(np.mean(chance)) if len(spikes) else 0.0,
    }


def bars(steps: int) -> list[dict[str, Any]]:
    """For each bar of a known angle: the share of the winners with that orientation."""
    out = []
    for degrees in ORIENTATIONS:
        run = clocked(network(moving_bar(degrees, steps=steps).downsample(FACTOR)), steps)
        won = np.bincount(run.spikes("patches")["address"] % len(ORIENTATIONS), minlength=len(ORIENTATIONS))
        right = int(won[ORIENTATIONS.index(degrees)])
        out.append({"degrees": degrees, "winners": int(won.sum()), "right": right / max(1, int(won.sum()))})
    return out


def windows(name: str, recording: Recording, chip: Architecture, most: int) -> list[dict[str, Any]]:
    """Power against activity: each window of 50 ms as a run of its own."""
    last = int(recording.events["time"][-1]) // (WINDOW * STEP_PS) if len(recording) else 0
    out = []
    for place in range(min(last, most)):
        part = recording.between(place * WINDOW * STEP_PS, (place + 1) * WINDOW * STEP_PS)
        run = placed_run(network(part, unit="conv"), chip, WINDOW)
        seconds = WINDOW * STEP_PS * 1e-12
        joules = by_unit(run)
        out.append(
            {
                "recording": name,
                "begin_ms": place * WINDOW,
                "events_per_s": run.activity.fired_by["camera"] / seconds,
                "watts": {k: joules[k] / seconds for k in (*KINDS, "total")},
                "step_us": run.simulated_ps / 1e6 / WINDOW,
            }
        )
    return out


def picture(recording: Recording, run: ChipActivity, begin: int) -> dict[str, Any]:
    """A slice of the recording, and who won in it."""
    sensor = recording.sensor
    assert sensor is not None
    part = recording.between(begin * STEP_PS, (begin + SHOWN) * STEP_PS)
    x, y, p = sensor.pixels(part.events["address"])
    image = np.zeros((2, sensor.height, sensor.width), dtype=np.int64)
    np.add.at(image, (p, y, x), 1)
    shape = run.activity.network["patches"].shape
    spikes = run.activity.spikes("patches")
    when = spikes["time"] // STEP_PS - 2
    mine = (when >= begin) & (when < begin + SHOWN)
    votes = np.bincount(spikes["address"][mine], minlength=int(np.prod(shape))).reshape(shape)
    return {"begin_ms": begin, "off": image[0], "on": image[1], "votes": votes}


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """A recording through the chip; power against activity; the dense layer; do the winners mean anything?"""
    chip = Architecture.from_substrate(substrate.load("loihi-sanafe"))
    found = recordings()
    name, recording = next(iter(found.items()))
    whole = 1 + (int(recording.events["time"][-1]) if len(recording) else 0) // STEP_PS
    steps = min(whole, 100) if quick else whole
    shown = recording.between(0, steps * STEP_PS)
    made = network(shown, unit="conv")
    run = placed_run(made, chip, steps)
    seconds = steps * STEP_PS * 1e-12
    joules = by_unit(run)
    activity = {layer: run.activity.per_step(layer) for layer in LAYERS}
    wins = np.convolve(activity["patches"], np.ones(SHOWN), mode="valid")
    busiest = max(0, min(int(wins.argmax()) - 2, steps - SHOWN))
    points = [p for n, r in found.items() for p in windows(n, r, chip, (2 if quick else 10**6))]
    empty = Recording(recording.events[:0], recording.sensor)
    idle = by_unit(placed_run(network(empty, unit="conv"), chip, WINDOW))["total"] / (
        WINDOW * STEP_PS * 1e-12
    )
    rate = np.array([p["events_per_s"] for p in points])
    watts = np.array([p["watts"]["total"] for p in points])
    slope, base = np.polyfit(rate, watts, 1) if len(points) > 1 else (0.0, idle)
    per_frame = dense(made, seed)
    return {
        "recording": name,
        "real": len(found) > 1,
        "steps": steps,
        "neurons": {p.name: p.size for p in made.populations},
        "synapses": made.synapses,
        "per_step": activity,
        "step_us": run.step_ps / 1e6,
        "counts": {**run.counts, **run.activity.fired_by},
        "watts": {k: joules[k] / seconds for k in (*KINDS, "total")},
        "joules_per_event": joules["total"] / max(1, run.activity.fired_by["camera"]),
        "latency_us": {k: run.network["latency_ps"][k] / 1e6 for k in ("p50", "p99")},
        "busiest_link": run.network["busiest_link"],
        "windows": points,
        "idle_watts": idle,
        "line": {"watts": float(base), "joules_per_event": float(slope)},
        "published": published(network(shown), steps, seed),
        "dense": per_frame,
        "operations": {
            "synaptic_events_per_ms": run.counts["synaptic_events"] / steps,
            "macs_per_frame": per_frame["macs_int8"],
        },
        "agreement": agreement(made, run, np.random.default_rng([seed, 16])),
        "bars": bars(100 if quick else 200),
        "picture": picture(shown, run, busiest),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Six panels: events, winners, activity; the time of a step, power against activity and beside the dense layer."""
    fig, axes = figure(2, 3, size=(15.5, 9.4))
    shot = numbers["picture"]
    on, off = np.array(shot["on"]), np.array(shot["off"])

    # ---- the events
    ax = axes[0, 0]
    top = max(1.0, float(np.percentile((on + off)[on + off > 0], 95)) if np.any(on + off) else 1.0)
    paper = np.ones((*on.shape, 3))
    paper -= np.minimum(on / top, 1)[:, :, None] * (1 - np.array([0.0, 0.45, 0.70]))
    paper -= np.minimum(off / top, 1)[:, :, None] * (1 - np.array([0.90, 0.62, 0.0]))
    ax.imshow(np.clip(paper, 0, 1), interpolation="nearest")
    ax.plot([], [], "s", color=COLOURS["blue"], label="ON: brighter")
    ax.plot([], [], "s", color=COLOURS["orange"], label="OFF: darker")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, frameon=False, fontsize=9)
    begin = shot["begin_ms"]
    ax.set(
        title=f"Events, {begin} to {begin + SHOWN} ms",
        xlabel="column (blocks of 4 pixels)",
        ylabel="row (blocks of 4 pixels)",
    )
    ax.grid(False)

    # ---- the winners
    ax = axes[0, 1]
    ax.imshow(1 - 0.3 * np.minimum((on + off) / top, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    votes = np.array(shot["votes"])
    size = STRIDE * POOL
    for place, degrees in enumerate(ORIENTATIONS):
        angle = np.deg2rad(degrees)
        half = 0.42 * size * np.array([np.cos(angle), -np.sin(angle)])
        segments, widths = [], []
        for row, column in np.ndindex(votes.shape[:2]):
            each = votes[row, column].reshape(2, -1).sum(axis=0)
            if each.max() and each.argmax() == place:
                middle = np.array([column, row]) * size + SIDE // 2 + (POOL - 1) * STRIDE / 2
                segments.append([middle - half, middle + half])
                widths.append(1.5 + 1.0 * min(4, each[place]))
        ax.add_collection(
            LineCollection(segments, linewidths=widths, colors=COLOURS[ACROSS[place]], capstyle="round")
        )
        ax.plot([], [], color=COLOURS[ACROSS[place]], linewidth=3, label=f"{degrees}°")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=4, frameon=False, fontsize=9)
    ax.set(
        title="The winning orientation of each patch",
        xlabel="column (blocks of 4 pixels)",
        ylabel="row (blocks of 4 pixels)",
    )
    ax.grid(False)

    # ---- activity
    ax = axes[0, 2]
    time = np.arange(numbers["steps"])
    smooth = max(1, min(5, numbers["steps"] // 20))
    for layer, label, shade in zip(
        LAYERS, ("events of the camera", "spikes of the filters", "winners"), ("grey", "blue", "vermilion"), strict=True
    ):  # fmt: skip
        mean = np.convolve(numbers["per_step"][layer], np.ones(smooth) / smooth, mode="same")
        share = np.mean(numbers["per_step"][layer]) / numbers["neurons"][layer]
        ax.plot(
            time, mean, color=COLOURS[shade], linewidth=1.2, label=f"{label}: {100 * share:.2g} % per step"
        )
    ax.set_yscale("symlog", linthresh=1)
    ax.set(title="Activity", xlabel="time (ms)", ylabel=f"per ms (mean over {smooth} ms)")
    ax.set_ylim(0, 40 * max(1, max(numbers["per_step"]["camera"])))
    ax.legend(loc="upper right", frameon=False, fontsize=9)

    # ---- the time of a step
    ax = axes[1, 0]
    step = np.array(numbers["step_us"])
    ax.plot(time, step, color=COLOURS["blue"], linewidth=1, label="one step, exact mesh")
    ax.axhline(1000, color=COLOURS["vermilion"], linestyle=":", label="real time: 1 ms")
    ax.set(
        yscale="log",
        ylim=(0.5 * step.min(), 6000),
        xlabel="time (ms)",
        ylabel="time of a step on the chip (µs)",
    )
    ax.set_title(f"Does the chip keep up? {1000 / step.max():.0f} times over, at the worst")
    ax.legend(loc="center right", frameon=False, fontsize=9)

    # ---- power against activity
    ax = axes[1, 1]
    names = list(dict.fromkeys(p["recording"] for p in numbers["windows"]))
    for name, shade, marker in zip(names, ("blue", "green"), "os", strict=False):
        mine = [p for p in numbers["windows"] if p["recording"] == name]
        ax.plot(
            [p["events_per_s"] / 1000 for p in mine], [1e6 * p["watts"]["total"] for p in mine], marker,
            color=COLOURS[shade], markersize=4.5, linestyle="none", label=f"windows of {WINDOW} ms, '{name}'",
        )  # fmt: skip
    reach = 1.1 * max((p["events_per_s"] for p in numbers["windows"]), default=1.0)
    idle, base, slope = numbers["idle_watts"], numbers["line"]["watts"], numbers["line"]["joules_per_event"]
    ax.plot(
        0, 1e6 * idle, "D", color=COLOURS["black"], clip_on=False, label=f"no events: {1e6 * idle:.0f} µW"
    )
    ax.plot(
        [0, reach / 1000], [1e6 * base, 1e6 * (base + slope * reach)], color=COLOURS["black"], linewidth=1,
        label=f"least squares: {1e6 * base:.0f} µW + {1e9 * slope:.2f} nJ per event",
    )  # fmt: skip
    frames = numbers["dense"]["watts"][str(FRAMES[0])]
    low, high = numbers["dense"]["range"][str(FRAMES[0])]
    ax.axhspan(1e6 * low, 1e6 * high, color=COLOURS["vermilion"], alpha=0.15, linewidth=0)
    ax.axhline(
        1e6 * frames,
        color=COLOURS["vermilion"],
        linestyle="--",
        label=f"dense, {FRAMES[0]} frames/s (lower bound)",
    )
    ax.set(title="Dynamic power against activity", xlabel="events (thousand per second)", ylabel="power (µW)")
    ax.set(xlim=(0, reach / 1000), ylim=(0, 1.9e6 * (base + slope * reach)))
    ax.legend(loc="upper left", frameon=False, fontsize=9)

    # ---- power, side by side
    ax = axes[1, 2]
    theirs = numbers["published"]
    static = theirs["static_watts"]
    dense_bill = numbers["dense"]
    columns = [
        ("chip,\n'loihi-\nsanafe'", numbers["watts"]["total"], "blue"),
        ("the same,\nno events", idle, "sky"),
        ("chip,\n'loihi'", theirs["watts"]["total"], "blue"),
        ("'loihi',\nstatic,\nalways", static, "grey"),
        ("'loihi',\nstatic,\nbusy", static * theirs["busy_share"], "grey"),
        (f"dense,\n{FRAMES[0]}\nframes/s", dense_bill["watts"][str(FRAMES[0])], "vermilion"),
        (f"dense,\n{FRAMES[1]}\nframes/s", dense_bill["watts"][str(FRAMES[1])], "vermilion"),
    ]
    for place, (_, height, shade) in enumerate(columns):
        ax.bar(place, 1e6 * height, 0.65, color=COLOURS[shade])
        text = f"{1e6 * height:.3g} µW" if height < 1e-3 else f"{1e3 * height:.3g} mW"
        top_of = height if place < 5 else dense_bill["range"][str(FRAMES[place - 5])][1]
        ax.text(place, 1.15e6 * top_of, text, ha="center", fontsize=9)
    for place, rate in ((5, FRAMES[0]), (6, FRAMES[1])):
        low, high = dense_bill["range"][str(rate)]
        value = dense_bill["watts"][str(rate)]
        ax.errorbar(
            place, 1e6 * value, yerr=[[1e6 * (value - low)], [1e6 * (high - value)]], color=COLOURS["black"],
            capsize=3, linewidth=1,
        )  # fmt: skip
    ax.set_xticks(range(len(columns)), [c[0] for c in columns], fontsize=8)
    ax.set(title="Mean power, side by side", yscale="log", ylabel="power (µW)", xlabel="way of computing")
    ax.set_ylim(0.3e6 * min(c[1] for c in columns), 6e6 * max(c[1] for c in columns))

    same, work = numbers["agreement"], numbers["operations"]
    ratio = numbers["watts"]["total"] / dense_bill["watts"][str(FRAMES[0])]
    slow = numbers["watts"]["total"] / dense_bill["watts"][str(FRAMES[1])]
    fewer = work["macs_per_frame"] / max(1e-9, work["synaptic_events_per_ms"])
    sharp = ", ".join(f"{b['degrees']}° {100 * b['right']:.0f} %" for b in numbers["bars"])
    counts = numbers["counts"]
    note(
        fig,
        f"Recording '{numbers['recording']}', {numbers['steps']} ms: {counts['camera']:,} events, {counts['lines']:,} "
        f"spikes of the filters, {counts['patches']:,} winners, {counts['synaptic_events']:,} synaptic events, "
        f"{counts['packets']:,} packets, {1e9 * numbers['joules_per_event']:.2f} nJ per event in all.\n"
        f"Spikes need {fewer:.0f} times fewer operations than {FRAMES[0]} frames/s, yet {ratio:.1f} times the power of "
        f"that dense lower bound (7 nm, sums and operands alone; whiskers: 5th to 95th percentile), and {slow:.0f} "
        f"times that of {FRAMES[1]} frames/s, up to {1000 / FRAMES[1]:.0f} ms late. Somas take "
        f"{100 * numbers['watts']['soma'] / numbers['watts']['total']:.0f} % of it.\n"
        f"Winners equal to the dense layer's strongest channel: {100 * same['equal']:.0f} % (chance "
        f"{100 * same['chance']:.0f} %), orientation alone {100 * same['orientation']:.0f} %. Winners with the right "
        f"orientation for synthetic bars: {sharp}.",
    )
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
