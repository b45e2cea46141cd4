"""Budgets and constant nonzeros, slowly: fronts by comparing all pairs, masks thinned one weight at a time."""

from fractions import Fraction
from itertools import combinations
from math import log


def front(costs, values):
    """A point stays unless another one costs at most as much and is worth at least as much (of equals the earlier)."""
    kept = []
    for i, (cost, value) in enumerate(zip(costs, values, strict=True)):
        beaten = False
        for j, (other, worth) in enumerate(zip(costs, values, strict=True)):
            no_worse = other <= cost and worth >= value
            same = other == cost and worth == value
            if j != i and no_worse and (not same or j < i):
                beaten = True
        if not beaten:
            kept.append(i)
    return sorted(kept, key=lambda i: costs[i])


def at_budget(costs, values, budget):
    """For each seed, between the two neighbours on the front."""
    means = [sum(row) / len(row) for row in values]
    vertices = front(costs, means)
    cheaper = [i for i in vertices if costs[i] <= budget]
    dearer = [i for i in vertices if costs[i] > budget]
    if not cheaper:
        return None
    low = cheaper[-1]
    if not dearer:
        return list(values[low])
    high = dearer[0]
    share = log(budget / costs[low]) / log(costs[high] / costs[low])
    return [a + share * (b - a) for a, b in zip(values[low], values[high], strict=True)]


def equalised(sizes, nonzeros):
    """Take away one weight after another, always from the layer that has most; of equals from the last one."""
    kept = list(sizes)
    for _ in range(sum(sizes) - nonzeros):
        largest = max(range(len(kept)), key=lambda i: (kept[i], i))
        kept[largest] -= 1
    return kept


def living_width(inputs, width, classes, kept):
    """All masks of both layers: the mean number of hidden neurons with an input and an output, exact."""
    alive = []
    for each, count in zip((inputs, classes), kept, strict=True):
        places = range(each * width)
        masks = list(combinations(places, count))
        touched = sum(
            1 for mask in masks if any(place < each for place in mask)
        )  # the neuron of the lowest places
        alive.append(Fraction(touched, len(masks)))
    return float(width * alive[0] * alive[1])
