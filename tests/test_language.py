"""The task and its rivals: the split never leaks, fits are the best of their grid, twins agree."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import language, quality
from hdspike.datasets import builtin_text, read_text
from hdspike.on_chip import run_on_chip
from hdspike.spaces import BSC, SBC
from hdspike.substrate import load
from hdspike.task import Settings, prepare
from hdspike.twin import DIMS, Projection, _project_blocks
from tests.naive import language as naive


@given(st.integers(1, 60), st.integers(1, 30), st.integers(1, 30), st.integers(1, 5), st.integers(0, 40))
def test_split_is_in_order_and_never_leaks(keys, development, queries, order, spare):
    length = order - 1 + keys + max(keys // 4, development) + max(keys // 4, queries) + 1 + spare
    s = language.split(length, keys=keys, development=development, queries=queries, order=order)
    assert (len(s.keys), len(s.development), len(s.queries)) == (keys, development, queries)
    joined = np.concatenate([s.keys, s.development, s.queries])
    assert np.all(np.diff(joined) > 0)
    assert joined[0] >= order - 1
    assert joined[-1] + 1 < length  # the target of the last query exists


def test_split_says_how_long_the_text_must_be():
    with pytest.raises(ValueError, match=r"text must have at least 31 characters .* it has 30"):
        language.split(30, keys=10, development=10, queries=10, order=1)
    with pytest.raises(ValueError, match="start must be at least 0 and at most 9"):
        language.split(40, keys=10, development=10, queries=10, order=1, start=30)


@given(st.integers(1, 9), st.integers(1, 4), st.floats(0.1, 30), st.integers(0, 2**32 - 1))
def test_softmax_votes_agree_with_naive(keys, symbols, beta, seed):
    rng = np.random.default_rng(seed)
    scores = rng.random((3, keys), dtype=np.float32)
    values = rng.integers(symbols, size=keys)
    wanted = rng.integers(-1, keys, size=(3, 2))
    wanted[:, 1] = -1
    votes, mass = language.softmax_votes(scores, values, (1.0, beta), symbols=symbols, mass_of=wanted)
    for q in range(3):
        expected, part = naive.softmax_votes(scores[q], values, beta, symbols, wanted[q])
        np.testing.assert_allclose(votes[q, 1], expected, rtol=1e-5, atol=1e-9)
        np.testing.assert_allclose(mass[q, 1], part, rtol=1e-5, atol=1e-9)


@given(st.text(alphabet="abc", min_size=12, max_size=60), st.integers(1, 4))
def test_backoff_agrees_with_naive_and_sums_to_one(text, order):
    tokens = np.array(["abc".index(c) for c in text])
    keys = np.arange(order - 1, len(tokens) // 2)
    positions = np.arange(len(tokens) // 2 + order, len(tokens))
    prior = language.unigram(tokens[keys + 1] if len(keys) else tokens[:1], 3)
    found = language.backoff(tokens, keys, positions, order=order, prior=prior)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    for row, t in zip(found, positions, strict=True):
        np.testing.assert_allclose(row, naive.witten_bell(list(tokens), keys, t, order, prior))


def test_fit_takes_the_best_of_its_grid():
    rng = np.random.default_rng(0)
    scores, targets = rng.random((50, 4)), rng.integers(4, size=50)
    scores[np.arange(50), targets] += 0.4
    prior, spoke = np.full(4, 0.25), np.ones(50, dtype=bool)
    fitted = language.fit_scores((scores, spoke, targets), (scores, spoke, targets), prior)
    for beta in language.BETAS:
        for lam in language.LAMBDAS:
            q = np.exp(beta * scores)
            mixed = lam * q / q.sum(axis=1, keepdims=True) + (1 - lam) * prior
            assert fitted.bits_per_char <= language.bits_per_char(mixed, targets) + 1e-12
    assert fitted.bits_per_char < 2


def test_a_query_without_a_winner_falls_back_to_the_unigram():
    prior = np.array([0.7, 0.2, 0.1])
    scores, targets, silent = np.eye(3)[[1, 2]], np.array([0, 0]), np.zeros(2, dtype=bool)
    fitted = language.fit_scores((scores, silent, targets), (scores, silent, targets), prior)
    assert fitted.top1 == 1
    assert fitted.bits_per_char == pytest.approx(-np.log2(0.7))


@given(st.integers(1, 5), st.integers(1, 200), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_project_blocks_agrees_with_naive(count, blocks, width, seed):
    rng = np.random.default_rng(seed)
    length = 3
    vectors = rng.integers(length, size=(count, blocks), dtype=np.int32)
    signs = rng.choice(np.array([-1, 1], dtype=np.int8), size=(blocks * length, width))
    out = np.empty((count, width), dtype=np.int8)
    assert _project_blocks(vectors, signs, length, out) == count * blocks * width
    np.testing.assert_array_equal(out, naive.project_blocks(vectors, signs, length))


@pytest.mark.parametrize("space", [BSC(300), SBC(512)], ids=repr)
def test_projection_keeps_similarity_and_is_exact(space):
    project = Projection(space, seed=3)
    vectors = space.random(6, rng=1)
    previous = None
    for dim in DIMS:
        found = project(vectors, dim)
        assert found.shape == (6, dim)
        assert found.dtype == np.int8
        if previous is not None and isinstance(space, SBC):
            np.testing.assert_array_equal(found[:, : previous.shape[1]], previous)
        exact = found.astype(np.int64) @ found.astype(np.int64).T
        scores = project.scores(found, found)
        norm = dim * (1 if isinstance(space, BSC) else space.width)
        np.testing.assert_array_equal(scores, exact.astype(np.float32) / np.float32(norm))
        previous = found
    similarity = space.similarity(vectors, vectors)
    assert np.all(np.abs(scores - similarity)[~np.eye(6, dtype=bool)] < 0.35)


def test_the_memory_is_all_that_the_prior_knows():
    task = prepare(Settings(keys=300, queries=20, development=20, winners="5", dim=256))
    assert task.prior == pytest.approx(language.unigram(task.targets["keys"], len(task.text.symbols)))
    assert task.split.keys[-1] < task.split.development[0]
    assert task.split.development[-1] < task.split.queries[0]


def test_a_short_text_gives_as_many_keys_as_it_holds(tmp_path):
    path = tmp_path / "text"
    path.write_text("the quick brown fox jumps over the lazy dog. " * 30, encoding="utf-8")
    task = prepare(Settings(text=str(path), queries=50, development=50))
    assert 64 <= len(task.split.keys) < 1350


def test_texts_are_tokens_of_characters(tmp_path):
    path = tmp_path / "text"
    path.write_text("añb😀a", encoding="utf-8")
    text = read_text(path)
    assert "".join(text.symbols[t] for t in text.tokens) == "añb😀a"
    assert len(builtin_text()) > 300_000


def test_dense_vectors_are_cut_to_the_axons_of_a_core_for_both_runners():
    sizes = {"keys": 64, "winners": "4", "queries": 4, "development": 4, "chip_queries": 1}
    sheet = load("loihi")
    task = prepare(Settings(space="bsc", dim=4160, **sizes))
    timed = run_on_chip(task, Settings(space="bsc", **sizes), sheet, theta=1, progress=lambda stage: None)
    assert timed.space.dim == timed.lines == 4096
    assert timed.agreement["exact"]["differing"] == 0


def test_a_key_that_fits_no_core_is_a_clear_error():
    task = prepare(Settings(keys=64, winners="4", queries=4, development=4, dim=256))
    sheet = load("loihi")
    small = MappingProxyType({**sheet.quantities, "topology.synaptic_memory_bits": replace(
        sheet.quantity("topology.synaptic_memory_bits"), value=100.0
    )})  # fmt: skip
    with pytest.raises(
        ValueError, match="chip-keys must be at most what the chip loihi holds: 0 of these keys"
    ):
        run_on_chip(task, Settings(), replace(sheet, quantities=small), theta=1, progress=lambda stage: None)


def test_the_dense_twin_is_the_smallest_that_does_the_job(monkeypatch):
    monkeypatch.setattr(quality, "DIMS", (64, 128))
    task = prepare(Settings(keys=300, queries=30, development=30, winners="5", dim=256))
    easy = quality.dense_twin(task, 0.0, seed=0)
    assert (easy.dim, easy.within, len(easy.tried)) == (64, True, 1)
    hopeless = quality.dense_twin(task, 2.0, seed=0)
    assert (hopeless.dim, hopeless.within, len(hopeless.tried)) == (128, False, 2)
