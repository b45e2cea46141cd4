"""Nanoseconds per synaptic event against the size of the network, from a cache's worth of synapses to memory's.

Networks of n lines and n neurons with 100 synapses per line (weights of one byte); in every step a hundredth, or a
tenth, of the lines spike. ``run`` is the whole of :func:`hdspike.functional.simulate` per synaptic event, with the
updates of all neurons and the recording; ``kernel`` the delivery of the spikes alone. The bounds are those of
``chip_bounds.py``: one addition to a random sum of n, and 5 bytes of target and weight streamed from wherever
5 bytes × synapses fit. The rows of the table are read in a random order, which a stream is not.
"""

import statistics
import time
from collections.abc import Iterator
from typing import Any

from chip_bounds import add_ns, stream_ns
from chip_layer import layer, network
from matplotlib.figure import Figure

from hdspike.functional import simulate
from hdspike.functional.clocked import Clocked
from hdspike.plot.style import COLOURS, figure, note

__all__ = ["FAN_OUT", "SIZES", "draw", "points"]

SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
FAN_OUT = 100
EVENTS = 2_000_000  # in one run, about
LIMITS = (3, 400)  # steps


def kernel_ns(made: Any, steps: int) -> float:
    """The delivery alone, per synaptic event."""
    clocked = Clocked(made)
    spent = 0.0
    for _ in range(steps):
        clocked.update()
        begun = time.perf_counter()
        clocked.deliver()
        spent += time.perf_counter() - begun
    return spent / max(1, sum(clocked.synaptic_events)) * 1e9


def points(
    rounds: int = 5, *, sizes: tuple[int, ...] = SIZES, fan_out: int = FAN_OUT, events: int = EVENTS
) -> Iterator[dict[str, Any]]:
    """One point for each size and activity."""
    for size in sizes:
        for share in (0.01, 0.1):
            spikes = max(1, round(share * size))
            steps = min(LIMITS[1], max(LIMITS[0], events // (spikes * fan_out)))
            synapses = min(size * fan_out, size * size)
            made = network(layer(size, synapses, steps, spikes))
            simulate(made, steps)
            runs = []
            for _ in range(rounds):
                begun = time.perf_counter()
                found = simulate(made, steps).counts["synaptic_events"]
                runs.append((time.perf_counter() - begun) / max(1, found) * 1e9)
            yield {
                "neurons": size,
                "synapses": synapses,
                "active_share": share,
                "steps": steps,
                "synaptic_events": found,
                "run_ns": statistics.median(runs),
                "kernel_ns": statistics.median(kernel_ns(made, steps) for _ in range(rounds)),
                "add_ns": add_ns(size),
                "stream_ns": 5 * stream_ns(5 * synapses),
            }


def draw(numbers: list[dict[str, Any]]) -> Figure:
    """Measured costs with the two bounds below them."""
    fig, ax = figure(size=(8, 5))
    looks = {0.01: ("blue", "1 % of the lines spike per step"), 0.1: ("vermilion", "10 %")}
    for share, (colour, name) in looks.items():
        some = [p for p in numbers if p["active_share"] == share]
        x = [p["synapses"] for p in some]
        ax.plot(x, [p["run_ns"] for p in some], "o-", color=COLOURS[colour], label=f"whole run, {name}")
        ax.plot(x, [p["kernel_ns"] for p in some], "s--", color=COLOURS[colour], label=f"delivery alone, {name}",
                markerfacecolor="none")  # fmt: skip
    some = [p for p in numbers if p["active_share"] == 0.1]
    x = [p["synapses"] for p in some]
    ax.plot(
        x,
        [p["add_ns"] for p in some],
        ":",
        color=COLOURS["black"],
        label="bound: one addition to a random sum",
    )
    ax.plot(x, [p["stream_ns"] for p in some], "-.", color=COLOURS["grey"], label="bound: 5 bytes streamed")
    ax.set(xscale="log", yscale="log", xlabel="synapses of the network", ylabel="ns per synaptic event",
           title="What a synaptic event costs, by the size of the network")  # fmt: skip
    ax.yaxis.set_major_formatter("{x:g}")
    ax.legend(loc="upper center", ncols=2, fontsize=8.5)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * 3)
    note(fig, f"One thread, {FAN_OUT} synapses per line, medians; the bounds are the best of their rounds.")
    return fig
