"""Which constant a conclusion hangs on: against pricing again, against exact distributions, and in words."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import dense, substrate
from hdspike.energy import compare, price, rank
from hdspike.energy.percentiles import Spread, Term, family
from tests.naive import energy as naive

LOIHI = substrate.load("loihi")
SILICON = substrate.load("loihi-silicon")
CIRCUIT, PATH, BOARD = (substrate.load(f"a100-{ledger}") for ledger in ("circuit", "path", "board"))
COUNTS = {"synaptic_events": 5000, "updates_active": 300_000, "updates_inactive": 100_000, "packets": 2500}
SOME = st.dictionaries(st.sampled_from(SILICON.priced()), st.integers(1, 10**9), min_size=1)


def spiking(counts=COUNTS, sheet=LOIHI, **options):
    return price(counts, sheet, seconds=99e-6, per="query", **options)


def twin(sheet=CIRCUIT, **options):
    cost = dense.attention(4096, 512, value_dim=1, precision="int8", **options)
    return price(cost.counts, sheet, seconds=cost.seconds(sheet), per="query")


# The distribution of a sum


def pairs(names, amounts, sheet=LOIHI):
    return [(sheet.quantity(f"energy.{name}"), amount) for name, amount in zip(names, amounts, strict=True)]


def spread(found, sheet=LOIHI, **options):
    return Spread.of([Term("compute", sheet.name, q, amount) for q, amount in found], **options)


@given(
    names=st.permutations(LOIHI.priced()).map(lambda p: p[:2]),
    amounts=st.tuples(st.integers(1, 1000), st.integers(1, 1000)),
)
def test_two_constants_are_the_convolution_in_closed_form(names, amounts):
    found = pairs(names, amounts)
    for p, value in zip((0.05, 0.5, 0.95), spread(found).percentiles(samples=1024), strict=True):
        assert value == pytest.approx(naive.percentile(p, found), rel=1e-5)


def test_two_constants_do_not_depend_on_the_seed():
    found = spread(pairs(("updates_active", "packets"), (3, 100)))
    assert found.percentiles(rng=1) == found.percentiles(rng=2)


def test_three_constants_against_their_exact_distribution():
    found = pairs(("updates_active", "updates_inactive", "packets"), (3, 5, 100))
    exact = [naive.percentile(p, found) for p in (0.05, 0.5, 0.95)]
    assert spread(found).percentiles() == pytest.approx(exact, rel=5e-3)
    many = np.array([spread(found).percentiles(rng=seed) for seed in range(20)])
    np.testing.assert_allclose(many.mean(axis=0), exact, rtol=1e-3)  # without bias


@given(counts=SOME, seconds=st.just(0.0) | st.floats(1e-12, 10))
def test_mean_and_variance_are_those_of_the_draws(counts, seconds):
    bill = price(counts, LOIHI, seconds=seconds)
    mean = variance = 0.0
    for term in bill.terms:  # by the sum over many middles of strata
        low, high = naive.ends(term.quantity, term.amount)
        draws = low * (high / low) ** ((np.arange(20_000) + 0.5) / 20_000)
        mean += draws.mean()
        variance += draws.var()
    assert bill.mean == pytest.approx(mean, rel=1e-7)
    assert bill.deviation == pytest.approx(math.sqrt(variance), rel=1e-6)


@pytest.mark.parametrize("dependence", ["independent", "source", "full"])
def test_mean_and_variance_of_a_large_hypercube(dependence):
    """The Monte Carlo's own moments, from its percentiles, against the closed forms."""
    bill = price(COUNTS, LOIHI, seconds=99e-6, dependence=dependence)
    found = Spread.of(bill.terms, dependence=dependence)
    at = (np.arange(199) + 0.5) / 199
    values = np.array(found.percentiles(at, samples=1000))
    assert values.mean() == pytest.approx(bill.mean, rel=2e-3)
    assert values.std() == pytest.approx(bill.deviation, rel=2e-2)
    for p, value in zip(at, values, strict=True):
        assert found.below(value, samples=1000)[0] == pytest.approx(p, abs=1e-3)


