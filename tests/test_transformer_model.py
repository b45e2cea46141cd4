"""A whole Spiking HD-Transformer against its slow twin; the same in pieces, in threads, and after it was read."""

from collections import Counter
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.transformer import Head, Settings, SpikingTransformer, model, window
from hdspike.transformer.votes import SHARPS
from tests.conftest import JIT
from tests.naive import transformer as naive
from tests.tiny_transformers import (
    ALPHABET,
    SMALL,
    advance,
    alphabets,
    arrays,
    changed,
    digest,
    rhyme,
    same,
    same_pools,
    same_votes,
    some_settings,
    spikes_of,
    suffixes,
    texts,
)

TEXT = rhyme(120, 5, seed=2)


def both(alphabet: str, config: Settings, weigh: int = 1 << 16) -> tuple[SpikingTransformer, naive.Twin]:
    made = SpikingTransformer(alphabet, config)
    return made, naive.Twin(alphabet, config, made.codes.items.tolist(), SHARPS.tolist(), weigh)


def alike(said: model.Prediction, expected: tuple[list, Counter]) -> None:
    rows, counts = expected
    assert np.allclose(said.bits, [np.log2(total / q) for total, q, _ in rows], rtol=1e-14, atol=0)
    assert said.hits.tolist() == [hit for _, _, hit in rows]
    assert Counter(said.counts) == counts


def same_state(made: SpikingTransformer, twin: naive.Twin) -> None:
    if twin.settings.memories != "window":
        same_pools(made.lifetime, twin.pools, twin.settings)
    same_votes(made.votes, twin.votes)
    assert [list(spikes.items()) for spikes in spikes_of(made.heard, 0)] == [
        list(spikes.items()) for spikes in twin.heard
    ]
    assert spikes_of(made.recalled, 0) == twin.recalled
    assert made.lost.tolist() == twin.lost and made.sharp == twin.sharp
    assert made.read_so_far == len(twin.text)
    for t in range(max(0, len(twin.text) - twin.settings.window), len(twin.text)):
        assert made.window.codes[:, t % len(made.window.values)].tolist() == twin.codes[t]


def follow(made: SpikingTransformer, twin: naive.Twin, one: list[int], two: list[int]) -> None:
    """Learn ``one``; read ``two`` frozen, then streaming; and learn it."""
    alike(made.learn(one), twin.read(one, learn=True))
    same_state(made, twin)
    alike(made.read(two), deepcopy(twin).read(two, learn=False))
    alike(made.read(two, streaming=True), deepcopy(twin).read(two, learn=True))
    alike(made.learn(two), twin.read(two, learn=True))
    same_state(made, twin)


@given(st.data())
def test_the_model_is_its_twin(data) -> None:
    """Spans, rings and the halvings of what sharpness lost are small, so that short texts cross them."""
    config = data.draw(some_settings())
    alphabet = data.draw(alphabets(config))
    one, two = (data.draw(texts(alphabet, most)) for most in (40, 15))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "SPAN", data.draw(st.integers(1, 9)))
        patch.setattr(model, "WEIGH", weigh := data.draw(st.integers(9, 20)))
        follow(*both(alphabet, config, weigh), one, two)


ODD = {
    "one symbol": {},
    "one line for each": {"lines": 2, "heads": suffixes(1)},
    "one synapse": {"synapses": 1, "threshold": 1},
    "two of three": {"synapses": 3, "threshold": 2},
    "one of three": {"synapses": 3, "threshold": 1},
    "window of one": {"window": 1, "winners": 3},
    "one winner": {"winners": 1},
    "more winners than keys": {"window": 5, "winners": 9},
    "one row, one synapse": {"heads": (Head("suffix", 2, 1, 1, 1), Head("words", 1, 1, 1, 1))},
    "stored at once": {"delay": 1},
    "stored late": {"delay": 20},
    "blind": {"totals": 1, "distincts": 1, "longer": 1, "ranks": 1, "decay": 0},
    "window alone": {"memories": "window"},
    "lifetime alone": {"memories": "lifetime", "delay": 1},
    "nothing learned": {"rate": 0, "floor": 0},
}


@pytest.mark.parametrize("name", ODD)
def test_odd_models_are_their_twins(name) -> None:
    config = Settings(**{"lines": 8, "heads": SMALL.heads, "window": 20, "winners": 4} | ODD[name])
    symbols = 1 if name == "one symbol" else min(5, config.lines)
    tokens = rhyme(70, symbols, seed=1).tolist()
    follow(*both(ALPHABET[:symbols], config), tokens[:50], tokens[50:])


