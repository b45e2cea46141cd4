"""What the sim of the lottery ticket finds, in small: its controls, its costs, its verdicts."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import sim

MODULE = sim.load("lottery_ticket")


@pytest.fixture(scope="module")
def numbers():
    return sim.plain(MODULE.simulate(quick=True, seed=0))


def test_the_ticket_knows_before_it_learns_and_its_controls_do_not(numbers) -> None:
    held = numbers["settings"]["digits"]
    ticket, new, random = (held[form][-1] for form in ("ticket", "new", "random"))
    assert ticket["remaining"] == new["remaining"] == random["remaining"] == pytest.approx(0.2, abs=1e-4)
    assert ticket["before"]["mean"] > 0.6 > 0.4 > max(new["before"]["mean"], random["before"]["mean"])
    assert ticket["accuracy"]["mean"] > max(new["accuracy"]["mean"], random["accuracy"]["mean"]) + 0.05
    assert new["to_ticket"]["mean"] == pytest.approx(
        new["accuracy"]["mean"] - ticket["accuracy"]["mean"], abs=1e-5
    )
    assert ticket["to_ticket"]["mean"] == 0


def test_costs_are_the_sum_of_all_rounds(numbers) -> None:
    held = numbers["settings"]["digits"]
    shares = [row["remaining"] for row in held["ticket"]]
    for number, row in enumerate(held["ticket"]):
        assert row["cost"]["mean"] == pytest.approx(sum(shares[: number + 1]), rel=1e-5)
    last = held["random"][-1]
    assert last["cost"]["mean"] == pytest.approx(last["remaining"], rel=1e-5)
    assert held["one-shot"][-1]["cost"]["mean"] == pytest.approx(1 + last["remaining"], rel=1e-5)
    assert held["new"][-1]["cost"]["mean"] == pytest.approx(sum(shares), rel=1e-5)


def test_as_good_until_an_interval_lies_below_zero() -> None:
    def row(share: float, high: float):
        return {"remaining": share, "to_dense": {"high": high}}

    rows = [row(1, 0), row(0.8, 0.01), row(0.6, 0.0), row(0.5, -0.001), row(0.4, 0.1)]
    assert MODULE.least_as_good(rows) == 0.6
    assert MODULE.least_as_good(rows[:1]) == 1


def test_the_figure_is_drawn_from_the_numbers_alone(numbers) -> None:
    held = numbers["settings"]["digits"]
    for settings, columns in (({"digits": held}, 2), (dict.fromkeys(MODULE.SETTINGS, held), 3)):
        figure = MODULE.draw({**numbers, "settings": settings})
        titles = [ax.get_title() for ax in figure.axes]
        assert f"{100 * held['least_as_good']:.3g} %" in titles[0]
        assert f"costs {held['ticket'][-1]['cost']['mean']:.1f} dense" in titles[columns - 1]
        plt.close(figure)


def test_seeds_are_paired() -> None:
    def run(accuracy: float):
        row = {"remaining": 1.0, "pruned": 0, "accuracy": accuracy, "soon_step": 2, "flops": 1.0}
        row |= {"before": 0.1, "soon": 0.2, "early_stop": 3}
        worse = row | {"accuracy": accuracy - 0.1}
        return {"ticket": [row], "new": [worse], "random": [worse], "one-shot": [row]}

    found = MODULE.over_seeds([run(0.5), run(0.9)])
    assert found["new"][0]["to_ticket"] == pytest.approx({"mean": -0.1, "low": -0.1, "high": -0.1})
    assert found["new"][0]["accuracy"]["low"] < 0
    assert np.mean(found["ticket"][0]["accuracies"]) == pytest.approx(0.7)
