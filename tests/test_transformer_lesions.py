"""Lesions: what is dead stays dead, what lives is as it was; the model that was copied is untouched."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.transformer import Settings, SpikingTransformer, lesions
from hdspike.transformer.settings import LIFETIME, WINDOW
from tests.naive import lesions as naive
from tests.tiny_transformers import ALPHABET, SMALL, STATE, suffixes

DEAD = ("without_neurons", "without_synapses", "without_votes", "without_lines", "without_cores")
NOISE = ("with_flipped_votes", "with_flipped_rows", "with_noisy_lines")
TEXT = "a cat sat. a bat sat on b_7\nac. "
THREE = replace(SMALL, synapses=3, threshold=2)


def learned(settings: Settings = SMALL, length: int = 200) -> SpikingTransformer:
    model = SpikingTransformer(ALPHABET, settings)
    rng = np.random.default_rng(0)
    text = rng.integers(len(ALPHABET), size=17)
    noise = rng.integers(len(ALPHABET), size=length)
    tokens = np.where(rng.random(length) < 0.8, np.resize(text, length), noise)
    model.learn(tokens)
    return model


def tokens(length: int = 60) -> np.ndarray:
    return np.random.default_rng(1).integers(len(ALPHABET), size=length)


def state(model: SpikingTransformer) -> list[bytes]:
    return [array.tobytes() for name in STATE for array in getattr(model, name)]


@pytest.mark.parametrize("name", DEAD + NOISE)
@pytest.mark.parametrize("settings", [SMALL, THREE], ids=["two", "three"])
def test_no_damage_is_no_change_and_damage_leaves_the_model_alone(name, settings):
    model = learned(settings)
    before, harm = state(model), getattr(lesions, name)
    whole = model.read(tokens())
    unhurt = harm(model, 0.0, rng=0).read(tokens())
    np.testing.assert_array_equal(unhurt.bits, whole.bits)
    for kind in ("window_events", "lifetime_events", "vote_events"):
        assert unhurt.counts[kind] == whole.counts[kind]
    amount = 0.5 if name in DEAD else 0.1
    hurt = harm(model, amount, rng=0)
    said = hurt.read(tokens())
    assert (said.bits != whole.bits).any()
    np.testing.assert_array_equal(hurt.read(tokens()).bits, said.bits)
    np.testing.assert_array_equal(harm(model, amount, rng=0).read(tokens()).bits, said.bits)
    assert (harm(model, amount, rng=1).read(tokens()).bits != said.bits).any()
    assert state(model) == before


@given(
    length=st.integers(0, 90),
    more=st.integers(0, 40),
    synapses=st.integers(1, 3),
    share=st.sampled_from([0.0, 0.2, 0.6, 1.0]),
    seed=st.integers(0, 99),
)
def test_lists_hold_the_living_keys_alone(length, more, synapses, share, seed):
    model = SpikingTransformer(ALPHABET, replace(SMALL, synapses=synapses))
    model.learn(tokens(length))
    twin, rng = lesions.Injured.copy_of(model), np.random.default_rng(seed)
    for _ in range(2):  # an injury comes on top of another
        twin.strike_keys(rng.random(twin.dead.shape) < share, rng.random(twin.dead_lines.shape) < share / 3)
    for _ in twin._spans(tokens(more), learn=False):
        pass
    expected = naive.lists(twin.window.codes, length + more, twin.dead, twin.dead_lines)
    assert naive.walked(twin.window, length + more) == expected


def fans(model: SpikingTransformer) -> np.ndarray:
    """Recounted, row by row."""
    out = np.zeros_like(model.lifetime.fans)
    config, row = model.settings, 0
    for h, head in enumerate(config.heads):
        for _ in range(config.lines * head.rows):
            for b, line in enumerate(model.lifetime.tags[row]):
                if model.lifetime.uses[row] and line < config.lines:
                    out[h * config.synapses + b, line] += 1
            row += 1
    return out


@pytest.mark.parametrize("name", DEAD)
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_spikes_go_to_the_rows_that_live(name, share):
    hurt = getattr(lesions, name)(learned(THREE), share, rng=3)
    np.testing.assert_array_equal(hurt.lifetime.fans, fans(hurt))


@pytest.mark.parametrize("name", ["without_neurons", "without_synapses", "without_lines", "without_cores"])
def test_where_all_are_dead_nothing_fires(name):
    hurt = getattr(lesions, name)(learned(), 1.0, rng=0)
    assert (hurt.window.newest < 0).all()
    for part in hurt._spans(tokens(), learn=False):
        assert part.counts["lifetime_events"] == part.counts["lifetime_fired"] == 0
    assert (hurt.window.newest < 0).all()  # new keys died too


def test_each_kind_kills_its_own_parts():
    model = learned(replace(SMALL, lines=64, window=200, heads=suffixes(1, 2, 3, rows=20)), 600)
    alive = model.lifetime.uses > 0
    hurt = lesions.without_neurons(model, 0.25, rng=0)
    assert 0.6 < (hurt.lifetime.uses[alive] > 0).mean() < 0.9
    assert (hurt.dead == hurt.dead[..., :1]).all()
    assert 0.2 < hurt.dead.mean() < 0.3
    hurt = lesions.without_synapses(model, 0.25, rng=0)
    held = model.lifetime.counts > 0
    assert 0.65 < (hurt.lifetime.counts[held] > 0).mean() < 0.85
    assert 0.4 < hurt.dead.mean() < 0.475  # of its own, or by that of the key to its symbol: 1 − ¾²
    hurt = lesions.without_lines(model, 0.25, rng=0)
    rows, lines = hurt.lifetime, hurt.dead_lines
    assert 0.15 < lines.mean() < 0.35
    for h, (start, per, *_) in enumerate(rows.shapes):
        end = start + per * 64
        living = np.flatnonzero(rows.uses[start:end]) + start
        assert not lines[h, 0][rows.tags[living, 0]].any()
        assert not lines[h, 1][np.setdiff1d(rows.tags[living, 1], [64])].any()
        assert (rows.tags[living, 1] == 64).any()
    hurt = lesions.without_cores(model, 0.25, cores=8, rng=0)
    by_core = hurt.dead[0, :, 0].reshape(8, -1)
    assert sorted(by_core.mean(axis=1)) == [0] * 6 + [1] * 2
    hurt = lesions.without_votes(model, 0.25, rng=0)
    used = model.votes.window != 0
    assert 0.65 < (hurt.votes.window[used] != 0).mean() < 0.85


def test_redundant_synapses_make_up_for_dead_ones():
    fired = {}
    for name, small in {"two": SMALL, "three": THREE}.items():
        settings = replace(small, lines=64, window=400, winners=30)
        hurt = lesions.Injured.copy_of(learned(settings, 400))
        dead = np.zeros(hurt.dead.shape, dtype=np.bool_)
        dead[..., -1] = True
        hurt.strike_keys(dead)
        whole = learned(settings, 400).read(tokens()).counts["window_fired"]
        fired[name] = hurt.read(tokens()).counts["window_fired"] / whole
    assert fired["two"] < 0.1  # new keys live until they are struck
    assert fired["three"] > 0.8


def test_flips_are_of_cells_alone():
    model = learned(replace(SMALL, lines=64, heads=suffixes(1, 2, rows=20)), 600)
    hurt = lesions.with_flipped_rows(model, 0.3, rng=0)
    assert (hurt.lifetime.symbols[hurt.lifetime.counts > 0] < len(ALPHABET)).all()
    assert (hurt.lifetime.counts != model.lifetime.counts).mean() > 0.5
    largest = max(int(np.abs(weights).max()) for weights in (model.votes.prior, model.votes.window))
    hurt = lesions.with_flipped_votes(model, 0.3, rng=0)
    assert np.abs(hurt.votes.window.astype(np.int64)).max() <= 4 * largest
    assert (hurt.votes.window != model.votes.window).mean() > 0.5


def test_lines_are_wrong_at_their_rate():
    settings = replace(SMALL, lines=1 << 10, window=2000, memories=WINDOW)
    whole, noisy = learned(settings, 10), lesions.with_noisy_lines(learned(settings, 10), 0.1, rng=0)
    for model in (whole, noisy):
        for _ in model._spans(tokens(1000), learn=False):
            pass
    wrong = (whole.window.codes != noisy.window.codes)[:, 10:1010]
    assert 0.08 < wrong.mean() < 0.12
    assert not (whole.window.codes != noisy.window.codes)[:, :10].any()


@pytest.mark.parametrize("memories", [WINDOW, LIFETIME])
def test_one_memory_alone_does_what_it_does_beside_the_other(memories):
    """Heads of one memory do not see the other: the same events, and none of the other's."""
    both, alone = learned(), learned(replace(SMALL, memories=memories, delay=SMALL.waits))
    said, kept = alone.read(tokens()).counts, both.read(tokens()).counts
    mine, other = ("window", "lifetime") if memories == WINDOW else ("lifetime", "window")
    assert said[f"{mine}_events"] == kept[f"{mine}_events"] > 0
    assert said[f"{mine}_fired"] == kept[f"{mine}_fired"] > 0
    assert said[f"{other}_events"] == said[f"{other}_fired"] == 0 < kept[f"{other}_events"]
    assert len(alone.lifetime.uses) == (0 if memories == WINDOW else len(both.lifetime.uses))
    for harm in DEAD:  # a model without rows, or without keys, can be injured too
        assert np.isfinite(getattr(lesions, harm)(alone, 0.3, rng=0).read(tokens()).bits).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: lesions.without_neurons(m, -0.1), "share must be in"),
        (lambda m: lesions.without_synapses(m, 1.5), "share must be in"),
        (lambda m: lesions.without_cores(m, 0.5, cores=0), "cores must be"),
        (lambda m: lesions.with_noisy_lines(m, 2), "rate must be in"),
        (lambda m: lesions.with_flipped_rows(m, 2), "rate must be in"),
        (lambda m: lesions.without_lines(m, 0.1).read(tokens(), streaming=True), "streaming must be False"),
        (lambda m: lesions.without_lines(m, 0.1).learn(tokens()), "streaming must be False"),
    ],
)
def test_bad_calls_are_refused(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call(learned())


def test_so_many_lines_leave_no_room_for_a_dead_one():
    model = SpikingTransformer("ab", Settings(lines=1 << 16, heads=suffixes(1), window=1))
    with pytest.raises(ValueError, match="lines must be below 65,536 in a model with lesions"):
        lesions.without_lines(model, 0.1)
