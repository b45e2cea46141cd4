"""Slow, readable twins of pruning: one weight after the other."""

from math import floor


def magnitude_masks(weights, exists, sparsity, scope):
    """For each matrix (lists of lists) which weights stay: sorted by magnitude, of equal ones the earlier stay."""
    kept = [[[False] * len(row) for row in matrix] for matrix in weights]
    places = [
        (layer, i, j)
        for layer, matrix in enumerate(weights)
        for i, row in enumerate(matrix)
        for j in range(len(row))
    ]
    groups = (
        [places] if scope == "global" else [[p for p in places if p[0] == n] for n in range(len(weights))]
    )
    for group in groups:
        staying = len(group) - floor(sparsity * len(group) + 0.5)
        alive = [(layer, i, j) for layer, i, j in group if exists[layer][i][j]]
        for layer, i, j in sorted(alive, key=lambda p: (-abs(weights[p[0]][p[1]][p[2]]), p))[:staying]:
            kept[layer][i][j] = True
    return kept


def schedule(done, sparsity, initial, start, prunings, every):
    """Zhu and Gupta's cubic, before and after its span too."""
    if done <= start:
        return initial
    if done >= start + prunings * every:
        return sparsity
    return sparsity + (initial - sparsity) * (1 - (done - start) / (prunings * every)) ** 3


def block_masks(weights, block, sparsity):
    """Tiles of a list of matrices compared together: the least mean |w| go while the weights gone are few enough."""
    found = []
    for layer, matrix in enumerate(weights):
        for top in range(0, len(matrix), block):
            for left in range(0, len(matrix[0]), block):
                places = [
                    (i, j)
                    for i in range(top, min(top + block, len(matrix)))
                    for j in range(left, min(left + block, len(matrix[0])))
                ]
                score = sum(abs(matrix[i][j]) for i, j in places) / len(places)
                found.append((score, layer, places))
    total = sum(len(places) for _, _, places in found)
    kept = [[[True] * len(row) for row in matrix] for matrix in weights]
    gone, order = 0, sorted(range(len(found)), key=lambda n: (found[n][0], -n))
    for number in order:
        _, layer, places = found[number]
        gone += len(places)
        if gone > floor(sparsity * total + 0.5):
            break
        for i, j in places:
            kept[layer][i][j] = False
    return kept


def block_product(x, weights, block):
    """``x @ weights`` tile by tile, leaving out the tiles of zeros; and the multiplications, rims filled up."""
    n_in, n_out = len(weights), len(weights[0])
    out, products = [[0.0] * n_out for _ in x], 0
    for left in range(0, n_out, block):
        for top in range(0, n_in, block):
            rows, columns = range(top, min(top + block, n_in)), range(left, min(left + block, n_out))
            if not any(weights[i][j] for i in rows for j in columns):
                continue
            products += len(x) * block * block
            for s, sample in enumerate(x):
                for j in columns:
                    out[s][j] += sum(sample[i] * weights[i][j] for i in rows)
    return out, products


def perceptron(x, weights, biases):
    """The scores of one sample by loops, with ReLUs between the layers."""
    for number, (matrix, bias) in enumerate(zip(weights, biases, strict=True)):
        y = [bias[j] + sum(x[i] * matrix[i][j] for i in range(len(x))) for j in range(len(bias))]
        x = y if number == len(weights) - 1 else [max(0.0, value) for value in y]
    return x
