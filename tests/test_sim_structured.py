"""What the sim of structured pruning finds, in small: stored numbers, verdicts, heads."""

import pytest
from matplotlib import pyplot as plt

from hdspike import sim

MODULE = sim.load("structured")


@pytest.fixture(scope="module")
def numbers():
    return sim.plain(MODULE.simulate(quick=True, seed=0))


def test_every_form_stores_what_its_sparsity_says(numbers) -> None:
    held = numbers["tasks"]["digits"]
    assert {row["form"] for row in held["1x"]} == set(MODULE.LOOKS)
    for row in held["1x"]:
        assert row["zeros"] == pytest.approx(row["sparsity"], abs=0.02)
        if row["form"] in ("neurons", "scratch"):
            assert row["stored"] < 0.25 * 50_610
        else:
            assert row["stored"] == pytest.approx((1 - row["zeros"]) * 50_200 + 410, abs=1)
        assert row["lost"]["mean"] == pytest.approx(held["dense"]["mean"] - row["accuracy"]["mean"], abs=1e-5)
    by = {(row["form"], row["sparsity"]): row for row in held["1x"]}
    for sparsity in numbers["sparsities"]:
        assert by["scratch", sparsity]["stored"] == by["neurons", sparsity]["stored"]
        # pruned at once, before any more training: coarser is worse
        assert by["single", sparsity]["before"]["mean"] > by["16", sparsity]["before"]["mean"]


def test_verdicts_follow_from_speed_and_loss() -> None:
    def time(batch: int, ratio: float, high: float):
        forms = {form: {"ratio": ratio, "high": high} for form in ("single", "neurons")}
        return {"sparsity": 0.9, "batch": batch, "forms": forms}

    def row(form: str, lost: float):
        return {"form": form, "sparsity": 0.9, "lost": {"mean": lost}}

    rows = [row("single", 0.009), row("neurons", 0.02), row("scratch", 0.0)]
    found = MODULE.verdicts({"1x": rows}, [time(1, 0.5, 0.8), time(256, 0.9, 1.1)])
    assert [(v["pays_1"], v["pays_256"]) for v in found] == [(True, False), (False, False), (True, False)]
    assert found[0]["faster_1"] == 2


def test_heads_and_their_parameters(numbers) -> None:
    held = numbers["heads"]
    assert held["kept"] == [16, 8, 0]
    stored = held["stored"]
    assert stored[0] - stored[2] == 2 * 4 * 32 * 8 * 4
    assert stored[0] - stored[1] == stored[1] - stored[2]
    assert held["least"][0] == held["most"][0]
    assert held["least"][2] == held["most"][2]


def test_the_figure_is_drawn_from_the_numbers_alone(numbers) -> None:
    for tasks in (numbers["tasks"], dict.fromkeys(("digits", "mnist"), numbers["tasks"]["digits"])):
        figure = MODULE.draw({**numbers, "tasks": tasks})
        lost = {row["form"]: 100 * row["lost"]["mean"] for row in numbers["tasks"]["digits"]["1x"]}
        assert f"neurons {lost['neurons']:.1f}" in figure.axes[0].get_title()
        plt.close(figure)


def test_the_sentence_says_where_each_form_pays() -> None:
    rows = [
        {"form": form, "sparsity": s, "pays_1": form == "single" and s == 0.8, "pays_256": form == "neurons"}
        for form in MODULE.LOOKS
        for s in (0.8, 0.9)
    ]
    said = MODULE.sentence(rows)
    assert "single weights 80 %" in said
    assert "neurons 80, 90 %" in said
    assert "blocks of 4 × 4 never" in said
