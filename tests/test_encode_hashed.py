"""Items from a hash: equal to their definition, the same everywhere, and as good as independent."""

import os
import subprocess
import sys
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits
from hdspike.encode import HashedItems, hashed
from hdspike.spaces import BSC, BSDC, SBC
from tests.conftest import JIT
from tests.naive import bits as naive_bits
from tests.naive import encode as twin

SPACES = [BSC(1), BSC(63), BSC(64), BSC(65), SBC(6, blocks=2), SBC(21, blocks=7), BSDC(9, ones=4), BSDC(200)]
KEYS = st.one_of(
    *(st.integers(-(2**70), 2**70), st.integers(-3, 3)), st.text(max_size=4), st.binary(max_size=4)
)


def defined(space, key, seed: int) -> list[int]:
    """The vector of a key, from the definition in the module."""
    if isinstance(key, int) and -(2**63) <= key < 2**64:
        word, kind = key % 2**64, int(key >= 2**63)
    else:
        text, kind = (str(key).encode(), 2) if isinstance(key, int) else (key, 4)
        if isinstance(key, str):
            text, kind = key.encode(), 3
        word = int.from_bytes(blake2b(text, digest_size=8).digest(), "little")
    start = twin.base(word, kind, seed)
    if isinstance(space, BSC):
        return twin.hashed_bits(start, space.dim)
    if isinstance(space, SBC):
        return twin.hashed_blocks(start, space.blocks, space.length)
    return twin.hashed_subset(start, space.ones, space.dim)


@given(st.sampled_from(SPACES), st.lists(KEYS, max_size=3), st.integers(0, 2**64 - 1))
def test_hashed_items(space, keys, seed: int) -> None:
    found = HashedItems(space, seed=seed)[keys]
    assert found.shape == (len(keys), space.width)
    assert found.dtype == space.random(1, rng=0).dtype
    space.checked("found", found)
    vectors = bits.unpack(found, space.dim) if isinstance(space, BSC) else found
    assert vectors.tolist() == [defined(space, key, seed) for key in keys]


@given(st.integers(0, 2**64 - 1), st.integers(1, 2**32))
def test_below_is_the_high_word_of_the_product(word: int, size: int) -> None:
    assert int(hashed._below(np.uint64(word), np.uint64(size))) == twin.below(word, size)
    assert int(hashed.below(np.array([word], dtype=np.uint64), min(size, 2**31))[0]) == twin.below(
        word, min(size, 2**31)
    )


def test_salts_are_one_stream_from_any_place() -> None:
    assert hashed.salts(0, 9).tolist() == twin.salts(9)
    assert hashed.salts(4, 9).tolist() == twin.salts(9)[4:]


def test_kernels_return_their_counts() -> None:
    base, salt = hashed.bases(np.arange(3, dtype=np.uint64), 0, 0), hashed.salts(0, 4)
    assert hashed._salts(0, np.empty(4, dtype=np.uint64)) == 4
    assert hashed._hashed_words(base, salt, np.empty((3, 4), dtype=np.uint64)) == 12
    assert hashed._hashed_blocks(base, salt, np.uint64(7), np.empty((3, 4), dtype=np.int32)) == 12
    out = np.empty((3, 7), dtype=np.int32)
    draws = hashed._hashed_subset(base, np.uint64(7), out)
    assert draws > 21  # the last of 7 out of 7 takes many draws
    assert out.tolist() == [list(range(7))] * 3


def test_every_form_of_a_key_is_the_same_key() -> None:
    items = HashedItems(BSC(130), seed=3)
    for same in (
        [7, 9],
        np.array([7, 9], dtype=np.int8),
        np.array([7, 9], dtype=np.uint64),
        (7, np.int32(9)),
    ):
        np.testing.assert_array_equal(items[same], np.stack([items[7], items[9]]))
    top = 2**64 - 1
    np.testing.assert_array_equal(items[np.array([top], dtype=np.uint64)][0], items[top])
    np.testing.assert_array_equal(items[np.array(["ab", "c"])], items[["ab", "c"]])
    np.testing.assert_array_equal(items[[["a", "b"], ["c", 4]]][1, 1], items[4])
    np.testing.assert_array_equal(items(["a"]), items[["a"]])
    assert items[np.empty((0, 2), dtype=np.int64)].shape == (0, 2, 3)


def test_kinds_of_key_do_not_meet() -> None:
    """7, "7", b"7", −1 and 2⁶⁴ − 1, what ends in zero bytes, and two seeds: all different vectors."""
    items = HashedItems(BSC(256))
    keys = [7, "7", b"7", -1, 2**64 - 1, 2**64 + 7, "7\0", b"7\0", "", b"", 0]
    vectors = np.concatenate([items[keys], HashedItems(BSC(256), seed=1)[keys]])
    assert len(np.unique(vectors, axis=0)) == 2 * len(keys)


