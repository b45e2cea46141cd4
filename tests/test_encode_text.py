"""n-grams of batches and hashed keys, and the profile of a text, which is their bundle bit for bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits, encode
from hdspike.encode import HashedItems, grams, profiles, tokens
from hdspike.spaces import BSC, BSDC, SBC
from tests.conftest import JIT
from tests.naive import bits as naive_bits
from tests.naive import encode as twin
from tests.naive import spaces as twin_spaces

SPACES = [BSC(1), BSC(63), BSC(64), BSC(65), SBC(2, blocks=1), SBC(35, blocks=7), BSDC(40, ones=6)]


@st.composite
def texts(draw, spaces=SPACES):
    space = draw(st.sampled_from(spaces))
    items = space.random(draw(st.integers(1, 4)), rng=draw(st.integers(0, 2**32)))
    n = draw(st.integers(1, 5))
    text = draw(st.lists(st.integers(0, len(items) - 1), min_size=n, max_size=n + 9))
    return space, items, text, n


@given(texts())
def test_profile_is_the_bundle_of_the_ngrams(text) -> None:
    space, items, given_tokens, n = text
    found = encode.profile(space, items, given_tokens, n=n)
    np.testing.assert_array_equal(found, space.bundle(encode.ngrams(space, items, given_tokens, n=n)))
    assert found.dtype == items.dtype


@given(texts(spaces=[BSC(65), SBC(35, blocks=7)]))
def test_profile_against_the_equation(text) -> None:
    space, items, given_tokens, n = text
    found = encode.profile(space, items, given_tokens, n=n)
    ends = range(n - 1, len(given_tokens))
    if isinstance(space, BSC):
        vectors = bits.unpack(items, space.dim).tolist()
        rows = [twin.suffix(vectors, given_tokens, t, n, twin.xor, naive_bits.rotate) for t in ends]
        assert bits.unpack(found, space.dim).tolist() == naive_bits.majority(rows, [1] * len(rows))
    else:

        def bind(a, b):
            return twin_spaces.bind(a, b, space.length)

        rows = [twin.suffix(items.tolist(), given_tokens, t, n, bind, twin_spaces.permute) for t in ends]
        assert found.tolist() == twin_spaces.bundle(rows, [1] * len(rows))


@pytest.mark.parametrize("space", [BSC(130), SBC(70, blocks=7), BSDC(60, ones=6)], ids=repr)
def test_more_grams_than_a_piece(space) -> None:
    """1,500 tokens of 30 symbols: the counters take the distinct 3-grams in three pieces."""
    items = space.random(30, rng=0)
    text = np.random.default_rng(1).integers(30, size=1500 if JIT else 560)
    assert len(np.unique(text)) == 30
    found = encode.profile(space, items, text, n=3)
    np.testing.assert_array_equal(found, space.bundle(encode.ngrams(space, items, text, n=3)))


@pytest.mark.parametrize("space", SPACES[3:], ids=repr)
def test_batches(space) -> None:
    items = space.random(5, rng=0)
    text = np.random.default_rng(1).integers(5, size=(2, 3, 9))
    rows, whole = encode.ngrams(space, items, text, n=4), encode.profile(space, items, text, n=4)
    assert rows.shape == (2, 3, 6, space.width)
    assert whole.shape == (2, 3, space.width)
    for i in np.ndindex(2, 3):
        np.testing.assert_array_equal(rows[i], encode.ngrams(space, items, text[i], n=4))
        np.testing.assert_array_equal(whole[i], encode.profile(space, items, text[i], n=4))
    assert encode.profile(space, items, text[:0], n=4).shape == (0, 3, space.width)


@pytest.mark.parametrize("space", SPACES[3:], ids=repr)
def test_keys_of_hashed_items(space) -> None:
    """A text as characters, as a list of words, as integers: the vectors are those of the keys."""
    items = HashedItems(space, seed=5)
    for text in (
        "abracadabra\0ä€",
        ["to", "be", "or", "not", "to", "be"],
        [b"x", 3, "x", 3],
        np.array([7, -1, 2**40]),
    ):
        keys = list(text)
        vectors = items[keys]
        places = np.arange(len(keys))
        np.testing.assert_array_equal(
            encode.ngrams(space, items, text, n=2), encode.ngrams(space, vectors, places, n=2)
        )
        np.testing.assert_array_equal(
            encode.profile(space, items, text, n=3), encode.profile(space, vectors, places, n=3)
        )


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=30),
    st.integers(1, 6),
    st.sampled_from([4, 2**20, 2**30]),
)
def test_distinct(text, n: int, symbols: int) -> None:
    """Counted by a table, by sorted codes, and by numbered prefixes where codes would not fit."""
    text = [t * (symbols // 4) for t in text]
    if len(text) < n:
        return
    found, counts = grams.distinct(np.array(text), symbols, n)
    exact: dict[tuple[int, ...], int] = {}
    for i in range(len(text) - n + 1):
        key = tuple(reversed(text[i : i + n]))
        exact[key] = exact.get(key, 0) + 1
    assert {tuple(g): c for g, c in zip(found.tolist(), counts.tolist(), strict=True)} == exact
    assert len(found) == len(exact)


@given(st.lists(st.integers(0, 9), max_size=12))
def test_in_use(values) -> None:
    used, places = tokens.in_use(np.array(values, dtype=np.int64), 10)
    assert used.tolist() == sorted(set(values))
    assert used[places].tolist() == values


def test_kernels_return_their_counts() -> None:
    items = SBC(20, blocks=4).random(3, rng=0)
    given_grams, weights = np.array([[0, 1], [2, 0]]), np.array([2, 1])
    counts, row = np.zeros((4, 5), dtype=np.int64), np.empty((1, 4), dtype=np.uint64)
    assert (
        profiles._count_blocks(items, given_grams, weights, 5, row, counts, np.empty(2, dtype=np.uint64))
        == 16
    )
    assert counts.sum(axis=1).tolist() == [3] * 4
    assert profiles._modes(counts, np.uint64(1), np.empty(4, dtype=np.int32)) == 20


def test_profiles_tell_texts_apart() -> None:
    space = BSC(10_000)
    letters = HashedItems(space)
    english = "the quick brown fox jumps over the lazy dog and the cat sat on the mat with the other fox"
    also = "that dog and this cat jump over the other lazy fox on the brown mat"
    code = "q1x z9w k8j v7q x2z j3k w4v 55z q9x"
    a, b, c = (encode.profile(space, letters, text) for text in (english, also, code))
    near, far = space.similarity([a], [b, c])[0]
    assert near > 0.2
    assert abs(far) < 5 / np.sqrt(space.dim)
