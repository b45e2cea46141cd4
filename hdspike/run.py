"""The main job: from a text to joules. Every stage returns numbers; nothing is drawn or priced before its turn."""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import hdspike
from hdspike import check, pricing, quality, substrate, vocabulary
from hdspike.attention import SpikingAttention
from hdspike.attention.select import needs_theta
from hdspike.network import Outcome
from hdspike.on_chip import OnChip, failed, run_on_chip
from hdspike.sim import plain
from hdspike.task import Settings, Task, prepare

__all__ = ["Result", "RunnersDisagree", "run"]

Progress = Callable[[str], None]


class RunnersDisagree(RuntimeError):
    """The two runners chose different winners under the barrier: a defect of hdspike, never of the input."""


@dataclass(frozen=True)
class Result:
    """A finished run: ``numbers`` follows the schema, the rest is what the figures are drawn from."""

    numbers: dict[str, Any]
    settings: Settings
    task: Task
    layer: SpikingAttention
    outcome: Outcome
    timed: OnChip
    beta: float


def neuromorphic(name: str) -> substrate.Substrate:
    """The substrate called ``name``, which must be a chip that runs spikes."""
    sheet = substrate.load(name)
    if sheet.kind != "neuromorphic":
        raise ValueError(f"chip must be neuromorphic, {sheet.name} is a {sheet.kind}")
    return sheet


def run(settings: Settings, *, progress: Progress = lambda stage: None) -> Result:
    """Read, encode, attend on both runners, predict, compare, price.

    ``progress`` is called with the name of each stage as it begins.

    Raises:
        ValueError: a setting breaks its rule; the message names it.
        RunnersDisagree: the chip's winners differ from the functional runner's under the barrier.
    """
    began = time.perf_counter()
    check.integer("seed", settings.seed, low=0)
    sheet = neuromorphic(settings.chip)
    progress("reading and encoding the text")
    task = prepare(settings)
    layer = SpikingAttention(
        task.space, task.vectors["keys"], k=task.k, rule=settings.select, theta=settings.theta,
        seed=settings.seed,
    )  # fmt: skip
    timed = run_on_chip(task, settings, sheet, progress=progress)
    wrong = failed(timed.agreement)
    if wrong:
        raise RunnersDisagree(
            f"the chip's winners differ from the functional runner's under {', '.join(wrong)}: "
            f"{ {rule: timed.agreement[rule] for rule in wrong} }"
        )
    if needs_theta(settings.select) and settings.theta is None:
        progress("calibrating θ on development queries")
        layer.calibrate(task.vectors["development"])
    progress(f"spiking attention: {len(task.targets['queries'])} queries over {len(layer)} keys")
    outcomes = {name: layer.attend(task.vectors[name]) for name in ("development", "queries")}
    outcome = outcomes["queries"]
    by = quality.WEIGHTS[settings.select]
    main = quality.readout(task, outcomes, by=by)
    ablations = {
        "unweighted": quality.readout(task, outcomes, by="none"),
        "counters": quality.counters(task, outcomes, by=by),
    }
    progress("baselines: unigram, n-gram, softmax over the same keys")
    softmax = quality.softmax_attention(task, layer, outcome)
    baselines = {
        "unigram": quality.unigram_alone(task),
        "ngram": quality.backoff_ngram(task),
        "softmax": softmax.fitted,
    }
    progress("the dense twin: the smallest dimension that does the job")
    twin = quality.dense_twin(task, softmax.development_top1, seed=settings.seed)
    progress("counts → joules")
    keys, queries = len(layer), len(outcome)
    per_query = outcome.total("synaptic_events") / queries
    energy = pricing.spiking_bills(
        sheet.name,
        timed,
        settings.select,
        keys=keys,
        dim=task.space.dim,
        synaptic_events=per_query,
        seed=settings.seed,
    ) | pricing.dense_bills(keys, twin.dim, seed=settings.seed)

    numbers = plain(
        {
            "version": 1,
            "seed": settings.seed,
            "versions": _versions(),
            "settings": {
                "space": task.space.name,
                "dim": task.space.dim,
                "order": task.order,
                "winners": task.k,
                "select": settings.select,
                "weights": by,
                "chip": sheet.name,
                "quick": settings.quick,
            },
            "data": {
                "source": task.text.source,
                "characters": len(task.text),
                "symbols": len(task.text.symbols),
                "keys": keys,
                "development": len(task.targets["development"]),
                "queries": queries,
                "start": int(task.split.keys[0]),
            },
            "quality": main.as_json(),
            "baselines": {name: fitted.as_json() for name, fitted in baselines.items()},
            "ablations": {name: fitted.as_json() for name, fitted in ablations.items()},
            "attention": {
                "queries": queries,
                "keys": keys,
                "winners": task.k,
                "winners_mean": len(outcome.winners) / queries,
                "theta": layer.theta if needs_theta(settings.select) else None,
                "nonzero_fraction": len(outcome.winners) / (queries * keys),
                "touched_fraction": outcome.total("touched") / (queries * keys),
                "synaptic_events_per_query_key": per_query / keys,
                "captured_mass": softmax.captured_mass,
                "counts": {name: outcome.total(name) for name in outcome.counts},
            },
            "agreement": timed.agreement,
            "events": timed.events,
            "chip": {
                "name": sheet.name,
                "keys": timed.keys,
                "dim": timed.space.dim,
                "lines": timed.lines,
                "queries": len(timed.queries),
                "cores": timed.runs[settings.select].mapping.cores_used,
                "chips_for_all_keys": pricing.chips_needed(timed, keys=keys, dim=task.space.dim),
                "simulated_s_per_query": timed.seconds(settings.select),
                "latency_async_s": timed.seconds("race_async"),
                "per_rule": {name: run_.counts for name, run_ in timed.runs.items()},
            },
            "time": {
                "simulated_s": sum(float(r.simulated_ps.sum()) for r in timed.runs.values()) * 1e-12,
                "wall_s": time.perf_counter() - began,
            },
            "energy": energy,
            "dense": {
                "dim": twin.dim,
                "within": twin.within,
                "top1_full": softmax.fitted.top1,
                "top1": twin.fitted.top1,
                "top1_int8": twin.fitted.top1,
                "bits_per_char": twin.fitted.bits_per_char,
                "bits_per_char_int8": twin.fitted.bits_per_char,
                "beta": twin.fitted.beta,
                "tried": twin.tried,
            },
        }
    )
    numbers["idea"] = the_idea(numbers, timed, settings.select)
    vocabulary.validate(numbers)
    return Result(numbers, settings, task, layer, outcome, timed, softmax.fitted.beta)


