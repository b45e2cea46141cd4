"""The worm's connectome and the event camera: their networks, and what their sims find."""

import json

import numba
import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import datasets, sim, workloads
from hdspike.datasets.connectome import Connectome, Edges
from hdspike.events import Sensor
from hdspike.functional import simulate as clocked
from hdspike.workloads import c_elegans, event_camera

SLOW = bool(numba.config.DISABLE_JIT)
jitted = pytest.mark.skipif(SLOW, reason="whole sims, far too slow un-jitted")
WORM, CAMERA = sim.load("c_elegans"), sim.load("event_camera")
COMMAND = [n + side for n in (*c_elegans.BACKWARD, *c_elegans.FORWARD) for side in "LR"]


def plain(found):
    """Through JSON, as a figure is drawn from its file."""
    return json.loads(json.dumps(sim.plain(found), allow_nan=False))


def titles(module, numbers):
    made = module.draw(numbers)
    found = [ax.get_title() for ax in made.axes]
    plt.close(made)
    return found


def edges(pairs, names):
    rows = sorted((names.index(a), names.index(b), w) for a, b, w in pairs)
    source, target, weight = (np.array(column) for column in zip(*rows, strict=True))
    return Edges(source.astype(np.int32), target.astype(np.int32), weight.astype(np.int64))


@pytest.fixture(scope="module")
def worm():
    """A made-up worm of the touch receptors, the command neurons, one that inhibits, and a muscle."""
    names = [*c_elegans.TOUCH, *COMMAND, "DD1", "MUSCLE"]
    types = ["sensory"] * 5 + ["interneuron"] * len(COMMAND) + ["motor", "body wall muscle"]
    chemical = [
        *(("ALML", n, 8) for n in COMMAND[-4:]),
        *(("PLML", n, 8) for n in COMMAND[:6]),
        ("DD1", "AVAL", 3),
        ("AVAL", "MUSCLE", 20),
        ("PVCL", "PVCL", 2),
    ]
    gap = [("AVM", "AVDL", 4), ("AVDL", "AVM", 4), ("PLMR", "PVCR", 4), ("PVCR", "PLMR", 4)]
    kinds = ["GABA" if n == "DD1" else "Acetylcholine" for n in names]
    return Connectome(tuple(names), tuple(types), tuple(kinds), edges(chemical, names), edges(gap, names))


# ---- the worm


def weights_between(made, projection):
    """source name → target name → weight."""
    synapses, names = made.projections[projection].synapses, made.metadata["names"]
    source = np.repeat(np.arange(synapses.lines), np.diff(synapses.indptr))
    found = zip(source, synapses.targets, synapses.weights, strict=True)
    return {(names[s], names[t]): float(w) for s, t, w in found}


def test_weights_are_shares_of_what_arrives_with_the_signs_of_chalfie(worm):
    made = c_elegans.network(worm, gain=0.5)
    chemical, gap = weights_between(made, 2), weights_between(made, 3)
    assert "MUSCLE" not in made.metadata["names"]
    assert ("PVCL", "PVCL") not in chemical
    assert chemical["PLML", "AVAL"] == pytest.approx(-0.5 * 8 / 11)
    assert chemical["DD1", "AVAL"] == pytest.approx(-0.5 * 3 / 11)
    assert gap["AVM", "AVDL"] == pytest.approx(0.5 * 4 / 12)
    plainly = weights_between(c_elegans.network(worm, gain=0.5, chalfie=False), 2)
    assert plainly["PLML", "AVAL"] == pytest.approx(0.5 * 8 / 11)
    assert plainly["DD1", "AVAL"] < 0
    raw = weights_between(c_elegans.network(worm, gain=0.5, normalised=False), 2)
    assert raw["PLML", "AVAL"] == -4.0


def test_a_shuffle_keeps_how_many_leave_and_arrive(worm):
    made, mixed = (c_elegans.network(worm, shuffle=s) for s in (None, 3))
    moved = False
    for one, other in zip(made.projections[2:], mixed.projections[2:], strict=True):
        a, b = one.synapses, other.synapses
        np.testing.assert_array_equal(a.indptr, b.indptr)
        np.testing.assert_array_equal(np.sort(a.targets), np.sort(b.targets))
        moved |= not np.array_equal(a.targets, b.targets)
    assert moved


