"""The closed forms against exact integer arithmetic, by other routes than theirs."""

from collections import Counter
from fractions import Fraction
from itertools import combinations, pairwise, product
from math import comb, log, log2, pi

import numpy as np
import pytest

from hdspike import theory
from hdspike.theory.retrieval import binomial

TIGHT = 1e-12


def close(value, exact):
    """Within 1e-12 of an exact fraction, relatively."""
    assert abs(Fraction(value) / exact - 1) < TIGHT


# --- bundles ----------------------------------------------------------------------------------------------


def exact_agreement(k, length):
    """E[max count]/K, counting in whole numbers the ways that K members fall with at most c on any value."""

    def ways(most):
        total = [1] + [0] * k  # total[n]: ways to place n labelled members so far
        for _ in range(length):
            total = [sum(comb(n, m) * total[n - m] for m in range(min(most, n) + 1)) for n in range(k + 1)]
        return total[k]

    expected = sum(Fraction(length**k - ways(c), length**k) for c in range(k))
    return expected / k


@pytest.mark.parametrize(
    ("k", "length"), [(1, 3), (4, 3), (9, 2), (10, 2), (12, 5), (25, 4), (30, 16), (21, 64)]
)
def test_mode_agreement(k, length):
    close(theory.mode_agreement(k, length=length), exact_agreement(k, length))


