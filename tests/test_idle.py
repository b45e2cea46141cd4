"""Power from silence to saturation: a straight line that begins at rest, and no line where rest is not published."""

import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hdspike import substrate
from hdspike.energy import price
from hdspike.energy.idle import at_rest, curve, ends, saturation
from hdspike.substrate import Quantity, Substrate
from tests.naive import idle as naive

LOIHI, ODIN, SENECA = (substrate.load(name) for name in ("loihi", "odin", "seneca"))


def chip(spread=1.0, leak=False, ledger="path", **values):
    """A made-up chip: ``static=0.1`` is power.static of 0.1 W, ``event=…`` J, ``clock=…`` J, ``visit=…`` J."""
    keys = {
        "event": "energy.synaptic_events",
        "clock": "energy.clock_cycles",
        "visit": "energy.updates",
        "time": "timing.synaptic_event",
        "cores": "topology.cores",
        "peak": "peak.synaptic_events",
    }
    units = {"energy": "J", "power": "W", "timing": "s", "topology": "1", "peak": "op/s"}
    quantities = {}
    for name, value in values.items():
        key = keys.get(name, f"power.{name}")
        unit = units[key.split(".")[0]]
        bounds = (value / spread, value * spread)
        quantities[key] = Quantity(
            key, value, unit, *bounds, "1 nm", ledger, "made up (assumed)", False, leak and name == "event"
        )
    return Substrate("toy", "A toy", "neuromorphic", "1 nm", ledger, "none", MappingProxyType(quantities))


WATTS, JOULES = st.floats(1e-3, 1e3), st.floats(0, 1e-3)
RATE = st.integers(0, 1000)


# The line


@given(
    static=WATTS,
    event=JOULES,
    clock=JOULES,
    part=st.floats(0, 1),
    asleep=st.booleans(),
    first=RATE,
    second=RATE,
)
def test_power_is_affine_monotone_and_never_below_rest(static, event, clock, part, asleep, first, second):
    awake = static + 50.0 * clock
    given = {"static": static, "event": event, "clock": clock} | ({"idle": part * awake} if asleep else {})
    line = curve(chip(**given), max_events_per_s=1000, always={"clock_cycles": 50.0})
    low, high = sorted((first, second))
    one, other = line.watts([low, high])
    rest = part * awake if asleep else awake
    assert line.rest == ("idle" if asleep else "static")
    assert line.rest_w == pytest.approx(rest, rel=1e-9)
    assert rest * (1 - 1e-9) <= one * (1 + 1e-9) and one <= other * (1 + 1e-9)
    assert line.watts((low + high) / 2) == pytest.approx((one + other) / 2, rel=1e-9, abs=1e-12)
    assert line.watts(1000) == pytest.approx(awake + 1000 * event, rel=1e-9)
    assert math.fsum(line.split(high).values()) == pytest.approx(other, rel=1e-9)
    assert line.at_silence == pytest.approx(rest / (awake + 1000 * event), rel=1e-9)


@given(
    idle=st.integers(0, 5),
    more=st.integers(0, 5),
    event=st.integers(0, 3),
    rate=RATE,
    most=st.integers(1, 1000),
)
def test_a_chip_that_sleeps_between_events_slot_by_slot(idle, more, event, rate, most):
    rate = min(rate, most)
    line = curve(chip(idle=float(idle), static=float(idle + more), event=float(event)), max_events_per_s=most)
    wanted = naive.watts(rate, most, idle=idle, awake=idle + more, event=event, slots=7)
    assert line.watts(rate) == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@given(static=WATTS, event=st.floats(1e-6, 1e-3), idle=st.one_of(st.none(), st.floats(0.1, 0.9)))
def test_where_events_cost_as_much_as_silence(static, event, idle):
    given = {} if idle is None else {"idle": idle * static}
    line = curve(chip(static=static, event=event, **given), max_events_per_s=1e12)
    if idle is None:
        assert line.even == pytest.approx(static / event)
    assume(line.even <= line.saturation)
    assert line.watts(line.even) == pytest.approx(2 * line.rest_w)
    assert line.joules_per_event(line.even) == pytest.approx(2 * line.marginal_j)