def test_touch_reaches_the_receptors_it_names_and_only_while_it_lasts(worm):
    for touch, cells in (("head", {0, 1, 2}), ("tail", {3, 4}), ("none", set())):
        made = c_elegans.network(worm, touch=touch, between=(20, 60), seed=4)
        events = made["stimulus"].model.spikes(5, 0, 100, 10**9)
        assert set(events["address"].tolist()) == cells
        assert np.all((events["time"] >= 20 * 10**9) & (events["time"] < 60 * 10**9))


def test_the_same_seed_is_the_same_worm_and_another_is_not(worm):
    counts = [clocked(c_elegans.network(worm, seed=s), 120).counts for s in (1, 1, 2)]
    assert counts[0] == counts[1]
    assert counts[0] != counts[2]


@jitted
def test_signs_decide_the_direction_in_a_worm_of_which_that_is_known(worm):
    names = c_elegans.network(worm).metadata["names"]
    found = {}
    for chalfie in (True, False):
        head, tail = (
            WORM.rates(worm, 4000, touch=t, chalfie=chalfie, gain=1.5, seed=1) for t in ("head", "tail")
        )
        found[chalfie] = WORM.index(WORM.contrast(head, tail, names))
    assert found[True] > 0.1
    assert found[False] < -0.1


def test_contrast_and_interval_are_the_textbook_ones():
    names = COMMAND
    head, tail = np.zeros(len(names)), np.zeros(len(names))
    head[names.index("AVAL")], tail[names.index("AVAL")] = 3.0, 1.0
    by_class = WORM.contrast(head, tail, names)
    assert by_class == {"AVA": 0.25, "AVD": 0.0, "AVE": 0.0, "AVB": 0.0, "PVC": 0.0}
    assert WORM.index(by_class) == pytest.approx(0.25 / 3)
    assert WORM.interval([1.0, 2.0, 3.0]) == pytest.approx({"mean": 2.0, "half": 4.3027 / 3**0.5}, rel=1e-4)


@jitted
def test_the_sim_runs_on_the_made_up_worm_and_its_books_agree(worm, monkeypatch):
    monkeypatch.setattr(datasets, "load", lambda name: worm)
    monkeypatch.setattr(WORM, "CORES", 4)
    numbers = plain(WORM.simulate(quick=True, seed=0))
    chip = numbers["chip"]["runs"]
    for key in ("fired", "packets", "synaptic_events", "updates"):
        assert chip["by hand"]["counts"][key] == chip["by traffic"]["counts"][key] > 0
    assert chip["by traffic"]["counts"]["hops"] <= chip["scattered"]["counts"]["hops"]
    for one in chip.values():
        parts = one["joules_per_s"]
        assert parts["total"] == pytest.approx(sum(parts[k] for k in WORM.KINDS), rel=1e-4)
    assert len(titles(WORM, numbers)) >= 6


@jitted
def test_the_real_worm_answers_by_its_signs():
    try:
        numbers = plain(WORM.simulate(quick=True, seed=0))
    except datasets.Absent as error:
        pytest.skip(str(error))
    chalfie, other = numbers["versions"]
    assert numbers["neurons"] == 302
    assert 4.0 < numbers["alone_hz"] < 6.0
    assert 8.0 < chalfie["mean_hz"]["none"] < 12.0
    assert chalfie["index"]["mean"] > 0 > other["index"]["mean"]
    assert chalfie["classes"]["PVC"]["mean"] < -0.1
    assert all(one["faster"] > 100 for one in numbers["chip"]["runs"].values())


# ---- the event camera


def test_filters_turn_into_each_other_and_see_no_even_field():
    weights = event_camera.filters().astype(int)
    off = weights[:, :, 0, :4]
    np.testing.assert_array_equal(off[:, :, 0].T, off[:, :, 2])
    np.testing.assert_array_equal(off[:, :, 1][:, ::-1], off[:, :, 3])
    np.testing.assert_array_equal(off, weights[:, :, 1, 4:])
    assert not weights[:, :, 0, 4:].any()
    assert not weights[:, :, 1, :4].any()
    assert np.all(np.abs(off.sum(axis=(0, 1))) <= 0.02 * np.abs(off).sum(axis=(0, 1)))


