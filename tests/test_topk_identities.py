"""What top-k loses: TV(P, P̂) = τ = 1 − exp(−KL(P̂‖P)), ‖Attn − Attn_k‖ = τ‖μ_tail − μ_head‖ (arXiv:2512.07647).

Held to 1e-12 in float64, for the library's laws and for the winners that its plugs choose from their own scores. The
plugs weigh in float32, where a weight is right to 2⁻²⁴: their outputs are held to 1e-12 where float32 counts without
rounding (weights of 1 and 0, whole values, powers of two), and everywhere else to the bound of their arithmetic.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import theory
from hdspike.models import KWTA, Bundled, Codebook, softmax
from hdspike.models.attention import score_blocks
from hdspike.models.coded import CodedKWTA
from hdspike.models.signs import SignCode
from hdspike.models.winners import select_winners, weigh_winners

TIGHT = 1e-12
ROUND = 2.0**-23  # one rounding in float32, doubled


def cut(scores, winners):
    """P, P̂ and τ of one row of scores, in float64; τ as the sum of what is dropped."""
    x = np.asarray(scores, dtype=np.float64)
    p = np.exp(x - x.max())
    p /= p.sum()
    kept = np.zeros(len(x), dtype=bool)
    kept[winners] = True
    return p, np.where(kept, p, 0) / p[kept].sum(), float(p[~kept].sum()), kept


def means(p, kept, values):
    """μ_tail and μ_head; where nothing is dropped the tail has no mean, and any will do."""
    head = p[kept] @ values[kept] / p[kept].sum()
    tail = p[~kept] @ values[~kept] / p[~kept].sum() if p[~kept].sum() > 0 else head
    return tail, head


@given(
    size=st.sampled_from([1, 2, 63, 64, 65, 300]),
    k=st.integers(1, 310),
    sigma=st.sampled_from([0.0, 0.3, 2.0, 8.0]),
    dim=st.sampled_from([1, 5, 64]),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_laws_of_what_is_dropped(size, k, sigma, dim, seed):
    """For the k best, and for any other set that is kept."""
    random = np.random.default_rng(seed)
    scores, values = sigma * random.standard_normal(size), random.standard_normal((size, dim))
    for winners in (np.argsort(-scores)[:k], random.permutation(size)[:k]):
        p, cut_p, tau, kept = cut(scores, winners)
        if p[kept].sum() < 1e-3:  # 1 − τ has then lost digits to τ
            continue
        divergence = float(np.sum(cut_p[kept] * np.log(cut_p[kept] / p[kept])))
        assert abs(theory.mass_of_divergence(max(0.0, divergence)) - tau) < TIGHT
        assert abs(np.abs(p - cut_p).sum() / 2 - tau) < TIGHT
        law = theory.attention_error(min(1.0, tau), *means(p, kept, values))
        assert abs(np.linalg.norm((p - cut_p) @ values) - law) < TIGHT


def parts(random, count, size, sigma, dim=8):
    queries, keys, values = (
        random.standard_normal((heads, n, dim)).astype(np.float32)
        for heads, n in ((4, count), (2, size), (2, size))
    )
    return np.float32(sigma) * queries, keys, values, np.sort(random.integers(1, size + 1, size=count))


@given(
    size=st.sampled_from([1, 2, 63, 64, 65]),
    k=st.integers(1, 70),
    always=st.sampled_from([(0, 0), (1, 2)]),
    sigma=st.sampled_from([0.0, 0.5, 3.0]),
    seed=st.integers(0, 9999),
)
def test_the_winners_of_the_plug_obey_them(size, k, always, sigma, seed):
    """The scores are those that the plug computes in float32; all else is float64 on top of them."""
    queries, keys, values, seen = parts(np.random.default_rng(seed), 3, size, sigma)
    plug, sinks, recent = KWTA(k, sinks=always[0], recent=always[1]), *always
    read, whole = plug(queries, keys, values, layer=0, seen=seen), softmax(queries, keys, values, seen=seen)
    masses = []
    for group, part, scores, limit in score_blocks(queries, keys, seen):
        counts = np.tile(plug.counts(seen)[part], 2)
        winners, kept_many = select_winners(scores, limit, counts, sinks=sinks, recent=recent)
        rows = (group * 2 + head for head in range(2)), range(part.start, part.stop)
        for row, (head, i) in enumerate((h, i) for h in list(rows[0]) for i in rows[1]):
            p, cut_p, tau, kept = cut(scores[row, : limit[row]], winners[row, : kept_many[row]])
            v = values[group, : limit[row]].astype(np.float64)
            law = theory.attention_error(min(1.0, tau), *means(p, kept, v))
            divergence = float(np.sum(cut_p[kept] * np.log(cut_p[kept] / p[kept])))
            assert abs(theory.mass_of_divergence(max(0.0, divergence)) - tau) < TIGHT
            assert abs(np.abs(p - cut_p).sum() / 2 - tau) < TIGHT
            assert abs(np.linalg.norm((p - cut_p) @ v) - law) < TIGHT
            # the outputs themselves: a rounding for each weight, each product and each sum
            bound = (2 * limit[row] + 8) * ROUND * np.abs(v).max() * math.sqrt(v.shape[1])
            assert abs(np.linalg.norm(whole[head, i].astype(float) - read[head, i]) - law) < 2 * bound
            masses.append(1 - tau)
    assert plug.captured_mass == pytest.approx(np.mean(masses), abs=(size + 8) * ROUND)


powers = st.sampled_from([1, 2, 4, 8, 16, 32, 64])


@given(
    near=powers, k=powers, far=st.integers(0, 9), dim=st.sampled_from([1, 3, 64]), seed=st.integers(0, 9999)
)
def test_the_plugs_obey_them_to_the_last_digit_where_float32_does_not_round(near, k, far, dim, seed):
    """M keys of equal score, others too low for any weight: P is 1/M, P̂ 1/k, and every sum is of whole numbers."""
    random = np.random.default_rng(seed)
    size = near + far
    places = random.permutation(size)
    queries, keys = np.ones((1, 1, 1), np.float32), np.full((1, size, 1), -400, np.float32)
    keys[0, places[:near]] = 0
    values = random.integers(-1000, 1001, size=(1, size, dim)).astype(np.float32)
    seen = np.array([size])
    plug = KWTA(k)
    read, whole = plug(queries, keys, values, layer=0, seen=seen), softmax(queries, keys, values, seen=seen)
    order = np.concatenate([np.sort(places[:near]), np.sort(places[near:])])
    p, cut_p, tau, kept = cut(keys[0, :, 0], order[: min(k, size)])
    assert abs(plug.captured_mass - (1 - tau)) < TIGHT
    assert abs(np.abs(p - cut_p).sum() / 2 - tau) < TIGHT
    law = theory.attention_error(tau, *means(p, kept, values[0].astype(np.float64)))
    assert abs(np.linalg.norm((whole[0, 0] - read[0, 0]).astype(np.float64)) - law) < TIGHT * max(1.0, law)
    assert abs(tau - max(0.0, 1 - k / near)) < TIGHT


@given(many=st.sampled_from([16, 32, 64]), entries=st.sampled_from([1, 2, 4]), seed=st.integers(0, 9999))
def test_bundles_drop_nothing_where_scores_are_equal(many, entries, seed):
    """Each bundle is read at its mean score, which is then that of each of its keys: the error of top-k is gone."""
    random = np.random.default_rng(seed)
    keys = random.integers(-3, 4, size=(1, many, 2)).astype(np.float32)
    values = random.integers(-1000, 1001, size=(1, many, 3)).astype(np.float32)
    queries, seen = np.zeros((1, 1, 2), np.float32), np.array([many])
    book = Codebook(np.eye(2, dtype=np.float32)[None, None], keys[None, :, :entries])
    plug = Bundled(entries + 2, book)
    read, whole = plug(queries, keys, values, layer=0, seen=seen), softmax(queries, keys, values, seen=seen)
    assert np.abs(read.astype(float) - whole).max() < TIGHT
    assert abs(plug.estimated_mass - 1) < TIGHT
    assert abs(plug.captured_mass - 2 / many) < TIGHT
    top = KWTA(2)(queries, keys, values, seen=seen)
    law = theory.attention_error(1 - 2 / many, values[0, 2:].mean(axis=0), values[0, :2].mean(axis=0))
    assert np.linalg.norm(top[0, 0].astype(float) - whole[0, 0]) == pytest.approx(law, rel=1e-6)


def test_codes_obey_them_for_the_keys_that_they_find():
    """Winners by sign codes are not the best ones: the same identities, for another set."""
    random = np.random.default_rng(3)
    queries, keys, values, _ = parts(random, 1, 130, 2.0)
    seen = np.array([130])
    plug = CodedKWTA(6, code=SignCode(64, seed=1), candidates=2)
    read, whole = plug(queries, keys, values, layer=0, seen=seen), softmax(queries, keys, values, seen=seen)
    exact = KWTA(6)
    exact(queries, keys, values, layer=0, seen=seen)
    assert plug.captured_mass < exact.captured_mass
    errors, taus = np.linalg.norm((whole - read)[:, 0].astype(float), axis=1), []
    for head in range(4):
        scores = (queries[head, 0] / np.float32(8**0.5)) @ keys[head // 2].T
        # which six were read is told by the output: the candidates by distance, the best of them
        distances = theory_distances(plug.code, queries[head, 0], keys[head // 2])
        near = np.argsort(distances, kind="stable")[:12]
        winners = near[np.argsort(-scores[near], kind="stable")[:6]]
        p, _, tau, kept = cut(scores, winners)
        law = theory.attention_error(tau, *means(p, kept, values[head // 2].astype(float)))
        assert errors[head] == pytest.approx(law, abs=300 * ROUND)
        taus.append(tau)
    assert plug.captured_mass == pytest.approx(1 - np.mean(taus), abs=300 * ROUND)


def theory_distances(code, query, keys):
    """Hamming distances of the codes of one head's query and keys, by the library's own coding."""
    held = code.keys(0, 1, keys.shape[1])
    held.insert(keys[None])
    asked = code.queries(query[None])
    return np.bitwise_count(asked ^ held.words[0, : len(keys)]).sum(axis=1).astype(int)


def test_what_the_winners_sum_to():
    """ln Σ_w e^s of :func:`weigh_winners` is right to float32's rounding of each weight."""
    scores = np.random.default_rng(4).standard_normal((5, 70)).astype(np.float32) * 3
    winners, kept = select_winners(scores, [70] * 5, [9] * 5)
    _, logs = weigh_winners(scores, np.ones((70, 1), np.float32), winners, kept)
    wanted = [np.log(np.exp(np.sort(row.astype(float))[-9:]).sum()) for row in scores]
    assert np.abs(logs - wanted).max() < 9 * ROUND
