"""Item memory against sorting by hand."""

import doctest
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import Hypervectors, bits, files
from hdspike.memory import Hopfield, ItemMemory, Resonator, SparseDistributedMemory, Willshaw, item
from hdspike.spaces import BSC, BSDC, SBC
from hdspike.theory import chance_best, chance_score
from tests.conftest import JIT

SPACES = [BSC(1), BSC(5), BSC(65), SBC(4, blocks=2), SBC(35, blocks=7), BSDC(20, ones=3)]
NAN = float("nan")


@given(
    st.sampled_from(SPACES),
    st.integers(1, 8),
    st.integers(0, 4),
    st.integers(1, 10),
    st.integers(0, 2**32),
)
def test_search(space, num: int, count: int, k: int, seed: int) -> None:
    """Small spaces, so that items tie and repeat; k may exceed the items."""
    items, queries = space.random(num, rng=seed), space.random(count, rng=seed + 1)
    store = ItemMemory(space, items)
    scores = space.score(queries, items).tolist()
    ranked = [sorted(range(num), key=lambda i, row=row: (-row[i], i)) for row in scores]
    assert store.top(queries, k).tolist() == [order[:k] for order in ranked]
    assert store.top(queries, k).shape == (count, min(k, num))
    assert store.nearest(queries, k)[1].tolist() == [
        [row[i] for i in order[:k]] for row, order in zip(scores, ranked, strict=True)
    ]
    assert store.cleanup(queries).tolist() == [order[0] for order in ranked]
    assert [store.closest(q) for q in queries] == [order[0] for order in ranked]
    np.testing.assert_array_equal(store.score(queries), scores if count else np.empty((0, num)))
    np.testing.assert_array_equal(store.similarity(queries), space.similarity(queries, items))
    assert len(store) == num
    assert repr(space) in repr(store)


@given(st.sampled_from(SPACES), st.integers(1, 8), st.integers(0, 4), st.integers(0, 70), st.integers(0, 99))
def test_within(space, num: int, count: int, distance: int, seed: int) -> None:
    """The same set by distance, by similarity and by deviations, best first."""
    items, queries = space.random(num, rng=seed), space.random(count, rng=seed + 1)
    store = ItemMemory(space, items)
    scores = space.score(queries, items).tolist()
    expected = [
        [
            i
            for i in sorted(range(num), key=lambda i, row=row: (-row[i], i))
            if space.top_score - row[i] <= distance
        ]
        for row in scores
    ]
    assert [x.tolist() for x in store.within(queries, distance=distance)] == expected
    least = space.top_score - distance
    similarity = float(space.scale(np.array(least)))
    assert [x.tolist() for x in store.within(queries, similarity=similarity)] == expected
    mean, deviation = chance_score(space)
    sigma = (least - 0.5 - mean) / deviation
    assert [x.tolist() for x in store.within(queries, sigma=sigma)] == expected


