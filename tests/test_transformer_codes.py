"""Codes of a Spiking HD-Transformer: what the layers make is the n-gram, written out; items are orthogonal."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import encode
from hdspike.spaces import SBC
from hdspike.transformer import Head, Settings
from hdspike.transformer.codes import _words, items, new_codes
from tests.naive import transformer as naive
from tests.tiny_transformers import ALPHABET, alphabets, codes_of, some_settings, suffixes, texts


@given(st.data())
def test_codes_are_those_written_out(data) -> None:
    config = data.draw(some_settings())
    alphabet = data.draw(alphabets(config))
    tokens = data.draw(texts(alphabet, 40))
    out, added = codes_of(config, alphabet, tokens, pieces=data.draw(st.integers(1, 4)))
    letters = [naive.letter(symbol) for symbol in alphabet]
    vectors = items(len(alphabet), config).tolist()
    past = [tokens[: t + 1] for t in range(len(tokens))]
    assert out.tolist() == [naive.codes(text, letters, vectors, config) for text in past]
    assert added == sum(naive.additions(text, letters, config) for text in past)


@pytest.mark.parametrize("order", [1, 2, 3, 5, 8])
def test_a_head_for_every_order_makes_a_context(order) -> None:
    """Block b of ``encode.contexts`` is block b of the suffix n-gram of order 1 + b mod n: here, head b's."""
    config = Settings(lines=32, synapses=1, heads=suffixes(*range(1, order + 1)))
    tokens = np.random.default_rng(order).integers(7, size=30)
    out, _ = codes_of(config, ALPHABET[:7], tokens)
    space, places = SBC(config.dim, blocks=config.blocks), np.arange(order - 1, 30)
    expected = encode.contexts(space, items(7, config).astype(np.int32), tokens, places, order=order)
    assert np.array_equal(out.reshape(30, -1)[places], expected)


@pytest.mark.parametrize("reach", [1, 2, 3, 6, 7, 8, 11, 16])
def test_the_residual_is_a_binding_of_rotated_items(reach) -> None:
    """r₃(t) ⊗ ρ⁸ r₁(t − 8) ⊗ ρ¹⁰ r₀(t − 10) is ⊗_j ρʲ x_{t−j}, j < 11, by the operations of the space itself."""
    config = Settings(lines=64, synapses=5, heads=suffixes(reach))
    tokens = np.random.default_rng(reach).integers(7, size=40)
    out, _ = codes_of(config, ALPHABET[:7], tokens)
    space, vectors = SBC(config.dim, blocks=5), items(7, config).astype(np.int32)
    for t in range(reach - 1, 40):
        gram = np.zeros(5, dtype=np.int32)
        for j in range(reach):
            gram = space.bind(gram, space.permute(vectors[tokens[t - j]], j))
        assert out[t, 0].tolist() == gram.tolist()


@given(texts(ALPHABET, 30).filter(len), st.integers(1, 4))
def test_the_words_that_are_held(tokens, count) -> None:
    config = Settings(lines=16, synapses=3, heads=(Head("words", count, 2, 1, 1),))
    letters = [naive.letter(symbol) for symbol in ALPHABET]
    held, added = new_codes(np.array(letters), config), 0
    for token in tokens:
        added += _words(held, token, config.lines - 1)
    now, before = naive.words_of(tokens, letters)
    words = [*[now, *before][:count], *[[]] * count][:count]
    vectors = held.items.tolist()
    assert held.words.tolist() == [[naive.ngram(vectors, word, b) % 16 for b in range(3)] for word in words]
    assert held.inside[0] == letters[tokens[-1]]
    goes_on = sum(letters[a] and letters[b] for a, b in pairwise(tokens))
    assert added == 3 * goes_on


def test_words_bind_the_run_of_letters_with_the_words_before() -> None:
    config = Settings(lines=1 << 12, synapses=2, heads=(Head("words", 3, 5, 1, 1),))
    alphabet = "abc .,"

    def last(text: str) -> list[int]:
        return codes_of(config, alphabet, [alphabet.index(c) for c in text])[0][-1, 0].tolist()

    assert last("ab. c ba") == last("ab   c,ba") == last("a, ab.c.ba")  # separators do not count
    assert last("ab c ba") != last("ab c a") != last("ab b ba")  # the run, and the word before it, do
    assert last("ab c ba") != last("ba c ba") != last("c ab ba")  # and the one before that
    assert last("a b c ab") == last("c b c ab")  # but not a fourth
    assert last("ab c ") != last("ab c.")  # after a word it is the separator that is read


@given(some_settings(), st.data())
def test_items_are_orthogonal(config, data) -> None:
    symbols = data.draw(st.integers(1, config.lines))
    found = items(symbols, config)
    assert found.shape == (symbols, config.blocks)
    assert all(len(set(column)) == symbols and max(column) < config.lines for column in found.T.tolist())
    assert np.array_equal(found, items(symbols, config))


def test_what_was_not_read_is_the_identity() -> None:
    config = Settings(lines=16, heads=suffixes(4))
    assert not any(array.any() for array in new_codes(np.ones(3, dtype=np.bool_), config)[2:])
    tokens = [0, 2, 1]
    vectors = items(3, config).tolist()
    assert codes_of(config, "abc", tokens)[0][1, 0].tolist() == [
        naive.ngram(vectors, tokens[:2], block) % 16 for block in range(2)
    ]
