"""What the sims of the loaded mesh, of mapping, of back-pressure and of DVS-gesture find, and their parts."""

import json
from itertools import pairwise
from pathlib import Path

import numba
import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import datasets, sim, substrate, theory, workloads
from hdspike.chip import Architecture, by_hand
from hdspike.chip import simulate as on_chip
from hdspike.network import Network, Population
from hdspike.network.builders import random as random_synapses
from hdspike.network.neurons.integrate_and_fire import IntegrateAndFire
from hdspike.plot.mesh import link_map
from hdspike.plot.style import figure

SLOW = bool(numba.config.DISABLE_JIT)
jitted = pytest.mark.skipif(SLOW, reason="whole sims, far too slow un-jitted")
LOAD, MAPPING, PRESSURE, DVS = (
    sim.load(name) for name in ("mesh_load", "mapping", "back_pressure", "dvs_energy")
)


def plain(found):
    """Through JSON, as a figure is drawn from its file."""
    return json.loads(json.dumps(sim.plain(found), allow_nan=False))


def drawn(module, numbers):
    made = module.draw(numbers)
    titles = [ax.get_title() for ax in made.axes if ax.get_title()]
    plt.close(made)
    return titles


def absent(name, *, seed=0):
    raise datasets.Absent(f"{name} is not there: run `hdspike data fetch {name}`")


# ---- the loaded mesh


@pytest.fixture(scope="module")
def load():
    if SLOW:
        pytest.skip("a whole sim, far too slow un-jitted")
    return plain(LOAD.simulate(quick=True, seed=0))


def test_latency_lies_between_the_two_theories_at_half_load_and_meets_them_at_none(load):
    deep = next(one for one in load["depths"] if one["depth"] == 16)["points"]
    low, half = (next(p for p in deep if p["share"] == share) for share in (0.1, 0.5))
    bound = load["bound"]
    assert low["mean"]["mean"] == pytest.approx(load["zero_load"], rel=0.06)
    assert load["zero_load"] == theory.mean_hops(8, 8)
    merged, md1 = (theory.mesh_latency(8, 8, 0.5 * bound, merged=m) for m in (True, False))
    assert 0.98 * merged < half["mean"]["mean"] < md1
    assert half["p50"]["mean"] <= half["mean"]["high"] < half["p99"]["mean"]


def test_short_fifos_saturate_early_and_no_mesh_passes_its_bound(load):
    highest = []
    for one in load["depths"]:
        accepted = [p["accepted"]["mean"] / load["bound"] for p in one["points"]]
        highest.append(max(accepted))
        assert max(accepted) < 1.03  # a window sees a little more than is offered
        for p in one["points"]:
            assert p["saturated"] == (p["accepted"]["mean"] < 0.99 * p["offered"])
    assert highest[0] < 0.65 < 0.8 < highest[1] < 0.9 < highest[2]  # FIFOs of 1, 4 and 16
    for entry in load["sizes"]:
        shares = [d["accepted"]["mean"] / entry["bound"] for d in entry["depths"]]
        assert shares == sorted(shares)
        assert shares[-1] < 1.02


def test_slow_links_between_chips_bound_the_board(load):
    bounds = [one["bound"] for one in load["chips"]]
    assert bounds == [32.0, 16.0, 8.0]
    for one in load["chips"]:
        assert one["points"][0]["mean"]["mean"] == pytest.approx(one["zero_load"], rel=0.06)
        assert max(p["accepted"]["mean"] for p in one["points"]) < 1.03 * one["bound"]


@jitted
def test_the_same_seed_gives_the_same_traffic(load):
    point = LOAD.several(LOAD.mesh(8, 4), 0.1 * load["bound"], 12_000, 2, [0, 0])
    again = next(one for one in load["depths"] if one["depth"] == 4)["points"][0]
    assert plain(point) == {k: again[k] for k in point}


# ---- mapping


def small_network():
    rng = np.random.default_rng(0)
    layers = [
        Population(f"p{i}", 12, IntegrateAndFire(threshold=1.0, bias=rng.uniform(0.1, 0.4, 12)))
        for i in range(3)
    ]
    return Network(
        layers,
        [random_synapses(a, b, out_degree=4, weights=np.float32(0.2), rng=rng) for a, b in pairwise(layers)],
    )


