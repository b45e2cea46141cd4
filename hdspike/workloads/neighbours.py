"""Nearest-neighbour search by spikes: the query that Loihi was measured with, and the same with sparse codes.

Every pattern is a neuron; the query is broadcast to all of them, and the neuron with the largest potential is the
nearest neighbour. Frady et al. 2020 ("Neuromorphic nearest-neighbor search using Intel's Pohoiki Springs",
arXiv:2004.12691) measured 76,800 synthetic patterns on 32 Loihi chips. Here are two codes for it.

**Latency code** (dense). Feature i of the query, ``q_i = ± 1 … T − 1`` in whole levels, spikes once, on its positive or
its negative line, in step ``T − 1 − |q_i|``: the earlier, the larger. Line i reaches every pattern j with the weight
``w_ij`` (int8), its negative line with ``−w_ij``. A spike switches a current on that never fades
(``input_decay = 1``), so each pattern's potential is, after T steps, exactly the integer product

    v_j = Σ_i w_ij q_i

**Sparse code**. A pattern is s active lines out of D (a hypervector of :class:`hdspike.spaces.SBC`, one line in each
of its blocks, or of :class:`hdspike.spaces.BSDC`), and its neuron has s synapses of +1. A query of s spikes in one
step reaches only the patterns that share a line: ``N·s²/D`` synaptic events by chance, and ``v_j`` is the number of
shared lines.

That the published system used this very code is not claimed: the published figures are counts of spikes and steps.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from hdspike import check
from hdspike.chip import Architecture, Placement
from hdspike.chip.axons import axons
from hdspike.chip.placement import placement
from hdspike.network import Network, Population, Projection, Synapses
from hdspike.network.neurons.loihi import LoihiSoma
from hdspike.network.neurons.recorded import Recorded
from hdspike.workloads import Workload

__all__ = [
    "STEP_S",
    "ask",
    "block_lines",
    "build",
    "latency_query",
    "levels",
    "noisy",
    "signed_synapses",
    "sparse_synapses",
    "spread",
    "strongest",
    "synthetic",
    "weights_of",
]

CHIPS, PATTERNS, FEATURES, STEPS = 32, 76_800, 750, 60
CHUNK = 4096  # vectors looked at at once
STEP_S = 1e-6  # no decay reads it
WIDEST = 4.0  # int8's 127 stands for so many standard deviations of the widest feature


def synthetic(
    patterns: int, features: int, *, decay: float = 0.0, rng: check.Rng = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Random unit vectors ``(N, F)``, and the deviations ``(F,)`` of their features before they were scaled.

    Feature k (from 1) has variance ``k^−decay``: 0 is white, 1 is as crowded as the principal components of pictures.
    """
    count = check.integer("patterns", patterns, low=1)
    width = check.integer("features", features, low=1)
    if not 0.0 <= decay <= 4.0:
        raise ValueError(f"decay must be in [0, 4], got {decay}")
    deviation = (np.arange(1, width + 1) ** (-decay / 2)).astype(np.float32)
    drawn = check.generator(rng).standard_normal((count, width), dtype=np.float32)
    drawn *= deviation
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn, deviation


def noisy(
    chosen: NDArray[np.float32], deviation: NDArray[np.float32], cosine: float, *, rng: check.Rng = None
) -> NDArray[np.float32]:
    """Unit vectors at an expected cosine of ``cosine`` to the ``chosen`` ones, off them in a random direction."""
    if not 0.0 <= cosine <= 1.0:
        raise ValueError(f"cosine must be in [0, 1], got {cosine}")
    off = check.generator(rng).standard_normal(chosen.shape, dtype=np.float32) * deviation
    off /= np.linalg.norm(off, axis=1, keepdims=True)
    out = np.float32(cosine) * chosen + np.float32(np.sqrt(1.0 - cosine * cosine)) * off
    return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True), dtype=np.float32)


def weights_of(patterns: NDArray[Any]) -> NDArray[np.int8]:
    """Patterns as int8 weights on one scale: 127 stands for four deviations of the widest feature, more is cut."""
    given = np.asarray(patterns)
    if given.ndim != 2 or given.dtype.kind != "f" or not given.size:
        raise ValueError(f"patterns must be floats (N, F), got {given.dtype} of shape {given.shape}")
    widest = float(np.sqrt(np.max(np.mean(np.square(given), axis=0))))
    scaled = given * given.dtype.type(127.0 / (WIDEST * widest) if widest > 0 else 0.0)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -127, 127, out=scaled)
    return scaled.astype(np.int8)


