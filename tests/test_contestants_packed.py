"""The packed n-grams predict what the live ones do, in fewer bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.contestants.contract import Contestant
from hdspike.contestants.ngram_store import NgramStore
from hdspike.contestants.ngrams import Ngrams
from hdspike.contestants.packed_ngrams import PackedNgrams
from hdspike.contestants.packed_trie import PackedTrie, _child
from hdspike.datasets import builtin_text
from tests.conftest import JIT

texts = st.lists(st.integers(0, 4), min_size=1, max_size=60)


def both(past, symbols, text, *args, **options):
    live, packed = Ngrams(*args, **options), PackedNgrams(*args, **options)
    for model in (live, packed):
        model.learn(past, symbols)
    readings = [m.read(text, streaming=False) for m in (live, packed)]
    np.testing.assert_allclose(readings[0].bits, readings[1].bits, rtol=1e-12)
    return live, packed, readings


@given(texts, texts, st.integers(1, 6), st.integers(1, 3), st.integers(1, 3))
def test_the_same_predictions(past, text, order, least, above):
    live, packed, readings = both(past, 5, text, order, least=least, above=above)
    trie = packed._trie
    assert len(trie.tree[0]) == live.store.contexts and len(trie.lists[0]) == live.store.ngrams
    assert readings[1].counts["macs_fp32"] <= readings[0].counts["macs_fp32"] + 5 * order * len(text)


@given(texts, st.integers(1, 5))
def test_every_context_is_found(past, order):
    """A context is found by its characters, nearest in front, exactly when it stood in the text."""
    store, padded = NgramStore(order, 5), np.array([5] * (order - 1) + past)
    work = np.zeros(6, dtype=np.int64)
    store.add(padded, order - 1, len(padded), work)
    trie = PackedTrie(store)
    stood = {tuple(padded[i - n : i][::-1]) for i in range(order - 1, len(padded)) for n in range(order)}
    found = {()}
    for context in stood:
        node = 0
        for length, symbol in enumerate(context):
            node = _child(trie.tree, node, symbol, work)
            assert node >= 0
            found.add(context[: length + 1])
    assert len(found) == store.contexts
    leaf = 0
    for symbol in max(stood, key=len):
        leaf = _child(trie.tree, leaf, symbol, work)
    assert _child(trie.tree, leaf, 0, work) == -1


def test_counts_above_a_byte() -> None:
    """Large counts, and large counts that were dropped, keep their value."""
    past = np.array(([0, 1] * 700 + [2, 2, 1]) * 2)
    live, packed, _ = both(past, 3, past, 4)
    assert live.store.arrays[6].max() > 255 and len(packed._trie.lists[2]) == 2
    past = np.array([0, 1] * 700 + [0, 2] * 300)
    _, packed, _ = both(past, 3, past, 2, least=400, above=1)  # after 0 there is 1, 700 times, and no 2
    assert packed._trie.dropped[2].tolist() == [300]
    assert packed._trie.lists[3].tolist() == [700, 700]


def test_many_symbols() -> None:
    past = np.random.default_rng(0).integers(0, 700, 2000 if JIT else 300)
    _, packed, _ = both(past, 700, past[:100], 3)
    assert packed._trie.tree[0].dtype == np.uint16


def test_english() -> None:
    """An eighth of the bytes on real text, an active character less still, no learning while reading."""
    tokens = np.minimum(builtin_text().tokens[: 30_000 if JIT else 1_500], 99)
    cut = len(tokens) * 9 // 10
    live, packed, readings = both(tokens[:cut], 100, tokens[cut:], 6)
    np.testing.assert_array_equal(readings[0].hits, readings[1].hits)
    assert packed.stored_bytes() < live.stored_bytes() / 5
    assert packed.stored_bytes() > live.compact_bytes()
    assert packed.active_bytes() < live.active_bytes() / 2
    assert isinstance(packed, Contestant)
    assert packed.learning is not None and packed.learning.counts == live.learning.counts
    trie = packed._trie
    low = 3.25 * live.store.contexts + 2 * live.store.ngrams
    assert low <= trie.stored_bytes() <= low + 16 + 8 * len(trie.lists[2])
    with pytest.raises(
        ValueError, match="streaming must be False: kneser-ney packed does not grow, got True"
    ):
        packed.read(tokens[cut:], streaming=True)
    with pytest.raises(ValueError, match="kneser-ney packed must learn a text before it reads one"):
        PackedNgrams(4).read([1], streaming=False)
    with pytest.raises(ValueError, match="order must be at least 1, got 0"):
        PackedNgrams(0)
