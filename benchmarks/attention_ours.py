"""Our side at one length of the context: streams of keys, tuned on development queries, judged on others, and counted.

Three ways to lay a context out on lines, all :class:`hdspike.models.stream.KeyStream`:

- ``lines``: L = 1,024 lines whatever the context, constant D;
- ``growing``: L = N/128 lines, D ∝ N;
- ``packed``: 16 lines that all spike: every key's dense code is compared, nothing is skipped.

Each asks as many winners as a rule says. The share of keys that the spiking lines must hold and the candidates for each
winner are the cheapest with which **development** queries find the mass that is wanted. What is reported is of queries
of other documents.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from attention_keys import Head
from numpy.typing import NDArray

from hdspike.dense.cost import SECTOR_BITS
from hdspike.models.stream import KeyStream
from hdspike.models.stream_code import StreamCode, learn_stream

__all__ = [
    "AROUND",
    "AROUND_FEW",
    "KINDS",
    "Exact",
    "Tuned",
    "counts",
    "exact",
    "judge",
    "stream",
    "surely",
    "tune",
    "weights",
]

KINDS = ("lines", "growing", "packed")
LINES, EACH, FEW = 1024, 128, 16
BITS = 128
SHARES = (
    *(
        0.01,
        0.015,
        0.02,
        0.025,
        0.03,
        0.035,
        0.04,
        0.05,
        0.06,
        0.07,
        0.08,
        0.09,
        0.1,
        0.115,
        0.13,
        0.145,
        0.16,
    ),
    *(0.18, 0.2, 0.22, 0.24, 0.27, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.85, 1.0),
)
AROUND = (1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0)  # candidates for each winner
AROUND_FEW = (4.0, 8.0, 16.0, 32.0)  # the same where winners are few
SAFE = 3.0
DEAR = 10  # keys touched that cost as much as one that is scored exactly


@dataclass(frozen=True)
class Exact:
    """Exact weights of some queries: ``mass`` (Q, N) softmax, ``best`` (Q,) that of the k best, ``outputs`` (Q, dv)."""

    queries: NDArray[np.float32]
    mass: NDArray[np.float32]
    best: NDArray[np.float64]
    outputs: NDArray[np.float64]
    winners_outputs: NDArray[np.float64]


def weights(head: Head, queries: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax over all keys of queries ``(H, n, d)``: ``(H·n, N)``, float32 with sums in float64."""
    rows = queries.reshape(-1, queries.shape[2])
    mass = rows @ head.keys.T
    for row in mass:
        row /= np.float32(math.sqrt(rows.shape[1]))
        row -= row.max()
        np.exp(row, out=row)
        row /= np.float32(row.sum(dtype=np.float64))
    return mass


def exact(
    head: Head, queries: NDArray[np.float32], winners: int, mass: NDArray[np.float32] | None = None
) -> Exact:
    """What exact softmax, and the exact winners, give; ``mass`` is that of :func:`weights` if it is there."""
    if mass is None:
        mass = weights(head, queries)
    winners = min(winners, mass.shape[1])
    best, among = np.empty(len(mass)), np.empty((len(mass), head.values.shape[1]))
    for i, row in enumerate(mass):
        places = np.argpartition(row, len(row) - winners)[-winners:]
        top = row[places].astype(np.float64)
        best[i] = top.sum()
        among[i] = top @ head.values[places] / best[i]
    return Exact(queries, mass, best, (mass @ head.values).astype(np.float64), among)


