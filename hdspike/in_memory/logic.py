r"""XOR, AND and OR of rows inside a DRAM array, one triple-row activation after another, each with its own errors.

Three rows activated together share their charge, so that each column becomes the majority of its three cells; with a
row of zeros it is AND, with a row of ones OR. Ambit computes XOR by three of them (Seshadri et al., MICRO 2017):

.. math:: t_1 = \mathrm{maj}(\bar a, b, 0) \quad t_0 = \mathrm{maj}(a, \bar b, 0) \quad
          a \oplus b = \mathrm{maj}(t_0, t_1, 1)

where the complements come from rows of dual-contact cells, and every result is worn by the same
:class:`hdspike.in_memory.Noise`. Copies and complements are taken for exact: their failures were not published.
"""

from typing import Any

import numpy as np

from hdspike import bits, check
from hdspike.bits import FULL, ZERO, Words, _ones
from hdspike.in_memory.errors import Noise, _stream, _worn, seed_of
from hdspike.jit import kernel, spread
from hdspike.theory.interval import number

__all__ = ["and_", "distances", "majority3", "or_", "xor", "xor_errors"]

EXACT = Noise()


@kernel
def _majority3(a, b, c, w, threshold, columns, state):
    """One triple-row activation of the words ``a``, ``b``, ``c``, the w-th of their rows."""
    return _worn((a & b) | (a & c) | (b & c), w, threshold, columns, state)


@kernel
def _xor_word(a, b, w, threshold, columns, state):
    """Ambit's XOR of two words: three triple-row activations."""
    second = _majority3(~a, b, ZERO, w, threshold, columns, state)
    first = _majority3(a, ~b, ZERO, w, threshold, columns, state)
    return _majority3(first, second, FULL, w, threshold, columns, state)


@kernel
def _xor_rows(a, b, threshold, columns, tail, seed, out):
    """``a`` (n, words) XOR ``b`` of the same shape, row r with stream r; returns the activations of a word."""
    state = np.empty(1, dtype=np.uint64)
    last = a.shape[1] - 1
    for r in range(len(a)):
        state[0] = _stream(seed, r)
        for w in range(a.shape[1]):
            out[r, w] = _xor_word(a[r, w], b[r, w], w, threshold, columns, state)
        out[r, last] &= tail
    return 3 * a.size


@kernel
def _majority3_rows(a, b, c, threshold, columns, tail, seed, out):
    """Majority of the rows of three batches (n, words); returns the activations of a word."""
    state = np.empty(1, dtype=np.uint64)
    last = a.shape[1] - 1
    for r in range(len(a)):
        state[0] = _stream(seed, r)
        for w in range(a.shape[1]):
            out[r, w] = _majority3(a[r, w], b[r, w], c[r, w], w, threshold, columns, state)
        out[r, last] &= tail
    return a.size


@kernel
def _distances(queries, items, threshold, columns, tail, seed, base, out):
    """Ones of each query XORed with each item, ``out`` (Q, M); query q with item m from stream ``base + q·M + m``.

    Returns the activations of a word.
    """
    state = np.empty(1, dtype=np.uint64)
    last = items.shape[1] - 1
    for q in range(len(queries)):
        for m in range(len(items)):
            state[0] = _stream(seed, base + q * len(items) + m)
            total = ZERO
            for w in range(last):
                total += _ones(_xor_word(queries[q, w], items[m, w], w, threshold, columns, state))
            word = _xor_word(queries[q, last], items[m, last], last, threshold, columns, state)
            total += _ones(word & tail)
            out[q, m] = np.int32(total)
    return 3 * len(queries) * items.size


def rows_of(name: str, value: Any, dim: int) -> tuple[Words, tuple[int, ...]]:
    """Words of ``dim`` bits as a batch of rows, and their shape."""
    given = bits.words_of(name, value, dim)
    return given.reshape(-1, given.shape[-1]), given.shape


def broadcast(dim: int, **operands: Any) -> tuple[list[Words], tuple[int, ...]]:
    """Operands as batches of rows of one shape, and that shape."""
    given = [bits.words_of(name, value, dim) for name, value in operands.items()]
    try:
        shape = np.broadcast_shapes(*(one.shape for one in given))
    except ValueError as error:
        names, shapes = " and ".join(operands), " and ".join(str(one.shape) for one in given)
        raise ValueError(f"{names} must broadcast, got shapes {shapes}") from error
    return [np.ascontiguousarray(np.broadcast_to(one, shape)).reshape(-1, shape[-1]) for one in given], shape


