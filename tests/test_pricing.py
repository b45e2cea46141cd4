"""What the headline energies are made of: scaling, chips, the sheet that was given, and the disagreement check."""

from dataclasses import replace
from types import SimpleNamespace

import numba
import numpy as np
import pytest

from hdspike import dense, pricing, substrate
from hdspike.chip import ChipConfig
from hdspike.network import Outcome, disagreement
from hdspike.on_chip import OnChip, failed, run_on_chip
from hdspike.run import neuromorphic, run
from hdspike.schedules import Job
from hdspike.spaces import BSC, SBC
from hdspike.task import Settings, most_keys, prepare

COUNTS = {
    "synaptic_events": 4000, "updates_active": 40, "updates_inactive": 600, "packets": 100, "hops": 300,
    "hops_east_west": 200, "hops_north_south": 100, "fired": 8, "steps": 16,
}  # fmt: skip
whole_run = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="several whole runs; un-jitted, test_run has one of each"
)
TINY = {"keys": 96, "winners": "6", "queries": 4, "development": 8, "chip_queries": 2, "dim": 16_384}


def timed(space, *, keys=100, keys_per_chip=400, queries=4, picoseconds=5_000_000):
    """A timed run with made-up counts: four queries of 5 µs each."""
    one = SimpleNamespace(counts=COUNTS, simulated_ps=np.full(queries, picoseconds))
    runs = dict.fromkeys(("exact", "race", "threshold"), one)
    return OnChip(None, space, keys, keys_per_chip, 1, 1, space.dim, np.arange(queries), runs, {})


def test_work_scales_with_the_keys_and_chips_with_the_capacity():
    run_ = timed(SBC(1024))
    counts = pricing.spiking_counts(run_, "exact", keys=1000, dim=1024)
    assert counts == {
        "synaptic_events": 10_000, "updates_active": 100, "updates_inactive": 1500, "packets": 250,
        "hops_east_west": 500, "hops_north_south": 250,
    }  # fmt: skip
    assert pricing.chips_needed(run_, keys=1000, dim=1024) == 3
    assert pricing.chips_needed(timed(SBC(1024), keys=10), keys=1000, dim=1024) == 3


def test_vectors_cut_to_a_piece_need_as_many_times_the_chips():
    run_ = timed(BSC(4096))
    assert pricing.chips_needed(run_, keys=400, dim=10_240) == 3
    assert pricing.spiking_counts(run_, "race", keys=100, dim=8192)["packets"] == 50


def job(sheet, run_, rule, *, events=7.0, twin=64):
    """A job of 1000 keys whose synaptic events are known and whose rest is the timed run's."""
    measured = pricing.timed_of(run_, rule, sheet, keys=1000, dim=1024, synaptic_events=events)
    return Job(1000, 1024, "sbc", 128, 8, twin, 128.0, events, 90.0, 9.0, 16.0, rule=rule, timed=measured)


class Asked:
    """What two queries of a race counted: six lines that were still on their way when the winners were known."""

    def __init__(self):
        self.counts = {
            "input_events": 250, "cancelled_events": 6, "synaptic_events": 80, "touched": 60, "fired": 20,
        }  # fmt: skip

    def __len__(self):
        return 2

    def total(self, name):
        return self.counts[name]


def test_a_query_has_all_its_lines_even_where_a_race_cancels_the_last():
    task = SimpleNamespace(space=SBC(1024), vectors={"keys": range(1000)}, k=8, order=3)
    found = pricing.job_of(task, Asked(), timed(SBC(1024)), "race", substrate.load("loihi"), twin_dim=64)
    assert found.active == 128 and found.synaptic_events == 40 and found.fired == 10
    assert found.steps == 4 and found.timed.counts["synaptic_events"] == 40


def test_the_bill_by_hand():
    sheet, run_ = substrate.load("loihi"), timed(SBC(1024))
    bills = pricing.spiking_bills(sheet, run_, job(sheet, run_, "race"), seed=0)
    pico = 7 * 23.6 + 100 * 81 + 1500 * 52 + 250 * 1.7 + 500 * 3.0 + 250 * 4.0
    assert bills["loihi"]["nominal"] == pytest.approx(pico * 1e-12 + 0.104 * 5e-6 * 3, rel=1e-5)
    assert set(bills) == {"loihi", "loihi_exact", "loihi_threshold", "loihi_silicon"}
    pico += (10_000 - 7) * 23.6  # the other rules have the chip's own synaptic events, scaled
    assert bills["loihi_exact"]["nominal"] == pytest.approx(pico * 1e-12 + 0.104 * 5e-6 * 3, rel=1e-5)


