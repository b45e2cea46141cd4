"""Calibrations: what was measured on silicon comes out of the constants, and a fit is the fit that fractions find."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hdspike import bits, chip, substrate
from hdspike.energy import calibration as cal
from hdspike.energy import price
from hdspike.energy.calibration import ODIN, TRUENORTH, Affine, Point, affine, affine_of, errors, held_out
from hdspike.network import Synapses
from hdspike.workloads import neighbours as nn
from tests.naive import calibration as naive

LOIHI = substrate.load("loihi")
POSITIVE = st.floats(1e-6, 1e6)
RATES = st.integers(0, 10**9)


# What was measured


def test_the_middle_point_of_truenorth_is_met_by_a_fit_that_never_saw_it():
    model, error = held_out(TRUENORTH, "20.07 Hz")
    assert error == pytest.approx(-0.0054, abs=5e-5)
    assert (model.static_w, model.event_j) == pytest.approx((64.43e-3, 2.297e-12), rel=5e-4)
    assert model.watts(cal.truenorth_events(20.07)) == pytest.approx(71e-3, rel=0.01)
    assert errors(model, TRUENORTH)["11.58 Hz"] == pytest.approx(0.0, abs=1e-12)


def test_the_file_of_truenorth_is_that_fit():
    stated, fitted = affine_of(substrate.load("truenorth")), held_out(TRUENORTH, "20.07 Hz")[0]
    assert (stated.static_w, stated.event_j) == pytest.approx((fitted.static_w, fitted.event_j), rel=1e-3)
    assert stated.cycle_j == 0.0
    assert max(map(abs, errors(stated, TRUENORTH).values())) < 0.01


def test_leaving_out_another_point_is_worse_but_no_wonder():
    found = {p.name: held_out(TRUENORTH, p.name)[1] for p in TRUENORTH}
    assert abs(found["20.07 Hz"]) < abs(found["11.58 Hz"]) < abs(found["95.93 Hz"]) < 0.05


def test_odin_from_its_file():
    found = errors(affine_of(substrate.load("odin")), ODIN)
    assert max(map(abs, found.values())) < 0.005
    assert found["75 MHz"] == pytest.approx(-0.000157, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "rate", "cycles", "published"),
    [("truenorth", cal.truenorth_events(20.0), 0.0, 26e-12), ("odin", 37.5e6, 75e6, 12.7e-12)],
)
def test_inclusive_energies_come_out_at_their_operating_point_alone(name, rate, cycles, published):
    model = affine_of(substrate.load(name))
    inclusive = substrate.load(f"{name}-inclusive").quantity("energy.synaptic_events")
    assert inclusive.includes_leakage
    assert inclusive.si == pytest.approx(published)
    assert model.inclusive_j(rate, cycles) == pytest.approx(published, rel=0.02)
    assert model.inclusive_j(rate / 10, cycles) > 2.5 * published


@pytest.mark.parametrize(("events", "joules"), [(5.12256e7, 1.449e-3), (5.76e7, 1.599e-3)])
def test_the_query_of_frady_is_nine_to_twenty_per_cent_above_the_silicon(events, joules):
    bill = price({"synaptic_events": events, "updates_inactive": 76_800 * 60}, LOIHI, seconds=0)
    assert bill.nominal == pytest.approx(joules, abs=1e-6)
    assert 0.089 <= bill.nominal / 1.33e-3 - 1 <= 0.2023


def test_a_packet_on_the_mesh_costs_what_its_hops_cost():
    mesh = chip.Architecture.from_substrate(LOIHI)
    zero = np.zeros(1, dtype=np.int64)
    network = nn.ask(Synapses.from_dense(np.ones((1, 1), dtype=np.int8)), zero, zero, ramp=False)
    for start, end in ((0, 1), (0, 4), (0, 32), (5, 126), (127, 0)):  # four cores a tile, eight tiles a row
        placed = chip.by_hand(network, mesh, {"lines": [start], "patterns": [end]})
        counts = chip.simulate(network, mesh, 3, placement=placed, noc="exact").counts
        ran = {name: counts[name] for name in ("packets", "hops_east_west", "hops_north_south")}
        dx, dy = (abs(int(xy[end // 4] - xy[start // 4])) for xy in (mesh.tile_x, mesh.tile_y))
        wanted = 1.7e-12 + 3.0e-12 * dx + 4.0e-12 * dy
        assert price(ran, LOIHI, seconds=0).nominal == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "counters", "joules"),
    [
        ("a100-circuit", {"word_xors": 1, "popcounts": 1}, 17.6e-12),
        ("a100-circuit", {"sram_bits": 64}, 1.33e-9),
        ("a100-circuit", {"dram_bits": 64}, 39.4e-9),
        ("cpu-7nm", {"dram_bits": 64}, 204e-9),
        ("gh200-path", {"dram_bits": 64}, 117e-9),
    ],
)
def test_the_read_is_the_bill(name, counters, joules):
    counts = {counter: bits.word_count(10_000) * much for counter, much in counters.items()}
    bill = price(counts, substrate.load(name), seconds=0)
    assert bill.nominal == pytest.approx(joules, rel=0.01)


# The law


MODELS = st.builds(
    Affine,
    static_w=st.floats(0, 10),
    event_j=st.floats(0, 1e-6),
    cycle_j=st.floats(0, 1e-6),
)


@given(model=MODELS, first=RATES, second=RATES, cycles=RATES)
def test_power_is_affine_monotone_and_never_below_static(model, first, second, cycles):
    low, high = sorted((first, second))
    one, other = model.watts([low, high], cycles)
    assert model.static_w <= one * (1 + 1e-12) and one <= other
    assert model.watts((low + high) / 2, cycles) == pytest.approx((one + other) / 2, rel=1e-9)
    assert math.fsum(model.parts(high, cycles).values()) == pytest.approx(other, rel=1e-12)
    if low:
        assert model.inclusive_j(low, cycles) >= model.event_j * (1 - 1e-12)


@pytest.mark.parametrize("name", ["truenorth", "odin"])
@pytest.mark.parametrize("cycles", [0, 1_300_000])
def test_a_bill_of_one_second_is_the_law(name, cycles):
    sheet = substrate.load(name)
    counts = {"synaptic_events": 650_000} | ({"clock_cycles": cycles} if name == "odin" else {})
    bill = price(counts, sheet, seconds=1, charge=tuple(counts))
    law = affine_of(sheet).watts(650_000, cycles)
    assert bill.nominal == pytest.approx(float(law), rel=1e-12)


@given(
    static=st.floats(1e-3, 1e3),
    event=st.floats(1e-3, 1e3),
    cycle=st.floats(1e-3, 1e3),
    seed=st.integers(0, 999),
)
def test_points_on_a_law_give_the_law_back(static, event, cycle, seed):
    rates, clocks = np.random.default_rng(seed).uniform(0.1, 10.0, (2, 5))
    assume(np.linalg.cond(np.stack([np.ones(5), rates, clocks])) < 50)
    law = Affine(static, event, cycle)
    points = [
        Point(str(i), float(law.watts(r, f)), r, f)
        for i, (r, f) in enumerate(zip(rates, clocks, strict=True))
    ]
    found = affine(points)
    assert max(map(abs, errors(found, points).values())) < 1e-9
    largest = max(static, event, cycle)
    assert (found.static_w, found.event_j, found.cycle_j) == pytest.approx(
        (static, event, cycle), abs=1e-6 * largest
    )


@given(
    rows=st.lists(
        st.tuples(st.integers(1, 50), st.integers(0, 12), st.integers(0, 12)),
        min_size=3,
        max_size=6,
        unique=True,
    ),
    clock=st.booleans(),
)
def test_a_fit_is_the_fit_by_fractions(rows, clock):
    rows = [(w, r, f if clock else 0) for w, r, f in rows]
    points = [Point(str(i), w, r, f) for i, (w, r, f) in enumerate(rows)]
    clocked = any(f for _, _, f in rows)
    table = np.array([[1, r, f][: 3 if clocked else 2] for _, r, f in rows])
    assume(np.linalg.matrix_rank(table) == table.shape[1])
    found = affine(points)
    wanted = naive.affine(rows, clock=clocked)
    assert (found.static_w, found.event_j, found.cycle_j) == pytest.approx(wanted, rel=1e-7, abs=1e-9)


def test_power_that_falls_with_activity_is_no_negative_energy():
    model = affine([Point("slow", 2.0, 1.0), Point("fast", 1.0, 2.0)])
    assert model.event_j == 0.0
    assert model.static_w == pytest.approx(1.2)  # least relative errors: Σ1/w ÷ Σ1/w²


# Errors


def point(**changed):
    return Point(**({"name": "a", "watts": 1.0, "events_per_s": 1.0} | changed))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: point(name=""), TypeError, "name must be a text, got ''"),
        (lambda: point(watts=0), ValueError, r"watts must be above 0, got 0"),
        (lambda: point(watts="1"), TypeError, "watts must be a number, not '1'"),
        (lambda: point(watts=math.nan), ValueError, "watts must be a finite number of at least 0, got nan"),
        (lambda: point(events_per_s=-1), ValueError, "events_per_s must be a finite number"),
        (lambda: point(cycles_per_s=math.inf), ValueError, "cycles_per_s must be a finite number"),
        (lambda: Affine(1.0, -1.0), ValueError, "event_j must be a finite number of at least 0, got -1"),
        (
            lambda: Affine(1.0, 1.0).watts(-1),
            ValueError,
            "events_per_s must be finite and at least 0, got -1",
        ),
        (lambda: Affine(1.0, 1.0).watts(1, "a"), TypeError, "cycles_per_s must be numbers, not 'a'"),
        (lambda: Affine(1.0, 1.0).inclusive_j(0), ValueError, "events_per_s must be above 0, got 0"),
        (
            lambda: affine([]),
            ValueError,
            "points must be at least one, each with a name of its own, got none",
        ),
        (lambda: affine([point(), point()]), ValueError, "points must be at least one, .*, got a, a"),
        (lambda: affine([point(), 3]), TypeError, "points must be of type Point, not int"),
        (lambda: affine(3), TypeError, "points must be a collection of Points, not int"),
        (
            lambda: Affine(1.0, 1.0).watts([1, 2], [1, 2, 3]),
            ValueError,
            r"cycles_per_s must broadcast with events_per_s, got \(3,\) and \(2,\)",
        ),
        (lambda: affine([point()]), ValueError, "points must tell 2 constants apart"),
        (lambda: affine([point(), point(name="b")]), ValueError, "points must tell 2 constants apart"),
        (
            lambda: affine(ODIN),
            ValueError,
            r"points must tell 3 constants apart.*650000 events/s at 1\.3e\+06 Hz",
        ),
        (lambda: held_out(TRUENORTH, "x"), ValueError, "name must be a point, one of 11.58 Hz, .*, got 'x'"),
        (lambda: affine_of("odin"), TypeError, "substrate must be a Substrate"),
        (
            lambda: affine_of(substrate.load("seneca")),
            ValueError,
            "substrate must state power.static, got 'seneca'",
        ),
        (
            lambda: affine_of(substrate.load("a100-path")),
            ValueError,
            "substrate must state energy.synaptic_events, got 'a100-path'",
        ),
        (lambda: cal.truenorth_events(-1), ValueError, "rate_hz must be a finite number of at least 0"),
    ],
)
def test_bad_arguments(call, error, text):
    with pytest.raises(error, match=f"^{text}"):
        call()
