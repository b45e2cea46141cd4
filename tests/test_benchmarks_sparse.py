"""The benchmark of sparse layers at toy size, without torch: who computes what, the bound, and the figure's words."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
RATES = {"read": 1e10, "read cached": 5e10, "dot": 5e9, "blend": 3e10, "dense_rate": 5e10}


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("sparse_layers")
    finally:
        sys.path.remove(str(FOLDER))


@pytest.mark.parametrize("batch", [1, 16])
def test_one_layer_is_measured_by_everybody(bench, batch) -> None:
    row = bench.measure(20, 7, 0.8, batch, RATES, rounds=1)
    assert row["fan_in"] == 4 and row["products"] == 4 * 7 * batch and row["threads"] == 1
    assert set(row["peers"]) == {"dense BLAS", "scipy CSR", "scipy CSC"}
    assert row["bound_ratio"] == row["ours_s"] / row["bound_s"] > 0
    assert "dense BLAS" in bench.line(row) and "80 %" in bench.line(row)


def test_a_wrong_contender_is_caught(bench) -> None:
    with pytest.raises(
        bench.WrongResult, match=r"^somebody must compute the layer to 0.001, got an error of 1"
    ):
        bench.quickest([lambda: np.zeros((1, 2))], np.ones((1, 2)), "somebody")
    with pytest.raises(bench.WrongResult, match="got an error of nan"):
        bench.quickest([lambda: np.full((1, 2), np.nan)], np.ones((1, 2)), "somebody")


def test_the_quickest_way_of_a_contender_counts(bench) -> None:
    def slow():
        return np.ones((2000, 2)).cumsum(axis=0)[:1]

    def quick():
        return np.ones((1, 2))

    assert bench.quickest([slow, quick], np.ones((1, 2)), "somebody") is quick


def test_the_bound_by_hand(bench) -> None:
    """One sample: 28 products of 6 bytes; 64 samples: two tiles read the weights twice."""
    made = bench.layer(20, 7, 0.8)
    octets = 28 * 6 + 4 * 7
    slow = {**RATES, "dot": 1e15, "blend": 1e15}
    assert bench.bound(made, 1, slow) == (pytest.approx((octets + 4 * 27) / 5e10), "bytes, read cached")
    assert bench.bound(made, 64, slow) == (
        pytest.approx((2 * octets + 64 * 4 * 27) / 5e10),
        "bytes, read cached",
    )
    fast = {**RATES, "read cached": 1e15}
    assert bench.bound(made, 1, fast) == (pytest.approx(28 / 5e9), "products, dot")
    assert bench.bound(made, 64, fast) == (pytest.approx(28 * 64 / 3e10), "products, blend")


def row(sparsity, batch, *, dense, csr):
    ratios = {"dense BLAS": dense, "scipy CSR": csr, "scipy CSC": 9.0}
    peers = {name: {"ratio": ratio} for name, ratio in ratios.items()}
    return {"n_in": 784, "n_out": 300, "sparsity": sparsity, "batch": batch, "peers": peers}


def test_the_figure_says_where_dense_wins(bench) -> None:
    figure = sys.modules["sparse_layers_figure"]
    rows = [row(0.8, 1, dense=0.9, csr=3), row(0.9, 1, dense=2, csr=4), row(0.95, 1, dense=4, csr=2)]
    assert figure.speeds(rows[2]) == {"ours": 4, "sparse": 2}
    assert figure.even(rows, 1, "ours") == "from 90 % on" and figure.even(rows, 1, "sparse") == "from 95 % on"
    assert figure.even(rows[:1], 1, "ours") == "not for every layer"
    drawn = bench.draw({"rates": RATES, "rows": rows})
    assert "from 90 % on" in drawn.axes[0].get_title()
    plt.close(drawn)


def test_the_plan_can_be_narrowed(bench) -> None:
    assert len(list(bench.plan())) == 4 * 6 * 3
    assert {(a, b, batch) for a, b, _, batch in bench.plan("784x300 batch 16")} == {(784, 300, 16)}
