"""The closed forms against golden numbers of independent tools, and against brute force."""

import doctest
import importlib
from fractions import Fraction
from itertools import product
from math import comb, log

import numpy as np
import pytest

from hdspike import bits, design, theory
from hdspike.faults import flip
from hdspike.memory import ItemMemory
from hdspike.spaces import BSC, SBC
from hdspike.theory import bundles
from tests.conftest import JIT

# --- bundles ------------------------------------------------------------------------------------------

GOLDEN_DISTANCE = {3: 0.25, 5: 0.3125, 15: 0.39526, 51: 0.44386, 101: 0.46021, 201: 0.47183}


@pytest.mark.parametrize(("k", "delta"), GOLDEN_DISTANCE.items())
def test_distance_of_a_majority(k, delta):
    assert theory.mode_distance(k) == pytest.approx(delta, abs=5e-6)


def test_an_even_majority_with_a_fair_tie_is_that_of_one_more():
    for k in (2, 4, 10, 200):
        assert theory.mode_agreement(k) == theory.mode_agreement(k + 1)


def test_a_long_majority_goes_on_where_integers_stop():
    exact = Fraction(1, 2) + Fraction(comb(10_002, 5001), 2**10_003)
    assert theory.mode_agreement(10_003) == pytest.approx(float(exact), rel=1e-12)


def brute_agreement(k, length):
    """The chance by listing every way the K members can fall, ties shared evenly."""
    total = 0.0
    for values in product(range(length), repeat=k):
        counts = np.bincount(values, minlength=length)
        tied = np.flatnonzero(counts == counts.max())
        total += (values[0] in tied) / len(tied)
    return total / length**k


@pytest.mark.parametrize(
    ("k", "length"), [(1, 2), (2, 2), (5, 2), (6, 2), (1, 5), (2, 3), (4, 3), (5, 4), (7, 3)]
)
def test_mode_agreement_is_what_listing_all_cases_gives(k, length):
    assert theory.mode_agreement(k, length=length) == pytest.approx(brute_agreement(k, length), rel=1e-12)


def test_majority_and_mode_are_one_law():
    by_balls = bundles._convolution_power(np.array([1.0, 1.0, 0.5, 1 / 6]), 2)[
        3
    ]  # at most 3 of 3 in two bins
    assert by_balls == pytest.approx(8 / 6)
    with_two = 1 / 3 * sum(max(n, 3 - n) * comb(3, n) for n in range(4)) / 8
    assert theory.mode_agreement(3) == pytest.approx(with_two)


@pytest.mark.parametrize("space", [BSC(20_000), SBC(1000 * 64, blocks=1000)], ids=["bsc", "sbc"])
def test_bundles_agree_with_their_members_as_the_law_says(space):
    length = 2 if isinstance(space, BSC) else space.length
    for k in (3, 4, 21):
        vectors = space.random(20 * k, rng=k).reshape(20, k, -1)
        bundles = space.bundle(vectors)
        scores = np.array([space.score(b[None], v)[0] for b, v in zip(bundles, vectors, strict=True)])
        share = scores.mean(axis=1) / space.top_score
        expected = theory.mode_agreement(k, length=length)
        assert abs(share.mean() - expected) < 4 * share.std(ddof=1) / np.sqrt(len(share))


def test_errors():
    assert theory.with_errors(0.3, 0.0) == pytest.approx(0.3)
    assert theory.with_errors(0.3, 0.1) == pytest.approx(0.3 + (1 - 2 * 0.3) * 0.1)
    assert theory.with_errors(0.3, 0.5) == pytest.approx(0.5)
    assert theory.with_errors(0.3, 1.0) == pytest.approx(0.7)
    length = 64  # with every value as likely, nothing is left but chance
    chance = theory.with_errors(0.3, (length - 1) / length, length=length)
    assert chance == pytest.approx(1 - theory.match_chance(length))


# --- retrieval ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "golden"), [(0.0, 0.973), (0.1, 0.882), (0.2, 0.669), (0.3, 0.374), (0.4, 0.138)]
)
def test_retrieval_normal_golden(error, golden):
    assert theory.retrieval_normal(1024, 32, 36, error=error) == pytest.approx(golden, abs=5e-4)