@pytest.mark.parametrize("span", [window.SPAN if JIT else 90])
def test_a_text_longer_than_a_span(span, monkeypatch) -> None:
    monkeypatch.setattr(window, "SPAN", span)
    config = Settings(lines=4, heads=suffixes(2, rows=1, fan_out=2), window=30, winners=3)
    tokens = rhyme(span + 40, 3).tolist()
    follow(*both("ab ", config), tokens[: span + 9], tokens[span + 9 :])


def test_nothing_is_said_of_an_empty_text() -> None:
    made, twin = both("ab", SMALL)
    follow(made, twin, [], [])
    assert made.learn("").bits.shape == made.read("").hits.shape == (0,)
    assert not any(made.read("").counts.values())
    assert same(made, SpikingTransformer("ab", SMALL))


@pytest.fixture(scope="module")
def learned() -> SpikingTransformer:
    made = SpikingTransformer(ALPHABET[:5], SMALL)
    made.learn(TEXT)
    return made


@pytest.mark.parametrize("cuts", [[0, 1, 2, 3], [60], [7, 7, 47, 49], [119], [120]])
def test_in_pieces_is_in_one_piece(cuts, learned) -> None:
    parts, whole = (SpikingTransformer(ALPHABET[:5], SMALL) for _ in range(2))
    said, heard = whole.learn(TEXT), [parts.learn(part) for part in np.split(TEXT, cuts)]
    assert np.array_equal(np.concatenate([part.bits for part in heard]), said.bits)
    assert sum((Counter(part.counts) for part in heard), Counter()) == Counter(said.counts)
    assert same(parts, whole) and same(whole, learned)


@pytest.mark.parametrize("size", [1, window.SPAN - 1, window.SPAN, window.SPAN + 1] if JIT else [1, 100])
def test_pieces_of_the_real_span(size) -> None:
    text, config = rhyme(2 * size + 3, 5), Settings(lines=8, heads=suffixes(2), window=50, winners=3)
    whole, parts = (SpikingTransformer(ALPHABET[:5], config) for _ in range(2))
    whole.learn(text)
    for part in np.split(text, [size, 2 * size]):
        parts.learn(part)
    assert same(parts, whole)


@pytest.mark.parametrize("threads", [2, 3, 9])
def test_threads_change_nothing(threads, monkeypatch) -> None:
    made, other = (SpikingTransformer(ALPHABET[:5], SMALL) for _ in range(2))
    said = made.learn(TEXT)
    monkeypatch.setattr("numba.get_num_threads", lambda: threads)
    assert np.array_equal(other.learn(TEXT).bits, said.bits)
    assert same(other, made)
    assert np.array_equal(other.read(TEXT).bits, made.read(TEXT).bits)


@pytest.mark.parametrize(
    "use",
    [
        lambda made: made.read(TEXT),
        lambda made: made.read(TEXT, streaming=True),
        lambda made: made.next(),
        lambda made: made.generate(20, rng=0),
        lambda made: made.generate(20, prompt="a b", rng=0, temperature=0),
        lambda made: made.copy().learn(TEXT),
        lambda made: advance(made.copy(shared=True), TEXT),
    ],
)
def test_nothing_leaves_a_trace(use, learned) -> None:
    before, numbers = arrays(learned), (learned.read_so_far, learned.sharp)
    use(learned)
    assert changed(before, arrays(learned)) == []
    assert numbers == (learned.read_so_far, learned.sharp)


def test_a_copy_is_a_model_of_its_own(learned) -> None:
    twin = learned.copy()
    assert same(twin, learned)
    twin.learn(TEXT)
    again = learned.copy()
    again.learn(TEXT)
    assert same(twin, again) and not same(twin, learned)


def test_nothing_grows(learned) -> None:
    fresh = arrays(SpikingTransformer(ALPHABET[:5], SMALL))
    assert {name: (array.shape, array.dtype) for name, array in arrays(learned).items()} == {
        name: (array.shape, array.dtype) for name, array in fresh.items()
    }


