"""The readout of a Spiking HD-Transformer: its synapses as dictionaries; whole numbers as probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.transformer import Settings, votes, window
from tests.naive import transformer as naive
from tests.tiny_transformers import put, rhyme, same_votes, some_settings, suffixes

SYMBOLS = 5
numbers = st.integers(0, 5) | st.integers(0, 300) | st.integers(0, 2**31)


@given(numbers)
def test_levels_are_half_octaves(number) -> None:
    level = votes._level(np.int64(number))
    assert level == naive.level(number)
    assert votes._first(level) == naive.STARTS[level] <= number < naive.STARTS[level + 1]


def test_every_level_has_its_place_in_the_tables() -> None:
    assert votes._level(np.int64(2**31)) < votes.LEVELS
    assert naive.STARTS[:12] == [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48]


def filled(config: Settings, seed: int, scale: int) -> tuple[votes.Votes, naive.Votes]:
    """Random weights and uses of all synapses of up to 60 spikes, and the same in dictionaries."""
    random, held, twin = (
        np.random.default_rng(seed),
        votes.new_votes(SYMBOLS, config),
        naive.Votes(SYMBOLS, config),
    )
    held.occurred[:] = random.integers(0, 40, size=SYMBOLS)
    twin.occurred.update(dict(enumerate(held.occurred.tolist())))
    most = naive.level(60) + 1
    for name in ("prior", "window", "lifetime"):
        weights, uses = getattr(held, name), getattr(held, f"{name}_uses")
        some = np.s_[:most] if name == "prior" else np.s_[..., :most, :]
        weights[some] = random.integers(-scale, scale + 1, size=weights[some].shape)
        uses[some] = random.integers(0, 2000, size=uses[some].shape)
        places = [(name, *place) for place in np.ndindex(weights[some].shape)]
        twin.weights.update(dict(zip(places, weights[some].ravel().tolist(), strict=True)))
        twin.uses.update(dict(zip(places, uses[some].ravel().tolist(), strict=True)))
    return held, twin


@st.composite
def spikes(draw, config, most):
    """What every head of one memory fired at, at one position."""
    return [
        draw(st.dictionaries(st.integers(0, SYMBOLS - 1), st.integers(1, 60), max_size=most))
        for _ in config.heads
    ]


def desk(config: Settings, *memories: window.Spikes):
    wide = [(len(config.heads), memory.symbols.shape[2]) for memory in memories]
    return tuple(np.zeros(shape, dtype=np.int64) for shape in (*3 * [SYMBOLS], *wide))


@given(st.data())
def test_prediction_and_learning_as_written_out(data) -> None:
    """All kernels of the readout, one by one and in :func:`_vote`, over a few positions."""
    config = data.draw(some_settings())
    held, twin = filled(config, data.draw(st.integers(0, 99)), data.draw(st.sampled_from((0, 999, 99_999))))
    size, learn = data.draw(st.integers(1, 3)), data.draw(st.booleans())
    sharp = data.draw(st.sampled_from((*votes.SHARPS.tolist(), 0, 1 << 30)))
    targets = data.draw(st.lists(st.integers(0, SYMBOLS - 1), min_size=size, max_size=size))
    memories = [[data.draw(spikes(config, most)) for _ in range(size)] for most in (3, 5)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "SPAN", 3)
        heard, recalled = (window.new_spikes(len(config.heads), most) for most in (3, 5))
    for held_spikes, memory in zip((heard, recalled), memories, strict=True):
        for i, found in enumerate(memory):
            put(held_spikes, i, found)
    table, seen = desk(config, heard, recalled), np.zeros(2, dtype=np.int64)
    trials = votes.SHARPS if learn else votes.SHARPS[:0]
    out = np.zeros((size, 3 + 2 * len(trials)), dtype=np.int64)
    votes._vote(
        *(held, heard, recalled, np.array(targets), config.decay, sharp, learn, trials, table, out, seen)
    )
    events = moved = 0
    for i, target in enumerate(targets):
        given_ = memories[0][i], memories[1][i]
        u, more = twin.potentials(*given_)
        events += more
        q = naive.readout(u, sharp)
        tried = [naive.readout(u, trial) for trial in trials.tolist()]
        assert out[i, :3].tolist() == [q[target], sum(q), u.index(max(u))]
        assert out[i, 3:].tolist() == [n for x in tried for n in (x[target], sum(x))]
        if learn:
            moved += twin.teach(*given_, twin.errors(u, target))
            twin.occurred[target] += 1
    assert seen.tolist() == [events, moved]
    same_votes(held, twin)


@given(st.data())
def test_every_event_comes_by_its_synapse(data) -> None:
    """The parts of :func:`_vote` one by one; ``_teach`` with any errors."""
    config = data.draw(some_settings())
    held, twin = filled(config, data.draw(st.integers(0, 99)), 9999)
    given_ = [data.draw(spikes(config, most)) for most in (3, 5)]
    heard, recalled = (window.new_spikes(len(config.heads), most) for most in (3, 5))
    for memory, found in zip((heard, recalled), given_, strict=True):
        put(memory, 0, found)
    u, _, _, *synapses = desk(config, heard, recalled)
    for h, found in enumerate(given_[0]):
        longer, shape = data.draw(st.integers(0, 4)), held.window.shape
        assert votes._ballots(heard, 0, h, longer, shape, synapses[0]) == len(found)
        places = [np.unravel_index(place, shape) for place in synapses[0][h, : len(found)]]
        expected = naive.ballots(found, longer, config.ranks, config)
        assert [tuple(map(int, place)) for place in places] == [(h, *place) for place in expected.values()]
    events = votes._potentials(held, heard, recalled, 0, config.decay, *synapses, u)
    assert (u.tolist(), events) == twin.potentials(*given_)
    errors = data.draw(st.lists(st.integers(-4096, 4096), min_size=SYMBOLS, max_size=SYMBOLS))
    moved = votes._teach(held, heard, recalled, 0, *synapses, np.array(errors))
    assert moved == twin.teach(*given_, errors) == events
    same_votes(held, twin)


@given(st.lists(st.integers(-(2**24), 2**24), min_size=1, max_size=9), st.integers(0, 1 << 30))
def test_probabilities_sum_to_one_and_none_is_zero(potentials, sharp) -> None:
    held = votes.new_votes(1, Settings(lines=2, heads=suffixes(1)))
    q = np.zeros(len(potentials), dtype=np.int64)
    total = votes._readout(held.exponentials, np.array(potentials), sharp, q)
    assert q.tolist() == naive.readout(potentials, sharp)
    assert total == q.sum() and q.min() >= 1 and q.max() == votes.ONE
    assert np.isfinite(np.log2(total / q)).all()
    assert np.isclose((q / total).sum(), 1)
    order = np.argsort(potentials)
    assert (np.diff(q[order]) >= 0).all()


def test_the_table_is_the_exponential() -> None:
    """A nat of potential at sharpness 1 is a factor of e."""
    held = votes.new_votes(1, Settings(lines=2, heads=suffixes(1)))
    q = np.zeros(4, dtype=np.int64)
    votes._readout(held.exponentials, np.array([0, -1, -2, -19]) * votes.UNIT, votes.UNIT, q)
    assert np.allclose(np.log(q / votes.ONE), [0, -1, -2, -19], atol=0.05)
    assert held.exponentials.tolist() == [naive.exponential(gap) for gap in range(len(held.exponentials))]


def test_the_rate_falls_to_its_floor() -> None:
    config = Settings(lines=2, heads=suffixes(1), rate=4096, floor=512)
    held = votes.new_votes(1, config)
    assert held.rates.tolist() == [naive.rate(naive.STARTS[level], config) for level in range(votes.LEVELS)]
    assert held.rates[0] == 4096 and (np.diff(held.rates) <= 0).all() and held.rates[-1] == 512


def test_a_synapse_moves_towards_what_is_true() -> None:
    weights, uses = np.zeros(2, dtype=np.int32), np.zeros(2, dtype=np.int32)
    rates = np.full(votes.LEVELS, 4096)
    votes._move(weights, uses, rates, 0, 1 << votes.ERROR)
    votes._move(weights, uses, rates, 1, -(1 << (votes.ERROR - 1)))
    assert weights.tolist() == [4096, -2048] and uses.tolist() == [1, 1]
    uses[0] = votes.MANY
    votes._move(weights, uses, rates, 0, 0)
    assert uses[0] == votes.MANY and weights[0] == 4096


def test_votes_learn_which_spikes_to_believe() -> None:
    """One head's spikes are always for what comes, another's never: their synapses part."""
    config = Settings(lines=2, heads=suffixes(1, 1), decay=0)
    held, seen = votes.new_votes(SYMBOLS, config), np.zeros(2, dtype=np.int64)
    heard, recalled = (window.new_spikes(2, 4) for _ in range(2))
    targets = rhyme(400, SYMBOLS)
    for i, c in enumerate(targets.tolist()):
        put(heard, i, [{c: 1}, {(c + 1) % SYMBOLS: 1}])
    out = np.zeros((400, 3), dtype=np.int64)
    votes._vote(
        *(held, heard, recalled, targets, 0, votes.UNIT, True, votes.SHARPS[:0]),
        *(desk(config, heard, recalled), out, seen),
    )
    right, wrong = (held.window[h][held.window[h] != 0] for h in range(2))
    assert right.size and wrong.size and (right > 0).all() and (wrong < 0).all()
    bits = np.log2(out[:, 1] / out[:, 0])
    assert np.isclose(bits[0], np.log2(SYMBOLS)) and bits[-50:].mean() < 0.2