def test_lesion_law_golden():
    assert theory.retrieval_normal(10_000, 1000, 201) == pytest.approx(0.9874, abs=5e-5)
    assert theory.retrieval_normal(5_000, 1000, 101) == pytest.approx(0.9872, abs=5e-5)
    assert theory.retrieval(10_000, 1000, 201, members="set") == pytest.approx(0.9891, abs=5e-5)


def test_capacity_golden():
    assert [theory.capacity(n, 1000) for n in (5_000, 10_000, 20_000)] == [97, 193, 387]
    assert theory.capacity(10, 1000) == 0
    with pytest.raises(ValueError, match="accuracy must be above the chance"):
        theory.capacity(100, 2, accuracy=0.4)


def test_exact_retrieval_by_listing_scores():
    """Three places, three values, two rivals: every score of every vector."""
    places, length, k, items = 3, 3, 2, 3
    own = 1 - theory.mode_distance(k, length=length)
    expected = 0.0
    for h, a, b in product(range(places + 1), repeat=3):
        chance = comb(places, h) * own**h * (1 - own) ** (places - h)
        for rival in (a, b):
            chance *= comb(places, rival) * (1 / length) ** rival * (1 - 1 / length) ** (places - rival)
        if h >= max(a, b):
            expected += chance / (1 + (a == h) + (b == h))
    assert theory.retrieval(places, items, k, length=length) == pytest.approx(expected, rel=1e-12)


def test_exact_retrieval_at_its_ends():
    assert theory.retrieval(1000, 1000, 1) == pytest.approx(1.0)
    assert theory.retrieval(10, 5, 5, members="set") == pytest.approx(1.0)
    assert theory.retrieval(100, 1000, 5, error=0.5) == pytest.approx(1e-3)
    assert theory.retrieval(64, 1000, 3, length=1024, error=1023 / 1024) == pytest.approx(1e-3)
    assert theory.retrieval(1000, 1000, 5, length=1024) == pytest.approx(1.0)  # chances far below 1e-300


@pytest.mark.parametrize("space", [BSC(512), SBC(100 * 64, blocks=100)], ids=["bsc", "sbc"])
def test_a_set_is_recalled_as_the_exact_law_says(space):
    random, items, k, bundles = np.random.default_rng(5), 64, 25, 120
    length = 2 if isinstance(space, BSC) else space.length
    share = []
    for _ in range(bundles):
        memory = ItemMemory(space, space.random(items, rng=random))
        members = random.permutation(items)[:k]
        scores = memory.score(space.bundle(memory.items[members])[None])[0]
        rival = np.delete(scores, members).max()
        rivals_there = np.count_nonzero(np.delete(scores, members) == rival)
        own = scores[members]
        share.append(np.mean((own > rival) + (own == rival) / (1 + rivals_there)))
    expected = theory.retrieval(space.top_score, items, k, members="set", length=length)
    assert 0.5 < expected < 0.99
    assert abs(np.mean(share) - expected) < 4 * np.std(share, ddof=1) / np.sqrt(bundles)


# --- sparse codes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dim", "active", "synapses", "theta", "golden"),
    [
        (100_000, 2000, 6, 6, "6.35309e-11"),
        (100_000, 2000, 8, 8, "2.52507e-14"),
        (100_000, 2000, 10, 10, "1.00163e-17"),
        (100_000, 2000, 12, 6, "5.29387e-08"),
        (100_000, 2000, 16, 8, "2.81725e-10"),
        (10_000, 300, 24, 12, "8.37585e-13"),
    ],
)
def test_false_match_golden(dim, active, synapses, theta, golden):
    assert f"{theory.false_match(dim, active, synapses, theta):.5e}" == golden


