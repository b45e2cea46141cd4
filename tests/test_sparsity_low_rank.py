"""Low rank: exact errors, gradients, the latent that is all that is cached, and equal bytes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.sparsity import equal_bytes, few_weights, latent_attention, low_rank, short_keys
from hdspike.sparsity.latent_attention import DEEPSEEK_V3
from hdspike.sparsity.layer import Linear
from hdspike.sparsity.low_rank import LowRankLinear, low_rank_perceptron, truncated
from hdspike.sparsity.parameters import published
from hdspike.sparsity.parameters.decode import cache
from hdspike.sparsity.task import Task
from hdspike.sparsity.training import cross_entropy, train
from tests.naive import sparse_low_rank as naive

SHAPES = [(1, 1), (1, 5), (5, 1), (3, 7), (7, 3), (4, 4)]
sizes = st.integers(1, 6)


def matrix(rows, columns, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def toy_task(seed=0, classes=3, inputs=12):
    """Noisy copies of a few patterns."""
    rng = np.random.default_rng(seed)
    patterns = rng.random((classes, inputs))
    labels = rng.integers(0, classes, 240)
    x = (patterns[labels] + 0.3 * rng.normal(size=(240, inputs))).astype(np.float32)
    return Task("toy", x[:160], labels[:160], x[160:], labels[160:])


@given(sizes, sizes, st.integers(0, 99), st.data())
def test_a_truncation_is_that_of_the_slow_twin(rows, columns, seed, data):
    w = matrix(rows, columns, seed)
    rank = data.draw(st.integers(1, min(rows, columns)))
    factors = truncated(w, rank)
    slow, values = naive.truncated(w.tolist(), rank)
    np.testing.assert_allclose(factors.values, values[: len(factors.values)], atol=1e-9)
    np.testing.assert_allclose(factors.left @ factors.right, slow, atol=1e-6)
    assert low_rank.effective_rank(factors.values) == pytest.approx(naive.effective_rank(values))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_error_is_that_of_eckart_and_young_exactly(shape):
    w = matrix(*shape, seed=3)
    values = np.linalg.svd(w, compute_uv=False)
    for rank in range(1, min(shape) + 1):
        factors = truncated(w, rank)
        assert factors.left.shape == (shape[0], rank)
        assert factors.right.shape == (rank, shape[1])
        error = np.square(w - factors.left @ factors.right).sum()
        assert error == pytest.approx(np.square(values[rank:]).sum(), abs=1e-12)
        assert factors.error == pytest.approx(np.sqrt(error) / np.linalg.norm(w), abs=1e-7)


def test_no_other_factors_of_that_rank_are_better():
    w, rng = matrix(8, 6, seed=1), np.random.default_rng(2)
    factors = truncated(w, 2)
    best = np.square(w - factors.left @ factors.right).sum()
    for _ in range(50):
        left = factors.left + 0.1 * rng.normal(size=factors.left.shape)
        right = np.linalg.lstsq(left, w, rcond=None)[0]
        assert np.square(w - left @ right).sum() >= best


def test_known_inputs_make_the_outputs_best():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(500, 9)) @ rng.normal(size=(9, 9)) * np.geomspace(1, 0.05, 9)
    w, c = matrix(9, 7, seed=5), x.T @ x / 500

    def error(factors):
        return np.square(x @ (w - factors.left @ factors.right)).sum() / 500

    for rank in (1, 3, 6):
        known, plain = truncated(w, rank, moments=c), truncated(w, rank)
        assert error(known) == pytest.approx(np.square(known.values[rank:]).sum(), rel=1e-3)
        assert error(known) < 0.9 * error(plain)
        same = truncated(w, rank, moments=np.eye(9))
        np.testing.assert_allclose(same.left @ same.right, plain.left @ plain.right, atol=1e-5)


@pytest.mark.parametrize("shape", [(200, 300), (300, 300), (400, 100)])
def test_a_matrix_without_structure_follows_marchenko_and_pastur(shape):
    values = np.linalg.svd(matrix(*shape), compute_uv=False)
    for rank in (1, min(shape) // 10, min(shape) // 2, min(shape) - 1, min(shape)):
        law = low_rank.random_energy_share(*shape, rank)
        assert low_rank.energy_share(values, rank) == pytest.approx(law, abs=0.01)
    assert low_rank.random_energy_share(*shape, 0) == 0


@given(sizes, sizes, st.integers(1, 5), st.integers(0, 99), st.data())
def test_the_layer_computes_and_learns_like_its_slow_twin(n_in, n_out, batch, seed, data):
    rank = data.draw(st.integers(1, min(n_in, n_out)))
    layer, rng = LowRankLinear(n_in, n_out, rank, dtype=np.float64, rng=seed), np.random.default_rng(seed)
    layer.parameters["b"][...] = rng.normal(size=n_out)
    x, upstream = rng.normal(size=(batch, n_in)), rng.normal(size=(batch, n_out))
    held = [layer.parameters[name].tolist() for name in ("W_left", "W_right", "b")]
    np.testing.assert_allclose(layer.forward(x, training=True), naive.forward(x.tolist(), *held), atol=1e-12)
    back = layer.backward(upstream)
    left, right, bias, below = naive.backward(x.tolist(), *held[:2], upstream.tolist())
    for name, slow in (("W_left", left), ("W_right", right), ("b", bias)):
        np.testing.assert_allclose(layer.gradients[name], slow, atol=1e-12)
    np.testing.assert_allclose(back, below, atol=1e-12)
    cost = layer.cost()
    assert cost.macs == sum(len(row) for part in held[:2] for row in part)
    assert cost.stored == cost.active == cost.macs + n_out
    assert cost.stored_bytes == cost.active_bytes == 4 * cost.stored


def test_the_gradients_are_those_of_the_loss():
    network = low_rank_perceptron((5, 6, 4), rank=2, rng=0, dtype=np.float64)
    x, labels = matrix(7, 5), np.arange(7) % 4

    def loss():
        return cross_entropy(network.forward(x), labels)[0]

    _, upstream = cross_entropy(network.forward(x, training=True), labels)
    network.backward(upstream)
    for layer in network.layers[::2]:
        for name, gradient in layer.gradients.items():
            value = layer.parameters[name]
            place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
            value[place] += 1e-6
            above = loss()
            value[place] -= 2e-6
            slope = (above - loss()) / 2e-6
            value[place] += 1e-6
            assert slope == pytest.approx(gradient[place], rel=1e-5)


def test_it_begins_with_the_variance_of_a_dense_layer():
    products = [LowRankLinear(60, 50, 10, rng=seed).weights for seed in range(30)]
    assert np.var(products) == pytest.approx(2 / 60, rel=0.05)


def test_a_trained_layer_is_taken_over_at_full_rank_unchanged():
    layer = Linear(6, 4, dtype=np.float64, rng=1)
    layer.parameters["b"][...] = 3
    x = matrix(5, 6)
    np.testing.assert_allclose(LowRankLinear.of(layer, 4).forward(x), layer.forward(x), atol=1e-12)
    assert not np.allclose(LowRankLinear.of(layer, 2).forward(x), layer.forward(x), atol=1e-3)
    assert LowRankLinear.of(layer, 2).rank == 2


def test_a_perceptron_is_factored_where_that_saves_numbers():
    network = low_rank_perceptron((64, 300, 100, 10), rank=[4, None, 9], rng=0)
    assert [type(layer).__name__ for layer in network.layers[::2]] == [
        "LowRankLinear",
        "Linear",
        "LowRankLinear",
    ]
    network = low_rank_perceptron((64, 300, 100, 10), rank=60, rng=0)  # 60·110 > 1000 and 60·364 > 19,200
    assert [type(layer).__name__ for layer in network.layers[::2]] == ["Linear", "LowRankLinear", "Linear"]
    for share in (0.05, 0.3, 1.0):
        network = low_rank_perceptron((64, 300, 100), share=share, rng=0)
        for layer, (a, b) in zip(network.layers[::2], pairwise((64, 300, 100)), strict=True):
            assert layer.cost().macs <= share * a * b
            assert layer.cost().macs > share * a * b - (a + b)


def test_it_learns():
    task = toy_task()
    network = low_rank_perceptron((12, 20, 3), rank=3, rng=0)
    before = network.accuracy(task.test_x, task.test_y)
    train(network, task.train_x, task.train_y, epochs=30, batch=16, rate=1e-2, rng=0)
    assert network.accuracy(task.test_x, task.test_y) > max(0.85, before)


def test_the_cache_of_a_latent_is_71_times_smaller():
    assert DEEPSEEK_V3.cached == 35_136
    assert DEEPSEEK_V3.cached_unfolded() == 2_498_560
    assert DEEPSEEK_V3.cached_unfolded() / DEEPSEEK_V3.cached == pytest.approx(71.11, abs=0.01)
    assert DEEPSEEK_V3.cached_unfolded(1) == 61 * 320
    assert DEEPSEEK_V3.parameters == 187_107_328
    assert DEEPSEEK_V3.parameters_unfolded == 587_202_560
    assert DEEPSEEK_V3.macs_per_token / DEEPSEEK_V3.macs_per_token_unfolded == pytest.approx(3.4)


def test_the_calculator_of_parameters_counts_the_same_cache():
    found = cache(published.find("deepseek-v3").architecture, context=1)
    assert (found.token, found.every_head) == (DEEPSEEK_V3.cached, DEEPSEEK_V3.cached_unfolded())


def given_attention(heads, n, tokens, key, rope, value, latent, seed):
    rng = np.random.default_rng(seed)
    shapes = ((heads, n, key), (heads, n, rope), (tokens, latent), (tokens, rope))
    return [rng.normal(size=shape) for shape in (*shapes, (heads, key, latent), (heads, value, latent))]


@given(*[st.integers(1, 4)] * 7, st.integers(0, 99))
def test_absorbed_and_expanded_attention_are_one(heads, n, tokens, key, rope, value, latent, seed):
    parts = given_attention(heads, n, tokens, key, rope, value, latent, seed)
    absorbed, expanded = latent_attention.absorbed(*parts), latent_attention.expanded(*parts)
    np.testing.assert_allclose(absorbed, expanded, rtol=0, atol=1e-12)
    slow = naive.latent_attention(*(part.tolist() for part in parts))
    np.testing.assert_allclose(expanded, slow, rtol=0, atol=1e-12)


def test_the_up_projection_moves_to_the_query():
    rng = np.random.default_rng(0)
    w, q, c = rng.normal(size=(128, 512)) / 20, rng.normal(size=128), rng.normal(size=512)
    assert abs(q @ (w @ c) - (w.T @ q) @ c) < 1e-12


@given(sizes, sizes, st.integers(0, 36), st.integers(0, 99))
def test_places_take_the_bytes_of_the_slow_twin(n_in, n_out, nonzero, seed):
    nonzero = min(nonzero, n_in * n_out)
    assert equal_bytes.place_bytes(n_in, n_out, nonzero) == naive.place_bytes(n_in, n_out, nonzero)
    for room in (0, 3, 10, 40, 100):
        most = equal_bytes.weights_of_bytes(n_in, n_out, room)
        assert most == 0 or 2 * most + naive.place_bytes(n_in, n_out, most) <= room
        if most < n_in * n_out:
            assert 2 * (most + 1) + naive.place_bytes(n_in, n_out, most + 1) > room


@given(sizes, sizes, st.integers(0, 99))
def test_the_largest_weights_are_those_of_the_slow_twin(n_in, n_out, seed):
    w = np.round(matrix(n_in, n_out, seed) * 2) / 2  # with ties
    c = np.diag(np.random.default_rng(seed).random(n_in)).round(1)
    for moments, weight in ((None, [1.0] * n_in), (c, np.sqrt(np.diag(c)).tolist())):
        kept = equal_bytes.sparse(w, 2 * n_in * n_out + 1, moments=moments)
        places = naive.largest(w.tolist(), kept.numbers, weight)
        expected = [[w[i, j] if (i, j) in places else 0.0 for j in range(n_out)] for i in range(n_in)]
        np.testing.assert_array_equal(kept.weights, expected)


@pytest.mark.parametrize("share", [0.1, 0.35, 0.7])
def test_both_fit_into_the_same_bytes_and_follow_their_laws(share):
    w = matrix(200, 150, seed=6)
    room = int(share * 2 * w.size)
    for make in (equal_bytes.low_rank, equal_bytes.sparse):
        kept = make(w, room)
        assert kept.bytes <= room
        assert kept.bytes > room - 2 * sum(w.shape)
    rank = equal_bytes.low_rank(w, room).numbers // sum(w.shape)
    law = 1 - low_rank.random_energy_share(200, 150, rank)
    assert equal_bytes.relative_error(w, equal_bytes.low_rank(w, room).weights) ** 2 == pytest.approx(
        law, abs=0.02
    )
    sparse = equal_bytes.sparse(w, room)
    law = 1 - equal_bytes.random_kept_share(sparse.numbers / w.size)
    assert equal_bytes.relative_error(w, sparse.weights) ** 2 == pytest.approx(law, abs=0.02)
    assert np.count_nonzero(sparse.weights) == sparse.numbers


def test_the_error_of_outputs_is_that_of_real_outputs():
    w, x = matrix(6, 5), matrix(40, 6, seed=2)
    other = w + 0.1 * matrix(6, 5, seed=3)
    direct = np.linalg.norm(x @ (w - other)) / np.linalg.norm(x @ w)
    assert equal_bytes.relative_error(w, other, moments=x.T @ x) == pytest.approx(direct, rel=1e-9)
    assert equal_bytes.relative_error(w, w) == 0


def test_short_keys_find_more_with_more_bytes_and_all_with_all():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(16, 16)) * np.geomspace(3, 0.1, 16)
    keys, queries = rng.normal(size=(400, 16)) @ mixing + 2, rng.normal(size=(200, 16))
    seen = np.full(100, 400)
    for kind in short_keys.KINDS:
        found = []
        for room in (4, 16, 64):
            code = short_keys.ShortKeys(kind, room, keys[:200] * 1.01, queries[:100])
            shares = short_keys.recall(
                queries[100:] @ keys.T, code.scores(queries[100:], keys), seen, share=0.05
            )
            found.append(shares.mean())
        assert found[0] < found[1] < found[2] + 1e-9
        assert found[0] > 0.05  # better than chance
        if kind != "signs":
            assert found[2] > 0.9


def test_two_axes_are_those_that_matter_for_the_queries():
    rng = np.random.default_rng(1)
    keys = rng.normal(size=(300, 4)) * [10, 10, 1, 1]  # the large axes are never asked for
    queries = rng.normal(size=(300, 4)) * [0, 0, 1, 1]
    code = short_keys.ShortKeys("low rank float16", 4, keys, queries)
    np.testing.assert_allclose(code.scores(queries, keys), queries @ (keys - keys.mean(axis=0)).T, atol=0.02)


@given(st.integers(1, 5), st.integers(1, 12), st.integers(0, 99), st.floats(0.01, 1))
def test_recall_is_that_of_the_slow_twin(queries, keys, seed, share):
    rng = np.random.default_rng(seed)
    exact, scores = rng.integers(0, 4, (2, queries, keys)).astype(float)  # with ties
    seen = rng.integers(1, keys + 1, queries)
    found = short_keys.recall(exact, scores, seen, share=share)
    np.testing.assert_allclose(found, naive.recall(exact.tolist(), scores.tolist(), seen.tolist(), share))


@pytest.mark.parametrize("form", few_weights.FORMS)
def test_every_form_has_the_same_number_of_weights(form):
    task = toy_task()
    found = few_weights.few_weights(form, task, (40, 20), 2, epochs=12, batch=16, seed=1)
    wanted = sum(few_weights.weights_of_rank((12, 40, 20, 3), 2))
    assert abs(found["weights"] - wanted) <= (0.1 * wanted if form == "narrow" else 0)
    assert found["accuracy"] > 0.4
    again = few_weights.few_weights(form, task, (40, 20), 2, epochs=12, batch=16, seed=1)
    assert again == found


W = matrix(4, 3)
BAD = [
    (lambda: truncated(W, 0), ValueError, "rank must be at least 1, got 0"),
    (lambda: truncated(W, 4), ValueError, "rank must be at most 3, got 4"),
    (lambda: truncated(W, 1.5), TypeError, "rank must be an integer"),
    (lambda: truncated([[1, np.nan]], 1), ValueError, "weights must hold finite numbers, got nan"),
    (lambda: truncated(np.ones(3), 1), ValueError, "weights must be a matrix"),
    (lambda: truncated([["a"]], 1), TypeError, "weights must be a matrix of real numbers"),
    (lambda: truncated(W, 1, moments=np.eye(3)), ValueError, "moments must be a symmetric matrix of 4 × 4"),
    (lambda: truncated(W, 1, moments=np.triu(np.ones((4, 4)))), ValueError, "moments must be a symmetric"),
    (lambda: truncated(W, 1, moments=-np.eye(4)), ValueError, "moments must be positive semidefinite"),
    (lambda: truncated(W, 1, moments=1 - np.eye(4)), ValueError, "moments must be positive semidefinite"),
    (lambda: low_rank.energy_share([1, -1], 1), ValueError, "values must be singular values"),
    (lambda: low_rank.effective_rank([0.0]), ValueError, "values must be singular values"),
    (lambda: low_rank.random_energy_share(3, 4, 4), ValueError, "rank must be at most 3, got 4"),
    (lambda: low_rank.rank_of_share(3, 4, 0.0), ValueError, r"share must be in \(0, 1\], got 0.0"),
    (lambda: LowRankLinear(3, 4, 4, rng=0), ValueError, "rank must be at most 3, got 4"),
    (lambda: low_rank_perceptron((3, 4), rng=0), ValueError, "rank must be given, or share, and not both"),
    (lambda: low_rank_perceptron((3, 4), rank=1, share=0.5, rng=0), ValueError, "rank must be given"),
    (lambda: low_rank_perceptron((3, 4), rank=[1, 2], rng=0), ValueError, "rank must be one number or one for"),
    (lambda: low_rank_perceptron((3,), rank=1, rng=0), ValueError, "widths must name at least"),
    (lambda: low_rank_perceptron((3, 4), share=np.nan, rng=0), ValueError, r"share must be in \(0, 1\], got nan"),
    (lambda: DEEPSEEK_V3.cached_unfolded(129), ValueError, "groups must be at most 128, got 129"),
    (lambda: DEEPSEEK_V3.cached_unfolded(3), ValueError, "groups must divide 128 heads, got 3"),
    (lambda: latent_attention.LatentShape(1, 1, 1, 1, 1, 1, 0, 1), ValueError, "latent must be at least 1, got 0"),
    (
        lambda: latent_attention.absorbed(*given_attention(2, 3, 4, 5, 6, 7, 8, 0)[:5], np.ones((2, 7, 9))),
        ValueError,
        "up_values must have shape",
    ),
    (lambda: equal_bytes.low_rank(W, 13), ValueError, "room must be at least 14, got 13"),
    (lambda: equal_bytes.sparse(W, 2), ValueError, "room must hold at least one weight and its place, got 2"),
    (lambda: equal_bytes.sparse(W * 1e6, 24), ValueError, "weights must fit float16"),
    (lambda: equal_bytes.sparse(W, 24, moments=-np.eye(4)), ValueError, "moments must be 4 × 4"),
    (lambda: equal_bytes.relative_error(W, W.T), ValueError, r"other must have the shape \(4, 3\)"),
    (lambda: equal_bytes.relative_error(0 * W, W), ValueError, "weights must have an output other than 0"),
    (lambda: equal_bytes.random_kept_share(1.1), ValueError, r"share must be in \(0, 1\], got 1.1"),
    (lambda: short_keys.ShortKeys("x", 4, W, W), ValueError, "kind must be one of"),
    (lambda: short_keys.ShortKeys("signs", 1, W, W), ValueError, "room must be at least 2, got 1"),
    (lambda: short_keys.ShortKeys("signs", 4, W, W[:, :2]), ValueError, "queries must have 3 numbers each"),
    (lambda: short_keys.winners([0], 0.1), ValueError, "seen must be at least 1 key"),
    (lambda: short_keys.winners([5], 0), ValueError, r"share must be in \(0, 1\], got 0"),
    (lambda: short_keys.recall(W, W, [9, 1, 1, 1]), ValueError, "seen must be at most 3 keys, got 9"),
    (lambda: short_keys.recall(W, W.T, [1, 1, 1, 1]), ValueError, "scores must have shape"),
    (lambda: few_weights.weights_of_rank((64, 300, 10), 60), ValueError, "rank must save weights of every layer"),
    (lambda: few_weights.weights_of_rank((64, 10), 1), ValueError, "widths must name an input, hidden layers"),
    (lambda: few_weights.few_weights("x", toy_task(), (9,), 1, epochs=1, seed=0), ValueError, "form must be one of"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_a_bad_argument_is_named_with_its_rule_and_value(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()
