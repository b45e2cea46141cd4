"""The main job: from a text to joules. Every stage returns numbers; nothing is drawn or priced before its turn."""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import hdspike
from hdspike import pricing, quality, substrate, vocabulary
from hdspike.attention import SpikingAttention
from hdspike.attention.select import needs_theta
from hdspike.idea import the_idea
from hdspike.network import Outcome
from hdspike.on_chip import OnChip, failed, run_on_chip
from hdspike.task import Settings, Task, prepare, validate
from hdspike.theory import wilson
from hdspike.vocabulary import plain

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
    """The substrate called ``name`` (or a TOML file), which must be a chip that runs spikes, with its prices."""
    try:
        sheet = substrate.load(name)
    except ValueError as error:
        raise ValueError(f"chip {name!r} cannot be used: {error}") from error
    if sheet.kind != "neuromorphic":
        raise ValueError(f"chip must be neuromorphic, {sheet.name} is a {sheet.kind}")
    missing = [f"energy.{name}" for name in pricing.CHARGED if not sheet.has(f"energy.{name}")]
    if missing:
        raise ValueError(f"chip must price what it counts, {sheet.name} has no {', '.join(missing)}")
    return sheet


def run(settings: Settings, *, progress: Progress = lambda stage: None) -> Result:
    """Read, encode, attend on both runners, predict, compare, price.

    ``progress`` is called with the name of each stage as it begins.

    Raises:
        ValueError: a setting breaks its rule; the message names it.
        RunnersDisagree: the chip's winners differ from the functional runner's under the barrier.
    """
    began = time.perf_counter()
    validate(settings)
    sheet = neuromorphic(settings.chip)
    progress("reading and encoding the text")
    task = prepare(settings)
    layer = SpikingAttention(
        task.space, task.vectors["keys"], k=task.k, rule=settings.select, theta=settings.theta,
        seed=settings.seed,
    )  # fmt: skip
    if settings.theta is None:
        progress("calibrating θ on development queries")
        layer.calibrate(task.vectors["development"])
    assert layer.theta is not None
    timed = run_on_chip(task, settings, sheet, theta=layer.theta, progress=progress)
    wrong = failed(timed.agreement)
    if wrong:
        raise RunnersDisagree(
            f"the chip's winners differ from the functional runner's under {', '.join(wrong)}: "
            f"{ {rule: timed.agreement[rule] for rule in wrong} }"
        )
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
    keys, queries, dim = len(layer), len(outcome), task.space.dim
    per_query = outcome.total("synaptic_events") / queries
    job = pricing.job_of(task, outcome, timed, settings.select, sheet, twin_dim=twin.dim)
    energy = pricing.spiking_bills(sheet, timed, job, seed=settings.seed)
    energy |= pricing.bills(pricing.rivals(job), seed=settings.seed)
    scale = pricing.share_of(timed, keys=keys, dim=dim)
    mean = timed.per_query(settings.select)
    sizes = np.diff(outcome.indptr)

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
                "winners_median": float(np.median(sizes)),
                "silent_fraction": float(np.mean(sizes == 0)),
                "theta": layer.theta if needs_theta(settings.select) else None,
                "nonzero_fraction": len(outcome.winners) / (queries * keys),
                "touched_fraction": outcome.total("touched") / (queries * keys),
                "synaptic_events_per_query_key": per_query / keys,
                "updates_per_query_key": mean["updates"] / timed.keys,
                "captured_mass": softmax.captured_mass,
                "counts": {name: outcome.total(name) for name in outcome.counts},
            },
            "agreement": {name: with_interval(row) for name, row in timed.agreement.items()},
            "events": timed.events,
            "chip": {
                "name": sheet.name,
                "keys": timed.keys,
                "keys_per_chip": timed.keys_per_chip,
                "winners": timed.k,
                "theta": timed.theta,
                "dim": timed.space.dim,
                "lines": timed.lines,
                "queries": len(timed.queries),
                "cores": timed.runs[settings.select].mapping.cores_used,
                "chips_for_all_keys": pricing.chips_needed(timed, keys=keys, dim=dim),
                "simulated_s_per_query": timed.seconds(settings.select),
                "latency_async_s": timed.seconds("race_async"),
                "packets_per_query": mean["packets"] * scale,
                "hops_per_query": mean["hops"] * scale,
                "per_rule": {name: run_.counts for name, run_ in timed.runs.items()},
            },
            "time": {
                "simulated_s": float(timed.runs[settings.select].simulated_ps.sum()) * 1e-12,
                "wall_s": time.perf_counter() - began,
            },
            "energy": energy,
            "dense": {
                "dim": twin.dim,
                "within": twin.within,
                "top1_full": softmax.fitted.top1,
                "top1": twin.fitted.top1,
                "bits_per_char": twin.fitted.bits_per_char,
                "nonzero_share": twin.nonzero_share,
                "counts": pricing.dense_counts(keys, twin.dim, "fp32"),
                "beta": twin.fitted.beta,
                "tried": twin.tried,
            },
        }
    )
    numbers["idea"] = the_idea(numbers)
    vocabulary.validate(numbers)
    return Result(numbers, settings, task, layer, outcome, timed, softmax.fitted.beta)


def with_interval(row: dict[str, int]) -> dict[str, Any]:
    """A row of the agreement with the 95 % interval of its share of queries that differ."""
    low, high = wilson(row["queries_differing"], row["queries"])
    return {**row, "share_low": low, "share_high": high}


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
