"""The long-context benchmark at toy size, without torch or faiss: what it tunes, judges, counts, fits and draws."""

import importlib
import math
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import substrate

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
JIT = not numba.config.DISABLE_JIT
SIZE = 400 if JIT else 70


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("attention")
    finally:
        sys.path.remove(str(FOLDER))


def part(name):
    return sys.modules[f"attention_{name}"]


@pytest.fixture
def head(bench, monkeypatch):
    """A small made head, few lines, no repeats."""
    ours = part("ours")
    for name, value in {"LINES": 8, "EACH": 40, "FEW": 2, "SHARES": (0.3, 1.0)}.items():
        monkeypatch.setattr(ours, name, value)
    for name, value in {"AROUND": (2.0,), "AROUND_FEW": (2.0,), "BATCHES": (1, 2)}.items():
        monkeypatch.setattr(part("points"), name, value)
    monkeypatch.setattr(part("times"), "SHORTEST", 0.0)
    ours._codes.clear()
    return part("keys").made(SIZE, queries=2, width=16, learn=80)


class Torch:
    """As much of torch as the dense side asks for, in NumPy."""

    float32, bfloat16 = "float32", "bfloat16"
    wrong = 0.0

    class Array(np.ndarray):
        def to(self, kind):
            return self

        def contiguous(self):
            return self

        def float(self):
            return self

        def numpy(self):
            return np.asarray(self)

    class nn:
        class functional:
            @staticmethod
            def scaled_dot_product_attention(q, k, v):
                scores = q[0, 0] @ k[0, 0].T / math.sqrt(q.shape[-1])
                return (Torch.softmax(scores, -1) @ v[0, 0])[None, None]

    @classmethod
    def from_numpy(cls, array):
        return array.view(cls.Array)

    @classmethod
    def softmax(cls, scores, axis):
        weights = np.exp(scores - scores.max(axis=axis, keepdims=True))
        return weights / weights.sum(axis=axis, keepdims=True) + cls.wrong

    @staticmethod
    def mv(matrix, vector):
        return matrix @ vector


def test_a_point_is_whole_and_drawn(bench, head):
    chip = substrate.load("a100-circuit")
    found = part("points").point(head, Torch, chip, rounds=1)
    assert [(row["kind"], row["winners"]) for row in found["ours"]] == [
        ("lines", round(SIZE / 100)), ("growing", round(SIZE / 100)), ("growing", 41), ("packed", round(SIZE / 100))
    ]  # fmt: skip
    for row in found["ours"]:
        assert 0 < row["found"] <= 1 + 1e-4 and row["per_query"]["kept"] == row["winners"]
        assert row["per_query"]["touched"] >= row["per_query"]["rescored"] >= row["winners"]
        for batch in ("1", "2"):
            times = row["seconds"][batch]
            assert times["s"] == times["attend_s"] + times["insertion_s"] > 0
            assert times["ratio"] < times["ratio_without_insertion"]
        assert row["joules"]["2"]["nominal"] < row["joules"]["1"]["nominal"]  # what is fetched is shared
    packed = found["ours"][-1]
    assert packed["touched_fraction"] == 1 and packed["lines"] == 2
    assert found["dense"]["best 1"]["precision"] in ("float32", "bfloat16")
    joules = found["dense"]["joules"]
    assert joules["int8 1"]["nominal"] < joules["bf16 1"]["nominal"]
    bound = bench.bound(found["ours"][0], {"read": 1e10, "popcount": 1e11})
    assert bound["bound_ratio"] == found["ours"][0]["seconds"]["1"]["attend_s"] / bound["bound_s"] > 0
    assert len(bench.lines(found)) == 4 * 2 + 2 * 2 + 4


