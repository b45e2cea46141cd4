"""k-winner-take-all by events: growing lists, spikes within their means, the plug beside slow twins."""

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.models import KWTA, attention, candidates, evented, evented_lists, evented_spikes, softmax
from hdspike.models.candidates import WEIGHTS, CandidateKWTA
from hdspike.models.evented import EventKWTA
from hdspike.models.evented_lists import EventKeys, EventLists
from hdspike.models.evented_spikes import event_potentials
from hdspike.models.product import learn_product
from tests.naive import evented as naive
from tests.tiny_products import parts
from tests.tiny_products import product as random_book


@given(
    blocks=st.integers(1, 3),
    lines=st.sampled_from([1, 2, 5, 256]),
    steps=st.lists(st.integers(0, 20), max_size=4),
    seed=st.integers(0, 999),
)
def test_lists_hold_the_keys_of_each_line_in_order(blocks, lines, steps, seed):
    rng = np.random.default_rng(seed)
    codes = (rng.integers(0, lines, size=(sum(steps), blocks)) // rng.integers(1, 4)).astype(np.uint8)
    lists, low = EventLists(blocks, lines), 0
    for step in steps:
        lists.insert(codes[low : low + step])
        low += step
        assert lists.length == low and np.array_equal(lists.codes, codes[:low])
        for b in range(blocks):
            for e in {0, lines - 1, *codes[:low, b].tolist()}:
                assert lists.keys(b * lines + e).tolist() == np.flatnonzero(codes[:low, b] == e).tolist()
        assert lists.lengths.sum() == low * blocks
    room = lists.rooms.sum()
    assert room <= 4 * blocks * len(codes) + evented_lists.LEAST * np.count_nonzero(lists.lengths)


@given(
    blocks=st.integers(1, 4),
    lines=st.sampled_from([1, 2, 7]),
    keys=st.integers(0, 12),
    scale=st.sampled_from([0, 1, 3, 40, 2000]),
    allowance=st.integers(0, 30),
    seed=st.integers(0, 999),
)
def test_potentials_are_those_of_the_twin(blocks, lines, keys, scale, allowance, seed):
    """Ties of strength, lines without keys, queries in any order, nothing to spend."""
    rng = np.random.default_rng(seed)
    strengths = np.rint(rng.normal(size=(3, blocks, lines)) * scale).astype(np.int16)
    rests = rng.integers(-50, 50, size=keys).astype(np.int16)
    codes = rng.integers(0, lines, size=(keys, blocks)).astype(np.uint8)
    seen, allowances = rng.integers(0, keys + 1, size=3), rng.integers(0, allowance + 1, size=3)
    found, counts = event_potentials(strengths, rests, codes, seen, allowances)
    for i in range(3):
        wanted, events, spikes = naive.potentials(strengths[i], rests, codes, seen[i], allowances[i])
        assert found[i].tolist() == wanted + [0] * (keys - seen[i])
        assert counts[i].tolist() == [events, spikes] and events <= allowances[i]


def test_inhibition_adapts_the_threshold():
    """More to spend: more spikes, all lines of a strength or none, no fewer events than a stronger level costs."""
    rng = np.random.default_rng(1)
    strengths = np.rint(rng.normal(size=(1, 3, 20)) * 9).astype(np.int16)
    codes = rng.integers(0, 20, size=(300, 3)).astype(np.uint8)
    last = 0
    for spend in range(0, 900, 20):
        _, ((events, spikes),) = event_potentials(strengths, np.zeros(300, np.int16), codes, [300], [spend])
        assert last <= events <= spend and (spikes > 0) == (events > 0)
        last = events
    assert last == sum(
        (strengths[0, b, codes[:, b]] > 0).sum() for b in range(3)
    )  # what inhibits never spikes


def test_keys_are_the_same_however_they_arrive():
    book = random_book(np.random.default_rng(2), layers=2, groups=2)
    _, keys, _, _ = parts(np.random.default_rng(3), groups=2, size=40)
    whole, dealt = EventKeys(book, 1), EventKeys(book, 1)
    whole.insert(keys)
    for low, high in ((0, 1), (1, 1), (1, 17), (17, 18), (18, 40)):
        dealt.insert(keys[:, low:high])
        assert dealt.length == high and np.array_equal(dealt.rests, whole.rests[:, :, :high])
    assert dealt.ends_with(keys[:, -1]) and not dealt.ends_with(keys[:, -2])
    for one, other in zip(whole.lists, dealt.lists, strict=True):
        assert np.array_equal(one.codes, other.codes)
        assert all(np.array_equal(one.keys(line), other.keys(line)) for line in range(6))
    assert np.array_equal(whole.rests, np.rint(book.rests(1, keys) * 16))
    assert 0 < whole.bytes < 40 * 2 * (2 * 2 + 2 + 4 * 2 * 4) + 2000


def counted(winners):
    return lambda size: max(1, round(0.3 * size)) if winners == "30%" else min(winners, size)


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("cells", [1, 1 << 21])
def test_plug_is_that_of_the_twin(kind, cells, monkeypatch):
    monkeypatch.setattr(attention, "CELLS", cells)
    for seed, (winners, rule) in enumerate(
        (
            (3, {"candidates": 2, "events": 0.7}),
            ("30%", {"candidates": 1, "sinks": 1, "events": 2}),
            (4, {"sinks": 1, "recent": 2, "candidates": 2, "beta": 0.5, "events": 0.3}),
            (50, {"events": 1}),
            (2, {"sinks": 8, "recent": 8, "events": 0}),
        )
    ):
        rng = np.random.default_rng(seed)
        given = parts(rng, heads=4, groups=2)
        book = random_book(rng, layers=2, groups=2, share=1 + seed % 2, lines=(1, 3, 5)[seed % 3])
        plug = EventKWTA(winners, book, weights=kind, **rule)
        out = plug(*given[:3], layer=1, seen=given[3])
        wanted, counts = naive.attend(*given, book, 1, counted(winners), kind=kind, **rule)
        assert np.allclose(out, wanted, atol=1e-5)
        mass, best, events, spikes = counts
        assert math.isclose(plug.captured_mass, mass.mean(), rel_tol=1e-5)
        assert math.isclose(plug.found_share, mass.sum() / best.sum(), rel_tol=1e-5)
        assert (plug.rows, plug.cells, plug.inserted) == (16, 4 * given[3].sum(), 18)
        assert (plug.synaptic_events, plug.spikes) == (events.sum(), spikes.sum())
        assert plug.synaptic_events_per_query_key == plug.synaptic_events / plug.cells <= rule["events"]
        assert plug.touched_fraction == plug.touched / plug.cells <= 1
        assert plug.touched >= plug.kept


def test_touched_pairs_got_an_event_or_a_score():
    """All keys on one line that is too dear: nothing spikes, only candidates are touched; then every key is."""
    rng = np.random.default_rng(5)
    given, book = parts(rng, count=4, size=9), random_book(rng, lines=1)
    shy = EventKWTA(2, book, events=0.5, candidates=3)
    shy(*given[:3], seen=given[3])
    assert (shy.synaptic_events, shy.spikes) == (0, 0)
    assert shy.touched == shy.rescored == 8 * 6
    loud = EventKWTA(2, book, events=2, candidates=3)
    loud(*given[:3], seen=given[3])
    assert loud.synaptic_events in range(shy.cells, 2 * loud.cells + 1) or loud.touched < loud.cells
    quick = EventKWTA(2, book, events=2, candidates=3, measure=False)
    quick(*given[:3], seen=given[3])
    assert quick.synaptic_events == loud.synaptic_events
    assert math.isnan(quick.touched_fraction) and math.isnan(quick.found_share)


def test_learned_codes_find_the_winners():
    """Keys of one law, queries of one law: more events find more, and lose less of the output."""
    rng = np.random.default_rng(6)
    turn = rng.normal(size=(16, 16)) * np.geomspace(2, 0.05, 16)

    def drawn(heads, count):
        return (rng.normal(size=(heads, count, 16)) @ turn + 0.5).astype(np.float32)

    old, asked = drawn(1, 400), drawn(2, 200)
    moment = np.einsum("hnx,hny->xy", asked, asked).astype(float) / 400
    book = learn_product(
        [old], moment[None, None], asked.mean(1, dtype=float)[None], blocks=4, lines=16, rng=0
    )
    queries, keys, values = drawn(2, 12), drawn(1, 150), drawn(1, 150)
    seen, shares, errors = np.arange(139, 151), [], []
    exact = KWTA(10)
    wanted = exact(queries, keys, values, seen=seen)
    for events in (0, 0.25, 1, 4):
        plug = EventKWTA(10, book, events=events, candidates=2)
        errors.append(np.abs(plug(queries, keys, values, seen=seen) - wanted).mean())
        shares.append(plug.found_share)
        assert math.isclose(plug.captured_mass, plug.found_share * exact.captured_mass, rel_tol=1e-5)
    assert shares == sorted(shares) and shares[0] < shares[1] - 0.1 and shares[3] > 0.95
    assert errors == sorted(errors, reverse=True)
    every = EventKWTA(10, book, events=0, candidates=15)
    assert np.allclose(every(queries, keys, values, seen=seen), wanted, atol=1e-3)
    all_kept = EventKWTA(150, book)
    assert np.allclose(
        all_kept(queries, keys, values, seen=seen), softmax(queries, keys, values, seen=seen), atol=1e-3
    )
    scored = EventKWTA(10, book, events=4, weights="score")
    scored(queries, keys, values, seen=seen)
    assert 0.3 < scored.slope < 1.2


@pytest.mark.parametrize("kind", WEIGHTS)
def test_one_key_and_equal_keys(kind):
    book = random_book(np.random.default_rng(2))
    queries, keys, values, seen = parts(np.random.default_rng(2), count=1, size=1)
    plug = EventKWTA(5, book, weights=kind)
    assert np.allclose(plug(queries, keys, values, seen=seen), values[:, :1])
    same, numbers = np.ones((1, 6, 4), np.float32), np.arange(6, dtype=np.float32).reshape(1, 6, 1)
    assert (EventKWTA(1, book, weights=kind)(queries, same, numbers, seen=np.array([6])) == 0).all()


def test_a_stream_codes_each_key_once():
    """One query at a time or a few: the outputs of all at once, bit for bit."""
    queries, keys, values, _ = parts(np.random.default_rng(7), count=12, size=12)
    book = random_book(np.random.default_rng(8), layers=2)
    whole, stream = EventKWTA(3, book, measure=False), EventKWTA(3, book, stream=True, measure=False)
    for layer in (0, 1):
        wanted = whole(queries, keys, values, layer=layer, seen=np.arange(1, 13))
        for low, high in ((0, 1), (1, 2), (2, 7), (7, 8), (8, 12)):
            step = (queries[:, low:high], keys[:, :high], values[:, :high])
            out = stream(*step, layer=layer, seen=np.arange(low + 1, high + 1))
            assert np.array_equal(out, wanted[:, low:high])
    assert whole.inserted == stream.inserted == 2 * 12
    assert stream.synaptic_events == whole.synaptic_events > 0
    with pytest.raises(ValueError, match="keys must continue the 12 held of layer 0, got 8 old ones"):
        stream(*step, layer=0, seen=np.arange(9, 13))
    stream.forget()
    assert np.array_equal(stream(*step, layer=1, seen=np.arange(9, 13)), wanted[:, 8:])


@pytest.mark.parametrize("kind", WEIGHTS)
def test_threads(kind, monkeypatch):
    given, book = parts(np.random.default_rng(8), count=8, size=20), random_book(np.random.default_rng(9))
    plugs = [EventKWTA(3, book, candidates=1, weights=kind, sinks=1) for _ in range(2)]
    out = plugs[0](*given[:3], seen=given[3])
    monkeypatch.setattr(candidates, "spread", lambda work, size: [work(i, i + 1) for i in range(size)])
    assert np.array_equal(plugs[1](*given[:3], seen=given[3]), out)
    names = ("captured_mass", "slope", "synaptic_events", "spikes", "touched")
    assert [getattr(plugs[0], name) for name in names] == [getattr(plugs[1], name) for name in names]


def test_counts_of_the_later_queries():
    given, book = parts(np.random.default_rng(9)), random_book(np.random.default_rng(9))
    plug, later = EventKWTA(2, book), EventKWTA(2, book, counted_from=7)
    plug(*given[:3], seen=given[3])
    later(*given[:3], seen=given[3])
    assert (later.rows, later.kept, later.cells, later.rescored) == (4, 8, 2 * (8 + 9), 4 * 8)
    assert 0 < later.synaptic_events < plug.synaptic_events and later.touched < plug.touched
    later.reset()
    assert (later.rows, later.synaptic_events, later.spikes, later.touched, later.inserted) == (0,) * 5
    assert math.isnan(later.synaptic_events_per_query_key) and math.isnan(later.touched_fraction)
    assert later(given[0][:, :0], *given[1:3], seen=given[3][:0]).shape == (2, 0, 4)


Q, K, V, SEEN = parts(np.random.default_rng(0))
BOOK = random_book(np.random.default_rng(0))
S, R, C = np.zeros((2, 2, 3), np.int16), np.zeros(4, np.int16), np.zeros((4, 2), np.uint8)
NAN = K.copy()
NAN[0, 2, 0] = np.nan


def plug(**rule):
    return EventKWTA(**{"winners": 2, "book": BOOK} | rule)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: plug(book=3), TypeError, "book must be a ProductBook, got int"),
        (lambda: plug(events=-0.5), ValueError, "events must be a finite number of at least 0, got -0.5"),
        (lambda: plug(events=math.nan), ValueError, "events must be a finite number"),
        (lambda: plug(winners=0), ValueError, "winners must be at least 1"),
        (lambda: plug(candidates=0), ValueError, "candidates must be at least 1"),
        (lambda: plug(weights="none"), ValueError, "weights must be one of softmax, score, rank, count"),
        (lambda: plug()(Q, K, V, layer=1, seen=SEEN), ValueError, "layer must be one of the codebook's 1, got 1"),
        (lambda: plug()(Q, K[..., :2], V, seen=SEEN), ValueError, "keys must have shape"),
        (lambda: plug()(Q[..., :2], K[..., :2], V, seen=SEEN), ValueError,
         "keys must be 1 heads of 4 numbers as the codebook is, got 1 of 2"),
        (lambda: plug()(Q[[0, 1, 0]], K, V, seen=SEEN), ValueError,
         "queries must be of 2 heads for each key head as the codebook is, got 3"),
        (lambda: plug()(Q, NAN, V, seen=SEEN), ValueError, "keys must be finite"),
        (lambda: plug()(Q * np.float32(np.nan), K, V, seen=SEEN), ValueError, "queries must be finite"),
        (lambda: EventKeys(BOOK, 0).insert(K[:, :, :2]), ValueError, r"keys must have shape \(1, n, 4\)"),
        (lambda: EventLists(0, 3), ValueError, "blocks must be at least 1"),
        (lambda: EventLists(1, 257), ValueError, "lines must be at most 256"),
        (lambda: EventLists(2, 3).insert(C[:, :1]), ValueError, "codes must have 2 blocks, got 1"),
        (lambda: EventLists(2, 3).insert(C + np.uint8(3)), ValueError, "codes must be lines below 3, got 3"),
        (lambda: event_potentials(S, R[:3], C, [4, 4], [1, 1]), ValueError, "rests must be one for each of 4 keys"),
        (lambda: event_potentials(S, R, C, [4], [1, 1]), ValueError, "seen must be one for each of 2 queries"),
        (lambda: event_potentials(S, R, C, [4, 5], [1, 1]), ValueError, "seen must be at most 4, got 5"),
        (lambda: event_potentials(S, R, C, [4, -1], [1, 1]), ValueError, "seen must be at least 0, got -1"),
        (lambda: event_potentials(S, R, C, [4, 4], [1, -1]), ValueError, "allowances must be at least 0, got -1"),
        (lambda: event_potentials(S, R, C[:, :1], [4, 4], [1, 1]), ValueError, "codes must have 2 blocks, got 1"),
        (lambda: CandidateKWTA(2, **CANDIDATE)(Q, K, V, seen=SEEN), NotImplementedError, ""),
    ],
)  # fmt: skip
def test_clear_errors(call, kind, message):
    with np.errstate(all="ignore"), pytest.raises(kind, match=f"^{message}"):
        call()


CANDIDATE = {"candidates": 1, "weights": "softmax", "beta": 1, "stream": False, "measure": False}
CANDIDATE |= {"sinks": 0, "recent": 0, "counted_from": 0}


def test_examples():
    for module in (evented, evented_lists, evented_spikes):
        assert doctest.testmod(module).attempted and not doctest.testmod(module).failed
