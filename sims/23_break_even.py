"""Where does spiking need less energy than its dense twin: over which rates, steps, sparsities and contexts?

*Networks* (upper maps). A layer of S = 10⁶ synapses from 1,000 inputs to 1,000 neurons that runs T time steps at r
spikes per input and step, against the quantised network that says as much, of ⌈log₂(T + 1)⌉-bit activations and the
same int8 weights (:mod:`hdspike.dense.quantised`; Yan et al. 2024, arXiv:2409.08290), on the same node, out of the same
SRAM. A spike pays the read of its weight and an addition; every neuron pays its state in every step; the twin pays a
multiplication for each synapse. Three twins: one input alone; 64 inputs that share each read of a weight; one input
whose zeros are skipped as a spiking network does (a neuron silent for T steps is a zero; finding the zeros is free).
The line of equality is a closed form, or a bracketed root where the twin's zeros follow the rate. Marks: Yan et al.,
r = 5.7 % at T = 5, and 6.4 % for T from 5 to 10 (an earlier version); Dampfhoffer et al. 2023: spiking networks
compete at 0.15 to 1.38 spikes per synapse and inference.

*Attention* (lower maps). One head's query over N keys: sparse block codes with s = 128 active lines, against the
cheapest way of dense attention (a head of 128 entries) that has a price in the **same ledger**: bf16 or int8, from DRAM
or from on-chip memory, alone or 64 queries to a cache. D sets the synaptic events of a query and a key, s²/D, and the
share of keys that a query touches, 1 − (1 − s/D)^s, which is nearly the same where it is small. What the chips cannot
do is charged on a dense partner (:mod:`hdspike.workloads.hybrid`; see 22). One step with a threshold, unless the map
says otherwise; "touched only" is hypothetical: what Loihi would pay if it updated only neurons that receive an event.

The colour is log₁₀ (dense ÷ spiking) by the published constants: blue, spikes need less. Hatched: neither side wins in
95 % of the draws of all constants. Dotted: the line where only dense attention without sharing is allowed.

Caveats. The same work is assumed, not shown: k winners are not softmax, and T steps are taken to say as much as
⌈log₂(T + 1)⌉ bits. The maps of networks have no network on chip, no tables of addresses, no static power: a table of
operations has none; Yan et al. have, which is one reason why their lines are elsewhere. Maps with "lower bound" lack
constants for part of the work (substrates/*.toml). Chips are charged only while they are asked (22 says what waiting
ones would add). A map of attention has a chip of one node and processors of others.
"""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hdspike import dense, substrate
from hdspike.dense import Shape
from hdspike.dense.quantised import SpikingRun, event_driven, twin
from hdspike.energy.break_even import break_even, ratio, root, win_share
from hdspike.energy.grid import GridBill, price_grid
from hdspike.energy.percentiles import family
from hdspike.plot.style import COLOURS, figure, note
from hdspike.schedules import events
from hdspike.workloads.growing import closed_form
from hdspike.workloads.hybrid import dense_along, spiking_attention

INPUTS, NEURONS, WEIGHT_BITS, BATCH = 1000, 1000, 8, 64
NODES = {"cpu-45nm": "45 nm", "cpu-7nm": "7 nm"}
TWINS: dict[str, tuple[int, bool, str]] = {  # inputs that share a read of a weight, zeros skipped, label
    "alone": (1, False, "twin: one input"),
    "shared": (BATCH, False, f"twin: {BATCH} inputs share a read"),
    "zeros": (1, True, "twin: one input, zeros skipped"),
}
YAN_RATE, YAN_EARLIER, YAN_RANGE = 0.057, 0.064, (5, 10)
DAMPFHOFFER = (0.15, 1.38)
BLOCKS, WINNERS, HEAD = 128, 64, 128
MAPS: tuple[tuple[str, str, str], ...] = (  # substrate, rule, clock: a row of each ledger
    ("loihi", "exact", "barrier"),
    ("loihi", "threshold", "barrier"),
    ("loihi", "race", "async"),
    ("loihi-sanafe", "threshold", "barrier"),
    ("seneca", "threshold", "barrier"),
    ("dynap-se", "threshold", "barrier"),
    ("loihi-silicon", "threshold", "barrier"),
    ("loihi-silicon", "race", "async"),
    ("truenorth", "threshold", "barrier"),
    ("spinnaker", "threshold", "barrier"),
    ("spinnaker2-prototype", "threshold", "barrier"),
    ("spinnaker2", "threshold", "barrier"),
)
WAYS = {"exact": "exact, 129 steps", "threshold": "threshold, 1 step", "race": "touched only (hypothetical)"}
PARTNER = {"circuit": "a100-circuit", "path": "a100-path"}
RIVALS = {"circuit": ("a100-circuit", "cpu-7nm"), "path": ("a100-path", "gh200-path")}
SURE, SAMPLES = 0.95, 400


