"""The sparse spaces on lists: block indices, or indices of ones."""

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


# --- binary sparse distributed codes: sets of indices ----------------------------------------------------


def rotations(dim: int, seed: int) -> list[int]:
    """The shifts 1 … dim − 1 in the order of the thinning."""
    return sorted(range(1, dim), key=lambda shift: bits.hash64([shift, seed]))


def priorities(rows: Sequence[Sequence[int]], weights: Sequence[int], dim: int) -> list[int]:
    """Output i of the stream for bit i: the lowest go first among equals."""
    stream = bits.splitmix64(bits.tie_seed(rows, weights))
    return [next(stream) for _ in range(dim)]


def heaviest(rows: Sequence[Sequence[int]], weights: Sequence[int], dim: int) -> list[int]:
    """The bundle: all bits that some row of positive weight has, by weight and then by the stream."""
    votes = [0] * dim
    for row, weight in zip(rows, weights, strict=True):
        for index in row:
            votes[index] += int(weight)
    first = priorities(rows, weights, dim)
    order = sorted(range(dim), key=lambda i: (-votes[i], first[i]))
    return sorted(order[: len(rows[0])])


def thin(rows: Sequence[Sequence[int]], dim: int, seed: int) -> list[int]:
    """The union's ones by which rotations of the union confirm them: the earliest term first, then the next, …"""
    union = {int(index) for row in rows for index in row}
    shifts = rotations(dim, seed)
    first = priorities(rows, [1] * len(rows), dim)
    unconfirmed = {i: [(i - s) % dim not in union for s in shifts] for i in union}
    order = sorted(union, key=lambda i: (unconfirmed[i], first[i]))
    return sorted(order[: len(rows[0])])


def overlap(a: Sequence[int], b: Sequence[int]) -> int:
    return len(set(map(int, a)) & set(map(int, b)))


def best(scores: Sequence[int], k: int) -> list[int]:
    return sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k]