@pytest.mark.parametrize(
    ("dim", "chance", "bits", "events"),
    [
        (256, "1.2e-08", 135, 4.0),
        (1024, "4.6e-18", 202, 1.0),
        (4096, "1.2e-27", 266, 0.25),
        (10_000, "7.5e-34", 307, 0.102),  # anchors.md prints 308; log₂ C(10000, 32) = 307.47
        (100_000, "7.6e-50", 414, 0.010),
    ],
)
def test_constant_nonzeros_golden(dim, chance, bits, events):
    assert f"{theory.false_match(dim, 32, 32, 16):.1e}" == chance
    assert round(theory.code_bits(dim, 32)) == bits
    assert theory.events_per_pair(dim, 32) == pytest.approx(events, abs=5e-4)
    assert theory.keys_per_event(dim, 32) == pytest.approx(1 / theory.events_per_pair(dim, 32))
    assert theory.code_bits(10_000, 32) == pytest.approx(307.47, abs=5e-3)


def test_densities_and_chance():
    assert theory.match_chance(1024) == 1 / 1024
    assert theory.chance_touched(128, 1024) == pytest.approx(1 - (1 - 1 / 1024) ** 128)
    assert theory.or_density(100, 10, 0) == 0.0
    assert theory.or_density(100, 10, 2) == pytest.approx(0.19)
    dense = np.zeros(2000, dtype=bool)
    random = np.random.default_rng(0)
    for _ in range(50):
        dense[random.choice(2000, 40, replace=False)] = True
    assert dense.mean() == pytest.approx(theory.or_density(2000, 40, 50), abs=0.03)


# --- softmax against the winners ----------------------------------------------------------------------


@pytest.mark.parametrize(("sigma", "golden"), [(1, 0.908), (2, 0.628), (3, 0.250), (4, 0.047)])
def test_dropped_mass_golden(sigma, golden):
    assert theory.dropped_mass(0.01, sigma) == pytest.approx(golden, abs=5e-4)
    assert theory.winners_needed(theory.dropped_mass(0.01, sigma), sigma) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("keys", "sigma", "golden", "within"),
    # two goldens of few draws of a wide distribution, and one of many: .168 ± .002
    [(4096, 3, 0.29, 0.01), (4096, 4, 0.11, 0.01), (1024, 4, 0.168, 0.006)],
)
def test_dropped_mass_at_finite_n_golden(keys, sigma, golden, within):
    sample = theory.dropped_mass_sample(0.01, sigma, keys, draws=1500, rng=0)
    assert sample.mean() == pytest.approx(golden, abs=within)
    assert sample.mean() > theory.dropped_mass(0.01, sigma)
    if (keys, sigma) == (4096, 4):
        assert sample.std() == pytest.approx(0.06, abs=0.005)


def test_dropped_mass_sample_is_seeded_and_tends_to_the_law():
    one, two = (theory.dropped_mass_sample(0.01, 2, 1000, draws=5, rng=3) for _ in range(2))
    assert np.array_equal(one, two)
    assert np.all(theory.dropped_mass_sample(1.0, 2, 100, draws=3, rng=0) == 0)
    large = theory.dropped_mass_sample(0.01, 2, 400_000, draws=4, rng=0)
    assert large.mean() == pytest.approx(theory.dropped_mass(0.01, 2), abs=3e-3)


@pytest.mark.parametrize("share", [1.0, 0.2, 0.01])
def test_softmax_entropy_of_many_normal_scores(share):
    keys, sigma = 200_000, 1.5
    scores = np.sort(sigma * np.random.default_rng(1).standard_normal(keys))[-round(share * keys) :]
    p = np.exp(scores - scores.max())
    p /= p.sum()
    assert -(p * np.log(p)).sum() == pytest.approx(theory.softmax_entropy(keys, sigma, share=share), abs=0.02)


def test_softmax_entropy_at_its_ends():
    assert theory.softmax_entropy(500, 0) == pytest.approx(log(500))
    assert theory.softmax_entropy(500, 0, share=0.1) == pytest.approx(log(50))
    assert theory.softmax_entropy(500, 50) == 0.0


# --- counting -----------------------------------------------------------------------------------------


def test_wilson_against_scipy():
    from scipy.stats import binomtest

    for hits, trials in ((0, 10), (10, 10), (3, 17), (987, 1000)):
        golden = binomtest(hits, trials).proportion_ci(method="wilson")
        assert theory.wilson(hits, trials) == pytest.approx((golden.low, golden.high), abs=1e-6)