def run_of(steps: int) -> SpikingRun:
    """The layer, run for ``steps``."""
    return SpikingRun(INPUTS * NEURONS, INPUTS, NEURONS, steps, WEIGHT_BITS)


def stacked(counts: Sequence[dict[str, Any]]) -> dict[str, NDArray[np.float64]]:
    """Many counts as a column, one row for each."""
    return {name: np.array([[one[name]] for one in counts]) for name in counts[0]}


def network_map(node: str, kind: str, steps: list[int], rates: list[float], seed: int) -> dict[str, Any]:
    """Spike rate × time steps on one node against one twin: ``(steps, rates)``."""
    batch, skipped, _ = TWINS[kind]
    sheet = substrate.load(node)
    runs = [run_of(t) for t in steps]
    fixed = price_grid(stacked([event_driven(run, rate=0.0) for run in runs]), sheet)
    full = stacked([event_driven(run, rate=1.0) for run in runs])
    none = stacked([event_driven(run, rate=0.0) for run in runs])
    each = price_grid({name: full[name] - none[name] for name in full}, sheet)
    spiking = price_grid(
        {name: none[name] + np.array(rates) * (full[name] - none[name]) for name in full}, sheet
    )

    def rival(run: SpikingRun, rate: float) -> dict[str, Any]:
        density = 1.0 - (1.0 - rate) ** run.steps if skipped else 1.0
        return twin(run, batch=batch, density=density).counts

    if skipped:
        rows = [[rival(run, rate) for rate in rates] for run in runs]
        table = {name: np.array([[one[name] for one in row] for row in rows]) for name in rows[0][0]}
        quantised = price_grid(table, sheet)
    else:
        quantised = price_grid(stacked([rival(run, 0.0) for run in runs]), sheet)
    out = {
        "log_ratio": np.log10(ratio(quantised, spiking)).round(4),
        "share": win_share(quantised, spiking, samples=SAMPLES, rng=seed),
    }
    if not skipped:
        line = break_even(quantised, fixed, each, samples=SAMPLES, rng=seed)
        return out | {name: getattr(line, name)[:, 0] for name in ("low", "nominal", "high")}
    found: list[float | None] = []
    for i, run in enumerate(runs):
        spent, more = float(fixed.joules[i, 0]), float(each.joules[i, 0])

        def at(rate: float, run: SpikingRun = run, spent: float = spent, more: float = more) -> float:
            return float(price_grid(rival(run, rate), sheet).joules) / (spent + rate * more)

        found.append(root(at, rates[0], rates[-1]))
    return out | {"low": None, "nominal": found, "high": None}


def dense_ways(ledger: str, contexts: Sequence[int], shared: bool) -> list[GridBill]:
    """Every priced way of dense attention of one query; with ``shared`` also with 64 queries to a cache."""
    ways = []
    for name in RIVALS[ledger]:
        sheet = substrate.load(name)
        for precision in ("bf16", "int8"):
            if f"macs_{precision}" not in sheet.priced():
                continue
            for batch in (1, BATCH) if shared else (1,):
                for resident in (False, True):
                    costs = [
                        dense.attention(
                            n, HEAD, precision=precision, batch=batch, resident=resident, on_chip=True, appended=batch
                        )
                        for n in contexts
                    ]  # fmt: skip
                    ways.append(dense_along(costs, sheet))
    return ways