def stream(head: Head, kind: str, winners: int | str, *, lines: int | None = None) -> tuple[KeyStream, float]:
    """A stream that holds all keys of ``head``, and the seconds that an insertion took, one thread."""
    size = len(head.keys)
    if lines is None:
        lines = {"lines": LINES, "growing": max(8, size // EACH), "packed": FEW}[kind]
    learn = head.learn_keys
    if (
        lines > len(learn) // 8
    ):  # more lines than development keys can teach: keys of the context itself, drawn
        learn = head.keys[np.sort(np.random.default_rng(2).choice(size, min(size, 8 * lines), replace=False))]
    lines = min(lines, len(learn))
    code = _learned(learn, head.learn_queries, lines)
    held = KeyStream(code, winners=winners, value_dim=head.values.shape[1], capacity=size)
    warm = max(1, min(64, size // 10))
    held.insert(head.keys[None, :warm], head.values[None, :warm])
    begun = time.perf_counter()
    held.insert(head.keys[None, warm:], head.values[None, warm:])
    return held, (time.perf_counter() - begun) / (size - warm)


_codes: dict[tuple[Any, ...], StreamCode] = {}


def _learned(keys: NDArray[np.float32], queries: NDArray[np.float32], lines: int) -> StreamCode:
    """A code of 128 bits; the same keys and lines are learned from once."""
    name = (len(keys), float(keys[0].sum()), float(keys[-1].sum()), lines)
    if name not in _codes:
        _codes[name] = learn_stream(
            keys[None], queries, lines=lines, bits=BITS, iterations=8 if lines <= LINES else 4, rng=0
        )
    return _codes[name]


@dataclass(frozen=True)
class Tuned:
    """What development queries chose, and what judged queries found with it."""

    share: float
    candidates: float
    found: float
    """Mass of the winners ÷ that of the exact ones, mean of the queries."""
    found_deviation: float
    found_least: float
    lost: float
    """Softmax mass that the exact winners themselves leave out."""
    error: float
    """|output − softmax's| ÷ |softmax's|, mean."""
    error_exact: float
    """The same of the exact winners."""
    per_query: dict[str, float]


def judge(held: KeyStream, true: Exact) -> Tuned:
    """Ask the queries of ``true``.

    Raises:
        AssertionError: winners that are not different keys, or fewer of them than were asked.
    """
    held.reset()
    read = held.search(true.queries)
    places = read.places.reshape(len(true.mass), -1)
    kept = read.kept.ravel()
    if kept.min() < held.count() or any(len(set(row.tolist())) < len(row) for row in places):
        raise AssertionError(f"each query must find {held.count()} different keys, got {kept.min()}")
    found = np.take_along_axis(true.mass, places.astype(np.int64), axis=1).sum(axis=1, dtype=np.float64)
    ratio = found / true.best
    if ratio.max() > 1 + 1e-4:
        raise AssertionError(f"no winners can hold more than the exact ones, got {ratio.max()}")

    def far(outputs: NDArray[Any]) -> float:
        gap = np.linalg.norm(outputs.reshape(true.outputs.shape) - true.outputs, axis=1)
        return float((gap / np.linalg.norm(true.outputs, axis=1)).mean())

    return Tuned(
        held.share, held.candidates, float(ratio.mean()), float(ratio.std(ddof=1)), float(ratio.min()),
        float(1 - true.best.mean()), far(read.outputs), far(true.winners_outputs),
        {name: total / held.rows for name, total in held.tally.items()},
    )  # fmt: skip


def surely(found: Tuned, queries: int) -> float:
    """The mean mass found, less ``SAFE`` standard errors: other documents are not these."""
    return found.found - SAFE * found.found_deviation / math.sqrt(queries)


def tune(held: KeyStream, kind: str, true: Exact, wanted: float, around: tuple[float, ...] = AROUND) -> None:
    """The cheapest setting with which ``true`` surely finds ``wanted``; all there is if none does.

    For each number of candidates the least share is sought by halving, since more keys find more. A candidate costs as
    much as ``DEAR`` keys touched, about.
    """
    shares = SHARES if kind != "packed" else (1.0,)
    best, least = (1.0, around[-1]), math.inf
    for held.candidates in around:
        low, high = 0, len(shares)
        while low < high:
            middle = (low + high) // 2
            held.share = shares[middle]
            if surely(judge(held, true), len(true.mass)) >= wanted:
                high = middle
            else:
                low = middle + 1
        if low < len(shares):
            held.share = shares[low]
            per_query = judge(held, true).per_query
            cost = per_query["touched"] + DEAR * per_query["rescored"]
            if cost < least:
                best, least = (held.share, held.candidates), cost
    held.share, held.candidates = best


def counts(held: KeyStream, per_query: dict[str, float], batch: int) -> dict[str, float]:
    """What one query of a ``batch`` counts on a processor, and one insertion; a lower bound, like the dense side's.

    Keys and values have 16 bits an entry, lines 32. Queries of a batch share what they fetch from DRAM, at most all
    there is; SRAM is read by each. A key on a spiking line: W XORs and 4·W ANDs of words (priced as XORs), 4·W
    popcounts, as many additions, and a comparison.
    """
    dim, value_dim = held.code.dim, held._width
    lines, words, size = held.code.count, held.code.words, held.length
    touched, rescored, kept = (per_query[name] for name in ("touched", "rescored", "kept"))
    row, value = (math.ceil(16 * n / SECTOR_BITS) * SECTOR_BITS for n in (dim, value_dim))

    def shared(each: float, most: float) -> float:
        return min(most, batch * each) / batch

    fetched = (
        shared(touched, size) * 64 * words
        + shared(rescored, size) * (row + SECTOR_BITS)  # the key, and its number in the block
        + shared(kept, size) * value
        + 32 * lines * dim / batch
    )
    return {
        "synaptic_events": touched,
        "macs_bf16": 2 * (dim * dim + lines * dim)
        + rescored * dim
        + kept * value_dim,  # the query, and a key
        "word_xors": 5 * words * touched,
        "popcounts": 4 * words * touched,
        "adds_int32": (4 * words + 1) * touched + 2 * lines + 2 * rescored,
        "exps": kept,
        "dram_bits": fetched,
        "dram_bits_written": 16 * (dim + value_dim) + 64 * words + 32,
        "sram_bits": touched * 64 * words
        + rescored * 16 * dim
        + kept * 16 * value_dim
        + 2 * 32 * lines * dim,
        "sram_bits_written": 16 * (dim + value_dim) + 64 * words + 16 * touched,
    }