def test_a_line_of_events_excites_its_own_orientation_and_polarity_most():
    reach = np.arange(-3, 4)
    sensor = Sensor(7, 7)
    for place, (x, y) in enumerate(((reach, 0 * reach), (reach, -reach), (0 * reach, reach), (reach, reach))):
        for polarity in range(2):
            seen = np.zeros((7, 7, 2), dtype=int)
            at = sensor.address(x + 3, y + 3, np.full(7, polarity))
            columns, rows, p = sensor.pixels(at)
            seen[rows, columns, p] = 1
            response = np.einsum("yxp,yxpc->c", seen, event_camera.filters().astype(int))
            assert response.argmax() == 4 * polarity + place


@pytest.mark.parametrize("orientation", event_camera.ORIENTATIONS)
def test_a_bar_sends_each_pixel_once_per_side_and_the_rate_is_its_speed(orientation):
    bar = event_camera.moving_bar(orientation, steps=20, speed=1.0)
    assert len(np.unique(bar.events["address"])) == len(bar)
    assert bar.events["time"].max() == 19 * event_camera.STEP_PS
    fast = event_camera.moving_bar(orientation, steps=20, speed=2.0)
    assert len(fast) > 1.4 * len(bar)


@jitted
def test_winners_know_the_angle_of_a_synthetic_bar():
    for one in CAMERA.bars(120):
        assert one["winners"] > 20
        assert one["right"] > 0.7


@pytest.mark.parametrize(
    ("call", "error", "begins"),
    [
        (lambda: event_camera.network([1]), TypeError, "recording must"),
        (lambda: event_camera.network(event_camera.moving_bar(0, steps=2).merged()), ValueError, "recording must"),
        (lambda: event_camera.moving_bar(30), ValueError, "orientation must"),
        (lambda: event_camera.moving_bar(0, steps=0), ValueError, "steps must"),
        (lambda: event_camera.moving_bar(0, speed=0.0), ValueError, "speed must"),
        (lambda: workloads.build("nothing"), ValueError, "workload must"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, error, begins):
    with pytest.raises(error, match=f"^{begins}"):
        call()


def test_bad_touch_is_named(worm):
    with pytest.raises(ValueError, match=r"^touch must"):
        c_elegans.network(worm, touch="side")


def test_a_trace_fades_by_the_leak():
    from hdspike.spikes import EVENT

    events = np.array([(0, 1), (0, 1), (10**9, 0), (5 * 10**9, 1)], dtype=EVENT)
    got = CAMERA.traced(events, 2, 3)
    np.testing.assert_allclose(got, [[0, 2], [1, 1.8], [0.9, 1.62]], rtol=1e-6)


def absent(name, *, seed=0):
    raise datasets.Absent(f"{name} is not there: run `hdspike data fetch {name}`")


@jitted
def test_without_the_recordings_a_named_stand_in_is_seen_and_its_books_agree(monkeypatch):
    monkeypatch.setattr(datasets, "load", absent)
    numbers = plain(CAMERA.simulate(quick=True, seed=0))
    assert numbers["recording"].startswith("stand-in")
    assert not numbers["real"]
    counts, per_step = numbers["counts"], numbers["per_step"]
    assert counts["fired"] == sum(sum(per_step[layer]) for layer in CAMERA.LAYERS)
    assert numbers["watts"]["total"] == pytest.approx(
        sum(numbers["watts"][k] for k in CAMERA.KINDS), rel=1e-4
    )
    # nothing happens without events: every soma is visited in each step, and that is all
    visited = counts["accesses"] / numbers["steps"]
    assert numbers["idle_watts"] == pytest.approx(visited * 51.2e-12 * 1000, rel=1e-4)
    agreed = numbers["agreement"]
    assert agreed["winners"] > 20
    assert agreed["equal"] > 0.6 > agreed["chance"] + 0.05
    assert numbers["dense"]["macs_int8"] == 7992 * 49 + numbers["neurons"]["patches"] * 9
    assert "The winning orientation of each patch" in titles(CAMERA, numbers)