def attention_map(
    chip: str, rule: str, clock: str, contexts: list[int], lengths: list[int], seed: int
) -> dict[str, Any]:
    """Share of keys touched × context on one chip: ``(lengths, contexts)``."""
    sheet, loihi = substrate.load(chip), substrate.load("loihi")
    shape = Shape(1, HEAD, 1)
    best, alone = (dense_ways(sheet.ledger, contexts, shared) for shared in (True, False))
    ratios, shares, unshared = [], [], []
    bound = ""
    for length in lengths:
        jobs = [
            closed_form(
                n, dim=BLOCKS * length, blocks=BLOCKS, winners=min(WINNERS, n), rule=rule, twin_dim=HEAD, on=loihi,
                clock=clock,
            )
            for n in contexts
        ]  # fmt: skip
        bound = bound or events.plan(jobs[0], sheet).bound
        bill = spiking_attention(shape, jobs, sheet, substrate.load(PARTNER[sheet.ledger]))
        ratios.append(np.log10(ratio(best, bill)))
        unshared.append(np.log10(ratio(alone, bill)))
        shares.append(win_share(best, bill, samples=SAMPLES, rng=seed))
    return {
        "chip": chip, "title": sheet.title.split(",")[0], "node": sheet.node, "ledger": sheet.ledger, "rule": rule,
        "clock": clock, "bound": bound, "log_ratio": np.round(ratios, 4), "share": np.array(shares),
        "log_ratio_unshared": np.round(unshared, 4),
    }  # fmt: skip


