"""What the sim of experts says is what it found, and its laws and counts are those of the layers."""

import numpy as np
import pytest

from hdspike import sim
from hdspike.sparsity import expert_trial

MODULE = sim.load("experts")


@pytest.fixture(scope="module")
def numbers() -> dict:
    return MODULE.simulate(quick=True, seed=0)


def test_budgets_are_equal(numbers: dict) -> None:
    dense = numbers["digits"]["dense"][0]["stored"]
    for row in numbers["digits"]["rows"]:
        assert 0.98 * dense < row[row["by"]] <= dense
        assert row["stored"] > 3 * row["active"]


def test_random_routing_follows_the_law_and_learned_routing_beats_it(numbers: dict) -> None:
    part = numbers["digits"]
    hashed = MODULE.row_of(part, MODULE.HASH)
    for found, law in zip(hashed["dropped"], numbers["random_at"], strict=True):
        assert found["mean"] == pytest.approx(law, abs=0.05)
    assert hashed["effective"]["mean"] > 7.8
    assert numbers["random"] == sorted(numbers["random"], reverse=True)
    learned = MODULE.row_of(part, MODULE.LEARNED)
    assert learned["accuracy"]["mean"] > hashed["accuracy"]["mean"] - 0.02 > 0.5
    assert np.isclose(sum(learned["share"]), 1)
    assert learned["against_dense"]["mean"] == pytest.approx(
        learned["accuracy"]["mean"] - part["dense"][0]["accuracy"]["mean"]
    )


def test_routing_costs_are_counted_by_hand(numbers: dict) -> None:
    cost = numbers["costs"]
    at = cost["experts"].index(8)
    assert (cost["softmax_macs"][at], cost["hypervector_xors"][at]) == (64 * 8, 8 * 2)
    assert (cost["projected_macs"][at], cost["projected_xors"][at]) == (64 * 512, 8 * 8)
    row = MODULE.row_of(numbers["digits"], MODULE.SWITCH)
    assert row["experts_macs"] == 2 * row["hidden"] * (64 + 100)


def test_what_is_said_is_computed(numbers: dict) -> None:
    said = "\n".join(MODULE.words(numbers))
    best = max(
        (r for r in numbers["digits"]["rows"] if r["by"] == "active"), key=lambda r: r["accuracy"]["mean"]
    )
    assert f"{best['form']}, {best['accuracy']['mean']:.4f}" in said
    assert f"at random {numbers['random_at'][3]:.1%}" in said
    assert "MNIST" not in said
    assert len(MODULE.draw(numbers).axes) == 6


def test_means_have_intervals_of_student() -> None:
    assert MODULE.mean([0.5]) == {"mean": 0.5, "half": None}
    found = MODULE.mean([1.0, 2.0, 3.0])
    assert found["mean"] == 2
    assert found["half"] == pytest.approx(4.302653 / np.sqrt(3), rel=1e-5)
    assert "no sure difference" in MODULE.said_of({"mean": 0.01, "half": 0.02})
    assert MODULE.said_of({"mean": 0.02, "half": 0.01}) == "+2.0 ± 1.0 points"
    assert MODULE.said_of({"mean": -0.0004, "half": None}) == "+0.0 points"
    assert MODULE.said_of({"mean": -0.02, "half": 0.01}) == "−2.0 ± 1.0 points"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: expert_trial.form("best"), "form must be one of"),
        (
            lambda: expert_trial.dense_trial("cifar", hidden=3, epochs=1, batch=1, seed=0),
            "name must be one of digits",
        ),
        (
            lambda: expert_trial.dropped(np.zeros((3, 1), dtype=np.int64), [1.0]),
            "chosen must hold at least 64",
        ),
        (lambda: expert_trial.law(None, 9, [1.0]), "active must be at most"),
        (lambda: expert_trial.law(None, 1, [0.0]), "factor must be"),
    ],
)
def test_bad_trials_are_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
