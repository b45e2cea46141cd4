"""Where each side wins: the grid against single bills, the closed form against a numeric root, nothing mixed."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdspike import substrate
from hdspike.energy import break_even as even
from hdspike.energy import price
from hdspike.energy.grid import draws, price_grid
from hdspike.energy.percentiles import Spread, Term
from tests.naive import break_even as naive

LOIHI, SILICON = substrate.load("loihi"), substrate.load("loihi-silicon")
CIRCUIT, PATH, BOARD = (substrate.load(f"a100-{ledger}") for ledger in ("circuit", "path", "board"))
DENSE = {"macs_int8": 1e6, "dram_bits": 8e6}
SPIKING = ("synaptic_events", "updates_inactive", "packets")


def dense_bill(scale=1.0):
    return price_grid({name: scale * np.asarray(count) for name, count in DENSE.items()}, CIRCUIT)


# The grid


@settings(max_examples=40, deadline=None)
@given(
    shape=st.sampled_from([(), (1,), (3,), (2, 3), (0,), (1, 4)]),
    names=st.lists(st.sampled_from(SILICON.priced()), unique=True, max_size=4),
    seed=st.integers(0, 2**32),
    chip=st.sampled_from([LOIHI, SILICON]),
)
def test_a_grid_is_its_cells(shape, names, seed, chip):
    rng = np.random.default_rng(seed)
    counts = {name: rng.integers(0, 10**9, size=shape) for name in names}
    seconds, chips = rng.random(shape), rng.integers(0, 5, size=shape)
    bill = price_grid(counts, chip, seconds=seconds, chips=chips)
    assert bill.shape == shape
    wanted = naive.price_grid(counts, chip, seconds, chips, shape)
    np.testing.assert_allclose(bill.joules, wanted, rtol=1e-12)
    np.testing.assert_allclose(sum(bill.components.values()), wanted, rtol=1e-12)


def test_one_cell_is_the_bill_of_price():
    counts = {"synaptic_events": 4096, "updates_inactive": 32_768, "hops_east_west": 99}
    one = price(counts, LOIHI, seconds=3e-6, chips=8)
    bill = price_grid(counts, LOIHI, seconds=3e-6, chips=8)
    assert float(bill.joules) == pytest.approx(one.nominal, rel=1e-12)
    parts = {name: float(part) for name, part in bill.components.items()}
    assert parts == pytest.approx(one.components, rel=1e-12)
    drawn = np.concatenate([rows[0][:, 0] for rows in draws(bill, samples=4000, seed=1)])
    assert len(drawn) == 4000
    assert np.quantile(drawn, [0.05, 0.5, 0.95]) == pytest.approx([one.low, one.median, one.high], rel=0.02)


def test_counts_times_and_chips_broadcast():
    bill = price_grid({"packets": np.ones((3, 1))}, LOIHI, seconds=np.ones(4), chips=2)
    assert bill.shape == (3, 4)
    np.testing.assert_allclose(bill.joules, 1.7e-12 + 2 * 0.104)


def test_the_board_pays_for_everything():
    bill = price_grid({"macs_int8": [1e9, 1e12]}, BOARD, seconds=[1e-3, 2e-3])
    np.testing.assert_allclose(bill.joules, [0.4, 0.8])


def test_two_substrates_of_one_ledger_add_up():
    both = price_grid({"packets": [1.0, 2.0]}, LOIHI) + price_grid({"macs_int8": 10}, CIRCUIT)
    np.testing.assert_allclose(both.joules, [2.7e-12, 4.4e-12])
    with pytest.raises(TypeError):
        both + 1


# Who wins


def test_ratio_rises_as_the_spike_rate_falls_and_passes_one_at_the_closed_form():
    rate = np.geomspace(1e-3, 10, 60)
    neurons, synapses = 1000, 1e6
    fixed = price_grid({"updates_inactive": neurons}, LOIHI)
    each = price_grid({"synaptic_events": synapses, "packets": neurons}, LOIHI)
    spiking = price_grid(
        {"updates_inactive": neurons, "synaptic_events": rate * synapses, "packets": rate * neurons}, LOIHI
    )
    dense = dense_bill()
    ratios = even.ratio(dense, spiking)
    assert (np.diff(ratios) < 0).all()
    by_hand = (1e6 * 0.1e-12 + 8e6 * 3.92e-12 - 52e-9) / (1e6 * 23.6e-12 + 1000 * 1.7e-12)
    closed = even.break_even(dense, fixed, each)
    assert float(closed.nominal) == pytest.approx(by_hand, rel=1e-12)
    assert closed.low <= closed.nominal <= closed.high

    def ratio_at(x):
        one = {"updates_inactive": neurons, "synaptic_events": x * synapses, "packets": x * neurons}
        return float(even.ratio(dense, price_grid(one, LOIHI)))

    assert even.root(ratio_at, 1e-3, 10) == pytest.approx(by_hand, rel=1e-10)
    (sampled,) = even.crossings(rate, ratios)
    assert sampled.at == pytest.approx(by_hand, rel=1e-3)
    assert sampled.above == "dense"
    ranged = even.crossing_range(rate, dense, spiking)
    assert (ranged.nominal, ranged.above) == (sampled.at, "dense")
    assert (ranged.low, ranged.high) == pytest.approx((float(closed.low), float(closed.high)), rel=5e-3)
    assert (ranged.inside, ranged.spiking_at_end) == (1.0, 0.0)


def test_the_closed_form_of_a_map_is_the_root_of_every_cell():
    synapses = np.array([[1e3], [1e5], [1e7]])
    updates = np.array([10.0, 1e4, 1e9])
    fixed = price_grid({"updates_inactive": updates}, LOIHI)
    each = price_grid({"synaptic_events": synapses}, LOIHI)
    found = even.break_even(dense_bill(), fixed, each)
    assert found.nominal.shape == (3, 3)
    assert (found.nominal[:, 2] == 0.0).all()  # the updates alone cost more than all of the dense side
    for i in range(3):
        for j in range(2):
            spent = float(fixed.joules[j])
            x = even.root(
                lambda x, i=i, spent=spent: (
                    float(dense_bill().joules) / (spent + x * synapses[i, 0] * 23.6e-12)
                ),
                1e-9,
                1e9,
            )
            assert found.nominal[i, j] == pytest.approx(x, rel=1e-9)
    assert (found.low <= found.nominal).all()
    assert (found.nominal <= found.high).all()


def test_a_load_that_costs_nothing_has_no_end():
    none = price_grid({"packets": 0}, LOIHI)
    assert even.break_even(dense_bill(), none, none).nominal == math.inf
    assert even.break_even(none, none, none).nominal == 0.0


def test_the_range_of_one_uncertain_constant_is_exact():
    rate = np.geomspace(1e-2, 1e2, 81)
    dense = price_grid({"dram_bits": 1e6}, PATH)
    spiking = price_grid({"synaptic_events": rate * 1e6}, SILICON)
    q, d = SILICON.quantity("energy.synaptic_events"), PATH.quantity("energy.dram_bits")
    found = even.crossing_range(rate, dense, spiking, samples=4000)
    assert found.nominal == pytest.approx(d.si / q.si, rel=1e-9)
    middle, width = math.log((d.low * d.high / q.low / q.high) ** 0.5), math.log(d.high / d.low)
    rng = np.random.default_rng(1)
    u, v = rng.random((2, 200_000))
    logs = width * (u - 0.5) / 0.9 - math.log(q.high / q.low) * (v - 0.5) / 0.9
    low, high = np.exp(middle + np.quantile(logs, [0.05, 0.95]))
    assert (found.low, found.high) == pytest.approx((low, high), rel=0.01)


def test_a_winner_everywhere_has_no_crossing():
    x = [1.0, 10.0, 100.0]
    dear = price_grid({"synaptic_events": 1e12 * np.array(x)}, LOIHI)
    found = even.crossing_range(x, dense_bill(), dear)
    assert (found.low, found.nominal, found.high, found.above) == (None, None, None, "dense")
    assert (found.inside, found.spiking_at_end) == (0.0, 0.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.01, 100.0).filter(lambda r: r != 1.0), min_size=1, max_size=12))
def test_crossings_against_the_naive_twin(ratios):
    x = [1.5**i for i in range(len(ratios))]
    found = even.crossings(x, ratios)
    wanted = naive.crossings(x, ratios)
    assert [c.above == "spiking" for c in found] == [up for _, up in wanted]
    assert [c.at for c in found] == pytest.approx([at for at, _ in wanted])


@pytest.mark.parametrize("power", [-2.0, -0.5, 1.0, 3.0])
def test_a_power_law_crosses_exactly(power):
    x = np.geomspace(1.0, 1e6, 5)
    (found,) = even.crossings(x, (x / 321.0) ** power)
    assert found.at == pytest.approx(321.0, rel=1e-12)
    assert found.above == ("spiking" if power > 0 else "dense")
    assert even.root(lambda at: (at / 321.0) ** power, 1.0, 1e6) == pytest.approx(321.0, rel=1e-12)
    assert even.root(lambda at: (at / 321.0) ** power, 1e3, 1e6) is None


def test_the_share_of_draws_against_plain_draws_and_against_the_difference_of_two_bills():
    counts = {"synaptic_events": 800_000, "updates_inactive": 100_000}
    spiking, dense = price_grid(counts, LOIHI), dense_bill()
    share = float(even.win_share(dense, spiking, samples=4000))
    rng = np.random.default_rng(7)
    sides = [
        [(chip.name, chip.quantity(f"energy.{name}"), count) for name, count in side.items()]
        for chip, side in ((CIRCUIT, DENSE), (LOIHI, counts))
    ]
    assert share == pytest.approx(naive.win_share(*sides, 4000, rng), abs=4 * 0.5 / 4000**0.5)
    difference = [
        Term("", chip, q, sign * count)
        for side, sign in zip(sides, (-1, 1), strict=True)
        for chip, q, count in side
    ]
    exact, error = Spread.of(difference).below(0.0)
    assert share == pytest.approx(exact, abs=0.01 + 3 * error)
    assert 0.05 < share < 0.95


def test_a_constant_of_both_sides_is_one_draw():
    less, more = (price_grid({"synaptic_events": amount}, LOIHI) for amount in (1.0e6, 1.001e6))
    assert even.win_share(more, less) == 1.0
    assert even.win_share(less, more) == 0.0
    assert even.win_share(less, less) == 0.0  # a tie goes to the dense side
    assert even.ratio(less, less) == 1.0


def test_shares_are_monotone_and_seeded():
    rate = np.geomspace(0.01, 100, 40)
    spiking = price_grid({"synaptic_events": rate * 1e6, "updates_inactive": 1e5}, LOIHI)
    share = even.win_share(dense_bill(), spiking, rng=3)
    assert (np.diff(share) <= 0).all()
    assert (share[0], share[-1]) == (1.0, 0.0)
    np.testing.assert_array_equal(share, even.win_share(dense_bill(), spiking, rng=np.random.default_rng(3)))
    part = even.win_share(
        dense_bill(), price_grid({"synaptic_events": rate[:7] * 1e6, "updates_inactive": 1e5}, LOIHI), rng=3
    )
    np.testing.assert_array_equal(share[:7], part)  # a cell does not depend on its neighbours


def test_constants_that_err_together_decide_more_often():
    dense, spiking = dense_bill(), price_grid({"synaptic_events": 5e5, "updates_inactive": 2e5}, LOIHI)
    alone, together = (float(even.win_share(dense, spiking, dependence=d)) for d in ("independent", "source"))
    assert alone != together


def test_of_several_dense_ways_the_cheapest_counts():
    spiking = price_grid({"synaptic_events": np.array([1e4, 1e5, 1e6, 1e7])}, LOIHI)
    one = price_grid({"dram_bits": np.array([1e5, 1e5, 1e7, 1e7])}, CIRCUIT)
    other = price_grid({"macs_int8": 1e7}, CIRCUIT)
    both = even.ratio([one, other], spiking)
    np.testing.assert_array_equal(both, np.minimum(even.ratio(one, spiking), even.ratio(other, spiking)))
    shares = [even.win_share(ways, spiking) for ways in ([one, other], one, other)]
    assert (shares[0] <= np.minimum(shares[1], shares[2])).all()
    assert even.ratio([one], spiking).tolist() == even.ratio(one, spiking).tolist()


# What is refused


@pytest.mark.parametrize("mixed", [(CIRCUIT, SILICON), (PATH, LOIHI), (BOARD, LOIHI)])
def test_two_ledgers_are_refused(mixed):
    dense, spiking = price_grid({"macs_int8": 1.0}, mixed[0]), price_grid({"synaptic_events": 1.0}, mixed[1])
    for call in (
        lambda: even.ratio(dense, spiking),
        lambda: even.win_share(dense, spiking),
        lambda: even.break_even(dense, spiking, spiking),
        lambda: even.crossing_range([1.0], dense, spiking),
        lambda: dense + spiking,
    ):
        with pytest.raises(
            ValueError, match=r"^bills must be of one ledger, got \w+ \(a100.* and \w+ \(loihi"
        ):
            call()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: price_grid({"macs_int8": 1}, "loihi"), TypeError, "substrate must be a Substrate"),
        (lambda: price_grid([1], LOIHI), TypeError, "counts must be a mapping"),
        (lambda: price_grid({"spikes": 1}, LOIHI), ValueError, "counts must use the names of the vocab"),
        (lambda: price_grid({"macs_int8": 1}, LOIHI), ValueError, "charge must name counters that the sub"),
        (lambda: price_grid({"packets": -1}, LOIHI), ValueError, r"counts\['packets'\] must be finite .* -1"),
        (lambda: price_grid({"packets": [0, math.nan]}, LOIHI), ValueError, r"counts\['packets'\] must be fin"),
        (lambda: price_grid({"packets": "many"}, LOIHI), TypeError, r"counts\['packets'\] must be numbers"),
        (lambda: price_grid({"packets": 1}, LOIHI, seconds=-1.0), ValueError, "seconds must be finite"),
        (lambda: price_grid({"packets": 1}, LOIHI, chips=math.inf), ValueError, "chips must be finite"),
        (lambda: price_grid({"packets": [1, 2]}, LOIHI, chips=[1, 2, 3]), ValueError, "counts, seconds and chips"),
        (lambda: even.ratio(dense_bill([1, 2]), dense_bill([1, 2, 3])), ValueError, "bills must have grids that"),
        (lambda: even.ratio(dense_bill(), 1.0), TypeError, "bills must be GridBills"),
        (lambda: even.ratio([], dense_bill()), ValueError, "dense must hold at least one bill"),
        (lambda: even.win_share(dense_bill(), dense_bill(), samples=10), ValueError, "samples must be at least"),
        (lambda: even.win_share(dense_bill(), dense_bill(), rng=-1), ValueError, "rng must be a seed"),
        (lambda: even.win_share(dense_bill(), dense_bill(), dependence="no"), ValueError, "dependence must be one"),
        (lambda: even.crossings([1.0, 1.0], [2.0, 0.5]), ValueError, "x must be a rising row"),
        (lambda: even.crossings([], []), ValueError, "x must be a rising row"),
        (lambda: even.crossings([0.0, 1.0], [2.0, 0.5]), ValueError, "x must be a rising row"),
        (lambda: even.crossings([1.0, 2.0], [2.0]), ValueError, "ratios must be one for each x"),
        (lambda: even.crossings([1.0, 2.0], [2.0, math.nan]), ValueError, "ratios must be above 0, got nan"),
        (lambda: even.crossings([1.0, 2.0], [2.0, 0.0]), ValueError, "ratios must be above 0, got 0"),
        (lambda: even.crossings([1.0, math.inf], [2.0, 0.5]), ValueError, "x must be a rising row of finite"),
        (lambda: even.crossings(["a"], [2.0]), TypeError, "x must be numbers"),
        (lambda: even.crossings([1.0], ["a"]), TypeError, "ratios must be numbers"),
        (lambda: even.root(lambda x: -1.0, 1.0, 2.0), ValueError, "ratio_at must be above 0, got -1"),
        (lambda: even.root(lambda x: 0.0, 1.0, 2.0), ValueError, "ratio_at must be above 0, got 0"),
        (lambda: even.root(lambda x: math.nan, 1.0, 2.0), ValueError, "ratio_at must be above 0, got nan"),
        (lambda: price_grid({"packets": [[1], [1, 2]]}, LOIHI), ValueError, r"counts\['packets'\] must be an array"),
        (lambda: even.root(lambda x: x, 0.0, 1.0), ValueError, "low must be above 0 and below high"),
        (lambda: even.root(lambda x: x, 2.0, 1.0), ValueError, "low must be above 0 and below high"),
    ],
)  # fmt: skip
def test_bad_arguments(call, error, text):
    with pytest.raises(error, match=f"^{text}"):
        call()
