"""The dense Spiking HD-Transformer as a contestant: its readings, its samples, its books."""

import numpy as np
import pytest

from hdspike.contestants import Contestant
from hdspike.contestants.holographic import Holographic
from hdspike.transformer import Head
from hdspike.transformer.holographic import BUNDLE, DenseSettings

HEADS = (Head("suffix", 1, 1, 1, 1), Head("suffix", 3, 2, 1, 1))
TEXT = np.arange(400) ** 2 % 11 % 4


def held(contestant: Holographic, *names: str) -> list[np.ndarray]:
    return [getattr(contestant.model.votes, name) for name in names]


def made(sample: int = 1, **change: object) -> Holographic:
    return Holographic("ab c", DenseSettings(heads=HEADS, window=50, winners=3, **change), sample=sample)


@pytest.mark.parametrize("code", [{}, {"code": BUNDLE, "bits": 192}])
def test_it_learns_reads_and_keeps_books(code):
    model = made(**code)
    assert isinstance(model, Contestant)
    model.learn(TEXT, 4)
    frozen = model.read(TEXT[:90], streaming=False)
    again = model.read(TEXT[:90], streaming=False)
    assert (frozen.bits == again.bits).all() and frozen.counts == again.counts
    assert frozen.bits_per_character < 1 and frozen.counts["weight_updates"] == 0
    assert frozen.counts["touched"] == frozen.counts["popcounts"] // (3 if code else 1) == 90 * 50 or not code
    events = frozen.counts["synaptic_events"]
    assert model.active_bytes() == pytest.approx(
        (8 * frozen.counts["word_xors"] + 2 * frozen.counts["fired"] + 4 * events) / 90
    )
    streamed = model.read(TEXT[:90], streaming=True)
    assert streamed.counts["weight_updates"] > 0
    assert (model.read(TEXT[:90], streaming=False).bits != frozen.bits).any()
    key = 192 // 8 if code else 2 * 64 // 8
    model.learn(TEXT, 4)
    wider = Holographic("ab c", DenseSettings(heads=HEADS, window=60, winners=3, **code))
    wider.learn(TEXT, 4)
    assert wider.stored_bytes() == model.stored_bytes() > model.packed_bytes()
    used = [
        sum((uses > 0).sum() for uses in held(one, "prior_uses", "window_uses")) for one in (model, wider)
    ]
    assert wider.packed_bytes() - model.packed_bytes() == 10 * (key + 1) + 8 * (used[1] - used[0])


def test_a_sample_is_a_part_of_the_whole():
    whole, part = made(), made(sample=7)
    whole.learn(TEXT, 4)
    part.learn(TEXT, 4)
    expected, got = whole.read(TEXT[:90], streaming=False), part.read(TEXT[:90], streaming=False)
    assert got.positions is not None and len(got.positions) in (12, 13)
    assert (got.bits == expected.bits[got.positions]).all()
    assert (400 + got.positions) % 7 == pytest.approx(0)


def test_errors():
    model = made(sample=50)
    with pytest.raises(ValueError, match="must learn a text before"):
        model.read(TEXT, streaming=True)
    with pytest.raises(ValueError, match=r"^symbols must be those of the alphabet, 4, got 5"):
        model.learn(TEXT, 5)
    model.learn(TEXT[:51], 4)
    with pytest.raises(
        ValueError, match=r"^tokens must reach the next character of the sample, one of 50, got 3"
    ):
        model.read(TEXT[:3], streaming=False)
    with pytest.raises(ValueError, match=r"^sample must be"):
        made(sample=0)
    with pytest.raises(ValueError, match=r"^symbols must be"):
        Holographic("aa")
