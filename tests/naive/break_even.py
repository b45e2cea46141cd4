"""Where two bills are equal, found cell by cell and draw by draw, as a person would with a pencil."""

import math
from itertools import product

import numpy as np


def joules(counts, substrate, seconds, chips):
    """One cell: count × constant, and the power over the time."""
    total = 0.0
    for name, count in counts.items():
        if not substrate.has("power.board"):
            total += count * substrate.si(f"energy.{name}")
    for power in ("power.static", "power.board"):
        if substrate.has(power):
            total += substrate.si(power) * seconds * chips
    return total


def price_grid(counts, substrate, seconds, chips, shape):
    """Every cell by itself; each argument is a full grid."""
    out = np.zeros(shape)
    for cell in product(*(range(n) for n in shape)):
        here = {name: float(grid[cell]) for name, grid in counts.items()}
        out[cell] = joules(here, substrate, float(seconds[cell]), float(chips[cell]))
    return out


def crossings(x, ratios):
    """Where the line through two neighbours, drawn on logarithmic paper, passes 1."""
    found = []
    for i in range(len(x) - 1):
        before, after = math.log(ratios[i]), math.log(ratios[i + 1])
        if (before > 0) != (after > 0):
            left, right = math.log(x[i]), math.log(x[i + 1])
            found.append((math.exp(left + (right - left) * (0 - before) / (after - before)), after > 0))
    return found


def win_share(dense, spiking, samples, rng):
    """``dense`` and ``spiking``: lists of (substrate's name, constant, amount); plain independent draws."""
    won = 0
    for _ in range(samples):
        drawn = {}
        totals = []
        for side in (dense, spiking):
            total = 0.0
            for chip, q, amount in side:
                if (chip, q.key) not in drawn:
                    u = rng.random()
                    drawn[chip, q.key] = q.low * q.factor * (q.high / q.low) ** ((u - 0.05) / 0.9)
                total += amount * drawn[chip, q.key]
            totals.append(total)
        won += totals[1] < totals[0]
    return won / samples
