"""Every theory point on dense and sparse codes of chance 1e-4 or more, against the engine itself.

One row per point: its formula, the golden value it should have, and a simulation whose mean must lie within three
standard errors. Print the table with ``python -m tests.test_theory_points``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
import pytest

from hdspike import bits, theory
from hdspike.encode import record
from hdspike.memory import Willshaw
from hdspike.spaces import BSC, BSDC, SBC
from tests.conftest import JIT

Estimate = tuple[float, float]
"""Mean and standard error."""


@dataclass(frozen=True)
class Point:
    name: str
    formula: float
    simulate: Callable[[np.random.Generator], Estimate]
    golden: float | None = None
    digits: float = 0.0
    """What the golden value may differ from ``printed``: half a unit of its last digit."""
    printed: float | None = None
    """The formula that the golden value is of, where that is another one (the normal approximation)."""


# --- simulations: each returns a mean and its standard error -----------------------------------------------


def share(hits: float, trials: int, chance: float) -> Estimate:
    """A share of (pairwise) independent trials; the error is that of the chance under test."""
    return hits / trials, sqrt(chance * (1 - chance) / trials)


def of_draws(values: list[float]) -> Estimate:
    return float(np.mean(values)), float(np.std(values, ddof=1)) / sqrt(len(values))


def flips(random: np.random.Generator, dim: int, rate: float) -> np.ndarray:
    return bits.pack(random.random(dim) < rate)


def bundle_distance(k: int, rate: float = 0.0, dim: int = 1_000_000) -> Callable[..., Estimate]:
    """Bits in which a majority of k differs from its first member, once each bit is flipped at a rate."""
    expected = theory.with_errors(theory.mode_distance(k), rate)

    def simulate(random: np.random.Generator) -> Estimate:
        members = bits.random(k, dim, rng=random)
        bundle = bits.majority(members, dim) ^ flips(random, dim, rate)
        return share(int(bits.hamming(bundle[None], members[:1], dim)[0, 0]), dim, expected)

    return simulate


def block_distance(k: int, length: int, blocks: int = 100_000) -> Callable[..., Estimate]:
    """Blocks in which a bundle of k differs from its first member."""
    expected = theory.mode_distance(k, length=length)

    def simulate(random: np.random.Generator) -> Estimate:
        space = SBC(blocks * length, blocks=blocks)
        members = space.random(k, rng=random)
        same = int(space.score(space.bundle(members)[None], members[:1])[0, 0])
        return share(blocks - same, blocks, expected)

    return simulate


def found(scores: np.ndarray, own: np.ndarray, rivals: np.ndarray) -> float:
    """Mean chance that each query's own item is taken, equal scores decided at random."""
    right = np.take_along_axis(scores, own[:, None], axis=1)
    against = np.where(rivals, scores, np.iinfo(scores.dtype).min)
    best, tied = against.max(axis=1), (against == right).sum(axis=1)
    return float(np.mean((right[:, 0] > best) + (right[:, 0] == best) / (1 + tied)))


def recall(
    space: BSC | SBC, items: int, k: int, bundles: int, *, error: float = 0.0, members: str = "sequence"
) -> Callable[..., Estimate]:
    """Members recalled from many bundles, each with its own items."""

    def sequence(random: np.random.Generator) -> float:
        memory, roles = space.random(items, rng=random), space.random(k, rng=random)
        fillers = random.integers(items, size=k)
        queries = space.bind(record(space, roles, memory[fillers]), space.inverse(roles))
        if error and isinstance(space, BSC):
            queries = queries ^ flips(random, space.dim, error)
        elif error:
            hit = random.random(queries.shape) < error
            queries = np.where(
                hit, (queries + random.integers(1, space.length, queries.shape)) % space.length, queries
            )
        strangers = np.arange(items) != fillers[:, None]
        return found(space.score(queries, memory), fillers, strangers)

    def bag(random: np.random.Generator) -> float:
        memory, chosen = space.random(items, rng=random), random.permutation(items)[:k]
        scores = np.repeat(space.score(space.bundle(memory[chosen])[None], memory), k, axis=0)
        return found(scores, chosen, ~np.isin(np.arange(items), chosen)[None])

    one = sequence if members == "sequence" else bag
    return lambda random: of_draws([one(random) for _ in range(bundles)])


