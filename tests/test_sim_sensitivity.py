"""Sim 25: the shares, swings and verdicts that it draws are those of the constants, one ledger at a time."""

import json
import math

import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import sim, substrate
from tests.conftest import JIT
from tests.naive import energy as naive

pytestmark = pytest.mark.skipif(not JIT, reason="a whole run of the main job, too slow un-jitted")


@pytest.fixture(scope="module")
def module():
    return sim.load("sensitivity")


@pytest.fixture(scope="module")
def numbers(module):
    return json.loads(json.dumps(module.simulate(quick=True, seed=0), allow_nan=False))


def contests(numbers):
    return [
        (ledger, entry["spiking"], one)
        for ledger, entry in numbers["ledgers"].items()
        for one in entry["versus"].values()
    ]


def test_one_ledger_in_each_comparison(numbers):
    assert set(numbers["ledgers"]) == {"circuit", "path"}
    for ledger, spiking, one in contests(numbers):
        assert spiking["ledger"] == one["dense"]["ledger"] == ledger
        assert spiking["per"] == one["dense"]["per"] == "query"
        for lever in one["levers"]:
            assert substrate.load(lever["constant"].split()[0]).ledger == ledger


def test_every_constant_of_both_bills_is_there_once(numbers):
    for _, spiking, one in contests(numbers):
        names = [lever["constant"] for lever in one["levers"]]
        assert len(names) == len(set(names))
        assert set(names) == {c["constant"] for bill in (spiking, one["dense"]) for c in bill["constants"]}
        assert sum(lever["share"] for lever in one["levers"]) == pytest.approx(1.0)
        for bill in (spiking, one["dense"]):
            assert sum(c["share"] for c in bill["constants"]) == pytest.approx(1.0)


def test_swings_are_those_of_the_files(numbers):
    """high − low of the bill is the constant's component at its high less at its low."""
    for bill in [one for _, spiking, contest in contests(numbers) for one in (spiking, contest["dense"])]:
        for c in bill["constants"]:
            name, key = c["constant"].split()
            q = substrate.load(name).quantity(key)
            assert c["low"] <= bill["nominal"] * (1 + 1e-5) and c["high"] >= bill["nominal"] * (1 - 1e-5)
            if q.low < q.high and c["high"] - c["low"] > 1e-4 * bill["nominal"]:
                part = (c["high"] - c["low"]) / (q.high - q.low) * q.value  # the constant's own joules
                assert 0 < part <= bill["nominal"] * (1 + 1e-5)
                assert c["low"] == pytest.approx(bill["nominal"] - part * (1 - q.low / q.value), rel=1e-4)
        assert bill["all_wrong_together"][0] <= bill["low"] * 1.01
        assert bill["all_wrong_together"][1] >= bill["high"] * 0.99


def test_break_evens_are_where_the_line_of_the_ratio_crosses_one(numbers):
    """The ratio is linear in a constant of the spiking side and 1 ÷ linear in one of the dense side."""
    for _, spiking, one in contests(numbers):
        for lever in one["levers"]:
            mine = lever["constant"].split()[0] == spiking["substrate"]
            ends = [r if mine else 1 / r for r in (lever["ratio_low"], lever["ratio_high"])]
            if abs(ends[1] - ends[0]) < 1e-3:
                continue
            at = lever["low"] + (1 - ends[0]) * (lever["high"] - lever["low"]) / (ends[1] - ends[0])
            if lever["break_even"] is None:
                assert at <= 1e-9 * lever["value"]
            else:
                assert lever["break_even"] == pytest.approx(at, rel=1e-6)
            assert lever["flips"] == (lever["low"] < at < lever["high"])


def test_the_verdict_follows_the_numbers(numbers):
    for ledger, spiking, one in contests(numbers):
        assert one["ratio"] == pytest.approx(spiking["nominal"] / one["dense"]["nominal"], rel=1e-4)
        assert one["winner"] == ("spiking" if one["ratio"] < 1 else "dense")
        loser = "dense" if one["winner"] == "spiking" else "spiking"
        assert one["sentence"].startswith(f"{loser} needs {max(one['ratio'], 1 / one['ratio']):.3g} times")
        assert ledger in one["sentence"]
        assert all(0 <= p <= 1 for p in one["probability"].values())
        flips = [lever["constant"] for lever in one["levers"] if lever["flips"]]
        assert ("no constant alone can turn it round" in one["sentence"]) == (not flips)
    for entry in numbers["ledgers"].values():
        distance = {name: abs(math.log(one["ratio"])) for name, one in entry["versus"].items()}
        assert entry["closest"] == min(distance, key=lambda name: distance[name])
        best = min(entry["versus"].values(), key=lambda one: one["dense"]["nominal"])
        assert entry["versus"][entry["best"]]["dense"]["nominal"] == best["dense"]["nominal"]


def test_probabilities_are_those_of_plain_draws(numbers):
    """Shares of variance and joules say how every constant weighs; drawn a second time, plainly."""
    random = np.random.default_rng(1)
    for _, spiking, one in contests(numbers):
        gap = np.zeros(100_000)
        for sign, bill in ((1, spiking), (-1, one["dense"])):
            uncertain = 0.0
            for c in bill["constants"]:
                name, key = c["constant"].split()
                q = substrate.load(name).quantity(key)
                if q.low == q.high:
                    continue
                amount = (c["high"] - c["low"]) / ((q.high - q.low) * q.factor)
                low, high = naive.ends(q, amount)
                gap += sign * low * (high / low) ** random.random(len(gap))
                uncertain += amount * q.si
            gap += sign * (bill["nominal"] - uncertain)
        assert one["probability"]["independent"] == pytest.approx((gap < 0).mean(), abs=6e-3)


def test_it_draws(module, numbers):
    figure = module.draw(numbers)
    try:
        titles = [ax.get_title() for ax in figure.axes]
        assert [title.split(" ledger")[0] for title in titles] == ["circuit"] * 3 + ["path"] * 3
        for entry in numbers["ledgers"].values():
            main = entry["versus"][entry["closest"]]
            assert main["sentence"][1:] in figure.get_supxlabel().replace("\n", " ")
        figure.canvas.draw()
    finally:
        plt.close(figure)
