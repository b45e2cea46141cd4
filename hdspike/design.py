"""The design calculator: which dimension a task needs, by the exact law, and what it costs.

The task: bundle K of M items into one vector, and find a member again as the item nearest to it. Codes:

``bsc``          D dense bits, majority: the smallest D whose retrieval error is at most ε.
``sbc``          blocks of L values, per-block mode: the fewest blocks. Without a given L, the one that stores a vector
                 in the fewest bits.
``sbc_events``   the same with blocks so long that a query costs at most one synaptic event per item.
``or``           blocks of L values, OR: the fewest blocks. No member is ever lost, so that far fewer bits do; but the
                 bundle is a filter (Bloom 1970), not one more vector of the space, and it stands no changed places.

Everything is counted, nothing is priced. Source of the laws: :mod:`hdspike.theory`.
"""

from math import log, log2
from typing import Any

from hdspike import check, theory
from hdspike.theory.interval import EXACT, number
from hdspike.vocabulary import check_counters, plain

__all__ = ["FORMAT", "VERSION", "design", "table"]

FORMAT, VERSION = "hdspike-design", 1
MOST = 10_000
"""Members of a bundle: beyond, the law of the mode takes too long."""

LENGTHS = tuple(2**p for p in range(2, 21))
"""Block lengths that are tried: a block index then takes a whole number of bits."""


def design(
    items: int,
    bundle: int,
    error: float,
    *,
    bit_errors: float = 0.0,
    members: str = "set",
    block_length: int | None = None,
) -> dict[str, Any]:
    """The smallest code of each kind that finds a member of a bundle again with at most ``error``, and its cost.

    M = ``items`` ≤ 2⁵³, K = ``bundle`` ≤ 10,000 (< M for a set), ε = ``error`` in (0, 1). ``bit_errors`` is the share
    of places (bits or blocks) of the bundle that are changed before it is read. ``members`` is ``"set"`` (bundled
    members do not compete) or ``"sequence"`` (each is bound to a role, all other items compete). ``block_length``
    fixes L of the sparse codes.

    Returns a dict of plain numbers: ``request`` and, in ``codes``, for each code ``dim`` (bits of the vector, D),
    ``places`` and ``block_length`` (D = places × block length; 1 for dense bits), ``error`` (by the law, at this D),
    ``bits_per_vector`` (information, in whole bits per place), ``bytes_per_vector`` and ``bytes_of_items`` (as hdspike
    stores it: words of 64 bits, or 4 bytes per block), ``bits_per_bundle``, ``events_per_pair`` (synaptic events per
    query and item), and integer counts ``per_query`` and ``per_bundle`` under the names of the vocabulary. A code that
    cannot do it is in ``impossible`` with the reason.

    Raises:
        ValueError: an argument out of range, or a request that no code can meet.

    >>> made = design(1000, 50, 1e-2)
    >>> {name: code["dim"] for name, code in made["codes"].items()}
    {'bsc': 2584, 'sbc': 8992, 'sbc_events': 149504, 'or': 1152}
    """
    check.integer("items", items, low=2, high=EXACT)
    check.one_of("members", members, ("set", "sequence"))
    check.integer("bundle", bundle, low=1, high=min(items - 1, MOST) if members == "set" else MOST)
    if block_length is not None:
        check.integer("block_length", block_length, low=2, high=2**30)
    goal = number("error", error, 0, 1, open_=True)
    flips = number("bit_errors", bit_errors, 0, 1)
    task = {"items": items, "k": bundle, "members": members}

    codes: dict[str, dict[str, Any]] = {}
    impossible: dict[str, str] = {}
    makers = {"bsc": _dense, "sbc": _fewest_bits, "sbc_events": _few_events, "or": _union}
    if block_length is not None:
        del makers["sbc_events"]
    for name, make in makers.items():
        try:
            codes[name] = make(task, goal, flips, block_length)
        except ValueError as reason:
            impossible[name] = str(reason)
    if not codes:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in impossible.items())
        raise ValueError(f"error must be one that some code can reach, got {goal:g}: {reasons}")
    for code in codes.values():
        check_counters([*code["per_query"], *code["per_bundle"]])
    request = {
        "items": items, "bundle": bundle, "error": goal, "bit_errors": flips, "members": members,
        "block_length": block_length,
    }  # fmt: skip
    whole = {
        "format": FORMAT,
        "version": VERSION,
        "request": request,
        "codes": codes,
        "impossible": impossible,
    }
    made: dict[str, Any] = plain(whole)
    return made