def overlaps(
    dim: int, ones: int, theta: int, active: int | None = None, rows: int = 1500
) -> Callable[..., Estimate]:
    """Pairs of random patterns that overlap in θ bits or more. The pairs of a table are pairwise independent."""
    a = ones if active is None else active
    expected = theory.false_match(dim, a, ones, theta)

    def simulate(random: np.random.Generator) -> Estimate:
        queries, items = (
            BSDC(dim, ones=a).random(rows, rng=random),
            BSDC(dim, ones=ones).random(rows, rng=random),
        )
        other = np.zeros((rows, dim), dtype=np.float32)
        np.put_along_axis(other, items.astype(np.int64), 1.0, axis=1)
        if a == ones:
            scores = BSDC(dim, ones=ones).score(queries, items)
        else:
            mine = np.zeros((rows, dim), dtype=np.float32)
            np.put_along_axis(mine, queries.astype(np.int64), 1.0, axis=1)
            scores = (mine @ other.T).astype(np.int32)
        return share(int(np.count_nonzero(scores >= theta)), scores.size, expected)

    return simulate


def events(dim: int, ones: int, rows: int = 1500) -> Callable[..., Estimate]:
    """Mean overlap of random pairs: what a query by inverted lists delivers, per key."""
    variance = ones**2 / dim * (1 - ones / dim) * (dim - ones) / (dim - 1)

    def simulate(random: np.random.Generator) -> Estimate:
        space = BSDC(dim, ones=ones)
        scores = space.score(space.random(rows, rng=random), space.random(rows, rng=random))
        return float(scores.mean()), sqrt(variance / scores.size)

    return simulate


def block_matches(length: int, touched: bool, blocks: int = 128, rows: int = 1500) -> Callable[..., Estimate]:
    """Matching blocks, or pairs that match anywhere, of random sparse block codes."""

    def simulate(random: np.random.Generator) -> Estimate:
        space = SBC(blocks * length, blocks=blocks)
        scores = space.score(space.random(rows, rng=random), space.random(rows, rng=random))
        if touched:
            return share(np.count_nonzero(scores), scores.size, theory.chance_touched(blocks, length))
        return share(int(scores.sum()), scores.size * blocks, theory.match_chance(length))

    return simulate


def union(
    dim: int, ones: int, count: int, *, inside: bool, ors: int = 400, strangers: int = 500
) -> Callable[..., Estimate]:
    """Density of the OR of ``count`` patterns, or the strangers that lie wholly inside it."""

    def simulate(random: np.random.Generator) -> Estimate:
        space, values = BSDC(dim, ones=ones), []
        for _ in range(ors):
            filled = np.zeros(dim, dtype=bool)
            filled[space.random(count, rng=random)] = True
            values.append(
                filled[space.random(strangers, rng=random)].all(axis=1).mean() if inside else filled.mean()
            )
        return of_draws(values)

    return simulate


def block_union(
    blocks: int, length: int, count: int, ors: int = 400, strangers: int = 500
) -> Callable[..., Estimate]:
    """Strangers that lie wholly inside the OR of ``count`` sparse block codes."""

    def simulate(random: np.random.Generator) -> Estimate:
        space, values = SBC(blocks * length, blocks=blocks), []
        for _ in range(ors):
            filled = np.bitwise_or.reduce(space.to_words(space.random(count, rng=random)))
            others = space.to_words(space.random(strangers, rng=random))
            values.append(float(np.mean(bits.popcount(others & filled, space.dim) == blocks)))
        return of_draws(values)

    return simulate


def xor_ones(dim: int, ones: int, pairs: int = 400) -> Callable[..., Estimate]:
    """Density of the XOR of two random patterns."""

    def simulate(random: np.random.Generator) -> Estimate:
        words = BSDC(dim, ones=ones).to_words(BSDC(dim, ones=ones).random(2 * pairs, rng=random))
        return of_draws((bits.popcount(words[:pairs] ^ words[pairs:], dim) / dim).tolist())

    return simulate


def willshaw(n: int, k: int, matrices: int) -> Callable[..., Estimate]:
    """Share of ones in a clipped Hebbian matrix of M = ln 2·n²/k² pairs."""

    def simulate(random: np.random.Generator) -> Estimate:
        space, values = BSDC(n, ones=k), []
        for _ in range(matrices):
            pairs = round(log(2) * n**2 / k**2)
            x, y = space.random(pairs, rng=random).astype(np.int64), space.random(pairs, rng=random)
            matrix = np.zeros(n * n, dtype=bool)
            matrix[(x[:, :, None] * n + y[:, None, :]).ravel()] = True
            values.append(float(matrix.mean()))
        return of_draws(values)

    return simulate


