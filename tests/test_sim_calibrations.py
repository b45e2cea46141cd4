"""Sims 19 and 20: every calibration within its bound, every trap a trap; and no chip at rest for free."""

import json
import math

import pytest
from matplotlib import pyplot as plt

from hdspike import sim, substrate
from tests.conftest import JIT

jitted = pytest.mark.skipif(not JIT, reason="a whole chip with 2,400 patterns, far too slow un-jitted")


@pytest.fixture(scope="module")
def calibrations():
    return sim.plain(sim.load("calibrations").simulate(quick=True, seed=0))


@pytest.fixture(scope="module")
def idle():
    return sim.plain(sim.load("idle_power").simulate(quick=True, seed=0))


@jitted
def test_every_calibration_is_within_its_bound(calibrations):
    found = calibrations["truenorth"]
    assert found["held_out"] == "20.07 Hz"
    assert abs(found["held_out_error_percent"]) <= 1.0
    assert found["errors_percent"]["11.58 Hz"] == found["errors_percent"]["95.93 Hz"] == 0.0
    assert max(abs(p["error_percent"]) for p in calibrations["odin"]) <= 0.5
    assert max(abs(e["error_percent"]) for e in calibrations["inclusive"]) <= 2.0
    for p in (*found["file"], *calibrations["odin"]):
        assert math.fsum(p["parts"].values()) == pytest.approx(p["predicted_w"], rel=1e-4)
        assert p["low"] < p["measured_w"] < p["high"]


@jitted
def test_the_query_lies_in_its_band_and_is_counted_on_chips(calibrations):
    found = calibrations["query"]
    assert found["band_percent"] == pytest.approx([8.9, 20.2], abs=0.05)
    assert found["counts"]["updates_inactive"] == found["patterns"] * 60
    assert found["counts"]["synaptic_events"] == found["patterns"] * found["spikes"]
    assert found["band_j"][0] <= found["predicted_j"] <= found["band_j"][1]
    assert found["apart"]["static_j"] > 0


@jitted
def test_every_tile_is_reached_and_every_hop_paid(calibrations):
    found = calibrations["hops"]
    assert len(found["packets"]) == 32
    assert found["largest_error_percent"] == 0.0
    assert found["goldens_j"] == {"within a tile": 1.7e-12, "east-west hop": 3e-12, "north-south hop": 4e-12}
    far = max(found["packets"], key=lambda row: row["joules"])
    assert (far["dx"], far["dy"], far["joules"]) == (7, 3, pytest.approx(34.7e-12))
    assert all((r["hops_east_west"], r["hops_north_south"]) == (r["dx"], r["dy"]) for r in found["packets"])


@jitted
def test_reads_and_traps(calibrations):
    bars = {bar["label"]: bar for bar in calibrations["reads"]["bars"]}
    assert bars["XOR + count of ones"]["nominal"] == pytest.approx(18e-12, rel=0.05)
    assert bars["read, HBM2 device"]["nominal"] == pytest.approx(39e-9, rel=0.02)
    assert bars["read, 32 KB SRAM"]["nominal"] == pytest.approx(1.3e-9, rel=0.03)
    assert bars["read, HBM3 path"]["nominal"] == pytest.approx(117e-9, rel=0.01)
    assert calibrations["reads"]["reads_per_xor"]["read, HBM2 device"] == pytest.approx(2240, rel=1e-3)
    assert "read, HBM3 path" not in calibrations["reads"]["reads_per_xor"]  # another ledger
    factors = {one["trap"]: one["factor"] for one in calibrations["traps"]}
    assert all(
        one["factor"] == pytest.approx(one["wrong"] / one["right"], rel=1e-4) for one in calibrations["traps"]
    )
    assert factors["26 pJ × events at 95.93 Hz (TrueNorth)"] == pytest.approx(3.56, abs=0.01)
    assert min(abs(math.log(f)) for f in factors.values()) > math.log(1.4)


def test_no_chip_rests_for_free(idle):
    known = {c["label"]: c for c in idle["curves"] if c["rest"] is not None}
    snn = known["always-on-snn"]  # two published ends and no rate: a bar, no line
    assert (snn["rest_w"], snn["full_w"], snn["at_silence"]) == (75e-9, 300e-9, 0.25)
    assert snn["label"] in idle["nanowatts"]
    assert idle["lowest_at_rest"]["label"] == snn["label"]
    for c in (c for c in known.values() if c is not snn):
        assert 0 < c["rest_w"] <= c["watts"][0] <= c["watts"][-1] == pytest.approx(c["full_w"])
        assert c["rest_low_w"] <= c["rest_w"] <= c["rest_high_w"]
        assert c["at_silence"] == pytest.approx(c["rest_w"] / c["full_w"], rel=1e-4)
        assert all(low <= p <= high for low, p, high in zip(c["low_w"], c["watts"], c["high_w"], strict=True))
        slopes = [(p - c["rest_w"]) / r for p, r in zip(c["watts"], c["rate_per_s"], strict=True)][-3:]
        assert slopes == pytest.approx([c["marginal_j"]] * 3, rel=1e-2)
        if c["even_in_reach"]:
            assert c["even_per_s"] == pytest.approx(c["rest_w"] / c["marginal_j"], rel=1e-4)
    assert known["h100-board, batch 64"]["full_w"] == 700.0
    assert known["loihi"]["rest_w"] == pytest.approx(0.104 + 128 * 1024 * 1000 * 52e-12, rel=1e-4)
    assert known["odin at 75 MHz"]["full_w"] == pytest.approx(477e-6, rel=0.005)
    assert known["brain-all-in"]["at_silence"] == 1.0
    assert known["odin at 1.3 MHz"]["label"] in idle["never_even"]