def test_another_rule_is_the_same_job_with_the_counts_of_its_own_run():
    sheet, run_ = substrate.load("loihi"), timed(SBC(1024))
    other = pricing.under(job(sheet, run_, "race"), "exact", run_, sheet)
    assert (other.rule, other.synaptic_events, other.touched, other.fired) == ("exact", 10_000, 100, 20)
    assert (other.steps, other.timed.chips) == (4.0, 3)


def test_a_chip_that_prices_its_spikes_is_charged_for_them():
    loihi, run_ = substrate.load("loihi"), timed(SBC(1024))
    spike = replace(loihi.quantity("energy.packets"), key="energy.fired", value=100.0, low=100.0, high=100.0)
    sheet = replace(loihi, name="mine", quantities={**loihi.quantities, "energy.fired": spike})
    own, plain = (
        pricing.spiking_bills(s, run_, job(s, run_, "race"), seed=0)[s.name] for s in (sheet, loihi)
    )
    assert own["nominal"] - plain["nominal"] == pytest.approx(20 * 100e-12, rel=1e-2)


def test_the_dense_bill_by_hand():
    sheet, run_ = substrate.load("loihi"), timed(SBC(1024))
    bills = pricing.bills(pricing.rivals(job(sheet, run_, "race")), seed=0)
    cost = dense.attention(1000, 64, value_dim=1, precision="int8")
    assert cost.totals["macs_int8"] == 65_000
    pico = 65_000 * 0.1 + 1000 * 13.52 + (cost.totals["dram_bits"] + cost.totals["dram_bits_written"]) * 3.92
    pico += (cost.totals["sram_bits"] + cost.totals["sram_bits_written"]) * 0.1328125
    assert bills["a100_circuit_int8"]["nominal"] == pytest.approx(pico * 1e-12, rel=1e-4)
    resident = bills["a100_circuit_int8_resident"]["nominal"]
    assert resident < bills["a100_circuit_int8"]["nominal"] / 5
    large = pricing.rivals(replace(job(sheet, run_, "race"), keys=10_000_000))
    assert "a100_circuit_int8_resident" not in pricing.bills(large, seed=0)


def test_rivals_name_their_side_and_their_substrate_and_leave_the_panels_readable():
    sheet, run_ = substrate.load("loihi"), timed(SBC(1024))
    asked = job(sheet, run_, "exact")
    bills = pricing.spiking_bills(sheet, run_, asked, seed=0) | pricing.bills(pricing.rivals(asked), seed=0)
    for name in ("loihi_silicon", "truenorth", "cpu_7nm_packed_lists_resident", "northpole_int4", "brain_marginal",
                 "brain_all_in", "a100_circuit_qnn", "a100_path_int8_batch64", "gh200_path_int8_batch64",
                 "a100_board_int8", "h100_board_int8_batch64"):  # fmt: skip
        assert bills[name]["substrate"] in substrate.available()
    for ledger in ("circuit", "path", "board"):
        bars = [bill for bill in bills.values() if bill["ledger"] == ledger]
        assert 1 < sum(bill["label"].split()[0] != "brain," for bill in bars) <= 8
    words = {bill["label"].split()[0].rstrip(",") for bill in bills.values()}
    assert words == {"spiking", "dense", "packed", "static", "brain"}
    assert all(bill["sources"] and bill["per"] == "query" for bill in bills.values())