def _dense(task: dict[str, Any], goal: float, flips: float, length: int | None) -> dict[str, Any]:
    places = theory.smallest_dim(**task, error=goal, bit_errors=flips)
    words, bound = -(-places // 64), task["members"] == "sequence"
    return {
        "dim": places,
        "places": places,
        "block_length": 1,
        "error": _missed(task, places, flips, 2),
        "bits_per_vector": places,
        "bytes_per_vector": 8 * words,
        "bytes_of_items": 8 * words * task["items"],
        "bits_per_bundle": places,
        "events_per_pair": places / 2,
        # to unbind a role is one XOR more
        "per_query": {"word_xors": words * (task["items"] + bound), "popcounts": words * task["items"]},
        # bit-sliced counters: K members in at most K full adders of two XORs each; one more to bind
        "per_bundle": {"word_xors": words * task["k"] * (2 + bound)},
    }


def _missed(task: dict[str, Any], places: int, flips: float, length: int) -> float:
    return theory.retrieval_error(
        places, task["items"], task["k"], error=flips, members=task["members"], length=length
    )


def _blocks(task: dict[str, Any], goal: float, flips: float, length: int) -> dict[str, Any]:
    """The fewest blocks of one length that are bundled by their mode."""
    places = theory.smallest_dim(**task, error=goal, bit_errors=flips, length=length)
    events = theory.events_per_pair(places * length, places)
    return {
        **_indices(task, places, length),
        "error": _missed(task, places, flips, length),
        "bits_per_bundle": places * _index_bits(length),
        "events_per_pair": events,
        "per_query": {"synaptic_events": round(events * task["items"]), "updates": task["items"]},
        "per_bundle": {"synaptic_events": places * task["k"]},
    }


def _indices(task: dict[str, Any], places: int, length: int) -> dict[str, Any]:
    """What a vector of block indices takes."""
    return {
        "dim": places * length,
        "places": places,
        "block_length": length,
        "bits_per_vector": places * _index_bits(length),
        "bytes_per_vector": 4 * places,
        "bytes_of_items": 4 * places * task["items"],
    }


def _index_bits(length: int) -> int:
    return (length - 1).bit_length()


def _fewest_bits(task: dict[str, Any], goal: float, flips: float, length: int | None) -> dict[str, Any]:
    if length is not None:
        return _blocks(task, goal, flips, length)
    best = None
    for tried in LENGTHS:
        code = _blocks(task, goal, flips, tried)
        if best is not None and code["bits_per_vector"] > 1.05 * best["bits_per_vector"]:
            break  # bits fall with the length, then rise
        if best is None or code["bits_per_vector"] < best["bits_per_vector"]:
            best = code
    assert best is not None
    return best


def _few_events(task: dict[str, Any], goal: float, flips: float, length: int | None) -> dict[str, Any]:
    for tried in LENGTHS:
        code = _blocks(task, goal, flips, tried)
        if code["events_per_pair"] <= 1:
            return code
    raise ValueError(f"block_length must be above {LENGTHS[-1]:,} for one event per item, more than is tried")


def _union(task: dict[str, Any], goal: float, flips: float, length: int | None) -> dict[str, Any]:
    """The fewest blocks that are bundled by OR; of all lengths, the one with the shortest bundle."""
    if flips > 0:
        raise ValueError(
            f"bit_errors must be 0 for an OR: a member with a changed place is not inside, got {flips:g}"
        )
    half_full = min(
        LENGTHS[-1], 2 ** max(2, round(log2(task["k"] / log(2))))
    )  # best for a filter: half of it set
    best: tuple[int, int] | None = None
    for tried in (half_full // 2, half_full, 2 * half_full) if length is None else (length,):
        places = theory.smallest_union(**task, error=goal, length=tried)
        if best is None or places * tried < best[0] * best[1]:
            best = places, tried
    assert best is not None
    places, chosen = best
    density = theory.or_density(chosen, 1, task["k"])
    return {
        **_indices(task, places, chosen),
        "error": theory.or_error(places, chosen, task["items"], task["k"], members=task["members"]),
        "bits_per_bundle": places * chosen,
        "events_per_pair": places * density,
        "per_query": {
            "synaptic_events": round(places * density * task["items"]),
            "updates": task["items"],
        },
        "per_bundle": {"synaptic_events": places * task["k"]},
    }


TITLES = {
    "bsc": "dense bits\nbsc",
    "sbc": "blocks, mode\nsbc",
    "sbc_events": "long blocks,\nmode: sbc",
    "or": "blocks, OR",
}
ROWS = (
    ("dimension D", lambda c: f"{c['dim']:,}"),
    ("places × block length", lambda c: f"{c['places']:,} × {c['block_length']:,}"),
    ("error by the exact law", lambda c: f"{c['error']:.3g}"),
    ("bits of a vector", lambda c: f"{c['bits_per_vector']:,}"),
    ("bytes of a vector, stored", lambda c: f"{c['bytes_per_vector']:,}"),
    ("bytes of the item memory", lambda c: f"{c['bytes_of_items']:,}"),
    ("bits of a bundle", lambda c: f"{c['bits_per_bundle']:,}"),
    ("word-XORs of a query", lambda c: _count(c, "per_query", "word_xors")),
    ("popcounts of a query", lambda c: _count(c, "per_query", "popcounts")),
    ("synaptic events of a query", lambda c: _count(c, "per_query", "synaptic_events")),
    (
        "synaptic events per (query, item)",
        lambda c: f"{c['events_per_pair']:,.{2 if c['events_per_pair'] < 100 else 0}f}",
    ),
    ("word-XORs of a bundle", lambda c: _count(c, "per_bundle", "word_xors")),
    ("synaptic events of a bundle", lambda c: _count(c, "per_bundle", "synaptic_events")),
)


def _count(code: dict[str, Any], when: str, name: str) -> str:
    return f"{code[when][name]:,}" if name in code[when] else "–"


def table(made: dict[str, Any]) -> Any:
    """What :func:`design` returned, as a ``rich`` table: a row per quantity, a column per code."""
    from rich.table import Table

    asked, codes = made["request"], made["codes"]
    what = "role-filler pairs" if asked["members"] == "sequence" else "members"
    worn = f", {100 * asked['bit_errors']:g} % of the places changed" if asked["bit_errors"] else ""
    shown = Table(
        title=f"{asked['items']:,} items, bundles of {asked['bundle']:,} {what}{worn}: "
        f"error at most {asked['error']:g}",
        title_justify="left",
        title_style="bold",
    )
    shown.add_column("smallest code that does it")
    for name in codes:
        shown.add_column(TITLES[name], justify="right")
    for label, cell in ROWS:
        shown.add_row(label, *(cell(code) for code in codes.values()))
    return shown
