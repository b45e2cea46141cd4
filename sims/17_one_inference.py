"""What does one inference look like on the chip: its spikes, its packets, and the load of the links, step by step?

The DVS-gesture network that SANA-FE ships (18,678 neurons), its layers on 1, 4, 16, 16, 4 and 1 cores of the chip
`loihi-sanafe`, 100 steps with a barrier after each, on the hop-accurate mesh with FIFOs of 16 packets. It is driven
step by step, and every counter is the difference between two steps, so that nothing here is a mean over the run.

*Packets under way* are means over the working time of a step (its barrier excluded), by Little's law, which is exact
here: the sum of the times that its packets spent in a place ÷ the time of the step. *The time of a step* stands beside
the closed form without a network, max over cores of all sending and of all working (SANA-FE's 'simple' model): the
difference is what waiting for one another costs.

Beside the figure the sim writes an **animation** (`17_one_inference.animated.svg`: a frame per step, no script in it).

Caveats. The input is the one of the package, given as biases that never change; it is not a recording of a gesture,
and the classes have no names. A raster row is a block of neurons of one layer, its colour the square root of the count.
Without the fetched network a small synthetic one stands in, and figure and numbers say so.
"""

import base64
import io
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imsave

from hdspike import datasets, substrate
from hdspike.chip import Architecture, by_hand
from hdspike.chip.axons import axons
from hdspike.chip.barrier import Sender, simple_step
from hdspike.chip.noc import Exact
from hdspike.functional.clocked import Clocked
from hdspike.network import Network, Population
from hdspike.network.builders import random as random_synapses
from hdspike.network.neurons.loihi import LoihiSoma
from hdspike.plot.mesh import STEPS, arrow, link_map
from hdspike.plot.raster import blocks, raster
from hdspike.plot.style import COLOURS, figure, note
from hdspike.workloads import job

LAYER_COLOURS = ("black", "sky", "green", "orange", "purple", "vermilion")
PLACES = ("at_sender", "in_mesh", "in_fifo", "in_service")
PLACE_NAMES = ("wait at their senders", "cross the mesh", "wait for their core", "are worked on")
PLACE_COLOURS = ("orange", "sky", "blue", "green")
ROWS = 24
FRAME_S = 0.25


def stand_in(seed: int) -> tuple[str, Network, Any, Any]:
    """A small feed-forward network of six layers, for where nothing has been fetched."""
    rng = np.random.default_rng(seed)
    sizes, cores = (64, 160, 240, 240, 80, 8), (1, 2, 8, 8, 2, 1)
    layers = [Population("input", sizes[0], LoihiSoma(threshold=64.0, bias=rng.integers(0, 24, 64)))]
    layers += [
        Population(f"layer {i}", size, LoihiSoma(threshold=24.0)) for i, size in enumerate(sizes[1:], 1)
    ]
    wires = [
        random_synapses(a, b, out_degree=fan, weights=rng.integers(-3, 8, a.size * fan), rng=rng)
        for a, b in pairwise(layers)
        for fan in [min(b.size, 40)]
    ]  # fmt: skip
    network = Network(layers, wires)
    chip = Architecture.from_substrate(substrate.load("loihi-sanafe"))
    return "a synthetic stand-in, random weights", network, chip, by_hand(network, chip, cores)


