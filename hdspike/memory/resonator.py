"""Resonator networks (Frady, Kent, Olshausen & Sommer 2020): what a product of hypervectors is a product of."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.jit import kernel, spread

__all__ = ["Factors", "Resonator"]

FIXED, CYCLE, OUT_OF_TIME = 1, 2, 0
MOST = 2**20
"""Most iterations of one run: the hash of every state is kept."""


@kernel
def _weigh(rows, target, dim, low, high, planes):
    """Similarity of the target to rows ``low … high``, as bit planes; returns the row of most |similarity|.

    The similarity of row m is ``D − 2·|x_m ⊕ target|``, in two's complement: bit b of it goes to bit ``(m − low)``
    of ``planes[b]``. Of equal rows the lowest is returned, as ``(row − low)·2 + [similarity < 0]``.
    """
    depth, count = planes.shape
    for b in range(depth):
        for w in range(count):
            planes[b, w] = bits.ZERO
    best, most = 0, np.int64(-1)
    for m in range(high - low):
        weight = np.int64(dim) - 2 * bits._distance(rows[low + m], target)
        if abs(weight) > most:
            most = abs(weight)
            best = 2 * m + (1 if weight < 0 else 0)
        w, shift = m // bits.BITS, np.uint64(m % bits.BITS)
        for b in range(depth):
            planes[b, w] |= np.uint64((weight >> b) & 1) << shift
    return best


@kernel
def _project(planes, columns, total, estimate, sums):
    """The sign of the weighted sum of a codebook, into ``estimate``; returns whether any bit changed.

    ``sums[i] = Σ_m weight_m·(2·x_mi − 1)``, where bit m of ``columns[:, i]`` is x_mi and the weights are in bit
    planes: ``Σ_m weight_m·x_mi = Σ_b ±2^b·popcount(planes[b] ∧ columns[:, i])``, the top plane with a minus. Where a
    sum is 0 the bit of the estimate stays. ``total`` is Σ_m weight_m.
    """
    depth, count = planes.shape
    dim = len(sums)
    for i in range(dim):
        sums[i] = -total
    for b in range(depth):
        for w in range(count):
            plane = planes[b, w]
            if plane == bits.ZERO:
                continue
            shift = np.int64(b + 1)
            if b == depth - 1:
                for i in range(dim):
                    sums[i] -= np.int64(bits._ones(plane & columns[w, i])) << shift
            else:
                for i in range(dim):
                    sums[i] += np.int64(bits._ones(plane & columns[w, i])) << shift
    changed = False
    for w in range(len(estimate)):
        above, equal = bits.ZERO, bits.ZERO
        for i in range(w * bits.BITS, min((w + 1) * bits.BITS, dim)):
            place = np.uint64(i % bits.BITS)
            above |= np.uint64(sums[i] > 0) << place
            equal |= np.uint64(sums[i] == 0) << place
        word = above | (equal & estimate[w])
        changed |= word != estimate[w]
        estimate[w] = word
    return changed


@kernel
def _total(planes, count):
    """Sum of ``count`` weights in bit planes."""
    depth = planes.shape[0]
    total = np.int64(0)
    for b in range(depth):
        ones = np.int64(0)
        for w in range(planes.shape[1]):
            ones += np.int64(bits._ones(planes[b, w]))
        step = np.int64(1) << np.int64(b)
        total += -step * ones if b == depth - 1 else step * ones
    return total


@kernel
def _resonate(target, rows, edges, columns, slabs, together, most, estimates, work, seen, sums, chosen):
    """Run one resonator until it stays, comes back to a state it had, or has used ``most`` iterations.

    Codebook f is ``rows[edges[f] : edges[f + 1]]`` and, transposed, ``columns[slabs[f] : slabs[f + 1]]``. Estimates
    (F, W) are updated in turn, each from the newest of the others, or all ``together`` from the last ones.
    ``chosen[f]`` is the item nearest to what factor f was last computed from. Returns (iterations, how it
    ended: 1 fixed point, 2 cycle, 0 out of time).

    ``work`` is (2F + 1, W): the last estimates and the query; ``seen`` (``most``) holds hashes of the states.
    """
    factors, count = estimates.shape
    dim = len(sums)
    depth = 2
    while (1 << (depth - 1)) <= dim:
        depth += 1
    query = work[2 * factors]
    for turn in range(most):
        changed = False
        for f in range(factors):
            for w in range(count):
                work[f, w] = estimates[f, w]
        for f in range(factors):
            for w in range(count):
                word = target[w]
                for g in range(factors):
                    if g != f:
                        word ^= work[g, w] if together else estimates[g, w]
                query[w] = word
            planes = np.empty((depth, slabs[f + 1] - slabs[f]), dtype=np.uint64)
            chosen[f] = _weigh(rows, query, dim, edges[f], edges[f + 1], planes)
            total = _total(planes, edges[f + 1] - edges[f])
            changed |= _project(planes, columns[slabs[f] : slabs[f + 1]], total, estimates[f], sums)
        if not changed:
            return turn + 1, FIXED
        state = bits.ZERO
        for f in range(factors):
            for w in range(count):
                state = bits._mix(state ^ estimates[f, w]) + bits.GOLDEN
        for earlier in range(turn - 1, -1, -1):
            if seen[earlier] == state:
                return turn + 1, CYCLE
        seen[turn] = state
    return most, OUT_OF_TIME


@kernel
def _resonate_batch(
    targets, rows, edges, columns, slabs, together, most, estimates, low, high, iterations, ended, chosen
):
    """:func:`_resonate` of each of the targets ``low … high``; returns the iterations of all."""
    factors, count = estimates.shape[1:]
    work = np.empty((2 * factors + 1, count), dtype=np.uint64)
    seen = np.empty(most, dtype=np.uint64)
    sums = np.empty(columns.shape[1], dtype=np.int64)
    spent = 0
    for q in range(low, high):
        turns, how = _resonate(
            *(targets[q], rows, edges, columns, slabs, together, most),
            *(estimates[q], work, seen, sums, chosen[q]),
        )
        iterations[q] = turns
        ended[q] = how
        spent += turns
    return spent


class Factors(NamedTuple):
    """What a resonator found for Q products of F factors."""

    items: NDArray[np.int64]
    """The item of each codebook: ``(Q, F)``."""
    iterations: NDArray[np.int64]
    """Updates of all factors, over all runs: ``(Q,)``."""
    converged: NDArray[np.bool_]
    """Whether the run of these items ended at a fixed point, not in a cycle or out of time: ``(Q,)``."""
    distance: NDArray[np.int64]
    """Bits in which the product of the items found differs from what was given, 0 for an exact answer: ``(Q,)``."""
    runs: NDArray[np.int64]
    """Runs needed, 1 without restarts: ``(Q,)``."""


class Resonator:
    r"""Factors ``x = a ⊗ b ⊗ c …`` (XOR), each factor from a codebook, without trying all combinations.

    .. math:: \hat a \leftarrow \mathrm{sgn}\Bigl(\sum_m s_m A_m\Bigr) \qquad
              s_m = \langle A_m,\ x \otimes \hat b \otimes \hat c \rangle

    and likewise for the other factors, in bipolar terms (bit 1 is +1, 0 is −1): each factor's estimate is what is
    left when the estimates of the others are unbound, cleaned up by its codebook with integer weights
    ``s = D − 2·(Hamming distance)``. A bit whose sum is 0 stays. The network searches all M₁·M₂·… products in
    superposition; it finds the right one with near certainty up to a search space that grows about as D²
    (Kent et al. 2020), and beyond that wanders. A found answer can be checked (``distance``), a failure shows.

    Args:
        dim: bits of the vectors.
        codebooks: F ≥ 2 arrays of packed words ``(M_f, words)``.
        order: ``turns``: factors are updated one after another, each from the newest of the others;
            ``together``: all at once from the last ones.

    Memory: the codebooks twice, packed by rows and by columns. One update of one factor compares M·D/64 words and
    counts about log₂D · M·D/64 more. Two items of which one is the complement of the other cannot be told apart.

    >>> books = [bits.random(10, 1000, rng=f) for f in range(3)]
    >>> found = Resonator(1000, books).factor(books[0][[7]] ^ books[1][[2]] ^ books[2][[5]])
    >>> found.items.tolist(), found.distance.tolist(), found.converged.tolist()
    ([[7, 2, 5]], [0], [True])

    Source: Frady, Kent, Olshausen & Sommer 2020; Kent, Frady, Sommer & Olshausen 2020 (Neural Computation 32).
    """

    def __init__(self, dim: int, codebooks: Sequence[Any], *, order: str = "turns") -> None:
        self.dim = check.integer("dim", dim, low=1)
        self._together = check.one_of("order", order, ("turns", "together")) == "together"
        books = [
            check.batch(f"codebooks[{f}]", bits.words_of(f"codebooks[{f}]", book, dim), least=1)
            for f, book in enumerate(codebooks)
        ]
        for f, book in enumerate(books):  # those of memory-mapped files too: all of them is read
            bits.check_tails(f"codebooks[{f}]", book, dim)
        if len(books) < 2:
            raise ValueError(f"codebooks must be at least 2, got {len(books)}")
        self.sizes = [len(book) for book in books]
        """Items of each codebook."""
        self._rows = np.concatenate(books)
        self._edges = np.concatenate([[0], np.cumsum(self.sizes)])
        slabs = [bits.pack(bits.unpack(book, dim).T).T for book in books]
        self._columns = np.ascontiguousarray(np.concatenate(slabs))
        self._slabs = np.concatenate([[0], np.cumsum([len(slab) for slab in slabs])])
        self._start = np.stack([bits.majority(book, dim) for book in books])

    def __repr__(self) -> str:
        return f"<Resonator: {self.dim} bits, codebooks of {', '.join(map(str, self.sizes))}>"

    def factor(
        self,
        products: Any,
        *,
        most: int = 500,
        restarts: int = 0,
        tolerance: int | None = None,
        rng: check.Rng = None,
    ) -> Factors:
        """The factors of products ``(Q, words)``.

        Args:
            products: packed words, whole or with some bits wrong.
            most: iterations of one run at most; itself at most 2²⁰.
            restarts: further runs for those not found yet, from random estimates (the first run starts at the
                bundle of each codebook). Of all runs of a product the one of least distance counts, of equal ones
                the earliest.
            tolerance: bits in which a product of items may differ from what was given and still be found: a
                quarter of all by default, far from the half in which a wrong answer differs.
            rng: seeds the restarts.
        """
        targets = check.batch("products", bits.words_of("products", products, self.dim))
        bits.check_tails("products", targets, self.dim)
        check.integer("most", most, low=1, high=MOST)
        check.integer("restarts", restarts, low=0)
        near = self.dim // 4 if tolerance is None else check.integer("tolerance", tolerance, low=0)
        random = check.generator(rng)
        count, factors = len(targets), len(self.sizes)
        items = np.zeros((count, factors), dtype=np.int64)
        iterations, distance, runs = (np.zeros(count, dtype=np.int64) for _ in range(3))
        converged = np.zeros(count, dtype=bool)
        going = np.arange(count)
        for run in range(restarts + 1):
            if run == 0:
                estimates = np.broadcast_to(self._start, (count, *self._start.shape)).copy()
            else:
                words = bits.random(len(going) * factors, self.dim, rng=random)
                estimates = words.reshape(len(going), factors, -1)
            turns, ended, found = self._run(targets[going], estimates, most)
            iterations[going] += turns
            runs[going] += 1
            apart = targets[going] ^ np.bitwise_xor.reduce(self._rows[found + self._edges[:-1]], axis=1)
            reached = bits.popcount(apart, self.dim)
            better = (reached < distance[going]) | (run == 0)
            items[going[better]] = found[better]
            converged[going[better]] = ended[better] == FIXED
            distance[going[better]] = reached[better]
            going = going[distance[going] > near]
            if not len(going):
                break
        return Factors(items, iterations, converged, distance, runs)

    def _run(
        self, targets: NDArray[Any], estimates: NDArray[Any], most: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """One run each: iterations, how it ended, the items."""
        count = len(targets)
        turns, ended = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        chosen = np.zeros((count, len(self.sizes)), dtype=np.int64)
        spread(
            lambda low, high: _resonate_batch(
                *(targets, self._rows, self._edges, self._columns, self._slabs, self._together, most),
                *(estimates, low, high, turns, ended, chosen),
            ),
            count,
        )
        return turns, ended, chosen // 2