def test_events_that_cost_nothing_never_cost_as_much_as_rest():
    line = curve(chip(idle=20.0), event={}, max_events_per_s=1e15)
    assert line.even == math.inf
    assert line.at_silence == 1.0
    assert line.watts([0, 1e14, 1e15]).tolist() == [20.0, 20.0, 20.0]


def test_without_a_figure_for_the_chip_awake_it_idles_on():
    line = curve(chip(idle=2.0, event=0.5), max_events_per_s=10)
    assert line.watts([0, 4]).tolist() == [2.0, 4.0]


@given(rate=RATE, spread=st.floats(1.01, 3), seed=st.integers(0, 9))
def test_the_range_is_that_of_a_bill_of_one_second(rate, spread, seed):
    sheet = chip(spread, static=3.0, event=0.004, visit=0.1)
    line = curve(sheet, max_events_per_s=1000, always={"updates": 10.0})
    bill = price({"synaptic_events": rate, "updates": 10}, sheet, seconds=1, rng=seed, samples=500)
    low, high = line.interval(rate, samples=500, rng=seed)
    assert (low, high) == pytest.approx((bill.low, bill.high), rel=1e-6)
    assert low <= line.watts(rate) <= high


def test_published_minima_stay_inside_the_range():
    sheet = chip(static=1.0, event=1.0)
    edges = {key: replace(q, high=2.0 * q.value) for key, q in sheet.quantities.items()}
    line = curve(replace(sheet, quantities=MappingProxyType(edges)), max_events_per_s=1)
    low, high = line.interval(1)
    assert low == line.watts(1) == 2.0
    assert 3.0 < high < 4.0


# What is not published


def test_nothing_published_for_rest_is_no_zero():
    for name in substrate.available():
        sheet = substrate.load(name)
        if at_rest(sheet) is not None or not sheet.has("energy.synaptic_events"):
            continue
        if sheet.quantity("energy.synaptic_events").includes_leakage:
            continue
        line = curve(sheet, max_events_per_s=1e6)
        assert line.rest is None
        assert line.known_w(1e6) == pytest.approx(1e6 * sheet.si("energy.synaptic_events"))
        for ask in (
            lambda line=line: line.watts(0),
            lambda line=line: line.rest_w,
            lambda line=line: line.at_silence,
            lambda line=line: line.even,
            lambda line=line: line.joules_per_event(1),
            lambda line=line: line.split(1),
            lambda line=line: line.interval(1),
        ):
            with pytest.raises(
                ValueError, match=r"^substrate must state power\.idle or power\.static .* and not 0"
            ):
                ask()


def test_at_rest():
    assert at_rest(LOIHI) == "static"
    assert at_rest(substrate.load("h100-board")) == "idle"
    assert at_rest(SENECA) is None
    assert at_rest(chip(static=2.0, idle=1.0)) == "idle"


# The shipped chips


def test_loihi():
    line = curve(LOIHI, always={"updates_inactive": 128 * 1024 * 1000})
    assert line.rest_w == pytest.approx(0.104 + 128 * 1024 * 1000 * 52e-12)
    assert line.saturation == pytest.approx(128 / 3.5e-9)
    assert line.watts(line.saturation) == pytest.approx(line.rest_w + 128 / 3.5e-9 * 23.6e-12)


@pytest.mark.parametrize(("hertz", "watts"), [(75e6, 477e-6), (1.3e6, 35e-6)])
def test_odin_at_saturation_is_its_measured_point(hertz, watts):
    line = curve(ODIN, always={"clock_cycles": hertz}, max_events_per_s=hertz / 2, rest="static")
    assert line.watts(hertz / 2) == pytest.approx(watts, rel=0.005)
    assert line.rest_w == pytest.approx(27.3e-6 + 1.78e-12 * hertz)


def test_a_board_goes_from_idle_to_its_design_power():
    line = curve(substrate.load("h100-board"), event={"macs_int8": 1.0})
    assert line.saturation == pytest.approx(1979e12 / 2)
    assert line.watts([0, line.saturation / 2, line.saturation]) == pytest.approx([71.8, 385.9, 700.0])
    assert line.ledger == "board"