def sources() -> dict[str, str]:
    """Where the energies of every substrate come from."""
    out = {}
    for name in sorted(
        {*NODES, *(chip for chip, _, _ in MAPS), *(n for names in RIVALS.values() for n in names)}
    ):
        entries = substrate.load(name).quantities.items()
        said = [family(q) for key, q in entries if key.startswith("energy.") or key == "power.static"]
        out[name] = "; ".join(dict.fromkeys(said))
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Both families of maps."""
    steps = [1, 2, 3, 5, 8, 16, 32, 64] if quick else [*range(1, 17), 20, 24, 28, 32, 40, 48, 56, 64]
    rates = np.geomspace(1e-3, 1.0, 13 if quick else 49).tolist()
    contexts = [2**p for p in range(10, 21, 5 if quick else 1)]
    lengths = [2**p for p in range(1, 21, 6 if quick else 1)]
    networks = {node: {kind: network_map(node, kind, steps, rates, seed) for kind in TWINS} for node in NODES}
    return {
        "question": "Where does spiking need less energy than its dense twin?",
        "synapses": INPUTS * NEURONS,
        "weight_bits": WEIGHT_BITS,
        "steps": steps,
        "rates": rates,
        "networks": networks,
        "contexts": contexts,
        "lengths": lengths,
        "events": [BLOCKS / length for length in lengths],
        "touched": [1 - (1 - 1 / length) ** BLOCKS for length in lengths],
        "sources": sources(),
        "attention": [attention_map(*one, contexts, lengths, seed) for one in MAPS],
    }


def coloured(ax: Any, x: Sequence[float], y: Sequence[float], entry: dict[str, Any]) -> Any:
    """log₁₀ ratio as colour, the line of equality, hatching where the winner is not sure."""
    logs, share = (np.array(entry[name], dtype=float) for name in ("log_ratio", "share"))
    drawn = ax.pcolormesh(x, y, logs, cmap="RdBu", vmin=-2, vmax=2, shading="nearest", rasterized=True)
    unsure = (share > 1 - SURE) & (share < SURE)
    if unsure.any():
        ax.contourf(x, y, unsure.astype(float), levels=[0.5, 1.5], colors="none", hatches=["////"])
    if logs.min() < 0 < logs.max():
        ax.contour(x, y, logs, levels=[0.0], colors="black", linewidths=2.2)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.grid(False)
    return drawn


def draw_network(ax: Any, numbers: dict[str, Any], node: str, kind: str) -> Any:
    """One map of spike rate over time steps, with the marks of the literature."""
    entry, steps, rates = numbers["networks"][node][kind], numbers["steps"], numbers["rates"]
    turned = {name: np.array(entry[name]).T for name in ("log_ratio", "share")}
    drawn = coloured(ax, steps, rates, turned)
    for marked, label in zip(DAMPFHOFFER, ("Dampfhoffer et al.", None), strict=True):
        ax.plot(steps, [marked / t for t in steps], "--", color="black", linewidth=1.3, label=label)
    ax.plot([5], [YAN_RATE], "o", color=COLOURS["yellow"], mec="black", ms=9, label="Yan et al.")
    ax.plot(YAN_RANGE, [YAN_EARLIER] * 2, "-", color=COLOURS["yellow"], linewidth=4)
    ax.set(xlim=(steps[0], steps[-1]), ylim=(rates[0], rates[-1]), xlabel="time steps T")
    ax.set_xticks([1, 2, 4, 8, 16, 32, 64], ["1", "2", "4", "8", "16", "32", "64"])
    ax.set_ylabel("spikes per input and step")
    ax.set_title(
        f"Network on {NODES[node]} (circuit)\n{TWINS[kind][2]}\n{network_words(numbers, node, kind)}",
        fontsize=11,
    )
    return drawn


def network_words(numbers: dict[str, Any], node: str, kind: str) -> str:
    """Below which rate spikes win at 5 time steps."""
    entry = numbers["networks"][node][kind]
    at = numbers["steps"].index(5)
    line = entry["nominal"][at]
    if not line:
        won = np.array(entry["log_ratio"][at]) > 0
        if won.any() and not won.all():
            return f"T = 5: spikes need less at some rates, {100 * won.mean():.2g} % of those drawn"
        return f"T = 5: {'spikes need' if won.all() else 'the twin needs'} less at any rate"
    return f"T = 5: spikes need less below r = {100 * line:.2g} %"


def attention_words(numbers: dict[str, Any], entry: dict[str, Any]) -> str:
    """From which context on spikes win, and with how many events at most."""
    won = np.array(entry["log_ratio"]) > 0
    if not won.any():
        unshared = np.array(entry["log_ratio_unshared"]) > 0
        return "dense needs less" + (", if 64 queries share" if unshared.any() else " everywhere")
    context = numbers["contexts"][int(np.flatnonzero(won.any(axis=0))[0])]
    most = max(e for e, row in zip(numbers["events"], won, strict=True) if row.any())
    tokens = f"{context // 2**20}M" if context >= 2**20 else f"{context // 1024}k"
    return f"spikes: from {tokens}, ≤ {most:.2g} events"


def draw_attention(ax: Any, numbers: dict[str, Any], entry: dict[str, Any]) -> Any:
    """One map of keys touched over context."""
    contexts, pairs = numbers["contexts"], numbers["events"]
    drawn = coloured(ax, contexts, pairs, entry)
    unshared = np.array(entry["log_ratio_unshared"], dtype=float)
    if unshared.min() < 0 < unshared.max():
        ax.contour(contexts, pairs, unshared, levels=[0.0], colors="black", linewidths=1.8, linestyles=":")
    ax.set(xlim=(contexts[0], contexts[-1]), ylim=(pairs[-1], pairs[0]), xlabel="context (keys)")
    ax.set_xticks([2**p for p in range(10, 21, 2)], ["1k", "4k", "16k", "64k", "256k", "1M"])
    ax.set_ylabel("synaptic events per key and query")
    chip = entry["title"].removeprefix("IBM ").removeprefix("Intel ")
    how = "lower bound" if entry["bound"] else WAYS[entry["rule"]]
    name = f"{chip}{' (SANA-FE)' if entry['chip'] == 'loihi-sanafe' else ''}, {how}"
    ax.set_title(
        f"{name}\n{entry['ledger']} ledger, {entry['node']}\n{attention_words(numbers, entry)}", fontsize=11
    )
    return drawn


def draw(numbers: dict[str, Any]) -> Figure:
    """Networks above, attention below: a row for each ledger, one colour scale for all."""
    fig, axes = figure(3, 6, size=(22, 14))
    pairs = [(node, kind) for node in NODES for kind in TWINS]
    for ax, (node, kind) in zip(axes[0], pairs, strict=True):
        drawn = draw_network(ax, numbers, node, kind)
    axes[0, 0].legend(loc="lower left", fontsize=8.5, frameon=True)
    for ax, entry in zip(axes[1:].flat, numbers["attention"], strict=True):
        drawn = draw_attention(ax, numbers, entry)
    bar = fig.colorbar(drawn, ax=axes, shrink=0.6, pad=0.01, extend="both", ticks=[-2, -1, 0, 1, 2])
    bar.ax.set_yticklabels(["100 ×", "10 ×", "equal", "10 ×", "100 ×"])
    bar.set_label("red: dense needs less      blue: spikes need less", fontsize=12)
    fig.suptitle(
        "\n".join(textwrap.fill(line, 185) for line in words(numbers)), fontsize=13, x=0.01, ha="left"
    )
    below = [
        "Solid line: equal by the published constants. Dotted: equal where no two queries share a fetch of the cache. "
        f"Hatched: no side wins in {100 * SURE:.0f} % of the draws of all constants. Events per key: s²/D; below 0.1 "
        "also the share of keys touched. The island on Loihi's maps: D ≤ 4,096, so that a core has an axon for every "
        "line and is filled with keys.",
        "Dense rivals: circuit A100-class and processor (7 nm); path A100 (7 nm) and GH200 (4 nm); the cheapest of "
        "bf16 and int8, DRAM and on-chip memory, 1 and 64 queries to a cache. Networks: one table of operations for "
        "both sides; finding zeros is free. A lower bound: part of the work has no published constant.",
        "Sources. " + "   ".join(f"{name}: {source}." for name, source in numbers["sources"].items()),
    ]
    note(fig, "\n".join(textwrap.fill(line, 270) for line in below))
    return fig


def words(numbers: dict[str, Any]) -> list[str]:
    """What the maps say, in sentences."""
    at = numbers["steps"].index(5)
    said = []
    for node, label in NODES.items():
        lines = numbers["networks"][node]
        alone, shared = lines["alone"]["nominal"][at], lines["shared"]["nominal"][at]
        zeros = np.mean(np.array(lines["zeros"]["log_ratio"]) > 0)
        said.append(
            f"{label}: r = {100 * alone:.3g} % ({alone * 5:.3g} spikes per synapse) against a twin alone, "
            f"{100 * shared:.2g} % where {BATCH} inputs share a read; if the twin skips zeros, spikes need less in "
            f"{100 * zeros:.2g} % of the map"
        )
    first = "Networks, break-even at T = 5. " + ". ".join(said) + "."
    lines = [{kind: one[kind]["nominal"][at] for kind in TWINS} for one in numbers["networks"].values()]
    between = sum(one["shared"] < YAN_RATE < one["alone"] for one in lines)
    if between:
        first += (
            f" Yan et al.'s {100 * YAN_RATE:.1f} % lies between the two on {between} of {len(NODES)} nodes."
        )
    bounds = [e for e in numbers["attention"] if e["bound"]]
    whole = [e for e in numbers["attention"] if not e["bound"]]
    firm, maybe = ([name_of(e) for e in some if wins(e)] for some in (whole, bounds))
    lost = [name_of(e) for e in numbers["attention"] if not wins(e)]
    second = (
        f"Attention: spikes need less than the best dense way somewhere on {len(firm)} of {len(whole)} maps "
        f"({', '.join(firm) or 'none'}) and on {len(maybe)} of {len(bounds)} lower bounds "
        f"({', '.join(maybe) or 'none'}); nowhere on {', '.join(lost) or 'none'}."
    )
    return [first, second]


def wins(entry: dict[str, Any]) -> bool:
    """Whether spikes need less anywhere on a map."""
    return bool((np.array(entry["log_ratio"]) > 0).any())


def name_of(entry: dict[str, Any]) -> str:
    """A map in words."""
    return f"{entry['chip']} {'touched only (hypothetical)' if entry['rule'] == 'race' else entry['rule']}"


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
