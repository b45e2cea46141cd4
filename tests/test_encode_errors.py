"""Bad input to an encoder is a ValueError or TypeError that names the argument."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hdspike import bits, encode
from hdspike.encode import FlyHash, HashedItems, Projector, SimHash, WinnerHash
from hdspike.spaces import BSC, BSDC, SBC

NAN, INF = float("nan"), float("inf")
B, S, D = BSC(70), SBC(12, blocks=4), BSDC(30, ones=4)
W, SV = B.random(3, rng=0), S.random(3, rng=0)
ITEMS = HashedItems(B)

CASES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    # --- items and hashed items
    (lambda: encode.random(B, 1.0), TypeError, "num must be"),
    (lambda: HashedItems("bsc"), TypeError, "space must be bsc, sbc or bsdc, got 'bsc'"),
    (lambda: HashedItems(B, seed=-1), ValueError, "seed must be at least 0"),
    (lambda: HashedItems(B, seed=2**64), ValueError, "seed must be at most"),
    (lambda: HashedItems(B, seed=None), TypeError, "seed must be an integer"),
    (lambda: ITEMS[1.5], TypeError, "keys must be integers, str or bytes, got 1.5"),
    (lambda: ITEMS[[1, NAN]], TypeError, "keys must be integers, str or bytes, got nan"),
    (lambda: ITEMS[True], TypeError, "keys must be integers, str or bytes, got True"),
    (lambda: ITEMS[[1, True]], TypeError, "keys must be integers, str or bytes, got True"),
    (lambda: ITEMS[np.zeros(2)], TypeError, "keys must be integers, str or bytes, got 0.0"),
    (lambda: ITEMS[None], TypeError, "keys must be integers, str or bytes, got None"),
    # --- scalars
    (lambda: encode.level(B, 0), ValueError, "num must be at least 1, got 0"),
    (lambda: encode.circular(B, 2.5), TypeError, "num must be an integer"),
    (lambda: encode.circular(B, 2, rng="x"), TypeError, "rng must be"),
    (lambda: encode.thermometer(B, -1), ValueError, "num must be at least 1, got -1"),
    (lambda: encode.quantise([NAN], 3, low=0, high=1), ValueError, "values must be finite"),
    (lambda: encode.quantise(["1"], 3, low=0, high=1), TypeError, "values must be numbers"),
    (lambda: encode.quantise([1], 0, low=0, high=1), ValueError, "num must be at least 1"),
    (lambda: encode.quantise([1], 3, low=1, high=1), ValueError, "low must be below high, got 1 and 1"),
    (lambda: encode.quantise([1], 3, low=-INF, high=1), ValueError, "low and high must be finite"),
    (lambda: encode.fractional(D, [1.0]), TypeError, "space must be bsc or sbc"),
    (lambda: encode.fractional(B, [INF]), ValueError, "values must be finite"),
    (lambda: encode.fractional(B, [1.0], reach=0.0), ValueError, "reach must be above 0, got 0.0"),
    (lambda: encode.fractional(B, [1.0], reach=NAN), ValueError, "reach must be finite"),
    (lambda: encode.fractional(B, [1.0], seed=-2), ValueError, "seed must be at least 0"),
    (lambda: encode.fractional(B, [2e16], reach=1.0), ValueError, r"values must be at most 2\^52·reach"),
    # --- text
    (lambda: encode.ngrams(B, W, 1, n=1), ValueError, "tokens must have at least one dimension, got 1"),
    (lambda: encode.ngrams(B, W, "ab", n=1), ValueError, "tokens must have at least one dimension, got 'ab'"),
    (lambda: encode.ngrams(B, ITEMS, 7, n=1), ValueError, "tokens must have at least one dimension, got 7"),
    (lambda: encode.profile(B, W, [0, 3]), ValueError, r"tokens must be in \[0, 3\)"),
    (lambda: encode.profile(B, W, [0, 1], n=3), ValueError, "tokens must be at least n = 3 long, got 2"),
    (lambda: encode.profile(B, ITEMS, "ab", n=0), ValueError, "n must be at least 1"),
    (lambda: encode.profile(B, ITEMS, "", n=1), ValueError, "tokens must be at least n = 1 long, got 0"),
    (lambda: encode.profile(B, ITEMS, [0.5], n=1), TypeError, "keys must be integers, str or bytes"),
    (
        lambda: encode.profile(S, ITEMS, "ab", n=1),
        ValueError,
        r"items must be of the space SBC\(12, blocks=4\)",
    ),
    (lambda: encode.profile(B, SV, [0], n=1), TypeError, "items must be uint64"),
    # --- structures
    (lambda: encode.multiset(B, W[0]), ValueError, r"vectors must be \(..., K, 2\)"),
    (lambda: encode.multiset(B, W[:0]), ValueError, r"vectors must be \(..., K, 2\)"),
    (lambda: encode.multiset(B, W, weights=[1, 2]), ValueError, "weights must broadcast"),
    (lambda: encode.multibind(B, SV), TypeError, "vectors must be uint64"),
    (lambda: encode.bundle_sequence(B, W[0]), ValueError, r"items must be \(..., K, 2\)"),
    (lambda: encode.bind_sequence(S, W), ValueError, "items must have 4 blocks"),
    (lambda: encode.element(B, W[0], -1), ValueError, "place must be at least 0"),
    (lambda: encode.lookup(B, SV[0], W), TypeError, "table must be uint64"),
    (lambda: encode.hash_table(B, W, SV), TypeError, "values must be uint64"),
    (lambda: encode.hash_table(B, W, W[:2]), ValueError, "values must broadcast with keys"),
    (lambda: encode.record(S, SV, SV[:2]), ValueError, "fillers must broadcast with roles"),
    (lambda: encode.lookup(B, W, W[:2]), ValueError, "keys must broadcast with table"),
    (lambda: encode.position(B, 0), ValueError, "num must be at least 1"),
    (lambda: encode.position(S, 5), ValueError, "num must be at most 4"),
    (lambda: encode.position(B, 2, rng="x"), TypeError, "rng must be"),
    (lambda: encode.multiset(B, [[1], [2, 3]]), ValueError, "vectors must be an array of rows"),
    (lambda: encode.graph(B, W, [[0, 3]]), ValueError, r"edges\[..., 1\] must be in \[0, 3\), got 3 … 3"),
    (lambda: encode.graph(B, W, [0, 1]), ValueError, r"edges must be \(..., K, 2\)"),
    (lambda: encode.graph(B, W, np.zeros((0, 2), dtype=int)), ValueError, r"edges must be \(..., K, 2\)"),
    (lambda: encode.graph(B, W, [[0.0, 1.0]]), TypeError, "edges must have dtype int64"),
    (lambda: encode.graph(B, W[0], [[0, 1]]), ValueError, "nodes must be a batch"),
    (
        lambda: encode.neighbours(B, W[0], W[1], direction="up"),
        ValueError,
        "direction must be one of any, out, in",
    ),
    (lambda: encode.tree(B, W[:2], ["lx"], W[:1]), ValueError, "path must be made of 'l' and 'r', got 'lx'"),
    (lambda: encode.tree(B, W[:2], [[0, 2]], W[:1]), ValueError, r"path must be in \[0, 2\)"),
    (lambda: encode.tree(B, W[:2], ["l"], W[:2]), ValueError, r"leaves must be \(..., 1, width\)"),
    (lambda: encode.tree(B, W[:2], [], W[:0]), ValueError, r"leaves must be \(..., 0, width\)"),
    (lambda: encode.leaf(B, W[0], W[0], "l"), ValueError, "sides must be a batch"),
    (lambda: encode.automaton(B, W, W, [[0, 1]]), ValueError, r"transitions must be \(..., K, 3\)"),
    (
        lambda: encode.automaton(B, W, W[:1], [[0, 1, 0]]),
        ValueError,
        r"transitions\[..., 1\] must be in \[0, 1\)",
    ),
    (lambda: encode.step(B, W[0], W[0], SV[0]), TypeError, "symbol must be uint64"),
    (
        lambda: encode.time_series(B, W, W, [[1, 2]], low=0, high=1),
        ValueError,
        r"values must be \(..., T, 3\)",
    ),
    (
        lambda: encode.time_series(B, W, W, [[0, 1, 2]], low=0, high=1),
        ValueError,
        "tokens must be at least n = 3",
    ),
    (
        lambda: encode.time_series(B, W, W, [[0, 1, NAN]], low=0, high=1, n=1),
        ValueError,
        "values must be finite",
    ),
    (
        lambda: encode.time_series(B, W, W, [[0, 1, 2]], low=1, high=0, n=1),
        ValueError,
        "low must be below high",
    ),
    # --- floats
    (lambda: Projector(S, 3), TypeError, "space must be bsc for one sign a bit"),
    (lambda: Projector(B, 0), ValueError, "features must be at least 1"),
    (lambda: Projector(B, 2, seed=0.5), TypeError, "seed must be an integer"),
    (lambda: Projector(B, 2, centre=[1.0]), ValueError, "centre must be 2 finite numbers"),
    (lambda: Projector(B, 2, centre=[1.0, NAN]), ValueError, "centre must be finite"),
    (lambda: Projector(B, 2)([1.0, NAN]), ValueError, "vectors must be finite"),
    (lambda: Projector(B, 2)([1.7e308, 1.7e308]), ValueError, "vectors must be within"),
    (lambda: Projector(B, 2, centre=[-1.7e308, 0])([1.7e308, 0]), ValueError, "vectors must be within"),
    (lambda: WinnerHash(S, 2)([1.7e308, -1.7e308]), ValueError, "vectors must be within"),
    (lambda: encode.project([1.7e308, -1.7e308], 70, rng=0), ValueError, "vectors must be within"),
    (lambda: Projector(B, 2).fit([[1.7e308, 0], [1.7e308, 0]]), ValueError, "vectors must have a finite sum"),
    (lambda: Projector(B, 2)([1.0]), ValueError, r"vectors must be \(..., 2\)"),
    (lambda: Projector(B, 2)(1.0), ValueError, r"vectors must be \(..., 2\)"),
    (lambda: Projector(B, 2)(["a", "b"]), TypeError, "vectors must be numbers"),
    (lambda: Projector(B, 2).fit([1.0, 2.0]), ValueError, r"vectors must be \(N, 2\) with N ≥ 1"),
    (lambda: Projector(B, 2).fit(np.zeros((0, 2))), ValueError, r"vectors must be \(N, 2\) with N ≥ 1"),
    (lambda: SimHash(B, 3), TypeError, "space must be sbc"),
    (lambda: SimHash(S, 3), ValueError, "space must have blocks of a power of two, got length 3"),
    (lambda: WinnerHash(D, 3), TypeError, "space must be sbc"),
    (lambda: FlyHash(S, 3), TypeError, "space must be bsdc"),
    (lambda: FlyHash(D, 3, fan_in=0.0), ValueError, r"fan_in must be in \(0, 1\], got 0.0"),
    (lambda: FlyHash(D, 3, fan_in=NAN), ValueError, "fan_in must be finite"),
    (lambda: encode.simhash_match(1.5, 2), ValueError, r"cosine must be in \[-1, 1\]"),
    (lambda: encode.simhash_match(0.5, 0), ValueError, "bits must be at least 1"),
    (lambda: encode.winner_match(0.5, 1), ValueError, "length must be at least 2"),
    (lambda: encode.winner_match(NAN, 2), ValueError, "cosine must be finite"),
    (lambda: encode.fly_match(0.5, 0.0), ValueError, r"share must be in \(0, 1\), got 0.0"),
]


@pytest.mark.parametrize("index", range(len(CASES)), ids=lambda i: f"{i}-{CASES[i][2][:24]}")
def test_bad_input(index: int) -> None:
    call, kind, message = CASES[index]
    with pytest.raises(kind, match="^" + message):
        call()


def test_files_of_encoders(tmp_path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"no header")
    with pytest.raises(ValueError, match="is not an hdspike array file"):
        Projector.load(path, B)
    with pytest.raises(FileNotFoundError):
        Projector.load(tmp_path / "none", B)


def test_what_is_right_is_accepted() -> None:
    """Beside each error its neighbour."""
    assert HashedItems(B, seed=2**64 - 1)[[]].shape == (0, 2)
    assert encode.level(B, 1).shape == (1, 2)
    assert encode.quantise([], 1, low=0, high=1).shape == (0,)
    assert encode.fractional(B, 2.0**52).shape == (2,)
    assert encode.ngrams(B, W, np.zeros((0, 4), dtype=int), n=2).shape == (0, 3, 2)
    assert bits.popcount(encode.multiset(B, W[:1]), 70) == bits.popcount(W[0], 70)
    assert Projector(B, 1, centre=[2])(np.zeros((0, 1))).shape == (0, 2)
    assert FlyHash(D, 3, fan_in=1)([1, 2, 3]).shape == (4,)
