"""The toy model and the stores of features, one number at a time."""

from math import sqrt


def loss_and_gradients(weights, bias, x, importance, chances):
    """Of one instance: W (m, n), b (n), samples x, I (n), and the chance of each sample."""
    m, n = len(weights), len(bias)
    loss, of_weights, of_bias = 0.0, [[0.0] * n for _ in range(m)], [0.0] * n
    for sample, chance in zip(x, chances, strict=True):
        hidden = [sum(weights[a][j] * sample[j] for j in range(n)) for a in range(m)]
        before = [sum(weights[a][i] * hidden[a] for a in range(m)) + bias[i] for i in range(n)]
        pull = [0.0] * n
        for i in range(n):
            error = max(before[i], 0.0) - sample[i]
            loss += chance * importance[i] * error * error
            if before[i] > 0:
                pull[i] = 2 * chance * importance[i] * error
        for i in range(n):
            of_bias[i] += pull[i]
            for a in range(m):
                of_weights[a][i] += pull[i] * hidden[a]  # W as the decoder
                of_weights[a][i] += sample[i] * sum(
                    pull[j] * weights[a][j] for j in range(n)
                )  # as the encoder
    return loss, of_weights, of_bias


def dimensionality(weights):
    m, n = len(weights), len(weights[0])
    out = []
    for i in range(n):
        square = sum(weights[a][i] ** 2 for a in range(m))
        if square == 0:
            out.append(0.0)
            continue
        total = 0.0
        for j in range(n):
            dot = sum(weights[a][i] * weights[a][j] for a in range(m)) / sqrt(square)
            total += dot * dot
        out.append(square / total)
    return out


def pair_cases(p, nodes):
    """Every case of two features and its chance."""
    each = [(0.0, 1 - p)] + [((i + 0.5) / nodes, p / nodes) for i in range(nodes)]
    return [((a, b), ca * cb) for a, ca in each for b, cb in each]


def quantise(row, values):
    """Each number as the nearest of ``values`` in units of the row's root mean square."""
    size = sqrt(sum(x * x for x in row) / len(row))
    return [size * min(values, key=lambda v: abs(x / size - v)) if size else 0.0 for x in row]


def found(there, scores):
    """The share of the features that are there which beat all that are not."""
    rivals = [score for i, score in enumerate(scores) if i not in there]
    return sum(all(scores[i] > rival for rival in rivals) for i in there) / len(there)


def scores(directions, there, rho, kept=None):
    """Readouts of all features from the sum of some."""
    m = len(directions[0])
    total = [sum(directions[i][a] for i in there) for a in range(m)]
    if kept is not None:
        total = kept(total)
    return [sum(row[a] * total[a] for a in range(m)) / rho for row in directions]


def majority_scores(codes, there):
    """Bits in which each code agrees with the majority of some; None where the majority is tied."""
    bits = []
    for place in range(len(codes[0])):
        ones = sum(codes[i][place] for i in there)
        bits.append(None if 2 * ones == len(there) else int(2 * ones > len(there)))
    return [sum(code[place] == bit for place, bit in enumerate(bits)) for code in codes], bits.count(None)


def strongest(row, k):
    """The k largest values of a row, as a sorted list."""
    return sorted(row, reverse=True)[:k]


def read_random(activities, directions):
    """Products back and forth, cut at zero."""
    out = []
    for row in activities:
        kept = [
            sum(h * d[a] for h, d in zip(row, directions, strict=True)) for a in range(len(directions[0]))
        ]
        out.append([max(0.0, sum(k * x for k, x in zip(kept, d, strict=True))) for d in directions])
    return out
