"""Random operations on bits beside ``bitarray``, an independent C library: no difference may be found.

    python -m tests.oracle [OPERATIONS] [SEED]

One operation is one vector that went through one function: bound, rotated, counted, compared, bundled, packed or
searched for. Every other round spreads even small work over all threads.
``make oracle`` runs ten million.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from bitarray import bitarray
from bitarray.util import count_xor

from hdspike import bits

SPREAD = (
    ("words", "HUGE"),
    ("rotation", "HUGE"),
    ("bundling", "LARGE"),
    ("distance", "LARGE"),
    ("search", "LARGE"),
)
DIMS = (1, 2, 7, 63, 64, 65, 100, 127, 128, 129, 255, 1000, 1024, 2048, 10_000, 10_240)


def arrays(words: np.ndarray, dim: int) -> list[bitarray]:
    """Each row as a little-endian bitarray of ``dim`` bits."""
    out = []
    for row in words.astype("<u8"):
        one = bitarray(endian="little")
        one.frombytes(row.tobytes())
        out.append(one[:dim])
    return out


def words_of(vectors: list[bitarray], dim: int) -> np.ndarray:
    """Rows of words from bitarrays, tails zero."""
    padded = bitarray(endian="little")
    tail = bitarray(64 * bits.word_count(dim) - dim, endian="little")
    tail.setall(0)
    for one in vectors:
        padded += one + tail
    return np.frombuffer(padded.tobytes(), dtype="<u8").reshape(len(vectors), -1).astype(np.uint64)


def bind(x: np.ndarray, a: list[bitarray], dim: int, rng: Any) -> tuple[Any, Any]:
    order = rng.permutation(len(x))
    return bits.xor(x, x[order], dim), words_of([a[i] ^ a[j] for i, j in enumerate(order)], dim)


def rotate(x: np.ndarray, a: list[bitarray], dim: int, rng: Any) -> tuple[Any, Any]:
    shifts = int(rng.integers(-2 * dim, 2 * dim + 1))
    cut = dim - shifts % dim
    return bits.rotate(x, dim, shifts), words_of([v[cut:] + v[:cut] for v in a], dim)


def popcount(x: np.ndarray, a: list[bitarray], dim: int, rng: Any) -> tuple[Any, Any]:
    return bits.popcount(x, dim), np.array([v.count() for v in a])


def hamming(x: np.ndarray, a: list[bitarray], dim: int, rng: Any) -> tuple[Any, Any]:
    some = x[:2]
    return bits.hamming(x, some, dim), np.array([[count_xor(v, w) for w in a[:2]] for v in a])


def threshold(votes: list[bitarray], weights: Any, dim: int) -> tuple[bitarray, bitarray]:
    """Where the ones weigh more than half, and where exactly half: counters of bits, added by ripple, one by one."""
    planes = [bitarray(dim, endian="little") for _ in range(int(sum(weights)).bit_length() + 1)]
    for plane in planes:
        plane.setall(0)
    for vote, weight in zip(votes, weights, strict=True):
        for bit in range(int(weight).bit_length()):
            carry = vote.copy() if int(weight) >> bit & 1 else None
            for p in range(bit, len(planes)):
                if carry is None:
                    break
                planes[p], carry = planes[p] ^ carry, planes[p] & carry
    above, equal = bitarray(dim, endian="little"), bitarray(dim, endian="little")
    above.setall(0)
    equal.setall(1)
    half = int(sum(weights)) // 2
    for p in reversed(range(len(planes))):
        if half >> p & 1:
            equal &= planes[p]
        else:
            above |= equal & planes[p]
            equal &= ~planes[p]
    if int(sum(weights)) % 2:
        equal.setall(0)
    return above, equal


def majority(x: np.ndarray, a: list[bitarray], dim: int, rng: Any) -> tuple[Any, Any]:
    """Any number of vectors, weighted or not, through every step of the adder tree; tied bits are left out."""
    count = int(rng.choice([1, 2, 3, 5, 15, 16, 17, 33, 100, 257, 300]))
    weights = rng.integers(0, 9, count) if rng.random() < 0.5 else np.ones(count, dtype=np.int64)
    weights[0] += 1
    chosen = rng.integers(len(x), size=count)
    got = bits.majority(x[chosen], dim, weights=weights)
    above, tied = threshold([a[i] for i in chosen], weights, dim)
    mask = ~words_of([tied], dim)[0]
    return np.repeat((got & mask)[None], count, 0), np.repeat(words_of([above], dim) & mask, count, 0)


def counters(x: np.ndarray, a: list[bitarray], dim: int, rng: Any) -> tuple[Any, Any]:
    """Vectors added at once and one by one, some taken out again: what is left decides."""
    count = int(rng.integers(3, 60))
    chosen = rng.integers(len(x), size=count)
    left = count - int(rng.integers(count))
    votes = bits.Counters(dim)
    votes.add(x[chosen[: count // 2]])
    for i in chosen[count // 2 :]:
        votes.add(x[i])
    if left < count:
        votes.remove(x[chosen[left:]])
    above, tied = threshold([a[i] for i in chosen[:left]], np.ones(left, dtype=np.int64), dim)
    mask = ~words_of([tied], dim)[0]
    return np.repeat((votes.majority() & mask)[None], count, 0), np.repeat(
        words_of([above], dim) & mask, count, 0
    )


def pack(x: np.ndarray, a: list[bitarray], dim: int, rng: Any) -> tuple[Any, Any]:
    return bits.unpack(x, dim), np.array([v.tolist() for v in a])


def nearest(x: np.ndarray, a: list[bitarray], dim: int, rng: Any) -> tuple[Any, Any]:
    """A kept list of the best, or, for many, a counting sort of all."""
    k = int(rng.choice([1, 3, 11, len(x)]))
    expected = []
    for v in a[:10]:
        ranked = sorted((count_xor(v, w), i) for i, w in enumerate(a))
        expected.append([i for _, i in ranked[:k]])
    with patched("search", "INSERTED", int(rng.choice([0, 512]))):
        return bits.nearest(x[:10], x, dim, k)[0], np.array(expected)


OPERATIONS: tuple[Callable[..., tuple[Any, Any]], ...] = (
    bind, rotate, popcount, hamming, majority, counters, pack, nearest,
)  # fmt: skip


@contextmanager
def patched(room: str, name: str, value: int) -> Iterator[None]:
    """A constant of ``hdspike.bits``, changed for a while."""
    module = importlib.import_module(f"hdspike.bits.{room}")
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def run(operations: int, seed: int = 0, *, batch: int = 500, progress: bool = False) -> dict[str, int]:
    """Compare until ``operations`` are done: the number of each. The first difference raises."""
    rng = np.random.default_rng(seed)
    done = dict.fromkeys((o.__name__ for o in OPERATIONS), 0)
    rounds = 0
    while sum(done.values()) < operations:
        dim = int(rng.choice(DIMS)) if rng.random() < 0.5 else int(rng.integers(1, 1500))
        dense = bits.random(batch, dim, rng=rng)
        x = dense & bits.random(batch, dim, rng=rng) if rng.random() < 0.2 else dense
        a = arrays(x, dim)
        threads = rounds % 2  # in every other round even small work is spread over threads
        for operation in OPERATIONS:
            with ExitStack() as stack:
                for room, name in SPREAD if threads else ():
                    stack.enter_context(patched(room, name, 1))
                got, expected = operation(x, a, dim, rng)
            if not np.array_equal(got, expected):
                raise AssertionError(
                    f"{operation.__name__} differs at dim {dim}, seed {seed}, round {rounds}"
                )
            done[operation.__name__] += len(got)
        rounds += 1
        if progress and rounds % 50 == 0:
            print(f"\r{sum(done.values()):,}", end="", file=sys.stderr, flush=True)
    return done


if __name__ == "__main__":
    wanted, *rest = [int(value) for value in sys.argv[1:]] or [10_000_000]
    counts = run(wanted, *rest, progress=True)
    print(f"\r{sum(counts.values()):,} operations, 0 differences: "
          + ", ".join(f"{name} {count:,}" for name, count in counts.items()))  # fmt: skip