@pytest.mark.parametrize("space", [BSC(70), SBC(60, blocks=5), BSDC(64, ones=6)], ids=repr)
def test_slices_and_index_do_not_change_the_answer(space, monkeypatch) -> None:
    items, queries = space.random(700, rng=0), space.random(20, rng=1)
    whole = space.nearest(queries, items, 9)
    monkeypatch.setattr(item, "SCORES", 20 * 64)
    monkeypatch.setattr(item, "INDEXED", 10**9)
    sliced = ItemMemory(space, items)
    monkeypatch.setattr(item, "INDEXED", 1)
    indexed = ItemMemory(space, items)
    for store in (sliced, indexed):
        for found, expected in zip(store.nearest(queries, 9), whole, strict=True):
            np.testing.assert_array_equal(found, expected)
    assert len(list(sliced._slices(20))) == 11
    near = ItemMemory(space, items).within(queries, distance=space.top_score // 3)
    assert [x.tolist() for x in sliced.within(queries, distance=space.top_score // 3)] == [
        x.tolist() for x in near
    ]


@pytest.mark.parametrize("space", [BSC(1000), SBC(1024), BSDC(2000, ones=40)], ids=repr)
def test_cleanup_undoes_noise_and_knows_strangers(space) -> None:
    items = space.random(50, rng=0)
    noisy = space.bundle(np.stack([items, items, space.random(50, rng=1)], axis=1), weights=[1, 1, 1])
    one_in_three = space.bundle(np.stack([items, *(space.random(50, rng=s) for s in (2, 3))], axis=1))
    store = ItemMemory(space, items)
    assert store.cleanup(noisy).tolist() == list(range(50))
    assert store.cleanup(one_in_three, sigma=5).tolist() == list(range(50))
    assert store.cleanup(space.random(30, rng=4), sigma=5).tolist() == [-1] * 30
    assert store.closest(space.random(1, rng=4)[0], sigma=5) is None
    found = store.within(one_in_three, sigma=8 if isinstance(space, BSDC) else 5)  # its scores are skewed
    assert [x.tolist() for x in found] == [[i] for i in range(50)]


@pytest.mark.skipif(not JIT, reason="statistics over 40,000 pairs, slow un-jitted")
@pytest.mark.parametrize("space", [BSC(1000), SBC(4096, blocks=256), BSDC(4096, ones=256)], ids=repr)
def test_scores_by_chance(space) -> None:
    z = ItemMemory(space, space.random(200, rng=0)).std_apart(space.random(200, rng=1))
    assert abs(z.mean()) < 4 / 200
    assert abs(z.std() - 1) < 0.03
    error = 0.2
    best = z.max(axis=1) > chance_best(200, error=error)
    if isinstance(space, BSC):  # the others are skewed: their best is higher than that of normal scores
        assert abs(best.mean() - error) < 4 * np.sqrt(error * (1 - error) / 200)


@given(st.sampled_from(SPACES[1:]), st.lists(st.integers(0, 3), min_size=1, max_size=5), st.data())
def test_add_and_remove_are_those_of_a_list(space, sizes: list[int], data: Any) -> None:
    first = space.random(2, rng=0)
    kept = first.copy()
    store, rows, names = ItemMemory(space, first, labels=["a", "b"]), list(first), ["a", "b"]
    for step, size in enumerate(sizes):
        more = space.random(size, rng=step + 1)
        labels = [f"{step}.{i}" for i in range(size)]
        assert store.add(more, labels=labels).tolist() == list(range(len(rows), len(rows) + size))
        rows, names = rows + list(more), names + labels
        gone = data.draw(st.sets(st.integers(0, len(rows) - 1), max_size=len(rows) - 1))
        store.remove(sorted(gone))
        rows = [row for i, row in enumerate(rows) if i not in gone]
        names = [name for i, name in enumerate(names) if i not in gone]
        np.testing.assert_array_equal(store.items, np.array(rows))
        assert store.labels == names
        assert store.index(names[-1]) == len(names) - 1
        np.testing.assert_array_equal(store[names[0]], rows[0])
        assert store.cleanup(store.items[-1:]).shape == (1,)
    np.testing.assert_array_equal(first, kept)


def test_an_index_does_not_outlive_its_items(monkeypatch) -> None:
    monkeypatch.setattr(item, "INDEXED", 1)
    space = SBC(1000, blocks=50)
    store = ItemMemory(space, space.random(20, rng=0))
    more = space.random(20, rng=1)
    assert store.cleanup(store.items).tolist() == list(range(20))
    store.add(more)
    assert store.cleanup(more).tolist() == list(range(20, 40))
    store.remove(range(10))
    assert store.cleanup(more).tolist() == list(range(10, 30))


SAVED = [
    *(BSC(70), SBC(20, blocks=4), BSDC(50, ones=4, seed=3)),
    *(SBC(1024, blocks=4, dtype=np.uint8), SBC(2048, blocks=4, dtype=np.uint16)),
]


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("labels", [None, ["é", "b", "c"]])
@pytest.mark.parametrize("space", SAVED, ids=repr)
def test_what_was_saved_is_opened(tmp_path: Path, space, labels, mmap: bool) -> None:
    items = space.random(3, rng=0)
    path = tmp_path / "memory"
    ItemMemory(space, items, labels=labels).save(path)
    store = ItemMemory.load(path, mmap=mmap)
    assert repr(store) == repr(ItemMemory(space, items))
    assert store.labels == labels
    np.testing.assert_array_equal(store.items, items)
    assert store.cleanup(items).tolist() == [0, 1, 2]
    store.add(items[:1], labels=None if labels is None else ["d"])  # a copy: the file stays as it is
    store.remove([0])
    np.testing.assert_array_equal(ItemMemory.load(path).items, items)
    np.testing.assert_array_equal(store.items, items[[1, 2, 0]])


def test_a_memory_opens_without_being_read(tmp_path: Path) -> None:
    """Of 32 MB a memory-mapped open allocates next to nothing."""
    import tracemalloc

    space = BSC(8192)
    words = np.zeros((32_000, 128), dtype=np.uint64)
    words[31_999] = space.random(1, rng=0)
    ItemMemory(space, words).save(tmp_path / "big")
    tracemalloc.start()
    store = ItemMemory.load(tmp_path / "big")
    assert tracemalloc.get_traced_memory()[1] < 2e6
    tracemalloc.stop()
    assert not store.items.flags.owndata
    assert not store.items.flags.writeable
    if JIT:
        assert store.cleanup(words[31_999:]).tolist() == [31_999]


def saved(path: Path, items: Any = None, **changed: Any) -> Path:
    """A file of an item memory whose header may be wrong."""
    meta = {"kind": item.FORMAT, "space": "bsc", "settings": {"dim": 70}} | changed
    files.save_array(path, bits.random(3, 70, rng=0) if items is None else items, **meta)
    return path


BAD_FILES: list[tuple[dict[str, Any], str]] = [
    ({"kind": "other"}, "must be an item memory"),
    ({"space": "fhrr"}, "must name a space"),
    ({"space": ["bsc"]}, "must name a space"),
    ({"settings": 3}, "must name a space"),
    ({"settings": {"dim": -1}}, "must describe a space"),
    ({"settings": {"dim": 70, "x": 1}}, "must describe a space"),
    ({"settings": {"dim": 7}}, r"must hold items \(M ≥ 1, 1\) of uint64 for BSC\(7\)"),
    ({"items": np.zeros((3, 2), dtype=np.int64)}, "must hold items"),
    ({"items": np.zeros((0, 2), dtype=np.uint64)}, "must hold items"),
    ({"items": np.zeros(2, dtype=np.uint64)}, "must hold items"),
    ({"labels_sha256": "0"}, "must have its labels beside it"),
    ({"space": "sbc", "settings": {"dim": 10**30, "blocks": 10**30 // 2}}, "x must hold items"),
    ({"space": "sbc", "settings": {"dim": 10**30}}, "x must describe a space"),
    ({"space": "bsc", "settings": {"dim": 10**30}}, "x must hold items"),
    ({"space": "bsdc", "settings": {"dim": 2**31 - 1, "ones": 2**29}}, "x must hold items"),
    ({"space": "sbc", "settings": {"dim": 20, "blocks": 4, "dtype": "float9"}}, "x must describe a space"),
    ({"space": "sbc", "settings": {"dim": 20, "blocks": 4, "dtype": 3}}, "x must describe a space"),
]


@pytest.mark.parametrize(("changed", "message"), BAD_FILES)
def test_a_corrupt_file_is_a_clear_error(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ItemMemory.load(saved(tmp_path / "x", **changed))


def test_values_are_checked_where_they_are_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "tail", items=np.full((3, 2), 2**63, dtype=np.uint64))
    assert len(ItemMemory.load(path)) == 3
    with pytest.raises(ValueError, match="zero bits beyond dim 70"):
        ItemMemory.load(path, mmap=False)
    high = {"items": np.full((3, 4), 9, dtype=np.int32), "space": "sbc", "settings": {"dim": 20, "blocks": 4}}
    with pytest.raises(ValueError, match=r"must be in \[0, 5\)"):
        ItemMemory.load(saved(tmp_path / "range", **high), mmap=False)


def test_labels_of_another_file_are_refused(tmp_path: Path) -> None:
    store = ItemMemory(BSC(70), bits.random(2, 70, rng=0), labels=["a", "b"])
    store.save(tmp_path / "x")
    (tmp_path / "x.labels.json").write_text(json.dumps(["a", "c"]))
    with pytest.raises(ValueError, match="must hold the labels that x was saved with"):
        ItemMemory.load(tmp_path / "x")


@pytest.mark.parametrize(
    "text", ["5", "null", "[" * 100_000, '{"a": 1}', "[1, 2]", '["a"]', '["a", "a"]', "x"]
)
def test_labels_that_are_no_list_of_names_are_refused(tmp_path: Path, text: str) -> None:
    store = ItemMemory(BSC(70), bits.random(2, 70, rng=0), labels=["a", "b"])
    store.save(tmp_path / "x")
    print_ = hashlib.sha256(text.encode()).hexdigest()
    meta = {"kind": item.FORMAT, "space": "bsc", "settings": {"dim": 70}, "labels_sha256": print_}
    files.save_array(tmp_path / "x", store.items, **meta)
    (tmp_path / "x.labels.json").write_text(text)
    with pytest.raises(ValueError, match=r"x\.labels\.json must hold a list of 2 distinct strings"):
        ItemMemory.load(tmp_path / "x")


@pytest.mark.parametrize("space", [BSC(70), SBC(1000, blocks=50), BSDC(500)], ids=repr)
def test_items_are_those_given_whatever_is_written_later(monkeypatch, space) -> None:
    monkeypatch.setattr(item, "INDEXED", 1)
    given = space.random(20, rng=0)
    x = given.copy()
    store = ItemMemory(space, x)
    for _ in range(2):
        assert store.cleanup(given).tolist() == list(range(20))
        x[0] = x[5]
        np.testing.assert_array_equal(store.items, given)
    with pytest.raises(ValueError, match="read-only"):
        store.items[0] = given[5]
    frozen = np.frombuffer(given.tobytes(), dtype=given.dtype).reshape(given.shape)
    assert np.shares_memory(ItemMemory(space, frozen).items, frozen)  # nothing can write there


def test_mapped_words_are_looked_at_where_they_are_searched(tmp_path: Path) -> None:
    space = BSC(70)
    files.save_array(tmp_path / "x", space.random(4, rng=0) | np.uint64([[0, 0]] * 3 + [[0, 2**63]]))
    words, _ = files.load_array(tmp_path / "x")
    store = ItemMemory(space, words)
    assert np.shares_memory(store.items, words)
    for call in (store.cleanup, store.score, lambda q: store.within(q, distance=1)):
        with pytest.raises(ValueError, match="items must have zero bits beyond dim 70"):
            call(space.random(1, rng=0))
    assert ItemMemory(space, words[:3]).cleanup(words[:3]).tolist() == [0, 1, 2]


@pytest.mark.parametrize("space", [BSC(70), SBC(35, blocks=7), BSDC(50, ones=4)], ids=repr)
@pytest.mark.parametrize("indexed", [1, 10**9])
def test_queries_of_any_shape_are_as_row_by_row(monkeypatch, space, indexed: int) -> None:
    monkeypatch.setattr(item, "INDEXED", indexed)
    items, x = space.random(5, rng=0), space.random(24, rng=1)
    for store in (ItemMemory(space, items), ItemMemory(space, items, labels=list("abcde"))):
        for shape in ((), (1,), (0,), (24,), (2, 3, 4), (2, 0, 3), (3, 1)):
            asked = x[: int(np.prod(shape))].reshape(*shape, space.width)
            rows = asked.reshape(-1, space.width)
            for call in (
                *(store.score, store.similarity, store.std_apart, store.cleanup),
                *(lambda q, s=store: s.top(q, 3), lambda q, s=store: s.nearest(q, 3)[1]),
                lambda q, s=store: s.cleanup(q, sigma=1.0),
            ):
                whole = call(rows)
                np.testing.assert_array_equal(call(asked), whole.reshape(shape + whole.shape[1:]))
            near = store.within(asked, sigma=0.0)
            flat = [store.within(row, sigma=0.0) for row in rows]
            names = [store.closest(row, sigma=1.0) for row in rows]
            found = store.closest(asked, sigma=1.0)
            for _ in range(len(shape) - 1):
                near, found = [v for part in near for v in part], [v for part in found for v in part]
            near, found = (near, found) if shape else ([near], [found])
            assert found == names
            assert [v.tolist() for v in near] == [v.tolist() for v in flat]


B, S = BSC(70), SBC(20, blocks=4)
W, V = B.random(3, rng=0), S.random(3, rng=0)
TOP = np.uint64(2**63)
STORE = ItemMemory(B, W)
NAMED = ItemMemory(B, W, labels=["a", "b", "c"])
CASES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: ItemMemory(B, W, labels=["a", "b"]), ValueError, "labels must be as many as the 3 items, got 2"),
    (lambda: ItemMemory(B, W, labels=["a", "b", "a"]), ValueError, "labels must be distinct"),
    (lambda: ItemMemory(B, W, labels="abc"), TypeError, "labels must be strings"),
    (lambda: ItemMemory(B, W, labels=[1, 2, 3]), TypeError, "labels must be strings"),
    (lambda: STORE.index("a"), ValueError, "label must be that of an item, but"),
    (lambda: NAMED["d"], ValueError, "label must be that of an item, got 'd'"),
    (lambda: STORE.closest(W[:, :1]), ValueError, "query must have 2 words"),
    (lambda: STORE.cleanup(1.0), TypeError, "queries must be uint64 words"),
    (lambda: STORE.cleanup([[1], [2, 3]]), ValueError, "queries must be an array of rows of equal length"),
    (
        lambda: STORE.cleanup(Hypervectors.random(2, 71)),
        ValueError,
        "queries must have dim 70 of the space, got",
    ),
    (lambda: STORE.cleanup(W | TOP), ValueError, "queries must have zero bits beyond dim 70"),
    (lambda: STORE.add(W | TOP), ValueError, "vectors must have zero bits beyond dim 70"),
    (lambda: ItemMemory(B, W | TOP), ValueError, "items must have zero bits beyond dim 70"),
    (lambda: B.score(W, W | TOP), ValueError, "items must have zero bits beyond dim 70"),
    (lambda: B.nearest(W, W | TOP, 1), ValueError, "items must have zero bits beyond dim 70"),
    (lambda: B.bind(W, W | TOP), ValueError, "b must have zero bits beyond dim 70"),
    (lambda: B.bind(W, W[:2]), ValueError, r"b must broadcast with a of shape \(3, 2\)"),
    (lambda: B.permute(W | TOP), ValueError, "a must have zero bits beyond dim 70"),
    (lambda: B.bundle(W | TOP), ValueError, "vectors must have zero bits beyond dim 70"),
    (lambda: ItemMemory(B, W, labels=5), TypeError, "labels must be strings, got 5"),
    (lambda: NAMED.add(W, labels=5), TypeError, "labels must be strings, got 5"),
    (lambda: STORE.cleanup(W, sigma=NAN), ValueError, "sigma must be in"),
    (lambda: STORE.cleanup(W, sigma="5"), TypeError, "sigma must be a number"),
    (lambda: STORE.nearest(W, 0), ValueError, "k must be at least 1"),
    (lambda: STORE.within(W), ValueError, "within needs one of distance, similarity and sigma"),
    (lambda: STORE.within(W, distance=1, sigma=2), ValueError, "within needs one of"),
    (lambda: STORE.within(W, distance=-1), ValueError, "distance must be at least 0"),
    (lambda: STORE.within(W, similarity=NAN), ValueError, "similarity must be in"),
    (lambda: STORE.add(V), TypeError, "vectors must be uint64 words"),
    (lambda: STORE.add(W, labels=["d", "e", "f"]), ValueError, "labels must be given where items have them"),
    (lambda: NAMED.add(W), ValueError, "labels must be given where items have them"),
    (lambda: NAMED.add(W, labels=["a", "e", "f"]), ValueError, "labels must be distinct"),
    (lambda: STORE.remove([3]), ValueError, r"indices must be in \[0, 3\)"),
    (lambda: STORE.remove([0, 1, 2]), ValueError, "indices must leave at least one item"),
    (lambda: STORE.remove([0.5]), TypeError, "indices must have dtype"),
]


@pytest.mark.parametrize(("call", "error", "message"), CASES)
def test_bad_input_is_a_clear_error(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        call()
    assert len(STORE) == len(NAMED) == 3


@pytest.mark.parametrize("kind", [ItemMemory, Hopfield, Resonator, SparseDistributedMemory, Willshaw])
def test_doctests(kind) -> None:
    import sys

    results = doctest.testmod(sys.modules[kind.__module__])
    assert results.attempted > 0
    assert results.failed == 0