def test_majorities_are_the_nearest_floats():
    for k in (3, 101, 201, 1001, 9999):
        exact = Fraction(1, 2) + Fraction(comb(k - 1, (k - 1) // 2), 2**k)
        assert theory.mode_agreement(k) == float(exact)
        assert theory.mode_distance(k) == pytest.approx(float(1 - exact), rel=TIGHT)


def test_the_two_ways_of_counting_modes_agree(monkeypatch):
    from hdspike.theory import bundles

    direct = bundles._mode_agreement.__wrapped__(250, 16)
    monkeypatch.setattr(bundles, "DIRECT", 10)
    assert bundles._mode_agreement.__wrapped__(250, 16) == pytest.approx(direct, rel=1e-11)


def test_information_of_a_bundle():
    assert theory.bundle_bits(1) == 1.0
    assert theory.bundle_bits(1, length=1024) == 10.0
    assert theory.bundle_bits(100_001) == pytest.approx(1 / (pi * log(2)), rel=1e-4)
    # one bit through a binary symmetric channel of error 1/4, three times
    assert theory.bundle_bits(3) == pytest.approx(3 * (1 + 0.25 * log2(0.25) + 0.75 * log2(0.75)))
    assert theory.retrieved_bits(1000, 0.0) >= 0
    for dim, k in ((5_000, 97), (10_000, 193)):  # no more can be read than the bundle holds
        assert k * theory.retrieved_bits(1000, 0.99) / dim < theory.bundle_bits(k)


# --- retrieval --------------------------------------------------------------------------------------------


def exact_error(n, agree, length, rivals):
    """Chance that a member is not the one taken, in fractions: the number of ties is summed over one by one."""
    p = Fraction(1, length)
    mass = [comb(n, h) * p**h * (1 - p) ** (n - h) for h in range(n + 1)]
    won = Fraction(0)
    for h in range(n + 1):
        own = comb(n, h) * agree**h * (1 - agree) ** (n - h)
        below = sum(mass[:h], Fraction(0))
        ties = sum(
            comb(rivals, t) * mass[h] ** t * below ** (rivals - t) * Fraction(1, t + 1)
            for t in range(rivals + 1)
        )
        won += own * ties
    return 1 - won


@pytest.mark.parametrize(
    ("n", "items", "k", "length", "members", "flips"),
    [
        (1, 2, 1, 2, "sequence", Fraction(0)),
        (17, 5, 3, 2, "sequence", Fraction(0)),
        (40, 12, 5, 2, "set", Fraction(1, 10)),
        (64, 20, 3, 2, "sequence", Fraction(3, 10)),
        (60, 9, 4, 16, "set", Fraction(0)),
        (30, 30, 7, 5, "sequence", Fraction(1, 4)),
        (90, 8, 3, 2, "set", Fraction(0)),
    ],
)
def test_retrieval_error(n, items, k, length, members, flips):
    delta = 1 - exact_agreement(k, length)
    delta += (1 - delta * Fraction(length, length - 1)) * flips
    rivals = items - 1 if members == "sequence" else items - k
    exact = exact_error(n, 1 - delta, length, rivals)
    given = theory.retrieval_error(n, items, k, error=float(flips), members=members, length=length)
    assert abs(Fraction(given) / exact - 1) < 1e-10
    assert theory.retrieval(n, items, k, error=float(flips), members=members, length=length) == pytest.approx(
        float(1 - exact), rel=TIGHT
    )


def test_small_errors_are_not_lost_in_rounding():
    exact = exact_error(400, Fraction(3, 4), 2, 3)
    assert exact < Fraction(1, 10**10)
    assert abs(Fraction(theory.retrieval_error(400, 4, 3)) / exact - 1) < 1e-6


@pytest.mark.parametrize(("n", "p"), [(0, 0.5), (1, 0.3), (50, 0.5), (1000, 0.001), (3000, 0.47), (300, 1.0)])
def test_binomial_chances(n, p):
    h, chances = binomial(n, p)
    assert chances.sum() == pytest.approx(1, rel=TIGHT)
    q = Fraction(p)
    for index in {0, len(h) // 3, len(h) // 2, len(h) - 1}:
        x = int(h[index])
        exact = comb(n, x) * q**x * (1 - q) ** (n - x)
        assert chances[index] == pytest.approx(float(exact), rel=1e-11, abs=1e-200)
    left_out = 1 - float(
        sum(comb(n, int(x)) * q ** int(x) * (1 - q) ** (n - int(x)) for x in h) if n < 400 else 1
    )
    assert left_out < 1e-30


@pytest.mark.parametrize(
    ("items", "k", "error", "options"),
    [
        (20, 3, 0.05, {}),
        (100, 5, 0.01, {"members": "sequence"}),
        (50, 4, 0.02, {"length": 16}),
        (64, 7, 0.1, {"bit_errors": 0.2}),
        (10, 9, 0.3, {"length": 3, "bit_errors": 0.1}),
        (200, 11, 1e-6, {}),
        (5, 5, 0.01, {}),
    ],
)
def test_the_smallest_dimension_is_the_smallest(items, k, error, options):
    law = {("error" if name == "bit_errors" else name): value for name, value in options.items()}
    law.setdefault("members", "set")
    errors = [theory.retrieval_error(n, items, k, **law) for n in range(1, 1200)]
    found = theory.smallest_dim(items, k, error, **options)
    assert found == next(n for n, e in enumerate(errors, 1) if e <= error)
    assert all(b <= a * (1 + 1e-9) for a, b in pairwise(errors))  # so that bisection is right
    assert theory.smallest_dim(items, k, error, multiple=64, **options) == -(-found // 64) * 64


def test_capacity_inverts_the_law_it_names():
    for law in ("sequence", "set"):
        k = theory.capacity(2000, 300, law=law)
        assert (
            theory.retrieval(2000, 300, k, members=law)
            >= 0.99
            > theory.retrieval(2000, 300, k + 2, members=law)
        )
    k = theory.capacity(200, 300, law="set", length=64)
    assert theory.retrieval(200, 300, k, members="set", length=64) >= 0.99
    assert theory.retrieval(200, 300, k + 1, members="set", length=64) < 0.99
    assert theory.capacity(50_000, 20, law="set") == 19  # all of them: a set has no more members than items
    assert theory.capacity(5_000, 1000, error=0.1) < theory.capacity(5_000, 1000)


def test_capacity_per_dimension():
    for n in (5_000, 10_000, 20_000):
        assert n / theory.capacity(n, 1000) == pytest.approx(51.7, abs=0.2)


def test_the_lesion_law():
    for n, k in ((2_000, 21), (10_000, 101), (40_000, 801)):
        halved, doubled = theory.retrieval(n // 2, 1000, k), theory.retrieval(n, 1000, 2 * k - 1)
        assert abs(halved - doubled) < 4e-3
        assert abs(theory.separation(n // 2, k) / theory.separation(n, 2 * k) - 1) < 0.5 / k


# --- sparse codes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "a", "s", "theta"),
    [
        (100_000, 2000, 6, 6), (100_000, 2000, 8, 8), (100_000, 2000, 10, 10), (100_000, 2000, 12, 6),
        (100_000, 2000, 16, 8), (10_000, 300, 24, 12), (256, 32, 32, 16), (1024, 32, 32, 16), (4096, 32, 32, 16),
        (10_000, 32, 32, 16), (100_000, 32, 32, 16), (1_000_000, 32, 32, 16), (20, 15, 12, 8), (20, 15, 12, 7),
        (10, 3, 4, 0), (10, 3, 4, 4), (10, 0, 4, 1), (50, 50, 7, 7),
    ],
)  # fmt: skip
def test_tails_of_false_matches(n, a, s, theta):
    exact = Fraction(sum(comb(a, x) * comb(n - a, s - x) for x in range(theta, min(a, s) + 1)), comb(n, s))
    assert theory.false_match(n, a, s, theta) == pytest.approx(float(exact), rel=TIGHT)
    assert theory.false_match(n, s, a, theta) == pytest.approx(float(exact), rel=TIGHT)  # symmetric


def test_long_tails_fall_back_to_scipy(monkeypatch):
    from hdspike.theory import sparse

    exact = theory.false_match(5000, 400, 300, 60)
    monkeypatch.setattr(sparse, "_digits", lambda n, s: 1e9)
    assert theory.false_match(5000, 400, 300, 60) == pytest.approx(exact, rel=1e-9)


def test_tails_too_small_for_a_float_are_zero():
    assert theory.false_match(10**6, 300, 300, 300) == 0.0


def test_code_bits():
    for n, w in ((256, 32), (10_000, 32), (50, 0), (50, 50), (100_000, 1000)):
        assert theory.code_bits(n, w) == pytest.approx(log2(comb(n, w)), rel=TIGHT)


def unions(dim, w, count):
    """How often each set of bits is the OR of ``count`` patterns, over all cases."""
    patterns = [sum(1 << i for i in ones) for ones in combinations(range(dim), w)]
    filled = Counter({0: 1})
    for _ in range(count):
        grown = Counter()
        for have, ways in filled.items():
            for pattern in patterns:
                grown[have | pattern] += ways
        filled = grown
    return patterns, filled


@pytest.mark.parametrize(("dim", "w", "count"), [(8, 3, 3), (9, 2, 5), (6, 3, 1), (7, 4, 2)])
def test_contained_by_listing_every_or(dim, w, count):
    patterns, filled = unions(dim, w, count)
    cases = sum(filled.values())
    inside = sum(ways * sum(p & have == p for p in patterns) for have, ways in filled.items())
    close(theory.contained(dim, w, count), Fraction(inside, cases * len(patterns)))
    density = sum(ways * have.bit_count() for have, ways in filled.items())
    close(theory.or_density(dim, w, count), Fraction(density, cases * dim))
    single = sum(ways * (have & 1) for have, ways in filled.items())
    close(theory.contained(dim, w, count, stranger=1), Fraction(single, cases))


def test_contained_for_long_codes_in_fractions():
    dim, w, k = 512, 20, 40
    exact = sum((-1) ** j * comb(w, j) * Fraction(comb(dim - j, w), comb(dim, w)) ** k for j in range(w + 1))
    close(theory.contained(dim, w, k), exact)
    assert theory.contained(dim, w, k) < theory.or_density(dim, w, k) ** w
    assert theory.contained(100, 10, 0) == theory.contained(100, 10, 3, stranger=31) == 0.0
    assert theory.contained(100, 0, 3) == 1.0


def by_union(blocks, length, rivals, k, winners):
    """``E[W/(W + F)]``, listing every way the members can fill the blocks."""
    falls = Counter(len(set(values)) for values in product(range(length), repeat=k))
    total = Fraction(0)
    for filled in product(falls.items(), repeat=blocks):
        ways, q = 1, Fraction(1)
        for distinct, count in filled:
            ways, q = ways * count, q * Fraction(distinct, length)
        share = sum(
            comb(rivals, f) * q**f * (1 - q) ** (rivals - f) * Fraction(winners, winners + f)
            for f in range(rivals + 1)
        )
        total += ways * share
    return total / length ** (k * blocks)


@pytest.mark.parametrize(
    ("blocks", "length", "items", "k"),
    [(2, 3, 8, 3), (3, 4, 12, 2), (4, 2, 30, 4), (1, 5, 40, 3), (2, 3, 3, 3)],
)
def test_or_bundles_by_listing_every_fill(blocks, length, items, k):
    close(theory.top_share_or(blocks, length, items, k), by_union(blocks, length, items - k, k, k))
    for members, rivals in (("set", items - k), ("sequence", items - 1)):
        exact = 1 - by_union(blocks, length, rivals, k, 1)
        given = theory.or_error(blocks, length, items, k, members=members)
        assert abs(Fraction(given) - exact) <= TIGHT * exact
    distinct = Fraction(sum(len(set(v)) for v in product(range(length), repeat=k)), length ** (k + 1))
    close(theory.contained_blocks(blocks, length, k), distinct**blocks)


def test_or_error_lies_below_its_bound_and_stays_exact_where_it_is_small():
    for blocks in (10, 19, 40, 80):
        error = theory.or_error(blocks, 64, 1000, 50)
        assert 0 < error <= 950 * theory.contained_blocks(blocks, 64, 50)
    assert error == pytest.approx(950 / 2 * theory.contained_blocks(80, 64, 50), rel=1e-6)


def test_the_lattice_gives_the_same_where_the_exact_sum_is_long(monkeypatch):
    from hdspike.theory import unions

    cases = [
        (4, 8, 100, 5, 5),
        (12, 12, 995, 5, 5),
        (24, 24, 969, 31, 31),
        (19, 64, 950, 50, 1),
        (6, 1024, 99, 80, 1),
    ]
    exact = [unions._lost.__wrapped__(*case) for case in cases]
    monkeypatch.setattr(unions, "TERMS", 1)
    for case, value in zip(cases, exact, strict=True):
        assert unions._lost.__wrapped__(*case) == pytest.approx(value, rel=1e-5)
    assert 0 < theory.or_error(40, 64, 10**6, 50) <= 10**6 * theory.contained_blocks(40, 64, 50)
    assert theory.or_error(2, 8, 10**6, 20) > 0.99


def test_events_are_least_where_all_bits_are_as_common():
    even = np.full(128, 1000 * 8 // 128 + 1)
    assert theory.events_by_counts(even, 1000) == pytest.approx(128 * (63 / 1000) ** 2)
    random = np.random.default_rng(0)
    codes = random.random((400, 60)).argsort(axis=1)[:, :6]
    counts = np.bincount(codes.ravel(), minlength=60)
    overlap = np.zeros((400, 60), dtype=int)
    np.put_along_axis(overlap, codes, 1, axis=1)
    assert theory.events_by_counts(counts, 400) == pytest.approx((overlap @ overlap.T).mean())
    assert theory.events_by_counts(counts, 400) >= theory.events_per_pair(60, 6)


def test_events_of_keys_that_share_symbols():
    """Two classes of keys, one code each: the floor is w times the chance of the same class."""
    random, w, length = np.random.default_rng(1), 40, 50
    classes = random.choice(4, size=300, p=[0.7, 0.1, 0.1, 0.1])
    same = float(np.square(np.bincount(classes) / 300).sum())
    events = []
    for _ in range(200):
        codes = random.integers(length, size=(4, w))[classes] + length * np.arange(w)
        events.append(theory.events_by_counts(np.bincount(codes.ravel(), minlength=w * length), 300))
    law = theory.events_with_shared(w * length, w, w * same)
    assert abs(np.mean(events) - law) < 3 * np.std(events, ddof=1) / 200**0.5
    assert theory.events_with_shared(w * length, w, 0) == theory.events_per_pair(w * length, w)
    assert theory.events_with_shared(w * length, w, w) == w


@pytest.mark.parametrize(
    ("items", "k", "error", "length", "members"),
    [
        (1000, 50, 0.01, 64, "set"),
        (300, 20, 1e-4, 32, "sequence"),
        (50, 49, 0.3, 16, "set"),
        (9, 9, 0.1, 4, "set"),
    ],
)
def test_the_smallest_union_is_the_smallest(items, k, error, length, members):
    blocks = theory.smallest_union(items, k, error, length=length, members=members)
    assert theory.or_error(blocks, length, items, k, members=members) <= error
    if blocks > 1:
        assert theory.or_error(blocks - 1, length, items, k, members=members) > error


# --- ranking ----------------------------------------------------------------------------------------------


def brute_top_share(n, items, k, length):
    """Independent scores, every case listed; equal scores in random order."""
    agree, p = exact_agreement(k, length), Fraction(1, length)
    own = [comb(n, h) * agree**h * (1 - agree) ** (n - h) for h in range(n + 1)]
    strange = [comb(n, h) * p**h * (1 - p) ** (n - h) for h in range(n + 1)]
    total = Fraction(0)
    for scores in product(range(n + 1), repeat=items):
        chance = Fraction(1)
        for i, score in enumerate(scores):
            chance *= own[score] if i < k else strange[score]
        cut = sorted(scores, reverse=True)[k - 1]
        above = sum(score > cut for score in scores)
        at_cut = [i for i, score in enumerate(scores) if score == cut]
        right = sum(score > cut for score in scores[:k])
        total += chance * (right + Fraction(k - above, len(at_cut)) * sum(i < k for i in at_cut))
    return total / k


@pytest.mark.parametrize(
    ("n", "items", "k", "length"), [(3, 5, 2, 2), (4, 4, 3, 3), (6, 4, 1, 2), (2, 6, 3, 4)]
)
def test_top_share_of_independent_scores(n, items, k, length):
    close(theory.top_share(n, items, k, length=length), brute_top_share(n, items, k, length))


def test_top_share_of_one_member_is_retrieval():
    assert theory.top_share(30, 50, 1) == pytest.approx(theory.retrieval(30, 50, 1), rel=1e-9)
    assert theory.top_share(50, 7, 7) == 1.0
    assert theory.top_share(20_000, 4000, 1500) > 0  # counts far beyond what a float holds


# --- softmax ----------------------------------------------------------------------------------------------


def test_identities_of_cut_softmax():
    random = np.random.default_rng(3)
    scores, values = 2 * random.standard_normal(300), random.standard_normal((300, 7))
    p = np.exp(scores) / np.exp(scores).sum()
    top = np.argsort(-p)[:30]
    cut = np.zeros(300)
    cut[top] = p[top] / p[top].sum()
    tau = 1 - p[top].sum()
    divergence = float((cut[top] * np.log(cut[top] / p[top])).sum())
    assert theory.mass_of_divergence(divergence) == pytest.approx(tau)
    assert np.abs(p - cut).sum() / 2 == pytest.approx(tau)
    tail = np.delete(np.arange(300), top)
    means = [p[rows] @ values[rows] / p[rows].sum() for rows in (tail, top)]
    assert theory.attention_error(tau, *means) == pytest.approx(np.linalg.norm((p - cut) @ values))


def test_sharpness_for_random_keys():
    for dim in (100, 10_000):
        beta = theory.sharpness_needed(dim, 0.01, 0.05)
        assert beta == pytest.approx(4 * dim**0.5, rel=0.01)
        assert theory.dropped_mass(0.01, beta / dim**0.5) == pytest.approx(0.05)
    assert theory.sharpness_needed(100, 0.5, 0.9) == 0.0
    assert theory.mass_of_divergence(1e-18) == pytest.approx(1e-18)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: theory.smallest_dim(100, 5, 0.0), ValueError, r"error must be in \(0, 1\), got 0"),
        (lambda: theory.smallest_dim(100, 5, float("nan")), ValueError, "error must be in"),
        (lambda: theory.smallest_dim(100, 5, "1e-2"), TypeError, "error must be a number"),
        (lambda: theory.smallest_dim(100, 101, 0.1), ValueError, "k must be at most 100, got 101"),
        (lambda: theory.smallest_dim(100, 5, 0.1, bit_errors=0.5), ValueError, "bit_errors must be below 0.5"),
        (lambda: theory.smallest_dim(9, 5, 0.1, length=4, bit_errors=0.8), ValueError, "bit_errors must be below 0.75"),
        (lambda: theory.smallest_dim(100, 5, 0.1, bit_errors=0.499999), ValueError, "error must be reachable"),
        (lambda: theory.capacity(100, 10, law="exact"), ValueError, "law must be one of normal, sequence, set"),
        (lambda: theory.capacity(100, 10, length=8), ValueError, "law must be sequence or set for length 8"),
        (lambda: theory.capacity(100, 10, accuracy=1.0), ValueError, "accuracy must be in"),
        (lambda: theory.retrieved_bits(1, 0.5), ValueError, "items must be at least 2, got 1"),
        (lambda: theory.contained(10, 11, 1), ValueError, "ones must be at most 10, got 11"),
        (lambda: theory.contained(10, 5, -1), ValueError, "count must be at least 0, got -1"),
        (lambda: theory.false_match(10, 3, 11, 2), ValueError, "synapses must be at most 10, got 11"),
        (lambda: theory.events_per_pair(10, 11), ValueError, "ones must be at most 10, got 11"),
        (lambda: theory.events_with_shared(10, 5, 6), ValueError, r"shared must be in \[0, 5\], got 6"),
        (lambda: theory.smallest_union(100, 50, 0.1, length=2), ValueError, "length must be above 2 for an OR of 50"),
        (lambda: theory.smallest_union(100, 5, 0, length=2), ValueError, "error must be in"),
        (lambda: theory.keys_per_event(10, 0), ValueError, "ones must be at least 1, got 0"),
        (lambda: theory.events_by_counts([1, 5], 4), ValueError, r"counts must be in \[0, 4\], got 1 … 5"),
        (lambda: theory.events_by_counts([0.5], 4), TypeError, "counts"),
        (lambda: theory.smallest_top(100, 5, code="map"), ValueError, "code must be one of bsc, sbc, or"),
        (lambda: theory.smallest_top(100, 5, code="or", dims=[10]), ValueError, "dims must be squares for code or"),
        (lambda: theory.top_share(0, 10, 2), ValueError, "dim must be at least 1, got 0"),
        (lambda: theory.xor_density(0.5, 2), ValueError, r"second must be in \[0, 1\], got 2"),
        (lambda: theory.attention_error(0.5, [1.0, 2.0], [1.0]), ValueError, "head_mean must have shape"),
        (lambda: theory.attention_error(0.5, [np.nan], [1.0]), ValueError, "tail_mean must be finite"),
        (lambda: theory.mass_of_divergence(-1), ValueError, "divergence must be in"),
    ],
)  # fmt: skip
def test_errors_name_argument_rule_and_value(call, error, message):
    with pytest.raises(error, match=message):
        call()
