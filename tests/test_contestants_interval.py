"""Intervals by blocks: what they cover, how they pair, what they refuse."""

import numpy as np
import pytest

from hdspike.contestants import interval
from hdspike.contestants.contract import Reading


def reading(bits, positions=None, hits=None):
    return Reading(np.asarray(bits, dtype=np.float64), hits, 1.0, {}, positions)


def correlated(random, size):
    """A passage of 20 characters is hard or easy as a whole: mean 0, deviation 1 within and between passages."""
    return np.repeat(random.standard_normal(size // 20), 20) + random.standard_normal(size // 20 * 20)


def test_coverage() -> None:
    """Nineteen of twenty intervals hold the truth; taken character by character most of them would not."""
    random = np.random.default_rng(0)
    held = {100: 0, 1: 0}
    for _ in range(120):
        values = correlated(random, 4000)
        for block in held:
            found = interval.interval(values, block=block, rng=1) if block == 100 else None
            if found is None:
                half = 1.96 * values.std() / np.sqrt(len(values))
                held[block] += abs(values.mean()) <= half
            else:
                held[block] += found.low <= 0 <= found.high
    assert 0.89 <= held[100] / 120 <= 0.99
    assert held[1] / 120 < 0.7


def test_blocks_weigh_by_their_size() -> None:
    """The mean is that of all values, the last block being short; independent values have the normal width."""
    random = np.random.default_rng(1)
    values = random.standard_normal(10_050)
    found = interval.interval(values, block=100)
    assert found.blocks == 101
    assert found.value == pytest.approx(values.mean())
    assert found.low < found.value < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 / np.sqrt(len(values)), rel=0.2)
    assert interval.interval(values, block=100) == found  # a seed of its own
    narrow = interval.interval(values, block=100, confidence=0.5)
    assert narrow.high - narrow.low < (found.high - found.low) / 2
    alone = interval.interval(values[:100], block=100)
    assert (alone.low, alone.high, alone.blocks) == (None, None, 1)
    assert str(alone) == f"{values[:100].mean():.3f}"


def test_paired_differences_are_sure_where_single_ones_are_not() -> None:
    random = np.random.default_rng(2)
    hard = 2 + correlated(random, 20_000)
    left, right = reading(hard), reading(hard + 0.05 + 0.1 * random.standard_normal(len(hard)))
    found = interval.between(left, right)
    assert found.value == pytest.approx(-0.05, abs=0.005)
    assert found.low < -0.05 < found.high < -0.04
    one = interval.bits(left)
    assert one.low < interval.bits(right).low < one.high  # the two overlap
    assert interval.between(right, left).value == pytest.approx(-found.value)


def test_samples_are_paired_where_both_predicted() -> None:
    bits = np.arange(5000.0)
    every, places = reading(bits), np.arange(0, 5000, 5)
    found = interval.between(reading(bits[places] - 1, places), every)
    assert (found.value, found.low, found.high, found.blocks) == (-1, -1, -1, 5)
    other = np.arange(0, 5000, 7)
    both = interval.between(reading(bits[places], places), reading(bits[other] + 2, other))
    assert both.value == pytest.approx(-2)
    assert interval.bits(reading(bits[places], places)).blocks == 5
    with pytest.raises(ValueError, match="readings must share predicted places"):
        interval.between(reading([1.0], np.array([3])), reading([1.0], np.array([4])))
    with pytest.raises(ValueError, match="readings must be of one text, got 2 and 3 characters"):
        interval.between(reading([1, 2]), reading([1, 2, 3]))


def test_blocks_are_no_shorter_than_chunks() -> None:
    """Bits spread over 5,000 characters are one observation, not five."""
    spread = Reading(np.repeat([1.0, 2.0, 3.0, 4.0], 5000), None, 1.0, {}, chunk=5000)
    assert interval.bits(spread).blocks == 4
    assert interval.bits(spread, block=10_000).blocks == 2
    every = reading(np.ones(20_000))
    assert interval.between(every, spread).blocks == interval.between(spread, every).blocks == 4
    assert interval.bits(every).blocks == 20


def test_accuracy() -> None:
    hits = np.arange(4000) % 4 == 0
    found = interval.accuracy(reading(np.ones(4000), hits=hits))
    assert (found.value, found.low, found.high) == (0.25, 0.25, 0.25)
    with pytest.raises(ValueError, match="reading must have hits"):
        interval.accuracy(reading([1.0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interval.interval([]), "values must be finite"),
        (lambda: interval.interval([1.0, np.nan]), "1 that are not"),
        (lambda: interval.interval([1.0], block=0), "block must be at least 1, got 0"),
        (lambda: interval.interval([1.0], confidence=1.0), "confidence must be in"),
        (lambda: interval.interval([1.0, 2.0], [1, 1]), "positions must rise"),
        (lambda: interval.interval([1.0, 2.0], [1]), "positions must rise, one for each of 2 values, got 1"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
