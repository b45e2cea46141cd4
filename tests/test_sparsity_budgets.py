"""Budgets: slow twins, intervals, paired differences, kernels that agree with the network, every form, bad input."""

import doctest
import importlib
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hdspike.sparsity.activations import kwta_perceptron
from hdspike.sparsity.budgets import BUDGETS, at_budget, compared, front, interval
from hdspike.sparsity.executables import ALONE, executables
from hdspike.sparsity.experts import experts_perceptron
from hdspike.sparsity.forms import FORMS, Trial
from hdspike.sparsity.rigl import random_mask
from hdspike.sparsity.srigl import constant_fan_in_mask
from hdspike.sparsity.task import digits
from hdspike.sparsity.ternary import ternary_perceptron
from hdspike.sparsity.timing import paired
from hdspike.sparsity.training import Network, perceptron
from tests.naive import sparse_budgets as naive

POINTS = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8)


@given(points=POINTS)
def test_the_front_is_its_slow_twin(points: list[tuple[int, int, int]]) -> None:
    costs, values, _ = zip(*points, strict=True)
    assert front(costs, values) == naive.front(costs, values)


@given(points=POINTS, budget=st.floats(0.5, 8))
def test_what_dense_is_worth_at_a_budget_is_its_slow_twin(
    points: list[tuple[int, int, int]], budget: float
) -> None:
    costs = [cost for cost, _, _ in points]
    values = [[float(a), float(b)] for _, a, b in points]
    found, expected = at_budget(costs, values, budget), naive.at_budget(costs, values, budget)
    assert (found is None) == (expected is None)
    if found is not None:
        assert found == pytest.approx(expected)


def test_a_larger_budget_never_buys_less() -> None:
    random = np.random.default_rng(1)
    costs, values = random.uniform(1, 100, 9), random.random((9, 4))
    bought = [at_budget(costs, values, b).mean() for b in np.geomspace(costs.min() * 1.001, 200, 40)]
    assert (np.diff(bought) >= -1e-12).all()
    assert at_budget(costs, values, costs.min() / 2) is None


def test_the_interval_is_scipys() -> None:
    values = np.random.default_rng(0).standard_normal(8)
    low, high = stats.t.interval(0.95, 7, values.mean(), stats.sem(values))
    assert interval(values) == pytest.approx((values.mean(), low, high))
    assert interval([0.7]) == (0.7, 0.7, 0.7)


def points(*rows: tuple[float, list[float]]) -> list[dict[str, object]]:
    return [dict.fromkeys(BUDGETS, cost) | {"accuracies": list(own)} for cost, own in rows]


def test_differences_are_paired_and_corrected_for_their_number() -> None:
    dense = points((10, [0.5, 0.9, 0.7, 0.6]), (1000, [0.6, 1.0, 0.8, 0.7]))
    steady = [
        0.551,
        0.951,
        0.749,
        0.649,
    ]  # .05 above the cheap one, halfway between both by the logarithm of the cost
    noisy = [0.60, 0.93, 0.71, 0.65]
    one = compared(points((10, steady)), dense, "stored")[0]
    assert (
        one["difference"] == pytest.approx(0.05) and one["sure"] and 0.045 < one["low"] < one["high"] < 0.055
    )
    halfway = compared(points((100, steady)), dense, "flops")[0]
    assert halfway["difference"] == pytest.approx(0, abs=1e-12) and not halfway["sure"]
    alone = compared(points((10, noisy)), dense, "active")[0]
    assert alone["low"] < 0.0475 < alone["high"]
    many = compared(points(*[(10, steady)] * 30), dense, "active")
    assert many[0]["low"] == one["low"] and many[0]["sure"]
    # 95 % without zero, but not among thirty
    weak = [0.54, 0.93, 0.71, 0.63]
    single, among = (
        compared(points((10, weak)), dense, "stored"),
        compared(points(*[(10, weak)] * 30), dense, "stored"),
    )
    assert single[0]["sure"] and single[0]["low"] > 0
    assert not among[0]["sure"] and among[0]["low"] == single[0]["low"]
    assert compared(points((5, steady)), dense, "stored")[0]["difference"] is None
    assert compared(points((10, [0.9])), points((10, [0.5])), "stored")[0]["sure"] is False


