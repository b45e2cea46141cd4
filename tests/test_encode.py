"""Encoders against their equations, and the similarity they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits, encode
from hdspike.encode import suffixes
from hdspike.spaces import BSC, SBC
from tests.naive import encode as twin
from tests.naive import spaces as twin_spaces

SPACES = [BSC(1), BSC(65), BSC(130), SBC(2, blocks=1), SBC(35, blocks=7)]
bits_or_blocks = st.sampled_from(SPACES)


def as_vectors(space, words) -> list[list[int]]:
    """Vectors as the naive twins hold them."""
    return bits.unpack(words, space.dim).tolist() if isinstance(space, BSC) else words.tolist()


def operations(space):
    if isinstance(space, BSC):
        return twin.xor, twin.bits.rotate
    return lambda a, b: twin_spaces.bind(a, b, space.length), twin_spaces.permute


@st.composite
def texts(draw):
    space = draw(bits_or_blocks)
    items = space.random(draw(st.integers(1, 4)), rng=draw(st.integers(0, 2**32)))
    n = draw(st.integers(1, 5))
    tokens = draw(st.lists(st.integers(0, len(items) - 1), min_size=n, max_size=n + 6))
    return space, items, tokens, n


@given(texts())
def test_ngrams(text) -> None:
    space, items, tokens, n = text
    grams = encode.ngrams(space, items, tokens, n=n)
    vectors = as_vectors(space, items)
    expected = [twin.suffix(vectors, tokens, t, n, *operations(space)) for t in range(n - 1, len(tokens))]
    assert as_vectors(space, grams) == expected


@given(texts(), st.data())
def test_contexts(text, data) -> None:
    space, items, tokens, order = text
    positions = data.draw(st.lists(st.integers(order - 1, len(tokens) - 1), max_size=6))
    found = encode.contexts(space, items, tokens, np.array(positions, dtype=np.int64), order=order)
    assert found.dtype == items.dtype
    vectors = as_vectors(space, items)
    for row, t in zip(as_vectors(space, found), positions, strict=True):
        if isinstance(space, BSC):
            assert row == twin.contexts_bits(vectors, tokens, t, order)
        else:
            assert row == twin.contexts_blocks(vectors, tokens, t, order, space.length)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_contexts_break_ties_as_bundles_do(order: int) -> None:
    """An even order ties in many bits: the bundle of the suffix n-grams, each made by :func:`encode.ngrams`."""
    space = BSC(130)
    items, tokens = space.random(5, rng=0), [0, 1, 2, 3, 4, 3]
    grams = [encode.ngrams(space, items, tokens, n=m)[-1] for m in range(1, order + 1)]
    found = encode.contexts(space, items, tokens, [5], order=order)[0]
    np.testing.assert_array_equal(found, space.bundle(np.stack(grams)))
    assert bits.unpack(found, 130).tolist() == twin.contexts_bits(as_vectors(space, items), tokens, 5, order)


def test_kernels_return_their_counts() -> None:
    """The words XORed: positions × order × words; the additions: block b of each position takes 1 + b mod n."""
    words, items = bits.random(6, 130, rng=0).reshape(2, 3, 3), SBC(20, blocks=4).random(3, rng=0)
    tokens, places, mask = np.array([0, 1, 2]), np.array([2, 2]), bits.tail_mask(130)
    assert suffixes._contexts_bsc(words, tokens, places, mask, np.empty((2, 3), dtype=np.uint64)) == 2 * 2 * 3
    assert suffixes._contexts_sbc(items, tokens, places, 3, 5, np.empty((2, 4), np.int32)) == 2 * (
        1 + 2 + 3 + 1
    )


@pytest.mark.parametrize("space", [BSC(2000), SBC(2048)], ids=repr)
def test_contexts_grow_closer_with_the_suffix_they_share(space) -> None:
    items = space.random(40, rng=0)
    tokens = np.arange(20)
    scores = []
    for shared in range(5):
        other = np.concatenate([np.arange(20, 40 - shared), tokens[20 - shared :]])
        pair = [encode.contexts(space, items, t, [19], order=4) for t in (tokens, other)]
        scores.append(int(space.score(*pair)[0, 0]))
    assert scores == sorted(set(scores))
    assert scores[-1] == space.top_score


@pytest.mark.parametrize("space", [*SPACES, BSC(100), BSC(1000)], ids=repr)
@pytest.mark.parametrize("num", [1, 2, 5, 26])
def test_levels(space, num: int) -> None:
    """The draws of the encoder repeated, and the coordinates taken by integer comparison: no rounding."""
    found = as_vectors(space, encode.levels(space, num, rng=7))
    random = np.random.default_rng(7)
    low, high = as_vectors(space, space.random(2, rng=random))
    rank = random.permutation(len(low)).tolist()
    assert found == [twin.level(low, high, rank, i, num) for i in range(num)]
    assert found[0] == low
    assert num == 1 or found[-1] == high


@pytest.mark.parametrize("space", [BSC(4000), SBC(8192, blocks=1024)], ids=repr)
def test_levels_fall_linearly(space) -> None:
    levels = encode.levels(space, 9, rng=1)
    scores = space.score(levels[:1], levels)[0].astype(float)
    line = np.linspace(scores[0], scores[-1], 9)
    assert np.abs(scores - line).max() < 5 * np.sqrt(space.top_score) / 2
    assert np.all(np.diff(scores) < 0)


@given(bits_or_blocks, st.integers(1, 4), st.integers(0, 2**32))
def test_record(space, fields: int, seed: int) -> None:
    roles, fillers = space.random(fields, rng=seed), space.random(2 * fields, rng=seed + 1)
    found = as_vectors(space, encode.record(space, roles, fillers.reshape(2, fields, -1)))
    bind, _ = operations(space)
    bundle = twin.bits.majority if isinstance(space, BSC) else twin_spaces.bundle
    filler = as_vectors(space, fillers)
    for i in range(2):
        bound = [bind(r, f) for r, f in zip(as_vectors(space, roles), filler[i * fields :], strict=False)]
        assert found[i] == bundle(bound, [1] * fields)


def test_record_answers_by_role() -> None:
    space = BSC(2000)
    roles, fillers = space.random(5, rng=0), space.random(5, rng=1)
    answers = space.bind(encode.record(space, roles, fillers), space.inverse(roles))
    assert space.score(answers, fillers).argmax(axis=1).tolist() == [0, 1, 2, 3, 4]


def test_symbols_are_the_random_vectors_of_the_space() -> None:
    space = SBC(256)
    np.testing.assert_array_equal(encode.symbols(space, 3, rng=5), space.random(3, rng=5))


@given(st.integers(1, 5), st.sampled_from([1, 63, 65]), st.integers(0, 2**32), st.booleans())
def test_project(features: int, dim: int, seed: int, centred: bool) -> None:
    rng = np.random.default_rng(seed)
    vectors, centre = rng.integers(-9, 9, (3, features)) / 4, rng.integers(-9, 9, features) / 4
    found = encode.project(vectors, dim, centre=centre if centred else None, rng=3)
    normals = np.random.default_rng(3).standard_normal((features, dim)).tolist()
    middle = centre.tolist() if centred else [0.0] * features
    assert bits.unpack(found, dim).tolist() == [twin.project(v, normals, middle) for v in vectors.tolist()]


def test_projected_distance_is_the_angle() -> None:
    """D·θ/π, within five standard deviations."""
    angles = np.pi * np.array([0.0, 0.1, 0.25, 0.5, 0.8, 1.0])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    words = encode.project(vectors, 5000, rng=0)
    distances = bits.hamming(words[:1], words, 5000)[0]
    share = angles / np.pi
    assert np.all(np.abs(distances - 5000 * share) <= 5 * np.sqrt(5000 * share * (1 - share)) + 1e-9)
