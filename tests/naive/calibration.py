"""Fits by plain fractions: every subset of constants is tried."""

from fractions import Fraction
from itertools import combinations


def solve(matrix, right):
    """Gauss–Jordan elimination in fractions; None where the matrix is singular."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for place in range(len(rows)):
        pivot = next((i for i in range(place, len(rows)) if rows[i][place] != 0), None)
        if pivot is None:
            return None
        rows[place], rows[pivot] = rows[pivot], rows[place]
        rows[place] = [value / rows[place][place] for value in rows[place]]
        for i, row in enumerate(rows):
            if i != place:
                rows[i] = [v - row[place] * w for v, w in zip(row, rows[place], strict=True)]
    return [row[-1] for row in rows]


def affine(points, *, clock):
    """(static, per event, per cycle) of (watts, events/s, cycles/s): least squares of relative errors, none below 0."""
    table = [
        [1 / Fraction(w), Fraction(r) / Fraction(w)] + ([Fraction(f) / Fraction(w)] if clock else [])
        for w, r, f in points
    ]
    width = len(table[0])
    best, least = None, None
    for size in range(width + 1):
        for some in combinations(range(width), size):
            normal = [[sum(row[i] * row[j] for row in table) for j in some] for i in some]
            found = solve(normal, [sum(row[i] for row in table) for i in some])
            if found is None or any(value < 0 for value in found):
                continue
            whole = [Fraction(0)] * width
            for i, value in zip(some, found, strict=True):
                whole[i] = value
            error = sum((sum(a * b for a, b in zip(row, whole, strict=True)) - 1) ** 2 for row in table)
            if least is None or error < least:
                best, least = whole, error
    return [float(value) for value in best] + ([] if clock else [0.0])