def follow(network: Network, chip: Architecture, placed: Any, steps: int) -> dict[str, Any]:
    """The run, step by step: what :func:`hdspike.chip.simulate` does, with a look at all counters in between."""
    clocked = Clocked(network)
    sender = Sender(clocked, chip, placed, axons(network, chip, placed.core))
    mesh = Exact(chip)
    hops, parts = mesh.transport.hops, mesh.transport.latency_parts_ps
    fired = np.zeros(network.neurons, dtype=np.int64)
    out: dict[str, list[Any]] = {
        name: [] for name in ("hops", "parts", "packets", "exact", "simple", "per_core", "spikes")
    }
    for _ in range(steps):
        clocked.update()
        packets = sender.send()
        out["simple"].append(simple_step(sender, packets))
        busy, _ = mesh.step(sender, packets)
        out["exact"].append(busy)
        out["packets"].append(packets)
        now, seen = mesh.transport.hops, mesh.transport.latency_parts_ps
        out["hops"].append((now - hops)[mesh.place])
        out["parts"].append([seen[name] - parts[name] for name in PLACES])
        fresh = sender.spikes - fired
        out["per_core"].append(np.bincount(placed.core, weights=fresh, minlength=chip.cores).astype(int))
        out["spikes"].append(np.flatnonzero(fresh))
        hops, parts, fired = now, seen, sender.spikes.copy()
        clocked.deliver()
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """One run; everything per step."""
    steps = 40 if quick else 100
    missing = ""
    try:
        found = job.load("dvs-gesture")
        name, network = "the DVS-gesture network of SANA-FE", found.workload.network
        chip, placed = found.architecture, found.placement
    except datasets.Absent as error:
        missing = str(error)
        name, network, chip, placed = stand_in(seed)
    run = follow(network, chip, placed, steps)
    when = np.repeat(np.arange(steps), [len(one) for one in run["spikes"]])
    who = np.concatenate(run["spikes"])
    layers = []
    for place, population in enumerate(network.populations):
        low, high = int(network.offsets[place]), int(network.offsets[place + 1])
        mine = (who >= low) & (who < high)
        layers.append(
            {
                "name": population.name,
                "neurons": population.size,
                "cores": sorted({int(c) for c in placed.core[low:high]}),
                "fired": int(mine.sum()),
                "first_step": int(when[mine].min()) if mine.any() else None,
                "blocks": blocks(when[mine], who[mine] - low, size=population.size, length=steps, rows=ROWS),
            }
        )
    answer = np.bincount(who[who >= low] - low, minlength=high - low)
    hops = np.array(run["hops"])
    used = np.argwhere(hops.sum(axis=0) > 0)
    exact = np.array(run["exact"])
    return {
        "network": name,
        "missing": missing,
        "chip": chip.name,
        "steps": steps,
        "layers": layers,
        "answer": answer,
        "tile_of_core": chip.tile_of_core,
        "tile_x": chip.tile_x,
        "tile_y": chip.tile_y,
        "links": used,  # (tile, side)
        "crossed": hops[:, used[:, 0], used[:, 1]],  # (steps, links)
        "busy_cores": np.unique(placed.core),
        "fired_per_core": np.array(run["per_core"])[:, np.unique(placed.core)],
        "packets": run["packets"],
        "under_way": (np.array(run["parts"]) / np.maximum(exact, 1)[:, None]).round(4),
        "places": PLACES,
        "exact_us": exact / 1e6,
        "simple_us": np.array(run["simple"]) / 1e6,
        "barrier_us": chip.barrier_ps(len(np.unique(chip.tile_of_core[placed.cores_used]))) / 1e6,
    }