def test_what_is_wrong_together_spreads_wider():
    bills = {how: spiking(dependence=how) for how in ("independent", "source", "full")}
    widths = [bills[how].high - bills[how].low for how in ("independent", "source", "full")]
    assert widths == sorted(widths)
    assert widths[0] < 0.9 * widths[2]
    assert [b.mean for b in bills.values()] == pytest.approx([bills["full"].mean] * 3, rel=1e-12)
    assert (bills["full"].low, bills["full"].high) == pytest.approx(bills["full"].bounds, rel=1e-12)
    assert bills["independent"].deviation < bills["source"].deviation < bills["full"].deviation
    assert "range: constants of one source are wrong together" in bills["source"].notes


def test_all_of_loihi_silicon_is_one_factor():
    """One calibration scales every energy: by source, low and high are the two ends of that factor alone."""
    bill = price(COUNTS, SILICON, seconds=0.0, dependence="source")
    assert (bill.low, bill.high) == pytest.approx(bill.bounds, rel=1e-12)
    assert bill.high / bill.low == pytest.approx(0.9185 / 0.8318, rel=1e-3)


def test_families_are_sources_without_flags_and_tables():
    kinds = {family(CIRCUIT.quantity(f"energy.{name}")) for name in ("macs_fp32", "sram_bits", "l2_bits")}
    assert kinds == {"Jouppi et al., ISCA 2021"}
    assert family(CIRCUIT.quantity("energy.dram_bits")) == family(
        CIRCUIT.quantity("energy.dram_bits_written")
    )


# One bill


@given(counts=SOME, seconds=st.just(0.0) | st.floats(1e-12, 1))
def test_swings_are_those_of_pricing_again(counts, seconds):
    bill = price(counts, LOIHI, seconds=seconds, samples=100)
    wanted = naive.swings(counts, LOIHI, seconds=seconds, samples=100)
    found = {one.constant.split()[1]: one for one in rank(bill)}
    assert set(found) == {key for key in wanted if key != "power.static" or seconds > 0}
    for key, one in found.items():
        assert (one.low, one.high) == pytest.approx(wanted[key], rel=1e-9)
    order = [one.joules for one in rank(bill)]
    assert order == sorted(order, reverse=True)
    shares = [one.share for one in rank(bill, by="share")]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1.0)


def test_shares_are_sobol_indices():
    """Var(E[E | c_i]) ÷ Var(E), from nested sums over a full grid of three constants."""
    bill = price({"updates_active": 3, "updates_inactive": 5, "packets": 100}, LOIHI, seconds=0)
    u = (np.arange(40) + 0.5) / 40
    axes = []
    for term in bill.terms:
        low, high = naive.ends(term.quantity, term.amount)
        axes.append(low * (high / low) ** u)
    grid = axes[0][:, None, None] + axes[1][None, :, None] + axes[2][None, None, :]
    found = {one.constant: one.share for one in rank(bill)}
    for i, term in enumerate(bill.terms):
        others = tuple(axis for axis in range(3) if axis != i)
        assert found[term.name] == pytest.approx(grid.mean(axis=others).var() / grid.var(), rel=1e-3)


def test_certain_constants_have_no_share():
    bill = price(
        {"synaptic_events": 10}, naive.with_constant(LOIHI, "energy.synaptic_events", 20.0), seconds=0
    )
    (one,) = rank(bill)
    assert (one.joules, one.share) == (0.0, 0.0)


# Two bills


def nominal(counts, seconds):
    return lambda sheet: price(counts, sheet, seconds=seconds, samples=100).nominal


