"""Kneser-Ney against its definitions, frozen and streaming; what it stores; its books."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.contestants.ngram_store import NgramStore
from hdspike.contestants.ngrams import Ngrams
from hdspike.vocabulary import COUNTERS
from tests.conftest import JIT
from tests.naive import contestants as naive

texts = st.lists(st.integers(0, 3), min_size=1, max_size=60)
orders = st.integers(1, 6)


def english(size: int) -> np.ndarray:
    from hdspike.datasets import builtin_text

    return np.minimum(builtin_text().tokens[:size], 99)


@given(texts, texts, orders)
def test_frozen_is_the_definition(past, text, order):
    model = Ngrams(order)
    model.learn(past, 4)
    reading = model.read(text, streaming=False)
    tables = naive.kneser_ney(past, order, 4)
    np.testing.assert_allclose(model.probabilities(), tables, rtol=1e-12)
    assert reading.bits[0] == pytest.approx(-np.log2(tables[text[0]]))


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=30),
    st.lists(st.integers(0, 3), min_size=1, max_size=8),
    orders,
)
def test_streaming_is_learning_the_longer_text(past, text, order):
    """Every prediction of a streaming reading is that of a model learned from scratch on all before it."""
    model = Ngrams(order)
    model.learn(past, 4)
    bits = model.read(text, streaming=True).bits
    for t, symbol in enumerate(text):
        p = naive.kneser_ney(past + text[:t], order, 4)
        assert bits[t] == pytest.approx(-np.log2(p[symbol]))
    np.testing.assert_allclose(model.probabilities(), naive.kneser_ney(past + text, order, 4), rtol=1e-12)
    assert (model.store.contexts, model.store.ngrams) == naive.stored(past + text, order, 4)


@given(texts, orders, st.integers(2, 4), st.integers(1, 3))
def test_pruned_is_the_definition(past, order, least, above):
    model = Ngrams(order, least=least, above=above)
    model.learn(past, 4)
    expected = naive.kneser_ney(past, order, 4, least=least, above=above)
    np.testing.assert_allclose(model.probabilities(), expected, rtol=1e-12)
    assert (model.store.contexts, model.store.ngrams) == naive.stored(
        past, order, 4, least=least, above=above
    )
    model.read(past, streaming=True)
    assert model.probabilities().sum() == pytest.approx(1)


def test_english() -> None:
    """Real text: probabilities sum to 1, longer contexts help, streaming helps, pruning makes small and worse."""
    tokens = english(20_000 if JIT else 1_500)
    cut = len(tokens) * 9 // 10
    bits = {}
    for order in (1, 3, 6):
        model = Ngrams(order)
        model.learn(tokens[:cut], 100)
        assert model.probabilities().sum() == pytest.approx(1)
        assert (model.probabilities() > 0).all()
        bits[order] = model.read(tokens[cut:], streaming=False).bits_per_character
        assert bits[order] > model.read(tokens[cut:], streaming=True).bits_per_character
        assert model.probabilities().sum() == pytest.approx(1)
    assert bits[1] > bits[3] + 0.3
    whole, pruned = Ngrams(6), Ngrams(6, least=2, above=2)
    for model in (whole, pruned):
        model.learn(tokens[:cut], 100)
    assert pruned.stored_bytes() < whole.stored_bytes() / 2
    assert pruned.compact_bytes() < whole.compact_bytes() / 2
    assert whole.compact_bytes() < whole.stored_bytes()
    assert bits[6] < pruned.read(tokens[cut:], streaming=False).bits_per_character < bits[1]


def test_frozen_leaves_no_trace() -> None:
    tokens = english(1_200)
    model = Ngrams(5)
    model.learn(tokens[:1000], 100)
    before = [array.copy() for array in model.store.arrays], model.store.occurrences.copy()
    once = model.read(tokens[1000:], streaming=False)
    for old, new in zip(before[0], model.store.arrays, strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(before[1], model.store.occurrences)
    again = model.read(tokens[1000:], streaming=False)
    np.testing.assert_array_equal(once.bits, again.bits)
    assert once.counts == again.counts


def test_two_pieces_are_one_text() -> None:
    """Streaming goes on where it ended: growing tables in pieces changes no prediction."""
    tokens = english(1_400)
    whole, pieces = Ngrams(4), Ngrams(4)
    for model in (whole, pieces):
        model.learn(tokens[:800], 100)
    one = whole.read(tokens[800:], streaming=True)
    two = [pieces.read(tokens[low : low + 200], streaming=True) for low in range(800, 1400, 200)]
    np.testing.assert_allclose(one.bits, np.concatenate([r.bits for r in two]), rtol=1e-12)
    for name in ("macs_fp32", "adds_int32"):
        assert one.counts[name] == sum(r.counts[name] for r in two)
    assert whole.stored_bytes() == pieces.stored_bytes()


def test_books() -> None:
    """The bytes are those of the arrays; each character of n characters adds 1 to n counts at most."""
    tokens = english(1_000)
    model = Ngrams(4)
    model.learn(tokens, 100)
    keys, values, total, _, head, symbol, count, link = model.store.arrays
    assert model.stored_bytes() == sum(a.nbytes for a in (keys, values, total, head, symbol, count, link))
    assert count.sum() >= len(tokens)
    assert total.sum() == count.sum()
    assert model.learning is not None
    assert len(tokens) <= model.learning.counts["adds_int32"] // 2 <= 4 * len(tokens)
    assert model.learning.counts["adds_int32"] == 2 * count.sum()
    reading = model.read(tokens[:100], streaming=False)
    assert set(reading.counts) <= set(COUNTERS)
    assert reading.counts["adds_int32"] == 0
    assert model.active_bytes() * 100 * 8 == reading.counts["dram_bits"]


def test_many_symbols_are_stored_wide() -> None:
    model = Ngrams(2)
    model.learn(np.arange(400), 400)
    assert model.stored_bytes() == 12 * 1024 + 8 * 401 + 12 * 800
    assert model.probabilities().argmax() in range(400)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Ngrams(0), "order must be at least 1, got 0"),
        (lambda: Ngrams(33), "order must be at most 32, got 33"),
        (lambda: Ngrams(3, least=0), "least must be at least 1, got 0"),
        (lambda: Ngrams(3, above=0), "above must be at least 1, got 0"),
        (lambda: Ngrams().read([1], streaming=False), "kneser-ney must learn a text before it reads one"),
        (lambda: Ngrams().probabilities(), "kneser-ney must learn a text"),
        (lambda: NgramStore(4, 3).room(1 << 29), r"tokens must add at most 2\^31 − 1 n-grams of up to 4"),
        (lambda: Ngrams().learn([], 4), "tokens must have at least one character"),
        (lambda: Ngrams().learn([4], 4), r"tokens must be in \[0, 4\), got values in \[4, 4\]"),
        (lambda: Ngrams().learn([0], 0), "symbols must be at least 1, got 0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