def false_ones(n: int, k: int, stored: int, asked: int, memories: int = 12) -> Callable[..., Estimate]:
    """Mean false ones of recalled patterns: the bits per synapse follow from it. Patterns of one memory share its ones,
    so the error is that of the memories' own means."""

    def simulate(random: np.random.Generator) -> Estimate:
        space, values = BSDC(n, ones=k), []
        for _ in range(memories):
            x, y = space.random(stored, rng=random), space.random(stored, rng=random)
            memory = Willshaw(n)
            memory.store(x, y)
            values.append(float(bits.popcount(memory.recall(x[:asked]), n).mean()) - k)
        return of_draws(values)

    return simulate


# --- the table -----------------------------------------------------------------------------------------------


def points() -> list[Point]:
    rows = []
    for k, golden in {3: 0.25, 5: 0.3125, 15: 0.39526, 51: 0.44386, 101: 0.46021, 201: 0.47183}.items():
        rows.append(Point(f"δ({k})", theory.mode_distance(k), bundle_distance(k), golden, 5e-6))
    rows.append(Point("δ(4) = δ(5)", theory.mode_distance(4), bundle_distance(4), 0.3125, 1e-12))
    for k, length in ((3, 16), (21, 64), (51, 1024)):
        rows.append(
            Point(
                f"δ({k}), blocks of {length}",
                theory.mode_distance(k, length=length),
                block_distance(k, length),
            )
        )
    for k, rate in ((5, 0.1), (51, 0.3)):
        law = theory.with_errors(theory.mode_distance(k), rate)
        golden = {5: 0.3125 + 0.375 * 0.1, 51: 0.44386 + 0.11228 * 0.3}[k]
        rows.append(Point(f"δ'({k}), b = {rate}", law, bundle_distance(k, rate), golden, 1e-5))

    for error, golden in {0.0: 0.973, 0.1: 0.882, 0.2: 0.669, 0.3: 0.374, 0.4: 0.138}.items():
        law, normal = (f(1024, 32, 36, error=error) for f in (theory.retrieval, theory.retrieval_normal))
        simulate = recall(BSC(1024), 32, 36, 300, error=error)
        rows.append(Point(f"retrieval N=1024 M=32 K=36 b={error}", law, simulate, golden, 5e-4, normal))
    for dim, k, golden, bundles in ((10_000, 201, 0.9874, 60), (5_000, 101, 0.9872, 120)):
        rows.append(
            Point(
                f"retrieval N={dim} M=1000 K={k}, sequence", theory.retrieval(dim, 1000, k),
                recall(BSC(dim), 1000, k, bundles), golden, 5e-5, theory.retrieval_normal(dim, 1000, k),
            )
        )  # fmt: skip
    for dim, k, bundles in ((5_000, 97, 120), (10_000, 193, 50), (20_000, 387, 20)):
        law, normal = theory.retrieval(dim, 1000, k), theory.retrieval_normal(dim, 1000, k)
        simulate = recall(BSC(dim), 1000, k, bundles)
        rows.append(Point(f"99 % capacity N={dim} M=1000 K={k}", law, simulate, 0.9905, 5e-4, normal))
    rows.append(
        Point(
            "retrieval N=10000 M=1000 K=201, set", theory.retrieval(10_000, 1000, 201, members="set"),
            recall(BSC(10_000), 1000, 201, 150, members="set"), 0.9891, 5e-5,
        )
    )  # fmt: skip
    for blocks, length, k in ((60, 64, 15), (100, 1024, 21)):
        space = SBC(blocks * length, blocks=blocks)
        for error in (0.0, 0.2):
            law = theory.retrieval(blocks, 200, k, error=error, length=length)
            rows.append(
                Point(
                    f"retrieval sbc B={blocks} L={length} M=200 K={k} b={error}",
                    law,
                    recall(space, 200, k, 80, error=error),
                )
            )
        law = theory.retrieval(blocks, 200, k, members="set", length=length)
        rows.append(
            Point(
                f"retrieval sbc B={blocks} L={length} M=200 K={k}, set",
                law,
                recall(space, 200, k, 200, members="set"),
            )
        )

    for length in (64, 1024):
        rows.append(
            Point(
                f"block match 1/{length}",
                theory.match_chance(length),
                block_matches(length, False),
                1 / length,
                0,
            )
        )
    rows.append(
        Point(
            "touched, 128 blocks of 1024",
            theory.chance_touched(128, 1024),
            block_matches(1024, True),
            0.12,
            5e-3,
        )
    )
    rows.append(
        Point(
            "touched, 128 blocks of 256",
            theory.chance_touched(128, 256),
            block_matches(256, True),
            0.40,
            1e-2,
        )
    )
    rows.append(
        Point("XOR of 2 × 20 of 2000", theory.xor_density(0.01, 0.01), xor_ones(2000, 20), 0.0198, 1e-12)
    )
    rows.append(
        Point(
            "OR of 50 × 20 of 2000",
            theory.or_density(2000, 20, 50),
            union(2000, 20, 50, inside=False),
            1 - 0.99**50,
            1e-12,
        )
    )
    for dim, w, k in ((64, 4, 8), (256, 6, 30), (512, 5, 25)):
        rows.append(
            Point(
                f"inside the OR of {k} × {w} of {dim}",
                theory.contained(dim, w, k),
                union(dim, w, k, inside=True),
            )
        )
    for blocks, length, k in ((4, 16, 5), (8, 16, 10)):
        law = theory.contained_blocks(blocks, length, k)
        rows.append(
            Point(f"inside the OR of {k} × {blocks} blocks of {length}", law, block_union(blocks, length, k))
        )

    for dim, thetas in {256: (8, 10), 1024: (3, 5), 4096: (1, 3)}.items():
        for theta in thetas:
            rows.append(
                Point(
                    f"overlap ≥ {theta}, 32 of {dim}",
                    theory.false_match(dim, 32, 32, theta),
                    overlaps(dim, 32, theta),
                )
            )
    rows.append(
        Point(
            "overlap ≥ 4, 24 against 300 of 10000",
            theory.false_match(10_000, 300, 24, 4),
            overlaps(10_000, 24, 4, active=300, rows=600),
        )
    )
    for dim, golden in {256: 4.0, 1024: 1.0, 4096: 0.25, 10_000: 0.102, 100_000: 0.010}.items():
        rows.append(
            Point(
                f"events per (query, key), 32 of {dim}",
                theory.events_per_pair(dim, 32),
                events(dim, 32, 1000),
                golden,
                5e-4,
            )
        )
    for n, k, golden, matrices in ((1000, 10, 0.4998, 40), (2000, 11, 0.4999, 10), (4000, 12, 0.5001, 4)):
        stored = round(log(2) * n**2 / k**2)
        law = theory.willshaw_density(n, k, stored)
        rows.append(Point(f"Willshaw p₁ n={n} k={k}", law, willshaw(n, k, matrices), golden, 5e-4))
    for n, k, golden, asked in ((1000, 10, 0.510, 1000), (2000, 11, 0.524, 1000), (4000, 12, 0.532, 500)):
        stored = round(log(2) * n**2 / k**2)
        law = (n - k) * theory.willshaw_false_ones(n, k, stored)
        information = theory.willshaw_information(n, k, stored)
        simulate = false_ones(n, k, stored, asked)
        rows.append(Point(f"Willshaw false ones n={n} k={k}", law, simulate, golden, 1.5e-3, information))
    return rows