def test_a_cost_that_is_not_exact_wins_nothing() -> None:
    """Dense networks of 10 and 10.5 are far apart in accuracy; 10 measured with an error of a tenth is neither."""
    dense = points((10, [0.5, 0.9, 0.7, 0.6]), (10.5, [0.8, 1.2, 1.0, 0.9]))
    found = points((10, [0.6, 1.0, 0.81, 0.7]))
    exact, loose = (compared(found, dense, "alone_us", margin=m)[0] for m in (0.0, 0.1))
    assert exact["sure"] and exact["difference"] == pytest.approx(0.1025)
    assert not loose["sure"] and abs(loose["difference"]) < 0.103
    under = compared(points((9.5, [0.6, 1.0, 0.81, 0.7])), dense, "alone_us", margin=0.1)[0]
    assert under["difference"] is not None


def test_twice_the_work_takes_longer_whatever_the_order() -> None:
    def work(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    found = paired({"one": lambda: work(2e-4), "three": lambda: work(6e-4)}, rounds=5)
    assert found["one"]["ratio"] == 1
    assert found["three"]["ratio"] > 1 and found["three"]["low"] <= found["three"]["high"]
    assert found["one"]["seconds"] >= 2e-4


def masked(kind: str) -> Network:
    network = perceptron((13, 9, 7, 3), rng=1)
    for layer in network.linear:
        shape = layer.weights.shape
        mask = random_mask(shape, shape[0] * shape[1] // 3, rng=2)
        layer.set_mask(constant_fan_in_mask(shape, 2, rng=3) if kind == "even" else mask)
        layer.parameters["b"][...] = 0.1
    return network


def skipping() -> Network:
    network = perceptron((13, 9, 7, 3), rng=4)
    for layer in network.linear[1:]:
        layer.skips_zeros = True
    return network


NETWORKS = {
    "dense": (lambda: perceptron((13, 9, 7, 3), rng=0), {"dense"}),
    "random": (lambda: masked("random"), {"dense", "compressed rows", "blocks"}),
    "even": (lambda: masked("even"), {"dense", "compressed rows", "gather", "blocks"}),
    "ternary": (lambda: ternary_perceptron((13, 9, 7, 3), rng=5), {"dense", "bit planes"}),
    "skipping": (skipping, {"dense", "active rows"}),
    "winners": (lambda: kwta_perceptron((13, 9, 7, 3), share=0.3, rng=6), {"dense", "active rows"}),
    "experts": (
        lambda: experts_perceptron((13, 3), experts=3, active=2, hidden=5, rng=7),
        {"dense", "experts in turn"},
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("rows", [1, 5])
def test_every_kernel_computes_the_network(name: str, rows: int) -> None:
    make, kernels = NETWORKS[name]
    network, x = make(), np.random.default_rng(8).random((rows, 13), dtype=np.float32)
    runs = executables(network, block=4)
    assert set(runs) == kernels
    expected = network.forward(x)
    for kernel, run in runs.items():
        # BLAS of rounded weights sees activations that are not rounded
        loose = name == "ternary" and kernel == "dense"
        assert run(x) == pytest.approx(expected, abs=0.05 if loose else 2e-5), kernel


@pytest.fixture(scope="module")
def small():
    task = digits(rng=0)
    return task._replace(train_x=task.train_x[:300], train_y=task.train_y[:300])


@pytest.mark.parametrize("name", FORMS)
def test_every_form_learns_within_its_budget(name: str, small) -> None:
    form, widths = FORMS[name], (64, 40, 20, 10)
    done = form.learn(Trial(small, widths, 0.5, 6, 16, 1e-2, 0))
    dense = FORMS["dense"].learn(Trial(small, widths, 1.0, 1, 64, 1e-2, 0)).cost
    assert done.accuracy > 0.3, "it learns"
    assert 0 < done.cost.active <= done.cost.stored * (1 + 1e-9) and 0 < done.cost.active_bytes
    assert done.cost.active_bytes <= done.cost.stored_bytes * (1 + 1e-9)
    assert done.seconds > 0 and done.runs
    if form.family != "hypervectors":
        assert done.flops > 0
        saved = "active" if form.family in ("activations", "experts") else "stored"
        assert getattr(done.cost, saved) < (0.95 if name == "k-WTA" else 0.8) * dense.stored
        scores = next(iter(done.runs.values()))(small.test_x)
        assert np.mean(scores.argmax(axis=1) == small.test_y) == pytest.approx(done.accuracy, abs=0.02)
    assert set(form.longer) <= set(form.shares) or form.family == "dense"


def test_the_ticket_pays_for_all_its_rounds(small) -> None:
    trial = Trial(small, (64, 20, 10, 10), 0.5, 2, 64, 1e-2, 0)
    ticket, pruned = FORMS["lottery ticket"].learn(trial), FORMS["magnitude pruning"].learn(trial)
    assert ticket.flops > 2.5 * pruned.flops  # four rounds to a half


def test_alone_names_kernels_that_exist() -> None:
    found = {kernel for make, _ in NETWORKS.values() for kernel in executables(make(), block=4)}
    assert set(ALONE) <= found


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: front([], []), "costs"),
        (lambda t: front([1, 0], [1, 2]), "costs"),
        (lambda t: front([1, np.nan], [1, 2]), "costs"),
        (lambda t: front([1, 2], [1]), "values"),
        (lambda t: front([1, 2], [1, np.nan]), "values"),
        (lambda t: front([1], [[1.0]]), "values"),
        (lambda t: at_budget([1], [0.5], 1), "values"),
        (lambda t: at_budget([1], [[0.5]], 0), "budget"),
        (lambda t: at_budget([1], [[0.5]], np.inf), "budget"),
        (lambda t: interval([]), "values"),
        (lambda t: interval([1.0, np.nan]), "values"),
        (lambda t: interval([1.0, 2.0], confidence=1), "confidence"),
        (lambda t: compared(points((1, [0.5])), points((1, [0.5, 0.6])), "stored"), "accuracies"),
        (lambda t: compared([], [], "stored", margin=float("nan")), "margin must be"),
        (lambda t: compared(points((1, [0.5])), points((1, [0.5])), "watts"), "budget"),
        (lambda t: paired({}), "candidates"),
        (lambda t: paired({"a": list}, rounds=0), "rounds"),
        (lambda t: paired({"a": list}, least=-1), "least"),
        (lambda t: Trial(t, (64, 9, 10), 0.0, 1, 64, 1e-2, 0), "share"),
        (lambda t: Trial(t, (64, 9, 10), 2.5, 1, 64, 1e-2, 0), "share"),
        (lambda t: Trial(t, (64, 9, 10), 0.5, 0, 64, 1e-2, 0), "epochs"),
        (lambda t: Trial(t, (64, 10), 0.5, 1, 64, 1e-2, 0), "widths"),
        (lambda t: Trial(t, (65, 9, 10), 0.5, 1, 64, 1e-2, 0), "widths"),
    ],
)
def test_bad_input_is_refused(call, message: str, small) -> None:
    with pytest.raises((ValueError, TypeError), match=rf"^{message} "):
        call(small)


@pytest.mark.parametrize("name", ["budgets", "timing", "executables", "forms"])
def test_the_examples_of_the_docstrings(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"hdspike.sparsity.{name}")).failed == 0
