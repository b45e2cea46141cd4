"""The break-even maps: monotone, equal where the closed form says so, and never two ledgers in one."""

import json

import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import sim, substrate
from hdspike.dense.quantised import break_even_rate


@pytest.fixture(scope="module")
def module():
    return sim.load("break_even")


@pytest.fixture(scope="module")
def numbers(module):
    return sim.plain(module.simulate(quick=True, seed=0))


def test_more_spikes_and_more_steps_are_never_better(numbers):
    for node in numbers["networks"].values():
        for kind in ("alone", "shared"):
            logs = np.array(node[kind]["log_ratio"])
            assert (np.diff(logs, axis=1) < 0).all()
            assert (np.diff(logs, axis=0) < 0.05).all()  # a step more may bring the twin a bit more
            share = np.array(node[kind]["share"])
            assert ((share >= 0) & (share <= 1)).all()
            assert (share[logs > 0.3] > 0.95).all()
            assert (share[logs < -0.3] < 0.05).all()


def test_the_line_of_equality_is_the_rate_of_the_closed_form(module, numbers):
    for name, node in numbers["networks"].items():
        sheet = substrate.load(name)
        for kind, batch in (("alone", 1), ("shared", 64)):
            for steps, low, rate, high in zip(
                numbers["steps"], *(node[kind][key] for key in ("low", "nominal", "high")), strict=True
            ):
                wanted = break_even_rate(module.run_of(steps), sheet, batch=batch)
                assert rate == pytest.approx(max(0.0, wanted), rel=1e-4)
                assert low <= rate <= high


def test_the_map_changes_colour_at_the_line(numbers):
    rates = np.array(numbers["rates"])
    for node in numbers["networks"].values():
        for kind in ("alone", "shared"):
            for line, row in zip(node[kind]["nominal"], node[kind]["log_ratio"], strict=True):
                assert ((np.array(row) > 0) == (rates < line)).all()


def test_known_break_evens(numbers):
    at = numbers["steps"].index(5)
    for node in numbers["networks"].values():
        alone, shared = node["alone"]["nominal"][at], node["shared"]["nominal"][at]
        assert 0.15 <= 5 * alone <= 1.38  # Dampfhoffer et al. 2023, spikes per synapse and inference
        assert shared < 0.057 < alone  # Yan et al. 2024 lie between the two accounts
        zeros = np.array(node["zeros"]["log_ratio"])
        assert (zeros <= np.array(node["alone"]["log_ratio"]) + 1e-9).all()


def test_attention_maps_are_of_one_ledger_and_of_the_best_dense_way(module, numbers):
    for entry in numbers["attention"]:
        ledger = substrate.load(entry["chip"]).ledger
        assert entry["ledger"] == ledger
        assert {substrate.load(name).ledger for name in (*module.RIVALS[ledger], module.PARTNER[ledger])} == {
            ledger
        }
        best, unshared = (np.array(entry[name]) for name in ("log_ratio", "log_ratio_unshared"))
        assert best.shape == (len(numbers["lengths"]), len(numbers["contexts"]))
        assert (best <= unshared + 1e-9).all()
        share = np.array(entry["share"])
        assert (share[best < -0.7] < 0.05).all()
        assert (share[best > 0.7] > 0.95).all()


def test_the_ramp_loses_everywhere_and_touched_only_wins_at_length(numbers):
    found = {(e["chip"], e["rule"]): np.array(e["log_ratio"]) for e in numbers["attention"]}
    assert (found["loihi", "exact"] < found["loihi", "threshold"]).all()
    assert (found["loihi", "exact"] < 0).all()
    assert found["loihi", "race"][-1, -1] > 0
    assert found["loihi", "race"][0, -1] < 0  # D = 256: every key is touched many times


def test_the_figure_is_drawn_from_the_written_numbers_alone(module, numbers):
    drawn = module.draw(json.loads(json.dumps(numbers, allow_nan=False)))
    assert len(drawn.axes) == 19  # 18 maps and the colours
    assert all(ax.get_title() and ax.get_xlabel() and ax.get_ylabel() for ax in drawn.axes[:18])
    first, second = module.words(numbers)
    assert "Yan et al.'s 5.7 % lies between the two on 2 of 2 nodes" in first
    assert "nowhere on loihi exact" in second
    firm, bounds = second.split(" and on ")
    assert "loihi touched only (hypothetical)" in firm
    assert "seneca" not in firm  # part of its work has no price: it only may win
    assert bounds.startswith(
        "3 of 3 lower bounds (seneca threshold, dynap-se threshold, spinnaker2 threshold)"
    )
    plt.close(drawn)


def test_a_win_between_two_rates_is_not_called_a_loss(module, numbers):
    at = numbers["steps"].index(5)
    row = numbers["networks"]["cpu-7nm"]["zeros"]
    some = [-0.1] * len(numbers["rates"])
    some[3] = 0.1
    logs = [*row["log_ratio"][:at], some, *row["log_ratio"][at + 1 :]]
    changed = {"cpu-7nm": {"zeros": row | {"log_ratio": logs}}}
    said = module.network_words(numbers | {"networks": changed}, "cpu-7nm", "zeros")
    assert said == f"T = 5: spikes need less at some rates, {100 / len(some):.2g} % of those drawn"
    assert module.network_words(numbers, "cpu-7nm", "zeros") == "T = 5: the twin needs less at any rate"


def test_a_context_is_said_as_on_the_axis(module):
    entry = {"log_ratio": [[-1.0, 0.5]], "log_ratio_unshared": [[-1.0, 0.5]]}
    numbers = {"contexts": [1024, 2**20], "events": [0.5]}
    assert module.attention_words(numbers, entry) == "spikes: from 1M, ≤ 0.5 events"
