"""A slow, readable twin of the product with weights of constant fan-in, and of the condensed form."""


def gather(values, indices, x, bias, outputs):
    """``y[b][outputs[o]] = bias + Σ_j values[o][j] x[b][indices[o][j]]``, and how many products it took."""
    out, products = [], 0
    for row in x:
        y = [float(b) for b in bias]
        for o, place in enumerate(outputs):
            for value, index in zip(values[o], indices[o], strict=True):
                y[place] += float(value) * float(row[index])
                products += 1
        out.append(y)
    return out, products


def condensed(weights, mask):
    """(values, indices, outputs) of weights[i][o]: the outputs that have any, and theirs in the order of the inputs."""
    values, indices, outputs = [], [], []
    for o in range(len(weights[0])):
        mine = [i for i in range(len(weights)) if mask[i][o]]
        if mine:
            outputs.append(o)
            indices.append(mine)
            values.append([weights[i][o] for i in mine])
    return values, indices, outputs


def transposed(block):
    return [list(row) for row in zip(*block, strict=True)]
