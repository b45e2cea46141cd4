"""The dense model: its codes and its searches against a slow twin, and its winners against the sparse model's."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits, encode
from hdspike.bits.distance import TILE
from hdspike.bits.search import FAR
from hdspike.spaces import BSC
from hdspike.transformer import Head, Settings, SpikingTransformer, comparing, grams
from hdspike.transformer.bands import agreement, bands
from hdspike.transformer.holographic import BUNDLE, DenseSettings, HolographicTransformer
from hdspike.transformer.window import Spikes
from tests.conftest import JIT
from tests.naive import holographic as naive

ALPHABET = "ab ._c"
LETTERS = np.array([symbol.isalnum() or symbol == "_" for symbol in ALPHABET])
texts = st.lists(st.integers(0, len(ALPHABET) - 1), min_size=1, max_size=40)


def suffixes(*reaches: int) -> tuple[Head, ...]:
    return tuple(Head("suffix", reach, max(1, (reach - 1).bit_length()), 1, 1) for reach in reaches)


MIXED = (*suffixes(1, 2, 3), Head("words", 1, 2, 1, 1), *suffixes(5), Head("words", 2, 3, 1, 1))
SMALL = DenseSettings(heads=MIXED, window=30, winners=3)


def english(size: int) -> str:
    from hdspike.datasets import builtin_text

    return builtin_text().content[:size]


# --- codes ------------------------------------------------------------------------------------------------


@given(
    texts,
    st.lists(st.sampled_from((1, 2, 3, 7, 64, 65, 130, -1, -2, -4)), min_size=1, max_size=4),
    st.sampled_from((64, 128)),
    st.booleans(),
    st.integers(1, 40),
)
def test_the_codes_are_their_definition(text, reaches, width, bundled, cut):
    """In whatever parts the text comes, and beyond one turn of a rotation."""
    heads = tuple(Head("suffix" if r > 0 else "words", abs(r), 8, 1, 1) for r in reaches)
    state = grams.new_grams(LETTERS, heads, width, 3)
    items = bits.unpack(state.items, width).astype(np.int64)
    ring = 256
    keys = np.zeros((1 if bundled else len(heads), ring, width // 64), dtype=np.uint64)
    values = np.zeros(ring, dtype=np.uint16)
    for start in range(0, len(text), cut):
        part = np.array(text[start : start + cut])
        values[np.arange(start - 1, start + len(part) - 1) % ring] = part
        done = grams._write(state, part, start, values, np.array(reaches), bundled, keys)
        assert done >= len(part) * len(heads) * bundled
    for t in range(len(text)):
        codes = np.array([naive.gram(items, LETTERS, text, t, r, grams.ROLE) for r in reaches])
        if bundled:
            expected = bits.majority(bits.pack(codes), width)[None]
        else:
            expected = bits.pack(codes)
        assert (keys[:, t] == expected).all()


@pytest.mark.parametrize("order", [1, 2, 5, 8])
def test_a_bundle_of_all_suffixes_is_the_context_of_encode(order: int) -> None:
    model = HolographicTransformer(
        ALPHABET, DenseSettings(BUNDLE, 192, suffixes(*range(1, order + 1)), window=50, winners=2)
    )
    text = np.random.default_rng(0).integers(len(ALPHABET), size=40)
    model.learn(text)
    places = np.arange(order - 1, 40)
    expected = encode.contexts(BSC(192), model.codes.items, text, places, order=order)
    assert (model.window.keys[0, places] == expected).all()


# --- bands ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("members", range(1, 6))
def test_the_agreement_of_bundles_is_that_of_all_cases(members: int) -> None:
    shares = [agreement(members, shared) for shared in range(members + 1)]
    assert shares == pytest.approx([naive.agreement(members, shared) for shared in range(members + 1)])
    assert all(low < high for low, high in pairwise(shares))


@pytest.mark.parametrize(("members", "shared"), [(5, 2), (8, 5), (9, 8), (12, 6)])
def test_the_agreement_of_bundles_is_measured(members: int, shared: int) -> None:
    dim, random = 100_032, np.random.default_rng(members)
    common = bits.random(shared, dim, rng=random)
    sides = [
        bits.majority(np.concatenate([common, bits.random(members - shared, dim, rng=random)]), dim)
        for _ in range(2)
    ]
    measured = 1 - bits.hamming(sides[0][None], sides[1][None], dim)[0, 0] / dim
    assert measured == pytest.approx(agreement(members, shared), abs=4 * 0.5 / np.sqrt(dim))
    assert bands(dim, members)[round(dim * (1 - measured))] == shared


# --- search -----------------------------------------------------------------------------------------------


def spikes(rows: int, heads: int, most: int) -> Spikes:
    """Rows that hold what an earlier span left there."""
    return Spikes(
        np.full((rows, heads, most), 9, dtype=np.uint16),
        np.full((rows, heads, most), 9, dtype=np.uint16),
        np.full((rows, heads), most, dtype=np.int32),
    )


def said(found: Spikes, row: int, head: int) -> list[list[int]]:
    count = found.distinct[row, head]
    return np.stack([found.symbols[row, head, :count], found.counts[row, head, :count]], axis=1).tolist()


@st.composite
def rings(draw, most_heads):
    """Noisy copies of few codes in a ring, the last position of all, and the codes of every position by head."""
    heads, words = draw(st.integers(1, most_heads)), draw(st.integers(1, 2))
    ring = draw(st.sampled_from((32, 128)))
    end = draw(st.integers(1, 150))
    random = np.random.default_rng(draw(st.integers(0, 999)))
    kinds = random.integers(0, 2, size=(heads, 3, 64 * words))
    chosen = kinds[np.arange(heads)[:, None], random.integers(0, 3, size=(heads, end))]
    chosen ^= random.random(chosen.shape) < draw(st.sampled_from((0, 0.05)))
    values = random.integers(0, 4, size=end)
    keys = np.zeros((heads, ring, words), dtype=np.uint64)
    held = np.zeros(ring, dtype=np.uint16)
    for t in range(max(0, end - ring), end):
        keys[:, t % ring] = bits.pack(chosen[:, t])
        held[t % ring] = values[t]
    span = draw(st.integers(1, ring - 16))
    start = max(0, end - draw(st.integers(1, 16)))
    places = np.flatnonzero(random.random(end) < 0.7)
    return keys, held, chosen, values.tolist(), span, start, places[places >= start]


@pytest.mark.parametrize("words", [1, 2])
@pytest.mark.parametrize(("newest", "span"), [(100, 70), (158, 99), (127, 32), (128, 33), (20, 70), (0, 1)])
def test_the_next_key_is_found_wherever_it_lies(words: int, newest: int, span: int) -> None:
    """A ring of 128 positions of which one alone is near enough, and all others are one bit too far."""
    oldest, tolerance, code = max(0, newest - span), 3, np.zeros(words, dtype=np.uint64)
    keys = np.zeros((128, words), dtype=np.uint64)
    keys[:, -1] = 0b1111
    for near in range(oldest - 1, newest + 1):
        keys[near % 128, -1] = 0b111 if near >= oldest else 0b1111
        assert comparing._next(keys, code, newest, oldest, tolerance) == near
        keys[near % 128, -1] = 0b1111


@given(rings(4), st.integers(1, 5), st.sampled_from((0, 3, 8)), st.data())
def test_the_race_is_that_of_all_keys_one_by_one(ring, winners, tolerance, data):
    keys, held, chosen, values, span, start, places = ring
    heads = len(keys)
    order = np.array(data.draw(st.permutations(range(heads))))
    chains = np.array([0, data.draw(st.integers(0, heads)), heads])
    found, seen = spikes(16, heads, 4), np.full((heads, 4), -1)
    work = np.zeros(3, dtype=np.int64)
    comparing._race(keys, held, places, start, order, chains, span, winners, tolerance, found, seen, work)
    assert (seen == -1).all()
    compared = touched = fired = 0
    split = [order[: chains[1]].tolist(), order[chains[1] :].tolist()]
    for t in places:
        expected, blocks, furthest = naive.race(chosen, values, t, split, span, winners, tolerance)
        for h in range(heads):
            assert said(found, t - start, h) == naive.heard(expected[h])
        compared, touched = compared + blocks * keys.shape[2], touched + furthest
        fired += sum(map(len, expected))
    assert work.tolist() == [compared, touched, fired]


@given(rings(1), st.integers(1, 40), st.integers(1, 4))
def test_the_nearest_keys_are_those_of_a_sort(ring, winners, members):
    keys, held, chosen, values, span, start, places = ring
    size = 64 * keys.shape[2]
    distances = np.full((len(places), winners), FAR, dtype=np.int32)
    indices = np.zeros(distances.shape, dtype=np.int64)
    found, seen, work = spikes(16, members, 4), np.full((members, 4), -1), np.zeros(3, dtype=np.int64)
    tile, table = np.empty((max(1, len(places)), TILE), dtype=np.int32), bands(size, members)
    comparing._search(keys[0], places, span, tile, distances, indices, work)
    comparing._tell(distances, indices, held, places, start, table, found, seen, work)
    pairs = fired = 0
    for q, t in enumerate(places):
        expected = naive.nearest(chosen[0], t, span, winners)
        got = list(zip(distances[q].tolist(), indices[q].tolist(), strict=True))
        assert got[: len(expected)] == expected
        for h in range(members):
            agreeing = [values[key] for distance, key in expected if table[distance] > h]
            assert said(found, t - start, h) == naive.heard(agreeing)
            fired += len(agreeing)
        pairs += min(t, span)
    assert work.tolist() == [pairs * keys.shape[2], pairs, fired]


# --- the whole model --------------------------------------------------------------------------------------


def test_its_winners_are_the_sparse_models() -> None:
    """Same heads, window and winners: no false match in a text so short, so the same prediction, bit for bit."""
    text = english(4000 if JIT else 150)
    symbols = "".join(sorted(set(text)))
    shape = {"heads": MIXED, "window": 700, "winners": 6}
    dense = HolographicTransformer(symbols, DenseSettings(**shape))
    sparse = SpikingTransformer(symbols, Settings(memories="window", **shape))
    one, other = dense.learn(text), sparse.learn(text)
    assert (one.bits == other.bits).all()
    assert one.counts["window_fired"] == other.counts["window_fired"] > 0
    assert dense.generate(20, rng=1) == sparse.generate(20, rng=1)


def test_a_wide_bundle_sees_how_long_a_suffix_agreed() -> None:
    text = english(3000 if JIT else 60)
    symbols = "".join(sorted(set(text)))
    heads, window = suffixes(1, 2, 4, 8), len(text)
    bundle = HolographicTransformer(symbols, DenseSettings(BUNDLE, 8192, heads, window, winners=8))
    exact = HolographicTransformer(symbols, DenseSettings(heads=heads, window=window, winners=8))
    bundle.learn(text)
    exact.learn(text)
    for h in range(4):
        assert bool(bundle.heard.distinct[0, h]) == bool(exact.heard.distinct[0, h])
    assert bundle.heard.symbols[0, 3, 0] == exact.heard.symbols[0, 3, 0]


@pytest.mark.parametrize(
    "config", [SMALL, replace(SMALL, every=7), DenseSettings(BUNDLE, 128, suffixes(1, 2, 3), 30, 3)]
)
def test_a_text_may_come_in_parts_and_a_reading_leaves_no_trace(config: DenseSettings) -> None:
    text = (np.arange(1400 if JIT else 90) ** 2 % 7 % len(ALPHABET)).astype(np.int64)
    whole, parts = HolographicTransformer(ALPHABET, config), HolographicTransformer(ALPHABET, config)
    expected = whole.learn(text)
    cuts = np.split(text, [1, 42, 60])
    got = [parts.learn(part) for part in cuts[:2]]
    parts.read(text[:50], streaming=True)
    parts.read(text[:50])
    parts.generate(10, prompt="ab", rng=0)
    got += [parts.learn(part) for part in cuts[2:]]
    assert (np.concatenate([part.bits for part in got]) == expected.bits).all()
    assert (whole.next() == parts.next()).all()


def test_a_sample_is_predicted_as_in_the_whole() -> None:
    model = HolographicTransformer(ALPHABET, SMALL)
    text = np.random.default_rng(5).integers(len(ALPHABET), size=1300 if JIT else 100)
    model.learn(text[:77])
    full = model.read(text)
    model.settings = replace(model.settings, every=9)
    sample = model.read(text)
    assert (sample.bits == full.bits[(np.arange(len(text)) + 77) % 9 == 0]).all()
    assert sample.counts["word_xors"] < full.counts["word_xors"] // 5
    learned = model.learn(text)
    assert len(learned.bits) == len(sample.bits)
    assert model.votes.occurred.sum() == 77 + len(sample.bits)


def test_it_learns_to_spell() -> None:
    model = HolographicTransformer("abc", DenseSettings(BUNDLE, 256, suffixes(1, 2), 64, 4))
    model.learn("abc" * 40)
    assert model.generate(6, prompt="ab", temperature=0) == "cabcab"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"code": "sparse"}, "code must be"),
        ({"bits": 0}, "bits must be"),
        ({"bits": 100}, "bits must be a multiple of 64, got 100"),
        ({"heads": suffixes(2, 2)}, "heads must be of growing reach within a kind, got suffix 2 after 2"),
        ({"code": BUNDLE}, "heads of a bundle must be at most 64 suffix heads, got"),
        ({"code": BUNDLE, "heads": suffixes(1), "winners": 513}, "winners must be"),
        ({"window": 0}, "window must be"),
        ({"tolerance": 33}, "tolerance must be"),
        ({"every": 0}, "every must be"),
        ({"floor": 5000}, "floor must be"),
    ],
)
def test_bad_settings(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{message}"):
        DenseSettings(**change)


@pytest.mark.parametrize("symbols", ["", "aa"])
def test_bad_symbols(symbols: str) -> None:
    with pytest.raises(ValueError, match=r"^symbols must be"):
        HolographicTransformer(symbols)
    with pytest.raises(TypeError, match=r"^symbols must be"):
        HolographicTransformer(5)


@pytest.mark.parametrize(
    ("given_", "message"), [((0, 0), "members"), ((65, 1), "members"), ((3, 4), "shared")]
)
def test_bad_bundles(given_: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{message} must be"):
        agreement(*given_)
    with pytest.raises(ValueError, match=r"^dim must be"):
        bands(0, 3)