def sheet_text(tmp_path, *changes):
    text = (substrate.FOLDER / "loihi.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@whole_run
def test_a_chip_by_path_is_priced_by_its_own_numbers(tmp_path):
    old = 'value = 52.0, unit = "pJ", low = 26.0, high = 104.0'
    hot = (old, old.replace("value = 52.0", "value = 5200.0").replace("104.0", "10400.0"))
    cold = run(Settings(**TINY)).numbers["energy"]
    same_name = run(Settings(chip=sheet_text(tmp_path, hot), **TINY)).numbers["energy"]
    assert same_name["loihi"]["nominal"] > 5 * cold["loihi"]["nominal"]
    assert "loihi_silicon" not in same_name
    renamed = run(Settings(chip=sheet_text(tmp_path, ('name = "loihi"', 'name = "mine"')), **TINY)).numbers
    assert renamed["energy"]["mine"]["nominal"] == cold["loihi"]["nominal"]


def test_a_chip_without_prices_is_refused(tmp_path):
    text = sheet_text(tmp_path)
    whole = (substrate.FOLDER / "loihi.toml").read_text(encoding="utf-8")
    begin, end = whole.index("[energy]"), whole.index("[power]")
    (tmp_path / "mine.toml").write_text(whole[:begin] + whole[end:], encoding="utf-8")
    with pytest.raises(ValueError, match=r"chip must price what it counts, .* energy.synaptic_events"):
        neuromorphic(text)


@whole_run
def test_fewer_simulated_keys_do_not_change_the_chips():
    found = [run(Settings(chip_keys=keys, **TINY)).numbers for keys in (None, 12)]
    assert [n["chip"]["keys"] for n in found] == [96, 12]
    assert [n["chip"]["chips_for_all_keys"] for n in found] == [1, 1]
    assert found[0]["chip"]["keys_per_chip"] == found[1]["chip"]["keys_per_chip"]


@whole_run
def test_the_chip_looks_for_its_share_of_the_winners():
    numbers = run(Settings(chip_keys=32, **TINY)).numbers
    assert numbers["chip"]["winners"] == 2


@whole_run
def test_a_given_theta_is_the_chips_too():
    for theta in (1, 128):
        numbers = run(Settings(select="threshold", theta=theta, **TINY)).numbers
        assert numbers["chip"]["theta"] == numbers["attention"]["theta"] == theta
    assert numbers["chip"]["per_rule"]["threshold"]["fired"] <= 2 * 96


@whole_run
@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"theta": 5}, "theta must not be given with select exact"),
        ({"theta": 0, "select": "race"}, "theta must be at least 1"),
        ({"theta": 129, "select": "race"}, "theta must be at most 128"),
        ({"select": "first"}, "select must be one of"),
        ({"chip_keys": 0}, "chip-keys must be at least 1"),
        ({"chip_keys": 97}, "chip-keys must be at most the 96 keys"),
        ({"queries": 0}, "queries must be at least 1"),
        ({"keys": 10_000_000}, r"keys must be at most \d+ for this text"),
    ],
)
def test_settings_that_break_a_rule(changes, rule):
    with pytest.raises(ValueError, match=rule):
        run(Settings(**{**TINY, **changes}))


def test_failed_sees_a_single_wrong_winner():
    one = Outcome(
        np.array([0, 2]), np.array([3, 5], np.int32), np.array([9, 8], np.int32), np.zeros(2, np.int32)
    )
    other = replace(one, winners=np.array([3, 4], np.int32))
    rows = {rule: disagreement(one, one) for rule in ("exact", "race", "threshold")}
    assert failed(rows) == []
    assert failed({**rows, "race": disagreement(one, other)}) == ["race"]
    swapped = disagreement(one, replace(one, winners=one.winners[::-1]))
    assert (swapped["differing"], swapped["queries_differing"]) == (2, 0)
    shorter = Outcome(np.array([0, 1]), one.winners[:1], one.potentials[:1], one.ticks[:1])
    assert disagreement(one, shorter) == {"compared": 2, "differing": 1, "queries": 1, "queries_differing": 1}


def test_a_chip_that_loses_packets_is_found_out(monkeypatch):
    """Detection end to end: break the chip's neurons, and the run must fail."""
    from hdspike import chip

    honest = chip.run

    def deaf(network, stimuli, config, **options):
        return honest(replace(network, bias=network.bias - 1), stimuli, config, **options)

    monkeypatch.setattr(chip, "run", deaf)
    task = prepare(Settings(**TINY))
    found = run_on_chip(
        task,
        Settings(select="threshold", **TINY),
        substrate.load("loihi"),
        theta=16,
        progress=lambda stage: None,
    )
    assert "threshold" in failed(found.agreement)


@pytest.mark.parametrize("length", [600, 1000, 3600, 4000, 6024, 6120, 20_000, 100_000])
def test_an_automatic_number_of_keys_always_fits(length):
    sizes = Settings(quick=length < 3000).sized()
    most = most_keys(length, sizes, 8)
    from hdspike import language

    assert language.needed(most, sizes.development, sizes.queries, 8) <= length
    assert language.needed(most + 1, sizes.development, sizes.queries, 8) > length


def test_config_of_a_substrate_is_whole():
    config = ChipConfig.from_substrate(substrate.load("loihi"))
    assert (config.cores, config.input_axons, config.fifo_depth) == (128, 4096, 16)
