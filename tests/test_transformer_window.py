"""The attention race of a Spiking HD-Transformer: as if every key had been looked at; nothing leaves W too early."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits
from hdspike.spaces import SBC
from hdspike.transformer import Settings, SpikingTransformer, window
from hdspike.transformer.codes import items
from tests.naive import transformer as naive
from tests.tiny_transformers import advance, codes_of, rhyme, spikes_of, suffixes


def attend(config: Settings, keys: np.ndarray, values: np.ndarray, span: int, parts: int = 1):
    """The spikes (T of them, by head) of a window over given codes (T, heads, m), and what each head has cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "SPAN", span)
        held, heads = window.new_window(config), len(config.heads)
        symbols = int(values.max(initial=0)) + 1
        spikes = window.new_spikes(heads, min(config.winners, symbols))
    ring = len(held.values)
    assert ring >= config.window + span and ring & (ring - 1) == 0
    cost, said = np.zeros((heads, 3), dtype=np.int64), []
    seen = np.full(symbols, -1, dtype=np.int64)
    for start in range(0, len(keys), span):
        count = min(span, len(keys) - start)
        places = np.arange(start, start + count) % ring
        held.codes[:, places] = keys[start : start + count].transpose(1, 0, 2)
        held.values[places] = values[start : start + count]
        for low, high in pairwise(np.linspace(0, heads, parts + 1, dtype=int).tolist()):
            window._attend(
                held,
                *(start, count, low, high, config.needed, config.window, config.winners),
                *(spikes, seen, cost),
            )
        assert (seen == -1).all()
        said += [spikes_of(spikes, i) for i in range(count)]
    return said, cost


@st.composite
def races(draw):
    synapses, heads = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    config = Settings(
        lines=1 << draw(st.integers(1, 3)),
        synapses=synapses,
        threshold=draw(st.integers(1, synapses)),
        heads=suffixes(*[1] * heads),
        window=draw(st.sampled_from((1, 2, 3, 7, 8, 9, 40))),
        winners=draw(st.sampled_from((1, 2, 5, 100))),
    )
    random = np.random.default_rng(draw(st.integers(0, 99)))
    size = draw(st.integers(0, 50))
    keys = random.integers(config.lines, size=(size, heads, synapses)).astype(np.uint16)
    values = random.integers(draw(st.integers(1, 6)), size=size).astype(np.uint16)
    return config, keys, values, draw(st.integers(1, 9)), draw(st.integers(1, heads))


@given(races())
def test_the_race_is_that_of_every_key(drawn) -> None:
    config, keys, values, span, parts = drawn
    said, cost = attend(config, keys, values, span, parts)
    expected = np.zeros_like(cost)
    for t in range(len(keys)):
        for h in range(len(config.heads)):
            fired, events, touched = naive.race(
                keys[:t, h].tolist(),
                keys[t, h].tolist(),
                window=config.window,
                winners=config.winners,
                needed=config.needed,
            )
            spikes = naive.counted(values[fired].tolist())
            assert list(said[t][h].items()) == list(spikes.items())
            expected[h] += [events, touched, len(fired)]
    assert cost.tolist() == expected.tolist()


@pytest.mark.parametrize("width", [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33])
@pytest.mark.parametrize("span", [1, 8])
def test_the_ring_keeps_the_last_w_keys_and_no_more(width, span) -> None:
    """All keys are alike and every value is its position modulo V: so the spikes say which keys there are."""
    config = Settings(lines=2, heads=suffixes(1), window=width, winners=1 << 10)
    size = 5 * width + 40
    many = width + 3
    said, cost = attend(
        config,
        np.zeros((size, 1, 2), dtype=np.uint16),
        (np.arange(size) % many).astype(np.uint16),
        span,
    )
    for t in range(size):
        assert list(said[t][0]) == [key % many for key in range(t - 1, max(t - width, 0) - 1, -1)]
    assert cost[0, window.FIRED] == sum(min(t, width) for t in range(size))


@pytest.mark.parametrize("width", [1023, 1024, 1025])
def test_a_key_is_found_w_symbols_later_and_not_later(width) -> None:
    """The real span, and a ring that has turned: the symbol that followed the last ``x``, seen from the next."""
    config = Settings(lines=8, heads=suffixes(1), window=width, winners=1)
    model = SpikingTransformer("abxy", config)
    advance(model, rhyme(2100 if width < 1025 else 3100, 2))
    for gap, found in ((width, [{3: 1}]), (width + 1, [{}])):
        twin = model.copy()
        advance(twin, [2, 3, *rhyme(gap - 2, 2), 2])
        assert spikes_of(twin.heard, 0) == found


def test_a_head_is_popcounts_of_real_bits() -> None:
    """A neuron's potential is |key ∧ query|; a vote's count n(c) = |bundle of the winners' items ∧ item of c| ÷ B.

    Items share no line, so each symbol finds its own spikes alone in the bundle.
    """
    config = Settings(lines=8, heads=suffixes(2), synapses=3, threshold=2, window=50, winners=6)
    tokens = rhyme(200, 5, seed=3)
    model = SpikingTransformer("abcde", config)
    space = SBC(config.dim, blocks=config.blocks)
    vectors = space.to_words(items(5, config).astype(np.int32))  # (V, ⌈D/64⌉)
    assert bits.popcount(vectors, config.dim).tolist() == [config.blocks] * 5
    keys = space.to_words(codes_of(config, model.symbols, tokens)[0][:, 0].astype(np.int32))
    for t in range(len(tokens)):
        advance(model, tokens[t : t + 1])
        potentials = bits.popcount(keys[:t] & keys[t], config.dim)[::-1][
            : config.window
        ]  # the newest in front
        places = t - 1 - np.flatnonzero(potentials >= config.needed)[: config.winners]
        bundle = bits.unpack(vectors[tokens[places + 1]], config.dim).sum(axis=0, dtype=np.int64)
        scores = bits.unpack(vectors, config.dim) @ bundle  # how many spikes meet the item's ones
        counts = spikes_of(model.heard, 0)[0]
        assert scores.tolist() == [config.blocks * counts.get(c, 0) for c in range(5)]
