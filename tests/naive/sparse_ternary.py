"""Slow and readable: ternary products, one addition at a time; rounding, one number at a time."""


def rounded(value):
    """To the nearest integer, ties to the even one."""
    below = int(value // 1)
    rest = value - below
    if rest > 0.5 or (rest == 0.5 and below % 2):
        return below + 1
    return below


def ternary(weights, mask=None):
    """Signs and step of a matrix given as lists."""
    there = [[mask is None or bool(mask[i][j]) for j in range(len(row))] for i, row in enumerate(weights)]
    sizes = [
        abs(value)
        for row, on in zip(weights, there, strict=True)
        for value, o in zip(row, on, strict=True)
        if o
    ]
    step = max(sum(sizes) / len(sizes) if sizes else 0.0, 1e-5)
    signs = [
        [max(-1, min(1, rounded(value / step))) if o else 0 for value, o in zip(row, on, strict=True)]
        for row, on in zip(weights, there, strict=True)
    ]
    return signs, step


def product(x, weights):
    """x W by additions and subtractions, and how many there were."""
    additions = 0
    out = []
    for sample in x:
        row = []
        for j in range(len(weights[0])):
            total = 0
            for i, value in enumerate(sample):
                if weights[i][j] == 1:
                    total += int(value)
                    additions += 1
                elif weights[i][j] == -1:
                    total -= int(value)
                    additions += 1
            row.append(total)
        out.append(row)
    return out, additions


def plane(weights, value):
    """Words of one plane: bit i % 64 of ``words[i // 64][j]`` says whether weight i of output j is ``value``."""
    count = -(-len(weights) // 64)
    words = [[0] * len(weights[0]) for _ in range(count + count % 2)]
    for i, row in enumerate(weights):
        for j, weight in enumerate(row):
            if weight == value:
                words[i // 64][j] |= 1 << (i % 64)
    return words


def uniform(weights, bits, mask=None):
    """Symmetric rounding to ``bits`` bits, each column by its own largest: integers and steps (1: signs and mean)."""
    rows, columns = len(weights), len(weights[0])
    whole, steps = [[0] * columns for _ in range(rows)], []
    for j in range(columns):
        there = [i for i in range(rows) if mask is None or mask[i][j]]
        sizes = [abs(weights[i][j]) for i in there]
        if bits == 1:
            step = sum(sizes) / len(sizes) if sizes else 0.0
        else:
            step = (max(sizes) if sizes else 0.0) / (2 ** (bits - 1) - 1)
        steps.append(step if step > 0 else 1.0)
        for i in there:
            if bits == 1:
                whole[i][j] = 1 if weights[i][j] >= 0 else -1
            else:
                whole[i][j] = rounded(weights[i][j] / steps[j])
    return whole, steps
