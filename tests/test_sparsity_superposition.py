"""The toy model: exact losses, the line where they cross, the pentagon; and how many features a vector holds."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from hdspike import theory
from hdspike.spaces import BSC
from hdspike.sparsity import commingled, feature_capacity, superposition
from hdspike.sparsity.superposition import SOLUTIONS, pair_losses, train_toys
from tests.naive import sparse_superposition as naive

CANDIDATES = {  # W and b of the three solutions, as functions of p
    "second ignored": ((1.0, 0.0), lambda p: (0.0, p / 2)),
    "antipodal": ((1.0, -1.0), lambda p: (0.0, 0.0)),
    "first ignored": ((0.0, 1.0), lambda p: (p / 2, 0.0)),
}


def loss_of(weights, bias, p, r):
    """E L by quadrature: both features there, each alone, none."""

    def error(x, y):
        shared = weights[0] * x + weights[1] * y
        first = max(weights[0] * shared + bias[0], 0.0) - x
        second = max(weights[1] * shared + bias[1], 0.0) - y
        return first * first + r * second * second

    alone = integrate.quad(lambda x: error(x, 0) + error(0, x), 0, 1)[0]
    # the antipodal pair bends at x = y: both halves apart
    both = sum(
        integrate.dblquad(lambda y, x: error(x, y), 0, 1, low, high)[0]
        for low, high in ((0, lambda x: x), (lambda x: x, 1))
    )
    return p * p * both + p * (1 - p) * alone + (1 - p) ** 2 * error(0, 0)


@pytest.mark.parametrize(("p", "r"), [(0.05, 1.0), (0.4, 0.3), (4 / 7, 1.0), (0.9, 4.0)])
def test_the_losses_are_the_integrals_that_they_stand_for(p, r):
    found = pair_losses(p, r)
    for i, name in enumerate(SOLUTIONS):
        weights, bias = CANDIDATES[name]
        assert found[i] == pytest.approx(loss_of(weights, bias(p), p, r), rel=1e-9), name


def test_the_losses_hold_in_a_sample():
    rng, p, r = np.random.default_rng(0), 0.3, 0.6
    x = superposition.features(2, [p], 200_000, rng=rng).astype(np.float64)
    for name, loss in zip(SOLUTIONS, pair_losses(p, r), strict=True):
        weights, bias = CANDIDATES[name]
        w, b = np.array([[weights]]), np.array([bias(p)])
        sampled = superposition.gradients(w, b, x, np.array([[1.0, r]]))[0][0]
        assert sampled == pytest.approx(loss, rel=0.02)


def exact_line(r):
    """Where the pair's loss (1 + r)p²/6 is that of the feature that matters less: p/3 − p²/4 times it, by fractions."""
    less = min(r, 1)
    return less / 3 / ((1 + r) / 6 + less / 4)


@pytest.mark.parametrize("r", [Fraction(1, 10), Fraction(1, 3), Fraction(1), Fraction(5, 2), Fraction(10)])
def test_the_line_is_where_the_losses_cross(r):
    line = float(superposition.critical_density(float(r)))
    assert line == pytest.approx(float(exact_line(r)), rel=1e-15)
    losses = pair_losses(line, float(r))
    assert losses[1] == pytest.approx(min(losses[0], losses[2]), rel=1e-12)
    assert pair_losses(0.99 * line, float(r)).argmin() == 1
    assert pair_losses(min(1, 1.01 * line), float(r)).argmin() == (0 if r <= 1 else 2)


def test_equals_are_kept_both_below_four_sevenths():
    assert float(superposition.critical_density(1.0)) == pytest.approx(4 / 7, rel=1e-15)
    assert exact_line(Fraction(1)) == Fraction(4, 7)
    for r in (0.2, 0.7):
        assert float(superposition.critical_density(r)) == pytest.approx(4 * r / (2 + 5 * r))
        assert float(superposition.critical_density(1 / r)) == pytest.approx(4 / (5 + 2 / r))