def test_saturation():
    assert saturation(chip(time=1e-9, cores=4.0)) == pytest.approx(4e9)
    assert saturation(chip(time=1e-9, cores=4.0), {"synaptic_events": 2.0}) == pytest.approx(2e9)
    assert saturation(chip(time=1e-9, cores=4.0, peak=7e9)) == pytest.approx(7e9)
    gpu = substrate.load("gh200-path")
    words = {"macs_int8": 1.0, "dram_bits": 8.0}
    assert saturation(gpu, words) == pytest.approx(gpu.si("peak.dram"))
    assert saturation(gpu, words | {"dram_bits": 1e-6}) == pytest.approx(gpu.si("peak.int8") / 2)


# Errors


TOY = chip(static=1.0, event=0.001)
LINE = curve(TOY, max_events_per_s=100)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ends("loihi"), TypeError, "substrate must be a Substrate"),
        (lambda: saturation("loihi"), TypeError, "substrate must be a Substrate"),
        (lambda: at_rest("loihi"), TypeError, "substrate must be a Substrate"),
        (lambda: curve("loihi"), TypeError, "substrate must be a Substrate"),
        (lambda: curve(TOY, event=[1]), TypeError, "event must be a mapping of counters, not list"),
        (
            lambda: curve(TOY, event={"spikes": 1}),
            ValueError,
            "event must use counters of work, .*, got spikes",
        ),
        (
            lambda: curve(TOY, event={"packets": 1}, max_events_per_s=1),
            ValueError,
            "event must have counters that",
        ),
        (
            lambda: curve(TOY, event={"synaptic_events": -1}),
            ValueError,
            r"event\['synaptic_events'\] must be",
        ),
        (
            lambda: curve(TOY, max_events_per_s=1, always={"packets": 1}),
            ValueError,
            "always must have counters",
        ),
        (
            lambda: curve(TOY, max_events_per_s=1, always={"updates": math.nan}),
            ValueError,
            r"always\['updates'\]",
        ),
        (lambda: curve(TOY, max_events_per_s=0), ValueError, r"max_events_per_s must be above 0, got 0\.0"),
        (
            lambda: curve(TOY, max_events_per_s=math.inf),
            ValueError,
            "max_events_per_s must be a finite number",
        ),
        (
            lambda: curve(TOY),
            ValueError,
            "substrate must state how many events it can do: .*, got 'toy' for syn",
        ),
        (
            lambda: curve(TOY, max_events_per_s=1, rest="sleep"),
            ValueError,
            "rest must be one of idle, static",
        ),
        (
            lambda: curve(TOY, max_events_per_s=1, rest="idle"),
            ValueError,
            "rest must be a power that 'toy' states",
        ),
        (
            lambda: curve(chip(static=1.0, idle=2.0), event={}, max_events_per_s=1),
            ValueError,
            r"power\.idle must be at most what 'toy' draws awake, 1 W, got 2 W",
        ),
        (
            lambda: curve(chip(event=1.0, leak=True), max_events_per_s=1),
            ValueError,
            r"event must not be priced by energy\.synaptic_events of 'toy': it includes leakage",
        ),
        (
            lambda: curve(substrate.load("a100-board"), event={"macs_int8": 1}),
            ValueError,
            r"substrate must state power\.idle beside power\.board, .* got 'a100-board'",
        ),
        (
            lambda: LINE.watts(101),
            ValueError,
            "events_per_s must be at most 100, where 'toy' saturates, got 101",
        ),
        (lambda: LINE.watts(-1), ValueError, "events_per_s must be finite and at least 0, got -1"),
        (lambda: LINE.watts(np.array(["a"])), TypeError, "events_per_s must be numbers"),
        (lambda: LINE.split([1, 2]), TypeError, r"events_per_s must be a number, not \[1, 2\]"),
        (lambda: LINE.joules_per_event([0, 1]), ValueError, "events_per_s must be above 0, got 0"),
        (lambda: LINE.interval(1, samples=5), ValueError, "samples must be at least 100, got 5"),
    ],
)
def test_bad_arguments(call, error, text):
    with pytest.raises(error, match=f"^{text}"):
        call()


def test_two_published_ends():
    assert ends(substrate.load("always-on-snn")) == pytest.approx((75e-9, 300e-9))
    with pytest.raises(
        ValueError, match=r"substrate must state power.idle and power.full, got 'speck' without full"
    ):
        ends(substrate.load("speck"))
