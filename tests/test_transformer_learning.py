"""A Spiking HD-Transformer learns: what repeats, what it saw once, what changes; each memory does its part."""

from dataclasses import replace

import numpy as np
import pytest

from hdspike.transformer import Head, Settings, SpikingTransformer
from tests.conftest import JIT
from tests.tiny_transformers import suffixes

needs_length = pytest.mark.skipif(not JIT, reason="texts long enough to learn from take minutes un-jitted")
CONFIG = Settings(lines=256, heads=suffixes(1, 2, 4, 6, rows=16), window=64, winners=8)
LETTERS = "abcdefgh "


def words(seed: int, count: int = 12, size: int = 7) -> list[str]:
    random = np.random.default_rng(seed)
    return ["".join(random.choice(list(LETTERS[:-1]), size)) for _ in range(count)]


def speech(lexicon: list[str], size: int, seed: int) -> str:
    random = np.random.default_rng(seed)
    return " ".join(random.choice(lexicon, size))


@pytest.mark.parametrize("period", [1, 2, 3, 5, 7])
def test_a_period_is_learned(period) -> None:
    """Bits per symbol fall from log₂ V to near none."""
    size = 800 if JIT else 160
    config = Settings(lines=16, heads=suffixes(1, 3), window=16, winners=4)
    made = SpikingTransformer("abcdefg", config)
    said = made.learn((np.arange(size) % period).astype(np.int64))
    assert said.bits[0] == pytest.approx(np.log2(7))
    assert said.bits[-20:].mean() < (0.1 if JIT else 0.6) and said.hits[-20:].all()
    assert made.read((np.arange(size, size + 20) % period).astype(np.int64)).hits.all()


@needs_length
def test_words_are_learned_up_to_their_entropy() -> None:
    """A word is one choice of twelve: 3.6 bits, then no more; the letters inside it are known."""
    lexicon, made = words(0), SpikingTransformer(LETTERS, CONFIG)
    made.learn(speech(lexicon, 600, seed=1))
    said = made.read(" " + speech(lexicon, 100, seed=2))
    least = np.log2(12) / 8
    assert least < said.bits.mean() < 1.5 * least
    unigram = np.log2(9)
    assert said.bits.mean() < unigram / 4


@needs_length
@pytest.mark.parametrize("memories", ["both", "window", "lifetime"])
def test_a_lexicon_needs_the_lifetime_memory(memories) -> None:
    """The window of 64 symbols holds 8 words of 200; the lifetime memory has had them all."""
    lexicon = words(3, count=200)
    made = SpikingTransformer(LETTERS, replace(CONFIG, memories=memories))
    made.learn(speech(lexicon, 3000, seed=4))
    bits = made.read(" " + speech(lexicon, 200, seed=5)).bits.mean()
    assert (bits > 2.2) == (memories == "window") and (bits < 1.5) == (memories != "window")


@needs_length
def test_what_changes_needs_the_window() -> None:
    """Every 20 words the lexicon is another: what followed lately says more than all that ever followed."""
    text = " ".join(speech(words(part, count=3), 20, seed=part) for part in range(60))
    bits = {
        memories: SpikingTransformer(LETTERS, replace(CONFIG, memories=memories, delay=CONFIG.waits))
        .learn(text)
        .bits[-3000:]
        .mean()
        for memories in ("both", "window", "lifetime")
    }
    assert bits["both"] < bits["lifetime"] - 0.2 and bits["window"] < bits["lifetime"] - 0.2


@needs_length
def test_what_was_read_once_is_recalled() -> None:
    """One-shot: a phrase of no known word, read once and long gone from the window, is continued."""
    lexicon, phrase = words(6), "hhgafcebddabghcefhag"
    made = SpikingTransformer(LETTERS, replace(CONFIG, heads=suffixes(1, 2, 4, 6, rows=64)))
    made.learn(speech(lexicon, 400, seed=7) + " " + phrase + " " + speech(lexicon, 60, seed=8))
    assert made.generate(14, prompt=" " + phrase[:6], temperature=0) == phrase[6:]
    other = SpikingTransformer(LETTERS, made.settings)
    other.learn(speech(lexicon, 460, seed=7))
    assert other.generate(14, prompt=" " + phrase[:6], temperature=0) != phrase[6:]


@needs_length
def test_reading_streaming_learns_and_frozen_does_not() -> None:
    made = SpikingTransformer(LETTERS, CONFIG)
    made.learn(speech(words(0), 300, seed=1))
    new = speech(words(9, count=30), 400, seed=2)
    frozen, streaming = made.read(new), made.read(new, streaming=True)
    assert streaming.bits[-500:].mean() < frozen.bits[-500:].mean() - 0.5
    assert frozen.counts["weight_updates"] == frozen.counts["lifetime_written"] == 0
    assert streaming.counts["weight_updates"] == streaming.counts["vote_events"] > 0
    assert np.array_equal(made.read(new).bits, frozen.bits)


@needs_length
def test_words_heads_see_across_separators() -> None:
    """After ``x`` and any run of one to four spaces comes the word that is paired with it."""
    random = np.random.default_rng(0)
    pairs = list(zip(words(1, 8, 3), words(2, 8, 3), strict=True))
    text = "".join(
        one + " " * random.integers(1, 5) + two + " " * random.integers(1, 5)
        for one, two in (pairs[i] for i in random.integers(8, size=700))
    )
    heads = suffixes(1, 2, 4, rows=16)
    deep = (*heads, Head("words", 2, 3, 16, 4))
    bits = [
        SpikingTransformer(LETTERS, replace(CONFIG, heads=config)).learn(text).bits[-2000:].mean()
        for config in (heads, deep)
    ]
    assert bits[1] < bits[0] - 0.1