def test_golden_vectors() -> None:
    """Numbers that may never change, or saved models lose their items."""
    assert HashedItems(BSC(128), seed=1)["dog"].tolist() == [16625541484626835843, 7805765045446905642]
    assert HashedItems(SBC(4 * 1000, blocks=4))[42].tolist() == [906, 475, 854, 939]
    assert HashedItems(BSDC(10_000, ones=5), seed=2)[b"\x00"].tolist() == [2061, 4759, 5066, 5579, 8505]


@pytest.mark.skipif(
    not JIT, reason="NUMBA_DISABLE_JIT=1: the golden vectors say the same without a new process"
)
def test_another_process_makes_the_same() -> None:
    """With another seed of Python's own hash."""
    code = "from hdspike.encode import HashedItems; from hdspike.spaces import BSC; print(HashedItems(BSC(64))['x'][0])"
    out = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": "77"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(out.stdout) == int(HashedItems(BSC(64))["x"][0])


# --- statistics: consecutive integers are the worst keys there are, and the usual ones -----------------------

SAMPLE = 1000 if JIT else 60


def within(counts, trials, share, sigmas: float = 5.5) -> None:
    """Every binomial count within ``sigmas`` standard deviations of its mean."""
    counts = np.asarray(counts, dtype=float)
    assert np.abs(counts - trials * share).max() < sigmas * np.sqrt(trials * share * (1 - share))


@pytest.mark.parametrize("keys", [np.arange(SAMPLE), np.arange(SAMPLE) << 40, -np.arange(SAMPLE) * 64])
def test_bits_are_fair_and_pairs_independent(keys) -> None:
    space = BSC(1000)
    vectors = HashedItems(space)[keys]
    ones = bits.unpack(vectors, space.dim)
    within(ones.sum(axis=0), len(keys), 0.5)  # every bit over the keys
    within(ones.sum(axis=1), space.dim, 0.5)  # every key over the bits
    within((ones[1:] ^ ones[:-1]).sum(axis=0), len(keys) - 1, 0.5)  # neighbours in key
    within((ones[:, 1:] ^ ones[:, :-1]).sum(axis=1), space.dim - 1, 0.5)  # neighbours in place
    distances = bits.hamming(vectors, vectors, space.dim)[np.triu_indices(len(keys), 1)]
    within(distances, space.dim, 0.5, 6.2)  # all pairs: some 500,000 of them
    spread = distances.var() / (space.dim / 4)
    assert abs(spread - 1) < 5 * np.sqrt(2 / len(keys))
    turned = bits.hamming(vectors, bits.rotate(vectors, space.dim, 64), space.dim)
    within(turned[np.triu_indices(len(keys), 1)], space.dim, 0.5, 6.2)  # no stream is another one shifted


def test_seeds_are_independent() -> None:
    space = BSC(1000)
    vectors = np.concatenate([HashedItems(space, seed=seed)[np.arange(20)] for seed in range(SAMPLE // 20)])
    distances = bits.hamming(vectors, vectors, space.dim)[np.triu_indices(len(vectors), 1)]
    within(distances, space.dim, 0.5, 6.2)


def test_blocks_are_uniform() -> None:
    """χ² of every block's indices, whose length is no power of two; and the matches of all pairs."""
    space = SBC(50 * 11, blocks=50)
    vectors = HashedItems(space)[np.arange(SAMPLE)]
    counts = np.stack([np.bincount(column, minlength=11) for column in vectors.T])
    chi = ((counts - SAMPLE / 11) ** 2 / (SAMPLE / 11)).sum(axis=1)
    assert abs(chi.mean() - 10) < 5 * np.sqrt(20 / 50)
    assert chi.max() < 45  # P(χ²₁₀ > 45) = 2e-6
    matches = space.score(vectors, vectors)[np.triu_indices(SAMPLE, 1)]
    pairs = len(matches)
    assert abs(matches.mean() - 50 / 11) < 5 * np.sqrt(50 * 10 / 121 / pairs)


def test_subsets_are_uniform() -> None:
    space = BSDC(300, ones=20)
    vectors = HashedItems(space)[np.arange(SAMPLE)]
    within(np.bincount(vectors.reshape(-1), minlength=300), SAMPLE, 20 / 300)
    overlaps = space.score(vectors, vectors)[np.triu_indices(SAMPLE, 1)]
    assert abs(overlaps.mean() - 400 / 300) < 5 * np.sqrt(400 / 300 / len(overlaps))


def test_the_stream_is_splitmix64() -> None:
    """The salts are published SplitMix64 outputs of their seed."""
    stream = naive_bits.splitmix64(twin.SALT)
    assert [next(stream) for _ in range(3)] == hashed.salts(0, 3).tolist()