def moments(numbers: dict[str, Any]) -> list[tuple[int, str]]:
    """Four steps to look at: the first packets, the output's first spike, the fullest links, the last step."""
    packets = np.array(numbers["packets"])
    most = np.array(numbers["crossed"]).max(axis=1)
    first = numbers["layers"][-1]["first_step"]
    chosen = [(int(np.flatnonzero(packets)[0]), "the input begins")]
    deep = numbers["layers"][len(numbers["layers"]) // 2]["first_step"]
    if deep is not None:
        chosen.append((deep, f"{numbers['layers'][len(numbers['layers']) // 2]['name']} begins"))
    if first is not None:
        chosen.append((first, "the first output spike"))
    chosen.append((int(most.argmax()), "the fullest link"))
    return sorted(chosen)


def group_of_core(numbers: dict[str, Any]) -> Any:
    """``(cores,)``: the layer on each core, −1 for none."""
    group = np.full(len(numbers["tile_of_core"]), -1)
    for i, layer in enumerate(numbers["layers"]):
        group[layer["cores"]] = i
    return group


def last_column(numbers: dict[str, Any]) -> int:
    """The easternmost column with a neuron, a link in use, or one more: what is beyond is idle and not drawn."""
    tile = np.array(numbers["tile_of_core"])[numbers["busy_cores"]]
    x = np.array(numbers["tile_x"])
    return int(min(x.max(), max(x[tile].max(), x[np.array(numbers["links"])[:, 0]].max()) + 1))


def draw(numbers: dict[str, Any]) -> Figure:
    """The raster by layer, packets and times of the steps below, and the mesh at four moments."""
    layers, steps = numbers["layers"], numbers["steps"]
    colours = [COLOURS[c] for c in LAYER_COLOURS]
    chosen = moments(numbers)
    fig, _ = figure(1, 1, size=(15.5, 10.5))
    fig.clear()
    whole = fig.add_gridspec(1, 2, width_ratios=(1.25, 1))
    rows = whole[0].subgridspec(len(layers) + 2, 1, height_ratios=[1] * len(layers) + [1.9, 1.9], hspace=0.04)
    first = None
    for i, layer in enumerate(layers):
        ax = fig.add_subplot(rows[i], sharex=first)
        first = first or ax
        raster(ax, layer["blocks"], colour=colours[i])
        for step, _ in chosen:
            ax.axvline(step, color=COLOURS["grey"], linewidth=0.8, linestyle=":")
        ax.set_ylabel(
            f"{layer['name']}\n{layer['neurons']:,} neurons\n{layer['fired']:,} spikes",
            rotation=0, ha="right", va="center", fontsize=9, color=colours[i],
        )  # fmt: skip
        ax.tick_params(labelbottom=False)
        if i == 0:
            ax.set_title(f"Spikes by layer: {numbers['network']}")
    x = np.arange(steps)
    way = np.array(numbers["under_way"])
    ax = fig.add_subplot(rows[-2], sharex=first)
    ax.stackplot(
        x, way.T, step="mid", colors=[COLOURS[c] for c in PLACE_COLOURS], labels=PLACE_NAMES, linewidth=0
    )
    ax.set(ylabel="packets that …\n(mean of the step)", ylim=(0, 1.45 * way.sum(axis=1).max()))
    ax.tick_params(labelbottom=False)
    ax.legend(loc="upper left", ncols=4, fontsize=9, handlelength=1.2, columnspacing=1.2)
    ax = fig.add_subplot(rows[-1], sharex=first)
    ax.step(x, numbers["exact_us"], where="mid", color=COLOURS["blue"], label="on the exact mesh")
    ax.step(
        x, numbers["simple_us"], where="mid", color=COLOURS["black"], linestyle="--", linewidth=1.2,
        label="closed form: the slowest core",
    )  # fmt: skip
    ax.set(ylabel="time of a step\nbefore its barrier (µs)", xlabel="step", xlim=(-0.5, steps - 0.5))
    ax.set_ylim(0, 1.4 * max(numbers["exact_us"]))
    ax.legend(loc="upper left", ncols=2, fontsize=9)

    maps = whole[1].subgridspec(2, 2)
    crossed, links = np.array(numbers["crossed"]), np.array(numbers["links"])
    tiles = len(numbers["tile_x"])
    for place, (step, why) in enumerate(chosen):
        ax = fig.add_subplot(maps[place // 2, place % 2])
        hops = np.zeros((tiles, 4))
        hops[links[:, 0], links[:, 1]] = crossed[step]
        link_map(
            ax, group_of_core(numbers), numbers["tile_of_core"], numbers["tile_x"], numbers["tile_y"], hops,
            colours=colours, most=crossed.max(), label="packets over a link in the step",
        )  # fmt: skip
        ax.set_xlim(-0.6, last_column(numbers) + 0.6)
        ax.set_title(
            f"Step {step}: {why}\n{numbers['packets'][step]:,} packets, {int(crossed[step].sum()):,} hops"
        )
    excess = np.array(numbers["exact_us"]).sum() / max(np.array(numbers["simple_us"]).sum(), 1e-12) - 1
    answer = ", ".join(f"output {i}: {n}" for i, n in enumerate(numbers["answer"]) if n)
    note(
        fig,
        f"{numbers['chip']}, 8 × 4 tiles; idle ones in the east are left out; each core in the colour of its layer.\n"
        f"Dotted lines: the four steps on the right. After each step the barrier of {numbers['barrier_us']:g} µs. "
        "Waiting for one another adds "
        f"{100 * excess:.1f} % to the closed form.\n"
        f"A raster row is a block of neurons; the colour is the square root of its spikes. Spikes of the output layer "
        f"in {steps} steps: {answer or 'none'}. The input never changes and is not a recording."
        + (" DATA ABSENT, a synthetic network stands in." if numbers["missing"] else ""),
    )
    return fig


def picture(numbers: dict[str, Any]) -> list[str]:
    """The raster of each layer as a small PNG image in the text of an SVG."""
    out = []
    for layer, name in zip(numbers["layers"], LAYER_COLOURS, strict=True):
        counts = np.array(layer["blocks"], dtype=float)
        shade = np.sqrt(counts / max(counts.max(), 1.0))[..., None]
        ink = np.array([int(COLOURS[name][i : i + 2], 16) / 255 for i in (1, 3, 5)])
        buffer = io.BytesIO()
        imsave(buffer, 1 - shade * (1 - ink), format="png", metadata={"Software": "hdspike"})
        out.append(base64.b64encode(buffer.getvalue()).decode("ascii"))
    return out


def animate(numbers: dict[str, Any]) -> str:
    """The same run as a moving picture: SVG with declared animations (SMIL), one frame per step, for ever again."""
    steps, layers = numbers["steps"], numbers["layers"]
    length = f'dur="{steps * FRAME_S:g}s" repeatCount="indefinite" calcMode="discrete"'
    group = group_of_core(numbers)
    tile_x, tile_y = np.array(numbers["tile_x"]), np.array(numbers["tile_y"])
    last = last_column(numbers)
    side, left, top = min(96.0, 640 / (last + 1)), 620.0, 76.0  # px of a tile with its links
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1300 560" font-family="DejaVu Sans, Verdana, sans-serif" '
        'font-size="13">',
        f"<title>One inference on {numbers['chip']}: {numbers['network']}, {steps} steps</title>",
        '<rect width="1300" height="560" fill="white"/>',
        f'<text x="30" y="34" font-size="17">One inference: {numbers["network"]}</text>',
        f'<text x="30" y="56" fill="{COLOURS["grey"]}">Left: spikes by layer. Right: the mesh of {numbers["chip"]}; '
        "a core lights up as its neurons fire, a link as packets cross it in the step. Idle columns in the east are "
        "not drawn.</text>",
    ]
    wide, high = 440.0, 62.0
    for i, (layer, image) in enumerate(zip(layers, picture(numbers), strict=True)):
        y = 84 + i * (high + 8)
        colour = COLOURS[LAYER_COLOURS[i]]
        out.append(
            f'<text x="30" y="{y + 26:g}" fill="{colour}">{layer["name"]}</text>'
            f'<text x="30" y="{y + 43:g}" font-size="10" fill="{COLOURS["grey"]}">{layer["neurons"]:,} neurons</text>'
            f'<image x="120" y="{y:g}" width="{wide:g}" height="{high:g}" preserveAspectRatio="none" '
            f'style="image-rendering:pixelated" href="data:image/png;base64,{image}"/>'
            f'<rect x="120" y="{y:g}" width="{wide:g}" height="{high:g}" fill="none" stroke="#bbb" stroke-width="0.6"/>'
        )
    edges = ";".join(f"{120 + wide * s / steps:.1f}" for s in range(steps))
    rest = ";".join(f"{wide - wide * s / steps:.1f}" for s in range(steps))
    tall = len(layers) * (high + 8) - 8
    out.append(  # what is still to come is veiled
        f'<rect x="120" y="84" width="{wide:g}" height="{tall:g}" fill="white" opacity="0.8">'
        f'<animate attributeName="x" values="{edges}" {length}/>'
        f'<animate attributeName="width" values="{rest}" {length}/></rect>'
        f'<rect x="120" y="80" width="{wide / steps:.2f}" height="{tall + 8:g}" '
        f'fill="{COLOURS["yellow"]}" opacity="0.5">'
        f'<animate attributeName="x" values="{edges}" {length}/></rect>'
    )
    tiles = np.array(numbers["tile_of_core"])
    fired = np.array(numbers["fired_per_core"], dtype=float)
    lit = dict(zip(numbers["busy_cores"], range(fired.shape[1]), strict=True))
    strength = np.zeros_like(fired)
    for layer in layers:  # each layer on a scale of its own
        mine = [lit[c] for c in layer["cores"]]
        strength[:, mine] = np.sqrt(fired[:, mine] / max(fired[:, mine].max(), 1.0))
    cell = 0.25
    for core in range(len(tiles)):
        if tile_x[tiles[core]] > last:
            continue
        place = int(np.flatnonzero(np.flatnonzero(tiles == tiles[core]) == core)[0])
        x = left + side * (tile_x[tiles[core]] + (place % 2 - 1) * cell + 0.5)
        y = top + side * (tile_y[tiles[core]] + (place // 2 - 1) * cell + 0.5)
        box = f'x="{x:.1f}" y="{y:.1f}" width="{side * cell:g}" height="{side * cell:g}"'
        out.append(f'<rect {box} fill="white" stroke="#bbb" stroke-width="0.6"/>')
        if group[core] >= 0:
            values = ";".join(f"{0.15 + 0.85 * v:.2f}" for v in strength[:, lit[core]])
            out.append(
                f'<rect {box} fill="{COLOURS[LAYER_COLOURS[group[core]]]}" stroke="#bbb" stroke-width="0.6" '
                f'opacity="0.15"><animate attributeName="opacity" values="{values}" {length}/></rect>'
            )
    crossed = np.array(numbers["crossed"], dtype=float)
    map_ = colormaps["YlOrRd"]
    palette = [to_hex(map_(v)) for v in np.linspace(0.25, 1, 16)]
    for at, (tile, port) in enumerate(numbers["links"]):
        corners = arrow(float(tile_x[tile]), float(tile_y[tile]), STEPS[port], 0.7)
        points = " ".join(
            f"{left + side * (px + 0.5):.1f},{top + side * (py + 0.5):.1f}" for px, py in corners
        )
        share = np.sqrt(crossed[:, at] / max(crossed.max(), 1.0))
        fills = ";".join("#ffffff" if v == 0 else palette[int(v * 15.999)] for v in share)
        out.append(
            f'<polygon points="{points}" fill="#ffffff" stroke="#ccc" stroke-width="0.4">'
            f'<animate attributeName="fill" values="{fills}" {length}/></polygon>'
        )
    bottom = top + 8 + side * (tile_y.max() + 1) + 22
    out.append(
        f'<text x="{left + 10:g}" y="{bottom - 4:g}" fill="{COLOURS["grey"]}">packets over a link:</text>'
    )
    for i, colour in enumerate(palette):
        out.append(
            f'<rect x="{left + 150 + 14 * i:g}" y="{bottom - 15:g}" width="14" height="12" fill="{colour}"/>'
        )
    out.append(
        f'<text x="{left + 385:g}" y="{bottom - 4:g}" fill="{COLOURS["grey"]}">'
        f"1 … {int(crossed.max()):,} (square root)</text>"
    )
    for s in range(steps):
        times = f'begin="0s" {length} keyTimes="0;{s / steps:.4f};{(s + 1) / steps:.4f}" values="none;inline;none"'
        if s == 0:
            times = f'begin="0s" {length} keyTimes="0;{1 / steps:.4f}" values="inline;none"'
        elif s == steps - 1:
            times = f'begin="0s" {length} keyTimes="0;{s / steps:.4f}" values="none;inline"'
        text = (
            f"step {s}: {sum(int(v) for v in fired[s]):,} spikes, {numbers['packets'][s]:,} packets, "
            f"{int(crossed[s].sum()):,} hops, {numbers['exact_us'][s]:.1f} µs"
        )
        out.append(
            f'<text x="{left + 10:g}" y="{bottom + 28:g}" font-size="16" display="{"inline" if s == 0 else "none"}">'
            f"{text}"
            f'<animate attributeName="display" {times}/></text>'
        )
    foot = "The input never changes and is not a recording of a gesture."
    if numbers["missing"]:
        foot = "Data absent: a synthetic network stands in."
    out.append(f'<text x="30" y="540" font-size="11" fill="{COLOURS["grey"]}">{foot}</text>')
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