@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 6), st.integers(0, 99))
def test_loss_and_gradients_are_those_of_the_slow_twin(m, n, batch, seed):
    rng = np.random.default_rng(seed)
    weights, bias = rng.normal(size=(2, m, n)), rng.normal(size=(2, n)) * 0.3
    x, importance, chances = rng.random((2, batch, n)), rng.random((2, n)) + 0.1, rng.random((2, batch))
    found = superposition.gradients(weights, bias, x, importance, chances)
    shared = superposition.gradients(weights, bias, x[0], importance)
    for i in range(2):
        given_ = weights[i].tolist(), bias[i].tolist()
        slow = naive.loss_and_gradients(*given_, x[i].tolist(), importance[i].tolist(), chances[i].tolist())
        for fast, wanted in zip(found, slow, strict=True):
            np.testing.assert_allclose(fast[i], wanted, atol=1e-12)
        even = [1 / batch] * batch
        slow = naive.loss_and_gradients(*given_, x[0].tolist(), importance[i].tolist(), even)
        for fast, wanted in zip(shared, slow, strict=True):
            np.testing.assert_allclose(fast[i], wanted, atol=1e-12)


def test_the_gradients_are_slopes_of_the_loss():
    rng = np.random.default_rng(1)
    weights, bias = rng.normal(size=(1, 2, 4)), rng.normal(size=(1, 4)) * 0.2
    x, importance = rng.random((1, 30, 4)), np.ones((1, 4))
    _, of_weights, of_bias = superposition.gradients(weights, bias, x, importance)
    for value, slope in ((weights, of_weights), (bias, of_bias)):
        for place in np.ndindex(value.shape):
            change = np.zeros_like(value)
            change[place] = 1e-6
            sides = []
            for sign in (1, -1):
                moved = [held + sign * change if held is value else held for held in (weights, bias)]
                sides.append(superposition.gradients(*moved, x, importance)[0][0])
            assert (sides[0] - sides[1]) / 2e-6 == pytest.approx(slope[place], rel=1e-4, abs=1e-8)


@given(st.integers(1, 3), st.integers(1, 6), st.integers(0, 99))
def test_dimensionality_is_that_of_the_slow_twin(m, n, seed):
    weights = np.random.default_rng(seed).integers(-2, 3, (m, n)).astype(float)
    found = superposition.dimensionality(weights)
    np.testing.assert_allclose(found, naive.dimensionality(weights.tolist()), atol=1e-12)
    assert found.sum() <= np.linalg.matrix_rank(weights) + 1e-9