POINTS = points()


@pytest.mark.parametrize("point", [p for p in POINTS if p.golden is not None], ids=lambda p: p.name)
def test_the_formula_gives_the_golden_value(point):
    printed = point.formula if point.printed is None else point.printed
    assert abs(printed - point.golden) <= point.digits + 1e-12


def simulated(number: int) -> Estimate:
    return POINTS[number].simulate(np.random.default_rng([2026, number]))


@pytest.mark.skipif(not JIT, reason="statistics of many large vectors, far too slow un-jitted")
def test_every_point_lies_within_three_standard_errors_of_simulation():
    assert min(point.formula for point in POINTS) >= 1e-4
    apart = {}
    for number, point in enumerate(POINTS):
        mean, error = simulated(number)
        assert error < 0.2 * point.formula  # a simulation that says something
        apart[point.name] = (mean - point.formula) / error
    assert {name: z for name, z in apart.items() if abs(z) > 3} == {}
    assert sum(z * z for z in apart.values()) / len(apart) < 1.6


if __name__ == "__main__":
    print(f"{'point':45} {'golden':>8} {'formula':>9} {'simulated':>9} ± {'s.e.':8} {'z':>5}")
    for number, point in enumerate(POINTS):
        mean, error = simulated(number)
        golden = "" if point.golden is None else f"{point.golden:8.5f}"
        numbers = f"{point.formula:9.6f} {mean:9.6f} ± {error:8.6f} {(mean - point.formula) / error:5.1f}"
        print(f"{point.name:45} {golden:>8} {numbers}")
