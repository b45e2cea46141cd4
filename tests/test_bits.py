"""Bits against their naive twins, against ``bitarray`` and against the published SplitMix64."""

from itertools import islice

import numpy as np
import pytest
from bitarray import bitarray
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits, files
from hdspike.bits.bundling import _majority_batch, scratch
from hdspike.bits.distance import _hamming
from hdspike.bits.search import _smallest
from hdspike.bits.words import _popcount
from hdspike.hypervector import Hypervectors
from tests import oracle
from tests.conftest import JIT
from tests.naive import bits as twin

DIMS = (1, 63, 64, 65, 127, 130, 1000)
FULL = 2**64 - 1

dims = st.one_of(st.sampled_from(DIMS), st.integers(1, 200))
words64 = st.one_of(st.sampled_from([0, 1, 2**63, FULL, FULL - 1]), st.integers(0, FULL))


@st.composite
def batches(draw, *, least: int = 0, most: int = 5, count: int = 1):
    """``dim`` and ``count`` batches of rows of zeros and ones: fair, nearly empty or nearly full."""
    dim = draw(dims)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    out = []
    for _ in range(count):
        density = draw(st.sampled_from([0.0, 0.02, 0.5, 0.98, 1.0]))
        out.append((rng.random((draw(st.integers(least, most)), dim)) < density).astype(np.uint8))
    return dim, *out