def test_scattering_moves_whole_cores_and_changes_no_count_but_hops():
    chip = Architecture.from_substrate(substrate.load("loihi-sanafe"))
    network = small_network()
    hand = by_hand(network, chip, [2, 2, 1])
    moved = MAPPING.scattered(hand, chip.cores, np.random.default_rng(1))
    assert len({(int(a), int(b)) for a, b in zip(hand.core, moved.core, strict=True)}) == 5
    one, other = (MAPPING.measured(on_chip(network, chip, 8, placement=p)) for p in (hand, moved))
    assert one["fired"] == other["fired"] > 0
    assert one["packets"] == other["packets"]
    assert one["hops"] < other["hops"]


def test_clusters_are_wired_inside():
    network, cluster = MAPPING.clustered(np.random.default_rng(0), 40)
    assert sorted(cluster) == sorted(list(range(4)) * 4)
    inside = sum(
        len(p.synapses)
        for p in network.projections
        if cluster[network.index(p.source)] == cluster[network.index(p.target)]
    )
    assert (inside, network.synapses - inside) == (16 * 4 * 40 * 4, 16 * 40 * 2)


@pytest.fixture(scope="module")
def mapping():
    if SLOW:
        pytest.skip("a whole sim, far too slow un-jitted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workloads, "build", absent)
        return plain(MAPPING.simulate(quick=True, seed=0))


def test_by_traffic_saves_hops_and_no_mapping_changes_a_spike(mapping):
    assert "hdspike data fetch" in mapping["missing"]
    (one,) = mapping["networks"]
    found = one["mappings"]
    assert one["same_spikes"]
    assert found["hand"]["packets"] == found["hand_traffic"]["packets"] > found["capacity"]["packets"]
    assert found["hand_traffic"]["hops"] < 0.8 * found["hand"]["hops"] < found["scattered"]["hops"]["low"]
    assert found["capacity_traffic"]["hops"] <= found["capacity"]["hops"]
    assert found["hand_traffic"]["network_j"] < found["hand"]["network_j"]
    for name, chart in one["maps"].items():
        assert np.sum(chart["hops_per_step"]) * one["steps"] == pytest.approx(found[name]["hops"], rel=1e-4)
        assert np.max(chart["hops_per_step"]) == pytest.approx(found[name]["busiest_link"], rel=1e-4)
    assert len(drawn(MAPPING, mapping)) == 3


def test_a_map_of_links_checks_what_it_is_given():
    _, ax = figure()
    good = {"group_of_core": [0, -1], "tile_of_core": [0, 1], "tile_x": [0, 1], "tile_y": [0, 0]}
    link_map(ax, **good, hops=np.eye(2, 4), colours=["red"], label="packets")
    arrows = ax.collections[1]
    assert len(arrows.get_paths()) == 2  # one arrow for each link that is used
    with pytest.raises(ValueError, match="hops must be"):
        link_map(ax, **good, hops=np.zeros((3, 4)), colours=["red"])
    with pytest.raises(ValueError, match="group_of_core must be in"):
        link_map(ax, **{**good, "group_of_core": [0, 1]}, hops=np.zeros((2, 4)), colours=["red"])
    plt.close("all")


# ---- back-pressure


def test_distance_of_spikes_against_sets():
    network = small_network()
    rng = np.random.default_rng(3)
    pairs = [{(int(n), int(t)) for n, t in rng.integers((36, 5), size=(60, 2))} for _ in range(2)]
    sorted_keys = [np.sort(np.array([n * 2**32 + t for n, t in some], dtype=np.int64)) for some in pairs]
    expected = []
    for low in (0, 12, 24):
        a, b = ({s for s in some if low <= s[0] < low + 12} for some in pairs)
        expected.append(1 - len(a & b) / len(a | b))
    assert PRESSURE.distances(network, *sorted_keys) == pytest.approx(expected)
    assert PRESSURE.distances(network, sorted_keys[0], sorted_keys[0]) == [0.0, 0.0, 0.0]


def test_stalls_change_no_spike_and_drops_do():
    chip = Architecture.from_substrate(substrate.load("loihi-sanafe"))
    digits = PRESSURE.Digits(0)
    images = [PRESSURE.TRAIN] if SLOW else [PRESSURE.TRAIN, PRESSURE.TRAIN + 1]
    steps = 5 if SLOW else 12
    found = PRESSURE.study([digits.network(i) for i in images], (1, 2, 1), chip, steps, (1, PRESSURE.ENDLESS))
    short, endless = found["points"]
    assert found["stall_changes_no_spike"]
    assert short["stall"]["low"] >= 1 > short["drop"]["high"]
    assert endless["stall"]["mean"] == endless["drop"]["mean"] == 1.0
    assert endless["dropped"]["high"] == endless["events_lost"]["high"] == 0.0
    assert 0 < short["dropped"]["low"] <= short["events_lost"]["high"] < 1
    assert short["distance"]["input"]["high"] == 0.0  # nothing reaches the inputs
    assert short["distance"]["hidden"]["low"] > 0.1
    assert endless["distance"]["output"]["high"] == 0.0


@pytest.fixture(scope="module")
def pressure():
    if SLOW:
        pytest.skip("a whole sim, far too slow un-jitted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workloads, "build", absent)
        return plain(PRESSURE.simulate(quick=True, seed=0))


def test_drops_follow_their_law_and_cost_the_answer(pressure):
    assert "stand-in" in pressure["network"]["name"]
    for one in pressure["law"]:
        for x, lost in zip(one["loads"], one["lost"], strict=True):
            law = theory.md1k_loss(x, one["depth"] + 1)
            error = np.sqrt(law / pressure["packets_per_run"] / pressure["runs"])
            assert abs(lost["mean"] - law) < 6 * error + 2e-3, (one["depth"], x)
    one_core, four_cores = pressure["digits"]["layouts"]
    assert one_core["without_drops"]["accuracy"] == four_cores["without_drops"]["accuracy"] >= 0.75
    assert pressure["digits"]["rate_accuracy"] > 0.9
    first = one_core["points"][0]
    assert first["depth"] == 1
    assert first["dropped"] > 0.3
    assert first["accuracy"] < one_core["without_drops"]["accuracy"] - 0.2
    series = pressure["mesh"]["series"]
    assert all(p["mean"] < 1.05 for one in series for p in one["arrived"])
    titles = drawn(PRESSURE, pressure)
    assert len(titles) == 6
    assert any("stand-in" in title for title in titles)


# ---- DVS-gesture


def test_without_the_network_the_sim_is_skipped(monkeypatch):
    monkeypatch.setattr(workloads, "build", absent)
    with pytest.raises(datasets.Absent):
        DVS.simulate(quick=True, seed=0)


def test_energy_by_layer_is_the_energy_of_the_run():
    chip = Architecture.from_substrate(substrate.load("loihi-sanafe"))
    network = small_network()
    run = on_chip(network, chip, 10, placement=by_hand(network, chip, [2, 1, 1]), noc="simple")
    found, joules = DVS.layers(network, chip, run), DVS.by_unit(run)
    assert sum(one["synapse"] for one in found) == pytest.approx(joules["synapse"], rel=1e-12)
    assert sum(one["soma"] for one in found) == pytest.approx(joules["soma"], rel=1e-12)
    network_j = sum(one["packets"] + one["hops"] for one in found)
    assert network_j == pytest.approx(joules["network"], rel=1e-12)
    assert (
        found[2]["packets"] == found[0]["synapse"] == 0.0
    )  # the last layer sends nothing, the first hears nothing
    slowest = max(max(*one["sending_us"], *one["working_us"]) for one in found)
    barrier = chip.barrier_ps(1)
    assert slowest <= (run.simulated_ps / 10 - barrier) / 1e6 + 1e-9
    sanafe, loihi = DVS.bills(run, 1e-3, 0)
    assert sanafe["nominal"] == pytest.approx(joules["total"], rel=1e-5)
    assert loihi["parts"]["static"] == pytest.approx(substrate.load("loihi").si("power.static") * 1e-3)
    for bill in (sanafe, loihi):
        assert sum(bill["parts"].values()) == pytest.approx(bill["nominal"], rel=1e-5)
        assert bill["low"] < bill["nominal"] < bill["high"]


def test_what_the_other_tool_said_is_what_was_written_down():
    asked = json.loads((Path(__file__).parent / "golden" / "sanafe_detailed.json").read_text())
    assert asked["steps"] == DVS.ORACLE["steps"]
    for name in ("detailed_s", "without_hops_s"):
        assert DVS.ORACLE[name] == pytest.approx(asked[name], rel=1e-7)


@jitted
def test_models_of_the_network_on_chip_build_on_each_other():
    try:
        datasets.require("dvs-gesture")
    except datasets.Absent as error:
        pytest.skip(str(error))
    numbers = plain(DVS.simulate(quick=True, seed=0))
    times = [numbers["models"][name] for name in ("simple", "in order", "hops", "exact")]
    assert times == sorted(times)
    assert times[-1] < 1.1 * times[0]
    sweep = [one["seconds"] for one in numbers["sweep"]]
    assert sweep == sorted(sweep, reverse=True)
    assert numbers["oracle"] is None  # its numbers are of 1000 steps
    assert len(drawn(DVS, numbers)) == 6
