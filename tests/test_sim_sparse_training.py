"""What the sim of sparse training finds, in small: budgets, programs that agree, verdicts computed from the numbers."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import sim
from hdspike.sparsity.rigl import RigL
from hdspike.sparsity.srigl import SRigL

MODULE = sim.load("sparse_training")
SIZE = 64 * 300 + 300 * 100 + 100 * 10


@pytest.fixture(scope="module")
def numbers():
    return sim.plain(MODULE.simulate(quick=True, seed=0))


def point(numbers, form, sparsity):
    (found,) = [p for p in MODULE.points_of(numbers["tasks"]["digits"], form, 1) if p["sparsity"] == sparsity]
    return found


def test_every_form_keeps_its_budget(numbers) -> None:
    for sparsity in (0.9, 0.98):
        for form in MODULE.FORMS:
            found = point(numbers, form, sparsity)
            assert found["zeros"] == pytest.approx(sparsity, abs=0.01) and found["zeros"] >= sparsity - 1e-9
            assert found["low"] <= found["accuracy"] <= found["high"] and len(found["each"]) == 2
    assert point(numbers, "dense", 0.0)["zeros"] == 0


def test_flops_and_bytes_are_those_of_the_form(numbers) -> None:
    """A step costs what is there: sparse from the start saves FLOPs, dense to sparse few of them."""
    dense = point(numbers, "dense", 0.0)
    assert dense["bytes"] == 4 * (SIZE + 410)
    for sparsity in (0.9, 0.98):
        static, moved = point(numbers, "static", sparsity), point(numbers, "RigL", sparsity)
        assert static["flops"] / dense["flops"] == pytest.approx(1 - sparsity, rel=1e-3)
        assert (
            static["flops"] < moved["flops"] < point(numbers, "gradual", sparsity)["flops"] < dense["flops"]
        )
        assert point(numbers, "SET", sparsity)["flops"] == static["flops"]
        ones = round((1 - sparsity) * SIZE)
        assert static["bytes"] == pytest.approx(4 * (ones + 410) + min(SIZE / 8, 2 * ones), rel=0.02)


def test_every_program_is_timed_beside_the_dense_network(numbers) -> None:
    rows = numbers["tasks"]["digits"]["seconds"]
    assert [(row["sparsity"], row["batch"]) for row in rows] == [
        (s, b) for s in (0.9, 0.98) for b in (1, 256)
    ]
    for row in rows:
        assert set(row["by"]) == {
            "dense BLAS", "RigL BLAS", "RigL CSR", "SRigL BLAS", "SRigL CSR", "SRigL constant fan-in"
        }  # fmt: skip
        assert row["by"]["dense BLAS"]["ratio"] == 1 and all(f["seconds"] > 0 for f in row["by"].values())


def test_a_program_that_computes_something_else_is_caught(monkeypatch) -> None:
    networks = {form: MODULE.at_start(64, form, 0.9, 0) for form in ("dense", "SRigL")}
    other = MODULE.at_start(64, "dense", 0.0, 1).forward
    monkeypatch.setattr(MODULE, "programs", lambda network: {"magic": other})
    with pytest.raises(RuntimeError, match=r"^SRigL by magic must compute"):
        MODULE.inference(networks, np.ones((2, 64), dtype=np.float32), 1)


def test_the_rules_are_those_of_their_names() -> None:
    made = {form: MODULE.rule_of(form, 0.9, 20, 0) for form in ("dense", *MODULE.FORMS)}
    assert made["dense"] is None and made["gradual"].sparsity == 0.9
    assert [made[f].grow for f in ("static", "SET", "RigL", "SRigL")] == [
        "nothing",
        "random",
        "gradient",
        "gradient",
    ]
    assert isinstance(made["SRigL"], SRigL) and isinstance(made["RigL"], RigL)


def test_as_good_as_dense_needs_the_paired_interval() -> None:
    """A difference that is always there is seen, however much the seeds differ."""

    def made(each, form, sparsity):
        return {"form": form, "sparsity": sparsity, "times": 1, "each": each}

    dense = [0.90, 0.94, 0.98]
    found = {
        "points": [
            made(dense, "dense", 0.0),
            made([0.90, 0.95, 0.97], "RigL", 0.8),
            made([0.89, 0.93, 0.97], "RigL", 0.9),
            made([0.90, 0.94, 0.98], "RigL", 0.95),
        ]
    }
    assert MODULE.as_good_as_dense(found, "RigL", 1) == [0.8]


def test_the_whole_plan_has_enough_seeds() -> None:
    plan = MODULE.plan("digits", False)
    assert all(seeds >= 8 for *_, seeds in plan)
    assert {(f, s) for f, s, times, _ in plan if times == 5} >= {
        (f, s) for f in ("static", "RigL", "SRigL", "gradual") for s in MODULE.SPARSITIES
    }


def test_the_figure_draws_what_there_is(numbers) -> None:
    """With MNIST and 5× all eight panels are shown; without them five."""
    figure = MODULE.draw(numbers)
    assert sum(ax.get_visible() for ax in figure.axes) == 5
    plt.close(figure)
    digits = numbers["tasks"]["digits"]
    more = [{**p, "times": 5, "flops": 5 * p["flops"]} for p in digits["points"]]
    whole = {**digits, "points": digits["points"] + more}
    figure = MODULE.draw({**numbers, "tasks": {"digits": whole, "mnist": whole}})
    assert sum(ax.get_visible() for ax in figure.axes) == 8
    assert "5× training" in figure.axes[1].get_title()
    plt.close(figure)