def test_break_evens_are_those_of_pricing_again():
    cost = dense.attention(4096, 512, value_dim=1, precision="int8")
    first, second = spiking(), twin()
    found = compare(first, second)
    assert found.ratio == pytest.approx(first.nominal / second.nominal)
    for lever in found.levers:
        name, key = lever.constant.split()
        if name == "loihi":
            at = naive.break_even(nominal(COUNTS, 99e-6), lambda _: second.nominal, LOIHI, key)
        else:
            at = naive.break_even(
                lambda _: first.nominal, nominal(cost.counts, cost.seconds(CIRCUIT)), CIRCUIT, key
            )
        assert lever.break_even == (None if at is None else pytest.approx(at, rel=1e-9))
        assert lever.flips == (at is not None and lever.low < at < lever.high)
        for ratio, value in ((lever.ratio_low, lever.low), (lever.ratio_high, lever.high)):
            sheet = naive.with_constant(LOIHI if name == "loihi" else CIRCUIT, key, value)
            if name == "loihi":
                wanted = nominal(COUNTS, 99e-6)(sheet) / second.nominal
            else:
                wanted = first.nominal / nominal(cost.counts, cost.seconds(CIRCUIT))(sheet)
            assert ratio == pytest.approx(wanted, rel=1e-9)
    swings = [lever.swing for lever in found.levers]
    assert swings == sorted(swings, reverse=True)


@pytest.mark.parametrize(
    "counts", [{"updates_active": 9, "packets": 400}, {"updates_active": 5, "packets": 300}]
)
def test_the_probability_of_two_constants(counts):
    """P(X < Y) of independent log-uniforms: an area in the plane of two uniforms, by a fine grid."""
    first, second = (price({name: count}, LOIHI, seconds=0) for name, count in counts.items())
    u = (np.arange(2000) + 0.5) / 2000
    x, y = (
        low * (high / low) ** u
        for low, high in (naive.ends(t.quantity, t.amount) for bill in (first, second) for t in bill.terms)
    )
    found = compare(first, second, names=("updates", "packets"))
    exact = np.searchsorted(y, x, side="right").mean() / len(y)
    assert found.probability == pytest.approx(1.0 - exact, abs=1e-3)
    assert 0 < found.probability < 1


def test_a_shared_constant_is_one_constant():
    """Twice the work on the same substrate is dearer at every draw, although the ranges overlap."""
    first, second = price({"packets": 10}, LOIHI, seconds=0), price({"packets": 15}, LOIHI, seconds=0)
    assert first.high > second.low
    found = compare(first, second)
    assert (found.probability, found.error, found.winner) == (1.0, 0.0, "first")
    assert [lever.break_even for lever in found.levers] == [None]
    assert compare(second, first).probability == 0.0
    assert compare(first, first).winner is None
    assert compare(first, first).sentence() == "first and second need the same energy (circuit ledger)."


def test_a_probability_in_closed_form():
    """One uncertain constant against a certain bill."""
    sure = price({"packets": 1}, naive.with_constant(LOIHI, "energy.packets", 2.0), seconds=0)
    first = price({"hops_east_west": 1}, LOIHI, seconds=0)
    low, high = naive.ends(LOIHI.quantity("energy.hops_east_west"), 1)
    found = compare(first, sure, names=("hop", "packet"))
    assert found.probability == pytest.approx(math.log(2e-12 / low) / math.log(high / low), rel=1e-9)
    assert found.error == 0.0
    turned = compare(sure, first, names=("packet", "hop"))
    assert turned.probability == pytest.approx(1.0 - found.probability, rel=1e-9)


@given(counts=SOME, more=SOME, dependence=st.sampled_from(["independent", "source", "full"]))
def test_who_is_called_first_changes_nothing(counts, more, dependence):
    first, second = (
        price(some, sheet, seconds=1e-6, samples=100) for some, sheet in ((counts, LOIHI), (more, SILICON))
    )
    object.__setattr__(second, "ledger", "circuit")  # for the law alone
    one, other = (
        compare(*two, dependence=dependence, samples=500) for two in ((first, second), (second, first))
    )
    assert one.ratio == pytest.approx(1.0 / other.ratio, rel=1e-12)
    assert one.probability + other.probability == pytest.approx(1.0, abs=1e-2)
    assert {lever.constant: lever.flips for lever in one.levers} == {
        lever.constant: lever.flips for lever in other.levers
    }
    if one.ratio != 1.0:
        assert one.winner == other.winner