def test_runs_against_slow_ones():
    rights = np.random.default_rng(0).random((4, 50)) < 0.7
    found = theory.runs(list(rights))
    shares = [sum(map(int, right)) / 50 for right in rights]
    assert found["accuracy"] == pytest.approx(sum(shares) / 4)
    assert (found["worst"], found["best"]) == (min(shares), max(shares))
    assert (found["low"], found["high"]) == pytest.approx(theory.wilson(rights.sum() / 4, 50))


def test_accuracy_after_flips_against_flips():
    """Several rates, ten vectors of 640 bits, 200 queries: means of 200 draws, within three standard errors."""
    random = np.random.default_rng(0)
    dim, y = 640, random.integers(10, size=200)
    model = bits.random(10, dim, rng=1)
    asked = flip(model[y], 0.42, dim=dim, rng=2)
    before = bits.hamming(asked, model, dim)
    for rate in (0.05, 0.2, 0.3) if JIT else (0.3,):
        shares = [
            float(
                np.mean(bits.hamming(asked, flip(model, rate, dim=dim, rng=random), dim).argmin(axis=1) == y)
            )
            for _ in range(200 if JIT else 5)
        ]
        law = theory.accuracy_after_flips(before, y, rate, dim)
        assert abs(np.mean(shares) - law) < 0.005 + 3 * np.std(shares) / np.sqrt(len(shares))
    assert 0.4 < law < 0.95
    exact = np.mean(
        [all(row[r] > row[own] for r in range(10) if r != own) for row, own in zip(before, y, strict=True)]
    )
    assert theory.accuracy_after_flips(before, y, 0.0, dim) == pytest.approx(exact)
    assert theory.accuracy_after_flips(before, y, 0.5, dim) == pytest.approx(0.1, abs=1e-6)


# --- limits -------------------------------------------------------------------------------------------


def test_bundles_of_very_many_are_still_counted():
    """Where logarithms of factorials cancel: δ → ½ − 1/√(2πK), and bits per place → 1 ÷ (π ln 2)."""
    for k in (10_003, 10**6 + 1, 10**9 + 1, 10**12 + 1, 2**53):
        assert 0.5 - theory.mode_distance(k) == pytest.approx(1 / np.sqrt(2 * np.pi * k), rel=1e-4)
        assert theory.bundle_bits(k) == pytest.approx(1 / (np.pi * np.log(2)), rel=1e-4)


MANY = 10**30
LIMITS = [
    ("items", lambda: theory.retrieval(100, MANY, 5)),
    ("items", lambda: theory.retrieval_normal(100, MANY, 5)),
    ("items", lambda: theory.or_error(8, 8, MANY, 5)),
    ("items", lambda: theory.top_share_or(8, 8, MANY, 5)),
    ("items", lambda: theory.smallest_union(MANY, 5, 0.1, length=8)),
    ("items", lambda: theory.smallest_dim(MANY, 5, 0.1)),
    ("items", lambda: theory.smallest_top(MANY, 5, code="or")),
    ("items", lambda: theory.top_share(64, MANY, 5)),
    ("items", lambda: theory.capacity(64, MANY)),
    ("items", lambda: theory.retrieved_bits(MANY, 0.5)),
    ("items", lambda: theory.chance_best(MANY)),
    ("items", lambda: design.design(MANY, 5, 0.1)),
    ("k", lambda: theory.retrieval(100, 100, MANY)),
    ("k", lambda: theory.mode_agreement(2**21, length=4)),
    ("length", lambda: theory.or_error(8, MANY, 100, 5)),
    ("length", lambda: theory.match_chance(MANY)),
    ("blocks", lambda: theory.top_share_or(MANY, 8, 100, 5)),
    ("dim", lambda: theory.retrieval_error(MANY, 100, 5)),
    ("dim", lambda: theory.top_share(MANY, 100, 5)),
    ("dim", lambda: theory.circle_intersection(MANY, 20, 3)),
    ("dim", lambda: theory.sdm_radius(MANY, 0.1)),
    ("dim", lambda: theory.attention_beta(MANY, 20)),
    ("dim", lambda: theory.sdm_error(MANY, 100, 20, 10)),
    ("multiple", lambda: theory.smallest_dim(100, 5, 0.1, multiple=MANY)),
    ("keys", lambda: theory.dropped_mass_sample(0.1, 1.0, MANY)),
    ("draws", lambda: theory.dropped_mass_sample(0.1, 1.0, 10, draws=MANY)),
    ("n", lambda: theory.willshaw_capacity(MANY, 4)),
    ("stored", lambda: theory.willshaw_density(50, 4, MANY)),
]