def _versions() -> dict[str, str]:
    import numba
    import scipy

    return {
        "hdspike": hdspike.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "scipy": scipy.__version__,
    }


def si(value: float, unit: str = "") -> str:
    """``value`` with three digits and an SI prefix."""
    if value == 0:
        return f"0 {unit}".strip()
    for factor, prefix in (
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
        (1, ""),
        (1e-3, "m"),
        (1e-6, "µ"),
        (1e-9, "n"),
    ):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {prefix}{unit}".strip()
    return f"{value / 1e-12:.3g} p{unit}".strip()


def the_idea(numbers: dict[str, Any], timed: OnChip, rule: str) -> list[dict[str, str]]:
    """The five rows of the original idea, every cell a count or size of this run with the name of its counter."""
    attention, settings, chip = numbers["attention"], numbers["settings"], numbers["chip"]
    keys, dim = attention["keys"], numbers["dense"]["dim"]
    dense = pricing.dense_counts(keys, dim, "fp32")
    mean = timed.per_query(rule)
    sparse = settings["space"] == "sbc"
    per_query = attention["counts"]["synaptic_events"] / attention["queries"]
    active = attention["counts"]["input_events"] + attention["counts"]["cancelled_events"]
    spikes = attention["counts"]["fired"] / attention["queries"]
    rows = [
        (
            "dimension",
            f"{dim} fp32 numbers, all of them non-zero",
            "dense.dim",
            f"{settings['dim']:,} bits, {active / attention['queries']:,.0f} of them active in a query",
            "settings.dim, attention.counts.input_events + cancelled_events",
        ),
        (
            "operation",
            f"{si(dense['macs_fp32'])} multiply-accumulates a query",
            "macs_fp32",
            f"{si(per_query)} synaptic events (one addition each) a query, no multiplication",
            "attention.counts.synaptic_events",
        ),
        (
            "attention",
            f"softmax: all {keys:,} cells of a row non-zero, all touched",
            "attention.keys",
            f"k-WTA: {100 * attention['nonzero_fraction']:.2f} % of cells non-zero, "
            f"{100 * attention['touched_fraction']:.1f} % touched, "
            f"{attention['synaptic_events_per_query_key']:.2f} events per (query, key)",
            "attention.nonzero_fraction, touched_fraction, synaptic_events_per_query_key",
        ),
        (
            "activation",
            f"{si(dense['exps'])} exponentials a query",
            "exps",
            f"{spikes:,.0f} spikes a query, {attention['winners_mean']:.0f} of them winners"
            + ("" if sparse else " (dense code: every key neuron is driven by every active bit)"),
            "attention.counts.fired, attention.winners_mean",
        ),
        (
            "hardware",
            f"{si(dense['dram_bits'] / 8, 'B')} of keys and values fetched a query",
            "dram_bits",
            f"{si(mean['packets'])} packets, {si(mean['hops'])} hops a query on one chip of {chip['cores']} "
            f"cores ({chip['keys']:,} keys), {si(chip['simulated_s_per_query'], 's')}",
            f"chip.per_rule.{rule}.packets, hops; chip.simulated_s_per_query",
        ),
    ]
    names = ("row", "dense", "dense_counter", "spiking", "spiking_counter")
    return [dict(zip(names, row, strict=True)) for row in rows]
