"""The batch that people hold: operators, slicing, oracles."""

import doctest

import numpy as np
import pytest
from bitarray import bitarray

from hdspike import bits, files, hypervector
from hdspike.hypervector import Hypervectors

DIMS = (1, 63, 64, 65, 127, 130, 1000)


@pytest.mark.parametrize("dim", DIMS)
def test_bitarray_is_an_oracle(dim: int) -> None:
    a, b = (
        bitarray(np.random.default_rng(seed).integers(0, 2, dim).tolist(), endian="big") for seed in (1, 2)
    )
    x, y = Hypervectors.from_bitarray(a), Hypervectors.from_bitarray(b)
    assert (x ^ y).bitarray().tolist() == (a ^ b).tolist()
    assert (x * y).bitarray().tolist() == (a ^ b).tolist()
    assert int(x.count()) == a.count()
    assert (x >> 1).bitarray().tolist() == (a[-1:] + a[:-1]).tolist()
    assert (x << 1).bitarray().tolist() == (a[1:] + a[:1]).tolist()
    assert x.bitarray().endian == "little"
    assert Hypervectors.from_bitarray(x.bitarray()) == x


def test_shapes_and_slices() -> None:
    h = Hypervectors.random(12, 70, rng=0)
    cube = Hypervectors(h.words.reshape(3, 4, 2), 70)
    assert (h.shape, len(h), cube.shape, h[0].shape) == ((12,), 12, (3, 4), ())
    np.testing.assert_array_equal(h[3].words, h.words[3])
    np.testing.assert_array_equal(h[-1].words, h.words[11])
    np.testing.assert_array_equal(h[2:9:3].words, h.words[2:9:3])
    np.testing.assert_array_equal(h[[5, 1]].words, h.words[[5, 1]])
    np.testing.assert_array_equal(h[np.arange(12) % 2 == 0].words, h.words[::2])
    np.testing.assert_array_equal(cube[1, 2].words, h.words[6])
    np.testing.assert_array_equal(cube[:, 2].words, h.words[2::4])
    np.testing.assert_array_equal(cube[..., 2].words, h.words[2::4])
    np.testing.assert_array_equal(np.asarray(h), h.words)
    assert np.asarray(h, dtype=object).dtype == object
    assert [len(v.bitarray()) for v in (h[0], h[5])] == [70, 70]
    assert h.bitarray(5) == h[5].bitarray()


def test_empty_batches() -> None:
    empty = Hypervectors.random(0, 100)
    assert (len(empty), empty.shape, empty.count().shape, empty.bits().shape) == (0, (0,), (0,), (0, 100))
    assert len(empty[:]) == len(Hypervectors.random(3, 100, rng=0)[3:]) == 0
    assert empty.hamming(Hypervectors.random(3, 100, rng=0)).shape == (0, 3)
    assert "0 of 100 bits" in repr(empty)


def test_the_words_of_a_vector_stay_together() -> None:
    """As many vectors as words: an index that reaches into the words would fit by its shape alone."""
    h = Hypervectors.random(2, 128, rng=0)
    for key in [(slice(None), [1, 0]), (Ellipsis, 0, 0), (slice(None), 0), (slice(None), slice(1))]:
        with pytest.raises(IndexError):
            h[key]
    np.testing.assert_array_equal(h[..., 0].words, h.words[0])


def test_a_single_vector_is_no_batch() -> None:
    one = Hypervectors.random(1, 10, rng=0)[0]
    with pytest.raises(TypeError, match="length"):
        len(one)
    with pytest.raises(IndexError, match="batch"):
        one[0]
    assert "one of 10 bits" in repr(one)


def test_operators_agree_with_bits() -> None:
    a, b = Hypervectors.random(4, 130, rng=0), Hypervectors.random(4, 130, rng=1)
    np.testing.assert_array_equal((a ^ b).bits(), a.bits() ^ b.bits())
    np.testing.assert_array_equal((a ^ b[0]).words, a.words ^ b.words[0])
    np.testing.assert_array_equal((a >> 3).words, bits.rotate(a.words, 130, 3))
    np.testing.assert_array_equal(a.permute(-3).words, (a << 3).words)
    np.testing.assert_array_equal(a.hamming(b), bits.hamming(a.words, b.words, 130))
    np.testing.assert_array_equal(
        a.bundle(weights=[1, 2, 3, 4]).words, bits.majority(a.words, 130, weights=[1, 2, 3, 4])
    )
    np.testing.assert_array_equal(a.count(), a.bits().sum(axis=1))
    np.testing.assert_array_equal(Hypervectors.from_bits(a.bits()).words, a.words)
    assert (a == b).tolist() == [False] * 4
    assert (a == Hypervectors(np.concatenate([a.words[:2], b.words[2:]]), 130)).tolist() == [
        True,
        True,
        False,
        False,
    ]
    assert (a == 3) is False
    with pytest.raises(TypeError):
        a ^ 3
    with pytest.raises(TypeError):
        hash(a)


