"""Levels, circles, thermometers and real numbers: the exact laws exactly, the others in expectation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits, encode
from hdspike.encode import scalars
from hdspike.spaces import BSC, BSDC, SBC
from tests.conftest import JIT
from tests.naive import bits as naive_bits
from tests.naive import encode as twin

SPACES = [BSC(1), BSC(63), BSC(65), BSC(100), SBC(14, blocks=7), SBC(256), BSDC(30, ones=8), BSDC(1000)]
NUMS = [1, 2, 3, 5, 8, 24]


def as_vectors(space, vectors) -> list[list[int]]:
    return (bits.unpack(vectors, space.dim) if isinstance(space, BSC) else vectors).tolist()


def coordinates(space) -> int:
    return space.dim if isinstance(space, BSC) else space.width


@pytest.mark.parametrize("space", SPACES, ids=repr)
@pytest.mark.parametrize("num", NUMS)
@pytest.mark.parametrize("code", ["level", "circular"])
def test_exchanged_coordinates(space, num: int, code: str) -> None:
    """The draws of the encoder repeated, the exchange done coordinate by coordinate."""
    found = getattr(encode, code)(space, num, rng=7)
    space.checked("found", found)
    low, high, rank = scalars._ends(space, np.random.default_rng(7))
    low, high = (as_vectors(space, v[None])[0] for v in (low, high))
    exact = twin.level if code == "level" else twin.circle
    expected = [exact(low, high, rank.tolist(), i, num) for i in range(num)]
    assert as_vectors(space, found) == [sorted(v) if isinstance(space, BSDC) else v for v in expected]


@pytest.mark.parametrize("num", [2, 3, 7, 12, 25])
@pytest.mark.parametrize("dim", [84, 100, 1000])
def test_circle_steps_are_equal(num: int, dim: int) -> None:
    """From complementary ends the Hamming distance is the number of coordinates exchanged: 2d ÷ num of D."""

    class Ends(BSC):
        def random(self, count, *, rng=None):
            return bits.pack(np.array([[0] * self.dim, [1] * self.dim]))

    around = encode.circular(Ends(dim), num, rng=0)
    distances = bits.hamming(around, around, dim)
    gap = np.abs(np.subtract.outer(np.arange(num), np.arange(num)))
    exact = dim * 2 * np.minimum(gap, num - gap) / num
    assert np.abs(distances - exact).max() <= 1
    if dim % num == 0:
        np.testing.assert_array_equal(distances, exact)
    line = encode.level(Ends(dim), num, rng=0)
    assert np.abs(bits.hamming(line, line, dim) - dim * gap / (num - 1)).max() <= 1


@pytest.mark.parametrize("num", [2, 5, 11])
def test_bsdc_levels_are_exact(num: int) -> None:
    """The ends share no active bit, so that overlaps need no expectation."""
    space = BSDC(10_000)
    gap = np.abs(np.subtract.outer(np.arange(num), np.arange(num)))
    line = encode.level(space, num, rng=1)
    assert np.abs(space.score(line, line) - 100 * (1 - gap / (num - 1))).max() <= 1
    around = encode.circular(space, num, rng=1)
    assert np.abs(space.score(around, around) - 100 * (1 - 2 * np.minimum(gap, num - gap) / num)).max() <= 1


@pytest.mark.parametrize("space", [BSC(1000), SBC(5000, blocks=1000)], ids=repr)
def test_laws_in_expectation(space) -> None:
    """Over 40 seeds, within five standard errors: one binomial trial for each coordinate exchanged."""
    runs, num = 40, 9
    chance = 1 - (1 / 2 if isinstance(space, BSC) else 1 / 5)
    gap = np.abs(np.subtract.outer(np.arange(num), np.arange(num)))
    laws = {"level": gap / (num - 1), "circular": 2 * np.minimum(gap, num - gap) / num}
    for code, law in laws.items():
        total = 0
        for seed in range(runs):
            vectors = getattr(encode, code)(space, num, rng=seed)
            total = total + space.score(vectors, vectors).astype(float)
        expected = 1000 * (1 - law * chance)
        error = np.sqrt(1000 * law * chance * (1 - chance) / runs)
        assert np.all(np.abs(total / runs - expected) <= 5 * error + 1)  # 1: coordinates do not divide evenly


@pytest.mark.parametrize("space", SPACES, ids=repr)
@pytest.mark.parametrize("num", NUMS)
def test_thermometer(space, num: int) -> None:
    code = encode.thermometer(space, num)
    count = coordinates(space)
    edge = np.array([-(-i * count // max(num - 1, 1)) for i in range(num)])
    apart = np.abs(np.subtract.outer(edge, edge))
    np.testing.assert_array_equal(space.score(code, code), space.top_score - apart)
    assert edge[0] == 0
    if num > 1:
        assert edge[-1] == count
        if count % (num - 1) == 0:
            np.testing.assert_array_equal(apart[0], np.arange(num) * count // (num - 1))
    if isinstance(space, BSC):
        assert bits.popcount(code, space.dim).tolist() == edge.tolist()


def test_bound_thermometer_keeps_its_distances() -> None:
    space = BSC(130)
    code = encode.thermometer(space, 6)
    moved = space.bind(code, space.random(1, rng=0))
    np.testing.assert_array_equal(space.score(moved, moved), space.score(code, code))


@given(st.floats(-5, 5), st.floats(-2, 1), st.floats(0.01, 3), st.integers(1, 30))
def test_quantise(value: float, low: float, width: float, num: int) -> None:
    """The nearest level, the lower ones included in the clip."""
    found = int(encode.quantise(value, num, low=low, high=low + width))
    grid = low + np.arange(num) * width / max(num - 1, 1)
    assert abs(grid[found] - value) <= np.abs(grid - value).min() + 1e-9 or num == 1


def test_aliases() -> None:
    assert encode.levels is encode.level
    assert encode.symbols is encode.random


# --- fractional ---------------------------------------------------------------------------------------------


@given(
    st.sampled_from([BSC(1), BSC(65), SBC(21, blocks=7)]),
    st.lists(st.floats(-1e6, 1e6), max_size=4),
    st.integers(0, 2**64 - 1),
)
def test_fractional(space, values, seed: int) -> None:
    found = as_vectors(space, encode.fractional(space, values, seed=seed))
    for value, vector in zip(values, found, strict=True):
        drawn = [twin.fractional(value, c, seed) for c in range(coordinates(space))]
        if isinstance(space, BSC):
            assert vector == [word >> 63 for word in drawn]
        else:
            assert vector == [twin.below(word, space.length) for word in drawn]


@pytest.mark.parametrize("space", [BSC(20_000), SBC(100_000, blocks=20_000)], ids=repr)
def test_fractional_similarity_is_a_triangle(space) -> None:
    gaps = np.array([0.0, 0.1, 0.5, 0.9, 1.0, 1.7, 40.0])
    reach = 2.5
    x = encode.fractional(space, (gaps + 3.21) * reach, reach=reach, seed=4)
    share = np.maximum(0, 1 - gaps)
    other = 1 / 2 if isinstance(space, BSC) else 1 / 5
    match = share + (1 - share) * other
    scores = space.score(x[:1], x)[0]
    assert np.all(np.abs(scores - 20_000 * match) <= 5 * np.sqrt(20_000 * match * (1 - match)) + 1e-9)
    strangers = encode.fractional(space, gaps * reach, reach=reach, seed=5)
    assert np.abs(space.score(x, strangers) - 20_000 * other).max() < 5.5 * np.sqrt(
        20_000 * other * (1 - other)
    )


def test_fractional_bits_are_fair() -> None:
    """Of every number, those in the bin of 0 too; and two numbers in different bins are independent."""
    space = BSC(10_000)
    x = encode.fractional(space, [-1.7, -0.5, 0.0, 0.2, 0.5, 0.9, 3.0, 1e9], seed=3)
    assert np.abs(bits.popcount(x, 10_000) - 5000).max() < 5 * 50
    far = space.score(x[[0, 1, 2, 6]], x[[5, 6, 7]])[:3]
    assert np.abs(far[:, 1:] - 5000).max() < 5 * 50


def test_fractional_axes_multiply() -> None:
    """A place in the plane: the similarities of the two axes multiply."""
    space = BSC(20_000)
    x = encode.fractional(space, [0.0, 0.5], seed=1)
    y = encode.fractional(space, [0.0, 0.4], seed=2)
    places = space.bind(x, y)
    assert abs(space.similarity(places[:1], places[1:])[0, 0] - 0.5 * 0.6) < 5 / np.sqrt(20_000)


@pytest.mark.skipif(
    not JIT, reason="NUMBA_DISABLE_JIT=1: hashes of 2,000,000 coordinates, a Python call each"
)
def test_fractional_in_pieces_is_the_same() -> None:
    space = BSC(10_000)
    values = np.linspace(-5, 5, 210).reshape(2, 105)
    whole = encode.fractional(space, values)
    assert whole.shape == (2, 105, 157)
    np.testing.assert_array_equal(whole[1, 33], encode.fractional(space, values[1, 33]))


def test_naive_uniform_is_inside_the_unit_interval() -> None:
    from hdspike.encode import hashed

    ends = hashed.uniform(np.array([0, 2**64 - 1], dtype=np.uint64))
    assert ends.tolist() == [0.5 * 2.0**-52, 1 - 0.5 * 2.0**-52]
    assert 0 < ends[0]
    assert ends[1] < 1
    assert naive_bits.MODULUS == 2**64


def test_quantise_over_all_that_a_float_holds() -> None:
    huge = 1.7e308
    values = [-huge, -huge * 0.6, -1.0, 0.0, huge * 0.6, huge, 1.797e308, -1.797e308]
    assert encode.quantise(values, 3, low=-huge, high=huge).tolist() == [0, 0, 1, 1, 2, 2, 2, 0]
    assert encode.quantise([0.0, 0.4 * huge], 6, low=0.0, high=huge).tolist() == [0, 2]
    assert encode.quantise([0.0, 5e-324], 2, low=0.0, high=5e-324).tolist() == [0, 1]


NARROW = [
    (SBC(7 * 256, blocks=7), np.uint8),
    (SBC(7 * 8, blocks=7), np.uint8),
    (SBC(7 * 512, blocks=7), np.uint16),
]


@pytest.mark.parametrize(("wide", "dtype"), NARROW, ids=lambda value: repr(value))
def test_narrow_spaces_get_the_same_vectors(wide: SBC, dtype: type) -> None:
    narrow = SBC(wide.dim, blocks=7, dtype=dtype)
    x = np.random.default_rng(0).standard_normal((3, 4))
    tokens = [0, 1, 2, 3, 4, 2, 1, 0, 3]

    def made(space: SBC) -> list[np.ndarray]:
        items = space.random(5, rng=3)
        return [
            *(encode.level(space, 5, rng=0), encode.circular(space, 5, rng=0), encode.thermometer(space, 5)),
            *(
                encode.HashedItems(space)["a"],
                encode.HashedItems(space)[[1, 2]],
                encode.fractional(space, [0.5, 3]),
            ),
            *(encode.SimHash(space, 4)(x), encode.WinnerHash(space, 4)(x), encode.position(space, 7, rng=0)),
            *(encode.profile(space, items, tokens, n=3), encode.ngrams(space, items, tokens, n=3)),
            *(
                encode.contexts(space, items, tokens, [3, 5, 8], order=3),
                encode.bundle_sequence(space, items),
            ),
            *(encode.bind_sequence(space, items), encode.hash_table(space, items, items[::-1])),
        ]

    for one, two in zip(made(wide), made(narrow), strict=True):
        assert (one.dtype, two.dtype) == (np.int32, dtype)
        np.testing.assert_array_equal(one, two)