def test_shapes_have_their_known_dimensionality():
    turn = 2 * np.pi * np.arange(5) / 5
    tetrahedron = np.array([[1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])
    for weights, share in (
        (np.eye(3), 1),
        ([[1, -1]], 1 / 2),
        ([np.cos(turn), np.sin(turn)], 2 / 5),
        (tetrahedron, 3 / 4),
    ):
        np.testing.assert_allclose(superposition.dimensionality(weights), share, rtol=1e-12)


@given(st.floats(0.01, 1), st.integers(1, 4))
def test_all_cases_of_two_features_are_counted_once(p, nodes):
    points, chances = superposition.pair_points([p], nodes)
    slow = naive.pair_cases(p, nodes)
    np.testing.assert_allclose(points, [case for case, _ in slow])
    np.testing.assert_allclose(chances[0], [chance for _, chance in slow])
    assert chances.sum() == pytest.approx(1)
    assert chances[0] @ points[:, 0] == pytest.approx(p / 2)


def test_features_are_there_with_their_density_and_then_uniform():
    x = superposition.features(3, [0.2, 1.0], 20_000, rng=0)
    assert x.shape == (2, 20_000, 3)
    assert np.mean(x[0] > 0) == pytest.approx(0.2, abs=0.01)
    there = x[0][x[0] > 0]
    assert (there.mean(), there.var()) == (pytest.approx(0.5, abs=0.01), pytest.approx(1 / 12, abs=0.005))
    assert x.max() <= 1
    common = superposition.features(3, [0.2, 0.2], 50, common=True, rng=0)
    np.testing.assert_array_equal(common[0], common[1])


def test_training_finds_what_the_line_says_on_both_sides():
    p, r = np.array([0.1, 0.9, 0.9, 0.1]), np.array([1.0, 0.4, 2.5, 3.0])
    importance = np.stack([np.ones(4), r], axis=1)
    toys = train_toys(2, 1, np.repeat(p, 8), importance=np.repeat(importance, 8, axis=0), steps=400, nodes=6,
                      rate=0.03, rng=0).best(8)  # fmt: skip
    assert [SOLUTIONS[i] for i in superposition.solution(toys.weights)] == [
        "antipodal", "second ignored", "first ignored", "antipodal",
    ]  # fmt: skip
    # never much worse than the candidates, as it may choose lengths and biases besides
    assert (toys.loss < 1.03 * pair_losses(p, r).min(axis=1)).all()


def test_five_rare_features_in_two_dimensions_are_a_pentagon():
    toys = train_toys(5, 2, np.full(6, 0.05), steps=900, batch=128, rate=0.03, rng=0)
    best = toys.best(6).weights[0].astype(float)
    angles = np.sort(np.degrees(np.arctan2(best[1], best[0])))
    np.testing.assert_allclose(np.diff(angles, append=angles[0] + 360), 72, atol=3)
    lengths = np.linalg.norm(best, axis=0)
    assert lengths.max() / lengths.min() < 1.04
    np.testing.assert_allclose(superposition.dimensionality(best), 0.4, atol=0.02)


def test_the_same_seed_trains_the_same():
    a, b = (train_toys(3, 2, [0.2, 0.4], steps=20, batch=16, rng=5) for _ in range(2))
    np.testing.assert_array_equal(a.weights, b.weights)
    np.testing.assert_array_equal(a.loss, b.loss)


# --- capacity


@given(st.integers(1, 3), st.integers(1, 9), st.integers(0, 99))
def test_a_kept_row_is_that_of_the_slow_twin(bits, m, seed):
    x = np.random.default_rng(seed).normal(size=(2, m))
    values = feature_capacity.levels(bits)[0].tolist()
    for fast, row in zip(feature_capacity.quantise(x, bits), x.tolist(), strict=True):
        np.testing.assert_allclose(fast, naive.quantise(row, values), atol=1e-12)


def test_levels_are_the_published_ones():
    for bits, distortion in ((1, 0.3634), (2, 0.1175), (3, 0.03454), (4, 0.009497)):  # Max 1960
        assert 1 - feature_capacity.fidelity(bits) == pytest.approx(distortion, abs=6e-5)
    assert feature_capacity.fidelity(1) == pytest.approx(2 / np.pi, rel=1e-9)
    z = np.random.default_rng(0).normal(size=(1, 100_000))
    kept = feature_capacity.quantise(z, 2)
    assert np.square(z - kept).mean() == pytest.approx(0.1175, rel=0.02)


@given(st.integers(2, 9), st.integers(1, 9), st.integers(0, 99), st.data())
def test_a_store_of_directions_is_that_of_the_slow_twin(n, m, seed, data):
    k = data.draw(st.integers(1, n))
    directions = feature_capacity.unit_directions(n, m, rng=seed)
    for bits in (None, 2):
        found = feature_capacity.recall_dense(directions, k, 3, bits=bits, rng=seed)
        rng, rho = np.random.default_rng(seed), feature_capacity.fidelity(bits)
        values = None if bits is None else feature_capacity.levels(bits)[0].tolist()

        def kept(row, values=values):
            return row if values is None else naive.quantise(row, values)

        for share, square in zip(found.found, found.squares, strict=True):
            there = rng.choice(n, size=k, replace=False).tolist()
            scores = naive.scores(directions.tolist(), there, rho, kept)
            if k < n:
                assert share == naive.found(there, scores)
            assert square == pytest.approx(np.mean([(scores[i] - 1) ** 2 for i in there]), abs=1e-12)


@given(st.sampled_from([1, 63, 64, 65]), st.integers(2, 7), st.integers(0, 99), st.data())
def test_a_bundle_is_that_of_the_slow_twin(dim, n, seed, data):
    k = data.draw(st.sampled_from([k for k in (1, 3, 5) if k <= n]))  # odd: nothing is tied
    found = feature_capacity.recall_bundle(dim, n, k, 2, rng=seed)
    rng = np.random.default_rng(seed)
    words = BSC(dim).random(n, rng=rng)
    codes = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")[:, :dim].tolist()
    for share, square in zip(found.found, found.squares, strict=True):
        there = rng.choice(n, size=k, replace=False).tolist()
        scores, ties = naive.majority_scores(codes, there)
        assert ties == 0
        assert share == naive.found(there, scores) or k == n
        scale = dim * (1 - 2 * theory.mode_distance(k))
        assert square == pytest.approx(np.mean([((2 * scores[i] - dim) / scale - 1) ** 2 for i in there]))


def within(values, law, slack=0.0):
    """The mean of independent trials is within four standard errors of a law."""
    return abs(values.mean() - law) < 4 * values.std(ddof=1) / np.sqrt(len(values)) + slack


@pytest.mark.parametrize(("m", "bits", "k"), [(64, None, 3), (64, None, 8), (128, 2, 8), (256, 1, 8)])
def test_stores_of_directions_follow_the_law(m, bits, k):
    law = feature_capacity.dense_retrieval(m, 300, k, bits=bits)
    found = [
        feature_capacity.recall_dense(
            feature_capacity.unit_directions(300, m, rng=s), k, 20, bits=bits, rng=s
        )
        for s in range(12)
    ]
    assert within(np.array([one.found.mean() for one in found]), law, slack=0.015)
    error = np.sqrt(np.mean([one.squares for one in found]))
    assert error == pytest.approx(feature_capacity.dense_error(m, k, bits=bits), rel=0.08)


def test_bundles_follow_theirs():
    found = [feature_capacity.recall_bundle(256, 300, 9, 15, rng=s) for s in range(12)]
    assert within(
        np.array([one.found.mean() for one in found]), theory.retrieval(256, 300, 9, members="set"), 0.01
    )
    error = np.sqrt(np.mean([one.squares for one in found]))
    assert error == pytest.approx(feature_capacity.bundle_error(256, 9), rel=0.08)


def test_a_real_number_of_one_bit_is_a_hypervectors_and_costs_pi_half():
    one = feature_capacity.dense_capacity(10_000, 1000, bits=1, members="sequence")
    assert abs(one - theory.capacity(10_000, 1000)) <= 2
    whole = feature_capacity.dense_capacity(10_000, 1000, members="sequence")
    assert whole / one == pytest.approx(np.pi / 2, rel=0.02)
    assert 10_000 / theory.capacity(10_000, 1000) == pytest.approx(51.7, abs=0.2)  # the anchor
    assert feature_capacity.bundle_error(8192, 201) == pytest.approx(
        np.sqrt(np.pi * 201 / 2 / 8192), rel=0.01
    )


def test_trained_directions_meet_welch_s_bound_and_no_others_pass_it():
    for n, m in ((40, 12), (13, 12), (9, 12)):
        tight = feature_capacity.tight_directions(n, m, sweeps=200, rng=0)
        np.testing.assert_allclose(np.linalg.norm(tight, axis=1), 1)
        shares = []
        for rows in (tight, feature_capacity.unit_directions(n, m, rng=1)):
            products = np.square(rows @ rows.T)
            shares.append((products.sum() - np.trace(products)) / (n * (n - 1)))
        bound = feature_capacity.interference(n, m, trained=True)
        assert shares[0] == pytest.approx(bound, abs=1e-6)
        assert shares[1] > bound
    assert feature_capacity.interference(9, 12, trained=True) == 0
    assert feature_capacity.dense_retrieval(12, 9, 5, trained=True) == 1
    # for many features training changes nothing
    assert feature_capacity.interference(10_000, 12, trained=True) == pytest.approx(1 / 12, rel=0.01)


def test_orthogonal_features_all_come_back_at_once():
    tight = feature_capacity.tight_directions(10, 12, rng=0)
    found = feature_capacity.recall_dense(tight, 6, 5, rng=0)
    assert found.found.tolist() == [1] * 5
    assert found.squares.max() < 1e-20


# --- real features


def activities(batch, n, seed=0):
    return np.maximum(0, np.random.default_rng(seed).normal(size=(batch, n)))


@given(st.integers(1, 4), st.integers(1, 7), st.integers(0, 99), st.data())
def test_reading_back_is_that_of_the_slow_twin(batch, n, seed, data):
    h, k = activities(batch, n, seed), data.draw(st.integers(1, n))
    directions = feature_capacity.unit_directions(n, 3, rng=seed)
    np.testing.assert_allclose(
        commingled.read_back(h, "random", 96, rng=seed),
        naive.read_random(h.tolist(), directions.tolist()),
        atol=1e-12,
    )
    for fast, row in zip(commingled.strongest(h, k), h.tolist(), strict=True):
        assert sorted(fast, reverse=True)[:k] == naive.strongest(row, k)
        assert np.count_nonzero(fast) <= k


def test_more_room_reads_back_better_and_trained_axes_best():
    rng = np.random.default_rng(0)
    mixing = rng.random((4, 40))
    h, sample = (np.maximum(0, rng.normal(size=(60, 4)) @ mixing) for _ in range(2))

    def error(kind, room, **options):
        back = commingled.read_back(h, kind, room, rng=1, **options)
        return np.linalg.norm(back - h) / np.linalg.norm(h)

    for kind, options in (("random", {}), ("random", {"bits": 8}), ("hypervectors", {})):
        errors = [error(kind, room, **options) for room in (512, 4096, 32_768)]
        assert all(later < 0.6 * earlier for earlier, later in pairwise(errors))
    assert error("principal", 512, sample=sample) < 0.2 * error("hypervectors", 512)
    assert error("principal", 512, bits=8, sample=sample) < 0.1
    assert error("principal", 40 * 32, sample=sample) < 1e-9  # all axes


BAD = [
    (lambda: pair_losses(0, 1), ValueError, r"density must be in \(0, 1\], got 0"),
    (lambda: pair_losses(0.5, np.nan), ValueError, "importance must be finite and above 0, got nan"),
    (lambda: superposition.critical_density(-1), ValueError, "importance must be finite and above 0, got -1"),
    (
        lambda: superposition.solution(np.ones((2, 2))),
        ValueError,
        r"weights must be finite, of shape \(…, 1, 2\)",
    ),
    (
        lambda: superposition.dimensionality([1.0]),
        ValueError,
        r"weights must be finite, of shape \(…, m, n\)",
    ),
    (lambda: superposition.pair_points([[0.5]], 3), ValueError, "density must be a number or a row"),
    (lambda: superposition.features(2, 1.5, 3, rng=0), ValueError, r"density must be in \(0, 1\], got 1.5"),
    (lambda: train_toys(0, 1, 0.5, rng=0), ValueError, "count must be at least 1, got 0"),
    (lambda: train_toys(2, 1, [[0.5]], rng=0), ValueError, "density must be a number or a row"),
    (
        lambda: train_toys(3, 1, 0.5, nodes=4, rng=0),
        ValueError,
        "nodes must be None for other than 2 features",
    ),
    (lambda: train_toys(3, 1, 0.5, importance=(1, 2), rng=0), ValueError, r"importance must have shape \(\)"),
    (lambda: train_toys(3, 1, 0.5, rate=np.inf, rng=0), ValueError, "rate must be a finite number above 0"),
    (lambda: train_toys(3, 1, 0.5, steps=0, rng=0), ValueError, "steps must be at least 1, got 0"),
    (
        lambda: train_toys(2, 1, [0.5] * 3, steps=1, nodes=1, rng=0).best(2),
        ValueError,
        "restarts must divide 3",
    ),
    (lambda: feature_capacity.levels(9), ValueError, "bits must be at most 8, got 9"),
    (lambda: feature_capacity.dense_retrieval(9, 5, 6), ValueError, "k must be at most 5, got 6"),
    (lambda: feature_capacity.dense_retrieval(9, 5, 2, members="x"), ValueError, "members must be one of"),
    (
        lambda: feature_capacity.dense_capacity(9, 5, accuracy=1),
        ValueError,
        r"accuracy must be inside \(0, 1\)",
    ),
    (lambda: feature_capacity.recall_dense(np.eye(3), 4, 1, rng=0), ValueError, "k must be at most 3, got 4"),
    (
        lambda: feature_capacity.recall_bundle(64, 3, 1, 0, rng=0),
        ValueError,
        "trials must be at least 1, got 0",
    ),
    (
        lambda: commingled.read_back(-np.eye(3), "random", 64, rng=0),
        ValueError,
        "activities must be finite and at",
    ),
    (
        lambda: commingled.read_back(np.eye(3), "x", 64, rng=0),
        ValueError,
        "kind must be one of random, principal",
    ),
    (
        lambda: commingled.read_back(np.eye(3), "random", 63, rng=0),
        ValueError,
        "room must be at least 64, got 63",
    ),
    (
        lambda: commingled.read_back(np.eye(3), "principal", 64, rng=0),
        ValueError,
        "sample must be activities of",
    ),
    (
        lambda: commingled.read_back(np.eye(3), "hypervectors", 64, bits=2, rng=0),
        ValueError,
        "bits must be 1 for hypervectors, got 2",
    ),
    (lambda: commingled.strongest(np.eye(3), 4), ValueError, "k must be at most 3, got 4"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_a_bad_argument_is_named_with_its_rule_and_value(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()
