"""What the sims of one inference and of the two clocks find, and their parts."""

import json
import re
import xml.etree.ElementTree as ElementTree

import numba
import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import datasets, sim, substrate
from hdspike.chip import Architecture, by_hand
from hdspike.chip import simulate as on_chip
from hdspike.network import Network, Population
from hdspike.network.builders import dense
from hdspike.network.neurons.integrate_and_fire import IntegrateAndFire
from hdspike.plot.raster import blocks, raster
from hdspike.plot.style import figure

SLOW = bool(numba.config.DISABLE_JIT)
ONE, TWO = sim.load("one_inference"), sim.load("two_clocks")


def plain(found):
    """Through JSON, as a figure is drawn from its file."""
    return json.loads(json.dumps(sim.plain(found), allow_nan=False))


def absent(name, **options):
    raise datasets.Absent(f"{name} is not there: run `hdspike data fetch {name}`")


def test_following_a_run_step_by_step_is_the_run():
    chip = Architecture.from_substrate(substrate.load("loihi-sanafe"))
    rng = np.random.default_rng(0)
    a = Population("a", 12, IntegrateAndFire(threshold=3.0, bias=rng.integers(0, 3, 12), reset="subtract"))
    b = Population("b", 9, IntegrateAndFire(threshold=9.0))
    network = Network([a, b], [dense(a, b, rng.integers(-1, 5, (12, 9)))])
    placed = by_hand(network, chip, {"a": [0, 20], "b": [9]})
    seen = ONE.follow(network, chip, placed, 6)
    whole = on_chip(network, chip, 6, placement=placed, noc="exact")
    assert sum(len(s) for s in seen["spikes"]) == whole.counts["fired"] > 0
    assert sum(seen["packets"]) == whole.counts["packets"] > 0
    assert np.array_equal(np.sum(seen["hops"], axis=0), whole.hops)
    assert np.array_equal(np.array(seen["exact"]) + chip.barrier_ps(3), whole.step_ps)
    assert np.all(np.array(seen["simple"]) <= np.array(seen["exact"]))
    assert (
        dict(zip(ONE.PLACES, np.sum(seen["parts"], axis=0), strict=True)) == whole.network["latency_parts_ps"]
    )


@pytest.fixture(scope="module")
def stand_in():
    if SLOW:
        pytest.skip("a whole sim, far too slow un-jitted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONE.job, "load", absent)
        return plain(ONE.simulate(quick=True, seed=0))


def test_without_data_a_stand_in_is_named_and_its_wave_goes_through_all_layers(stand_in):
    assert "hdspike data fetch" in stand_in["missing"]
    assert "stand-in" in stand_in["network"]
    begun = [layer["first_step"] for layer in stand_in["layers"]]
    assert None not in begun
    assert begun == sorted(begun)
    assert all(np.sum(layer["blocks"]) == layer["fired"] for layer in stand_in["layers"])
    assert np.sum(stand_in["fired_per_core"]) == sum(layer["fired"] for layer in stand_in["layers"])
    made = ONE.draw(stand_in)
    titles = [ax.get_title() for ax in made.axes]
    plt.close(made)
    assert sum(title.startswith("Step ") for title in titles) == 4


def test_the_animation_is_well_formed_small_and_holds_a_frame_per_step(stand_in):
    text = ONE.animate(stand_in)
    root = ElementTree.fromstring(text)
    assert len(text) < 400_000
    assert "<script" not in text
    moves = [e for e in root.iter() if e.tag.endswith("animate")]
    fills = [e for e in moves if e.get("attributeName") == "fill"]
    assert len(fills) == len(stand_in["links"]) > 0
    assert all(len(e.get("values").split(";")) == stand_in["steps"] for e in fills)
    for link, move in enumerate(fills):  # a link is white exactly when nothing crosses it
        idle = [value == "#ffffff" for value in move.get("values").split(";")]
        assert idle == [row[link] == 0 for row in stand_in["crossed"]]
    assert len(re.findall(r">step \d+:", text)) == stand_in["steps"]


def test_a_sim_with_an_animation_writes_it(tmp_path, monkeypatch, stand_in):
    monkeypatch.setattr(ONE, "simulate", lambda **_: stand_in)
    monkeypatch.setattr(sim, "load", lambda name: ONE)
    _, paths = sim.run("one_inference", quick=True, out=tmp_path)
    assert [p.name for p in paths] == [f"17_one_inference.{end}" for end in ("json", "svg", "animated.svg")]
    assert all(p.stat().st_size > 1000 for p in paths)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (([0, 1], [0]), "steps and neurons must pair up"),
        (([3], [0]), "steps must be in"),
        (([0], [4]), "neurons must be in"),
        (([-1], [0]), "steps must be in"),
    ],
)
def test_blocks_refuse_what_is_outside(values, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        blocks(*values, size=4, length=3, rows=2)


def test_blocks_keep_every_spike_and_a_raster_is_a_matrix():
    rng = np.random.default_rng(1)
    when, who = rng.integers(7, size=50), rng.integers(13, size=50)
    exact = blocks(when, who, size=13, length=7, rows=99)
    assert exact.shape == (13, 7)
    assert exact[5, 2] == np.sum((who == 5) & (when == 2))
    coarse = blocks(when, who, size=13, length=7, rows=4)
    assert np.array_equal(coarse.sum(axis=0), exact.sum(axis=0))
    fig, ax = figure()
    with pytest.raises(ValueError, match=r"^counts must be"):
        raster(ax, [1, 2], colour="black")
    plt.close(fig)


# ---- two clocks


def test_the_answer_is_the_most_frequent_and_of_equals_the_earliest():
    assert TWO.answer(TWO.events_of([], [])) == -1
    assert TWO.answer(TWO.events_of([1, 2, 3], [4, 7, 7])) == 7
    assert TWO.answer(TWO.events_of([1, 2, 3, 4], [7, 2, 2, 7])) == 2


@pytest.fixture(scope="module")
def clocks():
    if SLOW:
        pytest.skip("a whole sim, far too slow un-jitted")
    return plain(TWO.simulate(quick=True, seed=0))


def test_asynchrony_wins_in_latency_and_a_barrier_in_energy_at_a_high_rate(clocks):
    low, _, high = clocks["points"]
    for p in clocks["points"]:
        assert p["asynchronous"]["latency_us"]["mean"] < p["barrier"]["latency_us"]["mean"]
        assert p["barrier_far_same"]
        events = p["events"] * (clocks["visit_pj"] + clocks["update_pj"]) * 1e-12
        assert p["asynchronous"]["soma"]["mean"] == pytest.approx(events, rel=0.03)  # and the spikes
        assert p["barrier"]["soma"]["mean"] > clocks["somas"] * p["steps"] * clocks["visit_pj"] * 1e-12
    assert clocks["path_us"] * 0.9 < low["asynchronous"]["latency_us"]["mean"] < 2 * clocks["path_us"]
    assert low["barrier"]["latency_us"]["mean"] == pytest.approx(3.5 * clocks["period_us"], rel=0.35)
    assert low["asynchronous"]["joules"]["mean"] < low["barrier"]["joules"]["mean"]
    assert high["asynchronous"]["joules"]["mean"] > high["barrier"]["joules"]["mean"]
    assert low["asynchronous"]["other_order"]["mean"] == 0 < high["asynchronous"]["other_order"]["mean"]


def test_the_figure_of_the_clocks_is_drawn_from_its_numbers(clocks):
    made = TWO.draw(clocks)
    labels = [(ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) for ax in made.axes]
    plt.close(made)
    assert len(labels) == 6
    assert all(all(one) for one in labels)