def levels(queries: NDArray[Any], *, steps: int, spikes: int | None = None) -> NDArray[np.int32]:
    """Queries ``(Q, F)`` in whole levels −(T − 1) … T − 1, the largest feature of each at ±(T − 1).

    With ``spikes``, only so many features spike, the largest (a tie goes to the lower feature), each of them at a
    level of at least ±1: with ``steps = 2`` these are their signs.
    """
    most = check.integer("steps", steps, low=2) - 1
    given = np.asarray(queries, dtype=np.float64)
    if given.ndim != 2 or not np.all(np.isfinite(given)):
        raise ValueError(f"queries must be finite numbers (Q, F), got shape {given.shape}")
    largest = np.abs(given).max(axis=1, keepdims=True)
    out = np.rint(given * (most / np.where(largest > 0, largest, 1.0))).astype(np.int32)
    if spikes is not None and check.integer("spikes", spikes, low=1) < given.shape[1]:
        order = np.argsort(-np.abs(given), axis=1, kind="stable")
        least = np.where(given < 0, -1, 1).astype(np.int32)
        out = np.where(out == 0, least, out)
        np.put_along_axis(out, order[:, spikes:], 0, axis=1)
    return out


def latency_query(level: NDArray[Any], *, steps: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The spikes ``(steps, lines)`` of one query's levels ``(F,)``; lines F … 2F − 1 are the negative ones."""
    given = check.array("level", level, np.int64, ndim=1)
    if given.size and np.abs(given).max() >= steps:
        raise ValueError(f"level must be below {steps} steps, got {np.abs(given).max()}")
    active = np.flatnonzero(given)
    when = steps - 1 - np.abs(given[active])
    lines = active + len(given) * (given[active] < 0)
    order = np.lexsort((lines, when))
    return when[order], lines[order]


def signed_synapses(weights: NDArray[np.int8]) -> Synapses:
    """Every line to every pattern: ``weights`` ``(N, F)`` on F positive lines, their opposites on F negative ones."""
    given = check.array("weights", weights, np.int8, ndim=2)
    if given.size and given.min() < -127:
        raise ValueError("weights must be in [-127, 127], so that they have opposites, got -128")
    count, width = given.shape
    row = np.ascontiguousarray(given.T)
    both = np.concatenate([row, -row]).reshape(-1)
    indptr = np.arange(2 * width + 1, dtype=np.int64) * count
    return Synapses(indptr, np.tile(np.arange(count, dtype=np.int32), 2 * width), both, count)


def strongest(vectors: NDArray[Any], ones: int) -> NDArray[np.int32]:
    """The ``ones`` features of largest size and their signs, as active lines: ``(N, F)`` → ``(N, ones)``.

    Feature f is line f where it is not negative, else line F + f: a hypervector of ``BSDC(2F, ones)`` that needs no
    projection. The strongest comes before the others, so that fewer ones are a prefix. Of equal sizes the lower
    feature comes before; which of equal ones is the last to be in is not defined.
    """
    given = np.asarray(vectors)
    if given.ndim != 2 or given.dtype.kind != "f":
        raise ValueError(f"vectors must be floats (N, F), got {given.dtype} of shape {given.shape}")
    width = given.shape[1]
    count = check.integer("ones", ones, low=1, high=width)
    out = np.empty((len(given), count), dtype=np.int32)
    for low in range(0, len(given), CHUNK):
        part = given[low : low + CHUNK]
        size = -np.abs(part)
        feature = np.sort(np.argpartition(size, count - 1, axis=1)[:, :count], axis=1)
        order = np.argsort(np.take_along_axis(size, feature, axis=1), axis=1, kind="stable")
        feature = np.take_along_axis(feature, order, axis=1)
        out[low : low + CHUNK] = feature + width * (np.take_along_axis(part, feature, axis=1) < 0)
    return out


def block_lines(codes: NDArray[Any], length: int) -> NDArray[np.int32]:
    """The active lines of vectors of a sparse block code ``(N, B)``: ``b·L + index``."""
    given = np.asarray(codes)
    if given.ndim != 2 or given.dtype.kind not in "iu":
        raise ValueError(f"codes must be indices (N, B), got {given.dtype} of shape {given.shape}")
    side = check.integer("length", length, low=2)
    if given.size and not (0 <= given.min() and given.max() < side):
        raise ValueError(f"codes must be in [0, {side}), got {given.min()} … {given.max()}")
    return (np.arange(given.shape[1]) * side + given).astype(np.int32)


def sparse_synapses(active: NDArray[Any], lines: int) -> Synapses:
    """Each line to the patterns in which it is active, weights +1: ``active`` ``(N, s)``, lines in [0, ``lines``)."""
    given = check.array("active", active, np.int32, ndim=2)
    total = check.integer("lines", lines, low=1)
    if given.size and not (0 <= given.min() and given.max() < total):
        raise ValueError(f"active must be in [0, {total}), got {given.min()} … {given.max()}")
    starts = np.arange(len(given) + 1, dtype=np.int64) * given.shape[1]
    rows = csr_array(
        (np.ones(given.size, dtype=np.int8), given.reshape(-1), starts), shape=(len(given), total)
    )
    columns = rows.tocsc()
    return Synapses(columns.indptr.astype(np.int64), columns.indices.astype(np.int32), None, len(given))


def ask(
    synapses: Synapses,
    when: NDArray[np.int64],
    lines: NDArray[np.int64],
    *,
    ramp: bool,
    threshold: float = np.inf,
) -> Network:
    """The network that answers one query: input ``lines`` and the ``patterns``.

    ``ramp``: a spike adds its weight in every later step (latency code), else once. A pattern above ``threshold``
    spikes and keeps its potential: the nearest neighbour is who spikes before all others.
    """
    spikes = Recorded.in_steps(when, lines, step_ps=round(STEP_S * 1e12))
    soma = LoihiSoma(threshold=threshold, input_decay=float(ramp), reset_mode="none")
    return Network(
        [Population("lines", synapses.lines, spikes), Population("patterns", synapses.neurons, soma)],
        [Projection("lines", "patterns", synapses)],
    )


def spread(network: Network, architecture: Architecture) -> Placement:
    """Every population evenly over all cores of the chip, its neurons in order.

    Raises:
        ValueError: the distinct lines that reach one core, or its synapses, are more than it holds (see
            :func:`hdspike.chip.by_capacity`, which would fill fewer cores).
    """
    core = np.concatenate([np.arange(p.size) * architecture.cores // p.size for p in network.populations])
    table = axons(network, architecture, core.astype(np.int32))
    axes = np.bincount(table.core)
    held = np.zeros(architecture.cores, dtype=np.int64)
    np.add.at(held, table.core, table.events)
    if architecture.input_axons is not None and axes.max(initial=0) > architecture.input_axons:
        raise ValueError(
            f"network must reach each core by at most {architecture.input_axons} lines, got {axes.max()}"
        )
    bits = 8 + int(architecture.neurons_per_core.max() - 1).bit_length()
    room = architecture.synaptic_memory_bits
    if room is not None and held.max(initial=0) * bits > room:
        raise ValueError(f"network must need at most {room} bits of synapses a core, got {held.max() * bits}")
    return placement(network, architecture, core.astype(np.int32))


def build(seed: int = 0) -> Workload:
    """One of the 32 chips: 2,400 patterns of 750 features asked with one noisy copy, cosine 0.5, in 60 steps.

    The threshold is six deviations of an unrelated pattern's potential.
    """
    random = np.random.default_rng(seed)
    patterns, deviation = synthetic(PATTERNS // CHIPS, FEATURES, rng=random)
    query = noisy(patterns[random.integers(len(patterns), size=1)], deviation, 0.5, rng=random)
    weights, level = weights_of(patterns), levels(query, steps=STEPS)[0]
    threshold = 6.0 * float(np.std(weights)) * float(np.linalg.norm(level))
    network = ask(
        signed_synapses(weights), *latency_query(level, steps=STEPS), ramp=True, threshold=threshold
    )
    return Workload(
        "neighbours",
        "nearest neighbour among the 2,400 patterns of one Loihi chip (Frady et al. 2020)",
        network,
        step_s=STEP_S,
        steps=STEPS,
    )