def test_what_learning_changes_is_all_that_a_shared_copy_shares(learned) -> None:
    twin, before = learned.copy(shared=True), arrays(learned)
    assert all(a is b for a, b in zip(twin.votes, learned.votes, strict=True))
    assert all(a is b for a, b in zip(twin.lifetime, learned.lifetime, strict=True))
    advance(twin, TEXT)
    moved = changed(before, arrays(twin))
    assert moved and not [name for name in moved if name.startswith(("lifetime", "votes", "lost"))]


def test_what_is_next_is_what_is_read(learned) -> None:
    """q(c) ÷ Σ q is the probability that a reading gives; it sums to one and none is zero."""
    q = learned.next()
    assert q.min() >= 1
    for c in range(5):
        assert learned.read([c]).bits[0] == pytest.approx(np.log2(q.sum() / q[c]), rel=1e-14)
    assert sum(2 ** -learned.read([c]).bits[0] for c in range(5)) == pytest.approx(1)
    assert [learned.read([c]).hits[0] for c in range(5)].count(True) == 1
    assert np.isfinite(learned.read(TEXT[::-1]).bits).all()


def test_generating_is_drawing_and_reading(learned) -> None:
    """The same seed the same text; by hand the same text; and every symbol as often as it is likely."""
    text = learned.generate(30, prompt="ab", rng=7)
    assert (
        text
        == learned.generate(30, prompt=np.array([0, 3]), rng=7)
        != learned.generate(30, prompt="ab", rng=8)
    )
    twin, draw, written = learned.copy(), np.random.default_rng(7), ""
    advance(twin, learned.tokens("ab"))
    for _ in range(30):
        q = twin.next().tolist()
        at = int(draw.integers(sum(q)))
        symbol = next(c for c in range(5) if at < sum(q[: c + 1]))
        written += learned.symbols[symbol]
        advance(twin, [symbol])
    assert text == written
    assert learned.generate(0) == ""
    random, q = np.random.default_rng(0), learned.next()
    drawn = Counter(learned.generate(1, rng=random) for _ in range(300))
    for c, share in enumerate(q / q.sum()):
        assert abs(drawn[learned.symbols[c]] / 300 - share) < 4 * np.sqrt(share * (1 - share) / 300) + 1e-3


class Fixed(np.random.Generator):
    """Draws what it was told to."""

    drawn = 0

    def integers(self, *_):
        return self.drawn


def test_a_draw_falls_into_the_share_of_its_symbol(learned) -> None:
    """0 … q(0) − 1 is symbol 0, the next q(1) numbers are symbol 1, and so on: none is drawn too often by one."""
    rng, low = Fixed(np.random.PCG64()), 0
    for c, share in enumerate(learned.next().tolist()):
        for rng.drawn in (low, low + share - 1):
            assert learned.generate(1, rng=rng) == learned.symbols[c]
        low += share


def test_temperature(learned) -> None:
    """Cold: the likeliest symbol; hot: any; one: as it was fitted."""
    coldest = learned.generate(20, temperature=0)
    assert coldest[0] == learned.symbols[int(learned.next().argmax())]
    assert coldest == learned.generate(20, rng=3, temperature=1e-6)
    hot = learned.generate(200, rng=0, temperature=1e9)
    assert all(22 < n < 60 for n in Counter(hot).values()) and len(set(hot)) == 5
    assert learned.generate(20, rng=5, temperature=1) == learned.generate(20, rng=5)


def test_sharpness_is_that_which_lost_least() -> None:
    """``lost`` holds 2¹⁶ times the bits of each trial over the text."""
    made = SpikingTransformer(ALPHABET[:5], SMALL)
    said = made.learn(TEXT)
    one = SHARPS.tolist().index(1 << 16)
    assert made.lost[one] == pytest.approx(said.bits.sum() * 65536, abs=len(TEXT))
    assert made.sharp == SHARPS[made.lost.argmin()]


def test_progress_tells_what_was_read() -> None:
    heard: list[int] = []
    made = SpikingTransformer("ab", SMALL)
    made.learn(rhyme(window.SPAN + 7, 2) if JIT else rhyme(50, 2), progress=heard.append)
    assert sum(heard) == made.read_so_far and heard[0] == min(window.SPAN, made.read_so_far)


def test_a_model_is_the_same_everywhere(learned) -> None:
    """A digest of all its arrays: jitted or not, on any machine."""
    assert digest(learned) == "ae58a80027b5e461"
    assert learned.generate(24, rng=0) == "b aa\n\n...\nb.\n\na\naba\n. .."