def test_a_bar_that_is_missed_is_called_missed(bench):
    """Too slow, or too little found; only at the length that the bar is of."""

    def shown(keys, ratio, mass):
        times = {"s": 1e-3, "insertion_s": 1e-5, "ratio": ratio}
        row = {"kind": "lines", "rule": "1%", "seconds": {"1": times}, "found": mass, "touched_fraction": 0.1,
               "joules": {"1": {"nominal": 1e-6}}}  # fmt: skip
        (line,) = bench.lines({"keys": keys, "ours": [row], "dense": {"joules": {}}})
        return line

    assert "met" in shown(131_072, 3.1, 0.951)
    assert "MISSED" in shown(131_072, 2.9, 0.951) and "MISSED" in shown(131_072, 3.1, 0.949)
    assert "asked" not in shown(65_536, 3.1, 0.951)


def test_the_figure_has_three_panels_of_many_points(bench):
    ours, names = [], (("lines", "1%"), ("growing", "1%"), ("growing", "41"), ("packed", "1%"))
    points = []
    for size in (1_024, 16_384, 65_536, 131_072):
        ours = [
            {"kind": kind, "rule": rule, "found": 0.96, "per_query": {"touched": size / 4},
             "seconds": {b: {"s": 1e-9 * size + 1e-5, "ratio": size / 4_096} for b in ("1", "64")},
             "joules": {b: {"nominal": 1e-12 * size} for b in ("1", "64")}}
            for kind, rule in names
        ]  # fmt: skip
        dense = {f"best {b}": {"s": 1e-8 * size} for b in ("1", "64")}
        dense["joules"] = {
            f"{p} {b}": {"nominal": 1e-11 * size} for p in ("bf16", "int8") for b in ("1", "64")
        }
        points.append({"keys": size, "real": min(size, 65_536), "ours": ours, "dense": dense})
    figure = bench.draw(points, ledger="circuit ledger, 7 nm")
    assert [ax.get_xscale() for ax in figure.axes] == ["log"] * 3
    assert all("N^" in text.get_text() for text in figure.axes[0].get_legend().get_texts()[:3])
    plt.close(figure)
    fits = bench.exponents(points)
    assert math.isclose(fits["events"]["lines 1%"]["exponent"], 1) and len(fits["joules"]) == 8 + 4
    assert math.isclose(bench.crossings(points)["lines 1% 1"], 4_096)


def test_the_dense_side_must_give_softmax(bench, head, monkeypatch):
    monkeypatch.setattr(Torch, "wrong", 0.01)
    with pytest.raises(AssertionError, match="must agree with softmax"):
        part("points").point(head, Torch, substrate.load("a100-circuit"), rounds=1)


def test_our_side_must_give_winners(bench, head, monkeypatch):
    ours = part("ours")
    true = ours.exact(head, head.queries, 4)
    held, _ = ours.stream(head, "lines", 4)
    held.share = 1.0
    assert 0.9 < ours.judge(held, true).found <= 1 + 1e-4
    search = type(held).search

    def doubled(self, queries):
        found = search(self, queries)
        found.places[..., 1] = found.places[..., 0]
        return found

    monkeypatch.setattr(type(held), "search", doubled)
    with pytest.raises(AssertionError, match="different keys"):
        ours.judge(held, true)


def test_exact_weights_are_softmax(bench, head):
    true = part("ours").exact(head, head.queries, 3)
    rows = head.queries.reshape(-1, 16).astype(float)
    for i, row in enumerate(rows):
        scores = [float(row @ key) / 4 for key in head.keys.astype(float)]
        weights = np.exp(np.array(scores) - max(scores))
        weights /= weights.sum()
        assert np.allclose(true.mass[i], weights, rtol=1e-4)
        assert math.isclose(true.best[i], np.sort(weights)[-3:].sum(), rel_tol=1e-4)
        assert np.allclose(true.outputs[i], weights @ head.values, atol=1e-4)


