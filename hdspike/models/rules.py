"""Rules of attention by name: what each may be asked, and how its plug is built.

A rule says what is read (``select``: all keys, the winners alone, winners and bundles of the others) and what finds the
winners (``code``: the exact scores, codes of signs, events). :func:`named` turns the two into the rule's name.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.models.attention import Attention, softmax
from hdspike.models.bundled import Bundled
from hdspike.models.codebook import codebook_of, learn_codebook, observed
from hdspike.models.coded import CodedKWTA
from hdspike.models.evented import EventKWTA
from hdspike.models.evented_bundles import EventBundled
from hdspike.models.kwta import KWTA
from hdspike.models.llama import Llama
from hdspike.models.product import learn_product
from hdspike.models.signs import KeyMeans, SignCode

__all__ = ["CODES", "RULES", "Options", "Rule", "measured", "named", "rule"]

MEASURES = ("captured_mass", "nonzero_fraction", "touched_fraction", "synaptic_events_per_query_key")


@dataclass(frozen=True)
class Options:
    """What rules may be asked; each takes those that it names.

    ``winners`` per query and head, ``sinks`` and ``recent`` of them always on; ``bits`` of a code, or ``blocks`` of
    ``lines`` and ``events`` that a query may spend for each key; ``candidates`` scored exactly for each winner;
    ``weights`` of the winners, where a code finds them; ``bundles`` of each key head. Queries that see more keys than
    ``counted_from`` are counted.
    """

    winners: int = 41
    sinks: int = 0
    recent: int = 0
    bits: int = 1024
    blocks: int = 4
    lines: int = 256
    events: float = 0.5
    candidates: int = 4
    weights: str = "softmax"
    bundles: int = 16
    counted_from: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Rule:
    """One rule: a line for people, what it ``takes`` of the options, how its plug is built.

    ``learns``: whether it is built from windows of another text, which the model reads. A plug that counts has the
    attributes ``captured_mass``, ``nonzero_fraction``, ``touched_fraction`` and, where it works by events,
    ``synaptic_events_per_query_key``, and is set back by ``reset()``.
    """

    what: str
    takes: tuple[str, ...]
    build: Callable[[Options, Llama, NDArray[np.int64] | None], Attention]
    learns: bool = False


def _given(development: NDArray[np.int64] | None) -> NDArray[np.int64]:
    if development is None:
        raise ValueError("development must be windows of another text for a rule that learns, got None")
    return development


def _kwta(options: Options, model: Llama, development: NDArray[np.int64] | None) -> KWTA:
    return KWTA(
        options.winners, sinks=options.sinks, recent=options.recent, counted_from=options.counted_from
    )


def _signs(options: Options, model: Llama, development: NDArray[np.int64] | None) -> CodedKWTA:
    means = KeyMeans()
    for window in _given(development):
        model.hidden(window, means)
    return CodedKWTA(
        options.winners,
        code=SignCode(options.bits, seed=options.seed, centre=means.centre),
        candidates=options.candidates,
        weights=options.weights,
        sinks=options.sinks,
        recent=options.recent,
        counted_from=options.counted_from,
    )


def _events(options: Options, model: Llama, development: NDArray[np.int64] | None) -> EventKWTA:
    found = observed(model, _given(development))
    return EventKWTA(
        options.winners,
        learn_product(*found, blocks=options.blocks, lines=options.lines, rng=options.seed),
        events=options.events,
        candidates=options.candidates,
        weights=options.weights,
        sinks=options.sinks,
        recent=options.recent,
        counted_from=options.counted_from,
    )


def _event_bundles(options: Options, model: Llama, development: NDArray[np.int64] | None) -> EventBundled:
    keys, moments, means = observed(model, _given(development))
    return EventBundled(
        options.winners,
        codebook_of(keys, moments, entries=options.bundles, rng=options.seed),
        learn_product(keys, moments, means, blocks=options.blocks, lines=options.lines, rng=options.seed),
        events=options.events,
        candidates=options.candidates,
        sinks=options.sinks,
        recent=options.recent,
        counted_from=options.counted_from,
    )


def _bundles(options: Options, model: Llama, development: NDArray[np.int64] | None) -> Bundled:
    return Bundled(
        options.winners,
        learn_codebook(model, _given(development), entries=options.bundles, rng=options.seed),
        sinks=options.sinks,
        recent=options.recent,
        counted_from=options.counted_from,
    )


ALWAYS = ("winners", "sinks", "recent")
EVENTS = ("blocks", "lines", "events", "candidates")
CODES = ("exact", "signs", "events")
NAMES = {
    ("softmax", "exact"): "softmax",
    ("kwta", "exact"): "kwta",
    ("kwta", "signs"): "signs",
    ("kwta", "events"): "events",
    ("bundles", "exact"): "bundles",
    ("bundles", "events"): "event-bundles",
}

RULES: dict[str, Rule] = {
    "softmax": Rule("exact softmax over all keys", (), lambda *_: softmax),
    "kwta": Rule(
        "the k highest scores win, softmax over the winners; every score is computed", ALWAYS, _kwta
    ),
    "signs": Rule(
        "k winners among the keys whose sign codes are nearest to the query's; candidates are scored exactly",
        (*ALWAYS, "bits", "candidates", "weights"),
        _signs,
        learns=True,
    ),
    "events": Rule(
        "k winners among the keys that the query's strongest spikes lift the highest; candidates are scored exactly",
        (*ALWAYS, *EVENTS, "weights"),
        _events,
        learns=True,
    ),
    "bundles": Rule(
        "exact winners, and all other keys through bundles, which are cells of the k too; every score is computed",
        (*ALWAYS, "bundles"),
        _bundles,
        learns=True,
    ),
    "event-bundles": Rule(
        "winners that events find, and all other keys through bundles, which are cells of the k too",
        (*ALWAYS, *EVENTS, "bundles"),
        _event_bundles,
        learns=True,
    ),
}


def named(select: str, code: str | None = None) -> str:
    """The name of the rule that reads as ``select`` says the winners that ``code`` finds; None as the name has it.

    >>> named("kwta", "events"), named("bundles"), named("signs")
    ('events', 'bundles', 'signs')

    Raises:
        ValueError: no such rule.
    """
    rule(select)
    if code is None:
        return select
    check.one_of("code", code, CODES)
    if (select, code) not in NAMES:
        possible = [other for name, other in NAMES if name == select]
        says = f"one of {', '.join(possible)}" if possible else "left out"
        raise ValueError(f"code must be {says} with select {select}, got {code}")
    return NAMES[select, code]


def rule(name: str) -> Rule:
    """The rule of this name; ``ValueError`` where there is none."""
    return RULES[check.one_of("select", name, tuple(RULES))]


def measured(plug: Attention) -> dict[str, float | None]:
    """What a plug counted, by name; None for what it has not: softmax reads all, and has no events.

    >>> measured(softmax)["nonzero_fraction"], measured(softmax)["synaptic_events_per_query_key"]
    (1.0, None)
    """
    if plug is softmax:
        return dict.fromkeys(MEASURES[:3], 1.0) | {MEASURES[3]: None}
    found = {name: getattr(plug, name, None) for name in MEASURES}
    return {name: None if value is None or value != value else float(value) for name, value in found.items()}
