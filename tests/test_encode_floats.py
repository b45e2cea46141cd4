"""Float vectors: the matrix that is made again, sign projections, and the collision laws of the sparse codes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from hdspike import bits, files
from hdspike.encode import (
    FlyHash,
    Projector,
    SimHash,
    WinnerHash,
    fly_match,
    locality,
    projection,
    simhash_match,
    winner_match,
)
from hdspike.spaces import BSC, BSDC, SBC
from tests.conftest import JIT
from tests.naive import encode as twin

MAKERS = [
    (Projector, BSC(130)),
    (SimHash, SBC(7 * 8, blocks=7)),
    (WinnerHash, SBC(7 * 5, blocks=7)),
    (FlyHash, BSDC(60, ones=7)),
]
OTHER = {"bsc": BSC(64), "sbc": SBC(7 * 16, blocks=7), "bsdc": BSDC(60, ones=8)}
EACH = pytest.mark.parametrize(("kind", "space"), MAKERS, ids=lambda value: getattr(value, "__name__", ""))
PLAIN = pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT=1: a million hashes, a Python call each")


def at_angle(theta: float, features: int, rng: int = 0) -> np.ndarray:
    """Two unit vectors at an angle, in random directions."""
    basis, _ = np.linalg.qr(np.random.default_rng(rng).standard_normal((features, 2)))
    return np.stack([basis[:, 0], np.cos(theta) * basis[:, 0] + np.sin(theta) * basis[:, 1]])


def entry(feature: int, column: int, seed: int) -> float:
    """Uniform number of the matrix, from the hash."""
    word = twin.draws(twin.base(feature, 6, seed), column + 1)[column]
    return ((word >> 12) + 0.5) / 2**52


def dot(x, column) -> float:
    return float(sum(a * b for a, b in zip(x, column, strict=True)))


@given(st.sampled_from(MAKERS), st.integers(1, 4), st.integers(0, 2**64 - 1))
def test_codes_from_their_definitions(maker, features: int, seed: int) -> None:
    kind, space = maker
    rng = np.random.default_rng(seed)
    x, centre = rng.standard_normal(features), rng.standard_normal(features)
    coder = kind(space, features, seed=seed, centre=centre)
    found = coder(x)
    space.checked("found", found)
    columns = {Projector: 130, SimHash: 21, WinnerHash: 35, FlyHash: 60}[kind]
    uniform = np.array([[entry(f, c, seed) for c in range(columns)] for f in range(features)])
    matrix = (uniform < 0.1).astype(float) if kind is FlyHash else ndtri(uniform)
    np.testing.assert_array_equal(coder.matrix(3, columns), matrix[:, 3:])
    inputs = [dot(x - centre, matrix[:, c]) for c in range(columns)]
    if kind is Projector:
        assert bits.unpack(found, 130).tolist() == [int(v > 0) for v in inputs]
    elif kind is SimHash:
        assert found.tolist() == [sum((inputs[3 * b + i] > 0) << i for i in range(3)) for b in range(7)]
    elif kind is WinnerHash:
        assert found.tolist() == [max(range(5), key=lambda i, b=b: inputs[5 * b + i]) for b in range(7)]
    else:
        # sums that are equal on paper may differ in the last place here: round both sides of the comparison
        kept = sorted(inputs[i] for i in found)
        assert np.allclose(kept, sorted(inputs)[-7:], atol=1e-12)


def test_equal_sums_go_to_the_lower_unit() -> None:
    coder = FlyHash(BSDC(60, ones=7), 3)
    assert coder(np.zeros(3)).tolist() == list(range(7))
    sums = coder.matrix(0, 60).sum(axis=0)
    order = sorted(range(60), key=lambda i: (-sums[i], i))
    assert coder(np.ones(3)).tolist() == sorted(order[:7])


@EACH
def test_pieces_and_batches_change_nothing(kind, space, monkeypatch) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 5))
    whole = kind(space, 5, seed=3)(x)
    assert whole.shape == (2, 3, space.width)
    assert kind(space, 5)(x[:0]).shape == (0, 3, space.width)
    for kept in (projection.KEPT, 0):
        monkeypatch.setattr(projection, "KEPT", kept)
        monkeypatch.setattr(projection, "BLOCK", 7)
        monkeypatch.setattr(locality, "BLOCK", 7)
        coder = kind(space, 5, seed=3)
        np.testing.assert_array_equal(coder(x), whole)
        np.testing.assert_array_equal(coder(x[1, 2]), whole[1, 2])  # and once more, from what was kept
        assert bool(coder._kept) == bool(kept)


@EACH
def test_fit_centres(kind, space) -> None:
    x = np.random.default_rng(0).standard_normal((20, 5)) + 3
    coder = kind(space, 5, seed=1)
    assert coder.fit(x) is coder
    np.testing.assert_allclose(coder.centre, x.mean(axis=0))
    np.testing.assert_array_equal(coder(x), kind(space, 5, seed=1, centre=x.mean(axis=0))(x))


@EACH
def test_save_and_load(kind, space, tmp_path) -> None:
    x = np.random.default_rng(0).standard_normal((20, 5))
    extra = {"fan_in": 0.3} if kind is FlyHash else {}
    coder = kind(space, 5, seed=2**64 - 1, **extra).fit(x)
    coder.save(tmp_path / "coder")
    again = kind.load(tmp_path / "coder", space)
    np.testing.assert_array_equal(again(x), coder(x))
    assert repr(again) == repr(coder)
    for other, where in MAKERS:
        if other is not kind:
            with pytest.raises(ValueError, match=f"must hold {other.kind} version 1"):
                other.load(tmp_path / "coder", where)
    with pytest.raises(ValueError, match="must be of the space"):
        kind.load(tmp_path / "coder", OTHER[space.name])
    meta = files.load_array(tmp_path / "coder")[1]
    for wrong in ({"seed": "x"}, {"seed": "-1"}):
        files.save_array(tmp_path / "bad", coder.centre, **meta | wrong)
        with pytest.raises(ValueError, match="bad has settings that make no"):
            kind.load(tmp_path / "bad", space)
    for centre in (np.zeros((2, 2)), np.zeros(5, dtype=np.int64)):
        files.save_array(tmp_path / "bad", centre, **meta)
        with pytest.raises(ValueError, match="bad must hold a centre of float64"):
            kind.load(tmp_path / "bad", space)
    files.save_array(tmp_path / "bad", np.full(5, np.nan), **meta)
    with pytest.raises(ValueError, match="centre must be finite"):
        kind.load(tmp_path / "bad", space)
    if kind is FlyHash:
        files.save_array(tmp_path / "bad", coder.centre, **{k: v for k, v in meta.items() if k != "fan_in"})
        with pytest.raises(ValueError, match="bad has settings that make no fly hash: 'fan_in'"):
            kind.load(tmp_path / "bad", space)


@PLAIN
def test_the_matrix_is_normal_and_its_columns_unrelated() -> None:
    matrix = Projector(BSC(4000), 60, seed=9).matrix(0, 4000)
    flat = matrix.reshape(-1)
    size = len(flat)
    for power, moment in ((1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)):
        error = np.sqrt({1: 1, 2: 2, 3: 15, 4: 96}[power] / size)
        assert abs((flat**power).mean() - moment) < 5 * error
    correlations = (matrix.T[:400] @ matrix[:, :400] / 60)[np.triu_indices(400, 1)]
    assert np.abs(correlations).max() < 6.5 / np.sqrt(60)
    assert abs(correlations.std() * np.sqrt(60) - 1) < 0.02
    assert abs((matrix[0] * matrix[1]).mean()) < 5 / np.sqrt(4000)


@PLAIN
@pytest.mark.parametrize("theta", [0.1, 0.5, 1.0, 1.5, 2.2, 3.0])
def test_projected_distance_is_the_angle(theta: float) -> None:
    space = BSC(20_000)
    words = Projector(space, 10, seed=1)(at_angle(theta, 10))
    share = theta / np.pi
    distance = bits.hamming(words[:1], words[1:], space.dim)[0, 0]
    assert abs(distance - space.dim * share) < 5 * np.sqrt(space.dim * share * (1 - share))


@PLAIN
@pytest.mark.parametrize("theta", [0.1, 0.5, 1.0, 1.5, 2.2])
def test_blocks_match_by_their_laws(theta: float) -> None:
    space, x = SBC(10_000 * 8, blocks=10_000), at_angle(theta, 10, rng=5)
    for kind, chance in (
        (SimHash, simhash_match(np.cos(theta), 3)),
        (WinnerHash, winner_match(np.cos(theta), 8)),
    ):
        code = kind(space, 10, seed=2)(x)
        assert abs(space.score(code[:1], code[1:])[0, 0] - 1e4 * chance) < 5 * 100 * np.sqrt(
            chance * (1 - chance)
        )


@PLAIN
@pytest.mark.parametrize("cosine", [0.95, 0.8, 0.4, 0.0])
def test_flies_share_by_their_law(cosine: float) -> None:
    """Twenty codes; the law is of normal sums of many features, so 5 % beside the error of the mean."""
    space = BSDC(4000, ones=200)
    x = np.concatenate([at_angle(np.arccos(cosine), 200, rng=seed) for seed in range(20)])
    code = FlyHash(space, 200, fan_in=0.2)(x)
    shared = np.array([space.score(code[i : i + 1], code[i + 1 : i + 2])[0, 0] for i in range(0, 40, 2)])
    expected = 200 * fly_match(cosine, 200 / 4000)
    assert abs(shared.mean() - expected) < 5 * shared.std() / np.sqrt(20) + 0.05 * expected


def test_laws_at_known_points() -> None:
    assert simhash_match(1.0, 7) == 1
    assert simhash_match(-1.0, 2) == 0
    np.testing.assert_allclose(simhash_match([0.0, 0.5], 2), [1 / 4, 4 / 9])
    for length in (2, 3, 8, 64, 1024):
        assert winner_match(0.0, length) == pytest.approx(1 / length, rel=1e-6)
        assert winner_match(1.0, length) == 1
        assert winner_match(-1.0, length) == 0
        chances = [winner_match(c, length) for c in (-0.9, -0.3, 0.2, 0.7, 0.99, 0.9999)]
        assert chances == sorted(chances)
    for cosine in (-0.99, -0.4, 0.0, 0.3, 0.9, 0.999, 0.99999):
        assert winner_match(cosine, 2) == pytest.approx(simhash_match(cosine, 1), abs=1e-6)
    assert fly_match(0.0, 0.02) == pytest.approx(0.02)
    assert fly_match(-1.0, 0.02) == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(fly_match([1.0, 0.0], 0.5), [1, 0.5])
    assert fly_match(0.3, 0.5) == pytest.approx(simhash_match(0.3, 1))  # above the median: one sign


def test_a_large_matrix_is_never_whole() -> None:
    """What is kept is bounded: 100,000 dimensions of 784 features would be 627 MB."""
    coder = Projector(BSC(100_000), 784)
    pieces = coder._pieces(100_000, 64)
    coder.matrix = lambda start, stop: np.empty((784, stop - start))  # type: ignore[method-assign]
    spans = [(start, stop) for start, stop, piece in pieces if piece.size <= projection.BLOCK]
    assert spans[0][0] == 0
    assert spans[-1][1] == 100_000
    assert all(a[1] == b[0] and a[1] % 64 == 0 for a, b in pairwise(spans))
    assert not coder._kept