def test_what_no_sample_met_is_not_called_impossible():
    """The least of one bill lies just below the most of the other: never met in a sample, but possible."""
    counts = dict.fromkeys(("synaptic_events", "updates_active", "updates_inactive", "packets"), 1e6)
    first, sheet = price(counts, LOIHI, seconds=1e-6), substrate.load("a100-circuit")
    (most, (least, _)) = (
        Spread.of(first.terms).support[1],
        Spread.of(price({"macs_fp32": 1}, sheet, seconds=0).terms).support,
    )
    for share, told in ((0.999, "over 99.9 %"), (1.001, "at all values that the constants may have")):
        second = price({"macs_fp32": share * most / least}, sheet, seconds=0)
        for found in (compare(first, second), compare(second, first)):
            assert told in found.sentence()
            assert (0.0 < found.probability < 1.0 and found.error > 0.0) == (share < 1.0)


def test_the_sentence_says_who_wins_and_why():
    far = compare(spiking(), twin(resident=True), names=("spiking", "dense int8")).sentence()
    assert far.startswith("spiking needs 10")
    assert (
        "times the energy of dense int8 (circuit ledger); dense int8 is the cheaper at all values that the"
        in far
    )
    assert (
        "no constant alone can turn it round, the nearest, a100-circuit energy.l2_bits, would have to be"
        in far
    )
    near = compare(spiking(), twin(), names=("spiking", "dense int8"))
    assert near.sentence().startswith("dense int8 needs 1.7")
    assert f"{100 * near.probability:.3g} %" in near.sentence()
    dear = {**COUNTS, "updates_active": 450_000}
    told = compare(spiking(dear), twin(), names=("spiking", "dense int8"))
    assert [lever.constant for lever in told.levers if lever.flips] == ["loihi energy.updates_active"]
    assert told.sentence().endswith("loihi energy.updates_active alone can turn it round.")


def test_a_flip_turns_the_winner_round():
    dear = {**COUNTS, "updates_active": 450_000}
    told = compare(spiking(dear), twin())
    (lever,) = [lever for lever in told.levers if lever.flips]
    winners = set()
    for value in (0.99 * lever.break_even, 1.01 * lever.break_even):
        sheet = naive.with_constant(LOIHI, "energy.updates_active", value)
        winners.add(compare(spiking(dear, sheet), twin()).winner)
    assert winners == {"loihi", "a100-circuit"}


# Errors

WRONG = [
    (lambda: compare(spiking(), twin(PATH)), ValueError, "second must be of the ledger of first, circuit, got path"),
    (lambda: compare(twin(BOARD), twin(PATH)), ValueError, "of the ledger of first, board, got path"),
    (lambda: compare(spiking(), twin().per(2, "token")), ValueError, "must be per query as first, got per token"),
    (lambda: compare(spiking(), 3.0), TypeError, "second must be a Bill"),
    (lambda: compare("loihi", spiking()), TypeError, "first must be a Bill"),
    (lambda: compare(spiking(), twin(), names=("a", "a")), ValueError, "names must be two different names"),
    (lambda: compare(spiking(), twin(), names="ab"), ValueError, "names must be two different names"),
    (lambda: compare(spiking(), twin(), names=5), ValueError, "names must be two different names"),
    (lambda: compare(spiking(), twin(), samples=1), ValueError, "samples must be at least 100"),
    (lambda: compare(spiking(), twin(), dependence="some"), ValueError, "dependence must be one of"),
    (lambda: compare(spiking(), twin(), rng=-1), ValueError, "rng must be a seed"),
    (lambda: rank(3), TypeError, "bill must be a Bill"),
    (lambda: rank(price({"packets": 0}, LOIHI, seconds=0)), ValueError, "bill must charge for something"),
    (lambda: rank(spiking(), by="name"), ValueError, "by must be one of swing, share"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), WRONG)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_every_pair_of_ledgers_is_refused():
    bills = {"circuit": spiking(), "path": twin(PATH), "board": twin(BOARD)}
    for one, other in product(bills, repeat=2):
        if one == other:
            continue
        with pytest.raises(ValueError, match=f"of the ledger of first, {one}, got {other}"):
            compare(bills[one], bills[other])
