"""The residual stream of codes: layer by layer, a previous-token head doubles how far a code reaches.

Every position has a sparse block code of B blocks with E lines, one of them active: D = B·E bits, B ones. Binding
is addition of lines modulo E, position is a rotation of the blocks. With the item ``x_t`` of the symbol at t,

    r₀(t) = x_t,      r_{ℓ+1}(t) = r_ℓ(t) ⊗ ρ^{2^ℓ} r_ℓ(t − 2^ℓ):

one head that looks 2^ℓ positions back per layer, and r_ℓ codes the last 2^ℓ symbols in their order. A suffix head of
reach n binds the ones of n's binary digits: 11 = 8 + 2 + 1 is ``r₃(t) ⊗ ρ⁸ r₁(t − 8) ⊗ ρ¹⁰ r₀(t − 10)``, which is the
n-gram ``⊗_j ρʲ x_{t−j}`` of :func:`hdspike.encode.contexts`. A words head binds the run of letters up to t with the
words before it, each in a role of its own (its lines times an odd number).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel
from hdspike.transformer.settings import SUFFIX, Head, Settings

__all__ = ["Codes", "items", "new_codes", "reaches"]

ROLE = 3
"""An odd number permutes the lines of a block whose length is a power of two."""


class Codes(NamedTuple):
    """What the code of the next position is made of."""

    items: NDArray[np.uint16]
    """(V, B) the line of each symbol in each block; no two symbols share a line."""
    letters: NDArray[np.bool_]
    """(V,) symbols that words consist of."""
    residual: NDArray[np.uint16]
    """(L + 1, P, B) r_ℓ of the last P = 2^L positions, position t at t mod P."""
    words: NDArray[np.uint16]
    """(words, B) the run of letters that is being read, and the whole words before it."""
    inside: NDArray[np.bool_]
    """(1,) whether the last symbol was a letter."""


def items(symbols: int, settings: Settings) -> NDArray[np.uint16]:
    """(V, B) the item memory: a random permutation in every block, so that items are exactly orthogonal.

    Raises:
        ValueError: more symbols than lines.
    """
    check.integer("symbols", symbols, low=1)
    if symbols > settings.lines:
        raise ValueError(f"lines must be at least the number of symbols, {symbols}, got {settings.lines}")
    rng = check.generator(settings.seed)
    return np.stack(
        [rng.permutation(settings.lines)[:symbols] for _ in range(settings.blocks)], axis=1
    ).astype(np.uint16)


def reaches(heads: tuple[Head, ...]) -> NDArray[np.int64]:
    """(heads,) the reach of each, negative for a words head."""
    return np.array([head.reach if head.kind == SUFFIX else -head.reach for head in heads], dtype=np.int64)


def new_codes(letters: NDArray[np.bool_], settings: Settings) -> Codes:
    """Nothing was read yet: every code is the identity of binding, line 0 in all blocks."""
    depth = settings.heads[-1].layer
    most = max((head.reach for head in settings.heads if head.kind != SUFFIX), default=1)
    return Codes(
        items(len(letters), settings),
        letters,
        np.zeros((depth + 1, 1 << depth, settings.blocks), dtype=np.uint16),
        np.zeros((most, settings.blocks), dtype=np.uint16),
        np.zeros(1, dtype=np.bool_),
    )


@kernel
def _codes(codes, tokens, start, reaches, lines, out):
    """Write the code of position t = ``start + i`` into ``out[:, t mod R]`` (heads, R, m); returns the additions.

    ``reaches``: of each head, negative for a words head.
    """
    ring, synapses = out.shape[1] - 1, out.shape[2]
    residual = codes.residual
    depth, period, blocks = residual.shape[0] - 1, residual.shape[1], residual.shape[2]
    mask, around = lines - 1, period - 1
    added = 0
    for i in range(len(tokens)):
        t = start + i
        now = t & around
        for b in range(blocks):
            residual[0, now, b] = codes.items[tokens[i], b]
        for level in range(depth):
            back = 1 << level
            then = (t - back) & around
            for b in range(blocks):
                other = np.int64(residual[level, then, (b - back) % blocks])
                residual[level + 1, now, b] = (np.int64(residual[level, now, b]) + other) & mask
        added += depth * blocks
        added += _words(codes, tokens[i], mask)
        for h in range(len(reaches)):
            for b in range(h * synapses, (h + 1) * synapses):
                line = np.int64(0)
                if reaches[h] > 0:
                    back = 0
                    for level in range(depth, -1, -1):
                        if reaches[h] >> level & 1:
                            line += np.int64(residual[level, (t - back) & around, (b - back) % blocks])
                            back += 1 << level
                            added += 1
                else:
                    role = 1
                    for word in range(-reaches[h]):
                        line += np.int64(codes.words[word, b]) * role
                        role *= ROLE
                        added += 1
                out[h, t & ring, b - h * synapses] = line & mask
    return added


@kernel
def _words(codes, token, mask):
    """Move the words on by one symbol; returns the additions."""
    words = codes.words
    count, blocks = words.shape
    letter = codes.letters[token]
    if letter and codes.inside[0]:
        last = np.int64(words[0, blocks - 1])
        for b in range(blocks - 1, 0, -1):
            words[0, b] = (np.int64(words[0, b - 1]) + np.int64(codes.items[token, b])) & mask
        words[0, 0] = (last + np.int64(codes.items[token, 0])) & mask
        return blocks
    if codes.inside[0]:  # a word has ended
        for word in range(count - 1, 0, -1):
            for b in range(blocks):
                words[word, b] = words[word - 1, b]
    for b in range(blocks):
        words[0, b] = codes.items[token, b]
    codes.inside[0] = letter
    return 0
