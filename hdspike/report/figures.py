"""The figures of a run, drawn from what it returned."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hdspike import chip
from hdspike.attention import winner_weights
from hdspike.on_chip import cut
from hdspike.plot import attention as draw_attention
from hdspike.plot import chip as draw_chip
from hdspike.plot import energy as draw_energy
from hdspike.plot import style
from hdspike.quality import WEIGHTS
from hdspike.report.energy import arranged
from hdspike.run import Result

__all__ = ["TITLES", "figures"]

SHOWN = 40  # queries in the attention maps

TITLES = {
    "attention": "Softmax attention beside k-winner-take-all, the same queries over the same keys",
    "raster": "One query on the timed chip",
    "chip": "Where the work fell: synaptic events per core, packets per link",
    "energy": "Energy of one query, one panel per ledger",
}
"""Every figure of a run, in the order of the page."""


def attention_figure(result: Result) -> Figure:
    """Softmax at its own tuned β beside the winners with their weights."""
    task, numbers = result.task, result.numbers["attention"]
    shown = min(SHOWN, len(result.outcome))
    chosen = np.arange(shown) * len(result.outcome) // shown  # evenly over the whole slice
    scores = task.space.scale(result.layer.potentials(task.vectors["queries"][chosen]))
    weights = np.exp(result.beta * (scores - scores.max(axis=1, keepdims=True)))
    weights /= weights.sum(axis=1, keepdims=True)
    won = np.zeros_like(weights)
    given = winner_weights(result.outcome, by=WEIGHTS[result.settings.select], top=task.space.span)
    for row, q in enumerate(chosen):
        low, high = result.outcome.indptr[q], result.outcome.indptr[q + 1]
        won[row, result.outcome.winners[low:high]] = given[low:high] / max(1, given[low:high].sum())
    return draw_attention.maps(
        draw_attention.binned(weights),
        draw_attention.binned(won),
        keys=numbers["keys"],
        softmax_title=f"softmax, β = {result.beta:g}: every cell non-zero",
        winners_title=f"k-WTA: {100 * numbers['nonzero_fraction']:.2g} % of cells non-zero, "
        f"{100 * numbers['touched_fraction']:.3g} % touched",
        caption=f"White: no weight. The winners hold {100 * numbers['captured_mass']:.0f} % of the softmax's weight. "
        "k/N non-zero cells are k/N by construction; touched cells are those that cost work.",
    )


def raster_figure(result: Result) -> Figure:
    """The sampled query with the median number of spikes, under the run's own rule and the barrier."""
    timed, rule, space = result.timed.runs[result.settings.select], result.settings.select, result.timed.space
    fired = timed.outcome.counts["fired"]
    query = int(np.argsort(fired, kind="stable")[len(fired) // 2])
    inputs = timed.inputs[timed.inputs_indptr[query] : timed.inputs_indptr[query + 1]]
    spikes = timed.spikes[timed.spikes_indptr[query] : timed.spikes_indptr[query + 1]]
    title = f"{rule}: {len(inputs):,} deliveries, {len(spikes):,} spikes, {timed.simulated_ps[query] * 1e-6:.1f} µs"
    if rule == "race":
        height, label, ramp = spikes["address"], "key neuron", None
    else:
        task = result.task
        asked = cut(task.space, task.vectors["queries"][result.timed.queries[[query]]], space.dim)
        keys = cut(task.space, task.vectors["keys"][: result.timed.keys], space.dim)
        height = space.score(asked, keys)[0][spikes["address"]]
        label = "potential: equal bits" if task.space.name == "bsc" else "potential: matching blocks"
        ramp = None if rule == "threshold" else falling(inputs, spikes, height, space.top_score)
    return draw_attention.raster(
        inputs,
        spikes,
        timed.outcome.query(query),
        height=height,
        height_label=label,
        title=title,
        ramp=ramp,
        losers="overshoot, after the k-th" if rule != "threshold" else "others",
    )


def falling(
    inputs: NDArray[Any], spikes: NDArray[Any], height: NDArray[Any], top: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The ramp's threshold between the last input and the last spike: steps of equal time and height."""
    begin = float(inputs["time"].max()) if len(inputs) else 0.0
    end, lowest = (float(spikes["time"].max()), int(height.min())) if len(spikes) else (begin, top)
    steps = np.linspace(0.0, 1.0, 129)
    return begin + steps * (end - begin), top - steps * (top - lowest)


def chip_figure(result: Result) -> Figure:
    """Synaptic events per core and packets per link, all sampled queries together."""
    timed = result.timed.runs[result.settings.select]
    config = result.timed.config
    fig, ax = style.figure(1, 1, size=(8.5, 6.4))
    draw_chip.heat_map(
        ax,
        timed.per_core["synaptic_events"] / len(result.timed.queries),
        columns=config.columns,
        cores_per_tile=config.cores_per_tile,
        link_ends=chip.link_ends(config),
        per_link=timed.per_link / len(result.timed.queries),
        core_label="synaptic events per core and query",
        link_label="packets per link and query",
        host="input lines enter here",
    )
    ax.set_title(
        f"{result.numbers['chip']['name']}: {result.timed.keys:,} keys on {timed.mapping.cores_used} cores, "
        f"mean of {len(result.timed.queries)} queries ({result.settings.select})",
        loc="right",
    )
    return fig


def energy_figure(result: Result) -> Figure:
    """Every bill of the run with its ledger, its node and its numbered sources."""
    bars = arranged(result.numbers)
    fig = style.plt.figure(figsize=draw_energy.size(bars), layout="constrained")
    draw_energy.panels(fig, bars)
    return fig


def figures(result: Result) -> dict[str, Figure]:
    """All figures of a run by name."""
    with style.plt.rc_context(style.STYLE):
        return {
            "attention": attention_figure(result),
            "raster": raster_figure(result),
            "chip": chip_figure(result),
            "energy": energy_figure(result),
        }
