"""The questions about the Spiking HD-Transformer: growth, lesions, a second text, ablation; small, and by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import datasets, sim
from hdspike.contestants import trained
from hdspike.contestants.contest import difference
from hdspike.contestants.kept import Kept
from hdspike.transformer import HEADS, Settings, SpikingTransformer, lesions

LENGTH = 6000
HEADED = tuple(replace(head, rows=-(-head.rows // 8)) for head in HEADS[::3])
TINY = replace(Settings(), lines=256, window=512, heads=HEADED)


def tiny(characters=None):
    return trained.builtin(LENGTH)


def run(name, monkeypatch):
    """What the sim finds quickly, of a tiny model on a tiny text, as JSON gives it back; and its module."""
    module = sim.load(name)
    if hasattr(module, "builtin"):
        monkeypatch.setattr(module, "builtin", tiny)
    monkeypatch.setattr(
        module, "small", lambda settings: replace(settings, lines=256, window=512, heads=HEADED)
    )
    numbers = module.simulate(quick=True, seed=0)
    return module, json.loads(json.dumps(sim.plain(numbers), allow_nan=False))


def drawn(module, numbers, count):
    """The figure has so many panels, each with its labels."""
    figure = module.draw(numbers)
    assert len(figure.axes) == count
    assert all(axis.get_xlabel() for axis in figure.axes)
    assert all(axis.lines or axis.patches or axis.containers for axis in figure.axes)
    plt.close(figure)


# Growth


def test_growth_counts_what_it_says(monkeypatch):
    module, numbers = run("memory_growth", monkeypatch)
    rows = numbers["rows"]
    blocks = 2 * len(HEADED)
    for row in rows:
        assert row["dim"] == blocks * row["lines"]
        assert row["pairs"] == len(HEADED) * row["keys"] == len(HEADED) * min(row["window"], 0.9 * LENGTH)
        assert row["touched_fraction"] == pytest.approx(row["touched"] / row["pairs"], rel=1e-4)
        assert 0 < row["nonzero_fraction"] < row["touched_fraction"] < 1
        assert row["fired"] + row["in_vain"] == pytest.approx(row["touched"], rel=1e-4)
        assert row["in_vain"] < 1.5 * row["in_vain_at_most"]
        assert row["frozen"]["low"] is row["frozen"]["high"] is None  # one block of 600 characters
    narrow, wide = [row for row in rows if row["curve"] == "dimension"]
    assert (narrow["lines"], wide["lines"]) == (128, 512)
    assert narrow["in_vain_at_most"] == 4 * wide["in_vain_at_most"]
    assert narrow["in_vain"] > 2 * wide["in_vain"]
    model = trained.point(Kept(None), tiny(), replace(TINY, memories="window", lines=512))
    assert model["frozen"]["bits"] == pytest.approx(wide["frozen"]["bits"], rel=1e-5)
    constant, growing = numbers["exponents"]
    assert (constant["curve"], growing["curve"]) == ("constant", "growing")
    assert constant["window_events"]["low"] < constant["window_events"]["value"]
    assert growing["window_events"]["low"] is None  # two points
    assert f"∝ W^{constant['window_events']['value']:.2f}" in "".join(numbers["words"])
    drawn(module, numbers, 6)


def test_growth_is_planned_at_the_same_ones_rows_and_winners():
    module = sim.load("memory_growth")
    plan = module.plan(False, 0)
    assert len({(curve, memories, str(one)) for curve, memories, one in plan}) == len(plan)
    assert {one.blocks for *_, one in plan} == {Settings().blocks}
    assert {one.winners for *_, one in plan} == {32}
    assert {one.window // one.lines for curve, _, one in plan if curve == "growing"} == {16}
    assert max(one.window for *_, one in plan) > 420_000  # the whole text
    both = [one for curve, memories, one in plan if (curve, memories) == ("dimension", "both")]
    assert len({sum(head.rows for head in one.heads) * one.lines for one in both[:2]}) == 1
    assert all(sum(h.rows for h in one.heads) * one.lines < 2_700_000 for one in both)
    assert max(one.window for *_, one in module.brown_plan(0)) == 1 << 20


def test_exponents_are_slopes():
    module = sim.load("memory_growth")
    places = [1, 2, 4, 8]
    fit = module.exponent(places, [3 * x**0.5 for x in places])
    assert fit["value"] == pytest.approx(0.5)
    assert fit["low"] == pytest.approx(fit["high"], abs=1e-6)
    bent = module.exponent(places, [1, 2, 3, 4])
    assert bent["low"] < bent["value"] < bent["high"]


def test_brown_is_left_out_where_it_was_not_fetched(monkeypatch, tmp_path):
    monkeypatch.setenv("HDSPIKE_DATA", str(tmp_path))
    assert sim.load("memory_growth").brown() is None
    first, second = sim.load("continual").texts(False)
    assert second.name == "its second half, letters exchanged"
    assert set(first.alphabet) >= set("abcxyz")


# Lesions


def test_lesions_are_of_the_model_that_learned(monkeypatch):
    module, numbers = run("lesions", monkeypatch)
    assert {(row["noise"], row["kind"]) for row in numbers["rows"]} == {
        *((False, kind) for kind in module.DEAD),
        *((True, kind) for kind in module.NOISE),
    }
    text, model = tiny(), SpikingTransformer(tiny().alphabet, TINY)
    model.learn(text.learned)
    whole = model.read(text.read).bits.mean()
    by_kind = {row["kind"]: row for row in numbers["rows"]}
    assert all(row["whole"] == pytest.approx(whole, rel=1e-5) for row in numbers["rows"])
    for kind in ("readout", "synapses", "lines"):
        (found,) = by_kind[kind]["points"]
        assert found["amount"] == 0.2
        assert whole < found["low"] <= found["bits"] <= found["high"]
    bits = [
        lesions.without_votes(model, 0.2, rng=np.random.default_rng([n, 200_000])).read(text.read).bits.mean()
        for n in range(2)
    ]
    (found,) = by_kind["readout"]["points"]
    assert (found["low"], found["high"]) == pytest.approx((min(bits), max(bits)), rel=1e-5)
    change = found["bits"] - by_kind["readout"]["whole"]
    assert f"readout {change:+.2f}" in numbers["words"][0]
    assert numbers["words"][-1].startswith("The dense twin is left out")
    drawn(module, numbers, 2)


def test_the_dense_twin_stands_beside(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    module = sim.load("lesions")
    assert module.dense() is None
    folder = tmp_path / "hdspike" / "language-dense"
    folder.mkdir(parents=True)
    harm = [{"amount": amount, "mean": 2.5, "bits_per_character": [2.4, 2.6]} for amount in (0.2, 0.01)]
    held = {
        "budget_seconds": 60,
        "train": {"parameters": 1000},
        "frozen": {"bits_per_character": 2.0},
        "lesions": {"weights": harm, "neurons": harm, "int8_bits": harm},
        "continual": {
            name: {"bits_per_character": 2} for name in ("first_before", "first_after", "second_after")
        },
    }
    (folder / "dense-60s.json").write_text(json.dumps(held))
    twin = module.dense()
    assert [row["noise"] for row in twin["rows"]] == [False, False, True]
    points = [{"amount": 0.2, "bits": 3.0, "low": 2.9, "high": 3.2}]
    rows = [
        {"model": "m", "noise": noise, "kind": kind, "whole": 1.5, "points": points}
        for noise, kind in ((False, "neurons"), (True, "lines on the way"))
    ]
    numbers = {"rows": rows, "dense": twin, "words": []}
    assert module.words(numbers)[0] == "m (1.500 bits whole), a fifth dead: neurons +1.50 bits per character."
    assert module.words(numbers)[-1] == (
        "Dense twin (1,000 weights, 60 s of training, 2.000 bits whole), the same shares: weights +0.50, "
        "hidden units +0.50, bits of int8 weights +0.50."
    )
    drawn(module, numbers, 2)
    assert sim.load("continual").dense()["A_before"] == 2


# A second text


def test_what_is_forgotten_is_the_difference_on_the_first_text(monkeypatch):
    whole = datasets.builtin_text().content[:6000]
    module = sim.load("continual")
    text = type("Text", (), {"content": whole})
    monkeypatch.setattr(module, "builtin_text", lambda: text)
    monkeypatch.setattr(module, "small", lambda settings: TINY)
    numbers = json.loads(json.dumps(sim.plain(module.simulate(quick=True, seed=0)), allow_nan=False))
    assert [row["name"] for row in numbers["rows"]] == [name for name in module.LOOKS if name != "dense twin"]
    for row in numbers["rows"]:
        gap = row["A_after"] - row["A_before"]
        assert row["forgotten"]["value"] == pytest.approx(gap, abs=1e-4)
        assert f"{row['forgotten']['value']:+.3f}" in "".join(numbers["words"])
        assert row["B_after"] < row["B_before"]
        assert {len(curve) for curve in row["curves"].values()} == {module.STRETCHES}
    spikes, ngrams = numbers["rows"][0], numbers["rows"][-1]
    assert ngrams["forgotten"]["value"] < spikes["forgotten"]["value"]
    first, second = module.texts(True)
    model = SpikingTransformer(first.alphabet, TINY)
    model.learn(first.learned)
    assert spikes["A_before"] == pytest.approx(model.read(first.read).bits.mean(), rel=1e-5)
    model.learn(second.learned)
    assert spikes["A_after"] == pytest.approx(model.read(first.read).bits.mean(), rel=1e-5)
    assert spikes["again"] == pytest.approx(model.read(first.read, streaming=True).bits.mean(), rel=1e-5)
    drawn(module, numbers, 4)


def test_letters_are_exchanged_for_each_other():
    exchanged = sim.load("continual").exchanged
    text = "The quick brown fox, 7 times (over) the lazy dog."
    assert len(set(zip(text, exchanged(text), strict=True))) == len(set(text)) == len(set(exchanged(text)))
    assert all((a == b) == (not a.isalpha()) for a, b in zip(text, exchanged(text), strict=True))


# Ablation


def test_every_part_is_taken_away_by_itself():
    module = sim.load("ablation")
    (_, name, base, fitted), *rest = module.plan(3)
    assert (name, fitted, base) == (module.WHOLE, True, Settings(seed=3))
    assert len({(group, name) for group, name, *_ in rest}) == len(rest)
    for group, name, one, fitted in rest:
        changed = {key for key, value in vars(one).items() if value != getattr(base, key)}
        assert changed or not fitted, (group, name)
        assert len(changed) <= 4
        assert one.seed == 3
    groups = {group.split(",")[0] for group, *_ in rest}
    assert groups == {
        "memories",
        "heads",
        "layers",
        "winners",
        "decay",
        "votes blind to",
        "votes that see",
        "synapses",
        "temperature",
    }
    assert [len(one.heads) for group, _, one, _ in rest if group == "layers"] == [2, 4, 7, 9]


def test_changes_are_paired_with_the_whole_model(monkeypatch):
    module, numbers = run("ablation", monkeypatch)
    whole, *rest = numbers["rows"]
    assert (
        whole["frozen"]["change"] == {"value": 0, "low": 0, "high": 0}
        or whole["frozen"]["change"]["low"] is None
    )
    text = tiny()
    base = trained.point(Kept(None), text, TINY)
    alone = trained.point(Kept(None), text, replace(TINY, memories="window"))
    (row,) = [row for row in rest if row["name"] == "window alone"]
    for way in ("frozen", "streaming"):
        assert row[way]["change"]["value"] == pytest.approx(
            difference(alone[way], base[way])["value"], abs=1e-5
        )
        assert row[way]["bits"] == pytest.approx(alone[way]["bits"], rel=1e-5)
    assert row["frozen"]["events"] < whole["frozen"]["events"]
    drawn(module, numbers, 2)


def test_what_is_said_of_parts_is_computed():
    module = sim.load("ablation")

    def row(name, value, low, high):
        change = {"value": value, "low": low, "high": high}
        return {
            "group": "decay, 2⁻³",
            "name": name,
            "frozen": {"bits": 1.2 + value, "events": 1000, "change": change},
            "streaming": {"bits": 1.1, "change": change},
        }

    rows = [
        row("whole", 0, 0, 0),
        row("a", 0.5, 0.4, 0.6),
        row("b", -0.01, -0.02, -0.005),
        row("c", 0.001, -0.1, 0.1),
    ]
    said = module.words({"rows": rows})
    assert said[0].startswith(
        "The whole model: 1.200 bits per character frozen, 1.100 streaming; 1,000 synaptic"
    )
    assert said[1] == "Frozen, most is lost with: decay: a +0.500, decay: c +0.001, decay: b −0.010."
    assert said[2] == "Better than the whole model by the whole interval: decay: b −0.010."
    assert said[3] == "Less than 0.002 bits either way: decay: c."
