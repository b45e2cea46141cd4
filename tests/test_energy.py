"""Prices: goldens from measured silicon, laws of the bill, and nothing silently free."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdspike import substrate, vocabulary
from hdspike.dense import attention
from hdspike.energy import WORK, price
from hdspike.energy.percentiles import HIGH, LOW, Spread

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
        # a constant that was not in the sum before is sampled, 400 times only
        assert getattr(after, level) >= getattr(before, level) * (1 - 1e-2)


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
    assert document["substrate"] == "loihi"


def test_units_of_work_are_those_of_the_schema():
    assert tuple(vocabulary.schema()["$defs"]["energy"]["properties"]["per"]["enum"]) == WORK
    assert price({"packets": 1}, LOIHI, seconds=0, per="token").as_json()["per"] == "token"
    assert "per" not in price({"packets": 1}, LOIHI, seconds=0).as_json()


# Per unit of work


@settings(max_examples=40, deadline=None)
@given(counts=COUNTERS, seconds=st.floats(0, 10), count=st.integers(1, 10**6))
def test_a_bill_of_many_is_that_of_one(counts, seconds, count):
    """Pricing the counts of many tokens and dividing is pricing the counts of one."""
    many = price({n: count * c for n, c in counts.items()}, LOIHI, seconds=count * seconds, samples=400)
    one = price(counts, LOIHI, seconds=seconds, samples=400, per="token")
    found = many.per(count, "token")
    for level in ("low", "nominal", "median", "high", "seconds", "mean", "deviation"):
        assert getattr(found, level) == pytest.approx(getattr(one, level), rel=1e-9)
    assert found.components == pytest.approx(one.components, rel=1e-9)
    assert found.work == one.work == "token"
    assert found.bounds == pytest.approx(one.bounds, rel=1e-9)


@pytest.mark.parametrize("seconds", [5e-324, 1e-300, 1e-12])
def test_almost_no_time_at_all(seconds):
    for counts in ({}, {"packets": 0, "hops_east_west": 0}, {"packets": 1, "hops_east_west": 1}):
        bill = price(counts, LOIHI, seconds=seconds)
        assert 0.0 <= bill.low <= bill.nominal <= bill.high < 1e-11


def test_power_is_joules_by_seconds():
    bill = price({"synaptic_events": 10**9}, LOIHI, seconds=0.5, per="run")
    assert bill.watts == pytest.approx((23.6e-3 + 0.104 * 0.5) / 0.5)
    assert bill.per(1000, "query").watts == pytest.approx(bill.watts)
    second = bill.per(unit="second")
    assert (second.nominal, second.seconds, second.work) == (pytest.approx(bill.watts), 1.0, "second")


def test_components_have_ranges_of_their_own():
    counts = {"synaptic_events": 1000, "updates_active": 50, "updates_inactive": 70}
    bill = price(counts, LOIHI, seconds=1e-9)
    ranges = bill.ranges()
    assert set(ranges) == set(bill.components) == {"compute", "update", "static"}
    assert ranges["compute"] == pytest.approx((23.6e-9, 23.6e-9, 35.5e-9), rel=1e-12)  # one constant: exact
    alone = price({k: v for k, v in counts.items() if "updates" in k}, LOIHI, seconds=0)
    assert ranges["update"] == pytest.approx((alone.low, alone.nominal, alone.high), rel=1e-9)
    for low, nominal, high in ranges.values():
        assert low <= nominal <= high


WRONG_WORK = [
    (lambda bill: bill.per(2, "joule"), ValueError, "unit must be one of query, token"),
    (lambda bill: bill.per(0), ValueError, "count must be above 0"),
    (lambda bill: bill.per(-3), ValueError, "count must be a finite number of at least 0, got -3"),
    (lambda bill: bill.per(math.nan), ValueError, "count must be a finite number"),
    (lambda bill: bill.per("3"), TypeError, "count must be a number"),
    (lambda bill: bill.per(), TypeError, "count must be a number"),
    (lambda bill: bill.per(2, "second"), ValueError, "count must not be given for unit second"),
    (lambda bill: bill.per(unit="second"), ValueError, "seconds must be above 0"),
    (lambda bill: bill.watts, ValueError, "seconds must be above 0"),
]


@pytest.mark.parametrize(("call", "error", "text"), WRONG_WORK)
def test_units_of_work_are_checked(call, error, text):
    bill = price({"packets": 1}, LOIHI, seconds=0)
    with pytest.raises(error, match=text):
        call(bill)


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
        ({"seconds": 1, "per": "joule"}, ValueError, "per must be one of query, token"),
        (
            {"seconds": 1, "dependence": "some"},
            ValueError,
            "dependence must be one of independent, source, full",
        ),
    ],
)
def test_errors_name_the_argument(options, error, text):
    with pytest.raises(error, match=text):
        price({"packets": 1, "hops_east_west": 1}, LOIHI, **options)


@pytest.mark.parametrize("count", [-1, math.nan, True, None, 10**400])
def test_counts_are_numbers(count):
    with pytest.raises((ValueError, TypeError), match=r"counts\['packets'\] must be"):
        price({"packets": count}, LOIHI, seconds=0)


def test_power_over_no_time_is_said():
    for sheet in (LOIHI, BOARD):
        told = [price({"packets": 1}, sheet, seconds=seconds).notes for seconds in (0, 1)]
        assert [any("charged over 0 s" in note for note in notes) for notes in told] == [True, False]


def test_the_range_holds_constants_published_at_their_lowest():
    counts = {"dram_bits": 1e9, "dram_bits_written": 1e9}  # 3.92 pJ each, ranges from 3.9
    bill = price(counts, substrate.load("a100-circuit"), seconds=0)
    drawn = Spread.of(bill.terms).percentiles((LOW, HIGH))
    assert drawn[0] > bill.nominal == bill.low and bill.high == pytest.approx(drawn[1])


def test_arguments_of_the_wrong_type():
    with pytest.raises(TypeError, match="charge must be a collection of counters, not int"):
        price({"packets": 1}, LOIHI, seconds=0, charge=5)
    with pytest.raises(ValueError, match="names of the vocabulary, got 5"):
        price({5: 1}, LOIHI, seconds=0)
    with pytest.raises(TypeError, match="must be a Substrate"):
        price({"packets": 1}, "loihi", seconds=0)
    with pytest.raises(TypeError, match="counts must be a mapping"):
        price(["packets"], LOIHI, seconds=0)
