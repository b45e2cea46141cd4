"""Kanerva's sparse distributed memory (1988): random hard locations with counters, addressed by similarity."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check, files
from hdspike.jit import kernel, spread
from hdspike.memory.saved import opened
from hdspike.theory import memories

__all__ = ["SparseDistributedMemory"]

FORMAT = "hdspike.sparse-distributed-memory"
QUERIES = 256
"""Addresses read or written in one go: their sums and signs stay small."""


@kernel
def _activate(locations, addresses, radius, low, high, out):
    """``out[q]`` += the locations ``low … high`` within the radius of address q; returns the words compared."""
    for m in range(low, high):
        for q in range(len(addresses)):
            out[q] += bits._distance(locations[m], addresses[q]) <= radius
    return (high - low) * len(addresses) * locations.shape[1]


@kernel
def _write(locations, counters, addresses, steps, radius, floor, ceiling, low, high):
    """Add ``steps`` (Q, N) to the counters of the active ones of the locations ``low … high``, saturating.

    Locations are the outer loop, so that a location's counters see the writes in order whatever the threads.
    Returns the counters changed.
    """
    changed = 0
    for m in range(low, high):
        for q in range(len(addresses)):
            if bits._distance(locations[m], addresses[q]) <= radius:
                for i in range(counters.shape[1]):
                    counters[m, i] = min(max(np.int64(counters[m, i]) + steps[q, i], floor), ceiling)
                changed += counters.shape[1]
    return changed


@kernel
def _read(locations, counters, addresses, radius, low, high, out):
    """``out[q]`` += the counters of the active ones of the locations ``low … high``; returns the counters read."""
    touched = 0
    for m in range(low, high):
        for q in range(len(addresses)):
            if bits._distance(locations[m], addresses[q]) <= radius:
                for i in range(counters.shape[1]):
                    out[q, i] += counters[m, i]
                touched += counters.shape[1]
    return touched


@kernel
def _coins(seeds, mask, out):
    """Fair bits ``out`` (Q, words), row q those of the SplitMix64 stream of ``seeds[q]``; returns the words."""
    rows, count = out.shape
    for q in range(rows):
        salt = seeds[q]
        for w in range(count):
            salt += bits.GOLDEN
            out[q, w] = bits._mix(salt)
        out[q, count - 1] &= mask
    return rows * count


class SparseDistributedMemory:
    r"""M hard locations of random N-bit addresses; each holds an integer counter per bit of data.

    .. math:: C_{mi} \mathrel{+}= w\,(2 y_i - 1) \ \text{ for all } m : |a_m \oplus x| \le r
              \qquad \hat y_i = \Bigl[\textstyle\sum_{m : |a_m \oplus x| \le r} C_{mi} > 0\Bigr]

    where x is an address, y the data written there w times, r the radius. What is written near is read near:
    with data = address, reading again at what was read (:meth:`recall`) leads to the stored pattern from within
    the critical distance (:func:`hdspike.theory.sdm_critical_distance`).

    Args:
        dim: bits N of an address.
        locations: hard locations M.
        radius: activation radius r; or else ``active``.
        active: wanted mean number of active locations, from which the radius follows. By default that of the
            best signal to noise for 1/10 as many patterns as locations.
        data_dim: bits of the data, those of an address by default.
        dtype: of the counters, ``int8``, ``int16`` or ``int32``; they saturate.
        rng: seeds the locations.

    Memory: M·N/8 bytes of addresses and M·N·itemsize of counters. A write compares M·N/64 words and changes about
    p·M·N counters, a read likewise.

    >>> memory = SparseDistributedMemory(256, 2000, radius=112, rng=0)
    >>> patterns = bits.random(20, 256, rng=1)
    >>> memory.write(patterns)
    >>> noisy = patterns ^ bits.pack(np.arange(256) < 40)
    >>> found, steps, settled = memory.recall(noisy)
    >>> bool(np.all(found == patterns)), bool(settled.all())
    (True, True)

    Source: Kanerva, Sparse Distributed Memory, 1988.
    """

    def __init__(
        self,
        dim: int,
        locations: int,
        *,
        radius: int | None = None,
        active: float | None = None,
        data_dim: int | None = None,
        dtype: Any = np.int16,
        rng: check.Rng = None,
    ) -> None:
        self.dim = check.integer("dim", dim, low=1)
        count = check.integer("locations", locations, low=1)
        self.data_dim = self.dim if data_dim is None else check.integer("data_dim", data_dim, low=1)
        if radius is not None and active is not None:
            raise ValueError("radius and active must not be given together: one follows from the other")
        if np.dtype(dtype).name not in ("int8", "int16", "int32"):
            raise TypeError(f"dtype must be int8, int16 or int32, got {np.dtype(dtype)}")
        if radius is None:
            share = memories.sdm_best_share(count, max(1, count // 10))
            if active is not None:
                share = memories.number("active", active, 0, count) / count
            radius = memories.sdm_radius(self.dim, share)
        self.radius = check.integer("radius", radius, low=0, high=self.dim)
        self.locations = bits.random(count, self.dim, rng=rng)
        """Addresses ``(M, words)``."""
        self.counters = np.zeros((count, self.data_dim), dtype=dtype)
        """What was written: ``(M, data_dim)``."""

    def __repr__(self) -> str:
        return (
            f"<SparseDistributedMemory: {len(self.locations)} locations of {self.dim} bits, "
            f"radius {self.radius}, data of {self.data_dim} bits in {self.counters.dtype}>"
        )

    @property
    def share(self) -> float:
        """Expected share of active locations (:func:`hdspike.theory.sdm_share`)."""
        return memories.sdm_share(self.dim, self.radius)

    def active(self, addresses: Any) -> NDArray[np.int64]:
        """How many locations each address activates: ``(Q, words)`` → ``(Q,)``."""
        asked = self._checked("addresses", addresses, self.dim)
        parts: dict[int, NDArray[np.int64]] = {}

        def work(low: int, high: int) -> None:
            parts[low] = np.zeros(len(asked), dtype=np.int64)
            _activate(self.locations, asked, self.radius, low, high, parts[low])

        spread(work, len(self.locations))
        return np.sum(list(parts.values()), axis=0, dtype=np.int64)

    def write(self, addresses: Any, data: Any = None, *, weights: Any = 1) -> None:
        """Write data ``(Q, data words)`` at addresses ``(Q, words)``; data = addresses where not given.

        ``weights`` (an integer, or one each) says how often; a negative weight takes back what was written, exactly
        so unless a counter had saturated.

        Raises:
            ValueError: other shapes, or no data where data have another dimension than addresses.
        """
        asked = self._checked("addresses", addresses, self.dim)
        if data is None:
            if self.data_dim != self.dim:
                raise ValueError(f"data must be given where data_dim is not dim: {self.data_dim}, {self.dim}")
            data = asked
        given = self._checked("data", data, self.data_dim)
        if len(given) != len(asked):
            raise ValueError(f"data must be one per address: got {len(given)} for {len(asked)} addresses")
        often = check.array("weights", weights, np.int32)
        if often.shape not in ((1,), (len(asked),)):
            raise ValueError(f"weights must be one integer or {len(asked)} of them, got shape {often.shape}")
        times = np.broadcast_to(often, (len(asked),)).astype(np.int64)
        limits = np.iinfo(self.counters.dtype)
        for low in range(0, len(asked), QUERIES):
            some = asked[low : low + QUERIES]
            steps = 2 * bits.unpack(given[low : low + QUERIES], self.data_dim).astype(np.int64) - 1
            steps *= times[low : low + QUERIES, None]
            spread(
                lambda start, stop, some=some, steps=steps: _write(  # type: ignore[misc]
                    *(self.locations, self.counters, some, steps, self.radius),
                    *(int(limits.min), int(limits.max), start, stop),
                ),
                len(self.locations),
            )

    def sums(self, addresses: Any) -> NDArray[np.int64]:
        """The counters summed over the active locations: ``(Q, words)`` → ``(Q, data_dim)``."""
        asked = self._checked("addresses", addresses, self.dim)
        out = np.zeros((len(asked), self.data_dim), dtype=np.int64)
        for low in range(0, len(asked), QUERIES):
            some = asked[low : low + QUERIES]
            parts: dict[int, NDArray[np.int64]] = {}

            def work(
                start: int, stop: int, some: NDArray[Any] = some, parts: dict[int, NDArray[Any]] = parts
            ) -> None:
                parts[start] = np.zeros((len(some), self.data_dim), dtype=np.int64)
                _read(self.locations, self.counters, some, self.radius, start, stop, parts[start])

            spread(work, len(self.locations))
            for part in parts.values():
                out[low : low + QUERIES] += part
        return out

    def read(self, addresses: Any) -> NDArray[np.uint64]:
        """The data at each address: ``(Q, words)`` → ``(Q, data words)``.

        Where a sum is 0, a bit of a SplitMix64 stream seeded with the hash of the address: without bias, and the
        same each time.
        """
        asked = self._checked("addresses", addresses, self.dim)
        sums = self.sums(asked)
        coins = np.empty((len(asked), bits.word_count(self.data_dim)), dtype=np.uint64)
        _coins(bits.hash64(asked), bits.tail_mask(self.data_dim), coins)
        return bits.pack(np.where(sums == 0, bits.unpack(coins, self.data_dim), sums > 0).astype(np.uint8))

    def recall(
        self, addresses: Any, *, most: int = 20
    ) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.bool_]]:
        """Read, and read again at what was read, until it stays: words ``(Q, words)``, reads, settled.

        For memories whose data are addresses. At most ``most`` reads each; ``settled`` says which ended at a fixed
        point. From within the critical distance that is the stored pattern, from without it wanders.
        """
        if self.data_dim != self.dim:
            raise ValueError(f"data_dim must be dim = {self.dim} to read again, got {self.data_dim}")
        check.integer("most", most, low=1)
        state = self._checked("addresses", addresses, self.dim).copy()
        reads = np.zeros(len(state), dtype=np.int64)
        settled = np.zeros(len(state), dtype=bool)
        for _ in range(most):
            going = np.flatnonzero(~settled)
            if not len(going):
                break
            following = self.read(state[going])
            reads[going] += 1
            settled[going] = np.all(following == state[going], axis=1)
            state[going] = following
        return state, reads, settled

    def save(self, path: str | Path) -> None:
        """Write the memory to one file (:func:`hdspike.files.save_array`): per location its address and counters."""
        parts = (self.locations.astype("<u8"), self.counters.astype(self.counters.dtype.newbyteorder("<")))
        rows = np.concatenate([np.ascontiguousarray(part).view(np.uint8) for part in parts], axis=1)
        sizes = {"dim": self.dim, "data_dim": self.data_dim, "radius": self.radius}
        files.save_array(path, rows, kind=FORMAT, itemsize=self.counters.dtype.itemsize, **sizes)

    @classmethod
    def load(cls, path: str | Path) -> "SparseDistributedMemory":
        """Read what :meth:`save` wrote.

        Raises:
            ValueError: a file that is corrupt or of another kind.
        """
        rows, sizes = opened(path, FORMAT, ("dim", "data_dim", "radius", "itemsize"))
        dim, data_dim, size = sizes["dim"], sizes["data_dim"], sizes["itemsize"]
        if not dim or not data_dim or size not in (1, 2, 4) or sizes["radius"] > dim:
            raise ValueError(f"{path} must describe a memory, its header says {sizes}")
        split = 8 * -(-dim // bits.BITS)
        if (
            rows.ndim != 2
            or not len(rows)
            or rows.shape[1] != split + data_dim * size
            or rows.dtype != np.uint8
        ):
            raise ValueError(
                f"{path} must hold bytes (M ≥ 1, {split + data_dim * size}), got {rows.shape} of {rows.dtype}"
            )
        memory = cls.__new__(cls)
        memory.dim, memory.data_dim, memory.radius = dim, data_dim, sizes["radius"]
        memory.locations = np.ascontiguousarray(rows[:, :split]).view("<u8").astype(np.uint64, copy=False)
        bits.check_tails(f"{path}", memory.locations, dim)
        counters = np.ascontiguousarray(rows[:, split:]).view(f"<i{size}")
        memory.counters = counters.astype(counters.dtype.newbyteorder("="), copy=False)
        return memory

    def _checked(self, name: str, words: Any, dim: int) -> NDArray[np.uint64]:
        given = check.batch(name, bits.words_of(name, words, dim))
        bits.check_tails(name, given, dim)  # of a memory-mapped file too: all of it is read
        return given