def test_tuning_takes_the_cheapest_that_is_enough(bench, head):
    ours = part("ours")
    true = ours.exact(head, head.learn_queries[:, :2], 4)
    held, _ = ours.stream(head, "lines", 4)
    ours.tune(held, "lines", true, -9.0, (1.0, 2.0))
    assert (held.share, held.candidates) == (0.3, 1.0)
    ours.tune(held, "lines", true, 9.0, (1.0, 2.0))
    assert (held.share, held.candidates) == (1.0, 2.0)


def test_a_batch_shares_what_it_fetches(bench, head):
    ours = part("ours")
    held, _ = ours.stream(head, "packed", 4)
    per = {"lines": 2.0, "touched": float(SIZE), "rescored": 8.0, "kept": 4.0}
    one, many = ours.counts(held, per, 1), ours.counts(held, per, 1000)
    assert one["popcounts"] == many["popcounts"] == SIZE * 2 * 4
    every = SIZE * (64 * 2 + 16 * 16 + 256 + 16 * 16) + 32 * 2 * 16
    assert math.isclose(many["dram_bits"], every / 1000)
    assert one["dram_bits"] == SIZE * 128 + 8 * 512 + 4 * 256 + 32 * 2 * 16


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_fits_find_the_power_and_its_interval(bench, power):
    sizes = [2**i for i in range(10, 18)]
    noise = np.exp(0.05 * np.random.default_rng(0).normal(size=len(sizes)))
    made = part("times").fit(sizes, [3 * n**power * e for n, e in zip(sizes, noise, strict=True)], least=2048)
    assert made["points"] == 7 and made["low"] < power < made["high"] < power + 0.2
    with pytest.raises(ValueError, match="at least three"):
        part("times").fit(sizes, sizes, least=sizes[-2])


def test_crossings(bench):
    crossing = part("times").crossing
    assert crossing([1, 10, 100], [2.0, 0.5, 2.0]) == pytest.approx(10**1.5)
    assert crossing([1, 10], [0.5, 0.9]) is None and crossing([], []) is None
    assert crossing([5, 10], [1.5, 2]) == 5


def test_turns_are_taken_one_after_the_other(bench, monkeypatch):
    monkeypatch.setattr(part("times"), "SHORTEST", 0.0)
    calls = []
    times = part("times").in_turns({"a": lambda i: calls.append("a"), "b": lambda i: calls.append("b")}, 2)
    assert "".join(calls) == "aabb" + "aabb" * 2 and len(times["a"]) == 2
    assert part("times").median_ratio([4.0, 9.0], [1.0, 2.0], 1.0) == 2.5


def test_keys_beyond_those_collected_are_made_and_do_not_count(bench, tmp_path, monkeypatch):
    keys = part("keys")
    for name, value in {"WINDOW": 4, "KEYS": 2, "MOST": 3, "HEADS": {2: 1, 5: 0}, "WIDTH": 8}.items():
        monkeypatch.setattr(keys, name, value)
    monkeypatch.setattr(keys, "folder", lambda: tmp_path)
    assert keys.real(2, 8) is None  # nothing is there
    rng = np.random.default_rng(0)
    held = keys._open(tmp_path)
    for array in held.values():
        array[:] = rng.normal(size=array.shape)
    assert (
        held["2k"].shape == (4 * 15, 8) and held["5k"].shape == (4 * 14, 8) and held["2q"].shape == (3, 48, 8)
    )
    (tmp_path / "done.json").write_text('{"windows": 15}')
    monkeypatch.setattr(
        keys, "_drawn", lambda queries, low, high, count: np.array(queries[:, 4 * low : 4 * high])
    )
    whole, longer = keys.real(2, 10), keys.real(5, 12)
    assert whole.real == 10 and np.array_equal(whole.keys, held["2k"][48:58])
    assert longer.real == 8 and np.array_equal(longer.keys[:8], held["5k"][48:56])
    gap = np.abs(longer.keys[8:] - longer.keys[:4])
    assert 0 < gap.max() < 1 and len(longer.values) == 12
    assert np.array_equal(whole.queries, held["2q"][:, :16]) and len(whole.learn_keys) == 32
