"""Willshaw's memory against a matrix of lists."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits, files
from hdspike.memory import Willshaw, willshaw
from tests.naive import bits as slow_bits
from tests.naive import memory as slow


def patterns(data: Any, count: int, size: int) -> list[list[int]]:
    """``count`` patterns of one number of distinct lines."""
    k = data.draw(st.integers(0, min(size, 9)))
    lines = st.lists(st.integers(0, size - 1), min_size=k, max_size=k, unique=True)
    return [data.draw(lines) for _ in range(count)]


def packed(rows: list[list[int]], size: int) -> np.ndarray:
    return slow_bits.array([[int(i in row) for i in range(size)] for row in rows], size)


@given(
    st.sampled_from([1, 5, 63, 64, 65, 130]), st.sampled_from([1, 7, 64, 65]), st.integers(0, 5), st.data()
)
def test_stored_and_recalled_as_by_hand(inputs: int, outputs: int, count: int, data: Any) -> None:
    x, y = patterns(data, count, inputs), patterns(data, count, outputs)
    cues = patterns(data, 3, inputs)
    memory = Willshaw(inputs, outputs)
    shape = lambda rows: np.array(rows, dtype=np.int64).reshape(len(rows), len(rows[0]) if rows else 0)  # noqa: E731
    memory.store(shape(x), packed(y, outputs) if data.draw(st.booleans()) else shape(y))
    matrix = slow.synapses(inputs, outputs, list(zip(x, y, strict=True)))
    np.testing.assert_array_equal(memory.matrix, slow_bits.array(matrix, outputs))
    assert memory.stored == count
    assert memory.density == sum(map(sum, matrix)) / (inputs * outputs)
    asked = packed(cues, inputs) if data.draw(st.booleans()) else shape(cues)
    sums = [slow.dendrites(matrix, cue) for cue in cues]
    assert memory.sums(asked).tolist() == sums
    for theta in (1, 2, 9, 1000):
        expected = [[int(s >= theta) for s in row] for row in sums]
        np.testing.assert_array_equal(
            memory.recall(asked, threshold=theta), slow_bits.array(expected, outputs)
        )
    expected = [[int(s >= max(1, len(cue))) for s in row] for row, cue in zip(sums, cues, strict=True)]
    np.testing.assert_array_equal(memory.recall(asked), slow_bits.array(expected, outputs))
    k = data.draw(st.integers(1, outputs))
    expected = [[int(s >= max(1, sorted(row)[-k])) for s in row] for row in sums]
    np.testing.assert_array_equal(memory.recall(asked, winners=k), slow_bits.array(expected, outputs))
    assert memory.lines(slow_bits.array(expected, outputs)) == [
        [j for j, on in enumerate(r) if on] for r in expected
    ]


def test_a_part_recalls_the_whole_and_nothing_stored_is_missed() -> None:
    random = np.random.default_rng(0)
    memory = Willshaw(300)
    x = np.array([random.choice(300, 10, replace=False) for _ in range(40)])
    memory.store(x)
    words = willshaw._words("x", x, 300)
    for found in (memory.recall(x), memory.recall(x[:, :6])):
        assert not np.any(words & ~found)
    assert np.mean(np.all(memory.recall(x[:, :6]) == words, axis=1)) > 0.9
    wrong = x.copy()
    wrong[:, 0] = (x.max(axis=1) + 1) % 300
    keep = np.array([len(set(row)) == 10 for row in wrong])
    found = memory.recall(wrong[keep], winners=10)  # a false input: Willshaw's threshold finds nothing
    assert np.mean(np.all(found == words[keep], axis=1)) > 0.9
    assert np.mean(bits.popcount(memory.recall(wrong[keep]), 300)) < 5


def test_winners_in_slices(monkeypatch) -> None:
    random = np.random.default_rng(0)
    memory = Willshaw(70)
    x = np.array([random.choice(70, 5, replace=False) for _ in range(30)])
    memory.store(x)
    whole = memory.recall(x, winners=3)
    monkeypatch.setattr(willshaw, "SUMS", 4 * 70)
    np.testing.assert_array_equal(memory.recall(x, winners=3), whole)


M, H = Willshaw(70), Willshaw(70, 5)
TAIL = np.full((1, 2), 2**63, dtype=np.uint64)
CASES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: Willshaw(0), ValueError, "inputs must be at least 1"),
    (lambda: Willshaw(3, 0), ValueError, "outputs must be at least 1"),
    (lambda: M.store([[70]]), ValueError, r"patterns must be lines in \[0, 70\)"),
    (lambda: M.store([[-1]]), ValueError, r"patterns must be lines in \[0, 70\)"),
    (lambda: M.store([[3, 4, 3]]), ValueError, "patterns must name each line once"),
    (lambda: M.store([3, 4]), ValueError, r"patterns must have 2 dimension"),
    (lambda: M.store([[0.5]]), TypeError, "patterns must have dtype int32"),
    (lambda: M.store(TAIL), ValueError, "patterns must have zero bits beyond dim 70"),
    (lambda: H.store([[1]]), ValueError, "values must be given where outputs are not inputs"),
    (lambda: H.store([[1]], [[1], [2]]), ValueError, "values must be one per pattern"),
    (lambda: M.recall([[1]], threshold=1, winners=1), ValueError, "threshold and winners must not"),
    (lambda: M.recall([[1]], threshold=0), ValueError, "threshold must be at least 1"),
    (lambda: M.recall([[1]], threshold=2**70), ValueError, "threshold must be at most 2147483648"),
    (lambda: M.store([[1], [2, 3]]), ValueError, "patterns must be an array of rows of equal length"),
    (lambda: H.store([[1]], [[1], [2, 3]]), ValueError, "values must be"),
    (lambda: H.recall([[1]], winners=6), ValueError, "winners must be at most 5"),
    (lambda: M.lines([[1]]), TypeError, "words must be uint64"),
]


@pytest.mark.parametrize(("call", "error", "message"), CASES)
def test_bad_input_is_a_clear_error(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        call()
    assert not M.matrix.any()


def test_files(tmp_path) -> None:
    memory = Willshaw(70, 65)
    memory.store([[1, 5], [2, 69]], [[3, 64], [4, 5]])
    memory.save(tmp_path / "x")
    again = Willshaw.load(tmp_path / "x")
    assert repr(again) == repr(memory)
    np.testing.assert_array_equal(again.matrix, memory.matrix)
    again.store([[7]], [[0]])
    assert memory.stored == 2
    good = {"kind": willshaw.FORMAT, "inputs": 70, "outputs": 65, "stored": 2}
    bad = [
        (memory.matrix, {"kind": "other"}, "must hold hdspike.willshaw"),
        (memory.matrix, {"inputs": -1}, "must say its inputs"),
        (memory.matrix, {"stored": 1.5}, "must say its stored"),
        (memory.matrix, {"inputs": 71}, "must hold words"),
        (memory.matrix, {"outputs": 0}, "must hold words"),
        (memory.matrix.astype(np.int64), {}, "must hold words"),
        (memory.matrix | np.uint64(2**63), {}, "must have zero bits beyond dim 65"),
    ]
    for array, changed, message in bad:
        files.save_array(tmp_path / "bad", array, **good | changed)
        with pytest.raises(ValueError, match=f"bad {message}"):
            Willshaw.load(tmp_path / "bad")
    (tmp_path / "bad").write_bytes((tmp_path / "x").read_bytes()[:-1])
    with pytest.raises(ValueError, match="bad must hold"):
        Willshaw.load(tmp_path / "bad")
