"""The functional runner for packed dense keys: XOR and popcount stand for ±1 synapses, which are counted.

Every line reaches every neuron, with +1 where the key's bit is 1 and −1 where it is 0, and the bias is
``D − |key|``: the potential is then the number of equal bits.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.functional.readout import TICK, Group, Progress, _late, _record, _scratch, collect
from hdspike.jit import kernel, spread
from hdspike.network import KWTA, Outcome


@dataclass(frozen=True)
class DenseLayer:
    """Dense keys as packed words ``(N, W)``: line ``i`` reaches every key with ``+1`` or ``−1`` (its bit i).

    ``rank`` gives the order in which active lines arrive, a permutation of the ``dim`` lines.
    """

    keys: NDArray[np.uint64]
    dim: int
    rank: NDArray[np.int64]
    per_tick: int
    kwta: KWTA

    def __post_init__(self) -> None:
        keys = check.batch("keys", bits.words_of("keys", self.keys, self.dim), least=1)
        object.__setattr__(self, "keys", keys)
        object.__setattr__(self, "per_tick", min(check.integer("per_tick", self.per_tick, low=1), self.dim))
        ranks = check.array("rank", self.rank, np.int64, ndim=1)
        if not np.array_equal(np.sort(ranks), np.arange(self.dim)):
            raise ValueError(f"rank must be a permutation of the {self.dim} lines")
        object.__setattr__(self, "rank", ranks)


def _in_order(words: NDArray[np.uint64], dim: int, rank: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The same vectors with bit ``rank[i]`` holding what bit ``i`` held: lines in the order of arrival."""
    out = np.empty_like(words)
    order = np.argsort(rank)
    for start in range(0, len(words), 1024):
        out[start : start + 1024] = bits.pack(bits.unpack(words[start : start + 1024], dim)[:, order])
    return out


@kernel
def _equal_bits(keys, queries, dim, out):
    """``out[q, n] = D − |queries[q] ⊕ keys[n]|``; returns the words XORed and counted."""
    for q in range(len(queries)):
        for n in range(len(keys)):
            out[q, n] = dim - bits._distance(queries[q], keys[n])
    return len(queries) * keys.size


@kernel
def _crossings(keys, ones, query, active, dim, per_tick, theta, fire_tick, fire_potential):
    """First tick after which each key reaches θ (−1: never), and its potential then; returns the ticks.

    The lines are in the order of arrival, so a tick is a run of words; ``segments`` cut it at ``per_tick``
    active bits. A segment with query bits m moves the potential by ``2·|key ∧ m| − |m|``.
    """
    words = len(query)
    most = words + (active + per_tick - 1) // per_tick
    segment_word = np.empty(most, dtype=np.int64)
    segment_mask = np.empty(most, dtype=np.uint64)
    segment_tick = np.empty(most, dtype=np.int64)
    count = tick = inside = 0
    for w in range(words):
        rest = query[w]
        while rest != bits.ZERO:
            mask = bits.ZERO
            while rest != bits.ZERO and inside < per_tick:
                low = rest & (~rest + bits.ONE)
                mask |= low
                rest ^= low
                inside += 1
            segment_word[count] = w
            segment_mask[count] = mask
            segment_tick[count] = tick
            count += 1
            if inside == per_tick:
                inside = 0
                tick += 1
    ticks = tick + (1 if inside else 0)
    for n in range(len(keys)):
        potential = dim - ones[n]
        fire_tick[n] = -1
        for s in range(count):
            mask = segment_mask[s]
            hits = np.int64(bits._ones(keys[n, segment_word[s]] & mask))
            potential += 2 * hits - np.int64(bits._ones(mask))
            last = s + 1 == count or segment_tick[s + 1] != segment_tick[s]
            if last and potential >= theta:
                fire_tick[n] = segment_tick[s]
                fire_potential[n] = potential
                break
    return ticks


@kernel
def _race(keys, ones, query, active, dim, per_tick, group, fire_tick, fire_potential, spikes):
    """One race over packed keys; returns (spikes found, events delivered before the stop)."""
    k, theta = group[0], group[1]
    neurons, potentials, ticks = spikes
    all_ticks = _crossings(keys, ones, query, active, dim, per_tick, theta, fire_tick, fire_potential)
    fired_at = np.zeros(all_ticks + 1, dtype=np.int64)
    for n in range(len(keys)):
        fired_at[fire_tick[n]] += 1  # −1, never, falls into the last place
    total, last = 0, all_ticks - 1
    for t in range(all_ticks):
        total += fired_at[t]
        if total >= k:
            last = t
            break
    found = 0
    for n in range(len(keys)):
        if 0 <= fire_tick[n] <= last:
            neurons[found] = n
            potentials[found] = fire_potential[n]
            ticks[found] = fire_tick[n]
            found += 1
    return found, min((last + 1) * per_tick, active)


@kernel
def _run_dense(keys, ones, queries, active, dim, per_tick, group, out):
    """Every query over all keys; one without an active bit touches nothing. Returns the words compared."""
    count = len(keys)
    spikes = _scratch(count)
    potential = np.empty((1, count), dtype=np.int32)
    fire_tick = np.empty(count, dtype=np.int64)
    received = np.ones(count, dtype=np.uint8)
    for q in range(len(queries)):
        found, delivered = 0, active[q]
        if active[q] and group[2] == TICK:
            found, delivered = _race(
                keys, ones, queries[q], active[q], dim, per_tick, group, fire_tick, potential[0], spikes
            )
        elif active[q]:
            _equal_bits(keys, queries[q : q + 1], dim, potential)
            ticks = (active[q] + per_tick - 1) // per_tick
            found = _late(potential[0], received, ticks, group, spikes)
        touched = count if delivered else 0
        _record(q, group[0], found, spikes, out, delivered, active[q], delivered * count, touched)
    return len(queries) * keys.size


def _checked(layer: DenseLayer, queries: Any) -> NDArray[np.uint64]:
    return check.batch("queries", bits.words_of("queries", queries, layer.dim))


def run_dense(layer: DenseLayer, queries: Any, *, progress: Progress | None = None) -> Outcome:
    """Run packed queries ``(Q, W)`` over packed keys: the same outcome as :func:`run` over ±1 synapses."""
    words, keys, dim = _checked(layer, queries), layer.keys, layer.dim
    if layer.kwta.readout == "tick":
        keys, words = _in_order(keys, dim, layer.rank), _in_order(words, dim, layer.rank)
    ones, active = bits.popcount(keys, dim), bits.popcount(words, dim)

    def solve(low: int, high: int, group: Group, out: Any) -> None:
        _run_dense(keys, ones, words[low:high], active[low:high], dim, layer.per_tick, group, out)

    return collect(len(keys), layer.kwta, len(words), solve, progress)


def dense_potentials(layer: DenseLayer, queries: Any) -> NDArray[np.int32]:
    """Equal bits of every pair ``(Q, N)``: ``D − |query ⊕ key|``."""
    words = _checked(layer, queries)
    out = np.empty((len(words), len(layer.keys)), dtype=np.int32)
    spread(lambda low, high: _equal_bits(layer.keys, words[low:high], layer.dim, out[low:high]), len(words))
    return out