@pytest.mark.parametrize(("name", "call"), LIMITS, ids=[str(i) for i in range(len(LIMITS))])
def test_what_is_too_large_is_named(name, call):
    with pytest.raises(ValueError, match=rf"^{name} must be at most \d+, got \d+"):
        call()


def test_numbers_up_to_the_limit_are_taken():
    """Every law of items at 2⁵³ of them, and Willshaw's at 2⁵³ units, where 1 − tiny is 1."""
    most = 2**53
    chances = [
        theory.retrieval(500, most, 5), theory.retrieval_normal(500, most, 5), theory.top_share(500, most, 5),
        theory.or_error(8, 8, most, 5), theory.top_share_or(8, 8, most, 5),
    ]  # fmt: skip
    assert all(0 <= chance <= 1 for chance in chances)
    assert theory.willshaw_capacity(most, 10) == pytest.approx(np.log(2) * most**2 / 100, rel=1e-12)
    assert theory.willshaw_information(50, 4, most) == 0.0
    assert (
        design.design(most, 5, 0.1)["codes"]["bsc"]["dim"]
        > design.design(1000, 5, 0.1)["codes"]["bsc"]["dim"]
    )
    with pytest.raises(ValueError, match="trials must be in"):
        theory.wilson(3, 10**400)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: theory.runs([]), ValueError, "rights must be runs of equally many trials"),
        (lambda: theory.runs([[True], [True, False]]), ValueError, r"rights must .* got \[1, 2\]"),
        (
            lambda: theory.accuracy_after_flips([[1, 2]], [2], 0.1, 9),
            ValueError,
            r"right must be in \[0, 2\)",
        ),
        (
            lambda: theory.accuracy_after_flips([[1, 2]], [0, 1], 0.1, 9),
            ValueError,
            "distances must have shape",
        ),
        (lambda: theory.accuracy_after_flips([[1, 2]], [0], 1.1, 9), ValueError, "rate must be in"),
        (lambda: theory.mode_agreement(0), ValueError, "k must be at least 1, got 0"),
        (lambda: theory.mode_agreement(3, length=1), ValueError, "length must be at least 2, got 1"),
        (lambda: theory.mode_distance(2.0), TypeError, "k must be an integer"),
        (lambda: theory.with_errors(0.3, 1.5), ValueError, r"rate must be in \[0, 1\], got 1.5"),
        (lambda: theory.retrieval(10, 5, 6, members="set"), ValueError, "k must be at most 5, got 6"),
        (lambda: theory.retrieval(10, 5, 3, members="bag"), ValueError, "members must be one of"),
        (lambda: theory.dropped_mass(0, 1), ValueError, r"share must be in \(0, 1\), got 0"),
        (lambda: theory.dropped_mass(0.1, float("nan")), ValueError, "sigma must be in"),
        (lambda: theory.dropped_mass("1%", 1), TypeError, "share must be a number"),
        (lambda: theory.softmax_entropy(10, 1, share=0), ValueError, r"share must be in \(0, 1\]"),
        (lambda: theory.or_density(10, 11, 1), ValueError, "ones must be at most 10, got 11"),
        (lambda: theory.wilson(3, 0), ValueError, "trials must be in"),
    ],
)
def test_errors_name_argument_rule_and_value(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "module",
    [
        "design",
        *(
            f"theory.{name}"
            for name in ("bundles", "counting", "ranking", "retrieval", "softmax", "sparse", "unions")
        ),
    ],
)
def test_doctests(module):
    assert doctest.testmod(importlib.import_module(f"hdspike.{module}")).failed == 0
