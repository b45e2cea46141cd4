"""The sparse block code on lists of block indices."""

from collections.abc import Sequence

from tests.naive import bits


def bind(a: Sequence[int], b: Sequence[int], length: int) -> list[int]:
    return [(int(x) + int(y)) % length for x, y in zip(a, b, strict=True)]


def inverse(a: Sequence[int], length: int) -> list[int]:
    return [-int(x) % length for x in a]


def permute(a: Sequence[int], shifts: int) -> list[int]:
    out = [0] * len(a)
    for b, index in enumerate(a):
        out[(b + shifts) % len(a)] = int(index)
    return out


def score(a: Sequence[int], b: Sequence[int]) -> int:
    return sum(int(x == y) for x, y in zip(a, b, strict=True))


def bundle(rows: Sequence[Sequence[int]], weights: Sequence[int]) -> list[int]:
    """Weighted mode of each block; word b of the stream, modulo the number of tied indices, picks one."""
    stream = bits.splitmix64(bits.tie_seed(rows, weights))
    out = []
    for block in range(len(rows[0])):
        votes: dict[int, int] = {}
        for row, weight in zip(rows, weights, strict=True):
            votes[int(row[block])] = votes.get(int(row[block]), 0) + int(weight)
        best = max(votes.values())
        tied = sorted(index for index, count in votes.items() if count == best)
        out.append(tied[next(stream) % len(tied)])
    return out


def dense(a: Sequence[int], length: int) -> list[int]:
    """The block code as zeros and ones."""
    return [int(index == i) for index in a for i in range(length)]
