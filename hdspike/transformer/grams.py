"""The codes of the dense model: n-grams of bits, kept up symbol by symbol, side by side or in one bundle.

Every symbol has an item x of d fair random bits. Binding is XOR, position is a rotation ρ by one bit:

    g_r(t) = ⊕_{j<r} ρʲ x_{t−j} = ρ g_r(t − 1) ⊕ x_t ⊕ ρʳ x_{t−r},

so a suffix head of any reach costs a rotation and two XORs of d bits. A words head binds the run of letters up to t
with the words before it, each rotated further by a role of its own. A position's key is then

* blocks: the d bits of each of its heads side by side, D = heads × d;
* bundle: the majority of them all, D = d, for which the suffix heads of reach 1 … n give
  :func:`hdspike.encode.contexts`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike import bits
from hdspike.bits.rotation import _rotate
from hdspike.jit import kernel
from hdspike.transformer.settings import SUFFIX, Head

__all__ = ["Grams", "new_grams"]

ROLE = 29
"""Bits that each word before the last one is rotated further."""
S63 = np.uint64(63)


class Grams(NamedTuple):
    """What the code of the next position is made of."""

    items: NDArray[np.uint64]
    """(V, w) the bits of each symbol."""
    leaving: NDArray[np.uint64]
    """(heads, V, w) the same, rotated by each head's reach."""
    letters: NDArray[np.bool_]
    """(V,) symbols that words consist of."""
    grams: NDArray[np.uint64]
    """(heads, w) of the last position."""
    words: NDArray[np.uint64]
    """(words, w) the run of letters that is being read, and the whole words before it."""
    inside: NDArray[np.bool_]
    """(1,) whether the last symbol was a letter."""


def new_grams(letters: NDArray[np.bool_], heads: tuple[Head, ...], dim: int, seed: int) -> Grams:
    """Nothing was read yet: every code is the identity of binding, zeros. ``dim``: d, whole words."""
    items = bits.random(len(letters), dim, rng=seed)
    most = max((head.reach for head in heads if head.kind != SUFFIX), default=1)
    return Grams(
        items,
        np.stack([bits.rotate(items, dim, head.reach) for head in heads]),
        letters,
        np.zeros((len(heads), items.shape[1]), dtype=np.uint64),
        np.zeros((most, items.shape[1]), dtype=np.uint64),
        np.zeros(1, dtype=np.bool_),
    )


@kernel
def _turn(row):
    """ρ of a row of whole words, in place."""
    last = len(row) - 1
    top = row[last] >> S63
    for w in range(last, 0, -1):
        row[w] = row[w] << bits.ONE | row[w - 1] >> S63
    row[0] = row[0] << bits.ONE | top


@kernel
def _step(state, token, values, t, reaches):
    """Move the n-grams on to position t; returns the words XORed or rotated. ``values[t − 1]`` is symbol t."""
    grams, ring = state.grams, len(values) - 1
    width = grams.shape[1]
    done = _step_words(state, token)
    for h in range(len(reaches)):
        reach = reaches[h]
        if reach > 0:
            _turn(grams[h])
            for w in range(width):
                grams[h, w] ^= state.items[token, w]
            if t >= reach:
                old = values[(t - reach - 1) & ring]
                for w in range(width):
                    grams[h, w] ^= state.leaving[h, old, w]
            done += 3 * width
        else:
            grams[h] = state.words[0]
            turned = np.empty((1, width), dtype=np.uint64)
            for word in range(1, -reach):
                shift = ROLE * word % (64 * width)
                _rotate(state.words[word : word + 1], 64 * width, shift, bits.FULL, turned)
                for w in range(width):
                    grams[h, w] ^= turned[0, w]
                done += 2 * width
    return done


@kernel
def _step_words(state, token):
    """Move the words on by one symbol; returns the words XORed or rotated."""
    words = state.words
    count, width = words.shape
    letter = state.letters[token]
    done = 0
    if state.inside[0] and letter:
        _turn(words[0])
        for w in range(width):
            words[0, w] ^= state.items[token, w]
        done = 2 * width
    else:
        if state.inside[0]:  # a word has ended
            for word in range(count - 1, 0, -1):
                words[word] = words[word - 1]
        words[0] = state.items[token]
    state.inside[0] = letter
    return done


@kernel
def _write(state, tokens, start, values, reaches, bundled, keys):
    """Keys of positions ``start + i`` into the ring ``keys`` (groups, R, w); returns the words that were worked on.

    ``reaches``: of each head, negative for a words head. ``values`` (R,) already holds the tokens.
    """
    ring = len(values) - 1
    heads, width = state.grams.shape
    depth = 1
    while (1 << depth) <= heads:
        depth += 1
    planes = np.empty((depth, width), dtype=np.uint64)
    desk = np.empty((bits.DESK, width), dtype=np.uint64)
    hashes = np.empty(heads, dtype=np.uint64)
    weights = np.empty(0, dtype=np.int64)  # one each
    done = 0
    for i in range(len(tokens)):
        t = start + i
        done += _step(state, tokens[i], values, t, reaches)
        if bundled:
            seed = bits.ZERO
            if heads % 2 == 0:  # only an even total can tie
                bits._hash64(state.grams, hashes)
                for h in range(heads):
                    seed += hashes[h]
            bits._majority(state.grams, weights, heads, seed, bits.FULL, planes, desk, keys[0, t & ring])
            done += heads * width
        else:
            for h in range(heads):
                keys[h, t & ring] = state.grams[h]
    return done
