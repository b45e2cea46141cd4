"""Slow, readable twins of the contestants: Kneser-Ney from its definitions, neighbours one by one, the bootstrap."""

import math
from collections import defaultdict

import numpy as np


def counts(text, order, symbols):
    """``[n − 1][context][symbol]``: occurrences at the longest order, distinct left characters at shorter ones."""
    padded = (symbols,) * (order - 1) + tuple(text)
    seen = [defaultdict(set) for _ in range(order + 1)]
    occurred = defaultdict(int)
    for i in range(order - 1, len(padded)):
        occurred[padded[i - order + 1 : i + 1]] += 1
        for n in range(1, order):
            seen[n][padded[i - n + 1 : i + 1]].add(padded[i - n])
    tables = []
    for n in range(1, order + 1):
        table = defaultdict(dict)
        if n == order:
            for gram, count in occurred.items():
                table[gram[:-1]][gram[-1]] = count
        else:
            for gram, left in seen[n].items():
                table[gram[:-1]][gram[-1]] = len(left)
        tables.append(table)
    return tables


def discounts(table):
    """D(0), D(1), D(2), D(3 and more) of one order, by Chen and Goodman's equation 26."""
    often = [sum(c == k for after in table.values() for c in after.values()) for k in range(5)]
    if min(often[1:4]) > 0:
        y = often[1] / (often[1] + 2 * often[2])
        found = [k - (k + 1) * y * often[k + 1] / often[k] for k in (1, 2, 3)]
        if all(0 <= d <= k for k, d in zip((1, 2, 3), found, strict=True)):
            return [0.0, *found]
    return [0.0, 0.5, 1.0, 1.5]


def kneser_ney(text, order, symbols, *, least=1, above=1):
    """p(v) after ``text`` for every symbol, by recursion from the longest context to the uniform distribution."""
    tables = counts(text, order, symbols)
    padded = (symbols,) * (order - 1) + tuple(text)

    def p(n):
        if n == 0:
            return [1 / symbols] * symbols
        lower = p(n - 1)
        after = tables[n - 1].get(padded[len(padded) - (n - 1) :])
        if not after:
            return lower
        d = discounts(tables[n - 1])
        total = sum(after.values())
        kept = {v: c for v, c in after.items() if n <= above or c >= least}
        own = {v: (c - d[min(c, 3)]) / total for v, c in kept.items()}
        left = 1 - sum(own.values())
        return [own.get(v, 0.0) + left * lower[v] for v in range(symbols)]

    return p(order)


def stored(text, order, symbols, *, least=1, above=1):
    """(contexts, n-grams) that are left when the rare ones are dropped; a context's own contexts stay."""
    kept, grams = {()}, 0
    for n, table in enumerate(counts(text, order, symbols), start=1):
        for context, after in table.items():
            left = sum(n <= above or c >= least for c in after.values())
            grams += left
            if left:
                kept |= {context[i:] for i in range(len(context) + 1)}
    return len(kept), grams


def neighbours(vectors, values, place, last, *, near, inverse, share, prior):
    """p(v) of the character at ``place``, from its nearest keys among the places before ``last``."""
    distances = [float(((vectors[place] - vectors[k]) ** 2).sum()) for k in range(last)]
    chosen = sorted(range(last), key=lambda k: distances[k])[:near]
    weights = [math.exp(-inverse * distances[k]) for k in chosen]
    p = [(1 - share) * q for q in prior]
    for k, weight in zip(chosen, weights, strict=True):
        p[values[k]] += share * weight / sum(weights)
    return p


def context_vector(directions, text, place, length, decay, symbols):
    """The characters before ``place``, nearest in front, each by the root of its share of the weight."""
    total = sum(decay**i for i in range(length))
    parts = []
    for i in range(length):
        symbol = text[place - 1 - i] if place - 1 - i >= 0 else symbols
        parts.append(math.sqrt(decay**i / total) * directions[symbol])
    return np.concatenate(parts)


def leb128(numbers):
    """Base 128, low digits leading, the top bit on all but the last."""
    out = []
    for number in numbers:
        while number >= 128:
            out.append(number % 128 + 128)
            number //= 128
        out.append(number)
    return bytes(out)