@pytest.mark.parametrize("dim", DIMS)
def test_tail_bits_are_zero_after_every_operation(dim: int) -> None:
    h = Hypervectors.random(4, dim, rng=dim)
    full = Hypervectors.from_bits(np.ones((4, dim), dtype=np.uint8))
    for result in (h, h ^ full, full >> 1, full << 1, h >> 63, full.bundle(), (h ^ full).bundle()):
        assert not np.any(result.words[..., -1] & ~bits.tail_mask(dim))
    np.testing.assert_array_equal((h ^ full).count(), dim - h.count())


def test_batches_of_any_shape_are_compared_and_stacked() -> None:
    a = Hypervectors(bits.random(6, 100, rng=0).reshape(2, 3, -1), 100)
    b = Hypervectors.random(4, 100, rng=1)
    pairs = a.hamming(b)
    assert pairs.shape == (2, 3, 4)
    assert a[1, 2].hamming(b[3]) == pairs[1, 2, 3]
    indices, distances = a.nearest(b, 2)
    assert indices.shape == distances.shape == (2, 3, 2)
    np.testing.assert_array_equal(indices, np.argsort(pairs, axis=-1, kind="stable")[..., :2])
    assert b[0].nearest(b, 1)[0].tolist() == [0]
    assert np.all(Hypervectors.stack([b[0], b[1]]) == b[:2])
    assert Hypervectors.stack([a, a]).shape == (2, 2, 3)
    for parts, message in (([], "at least one"), ([b, b[0]], "one shape"), ([b, b.words], "Hypervectors")):
        with pytest.raises(ValueError, match=message):
            Hypervectors.stack(parts)
    with pytest.raises(ValueError, match="memory must be a batch of one axis"):
        b.nearest(a, 1)
    with pytest.raises(ValueError, match="shapes must broadcast"):
        _ = a == b


def test_save_and_load(tmp_path) -> None:
    for dim in (1, 64, 100):
        batch = Hypervectors(bits.random(6, dim, rng=dim).reshape(2, 3, -1), dim)
        batch.save(tmp_path / "x.hdv")
        for mmap in (True, False):
            back = Hypervectors.load(tmp_path / "x.hdv", mmap=mmap)
            assert back.dim == dim
            assert np.all(back == batch)
            assert np.all(back ^ back.permute(1) == batch ^ batch.permute(1))
            np.testing.assert_array_equal(back[0].hamming(back[1]), batch[0].hamming(batch[1]))
            np.testing.assert_array_equal(back[0].nearest(back[1], 2)[0], batch[0].nearest(batch[1], 2)[0])


def test_loading_reads_nothing(tmp_path) -> None:
    """A mapped batch opens without its words being touched: its tail is looked at only when all is read."""
    dirty = np.full((3, 2), 2**64 - 1, dtype=np.uint64)
    files.save_array(tmp_path / "x", dirty, kind="hypervectors", dim=100)
    assert Hypervectors.load(tmp_path / "x").shape == (3,)
    with pytest.raises(ValueError, match="words must have zero bits beyond dim 100"):
        Hypervectors.load(tmp_path / "x", mmap=False)


@pytest.mark.parametrize(
    ("array", "meta"),
    [
        (np.zeros((2, 2), dtype=np.uint64), {"kind": "hypervectors", "dim": 200}),
        (np.zeros((2, 2), dtype=np.uint64), {"kind": "hypervectors", "dim": 0}),
        (np.zeros((2, 2), dtype=np.uint64), {"kind": "hypervectors", "dim": "100"}),
        (np.zeros((2, 2), dtype=np.uint64), {"kind": "events", "dim": 100}),
        (np.zeros((2, 2), dtype=np.int64), {"kind": "hypervectors", "dim": 100}),
        (np.array(3, dtype=np.uint64), {"kind": "hypervectors", "dim": 1}),
    ],
)
def test_a_file_of_something_else(tmp_path, array: np.ndarray, meta: dict) -> None:
    files.save_array(tmp_path / "x", array, **meta)
    with pytest.raises(ValueError, match="must hold"):
        Hypervectors.load(tmp_path / "x")


def test_a_repr_looks_at_the_first_thousand() -> None:
    many = Hypervectors(np.zeros((1001, 1), dtype=np.uint64), 60)
    assert repr(many) == "<Hypervectors: 1,001 of 60 bits, 0.0 % ones in the first 1,000>"


def test_doctests() -> None:
    results = doctest.testmod(hypervector)
    assert results.attempted > 0
    assert results.failed == 0