def frozen(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


def strided(array: np.ndarray) -> np.ndarray:
    """The same values, no two neighbours in memory."""
    wide = np.zeros((*array.shape, 2), dtype=array.dtype)
    wide[..., 0] = array
    return wide[..., 0]


# --- packing --------------------------------------------------------------------------------------------


@given(batches())
def test_pack_and_unpack(batch) -> None:
    dim, rows = batch
    words = bits.pack(rows)
    assert words.dtype == np.uint64
    np.testing.assert_array_equal(words, twin.array(rows, dim))
    np.testing.assert_array_equal(bits.unpack(words, dim), rows)
    np.testing.assert_array_equal(bits.unpack(strided(frozen(words)), dim), rows)
    np.testing.assert_array_equal(bits.pack(strided(rows.astype(bool))), words)


@pytest.mark.parametrize("dim", DIMS)
def test_pack_is_bitarray(dim: int) -> None:
    row = np.random.default_rng(dim).integers(0, 2, dim)
    octets = bitarray(row.tolist(), endian="little").tobytes()
    assert bits.pack(row).astype("<u8").tobytes()[: len(octets)] == octets
    assert not any(bits.pack(row).astype("<u8").tobytes()[len(octets) :])
    assert bits.pack(row).shape == (bits.word_count(dim),)


def test_pack_any_batch_shape() -> None:
    rows = np.random.default_rng(0).integers(0, 2, (2, 3, 70))
    assert bits.pack(rows).shape == (2, 3, 2)
    np.testing.assert_array_equal(bits.unpack(bits.pack(rows), 70), rows)


def test_tail_mask() -> None:
    assert [int(bits.tail_mask(dim)) for dim in (1, 2, 63, 64, 65, 128)] == [1, 3, 2**63 - 1, FULL, 1, FULL]
    assert [bits.word_count(dim) for dim in (1, 63, 64, 65, 128, 129)] == [1, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("dim", DIMS)
def test_random_is_seeded_fair_and_clean(dim: int) -> None:
    words = bits.random(500, dim, rng=3)
    np.testing.assert_array_equal(words, bits.random(500, dim, rng=np.random.default_rng(3)))
    assert np.any(words != bits.random(500, dim, rng=4))
    assert not np.any(words[:, -1] & ~bits.tail_mask(dim))
    ones = int(bits.unpack(words, dim).sum())
    assert abs(ones - 250 * dim) < 5 * np.sqrt(500 * dim) / 2


# --- counting and hashing -------------------------------------------------------------------------------


@given(words64)
def test_ones_of_a_word(x: int) -> None:
    assert int(bits._ones(np.uint64(x))) == x.bit_count()


@given(batches())
def test_popcount(batch) -> None:
    dim, rows = batch
    words = bits.pack(rows)
    expected = [int(row.sum()) for row in rows]
    for form in (words, frozen(words), strided(words)):
        assert bits.popcount(form, dim).tolist() == expected
    out = np.empty(len(rows), dtype=np.int64)
    assert _popcount(words, out) == words.size
    assert [bitarray(row.tolist()).count() for row in rows] == expected


# The first outputs for seeds 0 and 1234567, as printed by Vigna's splitmix64.c (and quoted by Rosetta Code).
GOLDEN = {
    0: [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC],
    1234567: [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431],
}


@pytest.mark.parametrize("seed", GOLDEN)
def test_splitmix64_is_the_published_one(seed: int) -> None:
    assert list(islice(twin.splitmix64(seed), 4)) == GOLDEN[seed]
    state = np.uint64(seed)
    for expected in GOLDEN[seed]:
        state = state + bits.GOLDEN if state < FULL - twin.PHI else np.uint64((int(state) + twin.PHI) % 2**64)
        assert int(bits._mix(state)) == expected


@given(words64)
def test_mix(x: int) -> None:
    assert int(bits._mix(np.uint64(x))) == twin.mix(x)


@given(st.integers(1, 4), st.lists(words64, max_size=12))
def test_hash64(width: int, values: list[int]) -> None:
    rows = [values[i : i + width] for i in range(0, len(values) - width + 1, width)]
    words = np.array(rows, dtype=np.uint64).reshape(-1, width)
    expected = [twin.hash64(row) for row in rows]
    for form in (words, frozen(words), strided(words)):
        assert bits.hash64(form).tolist() == expected
    out = np.empty(len(words), dtype=np.uint64)
    assert bits._hash64(words, out) == words.size


def test_hash64_sees_the_place_of_a_word() -> None:
    hashes = bits.hash64(np.array([[1, 2], [2, 1], [0, 0], [1, 2]], dtype=np.uint64)).tolist()
    assert hashes[0] == hashes[3]
    assert len(set(hashes)) == 3


# --- rotation -------------------------------------------------------------------------------------------


@given(batches(), st.one_of(st.integers(-300, 300), st.sampled_from([2**40, -(2**70)])))
def test_rotate(batch, shifts: int) -> None:
    dim, rows = batch
    words = bits.pack(rows)
    expected = twin.array([twin.rotate(row, shifts) for row in rows.tolist()], dim)
    for form in (words, frozen(words), strided(words)):
        np.testing.assert_array_equal(bits.rotate(form, dim, shifts), expected)


@pytest.mark.parametrize("dim", DIMS)
def test_rotate_is_bitarray(dim: int) -> None:
    row = np.random.default_rng(dim).integers(0, 2, dim)
    word = bitarray(row.tolist(), endian="little")
    for shifts in {0, 1, dim // 2, dim - 1, 63 % dim, 64 % dim}:
        turned = word[dim - shifts :] + word[: dim - shifts]
        assert bits.unpack(bits.rotate(bits.pack(row), dim, shifts), dim).tolist() == turned.tolist()


def test_rotate_moves_bit_0_up() -> None:
    one = bits.pack([1, *[0] * 69])
    assert np.flatnonzero(bits.unpack(bits.rotate(one, 70), 70)).tolist() == [1]
    assert np.flatnonzero(bits.unpack(bits.rotate(one, 70, -1), 70)).tolist() == [69]


def test_into_out() -> None:
    """``out`` takes the result, whatever it held, and is checked."""
    words = bits.random(5, 130, rng=0)
    out = np.full_like(words, FULL)
    assert bits.rotate(words, 130, 70, out=out) is out
    np.testing.assert_array_equal(out, bits.rotate(words, 130, 70))
    assert bits.xor(words, words[0], 130, out=out) is out
    np.testing.assert_array_equal(out, words ^ words[0])
    assert bits.xor(words, out, 130, out=out) is out  # in place
    np.testing.assert_array_equal(out, np.broadcast_to(words[0], words.shape))


def test_an_overlapping_out_is_right_on_any_number_of_threads(monkeypatch) -> None:
    """As NumPy does it: what overlaps is read before it is written."""
    monkeypatch.setattr("hdspike.bits.words.HUGE", 1)
    monkeypatch.setattr("numba.get_num_threads", lambda: 3)
    words = bits.random(2000, 128, rng=0)
    wanted = words[:-1] ^ words[1:]
    for at in (slice(None, -1), slice(1, None)):
        big = words.copy()
        bits.xor(big[:-1], big[1:], 128, out=big[at])
        np.testing.assert_array_equal(big[at], wanted)


def test_bits_beyond_dim_are_refused() -> None:
    """Nothing counts them, nothing is written out of bounds because of them."""
    dirty = np.full((4, 1), FULL, dtype=np.uint64)
    clean = np.zeros((1, 1), dtype=np.uint64)
    calls = [
        lambda: bits.popcount(dirty, 5),
        lambda: bits.hamming(clean, dirty, 5),
        lambda: bits.nearest(clean, dirty, 5, 3),
        lambda: bits.majority(dirty, 5),
        lambda: bits.xor(dirty, dirty, 5),
        lambda: bits.Counters(5).add(dirty),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="must have zero bits beyond dim 5"):
            call()
    with pytest.raises(ValueError, match="words must have dim 100, got dim 90"):
        bits.popcount(Hypervectors.random(2, 90, rng=0), 100)


def test_a_mapped_memory_with_dirty_tails_is_searched_within_bounds(tmp_path) -> None:
    """Its tails are trusted, so the distances may be wrong, but no index may be."""
    files.save_array(tmp_path / "x", np.full((700, 1), FULL, dtype=np.uint64), kind="hypervectors", dim=1)
    memory = Hypervectors.load(tmp_path / "x")
    indices, distances = bits.nearest(np.zeros((1, 1), dtype=np.uint64), memory.words, 1, 600)
    assert indices[0].tolist() == list(range(600))
    assert set(distances[0].tolist()) == {64}


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_large_work_is_the_same_on_any_number_of_threads(threads: int, monkeypatch) -> None:
    monkeypatch.setattr("numba.get_num_threads", lambda: threads)
    for room in ("bundling", "distance", "search"):
        monkeypatch.setattr(f"hdspike.bits.{room}.LARGE", 1)
    for room in ("words", "rotation"):
        monkeypatch.setattr(f"hdspike.bits.{room}.HUGE", 1)
    words, other = bits.random(24, 130, rng=0), bits.random(24, 130, rng=1)
    np.testing.assert_array_equal(bits.xor(words, other, 130), words ^ other)
    turned = np.roll(bits.unpack(words, 130), 70, axis=1)
    np.testing.assert_array_equal(bits.unpack(bits.rotate(words, 130, 70), 130), turned)
    distances = np.bitwise_count(words[:, None] ^ other[None]).sum(axis=2)
    np.testing.assert_array_equal(bits.hamming(words, other, 130), distances)
    np.testing.assert_array_equal(bits.hamming(words[:3], other, 130), distances[:3])
    for k in (1, 5, 30):
        chosen, values = bits.nearest(words[:3], other, 130, k)
        order = np.argsort(distances[:3], axis=1, kind="stable")[:, :k]
        np.testing.assert_array_equal(chosen, order)
        np.testing.assert_array_equal(values, np.take_along_axis(distances[:3], order, axis=1))
    batch = words.reshape(4, 6, -1)
    each = np.stack([bits.majority(rows, 130) for rows in batch])
    np.testing.assert_array_equal(bits.majority(batch, 130), each)


# --- majority -------------------------------------------------------------------------------------------


@given(batches(least=1, most=9), st.data())
def test_majority(batch, data) -> None:
    dim, rows = batch
    weights = data.draw(
        st.one_of(
            st.just([1] * len(rows)),
            st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)),
            st.lists(st.sampled_from([0, 1, 64, 2**20, 2**40]), min_size=len(rows), max_size=len(rows)),
        ).filter(any)
    )
    expected = twin.to_words(twin.majority(rows.tolist(), weights))
    words = bits.pack(rows)
    for form in (words, frozen(words), strided(words)):
        assert bits.majority(form, dim, weights=weights).tolist() == expected


@given(batches(least=2, most=6))
def test_majority_ties_follow_the_stream(batch) -> None:
    """Rows and their complements: every bit is tied, so that the bundle is the stream itself."""
    dim, rows = batch
    words = bits.pack(np.concatenate([rows, 1 - rows]))
    stream = twin.splitmix64(twin.tie_seed(words.tolist(), [1] * len(words)))
    coins = [next(stream) for _ in range(bits.word_count(dim))]
    coins[-1] &= int(bits.tail_mask(dim))
    assert bits.majority(words, dim).tolist() == coins


GOLDEN_TIE = 0xB8402E077C018AD0


def test_majority_tie_golden() -> None:
    """Worked with Python integers alone: seed = hash64([0]) + hash64([2^64 − 1]), and all bits are tied."""
    halves = [divmod(word ^ twin.PHI, 2**32) for word in (0, FULL)]
    seed = sum(twin.mix(high * low) for high, low in halves) % 2**64
    coins = twin.mix((seed + twin.PHI) % 2**64)
    assert bits.majority(np.array([[0], [FULL]], dtype=np.uint64), 64).tolist() == [coins] == [GOLDEN_TIE]


def test_majority_batches_and_weights_broadcast() -> None:
    words = bits.random(24, 130, rng=0).reshape(2, 3, 4, 3)
    weights = np.array([1, 2, 0, 4])
    one = bits.majority(words, 130, weights=weights)
    assert one.shape == (2, 3, 3)
    for i, j in np.ndindex(2, 3):
        expected = twin.majority(bits.unpack(words[i, j], 130).tolist(), weights.tolist())
        assert one[i, j].tolist() == twin.to_words(expected)
    each = np.arange(1, 25).reshape(2, 3, 4)
    per_batch = bits.majority(words, 130, weights=each)
    np.testing.assert_array_equal(per_batch[1, 2], bits.majority(words[1, 2], 130, weights=each[1, 2]))
    assert bits.majority(words[:0], 130).shape == (0, 3, 3)


@pytest.mark.parametrize("count", [1, 3, 4, 15, 16, 17, 33, 63, 65, 130, 256, 300])
@pytest.mark.parametrize("heaviest", [1, 2, 9])
def test_majority_of_many(count: int, heaviest: int) -> None:
    """Past each step of the adder tree: eights, sixty-fours, what is left over, gathered and not."""
    dim = 70
    words = bits.random(count, dim, rng=count)
    weights = np.random.default_rng(count).integers(heaviest == 1, heaviest + 1, size=count)
    weights[0] = heaviest
    rows = bits.unpack(words, dim).tolist()
    expected = twin.to_words(twin.majority(rows, weights.tolist()))
    assert bits.majority(words, dim, weights=weights).tolist() == expected
    votes = bits.Counters(dim)
    votes.add(words, weights=weights)
    assert votes.values().tolist() == twin.votes(rows, weights.tolist())
    assert votes.majority().tolist() == expected


def test_majority_counts_the_words_it_added() -> None:
    words = bits.random(6, 130, rng=0).reshape(2, 3, 3)
    out, tools = np.empty((2, 3), dtype=np.uint64), scratch(2, 3)
    ones = np.ones((2, 3), dtype=np.int64)
    seeds = np.zeros(2, dtype=np.uint64)
    assert _majority_batch(words, ones, seeds, bits.tail_mask(130), *tools, out) == 18
    assert bits._majority(words[0], ones[0], 3, seeds[0], bits.tail_mask(130), *tools, out[0]) == 9


# --- counters -------------------------------------------------------------------------------------------


@st.composite
def histories(draw):
    """A dimension, and steps of adding, removing and decaying."""
    dim = draw(dims)
    step = st.tuples(
        st.sampled_from(["add", "add", "remove", "decay"]),
        st.integers(1, 5),
        st.sampled_from([1, 3, 64, 10**6]),
        st.integers(0, 2**32),
    )
    return dim, draw(st.lists(step, max_size=6))


@given(histories())
def test_counters(history) -> None:
    dim, steps = history
    votes, expected, seed, weight = bits.Counters(dim), [0] * dim, 0, 0
    for what, size, heaviest, number in steps:
        rng = np.random.default_rng(number)
        rows, weights = rng.integers(0, 2, (size, dim)), rng.integers(1, heaviest + 1, size)
        if what == "decay":
            votes.decay(size)
            expected = twin.decayed(expected, size)
            continue
        sign = 1 if what == "add" else -1
        getattr(votes, what)(bits.pack(rows), weights=weights)
        delta = twin.votes(rows.tolist(), weights.tolist())
        expected = [v + sign * d for v, d in zip(expected, delta, strict=True)]
        seed += sign * twin.tie_seed([twin.to_words(row) for row in rows.tolist()], weights)
        weight += sign * int(weights.sum())
    assert votes.values().tolist() == expected
    assert votes.weight == weight
    coins = twin.coins(seed % 2**64, dim)
    winners = [coins[i] if v == 0 else int(v > 0) for i, v in enumerate(expected)]
    assert votes.majority().tolist() == twin.to_words(winners)
    assert votes.values().tolist() == expected  # reading changes nothing


def test_counters_take_vectors_out_again() -> None:
    """What is left decides, whatever came and went between, one by one or all at once."""
    words = bits.random(40, 130, rng=0)
    votes = bits.Counters(130)
    votes.add(words)
    for row in words[10:30]:
        votes.remove(row)
    left = np.concatenate([words[:10], words[30:]])
    assert votes.majority().tolist() == bits.majority(left, 130).tolist()
    votes.remove(left)
    assert not votes.values().any()
    assert votes.weight == 0


def test_counters_grow() -> None:
    votes = bits.Counters(3)
    votes.add(bits.pack([1, 0, 1]), weights=[2**50])
    votes.remove(bits.pack([[0, 0, 1]]), weights=[2**51])
    assert votes.values().tolist() == [2**50 + 2**51, 2**50, 2**50 - 2**51]
    with pytest.raises(OverflowError, match="counters must stay below 2"):
        votes.add(bits.pack([1, 0, 1]), weights=[2**61])
    assert votes.values().tolist() == [2**50 + 2**51, 2**50, 2**50 - 2**51]
    votes.add(np.zeros((0, 1), dtype=np.uint64))
    assert votes.weight == 2**50 - 2**51


# --- distance -------------------------------------------------------------------------------------------


@given(batches(count=2))
def test_hamming(batch) -> None:
    dim, queries, rows = batch
    expected = np.array(
        [[twin.hamming(q, r) for r in rows.tolist()] for q in queries.tolist()], dtype=np.int32
    )
    a, b = bits.pack(queries), bits.pack(rows)
    for q, r in ((a, b), (frozen(a), frozen(b)), (strided(a), b)):
        np.testing.assert_array_equal(bits.hamming(q, r, dim), expected.reshape(len(a), len(b)))


def test_hamming_over_several_tiles() -> None:
    a, b = bits.random(3, 100, rng=0), bits.random(150, 100, rng=1)
    expected = np.bitwise_count(a[:, None] ^ b[None]).sum(axis=2)
    np.testing.assert_array_equal(bits.hamming(a, b, 100), expected)
    out = np.empty((3, 150), dtype=np.int32)
    assert _hamming(a, b, out) == 3 * 150 * 2
    assert bits._distance(a[0], b[0]) == expected[0, 0]


def test_hamming_is_bitarray() -> None:
    a, b = np.random.default_rng(1).integers(0, 2, (2, 1000))
    different = bitarray(a.tolist()) ^ bitarray(b.tolist())
    assert bits.hamming(bits.pack([a]), bits.pack([b]), 1000)[0, 0] == different.count()


@given(batches(count=2), st.integers(1, 8), st.sampled_from([0, 512]))
def test_nearest(batch, k: int, inserted: int) -> None:
    dim, queries, rows = batch
    with pytest.MonkeyPatch.context() as patch:  # both ways: a kept list, and sorting all
        patch.setattr("hdspike.bits.search.INSERTED", inserted)
        patch.setattr("hdspike.bits.search.CHUNK", 4)
        chosen, distances = bits.nearest(bits.pack(queries), bits.pack(rows), dim, k)
    assert chosen.shape == distances.shape == (len(queries), min(k, len(rows)))
    for q, query in enumerate(queries.tolist()):
        assert chosen[q].tolist() == twin.nearest(query, rows.tolist(), k)
        assert distances[q].tolist() == [twin.hamming(query, rows[i].tolist()) for i in chosen[q]]


@given(st.lists(st.integers(0, 6), max_size=20), st.integers(0, 25))
def test_smallest(values: list[int], k: int) -> None:
    """A counting sort of the k smallest, ties by index; k may be 0 or more than there are."""
    out = np.full(25, -1, dtype=np.int64)
    written = _smallest(np.array(values, dtype=np.int32), k, 6, np.empty(8, dtype=np.int64), out)
    expected = sorted(range(len(values)), key=lambda i: (values[i], i))[:k]
    assert written == len(expected)
    assert out[:written].tolist() == expected
    assert np.all(out[written:] == -1)


# --- the oracle -----------------------------------------------------------------------------------------


def test_random_operations_against_bitarray() -> None:
    """A share of what ``make oracle`` does ten million times."""
    done = oracle.run(30_000 if JIT else 1_500, seed=1, batch=500 if JIT else 40)
    assert all(done.values())


def test_the_oracle_sees_a_difference(monkeypatch) -> None:
    monkeypatch.setattr(bits, "rotate", lambda words, dim, shifts: words)
    with pytest.raises(AssertionError, match="rotate differs at dim"):
        oracle.run(1_000, batch=20)
