"""Calls of the kernels of the Spiking HD-Transformer: all in integers, so none is expected to hold a float."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hdspike.transformer import Head, Settings, codes, lifetime, votes, window

HEADS = (Head("suffix", 2, 1, 2, 3), Head("words", 2, 2, 1, 2))
CONFIG = Settings(lines=4, heads=HEADS, window=3, winners=2)
TOKENS, REACHES = np.array([0, 2, 1, 0]), np.array([2, -2])
LETTERS = np.array([True, False, True])
CODE = np.array([1, 3], dtype=np.uint16)
FEW, COUNTS = np.zeros(3, dtype=np.uint16), np.zeros(3, dtype=np.uint16)


def words() -> tuple[Any, ...]:
    return codes.new_codes(LETTERS, CONFIG), 2, 3


def encoded() -> tuple[Any, ...]:
    return codes.new_codes(LETTERS, CONFIG), TOKENS, 0, REACHES, 4, window.new_window(CONFIG).codes


def heard(most: int = 2) -> window.Spikes:
    spikes = window.new_spikes(2, most)
    spikes.symbols[0, :, :2], spikes.counts[0, :, :2], spikes.distinct[0] = [0, 2], [1, 5], 2
    return spikes


def attend() -> tuple[Any, ...]:
    cost, seen = np.zeros((2, 3), dtype=np.int64), np.full(3, -1)
    return window.new_window(CONFIG), 0, 4, 0, 2, 2, 3, 2, window.new_spikes(2, 2), seen, cost


def memory() -> lifetime.Lifetime:
    return lifetime.new_lifetime(CONFIG)


def seen() -> np.ndarray:
    return np.zeros((2, 5), dtype=np.int64)


def remember() -> tuple[Any, ...]:
    spikes = window.new_spikes(2, 3)
    return memory(), window.new_window(CONFIG), 0, 4, 0, 2, 1, True, 2, spikes, seen()


def room(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.int64)


def held() -> votes.Votes:
    return votes.new_votes(3, CONFIG)


def vote() -> tuple[Any, ...]:
    desk = room(3), room(3), room(3), room(2, 2), room(2, 3)
    out = room(1, 3 + 2 * len(votes.SHARPS))
    return held(), heard(), heard(3), TOKENS[:1], 3, votes.UNIT, True, votes.SHARPS, desk, out, room(2)


CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "transformer.codes._codes": encoded,
    "transformer.codes._words": words,
    "transformer.window._attend": attend,
    "transformer.lifetime._winner": lambda: (memory(), 0, CODE, 2),
    "transformer.lifetime._synapses": lambda: (memory(), 0, 3),
    "transformer.lifetime._recruit": lambda: (memory(), 0, CODE, seen()),
    "transformer.lifetime._store": lambda: (memory(), 0, CODE, np.uint16(1), 2, seen()),
    "transformer.lifetime._recall": lambda: (memory(), 0, CODE, 2, FEW, COUNTS, seen()),
    "transformer.lifetime._remember": remember,
    "transformer.votes._level": lambda: (np.int64(9),),
    "transformer.votes._ballots": lambda: (heard(), 0, 1, 0, held().window.shape, room(2, 2)),
    "transformer.votes._potentials": lambda: (
        *(held(), heard(), heard(3), 0, 3),
        *(room(2, 2), room(2, 3), room(3)),
    ),
    "transformer.votes._readout": lambda: (held().exponentials, room(3), votes.UNIT, room(3)),
    "transformer.votes._move": lambda: (held().prior, held().prior_uses, held().rates, 0, 99),
    "transformer.votes._teach": lambda: (held(), heard(), heard(3), 0, room(2, 2), room(2, 3), room(3)),
    "transformer.votes._vote": vote,
}