def test_what_has_no_figure_is_absent_with_a_reason(idle):
    unknown = {c["label"] for c in idle["curves"] if c["rest"] is None} | {a["label"] for a in idle["absent"]}
    for name in (
        "loihi-sanafe",
        "seneca",
        "spinnaker",
        "a100-board",
        "truenorth-inclusive",
        "odin-inclusive",
    ):
        assert name in unknown
    for entry in idle["absent"]:
        sheet = substrate.load(entry["label"])
        leaky = any(q.includes_leakage for q in sheet.quantities.values())
        assert ("leakage" in entry["why"]) == leaky
        assert leaky or entry["why"] == "no figure for rest published" or entry["why"].startswith("rests at ")
    assert all("watts" not in c and "at_silence" not in c for c in idle["curves"] if c["rest"] is None)


def test_the_lowest_and_the_verdicts_are_the_numbers(idle):
    known = [c for c in idle["curves"] if c["rest"] is not None]
    assert idle["lowest_at_rest"]["watts"] == min(c["rest_w"] for c in known)
    for ledger, kinds in idle["least_at_silence"].items():
        for kind, best in kinds.items():
            some = [c["at_silence"] for c in known if (c["ledger"], c["kind"]) == (ledger, kind)]
            assert best["at_silence"] == min(some)


@jitted
@pytest.mark.parametrize("name", ["calibrations", "idle_power"])
def test_a_figure_is_drawn_from_the_written_numbers_alone(name, calibrations, idle):
    numbers = json.loads(
        json.dumps({"calibrations": calibrations, "idle_power": idle}[name], allow_nan=False)
    )
    drawn = sim.load(name).draw(numbers)
    assert len(drawn.axes) == {"calibrations": 8, "idle_power": 9}[name]
    assert all(ax.get_title() and ax.get_xlabel() and ax.get_ylabel() for ax in drawn.axes)
    plt.close(drawn)


def test_an_upper_bound_of_full_power_is_a_lower_bound_of_the_part_that_stays(idle):
    module = sim.load("idle_power")
    snn = next(c for c in idle["curves"] if c["label"] == "always-on-snn")
    assert snn["full_at_most"]  # "less than 300 nW"
    _, ax = plt.subplots()
    module.draw_silence(ax, [c for c in idle["curves"] if c["ledger"] == "path"], [], "path")
    said = [text.get_text() for text in ax.texts]
    assert "≥ 25 %: 75 nW of < 300 nW" in said
    assert "33 %: 64.4 mW of 198 mW" in said
    plt.close("all")


def test_a_verdict_inside_the_ranges_of_the_constants_says_so(idle):
    module = sim.load("idle_power")
    for c in (c for c in idle["curves"] if c["rest"] is not None):
        assert c["at_silence_low"] <= c["at_silence"] <= c["at_silence_high"] <= 1.0
    one = {"label": "a", "at_silence": 0.1, "at_silence_low": 0.08, "at_silence_high": 0.12}
    near = one | {"label": "b", "at_silence": 0.13, "at_silence_low": 0.11}
    far = one | {"label": "c", "at_silence": 0.5, "at_silence_low": 0.4, "at_silence_high": 0.6}
    assert module.verdict(near, one).endswith("less than b with 13 % (their ranges overlap)")
    assert module.verdict(one, far).endswith("less than c with 50 %")
    both = idle["least_at_silence"]["path"]
    assert module.verdict(**both).endswith("(their ranges overlap)")


def test_two_ledgers_in_one_panel_are_refused(idle):
    module = sim.load("idle_power")
    _, ax = plt.subplots()
    for panel in (module.draw_power, module.draw_per_event):
        with pytest.raises(ValueError, match=r"^entries must be of one ledger, path, got"):
            panel(ax, idle["curves"], "path")
    with pytest.raises(ValueError, match=r"^entries must be of one ledger, path, got circuit"):
        module.draw_silence(ax, [], [{"label": "seneca", "ledger": "circuit", "why": ""}], "path")
    plt.close("all")
