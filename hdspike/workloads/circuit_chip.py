"""The circuit on the timed chip: when the race is won, what it costs in packets, whose winners they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import chip, functional
from hdspike.attention.latency import LatencyAttention
from hdspike.attention.select import RULES
from hdspike.chip.mesh import link_latencies
from hdspike.network import KWTA, disagreement
from hdspike.spikes import EVENT
from hdspike.workloads.circuit import Head, other_winners

__all__ = ["Timed", "by_steps", "every_clock", "time_course", "timed"]

QUIET_PS = 50_000_000  # 50 µs between spikes: nothing is in flight any more when the next one comes


@dataclass(frozen=True, eq=False)
class Timed:
    """What a chip did with the queries of a head: times in ps, one per query.

    ``won_ps`` is the time of the spike that is the layer's k-th, or of the query's last delivery where fewer fired;
    ``complete`` says whether k fired. ``last_ps`` is the last delivery of an input event to a core, ``end_ps`` when
    all was quiet.
    """

    run: chip.ChipRun
    won_ps: NDArray[np.int64]
    last_ps: NDArray[np.int64]
    complete: NDArray[np.bool_]

    @property
    def end_ps(self) -> NDArray[np.int64]:
        return self.run.simulated_ps

    def bound_ps(self, config: chip.ChipConfig) -> float:
        """What no order of packets can beat, for the mean query: the time that the busiest link is busy."""
        busy = (self.run.per_link * link_latencies(config)).max(initial=0)
        return float(busy) / max(1, len(self.won_ps))


def timed(
    layer: LatencyAttention,
    contributions: Any,
    config: chip.ChipConfig,
    *,
    mapping: chip.Mapping,
    clock: str,
    gap_ps: int = 0,
    per_tick: int | None = None,
    stop: bool = True,
) -> Timed:
    """Run the queries on the chip, each from rest. Without ``stop`` a race goes on to its last input event."""
    network, k = layer.network, layer.k
    if not stop:
        if network.kwta.readout != "tick":
            raise ValueError(f"stop must be True but for a race, got False for {layer.rule!r}")
        network = replace(network, kwta=KWTA(len(layer) + 1, network.kwta.theta, "tick"))
    stimuli = layer.stimuli(contributions, per_tick=per_tick)
    run = chip.run(network, stimuli, config, clock=clock, gap_ps=gap_ps, mapping=mapping, record=True)
    if run.truncated:
        raise ValueError(f"contributions must be of fewer queries: the record of {len(stimuli)} is full")
    won = np.zeros(len(stimuli), dtype=np.int64)
    last, complete = won.copy(), np.zeros(len(stimuli), dtype=bool)
    for q in range(len(stimuli)):
        spikes = np.sort(run.spikes["time"][run.spikes_indptr[q] : run.spikes_indptr[q + 1]])
        heard = run.inputs["time"][run.inputs_indptr[q] : run.inputs_indptr[q + 1]]
        last[q] = heard.max(initial=0)
        complete[q] = len(spikes) >= k
        won[q] = spikes[k - 1] if complete[q] else last[q]
    return Timed(run, won, last, complete)


def without_record(one: Timed) -> Timed:
    """The same without its events, which are large."""
    nothing: Any = np.empty(0, dtype=EVENT)
    return replace(one, run=replace(one.run, inputs=nothing, spikes=nothing))


def every_clock(
    head: Head, layer: LatencyAttention, config: chip.ChipConfig, *, mapping: chip.Mapping
) -> tuple[dict[str, Timed], dict[str, Any]]:
    """Every rule and clock at the layer's θ: the runs by name, and what arrival times change.

    ``barrier_exact``, ``barrier_threshold``, ``barrier_race``; ``barrier_all`` and ``async_all``, races that do not
    stop; ``async_race`` and ``async_seeded``, all spikes queued at once; ``async_quiet``, each spike after the last
    has had its effect. Only ``async_race`` and ``async_all`` keep their records.

    The second part has ``differing``, the winners under a barrier that are not those of the functional runner (0, or
    one of the two is wrong); ``in_order``, the outcome of the race spike by spike in the order of the code; and the
    shares of winners that are others: ``loaded`` and ``quiet`` than in that order, ``congestion`` loaded than quiet.
    """
    asked = head.contributions
    runs: dict[str, Timed] = {}
    differing = 0
    layer.order = "strongest"
    for layer.rule in RULES:
        run = without_record(timed(layer, asked, config, mapping=mapping, clock="barrier"))
        differing += disagreement(layer.attend(asked), run.run.outcome)["differing"]
        runs[f"barrier_{layer.rule}"] = run
    layer.rule = "race"
    runs["barrier_all"] = without_record(
        timed(layer, asked, config, mapping=mapping, clock="barrier", stop=False)
    )
    runs["async_all"] = timed(layer, asked, config, mapping=mapping, clock="async", stop=False)
    runs["async_race"] = timed(layer, asked, config, mapping=mapping, clock="async")
    runs["async_quiet"] = without_record(
        timed(layer, asked, config, mapping=mapping, clock="async", gap_ps=QUIET_PS)
    )
    layer.order = "seeded"
    runs["async_seeded"] = without_record(timed(layer, asked, config, mapping=mapping, clock="async"))
    layer.order = "strongest"
    in_order = functional.run(layer.network, layer.stimuli(asked, per_tick=1))
    loaded, quiet = runs["async_race"].run.outcome, runs["async_quiet"].run.outcome
    changed = {
        "loaded": float(other_winners(in_order, loaded).mean()),
        "quiet": float(other_winners(in_order, quiet).mean()),
        "congestion": float(other_winners(quiet, loaded).mean()),
    }
    return runs, {"differing": differing, "in_order": in_order, **changed}


def by_steps(
    head: Head,
    layer: LatencyAttention,
    config: chip.ChipConfig,
    *,
    mapping: chip.Mapping,
    ticks: Sequence[int],
) -> dict[int, Timed]:
    """The race under a barrier with its spikes in so many steps at most."""
    layer.rule, layer.order = "race", "strongest"
    out = {}
    for count in ticks:
        per_tick = -(-layer.spikes // count)
        run = timed(layer, head.contributions, config, mapping=mapping, clock="barrier", per_tick=per_tick)
        out[count] = without_record(run)
    return out


def time_course(layer: LatencyAttention, runs: dict[str, Timed]) -> dict[str, Any]:
    """One query of a typical latency: when its spikes arrived or would have, and when neurons fired."""
    stopped, whole = runs["async_race"], runs["async_all"]
    possible = np.flatnonzero(stopped.complete)
    chosen = possible if len(possible) else np.arange(len(stopped.won_ps))
    q = int(chosen[np.argsort(stopped.won_ps[chosen], kind="stable")[len(chosen) // 2]])

    def arrivals(run: chip.ChipRun) -> dict[int, int]:
        rows = run.inputs[run.inputs_indptr[q] : run.inputs_indptr[q + 1]]
        out: dict[int, int] = {}
        for time, line in rows.tolist():
            out.setdefault(line, time)
        return out

    heard, all_lines = arrivals(stopped.run), arrivals(whole.run)
    spikes = {}
    for name, one in (("stopped", stopped.run), ("whole", whole.run)):
        rows = one.spikes[one.spikes_indptr[q] : one.spikes_indptr[q + 1]]
        spikes[name] = np.sort(rows["time"] / 1e6).tolist()
    levels = layer.code.levels
    return {
        "delivered": [[time / 1e6, int(layer.code.weights[line % levels])] for line, time in heard.items()],
        "cancelled": [
            [time / 1e6, int(layer.code.weights[line % levels])]
            for line, time in all_lines.items()
            if line not in heard
        ],
        "fired_us": spikes["stopped"],
        "would_fire_us": spikes["whole"],
        "won_us": float(stopped.won_ps[q]) / 1e6,
        "end_us": float(stopped.last_ps[q]) / 1e6,
        "whole_us": float(whole.last_ps[q]) / 1e6,
    }
