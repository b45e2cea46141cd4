"""Prices: goldens from measured silicon, laws of the bill, and nothing silently free."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdspike import substrate, vocabulary
from hdspike.dense import attention
from hdspike.energy import price
from hdspike.plot.energy import panels

LOIHI = substrate.load("loihi")
SILICON = substrate.load("loihi-silicon")
CIRCUIT, PATH, BOARD = (substrate.load(f"a100-{ledger}") for ledger in ("circuit", "path", "board"))
COUNTERS = st.dictionaries(st.sampled_from(LOIHI.priced()), st.integers(0, 10**9))


# Goldens


def test_network_energy_of_one_packet():
    counts = {"packets": 1, "hops_east_west": 3, "hops_north_south": 2}
    bill = price(counts, LOIHI, seconds=0)
    assert bill.components == pytest.approx({"network": 1.7e-12 + 3 * 3.0e-12 + 2 * 4.0e-12, "static": 0.0})


@pytest.mark.parametrize(("events", "joules"), [(5.12e7, 1.448e-3), (5.76e7, 1.599e-3)])
def test_the_query_of_pohoiki_springs_as_published_energies_predict_it(events, joules):
    bill = price({"synaptic_events": events, "updates_inactive": 4.608e6}, LOIHI, seconds=0)
    assert bill.nominal == pytest.approx(joules, abs=0.5e-6)


def test_the_query_of_pohoiki_springs_as_measured():
    bill = price({"synaptic_events": 5.44e7, "updates_inactive": 4.608e6}, SILICON, seconds=0)
    assert bill.nominal == pytest.approx(1.33e-3, rel=1e-4)
    assert any("not verified" in note for note in bill.notes)


def test_static_energy_of_that_query():
    bill = price({"synaptic_events": 5.44e7}, LOIHI, seconds=60 * 5.8e-6, chips=32)
    assert bill.components["static"] == pytest.approx(1.16e-3, rel=0.005)


def test_dense_query_by_hand():
    counts = {"macs_fp32": 1_000_000, "dram_bits": 8_000_000}
    bill = price(counts, CIRCUIT, seconds=1e-6)
    assert bill.components == pytest.approx({"compute": 1.69e-6, "DRAM read": 8e6 * 3.92e-12})
    assert "no static power in this ledger's constants: none charged" in bill.notes


def test_the_board_pays_for_everything():
    cost = attention(32_768, 256, precision="int8")
    seconds = cost.seconds(BOARD)
    bill = price(cost.counts, BOARD, seconds=seconds, chips=2)
    assert bill.components == {"board": bill.nominal}
    assert bill.nominal == pytest.approx(400 * seconds * 2)
    assert (bill.low, bill.high) == pytest.approx((0.9 * bill.nominal, 1.1 * bill.nominal))


# The range


def test_one_constant_is_exact():
    bill = price({"synaptic_events": 1000}, LOIHI, seconds=0)
    assert (bill.low, bill.nominal, bill.high) == pytest.approx((23.6e-9, 23.6e-9, 35.5e-9), rel=1e-12)
    assert bill.median == pytest.approx(1000 * math.sqrt(23.6 * 35.5) * 1e-12, rel=1e-12)


def test_two_constants_against_plain_monte_carlo():
    counts = {"updates_active": 1000, "packets": 50_000}
    bill = price(counts, LOIHI, seconds=0, samples=20_000)
    rng = np.random.default_rng(5)
    total = np.zeros(400_000)
    for name, count in counts.items():
        q = LOIHI.quantity(f"energy.{name}")
        middle, deviation = (math.log(q.low) + math.log(q.high)) / 2, math.log(q.high / q.low)
        total += count * 1e-12 * np.exp(middle + deviation * (rng.random(len(total)) - 0.5) / 0.9)
    assert (bill.low, bill.median, bill.high) == pytest.approx(np.percentile(total, [5, 50, 95]), rel=0.01)


@settings(max_examples=40, deadline=None)
@given(counts=COUNTERS, seconds=st.floats(0, 10), factor=st.integers(1, 1000))
def test_linear_and_ordered(counts, seconds, factor):
    one = price(counts, LOIHI, seconds=seconds, samples=400)
    many = price({n: factor * c for n, c in counts.items()}, LOIHI, seconds=factor * seconds, samples=400)
    assert one.low <= one.nominal <= one.high
    for level in ("low", "nominal", "median", "high"):
        assert getattr(many, level) == pytest.approx(factor * getattr(one, level), rel=1e-9)
    assert math.fsum(one.components.values()) == pytest.approx(one.nominal, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    counts=COUNTERS, name=st.sampled_from(LOIHI.priced()), more=st.integers(0, 10**9), seconds=st.floats(0, 1)
)
def test_more_work_never_costs_less(counts, name, more, seconds):
    before = price(counts, LOIHI, seconds=seconds, samples=400)
    after = price({**counts, name: counts.get(name, 0) + more}, LOIHI, seconds=seconds, samples=400)
    for level in ("low", "nominal", "median", "high"):
        # the grid of 400 strata interpolates between neighbours where exact percentiles do not
        assert getattr(after, level) >= getattr(before, level) * (1 - 1e-4)


def test_the_seed_decides():
    counts = {"synaptic_events": 10, "updates_active": 10, "packets": 3}
    same = [price(counts, LOIHI, seconds=1e-9, rng=rng) for rng in (7, np.int64(7), np.random.default_rng(7))]
    assert same[0] == same[1] == same[2]
    assert price(counts, LOIHI, seconds=1e-9, rng=8).low != same[0].low
    backwards = dict(reversed(counts.items()))
    assert price(backwards, LOIHI, seconds=1e-9, rng=7).low == pytest.approx(same[0].low, rel=1e-12)


def test_json_follows_the_schema():
    bill = price({"synaptic_events": 123, "packets": 7}, LOIHI, seconds=1 / 3)
    document = bill.as_json()
    known = vocabulary.schema()["$defs"]["energy"]
    assert set(known["required"]) <= set(document) <= set(known["properties"])
    assert document["seconds"] == 0.333333
    assert document["sources"][0].startswith("Davies et al.")


# Nothing silently free


def test_unknown_counters():
    with pytest.raises(ValueError, match="names of the vocabulary, got spikes"):
        price({"spikes": 1}, LOIHI, seconds=0)
    with pytest.raises(ValueError, match="names of the vocabulary, got spikes"):
        price({"packets": 1}, LOIHI, seconds=0, charge=["packets", "spikes"])


def test_a_counter_without_a_constant_is_an_error():
    with pytest.raises(ValueError, match=r"'a100-path' has an energy for .* got macs_fp32"):
        price({"macs_fp32": 1}, PATH, seconds=0)
    with pytest.raises(ValueError, match=r"\(none\), got macs_fp32|has an energy for"):
        price({"macs_fp32": 1}, substrate.load("jouppi-7nm"), seconds=0)


def test_charge_names_exactly_what_is_priced():
    counts = {"synaptic_events": 10, "packets": 2, "fired": 3, "overshoot": 1}
    bill = price(counts, LOIHI, seconds=0, charge=("synaptic_events", "packets"))
    assert "not charged, the substrate has no constant: fired, overshoot" in bill.notes
    assert any(
        note.startswith("priced by the substrate, but not counted: hops_east_west") for note in bill.notes
    )
    with pytest.raises(ValueError, match="silently free; missing packets"):
        price(counts, LOIHI, seconds=0, charge=["synaptic_events"])
    with pytest.raises(ValueError, match="got fired"):
        price(counts, LOIHI, seconds=0, charge=["synaptic_events", "packets", "fired"])
    with pytest.raises(ValueError, match="counters that are in counts, got updates"):
        price(counts, LOIHI, seconds=0, charge=["synaptic_events", "packets", "updates"])
    with pytest.raises(TypeError, match="charge must be a collection"):
        price(counts, LOIHI, seconds=0, charge="packets")


def chip(folder, energies, power=""):
    """A small chip in a file."""
    rows = "".join(
        f'{name} = {{ value = 2.0, unit = "pJ", low = 1.0, high = 4.0, verified = true, source = "me"{more} }}\n'
        for name, more in energies.items()
    )
    head = 'format = 1\nname = "x"\ntitle = "x"\nkind = "neuromorphic"\nnode = "1 nm"\nledger = "circuit"\n'
    head += 'notes = "x"\n'
    path = folder / "x.toml"
    path.write_text(f"{head}[energy]\n{rows}{power}", encoding="utf-8")
    return substrate.load(path)


def test_leakage_is_never_charged_twice(tmp_path):
    leaky = {"synaptic_events": ", includes_leakage = true"}
    bill = price({"synaptic_events": 5}, chip(tmp_path, leaky), seconds=100)
    assert bill.components == pytest.approx({"compute": 1e-11})
    assert "static power is inside the energies of the events" in bill.notes
    power = '[power]\nstatic = { value = 1.0, unit = "W", low = 1.0, high = 1.0, verified = true, source = "me" }\n'
    with pytest.raises(ValueError, match="charged twice"):
        chip(tmp_path, leaky, power)


def test_an_aggregate_is_never_charged_beside_its_parts(tmp_path):
    both = chip(tmp_path, {"updates": "", "updates_active": ""})
    with pytest.raises(ValueError, match="must not name updates beside its parts"):
        price({"updates": 2, "updates_active": 1}, both, seconds=0)


def test_a_counter_that_is_no_work_has_no_price(tmp_path):
    with pytest.raises(ValueError, match=r"counters of work.* got touched"):
        price({"touched": 2}, chip(tmp_path, {"touched": ""}), seconds=0)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"seconds": -1}, ValueError, "seconds must be a finite number"),
        ({"seconds": math.nan}, ValueError, "seconds must be a finite number"),
        ({"seconds": "1"}, TypeError, "seconds must be a number"),
        ({"seconds": 1, "chips": math.inf}, ValueError, "chips must be a finite number"),
        ({"seconds": 1, "samples": 3}, ValueError, "samples must be at least 100"),
        ({"seconds": 1, "rng": -1}, ValueError, "rng must be a seed"),
    ],
)
def test_errors_name_the_argument(options, error, text):
    with pytest.raises(error, match=text):
        price({"packets": 1, "hops_east_west": 1}, LOIHI, **options)


@pytest.mark.parametrize("count", [-1, math.nan, True, None])
def test_counts_are_numbers(count):
    with pytest.raises((ValueError, TypeError), match=r"counts\['packets'\] must be"):
        price({"packets": count}, LOIHI, seconds=0)


def test_arguments_of_the_wrong_type():
    with pytest.raises(TypeError, match="must be a Substrate"):
        price({"packets": 1}, "loihi", seconds=0)
    with pytest.raises(TypeError, match="counts must be a mapping"):
        price(["packets"], LOIHI, seconds=0)


# Panels


@pytest.fixture
def fig():
    figure = plt.figure()
    yield figure
    plt.close(figure)


def bar(ledger="circuit", **changes):
    base = {"label": "a", "ledger": ledger, "node": "7 nm", "low": 1e-6, "nominal": 2e-6, "high": 3e-6}
    return {
        **base,
        "sources": ["Someone 2020"],
        "components": {"DRAM read": 1.5e-6, "compute": 5e-7},
        **changes,
    }


def test_one_panel_per_ledger(fig):
    axes = panels(fig, [bar(), bar("path"), bar(label="b", node="14 nm", side="spiking")])
    assert [ax.get_title("left") for ax in axes] == ["circuit ledger, 7 nm and 14 nm", "path ledger, 7 nm"]
    assert all(ax.get_xscale() == "log" for ax in axes)
    assert [len(ax.containers) for ax in axes] == [2, 1]
    assert any("2.00 µJ [1]" in text.get_text() for text in axes[0].texts)
    assert any("[1] Someone 2020" in text.get_text() for text in axes[-1].texts)
    assert "DRAM read 75 %, compute 25 %" in axes[0].get_yticklabels()[0].get_text()
    fig.canvas.draw()


def test_two_ledgers_never_share_a_panel(fig):
    ax = fig.subplots()
    with pytest.raises(
        ValueError, match=r"one ledger to each panel, got 2 ledger\(s\) \(circuit, path\) for 1 axes"
    ):
        panels(ax, [bar(), bar("path")])
    with pytest.raises(ValueError, match="got 1 ledger"):
        panels([ax, ax], [bar()])
    assert panels(ax, [bar()], footnote=False) == [ax]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"low": 0.0}, "0 < low ≤ nominal ≤ high"),
        ({"low": 2.5e-6}, "0 < low ≤ nominal ≤ high"),
        ({"high": math.nan}, "0 < low ≤ nominal ≤ high"),
        ({"ledger": "guess"}, r"bars\[0\]\.ledger must be one of"),
        ({"side": "left"}, r"bars\[0\]\.side must be one of"),
    ],
)
def test_bars_are_checked(fig, changes, text):
    with pytest.raises(ValueError, match=text):
        panels(fig, [bar(**changes)])


def test_bars_are_needed(fig):
    with pytest.raises(ValueError, match="at least one bar"):
        panels(fig, [])
    with pytest.raises(ValueError, match="got no node"):
        panels(fig, [{key: value for key, value in bar().items() if key != "node"}])


@pytest.mark.parametrize(
    ("value", "text"), [(1e-6, "1.00 µJ"), (9.999e-7, "1.00 µJ"), (1.234e-5, "12.3 µJ"), (0.00123, "1.23 mJ")]
)
def test_values_have_three_digits(fig, value, text):
    axes = panels(fig, [bar(low=value, nominal=value, high=value)], footnote=False)
    assert axes[0].texts[0].get_text() == text
