"""The sim of a token's energy: what it draws follows from its counts, and its words from its numbers."""

import json

import numba
import pytest
from matplotlib import pyplot as plt

from hdspike import datasets, sim, substrate
from hdspike.datasets.text import Text
from hdspike.vocabulary import plain
from tests.tiny_transformers import SMALL, rhyme

TOKEN = sim.load("token_energy")
SLOW = bool(numba.config.DISABLE_JIT)
TOKEN_SIDES = ("spiking", "packed", "dense", "static", "brain")


@pytest.fixture(scope="module")
def numbers():
    whole = datasets.builtin_text()
    short = Text(whole.source, whole.symbols, whole.tokens[:6000])
    if SLOW:
        short = Text("rhyme", "abcdefgh", rhyme(60, 8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "builtin_text", lambda: short)
        if SLOW:
            patch.setattr(TOKEN, "Settings", _tiny)
        found = TOKEN.simulate(quick=True, seed=0)
    return json.loads(json.dumps(plain(found), allow_nan=False))


def _tiny(*, seed, **_):
    return type(SMALL)(**{**vars(SMALL), "seed": seed})


def of(numbers, ledger, *sides):
    return [bar for bar in numbers["bars"] if bar["ledger"] == ledger and bar["side"] in sides]


def test_every_side_of_every_ledger_is_there(numbers):
    assert {bar["side"] for bar in of(numbers, "circuit", *TOKEN_SIDES)} == {
        "spiking",
        "packed",
        "dense",
        "brain",
    }
    assert {bar["side"] for bar in of(numbers, "path", *TOKEN_SIDES)} == {"spiking", "dense"}
    assert {bar["side"] for bar in of(numbers, "board", *TOKEN_SIDES)} == {"dense", "static", "brain"}
    for bar in numbers["bars"]:
        assert bar["ledger"] == substrate.load(bar["substrate"]).ledger
        assert 0 < bar["low"] <= bar["nominal"] <= bar["high"]
    plans = {bar["plan"] for bar in of(numbers, "circuit", "dense") if "larger" not in bar["label"]}
    assert {plan.removesuffix("_resident") for plan in plans} == {
        f"dense_{precision}{batch}" for precision in ("fp16", "int8", "ternary") for batch in ("", "_batch64")
    }
    assert {bar["ledger"] for bar in numbers["learning"]} == {"circuit"}


def test_the_bills_rest_on_what_the_model_counted(numbers):
    counts = numbers["counts_per_token"]
    (loihi,) = [bar for bar in of(numbers, "circuit", "spiking") if bar["substrate"] == "loihi"]
    votes = counts["vote_events"] - numbers["characters"]["symbols"]
    expected = (
        counts["window_events"]
        + counts["lifetime_events"]
        + 2 * counts["window_fired"]
        + counts["lifetime_fired"]
        + 3 * votes
        + numbers["characters"]["symbols"]
    )
    assert loihi["counts"]["synaptic_events"] == pytest.approx(expected, rel=1e-4)
    visits = loihi["counts"]["updates_active"] + loihi["counts"]["updates_inactive"]
    layers = 2 if SLOW else 5
    assert visits / (3 + layers) > numbers["used"]["keys"] + numbers["used"]["rows"]
    assert counts["weight_updates"] == 0 < numbers["learning_counts_per_token"]["weight_updates"]


def test_learning_costs_more_than_reading(numbers):
    read = {(bar["substrate"], bar["plan"]): bar["nominal"] for bar in numbers["bars"]}
    learned = {(bar["substrate"], bar["plan"]): bar["nominal"] for bar in numbers["learning"]}
    assert {("seneca", "spiking"), ("loihi", "spiking"), ("cpu-7nm", "packed_l2")} <= set(learned)
    for place in set(read) & set(learned):
        assert learned[place] > read[place]


def test_the_words_are_those_of_the_bills(numbers):
    assert set(numbers["words"]) == {"circuit", "path", "board"}
    cheap = {"ledger": "circuit", "bound": "", "low": 0.9, "high": 1.1, "components": {"update": 1.0}}
    two = [
        {**cheap, "side": "dense", "label": "dense", "substrate": "a", "nominal": 1.0},
        {**cheap, "side": "packed", "label": "packed", "substrate": "b", "nominal": 0.25, "low": 0.2, "high": 0.3},
        {**cheap, "side": "spiking", "label": "x", "substrate": "c", "nominal": 4.0, "low": 3.0, "high": 5.0,
         "components": {"update": 3.0, "compute": 1.0}},
    ]  # fmt: skip
    said = TOKEN.words(two)["circuit"]
    assert "packed words on b: 250 mJ, 4.0 times less" in said
    assert "spikes on c: 4 J, 4.0 times more: dense wins" in said
    assert "wins against c, by 4.0 times; 75 % of the bill of c: neurons visited" in said
    two[2] |= {"nominal": 0.5, "low": 0.4, "high": 0.95, "bound": "something is free"}
    said = TOKEN.words(two)["circuit"]
    assert "spikes on c: ≥ 500 mJ, at most 2.0 times less, but the ranges overlap" in said
    assert "dense wins" not in said and "wins against" not in said


def test_the_figure_says_what_the_numbers_say(numbers):
    fig = TOKEN.draw(numbers)
    try:
        texts = [text.get_text() for part in _parts(fig) for text in part.texts]
        shown = " ".join(" ".join(texts).split())
        for said in numbers["words"].values():
            assert " ".join(said.split()) in shown
        titles = [ax.get_title(loc="left") for ax in fig.axes]
        assert sum("ledger:" in title for title in titles) == 3
        assert f"{numbers['bits_per_character']['frozen']:.3f}" in fig.get_suptitle()
        stack = next(ax for ax in fig.axes if "Where the joules go" in ax.get_title(loc="left"))
        widths = {}
        for bar in stack.patches:
            widths[round(bar.get_y(), 3)] = widths.get(round(bar.get_y(), 3), 0.0) + bar.get_width()
        assert len(widths) == len(of(numbers, "circuit", *TOKEN_SIDES))
        assert all(width == pytest.approx(100, abs=0.1) for width in widths.values())
    finally:
        plt.close(fig)


def _parts(part):
    yield part
    for below in part.subfigs:
        yield from _parts(below)


def test_the_five_rows_are_of_this_run(numbers):
    found = {row["row"]: row["numbers"] for row in numbers["idea"]}
    pairs = found["attention"]["keys"] * found["dimension"]["ones"] / 2
    assert found["attention"]["nonzero_fraction"] == pytest.approx(
        numbers["counts_per_token"]["window_fired"] / pairs, rel=1e-3
    )
    assert found["operation"]["float_products"] == 0
