"""Slow, readable twin of the dense transformer: bits as 0 and 1, every key looked at, everything sorted."""

from itertools import groupby, product

import numpy as np


def runs(tokens, letters):
    """The words up to here, each a list of tokens; the last is the one being read, or one token that is no letter."""
    found = []
    for is_letter, group in groupby(tokens, key=lambda token: bool(letters[token])):
        group = list(group)
        if is_letter:
            found.append(group)
    last = [tokens[-1]] if not letters[tokens[-1]] else found.pop()
    return [*found, last]


def spelled(items, tokens):
    """⊕_j ρʲ x of the tokens, the last unrotated. ``items`` (V, d) of 0 and 1."""
    out = np.zeros(items.shape[1], dtype=np.int64)
    for j, token in enumerate(reversed(tokens)):
        out ^= np.roll(items[token], j)
    return out


def gram(items, letters, tokens, t, reach, role):
    """The code (d,) of one head at position t; negative ``reach`` for a words head."""
    if reach > 0:
        return spelled(items, tokens[max(0, t + 1 - reach) : t + 1])
    words = runs(tokens[: t + 1], letters)[::-1][:-reach]
    out = np.zeros(items.shape[1], dtype=np.int64)
    for place, word in enumerate(words):
        out ^= np.roll(spelled(items, word), role * place)
    return out


def heard(symbols):
    """[symbol, count] in the order of their first."""
    order = list(dict.fromkeys(symbols))
    return [[symbol, symbols.count(symbol)] for symbol in order]


def race(keys, values, t, chains, span, winners, tolerance):
    """Per head the symbols of its fired keys, newest first; pairs of blocks compared; keys compared at all."""
    fired = {h: [] for chain in chains for h in chain}
    compared = furthest = 0
    for chain in chains:
        for age in range(1, min(t, span) + 1):
            listening = [h for h in chain if len(fired[h]) < winners]
            if not listening:
                break
            furthest = max(furthest, age)
            for h in chain[chain.index(listening[0]) :]:
                compared += 1
                if np.count_nonzero(keys[h][t] != keys[h][t - age]) > tolerance:
                    break
                if len(fired[h]) < winners:
                    fired[h].append(values[t - age])
    return [fired[h] for h in sorted(fired)], compared, furthest


def nearest(keys, t, span, winners):
    """(distance, position) of the nearest keys, the newest of equally near ones."""
    every = [(int(np.count_nonzero(keys[t] != keys[key])), -key) for key in range(max(t - span, 0), t)]
    return [(distance, -key) for distance, key in sorted(every)[:winners]]


def agreement(members, shared):
    """Over every assignment of the shared bits and of the others of both sides; a tie is a fair coin of either side."""
    if shared == members:
        return 1.0
    sides = list(product((-1, 1), repeat=members - shared))
    equal = 0.0
    for both in product((-1, 1), repeat=shared):
        for a, b in product(sides, sides):
            left, right = sum(both) + sum(a), sum(both) + sum(b)
            equal += 0.5 if left * right == 0 else left * right > 0
    return equal / (2**shared * len(sides) ** 2)
