"""Random operations on bits beside ``bitarray``, an independent C library: no difference may be found.

    python -m tests.oracle [OPERATIONS] [SEED]

One operation is one vector out of one function: bound, rotated, counted, compared, bundled, packed or searched.
``make oracle`` runs ten million.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from bitarray import bitarray
from bitarray.util import count_xor

from hdspike import bits

DIMS = (1, 2, 7, 63, 64, 65, 100, 127, 128, 129, 255, 1000, 1024, 2048)


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


def majority(x: np.ndarray, a: list[bitarray], dim: int, rng: Any) -> tuple[Any, Any]:
    """Majority of three: ``ab ∨ ac ∨ bc``."""
    u, v = rng.permutation(len(x)), rng.permutation(len(x))
    expected = [p & a[i] | p & a[j] | a[i] & a[j] for p, i, j in zip(a, u, v, strict=True)]
    return bits.majority(np.stack([x, x[u], x[v]], axis=1), dim), words_of(expected, dim)


def counters(x: np.ndarray, a: list[bitarray], dim: int, rng: Any) -> tuple[Any, Any]:
    """Three rows left of five, some added twice and taken out again."""
    out, expected = [], []
    for i in range(0, len(x) - 4, 5):
        votes = bits.Counters(dim)
        votes.add(x[i : i + 5])
        votes.remove(x[i + 3 : i + 5])
        out.append(votes.majority())
        p, q, r = a[i : i + 3]
        expected.append(p & q | p & r | q & r)
    return np.array(out), words_of(expected, dim)


def pack(x: np.ndarray, a: list[bitarray], dim: int, rng: Any) -> tuple[Any, Any]:
    return bits.unpack(x, dim), np.array([v.tolist() for v in a])


def nearest(x: np.ndarray, a: list[bitarray], dim: int, rng: Any) -> tuple[Any, Any]:
    k = int(rng.integers(1, 12))
    some = x[:20]
    expected = []
    for v in a[:40]:
        ranked = sorted((count_xor(v, w), i) for i, w in enumerate(a[:20]))
        expected.append([i for _, i in ranked[:k]])
    return bits.nearest(x[:40], some, dim, k)[0], np.array(expected)


OPERATIONS: tuple[Callable[..., tuple[Any, Any]], ...] = (
    bind, rotate, popcount, hamming, majority, counters, pack, nearest,
)  # fmt: skip


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
        for operation in OPERATIONS:
            got, expected = operation(x, a, dim, rng)
            if not np.array_equal(got, expected):
                raise AssertionError(
                    f"{operation.__name__} differs at dim {dim}, seed {seed}, round {rounds}"
                )
            done[operation.__name__] += got.size if operation is hamming else len(got)
        rounds += 1
        if progress and rounds % 50 == 0:
            print(f"\r{sum(done.values()):,}", end="", file=sys.stderr, flush=True)
    return done


if __name__ == "__main__":
    wanted, *rest = [int(value) for value in sys.argv[1:]] or [10_000_000]
    counts = run(wanted, *rest, progress=True)
    print(f"\r{sum(counts.values()):,} operations, 0 differences: "
          + ", ".join(f"{name} {count:,}" for name, count in counts.items()))  # fmt: skip
