"""Binary sparse distributed codes with context-dependent thinning (Rachkovskij 2001).

A vector of ``dim`` bits has exactly ``w`` ones and is stored as their sorted indices ``(..., w)``. Bundling keeps the
w bits of most weight. Binding thins the superposition ``Z = x₁ ∨ x₂`` by itself (Rachkovskij & Kussul 2001): with
fixed rotations ``s₁, s₂, …``,

    ⟨Z⟩ = Z ∧ (ρ^{s₁} Z ∨ ρ^{s₂} Z ∨ … ),      as many terms as it takes to keep w ones.

Which ones of x₁ survive depends on x₂, so the result stands for the pair, and half of it comes from each part: it
stays similar to its parts and has no inverse. Score: the overlap ``|a ∧ b|``, of mean ``w²÷D`` for a random pair.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.jit import kernel, spread
from hdspike.spaces.base import joint, plain
from hdspike.spaces.sparse import SparseSpace
from hdspike.spaces.ties import _seed


@kernel
def _choose(draws, mark, out):
    """Floyd's sample of w distinct indices from each row of ``draws`` (N, w), draws j in ``[0, D − w + j]``.

    ``mark`` (D) is zero before and after. Returns the draws replaced.
    """
    rows, width = draws.shape
    replaced = 0
    for r in range(rows):
        for j in range(width):
            index = np.int64(draws[r, j])
            if mark[index]:
                index = len(mark) - width + j
                replaced += 1
            mark[index] = 1
            out[r, j] = index
        for j in range(width):
            mark[out[r, j]] = 0
    return replaced


@kernel
def _limit(keys, size, rank, depth):
    """A bound that ``rank`` of the first ``size`` ``keys`` of ``depth`` bits do not pass, or more if some are equal.

    It is the ``rank``-th smallest key (from 1), or lies between that one and the next; found from the top bit down.
    """
    prefix = bits.ZERO
    left = rank
    for bit in range(depth - 1, -1, -1):
        shift = np.uint64(bit)
        wanted = prefix >> shift
        below = 0
        for i in range(size):
            below += (keys[i] >> shift) == wanted
        if below == left:
            return prefix | ((bits.ONE << shift) - bits.ONE)
        if below < left:
            left -= below
            prefix |= bits.ONE << shift
    return prefix


@kernel
def _keep(candidates, size, rank, seed, keys, out, start):
    """Move the ``rank`` of ``size`` candidates that come first in the stream into ``out[start:]``.

    Index i has output i of the SplitMix64 stream; no two outputs are equal, so neither order nor value matters.
    """
    for i in range(size):
        keys[i] = bits._mix(seed + np.uint64(candidates[i] + 1) * bits.GOLDEN)
    limit = bits.FULL if size == rank else _limit(keys, size, rank, 64)
    for i in range(size):
        if keys[i] <= limit:
            out[start] = candidates[i]
            start += 1
    return start


@kernel
def _bundle(rows, weights, counts, touched, keys, out):
    """The indices of most weight of ``rows`` (N, K, w) with weights (N, K); returns the indices read.

    ``counts`` (D) is zero before and after; ``touched`` and ``keys`` hold K·w entries. Rows come out unsorted.
    """
    batches, members, width = rows.shape
    for n in range(batches):
        size = 0
        heaviest, depth = np.int64(0), 1
        for k in range(members):
            heaviest += weights[n, k]
            if weights[n, k] == 0:
                continue
            for j in range(width):
                index = rows[n, k, j]
                if counts[index] == 0:
                    touched[size] = index
                    size += 1
                counts[index] += weights[n, k]
        while (heaviest >> depth) > 0:
            depth += 1
        for i in range(size):
            keys[i] = np.uint64(heaviest - counts[touched[i]])
        limit = heaviest - np.int64(_limit(keys, size, width, depth))
        kept, tied = 0, 0
        for i in range(size):
            index = touched[i]
            if counts[index] > limit:
                out[n, kept] = index
                kept += 1
            elif counts[index] == limit:
                touched[tied] = index
                tied += 1
            counts[index] = 0
        _keep(touched, tied, width - kept, _seed(rows[n], weights[n]), keys, out[n], kept)
    return rows.size


@kernel
def _thin(rows, units, rotations, mark, pool, keys, out):
    """Context-dependent thinning of the union of ``rows`` (N, K, w) to w ones; returns the bits looked up.

    One rotation after the other confirms the candidates i with ``i − s`` in Z. While all confirmed fit into the
    room that is left, they are kept and the others remain candidates; otherwise only the confirmed remain. So the
    first term that is too many is cut by the terms after it, and a rotated Z gives the rotated result. ``mark`` (D)
    is zero before and after; ``pool`` and ``keys`` hold K·w entries; ``units`` is K ones. Rows come out unsorted.
    """
    batches, members, width = rows.shape
    looked = 0
    for n in range(batches):
        size = 0
        for k in range(members):
            for j in range(width):
                index = rows[n, k, j]
                if mark[index] == 0:
                    mark[index] = 1
                    pool[size] = index
                    size += 1
        union = size
        for i in range(union):
            keys[i] = np.uint64(pool[i])
        kept = 0
        for t in range(len(rotations)):
            if kept == width or size + kept == width:
                break
            shift = rotations[t]
            confirmed = 0
            for i in range(size):  # the confirmed move to the front of the pool
                index = pool[i]
                source = index - shift
                if source < 0:
                    source += len(mark)
                if mark[source]:
                    pool[i] = pool[confirmed]
                    pool[confirmed] = index
                    confirmed += 1
            looked += size
            if kept + confirmed <= width:
                for i in range(confirmed):
                    out[n, kept] = pool[i]
                    kept += 1
                for i in range(confirmed, size):
                    pool[i - confirmed] = pool[i]
                size -= confirmed
            else:
                size = confirmed
        for i in range(union):
            mark[keys[i]] = 0
        if kept == width:
            size = 0
        _keep(pool, size, width - kept, _seed(rows[n], units), keys, out[n], kept)
    return looked


@kernel
def _overlap(queries, items, mark, out):
    """``out[q, m]`` = indices that query q and item m share; ``mark`` (D) is zero before and after."""
    for q in range(len(queries)):
        for j in range(queries.shape[1]):
            mark[queries[q, j]] = 1
        for m in range(len(items)):
            shared = 0
            for j in range(items.shape[1]):
                shared += mark[items[m, j]]
            out[q, m] = shared
        for j in range(queries.shape[1]):
            mark[queries[q, j]] = 0
    return len(queries) * len(items) * queries.shape[1]


class BSDC(SparseSpace):
    """Sparse binary vectors of ``dim`` bits with ``ones`` ones (√dim by default), stored as sorted indices.

    A density of ``1 ÷ √dim`` is what Schlegel et al. (2021) use, after Rachkovskij (2001). Vectors that are
    compared must come from the same ``seed``, which orders the rotations of the thinning.
    """

    name = "bsdc"
    claims = frozenset[str]()

    def __init__(self, dim: int, *, ones: int | None = None, seed: int = 0) -> None:
        self.dim = check.integer("dim", dim, low=2, high=2**31 - 1)
        chosen = max(1, min(round(dim**0.5), dim // 2)) if ones is None else ones
        self.ones = self.width = self.top_score = check.integer("ones", chosen, low=1)
        if 2 * self.ones > dim:
            raise ValueError(f"ones must be at most half of the {dim} dimensions, got {ones}")
        self.dtype = np.dtype(np.int32)
        self.span = max(1, round(self.ones - self.ones**2 / dim))
        self.seed = check.integer("seed", seed, low=0, high=2**64 - 1)
        self._rotations: NDArray[np.int32] | None = None

    def __repr__(self) -> str:
        return f"BSDC({self.dim}, ones={self.ones}{f', seed={self.seed}' if self.seed else ''})"

    @property
    def rotations(self) -> NDArray[np.int32]:
        """All shifts ``1 … dim − 1`` in the fixed order of the thinning: by ``hash64(shift, seed)``."""
        if self._rotations is None:
            pairs = np.empty((self.dim - 1, 2), dtype=np.uint64)
            pairs[:, 0] = np.arange(1, self.dim, dtype=np.uint64)
            pairs[:, 1] = self.seed
            self._rotations = (1 + np.argsort(bits.hash64(pairs), kind="stable")).astype(np.int32)
        return self._rotations

    def checked(self, name: str, vectors: Any) -> NDArray[np.int32]:
        given = plain(name, vectors, self.dim)
        if given.dtype.kind not in "iu":
            raise TypeError(f"{name} must be indices of ones (integers), got dtype {given.dtype}")
        if given.ndim == 0 or given.shape[-1] != self.ones:
            raise ValueError(
                f"{name} must have {self.ones} ones along the last axis, got shape {given.shape}"
            )
        if given.size and not (0 <= given[..., 0].min() and given[..., -1].max() < self.dim):
            raise ValueError(f"{name} must be in [0, {self.dim}), got {given.min()} … {given.max()}")
        if not np.all(given[..., 1:] > given[..., :-1]):
            raise ValueError(f"{name} must be strictly increasing along the last axis, got one that is not")
        return np.ascontiguousarray(given, dtype=np.int32)

    def random(self, num: int, *, rng: check.Rng = None) -> NDArray[np.int32]:
        """``num`` uniform choices of ``ones`` out of ``dim`` indices (Floyd's sample): ``(num, ones)``."""
        check.integer("num", num, low=0)
        highs = np.arange(self.dim - self.ones + 1, self.dim + 1, dtype=np.int64)
        draws = check.generator(rng).integers(highs, size=(num, self.ones))
        out = np.empty((num, self.ones), dtype=np.int32)
        _choose(draws, np.zeros(self.dim, dtype=np.uint8), out)
        out.sort(axis=-1)
        return out

    def bind(self, a: Any, b: Any, *, out: NDArray[Any] | None = None) -> NDArray[np.int32]:
        """The thinned superposition ``⟨a ∨ b⟩``: w ones, about half of them from each part.

        Commutative and idempotent (``bind(a, a) = a``), not associative; see :meth:`thin` for more than two parts.
        A part is found again as what the bound vector overlaps with most, :meth:`nearest`.
        """
        first, second = self.checked("a", a), self.checked("b", b)
        shape = joint(("a", "b"), first, second)
        first, second = np.broadcast_to(first, shape), np.broadcast_to(second, shape)
        bound = self.thin(np.stack([first, second], axis=-2))
        if out is None:
            return bound
        receiver = check.receiver(out, bound.shape, np.int32)
        receiver[...] = bound
        return receiver

    def thin(self, vectors: Any) -> NDArray[np.int32]:
        """Context-dependent thinning of K vectors in one step: ``(..., K, w)`` → ``(..., w)``.

        About ``w ÷ K`` ones are kept of each; two parts take about ``D ÷ 2`` look-ups of a bit. Permuted vectors give
        the permuted result. Where Z itself is unchanged by some rotation that is impossible, and a SplitMix64 stream
        seeded with ``Σ_k hash64(x_k)`` decides.

        >>> space = BSDC(10_000)
        >>> x = space.random(4, rng=0)
        >>> space.score(space.thin(x)[None], x).sum() >= space.ones
        np.True_
        """
        given = self.checked("vectors", vectors)
        units = check.bundle_weights(None, given.shape[:-1]).reshape(-1, given.shape[-2])
        rows = given.reshape(-1, *given.shape[-2:])
        out = np.empty((len(rows), self.ones), dtype=np.int32)
        room = rows.shape[1] * self.ones
        if len(rows):
            _thin(
                rows, units[0], self.rotations, np.zeros(self.dim, dtype=np.uint8),
                np.empty(room, dtype=np.int32), np.empty(room, dtype=np.uint64), out,
            )  # fmt: skip
        out.sort(axis=-1)
        return out.reshape(*given.shape[:-2], self.ones)

    def inverse(self, a: Any) -> NDArray[np.int32]:
        """There is none.

        Raises:
            TypeError: always. A bound vector is searched for its parts instead: :meth:`nearest` of the bound vector
                among the candidates, or of the bundle among ``bind(key, candidates)``.
        """
        self.checked("a", a)
        raise TypeError(
            f"space must have an inverse for bind, but {self!r} has none; search among the candidates or among "
            "bind(key, candidates) with nearest"
        )

    def bundle(self, vectors: Any, *, weights: Any = None) -> NDArray[np.int32]:
        """The w bits of most weight, over axis −2.

        Equal weights at the cut are decided by a SplitMix64 stream seeded with ``Σ_k w_k·hash64(x_k) mod 2⁶⁴``: bit i
        has output i, the lowest outputs stay. Without bias, and the same for the same multiset in any order.
        """
        given = self.checked("vectors", vectors)
        counts = check.bundle_weights(weights, given.shape[:-1])
        rows = given.reshape(-1, *given.shape[-2:])
        flat = counts.reshape(-1, given.shape[-2])
        out = np.empty((len(rows), self.ones), dtype=np.int32)
        room = rows.shape[1] * self.ones
        _bundle(
            rows, flat, np.zeros(self.dim, dtype=np.int64), np.empty(room, dtype=np.int32),
            np.empty(room, dtype=np.uint64), out,
        )  # fmt: skip
        out.sort(axis=-1)
        return out.reshape(*given.shape[:-2], self.ones)

    def permute(self, a: Any, shifts: int = 1) -> NDArray[np.int32]:
        """Bit ``i`` moves to ``(i + shifts) mod dim``."""
        turned = (
            self.checked("a", a).astype(np.int64) + check.integer("shifts", shifts) % self.dim
        ) % self.dim
        out = turned.astype(np.int32)
        out.sort(axis=-1)
        return out

    def _lines(self, vectors: NDArray[Any]) -> NDArray[np.int32]:
        return vectors

    def _score(self, queries: NDArray[Any], items: NDArray[Any]) -> NDArray[np.int32]:
        out = np.empty((len(queries), len(items)), dtype=np.int32)

        def work(low: int, high: int) -> None:
            mark = np.zeros(self.dim, dtype=np.uint8)
            _overlap(queries[low:high], items, mark, out[low:high])

        spread(work, len(queries))
        return out
