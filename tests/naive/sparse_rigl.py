"""Slow, readable twins of the steps of RigL and SRigL, and of the Erdős–Rényi densities: lists and loops."""

import math


def ranked(scores, places):
    """Places by falling score; of equals the one in front."""
    return sorted(places, key=lambda p: (-scores[p], p))


def drop_and_grow(weights, mask, grow, many):
    """All flat lists: keep the largest |w|, then take the largest ``grow`` among all that is not kept."""
    ones = [p for p in range(len(mask)) if mask[p]]
    many = min(many, len(ones))
    kept = ranked([abs(w) for w in weights], ones)[: len(ones) - many]
    grown = ranked(grow, [p for p in range(len(mask)) if p not in kept])[:many]
    return [p in kept or p in grown for p in range(len(mask))]


def erk_densities(shapes, sparsity):
    """Raise ε by halves until the total is met; a layer holds no more than it is."""
    wanted = (1 - sparsity) * sum(a * b for a, b in shapes)

    def total(scale):
        return sum(min(a * b, scale * (a + b)) for a, b in shapes)

    low, high = 0.0, float(max(a * b for a, b in shapes))
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if total(middle) < wanted else (low, middle)
    return [min(1.0, high * (a + b) / (a * b)) for a, b in shapes]


def ablated(weights, mask, gradient, many, least, budget):
    """Matrices as lists of rows (inputs) of columns (neurons): which neurons lose all weights."""
    n_in, n_out = len(mask), len(mask[0])
    places = [(i, o) for i in range(n_in) for o in range(n_out)]
    ones = [p for p in places if mask[p[0]][p[1]]]
    none = [p for p in places if not mask[p[0]][p[1]]]
    many = min(many, len(ones))
    size = {p: abs(weights[p[0]][p[1]]) for p in places}
    slope = {p: abs(gradient[p[0]][p[1]]) for p in places}
    salient = ranked(size, ones)[: len(ones) - many] + ranked(slope, none)[:many]
    alive = [any(mask[i][o] for i in range(n_in)) for o in range(n_out)]
    counts = [sum(p[1] == o for p in salient) if alive[o] else -1 for o in range(n_out)]
    spared = ranked(counts, range(n_out))[: math.ceil(budget / n_in)]
    return [not alive[o] or (counts[o] < least and o not in spared) for o in range(n_out)]


def drop_and_grow_evenly(weights, mask, gradient, many, fan_in, dead, silent):
    n_in, n_out = len(mask), len(mask[0])
    places = [(i, o) for i in range(n_in) for o in range(n_out)]
    ones = [p for p in places if mask[p[0]][p[1]]]
    size = {p: abs(weights[p[0]][p[1]]) for p in places}
    possible = [p for p in ones if not dead[p[1]] and not silent[p[0]]]
    kept = ranked(size, possible)[: max(0, len(ones) - many)]
    out = [[False] * n_out for _ in range(n_in)]
    for o in range(n_out):
        if dead[o]:
            continue
        mine = ranked(size, [p for p in kept if p[1] == o])
        slope = {p: abs(gradient[p[0]][p[1]]) for p in places}
        rest = [(i, o) for i in range(n_in) if (i, o) not in mine]
        mine += ranked(slope, [p for p in rest if not silent[p[0]]])
        mine += ranked(slope, [p for p in rest if silent[p[0]]])
        for i, _ in mine[:fan_in]:
            out[i][o] = True
    return out
