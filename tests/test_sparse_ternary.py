"""The product of 8-bit activations and ternary weights by bits alone, against additions one by one and int32."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdspike import bits
from hdspike.sparsity import bit_planes
from hdspike.sparsity.bit_planes import Planes, pack, product, product_of_bits, unpack, work
from hdspike.sparsity.dense_int8 import dense_int8
from hdspike.sparsity.straight_through import int8_samples
from hdspike.sparsity.ternary import TernaryLinear
from hdspike.sparsity.ternary_race import OURS, RIVALS, WHOLE, race
from tests.naive import sparse_ternary as naive

WIDTHS = st.sampled_from([1, 2, 63, 64, 65, 127, 128, 129])
FEW = settings(max_examples=12, deadline=None)


def drawn(n_in: int, n_out: int, batch: int, seed: int, zeros: float = 1 / 3) -> tuple[Any, Any]:
    """Activations over all of int8 with its ends, and weights with a share of zeros."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, size=(batch, n_in), dtype=np.int8)
    x.ravel()[: x.size // 4] = rng.choice(np.array([-128, -1, 0, 127], dtype=np.int8), size=x.size // 4)
    weights = rng.choice([-1, 0, 1], p=[(1 - zeros) / 2, zeros, (1 - zeros) / 2], size=(n_in, n_out))
    return x, weights.astype(np.int8)


@given(WIDTHS, st.sampled_from([1, 3, 8]), st.sampled_from([0, 1, 3]), st.integers(0, 9), st.floats(0, 1))
@FEW
def test_product_is_additions_one_by_one(n_in: int, n_out: int, batch: int, seed: int, zeros: float) -> None:
    x, weights = drawn(n_in, n_out, batch, seed, zeros)
    planes = pack(weights)
    expected, additions = naive.product(x.tolist(), weights.tolist())
    got = product(x, planes)
    assert got.dtype == np.int32
    assert got.tolist() == expected
    assert work(planes, batch).additions == additions
    assert (got == x.astype(np.int32) @ weights.astype(np.int32)).all()


@given(WIDTHS, st.sampled_from([1, 3, 8]), st.sampled_from([0, 1, 3]), st.integers(0, 9), st.floats(0, 1))
@FEW
def test_product_of_bits_is_additions_one_by_one(
    n_in: int, n_out: int, batch: int, seed: int, density: float
) -> None:
    rng = np.random.default_rng(seed)
    spikes = (rng.random((batch, n_in)) < density).astype(np.uint8)
    weights = rng.integers(-1, 2, size=(n_in, n_out))
    expected, _ = naive.product(spikes.tolist(), weights.tolist())
    assert product_of_bits(bits.pack(spikes), pack(weights)).tolist() == expected


@given(WIDTHS, st.integers(1, 5), st.integers(0, 9))
@FEW
def test_planes_are_packed_and_unpacked(n_in: int, n_out: int, seed: int) -> None:
    weights = drawn(n_in, n_out, 1, seed)[1]
    planes = pack(weights)
    assert planes.plus.tolist() == naive.plane(weights.tolist(), 1)
    assert planes.minus.tolist() == naive.plane(weights.tolist(), -1)
    assert not np.any(planes.plus & planes.minus)
    assert planes.ones.tolist() == (weights == 1).sum(0).tolist()
    assert (unpack(planes) == weights).all()


@pytest.mark.parametrize("n_out", [1, 7, bit_planes.TILE // 64 + 1])
def test_tiles_and_threads_do_not_matter(n_out: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """More outputs than a tile has, and every part on a thread."""
    monkeypatch.setattr(bit_planes, "TILE", 4)
    monkeypatch.setattr(bit_planes, "LARGE", 0)
    x, weights = drawn(65, n_out, 2, 1)
    assert (product(x, pack(weights)) == x.astype(np.int32) @ weights.astype(np.int32)).all()


def test_extremes_fill_an_int32_without_overflow() -> None:
    x = np.full((1, 1000), -128, dtype=np.int8)
    assert product(x, pack(np.full((1000, 1), -1))).tolist() == [[128_000]]
    assert product(x, pack(np.ones((1000, 1), dtype=np.int8))).tolist() == [[-128_000]]


def test_kernels_count_the_words_that_work_says() -> None:
    weights = drawn(65, 3, 2, 0)[1]
    planes = pack(weights)
    sums, out = np.empty(2, dtype=np.uint64), np.empty((2, 3), dtype=np.int32)
    sliced = np.zeros((2, len(planes.plus), 8), dtype=np.uint64)
    spikes = np.zeros((2, len(planes.plus)), dtype=np.uint64)
    row = (planes.plus, planes.minus, planes.ones, 0, 3, sums, out)
    assert bit_planes._product(sliced, *row) == work(planes, 2).words == 2 * 3 * 2 * 8
    assert bit_planes._product_of_bits(spikes, *row) == work(planes, 2, depth=1).words
    assert not out.any()
    assert work(planes, 2).macs == 2 * 65 * 3
    assert work(planes, 2).additions == 2 * np.count_nonzero(weights)
    assert planes.nbytes == 2 * 2 * 3 * 8


def test_input_is_normalised_to_one_specialisation() -> None:
    x, weights = drawn(70, 3, 2, 0)
    planes = pack(np.asfortranarray(weights))
    expected = product(x, planes)
    for form in (np.asfortranarray(x), x.astype(np.int64), x.tolist(), np.repeat(x, 2, axis=1)[:, ::2]):
        assert (product(form, planes) == expected).all()


def test_the_layer_is_the_product_by_bits_times_two_scales() -> None:
    rng = np.random.default_rng(0)
    layer = TernaryLinear(130, 5, rng=rng)
    layer.parameters["b"][...] = rng.standard_normal(5)
    x = rng.standard_normal((3, 130)).astype(np.float32)
    signs, step = layer.integers()
    whole, unit = int8_samples(x)
    expected = product(whole, pack(signs)).astype(np.float32) * step * unit + layer.parameters["b"]
    assert (layer.forward(x) == expected).all()
    assert np.abs(unit * whole - x).max() <= unit.max() / 2 + 1e-6


@given(WIDTHS, st.sampled_from([1, 3, 17]), st.sampled_from([0, 1, 3]), st.integers(0, 9))
@FEW
def test_the_rival_multiplies_exactly(n_in: int, n_out: int, batch: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = drawn(n_in, 1, batch, seed)[0]
    rows = rng.integers(-128, 128, size=(n_out, n_in), dtype=np.int8)
    expected = [[sum(a * b for a, b in zip(s, r, strict=True)) for r in rows.tolist()] for s in x.tolist()]
    assert dense_int8(x, rows).tolist() == expected


def test_all_contenders_compute_the_same_product() -> None:
    run = race(70, 5, 3, rng=0)
    assert list(run.contenders) == [OURS, WHOLE, *RIVALS]
    given = {name: np.asarray(one.call()) for name, one in run.contenders.items()}
    for name, one in run.contenders.items():
        if one.scale > 1:
            assert one.scale == 3 and (given[name] == given[OURS][:1]).all()
    assert (given["compiled int8"] == given[OURS]).all()
    assert np.abs(
        given[WHOLE] - given["float32 BLAS"] * given[WHOLE].std() / given["float32 BLAS"].std()
    ).max() < (0.1 * given[WHOLE].std())
    assert run.work.macs == 3 * 70 * 5


GOOD = pack([[1], [0]])


@pytest.mark.parametrize(
    ("call", "kind", "match"),
    [
        (lambda: pack([[2]]), ValueError, "weights must be in"),
        (lambda: pack([[0.5]]), TypeError, "weights must have dtype"),
        (lambda: pack([1, 0]), ValueError, "weights must have 2 dim"),
        (lambda: pack(np.zeros((0, 3), dtype=np.int8)), ValueError, "weights must be of 1"),
        (lambda: pack(np.zeros((3, 0), dtype=np.int8)), ValueError, "weights must be of 1"),
        (lambda: product([[1, 2, 3]], GOOD), ValueError, "x must have 2 entries"),
        (lambda: product([1, 2], GOOD), ValueError, "x must be a batch"),
        (lambda: product([[200, 0]], GOOD), ValueError, "x must fit int8"),
        (lambda: product([[0.5, 0]], GOOD), TypeError, "x must have dtype"),
        (lambda: product_of_bits(np.zeros((1, 2), dtype=np.uint64), GOOD), ValueError, "x must have 1 words"),
        (
            lambda: product_of_bits(np.array([[4]], dtype=np.uint64), GOOD),
            ValueError,
            "x must have zero bits",
        ),
        (lambda: product_of_bits([[1]], GOOD), TypeError, "x must be uint64"),
        (lambda: dense_int8([[1, 2]], [[1]]), ValueError, "rows must be as wide as x"),
        (lambda: dense_int8([[0.5]], [[1]]), TypeError, "x must have dtype"),
        (lambda: race(4, 4, 0, rng=0), ValueError, "batch must be at least 1"),
        (lambda: work(GOOD, -1), ValueError, "batch must be at least 0"),
        (lambda: work(GOOD, 1, depth=9), ValueError, "depth must be at most 8"),
    ],
)
def test_bad_input_is_refused(call: Any, kind: type[Exception], match: str) -> None:
    with pytest.raises(kind, match=match):
        call()


def test_planes_are_a_named_tuple_of_arrays() -> None:
    assert isinstance(GOOD, Planes)
    assert (GOOD.n_in, GOOD.n_out) == (2, 1)