def xor(a: Any, b: Any, dim: int, *, noise: Noise = EXACT, rng: check.Rng = None) -> Words:
    """``a ⊕ b`` of words ``(..., ⌈dim/64⌉)`` that broadcast, as the array computes it; a new array, tails zero.

    Without errors it is :func:`hdspike.bits.xor`. Raises ``ValueError``/``TypeError`` for words of another dimension.

    >>> a, b = bits.random(2, 10_000, rng=0)
    >>> wrong = bits.popcount(xor(a, b, 10_000, noise=Noise(0.01), rng=1) ^ a ^ b, 10_000)
    >>> int(wrong), [round(10_000 * share) for share in xor_errors(0.01)]
    (247, [295, 197])
    """
    (left, right), shape = broadcast(dim, a=a, b=b)
    out = np.empty_like(left)
    _xor_rows(left, right, *noise.tables(dim), bits.tail_mask(dim), seed_of(rng), out)
    return out.reshape(shape)


def majority3(a: Any, b: Any, c: Any, dim: int, *, noise: Noise = EXACT, rng: check.Rng = None) -> Words:
    """The majority of three of words ``(..., ⌈dim/64⌉)`` that broadcast: one triple-row activation."""
    (first, second, third), shape = broadcast(dim, a=a, b=b, c=c)
    out = np.empty_like(first)
    tables = noise.tables(dim)
    _majority3_rows(first, second, third, *tables, bits.tail_mask(dim), seed_of(rng), out)
    return out.reshape(shape)


def and_(a: Any, b: Any, dim: int, *, noise: Noise = EXACT, rng: check.Rng = None) -> Words:
    """``a ∧ b``: the majority with a row of zeros."""
    zeros = np.zeros(bits.word_count(dim), dtype=np.uint64)
    return majority3(a, b, zeros, dim, noise=noise, rng=rng)


def or_(a: Any, b: Any, dim: int, *, noise: Noise = EXACT, rng: check.Rng = None) -> Words:
    """``a ∨ b``: the majority with a row of ones."""
    ones = np.full(bits.word_count(dim), FULL)
    ones[-1] = bits.tail_mask(dim)
    return majority3(a, b, ones, dim, noise=noise, rng=rng)


def xor_errors(rate: float) -> tuple[float, float]:
    r"""How often a bit of an XOR is wrong where the operands are equal, and where they differ.

    .. math:: e_= = q(1-p) + (1-q)p, \quad q = 1-(1-p)^2 \qquad e_{\ne} = r(1-p) + (1-r)p, \quad r = p(1-p)

    where p = ``rate`` is that of one triple-row activation: about 3p and 2p. Where the bits are equal, either of two
    products may turn up wrongly; where they differ, the other one may make up for the one that is lost.

    >>> xor_errors(0.0), xor_errors(0.5)
    ((0.0, 0.0), (0.5, 0.5))
    """
    p = number("rate", rate, 0, 1)
    either, lost = 1.0 - (1.0 - p) ** 2, p * (1.0 - p)
    return either * (1.0 - p) + (1.0 - either) * p, lost * (1.0 - p) + (1.0 - lost) * p


def distances(queries: Any, items: Any, dim: int, *, noise: Noise = EXACT, rng: check.Rng = None) -> Any:
    """Ones of each query XORed with each item in the array, counted outside: ``(Q, W)``, ``(M, W)`` → ``(Q, M)``.

    Without errors the Hamming distance. The answer does not depend on the number of threads.
    """
    asked, kept = bits.words_of("queries", queries, dim), bits.words_of("items", items, dim)
    for name, given in (("queries", asked), ("items", kept)):
        check.batch(name, given)
    out = np.empty((len(asked), len(kept)), dtype=np.int32)
    tables, tail, seed = noise.tables(dim), bits.tail_mask(dim), seed_of(rng)

    def work(low: int, high: int) -> None:
        _distances(asked[low:high], kept, *tables, tail, seed, low * len(kept), out[low:high])

    spread(work, len(asked))
    return out
